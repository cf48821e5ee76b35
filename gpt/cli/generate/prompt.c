// prompt.c: what gptape generate continues: text through a tokenizer, or ids.

#include "gpt/cli/generate/generate.h"

#include <stdlib.h>
#include <string.h>

static bool given(const Generation *generation, const char *option)
{
    return options_given(generation->options, option);
}

// ------------------------------------------------------------------------------------------------------------
// The tokenizer

// Is there any text, or are there only ids?
static bool has_text(const Generation *generation)
{
    bool ids = given(generation, "ids") || given(generation, "json") || generation_ids_only(generation);
    return !given(generation, "prompt-ids") || !ids;
}

bool generation_tokenizer(Generation *generation)
{
    const Options *options = generation->options;
    int V = generation->model.vocab_size;
    bool asked = !given(generation, "model") && options_tokenizer_given(options);
    TokenizerKind kind;
    if (given(generation, "prompt") && given(generation, "prompt-ids")) {
        return option_error(options, "prompt", "only one of --prompt and --prompt-ids can be continued; leave one out");
    }
    if (!has_text(generation)) {
        return !asked || options_tokenizer_kind(options, TOKENIZER_CHARS, &kind);
    }
    if (!asked && generation_ids_only(generation)) {
        return option_error(options, "vocab-size", "%d is too small for a text's bytes (expected at least 256, or --prompt-ids)", V);
    }
    generation->tokenizer = options_model_tokenizer(options, V);
    return generation->tokenizer != NULL;
}

// ------------------------------------------------------------------------------------------------------------
// The prompt

// What an empty prompt continues: the end of another text, or of a line.
static int beginning(const Tokenizer *tokenizer)
{
    int end_of_text = tokenizer_end_of_text(tokenizer);
    int *newline;
    size_t n;
    Error error;
    if (end_of_text != -1) {
        return end_of_text;
    }
    if (!tokenizer_encode(tokenizer, "\n", 1, &newline, &n, &error)) {
        return 0; // an alphabet without lines: its first character
    }
    int id = newline[0];
    free(newline);
    return id;
}

static void begin_with_nothing(Generation *generation)
{
    generation->prompt = memory_allocate(sizeof(int), "the prompt");
    generation->prompt[0] = beginning(generation->tokenizer);
    generation->n_prompt = 1;
    generation->prompt_hidden = true;
}

static bool prompt_from_text(Generation *generation)
{
    const Options *options = generation->options;
    const char *text = options_text(options, "prompt");
    size_t n_ids;
    Error error;
    if (text == NULL) {
        text = given(generation, "model") ? "" : DEFAULT_PROMPT;
    }
    if (text[0] == '\0') {
        begin_with_nothing(generation);
        return true;
    }
    if (!tokenizer_encode(generation->tokenizer, text, strlen(text), &generation->prompt, &n_ids, &error)) {
        return option_error(options, "prompt", "%s", error.message);
    }
    options_special_note(options, generation->tokenizer, tokenizer_count_special(generation->tokenizer, text, strlen(text)));
    generation->n_prompt = (int)n_ids; // a command line is shorter than INT_MAX
    return true;
}

bool generation_prompt(Generation *generation)
{
    int last = generation->model.vocab_size - 1;
    return given(generation, "prompt-ids")
             ? options_int_list(generation->options, "prompt-ids", 0, last, &generation->prompt, &generation->n_prompt)
             : prompt_from_text(generation);
}
