// test_runs.c: rows of input, optimizers, sizes and streams of gptape gradflow, and its table of runs.

#include "gpt/gpt.h"
#include "tests/cli/run.h"
#include "tests/support/folder.h"
#include "tests/support/suite.h"
#include "tests/support/folder.h"
#include "tests/support/suite.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

// ------------------------------------------------------------------------------------------------------------
// Wrong ways to ask

// Rows of a file, of a grid and of --input that are the same numbers give the same output.
START_TEST(rows_come_from_a_file_a_grid_or_the_seed)
{
#define ROWS "gradflow --sizes 2,4x3,1 --activation tanh --seeds 2 --depths none --plot none --csv - "
    file_write("one.csv", "0.5,0\n", 6);
    file_write("line.csv", "-1,0\n0,0\n1,0\n", 13);
    file_write("targets.csv", "-1,0,1\n0,0,2\n1,0,3\n", 19);
    static const char *const same[][2] = {
        {ROWS "--inputs one.csv", ROWS "--input 0.5,0"},
        {ROWS "--inputs line.csv", ROWS "--inputs grid:-1:1:3"},
        {ROWS "--inputs line.csv --target 2", ROWS "--inputs grid:-1:1:3 --target 2"},
    };
    for (int i = 0; i < 3; i++) {
        Run a = run_gptape(same[i][0]);
        Run b = run_gptape(same[i][1]);
        assert_quiet(&a);
        ck_assert_str_eq(a.out, b.out);
        run_free(&a);
        run_free(&b);
    }
    Run targets = run_gptape(ROWS "--inputs targets.csv");
    Run zeros = run_gptape(ROWS "--inputs line.csv");
    assert_quiet(&targets);
    ck_assert_str_ne(targets.out, zeros.out);
    run_free(&targets);
    run_free(&zeros);
    file_write("classes.csv", "-1,0,1\n0,0,0.5\n", 15);
    Run class = run_gptape("gradflow --sizes 2,2 --loss ce --inputs classes.csv --plot none");
    assert_one_line_error(&class, 2, "--inputs: row 2: 0.5 is not a class (expected an integer between 0 and 1, or -1: ignored)");
    run_free(&class);
    Run twice = run_gptape(ROWS "--inputs targets.csv --target 1");
    assert_one_line_error(&twice, 2, "--target: targets.csv has the targets, too; leave one out");
    run_free(&twice);
    Run json = run_gptape("gradflow --sizes 4,8x3,2 --inputs normal:32 --norm batch --head linear --loss ce --init orthogonal --init-gain 1.5"
                          " --bias-std 0 --residual 'h + f(h)' --seeds 1 --depths none --json");
    assert_quiet(&json);
    static const char *const keys[] = {"\"rows\":\t32",     "\"norm\":\t\"batch\"",      "\"head\":\t\"linear\"",
                                       "\"loss\":\t\"ce\"", "\"init\":\t\"orthogonal\"", "\"init_gain\":\t1.5",
                                       "\"bias_std\":\t0"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        ck_assert_msg(strstr(json.out, keys[i]) != NULL, "%s: %s", keys[i], json.out);
    }
    run_free(&json);
#undef ROWS
}
END_TEST

// The i-th cell of a line without quotes in it but around sizes; quotes stay.
static void cell_of(const char *line, int i, char cell[64])
{
    bool quoted = false;
    size_t used = 0;
    cell[0] = '\0';
    for (; *line != '\n' && *line != '\0' && i >= 0; line++) {
        quoted ^= *line == '"';
        if (*line == ',' && !quoted) {
            i--;
        } else if (i == 0 && used < 63) {
            cell[used] = *line;
            used++;
            cell[used] = '\0';
        }
    }
}

static void read_file(const char *path, char *text, size_t n)
{
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    text[fread(text, 1, n - 1, file)] = '\0';
    fclose(file);
}

// The cell of a column of the given row (0: the first network).
static void assert_cell(const char *table, int row, const char *column, const char *expected)
{
    char cell[64] = "";
    int at = 0;
    for (cell_of(table, 0, cell); strcmp(cell, column) != 0 && at < 40; cell_of(table, at, cell)) {
        at++;
    }
    ck_assert_msg(at < 40, "no column %s in %s", column, table);
    const char *line = table;
    for (int i = 0; i <= row; i++) {
        line = strchr(line, '\n') + 1;
    }
    cell_of(line, at, cell);
    ck_assert_msg(strcmp(cell, expected) == 0, "%s of row %d is %s, not %s", column, row, cell, expected);
}

// Of (w + b)^2 the gradient is 2 (w + b), for w and for b: a step of 1/4 down it makes the loss 0.
START_TEST(plain_gradient_descent_makes_its_step)
{
    Run run = run_gptape(
        "gradflow --quiet --sizes 1,1 --head linear --input 1 --target 0 --shortcut off --steps 1 --optimizer sgd --lr 0.25 --seeds 1 "
        "--depths none --plot none --csv figures.csv --runs runs.csv");
    assert_quiet(&run);
    run_free(&run);
    run = run_shell("tail -1 runs.csv");
    assert_has(&run, run.out, ",1,sgd,0.25,off,f32,");
    assert_has(&run, run.out, ",0,0,"); // the loss, and how many numbers are not finite
    run_free(&run);
    refuse("gradflow --optimizer sgd --depths none --plot none", 2, "--optimizer: for training only (expected --steps, too)");
    refuse("gradflow --optimizer sgd --steps 00 --depths none --plot none", 2, "--optimizer: for training only (expected --steps, too)");
}
END_TEST

// What the table of a batch-normalized network's two rules and two seeds has.
static const struct {
    int row;
    const char *column, *expected;
} mlp_cells[] = {
    {0, "run", "0"},
    {3, "run", "3"},
    {0, "seed", "7"},
    {2, "seed", "8"},
    {0, "net", "mlp"},
    {0, "residual", "plain"},
    {1, "residual", "keel"},
    {0, "shortcut", "on"},
    {1, "shortcut", ""},
    {1, "norm", "batch"},
    {0, "sizes", "\"2,4x3,2\""},
    {0, "rows", "3"},
    {0, "inputs", "normal"},
    {0, "saved", ""},
    {0, "batch", ""},
    {0, "length", ""},
    {0, "steps", "2"},
    {0, "optimizer", "adamw"},
    {0, "lr", "0.01"},
    {0, "same_dy", "off"},
    {0, "precision", "f32"},
    {0, "activation", "gelu"},
    {0, "head", "linear"},
    {0, "loss_function", "ce"},
    {0, "init", "kaiming"},
    {0, "init_gain", "0.5"},
    {0, "bias_std", "0.1"},
    {0, "n_layer", ""},
    {0, "causal", ""},
    {0, "not_finite", "0"},
};

static const char *const gpt_cells[][2] = {
    {"net", "gpt"},   {"residual", "pre"},    {"norm", "pre"},  {"sizes", ""},          {"rows", ""},          {"saved", "off"},  {"batch", "4"},
    {"length", "8"},  {"optimizer", ""},      {"lr", ""},       {"init", "orthogonal"}, {"loss_function", ""}, {"init_gain", ""}, {"bias_std", ""},
    {"n_layer", "2"}, {"final_norm", "auto"}, {"causal", "on"},
};

START_TEST(runs_has_a_row_for_each_network)
{
    static char table[16384];
    Run run = run_gptape("gradflow --sizes 2,4x3,2 --inputs normal:3 --norm batch --head linear --loss ce --init kaiming --init-gain 0.5"
                         " --bias-std 0.1 --residual 'h + f(h)' --residual keel --steps 2 --lr 0.01 --seeds 2 --seed 7 --depths none"
                         " --plot none --runs runs.csv --json");
    assert_quiet(&run);
    read_file("runs.csv", table, sizeof table);
    for (size_t i = 0; i < sizeof mlp_cells / sizeof mlp_cells[0]; i++) {
        assert_cell(table, mlp_cells[i].row, mlp_cells[i].column, mlp_cells[i].expected);
    }
    // The loss is that of the last step.
    cJSON *json = cJSON_Parse(run.out);
    for (int row = 0; row < 4; row++) {
        char loss[32];
        const cJSON *measured = cJSON_GetArrayItem(cJSON_GetObjectItem(json, "runs"), 3 * row + 2);
        snprintf(loss, sizeof loss, "%.9g", cJSON_GetObjectItem(measured, "loss")->valuedouble);
        assert_cell(table, row, "loss", loss);
    }
    cJSON_Delete(json);
    run_free(&run);
    run = run_gptape("gradflow --net gpt --n-layer 2 --length 8 --shortcut on --init orthogonal --runs runs.csv --csv -");
    assert_quiet(&run);
    read_file("runs.csv", table, sizeof table);
    for (size_t i = 0; i < sizeof gpt_cells / sizeof gpt_cells[0]; i++) {
        assert_cell(table, 0, gpt_cells[i][0], gpt_cells[i][1]);
    }
    run_free(&run);
}
END_TEST

// Block by block, the same table and the same numbers.
START_TEST(a_streamed_network_prints_the_same_as_one_in_memory)
{
    static const char *const more[] = {"", " --residual keel --residual 'h + f(norm(h)) + 0.1*x0'", " --same-dy --seeds 2 --tied off",
                                       " --probe branch,stream,attention"};
    char arguments[256];
    snprintf(arguments, sizeof arguments, "gradflow --net gpt --batch 2 --csv flow.csv --plot none%s", more[_i]);
    Run held = run_gptape(arguments);
    assert_quiet(&held);
    snprintf(arguments, sizeof arguments, "gradflow --net gpt --batch 2 --csv streamed.csv --plot none --stream on%s", more[_i]);
    Run streamed = run_gptape(arguments);
    assert_quiet(&streamed);
    ck_assert_str_eq(streamed.out, held.out);
    run_free(&streamed);
    run_free(&held);
    Run run = run_shell("cmp flow.csv streamed.csv");
    assert_quiet(&run);
    run_free(&run);
}
END_TEST

// A row of the table, a panel of the plot and a file for each size.
START_TEST(several_sizes_are_compared)
{
    Run run = run_gptape("gradflow --net gpt --configs tiny,flow --batch 1 --length 8 --stream on --csv all.csv --plot sizes.gp");
    assert_succeeded(&run);
    assert_has(&run, run.out, "\ntiny      34,688  streamed");
    assert_has(&run, run.out, "\nflow     618,368  streamed");
    run_free(&run);
    run = run_gptape("gradflow --net gpt --config flow --batch 1 --length 8 --csv flow.csv --quiet");
    run_free(&run);
    run = run_shell("cmp flow.csv all-flow.csv && test -s all-tiny.csv && grep -c '^.data_[01]_[01] << EOD' sizes.gp");
    ck_assert_str_eq(run.out, "4\n"); // two arms in each of two panels
    run_free(&run);
}
END_TEST

// Every column is explained where the documentation explains the CSV, except options of the GPT, which help explains.
START_TEST(every_column_of_runs_is_documented)
{
    static char table[16384];
    static char page[65536];
    char path[640];
    succeed_quietly("gradflow --seeds 1 --depths none --plot none --runs runs.csv --csv -");
    snprintf(path, sizeof path, "%s/gpt/lab/README.md", folder_home());
    read_file(path, page, sizeof page);
    read_file("runs.csv", table, sizeof table);
    char *section = strstr(page, "`--runs FILE` writes");
    ck_assert_ptr_nonnull(section);
    for (char *name = strtok(table, ",\n"); strcmp(name, "0") != 0; name = strtok(NULL, ",\n")) {
        char quoted[64];
        snprintf(quoted, sizeof quoted, "`%s`", name);
        bool option = config_field_find(gpt_fields, gpt_field_count, name) != NULL;
        ck_assert_msg(option || strstr(section, quoted) != NULL, "%s is not explained", quoted);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gptape gradflow --runs");
    TCase *tests = case_create(suite, "as a user types it");
    tcase_add_checked_fixture(tests, folder_enter, folder_leave);
    tcase_add_test(tests, rows_come_from_a_file_a_grid_or_the_seed);
    tcase_add_loop_test(tests, a_streamed_network_prints_the_same_as_one_in_memory, 0, 4);
    tcase_add_test(tests, several_sizes_are_compared);
    tcase_add_test(tests, runs_has_a_row_for_each_network);
    tcase_add_test(tests, every_column_of_runs_is_documented);
    tcase_add_test(tests, plain_gradient_descent_makes_its_step);
    return suite_run(suite);
}
