// attention.c: how each head distributes its weight.
//
//      entropy  -sum_s p_ts ln p_ts, nats      max  max_s p_ts      first  p_t0, over t >= 1      means over positions and sequences
//
// Sources: Zhai et al. 2023 (arXiv 2303.06296, entropy), Xiao et al. 2023 (arXiv 2309.17453, the first token). Cost: scores and softmax again.

#include "gpt/lab/probe.h"
#include "tensor/unwind.h"

#include <math.h>

// The values of a head that weights all visible positions equally.
static double even_entropy(const ExperimentConfig *config)
{
    double sum = 0;
    for (int t = 0; t < config->T; t++) {
        sum += log(config->gpt.causal ? t + 1 : config->T) / config->T;
    }
    return sum;
}

static double even_first(const ExperimentConfig *config)
{
    double sum = 0;
    for (int t = 1; t < config->T; t++) {
        sum += 1.0 / (config->gpt.causal ? t + 1 : config->T) / (config->T - 1);
    }
    return sum;
}

static bool measure(ProbeRun *run, Error *error)
{
    const GPTConfig *config = &run->net->gpt->config;
    AttentionStats *stats = unwind_allocate((size_t)config->n_head, sizeof *stats, "attention weights");
    bool found = true;
    for (int layer = 0; found && layer < config->n_layer; layer++) {
        if (!probe_has_layer(run, layer)) {
            continue;
        }
        char name[PROBE_NAME];
        const Tensor *qkv = attention_qkv(run->tape, &run->net->gpt->h[layer].attn);
        found = qkv != NULL || error_set(error, "layer %d: no attention on the tape", layer);
        if (found) {
            attention_stats(qkv, config->n_head, config->causal, stats);
            probe_sublayer_name(run, 2 * (layer - run->block), name);
        }
        for (int head = 0; found && head < config->n_head; head++) {
            probe_add(run, "attention_entropy", layer, name, head, stats[head].entropy);
            probe_add(run, "attention_max", layer, name, head, stats[head].largest);
            if (run->config->T > 1) {
                probe_add(run, "attention_first", layer, name, head, stats[head].first);
            }
        }
    }
    return found;
}

static void finding(const Experiment *experiment, int step, FILE *out)
{
    char last[PROBE_NAME];
    snprintf(last, sizeof last, "h.%d.attn", experiment->n_layer - 1);
    fprintf(out, "Measured in the last block: entropy ");
    probe_write_arms(out, experiment, step, "attention_entropy", (ProbePlace){.name = last}, probe_mean);
    fprintf(out, ". The first token gets ");
    probe_write_arms(out, experiment, step, "attention_first", (ProbePlace){.name = last}, probe_mean);
    number_print(out, ". Even weights would give an entropy of %.3g, and the first token %.3g.", even_entropy(&experiment->config),
                 even_first(&experiment->config));
}

static const ProbeKind kinds[] = {
    {.name = "attention_entropy", .about = "mean entropy of a position's attention weights, in nats", .place = PLACE_ATTENTION, .index = "head"},
    {.name = "attention_max", .about = "mean of the largest weight of a position", .place = PLACE_ATTENTION, .index = "head"},
    {.name = "attention_first", .about = "mean weight of the first token, over the positions after it", .place = PLACE_ATTENTION, .index = "head"},
    {0},
};

static const ProbeColumn columns[] = {
    {"entropy", "attention_entropy", probe_mean},
    {"largest", "attention_max", probe_mean},
    {"first", "attention_first", probe_mean},
    {0},
};

static const ProbePanel panels[] = {
    {.title = "Entropy, mean over heads", .kind = "attention_entropy", .form = FORM_PLACES, .reduce = probe_mean},
    {.title = "Largest weight", .kind = "attention_max", .form = FORM_PLACES, .reduce = probe_mean},
    {.title = "Weight of the first token", .kind = "attention_first", .form = FORM_PLACES, .reduce = probe_mean},
    {0},
};

const Probe probe_attention = {
    .name = "attention",
    .about = "Measures for each head how evenly it attends, its largest weight, and its weight on the first token.",
    .source = "Zhai 2023, arXiv 2303.06296; Xiao 2023, arXiv 2309.17453",
    .cost = "scores and softmax once more",
    .nets = PROBE_GPT,
    .by_block = true,
    .kinds = kinds,
    .columns = columns,
    .panels = panels,
    .legend = "entropy in nats, largest: the largest weight, first: weight of the first token; means over heads, positions and sequences",
    .claim =
        "Zhai 2023: training becomes unstable where the entropy of attention collapses. Xiao 2023: trained heads give the first token much weight.",
    .finding = finding,
    .measure = measure,
};
