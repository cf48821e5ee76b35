// attention.c: attention in tiles (Dao et al. 2022). The formulas are in ops/attention.c.
//
// A head's T x T matrix of scores is computed a tile at a time, QUERIES rows by KEYS columns: a tile is a product of matrices, fits into
// the second-level cache, and is discarded after its results have been added up. Forward computes a streaming softmax, tile by tile: a
// larger score scales down the sum so far (Milakov and Gimelshein 2018). Backward recomputes each tile. Heads are shared among the
// threads, and each thread writes only its own part of the result, so the order of additions does not depend on the threads.
//
// The products are those of vector/panel.h, which skip masked steps.

#include "tensor/fast/engine.h"

#include "tensor/fast/parallel.h"
#include "tensor/fast/vector/vector.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { QUERIES = 64, KEYS = 256 }; // the second is a multiple of the first, and of every panel's width

// Rows of a tile of scores are spaced so that those of one product don't all map to the same lines of the first-level cache.
enum { SCORES_LD = KEYS + 16 };

// The initial largest score of a row: below any finite score, but not minus infinity, because -inf - -inf is NaN.
static const Real SMALLEST_SCORE = -FLT_MAX;

// Multiplications of one head that are worth waking a thread for.
static const double WORTH_A_THREAD = 1 << 16;

typedef struct AttentionCall {
    const AttentionSizes *s;
    const Real *qkv;
    double *z;
    Real *y;
    const double *z_kept; // backward's: z and y of forward
    const Real *y_kept, *dy;
    bool accumulate;
    Real *dqkv;
} AttentionCall;

// One head of one sequence: where its parts begin. Rows of q, k, v and their gradients are 3C apart, of y and dy C.
typedef struct Head {
    const AttentionSizes *s;
    size_t q, k, v, y, z;
} Head;

static Head head_at(const AttentionSizes *s, size_t i)
{
    size_t b = i / s->n_head;
    size_t h = i % s->n_head;
    size_t q = b * s->T * 3 * s->C + h * s->D;
    return (Head){.s = s, .q = q, .k = q + s->C, .v = q + 2 * s->C, .y = b * s->T * s->C + h * s->D, .z = i * s->T};
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

// How many keys of the tile its first query sees, if it doesn't see all: each next query sees one more.
static size_t first_seen(const Tile *tile)
{
    return tile->t + 1 - tile->r;
}

static ScoreTile score_tile(const AttentionSizes *s, const Tile *tile, Real *scores)
{
    return (ScoreTile){.scores = scores,
                       .rows = tile->rows,
                       .columns = tile->columns,
                       .ld = SCORES_LD,
                       .causal = s->causal,
                       .first_seen = first_seen(tile),
                       .scale = s->scale};
}

// ------------------------------------------------------------------------------------------------------------
// A head's matrices, packed for products

static size_t filled_up(size_t columns)
{
    size_t width = vector_loops()->panel_columns;
    return (columns + width - 1) / width * width;
}

// Packs T rows of D values as the second matrix of a product; returns the place for the next panels.
static Real *pack_rows_of_head(const AttentionSizes *s, const Real *x, size_t ld, Real *panels)
{
    vector_loops()->pack_rows(x, ld, s->T, s->D, panels);
    return panels + s->T * filled_up(s->D);
}

// The same transposed: (D, T).
static Real *pack_columns_of_head(const AttentionSizes *s, const Real *x, size_t ld, Real *panels)
{
    vector_loops()->pack_columns(x, ld, s->T, s->D, panels);
    return panels + filled_up(s->T) * s->D;
}

// Memory for the panels of so many matrices; NULL if it is refused.
static Real *room_for_panels(const AttentionSizes *s, size_t matrices)
{
    static _Thread_local Scratch panels;
    size_t rows = s->T * filled_up(s->D);
    size_t columns = filled_up(s->T) * s->D;
    size_t bytes = matrices * (rows > columns ? rows : columns) * sizeof(Real);
    Real *room = scratch_try(&panels, bytes);
    if (room == NULL) {
        parallel_refuse(bytes, "attention");
    }
    return room;
}

// clang-format off: a line for each matrix

// Scores of a tile (or dL/dweights): rows of a, which are row apart, by columns of b.
static void tile_scores(const AttentionSizes *s, const Tile *tile, const Real *a, size_t row, const Real *b, Real *scores)
{
    PanelProduct product = {
        .M = tile->rows, .N = filled_up(tile->columns), .K = s->D,
        .A = a, .a_row = row, .a_column = 1, .B = b + tile->r * s->D, .b_across = s->D, .C = scores, .ldc = SCORES_LD,
        .sees = s->causal ? ROWS_SEE_COLUMNS : ALL_SEE_ALL, .first = first_seen(tile),
    };
    vector_loops()->panel_product(&product);
}

// c, a row for each query, = or += weights b, a row for each key that the query sees.
static void to_queries(const AttentionSizes *s, const Tile *tile, const Real *weights, const Real *b, bool add, Real *c, size_t ldc)
{
    PanelProduct product = {
        .M = tile->rows, .N = s->D, .K = tile->columns,
        .A = weights, .a_row = SCORES_LD, .a_column = 1,
        .B = b + tile->r * vector_loops()->panel_columns, .b_across = s->T, .C = c, .ldc = ldc, .accumulate = add,
        .sees = s->causal ? ROWS_SEE_STEPS : ALL_SEE_ALL, .first = first_seen(tile),
    };
    vector_loops()->panel_product(&product);
}

// c, a row for each key, = or += weights^T b, a row for each query that sees the key.
static void to_keys(const AttentionSizes *s, const Tile *tile, const Real *weights, const Real *b, bool add, Real *c)
{
    PanelProduct product = {
        .M = tile->columns, .N = s->D, .K = tile->rows,
        .A = weights, .a_row = 1, .a_column = SCORES_LD,
        .B = b + tile->t * vector_loops()->panel_columns, .b_across = s->T, .C = c, .ldc = 3 * s->C, .accumulate = add,
        .sees = s->causal ? STEPS_SEE_ROWS : ALL_SEE_ALL, .first = first_seen(tile),
    };
    vector_loops()->panel_product(&product);
}

// clang-format on

// ------------------------------------------------------------------------------------------------------------
// Forward

static void multiply_row(Real factor, Real *y, size_t D)
{
    for (size_t d = 0; d < D; d++) {
        y[d] *= factor;
    }
}

// y of the queries from t on. keys and values are all of the head's, packed.
static void attend_queries(const AttentionCall *c, const Head *head, const Real *keys, const Real *values, size_t t)
{
    const AttentionSizes *s = c->s;
    _Alignas(64) Real scores[QUERIES * SCORES_LD];
    Real largest[QUERIES]; // what has been summed up so far is relative to it,
    double sum[QUERIES];
    Real shrink[QUERIES]; // and must be multiplied by this when there is a larger one
    size_t rows = smaller(QUERIES, s->T - t);
    Real *y = c->y + head->y + t * s->C;
    for (size_t i = 0; i < rows; i++) {
        largest[i] = SMALLEST_SCORE;
        sum[i] = 0;
    }
    for (size_t r = 0; r < keys_end(s, t, rows); r += KEYS) {
        Tile tile = tile_at(s, t, r);
        ScoreTile score = score_tile(s, &tile, scores);
        tile_scores(s, &tile, c->qkv + head->q + t * 3 * s->C, 3 * s->C, keys, scores);
        vector_loops()->scores_soften(&score, largest, sum, shrink);
        for (size_t i = 0; r > 0 && i < rows; i++) {
            multiply_row(shrink[i], y + i * s->C, s->D);
        }
        to_queries(s, &tile, scores, values, r > 0, y, s->C);
    }
    for (size_t i = 0; i < rows; i++) {
        multiply_row((Real)(1 / sum[i]), y + i * s->C, s->D);
        c->z[head->z + t + i] = (double)largest[i] + log(sum[i]);
    }
}

static void attend_heads(const void *call, size_t start, size_t end)
{
    const AttentionCall *c = call;
    const AttentionSizes *s = c->s;
    Real *keys = room_for_panels(s, 2);
    for (size_t i = start; keys != NULL && i < end; i++) {
        Head head = head_at(s, i);
        Real *values = pack_columns_of_head(s, c->qkv + head.k, 3 * s->C, keys);
        pack_rows_of_head(s, c->qkv + head.v, 3 * s->C, values);
        for (size_t t = 0; t < s->T; t += QUERIES) {
            attend_queries(c, &head, keys, values, t);
        }
    }
}

static size_t heads_worth_a_thread(const AttentionSizes *s)
{
    return (size_t)(WORTH_A_THREAD / ((double)s->T * (double)s->T * (double)s->D)) + 1;
}

void fast_attention(const AttentionSizes *s, const Real *qkv, Real *weights, double *z, Real *y)
{
    (void)weights; // the plain loops' scratch memory
    AttentionCall call = {.s = s, .qkv = qkv, .z = z, .y = y};
    parallel_for(s->B * s->n_head, heads_worth_a_thread(s), attend_heads, &call);
}

// ------------------------------------------------------------------------------------------------------------
// Backward

// A head's matrices, packed: as they are, or transposed.
typedef struct HeadPanels {
    Real *keys_across, *values_across; // (D, T)
    Real *keys, *queries, *dy;         // (T, D)
} HeadPanels;

static HeadPanels pack_head(const AttentionCall *c, const Head *head, Real *room)
{
    const AttentionSizes *s = c->s;
    size_t row = 3 * s->C;
    HeadPanels panels;
    panels.keys_across = room;
    panels.values_across = pack_columns_of_head(s, c->qkv + head->k, row, panels.keys_across);
    panels.keys = pack_columns_of_head(s, c->qkv + head->v, row, panels.values_across);
    panels.queries = pack_rows_of_head(s, c->qkv + head->k, row, panels.keys);
    panels.dy = pack_rows_of_head(s, c->qkv + head->q, row, panels.queries);
    pack_rows_of_head(s, c->dy + head->y, s->C, panels.dy);
    return panels;
}

// True if nothing has been added to the gradients of k and v before.
static bool one_tile(const AttentionSizes *s)
{
    return s->T <= QUERIES;
}

// A tile's part of all three gradients. mean_dp[i] is sum_r p_r dp_r of row i.
static void tile_backward(const AttentionCall *c, const Head *head, const HeadPanels *panels, const Tile *tile, const Real *mean_dp)
{
    const AttentionSizes *s = c->s;
    _Alignas(64) Real weights[QUERIES * SCORES_LD];
    _Alignas(64) Real slopes[QUERIES * SCORES_LD];
    size_t row = 3 * s->C;
    ScoreTile score = score_tile(s, tile, weights);

    tile_scores(s, tile, c->qkv + head->q + tile->t * row, row, panels->keys_across, weights);
    tile_scores(s, tile, c->dy + head->y + tile->t * s->C, s->C, panels->values_across, slopes);
    vector_loops()->scores_slopes(&score, slopes, c->z_kept + head->z + tile->t, mean_dp);
    // forward was: y += weights v, with weights from q k^T
    bool add = c->accumulate || !one_tile(s);
    to_keys(s, tile, weights, panels->dy, add, c->dqkv + head->v + tile->r * row);
    to_queries(s, tile, slopes, panels->keys, c->accumulate || tile->r > 0, c->dqkv + head->q + tile->t * row, row);
    to_keys(s, tile, slopes, panels->queries, add, c->dqkv + head->k + tile->r * row);
}

static void clear_keys_and_values(const AttentionCall *c, const Head *head)
{
    for (size_t t = 0; t < c->s->T; t++) {
        memset(c->dqkv + head->k + 3 * t * c->s->C, 0, c->s->D * sizeof(Real));
        memset(c->dqkv + head->v + 3 * t * c->s->C, 0, c->s->D * sizeof(Real));
    }
}

static void queries_backward(const AttentionCall *c, const Head *head, const HeadPanels *panels, size_t t)
{
    const AttentionSizes *s = c->s;
    Real mean_dp[QUERIES];
    size_t rows = smaller(QUERIES, s->T - t);
    for (size_t i = 0; i < rows; i++) {
        size_t at = head->y + (t + i) * s->C;
        mean_dp[i] = vector_loops()->dot(c->dy + at, c->y_kept + at, s->D);
    }
    for (size_t r = 0; r < keys_end(s, t, rows); r += KEYS) {
        Tile tile = tile_at(s, t, r);
        tile_backward(c, head, panels, &tile, mean_dp);
    }
}

static void attend_heads_backward(const void *call, size_t start, size_t end)
{
    const AttentionCall *c = call;
    Real *room = room_for_panels(c->s, 5);
    for (size_t i = start; room != NULL && i < end; i++) {
        Head head = head_at(c->s, i);
        HeadPanels panels = pack_head(c, &head, room);
        if (!c->accumulate && !one_tile(c->s)) {
            clear_keys_and_values(c, &head);
        }
        for (size_t t = 0; t < c->s->T; t += QUERIES) {
            queries_backward(c, &head, &panels, t);
        }
    }
}

void fast_attention_backward(const AttentionSizes *s, const Real *qkv, const double *z, const Real *y, const Real *dy, Real *weights,
                             bool accumulate, Real *dqkv)
{
    (void)weights;
    AttentionCall call = {.s = s, .qkv = qkv, .z_kept = z, .y_kept = y, .dy = dy, .accumulate = accumulate, .dqkv = dqkv};
    parallel_for(s->B * s->n_head, heads_worth_a_thread(s), attend_heads_backward, &call);
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
    Real largest = SMALLEST_SCORE;
    double sum = 0;
    Real shrink;
    memset(y, 0, s->D * sizeof(Real));
    for (size_t r = 0; r < n; r += KEYS) {
        size_t columns = smaller(KEYS, n - r);
        MatvecCall products = {.matrix = keys + r * s->D, .K = s->D, .x = q, .y = scores};
        loops->matvec(&products, 0, columns);
        ScoreTile score = {.scores = scores, .rows = 1, .columns = columns, .ld = KEYS, .scale = s->scale};
        loops->scores_soften(&score, &largest, &sum, &shrink);
        multiply_row(shrink, y, s->D);
        loops->add_rows(scores, values + r * s->D, columns, s->D, y);
    }
    multiply_row((Real)(1 / sum), y, s->D);
}

static void attend_cached_heads(const void *call, size_t start, size_t end)
{
    const CachedCall *c = call;
    const AttentionSizes *now = &c->s->now;
    for (size_t i = start; i < end; i++) {
        Head head = head_at(now, i);
        size_t kept = i * c->s->room * now->D;
        for (size_t t = 0; t < now->T; t++) {
            const Real *q = c->qkv + head.q + t * 3 * now->C;
            Real *y = c->y + head.y + t * now->C;
            attend_cached(now, q, c->keys + kept, c->values + kept, c->s->past + t + 1, y);
        }
    }
}

void fast_attention_cached(const CachedSizes *s, const Real *qkv, const Real *keys, const Real *values, Real *weights, Real *y)
{
    (void)weights;
    const AttentionSizes *now = &s->now;
    CachedCall call = {.s = s, .qkv = qkv, .keys = keys, .values = values, .y = y};
    double head = (double)now->T * (double)(s->past + now->T) * (double)now->D;
    parallel_for(now->B * now->n_head, (size_t)(WORTH_A_THREAD / head) + 1, attend_cached_heads, &call);
}
