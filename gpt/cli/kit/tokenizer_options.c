// tokenizer_options.c: --tokenizer and --vocab: which tokenizer, and from where.

#include "gpt/cli/kit/kit.h"

#include <stdlib.h>

struct poptOption tokenizer_options[] = {
    {"tokenizer", '\0', POPT_ARG_STRING, NULL, OPTION_TOKENIZER,
     "gpt2, bytes or chars (default: gpt2 if its vocabulary is found, else bytes)", "NAME"},
    {"vocab", '\0', POPT_ARG_STRING, NULL, OPTION_VOCAB,
     "where GPT-2's vocabulary is (default: $GPTAPE_DATA, else $XDG_DATA_HOME/gptape, else ~/.local/share/gptape)", "DIR"},
    POPT_TABLEEND,
};

static const char *tokenizer_word(int i)
{
    return tokenizer_name((TokenizerKind)i);
}

static bool is_found(void)
{
    char *folder = vocabulary_folder(NULL);
    bool found = vocabulary_found(folder);

    free(folder);
    return found;
}

bool options_tokenizer_kind(const Options *options, int n_kinds, TokenizerKind *kind)
{
    int word = TOKENIZER_GPT2;

    if (!options_word(options, OPTION_TOKENIZER, NULL, tokenizer_word, n_kinds, &word)) {
        return false;
    }
    if (options_given(options, OPTION_VOCAB)) {
        if (word != TOKENIZER_GPT2) {
            return option_error(options, OPTION_VOCAB, "only --tokenizer gpt2 reads a vocabulary; leave it out");
        }
        *kind = TOKENIZER_GPT2;
        return true;
    }
    if (options_given(options, OPTION_TOKENIZER)) {
        *kind = (TokenizerKind)word;
    } else {
        *kind = is_found() ? TOKENIZER_GPT2 : TOKENIZER_BYTES;
    }
    return true;
}

void options_tokenizer_note(const Options *options, TokenizerKind kind)
{
    char *folder = vocabulary_folder(NULL);

    if (kind == TOKENIZER_BYTES && !options_given(options, OPTION_TOKENIZER)) {
        command_note(options, "GPT-2's vocabulary is not in %s ('make vocab' gets it): going on with bytes as tokens", folder);
    }
    free(folder);
}

Tokenizer *options_gpt2(const Options *options, Error *error)
{
    char *folder = vocabulary_folder(options->values[OPTION_VOCAB]);
    Tokenizer *tokenizer = NULL;

    if (vocabulary_found(folder)) {
        tokenizer = tokenizer_gpt2(folder, error);
    } else {
        error_set(error, "%s: has no vocab.bpe and encoder.json (or merges.txt and vocab.json, or tokenizer.json); 'make vocab' gets them, --vocab "
                  "names another folder", folder);
    }
    free(folder);
    return tokenizer;
}
