// line.c: the data of a line in a plot: a metric's quartiles at each layer, depth or step, of one arm.

#include "gpt/plot/draw.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char style_letters[STYLE_COUNT] = {'o', '#', 'x', '+', '*', '@', '%', '&'};

// Networks without shortcuts have the first style, pre and plain the second, and the other published rules one of the rest. -1: any.
static int style_of(const char *text)
{
    Error error;
    const ResidualRule *rule = text == NULL ? NULL : residual_rule(text, &error);
    const ResidualRow *row = rule == NULL ? NULL : residual_row(rule);
    if (row == NULL) {
        return -1;
    }
    if (strncmp(row->name, "none", 4) == 0) {
        return 0;
    }
    bool usual = strcmp(row->name, "pre") == 0 || strcmp(row->name, "plain") == 0;
    return usual ? 1 : 2 + (int)(row - residual_table + 5) % (STYLE_COUNT - 2);
}

void plot_styles(const char *const *rules, int n, int *styles)
{
    bool taken[STYLE_COUNT] = {false};
    for (int i = 0; i < n; i++) {
        int style = style_of(rules[i]);
        styles[i] = style >= 0 && !taken[style] ? style : -1;
        if (styles[i] >= 0) {
            taken[style] = true;
        }
    }
    for (int i = 0; i < n; i++) {
        for (int k = 0; styles[i] < 0; k++) { // the first free one; of lines that are not rules, blue and solid comes first
            int style = rules[i] != NULL ? (k + 2) % STYLE_COUNT : k < 2 ? 1 - k : k;
            styles[i] = taken[style] ? -1 : style;
        }
        taken[styles[i]] = true;
    }
}

static const char *rule_of(const Experiment *experiment, int arm)
{
    return experiment->config.n_rules > 0 ? experiment_arm_name(&experiment->config, arm) : arm == 1 ? "pre" : "none"; // with, without shortcuts
}

int plot_arm_style(const Experiment *experiment, int arm)
{
    REQUIRE(experiment);
    return style_of(rule_of(experiment, arm));
}

PlotArms plot_arms(const Experiment *experiment)
{
    PlotArms arms = {.n = 0};
    const char *rules[STYLE_COUNT];
    int styles[STYLE_COUNT];
    for (int number = 0; number < experiment_arms(&experiment->config); number++) {
        if (experiment_has(experiment, number)) {
            const char *name = experiment_arm_name(&experiment->config, number);
            rules[arms.n] = rule_of(experiment, number);
            arms.arm[arms.n] = (PlotArm){.number = number, .name = name};
            arms.n++;
        }
    }
    plot_styles(rules, arms.n, styles);
    for (int i = 0; i < arms.n; i++) {
        arms.arm[i].style = styles[i];
    }
    return arms;
}

void plot_write_arm(FILE *out, PlotArm arm)
{
    enum { NAME_MOST = 24 };
    AUTO_FREE char *name = plot_shorten(arm.name, NAME_MOST);
    fprintf(out, "%s%s", strncmp(name, "with", 4) == 0 ? "" : "with ", name);
}

Line line_create(const char *label, int style, int n)
{
    return (Line){
        .label = memory_copy_text(label),
        .style = style,
        .n = n,
        .x = memory_allocate((size_t)n * sizeof(double), "a plot"),
        .y = memory_allocate((size_t)n * sizeof(Quartiles), "a plot"),
    };
}

void line_free(Line *line)
{
    free(line->label);
    free(line->x);
    free(line->y);
    *line = (Line){0};
}

Quartiles line_point(double value)
{
    return (Quartiles){.low = value, .median = value, .high = value, .zeros = value == 0, .n = 1};
}

Spread line_spread(const Experiment *experiment, int n)
{
    return experiment->config.n_seeds == 1 ? SPREAD_NONE : n == 1 ? SPREAD_BARS : SPREAD_BAND;
}

// A layer's gradient relative to the last layer's. If all are 0 there is no ratio, and 0 is shown.
static Quartiles relative_metric(const Experiment *experiment, PlotArm arm, int layer, LayerMetric metric)
{
    Quartiles ratio = experiment_relative(experiment, arm.number, 0, layer, metric);
    if (ratio.n > 0) {
        return ratio;
    }
    Quartiles plain = experiment_metric(experiment, arm.number, 0, layer, metric);
    return plain.zeros == plain.n ? plain : ratio;
}

Line line_of_layers(const Experiment *experiment, PlotArm arm, LayerMetric metric, bool relative)
{
    Line line = line_create(arm.name, arm.style, experiment->n_layer);
    line.n = 0;
    for (int layer = 0; layer < experiment->n_layer; layer++) {
        Quartiles y = relative ? relative_metric(experiment, arm, layer, metric) : experiment_metric(experiment, arm.number, 0, layer, metric);
        bool absent = y.n == 0 && metric >= METRIC_SKIP; // the layer has no shortcut
        if (!absent) {
            line.x[line.n] = layer;
            line.y[line.n] = y;
            line.n++;
        }
    }
    line.spread = line_spread(experiment, line.n);
    return line;
}

Line line_of_sweep(const Sweep *sweep, PlotArm arm)
{
    Line line = line_create(arm.name, arm.style, sweep->n_points);
    line.spread = SPREAD_BARS;
    for (int i = 0; i < line.n; i++) {
        line.x[i] = sweep->points[i].depth;
        line.y[i] = sweep->points[i].ratio[arm.number];
    }
    return line;
}

Line line_of_losses(const Experiment *experiment, PlotArm arm, int stride)
{
    Line line = line_create(arm.name, arm.style, experiment->config.n_steps / stride + 1);
    line.spread = line_spread(experiment, line.n);
    for (int i = 0; i < line.n; i++) {
        line.x[i] = i * stride;
        line.y[i] = experiment_loss(experiment, arm.number, i * stride);
    }
    return line;
}
