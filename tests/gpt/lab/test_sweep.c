// test_sweep.c: the sweep over depth, and the CSV of an experiment.

#include "tests/gpt/lab/lab_test.h"

// ------------------------------------------------------------------------------------------------------------
// Over the seeds

// ------------------------------------------------------------------------------------------------------------
// The sweep

static Sweep run_sweep(const ExperimentConfig *config, const int *depths, int n_depths)
{
    Sweep sweep;
    Error error = {0};
    bool done = sweep_run(config, depths, n_depths, NULL, NULL, &sweep, &error);
    ck_assert_msg(done, "%s", error.message);
    return sweep;
}

static void assert_point(const SweepPoint *point, const ExperimentConfig *config)
{
    Experiment experiment = run_experiment(config);
    for (int arm = 0; arm < 2; arm++) {
        assert_same_quartiles(point->ratio[arm], experiment_relative(&experiment, arm == 1, 0, 0, METRIC_WEIGHT));
    }
    experiment_free(&experiment);
}

// Of a deep network the sizes between are its first inner size, input and output stay.
START_TEST(a_point_of_the_sweep_is_the_experiment_at_that_depth)
{
    int base[] = {3, 5, 2, 1};
    int deep[] = {3, 5, 5, 5, 5, 1};
    const int depths[] = {5, 2};
    ExperimentConfig config = deep_config();
    config.deep.sizes = base;
    config.deep.n_layer = 3;

    Sweep sweep = run_sweep(&config, depths, 2);

    ck_assert_int_eq(sweep.n_points, 2);
    ck_assert_int_eq(sweep.points[0].depth, 5);
    ck_assert_int_eq(sweep.points[1].depth, 2);
    config.n_steps = 0;
    config.deep.sizes = deep;
    config.deep.n_layer = 5;
    assert_point(&sweep.points[0], &config);
    sweep_free(&sweep);
    ck_assert_int_eq(sweep.n_points, 0);
}
END_TEST

START_TEST(a_gpt_is_swept_over_its_blocks)
{
    const int depths[] = {1, 4};
    ExperimentConfig config = gpt_experiment();

    Sweep sweep = run_sweep(&config, depths, 2);

    ck_assert_double_eq(sweep.points[0].ratio[0].median, 1); // one block is the first and the last
    config.gpt.n_layer = 4;
    assert_point(&sweep.points[1], &config);
    sweep_free(&sweep);
}
END_TEST

START_TEST(the_slope_is_that_of_least_squares)
{
    const int depths[] = {2, 3, 7, 10};
    ExperimentConfig config = deep_config();
    Sweep sweep = run_sweep(&config, depths, 4);

    for (int arm = 0; arm < 2; arm++) {
        double mean_x = (2 + 3 + 7 + 10) / 4.0;
        double mean_y = 0;
        for (int i = 0; i < 4; i++) {
            mean_y += log10(sweep.points[i].ratio[arm].median) / 4;
        }
        double xx = 0;
        double xy = 0;
        for (int i = 0; i < 4; i++) {
            xx += (depths[i] - mean_x) * (depths[i] - mean_x);
            xy += (depths[i] - mean_x) * (log10(sweep.points[i].ratio[arm].median) - mean_y);
        }
        ASSERT_RELATIVE(sweep.decades_per_layer[arm], xy / xx, 1e-10);
    }
    sweep_free(&sweep);
}
END_TEST

START_TEST(one_depth_has_no_slope)
{
    const int depth = 5;
    ExperimentConfig config = deep_config();
    Sweep sweep = run_sweep(&config, &depth, 1);

    ck_assert_double_nan(sweep.decades_per_layer[0]);
    ck_assert_double_nan(sweep.decades_per_layer[1]);
    sweep_free(&sweep);
}
END_TEST

START_TEST(an_arm_that_is_not_run_has_no_points)
{
    const int depths[] = {2, 5};
    ExperimentConfig config = deep_config();
    config.arms = ARMS_OFF;
    Sweep sweep = run_sweep(&config, depths, 2);

    ck_assert_int_eq(sweep.points[0].ratio[1].n, 0);
    ck_assert_double_nan(sweep.decades_per_layer[1]);
    ck_assert_double_lt(sweep.decades_per_layer[0], 0);
    sweep_free(&sweep);
}
END_TEST

static const int bad_depths[] = {0, -1, 2147483647};

START_TEST(an_impossible_depth_is_reported)
{
    const int depths[] = {3, bad_depths[_i]};
    Error error = {0};
    Sweep sweep;
    ExperimentConfig deep = deep_config();
    ExperimentConfig gpt = gpt_experiment();

    ck_assert(!sweep_run(&deep, depths, 2, NULL, NULL, &sweep, &error));
    assert_contains(error.message, "1");
    ck_assert(!sweep_run(&gpt, depths, 2, NULL, NULL, &sweep, &error));
    ck_assert_str_ne(error.message, "");
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// The CSV

static const char header[] = "run,shortcut,norm,activation,step,layer,name,kind,mean_abs,l2,rms,max_abs,zero_fraction,"
                             "denormal_fraction,token_cosine,residual,seed,index,value\n";

enum { COLUMNS = 19 };

// The caller frees it.
static char *csv_of(const Experiment *experiment)
{
    char *text = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&text, &length);
    ck_assert_ptr_nonnull(stream);
    ck_assert(experiment_csv(experiment, stream));
    fclose(stream);
    return text;
}

// Cuts a line at its commas, in place; returns the start of the next line.
static char *cut_line(char *line, char *columns[COLUMNS])
{
    int n = 0;
    char *end = strchr(line, '\n');
    ck_assert_ptr_nonnull(end);
    *end = '\0';
    for (char *column = line; column != NULL; n++) {
        ck_assert_msg(n < COLUMNS, "too many columns");
        columns[n] = column;
        column = strchr(column, ',');
        if (column != NULL) {
            *column = '\0';
            column++;
        }
    }
    ck_assert_int_eq(n, COLUMNS);
    return end + 1;
}

START_TEST(the_csv_begins_with_its_header)
{
    ExperimentConfig config = deep_config();
    Experiment experiment = run_experiment(&config);
    char *text = csv_of(&experiment);

    ck_assert_int_eq(strncmp(text, header, strlen(header)), 0);
    free(text);
    experiment_free(&experiment);
}
END_TEST

// Nine digits give back a float32 exactly, and a double to 5e-9.
static void assert_number(const char *text, double expected)
{
    if (isnan(expected)) {
        ck_assert_str_eq(text, "");
        return;
    }
    char *end;
    double value = strtod(text, &end);
    ck_assert_msg(end != text && *end == '\0', "\"%s\" is not a number", text);
    ASSERT_RELATIVE(value, expected, 5e-9);
}

static void assert_row(char *columns[COLUMNS], const Measurement *measurement, const FlowRow *row)
{
    ck_assert_int_eq(atoi(columns[0]), measurement->run);
    ck_assert_str_eq(columns[1], measurement->arm ? "on" : "off");
    ck_assert_int_eq(atoi(columns[4]), measurement->step);
    ck_assert_int_eq(atoi(columns[5]), row->layer);
    ck_assert_str_eq(columns[6], row->name);
    ck_assert_str_eq(columns[7], flow_kind_name(row->kind));
    assert_number(columns[8], row->stats.mean_abs);
    assert_number(columns[9], row->stats.l2);
    assert_number(columns[10], row->stats.rms);
    assert_number(columns[11], row->stats.max_abs);
    assert_number(columns[12], row->stats.zero_fraction);
    assert_number(columns[13], row->stats.denormal_fraction);
    assert_number(columns[14], row->stats.token_cosine);
    ck_assert_int_eq(atoi(columns[16]), (int)measurement->seed);
    ck_assert_str_eq(columns[17], ""); // index and value are of kinds that are single numbers
    ck_assert_str_eq(columns[18], "");
}

// Every row of every measurement, in their order, which is that of runs, steps and layers.
START_TEST(the_csv_has_every_row_in_order)
{
    ExperimentConfig config = _i == 0 ? deep_config() : gpt_experiment();
    Experiment experiment = run_experiment(&config);
    char *text = csv_of(&experiment);
    char *line = text + strlen(header);

    for (int i = 0; i < experiment.n_measurements; i++) {
        const Measurement *measurement = &experiment.measurements[i];
        int layer = -1;
        for (int r = 0; r < measurement->flow.n_rows; r++) {
            char *columns[COLUMNS];
            line = cut_line(line, columns);
            assert_row(columns, measurement, &measurement->flow.rows[r]);
            ck_assert_str_eq(columns[2], _i == 0 ? "none" : "pre");
            ck_assert_str_eq(columns[3], _i == 0 ? "tanh" : "gelu");
            ck_assert_str_eq(columns[15], _i == 0 ? (measurement->arm ? "plain" : "none-plain") : measurement->arm ? "pre" : "none");
            ck_assert_int_ge(atoi(columns[5]), layer);
            layer = atoi(columns[5]);
        }
    }
    ck_assert_str_eq(line, "");
    free(text);
    experiment_free(&experiment);
}
END_TEST

// 0.1 and a third as float32 and as double.
START_TEST(numbers_have_nine_digits)
{
    FlowRow row = {.layer = 0, .name = "x", .kind = FLOW_WEIGHT_GRAD};
    row.stats = (FlowStats){3, (double)0.1f, 1.0 / 3, 1e-45, 123456789012, 0.5, 0, NAN};
    Measurement measurement = {.run = 3, .arm = 1, .step = 12, .flow = {.rows = &row, .n_rows = 1}};
    Experiment experiment = {.config = deep_config(), .measurements = &measurement, .n_measurements = 1};
    char *text = csv_of(&experiment);

    ck_assert_str_eq(text + strlen(header), "3,on,none,tanh,12,0,x,weight_grad,0.100000001,0.333333333,1e-45,1.23456789e+11,0.5,0,,plain,0,,\n");
    free(text);
}
END_TEST

// It is written as such; only a token cosine may be missing.
START_TEST(a_nan_is_written_as_nan)
{
    FlowRow row = {.layer = 0, .name = "x", .kind = FLOW_WEIGHT_GRAD};
    row.stats = (FlowStats){3, NAN, NAN, NAN, NAN, 0, 0, NAN};
    Measurement measurement = {.flow = {.rows = &row, .n_rows = 1}};
    Experiment experiment = {.config = deep_config(), .measurements = &measurement, .n_measurements = 1};
    char *text = csv_of(&experiment);

    ck_assert_str_eq(text + strlen(header), "0,off,none,tanh,0,0,x,weight_grad,nan,nan,nan,nan,0,0,,none-plain,0,,\n");
    free(text);
}
END_TEST

// shortcut and norm are empty for rules that they do not name; a rule without a name is spelled out, in quotes if it has a comma.
START_TEST(rules_are_reported_by_name_or_text)
{
    FlowRow row = {.layer = 0, .name = "x", .kind = FLOW_WEIGHT_GRAD};
    Experiment experiment = {.config = deep_config(), .n_measurements = 1};
    experiment.config.n_rules = 3;
    experiment.config.rules[0] = "keel";
    experiment.config.rules[1] = "h+f(linear(h,-2))";
    experiment.config.rules[2] = "norm(h + f(h))";
    static const char *const begins[] = {"0,,,tanh,", "0,,,tanh,", "0,on,post,tanh,"};
    static const char *const ends[] = {",,keel,7,,\n", ",,\"h + f(linear(h, -2))\",7,,\n", ",,post,7,,\n"};
    for (int arm = 0; arm < 3; arm++) {
        Measurement measurement = {.arm = arm, .seed = 7, .flow = {.rows = &row, .n_rows = 1}};
        row.stats.token_cosine = NAN;
        experiment.measurements = &measurement;
        char *text = csv_of(&experiment);
        const char *line = text + strlen(header);
        ck_assert_msg(strncmp(line, begins[arm], strlen(begins[arm])) == 0, "%s", line);
        ck_assert_str_eq(line + strlen(line) - strlen(ends[arm]), ends[arm]);
        free(text);
    }
}
END_TEST

START_TEST(a_run_is_one_network)
{
    ExperimentConfig config = deep_config();
    Experiment experiment = run_experiment(&config);
    char *text = csv_of(&experiment);
    char *line = text + strlen(header);
    int n_runs = 0;
    bool shortcut = false;

    while (*line != '\0') {
        char *columns[COLUMNS];
        line = cut_line(line, columns);
        int run = atoi(columns[0]);
        bool on = strcmp(columns[1], "on") == 0;
        if (run == n_runs) {
            n_runs++;
            shortcut = on;
        }
        ck_assert_int_eq(run, n_runs - 1); // no run goes on after the next has begun
        ck_assert(on == shortcut);
    }
    ck_assert_int_eq(n_runs, 2 * 7);
    free(text);
    experiment_free(&experiment);
}
END_TEST

// A file in memory with room for the header and a few rows, as a disk that fills up.
START_TEST(a_full_disk_is_reported)
{
    char room[1000];
    FILE *full = fmemopen(room, sizeof room, "w");
    ck_assert_ptr_nonnull(full);
    ExperimentConfig config = deep_config();
    Experiment experiment = run_experiment(&config);

    ck_assert(!experiment_csv(&experiment, full));
    fclose(full);
    experiment_free(&experiment);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sweep");
    TCase *sweep = case_with_tape(suite, "sweep");
    tcase_add_test(sweep, a_point_of_the_sweep_is_the_experiment_at_that_depth);
    tcase_add_test(sweep, a_gpt_is_swept_over_its_blocks);
    tcase_add_test(sweep, the_slope_is_that_of_least_squares);
    tcase_add_test(sweep, one_depth_has_no_slope);
    tcase_add_test(sweep, an_arm_that_is_not_run_has_no_points);
    tcase_add_loop_test(sweep, an_impossible_depth_is_reported, 0, sizeof bad_depths / sizeof bad_depths[0]);

    TCase *csv = case_with_tape(suite, "csv");
    tcase_add_test(csv, the_csv_begins_with_its_header);
    tcase_add_test(csv, rules_are_reported_by_name_or_text);
    tcase_add_loop_test(csv, the_csv_has_every_row_in_order, 0, 2);
    tcase_add_test(csv, numbers_have_nine_digits);
    tcase_add_test(csv, a_nan_is_written_as_nan);
    tcase_add_test(csv, a_run_is_one_network);
    tcase_add_test(csv, a_full_disk_is_reported);
    return suite_run(suite);
}
