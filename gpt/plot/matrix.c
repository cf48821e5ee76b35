// matrix.c: one matrix as a map of colors, as a plot and as text: attention weights, a mask, a table of gradients.

#include "gpt/plot/draw.h"

#include <math.h>
#include <stdlib.h>

enum { CELLS_MOST = 256, NAMES_MOST = 48, NAME_MOST = 14 }; // of an axis: more cells or names would be indistinguishable

static bool matrix_check(const MatrixMap *map, Error *error)
{
    if (map->values == NULL || map->rows < 1 || map->columns < 1 || map->rows > CELLS_MOST || map->columns > CELLS_MOST) {
        return error_set(error, "a map has 1 to %d rows and columns%s, not %d x %d", CELLS_MOST, map->values == NULL ? " of values" : "", map->rows,
                         map->columns);
    }
    if (!(map->low <= map->high) || !isfinite(map->low) || !panel_can_draw(map->low) || !panel_can_draw(map->high)) {
        return error_set(error, "the colors of a map reach from low to high, not from %g to %g", map->low, map->high);
    }
    return true;
}

static double value_at(const MatrixMap *map, int row, int column)
{
    Real value = map->values[row * map->columns + column];
    return (double)value;
}

// low and high, or the range of the finite values, extended to include 0, so that weights are compared with 0.
static void value_range(const MatrixMap *map, double *low, double *high)
{
    *low = map->low;
    *high = map->high;
    if (map->low < map->high) {
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

static void write_names(FILE *script, const char *axis, const char *const *names, int n)
{
    if (names != NULL) {
        fprintf(script, "set %stics enhanced ", axis);
        plot_write_names(script, names, n, n / NAMES_MOST + 1, NAME_MOST);
        fprintf(script, "%s\n", axis[0] == 'x' ? " rotate by -45" : "");
    }
}

static void write_axes(const MatrixMap *map, const Cells *cells, const Page *page)
{
    FILE *script = page->script;
    bool square = map->columns < 2 * map->rows && map->rows < 2 * map->columns; // else a long row of cells gets all the width
    double margin = map->column_names == NULL ? 0.1 : 0.22;                     // for names that go down to the right
    number_print(script, "set tmargin at screen %.4f\nset bmargin at screen %.4f\n", page->top - 0.025, page->bottom + margin);
    fprintf(script, "%s\n",
            square ? "set size square\nset lmargin at screen 0.28\nset rmargin at screen 0.86"
                   : "set lmargin at screen 0.15\nset rmargin at screen 0.85");
    map_write_axes(script, cells, 12, 12);
    write_names(script, "x", map->column_names, map->columns);
    write_names(script, "y", map->row_names, map->rows);
    page_labels(script, NULL, map->x_label, map->y_label);
}

bool plot_matrix(const MatrixMap *map, const char *path, Error *error)
{
    REQUIRE(map, path);
    if (!matrix_check(map, error)) {
        return false;
    }
    double low;
    double high;
    value_range(map, &low, &high);
    int n = map->rows * map->columns;
    Cells cells = cells_create(map->rows, map->columns, 1, 1);
    cells.down = true;
    for (int i = 0; i < n; i++) {
        cells.values[i] = isfinite((double)map->values[i]) ? (double)map->values[i] : NAN;
    }
    Page page;
    page_open(&page, path, memory_copy_text(map->title == NULL ? "" : map->title), memory_copy_text(map->caption == NULL ? "" : map->caption),
              NULL);
    map_write_colors(page.script, low, high);
    write_axes(map, &cells, &page);
    map_write(&page, &cells);
    free(cells.values);
    return page_close(&page, error);
}

// ------------------------------------------------------------------------------------------------------------
// The terminal

// Blank is the smallest value, the others divide the range above it; '.' is a value that is not finite.
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
    double step = 1 + (value - low) / (high - low) * (SHADES - 1);
    return shades[step < SHADES ? (int)step : SHADES - 1];
}

// A row's name, or its number, to the right of NAME_COLUMNS.
static void write_row_name(FILE *out, const MatrixMap *map, int row)
{
    if (map->row_names == NULL) {
        fprintf(out, "%*d ", NAME_COLUMNS, row);
        return;
    }
    AUTO_FREE char *name = plot_shorten(map->row_names[row], NAME_COLUMNS);
    fprintf(out, "%*s%s ", NAME_COLUMNS - plot_length(name), "", name);
}

static void write_shown(FILE *out, const char *text)
{
    AUTO_FREE char *shown = plot_shorten(text, 200);
    fputs(shown, out);
}

char *plot_matrix_terminal(const MatrixMap *map, Error *error)
{
    REQUIRE(map);
    if (!matrix_check(map, error)) {
        return NULL;
    }
    double low;
    double high;
    bool all_finite = true;
    value_range(map, &low, &high);
    Writer *text = writer_begin();
    FILE *out = text->stream;
    write_shown(out, map->title);
    fprintf(out, "\n\n");
    for (int row = 0; row < map->rows; row++) {
        write_row_name(out, map, row);
        fprintf(out, "|");
        for (int column = 0; column < map->columns; column++) {
            const char *cell = shade(value_at(map, row, column), low, high);
            fprintf(out, "%s%s", cell, cell);
            all_finite = all_finite && isfinite(value_at(map, row, column));
        }
        fprintf(out, "|\n");
    }
    fprintf(out, "%*s\ndown: ", NAME_COLUMNS + 1, "");
    write_shown(out, map->y_label == NULL ? "rows" : map->y_label);
    fprintf(out, "; across: ");
    write_shown(out, map->x_label == NULL ? "columns" : map->x_label);
    number_print(out, "; from %.*g (blank) to %.*g (%s)%s\n", LEGEND_DIGITS, low, LEGEND_DIGITS, high, shades[SHADES - 1],
                 all_finite ? "" : "; dots are not finite");
    return writer_end(text);
}
