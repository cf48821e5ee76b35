// attention.c: masked multi-head attention: fused, step by step, or over a cache.

#include "nn/nn.h"

#include <math.h>

static const char *const QKV[] = {"q", "k", "v"};

void attention_init(Attention *attention, Module *parent, const char *name, AttentionConfig config)
{
    REQUIRE(attention);
    int C = config.n_embd;
    if (config.n_head < 1 || C % config.n_head != 0) {
        fail_mistake(HERE, "attention_init: n_embd %d is not a multiple of n_head %d", C, config.n_head);
    }
    *attention = (Attention){.n_head = config.n_head, .causal = config.causal};
    module_init(&attention->module, &attention_kind, parent, name);
    linear_init(&attention->c_attn, &attention->module, "c_attn", C, 3 * C, config.qkv_bias);
    attention->c_attn.part_names = QKV;
    attention->c_attn.n_parts = 3;
    attention->c_attn.value_parts = 1; // v
    linear_init(&attention->c_proj, &attention->module, "c_proj", C, C, true);
    attention->c_proj.residual = true;
    attention->c_proj.value_parts = 1;
    dropout_init(&attention->attn_dropout, &attention->module, "attn_dropout", config.dropout, config.random);
    dropout_init(&attention->resid_dropout, &attention->module, "resid_dropout", config.dropout, config.random);
}

// (B, T, C) -> (B, n_head, T, D): each head's queries, keys or values become matrices of their own.
static Tensor *split_heads(Tensor *x, int n_head)
{
    int B = x->shape.size[0];
    int T = x->shape.size[1];
    int D = x->shape.size[2] / n_head;
    Tensor *heads = tensor_reshape(x, SHAPE(B, T, n_head, D));
    return tensor_transpose(heads, 1, 2);
}

// (B, n_head, T, D) -> (B, T, C)
static Tensor *merge_heads(Tensor *heads)
{
    int B = heads->shape.size[0];
    int n_head = heads->shape.size[1];
    int T = heads->shape.size[2];
    int D = heads->shape.size[3];
    Tensor *x = tensor_transpose(heads, 1, 2); // (B, T, n_head, D)
    return tensor_reshape(x, SHAPE(B, T, n_head * D));
}

static Tensor *attend_stepwise(Attention *attention, Tensor *qkv)
{
    Tensor *parts[3];
    tensor_split(qkv, -1, 3, parts);
    Tensor *q = split_heads(parts[0], attention->n_head); // (B, n_head, T, D)
    Tensor *k = split_heads(parts[1], attention->n_head); // (B, n_head, T, D)
    Tensor *v = split_heads(parts[2], attention->n_head); // (B, n_head, T, D)
    int D = shape_last(q->shape);

    Tensor *products = tensor_matmul(q, tensor_transpose(k, -2, -1)); // (B, n_head, T, T)
    Tensor *scores = tensor_scale(products, 1 / sqrt(D));             // (B, n_head, T, T)
    Tensor *masked = attention->causal ? tensor_causal_mask(scores) : scores;
    Tensor *weights = tensor_softmax(masked); // (B, n_head, T, T), each row sums to 1
    Tensor *kept = dropout_forward(&attention->attn_dropout, weights);
    Tensor *heads = tensor_matmul(kept, v); // (B, n_head, T, D)

    tensor_label(q, "q");
    tensor_label(k, "k");
    tensor_label(v, "v");
    tensor_label(scores, "scores");
    tensor_label(weights, "weights");
    tensor_label(heads, "heads");
    return merge_heads(heads); // (B, T, C)
}

Tensor *(attention_forward)(Attention *attention, Tensor *x, Where where)
{
    REQUIRE(attention);
    int outer = tape_enter(attention->module.name, where);
    bool drops_weights = attention->module.training && attention->attn_dropout.p > 0;
    Tensor *qkv = linear_forward(&attention->c_attn, x); // (B, T, 3C)
    Tensor *y;                                           // (B, T, C)
    if (x->shape.ndim != 3) {
        fail_mistake(where, "attention_forward: x %s: must be (B, T, C)", SHAPE_STRING(x->shape));
    }
    if (attention->cache != NULL) {
        y = tensor_attention_cached(qkv, attention->cache);
    } else if (attention->stepwise || drops_weights) {
        y = attend_stepwise(attention, qkv);
    } else {
        y = tensor_attention(qkv, attention->n_head, attention->causal);
    }
    y = linear_forward(&attention->c_proj, y);
    y = dropout_forward(&attention->resid_dropout, y);
    tensor_label(y, "out");
    tape_leave(outer);
    return y;
}

const ModuleKind attention_kind = {.name = "Attention"};
