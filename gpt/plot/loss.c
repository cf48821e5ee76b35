// loss.c: the curve of a training run: training and validation loss against step, as a picture and for the terminal.

#include "gpt/plot/panel.h"

#include <math.h>
#include <stdlib.h>

static const SeriesStyle style_training = {"#0072B2", DASH_NONE, 5};
static const SeriesStyle style_validation = {"#D55E00", DASH_LONG, 7};

// ------------------------------------------------------------------------------------------------------------
// The two series

// One batch's loss is noisy: many steps are drawn in groups, as median and quartiles.
static Series series_of_training(const TrainRow *rows, int n, int points_most)
{
    int stride = (n - 1) / points_most + 1;
    Series series = series_create((n - 1) / stride + 1);
    double *losses = memory_allocate((size_t)stride * sizeof *losses, "a picture");
    series.style = &style_training;
    series.spread = stride > 1 ? SPREAD_BAND : SPREAD_NONE;
    for (int i = 0; i < series.n; i++) {
        int first = i * stride;
        int count = first + stride <= n ? stride : n - first;
        for (int k = 0; k < count; k++) {
            losses[k] = rows[first + k].loss;
        }
        series.x[i] = 0.5 * (rows[first].step + rows[first + count - 1].step);
        series.y[i] = quartiles(losses, count);
    }
    free(losses);
    if (stride > 1) {
        snprintf(series.label, sizeof series.label, "training (median of %d steps, quartiles)", stride);
    } else {
        snprintf(series.label, sizeof series.label, "training");
    }
    return series;
}

static Quartiles one_value(double value)
{
    return (Quartiles){.low = value, .median = value, .high = value, .n = 1};
}

// Where it was measured; step 0 is the model before it learned.
static Series series_of_validation(const TrainRow *rows, int n, double before)
{
    Series series = series_create(n + 1);
    series.n = 0;
    series.style = &style_validation;
    series.spread = SPREAD_NONE;
    if (isfinite(before)) {
        series.x[0] = 0;
        series.y[0] = one_value(before);
        series.n = 1;
    }
    for (int i = 0; i < n; i++) {
        if (isfinite(rows[i].val_loss)) {
            series.x[series.n] = rows[i].step;
            series.y[series.n] = one_value(rows[i].val_loss);
            series.n++;
        }
    }
    snprintf(series.label, sizeof series.label, "validation");
    return series;
}

static double lowest(const Series *series, int *step)
{
    double low = INFINITY;
    for (int i = 0; i < series->n; i++) {
        if (series->y[i].median < low) {
            low = series->y[i].median;
            *step = (int)series->x[i];
        }
    }
    return low;
}

static double highest(const Series *series)
{
    double high = 0;
    for (int i = 0; i < series->n; i++) {
        high = fmax(high, series->y[i].median);
    }
    return high;
}

// After few steps all losses lie in the upper half of an axis that begins at 0. Then it begins nearer to them, but spans a fifth of
// the largest at least: less would make a mountain of a small difference.
static void fit_above_zero(Panel *panel)
{
    double low = INFINITY;
    for (int s = 0; s < panel->n_series; s++) {
        for (int i = 0; i < panel->series[s].n; i++) {
            low = fmin(low, panel->series[s].y[i].low);
        }
    }
    if (low > 0.5 * panel->high) {
        panel->low = fmin(low, 0.8 * panel->high);
    }
}

// Logarithmic if it spans more than a power of ten.
static Panel loss_panel(const TrainRow *rows, int n, double before, int points_most)
{
    Panel panel = {.title = "Cross-entropy loss (nats a token)", .x_label = "step", .axis = AXIS_LINEAR};
    Series validation = series_of_validation(rows, n, before);
    panel.series[0] = series_of_training(rows, n, points_most);
    panel.n_series = 1;
    if (validation.n > 0) {
        panel.series[1] = validation;
        panel.n_series = 2;
    } else {
        series_free(&validation);
    }
    double low = INFINITY;
    double high = 0;
    for (int s = 0; s < panel.n_series; s++) {
        int step;
        low = fmin(low, lowest(&panel.series[s], &step));
        high = fmax(high, highest(&panel.series[s]));
    }
    panel.axis = high > 10 * low ? AXIS_LOGARITHMIC : AXIS_LINEAR;
    panel_fit(&panel);
    if (panel.axis == AXIS_LINEAR) {
        fit_above_zero(&panel);
    }
    return panel;
}

// "In 2000 steps the validation loss falls from 4.18 to 1.86": the last series', in words that fit its numbers. The caller frees it.
static char *write_finding(const Panel *panel, int steps)
{
    const Series *series = &panel->series[panel->n_series - 1];
    double first = series->y[0].median;
    double last = series->y[series->n - 1].median;
    int low_step = 0;
    double low = lowest(series, &low_step);
    PlotText text;
    plot_text_open(&text);
    fprintf(text.stream, "In %d step%s the %s loss ", steps, plural(steps), panel->n_series == 2 ? "validation" : "training");
    if (series->n == 1) {
        fprintf(text.stream, "comes to %.4g", last);
    } else {
        fprintf(text.stream, "%s from %.4g to %.4g", last < first ? "falls" : "does not fall:", first, last);
    }
    if (low < 0.99 * last) {                       // more than noise
        fprintf(text.stream, "; it was lowest at step %d, %.4g", low_step, low);
    }
    plot_text_close(&text);
    return text.bytes;
}

bool plot_loss(const TrainRow *rows, int n, double before, const char *what, const char *path, Error *error)
{
    REQUIRE(path);
    enum { POINTS_MOST = 150 };
    if (!plot_path_check(path, error)) {
        return false;
    }
    Panel panel = loss_panel(rows, n, before, POINTS_MOST);
    char *title = write_finding(&panel, rows[n - 1].step);
    PlotText script;
    plot_text_open(&script);
    page_open(script.stream, path, title, what, &panel.y1, &panel.y0);
    panel.x1 = 1;
    panel_write(&panel, script.stream, 1);
    page_close(script.stream);
    panel_free(&panel);
    free(title);
    return page_draw(&script, path, error);
}

// ------------------------------------------------------------------------------------------------------------
// The terminal

enum { MARGIN_COLUMNS = 10 };

static const char letters[] = {'.', 'o'};

static void write_script(const Panel *panel, FILE *script, int columns, int steps)
{
    bool logarithmic = panel->axis == AXIS_LOGARITHMIC;
    double low = logarithmic ? pow(10, panel->low) : panel->low;
    double high = logarithmic ? pow(10, panel->high) : panel->high;
    dumb_open(script, columns, MARGIN_COLUMNS - 2, 2);
    fprintf(script, "%s\nset yrange [%.9g:%.9g]\n", logarithmic ? "set logscale y" : "unset logscale y", low, high);
    fprintf(script, "set xrange [%.9g:%.9g]\nset xtics 0, %d\n", -0.02 * steps, 1.02 * steps, plot_tic_step(steps, (columns - MARGIN_COLUMNS) / 8));
    for (int s = 0; s < panel->n_series; s++) {
        const Series *series = &panel->series[s];
        fprintf(script, "$data_%d << EOD\n", s);
        for (int i = 0; i < series->n; i++) {
            fprintf(script, "%.9g %.9g\n", series->x[i], series->y[i].median);
        }
        fprintf(script, "EOD\n");
    }
    dumb_points(script, panel->n_series, letters);
}

char *plot_loss_terminal(const TrainRow *rows, int n, double before, int columns, Error *error)
{
    REQUIRE(rows);
    columns = dumb_columns(columns);
    Panel panel = loss_panel(rows, n, before, columns - MARGIN_COLUMNS);
    PlotText script;
    plot_text_open(&script);
    write_script(&panel, script.stream, columns, rows[n - 1].step);
    char *chart = dumb_draw(&script, error);
    PlotText text = {0};
    if (chart != NULL) {
        plot_text_open(&text);
        fprintf(text.stream, "%s\n", panel.title);
        for (int s = 0; s < panel.n_series; s++) {
            fprintf(text.stream, "%c %s\n", letters[s], panel.series[s].label);
        }
        fprintf(text.stream, "\n%s%*sstep\n", chart, MARGIN_COLUMNS - 2, "");
        plot_text_close(&text);
    }
    free(chart);
    panel_free(&panel);
    return text.bytes;
}
