// measure.h: one measurement under way. Shared by the bench files of this folder. A case runs in a process of its own, which ends with it:
// cases free nothing.

#ifndef GPTAPE_BENCH_MEASURE_H
#define GPTAPE_BENCH_MEASURE_H

#include "gpt/bench/bench.h"
#include "tensor/fast/fast.h"

struct Bench {
    const BenchCase *which;
    const BenchConfig *config;
    BenchFigures figures; // what a case's run fills in
};

enum { BENCH_MOST = 1000 }; // repetitions

// Collects what one(context) returns, a time or a rate, as often as the seconds allow, but at least 3 times; the first
// call, which wakes the processor up, does not count. together: all ranks call it, and rank 0 decides how often.
Quartiles bench_collect(double seconds, bool together, double (*one)(void *context), void *context);

// Times once(context): after two rounds that don't count (the first allocates memory, the second finds the caches as
// all later ones do), as often as the seconds allow. Calls shorter than a millisecond are timed many at a time.
Quartiles bench_time(double seconds, void (*once)(void *context), void *context);

// The case's time; where products use bf16, also with float32.
void bench_time_case(Bench *bench, void (*once)(void *context), void *context);

// Numbers that fill many times the largest cache: after reading as many others, it holds none of them.
double bench_cold_bytes(void);

double bench_peak_bytes(void); // peak resident memory of this process

// parts.c
void bench_product(Bench *bench); // x (M, K) W (N, K)^T
void bench_tape(Bench *bench);    // many small operations, forward and backward
void bench_mlp(Bench *bench);     // the deep network, forward and backward
void bench_random(Bench *bench);  // a large weight
void bench_encode(Bench *bench);
void bench_decode(Bench *bench);

// model.c
void bench_step(Bench *bench);     // a training step, AdamW included
void bench_probes(Bench *bench);   // a pass that a watch and the cheap probes measure
void bench_generate(Bench *bench); // a token

#endif
