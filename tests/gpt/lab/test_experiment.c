// test_experiment.c: the experiment is what it says: which networks, in which order, from which weights, and what is refused.

#include "tests/gpt/gpt_test.h"

static int sizes[] = {3, 3, 3, 3, 1};
static const float input[] = {1, 0, -1};
static const float target[] = {0};

static ExperimentConfig deep_config(void)
{
    return (ExperimentConfig){
        .net = NET_MLP,
        .deep = {sizes, 4, ACTIVATION_GELU, INIT_TORCH, false},
        .input = input,
        .target = target,
        .arms = ARMS_BOTH,
        .seed = 10,
        .n_seeds = 3,
        .n_steps = 2,
        .lr = 1e-2,
    };
}

enum { B = 2, T = 4 };

static const int ids[B * T] = {3, 0, 10, 7, 1, 5, 2, 9};
static const int targets[B * T] = {0, 10, 7, 1, 5, 2, 9, 4};

static ExperimentConfig gpt_experiment(void)
{
    ExperimentConfig config = {
        .net = NET_GPT,
        .gpt = small_config(),
        .ids = ids,
        .targets = targets,
        .B = B,
        .T = T,
        .arms = ARMS_BOTH,
        .seed = 10,
        .n_seeds = 2,
        .n_steps = 1,
        .lr = 1e-3,
    };
    return config;
}

static ExperimentConfig config_of(int net)
{
    return net == 0 ? deep_config() : gpt_experiment();
}

// ------------------------------------------------------------------------------------------------------------
// Which networks, in which order

static void assert_labels(const Experiment *experiment, int arms, bool first_shortcut)
{
    const ExperimentConfig *config = &experiment->config;
    int steps = config->n_steps + 1;
    ck_assert_int_eq(experiment->n_measurements, config->n_seeds * arms * steps);
    for (int i = 0; i < experiment->n_measurements; i++) {
        const Measurement *measurement = &experiment->measurements[i];
        int run = i / steps;
        ck_assert_int_eq(measurement->run, run);
        ck_assert_int_eq(measurement->step, i % steps);
        ck_assert_uint_eq(measurement->seed, config->seed + (uint64_t)(run / arms));
        ck_assert(measurement->arm == (arms == 2 ? run % 2 == 1 : first_shortcut));
    }
}

START_TEST(measurements_come_by_run_then_step_seed_after_seed_without_shortcuts_first)
{
    ExperimentConfig config = config_of(_i);
    Experiment experiment = run_experiment(&config);

    assert_labels(&experiment, 2, false);
    ck_assert(experiment_has(&experiment, false));
    ck_assert(experiment_has(&experiment, true));
    ck_assert_int_eq(experiment.n_layer, _i == 0 ? 4 : 3);
    experiment_free(&experiment);
    ck_assert_int_eq(experiment.n_measurements, 0);
}
END_TEST

START_TEST(one_arm_alone_is_run_alone)
{
    bool shortcut = _i == 1;
    ExperimentConfig config = deep_config();
    config.arms = shortcut ? ARMS_ON : ARMS_OFF;
    Experiment experiment = run_experiment(&config);

    assert_labels(&experiment, 1, shortcut);
    ck_assert(experiment_has(&experiment, shortcut));
    ck_assert(!experiment_has(&experiment, !shortcut));
    ck_assert_int_eq(experiment_metric(&experiment, !shortcut, 0, 0, METRIC_WEIGHT).n, 0);
    ck_assert_double_nan(experiment_metric(&experiment, !shortcut, 0, 0, METRIC_WEIGHT).median);
    ck_assert_int_eq(experiment_shortcuts(&experiment, !shortcut), 0);
    experiment_free(&experiment);
}
END_TEST

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

// Nothing of one arm reaches the other: not through the generator, not through the tape.
START_TEST(an_arm_gives_the_same_bits_alone_and_beside_the_other)
{
    ExperimentConfig config = config_of(_i);
    config.n_seeds = 1;
    Experiment both = run_experiment(&config);
    config.arms = ARMS_ON;
    Experiment on = run_experiment(&config);

    for (int step = 0; step <= config.n_steps; step++) {
        const Measurement *a = &both.measurements[config.n_steps + 1 + step];
        const Measurement *b = &on.measurements[step];
        ck_assert(a->arm == 1 && b->arm == 1);
        ck_assert_double_eq(a->loss, b->loss);
        ck_assert_int_eq(a->flow.n_rows, b->flow.n_rows);
        for (int i = 0; i < a->flow.n_rows; i++) {
            assert_same_stats(a->flow.rows[i].stats, b->flow.rows[i].stats, a->flow.rows[i].name);
        }
    }
    experiment_free(&both);
    experiment_free(&on);
}
END_TEST

START_TEST(the_same_experiment_gives_the_same_bits)
{
    ExperimentConfig config = config_of(_i);
    Experiment first = run_experiment(&config);
    Experiment second = run_experiment(&config);
    config.seed++;
    Experiment other = run_experiment(&config);
    char *first_text = csv_of(&first);
    char *second_text = csv_of(&second);
    char *other_text = csv_of(&other);

    ck_assert_str_eq(first_text, second_text);
    ck_assert_str_ne(first_text, other_text);
    free(first_text);
    free(second_text);
    free(other_text);
    experiment_free(&first);
    experiment_free(&second);
    experiment_free(&other);
}
END_TEST

typedef struct Told {
    int done;
    int n;
} Told;

static void tell(int done, int n, void *context)
{
    Told *told = context;
    ck_assert_int_eq(done, told->done + 1);
    told->done = done;
    told->n = n;
}

START_TEST(progress_is_reported_after_each_measurement)
{
    ExperimentConfig config = deep_config();
    Experiment experiment;
    Error error = {0};
    Told told = {0};

    ck_assert(experiment_run(&config, tell, &told, &experiment, &error));

    ck_assert_int_eq(told.done, experiment.n_measurements);
    ck_assert_int_eq(told.n, experiment.n_measurements);
    experiment_free(&experiment);
}
END_TEST

START_TEST(the_current_tape_is_not_touched)
{
    ExperimentConfig config = config_of(_i);
    Tape *tape = tape_current();
    Tensor *before = tensor_exp(random_leaf(SHAPE(2), 1));

    Experiment experiment = run_experiment(&config);
    experiment_free(&experiment);

    ck_assert_ptr_eq(tape_current(), tape);
    ck_assert_int_eq(tape->n_nodes, 1);
    ck_assert(before->alive);
    tape_set_current(NULL);
    experiment = run_experiment(&config);
    experiment_free(&experiment);
    ck_assert_ptr_null(tape_current());
    tape_set_current(tape);
}
END_TEST

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
    ExperimentConfig config = deep_config();
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

// ------------------------------------------------------------------------------------------------------------
// What is refused

static void assert_refused(const ExperimentConfig *config, const char *part)
{
    Experiment experiment;
    Error error = {0};
    ck_assert(!experiment_run(config, NULL, NULL, &experiment, &error));
    assert_contains(error.message, part);
    ck_assert_ptr_null(strchr(error.message, '\n'));
    ck_assert_int_eq(tape_current()->n_nodes, 0);
}

START_TEST(an_impossible_network_is_refused)
{
    ExperimentConfig deep = deep_config();
    deep.deep.n_layer = 0;
    assert_refused(&deep, "0 layers");

    ExperimentConfig gpt = gpt_experiment();
    gpt.gpt.n_head = 3;
    assert_refused(&gpt, "n_embd: 16 is not a multiple of n_head 3");
}
END_TEST

START_TEST(ids_outside_the_vocabulary_are_invalid)
{
    int wrong[B * T] = {0, 1, 2, 3, 4, 5, 6, 11};
    ExperimentConfig config = gpt_experiment();
    config.ids = wrong;
    assert_refused(&config, "id 11");

    config = gpt_experiment();
    wrong[7] = -2;
    config.targets = wrong;
    assert_refused(&config, "id -2");
    static const int none[B * T] = {-1, -1, -1, -1, -1, -1, -1, -1};
    config.targets = none;
    assert_refused(&config, "all 8 targets are -1, which are ignored (expected at least one token)");
}
END_TEST

START_TEST(rows_that_do_not_fit_the_context_are_refused)
{
    ExperimentConfig config = gpt_experiment();
    config.gpt.context_length = T - 1;
    assert_refused(&config, "1 to 3");
    config = gpt_experiment();
    config.T = 0;
    assert_refused(&config, "1 to 8");
    config = gpt_experiment();
    config.B = 0;
    assert_refused(&config, "0 rows");
}
END_TEST

START_TEST(a_network_larger_than_any_memory_is_refused)
{
    ExperimentConfig config = gpt_experiment();
    config.gpt.n_embd = 1 << 20;
    config.gpt.n_layer = 100;
    assert_refused(&config, "memory");
}
END_TEST

// 2^20 rows of 2^12 ids are 2^32: more than an int counts. The ids are not looked at, since there cannot be as many.
START_TEST(a_batch_too_large_to_count_is_refused)
{
    ExperimentConfig config = gpt_experiment();
    config.gpt.context_length = 1 << 12;
    config.B = 1 << 20;
    config.T = 1 << 12;
    assert_refused(&config, "");
}
END_TEST

START_TEST(fewer_than_one_seed_and_less_than_no_steps_are_refused)
{
    ExperimentConfig config = config_of(_i);
    config.n_seeds = -1;
    assert_refused(&config, "1 or more");
    config.n_seeds = 0;
    assert_refused(&config, "1 or more");
    config = config_of(_i);
    config.n_steps = -2;
    assert_refused(&config, "0 or more");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("experiment");
    TCase *order = case_with_tape(suite, "order");
    tcase_add_loop_test(order, measurements_come_by_run_then_step_seed_after_seed_without_shortcuts_first, 0, 2);
    tcase_add_loop_test(order, one_arm_alone_is_run_alone, 0, 2);
    tcase_add_loop_test(order, an_arm_gives_the_same_bits_alone_and_beside_the_other, 0, 2);
    tcase_add_loop_test(order, the_same_experiment_gives_the_same_bits, 0, 2);
    tcase_add_test(order, progress_is_reported_after_each_measurement);
    tcase_add_loop_test(order, the_current_tape_is_not_touched, 0, 2);

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

    TCase *refused = case_with_tape(suite, "refused");
    tcase_add_test(refused, an_impossible_network_is_refused);
    tcase_add_test(refused, ids_outside_the_vocabulary_are_invalid);
    tcase_add_test(refused, rows_that_do_not_fit_the_context_are_refused);
    tcase_add_test(refused, a_network_larger_than_any_memory_is_refused);
    tcase_add_test(refused, a_batch_too_large_to_count_is_refused);
    tcase_add_loop_test(refused, fewer_than_one_seed_and_less_than_no_steps_are_refused, 0, 2);
    return suite_run(suite);
}
