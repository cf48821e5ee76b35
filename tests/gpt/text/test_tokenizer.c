// test_tokenizer.c: text to ids and back: GPT-2's published ids, losslessness, and the work it takes.
//
// Most of it runs on a small vocabulary made by hand; what needs GPT-2's own says so where that is not here.

#include "gpt/text/encoding.h"
#include "tests/golden/tokenizer.h"
#include "tests/support/folder.h"
#include "tests/support/suite.h"
#include "tests/support/vocabulary.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

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

static Tokenizer *small(void)
{
    Error error = {0};
    vocabulary_write();
    Tokenizer *tokenizer = tokenizer_gpt2(".", &error);
    ck_assert_msg(tokenizer != NULL, "%s", error.message);
    return tokenizer;
}

static Tokenizer *chars_of(const char *text)
{
    Error error = {0};
    Tokenizer *tokenizer = tokenizer_chars(text, strlen(text), &error);
    ck_assert_msg(tokenizer != NULL, "%s", error.message);
    return tokenizer;
}

static void assert_ids(const Tokenizer *tokenizer, const char *text, size_t n, const int *expected, size_t n_expected)
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

static void assert_comes_back(const Tokenizer *tokenizer, const char *text, size_t n)
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
    Tokenizer *tokenizer = small();
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
    Tokenizer *tokenizers[] = {small(), tokenizer_bytes(), published(__func__)};
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
    Tokenizer *tokenizers[] = {small(), tokenizer_bytes(), published(__func__)};
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
        if (n <= LONGEST_TOKEN && tokens_add(&tokens, both, n)) {
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
    Tokenizer *tokenizer = small();
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

// ------------------------------------------------------------------------------------------------------------
// The split

typedef struct SplitCase {
    const char *text;
    const char *pieces; // with | between them
} SplitCase;

static const SplitCase split_cases[] = {
    {"", ""},
    {"a", "a"},
    {"Hello, I am", "Hello|,| I| am"},
    {"I'll we're don't 'D 'd", "I|'ll| we|'re| don|'t| '|D| '|d"},
    {"  two  spaces ", " | two| | spaces| "},
    {"a\n\n\nb", "a|\n\n|\n|b"},
    {"a\n\n", "a|\n\n"},
    {" \n a", " \n| a"},
    {"x1y22", "x|1|y|22"},
    {"a-- b", "a|--| b"},
    {" !!", " !!"},
    {"caf\xc3\xa9s \xd0\xbc\xd0\xb8\xd1\x80", "caf\xc3\xa9s| \xd0\xbc\xd0\xb8\xd1\x80"},
    {"\xe2\x85\xa7\xc2\xb2", "\xe2\x85\xa7\xc2\xb2"}, // Roman eight, superscript two: \p{N}
    {"a\xcc\x81", "a|\xcc\x81"},                      // a combining mark is no letter
    {"a\xc2\xa0"
     "b",
     "a|\xc2\xa0|b"},                                           // no-break space is a space
    {".\xc2\x85.\xe3\x80\x80.", ".|\xc2\x85|.|\xe3\x80\x80|."}, // so are U+0085 and U+3000
    {".\xe1\xa0\x8e.", ".\xe1\xa0\x8e."},                       // U+180E is not
    {".\x1c.", ".\x1c."},                                       // nor is U+001C
    {"a\xff\xfe"
     "b",
     "a|\xff\xfe|b"}, // what is no UTF-8 is a piece
    {"\x80", "\x80"},
    {"a \xc3 b", "a| |\xc3| b"},
    {"  \xff", "  |\xff"},
    {"a\xe2\x82", "a|\xe2\x82"},      // cut off
    {"\xed\xa0\x80", "\xed\xa0\x80"}, // half of a UTF-16 pair
};

enum { SPLIT_CASES = sizeof split_cases / sizeof split_cases[0] };

static void join_piece(const char *piece, size_t n, void *context)
{
    char *joined = context;
    ck_assert_uint_gt(n, 0);
    if (joined[0] != '\0') {
        strcat(joined, "|");
    }
    strncat(joined, piece, n);
}

START_TEST(text_is_split_as_published)
{
    Error error = {0};
    char joined[100] = "";
    Pattern *split = pre_tokenizer_create(&error);
    const char *text = split_cases[_i].text;
    ck_assert_msg(split != NULL, "%s", error.message);
    size_t n_split;
    ck_assert_msg(pre_tokenizer_split(split, text, strlen(text), true, join_piece, joined, &n_split, &error), "%s", error.message);
    ck_assert_uint_eq(n_split, strlen(text));
    ck_assert_str_eq(joined, split_cases[_i].pieces);
    pcre2_code_free(split);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Bytes and characters

START_TEST(bytes_are_their_own_ids)
{
    Tokenizer *tokenizer = tokenizer_bytes();
    assert_text_ids(tokenizer, "Hello\xff", 72, 101, 108, 108, 111, 255);
    ck_assert_int_eq(tokenizer_vocab_size(tokenizer), 256);
    tokenizer_free(tokenizer);
}
END_TEST

START_TEST(characters_are_places_in_the_alphabet)
{
    Tokenizer *tokenizer = chars_of("Hello, \xe2\x82\xac\xc3\xa9\xf0\x9f\x91\xa7");
    size_t n;
    ck_assert_int_eq(tokenizer_vocab_size(tokenizer), 9); // space , H e l o é € and a girl
    assert_text_ids(tokenizer, "Hello", 2, 3, 4, 4, 5);
    assert_text_ids(tokenizer, "\xf0\x9f\x91\xa7\xe2\x82\xac\xc3\xa9 ,", 8, 7, 6, 0, 1);
    ck_assert_int_eq(memcmp(tokenizer_token(tokenizer, 7, &n), "\xe2\x82\xac", 3), 0);
    ck_assert_uint_eq(n, 3);
    assert_comes_back(tokenizer, "leo \xf0\x9f\x91\xa7", 8);
    tokenizer_free(tokenizer);
}
END_TEST

START_TEST(characters_outside_are_reported)
{
    Error error = {0};
    int *ids;
    size_t n_ids;
    Tokenizer *tokenizer = chars_of("abc");
    ck_assert(!tokenizer_encode(tokenizer, "ab\xc3\xa9", 4, &ids, &n_ids, &error));
    ck_assert_str_eq(error.message, "the text's character '\xc3\xa9' after 2 bytes is not in the alphabet of 3: abc");
    ck_assert_ptr_null(ids);
    tokenizer_free(tokenizer);
    ck_assert_ptr_null(tokenizer_chars("ab\xff", 3, &error));
    ck_assert_str_eq(error.message, "the text is not UTF-8: byte 0xff at 2");
}
END_TEST

START_TEST(ids_outside_are_reported)
{
    Error error = {0};
    char *text;
    size_t n;
    Tokenizer *tokenizer = tokenizer_bytes();
    ck_assert(!tokenizer_decode(tokenizer, (int[]){1, 256}, 2, &text, &n, &error));
    ck_assert_str_eq(error.message, "id 256 is out of range; the vocabulary has 0 to 255");
    ck_assert_ptr_null(text);
    ck_assert(!tokenizer_decode(tokenizer, (int[]){-1}, 1, &text, &n, &error));
    ck_assert_str_eq(error.message, "id -1 is out of range; the vocabulary has 0 to 255");
    tokenizer_free(tokenizer);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// UTF-8

START_TEST(every_code_point_is_written_and_read)
{
    for (int code = 0; code < 0x110000; code++) {
        char bytes[4];
        int length = utf8_write(code, bytes);
        int back = -1;
        bool pair = code >= 0xd800 && code < 0xe000; // halves of UTF-16 pairs
        int read = utf8_read(bytes, (size_t)length, &back);
        if (pair ? read != UTF8_BAD : read != length || back != code) {
            ck_abort_msg("U+%04X: read %d of %d bytes, U+%04X", (unsigned)code, read, length, (unsigned)back);
        }
        for (int cut = 0; !pair && cut < length; cut++) {
            if (utf8_read(bytes, (size_t)cut, &back) != UTF8_CUT) {
                ck_abort_msg("U+%04X: its first %d bytes are not read as cut off", (unsigned)code, cut);
            }
        }
    }
}
END_TEST

static const char *const no_utf8[] = {
    "\x80", "\xbf",  "\xc0\x80",  "\xc1\xbf",  "\xe0\x9f\xbf",  "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
    "\xff", "\xc3(", "\xe2\x82(", "\xe2(\x82", "\xf0\x9f\x91(", "\xc3\xc3",
};

START_TEST(invalid_utf8_is_not_read)
{
    int code;
    ck_assert_int_eq(utf8_read(no_utf8[_i], strlen(no_utf8[_i]), &code), UTF8_BAD);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tokenizer");
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
    tcase_add_loop_test(tcase, text_is_split_as_published, 0, SPLIT_CASES);
    tcase_add_test(tcase, bytes_are_their_own_ids);
    tcase_add_test(tcase, characters_are_places_in_the_alphabet);
    tcase_add_test(tcase, characters_outside_are_reported);
    tcase_add_test(tcase, ids_outside_are_reported);
    tcase_add_test(tcase, every_code_point_is_written_and_read);
    tcase_add_loop_test(tcase, invalid_utf8_is_not_read, 0, sizeof no_utf8 / sizeof no_utf8[0]);
    return suite_run(suite);
}
