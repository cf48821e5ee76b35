// test_rules.c: residual rules on the command line: gptape rules, --residual of every command that takes a model, and what is refused.

#include "nn/residual/residual.h"
#include "tests/cli/run.h"
#include "tests/support/folder.h"
#include "tests/support/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

START_TEST(the_table_is_listed)
{
    Run run = run_gptape("rules");
    assert_quiet(&run);
    assert_has(&run, run.out, "keel: norm(S*h + f(norm(h)))\n");
    assert_has(&run, run.out, "arXiv 2601.19895");
    run_free(&run);

    run = run_gptape("rules --json");
    assert_quiet(&run);
    cJSON *json = run_json(&run);
    ck_assert_int_eq(cJSON_GetArraySize(json), residual_table_count);
    const cJSON *first = cJSON_GetArrayItem(json, 0);
    ck_assert_str_eq(cJSON_GetObjectItem(first, "name")->valuestring, "pre");
    ck_assert_str_eq(cJSON_GetObjectItem(first, "rule")->valuestring, "h + f(norm(h))");
    cJSON_Delete(json);
    run_free(&run);
}
END_TEST

START_TEST(a_rule_is_shown_and_drawn)
{
    Run run = run_gptape("rules keel --out keel.dot");
    assert_succeeded(&run);
    assert_has(&run, run.out, "keel: norm(S*h + f(norm(h)))\n");
    Error error;
    char purpose[40]; // its beginning, which is on one line
    snprintf(purpose, sizeof purpose, "%s", residual_row(residual_rule("keel", &error))->purpose);
    assert_has(&run, run.out, purpose);
    assert_has(&run, run.out, "  ln_1_2  LayerNorm  weight (32)  bias (32)\n");
    run_free(&run);
    run = run_shell("grep -c 'weight=0' keel.dot"); // two shortcuts of two arrows each
    assert_quiet(&run);
    ck_assert_str_eq(run.out, "4\n");
    run_free(&run);

    run = run_gptape("rules 'h+scalar(2)*f(h)' --json");
    assert_quiet(&run);
    assert_has(&run, run.out, "h + scalar(2)*f(h)");
    assert_has(&run, run.out, "h.1.res_2.p1");
    run_free(&run);
}
END_TEST

// Each command takes the rule; what it computes depends on it.
static const struct {
    const char *command;
    const char *out;
} takers[] = {
    {"eval --config tiny --ids 1,2,3 --targets 2,3,4 --residual keel", "loss"},
    {"generate --config tiny --residual x0 --tokens 3 --prompt a --quiet", "a"},
    {"info --config tiny --residual highway", "residual highway"},
    {"info --config tiny --residual 'norm(h + f(h))'", "norm post"},
    {"graph --net mlp --depth 2 --residual 'h + scalar(1)*f(h)'", "digraph"},
    {"gradflow --depth 3 --seeds 1 --depths none --plot none --residual rezero", "rezero"},
    {"gradflow --net gpt --n-layer 2 --length 4 --residual pre --residual 'norm(h + 2*f(h))'", "norm(h + 2*f(h))"},
    {"bench --case mlp --seconds 0 --threads 1 --residual half --list", "mlp"},
};

START_TEST(every_command_takes_a_rule)
{
    Run run = run_gptape(takers[_i].command);
    assert_succeeded(&run);
    assert_has(&run, run.out, takers[_i].out);
    run_free(&run);
}
END_TEST

static const struct {
    const char *command;
    const char *part;
} refused[] = {
    {"info --residual 'h + f(2*g)'", "--residual: column 9: unknown name 'g' (known: h, x0, block, l, L, s, S); did you mean h?"},
    {"info --residual ''", "--residual: column 1: an empty rule"},
    {"info --residual 'h^2 + f(h)'", "--residual: column 2: "},
    {"info --residual 'h/0 + f(h)'", "--residual: column 2: division by zero"},
    {"info --residual 'h + h'", "--residual: column 1: f is missing"},
    {"info --residual 'f(x0)'", "--residual: column 1: h is missing"},
    {"info --residual 'h + f(h)/(l - 2)'", "--residual: column 9: not finite in block 2 of 12"},
    {"info --residual 'h + (f(h)'", "--residual: column 10: expected ')', found the end"},
    {"info --residual 'h = 2; h + f(h)'", "--residual: column 1: 'h' is built in"},
    {"info --residual \"$(printf '%010000d' 0)\"", "--residual: column 4097: a rule of 10000 characters"},
    {"info --residual keell", "did you mean keel?"},
    {"info --residual keel --norm post", "--residual: replaces --norm; leave one out"},
    {"info --residual keel --shortcut off", "--residual: replaces --shortcut; leave one out"},
    {"gradflow --residual keel --shortcut off", "--residual: replaces --shortcut; leave one out"},
    {"gradflow --net gpt --residual keel --norm post", "--residual: replaces --norm; leave one out"},
    {"train --residual keel --residual pre", "--residual: given 2 times (expected one)"},
    {"generate --residual keel --residual pre", "--residual: given 2 times (expected one)"},
    {"graph --residual keel --residual pre", "--residual: given 2 times (expected one rule)"},
    {"gradflow --residual keel --residual 'norm(S*h+f(norm(h)))'", "--residual: 'keel' is given twice"},
    {"gradflow --residual pre --residual post --residual plain --residual none --residual keel --residual lns --residual peri --residual x0 "
     "--residual rms",
     "--residual: given 9 times (expected at most 8 rules)"},
    {"gradflow --residual b2t", "--residual: column 16: '|' in an MLP"},
    {"gradflow --sizes 5,8,8,3 --residual 'h + f(x0)'", "--residual: column 7: x0 is 5 wide, and layers.1 is 8 wide"},
    {"rules nope", "column 1: unknown name 'nope'"},
    {"rules pre post", "unexpected"},
    {"rules --out a.svg", "--out: draws one rule"},
    {"bench --residual h", "--residual: column 1: f is missing"},
};

START_TEST(invalid_rules_are_one_line_errors)
{
    refuse(refused[_i].command, 2, refused[_i].part);
}
END_TEST

// A rule that this version does not know, or two that contradict each other, in a saved model.
START_TEST(a_saved_rule_is_kept_and_checked)
{
    Run run = run_shell("$GPTAPE_BIN train --config tiny --residual rezero --steps 1 --batch 1 --out run --quiet && "
                        "grep -q '\"residual\":.*\"rezero\"' run/config.json && $GPTAPE_BIN info --model run | grep -q 'residual rezero' && "
                        "$GPTAPE_BIN gradflow --model run --plot none --quiet | grep -q 'rezero: h + scalar(0)'");
    assert_succeeded(&run);
    run_free(&run);

    assert_fails("sed -i 's/\"rezero\"/\"h + g(h)\"/' run/config.json && $GPTAPE_BIN info --model run", 1,
                 "residual: column 5: unknown function 'g'");
    assert_fails("sed -i 's/\"h + g(h)\"/\"keel\", \"norm\": \"post\"/' run/config.json && $GPTAPE_BIN info --model run", 1,
                 "residual: set together with shortcut or norm");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("residual rules");
    TCase *tests = case_create(suite, "as a user types it");
    tcase_add_checked_fixture(tests, folder_enter, folder_leave);
    tcase_add_test(tests, the_table_is_listed);
    tcase_add_test(tests, a_rule_is_shown_and_drawn);
    tcase_add_loop_test(tests, every_command_takes_a_rule, 0, sizeof takers / sizeof takers[0]);
    tcase_add_loop_test(tests, invalid_rules_are_one_line_errors, 0, sizeof refused / sizeof refused[0]);
    tcase_add_test(tests, a_saved_rule_is_kept_and_checked);
    return suite_run(suite);
}
