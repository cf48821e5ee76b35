// test_gradflow.c: gptape gradflow as a user types it: figures, files, pictures, and every wrong way to ask.

#include "tests/cli/run.h"
#include "tests/support/folder.h"
#include "tests/support/suite.h"

#include <check.h>
#include <cjson/cJSON.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BOOK "gradflow --net mlp --sizes 3,3,3,3,3,1 --seed 123 --input 1,0,-1 --target 0 --init torch"

static void assert_folder_holds(const char *names)
{
    Run run = run_shell("ls -A | tr '\\n' ' '");
    ck_assert_str_eq(run.out, names);
    run_free(&run);
}

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
    static const char *const parts[] = {"The first layer's gradient is, as a fraction of the last layer's, ", "\nlayer ",
                                        "\nMean |dL/dW| of each layer", "\nDeep network of 12 layers", "by depth"};
    const char *before = run.out;
    assert_succeeded(&run);
    ck_assert_ptr_eq(strstr(run.out, parts[0]), run.out);
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
        snprintf(expected, sizeof expected, "%.3g %s shortcuts", first / last, arm == 1 ? "with" : "without");
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
    run = run_gptape("gradflow --sizes 2,5,5,3 --plot none --depths none --seeds 1");
    assert_quiet(&run);
    run_free(&run);
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
        Run run = run_gptape(command);
        assert_one_line_error(&run, 1, "gptape: stdout: not everything could be written: No space left on device\n");
        run_free(&run);
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
    Run first = run_gptape("gradflow --net gpt --n-layer 3 --seeds 2 --steps 3 --dropout 0.1 --csv -");
    Run second = run_gptape("gradflow --net gpt --n-layer 3 --seeds 2 --steps 3 --dropout 0.1 --csv -");
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

// ------------------------------------------------------------------------------------------------------------
// Files

START_TEST(pictures_are_written_whole)
{
    static const struct {
        const char *name;
        const char *begins;
    } formats[] = {{"p.png", "\x89PNG"}, {"p.svg", "<?xml"}, {"p.pdf", "%PDF"}, {"p.gp", "#"}};
    char arguments[128];
    char start[8] = "";
    snprintf(arguments, sizeof arguments, "gradflow --depth 6 --seeds 3 --plot %s", formats[_i].name);
    Run run = run_gptape(arguments);
    assert_succeeded(&run);
    FILE *file = fopen(formats[_i].name, "rb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_gt(fread(start, 1, strlen(formats[_i].begins), file), 0);
    fclose(file);
    ck_assert_mem_eq(start, formats[_i].begins, strlen(formats[_i].begins));
    run_free(&run);
}
END_TEST

START_TEST(a_training_run_draws_two_pictures)
{
    Run run = run_gptape("gradflow --depth 5 --steps 4 --seeds 2 --plot 'a b.png' --csv flow.csv");
    assert_succeeded(&run);
    assert_folder_holds("a b-steps.png a b.png flow.csv ");
    run_free(&run);
}
END_TEST

START_TEST(without_gnuplot_the_table_is_shown_and_the_rest_refused)
{
    Run run = run_shell("PATH=/nonexistent \"$GPTAPE_BIN\" gradflow --depth 5 --plot p.png");
    ck_assert_int_eq(run.status, 1);
    assert_has(&run, run.out, "\n4 ");
    assert_has(&run, run.out, "decades a layer");
    assert_has(&run, run.err, "gnuplot");
    ck_assert_int_eq(text_lines(run.err), 1);
    assert_folder_holds("");
    run_free(&run);
}
END_TEST

START_TEST(a_full_disk_leaves_no_part_of_a_table)
{
    Run run = run_gptape("gradflow --depth 5 --csv - > /dev/full");
    assert_one_line_error(&run, 1, "stdout");
    run_free(&run);
}
END_TEST

// A device is written to, never replaced; here a fifo is used as one. A link stays a link.
START_TEST(only_files_are_replaced)
{
    Run pipe = run_shell("mkfifo p.csv && (cat p.csv > got &) && \"$GPTAPE_BIN\" gradflow --depth 3 --csv p.csv && test -p p.csv");
    assert_succeeded(&pipe);
    run_free(&pipe);
    Run link = run_shell("touch real.csv && ln -s real.csv link.csv && \"$GPTAPE_BIN\" gradflow --depth 3 --csv link.csv && "
                         "test -L link.csv && grep -q layers.2 real.csv");
    assert_succeeded(&link);
    run_free(&link);
}
END_TEST

START_TEST(a_full_device_is_reported_and_kept)
{
    Run run = run_gptape("gradflow --depth 3 --csv /dev/full");
    assert_one_line_error(&run, 1, "/dev/full");
    run_free(&run);
    run = run_shell("test -c /dev/full");
    assert_quiet(&run);
    run_free(&run);
}
END_TEST

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
    run = run_gptape("gradflow --optimizer sgd --depths none --plot none");
    assert_one_line_error(&run, 2, "--optimizer: for training only (expected --steps, too)");
    run_free(&run);
}
END_TEST

START_TEST(runs_has_a_row_for_each_network)
{
    static char table[16384];
    Run run = run_gptape("gradflow --sizes 2,4x3,2 --inputs normal:3 --norm batch --head linear --loss ce --init kaiming --init-gain 0.5"
                         " --bias-std 0.1 --residual 'h + f(h)' --residual keel --steps 2 --lr 0.01 --seeds 2 --seed 7 --depths none"
                         " --plot none --runs runs.csv --json");
    assert_quiet(&run);
    read_file("runs.csv", table, sizeof table);
    static const struct {
        int row;
        const char *column, *expected;
    } cells[] = {
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
    for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++) {
        assert_cell(table, cells[i].row, cells[i].column, cells[i].expected);
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
    static const char *const gpt[][2] = {
        {"net", "gpt"},         {"residual", "pre"},   {"norm", "pre"},   {"sizes", ""},     {"rows", ""},
        {"saved", "off"},       {"batch", "4"},        {"length", "8"},   {"optimizer", ""}, {"lr", ""},
        {"init", "orthogonal"}, {"loss_function", ""}, {"init_gain", ""}, {"bias_std", ""},  {"n_layer", "2"},
        {"final_norm", "auto"}, {"causal", "on"},
    };
    for (size_t i = 0; i < sizeof gpt / sizeof gpt[0]; i++) {
        assert_cell(table, 0, gpt[i][0], gpt[i][1]);
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

// Every column is explained where the documentation explains the CSV.
START_TEST(every_column_of_runs_is_documented)
{
    static char table[16384];
    static char page[65536];
    char path[640];
    Run run = run_gptape("gradflow --seeds 1 --depths none --plot none --runs runs.csv --csv -");
    assert_quiet(&run);
    run_free(&run);
    snprintf(path, sizeof path, "%s/gpt/lab/README.md", folder_home());
    read_file(path, page, sizeof page);
    read_file("runs.csv", table, sizeof table);
    char *section = strstr(page, "`--runs FILE` writes");
    ck_assert_ptr_nonnull(section);
    for (char *name = strtok(table, ",\n"); strcmp(name, "0") != 0; name = strtok(NULL, ",\n")) {
        char quoted[64];
        snprintf(quoted, sizeof quoted, "`%s`", name);
        ck_assert_msg(strstr(section, quoted) != NULL, "%s is not explained", quoted);
    }
}
END_TEST

static const struct {
    const char *arguments;
    int status;
    const char *part;
} mistakes[] = {
    {"--depth 0", 2, "is not an integer between 1 and"},
    {"--depth -3", 2, "is not an integer between 1 and"},
    {"--depth 12x", 2, "is not an integer between 1 and 100000"},
    {"--depth 1e99", 2, "is not an integer between 1 and 100000"},
    {"--width 0", 2, "is not an integer between 1 and"},
    {"--depth 5 --sizes 3,3,1", 2, "--sizes"},
    {"--sizes 3", 2, "two"},
    {"--sizes 3,,1", 2, "''"},
    {"--sizes 3,0,1", 2, "'0'"},
    {"--sizes ''", 2, "''"},
    {"--input 1,0", 2, "2 values"},
    {"--input 1,nan,0", 2, "'nan'"},
    {"--target 1,2", 2, "2 values"},
    {"--net tree", 2, "mlp or gpt"},
    {"--shortcut maybe", 2, "both"},
    {"--seeds 0", 2, "is not an integer between 1 and"},
    {"--steps -1", 2, "--steps: '-1' is not an integer between 0 and 1000000"},
    {"--steps 1 --lr fast", 2, "not a number"},
    {"--depths 5,0", 2, "'0'"},
    {"--seed x", 2, "--seed"},
    {"--activation step", 2, "gelu"},
    {"--init zero", 2, "torch"},
    {"--n-layer 3", 2, "--net gpt"},
    {"--ids 1,2 --targets 2,3", 2, "--net gpt"},
    {"--net gpt --depth 3", 2, "--net mlp"},
    {"--net gpt --n-embd 30 --n-head 4", 2, "multiple"},
    {"--net gpt --ids 1,2", 2, "--targets"},
    {"--net gpt --ids '1,2;3' --targets '1,2;3'", 2, "--ids: rows of different lengths (expected rows like 1,2,3;4,5,6)"},
    {"--net gpt --ids 1,2 --targets 1,2,3", 2, "1 x 3"},
    {"--net gpt --ids 1,256 --targets 1,2", 2, "'256'"},
    {"--net gpt --ids 1,-1 --targets 1,2", 2, "'-1'"},
    {"--net gpt --ids 1,2 --targets 1,2 --data x", 2, "--data"},
    {"--net gpt --length 33", 2, "--length: '33' is not an integer between 1 and 32"},
    {"--net gpt --batch 0", 2, "is not an integer between 1 and"},
    {"--net gpt --context-length 40000 --batch 65536", 2, "--batch: 65536 times --length 40000 exceeds 2147483647 tokens"},
    {"--net gpt --vocab-size 65", 2, "256"},
    {"--net gpt --data missing.txt", 1, "missing.txt"},
    {"--net gpt --data /dev/null", 1, "/dev/null"},
    {"--net gpt --data .", 1, "."},
    {"--net gpt --config 70b --batch 1 --length 8 --stream off", 1, "memory"},
    {"--net gpt --config 70b --n-embd 262144 --batch 1 --length 8", 1, "one block of the experiment: needs "},
    {"--net gpt --stream on --steps 1", 2, "--steps: 1: training needs all weights in memory"},
    {"--net gpt --stream on --probe paths", 2, "--probe: paths: needs all blocks"},
    {"--net mlp --stream on", 2, "--stream: for --net gpt"},
    {"--net gpt --stream maybe", 2, "--stream: 'maybe'"},
    {"--net gpt --configs tiny,nope", 2, "--configs: 'nope' is not a preset"},
    {"--net gpt --configs ,", 2, "--configs: no preset"},
    {"--net gpt --configs tiny,char,flow,flow-untied,gpt2-124m,gpt2-355m,gpt2-774m", 2, "--configs: more than 6 presets"},
    {"--net gpt --configs tiny --config flow", 2, "--configs: can't be combined with --config"},
    {"--net gpt --configs tiny --csv -", 2, "--csv: '-' is not a name for several files"},
    {"--configs tiny", 2, "--configs: for --net gpt"},
    {"--depth 100000 --width 65536", 2, "memory"},
    {"--input 1", 2, "--input: 1 value, but the network has 3"},
    {"--inputs normal", 2, "--inputs: 'normal' is unknown (expected normal:N, grid:LO:HI:N or FILE.csv)"},
    {"--inputs normal:", 2, "--inputs: '' is not an integer between 1 and 65536"},
    {"--inputs normal:65537", 2, "--inputs: '65537' is not an integer between 1 and 65536"},
    {"--inputs grid:-1:1", 2, "--inputs: 'grid:-1:1' is incomplete (expected normal:N, grid:LO:HI:N or FILE.csv)"},
    {"--inputs grid:-1:one:3", 2, "--inputs: 'one' is not a number"},
    {"--inputs grid:-1:1:1", 2, "--inputs: '1' is not an integer between 2 and 65536"},
    {"--inputs grid:1:-1:5", 2, "--inputs: 'grid:1:-1:5' does not increase (expected grid:LO:HI:N with LO below HI)"},
    {"--inputs grid:0:1:3 --input 1,2,3", 2, "--inputs: replaces --input; leave one out"},
    {"--inputs missing.csv", 1, "missing.csv: can't be read"},
    {"--inputs .csv/", 2, "--inputs: '.csv/' is unknown"},
    {"--net gpt --inputs normal:3", 2, "--inputs: for --net mlp"},
    {"--loss ce", 2, "--loss: ce needs a value for each class, but the network has one output (expected 2 or more)"},
    {"--loss mae", 2, "--loss: 'mae' is unknown (expected mse or ce)"},
    {"--sizes 3,3,2 --loss ce --target 2", 2, "--target: '2' is not an integer between -1 and 1"},
    {"--sizes 3,3,2 --loss ce --target 0,1", 2, "--target: 2 classes for 1 row (expected one for each, or one for all)"},
    {"--head square", 2, "--head: 'square' is unknown (expected activation or linear)"},
    {"--norm pre", 2, "--norm: 'pre' is unknown (expected none or batch)"},
    {"--norm batch", 2, "--norm: batch normalization of one input row would make it 0 (expected several rows, by --inputs)"},
    {"--task copy", 2, "--task: for --net gpt, but this is --net mlp; leave one out"},
    {"--net gpt --task sort", 2, "--task: 'sort' is unknown (expected copy, shift:K or modular:K with K up to 65535)"},
    {"--net gpt --task copy --data x", 2, "--data: --task draws the batch; leave one out"},
    {"--net gpt --task copy --ids 1,2", 2, "--ids: --task draws the batch; leave one out"},
    {"--net gpt --task copy --length 1", 2, "--task: copy needs rows of at least 2 tokens, but they have 1"},
    {"--net gpt --norm batch", 2, "--norm: batch normalization is for --net mlp, but this is --net gpt (expected pre, post or none)"},
    {"--net gpt --init-gain 2", 2, "--init-gain: for --net mlp, but this is --net gpt; leave one out"},
    {"--net gpt --bias-std 0", 2, "--bias-std: for --net mlp, but this is --net gpt; leave one out"},
    {"--net gpt --head linear", 2, "--head: for --net mlp"},
    {"--net gpt --loss ce", 2, "--loss: for --net mlp"},
    {"--init-gain 0", 2, "--init-gain: '0' is not a number between 1e-06 and 1e+06"},
    {"--bias-std -1", 2, "--bias-std: '-1' is not a number between 0 and 1e+06"},
    {"--net gpt --ids 1,2 --targets=-2,1", 2, "'-2'"},
    {"--net gpt --ids 1,2 --targets=-1,-1", 1, "all 2 targets are -1, which are ignored (expected at least one token)"},
    {"--sizes 3x", 2, "--sizes: '3x' is not a size and a count (expected 200x3 with at most x100000)"},
    {"--sizes 1,3x0,1", 2, "--sizes: '3x0' is not a size"},
    {"--sizes x3", 2, "--sizes: 'x3' is not an integer between 1 and 65536"},
    {"--width 1 --depth 100000 --inputs normal:65536", 1, "memory"},
    {"--same-dy --steps 3", 2, "--same-dy"},
    {"--plot picture.jpg", 2, ".png"},
    {"--plot picture", 2, ".png"},
    {"--plot missing/p.png", 1, "missing/p.png"},
    {"--plot .png/", 2, ".png"},
    {"--csv missing/f.csv", 1, "missing/f.csv"},
    {"--csv .", 1, "folder"},
    {"--csv - --json", 2, "stdout"},
    {"--runs -", 2, "--runs: '-' is not a file name (expected FILE)"},
    {"--runs missing/r.csv", 1, "missing/r.csv"},
    {"--runs a.csv --csv a.csv", 2, "a.csv"},
    {"--depht 5", 2, "--depth"},
    {"extra", 2, "extra"},
};

START_TEST(a_wrong_request_is_a_one_line_error)
{
    char arguments[256];
    snprintf(arguments, sizeof arguments, "gradflow %s", mistakes[_i].arguments);
    Run run = run_gptape(arguments);
    assert_one_line_error(&run, mistakes[_i].status, mistakes[_i].part);
    assert_folder_holds("");
    run_free(&run);
}
END_TEST

int main(void)
{
    enum { MISTAKES = sizeof mistakes / sizeof mistakes[0] };
    Suite *suite = suite_create("gptape gradflow");
    TCase *tests = case_create(suite, "as a user types it");
    tcase_add_checked_fixture(tests, folder_enter, folder_leave);
    tcase_add_test(tests, the_books_table);
    tcase_add_test(tests, the_csv_has_its_columns_and_order);
    tcase_add_test(tests, skip_and_block_add_up);
    tcase_add_test(tests, without_options_it_shows_the_vanishing);
    tcase_add_test(tests, the_conclusion_comes_first);
    tcase_add_test(tests, the_conclusion_is_right);
    tcase_add_test(tests, sizes_without_a_shortcut_are_noted);
    tcase_add_test(tests, json_has_every_run);
    tcase_add_test(tests, one_run_has_its_loss_on_top);
    tcase_add_test(tests, same_dy_enters_both_networks);
    tcase_add_test(tests, rows_come_from_a_file_a_grid_or_the_seed);
    tcase_add_loop_test(tests, a_streamed_network_prints_the_same_as_one_in_memory, 0, 4);
    tcase_add_test(tests, several_sizes_are_compared);
    tcase_add_test(tests, runs_has_a_row_for_each_network);
    tcase_add_test(tests, every_column_of_runs_is_documented);
    tcase_add_test(tests, a_full_stdout_is_reported_with_the_reason);
    tcase_add_test(tests, the_same_seed_gives_the_same_bits);
    tcase_add_loop_test(tests, deep_and_long_networks_run, 0, 6);
    tcase_add_test(tests, layer_normalization_hides_it_but_queries_and_keys_collapse);
    tcase_add_loop_test(tests, pictures_are_written_whole, 0, 4);
    tcase_add_test(tests, a_training_run_draws_two_pictures);
    tcase_add_test(tests, without_gnuplot_the_table_is_shown_and_the_rest_refused);
    tcase_add_test(tests, plain_gradient_descent_makes_its_step);
    tcase_add_test(tests, only_files_are_replaced);
    tcase_add_test(tests, a_full_device_is_reported_and_kept);
    tcase_add_test(tests, a_full_disk_leaves_no_part_of_a_table);
    tcase_add_loop_test(tests, a_wrong_request_is_a_one_line_error, 0, MISTAKES);
    return suite_run(suite);
}
