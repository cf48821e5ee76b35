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
// Forward keeps one number, z_t, for each head and position; backward makes each weight again from it when it passes by. The
// loops are behind kernel.h. nn/attention.c has the same in steps, each a tensor to look at.

#include "tensor/op.h"

#include <tgmath.h>

typedef struct AttentionSaved {
    AttentionSizes sizes;
    double *z;                                     // (B, n_head, T); in double, as exp(a - z) shows every digit lost
} AttentionSaved;

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

Tensor *tensor_attention(Tensor *qkv, int n_head, bool causal, Where where)
{
    OpCall call = {OP_ATTENTION, (Tensor *[]){qkv}, 1, where};
    op_check(&call);
    AttentionSizes s = attention_sizes(&call, n_head, causal);
    Tensor *y = op_output(&call, SHAPE((int)s.B, (int)s.T, (int)s.C));
    AttentionSaved *saved = op_save(y, sizeof *saved);
    saved->sizes = s;
    saved->z = arena_allocate(&y->tape->arena, s.B * s.n_head * s.T * sizeof(double));
    kernels()->attention(&s, qkv->data, saved->z, y->data);
    return op_done(&call, y);
}

static void attention_backward(TapeNode *node)
{
    const AttentionSaved *saved = node->saved;
    const Tensor *y = node->output;
    Tensor *qkv = node->inputs[0];
    GradTarget dqkv = op_grad_target(qkv);
    if (dqkv.values != NULL) {
        kernels()->attention_backward(&saved->sizes, qkv->data, saved->z, y->data, y->grad, dqkv.accumulate, dqkv.values);
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
