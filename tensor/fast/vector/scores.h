// scores.h: a tile of attention's scores, row by row. For loops.c.
//
// A row has room for whole vectors, and loops run to its next multiple of SCORES_WHOLE: the rest after whole vectors
// would be done value by value, and in a short row that takes longest.

#ifndef GPTAPE_VECTOR_SCORES_H
#define GPTAPE_VECTOR_SCORES_H

#include "tensor/fast/vector/row.h"
#include "tensor/fast/vector/vector.h"

static size_t scores_seen(const ScoreTile *tile, size_t row)
{
    size_t seen = tile->causal ? tile->first_seen + row : tile->columns;
    return seen < tile->columns ? seen : tile->columns;
}

static size_t scores_whole(size_t n)
{
    return (n + SCORES_WHOLE - 1) / SCORES_WHOLE * SCORES_WHOLE;
}

// The sum of n exponentials, a multiple of SCORES_WHOLE. In float: a lane adds up a few, as a tile is not wide.
static float lanes_sum(const float *x, size_t n)
{
    float lanes[SCORES_WHOLE] = {0};
    for (size_t i = 0; i < n; i += SCORES_WHOLE) {
#pragma omp simd
        for (size_t lane = 0; lane < SCORES_WHOLE; lane++) {
            lanes[lane] += x[i + lane];
        }
    }
    fold_sum(lanes, 8);
    fold_sum(lanes, 4);
    fold_sum(lanes, 2);
    return lanes[0] + lanes[1];
}

static void scores_soften(const ScoreTile *tile, float *largest, double *sum, float *shrink)
{
    for (size_t row = 0; row < tile->rows; row++) {
        float *scores = tile->scores + row * tile->ld;
        size_t n = scores_seen(tile, row);
        size_t whole = scores_whole(n);
        for (size_t r = whole - SCORES_WHOLE; r < whole; r++) {
            scores[r] = r < n ? scores[r] : -INFINITY;
        }
        float here = row_max(scores, whole) * tile->scale;
        float before = largest[row];
        largest[row] = here > before ? here : before;
        shrink[row] = vector_exp(before - largest[row]);
        row_exp(tile->scale, largest[row], scores, whole);
        sum[row] = sum[row] * (double)shrink[row] + (double)lanes_sum(scores, whole);
    }
}

// z is subtracted as two floats, which together have all its digits.
static void scores_row_slopes(float factor, double z, float mean_dp, float *restrict x, float *restrict dp, size_t n)
{
    float z_high = (float)z;
    float z_low = (float)(z - (double)z_high);
    for (size_t i = 0; i < n; i++) {
        float p = vector_exp((factor * x[i] - z_high) - z_low);
        x[i] = p;
        dp[i] = p * (dp[i] - mean_dp) * factor;
    }
}

static void scores_slopes(const ScoreTile *tile, float *slopes, const double *z, const float *mean_dp)
{
    for (size_t row = 0; row < tile->rows; row++) {
        float *scores = tile->scores + row * tile->ld;
        float *dscores = slopes + row * tile->ld;
        size_t n = scores_seen(tile, row);
        scores_row_slopes(tile->scale, z[row], mean_dp[row], scores, dscores, scores_whole(n));
    }
}

#endif
