// test_gradsplit.c: the gradient at the start of a shortcut, split into what came through the addition and through the block.

#include "tests/nn/flow_test.h"

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
}

START_TEST(skip_and_block_add_up_to_the_gradient_at_the_start)
{
    GradFlow flow = net_measure();

    assert_split(&flow, "layers.0.shortcut.1", net.starts[0], net.sums[0]);
    assert_split(&flow, "layers.1.shortcut.1", net.starts[1], net.sums[1]);
    gradflow_free(&flow);
}
END_TEST

// The gradient flow of what has no parameters.
static GradFlow measure(Tensor *loss)
{
    Module root;
    module_init(&root, &net_kind, NULL, "");
    GradFlowWatch *watch = gradflow_watch(tape_current());
    tensor_backward(loss);
    GradFlow flow = gradflow_read(watch, &root);
    module_free(&root);
    return flow;
}

// The mean sizes of the gradient that came to the start of the first shortcut by it, and by the block.
static void assert_parts(const GradFlow *flow, double skip, double block)
{
    ck_assert_double_eq(row_of(flow, "shortcut.1", FLOW_SKIP_GRAD)->stats.mean_abs, skip);
    ck_assert_double_eq(row_of(flow, "shortcut.1", FLOW_BLOCK_GRAD)->stats.mean_abs, block);
}

// x + 3 x, where all can be worked out by hand: dL/dx = 1 through the addition, 3 through the block.
START_TEST(a_split_that_can_be_worked_out_by_hand)
{
    Tensor *x = random_leaf(SHAPE(4), 1);
    Tensor *loss = tensor_sum(tensor_add(x, tensor_scale(x, 3)));
    GradFlow flow = measure(loss);

    ck_assert_int_eq(flow.n_shortcuts, 1);
    ck_assert_int_eq(flow.n_rows, 2);
    ck_assert_int_eq(flow.rows[0].layer, -1); // the 1 in its name is not a layer
    assert_parts(&flow, 1, 3);
    for (int i = 0; i < 4; i++) {
        ck_assert_double_eq((double)x->grad[i], 4);
    }
    gradflow_free(&flow);
}
END_TEST

// x + 3 x = y, then y + 5 (y + x), each a marked sublayer. Past the first f come 6 of the gradient at x by y, and 5 into the second f; what f
// the later sublayer's own paths pass does not matter.
START_TEST(a_later_sublayer_may_use_the_start_too)
{
    Tensor *x = random_leaf(SHAPE(4), 1);
    Tensor *y = x;
    for (int s = 0; s < 2; s++) {
        tape_sublayer_begin(y);
        Tensor *input = s == 0 ? y : tensor_add(y, x);
        tape_branch(true);
        Tensor *f = tensor_scale(input, s == 0 ? 3 : 5);
        tape_branch(false);
        y = tensor_add(y, f);
        tape_sublayer_end();
    }
    GradFlow flow = measure(tensor_sum(y));

    assert_parts(&flow, 6 + 5, 3 * 6);
    gradflow_free(&flow);
}
END_TEST

// A block that uses x twice, x + x (2 x): y = x + 2 x^2, dy/dx = 1 + 4 x, where the multiplication takes x at both ends.
START_TEST(a_block_may_use_the_start_more_than_once)
{
    Tensor *x = tensor_require_grad(tensor_from((float[]){1, -2, 0.5f}, SHAPE(3)));
    GradFlow flow = measure(tensor_sum(tensor_add(tensor_mul(x, tensor_scale(x, 2)), x)));

    assert_parts(&flow, 1, (4 + 8 + 2) / 3.0);
    assert_same_bits(x->grad, (Real[]){5, -7, 3}, 3, "dx");
    gradflow_free(&flow);
}
END_TEST

// x + x x, where one node takes the start twice, after the addition has added to it: dy/dx = 1 + 2 x.
START_TEST(a_node_may_take_the_start_twice)
{
    Tensor *x = tensor_require_grad(tensor_from((float[]){1, -2, 0.5f}, SHAPE(3)));
    GradFlow flow = measure(tensor_sum(tensor_add(x, tensor_mul(x, x))));

    assert_parts(&flow, 1, (2 + 4 + 1) / 3.0);
    assert_same_bits(x->grad, (Real[]){3, -3, 2}, 3, "dx");
    gradflow_free(&flow);
}
END_TEST

START_TEST(a_start_that_wants_no_gradient_is_not_split)
{
    Tensor *x = tensor_full(SHAPE(3), 1);
    Tensor *w = random_leaf(SHAPE(3), 2);
    Tensor *loss = tensor_sum(tensor_add(x, tensor_mul(x, w)));
    GradFlow flow = measure(loss);

    ck_assert_int_eq(flow.n_shortcuts, 1); // it was taken, but nothing can come back to its start
    ck_assert_int_eq(flow.n_rows, 0);
    ck_assert_ptr_null(x->grad);
    gradflow_free(&flow);
}
END_TEST

// One block inside another: x + f(u), u = y + g(y), y = h(x).
START_TEST(shortcuts_inside_a_block_are_split_for_themselves)
{
    Tensor *x = random_leaf(SHAPE(4), 1);
    Tensor *y = tensor_sigmoid(x);
    Tensor *u = tensor_add(y, tensor_tanh(y));
    Tensor *z = tensor_add(x, tensor_exp(u));
    Tensor *loss = tensor_sum(tensor_mul(z, z));
    tensor_retain_grad(y);
    tensor_retain_grad(u);
    tensor_retain_grad(z);
    GradFlow flow = measure(loss);

    ck_assert_int_eq(flow.n_shortcuts, 2);
    assert_split(&flow, "shortcut.1", y, u);
    assert_split(&flow, "shortcut.2", x, z);
    gradflow_free(&flow);
}
END_TEST

// Two additions with one start, x + f(x) and x + g(x + f(x)): both shortcuts' parts make up the skip gradient there.
START_TEST(shortcuts_may_start_at_the_same_place)
{
    Tensor *x = random_leaf(SHAPE(4), 1);
    Tensor *u = tensor_add(x, tensor_scale(x, 2)); // 3 x
    Tensor *z = tensor_add(x, tensor_scale(u, 5)); // 16 x
    GradFlow flow = measure(tensor_sum(z));

    ck_assert_int_eq(flow.n_shortcuts, 2);
    ck_assert_int_eq(flow.n_rows, 2);
    assert_parts(&flow, 1 + 5, 2 * 5);
    ck_assert_double_eq((double)x->grad[0], 16);
    gradflow_free(&flow);
}
END_TEST

// The second pass starts below where the first one ended, and comes by no shortcut.
START_TEST(a_pass_over_an_earlier_part_forgets_the_one_before)
{
    Tensor *x = random_leaf(SHAPE(4), 1);
    Tensor *early = tensor_sum(tensor_mul(x, x));
    Tensor *late = tensor_sum(tensor_add(x, tensor_tanh(x)));
    GradFlowWatch *watch = gradflow_watch(tape_current());
    tensor_backward(late);
    tensor_backward(early);
    GradFlow flow = gradflow_read(watch, &net.module);

    ck_assert_double_eq(row_of(&flow, "shortcut.1", FLOW_SKIP_GRAD)->stats.max_abs, 0);
    gradflow_free(&flow);
}
END_TEST

// Backward may run twice. Intermediates start afresh, parameters add up: so the parts at a shortcut are the second pass's.
START_TEST(a_second_backward_pass_is_read_like_the_first)
{
    Tensor *loss = net_forward();
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
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gradsplit");
    TCase *split = case_with_tape(suite, "split");
    tcase_add_checked_fixture(split, net_init, net_free);
    tcase_add_test(split, skip_and_block_add_up_to_the_gradient_at_the_start);
    tcase_add_test(split, a_split_that_can_be_worked_out_by_hand);
    tcase_add_test(split, a_later_sublayer_may_use_the_start_too);
    tcase_add_test(split, a_block_may_use_the_start_more_than_once);
    tcase_add_test(split, a_node_may_take_the_start_twice);
    tcase_add_test(split, a_start_that_wants_no_gradient_is_not_split);
    tcase_add_test(split, shortcuts_inside_a_block_are_split_for_themselves);
    tcase_add_test(split, shortcuts_may_start_at_the_same_place);
    tcase_add_test(split, a_pass_over_an_earlier_part_forgets_the_one_before);
    tcase_add_test(split, a_second_backward_pass_is_read_like_the_first);
    return suite_run(suite);
}
