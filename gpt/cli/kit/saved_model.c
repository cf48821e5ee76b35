// saved_model.c: --model DIR: a model from a folder, with its tokenizer.

#include "gpt/cli/kit/kit.h"

struct poptOption saved_model_options[] = {
    {"model", '\0', POPT_ARG_STRING, NULL, OPTION_MODEL, "a folder that gptape train or transformers saved a GPT-2 in", "DIR"},
    POPT_TABLEEND,
};

// What the folder says of the model can't be said again. Changing it would make it another model, and its weights meaningless.
static bool refuse_switches(const Options *options, int allowed)
{
    for (int option = OPTION_CONFIG; option <= OPTION_INIT; option++) {
        if (options_given(options, option) && option != allowed) {
            return option_error(options, option, "belongs to an untrained model; --model %s has its own, leave one out",
                                options->values[OPTION_MODEL]);
        }
    }
    return true;
}

GPT *options_saved_model(const Options *options, int allowed, int *status)
{
    Error error;

    *status = STATUS_USAGE;
    if (!refuse_switches(options, allowed)) {
        return NULL;
    }
    if (options_given(options, OPTION_SPECIAL) && !options_switch(options, OPTION_SPECIAL, NULL, &(bool){false})) {
        return NULL;
    }
    if (options_given(options, OPTION_TOKENIZER)) {
        option_error(options, OPTION_TOKENIZER, "--model %s has its own tokenizer; leave it out", options->values[OPTION_MODEL]);
        return NULL;
    }
    GPT *gpt = gpt_load(options->values[OPTION_MODEL], &error);
    if (gpt == NULL) {
        command_error(options->help->name, "%s", error.message);
        *status = STATUS_FAILED;
    }
    return gpt;
}

bool options_saved_config(const Options *options, GPTConfig *config, int *status)
{
    Error error;

    *status = STATUS_USAGE;
    if (!refuse_switches(options, 0)) {
        return false;
    }
    if (!gpt_load_config(options->values[OPTION_MODEL], config, &error)) {
        command_error(options->help->name, "%s", error.message);
        *status = STATUS_FAILED;
        return false;
    }
    return true;
}

Tokenizer *options_saved_tokenizer(const Options *options, Error *error)
{
    if (options_given(options, OPTION_VOCAB)) {
        return options_gpt2(options, error);
    }
    Tokenizer *tokenizer = tokenizer_load(options->values[OPTION_MODEL], error);
    if (tokenizer != NULL && !options_special(options, tokenizer, error)) {
        tokenizer_free(tokenizer);
        tokenizer = NULL;
    }
    return tokenizer;
}

void options_saved_model_note(const Options *options, const GPTConfig *config)
{
    char count[NUMBER_TEXT];
    char difference[DIFFERENCE_TEXT];

    thousands_text((double)gpt_cost(config, 1, 1).parameters, count);
    gpt_difference(config, difference);
    command_note(options, "%s: %d layer%s, %d head%s, %d wide, context %d, vocabulary %d, %s parameters%s%s",
                 options->values[OPTION_MODEL], config->n_layer, plural(config->n_layer), config->n_head, plural(config->n_head),
                 config->n_embd, config->context_length,
                 config->vocab_size, count, difference[0] == '\0' ? "" : "; unlike any GPT-2: ", difference);
}
