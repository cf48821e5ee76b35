// terminal_chart.c: the chart for the terminal: gnuplot's dumb terminal draws the axes and the points, the lines above and below
// are written here, where it is known how wide they may be.

#include "gpt/plot/panel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { AXIS_COLUMNS = 12 };

static const char arm_letter[ARMS_MOST + 1] = "o#x+*@%&";

// A GPT's weight gradients need not vanish without shortcuts; its query and key gradients are what collapses.
static void chart_of(const Experiment *experiment, Panel *panel, LayerMetric *figure, FigureScale *scale)
{
    bool mlp = experiment->config.net == NET_MLP;
    *figure = mlp ? METRIC_WEIGHT : METRIC_QUERY_KEY;
    *scale = mlp ? SCALE_RELATIVE : SCALE_ABSOLUTE;
    *panel = (Panel){.title = mlp ? "mean |dL/dW| of each layer, relative to the last layer's"
                                  : "mean |dL/dW| of query and key in each block"};
    for (int arm = 0; arm < experiment_arms(&experiment->config); arm++) {
        char name[ARM_TEXT];
        if (experiment_has(experiment, arm)) {
            Series *series = &panel->series[panel->n_series];
            *series = series_of_layers(experiment, arm, 0, *figure, *scale);
            series->spread = SPREAD_NONE;
            series_label(series, plot_arm_name(experiment, arm, name), plot_layer_word(experiment));
            panel->n_series++;
        }
    }
    panel_fit(panel);
}

static char letter_of(const Series *series)
{
    return arm_letter[series->style - style_arm];
}

// ------------------------------------------------------------------------------------------------------------
// The script

static void write_axes(const Panel *panel, FILE *script, double floor_row, double top_row)
{
    int low = (int)panel->low;
    int high = (int)panel->high;
    int step = plot_tic_step(high - low, 6);
    double row = (top_row - floor_row) / (DUMB_ROWS - 4);
    fprintf(script, "set yrange [%.9g:%.9g]\nset ytics (", floor_row - row, top_row);              // nothing on the axis itself
    const char *comma = "";
    for (int power = low; power <= high; power++) {
        if (power % step == 0) {
            fprintf(script, power == 0 ? "%s\"1\" 0" : "%s\"1e%d\" %d", comma, power, power);
            comma = ", ";
        }
    }
    if (panel->zeros) {
        fprintf(script, "%s\"0\" %.9g", comma, floor_row);
        comma = ", ";
    }
    if (panel->not_finite) {
        fprintf(script, "%s\"NaN\" %.9g", comma, top_row);
    }
    fprintf(script, ")\n");
}

// At most a point a column; the first layer and the last are among them.
static void write_points(const Series *series, FILE *script, int columns, double floor_row, double top_row)
{
    int shown = series->n < columns ? series->n : columns;
    for (int i = 0; i < shown; i++) {
        int at = shown == 1 ? 0 : (int)((long long)i * (series->n - 1) / (shown - 1));
        double median = series->y[at].median;
        double y = !isfinite(median) ? top_row : median == 0 ? floor_row : log10(median);
        fprintf(script, "%.9g %.9g\n", series->x[at], y);
    }
}

static void write_script(const Panel *panel, FILE *script, int columns)
{
    double span = panel->high - panel->low;
    double two_rows = 2 * span / (DUMB_ROWS - 4);
    double floor_row = panel->zeros ? panel->low - two_rows : panel->low;
    double top_row = panel->not_finite ? panel->high + two_rows : panel->high;
    int last = panel->series[0].n - 1;
    dumb_open(script, columns, AXIS_COLUMNS - 4, 2);
    fprintf(script, "set xrange [%.9g:%.9g]\nset xtics 0, %d\n", -0.02 * last - 0.1, 1.02 * last + 0.1,
            plot_tic_step(last, (columns - AXIS_COLUMNS) / 8));
    write_axes(panel, script, floor_row, top_row);
    char letters[PANEL_SERIES];
    for (int s = 0; s < panel->n_series; s++) {
        letters[s] = letter_of(&panel->series[s]);
        fprintf(script, "$data_%d << EOD\n", s);
        write_points(&panel->series[s], script, columns - AXIS_COLUMNS, floor_row, top_row);
        fprintf(script, "EOD\n");
    }
    dumb_points(script, panel->n_series, letters);
}

// ------------------------------------------------------------------------------------------------------------
// Around the chart

static void write_wrapped(FILE *out, const char *text, int columns)
{
    char *wrapped = plot_wrap(text, columns);
    fprintf(out, "%s\n", wrapped);
    free(wrapped);
}

static void write_head(FILE *out, const Experiment *experiment, const Panel *panel, int columns)
{
    char text[LABEL_TEXT + 2];                    // a letter, a blank, a label
    int n_seeds = experiment->config.n_seeds;
    if (n_seeds > 1) {
        snprintf(text, sizeof text, "%s (median of %d seeds)", panel->title, n_seeds);
    } else if (experiment->config.saved != NULL) {
        snprintf(text, sizeof text, "%s (saved weights)", panel->title);
    } else {
        snprintf(text, sizeof text, "%s (seed %llu)", panel->title, (unsigned long long)experiment->config.seed);
    }
    text[0] = 'M';
    write_wrapped(out, text, columns);
    for (int s = 0; s < panel->n_series; s++) {
        snprintf(text, sizeof text, "%c %s", letter_of(&panel->series[s]), panel->series[s].label);
        write_wrapped(out, text, columns);
    }
    fprintf(out, "\n");
}

static void write_foot(FILE *out, const Experiment *experiment, int columns)
{
    const char *more = " (the gradient comes from the right)";
    int indent = AXIS_COLUMNS - 4;
    bool room = indent + 5 + (int)strlen(more) <= columns;
    fprintf(out, "%*s%s%s\n\n", indent, "", plot_layer_word(experiment), room ? more : "");
    char *finding = plot_finding(experiment, NULL);
    write_wrapped(out, finding, columns);
    free(finding);
}

char *plot_terminal(const Experiment *experiment, int columns, Error *error)
{
    REQUIRE(experiment);
    columns = dumb_columns(columns);
    Panel panel;
    LayerMetric figure;
    FigureScale scale;
    chart_of(experiment, &panel, &figure, &scale);
    PlotText script;
    plot_text_open(&script);
    write_script(&panel, script.stream, columns);
    char *chart = dumb_draw(&script, error);
    PlotText text = {0};
    if (chart != NULL) {
        plot_text_open(&text);
        write_head(text.stream, experiment, &panel, columns);
        fputs(chart, text.stream);
        write_foot(text.stream, experiment, columns);
        plot_text_close(&text);
    }
    free(chart);
    panel_free(&panel);
    return text.bytes;
}
