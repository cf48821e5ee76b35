// fast.h: selecting the kernels of the inner loops, their threads and precision; and the limits of the machine.

#ifndef GPTAPE_FAST_H
#define GPTAPE_FAST_H

#include "tensor/tensor.h"

#include "tensor/public_begin.h"

const char *kernels_name(void);        // "plain" or "fast"
bool kernels_choose(const char *name); // false if this build lacks that set
bool kernels_have_onednn(void);        // was this build made with oneDNN?
void kernels_set_threads(int threads); // of the fast kernels, 1 or more (256 at most are used); the plain ones run on one
int kernels_threads(void);             // how many the selected kernels use

// The operands of large matrix products. Everything is still stored as Real: weights, gradients, the products' results.
typedef enum Precision {
    PRECISION_F32,  // the numbers as they are in libgptape
    PRECISION_BF16, // rounded to bfloat16, 8 bits of mantissa, if the product is large
    PRECISION_F64,  // the numbers as they are in libgptape64, its only precision
    PRECISION_COUNT
} Precision;

const char *precision_name(Precision precision); // "f32"
bool kernels_set_precision(Precision precision); // false, and nothing changed, if this build or this machine can't
Precision kernels_precision(void);

// The limits of this machine, to compare the kernels with; each call measures one, on that many threads.
// FLOP per second of multiply-adds in registers, fused and in the widest vectors that there are, each counted as two. A round is 32 to 256 of them.
double machine_flops(int threads, size_t rounds);
// Bytes per second of reading these n numbers once, at least 128 for each thread. From memory only if the caches do not hold them.
double machine_bandwidth(int threads, const float *values, size_t n);
const char *machine_vectors(void); // what machine_flops uses: "AVX-512", "AVX2" or "baseline"

#include "tensor/public_end.h"

#endif
