// experiment.c: the plot of an experiment: its panels and their layout; and its chart for the terminal.

#include "gpt/plot/draw.h"

bool plot_experiment_check(const Experiment *experiment, Error *error)
{
    const ExperimentConfig *config = &experiment->config;
    if (experiment->measurements == NULL || experiment->n_measurements < 1 || experiment->n_layer < 1 || config->n_seeds < 1) {
        return error_set(error, "nothing to draw (expected measurements)");
    }
    return true;
}

// ------------------------------------------------------------------------------------------------------------
// Panels

enum { PANELS_MOST = 5 };

typedef struct Picture {
    const Experiment *experiment;
    PlotArms arms;
    Panel panels[PANELS_MOST];
    int n;
} Picture;

// Leaves out a panel without points: its lines have no shortcut whose gradient is finite.
static Panel *add_panel(Picture *picture, const Panel *panel)
{
    Panel *added = &picture->panels[picture->n];
    int points = 0;
    *added = *panel;
    for (int i = 0; i < added->n_lines; i++) {
        points += added->lines[i].n;
    }
    if (points == 0) {
        panel_free(added);
        return NULL;
    }
    picture->n++;
    panel_fit(added);
    return added;
}

// A panel of a metric of each layer, in each arm.
static Panel *add_layers(Picture *picture, const char *title, LayerMetric metric, bool relative, Axis axis)
{
    Panel panel = {.title = title, .x_label = experiment_layer_word(picture->experiment), .axis = axis, .x_counts = true, .has_rows = true};
    for (; panel.n_lines < picture->arms.n; panel.n_lines++) {
        panel.lines[panel.n_lines] = line_of_layers(picture->experiment, picture->arms.arm[panel.n_lines], metric, relative);
    }
    return add_panel(picture, &panel);
}

static void add_sweep(Picture *picture, const Sweep *sweep)
{
    bool mlp = picture->experiment->config.net == NET_MLP;
    Panel panel = {.title = mlp ? "First layer relative to the last, by depth" : "First block relative to the last, by depth",
                   .x_label = mlp ? "number of layers" : "number of blocks",
                   .axis = AXIS_LOG,
                   .x_counts = true,
                   .has_rows = true};
    for (; sweep != NULL && sweep->n_points > 0 && panel.n_lines < picture->arms.n; panel.n_lines++) {
        panel.lines[panel.n_lines] = line_of_sweep(sweep, picture->arms.arm[panel.n_lines]);
    }
    if (panel.n_lines > 0) {
        add_panel(picture, &panel);
    }
}

static Line split_line(const Picture *picture, PlotArm arm, LayerMetric metric, const char *label, int style)
{
    PlotArm part = {.number = arm.number, .name = label, .style = style};
    Line line = line_of_layers(picture->experiment, part, metric, false);
    line.spread = SPREAD_NONE; // their bands would cover each other
    return line;
}

// The two parts of the gradient at each layer's input, of the last arm that has shortcuts; with rules, the shortcut's share.
static void add_split(Picture *picture)
{
    int last = picture->arms.n - 1;
    if (picture->experiment->config.n_rules > 1) {
        add_layers(picture, "Share of |dL/dx| by shortcut", METRIC_SHARE, false, AXIS_UNIT);
        return;
    }
    while (last >= 0 && experiment_shortcuts(picture->experiment, picture->arms.arm[last].number) == 0) {
        last--;
    }
    if (last >= 0) {
        PlotArm arm = picture->arms.arm[last];
        add_panel(picture, &(Panel){.title = "|dL/dx| by shortcut and by branch",
                                    .x_label = experiment_layer_word(picture->experiment),
                                    .x_counts = true,
                                    .has_key = true,
                                    .has_rows = true,
                                    .axis = AXIS_LOG,
                                    .n_lines = 2,
                                    .lines = {split_line(picture, arm, METRIC_SKIP, "by shortcut", STYLE_SHORTCUT),
                                              split_line(picture, arm, METRIC_BLOCK, "by branch", STYLE_BRANCH)}});
    }
}

static void add_panels(Picture *picture, const Sweep *sweep)
{
    if (picture->experiment->config.net == NET_MLP) {
        Panel *weights = add_layers(picture, "Mean |dL/dW| of each layer, relative to the last", METRIC_WEIGHT, true, AXIS_LOG);
        weights->x_label = "layer (the gradient comes from the right)";
        add_sweep(picture, sweep);
        add_split(picture);
        return;
    }
    Panel *weights = add_layers(picture, "Mean |dL/dW| of each block", METRIC_WEIGHT, false, AXIS_LOG);
    Panel *query_key = add_layers(picture, "Mean |dL/dW|, query and key only", METRIC_QUERY_KEY, false, AXIS_LOG);
    panel_share(weights, query_key);
    add_layers(picture, "Token cosine after each block", METRIC_COSINE, false, AXIS_UNIT);
    add_split(picture);
    add_sweep(picture, sweep);
}

bool plot_experiment(const Experiment *experiment, const Sweep *sweep, const char *path, Error *error)
{
    REQUIRE(experiment, path);
    if (!plot_experiment_check(experiment, error)) {
        return false;
    }
    Picture picture = {.experiment = experiment, .arms = plot_arms(experiment)};
    Page page;
    page_open(&page, path, plot_powers(plot_finding(experiment, sweep)), plot_caption(experiment, sweep), &picture.arms);
    add_panels(&picture, sweep);
    page_panels(&page, picture.panels, picture.n, picture.n > 4 ? 3 : 2, experiment->config.net == NET_MLP);
    return page_close(&page, error);
}

// ------------------------------------------------------------------------------------------------------------
// The terminal

static void write_title(FILE *out, const Experiment *experiment)
{
    const ExperimentConfig *config = &experiment->config;
    fprintf(out,
            config->net == NET_MLP ? "Mean |dL/dW| of each layer, relative to the last layer's" : "Mean |dL/dW| of query and key in each block");
    fprintf(out, config->n_steps > 0 ? " (before training, " : " (");
    plot_write_seeds(out, config);
    fprintf(out, ")");
}

// A GPT's weight gradients need not vanish without shortcuts; its query and key gradients are what collapses.
char *plot_terminal(const Experiment *experiment, int columns, Error *error)
{
    REQUIRE(experiment);
    if (!plot_experiment_check(experiment, error)) {
        return NULL;
    }
    bool mlp = experiment->config.net == NET_MLP;
    Picture picture = {.experiment = experiment, .arms = plot_arms(experiment)};
    Writer *writer = writer_begin();
    write_title(writer->stream, experiment);
    AUTO_FREE char *title = writer_end(writer);
    Panel *panel = add_layers(&picture, title, mlp ? METRIC_WEIGHT : METRIC_QUERY_KEY, mlp, AXIS_LOG);
    panel->x_label = mlp ? "layer (the gradient comes from the right)" : "block (the gradient comes from the right)";
    char *chart = panel_terminal(panel, NULL, columns, error);
    panel_free(panel);
    return chart;
}
