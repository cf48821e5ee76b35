// sweep.c: gptape sweep: gradflow for all combinations of varied options and many seeds, with files to resume from, and shards.

#include "gpt/cli/gradflow/gradflow.h"
#include "gpt/cli/sweep/sweep.h"

#include <stdlib.h>
#include <string.h>

static const OptionRow sweep_rows[] = {
    {"vary", "NAME=V1,V2,...", NULL, "option of gradflow to vary; repeat it to run all combinations. The first is the plot's x axis"},
    {"seeds", "N", "20", "networks per combination, with consecutive seeds"},
    {"statistic", "TEXT", NULL, "number to compute for each network (default: the first layer's gradient over the last layer's); see below"},
    {"shard", "I/N", NULL, "run only every N-th network, from the I-th, for N independent processes"},
    {"merge", NULL, NULL, "join the --runs and --csv files of shards, given as operands, into --runs and --csv"},
    {0},
};

static const OptionRow sweep_output_rows[] = {
    {"runs", "FILE", NULL, "append a row per network; networks already in it are not run again"},
    {"csv", "FILE", NULL, "append all values of all tensors (default for --runs: FILE with -runs)"},
    {"plot", "FILE", NULL, "draw the statistic against the first varied option to FILE.png, .svg, .pdf or .gp"},
    {0},
};

static const OptionExclusion sweep_exclusions[] = {
    {UNLESS_GIVEN, {"merge"}, {"configs", "depths"}, "several networks in one run (expected --vary config=... or --vary depth=...)"},
    {IF_GIVEN, {"merge"}, {"vary"}, "not with --merge; the merged file continues a sweep of all networks"},
    {0},
};

const CommandHelp sweep_help = {
    .name = "sweep",
    .summary = "gradflow for many settings and seeds, resumable, over many processes",
    .operand = "[FILE...]",
    .about = "Runs gptape gradflow for all combinations of the values of --vary and for many seeds, and prints the median and\n"
             "the quartiles of a statistic. Networks without and with shortcuts count as two, as do several --residual.\n"
             "Instead of gradflow's --configs and --depths, vary config and depth.\n\n"
             "A statistic has the form OPERATION COLUMN KIND[:INDEX][@LAYER] [NAME], on rows of gradflow's CSV: 'slope l2\n"
             "activation_grad layers.#.out'. In NAME, # stands for a number and * for anything. Operations: first, last, ratio\n"
             "(first/last), slope (of log10, by layer or index), mean, median, min, max, sum, center, rough, at:X. 'A / B' divides\n"
             "two, 'log10 A' takes the logarithm, 'loss' is the loss.\n\n"
             "With --runs, an interrupted sweep can be resumed. A sweep uses one thread per process; mpirun -n N gptape sweep ...\n"
             "uses N processes, as do N shards, whose files --merge joins. The results are the same.",
    .examples = "  gptape sweep --vary depth=5,10,20 --seeds 20\n"
                "  gptape sweep --vary depth=6,12 --vary residual=pre,post,keel --width 16 --seeds 5 --runs runs.csv --plot sweep.svg\n"
                "  gptape sweep --vary depth=6,12 --seeds 4 --shard 1/2 --runs part1.csv\n"
                "  gptape sweep --merge part1.csv --runs all.csv\n",
    .groups = {{.title = "Sweep:", .rows = sweep_rows}, {.title = "Output:", .rows = sweep_output_rows}, {.groups = gradflow_help.groups}},
    .exclusions = sweep_exclusions,
    .computes = true,
    .on_ranks = true,
};

// ------------------------------------------------------------------------------------------------------------
// Options

typedef struct SweepPlan {
    Grid grid;
    char *sweep; // identifies the sweep in its files
    const char *statistic;
    const char *runs;
    const char *csv;
    char *default_runs; // beside --csv
    Cell *cells;
    int n_cells;
} SweepPlan;

static bool read_shard(const Options *options, int *shard, int *n_shards)
{
    const char *text = options_text(options, "shard");
    char rest;
    *shard = 1;
    *n_shards = 1;
    bool read = text == NULL || (sscanf(text, "%d/%d%c", shard, n_shards, &rest) == 2 && *shard >= 1 && *shard <= *n_shards);
    return read || option_error(options, "shard", "'%.80s' (expected I/N, with I from 1 to N)", text);
}

// The first layer's gradient over the last layer's.
static const char *default_statistic(const Options *options, Grid *grid)
{
    const char *net = options_text(options, "net");
    bool gpt = grid_has(options, grid, "model") || (net != NULL && strcmp(net, "gpt") == 0);
    return gpt ? "ratio l2 activation_grad h.#.out" : "ratio mean_abs weight_grad layers.#.weight";
}

// May the sweep write to path? Varied options may name files, too. path may be NULL.
static bool check_output(const Options *options, const Grid *grid, const char *name, const char *path)
{
    for (int i = 0; path != NULL && i < grid->n_varied; i++) {
        const Varied *varied = &grid->varied[i];
        for (int v = 0; v < varied->n; v++) {
            if (!options_apart(options, name, path, varied->name, varied->values[v])) {
                return false;
            }
        }
    }
    return path == NULL || options_output(options, name, path);
}

static bool read_outputs(const Options *options, SweepPlan *plan)
{
    plan->csv = options_text(options, "csv");
    plan->runs = options_text(options, "runs");
    if (plan->csv != NULL && plan->runs == NULL) {
        plan->default_runs = gradflow_path_beside(plan->csv, "runs");
        plan->runs = plan->default_runs;
    }
    const char *plot = options_text(options, "plot");
    return check_output(options, &plan->grid, plan->default_runs == NULL ? "runs" : "csv", plan->runs)
        && check_output(options, &plan->grid, "csv", plan->csv) && check_output(options, &plan->grid, "plot", plot)
        && options_output_file(options, "plot", plot, plot_path_check);
}

static void make_cells(SweepPlan *plan, int shard, int n_shards)
{
    const Grid *grid = &plan->grid;
    size_t n = (size_t)grid->n_points * (size_t)grid->n_seeds;
    plan->cells = memory_allocate(n * sizeof(Cell), "the networks");
    for (size_t k = (size_t)shard - 1; k < n; k += (size_t)n_shards) {
        size_t i = ranks_count() == 1 ? k : n - 1 - k; // backward: often the largest first, so that ranks end at about the same time
        size_t point = i / (size_t)grid->n_seeds;
        plan->cells[plan->n_cells] = (Cell){.settings = grid->lines[point],
                                            .seed = grid->seed + i % (size_t)grid->n_seeds,
                                            .keys = {grid->points[point]},
                                            .statistics = {plan->statistic},
                                            .n_statistics = 1};
        plan->n_cells++;
    }
}

// Cells are found again by their text, so it must be the same when it is read from a file.
static bool check_text(const Options *options, const char *text)
{
    Writer *writer = writer_begin();
    quote_terminal(writer->stream, text, strlen(text), false);
    AUTO_FREE char *cell = writer_end(writer);
    return strcmp(cell, text) == 0 || option_error(options, NULL, "'%.120s': has a control character (expected spaces), or is not UTF-8", text);
}

static bool read_plan(const Options *options, SweepPlan *plan)
{
    Error error;
    int shard;
    int n_shards;
    if (options->n_operands > 0) {
        return option_error(options, NULL, "'%.80s': unexpected (expected --merge with files)", options->operands[0]);
    }
    if (!grid_read(options, &plan->grid) || !read_shard(options, &shard, &n_shards) || !read_outputs(options, plan)) {
        return false;
    }
    plan->statistic = options_text(options, "statistic");
    plan->statistic = plan->statistic == NULL ? default_statistic(options, &plan->grid) : plan->statistic;
    if (!statistic_check(plan->statistic, &error)) {
        return option_error(options, "statistic", "%s", error.message);
    }
    plan->sweep = text_format("%s of gradflow%s%s", plan->statistic, plan->grid.settings[0] == '\0' ? "" : " ", plan->grid.settings);
    make_cells(plan, shard, n_shards);
    for (int i = 0; i < plan->grid.n_points; i++) {
        if (!check_text(options, plan->grid.points[i])) {
            return false;
        }
    }
    return check_text(options, plan->sweep);
}

// All settings, before the first network is run.
static bool check_cells(const Options *options, const SweepPlan *plan)
{
    for (int i = 0; i < plan->grid.n_points; i++) {
        if (!gradflow_cell_check(options->help->name, plan->grid.lines[i], plan->grid.seed)) {
            return false;
        }
    }
    return true;
}

static void free_plan(SweepPlan *plan)
{
    grid_free(&plan->grid);
    free(plan->sweep);
    free(plan->default_runs);
    free(plan->cells);
}

// ------------------------------------------------------------------------------------------------------------
// The run

static int report(const Options *options, const SweepPlan *plan, const Store *store)
{
    int missing = 0;
    for (int i = 0; i < plan->n_cells; i++) {
        missing += !store_has(store, &plan->cells[i]);
    }
    if (interrupted()) {
        command_note(options, "stopped after %d of %d networks%s", plan->n_cells - missing, plan->n_cells,
                     plan->runs == NULL ? "" : "; the same command continues");
        return interrupt_status();
    }
    if (plan->n_cells < plan->grid.n_points * plan->grid.n_seeds) {
        command_note(options, "%d networks of this shard are in %s", plan->n_cells, plan->runs == NULL ? "no file (expected --runs)" : plan->runs);
        return STATUS_OK;
    }
    return sweep_report(options, &plan->grid, store, plan->statistic) ? STATUS_OK : STATUS_FAILED;
}

// On rank 0: all checks, before the other ranks start.
static bool prepare(const Options *options, SweepPlan *plan, Store **store)
{
    Error error;
    if (!read_plan(options, plan) || !check_cells(options, plan)) {
        return false;
    }
    *store = store_open(plan->runs, plan->csv, plan->sweep, &error);
    return *store != NULL || report_failure(options, &error);
}

static int run(const Options *options, SweepPlan *plan)
{
    Store *store = NULL;
    Error error = {0};
    bool first = ranks_rank() == 0;
    bool ready = !first || prepare(options, plan, &store);
    if (!ranks_agree(ready, &error)) {
        return first ? command_status(false) : STATUS_FAILED;
    }
    if (!first && !read_plan(options, plan)) {
        return STATUS_USAGE;
    }
    interrupt_watch();
    Queue queue =
        {.options = options, .sweep = plan->sweep, .cells = plan->cells, .n = plan->n_cells, .store = store, .figures = plan->csv != NULL};
    QueueEnd end = queue_run(&queue);
    int status = end == QUEUE_FAILED ? STATUS_FAILED : STATUS_OK;
    if (first && end == QUEUE_DONE) {
        status = report(options, plan, store);
    }
    return store_close(store, &error) || report_failure(options, &error) ? status : STATUS_FAILED;
}

static int merge(const Options *options)
{
    const char *runs = options_text(options, "runs");
    const char *csv = options_text(options, "csv");
    if (options->n_operands == 0 || runs == NULL) {
        option_error(options, "merge", "%s missing (expected --merge FILE... --runs FILE)", runs == NULL ? "--runs is" : "files are");
        return STATUS_USAGE;
    }
    if (!options_output(options, "runs", runs) || (csv != NULL && !options_output(options, "csv", csv))) {
        return STATUS_USAGE;
    }
    return store_merge(options, options->operands, options->n_operands, runs, csv) ? STATUS_OK : STATUS_FAILED;
}

int command_sweep(const Options *options)
{
    SweepPlan plan = {0};
    if (options_given(options, "merge")) {
        return merge(options);
    }
    int status = run(options, &plan);
    free_plan(&plan);
    return status;
}
