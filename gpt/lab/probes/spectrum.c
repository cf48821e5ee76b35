// spectrum.c: how much each direction grows or shrinks from each block to the end.
//
//      all singular values of J = d(stream at the end) / d(stream where block i starts)
//
// All near 1 (dynamical isometry): gradients keep their size whatever their direction; a few large values and many near 0: almost
// only those directions come back. Source: Pennington et al. 2017 (arXiv 1711.04735). Cost: for a stream of n values n backward passes and a
// singular value decomposition of 8/3 n^3 operations, for each block; n is at most 1,024.

#include "gpt/lab/probe.h"
#include "tensor/unwind.h"

#include <math.h>

enum { VALUES_MOST = 1024 };

static bool check(const ExperimentConfig *config, Error *error)
{
    double most = (double)config->B * config->T * config->gpt.n_embd;
    if (config->net == NET_MLP) {
        most = 0;
        for (int i = 0; i <= config->deep.n_layer; i++) {
            most = fmax(most, (double)probe_rows(config) * config->deep.sizes[i]);
        }
    }
    return most <= VALUES_MOST
        || error_set(error, "a stream of %.0f values (expected at most %d: fewer rows, tokens or channels)", most, VALUES_MOST);
}

static bool measure(ProbeRun *run, Error *error)
{
    (void)error;
    int n = probe_layers(run);
    Tensor *end = probe_layer_stream(run, n);
    int rows = (int)tensor_count(end);
    double *J = unwind_allocate((size_t)rows * VALUES_MOST, sizeof *J, "a Jacobian");
    double *values = unwind_allocate((size_t)rows, sizeof *values, "singular values");
    for (int layer = 0; layer < n; layer++) {
        Tensor *start = probe_layer_stream(run, layer);
        int columns = (int)tensor_count(start);
        jacobian_matrix(end, start, J);
        singular_values(J, rows, columns, values);
        for (int i = 0; i < (rows < columns ? rows : columns); i++) {
            probe_add(run, "singular_value", layer, NULL, i, values[i]);
        }
    }
    return true;
}

// Mean of the squares, relative to the square of the largest: 1 if all are equal.
static double flatness(const double *values, int n)
{
    double squares = 0;
    for (int i = 0; i < n; i++) {
        squares += values[i] * values[i] / n;
    }
    return squares / (values[0] * values[0]);
}

const Probe probe_spectrum = {
    .name = "spectrum",
    .about = "Computes all singular values of the Jacobian from each block to the end: how much each direction of the gradient grows.",
    .source = "Pennington 2017, arXiv 1711.04735",
    .cost = "one backward pass per value of the stream (at most 1024) and a singular value decomposition, for each block",
    .nets = PROBE_MLP | PROBE_GPT,
    .kinds = {{.name = "singular_value",
               .about = "singular values of d(stream at the end) / d(stream where the layer starts)",
               .place = "layer",
               .index = "number, largest first"}},
    .columns = {{"largest", "singular_value", probe_first}, {"smallest", "singular_value", probe_last}, {"flatness", "singular_value", flatness}},
    .panels = {{.title = "Singular values from the input to the end",
                .kind = "singular_value",
                .form = FORM_INDEX,
                .scale = SCALE_LOG,
                .x_label = "number"},
               {.title = "Largest singular value from each layer to the end", .kind = "singular_value", .scale = SCALE_LOG, .reduce = probe_first},
               {.title = "Smallest singular value from each layer to the end", .kind = "singular_value", .scale = SCALE_LOG, .reduce = probe_last}},
    .legend = "largest, smallest: singular values; flatness: mean square over the square of the largest, 1 if all are equal",
    .claim = "Pennington 2017: networks whose singular values are all near 1 (dynamical isometry) train fastest.",
    .findings = {{"From the input to the end, the largest singular value is", "singular_value", PROBE_AT_FIRST, NULL, probe_first},
                 {"the smallest is", "singular_value", PROBE_AT_FIRST, NULL, probe_last}},
    .check = check,
    .measure = measure,
};
