// test_rows.c: the input rows of the deep network: a grid, a file, random ones, and the gradient of their mean loss.

#include "tests/golden/inputs.h"
#include "tests/gpt/gpt_test.h"
#include "tests/support/folder.h"
#include "tests/support/locale.h"

#include <math.h>

static int sizes[] = {2, 4, 4, 1};

static ExperimentConfig config_of_rows(const Real *input, const Real *target, int n)
{
    return (ExperimentConfig){
        .net = NET_MLP,
        .deep = {.sizes = sizes, .n_layer = 3, .activation = ACTIVATION_TANH, .init = INIT_TORCH},
        .input = input,
        .target = target,
        .n_rows = n,
        .arms = ARMS_BOTH,
        .seed = 5,
        .n_seeds = 2,
    };
}

static void assert_refused(const ExperimentConfig *config, const char *part)
{
    Experiment experiment;
    Error error = {0};
    ck_assert(!experiment_run(config, NULL, NULL, &experiment, &error));
    ck_assert_msg(strstr(error.message, part) != NULL, "%s", error.message);
}

// ------------------------------------------------------------------------------------------------------------
// Rows in an experiment

static double row_mean(const Experiment *experiment, int i, const char *name)
{
    return gradflow_find(&experiment->measurements[i].flow, FLOW_WEIGHT_GRAD, name)->stats.mean_abs;
}

// The output layer's bias has a single gradient: of the mean loss it is the mean of the rows' gradients, up to its sign.
START_TEST(the_loss_of_several_rows_is_their_mean)
{
    static const Real x[] = {1, 0.5, -0.25, 2, 0.75, -1};
    static const Real y[] = {2, 3, 4}; // above what a tanh can reach, so that all gradients have one sign
    ExperimentConfig config = config_of_rows(x, y, 3);
    Experiment all = run_experiment(&config);
    double loss[4] = {0};
    double gradient[4] = {0};
    for (int row = 0; row < 3; row++) {
        ExperimentConfig one = config_of_rows(x + 2 * row, y + row, row == 0 ? 0 : 1); // 0 stands for 1
        Experiment alone = run_experiment(&one);
        for (int i = 0; i < 4; i++) {
            loss[i] += alone.measurements[i].loss / 3;
            gradient[i] += gradflow_find(&alone.measurements[i].flow, FLOW_BIAS_GRAD, "layers.2.bias")->stats.mean_abs / 3;
        }
        experiment_free(&alone);
    }
    ck_assert_int_eq(all.n_measurements, 4);
    for (int i = 0; i < 4; i++) {
        double bias = gradflow_find(&all.measurements[i].flow, FLOW_BIAS_GRAD, "layers.2.bias")->stats.mean_abs;
        ck_assert_double_eq_tol(all.measurements[i].loss, loss[i], 1e-5 * loss[i]); // a few roundings of float
        ck_assert_double_eq_tol(bias, gradient[i], 1e-5 * gradient[i]);
    }
    experiment_free(&all);
}
END_TEST

START_TEST(random_rows_are_the_seeds_and_leave_the_weights_alone)
{
    static const Real y[16] = {0};
    ExperimentConfig config = config_of_rows(NULL, y, 16);
    config.normal_input = true;
    Experiment both = run_experiment(&config);
    config.seed = 6;
    config.n_seeds = 1;
    Experiment second = run_experiment(&config);
    // Seed 6 is the same network and the same rows, whether it comes first or second.
    for (int arm = 0; arm < 2; arm++) {
        ck_assert_double_eq(second.measurements[arm].loss, both.measurements[2 + arm].loss);
        ck_assert_double_ne(both.measurements[arm].loss, both.measurements[2 + arm].loss);
    }
    // The rows come from a separate generator, and the weights equal those of an experiment with given rows.
    Real x[32];
    Random random = seeded(6 + 2000003);
    random_normal(&random, x, 32, 0, 1);
    ExperimentConfig given = config_of_rows(x, y, 16);
    given.seed = 6;
    given.n_seeds = 1;
    Experiment same = run_experiment(&given);
    for (int arm = 0; arm < 2; arm++) {
        ck_assert_double_eq(same.measurements[arm].loss, second.measurements[arm].loss);
        ck_assert_double_eq(row_mean(&same, arm, "layers.0.weight"), row_mean(&second, arm, "layers.0.weight"));
    }
    experiment_free(&same);
    experiment_free(&second);
    experiment_free(&both);
}
END_TEST

// Batch normalization, a linear head, cross-entropy and an ignored row, against PyTorch's double. Float rounds some dozens of times.
START_TEST(a_classifier_with_batch_normalization_is_pytorchs)
{
    int widths[] = {3, 4, 4, 3};
    ExperimentConfig config = config_of_rows(golden_rows, NULL, 5);
    config.deep.sizes = widths;
    config.deep.head = HEAD_LINEAR;
    config.deep.norm = DEEP_NORM_BATCH;
    config.deep.loss = LOSS_CE;
    config.targets = golden_classes;
    config.arms = ARMS_OFF;
    config.seed = 7;
    config.n_seeds = 1;
    Experiment experiment = run_experiment(&config);
    ck_assert_double_eq_tol(experiment.measurements[0].loss, golden_network_loss, 1e-5);
    for (size_t i = 0; i < sizeof golden_network / sizeof golden_network[0]; i++) {
        FlowKind kind = strstr(golden_network[i].name, "bias") != NULL ? FLOW_BIAS_GRAD : FLOW_WEIGHT_GRAD;
        const FlowRow *row = gradflow_find(&experiment.measurements[0].flow, kind, golden_network[i].name);
        ck_assert_msg(row != NULL, "%s", golden_network[i].name);
        ck_assert_msg(fabs(row->stats.mean_abs / golden_network[i].mean_abs - 1) < 1e-5, "%s: %.9g", golden_network[i].name, row->stats.mean_abs);
    }
    // A bias before a batch normalization does nothing: what float leaves is its rounding.
    ck_assert_double_lt(gradflow_find(&experiment.measurements[0].flow, FLOW_BIAS_GRAD, "layers.0.bias")->stats.max_abs, 1e-6);
    experiment_free(&experiment);
}
END_TEST

START_TEST(a_linear_head_is_the_last_layer_without_its_activation)
{
    static const Real x[] = {1, -2};
    static const Real y[] = {0};
    ExperimentConfig config = config_of_rows(x, y, 1);
    config.arms = ARMS_OFF;
    config.n_seeds = 1;
    Experiment bounded = run_experiment(&config);
    config.deep.head = HEAD_LINEAR;
    Experiment linear = run_experiment(&config);
    double out = sqrt(bounded.measurements[0].loss); // |tanh(y)|
    ck_assert_double_eq_tol(sqrt(linear.measurements[0].loss), atanh(out), 1e-5);
    experiment_free(&bounded);
    experiment_free(&linear);
}
END_TEST

START_TEST(classes_and_norms_that_do_not_fit_are_refused)
{
    static const Real x[] = {1, 0, 0, 1};
    static const int classes[] = {0, 2};
    int two[] = {2, 2};
    ExperimentConfig config = config_of_rows(x, NULL, 2);
    config.targets = classes;
    config.deep.loss = LOSS_CE;
    assert_refused(&config, "loss: ce needs a value for each class, but the network has one output (expected 2 or more)");
    config.deep.sizes = two;
    config.deep.n_layer = 1;
    assert_refused(&config, "target: class 2 of row 2: must be 0 to 1, or -1: ignored");
    config = config_of_rows(x, x, 1);
    config.deep.norm = DEEP_NORM_BATCH;
    assert_refused(&config, "norm: batch normalization of one input row would make it 0");
    config = config_of_rows(x, x, 1);
    config.deep.init_gain = -1;
    assert_refused(&config, "gain -1");
    config.deep.init_gain = 1;
    config.deep.bias_std = NAN;
    assert_refused(&config, "standard deviation of the biases nan");
    config.deep.bias_std = 0;
    config.deep.head = HEAD_COUNT;
    assert_refused(&config, "head 2, norm 0, loss 0: unknown");
}
END_TEST

START_TEST(rows_that_cannot_be_run_are_refused)
{
    static const Real x[] = {1, 0};
    ExperimentConfig config = config_of_rows(x, x, -1);
    assert_refused(&config, "-1 input rows: must be 1 to 65536");
    config.n_rows = DEEP_ROWS_MAX + 1;
    assert_refused(&config, "65537 input rows");
}
END_TEST

START_TEST(a_grid_is_a_line_in_the_first_coordinate)
{
    DeepRows rows = deep_rows_grid(-2, 2, 5, 3);
    static const Real expected[] = {-2, 0, 0, -1, 0, 0, 0, 0, 0, 1, 0, 0, 2, 0, 0};
    ck_assert_int_eq(rows.n, 5);
    ck_assert_ptr_null(rows.target);
    ck_assert_mem_eq(rows.input, expected, sizeof expected);
    deep_rows_free(&rows);
    ck_assert_ptr_null(rows.input);
    ASSERT_MISTAKE(deep_rows_grid(0, 1, 1, 3), "deep_rows_grid: 1 points of 3 values");
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Files

static void write_text(const char *text)
{
    file_write("rows.csv", text, strlen(text));
}

static void assert_reads(const char *text, int n, const Real *input, const Real *target)
{
    DeepRows rows;
    Error error = {0};
    write_text(text);
    ck_assert_msg(deep_rows_read("rows.csv", 2, 1, &rows, &error), "%s", error.message);
    ck_assert_int_eq(rows.n, n);
    ck_assert_mem_eq(rows.input, input, (size_t)n * 2 * sizeof(Real));
    ck_assert(target != NULL ? memcmp(rows.target, target, (size_t)n * sizeof(Real)) == 0 : rows.target == NULL);
    deep_rows_free(&rows);
}

START_TEST(a_file_has_inputs_and_perhaps_targets)
{
    static const Real x[] = {1, -0.5, 250, 0.25};
    static const Real y[] = {3, -4};
    assert_reads("1,-0.5\n2.5e2,.25\n", 2, x, NULL);
    assert_reads("1,-0.5,3\n2.5e2,.25,-4", 2, x, y); // without a newline at the end
    assert_reads("\n 1 ,\t-.5 , 3\r\n\r\n250, +.25, -4\r\n\n", 2, x, y);
    assert_reads("1,-0.5\n250,00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000.25\n", 2, x, NULL);
}
END_TEST

START_TEST(a_decimal_comma_in_the_locale_changes_nothing)
{
    static const Real x[] = {1.5, -0.5};
    locale_enter_comma();
    assert_reads("1.5,-0.5\n", 1, x, NULL);
    locale_leave();
}
END_TEST

static const struct {
    const char *text;
    const char *message;
} bad_files[] = {
    {"", "rows.csv: no rows"},
    {"\n \n", "rows.csv: no rows"},
    {"x,y\n1,2\n", "rows.csv: line 1, column 1: 'x' is not a number between -1e+30 and 1e+30"},
    {"1,2\n3,four\n", "rows.csv: line 2, column 2: 'four' is not a number between -1e+30 and 1e+30"},
    {"1,2\n\n3,\n", "rows.csv: line 3, column 2: '' is not a number between -1e+30 and 1e+30"},
    {"1,nan\n", "rows.csv: line 1, column 2: 'nan' is not a number between -1e+30 and 1e+30"},
    {"1,1e39\n", "rows.csv: line 1, column 2: '1e39' is not a number between -1e+30 and 1e+30"},
    {"0x10,1\n", "rows.csv: line 1, column 1: '0x10' is not a number between -1e+30 and 1e+30"},
    {"1;2\n", "rows.csv: line 1, column 1: '1;2' is not a number between -1e+30 and 1e+30"},
    {"1\n", "rows.csv: line 1: 1 column (expected 2 of the input, or 3 with the target's)"},
    {"1,2,3,4\n", "rows.csv: line 1: 4 columns (expected 2 of the input, or 3 with the target's)"},
    {"1,2,3\n1,2\n", "rows.csv: line 2: 2 columns (expected 3, as in the lines before)"},
    {"1,2\n1,2,3\n", "rows.csv: line 2: 3 columns (expected 2, as in the lines before)"},
};
enum { BAD_FILES = sizeof bad_files / sizeof bad_files[0] };

static void assert_not_read(const char *message)
{
    DeepRows rows;
    Error error = {0};
    ck_assert(!deep_rows_read("rows.csv", 2, 1, &rows, &error));
    ck_assert_str_eq(error.message, message);
    ck_assert_ptr_null(rows.input);
    ck_assert_ptr_null(rows.target);
}

START_TEST(a_bad_file_is_reported_with_line_and_column)
{
    write_text(bad_files[_i].text);
    assert_not_read(bad_files[_i].message);
}
END_TEST

START_TEST(a_zero_byte_does_not_end_the_text)
{
    file_write("rows.csv", "1\0junk,2\n", 9);
    assert_not_read("rows.csv: a zero byte (expected a text)");
    file_write("rows.csv", "1,2\n\0", 5);
    assert_not_read("rows.csv: a zero byte (expected a text)");
}
END_TEST

START_TEST(a_file_beyond_the_limits_is_refused)
{
    enum { BYTES = 16777217 };
    char *text = malloc(BYTES);
    ck_assert_ptr_nonnull(text);
    for (size_t i = 0; i < BYTES; i += 4) {
        memcpy(text + i, "1,2\n", i + 4 <= BYTES ? 4 : BYTES - i);
    }
    file_write("rows.csv", text, 4 * (DEEP_ROWS_MAX + 1));
    assert_not_read("rows.csv: line 65537: more than 65536 rows");
    file_write("rows.csv", text, 4 * DEEP_ROWS_MAX);
    DeepRows rows;
    Error error = {0};
    ck_assert(deep_rows_read("rows.csv", 2, 1, &rows, &error));
    ck_assert_int_eq(rows.n, DEEP_ROWS_MAX);
    deep_rows_free(&rows);
    file_write("rows.csv", text, BYTES);
    ck_assert(!deep_rows_read("rows.csv", 2, 1, &rows, &error));
    ck_assert_msg(strstr(error.message, "rows.csv") != NULL && strstr(error.message, "16") != NULL, "%s", error.message);
    free(text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("input rows");
    TCase *tests = case_with_tape(suite, "experiments");
    tcase_add_test(tests, the_loss_of_several_rows_is_their_mean);
    tcase_add_test(tests, random_rows_are_the_seeds_and_leave_the_weights_alone);
    tcase_add_test(tests, a_classifier_with_batch_normalization_is_pytorchs);
    tcase_add_test(tests, a_linear_head_is_the_last_layer_without_its_activation);
    tcase_add_test(tests, classes_and_norms_that_do_not_fit_are_refused);
    tcase_add_test(tests, rows_that_cannot_be_run_are_refused);
    tcase_add_test(tests, a_grid_is_a_line_in_the_first_coordinate);

    TCase *files = case_with_tape(suite, "files");
    tcase_add_checked_fixture(files, folder_enter, folder_leave);
    tcase_add_test(files, a_file_has_inputs_and_perhaps_targets);
    tcase_add_test(files, a_decimal_comma_in_the_locale_changes_nothing);
    tcase_add_loop_test(files, a_bad_file_is_reported_with_line_and_column, 0, BAD_FILES);
    tcase_add_test(files, a_zero_byte_does_not_end_the_text);
    tcase_add_test(files, a_file_beyond_the_limits_is_refused);
    return suite_run(suite);
}
