// cost.c: what a GPT of some configuration costs, counted from its sizes alone, and whether this machine has the memory.

#include "gpt/gpt.h"

#include <math.h>

#define REAL_BYTES ((double)sizeof(Real))

// ------------------------------------------------------------------------------------------------------------
// Parameters

static int64_t linear_count(int64_t n_in, int64_t n_out, bool bias)
{
    return n_out * n_in + (bias ? n_out : 0);
}

static int64_t norms_count(ResidualCost cost, int64_t C)
{
    return cost.norm_vectors * C + cost.norm_scalars;
}

static int64_t rule_count(ResidualCost cost, int64_t C)
{
    return cost.scalars + cost.vectors * C + cost.linears * linear_count(C, C, true);
}

static void count_parameters(const GPTConfig *config, GPTCost *cost)
{
    ResidualCost attn = residual_cost(gpt_rule(config), 0);
    ResidualCost mlp = residual_cost(gpt_rule(config), 1);
    int64_t C = config->n_embd;
    int64_t F = C * config->ff_mult;
    int64_t V = config->vocab_size;

    cost->wte = V * C;
    cost->wpe = config->context_length * C;
    cost->ln_1 = norms_count(attn, C);
    cost->res_1 = rule_count(attn, C);
    cost->c_attn = linear_count(C, 3 * C, config->qkv_bias);
    cost->attn_c_proj = linear_count(C, C, true);
    cost->ln_2 = norms_count(mlp, C);
    cost->res_2 = rule_count(mlp, C);
    cost->c_fc = linear_count(C, F, true);
    cost->mlp_c_proj = linear_count(F, C, true);
    cost->block = cost->ln_1 + cost->c_attn + cost->attn_c_proj + cost->ln_2 + cost->c_fc + cost->mlp_c_proj + cost->res_1 + cost->res_2;
    cost->ln_f = gpt_has_final_norm(config) ? 2 * C : 0; // weight and bias
    cost->lm_head = config->tied ? 0 : linear_count(C, V, false);
    cost->parameters = cost->wte + cost->wpe + config->n_layer * cost->block + cost->ln_f + cost->lm_head;
}

// ------------------------------------------------------------------------------------------------------------
// The tape of one training step: every operation's output, and what it saves for its backward. Counted in floats (4 bytes),
// as doubles, since the product of large sizes is more than an int64 holds.

// Attention between c_attn and c_proj.
static double attention_floats(const GPTConfig *config, double B, double T)
{
    double x = B * T * config->n_embd;    // (B, T, C)
    double rows = B * config->n_head * T; // (B, H, T)
    double matrix = rows * T;             // (B, H, T, T)

    if (config->dropout == 0.0) {
        return x + 2.0 * rows; // fused: the output, and as a double the logarithm of each softmax's sum
    }
    // Dropout on the weights takes the stepwise path. q, k and v are cut out, then their heads set apart; k turned; the heads'
    // outputs, and merged. Products, scaled, masked, softmax, dropped, and dropout's mask.
    double matrices = config->causal ? 6.0 : 5.0;
    return 9.0 * x + matrices * matrix;
}

// What residual_forward records, except f. A norm stores its output, and the mean and 1 / deviation of each row, as doubles.
static double rule_floats(const GPTConfig *config, int half, double B, double T)
{
    ResidualCost cost = residual_cost(gpt_rule(config), half);
    return cost.streams * B * T * config->n_embd + cost.statistics * 4.0 * B * T;
}

// One block: what block_forward, attention_forward and feedforward_forward record.
static double block_floats(const GPTConfig *config, double B, double T)
{
    double x = B * T * config->n_embd; // (B, T, C)
    double wide = x * config->ff_mult; // (B, T, ff_mult C)
    bool identity = config->activation == ACTIVATION_IDENTITY;

    double attn = 3.0 * x + attention_floats(config, B, T) + x; // c_attn; softmax(q k^T) v; c_proj
    double mlp = (identity ? wide : 2.0 * wide) + x;            // c_fc, activation; c_proj
    double rules = rule_floats(config, 0, B, T) + rule_floats(config, 1, B, T);
    double dropouts = config->dropout > 0.0 ? 4.0 * x : 0.0; // on both outputs, each with its mask
    return attn + mlp + rules + dropouts;
}

// block: what is stored of each.
static double step_floats(const GPTConfig *config, double B, double T, double block)
{
    double C = config->n_embd;
    double x = B * T * C; // (B, T, C)

    double embeddings = x + B * T; // wte[id]; the ids
    double positions = T * C;      // the first T rows of wpe, the same for each sequence
    double sum = x;
    double dropout = config->dropout > 0.0 ? 2.0 * x : 0.0;
    double blocks = config->n_layer * block;
    double ln_f = gpt_has_final_norm(config) ? x + 4.0 * B * T : 0.0;
    double logits = B * T * config->vocab_size; // (B, T, V)
    double loss = 1.0 + 3.0 * B * T;            // targets, and the logarithm of each softmax's sum as a double
    return embeddings + positions + sum + dropout + blocks + ln_f + logits + loss;
}

// The gradients of intermediates that are alive at once. The walk back makes a node's input gradients while it holds its
// output's, and drops that afterwards; within a block the shortcut's gradient waits beside all of it.
static double head_peak_floats(const GPTConfig *config, double B, double T)
{
    return B * T * config->vocab_size + B * T * config->n_embd; // dlogits, and its input's
}

static double block_peak_floats(const GPTConfig *config, double B, double T)
{
    double x = B * T * config->n_embd;
    double wide = x * config->ff_mult;
    double matrix = B * config->n_head * T * T;
    double waiting = residual_cost(gpt_rule(config), 1).joins ? x : 0.0;

    double activation = waiting + wide + (config->activation == ACTIVATION_IDENTITY ? x : wide); // its output's and input's
    double attention = waiting + x + 3.0 * x;                                                    // output's; queries', keys' and values'
    if (config->dropout > 0.0) {
        double weights = x + 2.0 * matrix; // values'; output's and input's of dropout, softmax or mask
        double cut = 3.0 * x + 3.0 * x;    // queries', keys' and values', apart and side by side
        attention = waiting + fmax(weights, cut);
    }
    return fmax(activation, attention);
}

static void count_step(const GPTConfig *config, double B, double T, GPTCost *cost)
{
    double x = B * T * config->n_embd;
    double block = block_floats(config, B, T);
    double head_peak = head_peak_floats(config, B, T);
    double block_peak = block_peak_floats(config, B, T);
    double embeddings = 2.0 * x + T * config->n_embd;

    cost->activation_bytes = REAL_BYTES * step_floats(config, B, T, block);
    cost->gradient_peak_bytes = REAL_BYTES * fmax(head_peak, block_peak);
    // Recomputed, a block leaves its output and what tensor_checkpoint saves. The outer tape has a block's output's and input's
    // gradients at a time, last those of the embeddings' sum, tokens and positions; the inner one, which keeps its memory for the
    // next block, has one block and its gradients.
    cost->recompute_activation_bytes = REAL_BYTES * step_floats(config, B, T, x) + config->n_layer * (double)sizeof(Random);
    cost->recompute_peak_bytes = REAL_BYTES * (fmax(head_peak, embeddings) + block + block_peak);
}

GPTCost gpt_cost(const GPTConfig *config, int B, int T)
{
    REQUIRE(config);
    GPTCost cost = {0};
    double C = config->n_embd;
    double F = C * config->ff_mult;

    count_parameters(config, &cost);
    cost.weight_bytes = REAL_BYTES * (double)cost.parameters;
    cost.gradient_bytes = REAL_BYTES * (double)cost.parameters;
    cost.adamw_bytes = 2 * REAL_BYTES * (double)cost.parameters;
    count_step(config, B, T, &cost);
    cost.cache_bytes = REAL_BYTES * 2.0 * (double)B * T * C * config->n_layer;

    // A weight multiplies and adds once forward and twice backward (for its own gradient, for its input's): 6 FLOPs. The head
    // does so too when tied; embeddings only look up. Attention's q k^T and weights x v are 2 T C multiply-adds forward.
    int linears = residual_cost(gpt_rule(config), 0).linears + residual_cost(gpt_rule(config), 1).linears;
    double in_products = config->n_layer * ((4.0 + linears) * C * C + 2.0 * C * F) + C * config->vocab_size;
    double attention = 12.0 * config->n_layer * C * T;
    cost.flops_per_token = 6.0 * in_products + attention;
    return cost;
}

double gpt_streamed_weight_bytes(const GPTConfig *config)
{
    GPTCost cost = gpt_cost(config, 1, 1);
    return 4.0 * ((double)cost.parameters - (config->n_layer - 1.0) * (double)cost.block);
}

double gpt_training_bytes(const GPTCost *cost, bool recompute)
{
    REQUIRE(cost);
    double parameters = cost->weight_bytes + cost->gradient_bytes + cost->adamw_bytes;
    double kept = cost->activation_bytes + cost->gradient_peak_bytes;
    double recomputed = cost->recompute_activation_bytes + cost->recompute_peak_bytes;
    return PROGRAM_BYTES + parameters + (recompute ? recomputed : kept);
}
