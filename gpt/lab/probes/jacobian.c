// jacobian.c: how the gradient grows or shrinks from the end back to each block.
//
//      mean squared singular value of J = d(stream at the end) / d(stream where block i starts):  ||J||_F^2 / (values of the stream)
//
// 1: on average, what comes back is as large as what was sent. Source: Saxe et al. 2013 (arXiv 1312.6120), Pennington et al. 2017 (arXiv
// 1711.04735). Cost: exactly, one backward pass per value of the stream, up to 1,024 of them; beyond that 64 passes with random signs, which
// give an estimate with its standard error.

#include "gpt/lab/probe.h"
#include "tensor/unwind.h"

#include <math.h>

static const uint64_t WALK_SEED = 3000017; // independent of the seeds of weights and inputs

static bool measure(ProbeRun *run, Error *error)
{
    (void)error;
    int n = probe_layers(run) + 1;
    Tensor **streams = unwind_allocate((size_t)n, sizeof(Tensor *), "the streams");
    JacobianNorm *norms = unwind_allocate((size_t)n, sizeof *norms, "the Jacobians");
    for (int i = 0; i < n; i++) {
        streams[i] = probe_layer_stream(run, i);
    }
    Random random;
    random_seed(&random, run->seed + WALK_SEED);
    bool exact = tensor_count(streams[n - 1]) <= JACOBIAN_EXACT;
    jacobian_norms(streams[n - 1], streams, n, exact ? 0 : JACOBIAN_WALKS, &random, norms);
    for (int i = 0; i < n; i++) {
        probe_add(run, "jacobian", i, NULL, -1, norms[i].mean_square);
        probe_add(run, "jacobian_error", i, NULL, -1, norms[i].std_error);
    }
    return true;
}

const Probe probe_jacobian = {
    .name = "jacobian",
    .about = "Measures by how much the gradient grows on the way from the end of the stream back to each block: the mean squared singular value.",
    .source = "Saxe 2013, arXiv 1312.6120",
    .cost = "one backward pass per value of the stream, at most 1024; larger streams are estimated from 64 passes",
    .nets = PROBE_MLP | PROBE_GPT,
    .kinds = {{.name = "jacobian",
               .about = "mean squared singular value of d(stream at the end) / d(stream where the layer starts)",
               .place = PLACE_STREAM},
              {.name = "jacobian_error", .about = "standard error of jacobian; 0: exact", .place = "layer", .internal = true}},
    .columns = {{"|J|^2/n", "jacobian", NULL}, {"+-", "jacobian_error", NULL}},
    .panels = {{.title = "Mean squared singular value from each layer to the end", .kind = "jacobian", .scale = SCALE_LOG}},
    .legend = "|J|^2/n: mean squared singular value, 1 keeps the size of gradients; +-: its standard error, 0 if exact",
    .claim = "Saxe 2013: gradients keep their size through any depth if the squared singular values are 1 on average.",
    .findings = {{"The mean squared singular value from the input to the end is", "jacobian", PROBE_AT_FIRST, NULL, NULL}},
    .measure = measure,
};
