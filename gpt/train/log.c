// log.c: a run's tables, which a resumed run continues, and its log, log.csv: one row per step, 9 significant digits; val_loss is empty where
// it was not measured.

#include "gpt/train/run_files.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>

typedef struct KeptSteps {
    int column;
    int last;
} KeptSteps;

// The header and the rows up to the last step. A row without a step belongs to the previous row.
static bool keep_steps(TableReader *reader, void *context, size_t *keep, Error *error)
{
    const KeptSteps *steps = context;
    int step = steps->last;
    (void)error;
    *keep = reader->at;
    while (step <= steps->last && table_reader_next(reader)) {
        bool has_step = reader->n_cells > steps->column && cell_count(reader->cells[steps->column], INT_MIN, INT_MAX, &step);
        step = has_step ? step : steps->last;
        *keep = step <= steps->last ? reader->at : *keep;
    }
    return true;
}

RowTable *step_table_open(const char *path, const char *header, int step_column, int last_step, Error *error)
{
    KeptSteps steps = {step_column, last_step};
    return row_table_open(path, header, keep_steps, &steps, error);
}

// ------------------------------------------------------------------------------------------------------------
// The log

static const char HEADER[] = "step,loss,val_loss,lr,grad_norm,tokens_per_s,ms\n";
enum { COLUMNS = 7 };

RowTable *train_log_open(const char *path, int last_step, Error *error)
{
    return step_table_open(path, HEADER, 0, last_step, error);
}

bool train_log_add(RowTable *log, const TrainRow *row, Error *error)
{
    char val_loss[32] = "";
    char line[256];
    if (!isnan(row->val_loss)) {
        number_format(val_loss, sizeof val_loss, REAL_FORMAT, row->val_loss);
    }
    int n = number_format(line, sizeof line, "%d," REAL_FORMAT ",%s,%.9g," REAL_FORMAT ",%.9g,%.9g\n", row->step, row->loss, val_loss, row->lr,
                          row->grad_norm, row->tokens_per_s, row->ms);
    return row_table_add(log, line, (size_t)n, error);
}

// Steps increase from row to row.
static bool read_row(const TableReader *reader, int last_step, TrainRow *row)
{
    double *const columns[COLUMNS] = {NULL, &row->loss, &row->val_loss, &row->lr, &row->grad_norm, &row->tokens_per_s, &row->ms};
    bool read = reader->n_cells == COLUMNS && last_step < INT_MAX && cell_count(reader->cells[0], last_step + 1, INT_MAX, &row->step);
    for (int i = 1; read && i < COLUMNS; i++) {
        read = cell_number(reader->cells[i], columns[i]);
    }
    return read;
}

bool train_log_of(const char *folder, TrainRow **rows, int *n, Error *error)
{
    REQUIRE(folder, rows, n);
    AUTO_FREE char *path = path_in(folder, LOG_FILE);
    AUTO(table_reader_close) TableReader reader = {0};
    int capacity = 0;
    bool read = true;
    *rows = NULL;
    *n = 0;
    if (!table_reader_open(&reader, path, HEADER, error)) {
        return false;
    }
    while (read && table_reader_next(&reader)) {
        TrainRow row;
        read = read_row(&reader, *n == 0 ? 0 : (*rows)[*n - 1].step, &row);
        if (read) {
            *LIST_ADD(*rows, *n, capacity, "the log") = row;
        }
    }
    if (!read) {
        free(*rows);
        *rows = NULL;
        *n = 0;
        return error_set(error, "%s: line %d is not a row of this log (expected a step after the one above it, and numbers)", path, reader.line);
    }
    return true;
}
