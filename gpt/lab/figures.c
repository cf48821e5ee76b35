// figures.c: what is read of an experiment: one number a layer, and its spread over the seeds.

#include "gpt/gpt.h"

#include <math.h>
#include <stdlib.h>

// ------------------------------------------------------------------------------------------------------------
// One layer of one measurement

static bool belongs_to(const FlowRow *row, LayerFigure figure)
{
    bool weight = row->kind == FLOW_WEIGHT_GRAD && row->ndim >= 2;
    switch (figure) {
    case FIGURE_WEIGHT:
        return weight && row->part < 0;
    case FIGURE_QUERY_KEY:
        return weight && (row->part == 0 || row->part == 1);
    case FIGURE_COSINE:
        return row->kind == FLOW_ACTIVATION;
    case FIGURE_SKIP:
        return row->kind == FLOW_SKIP_GRAD;
    case FIGURE_BLOCK:
        return row->kind == FLOW_BLOCK_GRAD;
    case FIGURE_COUNT:
        break;
    }
    return false;
}

// Rows are sorted by layer: the first that is not before this one.
static int first_row(const GradFlow *flow, int layer)
{
    int low = 0;
    int high = flow->n_rows;
    while (low < high) {
        int middle = low + (high - low) / 2;
        if (flow->rows[middle].layer < layer) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

double measurement_figure(const Measurement *measurement, int layer, LayerFigure figure)
{
    REQUIRE(measurement);
    const GradFlow *flow = &measurement->flow;
    double sum_abs = 0;
    double sum_squares = 0;
    double count = 0;
    double last_cosine = NAN;                      // the layer's output is the last it names
    for (int i = first_row(flow, layer); i < flow->n_rows && flow->rows[i].layer == layer; i++) {
        const FlowRow *row = &flow->rows[i];
        if (!belongs_to(row, figure)) {
            continue;
        }
        double n = (double)row->stats.count;
        sum_abs += row->stats.mean_abs * n;
        sum_squares += row->stats.l2 * row->stats.l2;
        count += n;
        last_cosine = row->stats.token_cosine;
    }
    if (figure == FIGURE_COSINE) {
        return last_cosine;
    }
    if (count == 0) {
        return NAN;
    }
    return figure == FIGURE_SKIP || figure == FIGURE_BLOCK ? sqrt(sum_squares) : sum_abs / count;
}

// ------------------------------------------------------------------------------------------------------------
// The spread over the seeds

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

// The value below which a part p of the sorted values lies, between the two nearest (NumPy's default).
static double quantile(const double *sorted, int n, double p)
{
    double at = p * (n - 1);
    int below = (int)at;
    double part = at - below;
    if (part == 0) {
        return sorted[below];                      // also where the next is infinite, or there is none
    }
    return sorted[below] + part * (sorted[below + 1] - sorted[below]);
}

Quartiles quartiles(double *values, int n)
{
    REQUIRE(values);
    Quartiles result = {.low = NAN, .median = NAN, .high = NAN};
    for (int i = 0; i < n; i++) {
        if (!isnan(values[i])) {
            values[result.n] = values[i];
            result.zeros += values[i] == 0;
            result.n++;
        }
    }
    if (result.n == 0) {
        return result;
    }
    qsort(values, (size_t)result.n, sizeof *values, compare);
    result.low = quantile(values, result.n, 0.25);
    result.median = quantile(values, result.n, 0.5);
    result.high = quantile(values, result.n, 0.75);
    return result;
}

typedef double MeasurementValue(const Experiment *experiment, const Measurement *measurement, int layer, LayerFigure figure);

static double plain_value(const Experiment *experiment, const Measurement *measurement, int layer, LayerFigure figure)
{
    (void)experiment;
    return measurement_figure(measurement, layer, figure);
}

static double relative_value(const Experiment *experiment, const Measurement *measurement, int layer, LayerFigure figure)
{
    double last = measurement_figure(measurement, experiment->n_layer - 1, figure);
    return measurement_figure(measurement, layer, figure) / last;
}

static double loss_value(const Experiment *experiment, const Measurement *measurement, int layer, LayerFigure figure)
{
    (void)experiment;
    (void)layer;
    (void)figure;
    return measurement->loss;
}

static Quartiles over_seeds(const Experiment *experiment, bool shortcut, int step, int layer, LayerFigure figure,
                            MeasurementValue *value)
{
    size_t room = (size_t)experiment->config.n_seeds;
    double *values = memory_allocate(room * sizeof *values, "figures");
    int n = 0;
    for (int i = 0; i < experiment->n_measurements; i++) {
        const Measurement *measurement = &experiment->measurements[i];
        if (measurement->shortcut == shortcut && measurement->step == step) {
            values[n] = value(experiment, measurement, layer, figure);
            n++;
        }
    }
    Quartiles result = quartiles(values, n);
    free(values);
    return result;
}

Quartiles experiment_figure(const Experiment *experiment, bool shortcut, int step, int layer, LayerFigure figure)
{
    REQUIRE(experiment);
    return over_seeds(experiment, shortcut, step, layer, figure, plain_value);
}

Quartiles experiment_relative(const Experiment *experiment, bool shortcut, int step, int layer, LayerFigure figure)
{
    REQUIRE(experiment);
    return over_seeds(experiment, shortcut, step, layer, figure, relative_value);
}

Quartiles experiment_loss(const Experiment *experiment, bool shortcut, int step)
{
    REQUIRE(experiment);
    return over_seeds(experiment, shortcut, step, 0, FIGURE_WEIGHT, loss_value);
}

int experiment_shortcuts(const Experiment *experiment, bool shortcut)
{
    REQUIRE(experiment);
    for (int i = 0; i < experiment->n_measurements; i++) {
        if (experiment->measurements[i].shortcut == shortcut) {
            return experiment->measurements[i].flow.n_shortcuts;
        }
    }
    return 0;
}

bool experiment_has(const Experiment *experiment, bool shortcut)
{
    REQUIRE(experiment);
    return experiment->config.arms & (shortcut ? ARMS_ON : ARMS_OFF);
}
