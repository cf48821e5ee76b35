// test_bpe.c: GPT-2's merges: published ids, and the algorithm as it was published.

#include "tests/golden/tokenizer.h"
#include "tests/gpt/text/text_test.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

// GPT-2's tokenizer, or NULL and a line that a test was skipped.
static Tokenizer *published(const char *function)
{
    Error error = {0};
    char *folder = vocabulary_folder(NULL);
    Tokenizer *tokenizer = NULL;
    if (vocabulary_found(folder)) {
        tokenizer = tokenizer_gpt2(folder, &error);
        ck_assert_msg(tokenizer != NULL, "%s", error.message);
    } else {
        skip(function, "GPT-2's vocabulary is not here; 'make vocab' gets it");
    }
    free(folder);
    return tokenizer;
}

// ------------------------------------------------------------------------------------------------------------
// GPT-2's

START_TEST(gpt2_gives_the_published_ids)
{
    Tokenizer *tokenizer = published(__func__);
    for (int i = 0; tokenizer != NULL && i < GOLDEN_TEXTS; i++) {
        const GoldenText *golden = &golden_texts[i];
        assert_ids(tokenizer, golden->text, strlen(golden->text), golden->ids, golden->n_ids);
        assert_comes_back(tokenizer, golden->text, strlen(golden->text));
    }
    tokenizer_free(tokenizer);
}
END_TEST

START_TEST(gpt2_has_the_published_size)
{
    Tokenizer *tokenizer = published(__func__);
    if (tokenizer == NULL) {
        return;
    }
    size_t n = 0;
    ck_assert_int_eq(tokenizer_vocab_size(tokenizer), 50257);
    ck_assert_int_eq(tokenizer_kind(tokenizer), TOKENIZER_GPT2);
    const char *last = tokenizer_token(tokenizer, 50256, &n);
    ck_assert_uint_eq(n, strlen("<|endoftext|>"));
    ck_assert_mem_eq(last, "<|endoftext|>", n);
    ck_assert_ptr_null(tokenizer_token(tokenizer, 50257, &n));
    ck_assert_ptr_null(tokenizer_token(tokenizer, -1, &n));
    tokenizer_free(tokenizer);
}
END_TEST

START_TEST(merges_go_by_rank)
{
    Tokenizer *tokenizer = small_gpt2();
    assert_text_ids(tokenizer, "hello", 259);
    assert_text_ids(tokenizer, "hello hello", 259, 261);
    assert_text_ids(tokenizer, "hell", 258);
    assert_text_ids(tokenizer, "shell", 's', 258);
    assert_text_ids(tokenizer, "el", 'e', 'l');
    assert_text_ids(tokenizer, "a", 'a');
    assert_text_ids(tokenizer, "aaa", 262, 'a'); // the leftmost of equal rank first
    assert_text_ids(tokenizer, "aaaaa", 263, 'a');
    assert_text_ids(tokenizer, "aaab", 262, 264);
    assert_text_ids(tokenizer, "aab", 262, 'b'); // a a comes before a b
    assert_text_ids(tokenizer, "aaaaaab", 263, 262, 'b');
    assert_text_ids(tokenizer, "é", 265);
    assert_text_ids(tokenizer, "<|end|>", '<', '|', 'e', 'n', 'd', '|', '>');
    assert_ids(tokenizer, "", 0, NULL, 0);
    tokenizer_free(tokenizer);
}
END_TEST

START_TEST(any_bytes_round_trip)
{
    enum { LONGEST = 20000 };
    static char bytes[LONGEST];
    Tokenizer *tokenizers[] = {small_gpt2(), tokenizer_bytes(), published(__func__)};
    Random random = seeded(5);
    for (int i = 0; i < LONGEST; i++) {
        bytes[i] = (char)(random_bits(&random) >> 8);
    }
    for (int t = 0; t < 3; t++) {
        for (size_t n = 0; tokenizers[t] != NULL && n <= LONGEST; n = n < 300 ? n + 1 : 3 * n) {
            assert_comes_back(tokenizers[t], bytes, n);
        }
        tokenizer_free(tokenizers[t]);
    }
}
END_TEST

START_TEST(each_byte_round_trips)
{
    Tokenizer *tokenizers[] = {small_gpt2(), tokenizer_bytes(), published(__func__)};
    for (int t = 0; t < 3; t++) {
        for (int byte = 0; tokenizers[t] != NULL && byte < 256; byte++) {
            char bytes[] = {(char)byte, 'a', (char)byte, (char)byte, ' ', (char)byte};
            assert_comes_back(tokenizers[t], bytes, 1);
            assert_comes_back(tokenizers[t], bytes, 2);
            assert_comes_back(tokenizers[t], bytes, sizeof bytes);
        }
        tokenizer_free(tokenizers[t]);
    }
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Against the algorithm as it was published: of all neighbors find the pair of lowest rank, merge it wherever it is, again

static size_t encode_slowly(const Bpe *bpe, const char *piece, size_t n, int *ids)
{
    for (size_t i = 0; i < n; i++) {
        ids[i] = bpe->byte_id[(unsigned char)piece[i]];
    }
    for (;;) {
        const Merge *best = NULL;
        for (size_t i = 0; i + 1 < n; i++) {
            const Merge *merge = bpe_find(bpe, ids[i], ids[i + 1]);
            if (merge != NULL && (best == NULL || merge->rank < best->rank)) {
                best = merge;
            }
        }
        if (best == NULL) {
            return n;
        }
        size_t kept = 0;
        for (size_t i = 0; i < n; i++) {
            bool pair = i + 1 < n && ids[i] == best->left && ids[i + 1] == best->right;
            ids[kept] = pair ? best->id : ids[i];
            kept++;
            i += pair;
        }
        n = kept;
    }
}

enum { RANDOM_MERGES = 60, LONGEST_TOKEN = 12 };

// Merges of tokens made of a, b and c, in an order that each could have been learnt in.
static Bpe random_merges(Random *random)
{
    Bpe bpe;
    Tokens tokens;
    char both[2 * LONGEST_TOKEN];
    tokens_init(&tokens, 256 + RANDOM_MERGES, 256 + RANDOM_MERGES * LONGEST_TOKEN);
    bpe_init(&bpe, RANDOM_MERGES);
    for (int byte = 0; byte < 256; byte++) {
        char bytes[] = {(char)byte};
        bpe.byte_id[byte] = byte;
        tokens_add(&tokens, bytes, 1);
    }
    while (bpe.n < RANDOM_MERGES) {
        int pick[2];
        size_t n = 0;
        for (int i = 0; i < 2; i++) {
            int of = (int)(random_bits(random) % (uint32_t)(3 + bpe.n));
            size_t length;
            pick[i] = of < 3 ? 'a' + of : 256 + of - 3;
            const char *token = tokens_get(&tokens, pick[i], &length);
            memcpy(both + n, token, length);
            n += length;
        }
        if (n <= LONGEST_TOKEN && tokens_find(&tokens, both, n) < 0) {
            tokens_add(&tokens, both, n);
            ck_assert(bpe_add(&bpe, pick[0], pick[1], tokens.n - 1));
        }
    }
    tokens_free(&tokens);
    return bpe;
}

START_TEST(it_merges_as_published)
{
    enum { LONGEST = 200, TEXTS = 200 };
    char text[LONGEST];
    int ids[LONGEST];
    int expected[LONGEST];
    Random random = seeded((uint64_t)_i);
    Bpe bpe = random_merges(&random);
    BpeWork *work = bpe_work_create();
    for (int t = 0; t < TEXTS; t++) {
        size_t n = random_bits(&random) % LONGEST;
        for (size_t i = 0; i < n; i++) {
            text[i] = (char)('a' + random_bits(&random) % 3);
        }
        size_t n_expected = encode_slowly(&bpe, text, n, expected);
        size_t n_ids = bpe_encode(&bpe, work, text, n, ids);
        if (n_ids != n_expected || memcmp(ids, expected, n_ids * sizeof *ids) != 0) {
            ck_abort_msg("%.*s: %zu ids, and %zu expected, or others", (int)n, text, n_ids, n_expected);
        }
    }
    bpe_work_free(work);
    bpe_free(&bpe);
}
END_TEST

// Steps for a single word of n letters.
static double steps_of_word(const Bpe *bpe, size_t n, unsigned letters)
{
    Random random;
    char *text = malloc(n);
    int *ids = malloc(n * sizeof *ids);
    BpeWork *work = bpe_work_create();
    random_seed(&random, 1);
    for (size_t i = 0; i < n; i++) {
        text[i] = (char)('a' + random_bits(&random) % letters);
    }
    bpe_encode(bpe, work, text, n, ids);
    double steps = (double)bpe_work_steps(work);
    bpe_work_free(work);
    free(ids);
    free(text);
    return steps;
}

// A word of a million letters: n log n steps, of which log n is 20, not n^2.
START_TEST(a_long_word_is_not_quadratic)
{
    enum { N = 1 << 20 };
    Random random = seeded(3);
    Bpe bpe = random_merges(&random);
    for (unsigned letters = 1; letters <= 3; letters++) {
        double steps = steps_of_word(&bpe, N, letters);
        ck_assert_double_ge(steps, N); // it counts
        ck_assert_double_le(steps, 60.0 * N);
        ck_assert_double_le(steps, 2.5 * steps_of_word(&bpe, N / 2, letters));
    }
    bpe_free(&bpe);
}
END_TEST

START_TEST(a_long_text_of_any_kind_round_trips)
{
    enum { N = 1 << 20 };
    static const char *const patterns[] = {"a", " ", "\n ", "1", "\xff", "\xe2\x82", "a\xff", "'s", "hello ", "\xe2\x82\xac", "-"};
    Tokenizer *tokenizer = small_gpt2();
    char *text = malloc(N);
    for (size_t p = 0; p < sizeof patterns / sizeof patterns[0]; p++) {
        for (size_t i = 0; i < N; i++) {
            text[i] = patterns[p][i % strlen(patterns[p])];
        }
        assert_comes_back(tokenizer, text, N);
    }
    free(text);
    tokenizer_free(tokenizer);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bpe");
    TCase *tcase = case_create(suite, "tokenizer");
    tcase_add_checked_fixture(tcase, folder_enter, folder_leave);
    tcase_add_test(tcase, gpt2_gives_the_published_ids);
    tcase_add_test(tcase, gpt2_has_the_published_size);
    tcase_add_test(tcase, merges_go_by_rank);
    tcase_add_test(tcase, any_bytes_round_trip);
    tcase_add_test(tcase, each_byte_round_trips);
    tcase_add_loop_test(tcase, it_merges_as_published, 0, 20);
    tcase_add_test(tcase, a_long_word_is_not_quadratic);
    tcase_add_test(tcase, a_long_text_of_any_kind_round_trips);
    return suite_run(suite);
}
