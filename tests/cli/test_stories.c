// test_stories.c: gptape stories, as a user types it.

#include "tests/cli/run.h"
#include "tests/support/folder.h"
#include "tests/support/suite.h"

#include <check.h>
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// A folder in which gptape is a command.
static void enter(void)
{
    folder_enter();
    make_command();
}

static int count_parts(const char *text, const char *part)
{
    int n = 0;
    for (const char *at = strstr(text, part); at != NULL; at = strstr(at + 1, part)) {
        n++;
    }
    return n;
}

static cJSON *shell_json(const char *command)
{
    Run run = run_shell(command);
    assert_quiet(&run);
    cJSON *json = run_json(&run);
    run_free(&run);
    return json;
}

// Each is the same text to --check.
static const char *const same_texts[] = {
    "gptape stories | sed 's/$/\\r/'",
    "gptape stories | tr '\\n' '\\r'",
    "gptape stories | tr '\\n' '\\f'",
    "gptape stories | sed 's/$/\\xc2\\x85/' | tr -d '\\n'",
    "gptape stories | sed 's/$/\\xe2\\x80\\xa9/' | tr -d '\\n'",
    "gptape stories | sed 's/$/ \\t /'",
    "gptape stories | head -c -1",
    "gptape stories | head -c -2",
    "(printf '\\357\\273\\277'; gptape stories)",
    // as generate --samples prints it
    "gptape stories | awk 'BEGIN { RS = \"\"; n = 0 } { n++; if (n > 1) print \"\"; print \"--- sample \" n \" of 3 ---\"; print }'",
    // as generate --samples --quiet prints it
    "gptape stories | awk 'BEGIN { RS = \"\"; n = 0 } { n++; if (n > 1) print \"\"; print }'",
};

START_TEST(texts_from_other_programs_are_checked_alike)
{
    char command[512];
    snprintf(command, sizeof command,
             "gptape stories | gptape stories --check > expected; %s | gptape stories --check > got; cmp expected got; "
             "cat got",
             same_texts[_i]);
    Run run = run_shell(command);
    assert_quiet(&run);
    ck_assert_ptr_nonnull(strstr(run.out, "100.0%"));
    run_free(&run);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Telling

START_TEST(generates_the_given_number_of_stories)
{
    Run three = run_shell("gptape stories");
    Run one = run_shell("gptape stories --count 1");
    Run other = run_shell("gptape stories --count 1 --seed 124");
    assert_quiet(&three);
    ck_assert_int_eq(count_parts(three.out, "\n\n"), 3);
    ck_assert_int_eq(count_parts(one.out, "\n\n"), 1);
    ck_assert_msg(strncmp(three.out, one.out, strlen(one.out)) == 0, "other first stories of one seed");
    ck_assert_str_ne(one.out, other.out);
    run_free(&three);
    run_free(&one);
    run_free(&other);
}
END_TEST

START_TEST(generates_the_given_length)
{
    Run run = run_shell("gptape stories --bytes 5000");
    assert_quiet(&run);
    ck_assert_uint_le(strlen(run.out), 5000);
    ck_assert_uint_gt(strlen(run.out), 4000);
    ck_assert_msg(strcmp(run.out + strlen(run.out) - 2, "\n\n") == 0, "not whole stories");
    run_free(&run);
    run = run_shell("gptape stories --bytes 5000 --count 2");
    ck_assert_int_eq(count_parts(run.out, "\n\n"), 2);
    run_free(&run);
}
END_TEST

START_TEST(tells_in_json)
{
    Run text = run_shell("gptape stories --count 2 --seed 7");
    cJSON *json = shell_json("gptape stories --count 2 --seed 7 --json");
    const cJSON *stories = cJSON_GetObjectItem(json, "stories");
    char joined[10000];
    ck_assert_int_eq(cJSON_GetArraySize(stories), 2);
    snprintf(joined, sizeof joined, "%s%s", cJSON_GetArrayItem(stories, 0)->valuestring, cJSON_GetArrayItem(stories, 1)->valuestring);
    ck_assert_str_eq(joined, text.out);
    ck_assert_double_eq(json_number(json, "seed"), 7);
    ck_assert_double_eq(json_number(json, "bytes"), (double)strlen(text.out));
    cJSON_Delete(json);
    run_free(&text);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Checking

START_TEST(generated_stories_are_well_formed)
{
    Run run = run_shell("gptape stories --count 100 | gptape stories --check");
    assert_quiet(&run);
    assert_has(&run, run.out, "100.0%\nstories");
    assert_has(&run, run.out, "stories       100\n");
    assert_has(&run, run.out, "whole         100  100.0%\n");
    ck_assert_ptr_null(strstr(run.out, "not well-formed"));
    run_free(&run);
}
END_TEST

START_TEST(shows_what_is_not_well_formed)
{
    Run run = run_shell("printf 'Anna was afraid. Anna is afraid. He\\033 ran. \\377. Ben\\nran. Tom was afraid. And th' | "
                        "gptape stories --check");
    assert_quiet(&run);
    ck_assert_str_eq(run.out, "sentences    6\n"
                              "well-formed  2  33.3%\n"
                              "stories      0\n"
                              "whole        0\n"
                              "\n"
                              "not well-formed:\n"
                              "Anna is afraid.\n"
                              "He? ran.\n"
                              "?.\n"
                              "Ben ran.\n");
    run_free(&run);
}
END_TEST

START_TEST(shows_the_first_ten_and_no_endless_ones)
{
    Run run = run_shell("for i in 1 2 3 4 5 6 7 8 9 a b c; do head -c 1000 /dev/zero | tr '\\0' $i; echo .; done | "
                        "gptape stories --check");
    assert_quiet(&run);
    ck_assert_int_eq(text_lines(run.out), 6 + 10);
    ck_assert_int_eq(count_parts(run.out, "..."), 10);
    ck_assert_uint_lt(strlen(run.out), 10 * 200);
    ck_assert_ptr_nonnull(strstr(run.out, "aaaa"));
    ck_assert_ptr_null(strstr(run.out, "bbbb"));
    run_free(&run);
}
END_TEST

START_TEST(counts_in_json)
{
    cJSON *json = shell_json("printf 'Anna was afraid. Anna is afraid. Tom was afraid.\\n\\n' | gptape stories --check --json");
    ck_assert_double_eq(json_number(json, "sentences"), 3);
    ck_assert_double_eq(json_number(json, "well_formed"), 2);
    ck_assert_double_eq_tol(json_number(json, "well_formed_fraction"), 2.0 / 3, 1e-8); // 9 digits are printed
    ck_assert_double_eq(json_number(json, "stories"), 1);
    ck_assert_double_eq(json_number(json, "whole"), 0);
    const cJSON *faults = cJSON_GetObjectItem(json, "not_well_formed");
    ck_assert_int_eq(cJSON_GetArraySize(faults), 1);
    ck_assert_str_eq(cJSON_GetArrayItem(faults, 0)->valuestring, "Anna is afraid.");
    cJSON_Delete(json);
}
END_TEST

START_TEST(an_empty_text_is_not_a_sentence)
{
    Run run = run_shell("gptape stories --check < /dev/null");
    assert_quiet(&run);
    ck_assert_str_eq(run.out, "sentences    0\nwell-formed  0\nstories      0\nwhole        0\n");
    run_free(&run);
    cJSON *json = shell_json("printf Anna | gptape stories --check --json");
    ck_assert_double_eq(json_number(json, "sentences"), 0);
    ck_assert(cJSON_IsNull(cJSON_GetObjectItem(json, "well_formed_fraction")));
    cJSON_Delete(json);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------

START_TEST(examples_work)
{
    int tried = 0;
    Run help = run_shell("gptape help stories");
    char *line = strstr(help.out, "\nExamples:\n");
    ck_assert_ptr_nonnull(line);
    line = strtok(line + strlen("\nExamples:\n"), "\n");
    while (line != NULL) {
        Run run = run_shell(line);
        assert_quiet(&run);
        run_free(&run);
        tried++;
        line = strtok(NULL, "\n");
    }
    ck_assert_int_eq(tried, 5);
    run_free(&help);
    Run run = run_shell("gptape stories --check < stories.txt");
    assert_has(&run, run.out, "100.0%");
    run_free(&run);
    run = run_shell("(printf '\\357\\273\\277'; cat stories.txt) | gptape stories --check");
    assert_has(&run, run.out, "100.0%");
    ck_assert_ptr_null(strstr(run.out, "not well-formed"));
    run_free(&run);
    run = run_shell("echo 'Anna made a crown with his mother.' | gptape stories --check");
    assert_has(&run, run.out, "well-formed  0  0.0%");
    run_free(&run);
}
END_TEST

typedef struct Wrong {
    const char *command;
    int status;
    const char *part;
} Wrong;

static const Wrong wrongs[] = {
    {"gptape stories --count 0", 2, "--count: '0' is not an integer between 1 and 1000000000"},
    {"gptape stories --count x", 2, "--count: 'x' is not an integer between 1 and 1000000000"},
    {"gptape stories --bytes -1", 2, "--bytes: '-1' is not an integer between 1 and 1000000000"},
    {"gptape stories --bytes 1", 2, "--bytes: 1 bytes are too few for the first story, of 322 bytes"},
    {"gptape stories --bytes 1 --json", 2, "--bytes: 1 bytes are too few for the first story, of 322 bytes"},
    {"gptape stories --seed x", 2, "--seed: 'x' is not an integer between 0 and 4294967295"},
    {"gptape stories Anna", 2, "Anna"},
    {"gptape stories --check --seed 3 < /dev/null", 2, "--seed: for telling stories, but --check reads them; leave one out"},
    {"gptape stories --check --count 3 < /dev/null", 2, "--count: for telling stories, but --check reads them; leave one out"},
    {"gptape stories --check --bytes 3 < /dev/null", 2, "--bytes: for telling stories, but --check reads them; leave one out"},
    {"gptape stories --check < .", 1, "stdin: can't be read"},
    {"gptape stories > /dev/full", 1, "stdout: not everything could be written"},
};

START_TEST(wrong_input_is_reported)
{
    assert_fails(wrongs[_i].command, wrongs[_i].status, wrongs[_i].part);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gptape stories");
    TCase *tests = case_create(suite, "stories");
    tcase_add_checked_fixture(tests, enter, folder_leave);
    tcase_add_loop_test(tests, texts_from_other_programs_are_checked_alike, 0, sizeof same_texts / sizeof same_texts[0]);
    tcase_add_test(tests, generates_the_given_number_of_stories);
    tcase_add_test(tests, generates_the_given_length);
    tcase_add_test(tests, tells_in_json);
    tcase_add_test(tests, generated_stories_are_well_formed);
    tcase_add_test(tests, shows_what_is_not_well_formed);
    tcase_add_test(tests, shows_the_first_ten_and_no_endless_ones);
    tcase_add_test(tests, counts_in_json);
    tcase_add_test(tests, an_empty_text_is_not_a_sentence);
    tcase_add_test(tests, examples_work);
    tcase_add_loop_test(tests, wrong_input_is_reported, 0, sizeof wrongs / sizeof wrongs[0]);
    return suite_run(suite);
}
