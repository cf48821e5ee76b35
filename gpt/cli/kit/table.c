// table.c: text in columns as wide as their widest cell, and numbers as people read them.

#include "gpt/cli/kit/kit.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct Table {
    const char *alignments;                        // "lrr": one letter a column
    int n_columns;
    char **cells;                                  // row after row; a row of NULLs is a rule
    int n_cells;
    int capacity;
};

Table *table_create(const char *alignments)
{
    Table *table = memory_allocate(sizeof *table, "a table");
    *table = (Table){.alignments = alignments, .n_columns = (int)strlen(alignments)};
    return table;
}

static void append(Table *table, char *cell)
{
    table->cells = memory_grow(table->cells, table->n_cells, &table->capacity, sizeof cell, "a table");
    table->cells[table->n_cells] = cell;
    table->n_cells++;
}

void table_cell(Table *table, const char *format, ...)
{
    char text[512];
    va_list arguments;

    va_start(arguments, format);
    number_vformat(text, sizeof text, format, arguments);
    va_end(arguments);
    append(table, memory_copy_text(text));
}

void table_line(Table *table)
{
    for (int i = 0; i < table->n_columns; i++) {
        append(table, NULL);
    }
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

static void print_row(const Table *table, int first, const int *widths, FILE *file)
{
    int pending = 0;                               // spaces that are printed only if something follows them

    for (int column = 0; column < table->n_columns; column++) {
        const char *cell = table->cells[first + column];
        int blank = widths[column] - (int)strlen(cell);
        bool right = table->alignments[column] == 'r';
        if (cell[0] == '\0') {
            pending += blank + 2;
            continue;
        }
        fprintf(file, "%*s%s", pending + (right ? blank : 0), "", cell);
        pending = 2 + (right ? 0 : blank);
    }
    fputc('\n', file);
}

void table_print(const Table *table, FILE *file)
{
    int *widths = memory_allocate((size_t)table->n_columns * sizeof *widths, "a table");
    int total = 0;

    for (int column = 0; column < table->n_columns; column++) {
        widths[column] = column_width(table, column);
        total += widths[column] + (column == 0 ? 0 : 2);
    }
    for (int first = 0; first < table->n_cells; first += table->n_columns) {
        if (table->cells[first] != NULL) {
            print_row(table, first, widths, file);
            continue;
        }
        for (int i = 0; i < total; i++) {
            fputc('-', file);
        }
        fputc('\n', file);
    }
    free(widths);
}

void table_free(Table *table)
{
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

    if (length >= 3 * NUMBER_TEXT / 4 - 1) {       // no room for the separators
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
