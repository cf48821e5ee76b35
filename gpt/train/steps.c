// steps.c: a run's tables, one or more rows per step, as a resumed run continues them.

#include "gpt/train/run_files.h"

#include <limits.h>

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
