// plot_panel.c: one pair of axes and the lines in it.
//
// A logarithmic axis has no place for 0, and gnuplot drops such a point without a word. Here it gets one: below the smallest
// power of ten a row of its own, whose tic says 0 (and above the largest, one for what is NaN or infinite).
//
//      NaN |          x x          marks
//     10^2 |  \___
//     10^0 |      '-----.          values
//        0 |   v  v              marks, joined along the row

#include "gpt/lab/plot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// Okabe and Ito's colours, of different lightness, too.
const SeriesStyle style_arm[2] = {{"#D55E00", "(12,6)", 7}, {"#0072B2", "solid", 5}};
const SeriesStyle style_skip = {"#009E73", "solid", 13};
const SeriesStyle style_block = {"#CC79A7", "(6,5)", 9};

// ------------------------------------------------------------------------------------------------------------
// Series

const char *plot_arm_name(bool shortcut)
{
    return shortcut ? "with shortcuts" : "without shortcuts";
}

const char *plot_layer_word(const Experiment *experiment)
{
    return experiment->config.net == NET_MLP ? "layer" : "block";
}

static Series series_create(int n)
{
    return (Series){
        .n = n,
        .x = memory_allocate((size_t)n * sizeof(double), "a picture"),
        .y = memory_allocate((size_t)n * sizeof(Quartiles), "a picture"),
        .absent = memory_allocate_zeroed((size_t)n, sizeof(bool), "a picture"),
    };
}

void series_free(Series *series)
{
    free(series->x);
    free(series->y);
    free(series->absent);
    *series = (Series){0};
}

// A layer's gradient relative to the last layer's. Where all are 0 there is no ratio, and 0 is what there is to show.
static Quartiles relative(const Experiment *experiment, bool shortcut, int step, int layer, LayerFigure figure)
{
    Quartiles ratio = experiment_relative(experiment, shortcut, step, layer, figure);
    if (ratio.n > 0) {
        return ratio;
    }
    Quartiles plain = experiment_figure(experiment, shortcut, step, layer, figure);
    return plain.zeros == plain.n ? plain : ratio;
}

// Does the layer lack what the figure is about (a shortcut, positions), rather than hold a NaN?
static bool is_absent(const Experiment *experiment, bool shortcut, int layer, LayerFigure figure)
{
    if (figure != FIGURE_SKIP && figure != FIGURE_BLOCK) {
        return false;
    }
    for (int i = 0; i < experiment->n_measurements; i++) {
        const Measurement *measurement = &experiment->measurements[i];
        for (int r = 0; measurement->shortcut == shortcut && r < measurement->flow.n_rows; r++) {
            const FlowRow *row = &measurement->flow.rows[r];
            if (row->layer == layer && row->kind == FLOW_SKIP_GRAD) {
                return false;
            }
        }
        if (measurement->shortcut == shortcut) {
            return true;
        }
    }
    return true;
}

Series series_of_layers(const Experiment *experiment, bool shortcut, int step, LayerFigure figure, FigureScale scale)
{
    Series series = series_create(experiment->n_layer);
    series.style = &style_arm[shortcut];
    series.spread = experiment->config.n_seeds == 1 ? SPREAD_NONE : series.n == 1 ? SPREAD_BARS : SPREAD_BAND;
    for (int layer = 0; layer < series.n; layer++) {
        series.x[layer] = layer;
        series.y[layer] = scale == SCALE_RELATIVE ? relative(experiment, shortcut, step, layer, figure)
                                                  : experiment_figure(experiment, shortcut, step, layer, figure);
        series.absent[layer] = series.y[layer].n == 0 && is_absent(experiment, shortcut, layer, figure);
    }
    return series;
}

Series series_of_sweep(const Sweep *sweep, bool shortcut)
{
    Series series = series_create(sweep->n_points);
    series.style = &style_arm[shortcut];
    series.spread = SPREAD_BARS;
    for (int i = 0; i < series.n; i++) {
        series.x[i] = sweep->points[i].depth;
        series.y[i] = sweep->points[i].ratio[shortcut];
    }
    return series;
}

Series series_of_losses(const Experiment *experiment, bool shortcut, int stride)
{
    Series series = series_create(experiment->config.n_steps / stride + 1);
    series.style = &style_arm[shortcut];
    series.spread = experiment->config.n_seeds == 1 ? SPREAD_NONE : SPREAD_BAND;
    for (int i = 0; i < series.n; i++) {
        series.x[i] = i * stride;
        series.y[i] = experiment_loss(experiment, shortcut, i * stride);
    }
    return series;
}

bool series_has_data(const Series *series)
{
    for (int i = 0; i < series->n; i++) {
        if (!series->absent[i]) {
            return true;
        }
    }
    return false;
}

// What is drawn at one x.
typedef enum Mark { MARK_VALUE, MARK_ZERO, MARK_NOT_FINITE, MARK_ABSENT } Mark;

static Mark mark_at(const Series *series, int i)
{
    if (series->absent[i]) {
        return MARK_ABSENT;
    }
    if (!isfinite(series->y[i].median)) {
        return MARK_NOT_FINITE;
    }
    return series->y[i].median == 0 ? MARK_ZERO : MARK_VALUE;
}

static int count_marks(const Series *series, Mark mark)
{
    int count = 0;
    for (int i = 0; i < series->n; i++) {
        count += mark_at(series, i) == mark;
    }
    return count;
}

void series_label(Series *series, const char *name, const char *what)
{
    int n = series->n - count_marks(series, MARK_ABSENT);
    int zeros = count_marks(series, MARK_ZERO);
    int not_finite = count_marks(series, MARK_NOT_FINITE);
    char zero_text[32] = "";
    char not_finite_text[32] = "";
    if (zeros > 0) {
        snprintf(zero_text, sizeof zero_text, "0 in %d", zeros);
    }
    if (not_finite > 0) {
        snprintf(not_finite_text, sizeof not_finite_text, "NaN in %d", not_finite);
    }
    if (zeros + not_finite == 0) {
        snprintf(series->label, sizeof series->label, "%s", name);
        return;
    }
    snprintf(series->label, sizeof series->label, "%s%s %s%s%s of %d %ss", name, strchr(name, ':') == NULL ? ":" : ",", zero_text,
             zeros > 0 && not_finite > 0 ? ", " : "", not_finite_text, n, what);
}

// ------------------------------------------------------------------------------------------------------------
// Where things are, in parts of the page's width and height: the title, the key, the plot with its tics, the label of the x axis.
// The key is drawn by hand: gnuplot's own would not know where there is room, nor keep off the lines.

#define KEY_SAMPLE 0.035
#define KEY_GAP 0.007
#define KEY_BETWEEN 0.022
#define KEY_LETTER 0.0083                          // a letter's mean width
#define KEY_LINE 0.038
#define PLOT_LEFT 0.072                            // room for the y axis' numbers
#define PLOT_SIDES (PLOT_LEFT + 0.012)
#define TEXT_LEFT 0.022
#define TITLE_LINE 0.045
#define TITLE_LETTER 0.0089
#define TIC_LINE 0.048                             // tics nearer to each other would run together

static double key_width(const Series *series)
{
    return KEY_SAMPLE + KEY_GAP + KEY_LETTER * plot_length(series->label);
}

static bool key_is_one_line(const Panel *panel)
{
    double width = (panel->n_series - 1) * KEY_BETWEEN;
    for (int s = 0; s < panel->n_series; s++) {
        width += key_width(&panel->series[s]);
    }
    return width < panel->x1 - panel->x0 - TEXT_LEFT - 0.008;
}

static double plot_top(const Panel *panel)
{
    int key_lines = key_is_one_line(panel) ? 1 : panel->n_series;
    return panel->y1 - TITLE_LINE - KEY_LINE * key_lines - 0.012;
}

static double plot_bottom(const Panel *panel)
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
        panel->zeros = panel->zeros || count_marks(series, MARK_ZERO) > 0;
        panel->not_finite = panel->not_finite || count_marks(series, MARK_NOT_FINITE) > 0;
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
    double tic_line = TIC_LINE / (plot_top(panel) - plot_bottom(panel));
    return fmax(0.09, 1.4 * tic_line) * (panel->high - panel->low);
}

static double zero_row(const Panel *panel)
{
    return panel->low - row_distance(panel);
}

static double not_finite_row(const Panel *panel)
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
    double height = plot_top(panel) - plot_bottom(panel);
    fprintf(script, "unset logscale y\nset yrange [%.9g:%.9g]\n", panel->low - margin, panel->high + margin);
    if (panel->axis == AXIS_UNIT) {
        bool room = (panel->high - panel->low) / 0.2 * TIC_LINE < height;
        fprintf(script, "set format y \"%%.1f\"\nset ytics %s\n", room ? "0.2" : "0.5");
        return;
    }
    double step = pow(10, floor(log10(panel->high)));
    while (panel->high / step * TIC_LINE > height) {
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
    double bottom = panel->zeros ? zero_row(panel) - margin : panel->low - margin;
    double top = panel->not_finite ? not_finite_row(panel) + margin : panel->high + margin;
    fprintf(script, "set yrange [10**(%.6f):10**(%.6f)]\nset logscale y\n", bottom, top);
    int low = (int)panel->low;
    int high = (int)panel->high;
    double part = (panel->high - panel->low) / (top - bottom);
    int most = (int)(part * (plot_top(panel) - plot_bottom(panel)) / TIC_LINE);
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
        fprintf(script, "%s\"0\" 10**(%.6f)", comma, zero_row(panel));
        comma = ", ";
    }
    if (panel->not_finite) {
        fprintf(script, "%s\"NaN\" 10**(%.6f)", comma, not_finite_row(panel));
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

// ------------------------------------------------------------------------------------------------------------
// The panel

enum { POINTS_MOST = 40, MARKS_MOST = 40 };        // on a line with more points they would hide it

// Along a row of marks only every so manyth is drawn, and where the row begins and ends; the line joins them.
static bool mark_is_drawn(const Series *series, int i)
{
    int stride = series->n / MARKS_MOST + 1;
    Mark mark = mark_at(series, i);
    return i % stride == 0 || i == 0 || i == series->n - 1 || mark_at(series, i - 1) != mark || mark_at(series, i + 1) != mark;
}

static void write_data(const Series *series, FILE *script, int number, int index)
{
    fprintf(script, "$data_%d_%d << EOD\n", number, index);
    fprintf(script, "# x low median high zeros n mark (0 value, 1 zero, 2 not finite, 3 no such figure) drawn\n");
    for (int i = 0; i < series->n; i++) {
        const Quartiles *y = &series->y[i];
        double numbers[3] = {y->low, y->median, y->high};
        fprintf(script, "%.9g", series->x[i]);
        for (int k = 0; k < 3; k++) {
            fprintf(script, isfinite(numbers[k]) ? " %.9g" : " NaN", numbers[k]);
        }
        fprintf(script, " %d %d %d %d\n", y->zeros, y->n, mark_at(series, i), mark_is_drawn(series, i));
    }
    fprintf(script, "EOD\n");
}

// A quartile of 0 is drawn in the row of zeros, an infinite one at the top; a value is a value.
static void write_spread(const Series *series, FILE *script, int number, int index)
{
    const char *color = series->style->color;
    fprintf(script, "     $data_%d_%d ", number, index);
    if (series->spread == SPREAD_BARS) {
        fprintf(script, "using 1:(is_value($3, $7)):(on_axis($2)):(on_axis($4)) with yerrorbars "
                        "lc rgb \"%s\" lw 3 pt %d ps 0 notitle, \\\n", color, series->style->point);
    } else {
        fprintf(script, "using 1:(on_axis($2)):(on_axis($4)) with filledcurves fc rgb \"%s\" "
                        "fs transparent solid 0.2 noborder notitle, \\\n", color);
    }
}

// One "with" of the plot command. The points are drawn after the line, for dashes would cut them in pieces.
static void write_layer(FILE *script, int number, int index, const char *value, const char *look)
{
    fprintf(script, "     $data_%d_%d using 1:(%s) with %s notitle, \\\n", number, index, value, look);
}

static void write_lines(const Series *series, FILE *script, int number, int index)
{
    const SeriesStyle *style = series->style;
    char look[128];
    snprintf(look, sizeof look, "lines lc rgb \"%s\" lw 5 dt %s", style->color, style->dash);
    write_layer(script, number, index, "is_value($3, $7)", look);
    if (series->n <= POINTS_MOST) {
        snprintf(look, sizeof look, "points pt %d ps 2.4 lc rgb \"%s\"", style->point, style->color);
        write_layer(script, number, index, "is_value($3, $7)", look);
    }
    snprintf(look, sizeof look, "lines lc rgb \"%s\" lw 2", style->color);
    write_layer(script, number, index, "is_mark(1, $7)", look);
    double size = strcmp(style->dash, "solid") == 0 ? 3.2 : 1.8;               // where both have a mark, one is inside the other
    snprintf(look, sizeof look, "points pt 10 ps %.1f lw 4 lc rgb \"%s\"", size, style->color);
    write_layer(script, number, index, "is_mark(1, $7 * $8)", look);
    snprintf(look, sizeof look, "points pt 2 ps %.1f lw 4 lc rgb \"%s\"", size, style->color);
    write_layer(script, number, index, "is_mark(2, $7 * $8)", look);
}

// The size of a font that is made smaller where a text would be wider than its room.
static double font_size(double size, double width, double room)
{
    return width > room ? size * room / width : size;
}

static void write_key(const Panel *panel, FILE *script, double x, double y)
{
    bool one_line = key_is_one_line(panel);
    for (int s = 0; s < panel->n_series; s++) {
        const Series *series = &panel->series[s];
        const SeriesStyle *style = series->style;
        double text_x = x + KEY_SAMPLE + KEY_GAP;
        fprintf(script, "set arrow from screen %.4f,%.4f to screen %.4f,%.4f nohead lc rgb \"%s\" lw 5 dt %s\n", x, y,
                x + KEY_SAMPLE, y, style->color, style->dash);
        if (series->n <= POINTS_MOST) {
            fprintf(script, "set label \"\" at screen %.4f,%.4f point pt %d ps 2.4 lc rgb \"%s\"\n", x + KEY_SAMPLE / 2, y,
                    style->point, style->color);
        }
        fprintf(script, "set label \"%s\" at screen %.4f,%.4f left font \",%.1f\" noenhanced\n", series->label, text_x, y,
                font_size(23, KEY_LETTER * plot_length(series->label), panel->x1 - text_x));
        x += one_line ? key_width(series) + KEY_BETWEEN : 0;
        y -= one_line ? 0 : KEY_LINE;
    }
}

static void write_frame(const Panel *panel, FILE *script)
{
    double left = panel->x0 + TEXT_LEFT;
    double title_size = font_size(26, TITLE_LETTER * plot_length(panel->title), panel->x1 - left);
    fprintf(script, "set lmargin at screen %.4f\n", panel->x0 + PLOT_LEFT);
    fprintf(script, "set rmargin at screen %.4f\n", panel->x1 - PLOT_SIDES + PLOT_LEFT);
    fprintf(script, "set bmargin at screen %.4f\n", plot_bottom(panel));
    fprintf(script, "set tmargin at screen %.4f\n", plot_top(panel));
    fprintf(script, "set label \"%s\" at screen %.4f,%.4f left font \",%.1f\" noenhanced\n", panel->title, left,
            panel->y1 - TITLE_LINE / 2, title_size);
    write_key(panel, script, left, panel->y1 - TITLE_LINE - KEY_LINE / 2);
}

void panel_write(const Panel *panel, FILE *script, int number)
{
    fprintf(script, "\n# Panel %d: %s\n\n", number, panel->title);
    for (int s = 0; s < panel->n_series; s++) {
        write_data(&panel->series[s], script, number, s);
    }
    write_frame(panel, script);
    write_y_axis(panel, script);
    write_x_axis(panel, script);
    double bottom = panel->zeros ? zero_row(panel) : panel->low;
    double top = panel->not_finite ? not_finite_row(panel) : panel->high;
    if (panel->axis != AXIS_LOGARITHMIC) {
        fprintf(script, "is_value(y, mark) = y\non_axis(y) = y\nis_mark(which, mark) = NaN\n");
    } else {
        fprintf(script, "row(mark) = mark == 1 ? 10**(%.6f) : 10**(%.6f)\n", bottom, top);
        fprintf(script, "is_mark(which, mark) = mark == which ? row(mark) : NaN\n");
        fprintf(script, "is_value(y, mark) = mark == 0 ? y : NaN\n");
        fprintf(script, "on_axis(y) = y > 0 ? y : y == 0 ? row(1) : NaN\n");
    }
    fprintf(script, "plot \\\n");
    for (int s = 0; s < panel->n_series; s++) {
        if (panel->series[s].spread != SPREAD_NONE) {
            write_spread(&panel->series[s], script, number, s);
        }
    }
    for (int dashed = 0; dashed < 2; dashed++) {   // dashes last: the line that is under them shows between them
        for (int s = 0; s < panel->n_series; s++) {
            const SeriesStyle *style = panel->series[s].style;
            if ((strcmp(style->dash, "solid") != 0) == (dashed == 1)) {
                write_lines(&panel->series[s], script, number, s);
            }
        }
    }
    fprintf(script, "     NaN notitle\n");
    fprintf(script, "unset label\nunset arrow\n");
}

void panel_free(Panel *panel)
{
    for (int s = 0; s < panel->n_series; s++) {
        series_free(&panel->series[s]);
    }
}
