// test_terminal.c: what fits itself to the terminal, which script(1) makes here.

#include "tests/cli/run.h"
#include "tests/support/folder.h"
#include "tests/support/suite.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

// On a terminal that narrow; in a pipe the lines are longer, and the words the same.
START_TEST(prose_fits_the_terminal)
{
    static const int columns[] = {40, 60, 80};
    static const char prose[] = "sed -n '/^Tells small/,/^Examples/p'";
    char command[512];
    snprintf(command, sizeof command, "script -qc 'stty cols %d; gptape stories --help' /dev/null | tr -d '\\r' | %s > narrow; "
             "gptape stories --help | %s > wide; cat narrow", columns[_i], prose, prose);
    Run run = run_shell(command);
    assert_succeeded(&run);
    int longest = 0;
    for (const char *line = run.out; *line != '\0'; line += strcspn(line, "\n") + 1) {
        int length = (int)strcspn(line, "\n");
        longest = length > longest ? length : longest;
    }
    ck_assert_int_le(longest, columns[_i]);
    ck_assert_int_gt(longest, columns[_i] - 20);
    run_free(&run);
    run = run_shell("for f in narrow wide; do tr -s ' \\n' '  ' < $f > $f.words; grep -c '^$' $f; done; cmp narrow.words wide.words");
    assert_succeeded(&run);
    ck_assert_str_eq(run.out, "2\n2\n");           // empty lines between paragraphs
    run_free(&run);
}
END_TEST

START_TEST(a_chart_fits_the_terminal)
{
    Run run = run_shell("script -qc 'stty cols 60; gptape gradflow --quiet --depth 5' /dev/null | tr -d '\\r' | "
                        "sed -n '/^Mean/,$p' | awk '{ if (length > most) most = length } END { print (most <= 60 && most > 50) }'; "
                        "gptape gradflow --quiet --depth 5 | sed -n '/^Mean/,$p' | awk '{ if (length > most) most = length } END { print (most > 60) }'");
    assert_succeeded(&run);
    ck_assert_str_eq(run.out, "1\n1\n");
    run_free(&run);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------

static void enter(void)
{
    folder_enter();
    make_command();
}

int main(void)
{
    Suite *suite = suite_create("gptape on a terminal");
    TCase *tcase = tcase_create("terminal");
    tcase_add_checked_fixture(tcase, enter, folder_leave);
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, prose_fits_the_terminal, 0, 3);
    tcase_add_test(tcase, a_chart_fits_the_terminal);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
