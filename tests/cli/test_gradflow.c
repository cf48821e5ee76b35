// test_gradflow.c: gptape gradflow as a user types it: its figures.

#include "tests/cli/run.h"
#include "tests/support/folder.h"
#include "tests/support/suite.h"
#include "tests/support/folder.h"
#include "tests/support/suite.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define BOOK "gradflow --net mlp --sizes 3,3,3,3,3,1 --seed 123 --input 1,0,-1 --target 0 --init torch"

// ------------------------------------------------------------------------------------------------------------
// The figures

typedef struct Row {
    int run, step, layer;
    char shortcut[8], norm[8], activation[12], name[96], kind[24];
    double mean_abs;
} Row;

static bool read_row(const char *line, Row *row)
{
    int got = sscanf(line, "%d,%7[^,],%7[^,],%11[^,],%d,%d,%95[^,],%23[^,],%lf", &row->run, row->shortcut, row->norm, row->activation, &row->step,
                     &row->layer, row->name, row->kind, &row->mean_abs);
    return got == 9;
}

// The mean_abs of the row with this shortcut, name and kind; NaN if there is none.
static double csv_value(const char *csv, const char *shortcut, const char *name, const char *kind)
{
    for (const char *line = csv; line != NULL; line = strchr(line, '\n')) {
        Row row;
        line += *line == '\n';
        if (read_row(line, &row) && strcmp(row.shortcut, shortcut) == 0 && strcmp(row.name, name) == 0 && strcmp(row.kind, kind) == 0) {
            return row.mean_abs;
        }
        if (*line == '\0') {
            break;
        }
    }
    return NAN;
}

// The book's table, as PyTorch 1.13 computes it in float32; it differs by up to 3.3e-7 from the same network in double.
static const double book_plain[] = {0.000201735849, 0.000120111596, 0.000715204049, 0.00139887363, 0.00504964544};
static const double book_short[] = {0.221697927, 0.206941068, 0.328969985, 0.26657322, 1.32585418};

START_TEST(the_books_table)
{
    Run run = run_gptape(BOOK " --csv -");
    assert_quiet(&run);
    for (int layer = 0; layer < 5; layer++) {
        char name[32];
        snprintf(name, sizeof name, "layers.%d.weight", layer);
        double plain = csv_value(run.out, "off", name, "weight_grad");
        double shortcut = csv_value(run.out, "on", name, "weight_grad");
        ck_assert_msg(fabs(plain / book_plain[layer] - 1) < 1e-6, "%s: %.9g", name, plain);
        ck_assert_msg(fabs(shortcut / book_short[layer] - 1) < 1e-6, "%s: %.9g", name, shortcut);
    }
    run_free(&run);
}
END_TEST

START_TEST(the_csv_has_its_columns_and_order)
{
    static const char header[] = "run,shortcut,norm,activation,step,layer,name,kind,mean_abs,l2,rms,max_abs,zero_fraction,"
                                 "denormal_fraction,token_cosine,residual,seed,index,value\n";
    Run run = run_gptape("gradflow --net gpt --n-layer 2 --seeds 2 --steps 1 --length 8 --csv -");
    assert_quiet(&run);
    ck_assert_msg(strncmp(run.out, header, strlen(header)) == 0, "header: %.160s", run.out);
    long before = -1;
    int rows = 0;
    for (char *line = strtok(run.out + strlen(header), "\n"); line != NULL; line = strtok(NULL, "\n")) {
        Row row;
        int commas = 0;
        for (const char *at = line; *at != '\0'; at++) {
            commas += *at == ',';
        }
        ck_assert_msg(commas == 18 && read_row(line, &row), "%s", line);
        long place = (row.run * 10L + row.step) * 10L + row.layer + 1;
        ck_assert_msg(place >= before, "out of order: %s", line);
        before = place;
        rows++;
    }
    ck_assert_int_gt(rows, 4 * 2 * 2 * 20);
    ck_assert_int_eq((int)(before / 100), 3); // 2 seeds, 2 arms: runs 0 to 3
    run_free(&run);
}
END_TEST

START_TEST(skip_and_block_add_up)
{
    Run run = run_gptape("gradflow --net mlp --depth 6 --width 1 --input 0.7 --shortcut on --csv -");
    assert_quiet(&run);
    for (int layer = 1; layer < 5; layer++) {
        char name[40];
        char out[40];
        snprintf(name, sizeof name, "layers.%d.shortcut.1", layer);
        snprintf(out, sizeof out, "layers.%d.out", layer - 1);
        double skip = csv_value(run.out, "on", name, "skip_grad");
        double block = csv_value(run.out, "on", name, "block_grad");
        double whole = csv_value(run.out, "on", out, "activation_grad");
        // One value wide, the sizes add up, with a sign: |skip + block| is |skip| + |block| or their difference.
        double sum = fabs(skip + block - whole) < fabs(skip - block - whole) ? skip + block : skip - block;
        ck_assert_msg(fabs(sum - whole) <= 1e-6 * whole, "%s: %.9g and %.9g, whole %.9g", name, skip, block, whole);
        ck_assert_double_gt(block, 0);
    }
    run_free(&run);
}
END_TEST

// The configuration names the rule that is run, not the shortcut and norm that it replaces; of several, each run names its own.
START_TEST(json_has_the_rule_that_is_run)
{
    assert_prints("\"$GPTAPE_BIN\" gradflow --net gpt --config tiny --residual keel --json --quiet | grep -c -e '\"residual\":.\"keel\"'", "2\n");
    assert_prints("\"$GPTAPE_BIN\" gradflow --net gpt --config tiny --residual keel --residual pre --json --quiet > two; "
                  "sed '/\"runs\"/q' two | grep -e residual -e shortcut -e '\"norm\"' || echo none",
                  "none\n");
    assert_prints("\"$GPTAPE_BIN\" gradflow --net gpt --config tiny --norm post --json --quiet | grep '\"norm\"' | sort -u",
                  "\t\t\"norm\":\t\"post\",\n");
}
END_TEST

START_TEST(without_options_it_shows_the_vanishing)
{
    Run run = run_gptape("gradflow");
    assert_succeeded(&run);
    assert_has(&run, run.out, "medians of 100 seeds");
    assert_has(&run, run.out, "19 shortcuts");
    assert_has(&run, run.out, "decades a layer");
    assert_has(&run, run.err, "gradflow.png");
    assert_folder_holds("gradflow.png ");
    const char *plain = strstr(run.out, "without shortcuts: -");
    ck_assert_ptr_nonnull(plain);
    double slope = strtod(plain + strlen("without shortcuts: "), NULL);
    ck_assert_msg(slope < -0.5 && slope > -0.7, "slope %g", slope);
    run_free(&run);
}
END_TEST

// The conclusion first, then a table, the chart, and the rest.
START_TEST(the_conclusion_comes_first)
{
    Run run = run_gptape("gradflow --depth 12 --seeds 5");
    static const char *const parts[] = {"The first layer's gradient relative to the last layer's: ", "\nlayer ", "\nMean |dL/dW| of each layer",
                                        "\nDeep network of 12 layers", "by depth"};
    const char *before = run.out;
    assert_succeeded(&run);
    ck_assert_ptr_eq(strstr(run.out, parts[0]), run.out);
    ck_assert_ptr_null(strstr(run.out, "·10")); // powers of ten as in the tables
    for (size_t i = 1; i < sizeof parts / sizeof parts[0]; i++) {
        const char *at = strstr(run.out, parts[i]);
        ck_assert_msg(at != NULL && at > before, "%s", parts[i]);
        before = at;
    }
    run_free(&run);
}
END_TEST

// The rounded ratio of the conclusion is the quotient of the CSV's values.
START_TEST(the_conclusion_is_right)
{
    Run csv = run_gptape(BOOK " --seeds 1 --depths none --csv -");
    Run run = run_gptape(BOOK " --seeds 1 --depths none --plot none");
    for (int arm = 0; arm < 2; arm++) {
        char expected[80];
        double first = csv_value(csv.out, arm == 1 ? "on" : "off", "layers.0.weight", "weight_grad");
        double last = csv_value(csv.out, arm == 1 ? "on" : "off", "layers.4.weight", "weight_grad");
        snprintf(expected, sizeof expected, "%.2g %s shortcuts", first / last, arm == 1 ? "with" : "without");
        assert_has(&run, run.out, expected);
    }
    run_free(&csv);
    run_free(&run);
}
END_TEST

START_TEST(sizes_without_a_shortcut_are_noted)
{
    Run run = run_gptape("gradflow --sizes 2,5,3 --plot none --depths none --seeds 1");
    ck_assert_str_eq(run.err, "gptape gradflow: --sizes: no layer has an input and output of the same size, so no shortcut fits\n");
    run_free(&run);
    succeed_quietly("gradflow --sizes 2,5,5,3 --plot none --depths none --seeds 1");
}
END_TEST

START_TEST(json_has_every_run)
{
    Run run = run_gptape(BOOK " --seeds 2 --json");
    assert_quiet(&run);
    cJSON *json = run_json(&run);
    const cJSON *runs = cJSON_GetObjectItem(json, "runs");
    ck_assert_int_eq(cJSON_GetArraySize(runs), 4);
    double loss = cJSON_GetObjectItem(cJSON_GetArrayItem(runs, 1), "loss")->valuedouble;
    ck_assert_msg(fabs(loss / 0.588184059 - 1) < 1e-6, "loss %.9g", loss);
    const cJSON *layers = cJSON_GetObjectItem(cJSON_GetArrayItem(runs, 0), "layers");
    ck_assert_int_eq(cJSON_GetArraySize(layers), 5);
    cJSON_Delete(json);
    run_free(&run);
}
END_TEST

START_TEST(one_run_has_its_loss_on_top)
{
    Run run = run_gptape("gradflow --net gpt --n-layer 2 --shortcut on --ids '1,2,3;4,5,6' --targets '2,3,4;5,6,7' --json");
    assert_quiet(&run);
    cJSON *json = run_json(&run);
    double loss = cJSON_GetObjectItem(json, "loss")->valuedouble;
    ck_assert_msg(fabs(loss - log(256)) < 0.2, "an untrained model's loss is near ln V: %g", loss);
    cJSON_Delete(json);
    run_free(&run);
}
END_TEST

// For any amount of earlier output, and any options.
START_TEST(a_full_stdout_is_reported_with_the_reason)
{
    static const char *const outputs[] = {"--csv -", "--json", "--plot none"};
    for (int i = 0; i < 3; i++) {
        char command[128];
        snprintf(command, sizeof command, "gradflow --depth 8 %s > /dev/full", outputs[i]);
        refuse(command, 1, "gptape: stdout: not everything could be written: No space left on device\n");
    }
}
END_TEST

START_TEST(same_dy_enters_both_networks)
{
    Run run = run_gptape("gradflow --depth 8 --same-dy --csv -");
    assert_quiet(&run);
    ck_assert_double_eq(csv_value(run.out, "off", "layers.7.out", "activation_grad"), 1);
    ck_assert_double_eq(csv_value(run.out, "on", "layers.7.out", "activation_grad"), 1);
    run_free(&run);
    run = run_gptape("gradflow --depth 8 --same-dy");
    assert_has(&run, run.out, "The same gradient dL/dy enters the output of");
    run_free(&run);
    run = run_gptape("gradflow --depth 8 --same-dy --shortcut off");
    assert_has(&run, run.out, "The gradient dL/dy that enters the output is 1");
    run_free(&run);
    run = run_gptape("gradflow --net gpt --n-layer 1 --same-dy --shortcut on");
    assert_has(&run, run.out, "that of equal");
    run_free(&run);
}
END_TEST

START_TEST(the_same_seed_gives_the_same_bits)
{
    Run first = run_gptape("gradflow --net gpt --n-layer 3 --seeds 2 --steps 3 --dropout 0.1 --csv - --quiet");
    Run second = run_gptape("gradflow --net gpt --n-layer 3 --seeds 2 --steps 3 --dropout 0.1 --csv - --quiet");
    assert_quiet(&first);
    ck_assert_str_eq(first.out, second.out);
    run_free(&first);
    run_free(&second);
}
END_TEST

// --quiet, since a slow machine would show progress here.
START_TEST(deep_and_long_networks_run)
{
    static const char *const arguments[] = {
        "gradflow --depth 1000 --width 64 --init gpt2 --quiet --seeds 1 --plot none --depths none",
        "gradflow --depth 1000 --width 64 --quiet --seeds 1 --plot none --depths none",
        "gradflow --net gpt --n-layer 48 --n-embd 64 --quiet",
        "gradflow --depth 1 --plot none",
        "gradflow --sizes 2,5,3 --activation sigmoid --init xavier --plot none --quiet",
        "gradflow --net gpt --norm post --causal off --activation relu --init kaiming --batch 1 --length 1",
    };
    Run run = run_gptape(arguments[_i]);
    assert_quiet(&run);
    assert_has(&run, run.out, "parameter tensors");
    assert_folder_holds("");
    run_free(&run);
}
END_TEST

// Without it the table would be 145 characters wide.
START_TEST(networks_without_gradient_have_a_row_of_their_own)
{
    Run run = run_gptape("gradflow --depths none --plot none --quiet");
    assert_has(&run, run.out, " 1004 all zero\n                                 25 of 100 networks got no gradient anywhere\n");
    run_free(&run);
}
END_TEST

START_TEST(layer_normalization_hides_it_but_queries_and_keys_collapse)
{
    Run run = run_gptape("gradflow --net gpt --csv -");
    assert_quiet(&run);
    double first = csv_value(run.out, "off", "h.0.mlp.c_proj.weight", "weight_grad");
    double last = csv_value(run.out, "off", "h.11.mlp.c_proj.weight", "weight_grad");
    ck_assert_msg(first > 0.1 * last, "weights: %g, %g", first, last);
    double query_first = csv_value(run.out, "off", "h.0.attn.c_attn.weight.q", "weight_grad");
    double query_last = csv_value(run.out, "off", "h.11.attn.c_attn.weight.q", "weight_grad");
    ck_assert_msg(query_last < 1e-1 * query_first, "queries: %g, %g", query_first, query_last);
    double with_first = csv_value(run.out, "on", "h.0.attn.c_attn.weight.q", "weight_grad");
    double with_last = csv_value(run.out, "on", "h.11.attn.c_attn.weight.q", "weight_grad");
    ck_assert_msg(with_last > 0.1 * with_first, "queries with shortcuts: %g, %g", with_first, with_last);
    run_free(&run);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gptape gradflow");
    TCase *tests = case_create(suite, "as a user types it");
    tcase_add_checked_fixture(tests, folder_enter, folder_leave);
    tcase_add_test(tests, the_books_table);
    tcase_add_test(tests, the_csv_has_its_columns_and_order);
    tcase_add_test(tests, skip_and_block_add_up);
    tcase_add_test(tests, json_has_the_rule_that_is_run);
    tcase_add_test(tests, without_options_it_shows_the_vanishing);
    tcase_add_test(tests, the_conclusion_comes_first);
    tcase_add_test(tests, the_conclusion_is_right);
    tcase_add_test(tests, sizes_without_a_shortcut_are_noted);
    tcase_add_test(tests, json_has_every_run);
    tcase_add_test(tests, one_run_has_its_loss_on_top);
    tcase_add_test(tests, same_dy_enters_both_networks);
    tcase_add_test(tests, a_full_stdout_is_reported_with_the_reason);
    tcase_add_test(tests, the_same_seed_gives_the_same_bits);
    tcase_add_loop_test(tests, deep_and_long_networks_run, 0, 6);
    tcase_add_test(tests, layer_normalization_hides_it_but_queries_and_keys_collapse);
    tcase_add_test(tests, networks_without_gradient_have_a_row_of_their_own);
    return suite_run(suite);
}
