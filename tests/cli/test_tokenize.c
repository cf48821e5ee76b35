// test_tokenize.c: gptape tokenize, and the tokenizers of gptape generate, as a user types them. Each test runs in an empty folder,
// with a small vocabulary made by hand where it needs one.

#include "tests/cli/run.h"
#include "tests/golden/tokenizer.h"
#include "tests/support/folder.h"
#include "tests/support/suite.h"
#include "tests/support/vocabulary.h"

#include <check.h>
#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// A folder in which gptape is a command, README.md is there, and no vocabulary is found.
static char *data; // GPTAPE_DATA as it was

static void enter(void)
{
    const char *given = getenv("GPTAPE_DATA");
    data = given == NULL ? NULL : strdup(given);
    folder_enter();
    make_command();
    ck_assert_int_eq(mkdir("data", 0777), 0);
    ck_assert_int_eq(setenv("GPTAPE_DATA", "data", 1), 0);
}

// Puts the small vocabulary where it is looked for.
static void provide_vocabulary(void)
{
    ck_assert_int_eq(chdir("data"), 0);
    vocabulary_write();
    ck_assert_int_eq(chdir(".."), 0);
}

// Lets GPT-2's own be found, if it is on this machine; else says that the test is skipped.
static bool published_vocabulary(const char *function)
{
    int set = data == NULL ? unsetenv("GPTAPE_DATA") : setenv("GPTAPE_DATA", data, 1);
    ck_assert_int_eq(set, 0);
    Run run = run_shell("printf x | gptape tokenize --tokenizer gpt2");
    bool found = run.status == 0;
    if (!found) {
        assert_one_line_error(&run, 1, "has no vocab.bpe and encoder.json");
        skip(function, "GPT-2's vocabulary is not here; 'make vocab' gets it");
    }
    run_free(&run);
    return found;
}

typedef struct Known {
    const char *command;
    const char *out;
} Known;

static void assert_known(const Known *known)
{
    Run run = run_shell(known->command);
    assert_quiet(&run);
    ck_assert_msg(strcmp(run.out, known->out) == 0, "%s: printed %s instead of %s", run.command, run.out, known->out);
    run_free(&run);
}

// ------------------------------------------------------------------------------------------------------------
// tokenize

static const Known knowns[] = {
    {"printf 'hello hello' | gptape tokenize", "259 261\n"},
    {"printf 'hello hello' | gptape tokenize --tokenizer gpt2", "259 261\n"},
    {"printf 'hello hello' | gptape tokenize --vocab data", "259 261\n"},
    {"echo hello | gptape tokenize", "259 10\n"},
    {"printf '' | gptape tokenize", "\n"},
    {"printf '\\377\\000a' | gptape tokenize", "255 0 97\n"},
    {"printf 'hello\\000\\377' | gptape tokenize --tokenizer bytes", "104 101 108 108 111 0 255\n"},
    {"printf 'Hello' | gptape tokenize --tokenizer chars", "0 1 2 2 3\n"},
    {"printf '\\303\\251a' | gptape tokenize --tokenizer chars", "1 0\n"},
    {"printf '\\357\\273\\277Hello' | gptape tokenize --tokenizer chars", "0 1 2 2 3\n"},
    {"printf '\\357\\273\\277Hello' > a && printf Hello | gptape tokenize --tokenizer chars --alphabet a", "0 1 2 2 3\n"},
    {"printf '\\357\\273\\277Hi' | gptape tokenize --tokenizer bytes", "239 187 191 72 105\n"},
    {"printf 'Hello' > a && printf 'oh' | gptape tokenize --tokenizer chars --alphabet a 2>&1 || true",
     "gptape tokenize: stdin: the text's character 'h' after 1 byte is not in the alphabet of 4: Helo\n"},
    {"echo 259 261 | gptape tokenize --decode", "hello hello"},
    {"printf '259,261\\n104\\t\\n' | gptape tokenize --decode", "hello helloh"},
    {"printf '  259  ' | gptape tokenize --decode", "hello"},
    {"printf '' | gptape tokenize --decode", ""},
    {"echo 266 | gptape tokenize --decode", "<|end|>"},
    {"echo 104 105 | gptape tokenize --decode --tokenizer bytes", "hi"},
    {"printf 'Hello' > a && echo 0 1 2 2 3 3 | gptape tokenize --decode --tokenizer chars --alphabet a", "Helloo"},
    {"echo 195 | gptape tokenize --decode | od -An -tx1", " c3\n"},
};

START_TEST(it_prints_ids_and_text)
{
    provide_vocabulary();
    assert_known(&knowns[_i]);
}
END_TEST

static const char *const wrongs[][2] = {
    {"echo 1 2x 3 | gptape tokenize --decode", "stdin: id 2: '2x' is not an integer (expected ids like 15496 11 314)"},
    {"echo 1 2 three | gptape tokenize --decode", "stdin: id 3: 'three' is not an integer"},
    {"echo 1.5 | gptape tokenize --decode", "'1.5' is not an integer"},
    {"echo +1 | gptape tokenize --decode", "'+1' is not an integer"},
    {"echo - | gptape tokenize --decode", "'-' is not an integer"},
    {"printf '1 2\\0003' | gptape tokenize --decode", "id 3: '' is not an integer"},
    {"echo 1 267 | gptape tokenize --decode", "stdin: id 2: '267' is not a gpt2 id between 0 and 266"},
    {"echo -1 | gptape tokenize --decode", "stdin: id 1: '-1' is not a gpt2 id"},
    {"echo 99999999999999999999999999999 | gptape tokenize --decode", "is not a gpt2 id between 0 and 266"},
    {"echo 4294967296 | gptape tokenize --decode", "is not a gpt2 id between 0 and 266"},
    {"echo 256 | gptape tokenize --decode --tokenizer bytes", "'256' is not a bytes id between 0 and 255"},
    {"head -c 100000 /dev/zero | tr '\\0' 7 | gptape tokenize --decode", "is not a gpt2 id between 0 and 266"},
    {"head -c 1000 \"$GPTAPE_BIN\" | gptape tokenize --decode", "is not an integer"},
    {"gptape tokenize --tokenizer gpt3", "--tokenizer: 'gpt3' is unknown (expected gpt2, bytes or chars)"},
    {"gptape tokenize --tokenizer bytes --vocab data", "--vocab: only --tokenizer gpt2 reads a vocabulary; leave one out"},
    {"gptape tokenize --tokenizer chars --decode", "name the text that was encoded with --alphabet FILE"},
    {"gptape tokenize --alphabet a", "--alphabet: only --tokenizer chars has an alphabet; leave it out"},
    {"printf 'a\\377' | gptape tokenize --tokenizer chars", "gptape tokenize: stdin: the text is not UTF-8: byte 0xff at 1\n"},
    {"printf 'a\\377' > a; echo a | gptape tokenize --tokenizer chars --alphabet a", "gptape tokenize: a: the text is not UTF-8: byte 0xff at 1\n"},
    {"printf a > a; printf 'a\\377' | gptape tokenize --tokenizer chars --alphabet a",
     "gptape tokenize: stdin: the text is not UTF-8: byte 0xff at 1\n"},
    {"gptape tokenize hello", "'hello': unexpected; tokenize takes options only, see 'gptape tokenize --help'"},
    {"gptape generate --tokenizer chars", "--tokenizer: 'chars' is unknown (expected gpt2 or bytes)"},
    {"gptape generate --tokenizer bytes --vocab data", "only --tokenizer gpt2 reads a vocabulary"},
    {"gptape generate --tokenizer gpt2", "--vocab-size: 256 is too small for the 267 tokens of the tokenizer gpt2"},
};

START_TEST(invalid_input_is_a_one_line_error)
{
    provide_vocabulary();
    assert_fails(wrongs[_i][0], 2, wrongs[_i][1]);
}
END_TEST

static const char *const impossible[][2] = {
    {"gptape tokenize --vocab nowhere",
     "nowhere: GPT-2's vocabulary is missing (expected vocab.bpe and encoder.json, or merges.txt and vocab.json, or tokenizer.json); 'make vocab' gets it, --vocab names another folder"},
    {"rm data/vocab.bpe; gptape tokenize", "data/vocab.bpe: can't be read: No such file"},
    {"truncate -s 20 data/vocab.bpe; gptape tokenize", "data/vocab.bpe: "},
    {"truncate -s 2000 data/encoder.json; gptape tokenize", "data/encoder.json: its JSON of 2000 bytes has no end; is the file truncated?"},
    {"rm data/*; gptape tokenize --tokenizer gpt2",
     "data: GPT-2's vocabulary is missing (expected vocab.bpe and encoder.json, or merges.txt and vocab.json, or tokenizer.json); 'make vocab' gets it, --vocab names another folder"},
    {"gptape tokenize --tokenizer chars --alphabet nowhere", "nowhere: can't be read"},
    {"gptape tokenize < .", "stdin: can't be read: Is a directory"},
    {"gptape tokenize <&-", "stdin: can't be read"},
    {"echo hello | gptape tokenize > /dev/full", "stdout: not everything could be written"},
    {"echo 104 | gptape tokenize --decode > /dev/full", "stdout: not everything could be written"},
    {"rm data/vocab.bpe; gptape generate --vocab data --vocab-size 267", "data/vocab.bpe: can't be read"},
    {"gptape generate --vocab nowhere --vocab-size 267",
     "nowhere: GPT-2's vocabulary is missing (expected vocab.bpe and encoder.json, or merges.txt and vocab.json, or tokenizer.json); 'make vocab' gets it, --vocab names another folder"},
};

START_TEST(impossible_requests_are_one_line_errors)
{
    provide_vocabulary();
    assert_fails(impossible[_i][0], 1, impossible[_i][1]);
}
END_TEST

START_TEST(without_a_vocabulary_it_falls_back_to_bytes)
{
    Run run = run_shell("echo hello | gptape tokenize");
    assert_succeeded(&run);
    ck_assert_str_eq(run.out, "104 101 108 108 111 10\n");
    ck_assert_int_eq(text_lines(run.err), 1);
    assert_has(&run, run.err, "GPT-2's vocabulary is not in data ('make vocab' gets it): using bytes as tokens");
    run_free(&run);
    assert_fails("echo 256 | gptape tokenize --decode", 2, "stdin: id 1: '256' is not a bytes id between 0 and 255");
    run = run_shell("echo hello | gptape tokenize --quiet && echo hello | gptape tokenize --tokenizer bytes");
    assert_quiet(&run);
    run_free(&run);
}
END_TEST

static const char *const ways[] = {"", "--tokenizer bytes", "--vocab data"};

// A megabyte of arbitrary bytes round-trips.
START_TEST(bytes_round_trip)
{
    char command[400];
    provide_vocabulary();
    snprintf(command, sizeof command,
             "{ head -c 1000000 /dev/urandom; cat \"$GPTAPE_BIN\"; printf 'end \\n'; } > a && "
             "gptape tokenize %s < a > ids && gptape tokenize --decode %s < ids > b && cmp a b",
             ways[_i], ways[_i]);
    Run run = run_shell(command);
    assert_quiet(&run);
    run_free(&run);
}
END_TEST

START_TEST(json_of_ids)
{
    Run run = run_shell("printf 'heé' | gptape tokenize --tokenizer chars --json");
    assert_quiet(&run);
    cJSON *json = run_json(&run);
    ck_assert_str_eq(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "tokenizer")), "chars");
    ck_assert_str_eq(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "alphabet")), "ehé");
    ck_assert_double_eq(json_number(json, "vocab_size"), 3);
    ck_assert_double_eq(json_number(json, "tokens"), 3);
    ck_assert_double_eq(json_number(json, "bytes"), 4);
    const cJSON *ids = cJSON_GetObjectItemCaseSensitive(json, "ids");
    ck_assert_int_eq(cJSON_GetArraySize(ids), 3);
    ck_assert_int_eq(cJSON_GetArrayItem(ids, 0)->valueint, 1);
    cJSON_Delete(json);
    run_free(&run);
}
END_TEST

START_TEST(json_of_text)
{
    Run run = run_shell("echo 104,195,169 | gptape tokenize --tokenizer bytes --decode --json");
    assert_quiet(&run);
    cJSON *json = run_json(&run);
    ck_assert_str_eq(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "text")), "hé");
    ck_assert_int_eq(cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(json, "bytes")), 3);
    cJSON_Delete(json);
    run_free(&run);
    run = run_shell("echo 104,195 | gptape tokenize --tokenizer bytes --decode --json");
    json = run_json(&run);
    ck_assert(cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(json, "text")));
    ck_assert_int_eq(cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(json, "bytes"), 1)->valueint, 195);
    cJSON_Delete(json);
    run_free(&run);
}
END_TEST

START_TEST(examples_work)
{
    char command[300];
    int tried = 0;
    Run help = run_gptape("help tokenize");
    provide_vocabulary();
    snprintf(command, sizeof command, "cp '%s/README.md' . && gptape tokenize --tokenizer chars < README.md > ids.txt", folder_home());
    Run run = run_shell(command);
    assert_quiet(&run);
    run_free(&run);
    char *line = strstr(help.out, "\nExamples:\n");
    ck_assert_ptr_nonnull(line);
    for (line = strtok(line + strlen("\nExamples:\n"), "\n"); line != NULL; line = strtok(NULL, "\n")) {
        run = run_shell(line);
        assert_quiet(&run);
        ck_assert_uint_gt(strlen(run.out), 100);
        run_free(&run);
        tried++;
    }
    ck_assert_int_ge(tried, 5);
    run_free(&help);
}
END_TEST

// A text in a file, its ids on stdout.
static void assert_published(const GoldenText *golden)
{
    char expected[1000] = "";
    FILE *file = fopen("text", "w");
    ck_assert_ptr_nonnull(file);
    fputs(golden->text, file);
    ck_assert_int_eq(fclose(file), 0);
    for (size_t i = 0; i < golden->n_ids; i++) {
        size_t used = strlen(expected);
        snprintf(expected + used, sizeof expected - used, "%s%d", i > 0 ? " " : "", golden->ids[i]);
    }
    strcat(expected, "\n");
    assert_known(&(Known){"gptape tokenize --quiet < text", expected});
    assert_known(&(Known){"gptape tokenize --quiet < text | gptape tokenize --decode", golden->text});
}

START_TEST(the_command_gives_the_published_ids)
{
    if (!published_vocabulary(__func__)) {
        return;
    }
    for (int i = 0; i < GOLDEN_TEXTS; i++) {
        assert_published(&golden_texts[i]);
    }
}
END_TEST

START_TEST(special_tokens_are_found_on_request)
{
    static const struct {
        const char *command, *out, *note;
    } rows[] = {
        {"echo 'a<|endoftext|>' | gptape tokenize --special on", "64 50256 198\n", "the text has 1 special token; --special off"},
        {"echo 'a<|endoftext|>' | gptape tokenize --special off", "64 27 91 437 1659 5239 91 29 198\n", "became several ordinary tokens each"},
        {"echo 'a<|endoftext|>' | gptape tokenize", "64 27 91 437 1659 5239 91 29 198\n", "--special on makes one id of each"},
    };
    if (!published_vocabulary(__func__)) {
        return;
    }
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        Run run = run_shell(rows[i].command);
        assert_succeeded(&run);
        ck_assert_str_eq(run.out, rows[i].out);
        ck_assert_int_eq(text_lines(run.err), 1);
        assert_has(&run, run.err, rows[i].note);
        run_free(&run);
    }
    assert_fails("echo a | gptape tokenize --special maybe", 2, "--special: 'maybe' is not on or off");
    assert_fails("echo a | gptape tokenize --special on --tokenizer bytes", 2, "only --tokenizer gpt2 has special tokens");
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// generate

static const Known spoken[] = {
    {"gptape generate --quiet --vocab data --vocab-size 267 --prompt 'hello hello' --ids --tokens 3 > a && "
     "gptape generate --quiet --vocab-size 267 --prompt-ids 259,261 --ids --tokens 3 | cmp a -",
     ""},
    {"gptape generate --quiet --tokenizer bytes --prompt hi --ids --tokens 3 > a && "
     "gptape generate --quiet --prompt hi --ids --tokens 3 | cmp a -",
     ""},
    // the text is the prompt and what the ids decode to
    {"gptape generate --quiet --vocab data --vocab-size 267 --prompt-ids 259,32,265 --tokens 1 | cut -c 1-8", "hello é\n"},
    {"gptape generate --quiet --vocab data --vocab-size 267 --prompt 'a\\b' --tokens 1 | cut -c 1-3", "a\\b\n"},
    {"gptape generate --quiet --vocab data --vocab-size 267 --prompt-ids 195,169,195,104,27,10,9,255 --tokens 1 "
     "| head -c 17 | od -An -c -w17 | tr -d ' '",
     "303251\\xc3h\\x1b\\n\\t\\xff\n"},
    // tokens beyond the vocabulary
    {"gptape generate --quiet --vocab data --vocab-size 300 --prompt-ids 259,299,104 --tokens 1 | head -c 11", "hello<299>h"},
    {"gptape generate --quiet --vocab data --vocab-size 300 --prompt-ids 195,299,169 --tokens 1 | head -c 13", "\\xc3<299>\\xa9"},
};

START_TEST(generate_speaks_through_the_vocabulary)
{
    provide_vocabulary();
    assert_known(&spoken[_i]);
}
END_TEST

// A vocabulary of GPT-2's size where none is found: bytes, and a note that says so.
START_TEST(generate_falls_back_to_bytes)
{
    Run run = run_shell("gptape generate --vocab-size 50257 --prompt hi --tokens 1");
    assert_succeeded(&run);
    ck_assert_int_eq(strncmp(run.out, "hi", 2), 0);
    assert_has(&run, run.err, "GPT-2's vocabulary is not in data ('make vocab' gets it): using bytes as tokens");
    run_free(&run);
    run = run_shell("gptape generate --vocab-size 50257 --prompt-ids 1 --ids --tokens 1");
    assert_succeeded(&run);
    ck_assert_ptr_null(strstr(run.err, "vocabulary")); // there is no text in it
    run_free(&run);
}
END_TEST

// The text is the same ids decoded, whatever the ids are.
START_TEST(generate_decodes_what_it_says)
{
    if (!published_vocabulary(__func__)) {
        return;
    }
    assert_known(&(Known){"gptape generate --quiet --vocab-size 50257 --prompt 'Hello, I am' --ids --tokens 6 > ids && "
                          "{ echo 15496 11 314 716; cat ids; } | gptape tokenize --decode > a && echo >> a && "
                          "gptape generate --quiet --vocab-size 50257 --prompt 'Hello, I am' --tokens 6 | cmp a -",
                          ""});
}
END_TEST

// The book's own nonsense, from its own seed, prompt and model of 163,009,536 parameters.
START_TEST(generate_prints_what_the_book_prints)
{
    if (!published_vocabulary(__func__)) {
        return;
    }
    assert_known(&(Known){"gptape generate --quiet --config book-124m --seed 123 --prompt 'Hello, I am' --tokens 6 --greedy",
                          "Hello, I am Featureiman Byeswickattribute argue\n"});
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gptape tokenize");
    TCase *tcase = case_create(suite, "tokenize");
    tcase_add_checked_fixture(tcase, enter, folder_leave);
    tcase_add_loop_test(tcase, it_prints_ids_and_text, 0, sizeof knowns / sizeof knowns[0]);
    tcase_add_loop_test(tcase, invalid_input_is_a_one_line_error, 0, sizeof wrongs / sizeof wrongs[0]);
    tcase_add_loop_test(tcase, impossible_requests_are_one_line_errors, 0, sizeof impossible / sizeof impossible[0]);
    tcase_add_test(tcase, without_a_vocabulary_it_falls_back_to_bytes);
    tcase_add_loop_test(tcase, bytes_round_trip, 0, sizeof ways / sizeof ways[0]);
    tcase_add_test(tcase, json_of_ids);
    tcase_add_test(tcase, json_of_text);
    tcase_add_test(tcase, examples_work);
    tcase_add_test(tcase, the_command_gives_the_published_ids);
    tcase_add_test(tcase, special_tokens_are_found_on_request);
    tcase_add_loop_test(tcase, generate_speaks_through_the_vocabulary, 0, sizeof spoken / sizeof spoken[0]);
    tcase_add_test(tcase, generate_falls_back_to_bytes);
    tcase_add_test(tcase, generate_decodes_what_it_says);
    tcase_add_test(tcase, generate_prints_what_the_book_prints);
    return suite_run(suite);
}
