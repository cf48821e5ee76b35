// matrix.c: one matrix as a map of colours, as a picture and as text: attention weights, a mask, a table of gradients.

#include "gpt/plot/panel.h"

#include <math.h>
#include <stdlib.h>

enum { CELLS_MOST = 256, NAMES_MOST = 48 };        // of an axis: more cells or names could not be told apart

static bool matrix_check(const MatrixMap *map, Error *error)
{
    if (map->rows < 1 || map->columns < 1 || map->rows > CELLS_MOST || map->columns > CELLS_MOST) {
        return error_set(error, "a map has 1 to %d rows and columns, not %d x %d", CELLS_MOST, map->rows, map->columns);
    }
    if (!(map->low <= map->high)) {
        return error_set(error, "the colours of a map reach from low to high, not from %g to %g", map->low, map->high);
    }
    return true;
}

static double value_at(const MatrixMap *map, int row, int column)
{
    return (double)map->values[row * map->columns + column];
}

// What is asked for, or from the smallest finite value to the largest. 0 is within, so that weights are compared with nothing at all.
static void value_range(const MatrixMap *map, double *low, double *high)
{
    if (map->low < map->high) {
        *low = map->low;
        *high = map->high;
        return;
    }
    *low = 0;
    *high = 0;
    for (int i = 0; i < map->rows * map->columns; i++) {
        double value = (double)map->values[i];
        *low = isfinite(value) ? fmin(*low, value) : *low;
        *high = isfinite(value) ? fmax(*high, value) : *high;
    }
    *high = *high > *low ? *high : *low + 1;
}

static int count_not_finite(const MatrixMap *map)
{
    int count = 0;
    for (int i = 0; i < map->rows * map->columns; i++) {
        count += !isfinite((double)map->values[i]);
    }
    return count;
}

// A map needs two cells each way: a single row or column is drawn as two of half the size.
static void write_cells(const MatrixMap *map, FILE *script)
{
    int row_copies = map->rows == 1 ? 2 : 1;
    int column_copies = map->columns == 1 ? 2 : 1;
    fprintf(script, "$map << EOD\n# column row value\n");
    for (int row = 0; row < map->rows * row_copies; row++) {
        for (int column = 0; column < map->columns * column_copies; column++) {
            double value = value_at(map, row / row_copies, column / column_copies);
            double x = column_copies == 2 ? -0.25 + 0.5 * column : column;
            double y = row_copies == 2 ? -0.25 + 0.5 * row : row;
            fprintf(script, isfinite(value) ? "%.9g %.9g %.9g\n" : "%.9g %.9g NaN\n", x, y, value);
        }
    }
    fprintf(script, "EOD\n");
}

static void write_names(FILE *script, const char *axis, const char *const *names, int n)
{
    if (names == NULL) {
        fprintf(script, "set %stics 0, %d\n", axis, plot_tic_step(n - 1, 12));
        return;
    }
    fprintf(script, "set %stics (", axis);
    int step = n / NAMES_MOST + 1;
    for (int i = 0; i < n; i += step) {
        fprintf(script, i == 0 ? "\"" : ", \"");
        plot_quote(script, names[i], false);
        fprintf(script, "\" %d", i);
    }
    fprintf(script, ") noenhanced\n");
}

bool plot_matrix(const MatrixMap *map, const char *path, Error *error)
{
    REQUIRE(path);
    if (!plot_path_check(path, error) || !matrix_check(map, error)) {
        return false;
    }
    double top;
    double bottom;
    double low;
    double high;
    value_range(map, &low, &high);
    PlotText script;
    plot_text_open(&script);
    FILE *out = script.stream;
    page_open(out, path, map->title, map->caption == NULL ? "" : map->caption, &top, &bottom);
    write_cells(map, out);
    fprintf(out, "%sset cbrange [%.9g:%.9g]\n", plot_palette, low, high);
    bool square = map->columns < 2 * map->rows && map->rows < 2 * map->columns;        // else a long row of cells gets all the width
    fprintf(out, "unset grid\nset border 15\nset tmargin at screen %.4f\nset bmargin at screen %.4f\n", top - 0.02, bottom + 0.13);
    fprintf(out, "%s\n", square ? "set size square\nset lmargin at screen 0.28\nset rmargin at screen 0.86"
                                : "set size nosquare\nset lmargin at screen 0.10\nset rmargin at screen 0.85");
    fprintf(out, "set xrange [-0.5:%.1f]\nset yrange [%.1f:-0.5]\n", map->columns - 0.5, map->rows - 0.5);
    write_names(out, "x", map->column_names, map->columns);
    write_names(out, "y", map->row_names, map->rows);
    fprintf(out, "%s", map->column_names == NULL ? "" : "set xtics rotate by -45\n");
    page_labels(out, map->x_label, map->y_label);
    fprintf(out, "%s", map->column_names == NULL ? "" : "set xlabel offset 0,-0.4\n");
    fprintf(out, "set object 1 rectangle from graph 0,0 to graph 1,1 fc rgb \"#BBBBBB\" fs solid noborder behind\n");
    fprintf(out, "plot $map using 1:2:3 with %s notitle\n", page_image(path));
    page_close(out);
    return page_draw(&script, path, error);
}

// ------------------------------------------------------------------------------------------------------------
// The terminal

// Blank is the smallest value, the others divide what lies above it; '.' is what is not finite.
static const char *const shades[] = {" ", "░", "▒", "▓", "█"};
enum { SHADES = sizeof shades / sizeof shades[0], NAME_COLUMNS = 10, LEGEND_DIGITS = 3 };

static const char *shade(double value, double low, double high)
{
    if (!isfinite(value)) {
        return ".";
    }
    if (value <= low) {
        return shades[0];
    }
    int step = 1 + (int)((value - low) / (high - low) * (SHADES - 1));
    return shades[step < SHADES ? step : SHADES - 1];
}

// A row's name, cut and filled up to NAME_COLUMNS; without names, its number.
static void write_row_name(FILE *out, const MatrixMap *map, int row)
{
    if (map->row_names == NULL) {
        fprintf(out, "%*d ", NAME_COLUMNS, row);
        return;
    }
    int length = plot_length(map->row_names[row]);
    fprintf(out, "%*s%s ", length < NAME_COLUMNS ? NAME_COLUMNS - length : 0, "", map->row_names[row]);
}

char *plot_matrix_terminal(const MatrixMap *map, Error *error)
{
    REQUIRE(map);
    if (!matrix_check(map, error)) {
        return NULL;
    }
    double low;
    double high;
    value_range(map, &low, &high);
    PlotText text;
    plot_text_open(&text);
    FILE *out = text.stream;
    fprintf(out, "%s\n\n", map->title);
    for (int row = 0; row < map->rows; row++) {
        write_row_name(out, map, row);
        fprintf(out, "|");
        for (int column = 0; column < map->columns; column++) {
            const char *cell = shade(value_at(map, row, column), low, high);
            fprintf(out, "%s%s", cell, cell);
        }
        fprintf(out, "|\n");
    }
    fprintf(out, "%*s\n", NAME_COLUMNS + 1, "");
    fprintf(out, "down: %s; across: %s; from %.*g (blank) to %.*g (%s)%s\n", map->y_label, map->x_label, LEGEND_DIGITS, low,
            LEGEND_DIGITS, high, shades[SHADES - 1], count_not_finite(map) > 0 ? "; dots are not finite" : "");
    plot_text_close(&text);
    return text.bytes;
}
