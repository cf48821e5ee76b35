// test_generate.c: gptape generate as a user types it. Each test runs in an empty folder, where gptape is found as a command.

#include "gpt/base/base.h"
#include "tests/cli/generate_test.h"

#include <cjson/cJSON.h>

// ------------------------------------------------------------------------------------------------------------
// Text and ids of an untrained model

static int commas(const char *text)
{
    int n = 0;

    for (const char *at = text; *at != '\0'; at++) {
        n += *at == ',';
    }
    return n;
}

START_TEST(same_seed_same_ids)
{
    Run first = run_gptape("generate --ids --tokens 20 --seed 7");
    Run again = run_gptape("generate --seed 7 --tokens 20 --ids");
    Run other = run_gptape("generate --ids --tokens 20 --seed 8");

    assert_succeeded(&first);
    assert_succeeded(&again);
    assert_succeeded(&other);
    ck_assert_int_eq(text_lines(first.out), 1);
    ck_assert_int_eq(commas(first.out), 19);
    ck_assert_uint_eq(strspn(first.out, "0123456789,\n"), strlen(first.out));
    ck_assert_str_eq(first.out, again.out);
    ck_assert_str_ne(first.out, other.out);
    run_free(&first);
    run_free(&again);
    run_free(&other);
}
END_TEST

// The first new token is the same when it is the only one, and a prompt's text is its bytes.
START_TEST(text_is_bytes)
{
    Run text = run_gptape("generate --quiet --ids --tokens 5 --prompt Hi");
    Run ids = run_gptape("generate --quiet --ids --tokens 5 --prompt-ids 72,105");
    Run fewer = run_gptape("generate --quiet --ids --tokens 3 --prompt-ids 72,105");

    assert_quiet(&text);
    assert_quiet(&ids);
    assert_quiet(&fewer);
    ck_assert_str_eq(text.out, ids.out);
    ck_assert_msg(strncmp(fewer.out, ids.out, strlen(fewer.out) - 1) == 0, "%s and %s", fewer.out, ids.out);
    run_free(&text);
    run_free(&ids);
    run_free(&fewer);
}
END_TEST

START_TEST(prints_readable_text)
{
    Run run = run_gptape("generate --prompt 'a\\b' --tokens 30");

    assert_succeeded(&run);
    ck_assert_int_eq(text_lines(run.out), 1);
    ck_assert_msg(strncmp(run.out, "a\\\\b", 4) == 0, "the prompt is missing: %s", run.out);
    for (const char *at = run.out; *at != '\n'; at++) {
        ck_assert_msg(*at >= 0x20 && *at < 0x7f, "an unprintable byte in: %s", run.out);
    }
    ck_assert_int_eq(text_lines(run.err), 2);
    assert_has(&run, run.err, "634,752 parameters, untrained");
    assert_has(&run, run.err, "30 tokens: the first after ");
    assert_has(&run, run.err, " tokens/s");
    run_free(&run);
}
END_TEST

START_TEST(beyond_the_context)
{
    Run run = run_gptape("generate --prompt 'This prompt is longer than thirty-two bytes.' --ids --tokens 3");
    Run tail = run_gptape("generate --prompt ' is longer than thirty-two bytes.' --ids --tokens 3");

    assert_succeeded(&run);
    assert_has(&run, run.err, "the last 32 are used");
    assert_succeeded(&tail);
    ck_assert_str_eq(run.out, tail.out); // both end in the same 32 bytes
    run_free(&run);
    run_free(&tail);
}
END_TEST

START_TEST(one_sample_as_json)
{
    Run run = run_gptape("generate --quiet --json --prompt-ids 1,2,3 --tokens 4 --seed 9");
    assert_quiet(&run);
    cJSON *json = run_json(&run);
    ck_assert_int_eq(cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(json, "prompt_ids")), 3);
    ck_assert_int_eq(cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(json, "ids")), 4);
    ck_assert_double_eq(json_number(json, "seed"), 9);
    ck_assert_ptr_null(cJSON_GetObjectItemCaseSensitive(json, "text"));
    cJSON_Delete(json);
    run_free(&run);
}
END_TEST

// PyTorch's own answer for this model: golden/ch04.json, entry gpt/tiny/seed7, greedy. The two best logits are never
// closer than 0.05 there, so rounding cannot change it.
START_TEST(as_pytorch_does)
{
    Run run = run_gptape("generate --quiet --config book-124m --vocab-size 97 --context-length 16 --n-embd 24 --n-head 3 "
                         "--n-layer 2 --seed 7 --prompt-ids 11,59,72,50,90,95,65,0 --tokens 10 --ids --greedy");

    assert_quiet(&run);
    ck_assert_str_eq(run.out, "22,8,0,72,59,59,87,88,2,2\n");
    run_free(&run);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Choosing

// What must print the same: pairs of command lines.
static const char *const same[][2] = {
    {"gptape generate --ids", "gptape generate --ids --no-cache"},
    {"gptape generate --ids --greedy --tokens 60", "gptape generate --ids --greedy --tokens 60 --no-cache"},
    {"gptape generate --ids --greedy", "gptape generate --ids --top-k 1"},
    {"gptape generate --ids --greedy", "gptape generate --ids --top-p 1e-9"},
    {"gptape generate --ids --greedy", "gptape generate --ids --temperature 1e-6"},
    {"gptape generate --ids", "gptape generate --ids --top-k 256 --top-p 1 --temperature 1 --samples 1"},
    {"gptape generate --ids --samples 3 | head -n 1", "gptape generate --ids"},
    {"gptape generate --ids --samples 3 --tokens 4 | wc -l | tr -d ' '", "echo 3"},
    {"gptape generate --causal off --ids", "gptape generate --causal off --ids --no-cache"},
    {"gptape generate --ids --seed 5", "gptape generate --ids --seed 5"},
    {"gptape generate --ids --prompt ''", "gptape generate --ids --prompt-ids 10"},
    {"gptape generate --ids --prompt=", "gptape generate --ids --prompt-ids 10"},
};

START_TEST(these_print_the_same)
{
    assert_same(same[_i][0], same[_i][1]);
}
END_TEST

static const char *const different[][2] = {
    {"gptape generate --ids --greedy", "gptape generate --ids"},
    {"gptape generate --ids --temperature 100", "gptape generate --ids"},
    {"gptape generate --ids --top-k 3", "gptape generate --ids"},
    {"gptape generate --ids --top-p 0.2", "gptape generate --ids"},
    {"gptape generate --ids --samples 2 | head -n 1", "gptape generate --ids --samples 2 | tail -n 1"},
};

START_TEST(these_print_something_else)
{
    assert_different(different[_i][0], different[_i][1]);
}
END_TEST

START_TEST(samples_are_set_apart)
{
    Run run = run_shell("gptape generate --samples 2 --tokens 3 --prompt hi 2> /dev/null");
    assert_quiet(&run);
    const char *first = "--- sample 1 of 2 ---\nhi";
    const char *second = strstr(run.out, "\n\n--- sample 2 of 2 ---\nhi");
    ck_assert_msg(strncmp(run.out, first, strlen(first)) == 0 && second != NULL, "%s", run.out);
    run_free(&run);
}
END_TEST

// Nothing but the samples, an empty line between them.
START_TEST(quiet_samples_have_no_headings)
{
    Run quiet = run_shell("gptape generate --quiet --samples 3 --tokens 3 --prompt hi");
    Run run = run_shell("gptape generate --samples 3 --tokens 3 --prompt hi 2> /dev/null | grep -v '^--- sample [123] of 3 ---$'");
    assert_quiet(&quiet);
    ck_assert_ptr_null(strstr(quiet.out, "---"));
    ck_assert_str_eq(quiet.out, run.out);
    run_free(&quiet);
    run_free(&run);
}
END_TEST

START_TEST(json_has_the_text_that_is_printed)
{
    Run text = run_shell("gptape generate --quiet --prompt hi");
    Run run = run_shell("gptape generate --quiet --prompt hi --json");
    cJSON *json = run_json(&run);
    char expected[512];
    snprintf(expected, sizeof expected, "hi%s\n", cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "text")));
    ck_assert_str_eq(text.out, expected);
    cJSON_Delete(json);
    run_free(&text);
    run_free(&run);
}
END_TEST

// The last token is not read, so one prompt token and 32 new ones fit into a context of 32.
START_TEST(the_note_tells_when_the_context_is_exceeded)
{
    Run run = run_gptape("generate --config tiny --prompt-ids 1 --tokens 32");
    assert_succeeded(&run);
    ck_assert_ptr_null(strstr(run.err, "beyond the context"));
    run_free(&run);
    run = run_gptape("generate --config tiny --prompt-ids 1 --tokens 33");
    assert_succeeded(&run);
    assert_has(&run, run.err, "beyond the context");
    run_free(&run);
}
END_TEST

START_TEST(samples_as_json)
{
    double start = clock_seconds();
    Run run = run_shell("gptape generate --quiet --samples 3 --tokens 4 --json");
    double seconds = clock_seconds() - start;
    assert_quiet(&run);
    cJSON *json = run_json(&run);
    const cJSON *samples = cJSON_GetObjectItemCaseSensitive(json, "samples");
    ck_assert_int_eq(cJSON_GetArraySize(samples), 3);
    const cJSON *sample;
    cJSON_ArrayForEach(sample, samples) {
        ck_assert_int_eq(cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(sample, "ids")), 4);
        ck_assert(cJSON_IsString(cJSON_GetObjectItemCaseSensitive(sample, "text")));
    }
    ck_assert_double_gt(json_number(json, "first_token_ms"), 0);
    ck_assert_double_lt(json_number(json, "first_token_ms"), seconds * 1e3);
    ck_assert_double_gt(json_number(json, "tokens_per_s"), (3 * 4 - 3) / seconds); // all but the first of each sample
    cJSON_Delete(json);
    run_free(&run);
}
END_TEST

START_TEST(causal_off_says_that_nothing_is_kept)
{
    Run run = run_shell("gptape generate --causal off --tokens 2");
    assert_succeeded(&run);
    assert_has(&run, run.err, "--causal off: each new token changes all earlier positions, so no keys and values are cached");
    run_free(&run);
    run = run_shell("gptape generate --causal off --tokens 2 --no-cache");
    ck_assert_ptr_null(strstr(run.err, "--causal"));
    run_free(&run);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// The end

// A program that the shell starts in the background is sent SIGINT once it has said something.
static const struct {
    const char *command;
    int lines;
} interrupts[] = {
    {"gptape generate --quiet --tokens 1000000", 1},
    {"gptape generate --quiet --tokens 1000000 --ids --samples 5", 5},
};

START_TEST(ctrl_c_ends_the_line)
{
    char command[512];
    snprintf(command, sizeof command,
             "%s > out & p=$!; while ! [ -s out ]; do sleep 0.02; done; kill -INT $p; wait $p; echo $?; "
             "tail -c 1 out | od -An -c | tr -d ' '; wc -l < out",
             interrupts[_i].command);
    char expected[64];
    snprintf(expected, sizeof expected, "130\n\\n\n%d\n", interrupts[_i].lines);
    Run run = run_shell(command);
    ck_assert_str_eq(run.err, "");
    ck_assert_msg(strcmp(run.out, expected) == 0, "status, last byte, lines: %s", run.out);
    run_free(&run);
}
END_TEST

START_TEST(ctrl_c_leaves_whole_json)
{
    Run run = run_shell("gptape generate --json --tokens 1000000 > out 2> err & p=$!; while ! [ -s err ]; do sleep 0.02; done; sleep 0.3; "
                        "kill -INT $p; wait $p; cat out");
    cJSON *json = cJSON_Parse(run.out);
    ck_assert_msg(json != NULL || run.out[0] == '\0', "%s", run.out);
    cJSON_Delete(json);
    run_free(&run);
}
END_TEST

// Where a closed pipe is an error and no signal, it ends all the same.
START_TEST(it_ends_when_nobody_reads)
{
    Run run = run_shell("(trap '' PIPE; gptape generate --quiet --tokens 1000000 2> err; echo $? > status) | head -c 50 > out; cat status err");
    ck_assert_msg(strncmp(run.out, "1\ngptape: stdout: not everything could be written", 40) == 0, "%s", run.out);
    run_free(&run);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gptape generate");
    TCase *tcase = case_create(suite, "generate");
    tcase_add_checked_fixture(tcase, enter, folder_leave);
    tcase_add_test(tcase, same_seed_same_ids);
    tcase_add_test(tcase, text_is_bytes);
    tcase_add_test(tcase, prints_readable_text);
    tcase_add_test(tcase, beyond_the_context);
    tcase_add_test(tcase, quiet_samples_have_no_headings);
    tcase_add_test(tcase, one_sample_as_json);
    tcase_add_test(tcase, as_pytorch_does);
    tcase_add_loop_test(tcase, these_print_the_same, 0, sizeof same / sizeof same[0]);
    tcase_add_loop_test(tcase, these_print_something_else, 0, sizeof different / sizeof different[0]);
    tcase_add_test(tcase, samples_are_set_apart);
    tcase_add_test(tcase, json_has_the_text_that_is_printed);
    tcase_add_test(tcase, the_note_tells_when_the_context_is_exceeded);
    tcase_add_test(tcase, samples_as_json);
    tcase_add_test(tcase, causal_off_says_that_nothing_is_kept);
    tcase_add_loop_test(tcase, ctrl_c_ends_the_line, 0, sizeof interrupts / sizeof interrupts[0]);
    tcase_add_test(tcase, ctrl_c_leaves_whole_json);
    tcase_add_test(tcase, it_ends_when_nobody_reads);
    return suite_run(suite);
}
