// metrics.c: metrics of an experiment: one number per layer, and its spread over the seeds.

#include "gpt/base/base.h"
#include "gpt/lab/net.h"

#include <math.h>
#include <stdlib.h>

// ------------------------------------------------------------------------------------------------------------
// One layer of one measurement

static bool belongs_to(const FlowRow *row, LayerMetric figure)
{
    bool weight = row->kind == FLOW_WEIGHT_GRAD && row->ndim >= 2;
    switch (figure) {
    case METRIC_WEIGHT: return weight && row->part < 0;
    case METRIC_QUERY_KEY: return weight && (row->part == 0 || row->part == 1);
    case METRIC_COSINE: return row->kind == FLOW_ACTIVATION;
    case METRIC_SKIP: return row->kind == FLOW_SKIP_GRAD;
    case METRIC_BLOCK: return row->kind == FLOW_BLOCK_GRAD;
    case METRIC_SHARE:
    case METRIC_COUNT: break;
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

double measurement_metric(const Measurement *measurement, int layer, LayerMetric figure)
{
    REQUIRE(measurement);
    if (figure == METRIC_SHARE) {
        double skip = measurement_metric(measurement, layer, METRIC_SKIP);
        return skip / (skip + measurement_metric(measurement, layer, METRIC_BLOCK));
    }
    const GradFlow *flow = &measurement->flow;
    double sum_abs = 0;
    double norm = 0;
    double count = 0;
    double last_cosine = NAN; // the layer's output is the last it names
    for (int i = first_row(flow, layer); i < flow->n_rows && flow->rows[i].layer == layer; i++) {
        const FlowRow *row = &flow->rows[i];
        if (!belongs_to(row, figure)) {
            continue;
        }
        double n = (double)row->stats.count;
        sum_abs += row->stats.mean_abs * n;
        norm = hypot(norm, row->stats.l2);
        count += n;
        last_cosine = row->stats.token_cosine;
    }
    if (figure == METRIC_COSINE) {
        return last_cosine;
    }
    if (count == 0) {
        return NAN;
    }
    return figure == METRIC_SKIP || figure == METRIC_BLOCK ? norm : sum_abs / count;
}

// ------------------------------------------------------------------------------------------------------------
// The spread over the seeds

static int compare_places(const void *a, const void *b)
{
    const Measurement *first = a;
    const Measurement *second = b;
    return first->run != second->run ? first->run - second->run : first->step - second->step;
}

// Measurements are sorted by run, then step.
Quartiles experiment_over_seeds(const Experiment *experiment, int arm, int step, MeasurementValue *value, const void *context)
{
    size_t room = (size_t)experiment->n_measurements + 1;
    AUTO_FREE double *values = memory_allocate(room * sizeof *values, "the values of a metric");
    int n = 0;
    int count = experiment->n_measurements;
    for (int run = 0; count > 0 && run <= experiment->measurements[count - 1].run; run++) {
        const Measurement place = {.run = run, .step = step};
        const Measurement *found = bsearch(&place, experiment->measurements, (size_t)count, sizeof place, compare_places);
        if (found != NULL && found->arm == arm) {
            values[n] = value(found, context);
            n++;
        }
    }
    return quartiles_of(values, n);
}

typedef struct Metric {
    int layer, last; // last: the layer whose value is the unit; -1: none
    LayerMetric figure;
} Metric;

static double metric_value(const Measurement *measurement, const void *context)
{
    const Metric *metric = context;
    double value = measurement_metric(measurement, metric->layer, metric->figure);
    return metric->last < 0 ? value : value / measurement_metric(measurement, metric->last, metric->figure);
}

static double loss_value(const Measurement *measurement, const void *unused)
{
    (void)unused;
    return measurement->loss;
}

Quartiles experiment_metric(const Experiment *experiment, int arm, int step, int layer, LayerMetric figure)
{
    REQUIRE(experiment);
    return experiment_over_seeds(experiment, arm, step, metric_value, &(Metric){.layer = layer, .last = -1, .figure = figure});
}

Quartiles experiment_relative(const Experiment *experiment, int arm, int step, int layer, LayerMetric figure)
{
    REQUIRE(experiment);
    return experiment_over_seeds(experiment, arm, step, metric_value, &(Metric){.layer = layer, .last = experiment->n_layer - 1, .figure = figure});
}

Quartiles experiment_loss(const Experiment *experiment, int arm, int step)
{
    REQUIRE(experiment);
    return experiment_over_seeds(experiment, arm, step, loss_value, NULL);
}

int experiment_shortcuts(const Experiment *experiment, int arm)
{
    REQUIRE(experiment);
    for (int i = 0; i < experiment->n_measurements; i++) {
        if (experiment->measurements[i].arm == arm) {
            return experiment->measurements[i].flow.n_shortcuts;
        }
    }
    return 0;
}

// ------------------------------------------------------------------------------------------------------------
// A line through points

double fit_slope(const double *x, const double *y, int n)
{
    REQUIRE(x, y);
    double count = 0;
    double mean_x = 0;
    double mean_y = 0;
    double xx = 0;
    double xy = 0;
    for (int i = 0; i < n; i++) {
        if (isfinite(x[i]) && isfinite(y[i])) {
            count++;
            mean_x += (x[i] - mean_x) / count;
            mean_y += (y[i] - mean_y) / count;
        }
    }
    for (int i = 0; i < n; i++) {
        if (isfinite(x[i]) && isfinite(y[i])) {
            xx += (x[i] - mean_x) * (x[i] - mean_x);
            xy += (x[i] - mean_x) * (y[i] - mean_y);
        }
    }
    return xx > 0 ? xy / xx : NAN;
}
