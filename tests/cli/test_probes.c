// test_probes.c: gptape gradflow --probe as a user types it: list, tables, CSV, JSON, plots, and unsupported combinations.

#include "tests/cli/run.h"
#include "tests/support/folder.h"
#include "tests/support/suite.h"

#include <check.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SMALL_GPT "gradflow --net gpt --n-layer 2 --n-embd 16 --n-head 2 --batch 2 --length 8 "
#define SMALL_MLP "gradflow --depth 5 --seeds 2 --depths none "
#define CHEAP "--probe paths,stream,branch,attention,lens "

// Rows of the CSV with this text in them.
static int count_rows(const char *csv, const char *part)
{
    int n = 0;
    for (const char *at = strstr(csv, part); at != NULL; at = strstr(at + 1, part)) {
        n++;
    }
    return n;
}

START_TEST(the_list_explains_every_probe)
{
    Run run = run_gptape("gradflow --probe list");
    assert_quiet(&run);
    assert_has(&run, run.out, "paths\nSplits the gradient");
    assert_has(&run, run.out, "attention (--net gpt)");
    assert_has(&run, run.out, "attention_entropy: ");
    assert_has(&run, run.out, "index: head");
    run_free(&run);
}
END_TEST

START_TEST(the_csv_has_a_row_for_each_number)
{
    enum { ARMS = 2, LAYERS = 2, S = 2 * LAYERS, HEADS = 2 };
    Run run = run_gptape(SMALL_GPT CHEAP "--csv -");
    assert_quiet(&run);
    ck_assert_int_eq(count_rows(run.out, ",path_norm,,,,,,,,"), ARMS * (S * (S + 1) / 2 + S));
    ck_assert_int_eq(count_rows(run.out, ",path_sum,,,,,,,,"), ARMS * S);
    ck_assert_int_eq(count_rows(run.out, ",stable_rank,,,,,,,,"), ARMS * (LAYERS + 1));
    ck_assert_int_eq(count_rows(run.out, ",branch_ratio,,,,,,,,"), ARMS * S);
    ck_assert_int_eq(count_rows(run.out, ",attention_max,,,,,,,,"), ARMS * LAYERS * HEADS);
    ck_assert_int_eq(count_rows(run.out, ",lens,,,,,,,,"), ARMS * (LAYERS + 1));
    ck_assert_int_eq(count_rows(run.out, "path_error"), 0);
    assert_has(&run, run.out, "\n1,on,pre,gelu,0,0,h.0.attn,attention_first,,,,,,,,pre,123,1,"); // head 1
    assert_has(&run, run.out, "\n1,on,pre,gelu,0,2,,lens,,,,,,,,pre,123,,5.5");                  // after the last block, without an index
    run_free(&run);
}
END_TEST

// The last lens is the loss, and all lengths of the paths of a network without shortcuts are the longest.
START_TEST(their_numbers_fit_the_others)
{
    Run run = run_gptape(SMALL_GPT "--probe lens,paths --shortcut off --json");
    assert_quiet(&run);
    cJSON *json = run_json(&run);
    double loss = json_number(json, "loss");
    const cJSON *rows = cJSON_GetObjectItem(cJSON_GetArrayItem(cJSON_GetObjectItem(json, "runs"), 0), "probes");
    const cJSON *row;
    int checked = 0;
    double sum = NAN;
    cJSON_ArrayForEach(row, rows) {
        const char *kind = cJSON_GetStringValue(cJSON_GetObjectItem(row, "kind"));
        double value = cJSON_GetObjectItem(row, "value")->valuedouble;
        if (strcmp(kind, "lens") == 0 && cJSON_GetObjectItem(row, "layer")->valueint == 2) {
            ck_assert_double_eq_tol(value, loss, 1e-9 * loss);
            checked++;
        }
        if (strcmp(kind, "path_norm") == 0) {
            sum = cJSON_GetObjectItem(row, "index")->valueint == 0 ? value : sum + value;
        }
        if (strcmp(kind, "path_sum") == 0) {
            ck_assert_double_eq_tol(sum, value, 1e-9 * value);
            checked++;
        }
        if (strcmp(kind, "path_error") == 0) {
            ck_assert_double_le(value, 1e-5);
            checked++;
        }
    }
    ck_assert_int_eq(checked, 1 + 4 + 1);
    cJSON_Delete(json);
    run_free(&run);
}
END_TEST

START_TEST(each_probe_has_a_table)
{
    Run run = run_gptape(SMALL_GPT CHEAP "--residual pre --residual keel");
    assert_quiet(&run);
    assert_has(&run, run.out, "Veit 2016");
    assert_has(&run, run.out, "Measured: Sublayers passed by the gradient at the input, on average: ");
    assert_has(&run, run.out, "Relative error of the sum of all lengths: ");
    assert_has(&run, run.out, "\nh.1.mlp ");
    assert_has(&run, run.out, "eff. rank  stable  residual");
    ck_assert_ptr_null(strstr(run.out, " \n"));
    run_free(&run);
}
END_TEST

// Each part of the output says which step it is about.
START_TEST(what_comes_before_training_is_printed_before)
{
    static const char *const parts[] = {"Before training: without shortcuts query/key gradients are ",
                                        "\nblock ",
                                        "(before training, seed 123)",
                                        "after 2 steps",
                                        "\npaths, before training\n",
                                        "\nAfter 2 steps of training: loss ",
                                        "\nblock ",
                                        "\npaths, after 2 steps of training\n"};
    Run run = run_gptape(SMALL_GPT "--probe paths --steps 2 --plot none --quiet");
    const char *at = run.out;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        at = strstr(at, parts[i]);
        ck_assert_msg(at != NULL, "\"%s\" is not in its place:\n%s", parts[i], run.out);
        at += strlen(parts[i]);
    }
    run_free(&run);
}
END_TEST

// A title with the numbers of all rules would be cut.
START_TEST(titles_of_eight_rules_fit)
{
    Run run = run_shell("\"$GPTAPE_BIN\" " SMALL_GPT CHEAP
                        "--plot rules.gp --quiet --residual pre --residual keel --residual post --residual highway "
                        "--residual rezero --residual none --residual peri --residual 'h + scalar(0.5)*f(norm(h))/sqrt(2)' > /dev/null; "
                        "ls rules-*.gp | wc -l; cat rules*.gp | grep -c '/:Bold.*between'; cat rules*.gp | grep '/:Bold' | grep -c '…'");
    int plots = 0;
    int titles = 0;
    int cut = -1;
    ck_assert_int_eq(sscanf(run.out, "%d %d %d", &plots, &titles, &cut), 3);
    ck_assert_int_ge(plots, 3);
    ck_assert_int_ge(titles, plots);
    ck_assert_int_eq(cut, 0);
    run_free(&run);
}
END_TEST

START_TEST(each_probe_has_a_plot)
{
    static const char *const arms[] = {"--shortcut on", "", "--residual pre --residual keel --residual half --residual highway"};
    char arguments[512];
    snprintf(arguments, sizeof arguments, SMALL_GPT CHEAP "--plot flow.gp %s", arms[_i]);
    Run run = run_gptape(arguments);
    assert_succeeded(&run);
    run_free(&run);
    run = run_shell("ls | tr '\\n' ' '");
    ck_assert_str_eq(run.out, "flow-attention.gp flow-branch.gp flow-lens.gp flow-paths.gp flow-stream.gp flow.gp ");
    run_free(&run);
    run = run_shell("cat flow-paths.gp");
    assert_has(&run, run.out, "Veit 2016");
    assert_has(&run, run.out, "Sublayers passed by the gradient");
    run_free(&run);
    run = run_shell("for f in flow-*.gp; do gnuplot -d $f > $f.png && head -c 8 $f.png | od -c | grep -q 'P   N   G' || exit 1; done");
    assert_quiet(&run);
    run_free(&run);
}
END_TEST

START_TEST(they_measure_each_step)
{
    Run run = run_gptape(SMALL_MLP "--probe branch --steps 2 --shortcut on --csv -");
    assert_quiet(&run);
    ck_assert_int_eq(count_rows(run.out, ",branch_ratio,"), 2 * 3 * 5);
    assert_has(&run, run.out, ",2,4,layers.4,branch_ratio,");
    run_free(&run);
}
END_TEST

#define TRAIN "train --config tiny --tokenizer bytes --data text --steps 4 --gradflow-every 2 --quiet "

// The run is the same with probes; its table has their rows, which are drawn from there, also after it was resumed.
START_TEST(a_training_run_is_probed)
{
    Run run = run_shell("for i in 1 2 3 4 5 6 7 8; do echo 'The gradient goes back by the shortcut, number after number.'; done > text");
    assert_quiet(&run);
    run_free(&run);
    succeed_quietly(TRAIN "--out plain");
    succeed_quietly(TRAIN "--out probed --probe paths,update,lens");
    run = run_shell("cmp plain/model.safetensors probed/model.safetensors && grep -c ',lens,' probed/gradflow.csv && ls probed/gradflow-*");
    assert_quiet(&run);
    ck_assert_str_eq(run.out, "6\nprobed/gradflow-lens.png\nprobed/gradflow-paths.png\nprobed/gradflow-update.png\n"); // 2 steps of 3 streams
    run_free(&run);
    run = run_shell("rm probed/gradflow-*.png && \"$GPTAPE_BIN\" train --out probed --resume --steps 6 --quiet --probe paths > /dev/null && "
                    "ls probed/gradflow-*.png && grep -c ',path_sum,' probed/gradflow.csv");
    assert_quiet(&run);
    assert_has(&run, run.out, "probed/gradflow-paths.png\n");
    assert_has(&run, run.out, "\n12\n"); // 3 steps of 4 sublayers
    run_free(&run);
    run = run_gptape(TRAIN "--out other --probe autocorrelation,lens");
    ck_assert_int_eq(run.status, 1);
    ck_assert_str_eq(run.err, "gptape train: --probe: autocorrelation: not for a network of this kind, gpt (expected --net mlp)\n");
    run_free(&run);
    refuse("train --config tiny --probe lens --out none", 2, "--probe: measured every --gradflow-every steps (expected that, too)");
}
END_TEST

// One line that names the probe; the others' results are kept.
START_TEST(a_probe_that_does_not_fit_is_a_one_line_error)
{
    Run run = run_gptape(SMALL_MLP "--probe attention,branch --csv -");
    ck_assert_int_eq(run.status, 1);
    ck_assert_str_eq(run.err, "gptape gradflow: --probe: attention: not for a network of this kind, mlp (expected --net gpt)\n");
    ck_assert_int_eq(count_rows(run.out, ",branch_ratio,"), 2 * 2 * 5);
    run_free(&run);
    run = run_gptape("gradflow --depth 3 --input 0,0,0 --seeds 1 --depths none --plot none --activation tanh --probe branch,paths --shortcut on");
    ck_assert_int_eq(run.status, 1);
    ck_assert_str_eq(run.err, "gptape gradflow: --probe: branch: layers.0: branch_ratio is infinite\n");
    assert_has(&run, run.out, "Measured: Sublayers passed");
    run_free(&run);
    run = run_gptape("gradflow --depth 20000 --width 1 --seeds 1 --depths none --shortcut on --probe paths --csv -");
    ck_assert_int_eq(run.status, 1);
    assert_has(&run, run.err, "--probe: paths: 20000 sublayers");
    run_free(&run);
}
END_TEST

static const struct {
    const char *arguments;
    const char *part;
} mistakes[] = {
    {"--probe path", "--probe: unknown probe 'path'; did you mean paths?"},
    {"--probe hessian", "--probe: unknown probe 'hessian' (expected paths, stream,"},
    {"--probe paths,", "--probe: unknown probe ''"},
    {"--probe paths,lens,paths", "--probe: paths is given twice"},
    {"--probe paths --probe paths", "--probe: paths is given twice"},
};

START_TEST(a_wrong_request_is_a_one_line_error)
{
    char arguments[256];
    snprintf(arguments, sizeof arguments, "gradflow %s", mistakes[_i].arguments);
    refuse(arguments, 2, mistakes[_i].part);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// The documentation

static char page[1 << 17];

static void read_page(void)
{
    char path[640];
    snprintf(path, sizeof path, "%s/gpt/lab/README.md", folder_home());
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    page[fread(page, 1, sizeof page - 1, file)] = '\0';
    fclose(file);
}

// In the tables that begin with this line: is `name` in the first column?
static void assert_documented(const char *head, const char *name)
{
    char quoted[64];
    snprintf(quoted, sizeof quoted, "`%s`", name);
    const char *table = strstr(page, head);
    ck_assert_msg(table != NULL, "no table %s", head);
    for (const char *line = table; line[0] == '|'; line = strchr(line, '\n') + 1) {
        const char *end = strchr(line + 1, '|');
        const char *found = strstr(line, quoted);
        if (found != NULL && found < end) {
            return;
        }
    }
    ck_assert_msg(false, "%s is not in the table %s", quoted, head);
}

START_TEST(every_column_and_kind_of_the_csv_is_documented)
{
    read_page();
    Run probes = run_gptape("gradflow --probe list"); // "path_norm: what it is (layer: ...)"
    Run run = run_gptape(SMALL_GPT CHEAP "--csv -");
    assert_quiet(&run);
    char *rows = strchr(run.out, '\n') + 1;
    rows[-1] = '\0';
    for (char *column = strtok(run.out, ","); column != NULL; column = strtok(NULL, ",")) {
        assert_documented("| column |", column);
    }
    char kind[64];
    for (const char *line = rows; *line != '\0'; line = strchr(line, '\n') + 1) {
        ck_assert_int_eq(sscanf(line, "%*[^,],%*[^,],%*[^,],%*[^,],%*[^,],%*[^,],%*[^,],%63[^,]", kind) == 1
                             || sscanf(line, "%*[^,],%*[^,],%*[^,],%*[^,],%*[^,],%*[^,],,%63[^,]", kind) == 1,
                         1);
        char listed[80];
        snprintf(listed, sizeof listed, "\n%s: ", kind);
        if (strstr(probes.out, listed) == NULL) {
            assert_documented("| kind |", kind);
        }
    }
    run_free(&run);
    run_free(&probes);
}
END_TEST

int main(void)
{
    enum { MISTAKES = sizeof mistakes / sizeof mistakes[0] };
    Suite *suite = suite_create("gptape gradflow --probe");
    TCase *tests = case_create(suite, "as a user types it");
    tcase_add_checked_fixture(tests, folder_enter, folder_leave);
    tcase_add_test(tests, the_list_explains_every_probe);
    tcase_add_test(tests, the_csv_has_a_row_for_each_number);
    tcase_add_test(tests, their_numbers_fit_the_others);
    tcase_add_test(tests, each_probe_has_a_table);
    tcase_add_test(tests, what_comes_before_training_is_printed_before);
    tcase_add_loop_test(tests, each_probe_has_a_plot, 0, 3);
    tcase_add_test(tests, titles_of_eight_rules_fit);
    tcase_add_test(tests, they_measure_each_step);
    tcase_add_test(tests, a_training_run_is_probed);
    tcase_add_test(tests, a_probe_that_does_not_fit_is_a_one_line_error);
    tcase_add_loop_test(tests, a_wrong_request_is_a_one_line_error, 0, MISTAKES);
    tcase_add_test(tests, every_column_and_kind_of_the_csv_is_documented);
    return suite_run(suite);
}
