// test_added_tokens.c: added and special tokens, as Hugging Face's files define them.
//
// The ids of GPT-2's vocabulary are those that transformers 5.24.0 gives, by GPT2TokenizerFast with
//      add_special_tokens({"pad_token": "<|pad|>"})
//      add_tokens(["gptape", "Δx", AddedToken("left", lstrip=True), AddedToken("right", rstrip=True), "gptapes",
//                  AddedToken("ape!", normalized=False)])

#include "gpt/base/base.h"
#include "gpt/gptape.h"
#include "gpt/text/encoding.h"
#include "tests/support/folder.h"
#include "tests/support/suite.h"
#include "tests/support/vocabulary.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void text_write(const char *path, const char *text)
{
    file_write(path, text, strlen(text));
}

static Tokenizer *load(void)
{
    Error error = {0};
    Tokenizer *tokenizer = tokenizer_gpt2(".", &error);
    ck_assert_msg(tokenizer != NULL, "%s", error.message);
    return tokenizer;
}

// Also with the text cut in two, wherever that is.
static void assert_ids(const Tokenizer *tokenizer, const char *text, int n, const int *expected)
{
    Error error;
    int ids[100];
    size_t length = strlen(text);
    ck_assert_uint_lt(length, 100);
    for (size_t cut = 0; cut <= length; cut++) {
        size_t n_first;
        size_t n_second;
        size_t at;
        size_t rest;
        TextPart first = {.text = text, .n = cut, .ends = cut == length};
        ck_assert(tokenizer_encode_part(tokenizer, first, ids, &n_first, &at, NULL, &error));
        TextPart second = {.text = text + at, .n = length - at, .offset = at, .ends = true};
        ck_assert(tokenizer_encode_part(tokenizer, second, ids + n_first, &n_second, &rest, NULL, &error));
        ck_assert_uint_eq(at + rest, length);
        ck_assert_msg((int)(n_first + n_second) == n, "\"%s\" cut at %zu: %zu ids, expected %d", text, cut, n_first + n_second, n);
        for (int i = 0; i < n; i++) {
            ck_assert_msg(ids[i] == expected[i], "\"%s\" cut at %zu: id %d is %d, expected %d", text, cut, i, ids[i], expected[i]);
        }
    }
}

#define ASSERT_IDS(tokenizer, text, ...) assert_ids(tokenizer, text, (int)(sizeof((int[]){__VA_ARGS__}) / sizeof(int)), (const int[]){__VA_ARGS__})

// ------------------------------------------------------------------------------------------------------------
// As transformers has it

static const char decoder[] =
    "{\"tokenizer_class\": \"GPT2Tokenizer\", \"pad_token\": \"<|pad|>\", \"bos_token\": \"<|endoftext|>\", \"model_max_length\": 1024,"
    "\"added_tokens_decoder\": {"
    "\"3506\": {\"content\": \"right\", \"lstrip\": false, \"rstrip\": true, \"single_word\": false, \"special\": false},"
    "\"9464\": {\"content\": \"left\", \"lstrip\": true, \"rstrip\": false, \"single_word\": false, \"special\": false},"
    "\"50256\": {\"content\": \"<|endoftext|>\", \"special\": true}, \"50257\": {\"content\": \"<|pad|>\", \"special\": true},"
    "\"50258\": {\"content\": \"gptape\"}, \"50259\": {\"content\": \"\xce\x94x\"}, \"50260\": {\"content\": \"gptapes\"},"
    "\"50261\": {\"content\": \"ape!\", \"normalized\": false}}}";

static const struct {
    const char *text;
    int n;
    int ids[8];
} golden[] = {
    {"Hello gptape \xce\x94x", 5, {15496, 220, 50258, 220, 50259}},
    {"gptapes gptape", 3, {50260, 220, 50258}},
    {"a  left b", 3, {64, 9464, 275}},
    {"a right  b", 4, {64, 220, 3506, 65}},
    {"x<|endoftext|>y <|pad|>", 5, {87, 50256, 88, 220, 50257}},
    {"  left right  left", 4, {9464, 220, 3506, 9464}},
    {"gptap", 3, {70, 457, 499}},
    {" gptape\n\n", 3, {220, 50258, 628}},
    {"left  ", 3, {9464, 220, 220}},
    {"\xc2\xa0left", 1, {9464}},
    {"gptapes gptape gptape!", 6, {50260, 220, 50258, 308, 457, 50261}},
};

// GPT-2's own vocabulary, if it is here; the test has nothing to do without.
static bool link_vocabulary(void)
{
    static const char *const names[] = {"vocab.bpe", "encoder.json"};
    char *folder = vocabulary_folder(NULL);
    bool found = true;
    for (int i = 0; i < 2; i++) {
        char *path = path_in(folder, names[i]);
        found = found && access(path, R_OK) == 0 && symlink(path, names[i]) == 0;
        free(path);
    }
    free(folder);
    return found;
}

START_TEST(ids_are_those_of_transformers)
{
    if (!link_vocabulary()) {
        puts("skipped: GPT-2's vocabulary is missing (make vocab)");
        return;
    }
    text_write("tokenizer_config.json", decoder);
    Tokenizer *tokenizer = load();
    ck_assert_int_eq(tokenizer_vocab_size(tokenizer), 50262);
    ck_assert(tokenizer_special(tokenizer));
    for (size_t i = 0; i < sizeof golden / sizeof *golden; i++) {
        assert_ids(tokenizer, golden[i].text, golden[i].n, golden[i].ids);
    }
    tokenizer_free(tokenizer);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// On a small vocabulary: 259 hello, 260 " h", 261 " hello", 266 <|end|>

START_TEST(a_published_vocabulary_has_ordinary_text_only)
{
    vocabulary_write();
    vocabulary_edit("encoder.json", "<|end|>", "<|endoftext|>");
    Tokenizer *tokenizer = load();
    ck_assert(!tokenizer_special(tokenizer));
    uint64_t ordinary = tokenizer_fingerprint(tokenizer);
    ASSERT_IDS(tokenizer, "h<|endoftext|>", 'h', '<', '|', 'e', 'n', 'd', 'o', 'f', 't', 'e', 'x', 't', '|', '>');
    ck_assert_uint_eq(tokenizer_count_special(tokenizer, "h<|endoftext|><|endoftext|>", 27), 2);
    tokenizer_set_special(tokenizer, true);
    ASSERT_IDS(tokenizer, "hello<|endoftext|> hello", 259, 266, 261);
    ck_assert_uint_ne(tokenizer_fingerprint(tokenizer), ordinary);
    tokenizer_free(tokenizer);
}
END_TEST

// Tokens of white space, tokens that overlap or take each other's white space, and one that is a letter for a byte. The ids are those that
// transformers 5.24.0 gives with this folder, which also ignores special_tokens_map.json beside an added_tokens_decoder.
static const char overlapping[] =
    "{\"tokenizer_class\": \"GPT2Tokenizer\", \"split_special_tokens\": %s, \"added_tokens_decoder\": {"
    "\"270\": {\"content\": \"\\t\", \"lstrip\": true, \"rstrip\": true, \"normalized\": false}, "
    "\"233\": {\"content\": \"\xc3\xa9\"}, \"266\": {\"content\": \"<|endoftext|>\", \"special\": true}, "
    "\"267\": {\"content\": \" \", \"rstrip\": true, \"normalized\": false}, \"268\": {\"content\": \"ab!\", \"rstrip\": true}, "
    "\"269\": {\"content\": \"!h\", \"normalized\": false}, \"271\": {\"content\": \"a\xe3\x80\x80\", \"lstrip\": true}, "
    "\"272\": {\"content\": \"<h>\", \"special\": true, \"normalized\": true}, \"273\": {\"content\": \"h>a\"}}}";

START_TEST(tokens_overlap_as_in_transformers)
{
    for (int off = 0; off < 2; off++) {
        char text[2000];
        vocabulary_write();
        vocabulary_edit("encoder.json", "<|end|>", "<|endoftext|>");
        snprintf(text, sizeof text, overlapping, off == 1 ? "true" : "false");
        text_write("tokenizer_config.json", text);
        text_write("special_tokens_map.json", "{\"pad_token\": \"h>a\", \"sep_token\": \"missing\"}");
        Tokenizer *tokenizer = load();
        ASSERT_IDS(tokenizer, "a  b", 97, 267, 267, 98);
        ASSERT_IDS(tokenizer, "ab!  a", 268, 267, 267, 97);
        ASSERT_IDS(tokenizer, "ab!h", 264, 269);
        ASSERT_IDS(tokenizer, "x \t\t b", 120, 267, 267, 98);
        ASSERT_IDS(tokenizer,
                   "a \xe3\x80\x80"
                   "a\xe3\x80\x80"
                   "b",
                   97, 267, 271, 98);
        ASSERT_IDS(tokenizer, "ab! \ta\xe3\x80\x80", 268, 267, 271);
        ASSERT_IDS(tokenizer, "h>a  h\xc3\xa9", 273, 267, 267, 104, 233);
        ASSERT_IDS(tokenizer, "aab!\xe3\x80\x80!h", 97, 268, 269);
        if (off == 1) {
            ASSERT_IDS(tokenizer, "<h>a<h>", 60, 104, 62, 97, 60, 104, 62);
        } else {
            ASSERT_IDS(tokenizer, "<h>a<h>", 272, 97, 272);
        }
        ck_assert_uint_eq(tokenizer_count_special(tokenizer, "<h>a<h>", 7), 2);
        tokenizer_free(tokenizer);
    }
}
END_TEST

// PreTrainedTokenizerFast knows no token that its folder does not list; GPT2Tokenizer knows <|endoftext|>.
START_TEST(the_class_decides_about_end_of_text)
{
    for (int generic = 0; generic < 2; generic++) {
        char text[200];
        vocabulary_write();
        vocabulary_edit("encoder.json", "<|end|>", "<|endoftext|>");
        snprintf(text, sizeof text, "{\"tokenizer_class\": \"%s\", \"added_tokens_decoder\": {\"267\": {\"content\": \"<|a|>\"}}}",
                 generic == 1 ? "PreTrainedTokenizerFast" : "GPT2Tokenizer");
        text_write("tokenizer_config.json", text);
        Tokenizer *tokenizer = load();
        if (generic == 1) {
            ASSERT_IDS(tokenizer, "<|a|><|endoftext|>", 267, '<', '|', 'e', 'n', 'd', 'o', 'f', 't', 'e', 'x', 't', '|', '>');
        } else {
            ASSERT_IDS(tokenizer, "<|a|><|endoftext|>", 267, 266);
        }
        tokenizer_free(tokenizer);
    }
}
END_TEST

START_TEST(each_file_that_defines_tokens_is_read)
{
    static const struct {
        const char *file, *text;
    } files[] = {
        {"added_tokens.json", "{\"<|a|>\": 267}"},
        {"tokenizer_config.json", "{\"added_tokens_decoder\": {\"267\": {\"content\": \"<|a|>\"}}}"},
        {"special_tokens_map.json", "{\"eos_token\": {\"content\": \"<|end|>\", \"lstrip\": false}}"},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        vocabulary_write();
        text_write(files[i].file, files[i].text);
        Tokenizer *tokenizer = load();
        if (i < 2) {
            ASSERT_IDS(tokenizer, "hello<|a|>hello", 259, 267, 259);
        } else {
            ASSERT_IDS(tokenizer, "hello<|end|>hello", 259, 266, 259);
        }
        tokenizer_free(tokenizer);
        ck_assert_int_eq(unlink(files[i].file), 0);
    }
}
END_TEST

START_TEST(a_saved_tokenizer_is_the_same)
{
    vocabulary_write();
    text_write("added_tokens.json", "{\"left\": 268, \"<|a|>\": 267}");
    text_write("special_tokens_map.json", "{\"pad_token\": \"<|a|>\"}");
    for (int special = 0; special < 2; special++) {
        Tokenizer *tokenizer = load();
        tokenizer_set_special(tokenizer, special == 1);
        FolderFile files[TOKENIZER_FILES];
        Error error = {0};
        int n = tokenizer_files(tokenizer, files);
        ck_assert_int_eq(n, TOKENIZER_FILES);
        ck_assert_msg(folder_save("saved", files, n, &error), "%s", error.message);
        Tokenizer *again = tokenizer_gpt2("saved", &error);
        ck_assert_msg(again != NULL, "%s", error.message);
        ck_assert_int_eq(tokenizer_special(again), special);
        ck_assert_uint_eq(tokenizer_fingerprint(again), tokenizer_fingerprint(tokenizer));
        tokenizer_free(again);
        tokenizer_free(tokenizer);
    }
}
END_TEST

static const struct {
    const char *file, *text, *expected;
} faults[] = {
    {"added_tokens.json", "{\"a b\": 269}", ".: added token \"a b\" has id 269 (expected 267)"},
    {"added_tokens.json", "{\"hello\": 267}", ".: added token \"hello\" has id 267 (expected 259)"},
    {"added_tokens.json", "{\"a b\": 1.5}", "added token \"a b\": id 1.5 is invalid"},
    {"added_tokens.json", "{\"a b\": 1e300}", "added token \"a b\": id 1e+300 is invalid"},
    {"added_tokens.json", "{\"\": 267}", "added token \"\": id 267 is invalid"},
    {"added_tokens.json", "[1]", "not an object of tokens and ids"},
    {"added_tokens.json", "{", "its JSON of 1 byte has no end; is the file truncated?"},
    {"special_tokens_map.json", "{\"pad_token\": \"<|pad|>\"}", "special token \"<|pad|>\": missing in the vocabulary and in the added tokens"},
    {"tokenizer_config.json", "{\"add_bos_token\": true}", "\"add_bos_token\": true is not supported"},
    {"tokenizer_config.json", "{\"add_prefix_space\": true}", "\"add_prefix_space\": true is not supported"},
    {"tokenizer_config.json", "{\"tokenizer_class\": \"LlamaTokenizer\"}", "tokenizer_class is not supported (expected GPT2Tokenizer)"},
    {"tokenizer_config.json", "{\"added_tokens_decoder\": {\"267\": {\"content\": \"a\", \"single_word\": true}}}", "single_word is not supported"},
    {"tokenizer_config.json", "{\"added_tokens_decoder\": {\"x\": {\"content\": \"a b\"}}}", "added token \"a b\": id nan is invalid"},
    {"tokenizer_config.json", "{\"added_tokens_decoder\": {\"267\": {}}}", "an added token has no content"},
};

START_TEST(what_changes_ids_is_refused_by_name)
{
    Error error = {0};
    vocabulary_write();
    text_write(faults[_i].file, faults[_i].text);
    ck_assert_ptr_null(tokenizer_gpt2(".", &error));
    ck_assert_msg(strstr(error.message, faults[_i].expected) != NULL, "\"%s\" is not in: %s", faults[_i].expected, error.message);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("added tokens");
    TCase *tcase = case_create(suite, "added tokens");
    tcase_add_checked_fixture(tcase, folder_enter, folder_leave);
    tcase_add_test(tcase, ids_are_those_of_transformers);
    tcase_add_test(tcase, a_published_vocabulary_has_ordinary_text_only);
    tcase_add_test(tcase, tokens_overlap_as_in_transformers);
    tcase_add_test(tcase, the_class_decides_about_end_of_text);
    tcase_add_test(tcase, each_file_that_defines_tokens_is_read);
    tcase_add_test(tcase, a_saved_tokenizer_is_the_same);
    tcase_add_loop_test(tcase, what_changes_ids_is_refused_by_name, 0, sizeof faults / sizeof faults[0]);
    return suite_run(suite);
}
