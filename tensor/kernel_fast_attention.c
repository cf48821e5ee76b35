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

// How many columns of the tile its row number i sees.
static size_t seen(const AttentionSizes *s, const Tile *tile, size_t i)
{
    return s->causal ? smaller(tile->columns, tile->t + i + 1 - tile->r) : tile->columns;
}

// Scores (or dL/dweights) of a tile: a b^T, rows of a and of b being D values.
static void tile_products(const AttentionSizes *s, const Tile *tile, const Real *a, size_t lda, const Real *b, Real *scores)
{
    fast_gemm(false, true, (int)tile->rows, (int)tile->columns, (int)s->D, a, (int)lda, b, (int)(3 * s->C), false, scores, KEYS);
}

// Weights are 0 where a row does not see a column, which keeps out any number. But 0 NaN is NaN, and so is 0 times infinity: where
// something that is hidden from some rows is not finite, rows are done one by one, each as far as it sees.

// y += weights v, y's rows ldy apart; and dq += slopes k.
static void add_seen(const AttentionSizes *s, const Tile *tile, bool one_by_one, const Real *weights, const Real *v, Real *y, size_t ldy)
{
    int D = (int)s->D;
    int row = (int)(3 * s->C);
    if (!one_by_one) {
        fast_gemm(false, false, (int)tile->rows, D, (int)tile->columns, weights, KEYS, v, row, true, y, (int)ldy);
        return;
    }
    for (size_t i = 0; i < tile->rows; i++) {
        fast_gemm(false, false, 1, D, (int)seen(s, tile, i), weights + i * KEYS, KEYS, v, row, true, y + i * ldy, (int)ldy);
    }
}

// dv += weights^T dy, dy's rows ldy apart; and dk += slopes^T q.
static void add_to_seen(const AttentionSizes *s, const Tile *tile, bool one_by_one, const Real *weights, const Real *dy, size_t ldy,
                        Real *dv)
{
    int D = (int)s->D;
    int row = (int)(3 * s->C);
    if (!one_by_one) {
        fast_gemm(true, false, (int)tile->columns, D, (int)tile->rows, weights, KEYS, dy, (int)ldy, true, dv, row);
        return;
    }
    for (size_t i = 0; i < tile->rows; i++) {
        fast_gemm(true, false, (int)seen(s, tile, i), D, 1, weights + i * KEYS, KEYS, dy + i * ldy, (int)ldy, true, dv, row);
    }
}

// By their squares; where these overflow, finite numbers are taken for others, which costs time and changes nothing.
static bool are_finite(const Real *values, size_t n)
{
    return isfinite(vector_loops()->dot(values, values, n));
}

// ------------------------------------------------------------------------------------------------------------
// Forward

// What has been summed up of the rows of a tile so far: relative to the largest score yet.
typedef struct Streaming {
    Real largest[QUERIES];
    double sum[QUERIES];
} Streaming;

// Turns a row of scores into weights relative to the largest so far, and scales down what was summed up before it.
static void soften_row(const AttentionSizes *s, Real *scores, size_t n, size_t columns, size_t i, Streaming *so_far, Real *y)
{
    const VectorLoops *loops = vector_loops();
    Real before = so_far->largest[i];
    Real here = loops->row_max(scores, n) * s->scale;
    Real largest = here > before ? here : before;
    Real shrink = expf(before - largest);                      // 0 the first time
    double sum = loops->row_exp(s->scale, largest, scores, n);
    memset(scores + n, 0, (columns - n) * sizeof(Real));
    so_far->sum[i] = so_far->sum[i] * (double)shrink + sum;
    so_far->largest[i] = largest;
    for (size_t d = 0; shrink != 1 && d < s->D; d++) {
        y[d] *= shrink;
    }
}

static void attend_queries(const AttentionCall *c, const Head *head, size_t t, bool one_by_one)
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
        memset(y + i * s->C, 0, s->D * sizeof(Real));
    }
    for (size_t r = 0; r < keys_end(s, t, rows); r += KEYS) {
        Tile tile = tile_at(s, t, r);
        const Real *k = c->qkv + head->qkv + r * row + s->C;
        const Real *v = k + s->C;
        tile_products(s, &tile, q, row, k, scores);
        for (size_t i = 0; i < rows; i++) {
            soften_row(s, scores + i * KEYS, seen(s, &tile, i), tile.columns, i, &so_far, y + i * s->C);
        }
        add_seen(s, &tile, one_by_one, scores, v, y, s->C);
    }
    for (size_t i = 0; i < rows; i++) {
        Real factor = (Real)(1 / so_far.sum[i]);
        for (size_t d = 0; d < s->D; d++) {
            y[i * s->C + d] *= factor;
        }
        c->z[head->z + t + i] = (double)so_far.largest[i] + log(so_far.sum[i]);
    }
}

static void attend_heads(const void *call, size_t start, size_t end)
{
    const AttentionCall *c = call;
    for (size_t i = start; i < end; i++) {
        Head head = head_at(c->s, i);
        for (size_t t = 0; t < c->s->T; t += QUERIES) {
            attend_queries(c, &head, t, false);
            if (c->s->causal && !are_finite(c->y + head.y + t * c->s->C, c->s->D)) {
                attend_queries(c, &head, t, true);             // the first row sees least: there, what is hidden has shown
            }
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
        soften_row(s, scores, columns, columns, 0, &so_far, y);
        loops->add_rows(scores, values + r * s->D, columns, s->D, y);
    }
    Real factor = (Real)(1 / so_far.sum[0]);
    for (size_t d = 0; d < s->D; d++) {
        y[d] *= factor;
    }
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

// A tile's part of all three gradients. mean_dp[i] is sum_r p_r dp_r of row i.
static void tile_backward(const AttentionCall *c, const Head *head, const Tile *tile, const Real *mean_dp)
{
    const AttentionSizes *s = c->s;
    _Alignas(64) Real weights[QUERIES * KEYS];
    _Alignas(64) Real slopes[QUERIES * KEYS];
    size_t row = 3 * s->C;
    size_t q_at = head->qkv + tile->t * row;
    size_t k_at = head->qkv + tile->r * row + s->C;
    size_t v_at = k_at + s->C;
    const Real *dy = c->dy + head->y + tile->t * s->C;

    tile_products(s, tile, c->qkv + q_at, row, c->qkv + k_at, weights);
    tile_products(s, tile, dy, s->C, c->qkv + v_at, slopes);
    size_t seen_by_all = seen(s, tile, 0);                     // what the first row does not see shows in its scores nevertheless
    bool sound_keys = are_finite(weights + seen_by_all, tile->columns - seen_by_all);
    bool sound_rows = true;                                    // of q, which y has gone through, and of dy
    for (size_t i = 0; i < tile->rows; i++) {
        size_t n = seen(s, tile, i);
        double z = c->z_kept[head->z + tile->t + i];
        sound_rows = sound_rows && isfinite(mean_dp[i]);
        vector_loops()->attention_slopes(s->scale, z, mean_dp[i], weights + i * KEYS, slopes + i * KEYS, n);
        memset(weights + i * KEYS + n, 0, (tile->columns - n) * sizeof(Real));
        memset(slopes + i * KEYS + n, 0, (tile->columns - n) * sizeof(Real));
    }
    // forward was: y += weights v, with weights from q k^T
    add_to_seen(s, tile, !sound_rows, weights, dy, s->C, c->dqkv + v_at);
    add_seen(s, tile, !sound_keys, slopes, c->qkv + k_at, c->dqkv + q_at, row);
    add_to_seen(s, tile, !sound_rows, slopes, c->qkv + q_at, row, c->dqkv + k_at);
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
        if (!c->accumulate) {
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
