// block.c: one transformer block: attention and feed-forward, each with a residual rule around it.

#include "gpt/gpt.h"

static void rule_init(Block *block, int half, const GPTConfig *config, int number)
{
    static const ResidualNames names[] = {{"ln_1", "res_1"}, {"ln_2", "res_2"}};
    ResidualPlace place = residual_place(number, half, config->n_layer);
    residual_init(&block->residual[half], &block->module, names[half], gpt_rule(config), place, config->n_embd);
}

void block_init(Block *block, Module *parent, const char *name, const GPTConfig *config, int number, Random *random)
{
    REQUIRE(block, config);
    *block = (Block){0};
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
    rule_init(block, 0, config, number);
    attention_init(&block->attn, &block->module, "attn", attention);
    rule_init(block, 1, config, number);
    feedforward_init(&block->mlp, &block->module, "mlp", feedforward);
    block->ln_1 = residual_layernorm(&block->residual[0]);
    block->ln_2 = residual_layernorm(&block->residual[1]);
}

static Tensor *run_attention(void *attention, Tensor *x)
{
    return attention_forward(attention, x);
}

static Tensor *run_feedforward(void *feedforward, Tensor *x)
{
    return feedforward_forward(feedforward, x);
}

// With the rule h + f(norm(h)), the two halves are  x + attn(ln_1(x))  and  x + mlp(ln_2(x)).
Tensor *(block_forward)(Block *block, Tensor *x, Tensor *x0, Where where) // x, x0 (B, T, C)
{
    REQUIRE(block);
    int outer = tape_enter(block->module.name, where);
    ResidualStreams in = {.h = x, .x0 = x0, .block = x};

    in.h = residual_forward(&block->residual[0], in, run_attention, &block->attn); // (B, T, C)
    tensor_label(in.h, "mid");
    in.h = residual_forward(&block->residual[1], in, run_feedforward, &block->mlp); // (B, T, C)
    tensor_label(in.h, "out");

    tape_leave(outer);
    return in.h;
}

static Tensor *forward_again(void *block, Tensor **x)
{
    bool uses_x0 = residual_uses_x0(((Block *)block)->residual[0].rule);
    return block_forward(block, x[0], uses_x0 ? x[1] : NULL);
}

Tensor *(block_forward_recomputed)(Block *block, Tensor *x, Tensor *x0, Where where)
{
    REQUIRE(block);
    Tensor *inputs[] = {x, x0};
    int n = residual_uses_x0(block->residual[0].rule) ? 2 : 1;
    return (tensor_checkpoint_many)(forward_again, block, inputs, n, block->attn.resid_dropout.random, where);
}

static void block_free(Module *module)
{
    Block *block = (Block *)module;
    residual_free(&block->residual[0]);
    residual_free(&block->residual[1]);
}

const ModuleKind block_kind = {.name = "Block", .free = block_free};
