// flowstats.c: statistics of a set of numbers.

#include "nn/gradflow/gradflow.h"
#include "nn/gradflow/loops.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 2048 }; // values that stay in the L1 cache

// As integers, the bits of |x| are ordered like |x| itself, with NaN as the largest. Integer minima and maxima can be vectorized.
#ifdef GPTAPE_DOUBLE
typedef int64_t SizeBits;
#else
typedef int32_t SizeBits;
#endif

static inline SizeBits bits_of(Real x)
{
    SizeBits bits;
    memcpy(&bits, &x, sizeof bits);
    return bits & (SizeBits)(~(uint64_t)0 >> (65 - 8 * sizeof bits));
}

// Statistics of |x|.
typedef struct Sizes {
    double sum, squares;
    SizeBits smallest, largest;
} Sizes;

static inline double sum_of_sizes(const Real *x, size_t n)
{
    double sums[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (size_t lane = 0; lane < LANES; lane++) {
            sums[lane] += fabs((double)x[i + lane]);
        }
    }
    for (; i < n; i++) {
        sums[0] += fabs((double)x[i]);
    }
    return lanes_sum(sums);
}

VECTORIZED static void add_sizes(Sizes *sizes, const Real *x, size_t n)
{
    SizeBits smallest = sizes->smallest;
    SizeBits largest = sizes->largest;
    for (size_t i = 0; i < n; i++) {
        SizeBits bits = bits_of(x[i]);
        smallest = bits < smallest ? bits : smallest;
        largest = bits > largest ? bits : largest;
    }
    sizes->smallest = smallest;
    sizes->largest = largest;
    sizes->sum += sum_of_sizes(x, n);
    sizes->squares += dot_real(x, x, n);
}

static double size_of(SizeBits bits)
{
    Real size;
    memcpy(&size, &bits, sizeof size);
    return (double)size;
}

FlowStats flow_stats(const Real *values, size_t n)
{
    if (n > 0) { // none: a parameter that no gradient has reached
        REQUIRE(values);
    }
    Sizes sizes = {.smallest = bits_of(1)};
    size_t zeros = 0;
    size_t below = 0; // the smallest normal float32, zeros included
    for (size_t i = 0; i < n; i += BLOCK) {
        add_sizes(&sizes, values + i, n - i < BLOCK ? n - i : BLOCK);
    }
    for (size_t i = 0; i < n && size_of(sizes.smallest) < (double)FLT_MIN; i++) {
        zeros += values[i] == 0;
        below += fabs((double)values[i]) < (double)FLT_MIN;
    }
    double count = (double)n;
    bool in_range = sizes.squares > 0x1p-900 && sizes.squares < 0x1p900;
    double norm = in_range ? sqrt(sizes.squares) : l2_real(values, n);
    return (FlowStats){
        .count = n,
        .mean_abs = sizes.sum / count,
        .l2 = norm,
        .rms = in_range ? sqrt(sizes.squares / count) : norm / sqrt(count),
        .max_abs = size_of(sizes.largest), // a NaN is kept
        .zero_fraction = (double)zeros / count,
        .denormal_fraction = (double)(below - zeros) / count,
        .token_cosine = NAN,
    };
}

FlowReach flow_reach(FlowStats stats)
{
    if (!isfinite(stats.l2)) {
        return FLOW_NAN;
    }
    return stats.max_abs == 0 ? FLOW_ALL_ZERO : FLOW_REACHED;
}

// The mean of u_i . u_j over all pairs i != j of T unit vectors is (|sum u|^2 - T) / (T (T - 1)): no pair has to be formed.
VECTORIZED static double sequence_cosine(const Real *x, size_t T, size_t C, double *sum)
{
    for (size_t c = 0; c < C; c++) {
        sum[c] = 0;
    }
    for (size_t t = 0; t < T; t++) {
        const Real *row = x + t * C;
        double factor = 1 / sqrt(dot_real(row, row, C)); // infinite for a zero vector, which has no direction: NaN
        for (size_t c = 0; c < C; c++) {
            sum[c] += (double)row[c] * factor;
        }
    }
    double n = (double)T;
    return (dot_double(sum, sum, C) - n) / (n * (n - 1));
}

double flow_token_cosine(const Tensor *x)
{
    REQUIRE(x);
    if (x->shape.ndim != 3 || x->shape.size[1] < 2) {
        return NAN;
    }
    size_t B = (size_t)x->shape.size[0];
    size_t T = (size_t)x->shape.size[1];
    size_t C = (size_t)x->shape.size[2];
    double *scratch = memory_allocate(C * sizeof *scratch, "a token cosine");
    double total = 0;
    for (size_t b = 0; b < B; b++) {
        total += sequence_cosine(x->data + b * T * C, T, C, scratch);
    }
    free(scratch);
    return total / (double)B;
}

double flow_autocorrelation(const double *values, int n, int lag)
{
    REQUIRE(values);
    if (lag < 0) {
        fail_mistake(HERE, "flow_autocorrelation: lag %d (expected 0 or more)", lag);
    }
    double mean = 0;
    for (int i = 0; i < n; i++) {
        mean += values[i] / n;
    }
    double variance = 0;
    double covariance = 0;
    for (int i = 0; i < n; i++) {
        variance += (values[i] - mean) * (values[i] - mean);
        covariance += i + lag < n ? (values[i] - mean) * (values[i + lag] - mean) : 0;
    }
    return variance > 0 ? covariance / variance : NAN;
}
