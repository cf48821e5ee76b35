// line.c: the data of a line in a plot: a metric's quartiles at each layer, depth or step, of one arm.

#include "gpt/plot/draw.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char style_letters[STYLE_COUNT] = {'o', '#', 'x', '+', '*', '@', '%', '&'};

PlotArms plot_arms(const Experiment *experiment)
{
    PlotArms arms = {.n = 0};
    for (int number = 0; number < experiment_arms(&experiment->config); number++) {
        if (experiment_has(experiment, number)) {
            const char *name = experiment_arm_name(&experiment->config, number);
            arms.arm[arms.n] = (PlotArm){.number = number, .name = name, .style = number};
            arms.n++;
        }
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
