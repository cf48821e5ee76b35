// tokenizer_options.c: --tokenizer and --vocab: which tokenizer, and from where.

#include "gpt/cli/kit/kit.h"

#include <stdlib.h>
#include <string.h>

const OptionRow tokenizer_rows[] = {
    {"tokenizer", "NAME", NULL, "gpt2, bytes or chars (default: gpt2 if its vocabulary is found, else bytes)"},
    {"vocab", "DIR", NULL, "folder of GPT-2's vocabulary (default: $GPTAPE_DATA, else $XDG_DATA_HOME/gptape, else ~/.local/share/gptape)"},
    {"special", "on|off", NULL,
     "recognize special tokens such as <|endoftext|> in texts and prompts (default: on where the vocabulary's folder defines them)"},
    {0},
};

bool options_tokenizer_given(const Options *options)
{
    return options_given(options, "tokenizer") || options_given(options, "vocab");
}

static const char *tokenizer_word(int i)
{
    return tokenizer_name((TokenizerKind)i);
}

bool options_tokenizer_kind(const Options *options, int n_kinds, TokenizerKind *kind)
{
    int word = TOKENIZER_GPT2;
    bool special = false;
    if (!options_word(options, "tokenizer", tokenizer_word, n_kinds, &word) || !options_switch(options, "special", &special)) {
        return false;
    }
    if (special && word != TOKENIZER_GPT2) {
        return option_error(options, "special", "only --tokenizer gpt2 has special tokens; leave one out");
    }
    if (options_given(options, "vocab") && word != TOKENIZER_GPT2) {
        return option_error(options, "vocab", "only --tokenizer gpt2 reads a vocabulary; leave one out");
    }
    if (!options_tokenizer_given(options)) {
        AUTO_FREE char *folder = vocabulary_folder(NULL);
        word = vocabulary_found(folder) ? TOKENIZER_GPT2 : TOKENIZER_BYTES;
    }
    *kind = (TokenizerKind)word;
    return true;
}

void options_tokenizer_note(const Options *options, TokenizerKind kind)
{
    AUTO_FREE char *folder = vocabulary_folder(NULL);
    if (kind == TOKENIZER_BYTES && !options_given(options, "tokenizer")) {
        command_note(options, "GPT-2's vocabulary is not in %s ('make vocab' gets it): using bytes as tokens", folder);
    }
}

Tokenizer *options_special(const Options *options, Tokenizer *tokenizer, Error *error)
{
    bool given = tokenizer != NULL && options_has(options, "special") && options_given(options, "special");
    bool on = given && strcmp(options_text(options, "special"), "on") == 0;
    if (on && tokenizer_kind(tokenizer) != TOKENIZER_GPT2) {
        error_set_field(error, "special", "tokenizer %s has no special tokens", tokenizer_name(tokenizer_kind(tokenizer)));
        tokenizer_free(tokenizer);
        return NULL;
    }
    if (given) {
        tokenizer_set_special(tokenizer, on);
    }
    return tokenizer;
}

void options_special_note(const Options *options, const Tokenizer *tokenizer, size_t n)
{
    if (n > 0) {
        command_note(options, "the text has %zu special token%s%s", n, plural((double)n),
                     !tokenizer_special(tokenizer) ? ", which became several ordinary tokens each; --special on makes one id of each"
                     : n == 1                      ? "; --special off makes ordinary text of it"
                                                   : "; --special off makes ordinary text of them");
    }
}

Tokenizer *options_gpt2(const Options *options, Error *error)
{
    AUTO_FREE char *folder = vocabulary_folder(options_text(options, "vocab"));
    if (vocabulary_found(folder)) {
        return options_special(options, tokenizer_gpt2(folder, error), error);
    }
    error_set(error,
              "%s: GPT-2's vocabulary is missing (expected vocab.bpe and encoder.json, or merges.txt and vocab.json, or tokenizer.json); "
              "'make vocab' gets it, --vocab names another folder",
              folder);
    return NULL;
}

Tokenizer *options_tokenizer(const Options *options, TokenizerKind kind, const char *path, Error *error)
{
    if (kind == TOKENIZER_GPT2) {
        return options_gpt2(options, error);
    }
    return kind == TOKENIZER_CHARS ? tokenizer_chars_of(path, error) : tokenizer_bytes();
}

Tokenizer *options_saved_tokenizer(const Options *options, Error *error)
{
    bool own = !options_given(options, "vocab");
    return own ? options_special(options, tokenizer_load(options_text(options, "model"), error), error) : options_gpt2(options, error);
}

Tokenizer *options_model_tokenizer(const Options *options, int vocab_size)
{
    bool saved = options_given(options, "model");
    bool chosen = options_tokenizer_given(options) || vocab_size == GPT2_VOCABULARY;
    TokenizerKind kind = TOKENIZER_BYTES;
    Error error;
    if (!saved && chosen && !options_tokenizer_kind(options, TOKENIZER_CHARS, &kind)) { // those before chars, which has no alphabet
        return NULL;
    }
    Tokenizer *tokenizer = saved ? options_saved_tokenizer(options, &error) : options_tokenizer(options, kind, NULL, &error);
    if (tokenizer == NULL) {
        report_failure(options, &error);
    } else if (tokenizer_vocab_size(tokenizer) > vocab_size) {
        option_error(options, "vocab-size", "%d is too small for the %d tokens of the tokenizer %s", vocab_size, tokenizer_vocab_size(tokenizer),
                     tokenizer_name(tokenizer_kind(tokenizer)));
        tokenizer_free(tokenizer);
        tokenizer = NULL;
    }
    return tokenizer;
}
