// autocorrelation.c: do neighboring inputs get similar gradients, or does depth shatter them into white noise?
//
//      g(x) = d(sum of the outputs) / dx along a line of inputs;  R(lag) = sum_i (g_i - m)(g_i+lag - m) / sum_i (g_i - m)^2
//
// Source: Balduzzi et al. 2017 (arXiv 1702.08591). For --inputs grid:LO:HI:N. Cost: one backward pass.

#include "gpt/lab/probe.h"
#include "tensor/unwind.h"

#include <math.h>

// The first coordinate rises by equal steps, the others are 0.
static bool is_grid(const ExperimentConfig *config)
{
    int n = config->n_rows;
    size_t width = (size_t)config->deep.sizes[0];
    if (config->normal_input || n < 3) {
        return false;
    }
    double low = (double)config->input[0];
    double step = ((double)config->input[(size_t)(n - 1) * width] - low) / (n - 1);
    bool is = step > 0;
    for (size_t i = 0; is && i < (size_t)n * width; i++) {
        double expected = i % width == 0 ? low + step * (double)(i / width) : 0;
        is = fabs((double)config->input[i] - expected) <= 0.01 * step;
    }
    return is;
}

static bool check(const ExperimentConfig *config, Error *error)
{
    return is_grid(config) || error_set(error, "the inputs are not points on a line (expected --inputs grid:LO:HI:N)");
}

static bool measure(ProbeRun *run, Error *error)
{
    (void)error;
    int n = run->config->n_rows;
    size_t width = (size_t)run->config->deep.sizes[0];
    size_t n_y = tensor_count(run->output);
    Real *dy = unwind_allocate(n_y, sizeof *dy, "gradients along a line");
    Real *dx = unwind_allocate((size_t)n * width, sizeof *dx, "gradients along a line");
    double *slopes = unwind_allocate((size_t)n, sizeof *slopes, "gradients along a line");
    for (size_t i = 0; i < n_y; i++) {
        dy[i] = 1;
    }
    tensor_vjp(run->output, dy, probe_layer_stream(run, 0), dx);
    for (int i = 0; i < n; i++) {
        slopes[i] = (double)dx[(size_t)i * width];
    }
    for (int lag = 0; lag <= n / 2; lag++) { // larger lags have too few pairs
        probe_add(run, "autocorrelation", -1, NULL, lag, flow_autocorrelation(slopes, n, lag));
    }
    return true;
}

enum { NEAR = 1, FAR = 16 };

static double at_near(const double *values, int n)
{
    return n > NEAR ? values[NEAR] : NAN;
}

static double at_far(const double *values, int n)
{
    return n > FAR ? values[FAR] : NAN;
}

const Probe probe_autocorrelation = {
    .name = "autocorrelation",
    .about = "Measures how similar the gradients of inputs along a line are: does the slope at one point predict the next?",
    .source = "Balduzzi 2017, arXiv 1702.08591",
    .cost = "one backward pass",
    .nets = PROBE_MLP,
    .kinds = {{.name = "autocorrelation",
               .about = "autocorrelation of d(output) / d(input) along the line of inputs",
               .place = PLACE_NETWORK,
               .index = "lag"}},
    .columns = {{"lag 1", "autocorrelation", at_near}, {"lag 16", "autocorrelation", at_far}},
    .panels = {{.title = "Autocorrelation of d(output) / d(input) along the line of inputs",
                .kind = "autocorrelation",
                .form = FORM_INDEX,
                .scale = SCALE_UNIT,
                .x_label = "lag"}},
    .legend = "lag 1, lag 16: autocorrelation at that distance; near 1: similar gradients, near 0: white noise",
    .claim = "Balduzzi 2017: without shortcuts gradients become white noise with depth (they shatter); with shortcuts much less.",
    .findings = {{"The autocorrelation of gradients at lag 1 is", "autocorrelation", PROBE_AT_NETWORK, NULL, at_near}},
    .check = check,
    .measure = measure,
};
