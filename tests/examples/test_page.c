// test_page.c: what holds for all examples, which examples/README.md shows as they are (examples_test.h).

#include "tests/examples/examples_test.h"

#include <ctype.h>
#include <dirent.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SOURCES "examples"
#define README SOURCES "/*.md"

enum { WIDTH_MAX = 100 };

// All of a text file, or of those that a pattern names. The caller frees it.
static char *read_text(const char *path)
{
    char command[256];

    snprintf(command, sizeof command, "cat %s", path);
    Run run = run_shell(command);
    assert_quiet(&run);
    free(run.err);
    return run.out;
}

// ------------------------------------------------------------------------------------------------------------
// What holds for all

START_TEST(every_source_is_tested)
{
    DIR *folder = opendir(SOURCES);
    int sources = 0;

    ck_assert_msg(folder != NULL, "no folder %s: run this from the root of the sources", SOURCES);
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        const char *ending = strrchr(entry->d_name, '.');
        if (ending == NULL || strcmp(ending, ".c") != 0) {
            continue;
        }
        bool tested = false;
        for (int i = 0; i < EXAMPLE_COUNT; i++) {
            size_t length = strlen(examples[i]);
            tested |= length == (size_t)(ending - entry->d_name) && strncmp(entry->d_name, examples[i], length) == 0;
        }
        ck_assert_msg(tested, "%s/%s has no row in this test's table", SOURCES, entry->d_name);
        sources++;
    }
    closedir(folder);
    ck_assert_int_eq(sources, EXAMPLE_COUNT);
}
END_TEST

// The same text, in which the last of a number's four digits may differ: other kernels round differently.
static void assert_same_numbers(const char *got, const char *expected)
{
    while (*got != '\0' && *expected != '\0') {
        char *got_end;
        char *expected_end;
        double number = strtod(got, &got_end);
        double other = strtod(expected, &expected_end);
        if (got_end == got || expected_end == expected) {
            ck_assert_msg(*got == *expected, "'%.40s', expected '%.40s'", got, expected);
            got_end = (char *)got + 1;
            expected_end = (char *)expected + 1;
        } else {
            ck_assert_msg(number == other || fabs(number - other) <= 1e-3 * fabs(other), "'%.40s', expected '%.40s'", got, expected);
        }
        got = got_end;
        expected = expected_end;
    }
    ck_assert_str_eq(got, expected);
}

START_TEST(says_the_same_again)
{
    const char *name = examples[_i];
    Run first = run_example(name);
    Run second = run_example(name);
    Run plain = run_example_after("GPTAPE_KERNELS=plain exec", name);
    Run fast = run_example_after("GPTAPE_KERNELS=fast exec", name);

    assert_quiet(&plain);
    assert_quiet(&fast);
    ck_assert_str_eq(second.out, first.out);
    assert_same_numbers(plain.out, first.out);
    assert_same_numbers(fast.out, first.out);
    run_free(&first);
    run_free(&second);
    run_free(&plain);
    run_free(&fast);
}
END_TEST

START_TEST(says_it_readably)
{
    Run run = run_example(examples[_i]);
    int notices = 0;
    const char *end;

    for (const char *line = run.out; *line != '\0'; line = end + 1) {
        end = strchr(line, '\n');
        ck_assert_msg(end != NULL, "the last line does not end: %s", line);
        size_t length = (size_t)(end - line);
        ck_assert_msg(length <= WIDTH_MAX, "%zu columns: %.*s", length, (int)length, line);
        for (size_t i = 0; i < length; i++) {
            ck_assert_msg(isprint((unsigned char)line[i]), "byte %d in: %.*s", line[i], (int)length, line);
        }
        notices += strncmp(line, "-> ", 3) == 0;
    }
    ck_assert_int_gt(notices, 0);
    run_free(&run);
}
END_TEST

START_TEST(loses_no_memory)
{
    Run found = run_shell("command -v valgrind");
    bool installed = found.status == 0;

    run_free(&found);
    if (HAVE_SANITIZER || !installed) {
        skip(__func__, HAVE_SANITIZER ? "programs with a sanitizer do not run under valgrind" : "valgrind is not installed");
        return;
    }
    // All of our memory must be freed by the end, even if something still points to it.
    Run run = run_example_after("GPTAPE_KERNELS=plain exec valgrind --quiet --leak-check=full --show-leak-kinds=all "
                                "--error-exitcode=99",
                                examples[_i]);
    if (strstr(run.err, "Valgrind: debuginfo reader:") != NULL) {
        skip(__func__, "this valgrind cannot read this compiler's debug information"); // Debian 12's, clang's DWARF 5
        run_free(&run);
        return;
    }
    assert_succeeded(&run);
    ck_assert_msg(strstr(run.err, "memory_allocate") == NULL, "%s: not freed: %s", run.command, run.err);
    run_free(&run);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// The page about them

// The chapter of the README about an example: from its heading to the next. The caller frees it.
static char *chapter_of(const char *name)
{
    char heading[64];
    char *page = read_text(README);

    snprintf(heading, sizeof heading, " %s.c: ", name);
    const char *start = page;
    const char *found = NULL;
    while (found == NULL) {
        start = behind(start, "\n## ");
        const char *line_end = strchr(start, '\n');
        const char *part = strstr(start, heading);
        found = part != NULL && part < line_end ? start : NULL;
    }
    const char *end = strstr(start, "\n## ");
    size_t length = end == NULL ? strlen(start) : (size_t)(end + 1 - start);
    char *chapter = strndup(start, length);
    ck_assert_ptr_nonnull(chapter);
    free(page);
    return chapter;
}

START_TEST(readme_shows_the_real_output)
{
    Run run = run_example(examples[_i]);
    char *chapter = chapter_of(examples[_i]);
    int blocks = 0;

    assert_quiet(&run);
    for (char *at = strstr(chapter, "\n```text\n"); at != NULL; at = strstr(at, "\n```text\n")) {
        char *block = at + strlen("\n```text\n");
        char *end = strstr(block, "\n```\n");
        ck_assert_msg(end != NULL, "the block does not end: %s", block);
        end[1] = '\0'; // the block's last newline belongs to it
        const char *found = strstr(run.out, block);
        ck_assert_msg(found != NULL, "%s shows what %s does not print:\n%s", README, examples[_i], block);
        ck_assert_msg(found == run.out || found[-1] == '\n', "%s begins in the middle of a line:\n%s", README, block);
        at = end + 2;
        blocks++;
    }
    ck_assert_int_gt(blocks, 0);
    free(chapter);
    run_free(&run);
}
END_TEST

// The function on which an example's first comment puts a breakpoint exists, and the chapter opens the example in gdb.
START_TEST(breakpoint_exists)
{
    char path[64];
    char function[64];
    char command[256];

    snprintf(path, sizeof path, SOURCES "/%s.c", examples[_i]);
    char *source = read_text(path);
    ck_assert_int_eq(sscanf(behind(source, "// Breakpoint: "), "%63[a-z_]", function), 1);
    free(source);

    char *chapter = chapter_of(examples[_i]);
    const char *session = behind(chapter, "\n$ make debug ");
    session = behind(session, "=");
    ck_assert_int_eq(strncmp(session, examples[_i], strlen(examples[_i])), 0);
    free(chapter);

    snprintf(command, sizeof command, "grep -rqE --include='*.c' '^[A-Za-z][^;]*[ *(]%s\\)?\\([^;]*$' tensor nn gpt examples", function);
    Run found = run_shell(command);
    ck_assert_msg(found.status == 0, "%s: there is no function %s to break on", path, function);
    run_free(&found);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("examples page");
    TCase *tcase = case_create(suite, "examples");
    tcase_add_test(tcase, every_source_is_tested);
    tcase_add_loop_test(tcase, says_the_same_again, 0, EXAMPLE_COUNT);
    tcase_add_loop_test(tcase, says_it_readably, 0, EXAMPLE_COUNT);
    tcase_add_loop_test(tcase, readme_shows_the_real_output, 0, EXAMPLE_COUNT);
    tcase_add_loop_test(tcase, breakpoint_exists, 0, EXAMPLE_COUNT);
    tcase_add_loop_test(tcase, loses_no_memory, 0, EXAMPLE_COUNT);
    return suite_run(suite);
}
