// plane.c: the loss on a plane through the weights.
//
//      loss(w + a d1 + b d2),  a, b in [-1, 1],  25 x 25
//
// d1 and d2 are normal directions whose rows are scaled to the norm of the weight's row; biases and norms stay (loss_plane in gradflow.h). All arms
// of a seed draw the same numbers. Source: Li et al. 2018 (arXiv 1712.09913). Cost: 625 forward passes.

#include "gpt/lab/probe.h"

#include <math.h>

enum { SIDE = 25 };

static const uint64_t PLANE_SEED = 4000037; // independent of the seeds of weights and inputs

static bool measure(ProbeRun *run, Error *error)
{
    (void)error;
    ParameterList parameters;
    double values[SIDE * SIDE];
    LossFunction loss = probe_loss(run, &parameters);
    loss_plane(&loss, run->seed + PLANE_SEED, SIDE, values);
    for (int i = 0; i < SIDE * SIDE; i++) {
        probe_add(run, "plane", -1, NULL, i, values[i]);
    }
    return true;
}

static double at_center(const double *values, int n)
{
    return values[n / 2];
}

static double at_edge(const double *values, int n)
{
    double edge[4 * SIDE];
    int n_edge = 0;
    for (int i = 0; i < n && n == SIDE * SIDE; i++) {
        int a = i / SIDE;
        int b = i % SIDE;
        if (a == 0 || b == 0 || a == SIDE - 1 || b == SIDE - 1) {
            edge[n_edge] = values[i];
            n_edge++;
        }
    }
    return quartiles_of(edge, n_edge).median;
}

// The part of the inner cells where the smaller curvature is negative and more than a tenth of the larger one: 0 where the loss is convex.
static double not_convex(const double *values, int n)
{
    int negative = 0;
    for (int i = 0; n == SIDE * SIDE && i < (SIDE - 2) * (SIDE - 2); i++) {
        const double *z = values + (i / (SIDE - 2) + 1) * SIDE + i % (SIDE - 2) + 1;
        double aa = z[SIDE] - 2 * z[0] + z[-SIDE];
        double bb = z[1] - 2 * z[0] + z[-1];
        double ab = (z[SIDE + 1] - z[SIDE - 1] - z[-SIDE + 1] + z[-SIDE - 1]) / 4;
        double mean = (aa + bb) / 2;
        double half = sqrt((aa - bb) * (aa - bb) / 4 + ab * ab);
        negative += mean - half < -0.1 * fabs(mean + half);
    }
    return (double)negative / ((SIDE - 2) * (SIDE - 2));
}

const Probe probe_plane = {
    .name = "plane",
    .about = "Plots the loss on a plane through the weights, along two random directions whose rows have the norms of the weights' rows.",
    .source = "Li 2018, arXiv 1712.09913",
    .cost = "625 forward passes; more than ten minutes need --force",
    .nets = PROBE_MLP | PROBE_GPT,
    .passes = true,
    .kinds = {{.name = "plane",
               .about = "loss at w + a d1 + b d2, a from -1 to 1 by row, b by column",
               .place = PLACE_NETWORK,
               .index = "cell of 25 x 25, row by row"}},
    .columns = {{"center", "plane", at_center}, {"edge", "plane", at_edge}, {"not convex", "plane", not_convex}},
    .panels = {{.title = "Loss at w + a d1 + b d2", .kind = "plane", .form = FORM_SQUARE, .x_label = "b"}},
    .legend = "center: loss; edge: median loss on the edge; not convex: share of cells with clearly negative curvature",
    .claim = "Li 2018: without shortcuts the surface around a deep network's weights is chaotic; with them it is smooth and nearly convex.",
    .findings = {{"The share of the plane that is not convex is", "plane", PROBE_AT_NETWORK, NULL, not_convex}},
    .losses = SIDE * SIDE,
    .measure = measure,
};
