// train_sample.c: what a model that learns writes.

#include "gpt/gpt.h"

#include <stdlib.h>
#include <string.h>

// An empty line, as between two paragraphs; the first token of all where the tokenizer has no such thing. The caller frees it.
static int *beginning(const Tokenizer *tokenizer, size_t *n)
{
    int *ids;
    Error error;
    if (!tokenizer_encode(tokenizer, "\n\n", 2, &ids, n, &error)) {
        ids = memory_allocate_zeroed(1, sizeof *ids, "the tokens");
        *n = 1;
    }
    return ids;
}

// Only ids that the tokenizer has: a model's vocabulary may be rounded up. Returns how many are left.
static size_t keep_known(const Tokenizer *tokenizer, int *ids, int n)
{
    size_t kept = 0;
    for (int i = 0; i < n; i++) {
        if (ids[i] < tokenizer_vocab_size(tokenizer)) {
            ids[kept] = ids[i];
            kept++;
        }
    }
    return kept;
}

bool trainer_sample(Trainer *trainer, int n_new, double temperature, Random *random, char **text, size_t *n, Error *error)
{
    size_t n_prompt;
    int *prompt = beginning(trainer->setup.tokenizer, &n_prompt);
    int *ids = memory_allocate((n_prompt + (size_t)n_new) * sizeof *ids, "the tokens");
    memcpy(ids, prompt, n_prompt * sizeof *ids);
    free(prompt);
    GenerateConfig config = GENERATE_DEFAULTS;
    config.n_new = n_new;
    config.temperature = temperature;
    int n_written = gpt_generate(trainer->gpt, &config, random, ids, (int)n_prompt, error);
    bool written = n_written >= 0;
    if (written) {
        size_t n_known = keep_known(trainer->setup.tokenizer, ids + n_prompt, n_written);
        written = tokenizer_decode(trainer->setup.tokenizer, ids + n_prompt, n_known, text, n, error);
    }
    free(ids);
    return written;
}
