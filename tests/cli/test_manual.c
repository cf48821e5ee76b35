// test_manual.c: the manual page and the shells' completions, which gptape makes from its tables of options.

#include "tests/cli/run.h"
#include "tests/support/folder.h"
#include "tests/support/suite.h"

#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool there_is(const char *program)
{
    char command[64];
    snprintf(command, sizeof command, "command -v %s", program);
    Run run = run_shell(command);
    bool found = run.status == 0;
    run_free(&run);
    if (!found) {
        skip("manual", program);
    }
    return found;
}

START_TEST(the_manual_page_renders_without_warnings)
{
    if (!there_is("groff")) {
        return;
    }
    Run run = run_shell(
        "gptape help --man > gptape.1 && groff -man -Tutf8 -ww gptape.1 2> warnings | sed 's/.\x08//g; s/\x1b\\[[0-9]*m//g'; cat warnings >&2");
    assert_quiet(&run);
    assert_has(&run, run.out, "gptape - a GPT on a tape");
    assert_has(&run, run.out, "EXIT STATUS");
    run_free(&run);
}
END_TEST

// Each option of each command's help page is in it, and each example as it is.
START_TEST(the_manual_page_has_every_option)
{
    Run run = run_shell(
        "gptape help | sed -n 's/^  \\([a-z]*\\)  .*/\\1/p' > commands; wc -l < commands; gptape help --man > page; "
        "for c in $(cat commands); do gptape $c --help; done > pages; "
        "grep -o '^ *\\(-., \\)\\?--[a-z0-9-]*' pages | grep -o -e '--.*' | sed 's/-/\\\\-/g' | sort -u > options; wc -l < options; "
        "while read -r option; do grep -qF -e \".B $option\" page || echo missing $option; done < options");
    int n_commands = 0;
    int n_options = 0;
    assert_succeeded(&run);
    ck_assert_int_eq(sscanf(run.out, "%d %d", &n_commands, &n_options), 2);
    ck_assert_int_ge(n_commands, 10);
    ck_assert_int_ge(n_options, 70);
    ck_assert_ptr_null(strstr(run.out, "missing"));
    run_free(&run);
}
END_TEST

typedef struct Completion {
    const char *words;    // typed so far; the last is completed
    const char *expected; // all completions
} Completion;

static const Completion completions[] = {
    {"gptape gradf", "gradflow"},
    {"gptape ver", "version"},
    {"gptape help tok", "tokenize"},
    {"gptape gradflow --same", "--same-dy"},
    {"gptape train --eval-", "--eval-every --eval-batches"},
    {"gptape info --config gpt2-", "gpt2-124m gpt2-355m gpt2-774m gpt2-1558m"},
    {"gptape info --norm p", "pre post"},
    {"gptape info --tied o", "on off"},
    {"gptape eval --data some.", "some.txt"},
    {"gptape eval --model some", "somewhere"},
    {"gptape info --n-embd 7", ""},
    {"gptape stories --frob", ""},
};

enum { COMPLETIONS = sizeof completions / sizeof completions[0] };

START_TEST(bash_completes)
{
    const Completion *completion = &completions[_i];
    char command[512];
    if (!there_is("bash")) {
        return;
    }
    snprintf(command, sizeof command,
             "touch some.txt; mkdir somewhere; gptape help --completion bash > completion; "
             "bash -c '. ./completion; COMP_WORDS=(%s); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _gptape; echo \"${COMPREPLY[*]}\"'",
             completion->words);
    Run run = run_shell(command);
    assert_quiet(&run);
    ck_assert_msg(strncmp(run.out, completion->expected, strlen(completion->expected)) == 0 && run.out[strlen(completion->expected)] == '\n',
                  "%s: %s", completion->words, run.out);
    run_free(&run);
}
END_TEST

START_TEST(zsh_reads_its_completion)
{
    if (!there_is("zsh")) {
        return;
    }
    Run run = run_shell("gptape help --completion zsh > _gptape; head -n 1 _gptape; zsh -n _gptape");
    assert_quiet(&run);
    ck_assert_str_eq(run.out, "#compdef gptape\n");
    run_free(&run);
}
END_TEST

START_TEST(another_shell_is_unknown)
{
    assert_fails("gptape help --completion fish", 2, "gptape help: --completion: 'fish' is unknown (expected bash or zsh)");
}
END_TEST

START_TEST(the_version_has_two_spellings)
{
    Run run = run_shell("gptape version > a; gptape --version > b; cmp a b; cat a");
    assert_quiet(&run);
    ck_assert_int_eq(strncmp(run.out, "gptape ", 7), 0);
    run_free(&run);
}
END_TEST

static void enter(void)
{
    folder_enter();
    make_command();
}

int main(void)
{
    Suite *suite = suite_create("manual");
    TCase *tcase = case_create(suite, "manual");
    tcase_add_checked_fixture(tcase, enter, folder_leave);
    tcase_add_test(tcase, the_manual_page_renders_without_warnings);
    tcase_add_test(tcase, the_manual_page_has_every_option);
    tcase_add_loop_test(tcase, bash_completes, 0, COMPLETIONS);
    tcase_add_test(tcase, zsh_reads_its_completion);
    tcase_add_test(tcase, another_shell_is_unknown);
    tcase_add_test(tcase, the_version_has_two_spellings);
    return suite_run(suite);
}
