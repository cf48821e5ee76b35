// training.c: the plot of a training run: layer against step, a map per arm, color for the size of the gradient; and the loss
// below them on the same axis of steps, to show the effect of the gradients.

#include "gpt/plot/draw.h"

#include <math.h>
#include <stdlib.h>

enum { COLUMNS_MOST = 200, ROWS_MOST = 150 }; // more cells would be indistinguishable on a slide
enum { COLOR_LOW = -16, COLOR_HIGH = 0 };     // powers of ten that the colors of every plot span, so that plots can be compared

// One arm's map: log10 of the medians of mean |dL/dW| over the seeds.
typedef struct FlowMap {
    Cells cells;
    int zeros, not_finite; // how many of the cells
} FlowMap;

// Steps from one measurement to the next.
static int measured_every(const Experiment *experiment)
{
    const TrainConfig *train = experiment->config.train;
    return train == NULL || train->gradflow_every < 1 ? 1 : train->gradflow_every;
}

static FlowMap map_of(const Experiment *experiment, PlotArm arm)
{
    int every = measured_every(experiment);
    int column_stride = (experiment->config.n_steps / every / COLUMNS_MOST + 1) * every;
    int row_stride = (experiment->n_layer - 1) / ROWS_MOST + 1;
    int rows = (experiment->n_layer - 1) / row_stride + 1;
    int columns = experiment->config.n_steps / column_stride + 1;
    FlowMap map = {.cells = cells_create(rows, columns, column_stride, row_stride)};
    for (int i = 0; i < rows * columns; i++) {
        int step = i % columns * column_stride;
        double median = experiment_metric(experiment, arm.number, step, i / columns * row_stride, METRIC_WEIGHT).median;
        map.zeros += median == 0;
        map.not_finite += !isfinite(median);
        map.cells.values[i] = !isfinite(median) ? INFINITY : median == 0 ? NAN : log10(median);
    }
    return map;
}

static void write_colors(FILE *script, const FlowMap *maps, int n_maps, double bottom, double top)
{
    double low = COLOR_LOW;
    double high = COLOR_HIGH;
    for (int m = 0; m < n_maps; m++) {
        cells_extend_range(&maps[m].cells, &low, &high);
    }
    low = floor(low);
    high = ceil(high);
    fprintf(script, "\n# The maps\n\n");
    map_write_colors(script, low, high);
    map_write_color_box(script, 0.922, bottom + 0.03, top - bottom - 0.06);
    number_print(script, "set format cb \"10^{%%g}\"\nset cbtics %d\n", plot_tic_step((int)(high - low), 5));
}

// Explains the special colors. The caller frees it.
static char *write_note(const Experiment *experiment, const PlotArms *arms, const FlowMap *maps)
{
    Writer *text = writer_begin();
    int every = measured_every(experiment);
    const Cells *cells = &maps[0].cells;
    for (int i = 0; i < arms->n; i++) {
        int counts[2] = {maps[i].zeros, maps[i].not_finite};
        static const char *const what[2] = {"Gray is exactly 0", "Black is NaN or infinite"};
        for (int k = 0; k < 2; k++) {
            if (counts[k] > 0) {
                fprintf(text->stream, "%s: ", what[k]);
                plot_write_number(text->stream, 100.0 * counts[k] / (cells->columns * cells->rows));
                fprintf(text->stream, " %% of the cells ");
                plot_write_arm(text->stream, arms->arm[i]);
                fprintf(text->stream, ". ");
            }
        }
    }
    if (every > 1) {
        fprintf(text->stream, "Measured every %d steps. ", every);
    }
    if (cells->dx > every) {
        fprintf(text->stream, "One %s in %d is shown. ", every > 1 ? "measurement" : "step", (int)cells->dx / every);
    }
    if (cells->dy > 1) {
        fprintf(text->stream, "One layer in %d is shown. ", (int)cells->dy);
    }
    return writer_end(text);
}

// ------------------------------------------------------------------------------------------------------------
// The page: columns of at most four maps, and below each the losses of its arms

enum { MAPS_MOST = 4 };

static void write_map(Page *page, const Experiment *experiment, const Cells *cells, PlotArm arm, const Panel *place)
{
    FILE *script = page->script;
    AUTO_FREE char *name = plot_shorten(arm.name, 24);
    AUTO_FREE char *title = text_format("Mean |dL/dW|, %s", name);
    page_place(script, place->x, place->y, place->width, place->height);
    number_print(script, "set lmargin %d\nset rmargin 2\nset bmargin 0.3\nset tmargin 2\n", LABEL_MARGIN);
    bool low = place->height < 0.17; // no room for a label, and for tics only at the ends
    page_labels(script, title, NULL, low ? NULL : experiment_layer_word(experiment));
    map_write_axes(script, cells, (int)(place->width * 20), (int)(place->height * 16));
    fprintf(script, "set format x \"\"\n");
    if (low) {
        number_print(script, "set ytics (0, %.9g)\n", (cells->rows - 1) * cells->dy);
    }
    map_write(page, cells);
    fprintf(script, "unset colorbox\n");
}

static Panel loss_panel(const Experiment *experiment, const PlotArms *arms, int first, int n, int stride)
{
    Panel panel = {.title = "Loss", .x_label = "step", .y_label = "", .axis = AXIS_AUTO, .x_counts = true, .has_rows = true, .n_lines = n};
    for (int i = 0; i < n; i++) {
        panel.lines[i] = line_of_losses(experiment, arms->arm[first + i], stride);
    }
    panel_fit(&panel);
    return panel;
}

static void write_column(Page *page, const Experiment *experiment, const PlotArms *arms, const FlowMap *maps, int first, int n)
{
    const double LOSS_HEIGHT = 0.26;
    FILE *script = page->script;
    int columns = arms->n > MAPS_MOST ? 2 : 1;
    double height = (page->top - page->bottom - LOSS_HEIGHT) / n;
    Panel loss = loss_panel(experiment, arms, first, n, (int)maps[0].cells.dx);
    panel_place(&loss, first == 0 ? 0 : 0.91 / columns, page->bottom, 0.91 / columns, LOSS_HEIGHT);
    loss.x_low = -0.5 * maps[0].cells.dx;
    loss.x_high = (maps[0].cells.columns - 0.5) * maps[0].cells.dx;
    for (int i = 0; i < n; i++) {
        Panel place = loss;
        place.y = page->top - (i + 1) * height;
        place.height = height;
        write_map(page, experiment, &maps[first + i].cells, arms->arm[first + i], &place);
    }
    fprintf(script, "set format x \"%%g\"\n");
    panel_write(&loss, page);
    panel_free(&loss);
}

bool plot_heatmap(const Experiment *experiment, const char *path, Error *error)
{
    REQUIRE(experiment, path);
    if (!plot_experiment_check(experiment, error)) {
        return false;
    }
    if (experiment->config.n_steps < 1) {
        return error_set(error, "%s: nothing to draw (expected two measured steps)", path);
    }
    PlotArms arms = plot_arms(experiment);
    FlowMap maps[STYLE_COUNT];
    for (int i = 0; i < arms.n; i++) {
        maps[i] = map_of(experiment, arms.arm[i]);
    }
    char *note = write_note(experiment, &arms, maps);
    int first_column = arms.n > MAPS_MOST ? (arms.n + 1) / 2 : arms.n;
    Page page;
    page_open(&page, path, plot_powers(plot_training_finding(experiment)), plot_training_caption(experiment, note), &arms);
    write_colors(page.script, maps, arms.n, page.bottom, page.top);
    write_column(&page, experiment, &arms, maps, 0, first_column);
    if (first_column < arms.n) {
        write_column(&page, experiment, &arms, maps, first_column, arms.n - first_column);
    }
    for (int i = 0; i < arms.n; i++) {
        free(maps[i].cells.values);
    }
    free(note);
    return page_close(&page, error);
}
