// table.h: tables that grow while a program runs: CSV files to which complete rows are appended, and which a later run continues.

#ifndef GPTAPE_BASE_TABLE_H
#define GPTAPE_BASE_TABLE_H

#include "gpt/base/base.h"

// ------------------------------------------------------------------------------------------------------------
// Reading: nothing in a table is trusted

enum { MOST_CELLS = 32 };

typedef struct TableReader {
    char *text;
    size_t n;                // bytes; a zero byte ends its cell and its line, whose rest is skipped
    size_t at;               // where the next line begins
    int line;                // its number, counted from 1
    char *cells[MOST_CELLS]; // of the line that was read last, each ending in '\0'
    int n_cells;
} TableReader;

// The whole file, which must begin with header; at most MOST_TEXT_BYTES. To be closed if true is returned.
bool table_reader_open(TableReader *reader, const char *path, const char *header, Error *error);
// The same for a text of n bytes with a zero byte behind them, which the reader frees; messages call it name.
bool table_reader_begin(TableReader *reader, char *text, size_t n, const char *name, const char *header, Error *error);
bool table_reader_next(TableReader *reader); // the next complete line; false if there is none
void table_reader_close(TableReader *reader);

bool cell_number(const char *cell, double *value);                // all of the cell is a number; "" is NaN
bool cell_count(const char *cell, int low, int high, int *value); // all of it is an integer in this range

// ------------------------------------------------------------------------------------------------------------
// Writing

typedef struct RowTable RowTable;

// Which rows of an existing table stay: reads them, and returns the number of bytes to keep (an at of the reader). False and an error if
// the table must not be continued.
typedef bool RowTableKeep(TableReader *reader, void *context, size_t *keep, Error *error);

// Opens the table at path, creating it with its header if it is missing, and locks it for one writer until it is closed. Removes what keep
// leaves out. NULL and an error, with the file unchanged, if it begins otherwise, is locked, or
// can't be written.
RowTable *row_table_open(const char *path, const char *header, RowTableKeep *keep, void *context, Error *error);

// Appends n bytes, complete lines, in one write. False and an error if they can't be written; the file then ends where it ended before.
bool row_table_add(RowTable *table, const char *rows, size_t n, Error *error);
bool row_table_close(RowTable *table, Error *error); // NULL is ignored

#endif
