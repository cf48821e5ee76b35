// test_misuse.c: a backward pass that cannot be, tensors used too late, nothing, another tape or none: one line says so.

#include "tensor/fast/engine.h"
#include "tensor/fast/fast.h"
#include "tensor/tensor.h"
#include "tests/support/mistake.h"
#include "tests/support/near.h"
#include "tests/support/suite.h"

#include <stdio.h>

// ------------------------------------------------------------------------------------------------------------
// Backward

START_TEST(backward_wants_one_number)
{
    Tensor *x = random_leaf(SHAPE(2, 3), 1);
    Tensor *y = tensor_scale(x, 2);
    const char *told = "tensor_backward: the loss has shape (2, 3) and must be one number; tensor_backward_from takes a dL/dy";
    assert_mistake(told, tensor_backward(y));
}
END_TEST

START_TEST(backward_wants_something_computed)
{
    const Real one = 1;
    Tensor *leaf = random_leaf(SHAPE(1), 1);
    const char *told = "tensor_backward: this tensor was not computed on a tape (it is a leaf, or made with nothing recorded)";
    const char *from = "tensor_backward_from: this tensor was not computed on a tape (it is a leaf, or made with nothing recorded)";
    assert_mistake(told, tensor_backward(leaf));
    assert_mistake(from, tensor_backward_from(leaf, &one));
    tape_no_grad_begin();
    Tensor *unrecorded = tensor_scale(leaf, 2);
    tape_no_grad_end();
    assert_mistake(told, tensor_backward(unrecorded));
}
END_TEST

START_TEST(backward_wants_something_that_wants_it)
{
    Tensor *constant = tensor_full(SHAPE(1), 3);
    Tensor *y = tensor_mul(constant, constant);
    const char *told = "tensor_backward: nothing that this tensor was computed from requires a gradient (tensor_require_grad)";
    assert_mistake(told, tensor_backward(y));
}
END_TEST

START_TEST(backward_of_nothing_is_reported)
{
    const Real one = 1;
    assert_mistake("tensor_backward: the tensor is NULL", tensor_backward(NULL));
    assert_mistake("tensor_backward_from: the tensor is NULL", tensor_backward_from(NULL, &one));
}
END_TEST

START_TEST(only_a_leaf_can_require_a_gradient)
{
    Tensor *y = tensor_scale(tensor_zeros(SHAPE(1)), 2);
    assert_mistake_begins("tensor_require_grad: this tensor is computed, not a leaf; tensor_retain_grad keeps its gradient",
                          tensor_require_grad(y));
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Too late

static void told_of(char text[300], const char *beginning, const Tensor *tensor, const char *end)
{
    snprintf(text, 300, "%s%s:%d%s", beginning, tensor->where.file, tensor->where.line, end);
}

START_TEST(a_tensor_used_after_the_reset_is_recognised)
{
    char expected[300];
    Tensor *x = random_leaf(SHAPE(1), 1);
    Tensor *y = tensor_scale(x, 2);
    tape_reset(tape);
    told_of(expected, "tensor_add: input 0 was made at ", y, " and used after its tape was reset");
    assert_mistake(expected, tensor_add(y, y));
    told_of(expected, "tensor_backward: this tensor was made at ", y, " and used after its tape was reset");
    assert_mistake(expected, tensor_backward(y));
}
END_TEST

// New tensors were made since, and all memory of values is in use again.
START_TEST(a_tensor_of_the_round_before_is_recognised)
{
    char expected[300];
    Tensor *old = tensor_zeros(SHAPE(3));
    tape_reset(tape);
    Tensor *young = tensor_zeros(SHAPE(3));
    for (int i = 0; i < 100; i++) {
        young = tensor_scale(young, 1);
    }
    told_of(expected, "tensor_mul: input 1 was made at ", old, " and used after its tape was reset");
    assert_mistake(expected, tensor_mul(young, old));
}
END_TEST

START_TEST(a_dead_tensor_is_not_read_or_changed)
{
    Tensor *x = tensor_full(SHAPE_SCALAR, 3);
    tape_reset(tape);
    assert_mistake_begins("tensor_item: ", tensor_item(x));
    assert_mistake_begins("tensor_label: ", tensor_label(x, "x"));
    assert_mistake_begins("tensor_require_grad: ", tensor_require_grad(x));
    assert_mistake_begins("tensor_retain_grad: ", tensor_retain_grad(x));
}
END_TEST

// Its gradient's memory may be another tensor's by now.
START_TEST(zero_grad_of_a_dead_tensor_writes_nothing)
{
    Tensor *x = random_leaf(SHAPE(3), 1);
    tensor_backward(tensor_sum(tensor_scale(x, 2)));
    tape_reset(tape);
    Tensor *new_owners[4];
    for (int i = 0; i < 4; i++) {
        new_owners[i] = tensor_full(SHAPE(256), 5);
    }
    assert_mistake_begins("tensor_zero_grad: ", tensor_zero_grad(x));
    for (int i = 0; i < 4; i++) {
        for (int k = 0; k < 256; k++) {
            ck_assert_float_eq(new_owners[i]->data[k], 5);
        }
    }
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Nothing, another tape, no tape

START_TEST(a_null_input_is_reported_with_its_place)
{
    Tensor *x = tensor_zeros(SHAPE(2, 2));
    Tensor *parts[] = {x, x, NULL};
    const int ids[] = {0};
    assert_mistake("tensor_add: input 0 is NULL", tensor_add(NULL, x));
    assert_mistake("tensor_add: input 1 is NULL", tensor_add(x, NULL));
    assert_mistake("tensor_gelu: input 0 is NULL", tensor_gelu(NULL));
    assert_mistake("tensor_matmul: input 1 is NULL", tensor_matmul(x, NULL));
    assert_mistake("tensor_linear: input 1 is NULL", tensor_linear(x, NULL, NULL));
    assert_mistake("tensor_layernorm: input 2 is NULL", tensor_layernorm(x, x, NULL, 1e-5));
    assert_mistake("tensor_concat: input 2 is NULL", tensor_concat(parts, 3, 0));
    assert_mistake("tensor_embedding: input 0 is NULL", tensor_embedding(NULL, ids, 1, 1));
    assert_mistake("tensor_cross_entropy: input 0 is NULL", tensor_cross_entropy(NULL, ids));
}
END_TEST

START_TEST(null_numbers_are_reported)
{
    Tensor *x = tensor_full(SHAPE(1, 1), 1);
    assert_mistake("tensor_embedding: ids is NULL", tensor_embedding(x, NULL, 1, 1));
    assert_mistake("tensor_cross_entropy: targets is NULL", tensor_cross_entropy(x, NULL));
    assert_mistake("tensor_dropout: random is NULL", tensor_dropout(x, 0.5, NULL));
    assert_mistake("tensor_rand: random is NULL", tensor_rand(NULL, SHAPE(1)));
    assert_mistake("tensor_randn: random is NULL", tensor_randn(NULL, SHAPE(1)));
    assert_mistake("tensor_checkpoint: function is NULL", tensor_checkpoint_many(NULL, NULL, &x, 1, NULL));
    assert_mistake("tensor_from: values is NULL", tensor_from(NULL, SHAPE(1)));
    assert_mistake("tensor_concat: the parts are NULL", tensor_concat(NULL, 2, 0));
    assert_mistake("tensor_split: the parts are NULL", tensor_split(x, 0, 1, NULL));
    assert_mistake("tensor_backward_from: dy is NULL", tensor_backward_from(tensor_scale(tensor_require_grad(x), 2), NULL));
    assert_mistake_begins("tape_reset: tape is NULL", tape_reset(NULL));
    assert_mistake_begins("tape_observer_add: tape is NULL", tape_observer_add(NULL, (TapeObserver){0}));
    assert_mistake_begins("tape_observer_remove: tape is NULL", tape_observer_remove(NULL, 1));
    assert_mistake_begins("tape_observer_remove: the tape has no observer 1", tape_observer_remove(tape, 1));
}
END_TEST

START_TEST(threads_are_at_least_one)
{
    int before = kernels_threads();
    assert_mistake_begins("kernels_set_threads: 0 threads (expected 1 or more)", kernels_set_threads(0));
    assert_mistake_begins("kernels_set_threads: -3 threads (expected 1 or more)", kernels_set_threads(-3));
    ck_assert_int_eq(kernels_threads(), before);
}
END_TEST

START_TEST(a_null_tensor_has_no_value_and_no_name)
{
    char name[NAME_TEXT];
    assert_mistake_begins("tensor_item: ", tensor_item(NULL));
    assert_mistake_begins("tensor_count: ", tensor_count(NULL));
    assert_mistake_begins("tensor_name: ", tensor_name(NULL, name));
    assert_mistake_begins("tensor_label: ", tensor_label(NULL, "x"));
    assert_mistake_begins("tensor_require_grad: ", tensor_require_grad(NULL));
    assert_mistake_begins("tensor_retain_grad: ", tensor_retain_grad(NULL));
    assert_mistake_begins("tensor_zero_grad: ", tensor_zero_grad(NULL));
}
END_TEST

START_TEST(a_tensor_of_another_tape_is_reported)
{
    char expected[300];
    Tensor *here = tensor_zeros(SHAPE(2));
    Tape *other = tape_create();
    Tensor *there = tensor_zeros(SHAPE(2));
    tape_set_current(tape);
    told_of(expected, "tensor_add: input 1, made at ", there, ", is on another tape than the current one");
    assert_mistake(expected, tensor_add(here, there));
    tape_free(other);
}
END_TEST

START_TEST(without_a_tape_nothing_is_computed)
{
    const float values[] = {1};
    Tensor *parameter = tensor_parameter(NULL, "weight", SHAPE(1));
    tape_set_current(NULL);
    assert_mistake("tensor_full: this thread has no tape; make one with tape_create()", tensor_zeros(SHAPE(1)));
    assert_mistake("tensor_from: this thread has no tape; make one with tape_create()", tensor_from(values, SHAPE(1)));
    assert_mistake("tensor_scale: this thread has no tape; make one with tape_create()", tensor_scale(parameter, 2));
    assert_mistake("tensor_gelu: this thread has no tape; make one with tape_create()", tensor_gelu(parameter));
    assert_mistake_begins("tape_no_grad_begin: this thread has no tape; make one with tape_create()", tape_no_grad_begin());
    assert_mistake_begins("tape_no_grad_end: this thread has no tape; make one with tape_create()", tape_no_grad_end());
    assert_mistake_begins("tape_scope: this thread has no tape; make one with tape_create()", tape_scope("h"));
    tape_set_current(tape);
    tensor_free(parameter);
}
END_TEST

START_TEST(a_label_without_a_tape_is_reported)
{
    Tensor *parameter = tensor_parameter(NULL, "weight", SHAPE(1));
    tape_set_current(NULL);
    assert_mistake_begins("tensor_label: this thread has no tape", tensor_label(parameter, "w"));
    tape_set_current(tape);
    tensor_free(parameter);
}
END_TEST

START_TEST(no_grad_end_without_begin_is_reported)
{
    assert_mistake_begins("tape_no_grad_end: there is no open tape_no_grad_begin", tape_no_grad_end());
}
END_TEST

START_TEST(what_belongs_to_a_tape_is_not_freed_by_hand)
{
    Tensor *x = tensor_zeros(SHAPE(1));
    assert_mistake_begins("tensor_free: this tensor belongs to its tape; tape_reset takes it back", tensor_free(x));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("misuse");
    TCase *backward = case_with_tape(suite, "backward");
    tcase_add_test(backward, backward_wants_one_number);
    tcase_add_test(backward, backward_wants_something_computed);
    tcase_add_test(backward, backward_wants_something_that_wants_it);
    tcase_add_test(backward, backward_of_nothing_is_reported);
    tcase_add_test(backward, only_a_leaf_can_require_a_gradient);

    TCase *lifetime = case_with_tape(suite, "lifetimes");
    tcase_add_test(lifetime, a_tensor_used_after_the_reset_is_recognised);
    tcase_add_test(lifetime, a_tensor_of_the_round_before_is_recognised);
    tcase_add_test(lifetime, a_dead_tensor_is_not_read_or_changed);
    tcase_add_test(lifetime, zero_grad_of_a_dead_tensor_writes_nothing);
    tcase_add_test(lifetime, a_null_input_is_reported_with_its_place);
    tcase_add_test(lifetime, null_numbers_are_reported);
    tcase_add_test(lifetime, threads_are_at_least_one);
    tcase_add_test(lifetime, a_null_tensor_has_no_value_and_no_name);
    tcase_add_test(lifetime, a_tensor_of_another_tape_is_reported);
    tcase_add_test(lifetime, without_a_tape_nothing_is_computed);
    tcase_add_test(lifetime, a_label_without_a_tape_is_reported);
    tcase_add_test(lifetime, no_grad_end_without_begin_is_reported);
    tcase_add_test(lifetime, what_belongs_to_a_tape_is_not_freed_by_hand);
    return suite_run(suite);
}
