// scaling.c: gptape bench under mpirun: training steps on several ranks, and what the sum of gradients costs; sweeps.

#include "gpt/cli/bench/bench.h"
#include "gpt/cli/sweep/sweep.h"

#include <stdlib.h>
#include <string.h>

typedef struct ScalingRow {
    const BenchCase *which;
    BenchScaling scaling;
} ScalingRow;

static double tokens_per_s(const BenchScaling *scaling, Quartiles ms)
{
    return scaling->tokens / (1e-3 * ms.median);
}

// Speedup of all ranks over one.
static double times(const BenchScaling *scaling, Quartiles one)
{
    return one.median / scaling->ranks.median;
}

static void measurement_row(Table *table, const char *name, int ranks, int threads, const BenchScaling *scaling, Quartiles ms)
{
    table_row(table, "%s|%d x %d|%.2f|%.2f to %.2f|%d|%s|%.2f", name, ranks, threads, ms.median, ms.low, ms.high, ms.n,
              scaling->tokens == 0 ? "" : THOUSANDS(tokens_per_s(scaling, ms)), times(scaling, ms));
}

static void print_scaling(const ScalingRow *rows, int n, Reduction reduce)
{
    Table *table = table_begin("lrrrrrr", "case|ranks x threads|ms|quartiles|n|tokens/s|ranks are faster by");
    for (int i = 0; i < n; i++) {
        const BenchScaling *scaling = &rows[i].scaling;
        measurement_row(table, rows[i].which->name, ranks_count(), scaling->threads, scaling, scaling->ranks);
        measurement_row(table, "", 1, scaling->threads, scaling, scaling->one);
        if (scaling->tokens > 0) {
            measurement_row(table, "", 1, scaling->all_threads, scaling, scaling->all);
        }
    }
    table_end(table);
    for (int i = 0; i < n; i++) {
        const BenchScaling *scaling = &rows[i].scaling;
        if (scaling->tokens == 0) {
            terminal_print("%s: %d networks, timed without the start of MPI.", rows[i].which->name, rows[i].which->sizes[0]);
            continue;
        }
        terminal_print(
            "%s: %.1f %% of the ranks' step is the sum of gradients (--reduce %s); a rank's resident memory is at most %s, predicted %s.",
            rows[i].which->name, 100 * scaling->communication, reduction_name(reduce), BYTES_STRING(scaling->peak_bytes),
            BYTES_STRING(scaling->predicted_bytes));
    }
}

static void print_json(const ScalingRow *rows, int n, Reduction reduce)
{
    cJSON *json = cJSON_CreateObject();
    json_add_count(json, "ranks", ranks_count());
    cJSON_AddStringToObject(json, "reduce", reduction_name(reduce));
    cJSON *cases = cJSON_AddObjectToObject(json, "cases");
    for (int i = 0; i < n; i++) {
        const BenchScaling *scaling = &rows[i].scaling;
        cJSON *object = cJSON_AddObjectToObject(cases, rows[i].which->name);
        json_add_count(object, "threads", scaling->threads);
        json_add_number(object, "ms", scaling->ranks.median);
        json_add_number(object, "ms_one_rank", scaling->one.median);
        json_add_number(object, "faster_than_one_rank", times(scaling, scaling->one));
        if (scaling->tokens == 0) {
            continue; // a sweep
        }
        json_add_number(object, "ms_one_rank_all_threads", scaling->all.median);
        json_add_number(object, "tokens_per_s", tokens_per_s(scaling, scaling->ranks));
        json_add_number(object, "faster_than_all_threads", times(scaling, scaling->all));
        json_add_number(object, "communication", scaling->communication);
        json_add_count(object, "peak_bytes", scaling->peak_bytes);
        json_add_count(object, "predicted_bytes", scaling->predicted_bytes);
    }
    json_print(json);
}

// ------------------------------------------------------------------------------------------------------------
// A sweep on several ranks and on one, each with one thread. What is timed is the queue, without the start of MPI.

enum { FEWEST = 3, MOST = 200 }; // repetitions; with --seconds 0 there is one

static bool run_once(Queue *queue, double *ms, Error *error)
{
    bool first = ranks_rank() == 0;
    queue->store = first ? store_open(NULL, NULL, queue->sweep, error) : NULL;
    double start = clock_seconds();
    bool done = (queue->alone && !first) || queue_run(queue) == QUEUE_DONE;
    *ms = 1e3 * (clock_seconds() - start);
    store_close(queue->store, error);
    done = done || error_set(error, "%s: a network can't be run", queue->sweep);
    return ranks_agree(done, error);
}

// Rank 0 decides how many repetitions there are.
static bool time_queue(Queue *queue, double seconds, Quartiles *ms, Error *error)
{
    double taken[MOST];
    int n = 0;
    bool more = true;
    double end = clock_seconds() + seconds;
    while (more) {
        if (!run_once(queue, &taken[n], error)) {
            return false;
        }
        n++;
        more = seconds > 0 && (n < FEWEST || (n < MOST && clock_seconds() < end));
        ranks_broadcast(&more, sizeof more);
    }
    *ms = quartiles_of(taken, n);
    return true;
}

// A sweep of sizes[0] networks: only threads, ranks and one are filled in.
static bool time_sweep(const Options *options, const BenchCase *which, double seconds, BenchScaling *scaling, Error *error)
{
    int n = which->sizes[0];
    AUTO_FREE Cell *cells = memory_allocate((size_t)n * sizeof *cells, "the networks");
    int threads = kernels_threads();
    for (int i = 0; i < n; i++) {
        cells[i] = (Cell){.settings = "--net gpt --n-layer 8 --n-embd 192 --n-head 4 --context-length 64 --batch 1 --residual pre",
                          .seed = (uint64_t)i,
                          .keys = {"network"},
                          .statistics = {"loss"},
                          .n_statistics = 1};
    }
    Queue queue = {.options = options, .sweep = which->name, .cells = cells, .n = n, .silent = true};
    *scaling = (BenchScaling){.threads = 1};
    bool done = time_queue(&queue, seconds, &scaling->ranks, error);
    queue.alone = true;
    done = done && time_queue(&queue, seconds, &scaling->one, error);
    kernels_set_threads(threads);
    return done;
}

// ------------------------------------------------------------------------------------------------------------

bool bench_on_ranks(const Options *options, const BenchReport *report, Error *error)
{
    const BenchConfig *config = report->config;
    int n = report->n_rows;
    AUTO_FREE ScalingRow *rows = memory_allocate_zeroed((size_t)bench_case_count, sizeof *rows, "the cases");
    bool done = true;
    for (int i = 0; done && i < n; i++) {
        ScalingRow *row = &rows[i];
        row->which = report->rows[i].which;
        done = row->which->run == NULL ? time_sweep(options, row->which, config->seconds, &row->scaling, error)
                                       : bench_scaling(row->which, config, &row->scaling, error);
    }
    if (done) {
        (options_given(options, "json") ? print_json : print_scaling)(rows, n, config->reduce);
    }
    return done;
}
