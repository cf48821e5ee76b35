// layernorm.h: LayerNorm, forward and backward. For loops.c. The formulas are in ops/layernorm.c.

#ifndef GPTAPE_VECTOR_LAYERNORM_H
#define GPTAPE_VECTOR_LAYERNORM_H

#include "tensor/fast/vector/vector.h"

#include <math.h>
#include <string.h>

static RowStats row_stats(const float *restrict x, size_t C, double eps)
{
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < C; i++) {
        sum += (double)x[i];
    }
    double mean = sum / (double)C;
    double sum_of_squares = 0;
#pragma omp simd reduction(+ : sum_of_squares)
    for (size_t i = 0; i < C; i++) {
        double deviation = (double)x[i] - mean;
        sum_of_squares += deviation * deviation;
    }
    return (RowStats){.mean = mean, .rstd = 1 / sqrt(sum_of_squares / (double)C + eps)};
}

// n = (x - mean) rstd in float, which has twice as many lanes as double. The mean is subtracted as two floats, which together
// have all its digits: it may be much larger than the deviations, and rounding it to one float would then change them.
typedef struct FloatStats {
    float mean_high, mean_low;
    float rstd;
} FloatStats;

static FloatStats float_stats(RowStats stats)
{
    float high = (float)stats.mean;
    return (FloatStats){high, (float)(stats.mean - (double)high), (float)stats.rstd};
}

static inline float normalized(float x, FloatStats stats)
{
    return ((x - stats.mean_high) - stats.mean_low) * stats.rstd;
}

// Are all deviations of a row, and rstd, far enough inside float's range? Else its n are computed in double.
static bool fits_float(RowStats stats)
{
    return stats.rstd > 1e-35 && stats.rstd < 1e37;
}

static void normalize_row_in_double(const float *restrict x, const float *restrict weight, const float *restrict bias, size_t C, RowStats stats,
                                    float *restrict y)
{
    for (size_t i = 0; i < C; i++) {
        float n = (float)(((double)x[i] - stats.mean) * stats.rstd);
        y[i] = n * weight[i] + bias[i];
    }
}

static void layernorm(const void *call, size_t start, size_t end)
{
    const LayernormCall *c = call;
    size_t C = c->r->C;
    const float *restrict weight = c->r->weight;
    const float *restrict bias = c->bias;
    for (size_t row = start; row < end; row++) {
        const float *restrict x = c->r->x + row * C;
        float *restrict y = c->out + row * C;
        RowStats stats = row_stats(x, C, c->eps);
        c->stats[row] = stats;
        if (!fits_float(stats)) {
            normalize_row_in_double(x, weight, bias, C, stats, y);
            continue;
        }
        FloatStats in_float = float_stats(stats);
        for (size_t i = 0; i < C; i++) {
            y[i] = normalized(x[i], in_float) * weight[i] + bias[i];
        }
    }
}

// In double: where all dn are nearly equal, little but their rounding would be left of dn - dn_mean.
static void layernorm_row_dx(const float *restrict x, const float *restrict weight, const float *restrict dy, size_t C, RowStats stats,
                             bool accumulate, float *restrict dx)
{
    double dn_sum = 0;
    double dn_n_sum = 0;
#pragma omp simd reduction(+ : dn_sum, dn_n_sum)
    for (size_t i = 0; i < C; i++) {
        double n = ((double)x[i] - stats.mean) * stats.rstd;
        double dn = (double)dy[i] * (double)weight[i];
        dn_sum += dn;
        dn_n_sum += dn * n;
    }
    double dn_mean = dn_sum / (double)C;
    double dn_n_mean = dn_n_sum / (double)C;
    for (size_t i = 0; i < C; i++) {
        double n = ((double)x[i] - stats.mean) * stats.rstd;
        double dn = (double)dy[i] * (double)weight[i];
        float before = accumulate ? dx[i] : 0;
        dx[i] = before + (float)(stats.rstd * (dn - dn_mean - n * dn_n_mean));
    }
}

static void layernorm_row_sums(const float *restrict x, const float *restrict dy, size_t C, RowStats stats, float *restrict dweight,
                               float *restrict dbias)
{
    if (!fits_float(stats)) {
        for (size_t i = 0; i < C; i++) {
            dweight[i] += dy[i] * (float)(((double)x[i] - stats.mean) * stats.rstd);
            dbias[i] += dy[i];
        }
        return;
    }
    FloatStats in_float = float_stats(stats);
    for (size_t i = 0; i < C; i++) {
        dweight[i] += dy[i] * normalized(x[i], in_float);
        dbias[i] += dy[i];
    }
}

// A row's x and dy come from memory once, for all three gradients.
static void layernorm_backward(const void *call, size_t start, size_t end)
{
    const LayernormBackwardCall *c = call;
    size_t C = c->r->C;
    for (size_t chunk = start; chunk < end; chunk++) {
        float *sums = c->sums + chunk * 2 * C;
        memset(sums, 0, 2 * C * sizeof(float));
        for (size_t row = chunk * LAYERNORM_CHUNK; row < c->r->rows && row < (chunk + 1) * LAYERNORM_CHUNK; row++) {
            const float *x = c->r->x + row * C;
            const float *dy = c->dy + row * C;
            if (c->dx.values != NULL) {
                layernorm_row_dx(x, c->r->weight, dy, C, c->stats[row], c->dx.accumulate, c->dx.values + row * C);
            }
            layernorm_row_sums(x, dy, C, c->stats[row], sums, sums + C);
        }
    }
}

#endif
