// table.c: text in columns as wide as their widest cell, and numbers as people read them.

#include "gpt/cli/kit/kit.h"

#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct Table {
    const char *alignments; // "lrr": one letter a column
    int n_columns;
    char **cells; // row after row; a row of NULLs is a rule
    int n_cells;
    int capacity;
    const char *colors[TABLE_COLUMNS]; // NULL: none
};

static void append(Table *table, char *cell)
{
    *LIST_ADD(table->cells, table->n_cells, table->capacity, "a table") = cell;
}

// Adds the cells of text, which this character separates.
static void add_cells(Table *table, const char *text, char between)
{
    for (const char *end; text != NULL; text = end == NULL ? NULL : end + 1) {
        end = strchr(text, between);
        table_cell(table, "%.*s", end == NULL ? (int)strlen(text) : (int)(end - text), text);
    }
}

void table_row(Table *table, const char *format, ...)
{
    enum { BETWEEN = '\x1f' }; // does not occur in text that is shown
    char text[1024];
    AUTO_FREE char *copy = memory_copy_text(format);
    for (char *at = copy; *at != '\0'; at++) {
        *at = *at == '|' ? BETWEEN : *at;
    }
    format = copy;
    FORMAT_ARGUMENTS(text, sizeof text, format);
    add_cells(table, text, BETWEEN);
}

void table_cell(Table *table, const char *format, ...)
{
    char text[512];
    FORMAT_ARGUMENTS(text, sizeof text, format);
    append(table, memory_copy_text(text));
}

void table_line(Table *table)
{
    for (int i = 0; i < table->n_columns; i++) {
        append(table, NULL);
    }
}

static Table *begin(const char *alignments, int n_columns)
{
    Table *table = memory_allocate_zeroed(1, sizeof *table, "a table");
    table->alignments = alignments;
    table->n_columns = n_columns;
    REQUIRE(n_columns <= TABLE_COLUMNS ? table : NULL);
    return table;
}

Table *table_begin(const char *alignments, const char *titles)
{
    Table *table = begin(alignments, (int)strlen(alignments));
    if (titles != NULL) {
        add_cells(table, titles, '|');
        table_line(table);
    }
    return table;
}

Table *table_begin_numbers(int n_columns)
{
    return begin("lrrrrrrrrrrrrrrrrrrr", n_columns);
}

static int column_width(const Table *table, int column)
{
    int width = 0;

    for (int i = column; i < table->n_cells; i += table->n_columns) {
        int length = table->cells[i] == NULL ? 0 : (int)strlen(table->cells[i]);
        if (length > width) {
            width = length;
        }
    }
    return width;
}

void table_color(Table *table, const char *color)
{
    table->colors[table->n_cells % table->n_columns] = color;
}

// Columns first ... end-1 after column 0, which each panel repeats.
typedef struct Panel {
    int first, end;
    int gap;  // spaces between columns
    int room; // for its last column
} Panel;

// The cell of a row. In a row of headings that span columns, a panel that begins amid these columns repeats the heading.
static const char *shown_cell(char *const *cells, int column, const Panel *panel, bool spans)
{
    while (spans && column > 1 && column <= panel->first && cells[column][0] == '\0') {
        column--;
    }
    return cells[column];
}

static void print_row(const Table *table, char *const *cells, const int *widths, const Panel *panel, bool spans, FILE *file)
{
    int pending = 0; // spaces that are printed only if something follows them
    int used = 0;    // columns of the terminal left of this cell

    for (int column = 0; column < panel->end; column = column == 0 ? panel->first : column + 1) {
        const char *cell = shown_cell(cells, column, panel, spans);
        int blank = widths[column] - (int)strlen(cell);
        bool right = table->alignments[column] == 'r';
        const char *color = table->colors[column] == NULL ? "" : terminal_color(table->colors[column]);
        if (cell[0] == '\0') {
            pending += widths[column] + panel->gap;
        } else {
            fprintf(file, "%*s%s", pending + (right && blank > 0 ? blank : 0), "", color);
            terminal_wrap(file, cell, used, column == panel->end - 1 && !right ? used + panel->room : INT_MAX, used);
            fputs(color[0] == '\0' ? "" : terminal_color(COLOR_END), file);
            pending = panel->gap + (right || blank < 0 ? 0 : blank);
        }
        used += widths[column] + panel->gap;
    }
    fputc('\n', file);
}

// Prints the columns of a panel.
static void print_panel(const Table *table, const int *widths, const Panel *panel, int total, FILE *file)
{
    int n = table->n_columns;
    bool spans = table->n_cells > 2 * n && table->cells[n] != NULL && table->cells[2 * n] == NULL; // has a row above the titles
    for (int first = 0; first < table->n_cells; first += n) {
        if (table->cells[first] != NULL) {
            print_row(table, table->cells + first, widths, panel, spans && first == 0, file);
            continue;
        }
        for (int i = 0; i < total; i++) {
            fputc('-', file);
        }
        fputc('\n', file);
    }
}

// A table that is wider than the terminal is printed with one space between columns, not two; then in panels below each other, each
// with the first column; and text in the last column of a panel is wrapped.
static void print_table(const Table *table)
{
    FILE *file = stdout;
    enum { WIDEST = 1000, NARROW = 16 };
    int columns = terminal_columns(WIDEST);
    int widths[TABLE_COLUMNS];
    int total = -2;
    for (int column = 0; column < table->n_columns; column++) {
        widths[column] = column_width(table, column);
        total += widths[column] + 2;
    }
    int narrower = total - (table->n_columns - 1);
    int gap = total > columns && narrower <= columns ? 1 : 2;
    int first = 1;
    do {
        Panel panel = {.first = first, .end = first, .gap = gap};
        int used = widths[0];
        bool fits = true;
        while (panel.end < table->n_columns && fits) {
            int width = widths[panel.end];
            bool text = table->alignments[panel.end] == 'l' && panel.end == table->n_columns - 1 && width > NARROW;
            fits = used + gap + (text ? NARROW : width) <= columns || panel.end == first;
            if (fits) {
                panel.room = columns - used - gap;
                used += gap + width;
                panel.end++;
            }
        }
        fputs(first > 1 ? "\n" : "", file);
        print_panel(table, widths, &panel, used > columns ? columns : used, file);
        first = panel.end;
    } while (first < table->n_columns);
}

void table_end(Table *table)
{
    print_table(table);
    for (int i = 0; i < table->n_cells; i++) {
        free(table->cells[i]);
    }
    free(table->cells);
    free(table);
}

const char *thousands_text(double count, char text[NUMBER_TEXT])
{
    char digits[NUMBER_TEXT];
    int length = snprintf(digits, sizeof digits, "%.0f", count);
    int used = 0;

    if (length >= 3 * NUMBER_TEXT / 4 - 1) { // no room for the separators
        snprintf(text, NUMBER_TEXT, "%.6g", count);
        return text;
    }
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0) {
            text[used++] = ',';
        }
        text[used++] = digits[i];
    }
    text[used] = '\0';
    return text;
}
