// map.c: cells of color.

#include "gpt/plot/draw.h"

#include <math.h>

Cells cells_create(int rows, int columns, double dx, double dy)
{
    size_t n = (size_t)rows * (size_t)columns;
    return (Cells){.values = memory_allocate(n * sizeof(double) + 1, "a plot"), .rows = rows, .columns = columns, .dx = dx, .dy = dy};
}

void cells_extend_range(const Cells *cells, double *low, double *high)
{
    for (int i = 0; i < cells->rows * cells->columns; i++) {
        bool finite = isfinite(cells->values[i]);
        *low = finite ? fmin(*low, cells->values[i]) : *low;
        *high = finite ? fmax(*high, cells->values[i]) : *high;
    }
}

// Viridis: as dark print and to any eye, more is lighter.
static const char palette[] = "set palette defined (0 \"#440154\", 1 \"#472D7B\", 2 \"#3B528B\", 3 \"#2C728E\", 4 \"#21918C\", "
                              "5 \"#28AE80\", 6 \"#5EC962\", 7 \"#ADDC30\", 8 \"#FDE725\")\n";

void map_write_colors(FILE *script, double low, double high)
{
    number_print(script, "%sset cbrange [%.9g:%.9g]\n", palette, low, high);
}

void map_write_color_box(FILE *script, double x, double bottom, double height)
{
    number_print(script, "set colorbox user origin screen %.4f,%.4f size screen 0.013,%.4f border\n", x, bottom, height);
    number_print(script, "set format cb \"%%g\"\nset cbtics autofreq scale 0.5 offset -0.8,0 font \",18\"\n");
}

void map_write_axes(FILE *script, const Cells *cells, int x_tics, int y_tics)
{
    double right = (cells->columns - 1) * cells->dx;
    double end = (cells->rows - 1) * cells->dy;
    double edges[2] = {-0.5 * cells->dy, end + 0.5 * cells->dy};
    number_print(script, "set xrange [%.9g:%.9g]\nset yrange [%.9g:%.9g]\n", -0.5 * cells->dx, right + 0.5 * cells->dx, edges[cells->down],
                 edges[!cells->down]);
    number_print(script, "set format x \"%%g\"\nset format y \"%%g\"\nset xtics nomirror 0,%d\nset ytics nomirror 0,%d\n",
                 plot_tic_step((int)right, x_tics), plot_tic_step((int)end, y_tics));
}

// Returns how many cells are black. gnuplot needs two cells each way: a single row or column is drawn as two of half the size.
static int write_cells(FILE *script, const Cells *cells)
{
    int down = cells->rows == 1 ? 2 : 1;
    int across = cells->columns == 1 ? 2 : 1;
    int black = 0;
    for (int row = 0; row < cells->rows * down; row++) {
        for (int column = 0; column < cells->columns * across; column++) {
            double value = cells->values[row / down * cells->columns + column / across];
            double x = across == 2 ? -0.25 + 0.5 * column : column;
            double y = down == 2 ? -0.25 + 0.5 * row : row;
            number_print(script, isfinite(value) ? "%.9g %.9g %.9g" : "%.9g %.9g NaN", x * cells->dx, y * cells->dy, value);
            fprintf(script, isinf(value) ? " 1\n" : " 0\n");
            black += isinf(value) != 0;
        }
    }
    return black;
}

void map_write(Page *page, const Cells *cells)
{
    FILE *script = page->script;
    int number = page->blocks++;
    fprintf(script, "$map_%d << EOD\n# column row value black\n", number);
    int black = write_cells(script, cells);
    fprintf(script, "EOD\nunset grid\nunset logscale\nset border 15\n");
    fprintf(script, "set object 1 rectangle from graph 0,0 to graph 1,1 fc rgb \"#BBBBBB\" fs solid noborder behind\n");
    fprintf(script, "plot $map_%d using 1:2:3 with %s notitle", number, page->image);
    if (black > 0) {
        number_print(script, ", \\\n     $map_%d using 1:($4 == 1 ? $2 : NaN):(%.9g):(%.9g) ", number, 0.51 * cells->dx,
                     0.51 * cells->dy); // without seams
        fprintf(script, "with boxxyerror fs solid noborder fc rgb \"black\" notitle");
    }
    fprintf(script, "\nunset object 1\nset border 3\nset grid ytics\n");
}
