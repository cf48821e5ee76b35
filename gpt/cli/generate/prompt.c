// generate_prompt.c: what gptape generate continues: text through a tokenizer, or ids.

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
    bool ids = given(generation, "ids") || given(generation, "json");
    bool saved = given(generation, "model");
    bool speechless = !saved && generation->model.vocab_size < BYTES;

    return !given(generation, "prompt-ids") || !(ids || speechless);
}

// An untrained model's tokenizer is one that its vocabulary has room for.
static bool read_kind(const Generation *generation, TokenizerKind *kind)
{
    const Options *options = generation->options;
    int V = generation->model.vocab_size;
    bool asked = options_tokenizer_given(options);

    *kind = TOKENIZER_BYTES;
    if (!asked && !given(generation, "prompt-ids") && V < BYTES) {
        return option_error(options, "vocab-size", "%d is too small for a text's bytes (expected at least 256, or --prompt-ids)", V);
    }
    if (!asked && (V != GPT2_VOCABULARY || !has_text(generation))) {
        return true;
    }
    return options_tokenizer_kind(options, TOKENIZER_CHARS, kind);     // those before chars, which has no alphabet here
}

static int untrained_tokenizer(Generation *generation)
{
    const Options *options = generation->options;
    int V = generation->model.vocab_size;
    TokenizerKind kind;
    Error error;

    if (!read_kind(generation, &kind)) {
        return STATUS_USAGE;
    }
    generation->tokenizer = kind == TOKENIZER_GPT2 ? options_gpt2(options, &error) : tokenizer_bytes();
    if (generation->tokenizer == NULL) {
        report_error(options, &error);
        return STATUS_FAILED;
    }
    int n_tokens = tokenizer_vocab_size(generation->tokenizer);
    if (has_text(generation) && V < n_tokens) {
        option_error(options, "vocab-size", "%d is too small for the tokenizer's %d tokens", V, n_tokens);
        return STATUS_USAGE;
    }
    if (!has_text(generation)) {
        tokenizer_free(generation->tokenizer);
        generation->tokenizer = NULL;
    }
    return STATUS_OK;
}

static int saved_tokenizer(Generation *generation)
{
    Error error;

    if (!has_text(generation)) {
        return STATUS_OK;
    }
    generation->tokenizer = options_saved_tokenizer(generation->options, &error);
    if (generation->tokenizer == NULL) {
        report_error(generation->options, &error);
        return STATUS_FAILED;
    }
    return STATUS_OK;
}

int generation_tokenizer(Generation *generation)
{
    if (given(generation, "prompt") && given(generation, "prompt-ids")) {
        option_error(generation->options, "prompt", "only one of --prompt and --prompt-ids can be continued; leave one out");
        return STATUS_USAGE;
    }
    return given(generation, "model") ? saved_tokenizer(generation) : untrained_tokenizer(generation);
}

// ------------------------------------------------------------------------------------------------------------
// The prompt

// What a text that has not begun goes on from: the end of another one, or of a line.
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
        return 0;                                  // an alphabet without lines: its first character
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

static int prompt_from_text(Generation *generation)
{
    const char *text = options_text(generation->options, "prompt");
    size_t n_ids;
    Error error;

    if (text == NULL) {
        text = given(generation, "model") ? "" : DEFAULT_PROMPT;
    }
    if (text[0] == '\0') {
        begin_with_nothing(generation);
        return STATUS_OK;
    }
    if (!tokenizer_encode(generation->tokenizer, text, strlen(text), &generation->prompt, &n_ids, &error)) {
        option_error(generation->options, "prompt", "%s", error.message);
        return STATUS_USAGE;
    }
    options_special_note(generation->options, generation->tokenizer, tokenizer_count_special(generation->tokenizer, text, strlen(text)));
    generation->n_prompt = (int)n_ids;             // a command line is shorter than INT_MAX
    return STATUS_OK;
}

int generation_prompt(Generation *generation)
{
    if (!given(generation, "prompt-ids")) {
        return prompt_from_text(generation);
    }
    bool read = options_int_list(generation->options, "prompt-ids", 0, generation->model.vocab_size - 1,
                                 &generation->prompt, &generation->n_prompt);
    return read ? STATUS_OK : STATUS_USAGE;
}
