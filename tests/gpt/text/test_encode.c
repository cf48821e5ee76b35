// test_encode.c: a text encoded in parts gives the ids of the whole text, at any length; input that is not text is refused.

#include "tests/gpt/text/text_test.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

// ------------------------------------------------------------------------------------------------------------
// Parts and the whole

// The end of the longest part from `at` on that is not longer than most, and of whole characters.
static size_t part_end(const char *text, size_t n, size_t at, size_t most)
{
    size_t end = at + most < n ? at + most : n;
    while (end < n && (text[end] & 0xc0) == 0x80) {
        end--;
    }
    return end;
}

// Encodes a text in parts of at most that many bytes, longer where nothing in them is certain. The caller frees the ids.
static int *encode_in_parts(const Tokenizer *tokenizer, const char *text, size_t n, size_t most, size_t *n_ids)
{
    Error error = {0};
    int *ids = malloc((n + 1) * sizeof *ids);
    size_t at = 0;
    size_t longer = most;
    *n_ids = 0;
    while (at < n) {
        size_t end = part_end(text, n, at, longer);
        size_t n_part;
        size_t n_encoded;
        TextPart part = {.text = text + at, .n = end - at, .offset = at, .ends = end == n};
        ck_assert_msg(tokenizer_encode_part(tokenizer, part, ids + *n_ids, &n_part, &n_encoded, NULL, &error), "%s", error.message);
        ck_assert(n_encoded <= part.n && (!part.ends || n_encoded == part.n));
        *n_ids += n_part;
        at += n_encoded;
        longer = n_encoded == 0 ? 2 * longer : most;
    }
    return ids;
}

static void assert_parts_are_the_whole(const Tokenizer *tokenizer, const char *text, size_t n, size_t most)
{
    Error error = {0};
    int *whole;
    size_t n_whole;
    size_t n_parts;
    ck_assert_msg(tokenizer_encode(tokenizer, text, n, &whole, &n_whole, &error), "%s", error.message);
    int *parts = encode_in_parts(tokenizer, text, n, most, &n_parts);
    ck_assert_msg(n_parts == n_whole && memcmp(parts, whole, n_whole * sizeof *whole) == 0,
                  "parts of %zu bytes: other ids than of the whole: \"%s\"", most, text);
    free(parts);
    free(whole);
}

START_TEST(parts_give_the_ids_of_the_whole)
{
    enum { TEXTS = 300, BYTES = 400 };
    char text[BYTES];
    Tokenizer *tokenizer = small_gpt2();
    Random random = seeded(5);
    for (int i = 0; i < TEXTS; i++) {
        size_t n = hard_text(&random, text, BYTES);
        for (size_t most = 4; most < 80; most += 1 + most / 8) {
            assert_parts_are_the_whole(tokenizer, text, n, most);
        }
    }
    tokenizer_free(tokenizer);
}
END_TEST

// Where a part ends within what follows, one by one.
START_TEST(parts_end_anywhere)
{
    static const char *const texts[] = {
        "hello hello'll hello're 've 's't",
        "                                        hello",
        "hello\n\n\n\n   \n \n hello \n",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "''''''''''''''''''''''''s",
        "!'s!'s!''ll",
        "\u00a0\u00a0hello\u00a0 \u3000\u3000 \u00e9\u00e9 \u4e2d\u4e2d\u4e2d\u4e2d\u3002\u4e2d\u4e2d",
    };
    Tokenizer *tokenizer = small_gpt2();
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        for (size_t most = 4; most <= strlen(texts[i]); most++) {
            assert_parts_are_the_whole(tokenizer, texts[i], strlen(texts[i]), most);
        }
    }
    tokenizer_free(tokenizer);
}
END_TEST

START_TEST(a_long_file_is_read_as_the_whole)
{
    size_t n;
    char *text = long_file("long.txt", &n);
    Tokenizer *tokenizers[] = {small_gpt2(), tokenizer_bytes(), chars_of("long.txt")};
    Dataset *dataset = opened("long.txt", tokenizers[_i], NULL);
    assert_tokens_of(dataset, tokenizers[_i], text, n);
    ck_assert_str_eq(dataset->name, "long.txt");
    dataset_free(dataset);
    for (int i = 0; i < 3; i++) {
        tokenizer_free(tokenizers[i]);
    }
    free(text);
}
END_TEST

// Characters of two, three and four bytes lie across every border between parts, wherever it is.
START_TEST(characters_lie_across_parts)
{
    static const char *const characters[] = {"\u00e9", "\u4e2d", "\U0001f600"};
    size_t length = strlen(characters[_i]);
    size_t n = 0;
    char *text = malloc(LONG_BYTES);
    while (n + 8 < LONG_BYTES) {
        strcpy(text + n, characters[_i]);
        n += length;
        n += n % 999 < length ? (size_t)sprintf(text + n, " ") : 0;
    }
    file_write("characters.txt", text, n);
    Tokenizer *tokenizers[] = {small_gpt2(), chars_of("characters.txt")};
    for (int i = 0; i < 2; i++) {
        Dataset *dataset = opened("characters.txt", tokenizers[i], NULL);
        assert_tokens_of(dataset, tokenizers[i], text, n);
        dataset_free(dataset);
        tokenizer_free(tokenizers[i]);
    }
    free(text);
}
END_TEST

// A word longer than a part makes the part longer.
START_TEST(a_long_word_is_one_piece)
{
    size_t n = LONG_BYTES;
    char *text = malloc(n);
    memset(text, 'a', n);
    memcpy(text + n - 6, " hello", 6);
    file_write("word.txt", text, n);
    Tokenizer *tokenizer = small_gpt2();
    Dataset *dataset = opened("word.txt", tokenizer, NULL);
    assert_tokens_of(dataset, tokenizer, text, n);
    dataset_free(dataset);
    tokenizer_free(tokenizer);
    free(text);
}
END_TEST

START_TEST(an_alphabet_is_of_the_whole_file)
{
    size_t n;
    Error error = {0};
    char *text = long_file("long.txt", &n);
    strcpy(text + n, "\u2603"); // only at the end: there is room
    n += strlen("\u2603");
    file_write("long.txt", text, n);
    Tokenizer *streamed = chars_of("long.txt");
    Tokenizer *whole = tokenizer_chars(text, n, &error);
    ck_assert_uint_eq(tokenizer_fingerprint(streamed), tokenizer_fingerprint(whole));
    ck_assert_int_eq(tokenizer_vocab_size(streamed), tokenizer_vocab_size(whole));
    tokenizer_free(streamed);
    tokenizer_free(whole);
    free(text);
}
END_TEST

// Ids of more than 65,535 need four bytes.
START_TEST(many_characters_have_wide_ids)
{
    enum { FIRST = 0x10000, COUNT = 70000 };
    char *text = malloc(4 * COUNT);
    size_t n = 0;
    for (int code = FIRST; code < FIRST + COUNT; code++) {
        n += (size_t)utf8_write(code, text + n);
    }
    file_write("wide.txt", text, n);
    Tokenizer *tokenizer = chars_of("wide.txt");
    Dataset *dataset = opened("wide.txt", tokenizer, ".");
    ck_assert_int_eq(dataset->id_bytes, 4);
    assert_tokens_of(dataset, tokenizer, text, n);
    dataset_free(dataset);
    dataset = opened("wide.txt", tokenizer, ".");
    ck_assert(dataset->reused);
    ck_assert_int_eq(token_at(dataset, COUNT - 1), COUNT - 1);
    dataset_free(dataset);
    tokenizer_free(tokenizer);
    free(text);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// What can't be data

typedef struct NoText {
    const char *text;
    size_t n;
    const char *expected;
} NoText;

static const NoText no_texts[] = {
    {"", 0, "text: is empty"},
    {"\xef\xbb\xbf", 3, "text: is empty"},
    {"\xef\xbb\xbf"
     "a\xff",
     5, "text: is not UTF-8 text: byte 0xff at 4"},
    {"ab\xff"
     "c",
     4, "text: is not UTF-8 text: byte 0xff at 2"},
    {"ab\0c", 4, "text: is not UTF-8 text: byte 0x00 at 2"},
    {"\u00e9\xc3", 3, "text: is not UTF-8 text: byte 0xc3 at 2"},
    {"\xed\xa0\x80", 3, "text: is not UTF-8 text: byte 0xed at 0"},
};

START_TEST(what_is_not_text_is_refused)
{
    const NoText *no_text = &no_texts[_i];
    Error error = {0};
    Tokenizer *tokenizers[] = {tokenizer_bytes(), small_gpt2()};
    file_write("text", no_text->text, no_text->n);
    for (int i = 0; i < 2; i++) {
        assert_not_opened("text", tokenizers[i], ".", no_text->expected);
        assert_not_opened("text", tokenizers[i], NULL, no_text->expected);
        tokenizer_free(tokenizers[i]);
    }
    ck_assert_int_ne(access("data.bin", F_OK), 0);
    ck_assert_ptr_null(tokenizer_chars_of("text", &error));
    ck_assert_msg(strstr(error.message, no_text->expected) != NULL, "%s", error.message);
}
END_TEST

START_TEST(what_is_not_a_file_is_refused)
{
    Tokenizer *tokenizer = tokenizer_bytes();
    ck_assert_int_eq(mkdir("folder", 0777), 0);
    assert_not_opened("missing.txt", tokenizer, ".", "missing.txt: can't be read: No such file or directory");
    assert_not_opened("folder", tokenizer, ".", "folder: is a folder (expected a file)");
    assert_not_opened("/dev/zero", tokenizer, ".", "/dev/zero: is a device, a pipe or a socket (expected a file)");
    file_write("letters.txt", letters, sizeof letters - 1);
    assert_not_opened("letters.txt", tokenizer, "nowhere", "nowhere/data.bin: can't be written: No such file or directory");
    tokenizer_free(tokenizer);
}
END_TEST

START_TEST(a_fault_after_the_first_part_is_reported_with_its_position)
{
    size_t n;
    char *text = long_file("long.txt", &n);
    Tokenizer *alphabet = chars_of("long.txt");
    size_t at = part_end(text, n, 0, 2500000);
    text[at] = '\x80';
    char expected[200];
    file_write("long.txt", text, n);
    snprintf(expected, sizeof expected, "long.txt: is not UTF-8 text: byte 0x80 at %zu", at);
    assert_not_opened("long.txt", alphabet, NULL, expected);
    text[at] = 'Z';
    while ((text[at + 1] & 0xc0) == 0x80) { // what is left of the character that Z is written over
        at++;
        text[at] = 'Z';
    }
    file_write("long.txt", text, n);
    at = (size_t)(strchr(text, 'Z') - text);
    snprintf(expected, sizeof expected, "long.txt: the text's character 'Z' after %zu bytes is not in the alphabet of %d", at,
             tokenizer_vocab_size(alphabet));
    assert_not_opened("long.txt", alphabet, NULL, expected);
    tokenizer_free(alphabet);
    free(text);
}
END_TEST

START_TEST(a_word_of_many_megabytes_is_refused)
{
    size_t n = 17000000;
    char *text = malloc(n);
    memset(text, 'a', n);
    file_write("word.txt", text, n);
    Tokenizer *tokenizer = small_gpt2();
    assert_not_opened("word.txt", tokenizer, NULL, "word.txt: has a word of more than 16 MiB after byte 0; is it text?");
    tokenizer_free(tokenizer);
    free(text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("encode");
    TCase *tests = case_create(suite, "data sets");
    tcase_add_checked_fixture(tests, folder_enter, folder_leave);
    tcase_add_test(tests, parts_give_the_ids_of_the_whole);
    tcase_add_test(tests, parts_end_anywhere);
    tcase_add_loop_test(tests, a_long_file_is_read_as_the_whole, 0, 3);
    tcase_add_loop_test(tests, characters_lie_across_parts, 0, 3);
    tcase_add_test(tests, a_long_word_is_one_piece);
    tcase_add_test(tests, an_alphabet_is_of_the_whole_file);
    tcase_add_test(tests, many_characters_have_wide_ids);
    tcase_add_loop_test(tests, what_is_not_text_is_refused, 0, sizeof no_texts / sizeof no_texts[0]);
    tcase_add_test(tests, what_is_not_a_file_is_refused);
    tcase_add_test(tests, a_fault_after_the_first_part_is_reported_with_its_position);
    tcase_add_test(tests, a_word_of_many_megabytes_is_refused);
    return suite_run(suite);
}
