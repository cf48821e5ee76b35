// sweep.h: a sweep runs gradflow once for each combination of the varied options and each seed. Shared by gptape sweep and gptape claims.
//
//      --vary, --seeds --grid.c--> Cell, Cell, ... --queue.c--> rows --store.c--> files, values --report.c--> table, plot
//                                                    cell.c runs one
//
// A cell's result depends on its settings only, so cells can be spread over processes and machines, and a sweep can be resumed.

#ifndef GPTAPE_CLI_SWEEP_H
#define GPTAPE_CLI_SWEEP_H

#include "gpt/cli/kit/kit.h"
#include "gpt/lab/claims/claims.h"

// ------------------------------------------------------------------------------------------------------------
// Cells

enum { CELL_STATISTICS = 8 };

typedef struct Cell {
    const char *settings; // gradflow's options, "--width 16 --depth 6 --residual pre"
    uint64_t seed;
    const char *keys[CELL_STATISTICS]; // its names in the files, one for each statistic
    const char *statistics[CELL_STATISTICS];
    int owners[CELL_STATISTICS]; // what they are for, to the caller
    int n_statistics;
} Cell;

// ------------------------------------------------------------------------------------------------------------
// The grid: all combinations of the values of --vary

enum { VARIED_MOST = 8 };

typedef struct Varied {
    char *name; // "depth"
    char **values;
    int n, capacity;
} Varied;

typedef struct Grid {
    char *settings; // the fixed options, "--width 16"
    Varied varied[VARIED_MOST];
    int n_varied;
    int n_points;  // combinations
    char **points; // the varied options of each, "--depth 6 --residual pre"
    char **lines;  // and all options
    uint64_t seed;
    int n_seeds;
} Grid;

bool grid_read(const Options *options, Grid *grid); // false after one line on stderr. Free with grid_free either way
bool grid_vary(const Options *options, const char *name, const char *text, Grid *grid); // "depth=6,12" of the option called name
bool grid_has(const Options *options, Grid *grid, const char *name);                    // is the option given, or varied?
bool grid_make_points(const Options *options, Grid *grid);                              // from its settings and varied options
const char *grid_value(const Grid *grid, int point, int varied);
double grid_number(const Grid *grid, int point); // of the first varied option, also of a rule that begins with one: 0.5*h + f(h). NaN: none
void grid_free(Grid *grid);

// ------------------------------------------------------------------------------------------------------------
// The store: a sweep's results, values in memory, and two tables on disk (store.c)

typedef struct Store Store;

// runs and csv may be NULL. sweep: identifies the sweep in each row. NULL and an error if a file belongs to another command or sweep, or is in use.
Store *store_open(const char *runs, const char *csv, const char *sweep, Error *error);
bool store_has(const Store *store, const Cell *cell);
double store_value(const Store *store, const char *key, uint64_t seed, double *seconds);                  // NaN if missing
char *store_rows(const char *sweep, const Cell *cell, double loss, const double *values, double seconds); // as text; the caller frees it
bool store_add(Store *store, const char *rows, const char *figures, Error *error);
bool store_close(Store *store, Error *error); // NULL is ignored
// Joins the files of shards. False after one line on stderr.
bool store_merge(const Options *options, char *const *files, int n, const char *runs, const char *csv);

// ------------------------------------------------------------------------------------------------------------
// The queue

// Over ranks (ranks.h), rank 0 assigns the cells, works on some itself, and has the store; every rank has the same cells, and computes with one
// thread, so that a result does not depend on the number of ranks.
typedef struct Queue {
    const Options *options;
    const char *sweep; // as in store_open
    const Cell *cells;
    int n;
    Store *store;                          // NULL on other ranks
    bool figures;                          // keep them?
    bool alone;                            // only rank 0 works, and calls queue_run
    bool silent;                           // no progress line
    void (*done)(int cell, void *context); // after each cell that was run; NULL: none
    void *context;
} Queue;

// QUEUE_FAILED: after one line on stderr. QUEUE_ELSEWHERE: another rank failed, whose line is printed when the command ends.
typedef enum QueueEnd { QUEUE_DONE, QUEUE_FAILED, QUEUE_ELSEWHERE } QueueEnd;

// Runs all cells that the store does not have; on other ranks those that rank 0 assigns. After a failure, the cells that are done are in the
// store. Ctrl-C ends it after the cells in progress: done, and interrupted().
QueueEnd queue_run(const Queue *queue);

// ------------------------------------------------------------------------------------------------------------
// The report: quartiles of the statistic at each combination, as a table or JSON, a chart and a plot. False after one line on stderr

bool sweep_report(const Options *options, const Grid *grid, const Store *store, const char *statistic);

#endif
