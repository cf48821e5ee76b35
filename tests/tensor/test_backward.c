// test_backward.c: tensors used more than once, a second backward pass, what stays after it, and the observers of the walk.

#include "tests/support/naive.h"
#include "tests/support/near.h"
#include "tests/support/suite.h"

#include <string.h>

// ------------------------------------------------------------------------------------------------------------
// Tensors used more than once

START_TEST(gradient_of_a_tensor_used_twice_is_the_sum)
{
    Tensor *a = full_leaf(SHAPE_SCALAR, 1);
    Tensor *b = tensor_add(a, a);
    Tensor *c = tensor_add(b, b);
    tensor_backward(c);
    ck_assert_float_eq(tensor_item(c), 4);
    ck_assert_float_eq(a->grad[0], 4);
}
END_TEST

// y = a a + 3 a: both ways meet again in a.
START_TEST(gradient_through_a_diamond_is_the_sum_of_both_ways)
{
    Tensor *a = full_leaf(SHAPE_SCALAR, 5);
    Tensor *left = tensor_mul(a, a);
    Tensor *right = tensor_scale(a, 3);
    tensor_backward(tensor_add(left, right));
    ck_assert_float_eq(a->grad[0], 2 * 5 + 3);
}
END_TEST

// The inner tensor of the diamond must be whole before it is walked: d = (b + b^2) b with b = 2 a.
START_TEST(every_use_is_walked_before_the_node_that_made_it)
{
    Tensor *a = full_leaf(SHAPE_SCALAR, 1);
    Tensor *b = tensor_scale(a, 2);
    Tensor *c = tensor_add(b, tensor_mul(b, b));
    Tensor *d = tensor_mul(c, b);
    tensor_backward(d);
    // d = b^2 + b^3, dd/da = 2 (2 b + 3 b^2) at b = 2.
    ck_assert_float_eq(a->grad[0], 2 * (2 * 2 + 3 * 4));
}
END_TEST

START_TEST(a_tensor_times_itself_as_a_matrix)
{
    const float values[] = {1, 2, 3, 4};
    Tensor *a = tensor_from(values, SHAPE(2, 2));
    tensor_require_grad(a);
    tensor_backward(tensor_sum(tensor_matmul(a, a)));
    // d sum(a a) / da_ij = sum of row j + sum of column i
    const double expected[] = {3 + 4, 7 + 4, 3 + 6, 7 + 6};
    assert_values_near("gradient", a->grad, expected, 4, 0);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Backward again, and what stays

START_TEST(a_second_backward_adds_up_in_leaves_and_starts_afresh_in_between)
{
    Tensor *a = full_leaf(SHAPE_SCALAR, 1);
    Tensor *b = tensor_add(a, a);
    Tensor *c = tensor_add(b, b);
    tensor_retain_grad(b);
    tensor_retain_grad(c);
    for (int round = 1; round <= 3; round++) {
        tensor_backward(c);
        ck_assert_float_eq(c->grad[0], 1);
        ck_assert_float_eq(b->grad[0], 2);
        ck_assert_float_eq(a->grad[0], (float)(4 * round));
    }
}
END_TEST

START_TEST(zero_grad_forgets_what_was_added_up)
{
    Tensor *a = full_leaf(SHAPE(3), 1);
    Tensor *loss = tensor_sum(tensor_scale(a, 2));
    tensor_zero_grad(a); // nothing there yet: nothing happens
    tensor_backward(loss);
    tensor_zero_grad(a);
    ck_assert_ptr_null(a->grad);
    tensor_backward(loss);
    ck_assert_float_eq(a->grad[2], 2);
}
END_TEST

// Its memory stays: a training step that forgets all gradients asks the system for nothing.
START_TEST(a_parameters_forgotten_gradient_comes_back_in_the_same_place)
{
    Tensor *p = tensor_parameter(NULL, "weight", SHAPE(3));
    Tensor *loss = tensor_sum(tensor_add(p, tensor_scale(p, 2)));
    tensor_backward(loss);
    const Real *before = p->grad;
    tensor_zero_grad(p);
    ck_assert_ptr_null(p->grad);
    tensor_backward(loss);
    ck_assert_ptr_eq(p->grad, before);
    ck_assert_float_eq(p->grad[1], 3);
    tensor_free(p);
}
END_TEST

START_TEST(only_retained_gradients_are_there_after_backward)
{
    Tensor *a = full_leaf(SHAPE(2), 3);
    Tensor *kept = tensor_scale(a, 2);
    Tensor *gone = tensor_scale(kept, 5);
    Tensor *loss = tensor_sum(gone);
    tensor_retain_grad(kept);
    tensor_backward(loss);
    ck_assert_ptr_nonnull(kept->grad);
    ck_assert_float_eq(kept->grad[1], 5);
    ck_assert_ptr_null(gone->grad);
    ck_assert_ptr_null(loss->grad);
    ck_assert_float_eq(a->grad[1], 10);
}
END_TEST

// Where a is gone, its memory serves another: what is retained must not be among that.
START_TEST(a_retained_gradient_is_not_written_over_by_later_ones)
{
    Tensor *x = full_leaf(SHAPE(100), 1);
    Tensor *kept = NULL;
    for (int i = 0; i < 10; i++) {
        x = tensor_scale(x, 2);
        if (i == 5) {
            kept = x;
            tensor_retain_grad(kept);
        }
    }
    tensor_backward(tensor_sum(x));
    for (int i = 0; i < 100; i++) {
        ck_assert_float_eq(kept->grad[i], 16);
    }
}
END_TEST

START_TEST(backward_from_an_earlier_tensor_leaves_the_later_ones_alone)
{
    Tensor *a = full_leaf(SHAPE_SCALAR, 1);
    Tensor *b = tensor_scale(a, 2);
    Tensor *c = tensor_scale(b, 10);
    tensor_retain_grad(c);
    tensor_backward(c);
    tensor_backward(b);
    ck_assert_ptr_null(c->grad); // of the backward before, so it is forgotten
    ck_assert_float_eq(a->grad[0], 20 + 2);
}
END_TEST

START_TEST(backward_from_takes_a_gradient_of_the_tensors_shape)
{
    const Real dy[] = {1, 10, 100};
    Tensor *a = full_leaf(SHAPE(3), 1);
    tensor_backward_from(tensor_scale(a, 2), dy);
    ck_assert_float_eq(a->grad[0], 2);
    ck_assert_float_eq(a->grad[1], 20);
    ck_assert_float_eq(a->grad[2], 200);
}
END_TEST

// dy is copied before the old gradients are forgotten, so a retained one may be given back.
START_TEST(backward_from_takes_the_tensors_own_retained_gradient)
{
    Tensor *a = full_leaf(SHAPE(3), 1);
    Tensor *y = tensor_scale(a, 2);
    tensor_retain_grad(y);
    tensor_backward(tensor_sum(tensor_scale(y, 7)));
    ck_assert_float_eq(a->grad[1], 14);
    tensor_backward_from(y, y->grad);
    ck_assert_float_eq(a->grad[1], 28);
}
END_TEST

START_TEST(the_loss_may_have_one_value_in_any_number_of_dimensions)
{
    Tensor *a = full_leaf(SHAPE(1, 1, 1), 3);
    Tensor *y = tensor_mul(a, a);
    tensor_backward(y);
    ck_assert_float_eq(a->grad[0], 6);
}
END_TEST

START_TEST(leaves_that_want_no_gradient_get_none)
{
    Tensor *a = full_leaf(SHAPE(2), 1);
    Tensor *constant = tensor_full(SHAPE(2), 4);
    Tensor *of_constants = tensor_add(constant, constant);
    tensor_retain_grad(of_constants);
    tensor_backward(tensor_sum(tensor_mul(a, of_constants)));
    ck_assert_float_eq(a->grad[0], 8);
    ck_assert_ptr_null(constant->grad);
    ck_assert_ptr_null(of_constants->grad);
    ck_assert(!of_constants->requires_grad);
}
END_TEST

START_TEST(a_parameter_outlives_the_tape_and_adds_up_over_rounds)
{
    Tensor *parameter = tensor_parameter("layer", "weight", SHAPE(2));
    ck_assert_float_eq(parameter->data[0], 0);
    ck_assert_float_eq(parameter->data[1], 0);
    for (int round = 1; round <= 3; round++) {
        tensor_backward(tensor_sum(tensor_scale(parameter, 3)));
        tape_reset(tape);
        ck_assert(parameter->alive);
        ck_assert_float_eq(parameter->grad[1], (float)(3 * round));
    }
    tensor_free(parameter);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Watching the walk

enum { SEEN_MAX = 32 };

typedef struct Seen {
    int count;
    int nodes[SEEN_MAX];
    bool before[SEEN_MAX];
} Seen;

static void see(Seen *seen, const TapeNode *node, bool before)
{
    ck_assert_int_lt(seen->count, SEEN_MAX);
    seen->nodes[seen->count] = node->index;
    seen->before[seen->count] = before;
    seen->count++;
}

static void see_before(TapeNode *node, void *context)
{
    ck_assert_ptr_nonnull(node->output->grad);
    see(context, node, true);
}

static void see_after(TapeNode *node, void *context)
{
    ck_assert_ptr_nonnull(node->output->grad);
    see(context, node, false);
}

START_TEST(nodes_are_dispatched_from_the_last_to_the_first)
{
    Seen seen = {0};
    tape_observer_add(tape, (TapeObserver){.before = see_before, .after = see_after, .context = &seen});
    Tensor *a = full_leaf(SHAPE_SCALAR, 1);
    Tensor *b = tensor_scale(a, 2);
    Tensor *c = tensor_scale(b, 3);
    tensor_backward(tensor_add(b, c));
    const int nodes[] = {2, 2, 1, 1, 0, 0};
    ck_assert_int_eq(seen.count, 6);
    for (int i = 0; i < 6; i++) {
        ck_assert_int_eq(seen.nodes[i], nodes[i]);
        ck_assert_int_eq(seen.before[i], i % 2 == 0);
    }
}
END_TEST

START_TEST(nodes_that_the_loss_does_not_depend_on_are_not_walked)
{
    Seen seen = {0};
    tape_observer_add(tape, (TapeObserver){.before = see_before, .context = &seen});
    Tensor *a = full_leaf(SHAPE_SCALAR, 1);
    Tensor *b = tensor_scale(a, 2); // node 0
    tensor_scale(a, 3);             // node 1: leads nowhere
    Tensor *d = tensor_scale(b, 4); // node 2
    tensor_scale(b, 5);             // node 3: leads nowhere
    tensor_backward(d);
    ck_assert_int_eq(seen.count, 2);
    ck_assert_int_eq(seen.nodes[0], 2);
    ck_assert_int_eq(seen.nodes[1], 0);
    ck_assert_float_eq(a->grad[0], 8);
}
END_TEST

START_TEST(nodes_that_lead_to_no_wanted_gradient_are_not_walked)
{
    Seen seen = {0};
    tape_observer_add(tape, (TapeObserver){.after = see_after, .context = &seen});
    Tensor *a = full_leaf(SHAPE_SCALAR, 1);
    Tensor *constant = tensor_full(SHAPE_SCALAR, 2);
    Tensor *square = tensor_mul(constant, constant); // node 0
    tensor_backward(tensor_mul(a, square));          // node 1
    ck_assert_int_eq(seen.count, 1);
    ck_assert_int_eq(seen.nodes[0], 1);
}
END_TEST

typedef struct Called {
    char *order; // one letter for each call
    char name;   // lower case: before; upper case: after
} Called;

static void called_before(TapeNode *node, void *context)
{
    (void)node;
    const Called *called = context;
    strncat(called->order, &called->name, 1);
}

static void called_after(TapeNode *node, void *context)
{
    (void)node;
    const Called *called = context;
    char upper = (char)(called->name - 'a' + 'A');
    strncat(called->order, &upper, 1);
}

// Those that change gradients are innermost, so that the others see the gradients as they are.
START_TEST(observers_are_called_in_order_and_nest)
{
    char order[32] = "";
    Called called[] = {{order, 'a'}, {order, 'b'}, {order, 'c'}};
    int numbers[3];
    for (int i = 0; i < 3; i++) {
        numbers[i] =
            tape_observer_add(tape,
                              (TapeObserver){.before = called_before, .after = called_after, .context = &called[i], .changes_gradients = i == 1});
    }
    Tensor *loss = tensor_scale(full_leaf(SHAPE_SCALAR, 1), 2);
    tensor_backward(loss);
    ck_assert_str_eq(order, "acbBCA");
    tape_observer_remove(tape, numbers[0]);
    order[0] = '\0';
    tensor_backward(loss);
    ck_assert_str_eq(order, "cbBC");
}
END_TEST

START_TEST(tape_observe_has_one_observer_beside_the_others)
{
    Tensor *x = tensor_require_grad(tensor_from((float[]){1, 2}, SHAPE(2)));
    Tensor *loss = tensor_sum(tensor_mul(x, x));
    Seen seen[3] = {0};
    tape_observer_add(tape, (TapeObserver){.after = see_after, .context = &seen[0]});
    tape_observe(tape, (TapeObserver){.after = see_after, .context = &seen[1]});
    tensor_backward(loss);
    tape_observe(tape, (TapeObserver){.after = see_after, .context = &seen[2]});
    tensor_backward(loss);
    tape_observe(tape, (TapeObserver){0});
    tensor_backward(loss);
    ck_assert_int_eq(seen[0].count, 6);
    ck_assert_int_eq(seen[1].count, 2);
    ck_assert_int_eq(seen[2].count, 2);
}
END_TEST

START_TEST(an_observer_that_was_removed_sees_nothing)
{
    Seen seen = {0};
    int observer = tape_observer_add(tape, (TapeObserver){.before = see_before, .after = see_after, .context = &seen});
    Tensor *loss = tensor_scale(full_leaf(SHAPE_SCALAR, 1), 2);
    tensor_backward(loss);
    ck_assert_int_eq(seen.count, 2);
    tape_observer_remove(tape, observer);
    tensor_backward(loss);
    ck_assert_int_eq(seen.count, 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("backward");
    TCase *use = case_with_tape(suite, "used twice");
    tcase_add_test(use, gradient_of_a_tensor_used_twice_is_the_sum);
    tcase_add_test(use, gradient_through_a_diamond_is_the_sum_of_both_ways);
    tcase_add_test(use, every_use_is_walked_before_the_node_that_made_it);
    tcase_add_test(use, a_tensor_times_itself_as_a_matrix);

    TCase *backward = case_with_tape(suite, "backward");
    tcase_add_test(backward, a_second_backward_adds_up_in_leaves_and_starts_afresh_in_between);
    tcase_add_test(backward, zero_grad_forgets_what_was_added_up);
    tcase_add_test(backward, a_parameters_forgotten_gradient_comes_back_in_the_same_place);
    tcase_add_test(backward, only_retained_gradients_are_there_after_backward);
    tcase_add_test(backward, a_retained_gradient_is_not_written_over_by_later_ones);
    tcase_add_test(backward, backward_from_an_earlier_tensor_leaves_the_later_ones_alone);
    tcase_add_test(backward, backward_from_takes_a_gradient_of_the_tensors_shape);
    tcase_add_test(backward, backward_from_takes_the_tensors_own_retained_gradient);
    tcase_add_test(backward, the_loss_may_have_one_value_in_any_number_of_dimensions);
    tcase_add_test(backward, leaves_that_want_no_gradient_get_none);
    tcase_add_test(backward, a_parameter_outlives_the_tape_and_adds_up_over_rounds);

    TCase *observer = case_with_tape(suite, "observer");
    tcase_add_test(observer, nodes_are_dispatched_from_the_last_to_the_first);
    tcase_add_test(observer, nodes_that_the_loss_does_not_depend_on_are_not_walked);
    tcase_add_test(observer, nodes_that_lead_to_no_wanted_gradient_are_not_walked);
    tcase_add_test(observer, observers_are_called_in_order_and_nest);
    tcase_add_test(observer, tape_observe_has_one_observer_beside_the_others);
    tcase_add_test(observer, an_observer_that_was_removed_sees_nothing);
    return suite_run(suite);
}
