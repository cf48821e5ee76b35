// heatmap.c: the picture of a training run: layer against step, a map an arm, colour for the size of the gradient; and the
// loss beneath, so that one sees what the gradients did.

#include "gpt/plot/panel.h"

#include <math.h>
#include <stdlib.h>

// More cells could not be told apart on a slide.
enum { COLUMNS_MOST = 200, ROWS_MOST = 150 };

// Medians of mean |dL/dW| over the seeds; cells[column * n_rows + row].
typedef struct Map {
    int n_columns, n_rows;
    int column_stride, row_stride;                 // column c is step c * column_stride, row r is layer r * row_stride
    double *cells;
    int zeros, not_finite;
} Map;

// The networks of one arm at one step.
static int select_step(const Experiment *experiment, int arm, int step, const Measurement **selected)
{
    int n = 0;
    for (int i = 0; i < experiment->n_measurements && n < experiment->config.n_seeds; i++) {
        const Measurement *measurement = &experiment->measurements[i];
        if (measurement->arm == arm && measurement->step == step) {
            selected[n] = measurement;
            n++;
        }
    }
    return n;
}

static void fill_column(Map *map, int column, const Measurement **selected, int n, double *values)
{
    for (int row = 0; row < map->n_rows; row++) {
        for (int i = 0; i < n; i++) {
            values[i] = measurement_metric(selected[i], row * map->row_stride, METRIC_WEIGHT);
        }
        double median = quartiles(values, n).median;
        map->cells[column * map->n_rows + row] = median;
        map->zeros += median == 0;
        map->not_finite += !isfinite(median);
    }
}

// Steps from one measurement to the next.
static int measured_every(const Experiment *experiment)
{
    const TrainConfig *train = experiment->config.train;
    return train == NULL ? 1 : train->gradflow_every;
}

static Map map_create(const Experiment *experiment, int arm)
{
    size_t n_seeds = (size_t)experiment->config.n_seeds;
    int n_steps = experiment->config.n_steps;
    int every = measured_every(experiment);
    Map map = {.column_stride = (n_steps / every / COLUMNS_MOST + 1) * every, .row_stride = (experiment->n_layer - 1) / ROWS_MOST + 1};
    map.n_columns = n_steps / map.column_stride + 1;
    map.n_rows = (experiment->n_layer - 1) / map.row_stride + 1;
    map.cells = memory_allocate((size_t)map.n_columns * (size_t)map.n_rows * sizeof *map.cells, "a picture");
    const Measurement **selected = memory_allocate(n_seeds * sizeof *selected, "a picture");
    double *values = memory_allocate(n_seeds * sizeof *values, "a picture");
    for (int column = 0; column < map.n_columns; column++) {
        int n = select_step(experiment, arm, column * map.column_stride, selected);
        fill_column(&map, column, selected, n, values);
    }
    free(selected);
    free(values);
    return map;
}

// ------------------------------------------------------------------------------------------------------------
// Colours

// The powers of ten from the smallest to the largest value of all maps.
static void color_range(const Map *maps, int *low, int *high)
{
    double least = INFINITY;
    double most = -INFINITY;
    for (int arm = 0; arm < ARMS_MOST; arm++) {
        for (int i = 0; i < maps[arm].n_columns * maps[arm].n_rows; i++) {
            double value = maps[arm].cells[i];
            if (isfinite(value) && value > 0) {
                least = fmin(least, value);
                most = fmax(most, value);
            }
        }
    }
    *low = least <= most ? (int)floor(log10(least)) : -1;
    *high = least <= most ? (int)ceil(log10(most)) : 0;
    *high = *high > *low ? *high : *low + 1;
}

static void write_colors(FILE *script, int low, int high, double bottom, double top)
{
    fprintf(script, "%sset cbrange [%d:%d]\n", plot_palette, low, high);
    fprintf(script, "set colorbox vertical user origin screen 0.922,%.4f size screen 0.015,%.4f border\n", bottom, top - bottom);
    fprintf(script, "set cbtics (");
    int step = plot_tic_step(high - low, 6);
    const char *comma = "";
    for (int power = low; power <= high; power++) {
        if (power % step == 0) {
            fprintf(script, "%s", comma);
            plot_power(script, power);
            fprintf(script, " %d", power);
            comma = ", ";
        }
    }
    fprintf(script, ") scale 0.5 font \",24\" offset -0.8,0\n");
}

// ------------------------------------------------------------------------------------------------------------
// The maps

// A map needs two rows of cells: one layer is drawn as two of half the height.
static void write_cells(const Map *map, FILE *script, int number)
{
    int copies = map->n_rows == 1 ? 2 : 1;
    fprintf(script, "$map_%d << EOD\n# step layer mean_abs_weight_grad (median)\n", number);
    for (int row = 0; row < map->n_rows * copies; row++) {
        for (int column = 0; column < map->n_columns; column++) {
            double value = map->cells[column * map->n_rows + row / copies];
            double y = copies == 2 ? -0.25 + 0.5 * row : row * map->row_stride;
            fprintf(script, isfinite(value) ? "%d %.9g %.9g\n" : "%d %.9g NaN\n", column * map->column_stride, y, value);
        }
    }
    fprintf(script, "EOD\n");
}

// Cells that are not finite; one point that can't be seen if there are none, since gnuplot wants data.
static void write_not_finite(const Map *map, FILE *script, int number)
{
    fprintf(script, "$not_finite_%d << EOD\n# step layer\nNaN NaN\n", number);
    for (int i = 0; i < map->n_columns * map->n_rows; i++) {
        if (!isfinite(map->cells[i])) {
            fprintf(script, "%d %d\n", i / map->n_rows * map->column_stride, i % map->n_rows * map->row_stride);
        }
    }
    fprintf(script, "EOD\n");
}

// Where a map is on the page.
typedef struct Place {
    double x0, x1, bottom, top;
} Place;

static void write_map(const Map *map, FILE *script, int number, const char *title, const char *image, Place place)
{
    double half_step = 0.5 * map->column_stride;
    double half_layer = 0.5 * map->row_stride;
    double last_step = (map->n_columns - 1) * map->column_stride;
    double last_layer = (map->n_rows - 1) * map->row_stride;
    write_cells(map, script, number);
    write_not_finite(map, script, number);
    fprintf(script, "set lmargin at screen %.4f\nset rmargin at screen %.4f\n", place.x0 + 0.05, place.x1 - 0.012);
    fprintf(script, "set bmargin at screen %.4f\nset tmargin at screen %.4f\n", place.bottom, place.top);
    fprintf(script, "set label \"%s\" at screen %.4f,%.4f left font \",26\" noenhanced\n", title, place.x0 + 0.022,
            place.top + 0.028);
    fprintf(script, "set xrange [%.9g:%.9g]\nset yrange [%.9g:%.9g]\n", -half_step, last_step + half_step, -half_layer,
            last_layer + half_layer);
    fprintf(script, "set xtics 0, %d\nset ytics 0, %d\n", plot_tic_step((int)last_step, 6), plot_tic_step((int)last_layer, 8));
    fprintf(script, "plot $map_%d using 1:2:(log10($3)) with %s notitle, \\\n", number, image);
    fprintf(script, "     $not_finite_%d using 1:2:(%.9g):(%.9g) with boxxyerror fs solid border fc rgb \"black\" lw 1 notitle\n",
            number, half_step, half_layer);
    fprintf(script, "unset label\nunset arrow\nunset colorbox\n");
}

static void write_share(FILE *out, const char *what, int count, const Map *map, const char *arm)
{
    int n = map->n_columns * map->n_rows;
    char number[NUMBER_PLOT_TEXT];
    if (n > 0 && count == n) {
        fprintf(out, "%s: all cells %s. ", what, arm);
    } else if (count > 0) {
        fprintf(out, "%s: %s %% of the cells %s. ", what, plot_number(100.0 * count / n, number), arm);
    }
}

// What the colors don't say. The caller frees it.
static char *write_note(const Experiment *experiment, const Map *maps, int every)
{
    const Map *any = NULL;
    PlotText text;
    plot_text_open(&text);
    fprintf(text.stream, "Colour: the median. ");
    for (int arm = 0; arm < experiment_arms(&experiment->config); arm++) {
        char name[ARM_TEXT];
        plot_with_arm(experiment, arm, name);
        write_share(text.stream, "Grey is exactly 0", maps[arm].zeros, &maps[arm], name);
        write_share(text.stream, "Black is NaN or infinite", maps[arm].not_finite, &maps[arm], name);
        any = any == NULL && maps[arm].cells != NULL ? &maps[arm] : any;
    }
    if (every > 1) {
        fprintf(text.stream, "Measured every %d steps. ", every);
    }
    if (any->column_stride > every) {
        fprintf(text.stream, "One %s in %d is shown. ", every > 1 ? "measurement" : "step", any->column_stride / every);
    }
    if (any->row_stride > 1) {
        fprintf(text.stream, "One layer in %d is shown. ", any->row_stride);
    }
    plot_text_close(&text);
    return text.bytes;
}

// One or two side by side; more in two rows.
static Place place_of(int i, int n, double bottom, double top)
{
    int columns = n <= 2 ? n : (n + 1) / 2;
    double width = 0.916 / columns;
    double x0 = width * (i % columns);
    double middle = (bottom + top) / 2;
    if (n <= 2) {
        return (Place){x0, x0 + width, bottom, top};
    }
    return (Place){x0, x0 + width, i < columns ? middle + 0.03 : bottom, i < columns ? top : middle - 0.03};
}

static void write_maps(const Experiment *experiment, const Map *maps, FILE *script, const char *image, double bottom, double top)
{
    int low;
    int high;
    color_range(maps, &low, &high);
    fprintf(script, "\n# The maps\n\n");
    write_colors(script, low, high, bottom, top);
    fprintf(script, "unset logscale\nset format y \"%%g\"\nset xlabel \"\"\nunset grid\n");
    fprintf(script, "set object 1 rectangle from graph 0,0 to graph 1,1 fc rgb \"#BBBBBB\" fs solid noborder behind\n");
    int n = 0;
    for (int arm = 0; arm < ARMS_MOST; arm++) {
        n += maps[arm].cells != NULL;
    }
    int i = 0;
    for (int arm = 0; arm < ARMS_MOST; arm++) {
        if (maps[arm].cells == NULL) {
            continue;
        }
        char name[ARM_TEXT];
        char title[LABEL_TEXT];
        snprintf(title, sizeof title, n <= 2 ? "Mean |dL/dW| by %s, %s" : "%.0s%s", plot_layer_word(experiment),
                 plot_arm_name(experiment, arm, name));
        write_map(&maps[arm], script, arm + 1, title, image, place_of(i, n, bottom, top));
        i++;
    }
    fprintf(script, "unset object 1\nset grid ytics\n");
}

// ------------------------------------------------------------------------------------------------------------
// The loss

// Logarithmic if it spans more than a power of ten.
static Panel loss_panel(const Experiment *experiment, int stride)
{
    Panel panel = {.title = "Loss", .x_label = "step", .axis = AXIS_LINEAR};
    double low = INFINITY;
    double high = 0;
    for (int arm = 0; arm < experiment_arms(&experiment->config); arm++) {
        char name[ARM_TEXT];
        if (!experiment_has(experiment, arm)) {
            continue;
        }
        Series series = series_of_losses(experiment, arm, stride);
        series_label(&series, plot_arm_name(experiment, arm, name), "step");
        for (int i = 0; i < series.n; i++) {
            low = fmin(low, series.y[i].median);
            high = fmax(high, series.y[i].median);
        }
        panel.series[panel.n_series] = series;
        panel.n_series++;
    }
    panel.axis = high > 10 * low ? AXIS_LOGARITHMIC : AXIS_LINEAR;
    panel_fit(&panel);
    return panel;
}

bool plot_heatmap(const Experiment *experiment, const char *path, Error *error)
{
    REQUIRE(path);
    if (!plot_path_check(path, error)) {
        return false;
    }
    if (experiment->config.n_steps < 1) {
        return error_set(error, "%s: no two steps were measured, so there is nothing to draw", path);
    }
    Map maps[ARMS_MOST] = {{0}};
    int stride = 1;
    for (int arm = 0; arm < experiment_arms(&experiment->config); arm++) {
        if (experiment_has(experiment, arm)) {
            maps[arm] = map_create(experiment, arm);
            stride = maps[arm].column_stride;
        }
    }
    Panel loss = loss_panel(experiment, stride);
    char *note = write_note(experiment, maps, measured_every(experiment));
    char *title = plot_training_finding(experiment);
    char *caption = plot_training_caption(experiment, note);
    PlotText script;
    plot_text_open(&script);
    page_open(script.stream, path, title, caption, &loss.y1, &loss.y0);
    double top = loss.y1 - 0.06;
    loss.x1 = 1;
    loss.y1 = loss.y0 + 0.36;
    write_maps(experiment, maps, script.stream, page_image(path), loss.y1 + 0.06, top);
    panel_write(&loss, script.stream, ARMS_MOST + 1);
    page_close(script.stream);
    panel_free(&loss);
    for (int arm = 0; arm < ARMS_MOST; arm++) {
        free(maps[arm].cells);
    }
    free(note);
    free(title);
    free(caption);
    return page_draw(&script, path, error);
}
