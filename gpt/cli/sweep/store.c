// store.c: a sweep's results: values in memory, and two tables on disk.
//
// A cell's figures are written first, then its row of --runs: the row says that the cell is complete. After a kill the next run removes incomplete
// lines and figures without a row, and continues.

#include "gpt/base/table.h"
#include "gpt/cli/sweep/sweep.h"

#include <math.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

static const char runs_header[] = "sweep,cell,seed,loss,value,seconds\n";
enum { COLUMN_SWEEP, COLUMN_CELL, COLUMN_SEED, COLUMN_LOSS, COLUMN_VALUE, COLUMN_SECONDS, RUNS_COLUMNS };

// ------------------------------------------------------------------------------------------------------------
// Rows

// What a row or figures in a file are about: the first member of what is kept of them in a tree (search.h), NULL when empty.
typedef struct RowKey {
    char *cell; // its name
    uint64_t seed;
} RowKey;

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

static int compare_keys(const void *a, const void *b)
{
    const RowKey *x = a;
    const RowKey *y = b;
    int order = strcmp(x->cell, y->cell);
    return order != 0 ? order : (x->seed > y->seed) - (x->seed < y->seed);
}

static void row_key_add(void **tree, RowKey *key)
{
    if (tsearch(key, tree, compare_keys) == NULL) {
        fail_memory(sizeof *key, "the rows");
    }
}

// NULL if it is not in the tree.
static void *row_key_find(void *const *tree, const char *cell, uint64_t seed)
{
    RowKey wanted = {(char *)cell, seed};
    void *const *found = tfind(&wanted, tree, compare_keys);
    return found == NULL ? NULL : *found;
}

// Takes the root from the tree and frees its name; the caller frees the rest.
static void *row_key_take(void **tree)
{
    RowKey *key = *(RowKey *const *)*tree;
    tdelete(key, tree, compare_keys);
    free(key->cell);
    return key;
}

static bool read_seed(const char *cell, uint64_t *seed)
{
    double number;
    bool read = cell[0] != '\0' && cell_number(cell, &number) && number >= 0 && number <= UINT32_MAX && number == floor(number);
    *seed = read ? (uint64_t)number : 0;
    return read;
}

static bool row_seed(const TableReader *row, uint64_t *seed)
{
    double number;
    return row->n_cells == RUNS_COLUMNS && read_seed(row->cells[COLUMN_SEED], seed) && cell_number(row->cells[COLUMN_VALUE], &number)
        && cell_number(row->cells[COLUMN_SECONDS], &number);
}

static bool figures_seed(const TableReader *row, uint64_t *seed)
{
    int column = 1 + experiment_csv_column("seed"); // after the column "cell"
    return row->n_cells > column && read_seed(row->cells[column], seed);
}

// Adds the rows to the store. False and an error at a row of another sweep.
static bool take_rows(TableReader *reader, void *context, size_t *keep, Error *error)
{
    Store *store = context;
    *keep = reader->at;
    while (table_reader_next(reader)) {
        uint64_t seed;
        if (!row_seed(reader, &seed)) {
            return error_set(error, "%s: line %d is not a row of a sweep; move it away", store->runs_path, reader->line);
        }
        if (strcmp(reader->cells[COLUMN_SWEEP], store->sweep) != 0) {
            return error_set(error, "%s: line %d belongs to another sweep, '%.120s' (expected '%.120s'); use another file", store->runs_path,
                             reader->line, reader->cells[COLUMN_SWEEP], store->sweep);
        }
        *keep = reader->at;
        if (row_key_find(&store->rows, reader->cells[COLUMN_CELL], seed) == NULL) {
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
        || error_set(error, "%s: has values of %d of the %d networks in %s; use new files", store->csv_path, store->n_figures, store->n_rows,
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
        const Row *row = figures_seed(reader, &seed) ? row_key_find(&store->rows, reader->cells[0], seed) : NULL;
        store->n_figures += row != NULL && row != last;
        last = row;
        *keep = row != NULL ? reader->at : *keep;
    }
    return check_figures(store, error);
}

// ------------------------------------------------------------------------------------------------------------
// The store

static char *figures_header(void)
{
    return text_format("cell,%s", experiment_csv_header);
}

Store *store_open(const char *runs, const char *csv, const char *sweep, Error *error)
{
    Store *store = memory_allocate_zeroed(1, sizeof *store, "the store");
    store->sweep = memory_copy_text(sweep);
    store->runs_path = runs == NULL ? "memory" : runs;
    store->csv_path = csv;
    AUTO_FREE char *header = figures_header();
    store->runs = runs == NULL ? NULL : row_table_open(runs, runs_header, take_rows, store, error);
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
        if (row_key_find(&store->rows, cell->keys[i], cell->seed) == NULL) {
            return false;
        }
    }
    return true;
}

double store_value(const Store *store, const char *key, uint64_t seed, double *seconds)
{
    const Row *row = row_key_find(&store->rows, key, seed);
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

// ------------------------------------------------------------------------------------------------------------
// Joining the files of shards: each network once, in the order of the files

// The figures of one network.
typedef struct Figures {
    RowKey key;
    int file; // index of the file it is in
    Writer *writer;
} Figures;

typedef struct Merge {
    Store *store;     // the result
    char *sweep;      // of the first row; NULL: none was read
    void *blocks;     // a tree
    const char *path; // of the file that is read
    int file;
    int added, found; // networks new to the result, and already in it
    const char *runs, *csv;
} Merge;

static void free_figures(Merge *merge)
{
    while (merge->blocks != NULL) {
        AUTO_FREE Figures *block = row_key_take(&merge->blocks);
        free(writer_end(block->writer));
    }
}

// The line as it was read.
static void write_line(const TableReader *reader, FILE *out)
{
    for (int i = 0; i < reader->n_cells; i++) {
        fputs(i == 0 ? "" : ",", out);
        quote_csv(out, reader->cells[i]);
    }
    fputc('\n', out);
}

// If two files have a network, the first one counts.
static bool take_figures(TableReader *reader, Merge *merge, Error *error)
{
    while (table_reader_next(reader)) {
        uint64_t seed;
        if (!figures_seed(reader, &seed)) {
            return error_set(error, "%s: line %d is not a row of values", merge->path, reader->line);
        }
        Figures *block = row_key_find(&merge->blocks, reader->cells[0], seed);
        if (block == NULL) {
            block = memory_allocate(sizeof *block, "the figures");
            *block = (Figures){{memory_copy_text(reader->cells[0]), seed}, merge->file, writer_begin()};
            row_key_add(&merge->blocks, &block->key);
        }
        if (block->file == merge->file) {
            write_line(reader, block->writer->stream);
        }
    }
    return true;
}

static bool open_result(Merge *merge, const char *sweep, Error *error)
{
    if (merge->store == NULL) {
        merge->sweep = memory_copy_text(sweep);
        merge->store = store_open(merge->runs, merge->csv, sweep, error);
    }
    return merge->store != NULL
        && (strcmp(sweep, merge->sweep) == 0
            || error_set(error, "%s: belongs to another sweep, '%.120s' (expected '%.120s')", merge->path, sweep, merge->sweep));
}

static bool add_row(const TableReader *reader, uint64_t seed, Merge *merge, Error *error)
{
    Cell cell = {.seed = seed, .keys = {reader->cells[1]}, .n_statistics = 1};
    if (store_has(merge->store, &cell)) {
        merge->found++;
        return true;
    }
    Figures *block = row_key_find(&merge->blocks, reader->cells[1], seed);
    if (merge->csv != NULL && block == NULL) {
        return error_set(error, "%s: line %d: no --csv file has the values of this network", merge->path, reader->line);
    }
    if (block != NULL && fflush(block->writer->stream) != 0) {
        fail_memory(0, "the figures");
    }
    Writer *writer = writer_begin();
    write_line(reader, writer->stream);
    AUTO_FREE char *row = writer_end(writer);
    bool added = store_add(merge->store, row, merge->csv == NULL ? "" : block->writer->text, error);
    merge->added += added;
    return added;
}

static bool take_runs(TableReader *reader, Merge *merge, Error *error)
{
    while (table_reader_next(reader)) {
        uint64_t seed;
        if (!row_seed(reader, &seed)) {
            return error_set(error, "%s: line %d is not a row of a sweep", merge->path, reader->line);
        }
        if (!open_result(merge, reader->cells[0], error) || !add_row(reader, seed, merge, error)) {
            return false;
        }
    }
    return true;
}

// Reads the file if it is of this round's kind; figures come first.
static bool take_file(Merge *merge, bool figures, Error *error)
{
    TableReader reader;
    AUTO_FREE char *text = NULL;
    AUTO_FREE char *header = figures_header();
    size_t n;
    if (!file_read(merge->path, MOST_TEXT_BYTES, &text, &n, error)) {
        return false;
    }
    bool is_runs = strncmp(text, runs_header, strlen(runs_header)) == 0;
    bool is_figures = strncmp(text, header, strlen(header)) == 0;
    if (is_runs == is_figures) {
        return error_set(error, "%s: not a file of a sweep (expected --runs or --csv of gptape sweep)", merge->path);
    }
    if (is_figures && merge->csv == NULL) {
        return error_set(error, "%s: has rows of values (expected --csv for them)", merge->path);
    }
    if (is_figures != figures) {
        return true;
    }
    bool read = table_reader_begin(&reader, text, n, merge->path, is_runs ? runs_header : header, error)
             && (figures ? take_figures(&reader, merge, error) : take_runs(&reader, merge, error));
    text = NULL; // the reader's
    table_reader_close(&reader);
    return read;
}

bool store_merge(const Options *options, char *const *files, int n, const char *runs, const char *csv)
{
    Merge merge = {.runs = runs, .csv = csv};
    Error error;
    bool done = true;
    for (int round = 0; done && round < 2; round++) {
        for (merge.file = 0; done && merge.file < n; merge.file++) {
            merge.path = files[merge.file];
            done = !(path_same(merge.path, runs) || (csv != NULL && path_same(merge.path, csv)))
                || error_set(&error, "%s: is both an input and the result (expected another file)", merge.path);
            done = done && take_file(&merge, round == 0, &error);
        }
    }
    done = done && (merge.store != NULL || error_set(&error, "the files have no rows of --runs"));
    if (!done) {
        report_failure(options, &error);
    } else {
        command_note(options, "%d network%s added to %s, which had %d of these files already", merge.added, plural(merge.added), runs, merge.found);
    }
    free_figures(&merge);
    free(merge.sweep);
    return store_close(merge.store, &error) ? done : report_failure(options, &error);
}
