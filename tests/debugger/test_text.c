// test_text.c: external text in gdb is data: neither gnuplot, nor gdb, nor the terminal takes a label or a file name for code. With an
// argument this program is the one that is looked at.

#include "tensor/inspect/inspect.h"
#include "tests/cli/run.h"
#include "tests/debugger/debugger.h"
#include "tests/support/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SELF "tests/debugger/test_text look"
#define MARK "gptape-test-ran" // the file that appears if a text is run

enum { BYTES = 255, LONG = 10000 };

Tensor *every_byte, *commands, *percents, *lines, *quotes, *marks, *large;

__attribute__((noinline)) void look(void);
void look(void)
{
    printf("looking\n");
}

static Tensor *labeled(const char *label)
{
    return tensor_label(tensor_from((float[]){1, 2, 3, 4}, SHAPE(2, 2)), label);
}

static int be_looked_at(void)
{
    static char bytes[BYTES + 1];
    static char many[LONG + 1];
    for (int i = 0; i < BYTES; i++) {
        bytes[i] = (char)(i + 1);
    }
    memset(many, 'x', LONG);
    tape_create();
    every_byte = labeled(bytes);
    commands = labeled("`touch " MARK "` $(touch " MARK ") @touch");
    percents = labeled("50% %s %n %%");
    lines = labeled("a\nset output '|touch " MARK "'\n!touch " MARK "\nEND");
    quotes = labeled("it's \"quoted\" '; system 'touch " MARK "'; #");
    marks = labeled("\xe2\x80\xae"
                    "evil \033[31mred \xff\xfe");
    large = labeled(many);
    look();
    return 0;
}

static void prepare(void)
{
    gdb_prepare("tests/debugger/test_text");
}

// Each tensor is drawn in the terminal and as a picture, and printed: its label is shown, with escapes for what is not printable.
START_TEST(a_label_is_shown_and_not_run)
{
    static const struct {
        const char *tensor;
        const char *shown;
    } labels[] = {
        {"every_byte", "\\x01\\x02\\x03\\x04\\x05\\x06\\x07\\x08\\t\\n\\x0b\\x0c\\r"},
        {"commands", "`touch " MARK "` $(touch " MARK ") @touch"},
        {"percents", "50% %s %n %%"},
        {"lines", "a\\nset output '|touch " MARK "'\\n!touch " MARK "\\nEND"},
        {"quotes", "it's \"quoted\" '; system 'touch " MARK "'; #"},
        {"marks", "\\u202eevil \\x1b[31mred \\xff\\xfe"},
        {"large", "xxxxxxxxxx"},
    };
    char script[512];
    if (gdb_missing(__func__)) {
        return;
    }
    const char *tensor = labels[_i].tensor;
    snprintf(script, sizeof script, "break look\nrun\nplot %s\nplot %s gptape-test.svg\nplot %s[0]\nheat %s\ntensor %s\nprint %s\n", tensor, tensor,
             tensor, tensor, tensor, tensor);
    char *said = gdb_run(BUILD_DEBUG, SELF, script);
    const char *at = said;
    assert_not_said(said, "gnuplot failed");
    assert_not_said(said, "Python Exception");
    char title[32];
    snprintf(title, sizeof title, "%.30s", labels[_i].shown);
    assert_said(&at, title);       // the title of the plot in the terminal, which may be cut,
    assert_said(&at, "1 ###B###"); // and its row 1
    assert_said(&at, "drew gptape-test.svg\n");
    for (int i = 0; i < 3; i++) { // heat, tensor and print
        assert_said(&at, labels[_i].shown);
    }
    ck_assert_int_ne(access(MARK, F_OK), 0);
    for (const char *c = said; *c != '\0'; c++) {
        ck_assert_msg((unsigned char)*c >= ' ' || *c == '\n' || *c == '\t', "byte %d of the label is printed", *c);
    }
    free(said);
    Run picture = run_shell("cat gptape-test.svg");
    ck_assert_ptr_nonnull(strstr(picture.out, "</svg>"));
    run_free(&picture);
    unlink("gptape-test.svg");
}
END_TEST

// gnuplot would run what follows a | in its set output.
START_TEST(a_file_name_is_not_run)
{
    static const char *const names[] = {"|touch${IFS}" MARK ";.svg", "`touch${IFS}" MARK "`.svg", "it's%d.svg", "';!touch${IFS}" MARK ";'.svg"};
    char script[512];
    char line[128];
    if (gdb_missing(__func__)) {
        return;
    }
    snprintf(script, sizeof script, "break look\nrun\nplot percents %s\n", names[_i]);
    char *said = gdb_run(BUILD_DEBUG, SELF, script);
    const char *at = said;
    snprintf(line, sizeof line, "drew %s\n", names[_i]);
    assert_said(&at, line);
    ck_assert_int_ne(access(MARK, F_OK), 0);
    ck_assert_int_eq(unlink(names[_i]), 0);
    free(said);
}
END_TEST

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "look") == 0) {
        return be_looked_at();
    }
    Suite *suite = suite_create("text in gdb");
    TCase *tests = case_create(suite, "labels and file names");
    tcase_add_unchecked_fixture(tests, prepare, NULL);
    tcase_add_loop_test(tests, a_label_is_shown_and_not_run, 0, 7);
    tcase_add_loop_test(tests, a_file_name_is_not_run, 0, 4);
    return suite_run(suite);
}
