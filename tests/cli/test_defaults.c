// test_defaults.c: an option changes only what it names. So every default that a help page states changes nothing when it is given.

#include "tests/cli/run.h"
#include "tests/support/folder.h"
#include "tests/support/suite.h"

#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 64, TEXT = 400 };

typedef struct Default {
    char name[40]; // "--seeds"
    char value[80];
} Default;

// The defaults stated by a help page as "(default X)" or "(default X; ...)".
static int read_defaults(const char *command, Default defaults[MOST])
{
    char arguments[64];
    char option[40] = "";
    int n = 0;
    snprintf(arguments, sizeof arguments, "%s --help", command);
    Run run = run_gptape(arguments);
    assert_quiet(&run);
    for (char *at = run.out; *at != '\0'; at++) {
        at[0] = at[0] == '\n' && at[1] == ' ' && at[8] == ' ' ? ' ' : at[0]; // joins the lines of a description
    }
    for (char *line = strtok(run.out, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        const char *name = strstr(line, "--");
        const char *stated = strstr(line, "(default ");
        if (name == NULL || name > line + 8 || stated == NULL) {
            continue;
        }
        snprintf(option, sizeof option, "%.*s", (int)strcspn(name, "= "), name);
        size_t length = strcspn(stated, ";)") - strlen("(default ");
        ck_assert_int_lt(n, MOST);
        snprintf(defaults[n].name, sizeof defaults[n].name, "%s", option);
        char *value = defaults[n].value;
        for (size_t i = 0; i < length && i + 1 < sizeof defaults[n].value; i++) {
            const char *at = stated + strlen("(default ") + i;
            if (at[0] != ' ' || at[1] != ' ') { // a line was joined here
                *value++ = *at;
            }
        }
        *value = '\0';
        n++;
    }
    run_free(&run);
    return n;
}

// What a command printed, and the files that it made.
static void record(const char *command, const char *more, const char *file)
{
    char line[2 * TEXT];
    snprintf(
        line, sizeof line,
        "rm -rf r gradflow.png; gptape %s %s > %s 2>&1; echo status $? >> %s; ls | grep -v '^[ab]$' >> %s; "
        "[ ! -d r ] || (cut -d, -f1-5 r/log.csv; cksum < r/model.safetensors) >> %s; "
        "sed -i -E 's/(below )?[0-9.]+ (ms|s|min)( |$)/TIME\\3/g; s/[0-9.]+ GiB are available/MEMORY/; s/ +/ /g; s/--+/--/g' %s", // of this moment
        command, more, file, file, file, file, file);
    Run run = run_shell(line);
    assert_succeeded(&run);
    run_free(&run);
}

static void assert_changes_nothing(const char *command, const char *option)
{
    record(command, option, "b");
    Run run = run_shell("cmp a b || diff a b | head -n 20");
    ck_assert_msg(run.out[0] == '\0', "gptape %s %s: %s", command, option, run.out);
    run_free(&run);
}

// Commands that end soon; 'text' is a file.
static const struct {
    const char *name;
    const char *command;
    int n_least; // defaults that its help page states
} commands[] = {
    {"gradflow", "gradflow --threads 1 --plot none", 9},
    {"graph", "graph", 7},
    {"info", "info", 2},
    {"generate", "generate --quiet", 7},
    {"eval", "eval --data text --quiet", 4},
    {"stories", "stories", 3},
    {"bench", "bench --list", 4},
    {"tokenize", "tokenize --tokenizer bytes < text", 1},
};

enum { COMMANDS = sizeof commands / sizeof commands[0] };

START_TEST(stated_defaults_change_nothing)
{
    Default defaults[MOST];
    int n = read_defaults(commands[_i].name, defaults);
    ck_assert_msg(n >= commands[_i].n_least, "%s states %d defaults", commands[_i].name, n);
    record(commands[_i].command, "", "a");
    for (int i = 0; i < n; i++) {
        char option[200];
        snprintf(option, sizeof option, "%.40s %.80s", defaults[i].name, defaults[i].value);
        if (strstr(commands[_i].command, defaults[i].name) == NULL) { // else it is among the others
            assert_changes_nothing(commands[_i].command, option);
        }
    }
}
END_TEST

// Defaults that depend on other options, and those in the titles of groups.
static const struct {
    const char *command;
    const char *options[12]; // each by itself
} others[] = {
    {"gradflow --threads 1", {"--plot gradflow.png"}},
    {"gradflow --threads 1 --plot none",
     {"--input 1,0,-1", "--target 0", "--activation gelu", "--init torch", "--sizes 3,3,3,3,3,3,3,3,3,3,3,3,3,3,3,3,3,3,3,3,1"}},
    {"gradflow --net gpt --n-layer 2 --threads 1",
     {"--config flow", "--seeds 1", "--depths none", "--plot none", "--batch 4", "--length 32", "--shortcut both", "--norm pre", "--causal on"}},
    {"gradflow --json --threads 1", {"--plot none", "--depth 20", "--seeds 100", "--lr 0.001"}},
    {"generate --quiet", {"--config flow-untied", "--tied off", "--n-layer 12", "--prompt 'Every effort moves you'"}},
    {"generate --quiet --json | grep -v -e ms -e per_s; true", {"--samples 1", "--tokens 32", "--top-p 1"}},
    {"graph", {"--config tiny", "--shortcut on", "--tied on"}},
    {"graph --net mlp", {"--depth 5", "--width 3", "--stepwise off"}},
    {"eval --data text --quiet", {"--config flow", "--tokenizer bytes"}},
    {"eval --ids 1,2 --targets 2,3 --quiet", {"--config flow", "--seed 123", "--precision f32"}},
    {"stories", {"--count 3"}},
};

START_TEST(other_defaults_change_nothing)
{
    char command[TEXT];
    const char *pipe = strstr(others[_i].command, " |");
    int length = pipe != NULL ? (int)(pipe - others[_i].command) : (int)strlen(others[_i].command);
    snprintf(command, sizeof command, "%s", others[_i].command);
    record(command, "", "a");
    for (int i = 0; others[_i].options[i] != NULL; i++) {
        snprintf(command, sizeof command, "%.*s %s%s", length, others[_i].command, others[_i].options[i], others[_i].command + length);
        assert_changes_nothing(command, "");
    }
}
END_TEST

START_TEST(trainings_defaults_change_nothing)
{
    static const char *const options[] = {
        "--batch 12",       "--length 8",        "--accumulate 1",   "--lr 0.003",         "--min-lr 0.0003",    "--warmup 0",
        "--decay-steps 3",  "--beta1 0.9",       "--beta2 0.99",     "--eps 1e-8",         "--weight-decay 0.1", "--clip 1",
        "--eval-every 250", "--eval-batches 20", "--sample-every 0", "--gradflow-every 0", "--save-every 250",   "--seed 123",
        "--recompute off",  "--precision f32",   "--n-layer 2",
    };
    static const char base[] = "train --data text --config tiny --context-length 8 --tokenizer bytes --steps 3 --threads 1 --quiet --json --out r";
    static const char rest[] = " | grep -v seconds; true";
    char command[TEXT];
    snprintf(command, sizeof command, "%s%s", base, rest);
    record(command, "", "a");
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        snprintf(command, sizeof command, "%s %s%s", base, options[i], rest);
        assert_changes_nothing(command, "");
    }
}
END_TEST

// An option that is not a default changes what it names, and nothing else: the depth, but neither seeds nor picture.
START_TEST(another_depth_changes_only_the_depth)
{
    Run run = run_shell("gptape gradflow --depth 6 && ls gradflow.png");
    assert_succeeded(&run);
    assert_has(&run, run.out, "Deep network of 6 layers");
    assert_has(&run, run.out, "medians of 100 seeds");
    assert_has(&run, run.out, "decades a layer");
    assert_has(&run, run.out, "gradflow.png");
    run_free(&run);
}
END_TEST

static void enter(void)
{
    folder_enter();
    make_command();
    Run run = run_shell("gptape stories --bytes 3000 > text");
    assert_succeeded(&run);
    run_free(&run);
}

int main(void)
{
    Suite *suite = suite_create("defaults");
    TCase *tcase = case_create(suite, "defaults");
    tcase_add_checked_fixture(tcase, enter, folder_leave);
    tcase_add_loop_test(tcase, stated_defaults_change_nothing, 0, COMMANDS);
    tcase_add_loop_test(tcase, other_defaults_change_nothing, 0, sizeof others / sizeof others[0]);
    tcase_add_test(tcase, trainings_defaults_change_nothing);
    tcase_add_test(tcase, another_depth_changes_only_the_depth);
    return suite_run(suite);
}
