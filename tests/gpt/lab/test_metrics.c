// test_metrics.c: what is read of an experiment: figures of a layer, and quartiles over the seeds.

#include "tests/gpt/lab/lab_test.h"

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

// numpy.quantile([0, 1, 4, 9], [0.025, 0.5, 0.975, 1])
START_TEST(quantiles_are_interpolated)
{
    static const double sorted[] = {0, 1, 4, 9};
    ck_assert_double_eq_tol(quantile_of(sorted, 4, 0.025), 0.075, 1e-15);
    ck_assert_double_eq(quantile_of(sorted, 4, 0.5), 2.5);
    ck_assert_double_eq_tol(quantile_of(sorted, 4, 0.975), 8.625, 1e-14);
    ck_assert_double_eq(quantile_of(sorted, 4, 1), 9);
    static const double infinite[] = {0, 1, INFINITY, INFINITY};
    ck_assert_double_eq(quantile_of(infinite, 4, 0.25), 0.75);
    ck_assert_double_eq(quantile_of(infinite, 4, 0.9), INFINITY); // not inf - inf
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

int main(void)
{
    Suite *suite = suite_create("metrics");
    TCase *layers = case_with_tape(suite, "layers");
    tcase_add_test(layers, a_layers_figures_are_read_from_its_rows);
    tcase_add_test(layers, a_figure_that_a_layer_does_not_have_is_nan);
    tcase_add_test(layers, a_nan_in_a_gradient_is_a_nan_in_the_figure);

    TCase *spread = case_with_tape(suite, "quartiles");
    tcase_add_loop_test(spread, quartiles_are_numpys, 0, sizeof known / sizeof known[0]);
    tcase_add_test(spread, nan_is_not_a_value_and_zero_is);
    tcase_add_test(spread, quantiles_are_interpolated);
    tcase_add_test(spread, quartiles_of_nothing_are_nan);
    tcase_add_test(spread, an_infinite_value_is_larger_than_all_others);

    TCase *seeds = case_with_tape(suite, "over the seeds");
    tcase_add_test(seeds, figures_of_an_experiment_are_the_quartiles_over_its_seeds);
    tcase_add_test(seeds, relative_to_itself_the_last_layer_is_1);
    tcase_add_test(seeds, a_gpts_figures_exist_where_they_should);
    return suite_run(suite);
}
