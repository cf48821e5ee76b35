// test_metrics.c: what is read of an experiment: figures of a layer, quartiles over the seeds, the sweep over depth, the CSV.

#include "tests/gpt/gpt_test.h"

static int sizes[] = {3, 3, 3, 3, 1};
static const float input[] = {1, 0, -1};
static const float target[] = {0};
static const int ids[] = {3, 0, 10, 7, 1, 5, 2, 9};
static const int targets[] = {0, 10, 7, 1, 5, 2, 9, 4};

static ExperimentConfig deep_config(void)
{
    return (ExperimentConfig){
        .net = NET_MLP,
        .deep = {sizes, 4, ACTIVATION_TANH, INIT_TORCH, false},
        .input = input,
        .target = target,
        .arms = ARMS_BOTH,
        .seed = 20,
        .n_seeds = 7,
        .n_steps = 1,
        .lr = 1e-2,
    };
}

static ExperimentConfig gpt_experiment(void)
{
    return (ExperimentConfig){
        .net = NET_GPT,
        .gpt = small_config(),
        .ids = ids,
        .targets = targets,
        .B = 2,
        .T = 4,
        .arms = ARMS_BOTH,
        .seed = 20,
        .n_seeds = 2,
    };
}

// ------------------------------------------------------------------------------------------------------------
// Figures of one layer

static FlowRow made_row(int layer, FlowKind kind, int ndim, int part, size_t count, double mean_abs, double l2, double cosine)
{
    FlowStats stats = {.count = count, .mean_abs = mean_abs, .l2 = l2, .token_cosine = cosine};
    return (FlowRow){.layer = layer, .kind = kind, .ndim = ndim, .part = part, .stats = stats};
}

enum { MADE = 12 };

// Two layers with rows of every kind, and rows before and after them.
static Measurement made_measurement(FlowRow rows[MADE])
{
    const FlowRow made[MADE] = {
        made_row(-1, FLOW_WEIGHT_GRAD, 2, -1, 100, 99, 99, NAN),
        made_row(0, FLOW_WEIGHT_GRAD, 1, -1, 10, 77, 77, NAN), // LayerNorm's weight is no matrix
        made_row(0, FLOW_WEIGHT_GRAD, 2, -1, 30, 2, 5, NAN),   // c_attn
        made_row(0, FLOW_WEIGHT_GRAD, 2, 0, 10, 3, 5, NAN),    // its q, k and v
        made_row(0, FLOW_WEIGHT_GRAD, 2, 1, 10, 1, 5, NAN),
        made_row(0, FLOW_WEIGHT_GRAD, 2, 2, 10, 2, 5, NAN),
        made_row(0, FLOW_WEIGHT_GRAD, 2, -1, 10, 6, 5, NAN), // another matrix
        made_row(0, FLOW_SKIP_GRAD, 3, -1, 4, 1, 3, NAN),
        made_row(0, FLOW_SKIP_GRAD, 3, -1, 4, 1, 4, NAN),
        made_row(0, FLOW_ACTIVATION, 3, -1, 4, 1, 1, 0.25),
        made_row(0, FLOW_ACTIVATION, 3, -1, 4, 1, 1, 0.75),
        made_row(1, FLOW_BIAS_GRAD, 1, -1, 4, 8, 8, NAN),
    };
    memcpy(rows, made, sizeof made);
    return (Measurement){.flow = {.rows = rows, .n_rows = MADE, .n_layer = 2}};
}

START_TEST(a_layers_figures_are_read_from_its_rows)
{
    FlowRow rows[MADE];
    Measurement measurement = made_measurement(rows);

    // Of all values in the matrices of the layer: (30 * 2 + 10 * 6) / 40.
    ck_assert_double_eq(measurement_metric(&measurement, 0, METRIC_WEIGHT), 3);
    ck_assert_double_eq(measurement_metric(&measurement, 0, METRIC_QUERY_KEY), 2);
    ck_assert_double_eq(measurement_metric(&measurement, 0, METRIC_SKIP), 5);      // L2 of both: sqrt(9 + 16)
    ck_assert_double_eq(measurement_metric(&measurement, 0, METRIC_COSINE), 0.75); // of the last, which is the output
}
END_TEST

START_TEST(a_figure_that_a_layer_does_not_have_is_nan)
{
    FlowRow rows[MADE];
    Measurement measurement = made_measurement(rows);

    ck_assert_double_nan(measurement_metric(&measurement, 0, METRIC_BLOCK));
    for (int figure = 0; figure < METRIC_COUNT; figure++) {
        ck_assert_double_nan(measurement_metric(&measurement, 1, (LayerMetric)figure));
        ck_assert_double_nan(measurement_metric(&measurement, 2, (LayerMetric)figure));
        ck_assert_double_nan(measurement_metric(&measurement, -5, (LayerMetric)figure));
    }
}
END_TEST

START_TEST(a_nan_in_a_gradient_is_a_nan_in_the_figure)
{
    FlowRow rows[MADE];
    Measurement measurement = made_measurement(rows);
    rows[6].stats.mean_abs = NAN;

    ck_assert_double_nan(measurement_metric(&measurement, 0, METRIC_WEIGHT));
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Quartiles

typedef struct Known {
    double values[8];
    int n;
    double low, median, high; // numpy.percentile(values, [25, 50, 75])
} Known;

static const Known known[] = {
    {{5}, 1, 5, 5, 5},
    {{3, 1}, 2, 1.5, 2, 2.5},
    {{3, 1, 2}, 3, 1.5, 2, 2.5},
    {{7, 1, 3, 5}, 4, 2.5, 4, 5.5},
    {{10, -1, 4, 4, 0}, 5, 0, 4, 4},
    {{8, 7, 6, 5, 4, 3, 2, 1}, 8, 2.75, 4.5, 6.25},
    {{1e-30, 1e-20, 1e-10, 1}, 4, 7.50000000025e-21, 5.0000000005e-11, 0.250000000075},
};

START_TEST(quartiles_are_numpys)
{
    double values[8];
    memcpy(values, known[_i].values, sizeof values);

    Quartiles result = quartiles_of(values, known[_i].n);

    ASSERT_RELATIVE(result.low, known[_i].low, 1e-15);
    ASSERT_RELATIVE(result.median, known[_i].median, 1e-15);
    ASSERT_RELATIVE(result.high, known[_i].high, 1e-15);
    ck_assert_int_eq(result.n, known[_i].n);
}
END_TEST

START_TEST(nan_is_not_a_value_and_zero_is)
{
    double values[] = {NAN, 0, 4, NAN, 0, 2, -0.0};

    Quartiles result = quartiles_of(values, 7);

    ck_assert_int_eq(result.n, 5);
    ck_assert_int_eq(result.zeros, 3);
    ck_assert_double_eq(result.low, 0);
    ck_assert_double_eq(result.median, 0);
    ck_assert_double_eq(result.high, 2);
}
END_TEST

START_TEST(quartiles_of_nothing_are_nan)
{
    double values[] = {NAN, NAN};
    Quartiles all_nan = quartiles_of(values, 2);
    Quartiles empty = quartiles_of(values, 0);

    ck_assert_double_nan(all_nan.low);
    ck_assert_double_nan(all_nan.median);
    ck_assert_double_nan(all_nan.high);
    ck_assert_int_eq(all_nan.n + all_nan.zeros, 0);
    ck_assert_double_nan(empty.median);
}
END_TEST

// A gradient that has overflowed is infinite; the quartiles below it are what they are.
START_TEST(an_infinite_value_is_larger_than_all_others)
{
    double values[] = {INFINITY, 1, 2, INFINITY, 3};

    Quartiles result = quartiles_of(values, 5);

    ck_assert_double_eq(result.low, 2);
    ck_assert_double_eq(result.median, 3);
    ck_assert_double_infinite(result.high);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Over the seeds

static double figure_or_loss(const Measurement *measurement, int layer, int figure)
{
    return figure < 0 ? measurement->loss : measurement_metric(measurement, layer, (LayerMetric)figure);
}

// The quartiles of one arm at one step, collected by hand; last_layer >= 0: divided by that layer's.
static Quartiles collected(const Experiment *experiment, bool shortcut, int step, int layer, int figure, int last_layer)
{
    double values[64];
    int n = 0;
    for (int i = 0; i < experiment->n_measurements; i++) {
        const Measurement *measurement = &experiment->measurements[i];
        if (measurement->arm != shortcut || measurement->step != step) {
            continue;
        }
        ck_assert_int_lt(n, 64);
        values[n] = figure_or_loss(measurement, layer, figure);
        values[n] /= last_layer < 0 ? 1 : figure_or_loss(measurement, last_layer, figure);
        n++;
    }
    return quartiles_of(values, n);
}

static void assert_same_quartiles(Quartiles got, Quartiles expected)
{
    ck_assert_int_eq(got.n, expected.n);
    ck_assert_int_eq(got.zeros, expected.zeros);
    ck_assert_double_eq(got.low, expected.low);
    ck_assert_double_eq(got.median, expected.median);
    ck_assert_double_eq(got.high, expected.high);
}

START_TEST(figures_of_an_experiment_are_the_quartiles_over_its_seeds)
{
    ExperimentConfig config = deep_config();
    Experiment experiment = run_experiment(&config);

    for (int arm = 0; arm < 2; arm++) {
        for (int step = 0; step < 2; step++) {
            for (int layer = 0; layer < 4; layer++) {
                Quartiles figure = experiment_metric(&experiment, arm == 1, step, layer, METRIC_WEIGHT);
                Quartiles relative = experiment_relative(&experiment, arm == 1, step, layer, METRIC_WEIGHT);
                ck_assert_int_eq(figure.n, 7);
                assert_same_quartiles(figure, collected(&experiment, arm == 1, step, layer, METRIC_WEIGHT, -1));
                assert_same_quartiles(relative, collected(&experiment, arm == 1, step, layer, METRIC_WEIGHT, 3));
            }
            Quartiles loss = experiment_loss(&experiment, arm == 1, step);
            assert_same_quartiles(loss, collected(&experiment, arm == 1, step, 0, -1, -1));
        }
    }
    experiment_free(&experiment);
}
END_TEST

START_TEST(relative_to_itself_the_last_layer_is_1)
{
    ExperimentConfig config = gpt_experiment();
    Experiment experiment = run_experiment(&config);

    for (int figure = 0; figure < METRIC_COUNT; figure++) {
        Quartiles last = experiment_relative(&experiment, true, 0, 2, (LayerMetric)figure);
        ck_assert_double_eq(last.low, 1);
        ck_assert_double_eq(last.high, 1);
        ck_assert_int_eq(last.n, 2);
    }
    experiment_free(&experiment);
}
END_TEST

// Each seed's own ratio first, then the median: not the ratio of two medians.
START_TEST(a_gpts_figures_exist_where_they_should)
{
    ExperimentConfig config = gpt_experiment();
    Experiment experiment = run_experiment(&config);

    for (int layer = 0; layer < 3; layer++) {
        ck_assert_double_gt(experiment_metric(&experiment, true, 0, layer, METRIC_WEIGHT).median, 0);
        ck_assert_double_gt(experiment_metric(&experiment, true, 0, layer, METRIC_QUERY_KEY).median, 0);
        ck_assert_double_gt(experiment_metric(&experiment, true, 0, layer, METRIC_SKIP).median, 0);
        ck_assert_double_gt(experiment_metric(&experiment, true, 0, layer, METRIC_BLOCK).median, 0);
        ck_assert_double_nan(experiment_metric(&experiment, false, 0, layer, METRIC_SKIP).median);
        double cosine = experiment_metric(&experiment, true, 0, layer, METRIC_COSINE).median;
        ck_assert(cosine > -1 && cosine < 1);
    }
    experiment_free(&experiment);
}
END_TEST

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
    ck_assert_msg(end != text && *end == '\0', "\"%s\" is no number", text);
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
    Suite *suite = suite_create("figures");
    TCase *layers = case_with_tape(suite, "layers");
    tcase_add_test(layers, a_layers_figures_are_read_from_its_rows);
    tcase_add_test(layers, a_figure_that_a_layer_does_not_have_is_nan);
    tcase_add_test(layers, a_nan_in_a_gradient_is_a_nan_in_the_figure);

    TCase *spread = case_with_tape(suite, "quartiles");
    tcase_add_loop_test(spread, quartiles_are_numpys, 0, sizeof known / sizeof known[0]);
    tcase_add_test(spread, nan_is_not_a_value_and_zero_is);
    tcase_add_test(spread, quartiles_of_nothing_are_nan);
    tcase_add_test(spread, an_infinite_value_is_larger_than_all_others);

    TCase *seeds = case_with_tape(suite, "over the seeds");
    tcase_add_test(seeds, figures_of_an_experiment_are_the_quartiles_over_its_seeds);
    tcase_add_test(seeds, relative_to_itself_the_last_layer_is_1);
    tcase_add_test(seeds, a_gpts_figures_exist_where_they_should);

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
