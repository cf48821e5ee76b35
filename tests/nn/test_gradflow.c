// test_gradflow.c: statistics, token cosine, shortcuts found on the tape, and what is read after a backward pass.

#include <float.h>

#include "tests/nn/nn_test.h"

// ------------------------------------------------------------------------------------------------------------
// Statistics

START_TEST(statistics_of_known_values)
{
    const Real values[] = {3, -4, 0, 0, 12, 0, 0, 0};

    FlowStats stats = flow_stats(values, 8);

    ck_assert_uint_eq(stats.count, 8);
    ck_assert_double_eq(stats.mean_abs, 19.0 / 8);
    ck_assert_double_eq(stats.l2, 13);
    ck_assert_double_eq(stats.rms, sqrt(169.0 / 8));
    ck_assert_double_eq(stats.max_abs, 12);
    ck_assert_double_eq(stats.zero_fraction, 5.0 / 8);
    ck_assert_double_eq(stats.denormal_fraction, 0);
    ck_assert_double_nan(stats.token_cosine);
}
END_TEST

// The smallest float32 of all has a square that even double can just hold; FLT_MIN itself is normal; -0 is a zero.
START_TEST(denormal_values_count_and_are_not_taken_for_zero)
{
    const Real smallest = 1.40129846e-45f;
    const Real values[] = {smallest, -FLT_MIN / 2, FLT_MIN, -0.0f, 0};

    FlowStats stats = flow_stats(values, 5);
    FlowStats alone = flow_stats(&smallest, 1);

    ck_assert_double_eq(stats.denormal_fraction, 2.0 / 5);
    ck_assert_double_eq(stats.zero_fraction, 2.0 / 5);
    ck_assert_double_eq(stats.max_abs, (double)FLT_MIN);
    ASSERT_RELATIVE(alone.l2, (double)smallest, 1e-15);
    ck_assert_double_eq(alone.mean_abs, (double)smallest);
}
END_TEST

START_TEST(sums_of_large_values_do_not_overflow)
{
    const Real values[] = {FLT_MAX, FLT_MAX, -FLT_MAX, FLT_MAX};

    FlowStats stats = flow_stats(values, 4);

    ASSERT_RELATIVE(stats.l2, 2 * (double)FLT_MAX, 1e-15);
    ASSERT_RELATIVE(stats.mean_abs, (double)FLT_MAX, 1e-15);
    ASSERT_RELATIVE(stats.rms, (double)FLT_MAX, 1e-15);
}
END_TEST

// float32 stops counting ones at 2^24.
START_TEST(sums_run_in_double)
{
    enum { MANY = (1 << 24) + 1000 };
    Real *ones = malloc(MANY * sizeof *ones);
    ck_assert_ptr_nonnull(ones);
    for (int i = 0; i < MANY; i++) {
        ones[i] = 1;
    }

    FlowStats stats = flow_stats(ones, MANY);

    ck_assert_double_eq(stats.mean_abs, 1);
    ck_assert_double_eq(stats.rms, 1);
    free(ones);
}
END_TEST

// Wherever it stands; larger values behind it do not hide it.
START_TEST(one_nan_makes_every_size_nan)
{
    Real values[] = {1, 2, 3, 4};
    values[_i] = NAN;

    FlowStats stats = flow_stats(values, 4);

    ck_assert_double_nan(stats.mean_abs);
    ck_assert_double_nan(stats.l2);
    ck_assert_double_nan(stats.rms);
    ck_assert_double_nan(stats.max_abs);
    ck_assert_double_eq(stats.zero_fraction, 0);
    ck_assert_double_eq(stats.denormal_fraction, 0);
}
END_TEST

START_TEST(an_infinity_is_infinite)
{
    const Real values[] = {1, -INFINITY, 0};

    FlowStats stats = flow_stats(values, 3);

    ck_assert_double_infinite(stats.l2);
    ck_assert_double_infinite(stats.max_abs);
    ck_assert_double_eq(stats.zero_fraction, 1.0 / 3);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Token cosine

static double pair_cosine(const Real *a, const Real *b, int C)
{
    double ab = 0;
    double aa = 0;
    double bb = 0;
    for (int c = 0; c < C; c++) {
        ab += (double)a[c] * (double)b[c];
        aa += (double)a[c] * (double)a[c];
        bb += (double)b[c] * (double)b[c];
    }
    return ab / sqrt(aa * bb);
}

// The mean over all pairs of different positions, pair by pair.
static double naive_token_cosine(const Tensor *x)
{
    int B = x->shape.size[0];
    int T = x->shape.size[1];
    int C = x->shape.size[2];
    double sum = 0;
    for (int b = 0; b < B; b++) {
        for (int t = 0; t < T; t++) {
            for (int s = 0; s < T; s++) {
                const Real *row = x->data + (b * T + t) * C;
                const Real *other = x->data + (b * T + s) * C;
                sum += s == t ? 0 : pair_cosine(row, other, C);
            }
        }
    }
    return sum / (B * T * (T - 1));
}

// Both sum in double; (|sum|^2 - T) / T (T - 1) loses a digit where T unit vectors nearly cancel.
START_TEST(token_cosine_is_the_mean_over_all_pairs)
{
    static const Shape shapes[] = {{3, {1, 2, 1}}, {3, {1, 2, 5}}, {3, {3, 7, 4}}, {3, {2, 32, 16}}, {3, {1, 40, 1}}};
    Tensor *x = random_leaf(shapes[_i], 3);

    ck_assert_double_eq_tol(flow_token_cosine(x), naive_token_cosine(x), 1e-13);
}
END_TEST

// The same direction in different lengths.
START_TEST(token_cosine_of_equal_directions_is_1)
{
    Tensor *x = tensor_from((float[]){1, -2, 3, 1e-20f, -2e-20f, 3e-20f, 1e20f, -2e20f, 3e20f}, SHAPE(1, 3, 3));

    ck_assert_double_eq_tol(flow_token_cosine(x), 1, 1e-7); // 1e-20 and 3e-20 are rounded in float32
}
END_TEST

START_TEST(token_cosine_of_known_directions)
{
    Tensor *opposite = tensor_from((float[]){1, 1, -1, -1}, SHAPE(1, 2, 2));
    Tensor *orthogonal = tensor_from((float[]){1, 0, 0, 0, 2, 0, 0, 0, 3}, SHAPE(1, 3, 3));
    Tensor *batch = tensor_from((float[]){1, 1, 2, 2, 1, 1, -1, -1}, SHAPE(2, 2, 2));

    ck_assert_double_eq_tol(flow_token_cosine(opposite), -1, 1e-15);
    ck_assert_double_eq_tol(flow_token_cosine(orthogonal), 0, 1e-15);
    ck_assert_double_eq_tol(flow_token_cosine(batch), 0, 1e-15); // 1 in the first sequence, -1 in the second
}
END_TEST

START_TEST(token_cosine_of_what_has_no_two_directions_is_nan)
{
    ck_assert_double_nan(flow_token_cosine(random_leaf(SHAPE(4, 5), 1)));
    ck_assert_double_nan(flow_token_cosine(random_leaf(SHAPE(4, 1, 5), 1)));
    ck_assert_double_nan(flow_token_cosine(random_leaf(SHAPE(2, 2, 3, 3), 1)));
    ck_assert_double_nan(flow_token_cosine(tensor_full(SHAPE(1, 2, 3), 0)));
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// A network to measure: first (3 -> 4), layers.0 and layers.1 (4 -> 4) with shortcuts, last (4 -> 2), spare (2 -> 2)

typedef struct Net {
    Module module;
    Linear first;
    Linear layers[2];
    Linear last;
    Linear spare;      // in the tree, in no forward pass
    Tensor *starts[2]; // of the shortcuts
    Tensor *sums[2];   // their additions
    Tensor *y;
} Net;

static const ModuleKind net_kind = {.name = "Net"};

static void net_init(Net *net)
{
    *net = (Net){0};
    module_init(&net->module, &net_kind, NULL, "");
    linear_init(&net->first, &net->module, "first", 3, 4, true);
    linear_init(&net->layers[0], &net->module, "layers.0", 4, 4, true);
    linear_init(&net->layers[1], &net->module, "layers.1", 4, 4, true);
    linear_init(&net->last, &net->module, "last", 4, 2, true);
    linear_init(&net->spare, &net->module, "spare", 2, 2, true);
    initialize(&net->module, INIT_TORCH, 1);
}

static Tensor *net_forward(Net *net)
{
    Random random = seeded(2);
    Tensor *x = linear_forward(&net->first, tensor_randn(&random, SHAPE(2, 3)));
    tensor_label(x, "in");
    for (int i = 0; i < 2; i++) {
        const char *outer = tape_scope(net->layers[i].module.name);
        net->starts[i] = x;
        x = tensor_add(x, tensor_tanh(linear_forward(&net->layers[i], x)));
        net->sums[i] = x;
        tensor_label(x, "out");
        tape_scope(outer);
    }
    net->y = linear_forward(&net->last, x);
    tensor_label(net->y, "y");
    return tensor_mean(tensor_mul(net->y, net->y));
}

static GradFlow net_measure(Net *net)
{
    module_zero_grad(&net->module);
    Tensor *loss = net_forward(net);
    GradFlowWatch *watch = gradflow_watch(tape_current());
    for (int i = 0; i < 2; i++) {
        tensor_retain_grad(net->starts[i]);
        tensor_retain_grad(net->sums[i]);
    }
    tensor_backward(loss);
    return gradflow_read(watch, &net->module);
}

// ------------------------------------------------------------------------------------------------------------
// Rows

START_TEST(every_parameter_has_a_row_with_the_statistics_of_its_gradient)
{
    Net net;
    net_init(&net);
    GradFlow flow = net_measure(&net);
    const Linear *reached[] = {&net.first, &net.layers[0], &net.layers[1], &net.last};

    for (int i = 0; i < 4; i++) {
        char name[NAME_TEXT];
        const FlowRow *weight = row_of(&flow, tensor_name(reached[i]->weight, name), FLOW_WEIGHT_GRAD);
        assert_same_stats(weight->stats, flow_stats(reached[i]->weight->grad, tensor_count(reached[i]->weight)), name);
        ck_assert_int_eq(weight->ndim, 2);
        ck_assert_int_eq(weight->part, -1);
        ck_assert_int_eq(weight->reach, FLOW_REACHED);
        const FlowRow *bias = row_of(&flow, tensor_name(reached[i]->bias, name), FLOW_BIAS_GRAD);
        assert_same_stats(bias->stats, flow_stats(reached[i]->bias->grad, tensor_count(reached[i]->bias)), name);
        ck_assert_int_eq(bias->ndim, 1);
    }
    gradflow_free(&flow);
    module_free(&net.module);
}
END_TEST

typedef struct Expected {
    const char *name;
    FlowKind kind;
    int layer;
} Expected;

// By layer; within one, parameters in tree order, then shortcuts, then intermediates in tape order.
static const Expected expected_rows[] = {
    {"first.weight", FLOW_WEIGHT_GRAD, -1},
    {"first.bias", FLOW_BIAS_GRAD, -1},
    {"in", FLOW_ACTIVATION, -1},
    {"in", FLOW_ACTIVATION_GRAD, -1},
    {"layers.0.weight", FLOW_WEIGHT_GRAD, 0},
    {"layers.0.bias", FLOW_BIAS_GRAD, 0},
    {"layers.0.shortcut.1", FLOW_SKIP_GRAD, 0},
    {"layers.0.shortcut.1", FLOW_BLOCK_GRAD, 0},
    {"layers.0.out", FLOW_ACTIVATION, 0},
    {"layers.0.out", FLOW_ACTIVATION_GRAD, 0},
    {"layers.1.weight", FLOW_WEIGHT_GRAD, 1},
    {"layers.1.bias", FLOW_BIAS_GRAD, 1},
    {"layers.1.shortcut.1", FLOW_SKIP_GRAD, 1},
    {"layers.1.shortcut.1", FLOW_BLOCK_GRAD, 1},
    {"layers.1.out", FLOW_ACTIVATION, 1},
    {"layers.1.out", FLOW_ACTIVATION_GRAD, 1},
    {"last.weight", FLOW_WEIGHT_GRAD, 2},
    {"last.bias", FLOW_BIAS_GRAD, 2},
    {"spare.weight", FLOW_WEIGHT_GRAD, 2},
    {"spare.bias", FLOW_BIAS_GRAD, 2},
    {"y", FLOW_ACTIVATION, 2},
    {"y", FLOW_ACTIVATION_GRAD, 2},
};

enum { EXPECTED_ROWS = sizeof expected_rows / sizeof expected_rows[0] };

START_TEST(rows_come_by_layer_then_in_the_order_of_the_network)
{
    Net net;
    net_init(&net);
    GradFlow flow = net_measure(&net);

    ck_assert_int_eq(flow.n_layer, 2);
    ck_assert_int_eq(flow.n_shortcuts, 2);
    ck_assert_int_eq(flow.n_rows, EXPECTED_ROWS);
    for (int i = 0; i < EXPECTED_ROWS; i++) {
        ck_assert_str_eq(flow.rows[i].name, expected_rows[i].name);
        ck_assert_int_eq(flow.rows[i].kind, expected_rows[i].kind);
        ck_assert_int_eq(flow.rows[i].layer, expected_rows[i].layer);
    }
    gradflow_free(&flow);
    module_free(&net.module);
}
END_TEST

START_TEST(rows_of_intermediates_hold_their_values_and_gradients)
{
    Net net;
    net_init(&net);
    GradFlow flow = net_measure(&net);
    const Tensor *out = net.sums[0];

    assert_same_stats(row_of(&flow, "layers.0.out", FLOW_ACTIVATION)->stats, flow_stats(out->data, 8), "values");
    assert_same_stats(row_of(&flow, "layers.0.out", FLOW_ACTIVATION_GRAD)->stats, flow_stats(out->grad, 8), "gradient");
    gradflow_free(&flow);
    module_free(&net.module);
}
END_TEST

// The number is the first part of the name that is one: not "w2v", not the 7 of "h.3.experts.7".
START_TEST(the_layer_is_the_first_number_in_the_name)
{
    Module root;
    Linear linears[3];
    module_init(&root, &net_kind, NULL, "");
    linear_init(&linears[0], &root, "w2v", 2, 2, false);
    linear_init(&linears[1], &root, "h.3.experts.7", 2, 2, false);
    linear_init(&linears[2], &root, "3head", 2, 2, false);
    initialize(&root, INIT_TORCH, 1);
    Tensor *x = random_leaf(SHAPE(1, 2), 2);
    for (int i = 0; i < 3; i++) {
        x = linear_forward(&linears[i], x);
    }
    GradFlowWatch *watch = gradflow_watch(tape_current());
    tensor_backward(tensor_sum(x));
    GradFlow flow = gradflow_read(watch, &root);

    ck_assert_int_eq(flow.n_layer, 4);
    ck_assert_int_eq(row_of(&flow, "w2v.weight", FLOW_WEIGHT_GRAD)->layer, -1);
    ck_assert_int_eq(row_of(&flow, "h.3.experts.7.weight", FLOW_WEIGHT_GRAD)->layer, 3);
    ck_assert_int_eq(row_of(&flow, "3head.weight", FLOW_WEIGHT_GRAD)->layer, 4);
    gradflow_free(&flow);
    module_free(&root);
}
END_TEST

// Parameters are those of the part; the tape has the intermediates of all the network, layers that the part does not know too.
START_TEST(a_part_of_a_network_can_be_read)
{
    Net net;
    net_init(&net);
    Tensor *loss = net_forward(&net);
    GradFlowWatch *watch = gradflow_watch(tape_current());
    tensor_backward(loss);
    GradFlow flow = gradflow_read(watch, &net.layers[0].module);

    ck_assert_int_eq(flow.n_layer, 2); // counted on the tape as well
    ck_assert_ptr_null(gradflow_find(&flow, FLOW_WEIGHT_GRAD, "layers.1.weight"));
    ck_assert_int_eq(row_of(&flow, "layers.0.weight", FLOW_WEIGHT_GRAD)->layer, 0);
    ck_assert_int_eq(row_of(&flow, "layers.1.out", FLOW_ACTIVATION)->layer, 1);
    for (int i = 1; i < flow.n_rows; i++) {
        ck_assert_int_le(flow.rows[i - 1].layer, flow.rows[i].layer);
    }
    gradflow_free(&flow);
    module_free(&net.module);
}
END_TEST

START_TEST(a_joint_weight_is_also_reported_by_its_parts)
{
    static const char *const names[] = {"h.0.attn.c_attn.weight.q", "h.0.attn.c_attn.weight.k", "h.0.attn.c_attn.weight.v",
                                        "h.0.attn.c_attn.bias.q",   "h.0.attn.c_attn.bias.k",   "h.0.attn.c_attn.bias.v"};
    Attention attention;
    attention_init(&attention, NULL, "h.0.attn", (AttentionConfig){.n_embd = 6, .n_head = 2, .qkv_bias = true, .causal = true});
    initialize(&attention.module, INIT_TORCH, 1);
    Tensor *y = attention_forward(&attention, random_leaf(SHAPE(1, 4, 6), 2));
    Tensor *loss = tensor_mean(tensor_mul(y, y));
    GradFlowWatch *watch = gradflow_watch(tape_current());
    tensor_backward(loss);
    GradFlow flow = gradflow_read(watch, &attention.module);

    for (int i = 0; i < 6; i++) {
        bool weight = i < 3;
        const Tensor *joint = weight ? attention.c_attn.weight : attention.c_attn.bias;
        size_t n = weight ? 36 : 6;
        const FlowRow *row = row_of(&flow, names[i], weight ? FLOW_WEIGHT_GRAD : FLOW_BIAS_GRAD);
        assert_same_stats(row->stats, flow_stats(joint->grad + (size_t)(i % 3) * n, n), names[i]);
        ck_assert_int_eq(row->part, i % 3);
        ck_assert_int_eq(row->layer, 0);
    }
    ck_assert_int_eq(row_of(&flow, "h.0.attn.c_attn.weight", FLOW_WEIGHT_GRAD)->part, -1);
    ck_assert_int_eq(flow.reach_count[FLOW_REACHED], 4); // parts are not parameters
    gradflow_free(&flow);
    module_free(&attention.module);
}
END_TEST

START_TEST(a_shared_parameter_has_one_row_where_it_comes_first)
{
    Module root;
    Embedding wte;
    Linear head;
    module_init(&root, &net_kind, NULL, "");
    embedding_init(&wte, &root, "wte", 5, 3);
    linear_init(&head, &root, "head", 3, 5, false);
    initialize(&root, INIT_TORCH, 1);
    Tensor *own = head.module.parameters[0];
    head.module.parameters[0] = wte.weight;
    Tensor *loss = tensor_mean(tensor_linear(embedding_forward(&wte, (int[]){1, 2}, 1, 2), wte.weight, NULL));
    GradFlowWatch *watch = gradflow_watch(tape_current());
    tensor_backward(loss);
    GradFlow flow = gradflow_read(watch, &root);

    ck_assert_int_eq(flow.n_rows, 1);
    ck_assert_str_eq(flow.rows[0].name, "wte.weight");
    ck_assert_int_eq(flow.reach_count[FLOW_REACHED], 1);
    gradflow_free(&flow);
    head.module.parameters[0] = own;
    module_free(&root);
}
END_TEST

START_TEST(kinds_and_reaches_are_named)
{
    ck_assert_str_eq(flow_kind_name(FLOW_WEIGHT_GRAD), "weight_grad");
    ck_assert_str_eq(flow_kind_name(FLOW_BIAS_GRAD), "bias_grad");
    ck_assert_str_eq(flow_kind_name(FLOW_ACTIVATION), "activation");
    ck_assert_str_eq(flow_kind_name(FLOW_ACTIVATION_GRAD), "activation_grad");
    ck_assert_str_eq(flow_kind_name(FLOW_SKIP_GRAD), "skip_grad");
    ck_assert_str_eq(flow_kind_name(FLOW_BLOCK_GRAD), "block_grad");
    ck_assert_str_eq(flow_reach_name(FLOW_REACHED), "reached");
    ck_assert_str_eq(flow_reach_name(FLOW_ALL_ZERO), "all zero");
    ck_assert_str_eq(flow_reach_name(FLOW_NEVER), "never on the tape");
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// The audit

START_TEST(a_module_left_out_of_forward_is_never_reached)
{
    Net net;
    net_init(&net);
    GradFlow flow = net_measure(&net);

    ck_assert_int_eq(row_of(&flow, "spare.weight", FLOW_WEIGHT_GRAD)->reach, FLOW_NEVER);
    ck_assert_int_eq(row_of(&flow, "spare.bias", FLOW_BIAS_GRAD)->reach, FLOW_NEVER);
    ck_assert_int_eq(flow.reach_count[FLOW_NEVER], 2);
    ck_assert_int_eq(flow.reach_count[FLOW_REACHED], 8);
    ck_assert_int_eq(flow.reach_count[FLOW_ALL_ZERO] + flow.reach_count[FLOW_NAN], 0);
    gradflow_free(&flow);
    module_free(&net.module);
}
END_TEST

// Two linear layers, a then b; loss = mean(b(a(x)) * factor).
typedef struct Pair {
    Module module;
    Linear a;
    Linear b;
} Pair;

static void pair_init(Pair *pair)
{
    *pair = (Pair){0};
    module_init(&pair->module, &net_kind, NULL, "");
    linear_init(&pair->a, &pair->module, "a", 3, 3, false);
    linear_init(&pair->b, &pair->module, "b", 3, 3, false);
    initialize(&pair->module, INIT_TORCH, 1);
}

static GradFlow pair_measure(Pair *pair, Tensor *factor)
{
    Tensor *y = linear_forward(&pair->b, linear_forward(&pair->a, random_leaf(SHAPE(2, 3), 2)));
    Tensor *loss = tensor_mean(tensor_mul(y, factor));
    GradFlowWatch *watch = gradflow_watch(tape_current());
    tensor_backward(loss);
    GradFlow flow = gradflow_read(watch, &pair->module);
    tape_reset(tape_current());
    return flow;
}

static void assert_pair_is(double factor, FlowReach reach)
{
    Pair pair;
    pair_init(&pair);
    GradFlow flow = pair_measure(&pair, tensor_full(SHAPE(1), factor));
    ck_assert_int_eq(flow.reach_count[reach], 2);
    ck_assert_int_eq(row_of(&flow, "a.weight", FLOW_WEIGHT_GRAD)->reach, reach);
    gradflow_free(&flow);
    module_free(&pair.module);
}

START_TEST(a_parameter_multiplied_by_0_has_a_gradient_of_all_zeros)
{
    assert_pair_is(0, FLOW_ALL_ZERO);
}
END_TEST

START_TEST(a_loss_that_is_nan_or_infinite_is_found)
{
    assert_pair_is(NAN, FLOW_NAN);
    assert_pair_is(INFINITY, FLOW_NAN);
}
END_TEST

// One bad value among good ones.
START_TEST(a_single_nan_in_a_gradient_is_found)
{
    Pair pair;
    pair_init(&pair);
    GradFlow flow = pair_measure(&pair, tensor_from((float[]){1, NAN, 1}, SHAPE(3)));

    const FlowRow *row = row_of(&flow, "b.weight", FLOW_WEIGHT_GRAD);
    ck_assert_int_eq(row->reach, FLOW_NAN);
    ck_assert(isfinite(pair.b.weight->grad[0]));
    gradflow_free(&flow);
    module_free(&pair.module);
}
END_TEST

// Of one row of positive values, so that no two infinities cancel to NaN: every value is infinite, none is NaN.
START_TEST(an_infinite_gradient_is_not_finite)
{
    Pair pair;
    pair_init(&pair);
    Tensor *loss = tensor_sum(tensor_scale(linear_forward(&pair.b, tensor_full(SHAPE(1, 3), 1)), INFINITY));
    GradFlowWatch *watch = gradflow_watch(tape_current());
    tensor_backward(loss);
    GradFlow flow = gradflow_read(watch, &pair.module);

    const FlowRow *row = row_of(&flow, "b.weight", FLOW_WEIGHT_GRAD);
    ck_assert_double_infinite(row->stats.l2);
    ck_assert_int_eq(row->reach, FLOW_NAN);
    gradflow_free(&flow);
    module_free(&pair.module);
}
END_TEST

// float32 goes down to 1.4e-45; that is small, but it is there.
START_TEST(a_denormal_gradient_has_arrived)
{
    Pair pair;
    pair_init(&pair);
    GradFlow flow = pair_measure(&pair, tensor_full(SHAPE(1), 1e-38));

    const FlowRow *row = row_of(&flow, "a.weight", FLOW_WEIGHT_GRAD);
    ck_assert_int_eq(row->reach, FLOW_REACHED);
    ck_assert_double_gt(row->stats.denormal_fraction, 0.9);
    ck_assert_double_gt(row->stats.l2, 0);
    gradflow_free(&flow);
    module_free(&pair.module);
}
END_TEST

// What was reached last time, and zeroed, is not reached for that, even where it is on the tape, in a branch that ends nowhere.
START_TEST(the_audit_is_of_the_last_backward_pass)
{
    Pair pair;
    pair_init(&pair);
    GradFlow flow = pair_measure(&pair, tensor_full(SHAPE(1), 1));
    ck_assert_int_eq(flow.reach_count[FLOW_REACHED], 2);
    gradflow_free(&flow);
    module_zero_grad(&pair.module);

    Tensor *x = random_leaf(SHAPE(2, 3), 2);
    linear_forward(&pair.a, x);
    Tensor *loss = tensor_sum(linear_forward(&pair.b, x));
    GradFlowWatch *watch = gradflow_watch(tape_current());
    tensor_backward(loss);
    flow = gradflow_read(watch, &pair.module);

    ck_assert_int_eq(row_of(&flow, "a.weight", FLOW_WEIGHT_GRAD)->reach, FLOW_NEVER);
    ck_assert_int_eq(row_of(&flow, "b.weight", FLOW_WEIGHT_GRAD)->reach, FLOW_REACHED);
    gradflow_free(&flow);
    module_free(&pair.module);
}
END_TEST

// Recorded, but the loss does not depend on it.
START_TEST(a_branch_that_ends_nowhere_is_never_reached)
{
    Pair pair;
    pair_init(&pair);
    Tensor *x = random_leaf(SHAPE(2, 3), 2);
    linear_forward(&pair.a, x);
    Tensor *loss = tensor_sum(linear_forward(&pair.b, x));
    GradFlowWatch *watch = gradflow_watch(tape_current());
    tensor_backward(loss);
    GradFlow flow = gradflow_read(watch, &pair.module);

    ck_assert_int_eq(row_of(&flow, "a.weight", FLOW_WEIGHT_GRAD)->reach, FLOW_NEVER);
    gradflow_free(&flow);
    module_free(&pair.module);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// The split at shortcuts

// What went through the addition is the addition's own gradient, bit by bit; the rest came through the block.
static void assert_split(const GradFlow *flow, const char *name, const Tensor *start, const Tensor *sum)
{
    size_t n = tensor_count(start);
    Real *rest = copy_values(start->grad, n);
    for (size_t i = 0; i < n; i++) {
        rest[i] -= sum->grad[i];
    }
    FlowStats skip = row_of(flow, name, FLOW_SKIP_GRAD)->stats;
    FlowStats block = row_of(flow, name, FLOW_BLOCK_GRAD)->stats;
    FlowStats expected = flow_stats(rest, n);
    assert_same_stats(skip, flow_stats(sum->grad, n), name);
    double rounding = 1.2e-7 * skip.max_abs; // of the sum, which rest was taken from
    ck_assert_double_eq_tol(block.mean_abs, expected.mean_abs, rounding);
    ck_assert_double_eq_tol(block.max_abs, expected.max_abs, rounding);
    ck_assert_double_eq_tol(block.rms, expected.rms, rounding);
    ck_assert_double_gt(block.mean_abs, 100 * rounding); // there is something to compare
    free(rest);
}

START_TEST(skip_and_block_add_up_to_the_gradient_at_the_start)
{
    Net net;
    net_init(&net);
    GradFlow flow = net_measure(&net);

    assert_split(&flow, "layers.0.shortcut.1", net.starts[0], net.sums[0]);
    assert_split(&flow, "layers.1.shortcut.1", net.starts[1], net.sums[1]);
    gradflow_free(&flow);
    module_free(&net.module);
}
END_TEST

// x + 3 x, where all can be worked out by hand: dL/dx = 1 through the addition, 3 through the block.
START_TEST(a_split_that_can_be_worked_out_by_hand)
{
    Module root;
    module_init(&root, &net_kind, NULL, "");
    Tensor *x = random_leaf(SHAPE(4), 1);
    Tensor *loss = tensor_sum(tensor_add(x, tensor_scale(x, 3)));
    GradFlowWatch *watch = gradflow_watch(tape_current());
    tensor_backward(loss);
    GradFlow flow = gradflow_read(watch, &root);

    ck_assert_int_eq(flow.n_shortcuts, 1);
    ck_assert_int_eq(flow.n_rows, 2);
    ck_assert_int_eq(flow.rows[0].layer, -1); // the 1 of its name is no layer
    ck_assert_double_eq(row_of(&flow, "shortcut.1", FLOW_SKIP_GRAD)->stats.mean_abs, 1);
    ck_assert_double_eq(row_of(&flow, "shortcut.1", FLOW_BLOCK_GRAD)->stats.mean_abs, 3);
    for (int i = 0; i < 4; i++) {
        ck_assert_double_eq((double)x->grad[i], 4);
    }
    gradflow_free(&flow);
    module_free(&root);
}
END_TEST

// A block that uses x twice, x + x (2 x): y = x + 2 x^2, dy/dx = 1 + 4 x, where the multiplication takes x at both ends.
START_TEST(a_block_may_use_the_start_more_than_once)
{
    Module root;
    module_init(&root, &net_kind, NULL, "");
    Tensor *x = tensor_from((float[]){1, -2, 0.5f}, SHAPE(3));
    tensor_require_grad(x);
    Tensor *loss = tensor_sum(tensor_add(tensor_mul(x, tensor_scale(x, 2)), x));
    GradFlowWatch *watch = gradflow_watch(tape_current());
    tensor_backward(loss);
    GradFlow flow = gradflow_read(watch, &root);

    ck_assert_double_eq(row_of(&flow, "shortcut.1", FLOW_SKIP_GRAD)->stats.mean_abs, 1);
    ck_assert_double_eq(row_of(&flow, "shortcut.1", FLOW_BLOCK_GRAD)->stats.mean_abs, (4 + 8 + 2) / 3.0);
    const Real expected[] = {5, -7, 3};
    assert_same_bits(x->grad, expected, 3, "dx");
    gradflow_free(&flow);
    module_free(&root);
}
END_TEST

// x + x x, where one node takes the start twice, after the addition has added to it: dy/dx = 1 + 2 x.
START_TEST(a_node_may_take_the_start_twice)
{
    Module root;
    module_init(&root, &net_kind, NULL, "");
    Tensor *x = tensor_from((float[]){1, -2, 0.5f}, SHAPE(3));
    tensor_require_grad(x);
    Tensor *loss = tensor_sum(tensor_add(x, tensor_mul(x, x)));
    GradFlowWatch *watch = gradflow_watch(tape_current());
    tensor_backward(loss);
    GradFlow flow = gradflow_read(watch, &root);

    ck_assert_double_eq(row_of(&flow, "shortcut.1", FLOW_SKIP_GRAD)->stats.mean_abs, 1);
    ck_assert_double_eq(row_of(&flow, "shortcut.1", FLOW_BLOCK_GRAD)->stats.mean_abs, (2 + 4 + 1) / 3.0);
    const Real expected[] = {3, -3, 2};
    assert_same_bits(x->grad, expected, 3, "dx");
    gradflow_free(&flow);
    module_free(&root);
}
END_TEST

START_TEST(a_start_that_wants_no_gradient_is_not_split)
{
    Module root;
    module_init(&root, &net_kind, NULL, "");
    Tensor *x = tensor_full(SHAPE(3), 1);
    Tensor *w = random_leaf(SHAPE(3), 2);
    Tensor *loss = tensor_sum(tensor_add(x, tensor_mul(x, w)));
    GradFlowWatch *watch = gradflow_watch(tape_current());
    tensor_backward(loss);
    GradFlow flow = gradflow_read(watch, &root);

    ck_assert_int_eq(flow.n_shortcuts, 1); // it was taken, but nothing can come back to its start
    ck_assert_int_eq(flow.n_rows, 0);
    ck_assert_ptr_null(x->grad);
    gradflow_free(&flow);
    module_free(&root);
}
END_TEST

// One block inside another: x + f(u), u = y + g(y), y = h(x).
START_TEST(shortcuts_inside_a_block_are_split_for_themselves)
{
    Module root;
    module_init(&root, &net_kind, NULL, "");
    Tensor *x = random_leaf(SHAPE(4), 1);
    Tensor *y = tensor_sigmoid(x);
    Tensor *u = tensor_add(y, tensor_tanh(y));
    Tensor *z = tensor_add(x, tensor_exp(u));
    Tensor *loss = tensor_sum(tensor_mul(z, z));
    GradFlowWatch *watch = gradflow_watch(tape_current());
    tensor_retain_grad(y);
    tensor_retain_grad(u);
    tensor_retain_grad(z);
    tensor_backward(loss);
    GradFlow flow = gradflow_read(watch, &root);

    ck_assert_int_eq(flow.n_shortcuts, 2);
    assert_split(&flow, "shortcut.1", y, u);
    assert_split(&flow, "shortcut.2", x, z);
    gradflow_free(&flow);
    module_free(&root);
}
END_TEST

// Two additions with one start, x + f(x) and x + g(x + f(x)): both shortcuts' parts make up the skip gradient there.
START_TEST(shortcuts_may_start_at_the_same_place)
{
    Module root;
    module_init(&root, &net_kind, NULL, "");
    Tensor *x = random_leaf(SHAPE(4), 1);
    Tensor *u = tensor_add(x, tensor_scale(x, 2)); // 3 x
    Tensor *z = tensor_add(x, tensor_scale(u, 5)); // 16 x
    GradFlowWatch *watch = gradflow_watch(tape_current());
    Real dz[] = {1, 1, 1, 1};
    tensor_backward_from(z, dz);
    GradFlow flow = gradflow_read(watch, &root);

    ck_assert_int_eq(flow.n_shortcuts, 2);
    ck_assert_int_eq(flow.n_rows, 2);
    ck_assert_double_eq(row_of(&flow, "shortcut.1", FLOW_SKIP_GRAD)->stats.mean_abs, 1 + 5);
    ck_assert_double_eq(row_of(&flow, "shortcut.1", FLOW_BLOCK_GRAD)->stats.mean_abs, 2 * 5);
    ck_assert_double_eq((double)x->grad[0], 16);
    gradflow_free(&flow);
    module_free(&root);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// The watch itself

// With the watch each node's part is formed alone and then added, so that sums are rounded in another order.
START_TEST(the_watch_changes_no_gradient)
{
    Net net;
    net_init(&net);
    ParameterList list = module_parameters(&net.module);
    tensor_backward(net_forward(&net));
    Real *without[8];
    for (int i = 0; i < 8; i++) {
        without[i] = copy_values(list.parameters[i]->grad, tensor_count(list.parameters[i]));
    }
    tape_reset(tape_current());

    GradFlow flow = net_measure(&net);

    for (int i = 0; i < 8; i++) {
        assert_values_near(list.parameters[i]->grad, without[i], tensor_count(list.parameters[i]), 2.4e-7, "gradient");
        free(without[i]);
    }
    gradflow_free(&flow);
    parameter_list_free(&list);
    module_free(&net.module);
}
END_TEST

START_TEST(the_watch_ends_when_it_is_read)
{
    Net net;
    net_init(&net);
    GradFlow flow = net_measure(&net);

    ck_assert_int_eq(tape_current()->n_observers, 0);
    gradflow_free(&flow);
    ck_assert_int_eq(flow.n_rows, 0);
    module_free(&net.module);
}
END_TEST

// What an observer found in the gradient at the start of the first shortcut, after each node.
typedef struct SeenGradient {
    const Tensor *start;
    int n;
    Real value[64];
} SeenGradient;

static void see_gradient(TapeNode *node, void *context)
{
    (void)node;
    SeenGradient *seen = context;
    seen->value[seen->n] = seen->start->grad == NULL ? 0 : seen->start->grad[0];
    seen->n++;
}

static void watch_twice(Net *net, GradFlow flows[2])
{
    Tensor *loss = net_forward(net);
    GradFlowWatch *first = gradflow_watch(tape_current());
    GradFlowWatch *second = gradflow_watch(tape_current());
    tensor_backward(loss);
    flows[0] = gradflow_read(first, &net->module);
    flows[1] = gradflow_read(second, &net->module);
}

START_TEST(two_watches_measure_the_same_as_one)
{
    Net net;
    net_init(&net);
    GradFlow alone = net_measure(&net);
    tape_reset(tape_current());
    module_zero_grad(&net.module);
    GradFlow both[2];
    watch_twice(&net, both);

    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(both[i].n_rows, alone.n_rows);
        for (int row = 0; row < alone.n_rows; row++) {
            ck_assert_str_eq(both[i].rows[row].name, alone.rows[row].name);
            ck_assert_int_eq(both[i].rows[row].kind, alone.rows[row].kind);
            ck_assert_double_eq(both[i].rows[row].stats.l2, alone.rows[row].stats.l2);
        }
        gradflow_free(&both[i]);
    }
    gradflow_free(&alone);
    module_free(&net.module);
}
END_TEST

// The watch sets that gradient to zero before each node. Observers before and after it must not see that.
START_TEST(observers_see_the_same_gradients_beside_a_watch)
{
    Net net;
    net_init(&net);
    SeenGradient seen[3] = {{0}};
    Tape *tape = tape_current();

    Tensor *loss = net_forward(&net);
    tensor_retain_grad(net.starts[0]);
    for (int i = 0; i < 3; i++) {
        seen[i].start = net.starts[0];
    }
    int alone = tape_observer_add(tape, (TapeObserver){.after = see_gradient, .context = &seen[0]});
    tensor_backward(loss);
    tape_observer_remove(tape, alone);

    module_zero_grad(&net.module);
    int before = tape_observer_add(tape, (TapeObserver){.after = see_gradient, .context = &seen[1]});
    GradFlowWatch *watch = gradflow_watch(tape);
    int after = tape_observer_add(tape, (TapeObserver){.after = see_gradient, .context = &seen[2]});
    tensor_backward(loss);
    GradFlow flow = gradflow_read(watch, &net.module);
    ck_assert_int_eq(tape->n_observers, 2);
    tape_observer_remove(tape, before);
    tape_observer_remove(tape, after);

    ck_assert_int_gt(seen[0].n, 0);
    ck_assert_float_ne(seen[0].value[seen[0].n - 1], 0);
    for (int i = 1; i < 3; i++) {
        ck_assert_int_eq(seen[i].n, seen[0].n);
        assert_values_near(seen[i].value, seen[0].value, (size_t)seen[0].n, 2.4e-7, "gradient at the shortcut's start");
    }
    gradflow_free(&flow);
    module_free(&net.module);
}
END_TEST

START_TEST(a_watch_restores_which_gradients_are_kept)
{
    Net net;
    net_init(&net);
    Tensor *loss = net_forward(&net);
    tensor_retain_grad(net.starts[0]);
    GradFlowWatch *watch = gradflow_watch(tape_current());
    ck_assert(net.y->retain_grad);
    gradflow_unwatch(watch);

    ck_assert(!net.y->retain_grad);
    ck_assert(net.starts[0]->retain_grad);
    ck_assert_int_eq(tape_current()->n_observers, 0);
    tensor_backward(loss);
    ck_assert_ptr_null(net.y->grad);
    module_free(&net.module);
}
END_TEST

START_TEST(a_watch_sees_nothing_once_its_tape_was_reset)
{
    Net net;
    net_init(&net);
    net_forward(&net);
    GradFlowWatch *watch = gradflow_watch(tape_current());
    tape_reset(tape_current());

    SeenGradient seen = {0};
    Tensor *loss = net_forward(&net);
    seen.start = net.starts[0];
    int observer = tape_observer_add(tape_current(), (TapeObserver){.after = see_gradient, .context = &seen});
    tensor_backward(loss);
    ck_assert_float_ne(seen.value[seen.n - 1], 0);
    tape_observer_remove(tape_current(), observer);
    gradflow_unwatch(watch);
    module_free(&net.module);
}
END_TEST

// Only the forward pass is there when the watch begins; the loss is computed under it.
START_TEST(the_loss_may_be_recorded_after_the_watch_has_begun)
{
    Net net;
    net_init(&net);
    Tensor *x = linear_forward(&net.first, random_leaf(SHAPE(2, 3), 3));
    GradFlowWatch *watch = gradflow_watch(tape_current());
    for (int i = 0; i < 20; i++) {
        x = tensor_add(x, linear_forward(&net.layers[i % 2], x));
    }
    tensor_backward(tensor_sum(x));
    GradFlow flow = gradflow_read(watch, &net.module);

    ck_assert_int_eq(flow.reach_count[FLOW_REACHED], 6);
    ck_assert_int_eq(flow.reach_count[FLOW_NEVER], 4);
    gradflow_free(&flow);
    module_free(&net.module);
}
END_TEST

// Backward may run twice. Intermediates start afresh, parameters add up: so the parts at a shortcut are the second pass's.
// The second pass starts below where the first one ended, and comes by no shortcut.
START_TEST(a_pass_over_an_earlier_part_forgets_the_one_before)
{
    Module root;
    module_init(&root, &net_kind, NULL, "");
    Tensor *x = random_leaf(SHAPE(4), 1);
    Tensor *early = tensor_sum(tensor_mul(x, x));
    Tensor *late = tensor_sum(tensor_add(x, tensor_tanh(x)));
    GradFlowWatch *watch = gradflow_watch(tape_current());
    tensor_backward(late);
    tensor_backward(early);
    GradFlow flow = gradflow_read(watch, &root);

    ck_assert_double_eq(row_of(&flow, "shortcut.1", FLOW_SKIP_GRAD)->stats.max_abs, 0);
    gradflow_free(&flow);
    module_free(&root);
}
END_TEST

START_TEST(a_second_backward_pass_is_read_like_the_first)
{
    Net net;
    net_init(&net);
    Tensor *loss = net_forward(&net);
    tensor_retain_grad(net.starts[1]);
    tensor_retain_grad(net.sums[1]);
    GradFlowWatch *watch = gradflow_watch(tape_current());
    for (int pass = 0; pass < 5; pass++) {
        tensor_backward(loss);
    }
    GradFlow flow = gradflow_read(watch, &net.module);

    ck_assert_int_eq(flow.reach_count[FLOW_REACHED], 8);
    assert_split(&flow, "layers.1.shortcut.1", net.starts[1], net.sums[1]);
    gradflow_free(&flow);
    module_free(&net.module);
}
END_TEST

START_TEST(there_must_be_a_tape_to_watch)
{
    ASSERT_MISTAKE(gradflow_watch(NULL), "gradflow_watch: tape is NULL");
}
END_TEST

START_TEST(measuring_again_gives_the_same_bits)
{
    Net net;
    net_init(&net);
    GradFlow first = net_measure(&net);
    tape_reset(tape_current());
    GradFlow second = net_measure(&net);

    ck_assert_int_eq(first.n_rows, second.n_rows);
    for (int i = 0; i < first.n_rows; i++) {
        ck_assert_str_eq(first.rows[i].name, second.rows[i].name);
        if (first.rows[i].reach != FLOW_NEVER) {
            assert_same_stats(second.rows[i].stats, first.rows[i].stats, first.rows[i].name);
        }
    }
    gradflow_free(&first);
    gradflow_free(&second);
    module_free(&net.module);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------

static void add_reading(Suite *suite)
{
    TCase *rows = case_with_tape(suite, "rows");
    tcase_add_test(rows, every_parameter_has_a_row_with_the_statistics_of_its_gradient);
    tcase_add_test(rows, rows_come_by_layer_then_in_the_order_of_the_network);
    tcase_add_test(rows, rows_of_intermediates_hold_their_values_and_gradients);
    tcase_add_test(rows, the_layer_is_the_first_number_in_the_name);
    tcase_add_test(rows, a_part_of_a_network_can_be_read);
    tcase_add_test(rows, a_joint_weight_is_also_reported_by_its_parts);
    tcase_add_test(rows, a_shared_parameter_has_one_row_where_it_comes_first);
    tcase_add_test(rows, kinds_and_reaches_are_named);

    TCase *audit = case_with_tape(suite, "audit");
    tcase_add_test(audit, a_module_left_out_of_forward_is_never_reached);
    tcase_add_test(audit, a_parameter_multiplied_by_0_has_a_gradient_of_all_zeros);
    tcase_add_test(audit, a_loss_that_is_nan_or_infinite_is_found);
    tcase_add_test(audit, a_single_nan_in_a_gradient_is_found);
    tcase_add_test(audit, an_infinite_gradient_is_not_finite);
    tcase_add_test(audit, a_denormal_gradient_has_arrived);
    tcase_add_test(audit, the_audit_is_of_the_last_backward_pass);
    tcase_add_test(audit, a_branch_that_ends_nowhere_is_never_reached);

    TCase *split = case_with_tape(suite, "split");
    tcase_add_test(split, skip_and_block_add_up_to_the_gradient_at_the_start);
    tcase_add_test(split, a_split_that_can_be_worked_out_by_hand);
    tcase_add_test(split, a_block_may_use_the_start_more_than_once);
    tcase_add_test(split, a_node_may_take_the_start_twice);
    tcase_add_test(split, a_start_that_wants_no_gradient_is_not_split);
    tcase_add_test(split, shortcuts_inside_a_block_are_split_for_themselves);
    tcase_add_test(split, shortcuts_may_start_at_the_same_place);

    TCase *watch = case_with_tape(suite, "watch");
    tcase_add_test(watch, the_watch_changes_no_gradient);
    tcase_add_test(watch, the_watch_ends_when_it_is_read);
    tcase_add_test(watch, two_watches_measure_the_same_as_one);
    tcase_add_test(watch, observers_see_the_same_gradients_beside_a_watch);
    tcase_add_test(watch, a_watch_restores_which_gradients_are_kept);
    tcase_add_test(watch, a_watch_sees_nothing_once_its_tape_was_reset);
    tcase_add_test(watch, the_loss_may_be_recorded_after_the_watch_has_begun);
    tcase_add_test(watch, a_pass_over_an_earlier_part_forgets_the_one_before);
    tcase_add_test(watch, a_second_backward_pass_is_read_like_the_first);
    tcase_add_test(watch, measuring_again_gives_the_same_bits);
    tcase_add_test(watch, there_must_be_a_tape_to_watch);
}

int main(void)
{
    Suite *suite = suite_create("gradflow");
    TCase *stats = case_with_tape(suite, "statistics");
    tcase_add_test(stats, statistics_of_known_values);
    tcase_add_test(stats, denormal_values_count_and_are_not_taken_for_zero);
    tcase_add_test(stats, sums_of_large_values_do_not_overflow);
    tcase_add_test(stats, sums_run_in_double);
    tcase_add_loop_test(stats, one_nan_makes_every_size_nan, 0, 4);
    tcase_add_test(stats, an_infinity_is_infinite);

    TCase *cosine = case_with_tape(suite, "token cosine");
    tcase_add_loop_test(cosine, token_cosine_is_the_mean_over_all_pairs, 0, 5);
    tcase_add_test(cosine, token_cosine_of_equal_directions_is_1);
    tcase_add_test(cosine, token_cosine_of_known_directions);
    tcase_add_test(cosine, token_cosine_of_what_has_no_two_directions_is_nan);

    add_reading(suite);
    return suite_run(suite);
}
