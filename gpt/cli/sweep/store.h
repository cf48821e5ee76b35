// store.h: a sweep's results: values in memory, and two tables on disk (store.c). merge.c joins the tables of shards.

#ifndef GPTAPE_CLI_SWEEP_STORE_H
#define GPTAPE_CLI_SWEEP_STORE_H

#include "gpt/base/table.h"
#include "gpt/cli/sweep/sweep.h"

// What a row or figures in a file are about: the first member of what is kept of them in a tree (search.h), NULL when empty.
typedef struct RowKey {
    char *cell; // its name
    uint64_t seed;
} RowKey;

void row_key_add(void **tree, RowKey *key);
void *row_key_find(void *const *tree, const char *cell, uint64_t seed); // NULL if it is not in the tree
void *row_key_take(void **tree);                                        // takes any from the tree and frees its name; the caller frees the rest

// runs and csv may be NULL. sweep: identifies the sweep in each row. NULL and an error if a file belongs to another command or sweep, or is in use.
Store *store_open(const char *runs, const char *csv, const char *sweep, Error *error);
bool store_has(const Store *store, const Cell *cell);
double store_value(const Store *store, const char *key, uint64_t seed, double *seconds);                  // NaN if missing
char *store_rows(const char *sweep, const Cell *cell, double loss, const double *values, double seconds); // as text; the caller frees it
bool store_add(Store *store, const char *rows, const char *figures, Error *error);
bool store_close(Store *store, Error *error); // NULL is ignored
// Joins the files of shards. False after one line on stderr.
bool store_merge(const Options *options, char *const *files, int n, const char *runs, const char *csv);

// The headers of the files, and the seed of a row; false if the row is malformed.
extern const char store_runs_header[];
char *store_figures_header(void); // the caller frees it
bool store_row_seed(const TableReader *row, uint64_t *seed);
bool store_figures_seed(const TableReader *row, uint64_t *seed);

#endif
