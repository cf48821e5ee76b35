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
static const struct {
    const char *tensor;
    const char *shown;
    const char *title; // of the plot in the terminal, which may be cut
} labels[] = {
    {"every_byte", "\\x01\\x02\\x03\\x04\\x05\\x06\\x07\\x08\\t\\n\\x0b\\x0c\\r", "\\x01\\x02\\x03\\x04\\x05\\x06\\x07\\x"},
    {"commands", "`touch " MARK "` $(touch " MARK ") @touch", "`touch gptape-test-ran` $(touc"},
    {"percents", "50% %s %n %%", "50% %s %n %%"},
    {"lines", "a\\nset output '|touch " MARK "'\\n!touch " MARK "\\nEND", "a\\nset output '|touch gptape-t"},
    {"quotes", "it's \"quoted\" '; system 'touch " MARK "'; #", "it's \"quoted\" '; system 'touch"},
    {"marks", "\\u202eevil \\x1b[31mred \\xff\\xfe", "\\u202eevil \\x1b[31mred \\xff\\x"},
    {"large", "xxxxxxxxxx", "xxxxxxxxxx"},
};

// gnuplot would run what follows a | in its set output.
static const char *const names[] = {"|touch${IFS}" MARK ";.svg", "`touch${IFS}" MARK "`.svg", "it's%d.svg", "';!touch${IFS}" MARK ";'.svg"};

enum { LABELS = sizeof labels / sizeof labels[0], NAMES = sizeof names / sizeof names[0] };

START_TEST(a_label_or_a_file_name_is_shown_and_not_run)
{
    GdbScript scripts[1 + LABELS + NAMES] = {{"break look\nrun\n", {"Breakpoint 1, look ()"}}};
    char text[LABELS + NAMES][2][256];
    if (gdb_missing(__func__)) {
        return;
    }
    for (int i = 0; i < LABELS; i++) {
        const char *tensor = labels[i].tensor;
        const char *shown = labels[i].shown;
        snprintf(text[i][0], sizeof text[i][0], "plot %s\nplot %s gptape-test-%d.svg\nplot %s[0]\nheat %s\ntensor %s\nprint %s\n", tensor, tensor,
                 i, tensor, tensor, tensor, tensor);
        snprintf(text[i][1], sizeof text[i][1], "drew gptape-test-%d.svg\n", i);
        scripts[1 + i] = (GdbScript){text[i][0], {labels[i].title, "1 ###B###", text[i][1], shown, shown, shown}}; // heat, tensor and print
    }
    for (int i = 0; i < NAMES; i++) {
        char(*of_name)[256] = text[LABELS + i];
        snprintf(of_name[0], sizeof of_name[0], "plot percents %s\n", names[i]);
        snprintf(of_name[1], sizeof of_name[1], "drew %s\n", names[i]);
        scripts[1 + LABELS + i] = (GdbScript){of_name[0], {of_name[1]}};
    }
    char *said = gdb_check(BUILD_DEBUG, SELF, scripts, 1 + LABELS + NAMES);
    assert_not_said(said, "gnuplot failed");
    ck_assert_int_ne(access(MARK, F_OK), 0);
    for (const char *c = said; *c != '\0'; c++) {
        ck_assert_msg((unsigned char)*c >= ' ' || *c == '\n' || *c == '\t', "byte %d of a label is printed", *c);
    }
    free(said);
    Run pictures = run_shell("grep -c '</svg>' gptape-test-?.svg | grep -c ':1$'; rm gptape-test-?.svg");
    ck_assert_int_eq(atoi(pictures.out), LABELS);
    run_free(&pictures);
    for (int i = 0; i < NAMES; i++) {
        ck_assert_int_eq(unlink(names[i]), 0);
    }
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
    tcase_add_test(tests, a_label_or_a_file_name_is_shown_and_not_run);
    return suite_run(suite);
}
