// sample.c: samples of a model in training.

#include "gpt/base/base.h"
#include "gpt/train/train.h"

#include <stdlib.h>
#include <string.h>

// The prompt: an empty line, or token 0 if the tokenizer has none. The caller frees it.
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

// Keeps only the tokenizer's ids: a model's vocabulary may be rounded up. Returns their number.
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

// Makes B samples at once, in ids (B, n_prompt + n_new) with the prompt in the first row.
static bool sample_together(Trainer *trainer, const GenerateConfig *config, int B, Random *random, int *ids, int n_prompt, char **texts, size_t *n,
                            Error *error)
{
    AUTO_FREE int *made = memory_allocate((size_t)B * sizeof *made, "the tokens");
    bool written = gpt_generate_samples(trainer->gpt, config, B, random, ids, n_prompt, made, error);
    for (int b = 0; b < B && written; b++) {
        int *sample = ids + (size_t)b * (size_t)(n_prompt + config->n_new) + n_prompt;
        size_t n_known = keep_known(trainer->setup.tokenizer, sample, made[b]);
        written = tokenizer_decode(trainer->setup.tokenizer, sample, n_known, &texts[b], &n[b], error);
    }
    return written;
}

bool trainer_samples(Trainer *trainer, int count, int n_new, Random *random, char **texts, size_t *n, Error *error)
{
    REQUIRE(trainer, random, texts, n);
    size_t n_prompt;
    AUTO_FREE int *prompt = beginning(trainer->setup.tokenizer, &n_prompt);
    GenerateConfig config = GENERATE_DEFAULTS;
    config.n_new = n_new;
    config.temperature = TRAIN_TEMPERATURE;
    int together = gpt_generate_batch_size(&trainer->gpt->config, &config, count, (int)n_prompt);
    AUTO_FREE int *ids = memory_allocate((size_t)together * (n_prompt + (size_t)n_new) * sizeof *ids, "the tokens");
    memcpy(ids, prompt, n_prompt * sizeof *ids);
    bool written = true;
    memset(texts, 0, (size_t)count * sizeof *texts);
    for (int i = 0; i < count && written; i += together) {
        int B = count - i < together ? count - i : together;
        written = sample_together(trainer, &config, B, random, ids, (int)n_prompt, texts + i, n + i, error);
    }
    for (int i = 0; i < count && !written; i++) {
        free(texts[i]);
    }
    return written;
}
