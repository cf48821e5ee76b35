// fuzz_text.c: any bytes as a text: as tokens of each kind in data.bin, as a batch, and as stories that the grammar checks.

#include "gpt/stories/stories.h"
#include "gpt/text/text.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <unistd.h>

static void read_batches(const Dataset *dataset, int vocab_size)
{
    enum { B = 2, T = 3 };
    int ids[B * T];
    int targets[B * T];
    Random random;
    Error error;
    if (!dataset_check(dataset, T, &error)) {
        return;
    }
    random_seed(&random, 1);
    dataset_batch(dataset, SPLIT_TRAIN, &random, B, T, ids, targets);
    dataset_eval_batch(dataset, SPLIT_VAL, 0, 1, B, T, ids, targets);
    for (int i = 0; i < B * T; i++) {
        if (ids[i] < 0 || ids[i] >= vocab_size || targets[i] < 0 || targets[i] >= vocab_size) {
            abort();
        }
    }
}

// Takes tokenizer. Twice: the second time the tokens are there.
static void read_dataset(const char *path, Tokenizer *tokenizer)
{
    Error error;
    char tokens[256];
    for (int i = 0; i < 2 && tokenizer != NULL; i++) {
        Dataset *dataset = dataset_open(path, tokenizer, fuzz_folder(), NULL, NULL, &error);
        if (dataset != NULL) {
            read_batches(dataset, tokenizer_vocab_size(tokenizer));
        }
        dataset_free(dataset);
    }
    tokenizer_free(tokenizer);
    snprintf(tokens, sizeof tokens, "%s/data.bin", fuzz_folder());
    unlink(tokens);
}

static void count_fault(const char *sentence, size_t n, void *context)
{
    size_t *bytes = context;
    for (size_t i = 0; i < n; i++) {
        *bytes += (unsigned char)sentence[i] != 0;
    }
}

static void check_stories(const uint8_t *data, size_t n)
{
    static Stories *stories; // made once: the grammar is large
    size_t bytes = 0;
    stories = stories == NULL ? stories_create() : stories;
    StoryCount count = stories_check(stories, (const char *)data, n, count_fault, &bytes);
    if (count.well_formed > count.sentences || count.whole > count.stories || bytes > n) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char path[256];
    Error error;
    fuzz_file("text", data, n);
    snprintf(path, sizeof path, "%s/text", fuzz_folder());
    read_dataset(path, tokenizer_bytes());
    read_dataset(path, tokenizer_chars_of(path, &error));
    check_stories(data, n);
    return 0;
}
