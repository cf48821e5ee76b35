// row.h: loops over one row of values: its maximum, its sum, its exponentials. For loops.c.

#ifndef GPTAPE_VECTOR_ROW_H
#define GPTAPE_VECTOR_ROW_H

#include "tensor/fast/vector/math.h"

// Written lane by lane, which every compiler vectorizes: clang does not vectorize the maximum of a row by itself.
enum { ROW_LANES = 16 };

static inline void fold_max(float *lanes, size_t half)
{
    for (size_t lane = 0; lane < half; lane++) {
        lanes[lane] = lanes[lane + half] > lanes[lane] ? lanes[lane + half] : lanes[lane];
    }
}

static inline void fold_sum(float *lanes, size_t half)
{
    for (size_t lane = 0; lane < half; lane++) {
        lanes[lane] += lanes[lane + half];
    }
}

static float row_max(const float *x, size_t n)
{
    float lanes[ROW_LANES];
    for (size_t lane = 0; lane < ROW_LANES; lane++) {
        lanes[lane] = x[0];
    }
    size_t whole = n / ROW_LANES * ROW_LANES;
    for (size_t i = 0; i < whole; i += ROW_LANES) {
#pragma omp simd
        for (size_t lane = 0; lane < ROW_LANES; lane++) {
            lanes[lane] = x[i + lane] > lanes[lane] ? x[i + lane] : lanes[lane];
        }
    }
    fold_max(lanes, 8);
    fold_max(lanes, 4);
    fold_max(lanes, 2);
    fold_max(lanes, 1);
    float largest = lanes[0];
    for (size_t i = whole; i < n; i++) {
        largest = x[i] > largest ? x[i] : largest;
    }
    return largest;
}

static double row_sum(const float *restrict x, size_t n)
{
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < n; i++) {
        sum += (double)x[i];
    }
    return sum;
}

static void row_exp(float factor, float shift, float *restrict x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        x[i] = vector_exp(factor * x[i] - shift);
    }
}

enum { SUM_AT_ONCE = 1024 }; // exponentials that stay in the first-level cache until they are summed

static double row_sum_exp(float shift, const float *x, size_t n)
{
    double sum = 0;
    for (size_t start = 0; start < n; start += SUM_AT_ONCE) {
        size_t count = n - start < SUM_AT_ONCE ? n - start : SUM_AT_ONCE;
        float powers[SUM_AT_ONCE];
        for (size_t i = 0; i < count; i++) {
            powers[i] = vector_exp(x[start + i] - shift);
        }
        sum += row_sum(powers, count);
    }
    return sum;
}

static float dot(const float *restrict a, const float *restrict b, size_t n)
{
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < n; i++) {
        sum += a[i] * b[i];
    }
    return sum;
}

// Four rows at a time, so that y is read and written once for all of them.
static void add_rows(const float *restrict weights, const float *restrict rows, size_t n, size_t D, float *restrict y)
{
    size_t i = 0;
    for (; i + 4 <= n; i += 4) {
        const float *restrict row = rows + i * D;
        for (size_t d = 0; d < D; d++) {
            float first = weights[i] * row[d] + weights[i + 1] * row[D + d];
            float second = weights[i + 2] * row[2 * D + d] + weights[i + 3] * row[3 * D + d];
            y[d] += first + second;
        }
    }
    for (; i < n; i++) {
        for (size_t d = 0; d < D; d++) {
            y[d] += weights[i] * rows[i * D + d];
        }
    }
}

#endif
