// series.c: what a line in a picture is made of: a figure's quartiles at each layer, depth or step.

#include "gpt/plot/panel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// Okabe and Ito's colors, black and grey. In grey print some are much alike: there dashes and points tell.
const SeriesStyle style_arm[ARMS_MOST] = {
    {"#D55E00", DASH_LONG, 7}, {"#0072B2", DASH_NONE, 5}, {"#009E73", DASH_DOT, 13}, {"#CC79A7", DASH_SHORT, 9},
    {"#000000", DASH_NONE, 4}, {"#56B4E9", DASH_LONG, 6}, {"#E69F00", DASH_SHORT, 8}, {"#808080", DASH_DOT, 12},
};
const SeriesStyle style_skip = {"#009E73", DASH_NONE, 13};
const SeriesStyle style_block = {"#CC79A7", DASH_SHORT, 9};

const char *plot_arm_name(const Experiment *experiment, int arm, char text[ARM_TEXT])
{
    enum { SHOWN = 40 };
    const char *name = experiment_arm_name(&experiment->config, arm);
    snprintf(text, ARM_TEXT, plot_length(name) <= SHOWN ? "%s" : "%.39s…", name);
    return text;
}

const char *plot_with_arm(const Experiment *experiment, int arm, char text[ARM_TEXT])
{
    char name[ARM_TEXT];
    bool rule = experiment->config.n_rules > 0;
    snprintf(text, ARM_TEXT, "%s%.50s", rule ? "with " : "", plot_arm_name(experiment, arm, name));
    return text;
}

bool plot_is_familiar(const Experiment *experiment)
{
    return experiment->config.n_rules == 0 && experiment->config.arms == ARMS_BOTH;
}

const char *plot_layer_word(const Experiment *experiment)
{
    return experiment->config.net == NET_MLP ? "layer" : "block";
}

Series series_create(int n)
{
    return (Series){
        .n = n,
        .missing = "NaN",
        .x = memory_allocate((size_t)n * sizeof(double), "a picture"),
        .y = memory_allocate((size_t)n * sizeof(Quartiles), "a picture"),
        .absent = memory_allocate_zeroed((size_t)n, sizeof(bool), "a picture"),
    };
}

void series_free(Series *series)
{
    free(series->x);
    free(series->y);
    free(series->absent);
    *series = (Series){0};
}

// A layer's gradient relative to the last layer's. Where all are 0 there is no ratio, and 0 is what there is to show.
static Quartiles relative(const Experiment *experiment, int arm, int step, int layer, LayerMetric figure)
{
    Quartiles ratio = experiment_relative(experiment, arm, step, layer, figure);
    if (ratio.n > 0) {
        return ratio;
    }
    Quartiles plain = experiment_metric(experiment, arm, step, layer, figure);
    return plain.zeros == plain.n ? plain : ratio;
}

// Does the layer lack what the figure is about (a shortcut, positions), rather than hold a NaN?
static bool is_absent(const Experiment *experiment, int arm, int layer, LayerMetric figure)
{
    if (figure != METRIC_SKIP && figure != METRIC_BLOCK && figure != METRIC_SHARE) {
        return false;
    }
    for (int i = 0; i < experiment->n_measurements; i++) {
        const Measurement *measurement = &experiment->measurements[i];
        for (int r = 0; measurement->arm == arm && r < measurement->flow.n_rows; r++) {
            const FlowRow *row = &measurement->flow.rows[r];
            if (row->layer == layer && row->kind == FLOW_SKIP_GRAD) {
                return false;
            }
        }
        if (measurement->arm == arm) {
            return true;
        }
    }
    return true;
}

Series series_of_layers(const Experiment *experiment, int arm, int step, LayerMetric figure, FigureScale scale)
{
    Series series = series_create(experiment->n_layer);
    series.style = &style_arm[arm];
    series.spread = experiment->config.n_seeds == 1 ? SPREAD_NONE : series.n == 1 ? SPREAD_BARS : SPREAD_BAND;
    for (int layer = 0; layer < series.n; layer++) {
        series.x[layer] = layer;
        series.y[layer] = scale == SCALE_RELATIVE ? relative(experiment, arm, step, layer, figure)
                                                  : experiment_metric(experiment, arm, step, layer, figure);
        series.absent[layer] = series.y[layer].n == 0 && is_absent(experiment, arm, layer, figure);
    }
    return series;
}

Series series_of_sweep(const Sweep *sweep, int arm)
{
    Series series = series_create(sweep->n_points);
    series.style = &style_arm[arm];
    series.spread = SPREAD_BARS;
    series.missing = "none";                       // 0/0: there was no gradient to compare
    for (int i = 0; i < series.n; i++) {
        series.x[i] = sweep->points[i].depth;
        series.y[i] = sweep->points[i].ratio[arm];
    }
    return series;
}

Series series_of_losses(const Experiment *experiment, int arm, int stride)
{
    Series series = series_create(experiment->config.n_steps / stride + 1);
    series.style = &style_arm[arm];
    series.spread = experiment->config.n_seeds == 1 ? SPREAD_NONE : SPREAD_BAND;
    for (int i = 0; i < series.n; i++) {
        series.x[i] = i * stride;
        series.y[i] = experiment_loss(experiment, arm, i * stride);
    }
    return series;
}

bool series_has_data(const Series *series)
{
    for (int i = 0; i < series->n; i++) {
        if (!series->absent[i]) {
            return true;
        }
    }
    return false;
}

Mark series_mark(const Series *series, int i)
{
    if (series->absent[i]) {
        return MARK_ABSENT;
    }
    if (!isfinite(series->y[i].median)) {
        return MARK_NOT_FINITE;
    }
    return series->y[i].median == 0 ? MARK_ZERO : MARK_VALUE;
}

int series_count(const Series *series, Mark mark)
{
    int count = 0;
    for (int i = 0; i < series->n; i++) {
        count += series_mark(series, i) == mark;
    }
    return count;
}

void series_label(Series *series, const char *name, const char *what)
{
    int n = series->n - series_count(series, MARK_ABSENT);
    int zeros = series_count(series, MARK_ZERO);
    int not_finite = series_count(series, MARK_NOT_FINITE);
    char zero_text[32] = "";
    char not_finite_text[32] = "";
    if (zeros > 0) {
        snprintf(zero_text, sizeof zero_text, "0 in %d", zeros);
    }
    if (not_finite > 0) {
        snprintf(not_finite_text, sizeof not_finite_text, "%s in %d", series->missing, not_finite);
    }
    if (zeros + not_finite == 0) {
        snprintf(series->label, sizeof series->label, "%s", name);
        return;
    }
    snprintf(series->label, sizeof series->label, "%s%s %s%s%s of %d %ss", name, strchr(name, ':') == NULL ? ":" : ",", zero_text,
             zeros > 0 && not_finite > 0 ? ", " : "", not_finite_text, n, what);
}
