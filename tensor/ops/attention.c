// attention.c: multi-head attention in one node (Vaswani et al. 2017), without a T x T matrix.
//          torch: F.scaled_dot_product_attention(q, k, v, is_causal=causal), heads split and merged
//
// For one head of size D = C / n_head and one position t, over all positions s that t may see (causal: s <= t):
//
//   a_s = q_t . k_s / sqrt(D)           scores
//   p_s = exp(a_s - z_t)                weights, with z_t = log sum_s exp(a_s)
//   y_t = sum_s p_s v_s
//
// Backward, with dy_t = dL/dy_t:
//
//   dL/dv_s += p_s dy_t
//   dp_s = dy_t . v_s
//   da_s = p_s (dp_s - sum_r p_r dp_r),      and  sum_r p_r dp_r = dy_t . y_t, so it needs no second pass over r
//   dL/dq_t += da_s k_s / sqrt(D),   dL/dk_s += da_s q_t / sqrt(D)
//
// Forward keeps one number, z_t, for each head and position; backward makes each weight again from it when it passes by.
// nn/attention.c has the same in steps, each a tensor to look at.

#include "tensor/op.h"

#include <tgmath.h>

typedef struct AttentionSizes {
    size_t B, T, C, n_head, D;
    bool causal;
    Real scale;                                    // 1 / sqrt(D)
    double *z;                                     // (B, n_head, T); in double, as exp(a - z) shows every digit lost
} AttentionSizes;

static AttentionSizes attention_sizes(const OpCall *call, int n_head, bool causal)
{
    Shape qkv = call->inputs[0]->shape;
    char text[SHAPE_TEXT];
    shape_text(qkv, text);
    if (qkv.ndim != 3) {
        op_fail(call, "qkv %s: must be (B, T, 3 C)", text);
    }
    if (n_head < 1 || qkv.size[2] % 3 != 0 || qkv.size[2] / 3 % n_head != 0) {
        op_fail(call, "qkv %s: the last size must be a multiple of 3 n_head = %lld", text, 3LL * n_head);
    }
    size_t C = (size_t)(qkv.size[2] / 3);
    size_t D = C / (size_t)n_head;
    return (AttentionSizes){.B = (size_t)qkv.size[0], .T = (size_t)qkv.size[1], .C = C, .n_head = (size_t)n_head, .D = D,
                            .causal = causal, .scale = 1 / sqrt((Real)D)};
}

// Where head h of position (b, t) starts in a tensor with rows of C (the output) or 3C (qkv: k and v lie C and 2C further).
static size_t output_at(const AttentionSizes *s, size_t b, size_t h, size_t t)
{
    return (b * s->T + t) * s->C + h * s->D;
}

static size_t qkv_at(const AttentionSizes *s, size_t b, size_t h, size_t t)
{
    return (b * s->T + t) * 3 * s->C + h * s->D;
}

static Real dot(const Real *a, const Real *b, size_t n)
{
    Real sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += a[i] * b[i];
    }
    return sum;
}

// The number of positions that position t sees, itself included.
static size_t seen(const AttentionSizes *s, size_t t)
{
    return s->causal ? t + 1 : s->T;
}

// y_t and z_t of one head. The running maximum keeps exp from overflowing: when a larger score comes, what has been
// summed so far is scaled down to it (the streaming softmax of Milakov and Gimelshein 2018).
static void attention_position(const AttentionSizes *s, const Real *qkv, Real *out, size_t b, size_t h, size_t t)
{
    const Real *q_t = qkv + qkv_at(s, b, h, t);
    Real *y_t = out + output_at(s, b, h, t);
    Real largest = (Real)-INFINITY;
    Real sum = 0;
    for (size_t d = 0; d < s->D; d++) {
        y_t[d] = 0;
    }
    for (size_t r = 0; r < seen(s, t); r++) {
        const Real *k_r = qkv + qkv_at(s, b, h, r) + s->C;
        const Real *v_r = k_r + s->C;
        Real score = dot(q_t, k_r, s->D) * s->scale;
        Real largest_before = largest;
        largest = score > largest ? score : largest;
        Real shrink = exp(largest_before - largest);           // 0 the first time
        Real weight = exp(score - largest);
        sum = sum * shrink + weight;
        for (size_t d = 0; d < s->D; d++) {
            y_t[d] = y_t[d] * shrink + weight * v_r[d];
        }
    }
    for (size_t d = 0; d < s->D; d++) {
        y_t[d] /= sum;
    }
    s->z[(b * s->n_head + h) * s->T + t] = (double)largest + log((double)sum);
}

Tensor *tensor_attention(Tensor *qkv, int n_head, bool causal, Where where)
{
    OpCall call = {OP_ATTENTION, (Tensor *[]){qkv}, 1, where};
    op_check(&call);
    AttentionSizes s = attention_sizes(&call, n_head, causal);
    Tensor *y = op_output(&call, SHAPE((int)s.B, (int)s.T, (int)s.C));
    s.z = arena_allocate(&y->tape->arena, s.B * s.n_head * s.T * sizeof(double));
    AttentionSizes *saved = op_save(y, sizeof s);
    *saved = s;

    for (size_t b = 0; b < s.B; b++) {
        for (size_t h = 0; h < s.n_head; h++) {
            for (size_t t = 0; t < s.T; t++) {
                attention_position(&s, qkv->data, y->data, b, h, t);
            }
        }
    }
    return op_done(&call, y);
}

static void attention_position_backward(const AttentionSizes *s, const Tensor *qkv, const Tensor *y, Real *dqkv, size_t b,
                                        size_t h, size_t t)
{
    size_t q_at = qkv_at(s, b, h, t);
    const Real *q_t = qkv->data + q_at;
    Real *dq_t = dqkv + q_at;
    const Real *y_t = y->data + output_at(s, b, h, t);
    const Real *dy_t = y->grad + output_at(s, b, h, t);
    double z_t = s->z[(b * s->n_head + h) * s->T + t];
    Real mean_dp = dot(dy_t, y_t, s->D);           // sum_r p_r dp_r

    for (size_t r = 0; r < seen(s, t); r++) {
        size_t k_at = qkv_at(s, b, h, r) + s->C;
        size_t v_at = k_at + s->C;
        const Real *k_r = qkv->data + k_at;
        const Real *v_r = qkv->data + v_at;
        Real *dk_r = dqkv + k_at;
        Real *dv_r = dqkv + v_at;
        Real score = dot(q_t, k_r, s->D) * s->scale;
        Real p = exp((Real)((double)score - z_t));
        Real dp = dot(dy_t, v_r, s->D);
        Real da = p * (dp - mean_dp) * s->scale;
        for (size_t d = 0; d < s->D; d++) {
            // forward was: y_t += p v_r, with p from q_t . k_r
            dv_r[d] += p * dy_t[d];
            dq_t[d] += da * k_r[d];
            dk_r[d] += da * q_t[d];
        }
    }
}

static void attention_backward(TapeNode *node)
{
    const AttentionSizes *s = node->saved;
    Tensor *qkv = node->inputs[0];
    Real *dqkv = op_grad(qkv);
    if (dqkv == NULL) {
        return;
    }
    for (size_t b = 0; b < s->B; b++) {
        for (size_t h = 0; h < s->n_head; h++) {
            for (size_t t = 0; t < s->T; t++) {
                attention_position_backward(s, qkv, node->output, dqkv, b, h, t);
            }
        }
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
    {"attention, causal", {SIZES(2, 3, 12)}, 1, false, attention_case_causal},
    {"attention, full", {SIZES(2, 3, 12)}, 1, false, attention_case_full},
};

const Op op_attention = {.name = "attention", .backward = attention_backward, OP_CASES(attention_cases)};
