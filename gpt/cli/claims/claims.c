// claims.c: gptape claims: published claims: for each, the networks to run, the prediction, and the measured value.

#include "gpt/cli/claims/claims.h"
#include "gpt/cli/gradflow/gradflow.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const OptionRow claims_rows[] = {
    {"list", NULL, NULL, "list the claims and run nothing"},
    {"quick", NULL, NULL, "skip slow claims"},
    {"explain", NULL, NULL, "explain one claim: what it says, what to look at, the command, and a chart"},
    {"seeds", "N", NULL, "networks per claim, instead of the claim's own number"},
    {0},
};

static const OptionRow claims_output_rows[] = {
    {"runs", "FILE", NULL, "append a row per network; networks already in it are not run again"},
    {"csv", "FILE", NULL, "write the table of claims; - is stdout, instead of the rows"},
    {"html", "FILE", NULL, "write a self-contained page"},
    {0},
};

const CommandHelp claims_help = {
    .name = "claims",
    .summary = "published claims about shortcuts and gradients, measured, with a verdict",
    .operand = "[ID...]",
    .about = "Measures published claims about residual connections and gradients, and prints a verdict for each: a claim agrees if\n"
             "its prediction, with its tolerance, overlaps the 95 % bootstrap interval of the measurement over seeds. The note of a claim\n"
             "explains known differences. Uses one thread; mpirun -n N gptape claims uses N processes.",
    .examples = "  gptape claims --list\n"
                "  gptape claims vanishing-book shortcuts-book\n"
                "  gptape claims vanishing-book --explain\n"
                "  gptape claims --quick --runs claims-runs.csv --html claims.html\n",
    .groups = {{.title = "Claims:", .rows = claims_rows},
               {.title = "Output:", .rows = claims_output_rows},
               {.title = "Random numbers:", .rows = seed_rows}},
    .on_ranks = true,
};

// ------------------------------------------------------------------------------------------------------------
// Which claims

typedef struct Plan {
    ClaimRun *runs;
    int n;
    Cell *cells;
    int n_cells, capacity;
    Store *store;
    bool rows; // are rows printed as they finish?
} Plan;

static bool unknown_claim(const Options *options, const char *id)
{
    const char *best = NULL;
    int least = 1000;
    for (int i = 0; i < claim_count(); i++) {
        int distance = word_distance(id, claim_at(i)->id);
        if (strstr(claim_at(i)->id, id) != NULL && id[0] != '\0') {
            distance = 0;
        }
        if (distance < least) {
            least = distance;
            best = claim_at(i)->id;
        }
    }
    return option_error(options, NULL, "'%.80s': unknown claim; did you mean %s? 'gptape claims --list' lists them", id, best);
}

static bool choose(const Options *options, Plan *plan)
{
    int n = options->n_operands == 0 ? claim_count() : options->n_operands;
    plan->runs = memory_allocate_zeroed((size_t)n, sizeof *plan->runs, "the claims");
    for (int i = 0; i < n; i++) {
        const Claim *claim = options->n_operands == 0 ? claim_at(i) : claim_find(options->operands[i]);
        if (claim == NULL) {
            return unknown_claim(options, options->operands[i]);
        }
        for (int k = 0; k < plan->n; k++) {
            if (plan->runs[k].claim == claim) {
                return option_error(options, NULL, "%s: given twice", claim->id);
            }
        }
        if (!(options_given(options, "quick") && claim->slow)) {
            plan->runs[plan->n].claim = claim;
            plan->n++;
        }
    }
    return true;
}

static bool make_grid(const Options *options, ClaimRun *run)
{
    const Claim *claim = run->claim;
    Grid *grid = &run->grid;
    *grid = (Grid){.settings = memory_copy_text(claim->settings), .n_seeds = claim->seeds};
    if ((claim->vary != NULL && !grid_vary(options, "list", claim->vary, grid)) || !grid_make_points(options, grid)
        || !options_seeds(options, &grid->seed, &grid->n_seeds)) {
        return false;
    }
    size_t n = (size_t)grid->n_points;
    run->keys = memory_allocate(n * sizeof *run->keys, "the claims");
    run->x = memory_allocate(n * sizeof *run->x, "the claims");
    run->values = memory_allocate(n * (size_t)grid->n_seeds * sizeof *run->values, "the claims");
    for (int i = 0; i < grid->n_points; i++) {
        run->keys[i] = text_format("%s of gradflow %s", claim->statistic, grid->lines[i]);
        run->x[i] = claim->vary == NULL ? 0 : grid_number(grid, i);
        run->x[i] = isfinite(run->x[i]) ? run->x[i] : i;
    }
    return true;
}

// ------------------------------------------------------------------------------------------------------------
// Their networks, shared by claims about the same networks.

static Cell *find_cell(Plan *plan, const char *settings, uint64_t seed)
{
    for (int i = plan->n_cells - 1; i >= 0; i--) {
        Cell *cell = &plan->cells[i];
        if (cell->seed == seed && cell->n_statistics < CELL_STATISTICS && strcmp(cell->settings, settings) == 0) {
            return cell;
        }
    }
    Cell *cell = LIST_ADD(plan->cells, plan->n_cells, plan->capacity, "the networks");
    *cell = (Cell){.settings = settings, .seed = seed};
    return cell;
}

static void add_cells(Plan *plan, int claim)
{
    ClaimRun *run = &plan->runs[claim];
    for (int point = 0; point < run->grid.n_points; point++) {
        for (int s = 0; s < run->grid.n_seeds; s++) {
            Cell *cell = find_cell(plan, run->grid.lines[point], run->grid.seed + (uint64_t)s);
            int k = cell->n_statistics;
            cell->keys[k] = run->keys[point];
            cell->statistics[k] = run->claim->statistic;
            cell->owners[k] = claim;
            cell->n_statistics++;
            run->missing++;
        }
    }
}

static void finish(Plan *plan, ClaimRun *run)
{
    const Claim *claim = run->claim;
    Grid *grid = &run->grid;
    for (int point = 0; point < grid->n_points; point++) {
        for (int s = 0; s < grid->n_seeds; s++) {
            double seconds;
            run->values[point * grid->n_seeds + s] = store_value(plan->store, run->keys[point], grid->seed + (uint64_t)s, &seconds);
            run->seconds += seconds;
        }
    }
    Sample sample = {run->x, run->values, grid->n_points, grid->n_seeds};
    run->estimate = sample_estimate(&sample, claim->over, claim->trend);
    run->verdict = claim_verdict(claim, &run->estimate);
    run->done = true;
    if (plan->rows) {
        claims_print_row(run);
    }
}

// One cell is done; a claim with no cells left is finished.
static void count_cell(int number, void *context)
{
    Plan *plan = context;
    const Cell *cell = &plan->cells[number];
    for (int k = 0; k < cell->n_statistics; k++) {
        ClaimRun *run = &plan->runs[cell->owners[k]];
        run->missing--;
        if (run->missing == 0) {
            finish(plan, run);
        }
    }
}

// ------------------------------------------------------------------------------------------------------------
// The run

static bool make_plan(const Options *options, Plan *plan)
{
    if (!choose(options, plan)) {
        return false;
    }
    for (int i = 0; i < plan->n; i++) {
        if (!make_grid(options, &plan->runs[i])) {
            return false;
        }
        add_cells(plan, i);
    }
    return true;
}

static void free_plan(Plan *plan)
{
    for (int i = 0; i < plan->n; i++) {
        ClaimRun *run = &plan->runs[i];
        for (int k = 0; run->keys != NULL && k < run->grid.n_points; k++) {
            free(run->keys[k]);
        }
        free(run->keys);
        free(run->x);
        free(run->values);
        grid_free(&run->grid);
    }
    free(plan->runs);
    free(plan->cells);
}

static bool check_outputs(const Options *options)
{
    const char *runs = options_text(options, "runs");
    const char *csv = options_text(options, "csv");
    bool to_stdout = csv != NULL && strcmp(csv, "-") == 0;
    if (to_stdout && options_given(options, "json")) {
        return option_error(options, "csv", "'-' and --json both write to stdout (expected a file)");
    }
    return (runs == NULL || options_output(options, "runs", runs)) && options_output_file(options, "csv", to_stdout ? NULL : csv, NULL)
        && options_output_file(options, "html", options_text(options, "html"), NULL);
}

static bool prepare(const Options *options, Plan *plan)
{
    Error error;
    if (!check_outputs(options) || !make_plan(options, plan)) {
        return false;
    }
    if (options_given(options, "explain") && plan->n != 1) {
        return option_error(options, "explain", "%d claims (expected one ID)", plan->n);
    }
    plan->store = store_open(options_text(options, "runs"), NULL, "gptape claims", &error);
    return plan->store != NULL || report_failure(options, &error);
}

static bool save(const Options *options, const char *name, const Plan *plan, void (*write)(FILE *, const ClaimRun *, int), Error *error)
{
    SaveFile file;
    const char *path = options_text(options, name);
    if (path == NULL) {
        return true;
    }
    if (strcmp(path, "-") == 0) {
        write(stdout, plan->runs, plan->n);
        return true;
    }
    if (!save_begin(&file, path, error)) {
        return false;
    }
    write(file.stream, plan->runs, plan->n);
    bool saved = save_commit(&file, error);
    if (saved) {
        command_note(options, "wrote %s", path);
    }
    return saved;
}

static int report(const Options *options, const Plan *plan, double seconds)
{
    Error error;
    if (interrupted()) {
        command_note(options, "stopped%s", options_given(options, "runs") ? "; the same command continues" : "");
        return interrupt_status();
    }
    if (options_given(options, "json")) {
        claims_print_json(plan->runs, plan->n);
    } else if (plan->rows) {
        claims_print_end(options, plan->runs, plan->n, seconds);
    }
    flush_stdout();
    bool done = (!options_given(options, "explain") || claims_explain(options, &plan->runs[0], &error))
             && save(options, "csv", plan, claims_write_csv, &error) && save(options, "html", plan, claims_write_html, &error);
    return done || report_error(options, &error) ? STATUS_OK : STATUS_FAILED;
}

static int run(const Options *options, Plan *plan)
{
    Error error = {0};
    bool first = ranks_rank() == 0;
    double start = clock_seconds();
    bool ready = !first || prepare(options, plan);
    if (!ranks_agree(ready, &error)) {
        return first ? command_status(false) : STATUS_FAILED;
    }
    if (!first && !make_plan(options, plan)) {
        return STATUS_USAGE;
    }
    const char *csv = options_text(options, "csv");
    plan->rows = first && !options_given(options, "json") && !(csv != NULL && strcmp(csv, "-") == 0);
    for (int i = 0; first && i < plan->n_cells; i++) {
        if (store_has(plan->store, &plan->cells[i])) {
            count_cell(i, plan);
        }
    }
    interrupt_watch();
    Queue queue = {.options = options,
                   .sweep = "gptape claims",
                   .cells = plan->cells,
                   .n = plan->n_cells,
                   .store = plan->store,
                   .done = count_cell,
                   .context = plan};
    QueueEnd end = queue_run(&queue);
    int status = end == QUEUE_FAILED ? STATUS_FAILED : STATUS_OK;
    if (first && end == QUEUE_DONE) {
        status = report(options, plan, clock_seconds() - start);
    }
    return store_close(plan->store, &error) || report_failure(options, &error) ? status : STATUS_FAILED;
}

static int list(const Options *options, Plan *plan)
{
    bool chosen = choose(options, plan);
    if (chosen) {
        claims_list(options, plan->runs, plan->n);
    }
    return command_status(chosen);
}

int command_claims(const Options *options)
{
    Plan plan = {0};
    int status = options_given(options, "list") ? list(options, &plan) : run(options, &plan);
    free_plan(&plan);
    return status;
}
