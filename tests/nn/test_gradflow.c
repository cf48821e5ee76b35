// test_gradflow.c: rows for every parameter and intermediate, and the audit of which parameters a gradient reached.

#include "tests/nn/flow_test.h"

// ------------------------------------------------------------------------------------------------------------
// Rows

START_TEST(every_parameter_has_a_row_with_the_statistics_of_its_gradient)
{
    GradFlow flow = net_measure();
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
    GradFlow flow = net_measure();

    ck_assert_int_eq(flow.n_layer, 2);
    ck_assert_int_eq(flow.n_shortcuts, 2);
    ck_assert_int_eq(flow.n_rows, EXPECTED_ROWS);
    for (int i = 0; i < EXPECTED_ROWS; i++) {
        ck_assert_str_eq(flow.rows[i].name, expected_rows[i].name);
        ck_assert_int_eq(flow.rows[i].kind, expected_rows[i].kind);
        ck_assert_int_eq(flow.rows[i].layer, expected_rows[i].layer);
    }
    gradflow_free(&flow);
}
END_TEST

START_TEST(rows_of_intermediates_hold_their_values_and_gradients)
{
    GradFlow flow = net_measure();
    const Tensor *out = net.sums[0];

    assert_same_stats(row_of(&flow, "layers.0.out", FLOW_ACTIVATION)->stats, flow_stats(out->data, 8), "values");
    assert_same_stats(row_of(&flow, "layers.0.out", FLOW_ACTIVATION_GRAD)->stats, flow_stats(out->grad, 8), "gradient");
    gradflow_free(&flow);
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
    Tensor *loss = net_forward();
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
    GradFlow flow = net_measure();

    ck_assert_int_eq(row_of(&flow, "spare.weight", FLOW_WEIGHT_GRAD)->reach, FLOW_NEVER);
    ck_assert_int_eq(row_of(&flow, "spare.bias", FLOW_BIAS_GRAD)->reach, FLOW_NEVER);
    ck_assert_int_eq(flow.reach_count[FLOW_NEVER], 2);
    ck_assert_int_eq(flow.reach_count[FLOW_REACHED], 8);
    ck_assert_int_eq(flow.reach_count[FLOW_ALL_ZERO] + flow.reach_count[FLOW_NAN], 0);
    gradflow_free(&flow);
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

int main(void)
{
    Suite *suite = suite_create("gradflow");
    TCase *rows = case_with_tape(suite, "rows");
    tcase_add_checked_fixture(rows, net_init, net_free);
    tcase_add_test(rows, every_parameter_has_a_row_with_the_statistics_of_its_gradient);
    tcase_add_test(rows, rows_come_by_layer_then_in_the_order_of_the_network);
    tcase_add_test(rows, rows_of_intermediates_hold_their_values_and_gradients);
    tcase_add_test(rows, the_layer_is_the_first_number_in_the_name);
    tcase_add_test(rows, a_part_of_a_network_can_be_read);
    tcase_add_test(rows, a_joint_weight_is_also_reported_by_its_parts);
    tcase_add_test(rows, a_shared_parameter_has_one_row_where_it_comes_first);
    tcase_add_test(rows, kinds_and_reaches_are_named);

    TCase *audit = case_with_tape(suite, "audit");
    tcase_add_checked_fixture(audit, net_init, net_free);
    tcase_add_test(audit, a_module_left_out_of_forward_is_never_reached);
    tcase_add_test(audit, a_parameter_multiplied_by_0_has_a_gradient_of_all_zeros);
    tcase_add_test(audit, a_loss_that_is_nan_or_infinite_is_found);
    tcase_add_test(audit, a_single_nan_in_a_gradient_is_found);
    tcase_add_test(audit, an_infinite_gradient_is_not_finite);
    tcase_add_test(audit, a_denormal_gradient_has_arrived);
    tcase_add_test(audit, the_audit_is_of_the_last_backward_pass);
    tcase_add_test(audit, a_branch_that_ends_nowhere_is_never_reached);
    return suite_run(suite);
}
