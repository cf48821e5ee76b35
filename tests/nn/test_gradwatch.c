// test_gradwatch.c: the split at shortcuts, and what a watch measures and leaves behind.

#include "tests/nn/flow_test.h"

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

// x + 3 x, where all can be worked out by hand: dL/dx = 1 through the addition, 3 through the block.
START_TEST(a_split_that_can_be_worked_out_by_hand)
{
    Tensor *x = random_leaf(SHAPE(4), 1);
    Tensor *loss = tensor_sum(tensor_add(x, tensor_scale(x, 3)));
    GradFlow flow = measure(loss);

    ck_assert_int_eq(flow.n_shortcuts, 1);
    ck_assert_int_eq(flow.n_rows, 2);
    ck_assert_int_eq(flow.rows[0].layer, -1); // the 1 of its name is no layer
    ck_assert_double_eq(row_of(&flow, "shortcut.1", FLOW_SKIP_GRAD)->stats.mean_abs, 1);
    ck_assert_double_eq(row_of(&flow, "shortcut.1", FLOW_BLOCK_GRAD)->stats.mean_abs, 3);
    for (int i = 0; i < 4; i++) {
        ck_assert_double_eq((double)x->grad[i], 4);
    }
    gradflow_free(&flow);
}
END_TEST

// The gradient at the start of the only shortcut is 1 by it, block by the block, dx in all.
static void assert_parts(const Tensor *x, Tensor *y, double block, const Real dx[3])
{
    GradFlow flow = measure(tensor_sum(y));
    ck_assert_double_eq(row_of(&flow, "shortcut.1", FLOW_SKIP_GRAD)->stats.mean_abs, 1);
    ck_assert_double_eq(row_of(&flow, "shortcut.1", FLOW_BLOCK_GRAD)->stats.mean_abs, block);
    assert_same_bits(x->grad, dx, 3, "dx");
    gradflow_free(&flow);
}

// A block that uses x twice, x + x (2 x): y = x + 2 x^2, dy/dx = 1 + 4 x, where the multiplication takes x at both ends.
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

    ck_assert_double_eq(row_of(&flow, "shortcut.1", FLOW_SKIP_GRAD)->stats.mean_abs, 6 + 5);
    ck_assert_double_eq(row_of(&flow, "shortcut.1", FLOW_BLOCK_GRAD)->stats.mean_abs, 3 * 6);
    gradflow_free(&flow);
}
END_TEST

START_TEST(a_block_may_use_the_start_more_than_once)
{
    Tensor *x = tensor_require_grad(tensor_from((float[]){1, -2, 0.5f}, SHAPE(3)));
    assert_parts(x, tensor_add(tensor_mul(x, tensor_scale(x, 2)), x), (4 + 8 + 2) / 3.0, (Real[]){5, -7, 3});
}
END_TEST

// x + x x, where one node takes the start twice, after the addition has added to it: dy/dx = 1 + 2 x.
START_TEST(a_node_may_take_the_start_twice)
{
    Tensor *x = tensor_require_grad(tensor_from((float[]){1, -2, 0.5f}, SHAPE(3)));
    assert_parts(x, tensor_add(x, tensor_mul(x, x)), (2 + 4 + 1) / 3.0, (Real[]){3, -3, 2});
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
    ParameterList list = module_parameters(&net.module);
    tensor_backward(net_forward());
    Real *without[8];
    for (int i = 0; i < 8; i++) {
        without[i] = copy_values(list.parameters[i]->grad, tensor_count(list.parameters[i]));
    }
    tape_reset(tape_current());

    GradFlow flow = net_measure();

    for (int i = 0; i < 8; i++) {
        assert_values_near(list.parameters[i]->grad, without[i], tensor_count(list.parameters[i]), 2.4e-7, "gradient");
    }
    gradflow_free(&flow);
    parameter_list_free(&list);
}
END_TEST

START_TEST(the_watch_ends_when_it_is_read)
{
    GradFlow flow = net_measure();

    ck_assert_int_eq(tape_current()->n_observers, 0);
    gradflow_free(&flow);
    ck_assert_int_eq(flow.n_rows, 0);
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

static void watch_twice(GradFlow flows[2])
{
    Tensor *loss = net_forward();
    GradFlowWatch *first = gradflow_watch(tape_current());
    GradFlowWatch *second = gradflow_watch(tape_current());
    tensor_backward(loss);
    flows[0] = gradflow_read(first, &net.module);
    flows[1] = gradflow_read(second, &net.module);
}

START_TEST(two_watches_measure_the_same_as_one)
{
    GradFlow alone = net_measure();
    tape_reset(tape_current());
    module_zero_grad(&net.module);
    GradFlow both[2];
    watch_twice(both);

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
}
END_TEST

// The watch sets that gradient to zero before each node. Observers before and after it must not see that.
START_TEST(observers_see_the_same_gradients_beside_a_watch)
{
    Tensor *loss = net_forward();
    tensor_retain_grad(net.starts[0]);
    SeenGradient seen[3] = {{.start = net.starts[0]}, {.start = net.starts[0]}, {.start = net.starts[0]}};
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
}
END_TEST

START_TEST(a_watch_restores_which_gradients_are_kept)
{
    Tensor *loss = net_forward();
    tensor_retain_grad(net.starts[0]);
    GradFlowWatch *watch = gradflow_watch(tape_current());
    ck_assert(net.y->retain_grad);
    gradflow_unwatch(watch);

    ck_assert(!net.y->retain_grad);
    ck_assert(net.starts[0]->retain_grad);
    ck_assert_int_eq(tape_current()->n_observers, 0);
    tensor_backward(loss);
    ck_assert_ptr_null(net.y->grad);
}
END_TEST

START_TEST(a_watch_sees_nothing_once_its_tape_was_reset)
{
    net_forward();
    GradFlowWatch *watch = gradflow_watch(tape_current());
    tape_reset(tape_current());

    SeenGradient seen = {0};
    Tensor *loss = net_forward();
    seen.start = net.starts[0];
    int observer = tape_observer_add(tape_current(), (TapeObserver){.after = see_gradient, .context = &seen});
    tensor_backward(loss);
    ck_assert_float_ne(seen.value[seen.n - 1], 0);
    tape_observer_remove(tape_current(), observer);
    gradflow_unwatch(watch);
}
END_TEST

// Only the forward pass is there when the watch begins; the loss is computed under it.
START_TEST(the_loss_may_be_recorded_after_the_watch_has_begun)
{
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

START_TEST(there_must_be_a_tape_to_watch)
{
    ASSERT_MISTAKE(gradflow_watch(NULL), "gradflow_watch: tape is NULL");
}
END_TEST

START_TEST(measuring_again_gives_the_same_bits)
{
    GradFlow first = net_measure();
    tape_reset(tape_current());
    GradFlow second = net_measure();

    ck_assert_int_eq(first.n_rows, second.n_rows);
    for (int i = 0; i < first.n_rows; i++) {
        ck_assert_str_eq(first.rows[i].name, second.rows[i].name);
        if (first.rows[i].reach != FLOW_NEVER) {
            assert_same_stats(second.rows[i].stats, first.rows[i].stats, first.rows[i].name);
        }
    }
    gradflow_free(&first);
    gradflow_free(&second);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gradwatch");
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

    TCase *watch = case_with_tape(suite, "watch");
    tcase_add_checked_fixture(watch, net_init, net_free);
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
    return suite_run(suite);
}
