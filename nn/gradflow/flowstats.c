// flowstats.c: statistics of a set of numbers.

#include "nn/gradflow/gradflow.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

FlowStats flow_stats(const Real *values, size_t n)
{
    if (n > 0) {                                   // none: a parameter that no gradient has reached
        REQUIRE(values);
    }
    double sum_abs = 0;
    double sum_squares = 0;
    double max_abs = 0;
    size_t zeros = 0;
    size_t denormals = 0;
    for (size_t i = 0; i < n; i++) {
        double size = fabs((double)values[i]);
        sum_abs += size;
        sum_squares += size * size;
        if (!isnan(max_abs) && !(size <= max_abs)) {           // a NaN is kept
            max_abs = size;
        }
        if (size == 0) {
            zeros++;
        } else if (size < (double)FLT_MIN) {
            denormals++;
        }
    }
    double count = (double)n;
    return (FlowStats){
        .count = n,
        .mean_abs = sum_abs / count,
        .l2 = sqrt(sum_squares),
        .rms = sqrt(sum_squares / count),
        .max_abs = max_abs,
        .zero_fraction = (double)zeros / count,
        .denormal_fraction = (double)denormals / count,
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
        double squares = 0;
        for (size_t c = 0; c < C; c++) {
            squares += (double)row[c] * (double)row[c];
        }
        double length = sqrt(squares);             // of a zero vector 0, and the result is NaN: it has no direction
        for (size_t c = 0; c < C; c++) {
            sum[c] += (double)row[c] / length;
        }
    }
    double squares = 0;
    for (size_t c = 0; c < C; c++) {
        squares += sum[c] * sum[c];
    }
    double n = (double)T;
    return (squares - n) / (n * (n - 1));
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
