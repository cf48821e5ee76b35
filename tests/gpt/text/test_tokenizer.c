// test_tokenizer.c: the split of a text into pieces, tokens of bytes and of characters, and UTF-8.

#include "tests/gpt/text/text_test.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

static Tokenizer *alphabet_of(const char *text)
{
    Error error = {0};
    Tokenizer *tokenizer = tokenizer_chars(text, strlen(text), &error);
    ck_assert_msg(tokenizer != NULL, "%s", error.message);
    return tokenizer;
}

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
    {"a\xcc\x81", "a|\xcc\x81"},                      // a combining mark is not a letter
    {"a\xc2\xa0"
     "b",
     "a|\xc2\xa0|b"},                                           // no-break space is a space
    {".\xc2\x85.\xe3\x80\x80.", ".|\xc2\x85|.|\xe3\x80\x80|."}, // so are U+0085 and U+3000
    {".\xe1\xa0\x8e.", ".\xe1\xa0\x8e."},                       // U+180E is not
    {".\x1c.", ".\x1c."},                                       // nor is U+001C
    {"a\xff\xfe"
     "b",
     "a|\xff\xfe|b"}, // invalid UTF-8 is one piece
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
    Tokenizer *tokenizer = alphabet_of("Hello, \xe2\x82\xac\xc3\xa9\xf0\x9f\x91\xa7");
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
    Tokenizer *tokenizer = alphabet_of("abc");
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
    tcase_add_loop_test(tcase, text_is_split_as_published, 0, SPLIT_CASES);
    tcase_add_test(tcase, bytes_are_their_own_ids);
    tcase_add_test(tcase, characters_are_places_in_the_alphabet);
    tcase_add_test(tcase, characters_outside_are_reported);
    tcase_add_test(tcase, ids_outside_are_reported);
    tcase_add_test(tcase, every_code_point_is_written_and_read);
    tcase_add_loop_test(tcase, invalid_utf8_is_not_read, 0, sizeof no_utf8 / sizeof no_utf8[0]);
    return suite_run(suite);
}
