// model_options.c: the model that options describe: a preset with changed fields, or one from a folder.

#include "gpt/cli/kit/kit.h"

#include <string.h>

const char *preset_word(int i)
{
    return gpt_presets[i].name;
}

// The first field of GPTConfig that was given, other than the option `except`; NULL if none was.
static const ConfigField *first_given(const Options *options, const char *except)
{
    for (int i = 0; i < gpt_field_count; i++) {
        bool excepted = except != NULL && strcmp(OPTION_NAME(&gpt_fields[i]), except) == 0;
        if (!excepted && options_field_given(options, &gpt_fields[i])) {
            return &gpt_fields[i];
        }
    }
    return NULL;
}

bool options_any_field(const Options *options)
{
    return first_given(options, NULL) != NULL;
}

bool options_rule_alone(const Options *options, int n)
{
    static const char *const others[] = {"shortcut", "norm"};
    for (int i = 0; i < n && options_given(options, "residual"); i++) {
        if (options_given(options, others[i])) {
            return option_error(options, "residual", "replaces --%s; leave one out", others[i]);
        }
    }
    return true;
}

bool options_config(const Options *options, const char *fallback, const GPTPreset **preset, GPTConfig *config)
{
    int index = (int)(gpt_preset_find(fallback) - gpt_presets);
    Error error;

    if (!options_word(options, "config", preset_word, gpt_preset_count, &index)) {
        return false;
    }
    *preset = &gpt_presets[index];
    *config = gpt_presets[index].config;
    for (int i = 0; i < gpt_field_count; i++) {
        if (!options_field(options, &gpt_fields[i], config)) {
            return false;
        }
    }
    return options_rule_alone(options, 2) && (gpt_config_check(config, &error) || report_error(options, &error));
}

// ------------------------------------------------------------------------------------------------------------
// A saved model

const OptionRow saved_model_rows[] = {
    {"model", "DIR", NULL, "folder in which gptape train or transformers saved a GPT-2"},
    {0},
};

// The folder determines the model: other sizes or switches would make its weights meaningless.
static bool refuse_fields(const Options *options, const char *allowed)
{
    bool config = options_given(options, "config");
    const ConfigField *field = first_given(options, allowed);
    return (!config && field == NULL)
        || option_error(options, config ? "config" : OPTION_NAME(field), "for an untrained model; --model %s has its own, leave one out",
                        options_text(options, "model"));
}

const OptionRow stream_rows[] = {
    {"stream", "auto|on|off", "auto",
     "keep one block's weights in memory at a time, drawn again from the seed or read again from --model; auto: if they do not all fit"},
    {0},
};

bool options_stream(const Options *options, double bytes, bool *streamed)
{
    int word = 0;
    double available = memory_available();
    if (options_has(options, "stream") && !options_choice(options, "stream", &word)) {
        return false;
    }
    *streamed = word == 1 || (word == 0 && options_has(options, "stream") && bytes > available);
    return true;
}

bool options_stream_refused(const Options *options, const char *name, const char *why)
{
    bool asked = strcmp(options_text(options, "stream"), "on") == 0;
    option_error(options, name, asked ? "%s, but the model is streamed" : "%s, but there is not enough memory for them", why);
    return command_stop(asked ? STATUS_USAGE : STATUS_FAILED);
}

GPT *options_saved_model(const Options *options, const char *allowed, double copies)
{
    Error error;
    GPTConfig config;
    bool streamed = false;
    bool special = options_has(options, "special");
    if (!refuse_fields(options, allowed) || (special && !options_switch(options, "special", &(bool){false}))) {
        return NULL;
    }
    if (options_has(options, "tokenizer") && options_given(options, "tokenizer")) {
        option_error(options, "tokenizer", "--model %s has its own tokenizer; leave one out", options_text(options, "model"));
        return NULL;
    }
    const char *folder = options_text(options, "model");
    if (copies > 0 && options_has(options, "stream") && gpt_load_config(folder, &config, &error)
        && !options_stream(options, copies * gpt_cost(&config, 1, 1).weight_bytes, &streamed)) {
        return NULL;
    }
    GPT *gpt = streamed ? gpt_load_streamed(folder, &error) : gpt_load(folder, &error);
    if (gpt == NULL) {
        report_failure(options, &error);
    }
    return gpt;
}

bool options_saved_config(const Options *options, GPTConfig *config)
{
    Error error;
    return refuse_fields(options, NULL) && (gpt_load_config(options_text(options, "model"), config, &error) || report_failure(options, &error));
}

void options_saved_model_note(const Options *options, const GPTConfig *config)
{
    char difference[DIFFERENCE_TEXT];
    gpt_difference(config, difference);
    command_note(options, "%s: %d layer%s, %d head%s, width %d, context %d, vocabulary %d, %s parameters%s%s", options_text(options, "model"),
                 config->n_layer, plural(config->n_layer), config->n_head, plural(config->n_head), config->n_embd, config->context_length,
                 config->vocab_size, THOUSANDS((double)gpt_cost(config, 1, 1).parameters),
                 difference[0] == '\0' ? "" : "; differs from GPT-2: ", difference);
}
