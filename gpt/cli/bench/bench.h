// bench.h: shared by the files of gptape bench.

#ifndef GPTAPE_CLI_BENCH_H
#define GPTAPE_CLI_BENCH_H

#include "gpt/cli/kit/kit.h"

// A case that was chosen, and what was measured.
typedef struct BenchRow {
    const BenchCase *which;
    BenchFigures figures;
} BenchRow;

typedef struct BenchReport {
    const BenchConfig *config;
    BenchPeaks peaks;
    BenchRow *rows;
    int n_rows;
} BenchReport;

void bench_print(const BenchReport *report); // tables
void bench_print_json(const BenchReport *report);
// Under mpirun: runs the report's cases, training steps and sweeps, on all ranks, and prints what was measured.
bool bench_on_ranks(const Options *options, const BenchReport *report, Error *error);
void bench_print_cases(void); // for --list

#endif
