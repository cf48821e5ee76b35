// test_gradwatch.c: what a watch measures and leaves behind.

#include "tests/nn/flow_test.h"

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

static void assert_same_flow(const GradFlow *got, const GradFlow *expected)
{
    ck_assert_int_eq(got->n_rows, expected->n_rows);
    for (int i = 0; i < expected->n_rows; i++) {
        const FlowRow *row = &expected->rows[i];
        ck_assert_str_eq(got->rows[i].name, row->name);
        ck_assert_int_eq(got->rows[i].kind, row->kind);
        ck_assert_int_eq(got->rows[i].reach, row->reach);
        if (row->reach != FLOW_NEVER) {
            assert_same_stats(got->rows[i].stats, row->stats, row->name);
        }
    }
}

START_TEST(two_watches_measure_the_same_as_one)
{
    GradFlow alone = net_measure();
    tape_reset(tape_current());
    module_zero_grad(&net.module);
    Tensor *loss = net_forward();
    GradFlowWatch *watches[2];
    watches[0] = gradflow_watch(tape_current());
    watches[1] = gradflow_watch(tape_current());
    tensor_backward(loss);
    for (int i = 0; i < 2; i++) {
        GradFlow flow = gradflow_read(watches[i], &net.module);
        assert_same_flow(&flow, &alone);
        gradflow_free(&flow);
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

    assert_same_flow(&second, &first);
    gradflow_free(&first);
    gradflow_free(&second);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gradwatch");
    TCase *watch = case_with_tape(suite, "watch");
    tcase_add_checked_fixture(watch, net_init, net_free);
    tcase_add_test(watch, the_watch_changes_no_gradient);
    tcase_add_test(watch, the_watch_ends_when_it_is_read);
    tcase_add_test(watch, two_watches_measure_the_same_as_one);
    tcase_add_test(watch, observers_see_the_same_gradients_beside_a_watch);
    tcase_add_test(watch, a_watch_restores_which_gradients_are_kept);
    tcase_add_test(watch, a_watch_sees_nothing_once_its_tape_was_reset);
    tcase_add_test(watch, the_loss_may_be_recorded_after_the_watch_has_begun);
    tcase_add_test(watch, measuring_again_gives_the_same_bits);
    tcase_add_test(watch, there_must_be_a_tape_to_watch);
    return suite_run(suite);
}
