// loops.h: loops in double, written in lanes so that compilers vectorize them, and shared among threads. Internal to nn/gradflow/.

#ifndef GPTAPE_GRADFLOW_LOOPS_H
#define GPTAPE_GRADFLOW_LOOPS_H

#include "tensor/tensor.h"

#include <math.h>

// Also compiles a function for AVX2; the loader chooses the version. Both give the same bits: the source fixes the order of each sum's lanes, and
// nothing is fused. (Not with sanitizers, which are not ready when the loader chooses, nor in debug builds: gdb should find one function.)
#if defined __x86_64__ && defined __gnu_linux__ && defined __OPTIMIZE__ && !defined __clang__ && !defined __SANITIZE_ADDRESS__ \
    && !defined __SANITIZE_THREAD__
#define VECTORIZED __attribute__((target_clones("avx2", "default")))
#else
#define VECTORIZED
#endif

enum { LANES = 8 }; // independent sums

static inline double lanes_sum(const double sums[LANES])
{
    return ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
}

static inline size_t lanes_filled(size_t n) // n, rounded up to a multiple of LANES
{
    return (n + LANES - 1) / LANES * LANES;
}

static inline double dot_real(const Real *a, const Real *b, size_t n)
{
    double sums[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (size_t lane = 0; lane < LANES; lane++) {
            sums[lane] += (double)a[i + lane] * (double)b[i + lane];
        }
    }
    for (; i < n; i++) {
        sums[0] += (double)a[i] * (double)b[i];
    }
    return lanes_sum(sums);
}

static inline double dot_double(const double *a, const double *b, size_t n)
{
    double sums[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (size_t lane = 0; lane < LANES; lane++) {
            sums[lane] += a[i + lane] * b[i + lane];
        }
    }
    for (; i < n; i++) {
        sums[0] += a[i] * b[i];
    }
    return lanes_sum(sums);
}

// sqrt(sum x^2), also where the squares are too small or too large for a double.
static inline double l2(const double *values, size_t n)
{
    double squares = dot_double(values, values, n);
    if (squares > 0x1p-900 && squares < 0x1p900) {
        return sqrt(squares);
    }
    double scale = squares < 1 ? 0x1p600 : 0x1p-600;
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += scale * values[i] * (scale * values[i]);
    }
    return sqrt(sum) / scale;
}

static inline double l2_real(const Real *values, size_t n)
{
#ifdef GPTAPE_DOUBLE
    return l2(values, n);
#else
    return sqrt(dot_real(values, values, n)); // a double holds the square of any float
#endif
}

// Measures item i, with scratch memory that no other thread uses.
typedef void FlowItem(const void *call, size_t i, double *scratch);

// Measures items 0 ... n - 1, on all threads if that is worth it. work: multiplications per item; scratch: doubles of scratch memory for an item.
void flow_share(size_t n, double work, size_t scratch, FlowItem *item, const void *call);

// The squares of the singular values of a (m, n), m <= n, in no particular order, from the eigenvalues of a a^T. The error of a square is a few
// roundings of the largest square, so that of a value is at most 1e-8 of the largest. Not finite if a is not. scratch: m (m + 2) doubles.
void singular_squares(const double *a, int m, int n, double *values, double *scratch);

#endif
