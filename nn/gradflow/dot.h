// dot.h: sums of products in double. Internal to nn/gradflow/.

#ifndef GPTAPE_GRADFLOW_DOT_H
#define GPTAPE_GRADFLOW_DOT_H

#include "tensor/tensor.h"

enum { DOT_LANES = 8 };                            // independent sums, for vectorization

static inline double dot_total(const double sums[DOT_LANES])
{
    return ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
}

static inline double dot_real(const Real *a, const Real *b, size_t n)
{
    double sums[DOT_LANES] = {0};
    size_t i = 0;
    for (; i + DOT_LANES <= n; i += DOT_LANES) {
        for (size_t lane = 0; lane < DOT_LANES; lane++) {
            sums[lane] += (double)a[i + lane] * (double)b[i + lane];
        }
    }
    for (; i < n; i++) {
        sums[0] += (double)a[i] * (double)b[i];
    }
    return dot_total(sums);
}

static inline double dot_double(const double *a, const double *b, size_t n)
{
    double sums[DOT_LANES] = {0};
    size_t i = 0;
    for (; i + DOT_LANES <= n; i += DOT_LANES) {
        for (size_t lane = 0; lane < DOT_LANES; lane++) {
            sums[lane] += a[i + lane] * b[i + lane];
        }
    }
    for (; i < n; i++) {
        sums[0] += a[i] * b[i];
    }
    return dot_total(sums);
}

#endif
