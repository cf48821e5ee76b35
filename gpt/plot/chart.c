// chart.c: any lines in one pair of axes, as a plot and as text.

#include "gpt/plot/draw.h"

#include <math.h>
#include <stdlib.h>

static double x_of(const ChartLine *line, int k)
{
    return line->x == NULL ? k : line->x[k];
}

static bool line_check(const ChartLine *line, int number, bool log_x, Error *error)
{
    if (line->y == NULL || line->n < 1) {
        return error_set(error, "line %d of the chart has no points", number);
    }
    for (int k = 0; k < line->n; k++) {
        double x = x_of(line, k);
        if (!panel_can_draw(x) || !panel_can_draw(line->y[k])) {
            return error_set(error, "line %d of the chart: cannot draw point %g, %g (expected sizes between 1e-300 and 1e300)", number, x,
                             line->y[k]);
        }
        if (log_x && x <= 0) {
            return error_set(error, "line %d of the chart: cannot draw x = %g on a logarithmic axis (expected above 0)", number, x);
        }
    }
    return true;
}

static bool chart_check(const Chart *chart, Error *error)
{
    if (chart->lines == NULL || chart->n_lines < 1 || chart->n_lines > CHART_LINES) {
        return error_set(error, "a chart has 1 to %d lines, not %d", CHART_LINES, chart->lines == NULL ? 0 : chart->n_lines);
    }
    if (chart->x_names != NULL && chart->n_x_names < 1) {
        return error_set(error, "the chart has %d names on its x axis (expected 1 or more)", chart->n_x_names);
    }
    for (int i = 0; i < chart->n_lines; i++) {
        if (!line_check(&chart->lines[i], i + 1, chart->log_x, error)) {
            return false;
        }
    }
    return true;
}

// The label, and how many of the line's points have no place.
static char *label_of(const Chart *chart, const ChartLine *line, int hidden)
{
    Writer *label = writer_begin();
    AUTO_FREE char *name = plot_shorten(line->label, chart->n_lines > 4 && hidden > 0 ? 20 : 70);
    fprintf(label->stream, "%s", name);
    if (hidden > 0) {
        fprintf(label->stream, " (%d of %d points not on the axes)", hidden, line->n);
    }
    return writer_end(label);
}

static Line line_of(const Chart *chart, int number, int style)
{
    const double ASIDE = 0.08; // of points with the same name
    const ChartLine *given = &chart->lines[number];
    const Quartiles *quartiles = chart->quartiles == NULL || given->theory ? NULL : chart->quartiles[number];
    Line line = line_create("", style, given->n);
    line.theory = given->theory;
    line.spread = quartiles == NULL ? SPREAD_NONE : given->n > 1 && chart->x_names == NULL ? SPREAD_BAND : SPREAD_BARS;
    line.n = 0;
    int hidden = 0;
    for (int k = 0; k < given->n; k++) {
        double x = x_of(given, k) + (chart->x_names == NULL ? 0 : ASIDE * (number - 0.5 * (chart->n_lines - 1)));
        hidden += !isfinite(x) || (chart->log_y && given->y[k] < 0);
        if (isfinite(x)) {
            line.x[line.n] = x;
            line.y[line.n] = quartiles == NULL ? line_point(given->y[k]) : quartiles[k];
            line.n++;
        }
    }
    free(line.label);
    line.label = label_of(chart, given, hidden);
    return line;
}

static Panel panel_of(const Chart *chart)
{
    Panel panel = {.x_label = chart->x_label,
                   .y_label = chart->y_label == NULL ? "" : chart->y_label,
                   .axis = chart->log_y ? AXIS_LOG : AXIS_DATA,
                   .x_counts = true,
                   .log_x = chart->log_x,
                   .x_names = chart->x_names,
                   .n_x_names = chart->n_x_names,
                   .x_low = -0.5 * (chart->x_names != NULL),
                   .x_high = chart->n_x_names - 0.5 * (chart->x_names != NULL),
                   .has_key = true,
                   .has_rows = true,
                   .n_lines = chart->n_lines};
    const char *rules[CHART_LINES];
    int styles[CHART_LINES];
    for (int i = 0; i < chart->n_lines; i++) {
        rules[i] = chart->lines[i].rule;
        for (int k = 0; chart->lines[i].x != NULL && k < chart->lines[i].n; k++) { // no tics between whole numbers
            double x = chart->lines[i].x[k];
            panel.x_counts = panel.x_counts && x == floor(x) && fabs(x - chart->lines[i].x[0]) < 5;
        }
    }
    plot_styles(rules, chart->n_lines, styles);
    for (int i = 0; i < chart->n_lines; i++) {
        panel.lines[i] = line_of(chart, i, styles[i]);
    }
    panel_fit(&panel);
    return panel;
}

bool plot_chart(const Chart *chart, const char *path, Error *error)
{
    REQUIRE(chart, path);
    if (!chart_check(chart, error)) {
        return false;
    }
    Panel panel = panel_of(chart);
    return panel_draw(&panel, path, memory_copy_text(chart->title == NULL ? "" : chart->title), chart->caption, error);
}

char *plot_chart_terminal(const Chart *chart, int columns, Error *error)
{
    REQUIRE(chart);
    if (!chart_check(chart, error)) {
        return NULL;
    }
    Panel panel = panel_of(chart);
    panel.title = chart->title == NULL ? "" : chart->title;
    char *text = panel_terminal(&panel, style_letters, columns, error);
    panel_free(&panel);
    return text;
}
