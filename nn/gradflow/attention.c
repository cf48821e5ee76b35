// attention.c: attention weights, recomputed from queries and keys: see gradflow.h.

#include "nn/gradflow/gradflow.h"
#include "nn/gradflow/loops.h"
#include "tensor/unwind.h"

#include <math.h>
#include <string.h>

// All heads of all sequences of qkv (B, T, 3C). Either weights or stats is filled; the other is NULL.
typedef struct Heads {
    const Real *qkv;
    size_t B, T, C, n_head, D;
    bool causal;
    double *weights;       // (B, n_head, T, T)
    AttentionStats *stats; // (B, n_head): sums over the positions
} Heads;

// One head of one sequence.
typedef struct Head {
    const Heads *heads;
    const Real *q; // of position 0; the next position is 3C values further
    double *keys;  // (T / LANES, D, LANES): LANES keys side by side; 0 beyond T
    double *e;     // of one position: exp(a_s) (T), then a_s (T), the scores minus the largest, then q (D)
} Head;

// One position.
typedef struct AttentionRow {
    size_t n;    // positions it attends to
    double sum;  // sum_s exp(a_s)
    double mean; // sum_s p_s a_s, p_s = exp(a_s) / sum
} AttentionRow;

static void pack_keys(const Head *head)
{
    const Heads *all = head->heads;
    for (size_t s = 0; s < lanes_filled(all->T); s++) {
        const Real *k = head->q + all->C + (s < all->T ? s : 0) * 3 * all->C;
        double *packed = head->keys + s / LANES * LANES * all->D + s % LANES;
        for (size_t d = 0; d < all->D; d++) {
            packed[d * LANES] = s < all->T ? (double)k[d] : 0;
        }
    }
}

static const double LEAST = -700; // e^LEAST is treated as 0

// e^r by its series; for |r| <= ln 2 / 2 the first term left out, r^13 / 13!, is below 2e-16.
static inline double exp_series(double r)
{
    double series = 1;
    for (int i = 12; i >= 1; i--) { // unrolled
        series = 1 + r * (1.0 / i) * series;
    }
    return series;
}

// e^x for LEAST <= x <= 0, without a branch: 2^n e^r, x = n ln 2 + r.
static inline double exp_of(double x)
{
    const double shift = 0x1.8p52;                     // its last bit counts 1: adding it rounds to an integer, in the lowest bits
    double shifted = x * 0x1.71547652b82fep+0 + shift; // log2 e
    double n = shifted - shift;
    double r = (x - n * 0x1.62e42feep-1) - n * 0x1.a39ef35793c76p-33; // ln 2 in two parts: n times the first is exact
    double power;
    uint64_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits + 1023) << 52;
    memcpy(&power, &bits, sizeof power);
    return exp_series(r) * power;
}

typedef double Four __attribute__((vector_size(4 * sizeof(double)), aligned(8), may_alias));

// Scores of a query and the LANES keys that begin at keys.
static inline void score(const double *q, const double *keys, size_t D, double *scores)
{
    Four first = {0};
    Four second = {0};
    for (size_t d = 0; d < D; d++) {
        first += q[d] * *(const Four *)(keys + d * LANES);
        second += q[d] * *(const Four *)(keys + d * LANES + 4);
    }
    *(Four *)scores = first;
    *(Four *)(scores + 4) = second;
}

static inline double largest_of(const double *x, size_t n)
{
    double largest[LANES];
    for (size_t lane = 0; lane < LANES; lane++) {
        largest[lane] = -INFINITY;
    }
    for (size_t i = 0; i < n; i += LANES) {
        for (size_t lane = 0; lane < LANES; lane++) {
            largest[lane] = x[i + lane] > largest[lane] ? x[i + lane] : largest[lane];
        }
    }
    for (size_t lane = 1; lane < LANES; lane++) {
        largest[0] = largest[lane] > largest[0] ? largest[lane] : largest[0];
    }
    return largest[0];
}

// Simple loops, which compilers vectorize.
VECTORIZED static AttentionRow attend(const Head *head, size_t t)
{
    const Heads *all = head->heads;
    AttentionRow row = {.n = all->causal ? t + 1 : all->T};
    size_t filled = lanes_filled(row.n);
    double *restrict e = head->e;
    double *restrict a = e + lanes_filled(all->T);
    double *restrict q = a + lanes_filled(all->T);
    for (size_t d = 0; d < all->D; d++) {
        q[d] = (double)head->q[t * 3 * all->C + d] / sqrt((double)all->D);
    }
    for (size_t s = 0; s < row.n; s += LANES) {
        score(q, head->keys + s * all->D, all->D, e + s);
    }
    for (size_t s = row.n; s < filled; s++) {
        e[s] = -INFINITY;
    }
    double largest = largest_of(e, filled);
    for (size_t s = 0; s < filled; s++) {
        a[s] = e[s] - largest < LEAST ? LEAST : e[s] - largest;
        double power = exp_of(a[s]);
        e[s] = a[s] == LEAST ? 0 : power;
    }
    double sums[LANES] = {0};
    for (size_t s = 0; s < filled; s += LANES) {
        for (size_t lane = 0; lane < LANES; lane++) {
            sums[lane] += e[s + lane];
        }
    }
    row.sum = lanes_sum(sums);
    row.mean = dot_double(e, a, filled) / row.sum;
    return row;
}

static void attend_head(const void *call, size_t i, double *scratch)
{
    const Heads *all = call;
    size_t T = all->T;
    Head head = {.heads = all, .keys = scratch, .e = scratch + lanes_filled(T) * all->D};
    head.q = all->qkv + i / all->n_head * T * 3 * all->C + i % all->n_head * all->D;
    AttentionStats sum = {0, 0, 0};
    pack_keys(&head);
    for (size_t t = 0; t < T; t++) {
        AttentionRow row = attend(&head, t);
        for (size_t s = 0; all->weights != NULL && s < T; s++) {
            all->weights[(i * T + t) * T + s] = s < row.n ? head.e[s] / row.sum : 0;
        }
        sum.entropy += log(row.sum) - row.mean; // -sum p log p, with log p = a - log sum
        sum.largest += 1 / row.sum;
        sum.first += t > 0 ? head.e[0] / row.sum : 0;
    }
    if (all->stats != NULL) {
        all->stats[i] = sum;
    }
}

static Heads heads_of(const char *function, const Tensor *qkv, int n_head, bool causal)
{
    bool fits = qkv->shape.ndim == 3 && n_head > 0 && shape_last(qkv->shape) % (3 * n_head) == 0;
    if (!fits) {
        fail_mistake(HERE, "%s: qkv %s: must be (B, T, 3C), C a multiple of the %d heads", function, SHAPE_STRING(qkv->shape), n_head);
    }
    Heads heads = {.qkv = qkv->data, .n_head = (size_t)n_head, .causal = causal};
    heads.B = (size_t)qkv->shape.size[0];
    heads.T = (size_t)qkv->shape.size[1];
    heads.C = (size_t)qkv->shape.size[2] / 3;
    heads.D = heads.C / heads.n_head;
    return heads;
}

static void attend_heads(const Heads *all)
{
    double work = (double)all->T * (double)all->T * (double)all->D;
    flow_share(all->B * all->n_head, work, lanes_filled(all->T) * (all->D + 2) + all->D, attend_head, all);
}

void attention_weights(const Tensor *qkv, int n_head, bool causal, double *weights)
{
    REQUIRE(qkv, weights);
    Heads heads = heads_of("attention_weights", qkv, n_head, causal);
    heads.weights = weights;
    attend_heads(&heads);
}

void attention_stats(const Tensor *qkv, int n_head, bool causal, AttentionStats *stats)
{
    REQUIRE(qkv, stats);
    Heads heads = heads_of("attention_stats", qkv, n_head, causal);
    double rows = (double)heads.B * (double)heads.T;
    int frame = unwind_begin();
    heads.stats = unwind_allocate(heads.B * heads.n_head, sizeof *heads.stats, "attention weights");
    attend_heads(&heads);
    for (size_t head = 0; head < heads.n_head; head++) {
        AttentionStats sum = {0, 0, 0};
        for (size_t i = head; i < heads.B * heads.n_head; i += heads.n_head) {
            sum.entropy += heads.stats[i].entropy;
            sum.largest += heads.stats[i].largest;
            sum.first += heads.stats[i].first;
        }
        stats[head] = (AttentionStats){sum.entropy / rows, sum.largest / rows, sum.first / (rows - (double)heads.B)};
    }
    unwind_end(frame);
}

Tensor *attention_qkv(const Tape *tape, const Attention *attention)
{
    REQUIRE(tape, attention);
    for (int i = tape->n_nodes - 1; i >= 0; i--) {
        const TapeNode *node = tape->nodes[i];
        for (int k = 0; k < node->n_inputs; k++) {
            if (node->inputs[k] == attention->c_attn.weight) {
                return node->output;
            }
        }
    }
    return NULL;
}
