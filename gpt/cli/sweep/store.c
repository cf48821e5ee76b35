// store.c: a sweep's results: values in memory, and two tables on disk.
//
// A cell's figures are written first, then its row of --runs: the row says that the cell is complete. After a kill the next run removes incomplete
// lines and figures without a row, and continues.

#include "gpt/cli/sweep/sweep.h"

#include <math.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

const char store_runs_header[] = "sweep,cell,seed,loss,value,seconds\n";
enum { COLUMN_SWEEP, COLUMN_CELL, COLUMN_SEED, COLUMN_LOSS, COLUMN_VALUE, COLUMN_SECONDS, RUNS_COLUMNS };

typedef struct Row {
    RowKey key;
    double value, seconds;
} Row;

struct Store {
    char *sweep;
    void *rows;           // a tree of Row (tsearch)
    RowTable *runs, *csv; // NULL: not kept
    const char *runs_path, *csv_path;
    int n_rows, n_figures; // networks in the two
};

// ------------------------------------------------------------------------------------------------------------
// Rows

static int compare_keys(const void *a, const void *b)
{
    const RowKey *x = a;
    const RowKey *y = b;
    int order = strcmp(x->cell, y->cell);
    return order != 0 ? order : (x->seed > y->seed) - (x->seed < y->seed);
}

void row_key_add(void **tree, RowKey *key)
{
    if (tsearch(key, tree, compare_keys) == NULL) {
        fail_memory(sizeof *key, "the rows");
    }
}

void *row_key_find(void *const *tree, const char *cell, uint64_t seed)
{
    RowKey wanted = {(char *)cell, seed};
    void *const *found = tfind(&wanted, tree, compare_keys);
    return found == NULL ? NULL : *found;
}

void *row_key_take(void **tree)
{
    RowKey *key = *tree == NULL ? NULL : *(RowKey *const *)*tree;
    if (key != NULL) {
        tdelete(key, tree, compare_keys);
        free(key->cell);
    }
    return key;
}

static const Row *find_row(const Store *store, const char *key, uint64_t seed)
{
    return row_key_find(&store->rows, key, seed);
}

static bool read_seed(const char *cell, uint64_t *seed)
{
    double number;
    bool read = cell[0] != '\0' && cell_number(cell, &number) && number >= 0 && number <= UINT32_MAX && number == floor(number);
    *seed = read ? (uint64_t)number : 0;
    return read;
}

bool store_row_seed(const TableReader *row, uint64_t *seed)
{
    double number;
    return row->n_cells == RUNS_COLUMNS && read_seed(row->cells[COLUMN_SEED], seed) && cell_number(row->cells[COLUMN_VALUE], &number)
        && cell_number(row->cells[COLUMN_SECONDS], &number);
}

bool store_figures_seed(const TableReader *row, uint64_t *seed)
{
    int column = 1;
    for (const char *at = experiment_csv_header; strncmp(at, "seed", 4) != 0; column++) {
        at = strchr(at, ',') + 1;
    }
    return row->n_cells > column && read_seed(row->cells[column], seed);
}

// Adds the rows to the store. False and an error at a row of another sweep.
static bool take_rows(TableReader *reader, void *context, size_t *keep, Error *error)
{
    Store *store = context;
    *keep = reader->at;
    while (table_reader_next(reader)) {
        uint64_t seed;
        if (!store_row_seed(reader, &seed)) {
            return error_set(error, "%s: line %d is not a row of a sweep; move it away", store->runs_path, reader->line);
        }
        if (strcmp(reader->cells[COLUMN_SWEEP], store->sweep) != 0) {
            return error_set(error, "%s: line %d belongs to another sweep, '%.120s' (expected '%.120s'); use another file", store->runs_path,
                             reader->line, reader->cells[COLUMN_SWEEP], store->sweep);
        }
        *keep = reader->at;
        if (find_row(store, reader->cells[COLUMN_CELL], seed) == NULL) {
            Row *row = memory_allocate(sizeof *row, "the rows");
            row->key = (RowKey){memory_copy_text(reader->cells[COLUMN_CELL]), seed};
            cell_number(reader->cells[COLUMN_VALUE], &row->value);
            cell_number(reader->cells[COLUMN_SECONDS], &row->seconds);
            row_key_add(&store->rows, &row->key);
            store->n_rows++;
        }
    }
    return true;
}

static bool check_figures(const Store *store, Error *error)
{
    return store->n_figures == store->n_rows
        || error_set(error, "%s: has the figures of %d of the %d networks in %s; use new files", store->csv_path, store->n_figures, store->n_rows,
                     store->runs_path);
}

// Figures are kept up to the last row whose cell is complete. Each cell's are together.
static bool keep_figures(TableReader *reader, void *context, size_t *keep, Error *error)
{
    Store *store = context;
    const Row *last = NULL;
    *keep = reader->at;
    while (table_reader_next(reader)) {
        uint64_t seed;
        const Row *row = store_figures_seed(reader, &seed) ? find_row(store, reader->cells[0], seed) : NULL;
        store->n_figures += row != NULL && row != last;
        last = row;
        *keep = row != NULL ? reader->at : *keep;
    }
    return check_figures(store, error);
}

// ------------------------------------------------------------------------------------------------------------
// The store

char *store_figures_header(void)
{
    return text_format("cell,%s", experiment_csv_header);
}

Store *store_open(const char *runs, const char *csv, const char *sweep, Error *error)
{
    Store *store = memory_allocate_zeroed(1, sizeof *store, "the store");
    store->sweep = memory_copy_text(sweep);
    store->runs_path = runs == NULL ? "memory" : runs;
    store->csv_path = csv;
    AUTO_FREE char *header = store_figures_header();
    store->runs = runs == NULL ? NULL : row_table_open(runs, store_runs_header, take_rows, store, error);
    bool opened = runs == NULL || store->runs != NULL;
    store->csv = csv == NULL || !opened ? NULL : row_table_open(csv, header, keep_figures, store, error);
    if (!opened || (csv != NULL && (store->csv == NULL || !check_figures(store, error)))) { // a new file has none
        store_close(store, NULL);
        return NULL;
    }
    return store;
}

bool store_has(const Store *store, const Cell *cell)
{
    for (int i = 0; i < cell->n_statistics; i++) {
        if (find_row(store, cell->keys[i], cell->seed) == NULL) {
            return false;
        }
    }
    return true;
}

double store_value(const Store *store, const char *key, uint64_t seed, double *seconds)
{
    const Row *row = find_row(store, key, seed);
    *seconds = row == NULL ? 0 : row->seconds;
    return row == NULL ? NAN : row->value;
}

// Numbers are written with 9 digits.
static void write_row(FILE *out, const char *sweep, const char *key, const Cell *cell, double loss, double value, double seconds)
{
    quote_csv(out, sweep);
    fputc(',', out);
    quote_csv(out, key);
    fprintf(out, ",%llu", (unsigned long long)cell->seed);
    number_print(out, isnan(loss) ? "," : ",%.9g", loss);
    number_print(out, isnan(value) ? "," : ",%.9g", value);
    number_print(out, ",%.3f\n", seconds);
}

char *store_rows(const char *sweep, const Cell *cell, double loss, const double *values, double seconds)
{
    Writer *writer = writer_begin();
    for (int i = 0; i < cell->n_statistics; i++) {
        write_row(writer->stream, sweep, cell->keys[i], cell, loss, values[i], seconds / cell->n_statistics);
    }
    return writer_end(writer);
}

bool store_add(Store *store, const char *rows, const char *figures, Error *error)
{
    TableReader reader;
    size_t keep;
    if (store->csv != NULL && !row_table_add(store->csv, figures, strlen(figures), error)) {
        return false;
    }
    if (store->runs != NULL && !row_table_add(store->runs, rows, strlen(rows), error)) {
        return false;
    }
    bool taken = table_reader_begin(&reader, memory_copy_text(rows), strlen(rows), "the rows", "", error)
              && take_rows(&reader, store, &keep, error);
    table_reader_close(&reader);
    return taken;
}

bool store_close(Store *store, Error *error)
{
    if (store == NULL) {
        return true;
    }
    bool closed = row_table_close(store->runs, error);
    closed = row_table_close(store->csv, closed ? error : NULL) && closed;
    while (store->rows != NULL) {
        free(row_key_take(&store->rows));
    }
    free(store->sweep);
    free(store);
    return closed;
}
