// test_vocabulary.c: vocabulary files that are not whole or not sound: one line each, and nothing loaded.

#include "gpt/gptape.h"
#include "tests/support/folder.h"
#include "tests/support/suite.h"
#include "tests/support/vocabulary.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void assert_refused(const char *expected)
{
    Error error = {0};
    Tokenizer *tokenizer = tokenizer_gpt2(".", &error);
    ck_assert_msg(tokenizer == NULL, "it was loaded, and not told: %s", expected);
    ck_assert_msg(strstr(error.message, expected) != NULL, "\"%s\" is not in: %s", expected, error.message);
    ck_assert_msg(strchr(error.message, '\n') == NULL, "more than a line: %s", error.message);
}

static void assert_loads(void)
{
    Error error = {0};
    Tokenizer *tokenizer = tokenizer_gpt2(".", &error);
    ck_assert_msg(tokenizer != NULL, "%s", error.message);
    ck_assert_int_eq(tokenizer_vocab_size(tokenizer), SMALL_VOCABULARY);
    tokenizer_free(tokenizer);
}

// One text in a sound file, replaced.
typedef struct Fault {
    const char *file, *from, *to;
    const char *expected;
} Fault;

static const Fault faults[] = {
    // merges
    {"vocab.bpe", "hell o\n", "hello\n", "vocab.bpe: line 5: \"hello\": is not two parts with one space between"},
    {"vocab.bpe", "hell o\n", "he ll o\n", "line 5: \"he ll o\": is not two parts"},
    {"vocab.bpe", "hell o\n", "hell  o\n", "line 5: \"hell  o\": is not two parts"},
    {"vocab.bpe", "hell o\n", "hell \n", "line 5: \"hell \": is not two parts"},
    {"vocab.bpe", "hell o\n", " hello\n", "line 5: \" hello\": is not two parts"},
    {"vocab.bpe", "hell o\n", "\n", "line 5: \"\": is not two parts"},
    {"vocab.bpe", "Ã ©\n", "Ã ©\n\n", "line 12: \"\": is not two parts"},
    {"vocab.bpe", "hell o\n", "hell o\nhell o\n", "line 6: \"hell o\": duplicate"},
    {"vocab.bpe", "hell o\n", "", "line 6: \"Ġ hello\": its parts are not made by earlier lines"},
    {"vocab.bpe", "a b\n", "", "vocab.bpe: no line makes token 264 of the vocabulary; is the file truncated?"},
    {"vocab.bpe", "Ã ©\n", "", "vocab.bpe: no line makes token 265"},
    {"vocab.bpe", "\nÃ ©\n", "\nÃ", "line 11: \"Ã\": is not two parts"},
    {"vocab.bpe", "he ll\n", "hx ll\n", "line 4: \"hx ll\": its first part is not a token"},
    {"vocab.bpe", "he ll\n", "he lx\n", "line 4: \"he lx\": its second part is not a token"},
    {"vocab.bpe", "he ll\n", "ll he\n", "line 4: \"ll he\": its result is not a token"},
    {"vocab.bpe", "h e\nl l\nhe ll\n", "he ll\nh e\nl l\n", "line 2: \"he ll\": its parts are not made by earlier lines"},
    {"vocab.bpe", "h e\nl l\nhe ll\n", "l l\nhe ll\nh e\n", "line 3: \"he ll\": its parts are not made by earlier lines"},
    {"vocab.bpe", "l l\nhe ll\n", "he ll\nl l\n", "line 3: \"he ll\": its parts are not made by earlier lines"},
    {"vocab.bpe", "a b\n", "a \xff\n", "vocab.bpe: line 10: byte 0xff is not UTF-8 text"},
    {"vocab.bpe", "a b\n", "a \xe2\x82\n", "vocab.bpe: line 10: byte 0xe2 is not UTF-8 text"},
    {"vocab.bpe", "a b\n", "a b\r\n", "line 10: \"a b\r\": its second part is not a token"},
    {"vocab.bpe", "a b\n", "a \xe2\x82\xac\n", "its second part is not a token"},
    {"vocab.bpe", "#version", "version", "line 1: \"version: 0.2\": its first part is not a token"},
    // tokens
    {"encoder.json", "\"ab\": 264", "\"ab\": 263", "encoder.json: tokens \"aaaa\" and \"ab\": both have id 263"},
    {"encoder.json", "\"ab\": 264", "\"ab\": 267", "encoder.json: token \"ab\": id 267 is out of range; the ids are 0 to 266"},
    {"encoder.json", "\"ab\": 264", "\"ab\": -1", "token \"ab\": id -1 is out of range"},
    {"encoder.json", "\"ab\": 264", "\"ab\": 1e99", "token \"ab\": id 9.9999999999999997e+98 is out of range"},
    {"encoder.json", "\"ab\": 264", "\"ab\": 264.5", "token \"ab\": its id is not an integer"},
    {"encoder.json", "\"ab\": 264", "\"ab\": \"264\"", "token \"ab\": its id is not an integer"},
    {"encoder.json", "\"ab\": 264", "\"ab\": null", "token \"ab\": its id is not an integer"},
    {"encoder.json", "\"ab\": 264, ", "", "token \"<|end|>\": id 266 is out of range; the ids are 0 to 265"},
    {"encoder.json", "\"ab\": 264", "\"aa\": 264", "encoder.json: token \"aa\" (id 264): duplicate"},
    {"encoder.json", "\"ab\": 264", "\"a b\": 264", "encoder.json: token \"a b\" (id 264): not spelled in GPT-2's letters"},
    {"encoder.json", "\"ab\": 264", "\"\": 264", "token \"\" (id 264): not spelled in GPT-2's letters"},
    {"encoder.json", "\"ab\": 264", "\"\xe2\x82\xac\": 264", "not spelled in GPT-2's letters"},
    {"encoder.json", "\"\\u0061\": 97", "\"abab\": 97", "encoder.json: byte 0x61 has no token (expected one for every single byte)"},
    {"encoder.json", "\"ab\": 264", "\"a\xff\": 264", "encoder.json: line 1: byte 0xff is not UTF-8 text"},
    {"encoder.json", "<|end|>", "end", "no line makes token 266"},
    // JSON
    {"encoder.json", "266}", "266", "bytes has no end; is the file truncated?"},
    {"encoder.json", "\"ab\": 264", "\"ab\" 264", "encoder.json: can't be read as JSON from byte "},
    {"encoder.json", "266}", "266}}", "can't be read as JSON"},
    {"encoder.json", "{", "[1, {", "has no end; is the file truncated?"},
};

enum { FAULTS = sizeof faults / sizeof faults[0] };

START_TEST(a_fault_is_a_one_line_error)
{
    const Fault *fault = &faults[_i];
    vocabulary_write();
    assert_loads();
    vocabulary_edit(fault->file, fault->from, fault->to);
    assert_refused(fault->expected);
}
END_TEST

// Cut off after any byte: the merges end in a whole line, a half one, or none.
START_TEST(merges_cut_off_anywhere_are_refused)
{
    struct stat status;
    vocabulary_write();
    ck_assert_int_eq(stat("vocab.bpe", &status), 0);
    for (off_t size = 0; size < status.st_size - 1; size++) { // the last newline may be missing
        vocabulary_write();
        ck_assert_int_eq(truncate("vocab.bpe", size), 0);
        assert_refused("./vocab.bpe: ");
    }
    ck_assert_int_eq(truncate("vocab.bpe", status.st_size - 1), 0);
}
END_TEST

START_TEST(tokens_cut_off_anywhere_are_refused)
{
    struct stat status;
    vocabulary_write();
    ck_assert_int_eq(stat("encoder.json", &status), 0);
    for (off_t size = status.st_size - 1; size > 0; size -= 7) {
        ck_assert_int_eq(truncate("encoder.json", size), 0);
        assert_refused("has no end; is the file truncated?");
    }
    ck_assert_int_eq(truncate("encoder.json", 0), 0);
    assert_refused("./encoder.json: not a vocabulary: 0 bytes");
}
END_TEST

START_TEST(missing_files_are_reported)
{
    Error error = {0};
    vocabulary_write();
    ck_assert_int_eq(unlink("vocab.bpe"), 0);
    assert_refused("./vocab.bpe: can't be read: No such file or directory");
    vocabulary_write();
    ck_assert_int_eq(unlink("encoder.json"), 0);
    assert_refused("./encoder.json: can't be read: No such file or directory");
    ck_assert_int_eq(mkdir("encoder.json", 0777), 0);
    assert_refused("./encoder.json: is a folder (expected a file)");
    ck_assert_ptr_null(tokenizer_gpt2("nowhere", &error));
    ck_assert_str_eq(error.message, "nowhere/encoder.json: can't be read: No such file or directory");
}
END_TEST

START_TEST(swapped_files_are_reported)
{
    vocabulary_write();
    ck_assert_int_eq(rename("vocab.bpe", "other"), 0);
    ck_assert_int_eq(rename("encoder.json", "vocab.bpe"), 0);
    ck_assert_int_eq(rename("other", "encoder.json"), 0);
    assert_refused("./encoder.json: holds merges, not JSON; are the two files swapped?");
    vocabulary_write();
    ck_assert_int_eq(unlink("vocab.bpe"), 0);
    ck_assert_int_eq(link("encoder.json", "vocab.bpe"), 0);
    assert_refused("./vocab.bpe: holds JSON, not merges; are the two files swapped?");
}
END_TEST

static void assert_json_refused(const char *text, size_t n, const char *expected)
{
    vocabulary_write();
    file_write("encoder.json", text, n);
    assert_refused(expected);
}

START_TEST(other_json_is_refused)
{
    enum { DEEP = 1 << 20 };
    static char deep[DEEP];
    memset(deep, '[', DEEP - 1);
    deep[DEEP - 1] = '}';
    assert_json_refused(deep, DEEP, "encoder.json: can't be read as JSON from byte 1001 of 1048576 on");
    for (size_t i = 0; i + 6 < DEEP; i += 5) {
        memcpy(deep + i, "{\"a\":", 5);
    }
    assert_json_refused(deep, DEEP, "encoder.json: can't be read as JSON");
    assert_json_refused("[1]", 3, "encoder.json: not a JSON object");
    assert_json_refused("{}", 2, "encoder.json: not a JSON object of tokens and ids (expected one such as {\"!\": 0})");
    assert_json_refused("{\"a\": 0\0}", 9, "encoder.json: line 1: byte 0x00 is not UTF-8 text");
    assert_json_refused("{\"a\": {\"b\": 0}}", 15, "token \"a\": its id is not an integer");
}
END_TEST

START_TEST(hugging_faces_names_are_read)
{
    vocabulary_write();
    ck_assert_int_eq(rename("vocab.bpe", "merges.txt"), 0);
    ck_assert_int_eq(rename("encoder.json", "vocab.json"), 0);
    assert_loads();
    vocabulary_edit("merges.txt", "#version: 0.2\n", ""); // they don't all have it
    assert_loads();
    vocabulary_edit("merges.txt", "a b\n", "");
    assert_refused("./merges.txt: no line makes token 264");
    ck_assert_int_eq(unlink("vocab.json"), 0);
    assert_refused("./vocab.json: can't be read");
}
END_TEST

static void assert_folder(const char *given, const char *expected)
{
    char *folder = vocabulary_folder(given);
    ck_assert_str_eq(folder, expected);
    free(folder);
}

START_TEST(it_is_looked_for_where_the_user_says)
{
    setenv("HOME", "/home/a", 1);
    setenv("XDG_DATA_HOME", "/data", 1);
    setenv("GPTAPE_DATA", "own", 1);
    assert_folder("given", "given");
    assert_folder(NULL, "own");
    setenv("GPTAPE_DATA", "", 1);
    assert_folder(NULL, "/data/gptape");
    unsetenv("GPTAPE_DATA");
    setenv("XDG_DATA_HOME", "relative", 1);
    assert_folder(NULL, "/home/a/.local/share/gptape");
    unsetenv("XDG_DATA_HOME");
    assert_folder(NULL, "/home/a/.local/share/gptape");
    ck_assert(!vocabulary_found("."));
    vocabulary_write();
    ck_assert(vocabulary_found("."));
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// tokenizer.json, which holds both files

static void copy_letters(const char *name, FILE *out)
{
    FILE *file = fopen(name, "r");
    ck_assert_ptr_nonnull(file);
    for (int c = getc(file); c != EOF; c = getc(file)) {
        putc(c, out);
    }
    fclose(file);
}

// The small vocabulary as one file, its merges as pairs or, as older tools wrote them, as texts.
static void write_tokenizer_json(bool pairs)
{
    char line[64];
    vocabulary_write();
    FILE *out = fopen("tokenizer.json", "w");
    ck_assert_ptr_nonnull(out);
    fputs("{\"version\": \"1.0\", \"normalizer\": null, \"pre_tokenizer\": {\"type\": \"ByteLevel\", \"add_prefix_space\": false, "
          "\"use_regex\": true}, \"model\": {\"type\": \"BPE\", \"vocab\": ",
          out);
    copy_letters("encoder.json", out);
    FILE *merges = fopen("vocab.bpe", "r");
    ck_assert_ptr_nonnull(fgets(line, sizeof line, merges)); // the version
    for (int n = 0; fgets(line, sizeof line, merges) != NULL; n++) {
        char *right = strchr(line, ' ');
        line[strlen(line) - 1] = '\0';
        *right = '\0';
        fputs(n == 0 ? ", \"merges\": [" : ", ", out);
        if (pairs) {
            fprintf(out, "[\"%s\", \"%s\"]", line, right + 1);
        } else {
            fprintf(out, "\"%s %s\"", line, right + 1);
        }
    }
    fputs("]}}", out);
    fclose(merges);
    ck_assert_int_eq(fclose(out), 0);
    ck_assert_int_eq(unlink("encoder.json"), 0);
    ck_assert_int_eq(unlink("vocab.bpe"), 0);
}

START_TEST(one_file_holds_what_two_do)
{
    Error error = {0};
    vocabulary_write();
    Tokenizer *two = tokenizer_gpt2(".", &error);
    ck_assert_msg(two != NULL, "%s", error.message);
    for (int pairs = 0; pairs < 2; pairs++) {
        write_tokenizer_json(pairs == 1);
        assert_loads();
        Tokenizer *one = tokenizer_gpt2(".", &error);
        ck_assert_uint_eq(tokenizer_fingerprint(one), tokenizer_fingerprint(two));
        tokenizer_free(one);
    }
    tokenizer_free(two);
}
END_TEST

static const Fault json_faults[] = {
    {"tokenizer.json", "\"BPE\"", "\"WordPiece\"", "./tokenizer.json: model.type (expected BPE) is not supported"},
    {"tokenizer.json", "\"ByteLevel\"", "\"Metaspace\"", "./tokenizer.json: pre_tokenizer.type (expected ByteLevel) is not supported"},
    {"tokenizer.json", "\"add_prefix_space\": false", "\"add_prefix_space\": true",
     "./tokenizer.json: pre_tokenizer.add_prefix_space is not supported"},
    {"tokenizer.json", "\"use_regex\": true", "\"use_regex\": false", "./tokenizer.json: pre_tokenizer.use_regex: false is not supported"},
    {"tokenizer.json", "\"normalizer\": null", "\"normalizer\": {\"type\": \"NFC\"}", "./tokenizer.json: normalizer is not supported"},
    {"tokenizer.json", "\"normalizer\": null", "\"padding\": {\"strategy\": {\"Fixed\": 9}}", "padding is not supported"},
    {"tokenizer.json", "\"normalizer\": null", "\"truncation\": {\"max_length\": 9}", "truncation is not supported"},
    {"tokenizer.json", "\"BPE\"", "\"BPE\", \"dropout\": 0.1", "model.dropout is not supported"},
    {"tokenizer.json", "\"BPE\"", "\"BPE\", \"ignore_merges\": true", "model.ignore_merges is not supported"},
    {"tokenizer.json", "\"normalizer\": null",
     "\"post_processor\": {\"type\": \"TemplateProcessing\", \"single\": [{\"SpecialToken\": {\"id\": "
     "\"<|end|>\"}}, {\"Sequence\": {\"id\": \"A\"}}]}",
     "post_processor is not supported"},
    {"tokenizer.json", "\"normalizer\": null", "\"added_tokens\": [{\"id\": 268, \"content\": \"a b\"}, {\"id\": 267, \"content\": \"b a\"}]",
     "./tokenizer.json: added token \"a b\" has id 268 (expected 267)"},
    {"tokenizer.json", "\"vocab\":", "\"words\":", "./tokenizer.json: its model has no vocab"},
    {"tokenizer.json", "\"merges\":", "\"pairs\":", "./tokenizer.json: its model has no merges"},
    {"tokenizer.json", "[\"h\", \"e\"]", "[\"h\", 1]", "./tokenizer.json: its model has no merges"},
    {"tokenizer.json", "[\"h\", \"e\"]", "[\"h\"]", "./tokenizer.json: its model has no merges"},
    {"tokenizer.json", "[\"h\", \"e\"]", "[\"x\", \"e\"]", "./tokenizer.json: line 2: \"x e\": its result is not a token"},
    {"tokenizer.json", "\"ab\": 264", "\"ab\": 263", "./tokenizer.json: tokens \"aaaa\" and \"ab\": both have id 263"},
    {"tokenizer.json", "]}}", "]}", "has no end; is the file truncated?"},
    {"tokenizer.json", "{", "[", "./tokenizer.json: can't be read as JSON from byte"},
};

START_TEST(a_faulty_tokenizer_json)
{
    const Fault *fault = &json_faults[_i];
    static const char config[] = "{\"tokenizer_class\": \"PreTrainedTokenizerFast\"}";
    write_tokenizer_json(true);
    file_write("tokenizer_config.json", config, sizeof config - 1);
    vocabulary_edit(fault->file, fault->from, fault->to);
    assert_refused(fault->expected);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("vocabulary");
    TCase *tcase = case_create(suite, "vocabulary");
    tcase_add_checked_fixture(tcase, folder_enter, folder_leave);
    tcase_add_loop_test(tcase, a_fault_is_a_one_line_error, 0, FAULTS);
    tcase_add_test(tcase, merges_cut_off_anywhere_are_refused);
    tcase_add_test(tcase, tokens_cut_off_anywhere_are_refused);
    tcase_add_test(tcase, missing_files_are_reported);
    tcase_add_test(tcase, swapped_files_are_reported);
    tcase_add_test(tcase, other_json_is_refused);
    tcase_add_test(tcase, hugging_faces_names_are_read);
    tcase_add_test(tcase, it_is_looked_for_where_the_user_says);
    tcase_add_test(tcase, one_file_holds_what_two_do);
    tcase_add_loop_test(tcase, a_faulty_tokenizer_json, 0, sizeof json_faults / sizeof json_faults[0]);
    return suite_run(suite);
}
