// test_terminal.c: what fits itself to the terminal, which script(1) makes here.

#include "tests/cli/run.h"
#include "tests/support/folder.h"
#include "tests/support/suite.h"

#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// On a terminal that narrow; in a pipe the lines are longer, and the words the same.
START_TEST(prose_fits_the_terminal)
{
    static const int columns[] = {40, 60, 80};
    static const char prose[] = "sed -n '/^Prints small/,/^Examples/p'";
    char command[512];
    snprintf(command, sizeof command,
             "script -qc 'stty cols %d; gptape stories --help' /dev/null | tr -d '\\r' | %s > narrow; "
             "gptape stories --help | %s > wide; cat narrow",
             columns[_i], prose, prose);
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
    ck_assert_str_eq(run.out, "2\n2\n"); // empty lines between paragraphs
    run_free(&run);
}
END_TEST

#define LONGEST "awk '{ if (length > most) most = length } END { print most }'"

// Of the list of commands and of each command. A shell reads an example that was broken as the line that it is in a pipe.
START_TEST(help_fits_the_terminal)
{
    Run run = run_shell("for c in '' $(gptape help | sed -n 's/^  \\([a-z]*\\)  .*/\\1/p'); do "
                        "script -qc \"stty cols 60; gptape help $c\" /dev/null | tr -d '\\r' > narrow; " LONGEST " narrow; "
                        "sed -n '/^Examples/,$p' narrow | sed -e ':a' -e '/\\\\$/{N;s/ *\\\\\\n */ /;ta' -e '}' > joined; "
                        "gptape help $c | sed -n '/^Examples/,$p' | cmp - joined || exit 1; done");
    assert_succeeded(&run);
    int pages = 0;
    for (const char *line = run.out; *line != '\0'; line += strcspn(line, "\n") + 1) {
        ck_assert_msg(atoi(line) > 40 && atoi(line) <= 60, "page %d: a line of %d characters", pages, atoi(line));
        pages++;
    }
    ck_assert_int_ge(pages, 13);
    run_free(&run);
}
END_TEST

// Its rule has a | in quotes, which is near the end of a line of 80 columns.
START_TEST(a_broken_command_has_the_same_words)
{
    Run run = run_shell("c='gptape claims dong-causal --explain --seeds 1 --quiet'; "
                        "words() { sed -n '/^Command:/,/^$/p' | sed -e 1d -e 's/gptape/printf \"%s,\"/' | sh; }; "
                        "$c | words > whole; script -qc \"stty cols 80; $c\" /dev/null | tr -d '\\r' | words | cmp - whole && cat whole");
    assert_succeeded(&run);
    assert_has(&run, run.out, "--residual,f(h*0.5^(0.5/l^9)) | h + 0*f(h),--seeds,1,");
    run_free(&run);
}
END_TEST

// Commands whose tables, prose and charts must fit.
static const struct {
    const char *command;
    int columns;
} fitting[] = {
    {"gradflow --depth 5 --seeds 3", 60},
    {"gradflow --depth 5 --seeds 3", 80},
    {"gradflow --net gpt --n-layer 2 --steps 1", 60},
    {"gradflow --net gpt --n-layer 2 --residual pre --residual keel --residual post --residual rezero --residual highway", 60},
    {"gradflow --net gpt --n-layer 2 --probe paths,stream,branch,attention,lens", 80},
    {"gradflow --depth 5 --seeds 3 --probe paths,stream,branch --plot none", 60},
    {"gradflow --probe list", 60},
    {"claims vanishing-book", 60},
    {"claims he-gain-0.5 --seeds 3 --explain", 60},
    {"claims --list", 60},
    {"eval --config tiny --tokenizer bytes --vocab-size 256", 60},
    {"info", 80},
    {"info", 60},
    {"info --config tiny", 60},
    {"bench --list", 60},
    {"gradcheck", 60},
};

START_TEST(output_fits_the_terminal)
{
    char command[512];
    snprintf(command, sizeof command, "script -qc 'stty cols %d; gptape %s --quiet --color never' /dev/null | tr -d '\\r' | " LONGEST,
             fitting[_i].columns, fitting[_i].command);
    Run run = run_shell(command);
    assert_succeeded(&run);
    int longest = atoi(run.out);
    ck_assert_msg(longest <= fitting[_i].columns && longest > fitting[_i].columns - 30, "%s: a line of %d characters", fitting[_i].command,
                  longest);
    run_free(&run);
}
END_TEST

// A table that does not fit keeps all its words. (Plain numbers differ from run to run: info estimates times and available memory.)
START_TEST(a_table_that_does_not_fit_has_all_its_cells)
{
    Run run = run_shell(
        "script -qc 'stty cols 60; gptape info --quiet' /dev/null | tr -s ' \\r\\n-' '\\n' | grep -vE '^[(0-9.]+$' | sort -u > narrow; "
        "gptape info | tr -s ' \\n-' '\\n' | grep -vE '^[(0-9.]+$' | sort -u > wide; cmp narrow wide");
    assert_succeeded(&run);
    run_free(&run);
}
END_TEST

// The last two parts of this table begin amid the columns of keel, and say so.
START_TEST(a_table_in_parts_names_the_arm_of_each)
{
    Run run = run_shell("script -qc 'stty cols 40; gptape gradflow --net gpt --config tiny --seeds 1 --residual pre --residual keel --plot none "
                        "--quiet --color never' /dev/null | tr -d '\r' | grep -B 1 '^block ' | tr -s ' -' ' '");
    assert_succeeded(&run);
    ck_assert_str_eq(run.out, " pre\nblock |dL/dW| q, k cosine\n \n pre keel\nblock shortcut branch |dL/dW|\n \n keel\n"
                              "block q, k cosine shortcut\n \n keel\nblock branch\n");
    run_free(&run);
}
END_TEST

static bool has_color(const char *command)
{
    Run run = run_shell(command);
    ck_assert_msg(strstr(run.out, "\\x1b") == NULL, "%s: its own escape sequences are shown as text", command);
    bool color = strstr(run.out, "\033[") != NULL;
    run_free(&run);
    return color;
}

#define ON_TERMINAL(before, arguments) "script -qc '" before " gptape gradflow --depth 3 --seeds 1 --quiet --plot none" arguments "' /dev/null"

START_TEST(color_is_for_terminals_that_want_it)
{
    ck_assert(has_color(ON_TERMINAL("TERM=xterm", "")));
    ck_assert(!has_color(ON_TERMINAL("TERM=dumb", "")));
    ck_assert(!has_color(ON_TERMINAL("TERM=", "")));
    ck_assert(!has_color(ON_TERMINAL("TERM=xterm NO_COLOR=1", "")));
    ck_assert(!has_color(ON_TERMINAL("TERM=xterm", " --color never")));
    ck_assert(has_color(ON_TERMINAL("TERM=xterm NO_COLOR=1", " --color always")));
    ck_assert(!has_color("gptape gradflow --depth 3 --seeds 1 --quiet --plot none"));
    ck_assert(has_color("gptape gradflow --depth 3 --seeds 1 --quiet --plot none --color always"));
}
END_TEST

START_TEST(color_says_nothing_that_the_text_does_not)
{
    Run run = run_shell("gptape gradflow --depth 3 --seeds 1 --plot none --color always | sed 's/\x1b\\[[0-9]*m//g' > colored; "
                        "gptape gradflow --depth 3 --seeds 1 --plot none > plain; cmp colored plain");
    assert_succeeded(&run);
    run_free(&run);
}
END_TEST

// The line of progress fits, and what is printed next takes its place; text that has no end yet stays, with the progress below it.
START_TEST(progress_leaves_nothing_behind)
{
    static const char *const commands[] = {
        "gradflow --depth 80 --seeds 2000 --plot none",
        "generate --config gpt2-124m --stream on --tokenizer bytes --vocab-size 256 --prompt Hello --tokens 8",
        "gradflow --depth 80 --seeds 2000 --plot none | cat",
    };
    static const char *const ends[] = {"\033[K\r", "\033[K\0338", "\033[K\r"};
    char command[256];
    snprintf(command, sizeof command, "script -qc 'stty cols 50; gptape %s' /dev/null", commands[_i]);
    Run run = run_shell(command);
    assert_succeeded(&run);
    for (const char *at = strstr(run.out, "\033[K"); at != NULL; at = strstr(at + 1, "\033[K")) { // none if it took less than a second
        const char *begin = at;
        while (begin[-1] != '\r' && begin[-1] != '\n') {
            begin--;
        }
        ck_assert_int_lt(at - begin, 50);
        ck_assert_msg(at == begin || strncmp(at, ends[_i], strlen(ends[_i])) == 0, "%.60s is not replaced", begin);
    }
    run_free(&run);
}
END_TEST

// Dumping DOT on a terminal helps nobody.
START_TEST(graph_on_a_terminal_says_how_to_draw)
{
    Run run = run_shell("script -qc 'stty cols 80; gptape graph' /dev/null | tr -d '\\r'");
    ck_assert_str_eq(run.out, "gptape graph: --out: missing (expected FILE.svg, .png or .pdf; without it the\n"
                              "  drawing goes to a file or a pipe as DOT)\n");
    run_free(&run);
}
END_TEST

// The terminal itself would break a line inside words. A word longer than it stays whole.
START_TEST(a_message_is_broken_between_words)
{
    static const struct {
        const char *command, *expected;
    } messages[] = {
        {"stty cols 40; gptape eval --bach 3", "gptape eval: --bach: unknown option; did\n  you mean --batch?\n"},
        {"stty cols 40; gptape eval --bach 3 >out", "gptape eval: --bach: unknown option; did\n  you mean --batch?\n"},
        {"stty cols 50; gptape eval --bach 3", "gptape eval: --bach: unknown option; did you mean\n  --batch?\n"},
        {"stty cols 58; gptape eval --bach 3", "gptape eval: --bach: unknown option; did you mean --batch?\n"},
        {"stty cols 40; gptape tokenize --alphabet text",
         "gptape tokenize: --alphabet: only\n  --tokenizer chars has an alphabet;\n  leave it out\n"},
        {"stty cols 40; gptape eval --data /0123456789/0123456789/0123456789/0123456789",
         "gptape eval:\n  /0123456789/0123456789/0123456789/0123456789:\n  can't be read: No such file or\n  directory\n"},
        {"stty cols 40; gptape eval --bach 3 2>err; cat err", "gptape eval: --bach: unknown option; did you mean --batch?\n"},
    };
    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
        char command[256];
        snprintf(command, sizeof command, "script -qc '%s' /dev/null | tr -d '\\r'", messages[i].command);
        Run run = run_shell(command);
        ck_assert_str_eq(run.out, messages[i].expected);
        run_free(&run);
    }
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
    TCase *tcase = case_create(suite, "terminal");
    tcase_add_checked_fixture(tcase, enter, folder_leave);
    tcase_add_loop_test(tcase, prose_fits_the_terminal, 0, 3);
    tcase_add_test(tcase, help_fits_the_terminal);
    tcase_add_test(tcase, a_broken_command_has_the_same_words);
    tcase_add_loop_test(tcase, output_fits_the_terminal, 0, sizeof fitting / sizeof fitting[0]);
    tcase_add_test(tcase, a_table_that_does_not_fit_has_all_its_cells);
    tcase_add_test(tcase, a_table_in_parts_names_the_arm_of_each);
    tcase_add_test(tcase, color_is_for_terminals_that_want_it);
    tcase_add_test(tcase, color_says_nothing_that_the_text_does_not);
    tcase_add_loop_test(tcase, progress_leaves_nothing_behind, 0, 3);
    tcase_add_test(tcase, graph_on_a_terminal_says_how_to_draw);
    tcase_add_test(tcase, a_message_is_broken_between_words);
    return suite_run(suite);
}
