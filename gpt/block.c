// block.c: one transformer block, and the shortcuts that this project is about.

#include "gpt/gpt.h"

void block_init(Block *block, Module *parent, const char *name, const GPTConfig *config, Random *random)
{
    REQUIRE(block);
    REQUIRE(config);
    *block = (Block){.shortcut = config->shortcut, .norm = config->norm};
    module_init(&block->module, &block_kind, parent, name);
    AttentionConfig attention = {
        .n_embd = config->n_embd,
        .n_head = config->n_head,
        .qkv_bias = config->qkv_bias,
        .causal = config->causal,
        .dropout = config->dropout,
        .random = random,
    };
    FeedForwardConfig feedforward = {
        .n_embd = config->n_embd,
        .ff_mult = config->ff_mult,
        .activation = config->activation,
        .dropout = config->dropout,
        .random = random,
    };
    bool has_norm = config->norm != NORM_NONE;
    if (has_norm) {
        layernorm_init(&block->ln_1, &block->module, "ln_1", config->n_embd);
    }
    attention_init(&block->attn, &block->module, "attn", attention);
    if (has_norm) {
        layernorm_init(&block->ln_2, &block->module, "ln_2", config->n_embd);
    }
    feedforward_init(&block->mlp, &block->module, "mlp", feedforward);
}

// With norm = pre, the two halves are  x + attn(ln_1(x))  and  x + mlp(ln_2(x)).  Without the shortcut only what the branch
// made of x goes on; its gradient then has no other way back than through the branch.
Tensor *block_forward(Block *block, Tensor *x)                          // x (B, T, C)
{
    REQUIRE(block);
    const char *outer = tape_scope(block->module.name);

    Tensor *a = block->norm == NORM_PRE ? layernorm_forward(&block->ln_1, x) : x;
    a = attention_forward(&block->attn, a);                             // (B, T, C)
    x = block->shortcut ? tensor_add(x, a) : a;
    x = block->norm == NORM_POST ? layernorm_forward(&block->ln_1, x) : x;
    tensor_label(x, "mid");

    Tensor *f = block->norm == NORM_PRE ? layernorm_forward(&block->ln_2, x) : x;
    f = feedforward_forward(&block->mlp, f);                            // (B, T, C)
    x = block->shortcut ? tensor_add(x, f) : f;
    x = block->norm == NORM_POST ? layernorm_forward(&block->ln_2, x) : x;
    tensor_label(x, "out");

    tape_scope(outer);
    return x;
}

static Tensor *forward_again(void *block, Tensor *x)
{
    return block_forward(block, x);
}

Tensor *block_forward_recomputed(Block *block, Tensor *x)
{
    REQUIRE(block);
    return tensor_checkpoint(forward_again, block, x, block->attn.resid_dropout.random);
}

const ModuleKind block_kind = {.name = "Block"};
