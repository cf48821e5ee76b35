// attention.c: multi-head attention in one node (Vaswani et al. 2017), without a T x T matrix.
//          torch: F.scaled_dot_product_attention(q, k, v, is_causal=causal), heads split and merged
//
// For one head of size D = C / n_head, each position t attends in four passes over all positions s:
//
//   1. scores             a_s = q_t . k_s / sqrt(D)
//   2. mask               a_s = -infinity where t must not see s (causal: s > t)
//   3. softmax            p_s = exp(a_s - z_t),  z_t = log sum_s exp(a_s)
//   4. weighted sum       y_t = sum_s p_s v_s
//
// Forward saves one number, z_t, for each head and position; backward computes each weight again from it. nn/attention.c can do
// the same in separate operations, each a tensor to look at.

#include "tensor/op.h"

#include <string.h>
#include <tgmath.h>

static Real dot(const Real *a, const Real *b, size_t n)
{
    Real sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += a[i] * b[i];
    }
    return sum;
}

// One query of one head. keys and values have n rows, `step` values apart.
typedef struct Query {
    const Real *q;             // (D)
    const Real *keys, *values; // (n, D)
    size_t n, step, D;
    size_t seen; // it sees the first of the n positions only
    Real scale;  // 1 / sqrt(D)
} Query;

// Writes p (n), the weights of the query. If z is not known yet, computes it.
static void attention_weights(const Query *query, Real *p, bool z_known, Wide *z)
{
    for (size_t s = 0; s < query->n; s++) { // 1. scores
        p[s] = dot(query->q, query->keys + s * query->step, query->D) * query->scale;
    }
    for (size_t s = query->seen; s < query->n; s++) { // 2. mask
        p[s] = (Real)-INFINITY;
    }
    if (!z_known) { // 3. softmax
        *z = log_sum_exp(p, query->n);
    }
    for (size_t s = 0; s < query->n; s++) {
        p[s] = exp((Real)((Wide)p[s] - *z));
    }
}

// Writes y (D) and returns z.
static Wide attention_query(const Query *query, Real *p, Real *y)
{
    Wide z = 0;
    attention_weights(query, p, false, &z);
    memset(y, 0, query->D * sizeof(Real));
    for (size_t s = 0; s < query->seen; s++) { // 4. weighted sum
        const Real *v_s = query->values + s * query->step;
        for (size_t d = 0; d < query->D; d++) {
            y[d] += p[s] * v_s[d];
        }
    }
    return z;
}

// The gradients of one query; p and dp (n) are scratch memory.
static void attention_query_backward(const Query *query, Wide z, const Real *dy, Real *p, Real *dp, Real *dq, Real *dkeys, Real *dvalues)
{
    attention_weights(query, p, true, &z);
    Wide p_dp_sum = 0;
    for (size_t s = 0; s < query->seen; s++) { // 4. forward was: y += p_s v_s
        const Real *v_s = query->values + s * query->step;
        Real *dv_s = dvalues + s * query->step;
        dp[s] = dot(dy, v_s, query->D);
        p_dp_sum += (Wide)p[s] * (Wide)dp[s];
        for (size_t d = 0; d < query->D; d++) {
            dv_s[d] += p[s] * dy[d];
        }
    }
    for (size_t s = 0; s < query->seen; s++) { // 3. forward was: p = softmax(a). 2. What the mask has overwritten gets no gradient.
        Real da_s = p[s] * (dp[s] - (Real)p_dp_sum);
        const Real *k_s = query->keys + s * query->step;
        Real *dk_s = dkeys + s * query->step;
        for (size_t d = 0; d < query->D; d++) { // 1. forward was: a_s = q . k_s scale
            dq[d] += da_s * query->scale * k_s[d];
            dk_s[d] += da_s * query->scale * query->q[d];
        }
    }
}

// Position t of head h of sequence b. Rows of qkv are 3 C wide: queries, keys, values, each (n_head, D).
static Query query_at(const AttentionSizes *s, const Real *qkv, size_t b, size_t h, size_t t)
{
    const Real *first = qkv + b * s->T * 3 * s->C + h * s->D;
    return (Query){.q = first + t * 3 * s->C,
                   .keys = first + s->C,
                   .values = first + 2 * s->C,
                   .n = s->T,
                   .step = 3 * s->C,
                   .D = s->D,
                   .seen = s->causal ? t + 1 : s->T,
                   .scale = s->scale};
}

void plain_attention(const AttentionSizes *s, const Real *qkv, Real *weights, Wide *z, Real *y)
{
    for (size_t b = 0; b < s->B; b++) {
        for (size_t h = 0; h < s->n_head; h++) {
            for (size_t t = 0; t < s->T; t++) {
                Query query = query_at(s, qkv, b, h, t);
                z[(b * s->n_head + h) * s->T + t] = attention_query(&query, weights, y + (b * s->T + t) * s->C + h * s->D);
            }
        }
    }
}

void plain_attention_backward(const AttentionSizes *s, const Real *qkv, const Wide *z, const Real *y, const Real *dy, Real *weights,
                              bool accumulate, Real *dqkv)
{
    (void)y; // used by the fast kernel only
    if (!accumulate) {
        memset(dqkv, 0, s->B * s->T * 3 * s->C * sizeof(Real));
    }
    for (size_t b = 0; b < s->B; b++) {
        for (size_t h = 0; h < s->n_head; h++) {
            for (size_t t = 0; t < s->T; t++) {
                Query query = query_at(s, qkv, b, h, t);
                Real *dq = dqkv + (query.q - qkv);
                Real *dkeys = dqkv + (query.keys - qkv);
                Real *dvalues = dqkv + (query.values - qkv);
                attention_query_backward(&query, z[(b * s->n_head + h) * s->T + t], dy + (b * s->T + t) * s->C + h * s->D, weights, weights + s->T,
                                         dq, dkeys, dvalues);
            }
        }
    }
}

void plain_attention_cached(const CachedSizes *s, const Real *qkv, const Real *keys, const Real *values, Real *weights, Real *y)
{
    const AttentionSizes *now = &s->now;
    for (size_t b = 0; b < now->B; b++) {
        for (size_t h = 0; h < now->n_head; h++) {
            size_t head = (b * now->n_head + h) * s->room * now->D;
            for (size_t t = 0; t < now->T; t++) {
                Query query = query_at(now, qkv, b, h, t);
                query.keys = keys + head;
                query.values = values + head;
                query.step = now->D;
                query.n = s->past + t + 1;
                query.seen = query.n;
                attention_query(&query, weights, y + (b * now->T + t) * now->C + h * now->D);
            }
        }
    }
}

// ------------------------------------------------------------------------------------------------------------

typedef struct AttentionSaved {
    AttentionSizes sizes;
    Wide *z;       // (B, n_head, T); Wide, because exp(a - z) shows every lost digit
    Real *weights; // (2, T): scratch memory
} AttentionSaved;

static AttentionSizes attention_sizes(const OpCall *call, int n_head, bool causal)
{
    Shape qkv = call->inputs[0]->shape;
    if (qkv.ndim != 3) {
        op_fail(call, "qkv %s: must be (B, T, 3 C)", SHAPE_STRING(qkv));
    }
    if (n_head < 1 || qkv.size[2] % 3 != 0 || qkv.size[2] / 3 % n_head != 0) {
        op_fail(call, "qkv %s: the last size must be a multiple of 3 n_head = %lld", SHAPE_STRING(qkv), 3LL * n_head);
    }
    size_t C = (size_t)(qkv.size[2] / 3);
    size_t D = C / (size_t)n_head;
    return (AttentionSizes){.B = (size_t)qkv.size[0],
                            .T = (size_t)qkv.size[1],
                            .C = C,
                            .n_head = (size_t)n_head,
                            .D = D,
                            .causal = causal,
                            .scale = 1 / sqrt((Real)D)};
}

Tensor *tensor_attention(Tensor *qkv, int n_head, bool causal, Where where)
{
    OP_BEGIN(call, op_attention, where, qkv);
    AttentionSizes s = attention_sizes(&call, n_head, causal);
    Tensor *y = op_output(&call, SHAPE((int)s.B, (int)s.T, (int)s.C));
    AttentionSaved *saved = op_save(y, sizeof *saved);
    saved->sizes = s;
    saved->z = arena_allocate(&y->tape->arena, s.B * s.n_head * s.T * sizeof(Wide));
    saved->weights = arena_allocate(&y->tape->arena, 2 * s.T * sizeof(Real));
    kernels()->attention(&s, qkv->data, saved->weights, saved->z, y->data);
    return op_done(&call, y);
}

static void attention_backward(TapeNode *node)
{
    const AttentionSaved *saved = node->saved;
    const Tensor *y = node->output;
    Tensor *qkv = node->inputs[0];
    GradTarget dqkv = op_grad_target(qkv);
    if (dqkv.values != NULL) {
        kernels()->attention_backward(&saved->sizes, qkv->data, saved->z, y->data, y->grad, saved->weights, dqkv.accumulate, dqkv.values);
    }
}

static Tensor *attention_case_causal(Tensor **x)
{
    return tensor_attention(x[0], 2, true, HERE);
}

static Tensor *attention_case_full(Tensor **x)
{
    return tensor_attention(x[0], 2, false, HERE);
}

static const OpCase attention_cases[] = {
    {"attention, causal", {SIZES(2, 3, 12)}, 1, .forward = attention_case_causal},
    {"attention, full", {SIZES(2, 3, 12)}, 1, .forward = attention_case_full},
};

const Op op_attention =
    {.name = "attention", .group = OP_GROUP_ATTENTION, .backward = attention_backward, .reads = {1}, .reads_output = 1, OP_CASES(attention_cases)};
