// axis.c: where a panel's parts are on the page, what its axes span, and their tics.
//
// A logarithmic axis has no place for 0, and gnuplot drops such a point without a word. Here it gets one: below the smallest
// power of ten a row of its own, whose tic says 0 (and above the largest, one for what is NaN or infinite).
//
//      NaN |          x x          marks
//     10^2 |  \___
//     10^0 |      '-----.          values
//        0 |   v  v              marks, joined along the row

#include "gpt/plot/panel.h"

#include <math.h>
#include <stdlib.h>

// ------------------------------------------------------------------------------------------------------------
// Where things are, in parts of the page's width and height: the title, the key, the plot with its tics, the label of the x axis.
// The key is drawn by hand: gnuplot's own would not know where there is room, nor keep off the lines.

#define TIC_LINE 0.048                             // tics nearer to each other would run together

double panel_key_width(const Series *series)
{
    return KEY_SAMPLE + KEY_GAP + KEY_LETTER * plot_length(series->label);
}

bool panel_key_wraps(const Panel *panel, int series)
{
    double room = panel->x1 - panel->x0 - TEXT_LEFT - 0.008;
    double width = 0;
    bool wraps = false;
    for (int s = 0; s <= series; s++) {
        double more = panel_key_width(&panel->series[s]);
        wraps = s > 0 && width + KEY_BETWEEN + more >= room;
        width = wraps || s == 0 ? more : width + KEY_BETWEEN + more;
    }
    return wraps;
}

int panel_key_rows(const Panel *panel)
{
    int rows = 1;
    for (int s = 1; s < panel->n_series; s++) {
        rows += panel_key_wraps(panel, s);
    }
    return rows;
}

double panel_plot_top(const Panel *panel)
{
    return panel->y1 - TITLE_LINE - KEY_LINE * panel_key_rows(panel) - 0.012;
}

double panel_plot_bottom(const Panel *panel)
{
    return panel->y0 + (panel->x_label[0] == '\0' ? 0.056 : 0.085);
}

// ------------------------------------------------------------------------------------------------------------
// The y axis

enum { DECADES_LEAST = 2 };                        // less would make a mountain of a small difference

static void stretch(double value, double *low, double *high)
{
    if (isfinite(value) && value > 0) {
        *low = fmin(*low, log10(value));
        *high = fmax(*high, log10(value));
    }
}

static void fit_logarithmic(Panel *panel)
{
    double low = INFINITY;
    double high = -INFINITY;
    for (int s = 0; s < panel->n_series; s++) {
        const Series *series = &panel->series[s];
        for (int i = 0; i < series->n; i++) {
            stretch(series->y[i].median, &low, &high);
            if (series->spread == SPREAD_NONE) {
                continue;
            }
            stretch(series->y[i].low, &low, &high);
            stretch(series->y[i].high, &low, &high);
            panel->zeros = panel->zeros || series->y[i].low == 0;
        }
        panel->zeros = panel->zeros || series_count(series, MARK_ZERO) > 0;
        panel->not_finite = panel->not_finite || series_count(series, MARK_NOT_FINITE) > 0;
    }
    if (low > high) {
        low = -1;
        high = 0;
    }
    panel->low = floor(low);
    panel->high = ceil(high);
    for (int i = 0; panel->high - panel->low < DECADES_LEAST; i++) {
        panel->low -= i % 2 == 0;
        panel->high += i % 2 == 1;
    }
}

// From 0 to 1 at least: a cosine's axis.
static void fit_unit(Panel *panel)
{
    panel->low = 0;
    panel->high = 1;
    for (int s = 0; s < panel->n_series; s++) {
        for (int i = 0; i < panel->series[s].n; i++) {
            panel->low = fmin(panel->low, panel->series[s].y[i].low);          // fmin and fmax pass over a NaN
            panel->high = fmax(panel->high, panel->series[s].y[i].high);
        }
    }
    panel->low = floor(panel->low * 5 + 0.01) / 5;             // 1.0000001 is 1, rounded
    panel->high = ceil(panel->high * 5 - 0.01) / 5;
}

// From 0 to a little more than the largest.
static void fit_linear(Panel *panel)
{
    panel->low = 0;
    panel->high = 0;
    for (int s = 0; s < panel->n_series; s++) {
        for (int i = 0; i < panel->series[s].n; i++) {
            const Quartiles *y = &panel->series[s].y[i];
            panel->high = isfinite(y->high) ? fmax(panel->high, y->high) : panel->high;
        }
    }
    panel->high = panel->high > 0 ? panel->high : 1;
}

void panel_fit(Panel *panel)
{
    switch (panel->axis) {
    case AXIS_LOGARITHMIC:
        fit_logarithmic(panel);
        break;
    case AXIS_UNIT:
        fit_unit(panel);
        break;
    case AXIS_LINEAR:
        fit_linear(panel);
        break;
    }
}

void panel_share(Panel *a, Panel *b)
{
    a->low = b->low = fmin(a->low, b->low);
    a->high = b->high = fmax(a->high, b->high);
    a->zeros = b->zeros = a->zeros || b->zeros;
    a->not_finite = b->not_finite = a->not_finite || b->not_finite;
}

// The rows for zeros and for what is not finite, as powers of ten like low and high: far enough from the tics for their names.
static double row_distance(const Panel *panel)
{
    double tic_line = TIC_LINE / (panel_plot_top(panel) - panel_plot_bottom(panel));
    return fmax(0.09, 1.4 * tic_line) * (panel->high - panel->low);
}

double panel_zero_row(const Panel *panel)
{
    return panel->low - row_distance(panel);
}

double panel_not_finite_row(const Panel *panel)
{
    return panel->high + row_distance(panel);
}

int plot_tic_step(int range, int n)
{
    int step = 1;
    for (int i = 0; range / step > n; i++) {
        step = i % 3 == 1 ? step / 2 * 5 : step * 2;           // 1, 2, 5, 10, 20, 50, ...
    }
    return step;
}

// The name of a tic.
void plot_power(FILE *script, int power)
{
    if (power == 0) {
        fprintf(script, "\"1\"");
    } else {
        fprintf(script, "\"10^{%s%d}\"", power < 0 ? "−" : "", abs(power));
    }
}

static void write_linear_axis(const Panel *panel, FILE *script)
{
    double margin = 0.04 * (panel->high - panel->low);
    double height = panel_plot_top(panel) - panel_plot_bottom(panel);
    fprintf(script, "unset logscale y\nset yrange [%.9g:%.9g]\n", panel->low - margin, panel->high + margin);
    if (panel->axis == AXIS_UNIT) {
        bool room = (panel->high - panel->low) / 0.2 * TIC_LINE < height;
        fprintf(script, "set format y \"%%.1f\"\nset ytics %s\n", room ? "0.2" : "0.5");
        return;
    }
    double range = panel->high - panel->low;
    double step = pow(10, floor(log10(range)));
    step = range < 2 * step ? step / 5 : step;
    while (range / step * TIC_LINE > height) {
        step *= 2;
    }
    fprintf(script, "set format y \"%%g\"\nset ytics 0, %.9g\n", step);
}

static void write_y_axis(const Panel *panel, FILE *script)
{
    if (panel->axis != AXIS_LOGARITHMIC) {
        write_linear_axis(panel, script);
        return;
    }
    double margin = 0.04 * (panel->high - panel->low);
    double bottom = panel->zeros ? panel_zero_row(panel) - margin : panel->low - margin;
    double top = panel->not_finite ? panel_not_finite_row(panel) + margin : panel->high + margin;
    fprintf(script, "set yrange [10**(%.6f):10**(%.6f)]\nset logscale y\n", bottom, top);
    int low = (int)panel->low;
    int high = (int)panel->high;
    double part = (panel->high - panel->low) / (top - bottom);
    int most = (int)(part * (panel_plot_top(panel) - panel_plot_bottom(panel)) / TIC_LINE);
    int step = plot_tic_step(high - low, most < 8 ? most : 8);
    const char *comma = "";
    fprintf(script, "set ytics (");
    for (int power = high; power >= low; power--) {
        if (power % step == 0) {
            fprintf(script, "%s", comma);
            plot_power(script, power);
            fprintf(script, " 1e%d", power);
            comma = ", ";
        }
    }
    if (panel->zeros) {
        fprintf(script, "%s\"0\" 10**(%.6f)", comma, panel_zero_row(panel));
        comma = ", ";
    }
    if (panel->not_finite) {
        fprintf(script, "%s\"%s\" 10**(%.6f)", comma, panel->series[0].missing, panel_not_finite_row(panel));
    }
    fprintf(script, ")\n");
}

// ------------------------------------------------------------------------------------------------------------
// The x axis

// The width of a tic's number, in parts of the plot's width.
static double number_width(const Panel *panel, double x)
{
    int digits = snprintf(NULL, 0, "%.0f", x);
    return (0.0095 * digits + 0.011) / (panel->x1 - panel->x0 - PLOT_SIDES);
}

// Tics at the data itself, if each has room for its number.
static bool tics_at_data(const Panel *panel, FILE *script)
{
    const Series *series = &panel->series[0];
    double range = series->x[series->n - 1] - series->x[0];
    for (int i = 1; i < series->n; i++) {
        double room = (number_width(panel, series->x[i]) + number_width(panel, series->x[i - 1])) / 2;
        if (series->x[i] - series->x[i - 1] < room * range) {
            return false;
        }
    }
    fprintf(script, "set xtics (");
    for (int i = 0; i < series->n; i++) {
        fprintf(script, "%s%.9g", i == 0 ? "" : ", ", series->x[i]);
    }
    fprintf(script, ")\n");
    return true;
}

static void write_x_axis(const Panel *panel, FILE *script)
{
    double low = INFINITY;
    double high = -INFINITY;
    for (int s = 0; s < panel->n_series; s++) {
        for (int i = 0; i < panel->series[s].n; i++) {
            low = fmin(low, panel->series[s].x[i]);
            high = fmax(high, panel->series[s].x[i]);
        }
    }
    double margin = high > low ? 0.03 * (high - low) : 0.5;
    fprintf(script, "set xrange [%.9g:%.9g]\n", low - margin, high + margin);
    if (!panel->x_is_data || !tics_at_data(panel, script)) {
        int most = (int)(1 / number_width(panel, high + margin));
        fprintf(script, "set xtics 0, %d\n", plot_tic_step((int)high, most < 10 ? most : 10));
    }
    fprintf(script, "set xlabel \"%s\"\n", panel->x_label);
}

void panel_write_axes(const Panel *panel, FILE *script)
{
    write_y_axis(panel, script);
    write_x_axis(panel, script);
}
