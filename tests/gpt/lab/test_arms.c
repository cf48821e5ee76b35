// test_arms.c: an experiment's arms: from which weights they start, what is measured, and the same dL/dy for both.

#include "tests/gpt/lab/lab_test.h"

// ------------------------------------------------------------------------------------------------------------
// From which weights, and what is measured

// In a GPT nothing of a shortcut has happened before the first block.
START_TEST(both_arms_start_from_the_same_weights)
{
    ExperimentConfig config = gpt_experiment();
    config.n_steps = 0;
    Experiment experiment = run_experiment(&config);

    for (int run = 0; run < experiment.n_measurements; run += 2) {
        const FlowRow *off = row_of(&experiment.measurements[run].flow, "embd", FLOW_ACTIVATION);
        const FlowRow *on = row_of(&experiment.measurements[run + 1].flow, "embd", FLOW_ACTIVATION);
        assert_same_stats(on->stats, off->stats, "embd");
    }
    experiment_free(&experiment);

    config.deep = (DeepConfig){.sizes = sizes, .n_layer = 4, .activation = ACTIVATION_GELU, .init = INIT_TORCH, .shortcut = false};
    DeepNet *off = create_deep(config.deep, 10);
    config.deep.shortcut = true;
    DeepNet *on = create_deep(config.deep, 10);
    for (int i = 0; i < 4; i++) {
        assert_same_bits(on->layers[i].weight->data, off->layers[i].weight->data, tensor_count(off->layers[i].weight), "weight");
        assert_same_bits(on->layers[i].bias->data, off->layers[i].bias->data, tensor_count(off->layers[i].bias), "bias");
    }
    deep_free(off);
    deep_free(on);
}
END_TEST

// The same network, trained by hand: measured before each step, and at the end; Adam without decay.
START_TEST(steps_are_adams_and_are_measured_before_they_are_made)
{
    ExperimentConfig config = mlp_experiment();
    config.arms = ARMS_ON;
    config.n_seeds = 1;
    Experiment experiment = run_experiment(&config);

    DeepConfig deep = config.deep;
    deep.shortcut = true;
    DeepNet *net = create_deep(deep, 10);
    ParameterList list = module_parameters(&net->module);
    AdamWConfig adamw_config = ADAMW_DEFAULTS;
    adamw_config.lr = 1e-2;
    adamw_config.weight_decay = 0;
    AdamW adamw = adamw_create(&list, adamw_config);
    for (int step = 0; step <= 2; step++) {
        module_zero_grad(&net->module);
        Tensor *y = deep_forward(net, tensor_from(input, SHAPE(1, 3)));
        Tensor *loss = tensor_mse_loss(y, tensor_from(target, SHAPE(1, 1)));
        tensor_backward(loss);
        const Measurement *measurement = &experiment.measurements[step];
        ASSERT_RELATIVE(measurement->loss, (double)tensor_item(loss), 1e-6);
        double mean = flow_stats(net->layers[1].weight->grad, 9).mean_abs;
        ASSERT_RELATIVE(measurement_metric(measurement, 1, METRIC_WEIGHT), mean, 1e-5);
        adamw_step(&adamw);
        tape_reset(tape_current());
    }
    adamw_free(&adamw);
    parameter_list_free(&list);
    deep_free(net);
    experiment_free(&experiment);
}
END_TEST

START_TEST(the_gpts_loss_is_the_cross_entropy_of_the_batch)
{
    ExperimentConfig config = gpt_experiment();
    Experiment experiment = run_experiment(&config);
    GPTConfig with = config.gpt;
    with.shortcut = true;
    GPT *gpt = create_gpt(with, 10);

    Tensor *loss = tensor_cross_entropy(gpt_forward(gpt, ids, B, T), targets);

    ck_assert_double_eq(experiment.measurements[2].loss, (double)tensor_item(loss));
    gpt_free(gpt);
    experiment_free(&experiment);
}
END_TEST

START_TEST(training_lowers_the_loss)
{
    ExperimentConfig config = config_of(_i);
    config.n_steps = 20;
    Experiment experiment = run_experiment(&config);

    for (int first = 0; first < experiment.n_measurements; first += 21) {
        double before = experiment.measurements[first].loss;
        double after = experiment.measurements[first + 20].loss;
        ck_assert_msg(after < 0.9 * before, "run %d: %g to %g", experiment.measurements[first].run, before, after);
    }
    experiment_free(&experiment);
}
END_TEST

START_TEST(shortcuts_taken_are_counted)
{
    ExperimentConfig config = config_of(_i);
    Experiment experiment = run_experiment(&config);

    ck_assert_int_eq(experiment_shortcuts(&experiment, false), 0);
    ck_assert_int_eq(experiment_shortcuts(&experiment, true), _i == 0 ? 3 : 6); // the last layer of 3 -> 1 has none
    experiment_free(&experiment);
}
END_TEST

// The first layer's starts at the input, which for that wants a gradient, too.
START_TEST(every_shortcut_taken_is_split)
{
    ExperimentConfig config = config_of(_i);
    Experiment experiment = run_experiment(&config);

    for (int layer = 0; layer < 3; layer++) {
        ck_assert_double_gt(experiment_metric(&experiment, true, 0, layer, METRIC_SKIP).low, 0);
        ck_assert_double_gt(experiment_metric(&experiment, true, 0, layer, METRIC_BLOCK).low, 0);
        ck_assert_int_eq(experiment_metric(&experiment, false, 0, layer, METRIC_SKIP).n, 0);
    }
    experiment_free(&experiment);
}
END_TEST

START_TEST(every_parameter_is_reached_in_every_measurement)
{
    ExperimentConfig config = config_of(_i);
    Experiment experiment = run_experiment(&config);

    for (int i = 0; i < experiment.n_measurements; i++) {
        const GradFlow *flow = &experiment.measurements[i].flow;
        ck_assert_int_eq(flow->reach_count[FLOW_REACHED], _i == 0 ? 8 : 2 + 3 * 12 + 2);
        ck_assert_int_eq(flow->reach_count[FLOW_NEVER], 0);
    }
    experiment_free(&experiment);
}
END_TEST

START_TEST(networks_are_named)
{
    ck_assert_str_eq(net_name(NET_MLP), "mlp");
    ck_assert_str_eq(net_name(NET_GPT), "gpt");
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// The same dL/dy for both arms

static const FlowRow *output_gradient(const Measurement *measurement, int net)
{
    return row_of(&measurement->flow, net == 0 ? "layers.3.out" : "logits", FLOW_ACTIVATION_GRAD);
}

START_TEST(the_same_dy_arrives_at_both_outputs)
{
    ExperimentConfig config = config_of(_i);
    config.n_steps = 0;
    config.same_dy = true;
    Experiment experiment = run_experiment(&config);

    for (int run = 0; run < experiment.n_measurements; run += 2) {
        const FlowRow *off = output_gradient(&experiment.measurements[run], _i);
        const FlowRow *on = output_gradient(&experiment.measurements[run + 1], _i);
        assert_same_stats(on->stats, off->stats, "dy");
        ck_assert_double_gt(off->stats.l2, 0);
    }
    experiment_free(&experiment);
}
END_TEST

// Otherwise each has its own loss's.
START_TEST(without_same_dy_the_outputs_get_different_gradients)
{
    ExperimentConfig config = config_of(_i);
    Experiment experiment = run_experiment(&config);
    int steps = config.n_steps + 1;

    double off = output_gradient(&experiment.measurements[0], _i)->stats.l2;
    double on = output_gradient(&experiment.measurements[steps], _i)->stats.l2;
    ck_assert_double_ne(off, on);
    experiment_free(&experiment);
}
END_TEST

START_TEST(the_same_dy_is_1_or_that_of_a_gpt_without_opinion)
{
    ExperimentConfig config = config_of(_i);
    config.same_dy = true;
    Experiment experiment = run_experiment(&config);
    FlowStats stats = output_gradient(&experiment.measurements[0], _i)->stats;

    if (_i == 0) {
        ck_assert_double_eq(stats.mean_abs, 1);
    } else {
        // In each of B T rows V - 1 of 1 / V and one of 1 / V - 1, all over B T.
        double V = 11;
        double N = B * T;
        ASSERT_RELATIVE(stats.mean_abs, (2 * (V - 1) / V) / (V * N), 1e-6);
        ASSERT_RELATIVE(stats.max_abs, (1 - 1 / V) / N, 1e-6);
    }
    experiment_free(&experiment);
}
END_TEST

// The reported loss is still the network's own.
START_TEST(the_same_dy_changes_no_loss)
{
    ExperimentConfig config = config_of(_i);
    config.n_steps = 0;
    Experiment own = run_experiment(&config);
    config.same_dy = true;
    Experiment same = run_experiment(&config);

    for (int i = 0; i < own.n_measurements; i++) {
        ck_assert_double_eq(same.measurements[i].loss, own.measurements[i].loss);
    }
    experiment_free(&own);
    experiment_free(&same);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("arms");
    TCase *measured = case_with_tape(suite, "measured");
    tcase_add_test(measured, both_arms_start_from_the_same_weights);
    tcase_add_test(measured, steps_are_adams_and_are_measured_before_they_are_made);
    tcase_add_test(measured, the_gpts_loss_is_the_cross_entropy_of_the_batch);
    tcase_add_loop_test(measured, training_lowers_the_loss, 0, 2);
    tcase_add_loop_test(measured, shortcuts_taken_are_counted, 0, 2);
    tcase_add_loop_test(measured, every_shortcut_taken_is_split, 0, 2);
    tcase_add_loop_test(measured, every_parameter_is_reached_in_every_measurement, 0, 2);
    tcase_add_test(measured, networks_are_named);

    TCase *dy = case_with_tape(suite, "the same dy");
    tcase_add_loop_test(dy, the_same_dy_arrives_at_both_outputs, 0, 2);
    tcase_add_loop_test(dy, without_same_dy_the_outputs_get_different_gradients, 0, 2);
    tcase_add_loop_test(dy, the_same_dy_is_1_or_that_of_a_gpt_without_opinion, 0, 2);
    tcase_add_loop_test(dy, the_same_dy_changes_no_loss, 0, 2);
    return suite_run(suite);
}
