// deep_fields.c: DeepConfig's table of fields.

#include "gpt/lab/lab.h"

#include <string.h>

static const char *activation_word(int value)
{
    return activation_name((Activation)value);
}

static const char *init_word(int value)
{
    return init_name((InitScheme)value);
}

static const char *norm_word(int value)
{
    return value == DEEP_NORM_BATCH ? "batch" : "none";
}

static const char *head_word(int value)
{
    return value == HEAD_LINEAR ? "linear" : "activation";
}

static const char *loss_word(int value)
{
    return value == LOSS_CE ? "ce" : "mse";
}

#define FIELD(member, type) .name = #member, .kind = (type), .offset = offsetof(DeepConfig, member)
#define CHOICE(member, count) FIELD(member, FIELD_CHOICE), .word = member##_word, .n_words = (count)

const ConfigField deep_fields[] = {
    {CHOICE(activation, ACTIVATION_COUNT), .standard = "gelu", .help = "activation function after each layer"},
    {CHOICE(norm, DEEP_NORM_COUNT), .standard = "none", .help = "batch normalization before each activation"},
    {CHOICE(head, HEAD_COUNT), .standard = "activation", .help = "the last layer, with an activation or without"},
    {CHOICE(loss, LOSS_COUNT), .standard = "mse", .help = "mean squared error, or cross-entropy of classes"},
    {CHOICE(init, INIT_COUNT), .standard = "torch", .help = "initialization of the weights"},
    {FIELD(init_gain, FIELD_NUMBER), .low = 1e-6, .high = 1e6, .standard = "1", .help = "factor on the initial weights"},
    {FIELD(bias_std, FIELD_NUMBER), .low = 0, .high = 1e6, .help = "standard deviation of the initial biases, instead of the scheme's"},
};

const int deep_field_count = sizeof deep_fields / sizeof deep_fields[0];

bool deep_field_differs(const ConfigField *field, const DeepConfig *config)
{
    REQUIRE(field);
    REQUIRE(config);
    bool always = strcmp(field->name, "activation") == 0 || strcmp(field->name, "init") == 0;
    if (field->kind == FIELD_CHOICE) {
        return !always && config_field_number(field, config) != 0;
    }
    double value = config_field_number(field, config);
    return strcmp(field->name, "bias_std") == 0 ? config->own_bias : value != 0 && value != 1;
}
