// kernel_fast_attention.c: attention in tiles (Dao et al. 2022). The formulas stand in ops/attention.c.
//
// A head's T x T matrix of scores is done a tile at a time, QUERIES rows by KEYS columns: a tile is a product of matrices,
// fits into the second cache, and is forgotten when what it is for has been added up. Forward takes the softmax streaming, as
// the textbook's loop does, but a tile at a time; backward makes each tile again. Heads are shared among the threads, and each
// writes only its own part of the result: what is added to what, and in which order, no thread can change.

#include "tensor/kernel_fast.h"

#include "tensor/parallel.h"
#include "tensor/vector/vector.h"

#include <math.h>
#include <string.h>

enum { QUERIES = 64, KEYS = 256 };                 // the second is a multiple of the first

// Multiplications of one head that are worth waking a thread for.
static const double WORTH_A_THREAD = 1 << 16;

typedef struct AttentionCall {
    const AttentionSizes *s;
    const Real *qkv;
    double *z;
    Real *y;
    const double *z_kept;                          // backward's: z and y of forward
    const Real *y_kept, *dy;
    bool accumulate;
    Real *dqkv;
} AttentionCall;

// One head of one sequence: where its parts begin. Rows of q, k, v and their gradients are 3C apart, of y and dy C.
typedef struct Head {
    const AttentionSizes *s;
    size_t qkv, y, z;
} Head;

static Head head_at(const AttentionSizes *s, size_t i)
{
    size_t b = i / s->n_head;
    size_t h = i % s->n_head;
    return (Head){.s = s, .qkv = b * s->T * 3 * s->C + h * s->D, .y = b * s->T * s->C + h * s->D, .z = i * s->T};
}

// Queries t ... t + rows - 1 by keys r ... r + columns - 1, as far as any of the queries sees.
typedef struct Tile {
    size_t t, rows;
    size_t r, columns;
} Tile;

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t keys_end(const AttentionSizes *s, size_t t, size_t rows)
{
    return s->causal ? t + rows : s->T;
}

static Tile tile_at(const AttentionSizes *s, size_t t, size_t r)
{
    size_t rows = smaller(QUERIES, s->T - t);
    return (Tile){.t = t, .rows = rows, .r = r, .columns = smaller(KEYS, keys_end(s, t, rows) - r)};
}

static ScoreTile score_tile(const AttentionSizes *s, const Tile *tile, Real *scores)
{
    return (ScoreTile){.scores = scores, .rows = tile->rows, .columns = tile->columns, .ld = KEYS, .causal = s->causal,
                       .first_seen = tile->t + 1 - tile->r, .scale = s->scale};
}

// Scores (or dL/dweights) of a tile: a b^T, rows of a and of b being D values.
static void tile_products(const AttentionSizes *s, const Tile *tile, const Real *a, size_t lda, const Real *b, Real *scores)
{
    fast_gemm(false, true, (int)tile->rows, (int)tile->columns, (int)s->D, a, (int)lda, b, (int)(3 * s->C), false, scores, KEYS);
}

// ------------------------------------------------------------------------------------------------------------
// Forward

// What has been summed up of the rows of a tile so far: relative to the largest score yet.
typedef struct Streaming {
    Real largest[QUERIES];
    double sum[QUERIES];
    Real shrink[QUERIES];                          // what that must be multiplied by, as the last tile had a larger one
} Streaming;

static void multiply_row(Real factor, Real *y, size_t D)
{
    for (size_t d = 0; d < D; d++) {
        y[d] *= factor;
    }
}

static void attend_queries(const AttentionCall *c, const Head *head, size_t t)
{
    const AttentionSizes *s = c->s;
    _Alignas(64) Real scores[QUERIES * KEYS];
    Streaming so_far;
    size_t row = 3 * s->C;
    const Real *q = c->qkv + head->qkv + t * row;
    Real *y = c->y + head->y + t * s->C;
    size_t rows = smaller(QUERIES, s->T - t);
    for (size_t i = 0; i < rows; i++) {
        so_far.largest[i] = -INFINITY;
        so_far.sum[i] = 0;
    }
    for (size_t r = 0; r < keys_end(s, t, rows); r += KEYS) {
        Tile tile = tile_at(s, t, r);
        ScoreTile score = score_tile(s, &tile, scores);
        const Real *k = c->qkv + head->qkv + r * row + s->C;
        const Real *v = k + s->C;
        tile_products(s, &tile, q, row, k, scores);
        vector_loops()->scores_soften(&score, so_far.largest, so_far.sum, so_far.shrink);
        for (size_t i = 0; r > 0 && i < rows; i++) {
            multiply_row(so_far.shrink[i], y + i * s->C, s->D);
        }
        fast_gemm(false, false, (int)rows, (int)s->D, (int)tile.columns, scores, KEYS, v, (int)row, r > 0, y, (int)s->C);
    }
    for (size_t i = 0; i < rows; i++) {
        multiply_row((Real)(1 / so_far.sum[i]), y + i * s->C, s->D);
        c->z[head->z + t + i] = (double)so_far.largest[i] + log(so_far.sum[i]);
    }
}

static void attend_heads(const void *call, size_t start, size_t end)
{
    const AttentionCall *c = call;
    for (size_t i = start; i < end; i++) {
        Head head = head_at(c->s, i);
        for (size_t t = 0; t < c->s->T; t += QUERIES) {
            attend_queries(c, &head, t);
        }
    }
}

static size_t heads_worth_a_thread(const AttentionSizes *s)
{
    return (size_t)(WORTH_A_THREAD / ((double)s->T * (double)s->T * (double)s->D)) + 1;
}

void fast_attention(const AttentionSizes *s, const Real *qkv, double *z, Real *y)
{
    AttentionCall call = {.s = s, .qkv = qkv, .z = z, .y = y};
    parallel_for(s->B * s->n_head, heads_worth_a_thread(s), attend_heads, &call);
}

// ------------------------------------------------------------------------------------------------------------
// Over a cache: a query alone, so scores are a matrix of keys by a vector

typedef struct CachedCall {
    const CachedSizes *s;
    const Real *qkv, *keys, *values;
    Real *y;
} CachedCall;

static void attend_cached(const AttentionSizes *s, const Real *q, const Real *keys, const Real *values, size_t n, Real *y)
{
    const VectorLoops *loops = vector_loops();
    _Alignas(64) Real scores[KEYS];
    Streaming so_far = {.largest = {-INFINITY}};
    memset(y, 0, s->D * sizeof(Real));
    for (size_t r = 0; r < n; r += KEYS) {
        size_t columns = smaller(KEYS, n - r);
        MatvecCall products = {.matrix = keys + r * s->D, .K = s->D, .ld = s->D, .x = q, .y = scores};
        loops->matvec(&products, 0, columns);
        ScoreTile score = {.scores = scores, .rows = 1, .columns = columns, .ld = KEYS, .scale = s->scale};
        loops->scores_soften(&score, so_far.largest, so_far.sum, so_far.shrink);
        multiply_row(so_far.shrink[0], y, s->D);
        loops->add_rows(scores, values + r * s->D, columns, s->D, y);
    }
    multiply_row((Real)(1 / so_far.sum[0]), y, s->D);
}

static void attend_cached_heads(const void *call, size_t start, size_t end)
{
    const CachedCall *c = call;
    const AttentionSizes *now = &c->s->now;
    for (size_t i = start; i < end; i++) {
        Head head = head_at(now, i);
        size_t kept = i * c->s->room * now->D;
        for (size_t t = 0; t < now->T; t++) {
            const Real *q = c->qkv + head.qkv + t * 3 * now->C;
            Real *y = c->y + head.y + t * now->C;
            attend_cached(now, q, c->keys + kept, c->values + kept, c->s->past + t + 1, y);
        }
    }
}

void fast_attention_cached(const CachedSizes *s, const Real *qkv, const Real *keys, const Real *values, Real *y)
{
    const AttentionSizes *now = &s->now;
    CachedCall call = {.s = s, .qkv = qkv, .keys = keys, .values = values, .y = y};
    double head = (double)now->T * (double)(s->past + now->T) * (double)now->D;
    parallel_for(now->B * now->n_head, (size_t)(WORTH_A_THREAD / head) + 1, attend_cached_heads, &call);
}

// ------------------------------------------------------------------------------------------------------------
// Backward

// Where it is, nothing has been added to the gradients before.
static bool one_tile(const AttentionSizes *s)
{
    return s->T <= QUERIES;
}

// A tile's part of all three gradients. mean_dp[i] is sum_r p_r dp_r of row i.
static void tile_backward(const AttentionCall *c, const Head *head, const Tile *tile, const Real *mean_dp)
{
    const AttentionSizes *s = c->s;
    _Alignas(64) Real weights[QUERIES * KEYS];
    _Alignas(64) Real slopes[QUERIES * KEYS];
    int row = (int)(3 * s->C);
    int rows = (int)tile->rows;
    int columns = (int)tile->columns;
    int D = (int)s->D;
    size_t q_at = head->qkv + tile->t * (size_t)row;
    size_t k_at = head->qkv + tile->r * (size_t)row + s->C;
    size_t v_at = k_at + s->C;
    const Real *dy = c->dy + head->y + tile->t * s->C;

    tile_products(s, tile, c->qkv + q_at, (size_t)row, c->qkv + k_at, weights);
    tile_products(s, tile, dy, s->C, c->qkv + v_at, slopes);
    ScoreTile score = score_tile(s, tile, weights);
    vector_loops()->scores_slopes(&score, slopes, c->z_kept + head->z + tile->t, mean_dp);
    // forward was: y += weights v, with weights from q k^T
    bool add = c->accumulate || !one_tile(s);
    fast_gemm(true, false, columns, D, rows, weights, KEYS, dy, (int)s->C, add, c->dqkv + v_at, row);
    fast_gemm(false, false, rows, D, columns, slopes, KEYS, c->qkv + k_at, row, add, c->dqkv + q_at, row);
    fast_gemm(true, false, columns, D, rows, slopes, KEYS, c->qkv + q_at, row, add, c->dqkv + k_at, row);
}

static void clear_head(const AttentionCall *c, const Head *head)
{
    for (size_t t = 0; t < c->s->T; t++) {
        for (size_t part = 0; part < 3; part++) {
            memset(c->dqkv + head->qkv + (3 * t + part) * c->s->C, 0, c->s->D * sizeof(Real));
        }
    }
}

static void attend_heads_backward(const void *call, size_t start, size_t end)
{
    const AttentionCall *c = call;
    const AttentionSizes *s = c->s;
    for (size_t i = start; i < end; i++) {
        Head head = head_at(s, i);
        if (!c->accumulate && !one_tile(s)) {
            clear_head(c, &head);
        }
        for (size_t t = 0; t < s->T; t += QUERIES) {
            Real mean_dp[QUERIES];
            size_t rows = smaller(QUERIES, s->T - t);
            for (size_t j = 0; j < rows; j++) {
                size_t at = head.y + (t + j) * s->C;
                mean_dp[j] = vector_loops()->dot(c->dy + at, c->y_kept + at, s->D);
            }
            for (size_t r = 0; r < keys_end(s, t, rows); r += KEYS) {
                Tile tile = tile_at(s, t, r);
                tile_backward(c, &head, &tile, mean_dp);
            }
        }
    }
}

void fast_attention_backward(const AttentionSizes *s, const Real *qkv, const double *z, const Real *y, const Real *dy,
                             bool accumulate, Real *dqkv)
{
    AttentionCall call = {.s = s, .qkv = qkv, .z_kept = z, .y_kept = y, .dy = dy, .accumulate = accumulate, .dqkv = dqkv};
    parallel_for(s->B * s->n_head, heads_worth_a_thread(s), attend_heads_backward, &call);
}
