// bench.h: shared by the files of gptape bench.

#ifndef GPTAPE_CLI_BENCH_H
#define GPTAPE_CLI_BENCH_H

#include "gpt/cli/kit/kit.h"

// A case that was run.
typedef struct BenchRow {
    const BenchCase *which;
    BenchFigures figures;
} BenchRow;

typedef struct BenchReport {
    bool recompute; // were blocks computed again in backward?
    BenchPeaks peaks;
    BenchRow *rows;
    int n_rows;
    const Tokenizer *tokenizer; // of the tokenizer's cases
    size_t n_text;              // bytes that it read
} BenchReport;

void bench_print(const BenchReport *report); // tables
void bench_print_json(const BenchReport *report);
// Under mpirun: the chosen cases, training steps and sweeps, on all ranks.
bool bench_on_ranks(const Options *options, const BenchConfig *config, bool (*is_chosen)(const char *names, const BenchCase *which), Error *error);
// A sweep of sizes[0] networks: only threads, ranks and one are filled in.
bool bench_sweep(const Options *options, const BenchCase *which, double seconds, BenchScaling *scaling, Error *error);
void bench_print_cases(void); // for --list

#endif
