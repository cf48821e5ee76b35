// chart.c: any lines in one pair of axes, as a plot and as text.

#include "gpt/plot/draw.h"

#include <math.h>

// Blue and solid first.
static const int styles[CHART_LINES] = {1, 0, 2, 3, 4, 5, 6, 7};

static bool is_shown(const Chart *chart, double x, double y)
{
    return isfinite(x) && isfinite(y) && (y > 0 || !chart->log_y);
}

static bool line_check(const ChartLine *line, int number, Error *error)
{
    if (line->y == NULL || line->n < 1) {
        return error_set(error, "line %d of the chart has no points", number);
    }
    for (int k = 0; k < line->n; k++) {
        double x = line->x == NULL ? k : line->x[k];
        if (!panel_can_draw(x) || !panel_can_draw(line->y[k])) {
            return error_set(error, "line %d of the chart: cannot draw point %g, %g (expected sizes between 1e-300 and 1e300)", number, x,
                             line->y[k]);
        }
    }
    return true;
}

static bool chart_check(const Chart *chart, Error *error)
{
    if (chart->lines == NULL || chart->n_lines < 1 || chart->n_lines > CHART_LINES) {
        return error_set(error, "a chart has 1 to %d lines, not %d", CHART_LINES, chart->lines == NULL ? 0 : chart->n_lines);
    }
    for (int i = 0; i < chart->n_lines; i++) {
        if (!line_check(&chart->lines[i], i + 1, error)) {
            return false;
        }
    }
    return true;
}

// The label, and how many of the line's points are outside the axes.
static char *label_of(const Chart *chart, const ChartLine *line, int hidden)
{
    Writer *label = writer_begin();
    AUTO_FREE char *name = plot_shorten(line->label, chart->n_lines > 4 && hidden > 0 ? 20 : 50);
    fprintf(label->stream, "%s", name);
    if (hidden > 0) {
        fprintf(label->stream, " (%d of %d points are %s)", hidden, line->n, chart->log_y ? "0, below 0, or not finite" : "not finite");
    }
    return writer_end(label);
}

static Line line_of(const Chart *chart, int number)
{
    const ChartLine *given = &chart->lines[number];
    const Quartiles *quartiles = chart->quartiles == NULL ? NULL : chart->quartiles[number];
    int hidden = 0;
    for (int k = 0; k < given->n; k++) {
        hidden += !is_shown(chart, given->x == NULL ? k : given->x[k], given->y[k]);
    }
    AUTO_FREE char *label = label_of(chart, given, hidden);
    Line line = line_create(label, styles[number], given->n);
    for (int k = 0; k < given->n; k++) {
        line.x[k] = given->x == NULL ? k : given->x[k];
        line.y[k] = line_point(is_shown(chart, line.x[k], given->y[k]) ? given->y[k] : NAN);
        if (quartiles != NULL && isfinite(line.y[k].median)) {
            line.spread = given->n > 1 ? SPREAD_BAND : SPREAD_BARS;
            line.y[k] = quartiles[k];
            line.y[k].low = is_shown(chart, line.x[k], quartiles[k].low) ? quartiles[k].low : given->y[k];
            line.y[k].high = is_shown(chart, line.x[k], quartiles[k].high) ? quartiles[k].high : given->y[k];
        }
        line.x[k] = isfinite(line.x[k]) ? line.x[k] : line.x[k > 0 ? k - 1 : 0];
    }
    return line;
}

static Panel panel_of(const Chart *chart)
{
    Panel panel = {.x_label = chart->x_label,
                   .y_label = chart->y_label == NULL ? "" : chart->y_label,
                   .axis = chart->log_y ? AXIS_LOG : AXIS_DATA,
                   .x_counts = true,
                   .has_key = true,
                   .n_lines = chart->n_lines};
    for (int i = 0; i < chart->n_lines; i++) {
        panel.lines[i] = line_of(chart, i);
        panel.x_counts = panel.x_counts && chart->lines[i].x == NULL;
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
