// plot.c: the picture of an experiment: which panels it has and where they go.

#include "gpt/plot/panel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// ------------------------------------------------------------------------------------------------------------
// Panels

enum { PANELS_MOST = 5 };

typedef struct Picture {
    Panel panels[PANELS_MOST];
    int n;
} Picture;

static Panel *add_panel(Picture *picture, const char *title, const char *x_label)
{
    Panel *panel = &picture->panels[picture->n];
    picture->n++;
    *panel = (Panel){.title = title, .x_label = x_label};
    return panel;
}

static void add_series(Panel *panel, Series series, const char *name, const char *what)
{
    series_label(&series, name, what);
    panel->series[panel->n_series] = series;
    panel->n_series++;
}

// A figure of each layer, in each arm that was run.
static void add_layers(Panel *panel, const Experiment *experiment, LayerMetric figure, FigureScale scale)
{
    for (int arm = 0; arm < experiment_arms(&experiment->config); arm++) {
        char name[ARM_TEXT];
        if (experiment_has(experiment, arm)) {
            Series series = series_of_layers(experiment, arm, 0, figure, scale);
            add_series(panel, series, plot_arm_name(experiment, arm, name), plot_layer_word(experiment));
        }
    }
    panel_fit(panel);
}

static void add_sweep(Picture *picture, const Experiment *experiment, const Sweep *sweep)
{
    if (sweep == NULL || sweep->n_points == 0) {
        return;
    }
    bool mlp = experiment->config.net == NET_MLP;
    const char *title = mlp ? "First layer relative to last, by number of layers"
                            : "Weights: first block relative to last, by depth";
    Panel *panel = add_panel(picture, title, mlp ? "" : "number of blocks");
    panel->x_is_data = true;
    for (int arm = 0; arm < experiment_arms(&experiment->config); arm++) {
        char name[ARM_TEXT];
        char label[ARM_TEXT + 64];
        if (!experiment_has(experiment, arm)) {
            continue;
        }
        plot_arm_name(experiment, arm, name);
        if (experiment->config.n_rules == 0) {
            name[strcspn(name, " ")] = '\0';       // "with" and "without" are enough here
        }
        double slope = sweep->decades_per_layer[arm];
        snprintf(label, sizeof label, isfinite(slope) ? "%s: %s%.2g decades/%s" : "%s", name, slope < 0 ? "−" : "", fabs(slope),
                 plot_layer_word(experiment));
        add_series(panel, series_of_sweep(sweep, arm), label, "depth");
    }
    panel_fit(panel);
}

// Of rules, the part of what arrived at each layer's input that came by the shortcut.
static void add_shares(Picture *picture, const Experiment *experiment, const char *x_label)
{
    Panel *panel = add_panel(picture, "Share of |dL/dx| by the shortcut", x_label);
    panel->axis = AXIS_UNIT;
    add_layers(panel, experiment, METRIC_SHARE, SCALE_ABSOLUTE);
}

// What arrived at each layer's input, in two parts. Only where there are shortcuts.
static void add_split(Picture *picture, const Experiment *experiment, const char *title, const char *x_label, const char *beside)
{
    if (experiment->config.n_rules > 1) {
        add_shares(picture, experiment, x_label);
        return;
    }
    int arm = experiment->config.n_rules == 1 ? 0 : 1;
    if (!experiment_has(experiment, arm)) {
        return;
    }
    Series skip = series_of_layers(experiment, arm, 0, METRIC_SKIP, SCALE_ABSOLUTE);
    Series block = series_of_layers(experiment, arm, 0, METRIC_BLOCK, SCALE_ABSOLUTE);
    if (!series_has_data(&skip)) {
        series_free(&skip);
        series_free(&block);
        return;
    }
    skip.style = &style_skip;
    block.style = &style_block;
    skip.spread = SPREAD_NONE;                     // their bands would cover each other
    block.spread = SPREAD_NONE;
    Panel *panel = add_panel(picture, title, x_label);
    add_series(panel, skip, "through the shortcut", plot_layer_word(experiment));
    add_series(panel, block, beside, plot_layer_word(experiment));
    panel_fit(panel);
}

static void deep_picture(Picture *picture, const Experiment *experiment, const Sweep *sweep)
{
    Panel *weights = add_panel(picture, "Mean |dL/dW| of each layer, relative to the last layer's",
                               "layer     (the gradient comes from the right)");
    add_layers(weights, experiment, METRIC_WEIGHT, SCALE_RELATIVE);
    add_sweep(picture, experiment, sweep);
    add_split(picture, experiment, "With shortcuts: |dL/dx| at each layer's input", "layer", "through the layer");
}

static void gpt_picture(Picture *picture, const Experiment *experiment, const Sweep *sweep)
{
    Panel *weights = add_panel(picture, "Mean |dL/dW| of each block", "");
    add_layers(weights, experiment, METRIC_WEIGHT, SCALE_ABSOLUTE);
    Panel *query_key = add_panel(picture, "Mean |dL/dW|, query and key only", "");
    add_layers(query_key, experiment, METRIC_QUERY_KEY, SCALE_ABSOLUTE);
    panel_share(weights, query_key);
    Panel *cosine = add_panel(picture, "Token cosine after each block", "block");
    cosine->axis = AXIS_UNIT;
    add_layers(cosine, experiment, METRIC_COSINE, SCALE_ABSOLUTE);
    add_split(picture, experiment, "With shortcuts: |dL/dx| at inputs", "block", "through the block");
    add_sweep(picture, experiment, sweep);
}

// ------------------------------------------------------------------------------------------------------------
// Layout

static void place(Panel *panel, double x0, double x1, double y0, double y1)
{
    panel->x0 = x0;
    panel->x1 = x1;
    panel->y0 = y0;
    panel->y1 = y1;
}

// A large panel on the left, the others in one or two columns beside it.
static void layout_one_large(Picture *picture, double bottom, double top)
{
    Panel *panels = picture->panels;
    double middle = (bottom + top) / 2;
    if (picture->n == 1) {
        place(&panels[0], 0, 1, bottom, top);
        return;
    }
    place(&panels[0], 0, 0.53, bottom, top);
    if (picture->n == 2) {
        place(&panels[1], 0.53, 1, bottom, top);
        return;
    }
    place(&panels[1], 0.53, 1, middle, top);
    place(&panels[2], 0.53, 1, bottom, middle);
}

// Two columns, or three if there are five panels: the fifth then is twice as wide. The upper row shares the lower row's x label.
static void layout_grid(Picture *picture, double bottom, double top)
{
    int columns = picture->n == 5 ? 3 : 2;
    double middle = (bottom + top) / 2 + 0.016;
    for (int i = 0; i < picture->n; i++) {
        Panel *panel = &picture->panels[i];
        bool upper = i < columns;
        double x0 = (double)(i % columns) / columns;
        double x1 = i == picture->n - 1 ? 1 : x0 + 1.0 / columns;
        place(panel, x0, x1, upper ? middle : bottom, upper ? top : middle);
        panel->x_label = upper ? "" : panel->x_label;
    }
}

bool plot_experiment(const Experiment *experiment, const Sweep *sweep, const char *path, Error *error)
{
    REQUIRE(path);
    if (!plot_path_check(path, error)) {
        return false;
    }
    Picture picture = {.n = 0};
    bool mlp = experiment->config.net == NET_MLP;
    if (mlp) {
        deep_picture(&picture, experiment, sweep);
    } else {
        gpt_picture(&picture, experiment, sweep);
    }
    char *title = plot_finding(experiment, sweep);
    char *caption = plot_caption(experiment, sweep);
    PlotText script;
    double top;
    double bottom;
    plot_text_open(&script);
    page_open(script.stream, path, title, caption, &top, &bottom);
    if (mlp) {
        layout_one_large(&picture, bottom, top);
    } else {
        layout_grid(&picture, bottom, top);
    }
    for (int i = 0; i < picture.n; i++) {
        panel_write(&picture.panels[i], script.stream, i + 1);
        panel_free(&picture.panels[i]);
    }
    page_close(script.stream);
    free(title);
    free(caption);
    return page_draw(&script, path, error);
}
