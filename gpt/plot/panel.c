// panel.c: one pair of axes and the lines in it, as gnuplot commands with the data before them.
//
// A logarithmic axis has no place for 0, and gnuplot drops such a point silently. So there is a row for 0 below the smallest power of ten,
// with the tic label 0. Any axis may have a row above the largest value for NaN and infinities.
//
//      NaN |          x x          marks
//     10^2 |  \___
//     10^0 |      '-----.          values
//        0 |             \____     values that are 0

#include "gpt/plot/draw.h"

#include <math.h>

#define LARGEST 1e300 // gnuplot computes differences and margins of the ends of an axis

bool panel_can_draw(double value)
{
    return isnan(value) || isinf(value) || value == 0 || (fabs(value) < LARGEST && fabs(value) > 1 / LARGEST);
}

// ------------------------------------------------------------------------------------------------------------
// The range of the y axis

// The smallest and largest of the finite values; of those above 0 if positive.
static void find_range(const Panel *panel, bool positive, double *low, double *high)
{
    *low = INFINITY;
    *high = -INFINITY;
    for (int s = 0; s < panel->n_lines; s++) {
        const Line *line = &panel->lines[s];
        for (int i = 0; i < line->n; i++) {
            double values[3] = {line->y[i].median, line->y[i].low, line->y[i].high};
            for (int k = 0; k < (line->spread == SPREAD_NONE ? 1 : 3); k++) {
                bool counts = isfinite(values[k]) && (values[k] > 0 || !positive);
                *low = counts ? fmin(*low, values[k]) : *low;
                *high = counts ? fmax(*high, values[k]) : *high;
            }
        }
    }
}

static void find_rows(Panel *panel)
{
    for (int s = 0; s < panel->n_lines; s++) {
        const Line *line = &panel->lines[s];
        for (int i = 0; i < line->n; i++) {
            bool quartile = line->spread != SPREAD_NONE && line->y[i].low == 0;
            panel->zeros = panel->zeros || (panel->axis == AXIS_LOG && (line->y[i].median == 0 || quartile));
            panel->not_finite = panel->not_finite || !isfinite(line->y[i].median);
        }
    }
}

void panel_fit(Panel *panel)
{
    enum { DECADES_LEAST = 2 }; // fewer would exaggerate a small difference
    double low;
    double high;
    find_range(panel, panel->axis == AXIS_LOG, &low, &high);
    if (panel->axis == AXIS_AUTO) {
        panel->axis = high > 10 * low ? AXIS_LOG : AXIS_ZERO;
        find_range(panel, panel->axis == AXIS_LOG, &low, &high);
    }
    if (low > high) {
        low = panel->axis == AXIS_LOG ? 0.1 : 0;
        high = 1;
    }
    if (panel->has_rows) {
        find_rows(panel);
    }
    if (panel->axis == AXIS_LOG) {
        low = floor(log10(low));
        high = ceil(log10(high));
        for (int i = 0; high - low < DECADES_LEAST; i++) {
            low -= i % 2 == 0;
            high += i % 2 == 1;
        }
    } else if (panel->axis == AXIS_UNIT) {
        low = fmin(low, 0);
        high = fmax(high, 1);
    } else if (panel->axis == AXIS_ZERO) { // less than a fifth of the largest would exaggerate a small difference
        low = low > 0.5 * high ? fmin(low, 0.8 * high) : fmin(low, 0);
    }
    if (low == high) { // gnuplot refuses an axis without a length
        double margin = fmax(0.5 * fabs(high), 1e-3);
        low -= margin;
        high += margin;
    }
    panel->low = low;
    panel->high = high;
}

void panel_place(Panel *panel, double x, double y, double width, double height)
{
    panel->x = x;
    panel->y = y;
    panel->width = width;
    panel->height = height;
}

void panel_share(Panel *a, Panel *b)
{
    a->low = b->low = fmin(a->low, b->low);
    a->high = b->high = fmax(a->high, b->high);
    a->zeros = b->zeros = a->zeros || b->zeros;
    a->not_finite = b->not_finite = a->not_finite || b->not_finite;
}

// ------------------------------------------------------------------------------------------------------------
// Axes

// Characters of a label in the key: those of many lines must leave room for each other.
static int label_most(const Panel *panel)
{
    return panel->n_lines > 4 ? 34 : 76;
}

// The columns of the panel's own key.
static int key_columns(const Panel *panel)
{
    int longest = 1;
    for (int s = 0; s < panel->n_lines; s++) {
        longest = (int)fmax(longest, plot_length(panel->lines[s].label));
    }
    return page_key_columns((int)fmin(longest, label_most(panel)), panel->width);
}

// Margins, in lines of text: below the axes for tics and label, above for title and key.
static double bottom_margin(const Panel *panel)
{
    return panel->x_label != NULL && panel->x_label[0] != '\0' ? 3.2 : 2.0;
}

static double key_height(const Panel *panel)
{
    return panel->has_key ? 1.35 * ((panel->n_lines - 1) / key_columns(panel) + 1) : 0;
}

static double top_margin(const Panel *panel)
{
    return 0.7 + (panel->title != NULL ? 1.7 : 0) + key_height(panel);
}

#define LINE_HEIGHT 0.033 // of text, as a part of the page's height
#define TIC_HEIGHT 0.041  // of a tic's label, so that the next does not touch it

static double axes_height(const Panel *panel)
{
    return fmax(panel->height - LINE_HEIGHT * (bottom_margin(panel) + top_margin(panel)), 2 * TIC_HEIGHT);
}

// Between the axis and a row, so that their tic labels do not touch.
static double row_distance(const Panel *panel)
{
    double rows = panel->zeros + panel->not_finite;
    double height = axes_height(panel);
    return (panel->high - panel->low) * TIC_HEIGHT / fmax(height - TIC_HEIGHT * rows, 0.3 * height);
}

// The distance of tics: at least two labels, and at most as many as have room.
static double tic_distance(const Panel *panel)
{
    double height = axes_height(panel);
    int room = (int)fmin(height / TIC_HEIGHT, 3 + 13 * height) - panel->zeros - panel->not_finite;
    double distance = plot_tic_distance(panel->high - panel->low, room);
    distance = panel->axis == AXIS_LOG ? fmax(1, distance) : distance;
    while (floor(panel->high / distance) - ceil(panel->low / distance) < 1) {
        distance = panel->axis == AXIS_LOG ? ceil(distance / 2) : distance / 2;
    }
    return distance;
}

// A place on the axis, as gnuplot's number.
static void write_place(const Panel *panel, FILE *script, double y)
{
    number_print(script, panel->axis == AXIS_LOG ? "10**(%.6f)" : "%.9g", y);
}

static void write_y_axis(const Panel *panel, FILE *script)
{
    bool logarithmic = panel->axis == AXIS_LOG;
    double margin = 0.04 * (panel->high - panel->low);
    double low = panel->low - panel->zeros * row_distance(panel);
    double high = panel->high + panel->not_finite * row_distance(panel);
    double distance = tic_distance(panel);
    fprintf(script, logarithmic ? "set logscale y\nset format y \"10^{%%L}\"\nset yrange [" : "set format y \"%%g\"\nset yrange [");
    write_place(panel, script, low - margin);
    fprintf(script, ":");
    write_place(panel, script, high + margin);
    if (logarithmic) {
        int step = (int)distance;
        number_print(script, "]\nset ytics 1e%d,1e%d,1e%d\n", (int)ceil(panel->low / step) * step, step, (int)panel->high);
        number_print(script, "on_axis(y) = y > 0 ? y : y == 0 ? 10**(%.6f) : NaN\n", low);
    } else {
        double end = panel->not_finite ? panel->high : high + margin;
        number_print(script, "]\nset ytics %.9g,%.9g,%.9g\n", ceil((low - margin) / distance) * distance, distance, end);
        fprintf(script, "on_axis(y) = y\n");
    }
    for (int row = 0; row < 2; row++) {
        if (row == 0 ? panel->zeros : panel->not_finite) {
            fprintf(script, "set ytics add (\"%s\" ", row == 0 ? "0" : "NaN");
            write_place(panel, script, row == 0 ? low : high);
            fprintf(script, ")\n");
        }
    }
    fprintf(script, "not_finite(text) = text eq \"NaN\" ? ");
    write_place(panel, script, high);
    fprintf(script, " : NaN\n");
}

// Tics at the points of the first line.
static void write_x_points(const Panel *panel, FILE *script)
{
    fprintf(script, "set logscale x\nset xtics (");
    for (int i = 0; i < panel->lines[0].n; i++) {
        number_print(script, "%s%.9g", i == 0 ? "" : ", ", panel->lines[0].x[i]);
    }
    fprintf(script, ")\n");
}

static void write_x_axis(const Panel *panel, FILE *script)
{
    enum { PAGE = 80 }; // characters
    double low = INFINITY;
    double high = -INFINITY;
    for (int s = 0; s < panel->n_lines; s++) {
        for (int i = 0; i < panel->lines[s].n; i++) {
            low = fmin(low, panel->lines[s].x[i]);
            high = fmax(high, panel->lines[s].x[i]);
        }
    }
    if (low > high) {
        low = high = 0;
    }
    double margin = high > low ? 0.03 * (high - low) : 0.5;
    low = panel->x_low < panel->x_high ? panel->x_low : panel->log_x ? low / 1.2 : low - margin;
    high = panel->x_low < panel->x_high ? panel->x_high : panel->log_x ? high * 1.2 : high + margin;
    number_print(script, "set xrange [%.9g:%.9g]\nset xtics autofreq nomirror\n", low, high);
    if (panel->log_x) {
        write_x_points(panel, script);
    } else if (panel->x_names != NULL) {
        fprintf(script, "set xtics ");
        plot_write_names(script, panel->x_names, panel->n_x_names, 1, (int)(panel->width * PAGE / panel->n_x_names));
        fprintf(script, "\n");
    } else if (panel->x_counts) {
        number_print(script, "set xtics 0,%d\n", plot_tic_step((int)high, (int)(panel->width * 20)));
    }
}

void panel_write_axes(const Panel *panel, FILE *script)
{
    fprintf(script, "unset logscale\nset ytics autofreq nomirror\n");
    write_y_axis(panel, script);
    write_x_axis(panel, script);
}

// ------------------------------------------------------------------------------------------------------------
// Lines

static void write_number(FILE *script, double value)
{
    if (isfinite(value)) {
        number_print(script, " %.9g", value);
    } else {
        fprintf(script, " NaN");
    }
}

void panel_write_data(const Panel *panel, FILE *script, int number)
{
    for (int s = 0; s < panel->n_lines; s++) {
        const Line *line = &panel->lines[s];
        fprintf(script, "$data_%d_%d << EOD\n# x %s\n", number, s, line->spread == SPREAD_NONE ? "y" : "median low high zeros n");
        for (int i = 0; i < line->n; i++) {
            number_print(script, "%.9g", line->x[i]);
            write_number(script, line->y[i].median);
            if (line->spread != SPREAD_NONE) {
                write_number(script, line->y[i].low);
                write_number(script, line->y[i].high);
                fprintf(script, " %d %d", line->y[i].zeros, line->y[i].n);
            }
            fprintf(script, "\n");
        }
        // gnuplot refuses a block without data, and 5.4 crashes on a single point that is not finite and has a letter as its marker.
        fprintf(script, "%s%sEOD\n", line->n <= 1 ? "NaN NaN NaN NaN\n" : "", line->n == 0 ? "NaN NaN NaN NaN\n" : "");
    }
}

// Quartiles behind the lines.
static void write_spread(const Panel *panel, FILE *script, int number, int s)
{
    const Line *line = &panel->lines[s];
    number_print(script, "     $data_%d_%d using ", number, s);
    if (line->spread == SPREAD_BARS) {
        fprintf(script, "1:(on_axis($2)):(on_axis($3)):(on_axis($4)) with yerrorbars lt %d dt solid lw 3 pt 0 notitle, \\\n", line->style + 1);
    } else {
        fprintf(script, "1:(on_axis($3)):(on_axis($4)) with filledcurves lt %d fs transparent solid %s noborder notitle, \\\n", line->style + 1,
                panel->n_lines > 4 ? "0.1" : "0.2");
    }
}

static void write_bars(const Panel *panel, FILE *script, int number, int s)
{
    double width = 0.8 / panel->n_lines;
    number_print(script, "     $data_%d_%d using ($1 + %.9g):2:(%.9g) with boxes lt %d dt solid lw 2 fs solid notitle", number, s,
                 width * (s + 0.5) - 0.4, width, panel->lines[s].style + 1);
}

static void write_line(const Panel *panel, FILE *script, int number, int s)
{
    enum { POINTS = 30 }; // more would hide the line
    const Line *line = &panel->lines[s];
    number_print(script, "     $data_%d_%d using 1:(on_axis($2)) with ", number, s);
    if (line->theory) {
        fprintf(script, "lines lt %d lc rgb \"black\" lw 2.5 ", line->style + 1);
    } else if (panel->x_names != NULL) {
        fprintf(script, "points lt %d ", line->style + 1);
    } else {
        fprintf(script, "linespoints lt %d pi %d ", line->style + 1, line->n / POINTS + 1);
    }
    if (panel->has_key) {
        fprintf(script, "title ");
        plot_write_label(script, line->label, label_most(panel));
    } else {
        fprintf(script, "notitle");
    }
    if (panel->not_finite) {
        number_print(script, ", \\\n     $data_%d_%d using 1:(not_finite(strcol(2))) with points lt %d pt 2 lw 3 notitle", number, s,
                     line->style + 1);
    }
}

void panel_write(const Panel *panel, Page *page)
{
    FILE *script = page->script;
    int number = page->blocks++;
    fprintf(script, "\n");
    panel_write_data(panel, script, number);
    page_place(script, panel->x, panel->y, panel->width, panel->height);
    number_print(script, "set lmargin %d\nset rmargin 2\nset bmargin %.1f\nset tmargin %.1f\n", panel->y_label == NULL ? 8 : LABEL_MARGIN,
                 bottom_margin(panel), top_margin(panel));
    page_labels(script, panel->title, panel->x_label, panel->y_label);
    if (panel->has_key) {
        number_print(script,
                     "set key at graph 0,1 left bottom horizontal Left reverse noenhanced samplen 3 width 1 maxcols %d font "
                     "\",22\"\n",
                     key_columns(panel));
        number_print(script, "set label 99 offset -5,%.1f\n", 1.1 + key_height(panel));
    }
    panel_write_axes(panel, script);
    fprintf(script, panel->bars ? "set yrange [0:*]\nplot \\\n" : "plot \\\n");
    for (int s = 0; s < panel->n_lines; s++) {
        if (panel->lines[s].spread != SPREAD_NONE) {
            write_spread(panel, script, number, s);
        }
    }
    for (int s = 0; s < panel->n_lines; s++) {
        (panel->bars ? write_bars : write_line)(panel, script, number, s);
        fprintf(script, s == panel->n_lines - 1 ? "\n" : ", \\\n");
    }
    fprintf(script, "unset key\n");
}

void panel_free(Panel *panel)
{
    for (int s = 0; s < panel->n_lines; s++) {
        line_free(&panel->lines[s]);
    }
}

void page_panels(Page *page, Panel *panels, int n, int columns, bool tall)
{
    columns = n < columns ? n : columns;
    int rows = n == 0 ? 0 : (n - 1) / columns + 1;
    bool left_over = rows * columns > n;
    double width = 1.0 / columns;
    double height = (page->top - page->bottom) / rows;
    for (int i = 0; i < n; i++) {
        bool high = left_over && tall && i == 0;
        bool wide = left_over && !tall && i == n - 1;
        int cell = i + (left_over && tall && i >= columns); // counted along the rows; the high panel also fills the one below
        double x = cell % columns * width;
        double bottom = page->top - (cell / columns + (high ? 2 : 1)) * height;
        panel_place(&panels[i], x, bottom, wide ? 1 - x : width, high ? 2 * height : height);
        panel_write(&panels[i], page);
        panel_free(&panels[i]);
    }
}

bool panel_draw(Panel *panel, const char *path, char *title, const char *caption, Error *error)
{
    Page page;
    page_open(&page, path, title, memory_copy_text(caption == NULL ? "" : caption), NULL);
    page_panels(&page, panel, 1, 1, false);
    return page_close(&page, error);
}
