// table.h: inside gpt/train/: a run's tables, one or more rows per step: CSV files to which rows are appended during the run.

#ifndef GPTAPE_TRAIN_TABLE_H
#define GPTAPE_TRAIN_TABLE_H

#include "gpt/base/base.h"

// ------------------------------------------------------------------------------------------------------------
// Writing

typedef struct StepTable StepTable;

// Opens the table at path, which is created with its header if need be. The rows of steps after last_step are removed, and so is an
// incomplete line at the end; step_column counts from 0. NULL and an error if the file begins otherwise or can't be written.
StepTable *step_table_open(const char *path, const char *header, int step_column, int last_step, Error *error);

// Appends n bytes, complete lines, in one write. False and an error if they can't be written; the file then ends where it ended before.
bool step_table_add(StepTable *table, const char *rows, size_t n, Error *error);
bool step_table_close(StepTable *table, Error *error);         // NULL is ignored

// ------------------------------------------------------------------------------------------------------------
// Reading: nothing in a table is trusted

enum { MOST_CELLS = 32 };

typedef struct TableReader {
    char *text;
    size_t at;                                     // where the next line begins
    int line;                                      // its number, counted from 1
    char *cells[MOST_CELLS];                       // of the line that was read last, each ending in '\0'
    int n_cells;
} TableReader;

// The whole file, which must begin with header; at most MOST_TEXT_BYTES. To be closed if true is returned.
bool table_reader_open(TableReader *reader, const char *path, const char *header, Error *error);
bool table_reader_next(TableReader *reader);       // the next complete line; false if there is none
void table_reader_close(TableReader *reader);

bool cell_number(const char *cell, double *value);             // all of the cell is a number; "" is NaN
bool cell_count(const char *cell, int low, int high, int *value);      // all of it is an integer in this range

#endif
