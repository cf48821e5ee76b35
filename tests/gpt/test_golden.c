// test_golden.c: the models of the book's fourth chapter give the numbers that PyTorch gives for them.

#include "tests/golden/chapter4.h"
#include "tests/gpt/gpt_test.h"

enum { DEEP_COUNT = sizeof golden_deep / sizeof golden_deep[0] };

// ------------------------------------------------------------------------------------------------------------
// Deep networks

// PyTorch's own float32 misses the exact result by noise. Ours does so elsewhere, and starts from weights that may differ in
// their last bit (see the_weights_are_pytorchs), which matters as much as a rounding does. 10 times noise; 1e-7, two roundings
// of float32, stands in for the luck of networks whose noise is less. Measured: at most 6 times that, 4e-6 at the worst.
static double deep_tolerance(const GoldenDeep *golden)
{
    return 10 * (golden->noise + 1e-7);
}

static ExperimentConfig deep_experiment(const GoldenDeep *golden)
{
    return (ExperimentConfig){
        .net = NET_MLP,
        .deep = {(int *)golden->sizes, golden->n_layer, golden->activation, INIT_TORCH, false},
        .input = golden->x,
        .target = golden->target,
        .arms = golden->shortcut ? ARMS_ON : ARMS_OFF,
        .seed = golden->seed,
        .n_seeds = 1,
    };
}

START_TEST(deep_networks_have_pytorchs_loss_and_gradients)
{
    const GoldenDeep *golden = &golden_deep[_i];
    double tolerance = deep_tolerance(golden);
    ExperimentConfig config = deep_experiment(golden);
    Experiment experiment = run_experiment(&config);

    ck_assert_int_eq(experiment.n_measurements, 1);
    const Measurement *measurement = &experiment.measurements[0];
    ASSERT_RELATIVE(measurement->loss, golden->loss, tolerance);
    for (int layer = 0; layer < golden->n_layer; layer++) {
        double got = measurement_metric(measurement, layer, METRIC_WEIGHT);
        double expected = golden->grad_mean_abs[layer];
        ck_assert_msg(is_near(got, expected, tolerance * expected), "%s, layer %d: %.9g, expected %.9g", golden->id, layer, got, expected);
    }
    experiment_free(&experiment);
}
END_TEST

// A dead network's gradients are exactly 0, so no tolerance may let anything else through.
START_TEST(dead_networks_have_gradients_of_exactly_zero)
{
    const GoldenDeep *golden = &golden_deep[_i];
    if (strstr(golden->id, "/dead") == NULL) {
        return;
    }
    ExperimentConfig config = deep_experiment(golden);
    Experiment experiment = run_experiment(&config);

    for (int layer = 0; layer < golden->n_layer; layer++) {
        Quartiles figure = experiment_metric(&experiment, golden->shortcut, 0, layer, METRIC_WEIGHT);
        ck_assert_double_eq(figure.median, golden->grad_mean_abs[layer]);
        ck_assert_int_eq(figure.zeros, golden->grad_mean_abs[layer] == 0);
    }
    experiment_free(&experiment);
}
END_TEST

START_TEST(deep_networks_have_pytorchs_output)
{
    const GoldenDeep *golden = &golden_deep[_i];
    DeepConfig config = {.sizes = (int *)golden->sizes,
                         .n_layer = golden->n_layer,
                         .activation = golden->activation,
                         .init = INIT_TORCH,
                         .shortcut = golden->shortcut};
    DeepNet *net = create_deep(config, golden->seed);

    Tensor *y = deep_forward(net, tensor_from(golden->x, SHAPE(1, golden->sizes[0])));

    for (size_t i = 0; i < tensor_count(y); i++) {
        ASSERT_RELATIVE((double)y->data[i], golden->out[i], deep_tolerance(golden));
    }
    deep_free(net);
}
END_TEST

// The table that is printed in the book, to its own digits: float32 there and here, so both are rounded.
START_TEST(the_books_table_of_vanishing_gradients)
{
    const GoldenDeep *golden = &golden_deep[_i];
    ck_assert_int_eq((int)golden->seed, 123);
    ExperimentConfig config = deep_experiment(golden);
    Experiment experiment = run_experiment(&config);

    for (int layer = 0; layer < 5; layer++) {
        char name[32];
        snprintf(name, sizeof name, "layers.%d.weight", layer);
        const FlowRow *row = row_of(&experiment.measurements[0].flow, name, FLOW_WEIGHT_GRAD);
        ASSERT_RELATIVE(row->stats.mean_abs, golden->book[layer], deep_tolerance(golden));
    }
    experiment_free(&experiment);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Layer normalization

// The rows have a deviation of 0.14 or more, which makes an error of one rounding in their values, of about 1, 7 times as large.
static const double LAYERNORM_TOLERANCE = 1e-6;

START_TEST(layer_normalization_as_in_pytorch)
{
    const GoldenLayerNorm *golden = &golden_layernorm[_i];
    Random random = seeded(golden->seed);
    Tensor *x = tensor_randn(&random, SHAPE(2, 5));
    Linear linear;
    linear_init(&linear, NULL, "", 5, 6, true);
    module_initialize(&linear.module, (Init){.scheme = INIT_TORCH, .n_layer = 1}, &random);
    LayerNorm layernorm;
    layernorm_init(&layernorm, NULL, "", 6);
    module_initialize(&layernorm.module, (Init){.scheme = INIT_TORCH, .n_layer = 1}, &random);

    Tensor *out = tensor_relu(linear_forward(&linear, x));
    Tensor *y = layernorm_forward(&layernorm, out);

    for (int i = 0; i < 10; i++) {
        ck_assert_msg((Real)golden->x[i] == x->data[i], "x[%d]: %.9g, expected %.9g", i, (double)x->data[i], golden->x[i]);
    }
    for (int i = 0; i < 12; i++) {
        ck_assert_double_eq_tol((double)out->data[i], golden->out[i], 2e-7);
        ck_assert_double_eq_tol((double)y->data[i], golden->layernorm[i], LAYERNORM_TOLERANCE);
    }
    module_free(&linear.module);
    module_free(&layernorm.module);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// A tiny GPT

static GPT *book_gpt(void)
{
    GPTConfig config = {
        .vocab_size = GOLDEN_V,
        .context_length = GOLDEN_CONTEXT,
        .n_layer = GOLDEN_LAYERS,
        .n_head = GOLDEN_HEADS,
        .n_embd = GOLDEN_EMBD,
        .ff_mult = 4,
        .qkv_bias = false,
        .tied = false,
        .shortcut = true,
        .norm = NORM_PRE,
        .causal = true,
        .activation = ACTIVATION_GELU,
        .init = INIT_TORCH,
    };
    return create_gpt(config, GOLDEN_SEED);
}

// The values, or the gradient, of "h.0.ln_1.weight", or of a part: "h.0.attn.c_attn.weight.k".
typedef struct Values {
    const Real *data;
    const Real *grad;
    size_t n;
} Values;

static Values part_of(const Tensor *parameter, size_t part, size_t n_parts)
{
    size_t n = tensor_count(parameter) / n_parts;
    const Real *grad = parameter->grad == NULL ? NULL : parameter->grad + part * n;
    return (Values){parameter->data + part * n, grad, n};
}

static Values values_called(const GPT *gpt, const char *name)
{
    static const char *const parts[] = {".q", ".k", ".v"};
    Values found = {0};
    ParameterList list = module_parameters(&gpt->module);
    for (int i = 0; i < list.count; i++) {
        char text[NAME_TEXT];
        tensor_name(list.parameters[i], text);
        size_t length = strlen(text);
        if (strcmp(text, name) == 0) {
            found = part_of(list.parameters[i], 0, 1);
        }
        for (size_t part = 0; part < 3; part++) {
            if (strncmp(text, name, length) == 0 && strcmp(name + length, parts[part]) == 0) {
                found = part_of(list.parameters[i], part, 3);
            }
        }
    }
    parameter_list_free(&list);
    ck_assert_msg(found.n > 0, "there is no parameter %s", name);
    return found;
}

static double l2_of(const Real *values, size_t n)
{
    return flow_stats(values, n).l2;
}

// The numbers here come from PyTorch's AVX2 kernels. Uniforms are fused multiply-adds there, so that one rounding of a number
// below 2 / sqrt(24) = 0.4, at most 1.5e-8, is not made, and the next may go the other way. Normals use approximations of
// logarithm and cosine, good to about 1e-6. A generator that was one draw off would differ by about 0.1.
static double weight_tolerance(const char *name)
{
    bool normal = name[0] == 'w'; // wte, wpe
    return normal ? 1e-6 : 3e-8;
}

START_TEST(the_weights_are_pytorchs)
{
    GPT *gpt = book_gpt();
    const GoldenParameter *golden = &golden_parameters[_i];
    double tolerance = weight_tolerance(golden->name);
    Values values = values_called(gpt, golden->name);

    for (int i = 0; i < 4; i++) {
        ck_assert_msg(is_near((double)values.data[i], golden->first[i], tolerance), "%s[%d]: %.9g, expected %.9g", golden->name, i,
                      (double)values.data[i], golden->first[i]);
    }
    ck_assert_msg(is_near((double)values.data[values.n - 1], golden->last, tolerance), "%s, last: %.9g, expected %.9g", golden->name,
                  (double)values.data[values.n - 1], golden->last);
    ASSERT_RELATIVE(l2_of(values.data, values.n), golden->l2, 2e-7); // PyTorch sums in float32
    gpt_free(gpt);
}
END_TEST

START_TEST(the_gpt_has_as_many_parameters)
{
    GPT *gpt = book_gpt();
    ParameterList list = module_parameters(&gpt->module);

    ck_assert_uint_eq(list.values, GOLDEN_VALUES);
    ck_assert_int_eq(list.count, GOLDEN_PARAMETERS - 2 * 2); // of each block's three projections one is left
    parameter_list_free(&list);
    gpt_free(gpt);
}
END_TEST

// PyTorch's own float32 logits, of a size of about 1, miss the exact ones by 3.8e-7; ours may do so to the other side, and more.
START_TEST(the_logits_are_pytorchs)
{
    GPT *gpt = book_gpt();

    Tensor *logits = gpt_forward(gpt, golden_ids, GOLDEN_B, GOLDEN_T);

    ck_assert_uint_eq(tensor_count(logits), GOLDEN_B * GOLDEN_T * GOLDEN_V);
    for (size_t i = 0; i < tensor_count(logits); i++) {
        double got = (double)logits->data[i];
        ck_assert_msg(is_near(got, golden_logits[i], 5 * golden_logits_noise), "logits[%zu]: %.9g, expected %.9g", i, got, golden_logits[i]);
    }
    gpt_free(gpt);
}
END_TEST

static Tensor *golden_loss_of(GPT *gpt)
{
    Tensor *logits = gpt_forward(gpt, golden_ids, GOLDEN_B, GOLDEN_T);
    return tensor_cross_entropy(logits, golden_targets);
}

// PyTorch's own float32 gradients differ from double by up to 2.5e-7, ours by as much. A wrong formula shows at 1e-2.
static const double GRADIENT_TOLERANCE = 1e-6;

START_TEST(the_loss_and_all_gradients_are_pytorchs)
{
    GPT *gpt = book_gpt();

    Tensor *loss = golden_loss_of(gpt);
    tensor_backward(loss);

    ASSERT_RELATIVE((double)tensor_item(loss), golden_loss, 2e-7); // one float32 rounding is 5e-8 of it
    for (int i = 0; i < GOLDEN_PARAMETERS; i++) {
        const GoldenParameter *golden = &golden_parameters[i];
        Values values = values_called(gpt, golden->name);
        FlowStats stats = flow_stats(values.grad, values.n);
        ck_assert_msg(is_near(stats.mean_abs, golden->grad_mean_abs, GRADIENT_TOLERANCE * golden->grad_mean_abs)
                          && is_near(stats.l2, golden->grad_l2, GRADIENT_TOLERANCE * golden->grad_l2),
                      "%s: mean %.9g, l2 %.9g, expected %.9g, %.9g", golden->name, stats.mean_abs, stats.l2, golden->grad_mean_abs,
                      golden->grad_l2);
    }
    gpt_free(gpt);
}
END_TEST

// The joint c_attn's three parts are the book's three projections: gradient flow reports them as such.
START_TEST(gradient_flow_reads_the_same_gradients)
{
    GPT *gpt = book_gpt();
    Tensor *loss = golden_loss_of(gpt);
    GradFlowWatch *watch = gradflow_watch(tape_current());
    tensor_backward(loss);
    GradFlow flow = gradflow_read(watch, &gpt->module);

    for (int i = 0; i < GOLDEN_PARAMETERS; i++) {
        const GoldenParameter *golden = &golden_parameters[i];
        bool bias = strstr(golden->name, ".bias") != NULL;
        const FlowRow *row = row_of(&flow, golden->name, bias ? FLOW_BIAS_GRAD : FLOW_WEIGHT_GRAD);
        ASSERT_RELATIVE(row->stats.mean_abs, golden->grad_mean_abs, GRADIENT_TOLERANCE);
        ASSERT_RELATIVE(row->stats.l2, golden->grad_l2, GRADIENT_TOLERANCE);
    }
    gradflow_free(&flow);
    gpt_free(gpt);
}
END_TEST

START_TEST(the_tokens_generated_are_pytorchs)
{
    GPT *gpt = book_gpt();
    int ids[GOLDEN_T + GOLDEN_NEW];
    memcpy(ids, golden_ids, GOLDEN_T * sizeof(int));

    generate_greedily(gpt, ids, GOLDEN_T, GOLDEN_NEW);

    for (int i = 0; i < GOLDEN_NEW; i++) {
        ck_assert_int_eq(ids[GOLDEN_T + i], golden_greedy[i]);
    }
    gpt_free(gpt);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// The same GPT in training

// PyTorch's own float32 run is up to 4e-7 away from double, and so is ours.
static const double TRAINING_TOLERANCE = 2e-6;

START_TEST(twenty_steps_of_training_are_pytorchs)
{
    GPT *gpt = book_gpt();
    ParameterList list = module_parameters(&gpt->module);
    AdamW adamw = adamw_create(&list, golden_adamw);

    for (int step = 0; step < GOLDEN_STEPS; step++) {
        module_zero_grad(&gpt->module);
        Tensor *loss = golden_loss_of(gpt);
        ASSERT_RELATIVE((double)tensor_item(loss), golden_losses[step], TRAINING_TOLERANCE);
        tensor_backward(loss);
        double norm = clip_grad_norm(&list, golden_clip);
        ASSERT_RELATIVE(norm, golden_norms[step], TRAINING_TOLERANCE);
        adamw_step(&adamw);
        tape_reset(tape_current());
    }
    ASSERT_RELATIVE((double)tensor_item(golden_loss_of(gpt)), golden_last_loss, TRAINING_TOLERANCE);
    for (int i = 0; i < GOLDEN_PARAMETERS; i++) {
        Values values = values_called(gpt, golden_parameters[i].name);
        ASSERT_RELATIVE(l2_of(values.data, values.n), golden_parameters[i].trained_l2, TRAINING_TOLERANCE);
    }
    adamw_free(&adamw);
    parameter_list_free(&list);
    gpt_free(gpt);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("golden");
    TCase *deep = case_with_tape(suite, "deep networks");
    tcase_add_loop_test(deep, deep_networks_have_pytorchs_loss_and_gradients, 0, DEEP_COUNT);
    tcase_add_loop_test(deep, dead_networks_have_gradients_of_exactly_zero, 0, DEEP_COUNT);
    tcase_add_loop_test(deep, deep_networks_have_pytorchs_output, 0, DEEP_COUNT);
    tcase_add_loop_test(deep, the_books_table_of_vanishing_gradients, 0, 2);

    TCase *layernorm = case_with_tape(suite, "layer normalization");
    tcase_add_loop_test(layernorm, layer_normalization_as_in_pytorch, 0, 2);

    TCase *gpt = case_with_tape(suite, "a tiny GPT");
    tcase_add_loop_test(gpt, the_weights_are_pytorchs, 0, GOLDEN_PARAMETERS);
    tcase_add_test(gpt, the_gpt_has_as_many_parameters);
    tcase_add_test(gpt, the_logits_are_pytorchs);
    tcase_add_test(gpt, the_loss_and_all_gradients_are_pytorchs);
    tcase_add_test(gpt, gradient_flow_reads_the_same_gradients);
    tcase_add_test(gpt, the_tokens_generated_are_pytorchs);

    TCase *training = case_with_tape(suite, "training");
    tcase_add_test(training, twenty_steps_of_training_are_pytorchs);
    suite_prepare_products();
    return suite_run(suite);
}
