// panel.c: one pair of axes and the lines in it, as gnuplot commands with the data before them.

#include "gpt/plot/panel.h"

#include <math.h>
#include <string.h>

// ------------------------------------------------------------------------------------------------------------
// Data and lines

enum { POINTS_MOST = 40, MARKS_MOST = 40 };        // more would hide the line

// Along a row of marks only every so manyth is drawn, and where the row begins and ends; the line joins them.
static bool mark_is_drawn(const Series *series, int i)
{
    int stride = series->n / MARKS_MOST + 1;
    Mark mark = series_mark(series, i);
    bool begins = i == 0 || series_mark(series, i - 1) != mark;
    bool ends = i == series->n - 1 || series_mark(series, i + 1) != mark;
    return i % stride == 0 || begins || ends;
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
        fprintf(script, " %d %d %d %d\n", y->zeros, y->n, series_mark(series, i), mark_is_drawn(series, i));
    }
    fprintf(script, "EOD\n");
}

// A quartile of 0 is drawn in the row of zeros.
static void write_spread(const Series *series, FILE *script, int number, int index)
{
    const char *color = series->style->color;
    fprintf(script, "     $data_%d_%d ", number, index);
    if (series->spread == SPREAD_BARS) {
        fprintf(script, "using 1:(is_value($3, $7)):(on_axis($2)):(on_axis($4)) with yerrorbars "
                        "lc rgb \"%s\" lw 3 pt 0 notitle, \\\n", color);
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
        snprintf(look, sizeof look, "points pt %d ps 2.4*point lc rgb \"%s\"", style->point, style->color);
        write_layer(script, number, index, "is_value($3, $7)", look);
    }
    snprintf(look, sizeof look, "lines lc rgb \"%s\" lw 2", style->color);
    write_layer(script, number, index, "is_mark(1, $7)", look);
    double size = strcmp(style->dash, DASH_NONE) == 0 ? 3.2 : 1.8;             // where both have a mark, one is inside the other
    snprintf(look, sizeof look, "points pt 11 ps %.1f*point lw 4 lc rgb \"%s\"", size, style->color);
    write_layer(script, number, index, "is_mark(1, $7 * $8)", look);
    snprintf(look, sizeof look, "points pt 2 ps %.1f*point lw 4 lc rgb \"%s\"", size, style->color);
    write_layer(script, number, index, "is_mark(2, $7 * $8)", look);
}

// ------------------------------------------------------------------------------------------------------------
// The title and the key, which is drawn by hand: gnuplot's own would not know where there is room, nor keep off the lines

// The size of a font that is made smaller where a text would be wider than its room.
static double font_size(double size, double width, double room)
{
    return width > room ? size * room / width : size;
}

static void write_key(const Panel *panel, FILE *script, double x, double y)
{
    double left = x;
    for (int s = 0; s < panel->n_series; s++) {
        const Series *series = &panel->series[s];
        bool wraps = panel_key_wraps(panel, s);
        x = wraps ? left : x;
        y -= wraps ? KEY_LINE : 0;
        const SeriesStyle *style = series->style;
        double text_x = x + KEY_SAMPLE + KEY_GAP;
        fprintf(script, "set arrow from screen %.4f,%.4f to screen %.4f,%.4f nohead lc rgb \"%s\" lw 5 dt %s\n", x, y,
                x + KEY_SAMPLE, y, style->color, style->dash);
        if (series->n <= POINTS_MOST) {
            fprintf(script, "set label \"\" at screen %.4f,%.4f point pt %d ps 2.4*point lc rgb \"%s\"\n", x + KEY_SAMPLE / 2, y,
                    style->point, style->color);
        }
        fprintf(script, "set label \"%s\" at screen %.4f,%.4f left font \",%.1f\" noenhanced\n", series->label, text_x, y,
                font_size(23, KEY_LETTER * plot_length(series->label), panel->x1 - text_x));
        x += panel_key_width(series) + KEY_BETWEEN;
    }
}

static void write_frame(const Panel *panel, FILE *script)
{
    double left = panel->x0 + TEXT_LEFT;
    double title_size = font_size(26, TITLE_LETTER * plot_length(panel->title), panel->x1 - left);
    fprintf(script, "set lmargin at screen %.4f\n", panel->x0 + PLOT_LEFT);
    fprintf(script, "set rmargin at screen %.4f\n", panel->x1 - PLOT_SIDES + PLOT_LEFT);
    fprintf(script, "set bmargin at screen %.4f\n", panel_plot_bottom(panel));
    fprintf(script, "set tmargin at screen %.4f\n", panel_plot_top(panel));
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
    panel_write_axes(panel, script);
    double bottom = panel->zeros ? panel_zero_row(panel) : panel->low;
    double top = panel->not_finite ? panel_not_finite_row(panel) : panel->high;
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
            if ((strcmp(style->dash, DASH_NONE) != 0) == (dashed == 1)) {
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
