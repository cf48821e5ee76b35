// text_test.h: texts, tokenizers and data sets, in the folder of the running test.

#ifndef GPTAPE_TESTS_TEXT_TEST_H
#define GPTAPE_TESTS_TEXT_TEST_H

#include "gpt/base/base.h"
#include "gpt/text/encoding.h"
#include "tests/support/folder.h"
#include "tests/support/suite.h"
#include "tests/support/vocabulary.h"

#include <stdlib.h>
#include <string.h>

static inline Tokenizer *small_gpt2(void)
{
    Error error = {0};
    vocabulary_write();
    Tokenizer *tokenizer = tokenizer_gpt2(".", &error);
    ck_assert_msg(tokenizer != NULL, "%s", error.message);
    return tokenizer;
}

static inline Tokenizer *chars_of(const char *path)
{
    Error error = {0};
    Tokenizer *tokenizer = tokenizer_chars_of(path, &error);
    ck_assert_msg(tokenizer != NULL, "%s", error.message);
    return tokenizer;
}

static inline Dataset *opened(const char *path, const Tokenizer *tokenizer, const char *folder)
{
    Error error = {0};
    Dataset *dataset = dataset_open(path, tokenizer, folder, NULL, NULL, &error);
    ck_assert_msg(dataset != NULL, "%s", error.message);
    return dataset;
}

static inline int token_at(const Dataset *dataset, size_t i)
{
    int id;
    dataset_ids(dataset, i, 1, &id);
    return id;
}

// The data set has the ids that the text gives when it is encoded as a whole.
static inline void assert_tokens_of(const Dataset *dataset, const Tokenizer *tokenizer, const char *text, size_t n)
{
    Error error = {0};
    int *ids;
    size_t n_ids;
    ck_assert_msg(tokenizer_encode(tokenizer, text, n, &ids, &n_ids, &error), "%s", error.message);
    ck_assert_uint_eq(dataset->n_tokens, n_ids);
    int *kept = malloc((n_ids + 1) * sizeof *kept);
    dataset_ids(dataset, 0, n_ids, kept);
    for (size_t i = 0; i < n_ids; i++) {
        ck_assert_msg(kept[i] == ids[i], "id %zu is %d, not %d", i, kept[i], ids[i]);
    }
    free(kept);
    free(ids);
}

// Characters at which GPT-2's pattern is hard to cut: several spaces, lines, contractions, and spaces of more than one byte.
static const char *const hard[] = {" ",      " ",      "\n",         "\t",   "'",    "s",     "l",      "v",      "e",      "t",      "1",
                                   "2",      "!",      "-",          "h",    "ell",  "o",     "\u00e9", "\u4e2d", "\u00a0", "\u3000", "\u2003",
                                   "\u0301", "\u0664", "\U0001f600", "\r\n", "    ", "hello", "'ll",    "'re",    "\u2028"};

enum { HARD_COUNT = sizeof hard / sizeof hard[0] };

static inline size_t hard_text(Random *random, char *text, size_t most)
{
    size_t n = 0;
    text[0] = '\0';
    while (n + 8 < most) {
        const char *next = hard[random_bits(random) % HARD_COUNT];
        int times = random_bits(random) % 8 == 0 ? 1 + (int)(random_bits(random) % 20) : 1;
        for (int i = 0; i < times && n + 8 < most; i++) {
            strcpy(text + n, next);
            n += strlen(next);
        }
    }
    return n;
}

enum { LONG_BYTES = 3000000 };

// A text of several of the reader's parts, in a file; n bytes. The caller frees it.
static inline char *long_file(const char *path, size_t *n)
{
    Random random;
    char *text = malloc(LONG_BYTES);
    random_seed(&random, 6);
    *n = hard_text(&random, text, LONG_BYTES);
    file_write(path, text, *n);
    return text;
}

static const char letters[] = "To be, or not to be, that is the question: Whether 'tis nobler in the mind to suffer\n";

static inline void assert_not_opened(const char *path, const Tokenizer *tokenizer, const char *folder, const char *expected)
{
    Error error = {0};
    Dataset *dataset = dataset_open(path, tokenizer, folder, NULL, NULL, &error);
    ck_assert_msg(dataset == NULL, "it was opened, and not told: %s", expected);
    ck_assert_msg(strstr(error.message, expected) != NULL, "\"%s\" is not in: %s", expected, error.message);
    ck_assert_msg(strchr(error.message, '\n') == NULL, "more than a line: %s", error.message);
}

static inline void assert_ids(const Tokenizer *tokenizer, const char *text, size_t n, const int *expected, size_t n_expected)
{
    Error error = {0};
    int *ids;
    size_t n_ids;
    ck_assert_msg(tokenizer_encode(tokenizer, text, n, &ids, &n_ids, &error), "%s", error.message);
    ck_assert_msg(n_ids == n_expected, "\"%s\": %zu ids, not %zu", text, n_ids, n_expected);
    for (size_t i = 0; i < n_ids; i++) {
        ck_assert_msg(ids[i] == expected[i], "\"%s\": id %zu is %d, not %d", text, i, ids[i], expected[i]);
    }
    free(ids);
}

#define assert_text_ids(tokenizer, text, ...) \
    assert_ids(tokenizer, text, sizeof text - 1, (int[]){__VA_ARGS__}, sizeof((int[]){__VA_ARGS__}) / sizeof(int))

static inline void assert_comes_back(const Tokenizer *tokenizer, const char *text, size_t n)
{
    Error error = {0};
    int *ids;
    size_t n_ids;
    char *back;
    size_t n_back;
    ck_assert_msg(tokenizer_encode(tokenizer, text, n, &ids, &n_ids, &error), "%s", error.message);
    ck_assert_uint_le(n_ids, n);
    ck_assert_msg(tokenizer_decode(tokenizer, ids, n_ids, &back, &n_back, &error), "%s", error.message);
    if (n_back != n || memcmp(back, text, n) != 0) {
        ck_abort_msg("%zu bytes went in, %zu others came back", n, n_back);
    }
    ck_assert_int_eq(back[n], '\0');
    free(back);
    free(ids);
}

#endif
