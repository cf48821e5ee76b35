// noise.c: the gradient noise scale: how uncertain the gradient of a batch is.
//
//      B_simple = tr(Sigma) / |G|^2,   Sigma: covariance of the gradients of single rows, G: the true gradient
//
// estimated from the gradients of the rows of the batch and of all of it (noise_scale in gradflow.h), without dropout. Source: McCandlish et al.
// 2018 (arXiv 1812.06162), appendix A.1. Cost: one gradient per row, and one of the batch.

#include "gpt/lab/probe.h"

static bool check(const ExperimentConfig *config, Error *error)
{
    int n = probe_rows(config);
    if (config->net == NET_MLP && config->deep.norm == DEEP_NORM_BATCH) {
        return error_set(error, "with batch normalization a single row has no gradient (expected --norm none)");
    }
    return n >= 2 || error_set(error, "a batch of %d row (expected at least 2)", n);
}

// The number of targets of a row that count. Only if all rows have the same number is the loss of the batch the mean of its rows' losses.
static int counted(const ExperimentConfig *config, int row)
{
    int T = config->net == NET_GPT ? config->T : 1;
    int n = 0;
    for (int t = 0; config->targets != NULL && t < T; t++) {
        n += config->targets[row * T + t] != TARGET_IGNORED;
    }
    return n;
}

static bool measure(ProbeRun *run, Error *error)
{
    ParameterList parameters;
    int n = probe_rows(run->config);
    int first = counted(run->config, 0);
    for (int row = 1; row < n; row++) {
        if (counted(run->config, row) != first) {
            return error_set(error, "the network: row %d has %d targets that count and row 0 has %d (expected the same number in every row)", row,
                             counted(run->config, row), first);
        }
    }
    LossFunction loss = probe_loss(run, &parameters);
    NoiseScale noise = noise_scale(&loss, n);
    if (noise.G2 <= 0) {
        return error_set(error, "the network: %d rows are too few to tell the gradient from its noise, |G|^2 is estimated as %.2g", n, noise.G2);
    }
    probe_add(run, "noise_scale", -1, NULL, -1, noise.scale);
    probe_add(run, "noise_trace", -1, NULL, -1, noise.trace);
    probe_add(run, "noise_gradient", -1, NULL, -1, noise.G2);
    return true;
}

const Probe probe_noise = {
    .name = "noise",
    .about = "Estimates the gradient noise scale: the batch size, in rows, beyond which a larger batch hardly makes the gradient more accurate.",
    .source = "McCandlish 2018, arXiv 1812.06162, appendix A.1",
    .cost = "one gradient per row of the batch",
    .nets = PROBE_MLP | PROBE_GPT,
    .passes = true,
    .kinds = {{.name = "noise_scale", .about = "simple gradient noise scale tr(Sigma) / |G|^2, in rows", .place = PLACE_NETWORK},
              {.name = "noise_trace", .about = "tr(Sigma), the variance of a row's gradient", .place = PLACE_NETWORK, .internal = true},
              {.name = "noise_gradient", .about = "|G|^2, of the true gradient", .place = PLACE_NETWORK, .internal = true}},
    .columns = {{"scale", "noise_scale", NULL}, {"tr(Sigma)", "noise_trace", NULL}, {"|G|^2", "noise_gradient", NULL}},
    .panels = {{.title = "Gradient noise scale, in rows", .kind = "noise_scale", .scale = SCALE_LOG}},
    .legend = "scale: tr(Sigma) / |G|^2; tr(Sigma): variance of a row's gradient; |G|^2: square of the true gradient",
    .claim = "McCandlish 2018: batches much larger than this scale waste work, much smaller ones waste steps.",
    .findings = {{"The noise scale, in rows, is", "noise_scale", PROBE_AT_NETWORK, NULL, NULL}},
    .check = check,
    .measure = measure,
};
