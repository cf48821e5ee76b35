// config.c: the residual rule of a GPT, and presets. config_fields.c has the table of fields and the check that they fit together, cost.c what
// they cost.

#include "gpt/gpt.h"

#include <string.h>

const char *norm_name(int norm)
{
    static const char *const names[NORM_COUNT] = {[NORM_PRE] = "pre", [NORM_POST] = "post", [NORM_NONE] = "none"};
    return WORD_AT(names, norm);
}

const char *final_norm_name(int final_norm)
{
    static const char *const names[FINAL_NORM_COUNT] = {[FINAL_NORM_AUTO] = "auto", [FINAL_NORM_ON] = "on", [FINAL_NORM_OFF] = "off"};
    return WORD_AT(names, final_norm);
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
