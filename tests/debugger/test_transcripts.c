// test_transcripts.c: what tensor/inspect/gdb/README.md and examples/README.md show of gdb is what it says, and each lesson goes
// from its first stop to its last, on the debugger's build and on the optimized one.
//
// A block that begins with ```gdb is a session: the command that starts it, then what is typed behind each (gdb), and the answers.
// A line ... stands for any lines: what the program prints among it comes at other times without a terminal. Addresses are left
// out of the comparison. The numbers of source lines are not: after a change that moves lines, tests/debugger/update_lines.py updates them.

#include "tests/cli/run.h"
#include "tests/debugger/debugger.h"
#include "tests/support/suite.h"

#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROMPT "(gdb) "

static void prepare(void)
{
    gdb_prepare(GDB_LESSONS " examples/by_hand examples/training");
}

// ------------------------------------------------------------------------------------------------------------
// Comparing

// Are they the same, line by line, where a line ... of the expected stands for any?
static bool lines_match(const char *expected, const char *got)
{
    if (*expected == '\0') {
        return got[strspn(got, "\n")] == '\0';
    }
    size_t length = strcspn(expected, "\n");
    const char *rest = expected + length + (expected[length] == '\n');
    if (length == 3 && strncmp(expected, "...", 3) == 0) {
        for (const char *at = got; at != NULL; at = strchr(at, '\n') == NULL ? NULL : strchr(at, '\n') + 1) {
            if (lines_match(rest, at)) {
                return true;
            }
        }
        return false;
    }
    size_t got_length = strcspn(got, "\n");
    bool same = got_length == length && strncmp(expected, got, length) == 0;
    return same && lines_match(rest, got + got_length + (got[got_length] == '\n'));
}

// The next part of a session: up to the next prompt at the start of a line, or to the end. *text moves behind the prompt.
static char *next_part(const char **text)
{
    const char *at = *text;
    const char *end = strncmp(at, PROMPT, strlen(PROMPT)) == 0 ? at : strstr(at, "\n" PROMPT);
    size_t n = end == NULL ? strlen(at) : (size_t)(end - at) + (end != at);
    *text = end == NULL ? at + n : at + n + strlen(PROMPT);
    char *part = strndup(at, n);
    hide_addresses(part);
    return part;
}

// What is typed in a session, a line each; the caller frees it.
static char *typed_in(const char *session)
{
    char *typed = calloc(strlen(session) + 1, 1);
    ck_assert_ptr_nonnull(typed);
    for (const char *at = strstr(session, "\n" PROMPT); at != NULL; at = strstr(at, "\n" PROMPT)) {
        at += 1 + strlen(PROMPT);
        strncat(typed, at, strcspn(at, "\n") + 1);
    }
    return typed;
}

static char *run_session(const char *start, const char *typed)
{
    char script[] = "/tmp/gptape-test-XXXXXX";
    char command[512];
    int file = mkstemp(script);
    ck_assert_int_ge(file, 0);
    ck_assert_int_eq(write(file, typed, strlen(typed)), (ssize_t)strlen(typed));
    close(file);
    snprintf(command, sizeof command,
             "env -u MAKEFLAGS -u MAKELEVEL -u SAN -u CC -u CFLAGS -u XDG_CONFIG_HOME HOME=tests/debugger TERM=dumb %s < %s 2>&1", start, script);
    Run run = run_shell(command);
    unlink(script);
    free(run.err);
    return run.out;
}

static void check_session(const char *session)
{
    char start[128];
    ck_assert_int_eq(sscanf(session, "$ %127[^\n]", start), 1);
    char *typed = typed_in(session);
    char *said = run_session(start, typed);
    const char *expected_at = strchr(session, '\n') + 1;
    const char *said_at = said;
    const char *command = typed;
    bool first = true;
    while (*expected_at != '\0') {
        char *expected = next_part(&expected_at);
        char *got = next_part(&said_at);
        // Behind the first prompt, the page repeats what was typed; gdb, without a terminal, does not.
        const char *answer = first ? expected : strchr(expected, '\n') + 1;
        ck_assert_msg((first && *answer == '\0') || lines_match(answer, got), "%s, after %.*s: it says\n%.1500s\nbut shown is\n%.1500s", start,
                      (int)strcspn(command, "\n"), command, got, answer);
        command += first ? 0 : strcspn(command, "\n") + 1;
        first = false;
        free(expected);
        free(got);
    }
    free(typed);
    free(said);
}

// ------------------------------------------------------------------------------------------------------------
// The pages

static char *read_page(const char *path)
{
    char command[128];
    snprintf(command, sizeof command, "cat %s", path);
    Run run = run_shell(command);
    assert_quiet(&run);
    free(run.err);
    return run.out;
}

static int check_page(const char *path)
{
    int sessions = 0;
    char *page = read_page(path);
    for (char *at = strstr(page, "\n```gdb\n"); at != NULL; at = strstr(at, "\n```gdb\n")) {
        char *session = at + strlen("\n```gdb\n");
        char *end = strstr(session, "\n```");
        ck_assert_ptr_nonnull(end);
        end[1] = '\0';
        check_session(session);
        at = end + 2;
        sessions++;
    }
    free(page);
    return sessions;
}

START_TEST(the_examples_page_shows_the_real_sessions)
{
    if (!gdb_missing(__func__)) {
        ck_assert_int_ge(check_page("examples/README.md"), 8);
        ck_assert_int_ge(check_page("examples/advanced.md"), 3);
    }
}
END_TEST

START_TEST(the_gdb_page_shows_real_sessions)
{
    if (!gdb_missing(__func__)) {
        ck_assert_int_ge(check_page("tensor/inspect/gdb/README.md"), 1);
    }
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// The lessons

static char *lesson_script(const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "examples/%s.gdb", name);
    return read_page(path);
}

// What is typed in a lesson: next-stop after each of its stops; with lines, before it each line that the stop says to type, through Python, which
// reports any error in the same words. Returns the number of stops; *n_lines gets that of lines.
static int type_lesson(const char *script, bool lines, char typed[8192], int *n_lines)
{
    int stops = 0;
    *n_lines = 0;
    typed[0] = '\0';
    for (const char *line = strchr(script, '\n'); line != NULL; line = strchr(line + 1, '\n')) {
        size_t used = strlen(typed);
        ck_assert_msg(line[1] == '#' || strcspn(line + 1, "\n") <= 80, "longer than 80 columns: %.120s", line);
        if (strncmp(line, "\ndefine stop-", 13) == 0) {
            snprintf(typed + used, 8192 - used, stops > 0 ? "next-stop\n" : "");
            stops++;
        } else if (strncmp(line, "\n    ", 5) == 0 && line[5] != ' ') {
            const char *gap = strstr(line + 5, "  ");
            ck_assert_ptr_nonnull(gap);
            snprintf(typed + used, 8192 - used, lines ? "python gdb.execute('%.*s')\n" : "", (int)(gap - line - 5), line + 5);
            (*n_lines)++;
        }
    }
    ck_assert_uint_lt(strlen(typed), 8000);
    strcat(typed, "next-stop\n"); // one too many
    return stops;
}

START_TEST(a_lesson_goes_from_stop_to_stop)
{
    if (gdb_missing(__func__)) {
        return;
    }
    const char *name = gdb_lesson(_i / BUILD_COUNT);
    bool lines = _i % BUILD_COUNT == BUILD_DEBUG;
    char options[64];
    char program[64];
    char typed[8192];
    int n_lines;
    char *script = lesson_script(name);
    int stops = type_lesson(script, lines, typed, &n_lines);
    ck_assert_int_ge(stops, 2);
    ck_assert_int_ge(n_lines, 4);
    strcat(typed, "help stop-1\nnext-stop 3\nnext-stop 1\nkill\nnext-stop\n");
    snprintf(options, sizeof options, "-x examples/%s.gdb", name);
    snprintf(program, sizeof program, "examples/%s", name);
    int build = HAVE_SANITIZER ? BUILD_DEBUG : _i % BUILD_COUNT; // gdb's place behind a function's entry may be a sanitizer's report
    char *said = gdb_run_with(options, build, program, typed);
    const char *at = said;
    for (int i = 1; i <= stops; i++) {
        char title[16];
        snprintf(title, sizeof title, "\n%d. ", i);
        assert_said(&at, title);
    }
    assert_said(&at, "That was the last stop:");
    assert_said(&at, PROMPT "that was the last stop: continue runs to the end, next-stop 1 begins again\n");
    assert_said(&at, PROMPT "1. ");
    assert_said(&at, PROMPT "next-stop: unknown argument '3' (expected none, or 1 to begin again)\n");
    assert_said(&at, "\n1. ");
    assert_said(&at, PROMPT "the program has ended: next-stop 1 begins again\n");
    assert_not_said(said, "Error while executing Python code");
    assert_not_said(said, "Python Exception");
    assert_not_said(said, "<not a ");
    free(said);
    free(script);
}
END_TEST

START_TEST(an_unknown_lesson_or_example_is_reported_with_the_existing_ones)
{
    Run lesson = run_shell("env -u MAKEFLAGS -u MAKELEVEL make debug LESSON=by_hand");
    ck_assert_int_eq(lesson.status, 2);
    const char *at = strstr(lesson.err, "there is no lesson by_hand; there are ");
    ck_assert_ptr_nonnull(at);
    for (int i = 0; i < gdb_lesson_count(); i++) {
        assert_said(&at, gdb_lesson(i));
    }
    run_free(&lesson);
    Run example = run_shell("env -u MAKEFLAGS -u MAKELEVEL make debug EX=tape.c");
    ck_assert_int_eq(example.status, 2);
    ck_assert_ptr_nonnull(strstr(example.err, "there is no example tape.c; there are attention block by_hand "));
    run_free(&example);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sessions in gdb");
    TCase *tests = case_create(suite, "pages and lessons");
    tcase_add_unchecked_fixture(tests, prepare, NULL);
    tcase_add_test(tests, the_examples_page_shows_the_real_sessions);
    tcase_add_test(tests, the_gdb_page_shows_real_sessions);
    tcase_add_loop_test(tests, a_lesson_goes_from_stop_to_stop, 0, gdb_lesson_count() * BUILD_COUNT);
    tcase_add_test(tests, an_unknown_lesson_or_example_is_reported_with_the_existing_ones);
    return suite_run(suite);
}
