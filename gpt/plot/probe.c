// probe.c: the plot of a probe: its panels as the table of probes describes them. Maps, one for each arm, are above the lines and bars.

#include "gpt/plot/draw.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PANELS_MOST = 8, CELLS_MOST = 150 }; // more rows would be indistinguishable

// The maps of one row of the table, in the order of the arms; they share their colors.
typedef struct MapRow {
    const ProbePanel *panel;
    Cells cells[STYLE_COUNT];
    const char *y_label;
    double low, high; // powers of ten if logarithmic
    bool logarithmic;
} MapRow;

typedef struct Sheet {
    const Experiment *experiment;
    const Probe *probe;
    int step;
    PlotArms arms;
    const char *names[STYLE_COUNT]; // of the arms
    Panel graphs[PANELS_MOST];
    int n_graphs;
    MapRow maps[PANELS_MOST];
    int n_maps;
} Sheet;

// ------------------------------------------------------------------------------------------------------------
// From numbers to lines and cells

// What a panel's places are, as the label of an axis.
static const char *place_word(const Sheet *sheet, const ProbePlace *places, int n)
{
    const char *layer = experiment_layer_word(sheet->experiment);
    if (n == 0 || places[0].layer < 0) {
        return "";
    }
    return n <= sheet->experiment->n_layer + 1 ? layer : n == 2 * sheet->experiment->n_layer ? "sublayer" : "parameter";
}

static Line line_of_places(const Sheet *sheet, const ProbePanel *panel, PlotArm arm, const char **word)
{
    AUTO_FREE ProbePlace *places = NULL;
    int n = experiment_probe_places(sheet->experiment, arm.number, sheet->step, panel->kind, &places);
    Line line = line_create(arm.name, arm.style, n);
    line.spread = line_spread(sheet->experiment, n);
    for (int i = 0; i < n; i++) {
        line.x[i] = i;
        line.y[i] = experiment_probe_reduced(sheet->experiment, arm.number, sheet->step, panel->kind, places[i], panel->reduce);
    }
    *word = n > 0 ? place_word(sheet, places, n) : *word;
    return line;
}

// How many numbers the first network of an arm has at a place.
static int count_indices(const Sheet *sheet, const char *kind, PlotArm arm, ProbePlace place)
{
    for (int i = 0; i < sheet->experiment->n_measurements; i++) {
        const Measurement *measurement = &sheet->experiment->measurements[i];
        if (measurement->arm == arm.number && measurement->step == sheet->step) {
            return measurement_probe(measurement, kind, place, NULL, 0);
        }
    }
    return 0;
}

// Medians of the numbers of a place, to values (n), as shares of their sum if wanted.
static void place_values(const Sheet *sheet, const char *kind, PlotArm arm, ProbePlace place, bool shares, double *values, int n)
{
    double sum = 0;
    for (int k = 0; k < n; k++) {
        values[k] = experiment_probe(sheet->experiment, arm.number, sheet->step, kind, place, k).median;
        sum += values[k];
    }
    for (int k = 0; k < n && shares; k++) {
        values[k] /= sum;
    }
}

static Line line_of_indices(const Sheet *sheet, const ProbePanel *panel, PlotArm arm)
{
    AUTO_FREE ProbePlace *places = NULL;
    int n_places = experiment_probe_places(sheet->experiment, arm.number, sheet->step, panel->kind, &places);
    ProbePlace place = n_places > 0 ? places[0] : (ProbePlace){.layer = -1};
    int n = n_places > 0 ? count_indices(sheet, panel->kind, arm, place) : 0;
    Line line = line_create(arm.name, arm.style, n);
    AUTO_FREE double *values = memory_allocate((size_t)n * sizeof *values + 1, "a plot");
    place_values(sheet, panel->kind, arm, place, panel->form == FORM_BARS, values, n);
    line.spread = panel->form == FORM_BARS ? SPREAD_NONE : line_spread(sheet->experiment, n);
    for (int k = 0; k < n; k++) {
        line.x[k] = k;
        line.y[k] = panel->form == FORM_BARS ? line_point(values[k])
                                             : experiment_probe(sheet->experiment, arm.number, sheet->step, panel->kind, place, k);
    }
    return line;
}

// Leaves out a panel without numbers: a training run's CSV has none of internal kinds.
static void add_graph(Sheet *sheet, const ProbePanel *panel)
{
    static const Axis axes[] = {[SCALE_LINEAR] = AXIS_ZERO, [SCALE_UNIT] = AXIS_UNIT, [SCALE_LOG] = AXIS_LOG};
    Panel *graph = &sheet->graphs[sheet->n_graphs];
    const char *word = "";
    int most = 0; // points of a line
    *graph = (Panel){.title = panel->title, .axis = axes[panel->scale], .x_counts = true, .has_rows = true, .n_lines = sheet->arms.n};
    for (int i = 0; i < sheet->arms.n; i++) {
        graph->lines[i] = panel->form == FORM_PLACES ? line_of_places(sheet, panel, sheet->arms.arm[i], &word)
                                                     : line_of_indices(sheet, panel, sheet->arms.arm[i]);
        most = graph->lines[i].n > most ? graph->lines[i].n : most;
    }
    graph->x_label = panel->x_label != NULL ? panel->x_label : word;
    if (panel->form == FORM_PLACES && word[0] == '\0') { // one number for the network: the arms side by side
        for (int i = 0; i < sheet->arms.n && most > 0; i++) {
            graph->lines[i].x[0] = i;
        }
        graph->x_names = sheet->names;
        graph->n_x_names = sheet->arms.n;
        graph->x_low = -0.5;
        graph->x_high = sheet->arms.n - 0.5;
    }
    if (panel->form == FORM_BARS) {
        graph->bars = true;
        graph->x_low = -0.5;
        graph->x_high = most - 0.5;
    }
    if (most > 0) {
        panel_fit(graph);
        sheet->n_graphs++;
    } else {
        panel_free(graph);
    }
}

// Rows are places and columns indices; of a square, both are the indices of one place.
static Cells cells_of(const Sheet *sheet, const ProbePanel *panel, PlotArm arm, const char **word)
{
    AUTO_FREE ProbePlace *places = NULL;
    int n = experiment_probe_places(sheet->experiment, arm.number, sheet->step, panel->kind, &places);
    int most = 0;
    int stride = n / CELLS_MOST + 1;
    for (int i = 0; i < n; i++) {
        int count = count_indices(sheet, panel->kind, arm, places[i]);
        most = count > most ? count : most;
    }
    bool square = panel->form == FORM_SQUARE;
    int side = (int)(sqrt(most) + 0.5);
    Cells cells = cells_create(square ? side : (n + stride - 1) / stride, square ? side : most, 1, square ? 1 : stride);
    int count = cells.rows * cells.columns;
    for (int i = 0; i < count; i++) {
        cells.values[i] = NAN;
    }
    for (int row = 0; row < (square && n > 0 ? 1 : cells.rows); row++) {
        ProbePlace place = places[row * stride];
        place_values(sheet, panel->kind, arm, place, !square, cells.values + row * cells.columns,
                     square ? count : count_indices(sheet, panel->kind, arm, place));
    }
    *word = square || n == 0 ? *word : place_word(sheet, places, n);
    return cells;
}

static void add_maps(Sheet *sheet, const ProbePanel *panel)
{
    MapRow *row = &sheet->maps[sheet->n_maps];
    sheet->n_maps++;
    *row = (MapRow){.panel = panel, .y_label = panel->form == FORM_SQUARE ? "a" : "", .low = INFINITY, .high = -INFINITY};
    for (int i = 0; i < sheet->arms.n; i++) {
        row->cells[i] = cells_of(sheet, panel, sheet->arms.arm[i], &row->y_label);
        cells_extend_range(&row->cells[i], &row->low, &row->high);
    }
    row->low = panel->form == FORM_MAP ? 0 : row->low;
    row->high = panel->form == FORM_MAP && !(row->high > 0) ? 1 : row->high;
    if (!(row->low < row->high)) { // all the same, or none
        row->low = isfinite(row->low) ? row->low - 0.5 : 0;
        row->high = row->low + 1;
    }
    row->logarithmic = row->low > 0 && row->high > 10 * row->low;
    if (row->logarithmic) {
        row->low = floor(log10(row->low));
        row->high = ceil(log10(row->high));
    }
    for (int i = 0; i < sheet->arms.n && row->logarithmic; i++) {
        for (int k = 0; k < row->cells[i].rows * row->cells[i].columns; k++) {
            row->cells[i].values[k] = log10(row->cells[i].values[k]);
        }
    }
}

// ------------------------------------------------------------------------------------------------------------
// Writing

static void write_map(Page *page, const Sheet *sheet, const MapRow *row, int arm)
{
    FILE *script = page->script;
    const Cells *cells = &row->cells[arm];
    AUTO_FREE char *name = plot_shorten(sheet->arms.arm[arm].name, 60 / sheet->arms.n);
    AUTO_FREE char *title = text_format(sheet->arms.n > 2 ? "%.0s%s" : "%s, %s", row->panel->title, name);
    fprintf(script, "set lmargin 8\nset rmargin 1\nset bmargin 3.2\nset tmargin 2\n");
    bool room = sheet->arms.n <= 4 || arm == sheet->arms.n / 2; // else one label for all maps, in the middle
    page_labels(script, title, room ? row->panel->x_label : NULL, row->y_label);
    map_write_axes(script, cells, 24 / sheet->arms.n, 8);
    if (row->panel->form == FORM_SQUARE) {
        number_print(script, "set xtics (\"-1\" 0, \"0\" %.9g, \"1\" %d)\nset ytics (\"-1\" 0, \"0\" %.9g, \"1\" %d)\n", 0.5 * (cells->columns - 1),
                     cells->columns - 1, 0.5 * (cells->rows - 1), cells->rows - 1);
    }
    map_write(page, cells);
    fprintf(script, "unset colorbox\nunset label 98\n");
}

// The maps of one panel at the top of the room that is left on the page, and their colors beside them.
static void write_map_row(Page *page, const Sheet *sheet, const MapRow *row, double height)
{
    FILE *script = page->script;
    int n = sheet->arms.n;
    map_write_colors(script, row->low, row->high);
    map_write_color_box(script, 0.945, page->top - height + 0.09, height - 0.15);
    if (row->logarithmic) {
        number_print(script, "set format cb \"10^{%%g}\"\nset cbtics %d\n", plot_tic_step((int)(row->high - row->low), 5));
    }
    number_print(script, "set label 98 \"%s\" at screen 0.985,%.4f right font \",18\"\n", row->panel->form == FORM_MAP ? "share" : "loss",
                 page->top - 0.02);
    for (int i = 0; i < n; i++) {
        if (row->cells[i].rows > 0 && row->cells[i].columns > 0) {
            page_place(script, 0.935 * i / n, page->top - height, 0.935 / n, height);
            write_map(page, sheet, row, i);
        }
    }
    page->top -= height;
}

// The probe's first finding, and the rest of what there is to say about the experiment. The caller frees both.
static void write_words(const Sheet *sheet, char **title, char **caption)
{
    int next = 0;
    Writer *first = writer_begin();
    Writer *rest = writer_begin();
    if (!probe_write_finding(first->stream, sheet->experiment, sheet->step, sheet->probe, true, &next)) {
        fprintf(first->stream, "%.*s", (int)strlen(sheet->probe->about) - 1, sheet->probe->about); // without its full stop
    }
    probe_write_findings(rest->stream, sheet->experiment, sheet->step, sheet->probe, true, next);
    fprintf(rest->stream, "%s ", sheet->probe->claim);
    if (sheet->step > 0) {
        fprintf(rest->stream, "After %d steps of training. ", sheet->step);
    }
    plot_write_settings(rest->stream, sheet->experiment);
    *title = plot_powers(writer_end(first));
    *caption = plot_powers(writer_end(rest));
}

static bool write_page(Sheet *sheet, const char *path, Error *error)
{
    Page page;
    char *title;
    char *caption;
    write_words(sheet, &title, &caption);
    page_open(&page, path, title, caption, &sheet->arms);
    double map_height = sheet->n_maps == 0 ? 0 : (page.top - page.bottom) * (sheet->n_graphs > 0 ? 0.56 : 1) / sheet->n_maps;
    for (int i = 0; i < sheet->n_maps; i++) {
        write_map_row(&page, sheet, &sheet->maps[i], map_height);
    }
    page_panels(&page, sheet->graphs, sheet->n_graphs, 2, true);
    return page_close(&page, error);
}

bool plot_probe(const Experiment *experiment, const Probe *probe, const char *path, Error *error)
{
    REQUIRE(experiment, probe, path);
    if (!plot_experiment_check(experiment, error)) {
        return false;
    }
    Sheet sheet = {.experiment = experiment, .probe = probe, .step = experiment->config.n_steps, .arms = plot_arms(experiment)};
    if (!probe_has_numbers(experiment, probe)) {
        return error_set(error, "%s: nothing to draw (expected numbers of the probe %s)", path, probe->name);
    }
    for (int i = 0; i < sheet.arms.n; i++) {
        sheet.names[i] = sheet.arms.arm[i].name;
    }
    for (const ProbePanel *panel = probe->panels; panel->title != NULL; panel++) {
        if (panel->form == FORM_MAP || panel->form == FORM_SQUARE) {
            add_maps(&sheet, panel);
        } else {
            add_graph(&sheet, panel);
        }
    }
    bool drawn = write_page(&sheet, path, error);
    for (int i = 0; i < sheet.n_maps; i++) {
        for (int arm = 0; arm < sheet.arms.n; arm++) {
            free(sheet.maps[i].cells[arm].values);
        }
    }
    return drawn;
}
