// config.c: the sizes and switches of a GPT: presets, and the check that they fit together. config_fields.c has the table of fields,
// cost.c what they cost.

#include "gpt/gpt.h"

#include <limits.h>
#include <string.h>

const char *norm_name(int norm)
{
    static const char *const names[NORM_COUNT] = {[NORM_PRE] = "pre", [NORM_POST] = "post", [NORM_NONE] = "none"};
    return names[norm];
}

const char *final_norm_name(int final_norm)
{
    static const char *const names[FINAL_NORM_COUNT] = {[FINAL_NORM_AUTO] = "auto", [FINAL_NORM_ON] = "on", [FINAL_NORM_OFF] = "off"};
    return names[final_norm];
}

// ------------------------------------------------------------------------------------------------------------
// The residual rule

// The rule that shortcut and norm stand for.
static const char *const SHORTHANDS[2][NORM_COUNT] = {
    {[NORM_PRE] = "none", [NORM_POST] = "none-post", [NORM_NONE] = "none-plain"},
    {[NORM_PRE] = "pre", [NORM_POST] = "post", [NORM_NONE] = "plain"},
};

static const ResidualRule *find_rule(const GPTConfig *config, Error *error)
{
    return residual_rule(config->residual != NULL ? config->residual : SHORTHANDS[config->shortcut][config->norm], error);
}

const ResidualRule *gpt_rule(const GPTConfig *config)
{
    REQUIRE(config);
    Error error;
    const ResidualRule *rule = find_rule(config, &error);
    if (rule == NULL) {
        fail_mistake(HERE, "gpt_rule: residual: %s", error.message);
    }
    return rule;
}

bool gpt_has_final_norm(const GPTConfig *config)
{
    REQUIRE(config);
    return config->final_norm == FINAL_NORM_AUTO ? residual_final_norm(gpt_rule(config)) : config->final_norm == FINAL_NORM_ON;
}

bool gpt_rule_shorthand(const ResidualRule *rule, bool *shortcut, Norm *norm)
{
    REQUIRE(rule, shortcut, norm);
    for (int i = 0; i < 2 * NORM_COUNT; i++) {
        *shortcut = i / NORM_COUNT == 1;
        *norm = (Norm)(i % NORM_COUNT);
        if (strcmp(SHORTHANDS[*shortcut][*norm], residual_name(rule)) == 0) {
            return true;
        }
    }
    return false;
}

bool gpt_set_residual(GPTConfig *config, const char *text, Error *error)
{
    REQUIRE(config);
    const ResidualRule *rule = residual_rule(text, error);
    if (rule == NULL) {
        return false;
    }
    bool known = gpt_rule_shorthand(rule, &config->shortcut, &config->norm);
    config->residual = known ? NULL : residual_name(rule);
    config->shortcut |= !known;
    config->norm = known ? config->norm : NORM_PRE;
    return true;
}

static bool check_rule(const GPTConfig *config, Error *error)
{
    Error inner;
    return find_rule(config, &inner) != NULL || error_set_field(error, "residual", "%s", inner.message);
}

// Are the rule's constants finite in every block?
static bool check_places(const GPTConfig *config, Error *error)
{
    Error inner;
    return residual_check(gpt_rule(config), config->n_layer, &inner) || error_set_field(error, "residual", "%s", inner.message);
}

// ------------------------------------------------------------------------------------------------------------
// Presets

// What GPT-2 and GPT-3 have in common. GPT-3's sparse attention layers are dense here.
#define GPT2_LAYOUT GPT2_LAYOUT_BUT(true)
#define GPT2_LAYOUT_BUT(tie) \
    .ff_mult = 4, .dropout = 0.0, .qkv_bias = true, .tied = (tie), .shortcut = true, .norm = NORM_PRE, .causal = true, \
    .activation = ACTIVATION_GELU, .init = INIT_GPT2

// The book's GPT: an output head of its own, no bias on query, key and value, and PyTorch's default weights.
#define BOOK_LAYOUT \
    .ff_mult = 4, .dropout = 0.0, .qkv_bias = false, .tied = false, .shortcut = true, .norm = NORM_PRE, .causal = true, \
    .activation = ACTIVATION_GELU, .init = INIT_TORCH

#define MODEL_SIZES(layers, heads, width, context, vocabulary) \
    .n_layer = (layers), .n_head = (heads), .n_embd = (width), .context_length = (context), .vocab_size = (vocabulary)

const GPTPreset gpt_presets[] = {
    {"tiny", "for stepping; a token is a byte", {MODEL_SIZES(2, 2, 32, 32, 256), GPT2_LAYOUT}},
    {"flow", "for gradient flow: deep and narrow; a token is a byte", {MODEL_SIZES(12, 4, 64, 32, 256), GPT2_LAYOUT}},
    {"flow-untied",
     "the same with an output head of its own: untrained, it does not repeat one token",
     {MODEL_SIZES(12, 4, 64, 32, 256), GPT2_LAYOUT_BUT(false)}},
    {"char", "nanoGPT's CPU recipe; the vocabulary comes from the text (65: tiny Shakespeare)", {MODEL_SIZES(4, 4, 128, 64, 65), GPT2_LAYOUT}},
    {"gpt2-124m", "GPT-2 small", {MODEL_SIZES(12, 12, 768, 1024, 50257), GPT2_LAYOUT}},
    {"gpt2-355m", "GPT-2 medium", {MODEL_SIZES(24, 16, 1024, 1024, 50257), GPT2_LAYOUT}},
    {"gpt2-774m", "GPT-2 large", {MODEL_SIZES(36, 20, 1280, 1024, 50257), GPT2_LAYOUT}},
    {"gpt2-1558m", "GPT-2 XL", {MODEL_SIZES(48, 25, 1600, 1024, 50257), GPT2_LAYOUT}},
    {"gpt3-1.3b", "GPT-3 XL's shape", {MODEL_SIZES(24, 16, 2048, 2048, 50257), GPT2_LAYOUT}},
    {"gpt3-6.7b", "GPT-3 6.7B's shape", {MODEL_SIZES(32, 32, 4096, 2048, 50257), GPT2_LAYOUT}},
    {"gpt3-13b", "GPT-3 13B's shape", {MODEL_SIZES(40, 40, 5120, 2048, 50257), GPT2_LAYOUT}},
    {"70b", "Chinchilla's shape; 64.9 B parameters in GPT-2's layout, not 70", {MODEL_SIZES(80, 64, 8192, 2048, 50257), GPT2_LAYOUT}},
    {"book-124m", "the book's GPT-2 small: output head not tied, no query-key-value bias", {MODEL_SIZES(12, 12, 768, 1024, 50257), BOOK_LAYOUT}},
};

const int gpt_preset_count = sizeof gpt_presets / sizeof gpt_presets[0];

const GPTPreset *gpt_preset_find(const char *name)
{
    REQUIRE(name);
    for (int i = 0; i < gpt_preset_count; i++) {
        if (strcmp(gpt_presets[i].name, name) == 0) {
            return &gpt_presets[i];
        }
    }
    return NULL;
}

// ------------------------------------------------------------------------------------------------------------
// The check

// A head is n_embd / n_head wide, so the width must divide evenly; if it does not, name the nearest widths that do.
static bool check_heads(const GPTConfig *config, Error *error)
{
    int remainder = config->n_embd % config->n_head;
    int below = config->n_embd - remainder;
    int64_t above = (int64_t)below + config->n_head;

    if (remainder == 0) {
        return true;
    }
    if (below == 0) {
        return error_set_field(error, "n_embd", "%d is not a multiple of n_head %d (try %d)", config->n_embd, config->n_head, config->n_head);
    }
    return error_set_field(error, "n_embd", "%d is not a multiple of n_head %d (try %d or %lld)", config->n_embd, config->n_head, below,
                           (long long)above);
}

// A tensor's sizes are ints: the widest layer is c_attn with 3 C outputs, or c_fc with ff_mult C.
static bool check_widths(const GPTConfig *config, Error *error)
{
    int widest = config->ff_mult > 3 ? config->ff_mult : 3;
    double outputs = (double)config->n_embd * widest;

    if (config->n_embd <= INT_MAX / widest) {
        return true;
    }
    if (config->ff_mult > config->n_embd) {
        return error_set_field(error, "ff_mult", "%d is too large: with n_embd %d, a layer has %.0f outputs (expected at most %d)", config->ff_mult,
                               config->n_embd, outputs, INT_MAX / config->n_embd);
    }
    return error_set_field(error, "n_embd", "%d is too large: a layer has %.0f outputs (expected at most %d)", config->n_embd, outputs,
                           INT_MAX / widest);
}

// The number of parameters must be exact as a double. The error names the sizes that most of them come from.
static bool check_countable(const GPTConfig *config, Error *error)
{
    double C = config->n_embd;
    double F = C * config->ff_mult;
    double blocks = config->n_layer * (4.0 * C * C + 2.0 * C * F + 5.0 * C + F); // matrices and biases
    for (int half = 0; half < 2; half++) {
        ResidualCost cost = residual_cost(gpt_rule(config), half);
        blocks += config->n_layer * (cost.linears * (C * C + C) + (cost.vectors + cost.norm_vectors) * C + cost.scalars + cost.norm_scalars);
    }
    double tokens = 2.0 * C * config->vocab_size;
    double positions = C * config->context_length;
    double parameters = blocks + tokens + positions + 2.0 * C;
    const char *what = tokens > positions ? "vocab_size" : "context_length";

    if (parameters <= 9e15) {
        return true;
    }
    if (blocks > tokens && blocks > positions) {
        return error_set_field(error, "n_embd", "%d with n_layer %d and ff_mult %d gives %.3g parameters (expected at most 9e15)", config->n_embd,
                               config->n_layer, config->ff_mult, parameters);
    }
    return error_set_field(error, "n_embd", "%d with %s %d gives %.3g parameters (expected at most 9e15)", config->n_embd, what,
                           tokens > positions ? config->vocab_size : config->context_length, parameters);
}

bool gpt_config_check(const GPTConfig *config, Error *error)
{
    REQUIRE(config);
    for (int i = 0; i < gpt_field_count; i++) {
        if (!config_field_check(&gpt_fields[i], config, error)) {
            return false;
        }
    }
    return check_rule(config, error) && check_heads(config, error) && check_widths(config, error) && check_countable(config, error)
        && check_places(config, error);
}
