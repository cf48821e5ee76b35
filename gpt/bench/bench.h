// bench.h: speed compared with this machine's limits.

#ifndef GPTAPE_BENCH_H
#define GPTAPE_BENCH_H

#include "tensor/inspect/inspect.h"
#include "gpt/train/train.h"

#include "tensor/public_begin.h"

// The limit that a case is compared with.
typedef enum BenchLimit {
    BENCH_ARITHMETIC, // multiply-adds on all threads
    BENCH_MEMORY,     // reading from memory on all threads
    BENCH_MEMORY_ONE, // the same on one thread; the case is run on one thread, too
    BENCH_KERNEL,     // the same loops without a tape
    BENCH_PASS,       // the same forward and backward pass without measuring it
    BENCH_NONE
} BenchLimit;

const char *bench_limit_name(BenchLimit limit); // "FMA peak"

typedef struct Bench Bench; // one measurement under way (measure.h)

// One case to be timed. Its name begins with its kind: product-, step-, generate-, random-, tokenizer-, tape-, probes-, mlp-.
typedef struct BenchCase {
    const char *name;  // "step-gpt2-124m-4x64"
    const char *about; // one line
    BenchLimit limit;
    void (*run)(Bench *bench); // NULL: a sweep, which needs several ranks (gpt/cli/bench)
    int sizes[3];              // of a product: M, N, K; of a model: B, T; of random-: numbers; of a sweep: networks
    const char *preset;        // the model
} BenchCase;

extern const BenchCase bench_cases[];
extern const int bench_case_count;

typedef struct BenchConfig {
    double seconds;             // to spend on each case; it is repeated a few times even if that takes longer
    bool recompute;             // in training steps: GPT's recompute
    Reduction reduce;           // of several ranks
    const char *residual;       // rule of the models and of the MLP; NULL: the default
    const Tokenizer *tokenizer; // for the tokenizer's cases
    const char *text;           // n_text bytes
    size_t n_text;
} BenchConfig;

// The limits, over some repetitions. In FLOP and bytes per second, on one thread and on all.
typedef struct BenchPeaks {
    int threads; // all: kernels_threads()
    Quartiles flops_one, flops;
    Quartiles bandwidth_one, bandwidth;
} BenchPeaks;

typedef struct BenchFigures {
    Quartiles ms;           // of one repetition; its n counts them
    Quartiles f32_ms;       // the same with float32, if products were in bf16; else n is 0
    double flops;           // of one repetition; 0 where they aren't counted
    double bytes;           // that one repetition must read from memory at least; 0 where they aren't counted
    double tokens;          // of one repetition; 0 where there are none
    double limit;           // FLOP or bytes per second that the machine reached right before, during or after; 0: no such limit
    double alone_ms;        // BENCH_KERNEL, BENCH_PASS: median of what the case is compared with
    double peak_bytes;      // peak resident memory
    double predicted_bytes; // of a training step: gpt_cost's prediction; else 0
} BenchFigures;

// Each measures in its own process (fork), so that peak memory and state do not carry over. The
// calling process must not have computed on several threads before: oneDNN's threads don't survive a fork. An error if memory
// is refused or the process ends early.
bool bench_peaks(const BenchConfig *config, BenchPeaks *peaks, Error *error);
bool bench_case(const BenchCase *which, const BenchConfig *config, BenchFigures *figures, Error *error);

// How many times as long as in float32 a matrix product takes with the precision that is set; measured in the same way.
bool bench_precision(double *times, Error *error);

// A training step of several ranks, which share its rows, compared with the same step on one rank; measured on rank 0, in milliseconds.
typedef struct BenchScaling {
    int threads, all_threads; // of each rank; of all ranks of the machine
    Quartiles ranks;          // all ranks, with their threads
    Quartiles one;            // one rank computes all rows, with the threads of one
    Quartiles all;            // the same, with the threads of all ranks of the machine
    double communication;     // the part of the step spent summing gradients
    double tokens;            // of a step
    double peak_bytes;        // peak resident memory of a rank
    double predicted_bytes;   // for a rank: gpt_cost's prediction plus the reducer's buffers
} BenchScaling;

// All ranks call it; the case is a training step. An error if the ranks can't share its rows, or memory is refused.
bool bench_scaling(const BenchCase *which, const BenchConfig *config, BenchScaling *scaling, Error *error);

// The fraction of its limit that a case reached; NaN if it has none.
double bench_fraction(const BenchCase *which, const BenchFigures *figures);

#include "tensor/public_end.h"

#endif
