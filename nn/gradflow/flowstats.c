// flowstats.c: statistics of a set of numbers.

#include "nn/gradflow/dot.h"
#include "nn/gradflow/gradflow.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

// Sums of every LANES-th value, side by side, in loops simple enough for the compiler to vectorize.
enum { LANES = 8, BLOCK = 512 };

typedef struct Sums {
    double abs[LANES], squares[LANES], largest[LANES];
    size_t zeros, below;                           // values that are 0; that are below the smallest normal float32, zeros included
} Sums;

// sizes (n): |x|, padded with zeros to a multiple of LANES.
static void add_sizes(Sums *sums, const double *sizes, int n)
{
    for (int i = 0; i < n; i += LANES) {
        for (int lane = 0; lane < LANES; lane++) {
            sums->abs[lane] += sizes[i + lane];
        }
    }
    for (int i = 0; i < n; i += LANES) {
        for (int lane = 0; lane < LANES; lane++) {
            sums->squares[lane] += sizes[i + lane] * sizes[i + lane];
        }
    }
    for (int i = 0; i < n; i += LANES) {
        for (int lane = 0; lane < LANES; lane++) {
            sums->largest[lane] = sizes[i + lane] > sums->largest[lane] ? sizes[i + lane] : sums->largest[lane];
        }
    }
    double smallest[LANES] = {1, 1, 1, 1, 1, 1, 1, 1};
    for (int i = 0; i < n; i += LANES) {
        for (int lane = 0; lane < LANES; lane++) {
            smallest[lane] = sizes[i + lane] < smallest[lane] ? sizes[i + lane] : smallest[lane];
        }
    }
    for (int lane = 1; lane < LANES; lane++) {
        smallest[0] = fmin(smallest[0], smallest[lane]);
    }
    for (int i = 0; i < n && smallest[0] < (double)FLT_MIN; i++) {             // rare, so not vectorized
        sums->zeros += sizes[i] == 0;
        sums->below += sizes[i] < (double)FLT_MIN;
    }
}

FlowStats flow_stats(const Real *values, size_t n)
{
    if (n > 0) {                                   // none: a parameter that no gradient has reached
        REQUIRE(values);
    }
    Sums sums = {.zeros = 0};
    double sizes[BLOCK];
    for (size_t first = 0; first < n; first += BLOCK) {
        int count = n - first < BLOCK ? (int)(n - first) : BLOCK;
        int filled = (count + LANES - 1) / LANES * LANES;
        for (int i = 0; i < count; i++) {
            sizes[i] = fabs((double)values[first + (size_t)i]);
        }
        for (int i = count; i < filled; i++) {
            sizes[i] = 0;
        }
        add_sizes(&sums, sizes, filled);
        sums.zeros -= (size_t)(filled - count);
        sums.below -= (size_t)(filled - count);
    }
    for (int lane = 1; lane < LANES; lane++) {
        sums.abs[0] += sums.abs[lane];
        sums.squares[0] += sums.squares[lane];
        sums.largest[0] = fmax(sums.largest[0], sums.largest[lane]);
    }
    double count = (double)n;
    return (FlowStats){
        .count = n,
        .mean_abs = sums.abs[0] / count,
        .l2 = sqrt(sums.squares[0]),
        .rms = sqrt(sums.squares[0] / count),
        .max_abs = isnan(sums.abs[0]) ? sums.abs[0] : sums.largest[0],         // a NaN is kept
        .zero_fraction = (double)sums.zeros / count,
        .denormal_fraction = (double)(sums.below - sums.zeros) / count,
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
static double sequence_cosine(const Real *x, size_t T, size_t C, double *sum)
{
    for (size_t c = 0; c < C; c++) {
        sum[c] = 0;
    }
    for (size_t t = 0; t < T; t++) {
        const Real *row = x + t * C;
        double factor = 1 / sqrt(dot_real(row, row, C));       // infinite for a zero vector, which has no direction: NaN
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
