// model_options.c: --config and the switches that change it, read into a GPTConfig.

#include "gpt/cli/kit/kit.h"

#include <ctype.h>
#include <limits.h>
#include <string.h>

static const char *norm_word(int i)
{
    return norm_name((Norm)i);
}

static const char *activation_word(int i)
{
    return activation_name((Activation)i);
}

static const char *init_word(int i)
{
    return init_name((InitScheme)i);
}

static const char *preset_word(int i)
{
    return gpt_presets[i].name;
}

bool options_activation(const Options *options, const char *fallback, Activation *activation)
{
    int word = *activation;

    if (!options_word(options, OPTION_ACTIVATION, fallback, activation_word, ACTIVATION_COUNT, &word)) {
        return false;
    }
    *activation = (Activation)word;
    return true;
}

bool options_init(const Options *options, const char *fallback, InitScheme *init)
{
    int word = *init;

    if (!options_word(options, OPTION_INIT, fallback, init_word, INIT_COUNT, &word)) {
        return false;
    }
    *init = (InitScheme)word;
    return true;
}

static bool read_sizes(const Options *options, GPTConfig *config)
{
    return options_int(options, OPTION_VOCAB_SIZE, NULL, 1, INT_MAX, &config->vocab_size)
        && options_int(options, OPTION_CONTEXT_LENGTH, NULL, 1, INT_MAX, &config->context_length)
        && options_int(options, OPTION_N_LAYER, NULL, 1, INT_MAX, &config->n_layer)
        && options_int(options, OPTION_N_HEAD, NULL, 1, INT_MAX, &config->n_head)
        && options_int(options, OPTION_N_EMBD, NULL, 1, INT_MAX, &config->n_embd)
        && options_int(options, OPTION_FF_MULT, NULL, 1, INT_MAX, &config->ff_mult);
}

static bool read_switches(const Options *options, GPTConfig *config)
{
    int norm = config->norm;

    if (!options_double(options, OPTION_DROPOUT, NULL, 0.0, 0.999, &config->dropout)
        || !options_switch(options, OPTION_QKV_BIAS, NULL, &config->qkv_bias)
        || !options_switch(options, OPTION_TIED, NULL, &config->tied)
        || !options_switch(options, OPTION_SHORTCUT, NULL, &config->shortcut)
        || !options_word(options, OPTION_NORM, NULL, norm_word, NORM_COUNT, &norm)
        || !options_switch(options, OPTION_CAUSAL, NULL, &config->causal)
        || !options_activation(options, NULL, &config->activation)
        || !options_init(options, NULL, &config->init)) {
        return false;
    }
    config->norm = (Norm)norm;
    return true;
}

bool options_any_switch(const Options *options)
{
    for (int option = OPTION_VOCAB_SIZE; option <= OPTION_INIT; option++) {
        if (options_given(options, option)) {
            return true;
        }
    }
    return false;
}

// Is the word at text, length long, a field of GPTConfig, and so an option: n_head, --n-head?
static bool is_field(const Options *options, const char *text, size_t length)
{
    for (int option = OPTION_VOCAB_SIZE; option <= OPTION_INIT; option++) {
        const char *name = options_name(options, option);
        bool equal = strlen(name) == length;
        for (size_t i = 0; equal && i < length; i++) {
            equal = text[i] == name[i] || (text[i] == '_' && name[i] == '-');
        }
        if (equal) {
            return true;
        }
    }
    return false;
}

// The library speaks of the fields n_embd and n_head; whoever typed --n-embd is told about --n-embd. Words without an
// underscore ("dropout") may be plain English and are taken for a field only where the message begins.
static void report_config_error(const Options *options, const char *message)
{
    char text[sizeof(Error) * 2] = "";
    size_t used = 0;

    for (const char *at = message; *at != '\0' && used + 4 < sizeof text; ) {
        size_t length = 0;
        while (isalnum((unsigned char)at[length]) || at[length] == '_') {
            length++;
        }
        bool distinct = at == message || memchr(at, '_', length) != NULL;
        bool field = length > 0 && distinct && is_field(options, at, length);
        if (length == 0) {
            length = 1;                            // a space or a stop
        }
        if (field) {
            text[used++] = '-';
            text[used++] = '-';
        }
        for (size_t i = 0; i < length && used + 1 < sizeof text; i++) {
            text[used++] = field && at[i] == '_' ? '-' : at[i];
        }
        at += length;
    }
    command_error(options->help->name, "%s", text);
}

bool options_config(const Options *options, const char *fallback, const GPTPreset **preset, GPTConfig *config)
{
    int index = 0;
    Error error;

    if (!options_word(options, OPTION_CONFIG, fallback, preset_word, gpt_preset_count, &index)) {
        return false;
    }
    *preset = &gpt_presets[index];
    *config = gpt_presets[index].config;
    if (!read_sizes(options, config) || !read_switches(options, config)) {
        return false;
    }
    if (!gpt_config_check(config, &error)) {
        report_config_error(options, error.message);
        return false;
    }
    return true;
}
