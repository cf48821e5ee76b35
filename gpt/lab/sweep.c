// sweep.c: the first layer's gradient over the last layer's, against depth.

#include "gpt/base/base.h"
#include "gpt/lab/lab.h"

#include <math.h>
#include <stdlib.h>

// A network of this depth, otherwise like the experiment's own: the deep network keeps its input and output sizes, and has the
// size after the first layer everywhere between.
static int *sizes_for_depth(const DeepConfig *deep, int depth)
{
    int *sizes = memory_allocate((size_t)(depth + 1) * sizeof *sizes, "a sweep");
    for (int i = 1; i < depth; i++) {
        sizes[i] = deep->sizes[1];
    }
    sizes[0] = deep->sizes[0];
    sizes[depth] = deep->sizes[deep->n_layer];
    return sizes;
}

static bool run_depth(const ExperimentConfig *config, int depth, ExperimentProgress *progress, void *context, SweepPoint *point, Error *error)
{
    ExperimentConfig at_depth = *config;
    at_depth.n_steps = 0;
    at_depth.n_probes = 0;
    at_depth.gpt.n_layer = depth;
    at_depth.deep.n_layer = depth;
    AUTO_FREE int *sizes = NULL;
    if (config->net == NET_MLP) {
        if (depth < 1 || depth > DEEP_DEPTH_MAX) {
            return error_set(error, "a depth of %d: must be 1 to %d", depth, DEEP_DEPTH_MAX);
        }
        sizes = sizes_for_depth(&config->deep, depth);
        at_depth.deep.sizes = sizes;
    }
    Experiment experiment;
    bool done = experiment_run(&at_depth, progress, context, &experiment, error);
    if (done) {
        point->depth = depth;
        for (int arm = 0; arm < experiment_arms(config); arm++) {
            point->ratio[arm] = experiment_relative(&experiment, arm, 0, 0, METRIC_WEIGHT);
        }
        experiment_free(&experiment);
    }
    return done;
}

// By least squares through (depth, log10 ratio), of the medians that are not 0.
static double slope(const Sweep *sweep, int arm)
{
    size_t n = (size_t)sweep->n_points;
    AUTO_FREE double *x = memory_allocate((2 * n + 1) * sizeof *x, "a sweep");
    double *y = x + n;
    for (size_t i = 0; i < n; i++) {
        x[i] = sweep->points[i].depth;
        y[i] = log10(sweep->points[i].ratio[arm].median); // not finite for 0, and then left out
    }
    return fit_slope(x, y, sweep->n_points);
}

bool sweep_run(const ExperimentConfig *config, const int *depths, int n_depths, ExperimentProgress *progress, void *context, Sweep *sweep,
               Error *error)
{
    REQUIRE(config, depths, sweep);
    *sweep = (Sweep){.points = memory_allocate_zeroed((size_t)n_depths, sizeof(SweepPoint), "a sweep")};
    for (int i = 0; i < n_depths; i++) {
        if (!run_depth(config, depths[i], progress, context, &sweep->points[i], error)) {
            sweep_free(sweep);
            return false;
        }
        sweep->n_points++;
    }
    for (int arm = 0; arm < experiment_arms(config); arm++) {
        sweep->decades_per_layer[arm] = slope(sweep, arm);
    }
    return true;
}

void sweep_free(Sweep *sweep)
{
    REQUIRE(sweep);
    free(sweep->points);
    *sweep = (Sweep){0};
}
