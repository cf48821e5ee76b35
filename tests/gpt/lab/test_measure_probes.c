// test_measure_probes.c: the probes jacobian, spectrum, update, sharpness, noise, autocorrelation and plane in an experiment. Built in float32
// and, by test_measure_probes_double.c, in double.

#include "tests/gpt/lab/measures_test.h"

// They run however long they may take: under valgrind a pass takes a hundred times as long.
static ExperimentConfig with_probes(ExperimentConfig config, const char *names)
{
    config.force = true;
    char text[200];
    snprintf(text, sizeof text, "%s", names);
    for (char *name = strtok(text, ","); name != NULL; name = strtok(NULL, ",")) {
        config.probes[config.n_probes] = probe_find(name);
        ck_assert_msg(config.probes[config.n_probes] != NULL, "no probe %s", name);
        config.n_probes++;
    }
    return config;
}

static ExperimentConfig golden_experiment(const char *rule)
{
    ExperimentConfig config = {.net = NET_GPT,
                               .gpt = golden_config(NULL),
                               .ids = golden_paths_ids,
                               .targets = golden_paths_targets,
                               .B = B,
                               .T = T,
                               .rules = {rule},
                               .n_rules = 1,
                               .seed = 123,
                               .n_seeds = 1,
                               .lr = 1e-3};
    return config;
}

// Rows through a deep network with this rule.
static ExperimentConfig mlp(DeepConfig deep, const char *rule, const Real *input, const Real *target, int n_rows, uint64_t seed)
{
    return (ExperimentConfig){.net = NET_MLP,
                              .deep = deep,
                              .input = input,
                              .target = target,
                              .n_rows = n_rows,
                              .rules = {rule},
                              .n_rules = 1,
                              .seed = seed,
                              .n_seeds = 1,
                              .lr = 1e-3};
}

static DeepNet *network_of(const ExperimentConfig *config)
{
    DeepConfig deep = config->deep;
    deep.residual = config->rules[0];
    return create_deep(deep, config->seed);
}

// The only number of this kind, layer, name (NULL: any) and index.
static double number_of(const Measurement *measurement, const char *kind, int layer, const char *name, int index)
{
    const ProbeRow *found = NULL;
    for (int i = 0; i < measurement->probes.n_rows; i++) {
        const ProbeRow *row = &measurement->probes.rows[i];
        bool is = strcmp(row->kind, kind) == 0 && row->layer == layer && row->index == index && (name == NULL || strcmp(row->name, name) == 0);
        ck_assert(!is || found == NULL);
        found = is ? row : found;
    }
    ck_assert_msg(found != NULL, "no %s of layer %d, %s, %d", kind, layer, name == NULL ? "" : name, index);
    return found->value;
}

static void assert_fault(const Experiment *experiment, const char *probe, const char *part)
{
    int networks;
    const ProbeFault *fault = experiment_probe_fault(experiment, probe_find(probe), &networks);
    ck_assert_msg(fault != NULL, "%s has no fault", probe);
    assert_contains(fault->error.message, part);
}

static void assert_no_faults(const Experiment *experiment)
{
    for (int i = 0; i < experiment->n_measurements; i++) {
        const ProbeResults *results = &experiment->measurements[i].probes;
        ck_assert_msg(results->n_faults == 0, "%s", results->n_faults == 0 ? "" : results->faults[0].error.message);
    }
}

START_TEST(jacobians_and_updates_are_pytorchs)
{
    static const int layers[] = {-1, 0, 1};
    const GoldenJacobian *golden = &golden_jacobians[_i];
    ExperimentConfig config = with_probes(golden_experiment(golden->rule), "jacobian,spectrum,update");
    Experiment experiment = run_experiment(&config);
    const Measurement *m = &experiment.measurements[0];
    assert_no_faults(&experiment);
    for (int i = 0; i < 4; i++) {
        ASSERT_RELATIVE(number_of(m, "jacobian", i, NULL, -1), golden->norm[i], GOLDEN_TOLERANCE);
        ck_assert(number_of(m, "jacobian_error", i, NULL, -1) == 0);
    }
    for (int i = 0; i < 3; i++) { // ||J||_F^2 is the sum of the squared singular values
        double values[432];
        double squares = 0;
        ck_assert_int_eq(measurement_probe(m, "singular_value", (ProbePlace){.layer = i}, values, 432), 432);
        for (int k = 0; k < 432; k++) {
            squares += values[k] * values[k] / 432;
            ck_assert(k == 0 || values[k] <= values[k - 1]);
        }
        ASSERT_RELATIVE(squares, golden->norm[i], GOLDEN_TOLERANCE);
        ASSERT_RELATIVE(number_of(m, "update_ratio", layers[i], golden_updates[i], -1), golden->update[i], GOLDEN_TOLERANCE);
    }
    number_of(m, "update_ratio", 3, "lm_head.weight", -1);
    experiment_free(&experiment);
}
END_TEST

// With --steps, the ratio is that of the step which the experiment makes, by AdamW or SGD.
START_TEST(updates_are_those_of_the_steps)
{
    ExperimentConfig config = with_probes(golden_experiment("pre"), "update");
    config.sgd = _i == 1;
    config.n_steps = 2;
    config.lr = 0.01;
    Experiment experiment = run_experiment(&config);
    for (int step = 0; step < 3; step++) {
        ck_assert(number_of(&experiment.measurements[step], "update_ratio", 0, "h.0.mlp.c_fc.weight", -1) > 0);
    }
    GPTConfig gpt = config.gpt;
    gpt.residual = "pre";
    GPT *model = create_gpt(gpt, 123);
    ParameterList list = module_parameters(&model->module);
    AdamWConfig adamw_config = ADAMW_DEFAULTS;
    adamw_config.lr = 0.01;
    adamw_config.weight_decay = 0;
    AdamW adamw = adamw_create(&list, adamw_config);
    double ratios[64];
    for (int step = 0; step < 2; step++) {
        module_zero_grad(&model->module);
        tensor_backward(tensor_cross_entropy(gpt_forward(model, config.ids, B, T), config.targets));
        WeightCopy before = weight_copy(&list);
        if (config.sgd) {
            sgd_step(&list, 0.01);
        } else {
            adamw_step(&adamw);
        }
        update_ratios(&before, ratios);
        weight_copy_free(&before);
        for (int i = 0; i < list.count; i++) {
            char name[NAME_TEXT];
            if (strcmp(tensor_name(list.parameters[i], name), "h.0.mlp.c_fc.weight") == 0) {
                ASSERT_RELATIVE(number_of(&experiment.measurements[step], "update_ratio", 0, name, -1), ratios[i], 1e-6);
            }
        }
    }
    adamw_free(&adamw);
    parameter_list_free(&list);
    gpt_free(model);
    experiment_free(&experiment);
}
END_TEST

static const Real row_input[] = {1, 0, -1, 1, 0};
static const Real row_target[] = {0.5F, 0.5F, 0.5F, 0.5F, 0.5F};

static ExperimentConfig golden_mlp(const GoldenSharpness *golden, int sizes[8])
{
    return mlp(golden_deep(golden, sizes), golden->rule, row_input, row_target, 0, golden->seed);
}

START_TEST(sharpness_and_plane_are_those_of_the_loss)
{
    int sizes[8];
    const GoldenSharpness *golden = &golden_sharpness[_i];
    ExperimentConfig config = with_probes(golden_mlp(golden, sizes), "sharpness,plane");
    Experiment experiment = run_experiment(&config);
    const Measurement *m = &experiment.measurements[0];
    assert_no_faults(&experiment);
    ASSERT_RELATIVE(number_of(m, "sharpness", -1, NULL, -1), golden->sharpness, 0.01);
    ck_assert(number_of(m, "sharpness_residual", -1, NULL, -1) <= 0.003);
    ASSERT_RELATIVE(number_of(m, "plane", -1, NULL, 312), golden->loss, 1e-6); // row 12, column 12: the center
    ck_assert_int_eq(measurement_probe(m, "plane", (ProbePlace){.layer = -1}, NULL, 0), 625);
    experiment_free(&experiment);
}
END_TEST

// y = w x, so that rows have gradients of their own; the loss of the batch is the mean of the rows'.
START_TEST(noise_is_of_the_rows)
{
    static const Real input[] = {1, 2, -1};
    static const Real target[] = {0, 3, 1};
    int sizes[] = {1, 1};
    DeepConfig line = {.sizes = sizes, .n_layer = 1, .activation = ACTIVATION_IDENTITY};
    ExperimentConfig config = with_probes(mlp(line, "none-plain", input, target, 3, 1), "noise");
    Experiment experiment = run_experiment(&config);
    DeepNet *net = network_of(&config);
    double w = (double)net->layers[0].weight->data[0];
    double b = (double)net->layers[0].bias->data[0];
    double one = 0;
    double mean[2] = {0, 0};
    for (int r = 0; r < 3; r++) {
        double d = 2 * (w * (double)input[r] + b - (double)target[r]);
        double g[2] = {d * (double)input[r], d};
        one += (g[0] * g[0] + g[1] * g[1]) / 3;
        mean[0] += g[0] / 3;
        mean[1] += g[1] / 3;
    }
    double all = mean[0] * mean[0] + mean[1] * mean[1];
    double trace = (one - all) * 1.5;
    double G2 = all - trace / 3;
    if (G2 > 0) {
        assert_no_faults(&experiment);
        ASSERT_RELATIVE(number_of(&experiment.measurements[0], "noise_scale", -1, NULL, -1), trace / G2, 1e-5);
    } else {
        assert_fault(&experiment, "noise", "the network: 3 rows are too few to tell the gradient from its noise");
    }
    deep_free(net);
    experiment_free(&experiment);
}
END_TEST

// The same of a classifier, whose rows have a class each.
START_TEST(noise_is_of_the_rows_and_their_classes)
{
    static const Real input[] = {1, 2, 1.5, 1, 2, 0.5, 1, 1, 2, 1, 1.5, 1};
    static const int classes[] = {0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0};
    enum { N = 12, VALUES = 4 };
    int sizes[] = {1, 2};
    DeepConfig classifier = {.sizes = sizes, .n_layer = 1, .head = HEAD_LINEAR, .loss = LOSS_CE};
    ExperimentConfig config = with_probes(mlp(classifier, "none-plain", input, NULL, N, 1), "noise");
    config.targets = classes;
    Experiment experiment = run_experiment(&config);
    DeepNet *net = network_of(&config);
    double one = 0;
    double mean[VALUES] = {0};
    for (int r = 0; r < N; r++) {
        module_zero_grad(&net->module);
        tensor_backward(tensor_cross_entropy(deep_forward(net, tensor_from(input + r, SHAPE(1, 1))), classes + r));
        for (int i = 0; i < VALUES; i++) {
            double g = (double)(i < 2 ? net->layers[0].weight->grad[i] : net->layers[0].bias->grad[i - 2]);
            one += g * g / N;
            mean[i] += g / N;
        }
    }
    double all = mean[0] * mean[0] + mean[1] * mean[1] + mean[2] * mean[2] + mean[3] * mean[3];
    double trace = (one - all) * N / (N - 1);
    assert_no_faults(&experiment);
    ASSERT_RELATIVE(number_of(&experiment.measurements[0], "noise_scale", -1, NULL, -1), trace / (all - trace / N), 1e-5);
    deep_free(net);
    experiment_free(&experiment);
}
END_TEST

// A linear network has the same slope everywhere; a deep one does not.
START_TEST(autocorrelation_is_along_the_grid)
{
    enum { N = 40 };
    int sizes[] = {2, 16, 16, 16, 1};
    DeepRows grid = deep_rows_grid(-2, 2, N, 2);
    Real target[N] = {0};
    DeepConfig deep = {.sizes = sizes, .n_layer = 4, .activation = ACTIVATION_GELU, .init = INIT_KAIMING};
    ExperimentConfig config = with_probes(mlp(deep, "plain", grid.input, target, N, 4), "autocorrelation,update");
    Experiment experiment = run_experiment(&config);
    const Measurement *m = &experiment.measurements[0];
    assert_no_faults(&experiment);
    ck_assert(number_of(m, "autocorrelation", -1, NULL, 0) == 1);
    DeepNet *net = network_of(&config);
    double slopes[N];
    for (int i = 0; i < N; i++) {
        Tensor *x = tensor_require_grad(tensor_zeros(SHAPE(1, 2)));
        x->data[0] = grid.input[2 * i];
        tensor_backward(deep_forward(net, x));
        slopes[i] = (double)x->grad[0];
    }
    for (int lag = 0; lag <= N / 2; lag++) {
        double expected = flow_autocorrelation(slopes, N, lag);
        ck_assert(is_near(number_of(m, "autocorrelation", -1, NULL, lag), expected, 1e-5));
    }
    deep_free(net);
    deep_rows_free(&grid);
    experiment_free(&experiment);
}
END_TEST

// Each prints a one-line error; the other probes still have values.
START_TEST(invalid_combinations_are_reported)
{
    int sizes[8];
    ExperimentConfig config = with_probes(golden_mlp(&golden_sharpness[0], sizes), "autocorrelation,noise,attention,jacobian");
    Experiment experiment = run_experiment(&config);
    assert_fault(&experiment, "autocorrelation", "the inputs are not points on a line (expected --inputs grid:LO:HI:N)");
    assert_fault(&experiment, "noise", "a batch of 1 row (expected at least 2)");
    assert_fault(&experiment, "attention", "mlp");
    ck_assert_int_eq(measurement_probe(&experiment.measurements[0], "jacobian", (ProbePlace){.layer = 0}, NULL, 0), 1);
    experiment_free(&experiment);

    static const Real two[] = {1, 0, -1, 1, 0, 0, 1, 1};
    for (int arms = 0; arms < 2; arms++) { // with a rule, and with the arm without shortcuts
        config = with_probes(golden_mlp(&golden_sharpness[0], sizes), "noise");
        config.input = two;
        config.n_rows = 2;
        config.deep.norm = DEEP_NORM_BATCH;
        config.n_rules = arms == 0 ? 1 : 0;
        config.arms = ARMS_OFF; // only without rules
        experiment = run_experiment(&config);
        assert_fault(&experiment, "noise", "with batch normalization a single row has no gradient (expected --norm none)");
        experiment_free(&experiment);
    }

    config = with_probes(golden_experiment("pre"), "spectrum,jacobian");
    config.gpt.n_embd = 96;
    experiment = run_experiment(&config);
    assert_fault(&experiment, "spectrum", "a stream of 1728 values (expected at most 1024: fewer rows, tokens or channels)");
    ck_assert(number_of(&experiment.measurements[0], "jacobian_error", 0, NULL, -1) > 0); // an estimate
    experiment_free(&experiment);

    // Only three of the targets of the first row count, so the batch's loss is not the mean of its rows' losses.
    config = with_probes(golden_experiment("forward-only"), "sharpness,noise");
    int targets[B * T];
    memcpy(targets, config.targets, sizeof targets);
    for (int t = 3; t < T; t++) {
        targets[t] = TARGET_IGNORED;
    }
    config.targets = targets;
    experiment = run_experiment(&config);
    assert_fault(&experiment, "sharpness", "the network: with stop in its residual rule, its gradients do not give the loss's Hessian");
    assert_fault(&experiment, "noise", "the network: row 1 has 9 targets that count and row 0 has 3 (expected the same number in every row)");
    experiment_free(&experiment);
}
END_TEST

// NaN weights: each probe that needs them says where.
START_TEST(nan_is_reported)
{
    int sizes[] = {3, 3, 3};
    static const Real bad[] = {NAN, 0, 1, 1, 0, 1};
    static const Real target[] = {0, 0, 0, 0, 0, 0};
    DeepConfig deep = {.sizes = sizes, .n_layer = 2, .activation = ACTIVATION_TANH};
    ExperimentConfig config = with_probes(mlp(deep, "plain", bad, target, 2, 4), "jacobian,spectrum,update,sharpness,noise,plane");
    Experiment experiment = run_experiment(&config);
    assert_fault(&experiment, "jacobian", "layer 0: jacobian is NaN");
    assert_fault(&experiment, "spectrum", "layer 0: singular_value is NaN");
    assert_fault(&experiment, "update", "layers.0.weight: update_ratio is NaN");
    assert_fault(&experiment, "sharpness", "the network: sharpness is NaN");
    assert_fault(&experiment, "noise", "the network: noise_scale is NaN");
    assert_fault(&experiment, "plane", "the network: plane is NaN");
    experiment_free(&experiment);
}
END_TEST

// A training run is the same bit for bit, dropout included, whether probes run at its steps or not.
START_TEST(probes_change_nothing)
{
    ExperimentConfig config = golden_experiment("post");
    config.gpt.dropout = 0.1;
    config.n_steps = 2;
    Experiment without = run_experiment(&config);
    config = with_probes(config, "jacobian,spectrum,update,sharpness,noise,plane,paths,lens");
    Experiment with = run_experiment(&config);
    ck_assert_int_eq(without.n_measurements, with.n_measurements);
    for (int i = 0; i < with.n_measurements; i++) {
        const GradFlow *a = &without.measurements[i].flow;
        const GradFlow *b = &with.measurements[i].flow;
        ck_assert(without.measurements[i].loss == with.measurements[i].loss);
        ck_assert_int_eq(a->n_rows, b->n_rows);
        for (int k = 0; k < a->n_rows; k++) {
            assert_same_stats(b->rows[k].stats, a->rows[k].stats, a->rows[k].name);
        }
        ck_assert(number_of(&with.measurements[i], "sharpness", -1, NULL, -1) > 0);
    }
    experiment_free(&without);
    experiment_free(&with);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("measures as probes");
    TCase *tcase = case_with_tape(suite, "probes");
    tcase_add_loop_test(tcase, jacobians_and_updates_are_pytorchs, 0, JACOBIANS);
    tcase_add_loop_test(tcase, updates_are_those_of_the_steps, 0, 2);
    tcase_add_loop_test(tcase, sharpness_and_plane_are_those_of_the_loss, 0, SHARPNESSES);
    tcase_add_test(tcase, noise_is_of_the_rows);
    tcase_add_test(tcase, noise_is_of_the_rows_and_their_classes);
    tcase_add_test(tcase, autocorrelation_is_along_the_grid);
    tcase_add_test(tcase, invalid_combinations_are_reported);
    tcase_add_test(tcase, nan_is_reported);
    tcase_add_test(tcase, probes_change_nothing);
    suite_prepare_products();
    return suite_run(suite);
}
