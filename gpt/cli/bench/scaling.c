// scaling.c: gptape bench under mpirun: training steps on several ranks, and what the sum of gradients costs; sweeps.

#include "gpt/base/base.h"
#include "gpt/cli/bench/bench.h"

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

bool bench_on_ranks(const Options *options, const BenchConfig *config, Error *error)
{
    AUTO_FREE ScalingRow *rows = memory_allocate_zeroed((size_t)bench_case_count, sizeof *rows, "the cases");
    int n = 0;
    bool done = true;
    for (int i = 0; done && i < bench_case_count; i++) {
        if (bench_is_chosen(options, &bench_cases[i])) {
            rows[n].which = &bench_cases[i];
            done = rows[n].which->run == NULL ? bench_sweep(options, rows[n].which, config->seconds, &rows[n].scaling, error)
                                              : bench_scaling(rows[n].which, config, &rows[n].scaling, error);
            n++;
        }
    }
    if (done) {
        (options_given(options, "json") ? print_json : print_scaling)(rows, n, config->reduce);
    }
    return done;
}
