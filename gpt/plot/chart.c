// chart.c: any lines in one pair of axes, as a picture and as text. gnuplot finds the tics and draws the key.

#include "gpt/plot/panel.h"

#include <math.h>
#include <stdlib.h>

// Colour, dashes and points tell the lines apart, in this order.
static const SeriesStyle styles[CHART_LINES] = {
    {"#0072B2", DASH_NONE, 5}, {"#D55E00", DASH_LONG, 7}, {"#009E73", DASH_NONE, 13},
    {"#CC79A7", DASH_SHORT, 9}, {"#E69F00", DASH_LONG, 4}, {"#56B4E9", DASH_SHORT, 6},
};
static const char letters[CHART_LINES] = {'o', '#', '*', '+', 'x', '='};

enum { POINTS_MOST = 40 };                         // more would hide the line

static bool chart_check(const Chart *chart, Error *error)
{
    if (chart->n_lines < 1 || chart->n_lines > CHART_LINES) {
        return error_set(error, "a chart has 1 to %d lines, not %d", CHART_LINES, chart->n_lines);
    }
    for (int i = 0; i < chart->n_lines; i++) {
        if (chart->lines[i].n < 1) {
            return error_set(error, "line %d of the chart has no points", i + 1);
        }
    }
    return true;
}

static bool is_shown(const Chart *chart, double y)
{
    return isfinite(y) && (y > 0 || !chart->log_y);
}

static int count_shown(const Chart *chart, const ChartLine *line)
{
    int count = 0;
    for (int i = 0; i < line->n; i++) {
        count += is_shown(chart, line->y[i]);
    }
    return count;
}

// Behind the line's label: how many of its points have no place on the axis.
static void write_hidden(const Chart *chart, const ChartLine *line, FILE *out)
{
    int hidden = line->n - count_shown(chart, line);
    if (hidden > 0) {
        fprintf(out, " (%d of %d points are %s)", hidden, line->n, chart->log_y ? "0, below 0, or not finite" : "not finite");
    }
}

// A line without a point that can be shown gets one that can't be seen, since gnuplot wants data.
static void write_data(const Chart *chart, FILE *script)
{
    for (int i = 0; i < chart->n_lines; i++) {
        const ChartLine *line = &chart->lines[i];
        fprintf(script, "$data_%d << EOD\n# x y\n", i);
        for (int k = 0; k < line->n; k++) {
            fprintf(script, is_shown(chart, line->y[k]) ? "%.9g %.9g\n" : "%.9g NaN\n", line->x == NULL ? k : line->x[k],
                    line->y[k]);
        }
        fprintf(script, "EOD\n");
    }
}

// A range of nothing but one value is widened: gnuplot would complain.
static void write_range(const Chart *chart, FILE *script)
{
    double low = INFINITY;
    double high = -INFINITY;
    for (int i = 0; i < chart->n_lines; i++) {
        for (int k = 0; k < chart->lines[i].n; k++) {
            double y = chart->lines[i].y[k];
            low = is_shown(chart, y) ? fmin(low, y) : low;
            high = is_shown(chart, y) ? fmax(high, y) : high;
        }
    }
    if (low > high) {
        low = high = 1;
    }
    double margin = high > low ? 0.04 * (high - low) : fmax(0.5 * fabs(high), 1e-3);
    if (chart->log_y) {
        double factor = pow(high / low, 0.04) * (high > low ? 1 : 2);
        fprintf(script, "set logscale y\nset yrange [%.9g:%.9g]\n", low / factor, high * factor);
    } else {
        fprintf(script, "set yrange [%.9g:%.9g]\n", low - margin, high + margin);
    }
}

// Where the points are counted, only whole numbers are tics.
static void write_x_axis(const Chart *chart, FILE *script)
{
    int most = 0;
    bool counted = true;
    for (int i = 0; i < chart->n_lines; i++) {
        counted = counted && chart->lines[i].x == NULL;
        most = chart->lines[i].n > most ? chart->lines[i].n : most;
    }
    if (counted) {
        fprintf(script, "set xtics 0, %d\n", plot_tic_step(most - 1, 12));
    }
}

static void write_lines(const Chart *chart, FILE *script)
{
    fprintf(script, "plot \\\n");
    for (int i = 0; i < chart->n_lines; i++) {
        const SeriesStyle *style = &styles[i];
        bool points = chart->lines[i].n <= POINTS_MOST;
        fprintf(script, "     $data_%d using 1:2 with %s lc rgb \"%s\" lw 5 dt %s", i, points ? "linespoints" : "lines", style->color,
                style->dash);
        if (points) {
            fprintf(script, " pt %d ps 2.4*point", style->point);
        }
        fprintf(script, " title \"");
        plot_quote(script, chart->lines[i].label == NULL ? "" : chart->lines[i].label, false);
        write_hidden(chart, &chart->lines[i], script);
        fprintf(script, "\"%s\n", i == chart->n_lines - 1 ? "" : ", \\");
    }
}

bool plot_chart(const Chart *chart, const char *path, Error *error)
{
    REQUIRE(path);
    if (!plot_path_check(path, error) || !chart_check(chart, error)) {
        return false;
    }
    double top;
    double bottom;
    PlotText script;
    plot_text_open(&script);
    FILE *out = script.stream;
    page_open(out, path, chart->title, chart->caption == NULL ? "" : chart->caption, &top, &bottom);
    write_data(chart, out);
    write_range(chart, out);
    fprintf(out, "set lmargin at screen 0.10\nset rmargin at screen 0.98\n");
    int key_lines = (chart->n_lines + 2) / 3;      // three labels fit on one
    fprintf(out, "set tmargin at screen %.4f\nset bmargin at screen %.4f\n", top - 0.06 * key_lines, bottom + 0.095);
    fprintf(out, "set format y \"%s\"\n", chart->log_y ? "10^{%L}" : "%g");
    page_labels(out, chart->x_label, chart->y_label);
    fprintf(out, "set key at screen 0.09,%.4f left top horizontal Left reverse noenhanced samplen 3 width 2 font \",24\"\n", top);
    write_x_axis(chart, out);
    write_lines(chart, out);
    page_close(out);
    return page_draw(&script, path, error);
}

// ------------------------------------------------------------------------------------------------------------
// The terminal

enum { MARGIN_COLUMNS = 10 };

static void write_terminal(const Chart *chart, FILE *script, int columns)
{
    dumb_open(script, columns, MARGIN_COLUMNS, 3);
    fprintf(script, "set zero 1e-300\n");
    write_data(chart, script);
    write_range(chart, script);
    write_x_axis(chart, script);
    dumb_points(script, chart->n_lines, letters);
}

char *plot_chart_terminal(const Chart *chart, int columns, Error *error)
{
    REQUIRE(chart);
    if (!chart_check(chart, error)) {
        return NULL;
    }
    PlotText script;
    plot_text_open(&script);
    write_terminal(chart, script.stream, dumb_columns(columns));
    char *drawn = dumb_draw(&script, error);
    PlotText text = {0};
    if (drawn != NULL) {
        plot_text_open(&text);
        fprintf(text.stream, "%s\n", chart->title);
        for (int i = 0; i < chart->n_lines; i++) {
            fprintf(text.stream, "%c %s", letters[i], chart->lines[i].label == NULL ? "" : chart->lines[i].label);
            write_hidden(chart, &chart->lines[i], text.stream);
            fprintf(text.stream, "\n");
        }
        fprintf(text.stream, "\n%s\n%s%*s%s\n", chart->y_label, drawn, MARGIN_COLUMNS, "", chart->x_label);
        plot_text_close(&text);
    }
    free(drawn);
    return text.bytes;
}
