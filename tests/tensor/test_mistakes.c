// test_mistakes.c: each programming mistake prints one line with the problem, the shapes and the source line.

#include "tensor/fast/engine.h"
#include "tensor/fast/fast.h"
#include "tensor/tensor.h"
#include "tests/support/capture.h"
#include "tests/support/mistake.h"
#include "tests/support/near.h"
#include "tests/support/suite.h"

#include <float.h>
#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static Random generator = {.next = 0};

// ------------------------------------------------------------------------------------------------------------
// Shapes that do not fit

START_TEST(matmul_says_which_inner_sizes_differ)
{
    Tensor *a = tensor_zeros(SHAPE(2, 3));
    Tensor *b = tensor_zeros(SHAPE(4, 5));
    assert_mistake("tensor_matmul: (2, 3) x (4, 5): inner sizes 3 and 4 differ", tensor_matmul(a, b));
}
END_TEST

START_TEST(matmul_wants_matrices)
{
    Tensor *matrix = tensor_zeros(SHAPE(2, 3));
    Tensor *vector = tensor_zeros(SHAPE(3));
    Tensor *scalar = tensor_zeros(SHAPE_SCALAR);
    assert_mistake("tensor_matmul: (2, 3) x (3): both need at least 2 dimensions", tensor_matmul(matrix, vector));
    assert_mistake("tensor_matmul: (3) x (2, 3): both need at least 2 dimensions", tensor_matmul(vector, matrix));
    assert_mistake("tensor_matmul: () x (2, 3): both need at least 2 dimensions", tensor_matmul(scalar, matrix));
}
END_TEST

START_TEST(matmul_wants_as_many_matrices_on_both_sides)
{
    Tensor *a = tensor_zeros(SHAPE(2, 4, 3));
    Tensor *b = tensor_zeros(SHAPE(5, 3, 4));
    Tensor *one = tensor_zeros(SHAPE(4, 3));
    const char *two = "tensor_matmul: (2, 4, 3) x (5, 3, 4): leading sizes differ, and b is not one matrix for all";
    const char *none = "tensor_matmul: (4, 3) x (5, 3, 4): leading sizes differ, and b is not one matrix for all";
    assert_mistake(two, tensor_matmul(a, b));
    assert_mistake(none, tensor_matmul(one, b));
}
END_TEST

START_TEST(arithmetic_says_which_sizes_do_not_broadcast)
{
    Tensor *a = tensor_zeros(SHAPE(2, 3));
    Tensor *b = tensor_zeros(SHAPE(4, 2, 2));
    assert_mistake("tensor_add: (2, 3) and (4, 2, 2): sizes 3 and 2 differ, and neither is 1", tensor_add(a, b));
    assert_mistake("tensor_sub: (4, 2, 2) and (2, 3): sizes 2 and 3 differ, and neither is 1", tensor_sub(b, a));
    assert_mistake("tensor_mul: (2, 3) and (4, 2, 2): sizes 3 and 2 differ, and neither is 1", tensor_mul(a, b));
    assert_mistake("tensor_div: (2, 3) and (4, 2, 2): sizes 3 and 2 differ, and neither is 1", tensor_div(a, b));
}
END_TEST

START_TEST(linear_says_what_the_weight_takes)
{
    Tensor *x = tensor_zeros(SHAPE(2, 3));
    Tensor *scalar = tensor_zeros(SHAPE_SCALAR);
    Tensor *weight = tensor_zeros(SHAPE(4, 5));
    Tensor *vector = tensor_zeros(SHAPE(3));
    const char *sizes = "tensor_linear: x (2, 3), weight (4, 5): x ends in 3 values, the weight takes 5";
    const char *no_matrix = "tensor_linear: x (2, 3), weight (3): x needs at least 1 dimension, the weight exactly 2";
    const char *no_vector = "tensor_linear: x (), weight (4, 5): x needs at least 1 dimension, the weight exactly 2";
    assert_mistake(sizes, tensor_linear(x, weight, NULL));
    assert_mistake(no_matrix, tensor_linear(x, vector, NULL));
    assert_mistake(no_vector, tensor_linear(scalar, weight, NULL));
}
END_TEST

START_TEST(linear_says_which_bias_it_wants)
{
    Tensor *x = tensor_zeros(SHAPE(2, 3));
    Tensor *weight = tensor_zeros(SHAPE(4, 3));
    Tensor *bias = tensor_zeros(SHAPE(1, 4));
    const char *told = "tensor_linear: weight (4, 3), bias (1, 4): the bias must have shape (4)";
    assert_mistake(told, tensor_linear(x, weight, bias));
}
END_TEST

START_TEST(layernorm_says_which_weight_and_bias_it_wants)
{
    Tensor *x = tensor_zeros(SHAPE(2, 3));
    Tensor *three = tensor_zeros(SHAPE(3));
    Tensor *four = tensor_zeros(SHAPE(4));
    Tensor *scalar = tensor_zeros(SHAPE_SCALAR);
    const char *weight = "tensor_layernorm: x (2, 3), weight (4), bias (3): weight and bias must have shape (3)";
    const char *bias = "tensor_layernorm: x (2, 3), weight (3), bias (4): weight and bias must have shape (3)";
    const char *neither = "tensor_layernorm: x (), weight (3), bias (3): weight and bias must have shape (1)";
    assert_mistake(weight, tensor_layernorm(x, four, three, 1e-5));
    assert_mistake(bias, tensor_layernorm(x, three, four, 1e-5));
    assert_mistake(neither, tensor_layernorm(scalar, three, three, 1e-5));
}
END_TEST

START_TEST(attention_says_what_it_takes)
{
    Tensor *matrix = tensor_zeros(SHAPE(3, 12));
    Tensor *qkv = tensor_zeros(SHAPE(1, 3, 12));
    const char *nine = "tensor_attention: qkv (1, 3, 12): the last size must be a multiple of 3 n_head = 9";
    const char *zero = "tensor_attention: qkv (1, 3, 12): the last size must be a multiple of 3 n_head = 0";
    assert_mistake("tensor_attention: qkv (3, 12): must be (B, T, 3 C)", tensor_attention(matrix, 2, true));
    assert_mistake(nine, tensor_attention(qkv, 3, true));
    assert_mistake(zero, tensor_attention(qkv, 0, true));
}
END_TEST

// 3 n_head must not wrap round to something that divides.
START_TEST(attention_takes_no_absurd_number_of_heads)
{
    Tensor *qkv = tensor_zeros(SHAPE(1, 3, 12));
    assert_mistake_begins("tensor_attention: qkv (1, 3, 12): the last size must be a multiple of 3 n_head",
                          tensor_attention(qkv, 1431655765, true));
    assert_mistake_begins("tensor_attention: qkv (1, 3, 12): the last size must be a multiple of 3 n_head", tensor_attention(qkv, INT_MAX, true));
}
END_TEST

START_TEST(the_causal_mask_wants_as_many_rows_as_columns)
{
    Tensor *scores = tensor_zeros(SHAPE(2, 3, 4));
    Tensor *vector = tensor_zeros(SHAPE(3));
    assert_mistake("tensor_causal_mask: (2, 3, 4): the last two sizes must be equal", tensor_causal_mask(scores));
    assert_mistake("tensor_causal_mask: (3): the last two sizes must be equal", tensor_causal_mask(vector));
}
END_TEST

START_TEST(reshape_says_how_many_values_there_are)
{
    Tensor *x = tensor_zeros(SHAPE(2, 3));
    assert_mistake("tensor_reshape: (2, 3) to (4, 2): 6 values are not 8", tensor_reshape(x, SHAPE(4, 2)));
    assert_mistake("tensor_reshape: (2, 3) to (): 6 values are not 1", tensor_reshape(x, SHAPE_SCALAR));
}
END_TEST

START_TEST(slice_says_what_the_axis_has)
{
    Tensor *x = tensor_zeros(SHAPE(2, 5));
    assert_mistake("tensor_slice: 3 values from 3 on: axis 1 of (2, 5) has 5", tensor_slice(x, 1, 3, 3));
    assert_mistake("tensor_slice: 2 values from -1 on: axis 1 of (2, 5) has 5", tensor_slice(x, -1, -1, 2));
    assert_mistake("tensor_slice: 0 values from 0 on: axis 0 of (2, 5) has 2", tensor_slice(x, 0, 0, 0));
    assert_mistake_begins("tensor_slice: 2147483647 values from 2147483647 on", tensor_slice(x, 0, INT_MAX, INT_MAX));
}
END_TEST

START_TEST(split_wants_equal_parts)
{
    Tensor *parts[5];
    Tensor *x = tensor_zeros(SHAPE(2, 5));
    assert_mistake("tensor_split: axis 1 of (2, 5) can't be cut into 2 equal slices", tensor_split(x, 1, 2, parts));
    assert_mistake("tensor_split: axis 1 of (2, 5) can't be cut into 0 equal slices", tensor_split(x, 1, 0, parts));
}
END_TEST

START_TEST(concat_says_which_part_differs)
{
    Tensor *parts[] = {tensor_zeros(SHAPE(2, 3)), tensor_zeros(SHAPE(2, 4)), tensor_zeros(SHAPE(3, 3))};
    assert_mistake("tensor_concat: part 1 is (2, 3), part 3 is (3, 3): only axis 1 may differ", tensor_concat(parts, 3, 1));
    Tensor *ranks[] = {parts[0], tensor_zeros(SHAPE(2))};
    assert_mistake("tensor_concat: part 1 is (2, 3), part 2 is (2): only axis 1 may differ", tensor_concat(ranks, 2, -1));
    assert_mistake("tensor_concat: 0 parts; at least one is needed", tensor_concat(parts, 0, 1));
}
END_TEST

START_TEST(an_axis_outside_is_reported_with_those_there_are)
{
    Tensor *x = tensor_zeros(SHAPE(2, 3));
    Tensor *parts[] = {x, x};
    assert_mistake("tensor_transpose: axis 2: shape (2, 3) has axes -2 to 1", tensor_transpose(x, 0, 2));
    assert_mistake("tensor_transpose: axis -3: shape (2, 3) has axes -2 to 1", tensor_transpose(x, -3, 0));
    assert_mistake("tensor_slice: axis 2: shape (2, 3) has axes -2 to 1", tensor_slice(x, 2, 0, 1));
    assert_mistake("tensor_concat: axis 2: shape (2, 3) has axes -2 to 1", tensor_concat(parts, 2, 2));
    assert_mistake("tensor_sum_axis: axis 2: shape (2, 3) has axes -2 to 1", tensor_sum_axis(x, 2));
    assert_mistake("tensor_mean_axis: axis 9: shape (2, 3) has axes -2 to 1", tensor_mean_axis(x, 9));
}
END_TEST

START_TEST(a_scalar_has_no_axis)
{
    Tensor *scalar = tensor_zeros(SHAPE_SCALAR);
    assert_mistake_begins("tensor_sum_axis: axis 0: shape ()", tensor_sum_axis(scalar, 0));
    assert_mistake_begins("tensor_transpose: axis -1: shape ()", tensor_transpose(scalar, -1, -1));
}
END_TEST

// What would become infinite as a float, or make NaN of a square root.
START_TEST(numbers_must_be_within_range)
{
    Random random = {{0}, 0, false, 0};
    Real out[3];
    Tensor *x = tensor_zeros(SHAPE(2, 3));
    Tensor *vector = tensor_zeros(SHAPE(3));
    assert_mistake("tensor_scale: 1e+308 (expected a number within float32)", tensor_scale(x, 1e308));
    assert_mistake("tensor_add_scalar: -1e+308 (expected a number within float32)", tensor_add_scalar(x, -1e308));
    assert_mistake("tensor_pow: 1e+39 (expected a number within float32)", tensor_pow(x, 1e39));
    assert_mistake("tensor_full: value 1e+308 (expected a number within float32)", tensor_full(SHAPE(2), 1e308));
    ck_assert(tensor_scale(x, 3e38)->data[0] == 0 && tensor_full(SHAPE(1), INFINITY)->data[0] > FLT_MAX);
    assert_mistake("tensor_layernorm: eps -1 (expected at least 0)", tensor_layernorm(x, vector, vector, -1));
    assert_mistake("tensor_rmsnorm: eps nan (expected at least 0)", tensor_rmsnorm(x, vector, fabs((double)NAN)));
    assert_mistake_begins("random_uniform: -1e+308 to 1e+308 (expected numbers, and a distance, within float32)",
                          random_uniform(&random, out, 3, -1e308, 1e308));
    assert_mistake_begins("random_uniform: -3e+38 to 3e+38 (expected", random_uniform(&random, out, 3, -3e38, 3e38));
    assert_mistake_begins("random_normal: mean 0, std 1e+308 (expected numbers within float32)", random_normal(&random, out, 3, 0, 1e308));
}
END_TEST

START_TEST(mse_loss_wants_equal_shapes)
{
    Tensor *x = tensor_zeros(SHAPE(2, 3));
    Tensor *target = tensor_zeros(SHAPE(3));
    assert_mistake("tensor_mse_loss: x (2, 3), target (3): the shapes must be equal", tensor_mse_loss(x, target));
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Numbers out of range

START_TEST(embedding_says_which_id_has_no_row)
{
    Tensor *weight = tensor_zeros(SHAPE(4, 3));
    Tensor *vector = tensor_zeros(SHAPE(4));
    const int high[] = {0, 3, 4};
    const int low[] = {0, -1, 2};
    assert_mistake("tensor_embedding: ids[2] is 4; the table has rows 0 to 3", tensor_embedding(weight, high, 1, 3));
    assert_mistake("tensor_embedding: ids[1] is -1; the table has rows 0 to 3", tensor_embedding(weight, low, 3, 1));
    assert_mistake("tensor_embedding: weight (4): must have 2 dimensions", tensor_embedding(vector, high, 1, 1));
    assert_mistake("tensor_embedding: B = 0, T = 3: each must be at least 1", tensor_embedding(weight, high, 0, 3));
    assert_mistake("tensor_embedding: B = 1, T = -3: each must be at least 1", tensor_embedding(weight, high, 1, -3));
}
END_TEST

START_TEST(cross_entropy_says_which_target_has_no_logit)
{
    Tensor *logits = tensor_zeros(SHAPE(3, 5));
    const int high[] = {4, 0, 5};
    const int low[] = {4, -100, 0};
    assert_mistake("tensor_cross_entropy: targets[2] is 5; the logits are for 0 to 4", tensor_cross_entropy(logits, high));
    assert_mistake("tensor_cross_entropy: targets[1] is -100; the logits are for 0 to 4", tensor_cross_entropy(logits, low));
}
END_TEST

START_TEST(dropout_wants_a_probability_below_1)
{
    Tensor *x = tensor_zeros(SHAPE(4));
    assert_mistake("tensor_dropout: p = 1: must be at least 0 and below 1", tensor_dropout(x, 1.0, &generator));
    assert_mistake("tensor_dropout: p = -0.1: must be at least 0 and below 1", tensor_dropout(x, -0.1, &generator));
    assert_mistake("tensor_dropout: p = nan: must be at least 0 and below 1", tensor_dropout(x, (double)NAN, &generator));
}
END_TEST

START_TEST(a_size_below_1_makes_no_tensor)
{
    const float values[] = {1};
    assert_mistake("tensor_full: shape (2, 0): each size is at least 1", tensor_zeros(SHAPE(2, 0)));
    assert_mistake("tensor_full: shape (-2): each size is at least 1", tensor_full(SHAPE(-2), 1));
    assert_mistake("tensor_from: shape (0): each size is at least 1", tensor_from(values, SHAPE(0)));
    assert_mistake("tensor_rand: shape (0): each size is at least 1", tensor_rand(&generator, SHAPE(0)));
    assert_mistake("tensor_randn: shape (0, 3): each size is at least 1", tensor_randn(&generator, SHAPE(0, 3)));
    assert_mistake("tensor_reshape: shape (-1): each size is at least 1", tensor_reshape(tensor_zeros(SHAPE(1)), SHAPE(-1)));
    assert_mistake_begins("tensor_parameter: shape (3, 0): each size is at least 1", tensor_parameter(NULL, NULL, SHAPE(3, 0)));
}
END_TEST

START_TEST(a_tensor_has_4_dimensions_at_most)
{
    Shape five = {.ndim = 5, .size = {1, 1, 1, 1}};
    Shape minus_one = {.ndim = -1};
    Tensor *x = tensor_zeros(SHAPE(1));
    assert_mistake("tensor_full: 5 dimensions; a tensor has at most 4", tensor_zeros(five));
    assert_mistake("tensor_reshape: 5 dimensions; a tensor has at most 4", tensor_reshape(x, five));
    assert_mistake("tensor_full: -1 dimensions; a tensor has at most 4", tensor_zeros(minus_one));
    assert_mistake_begins("tensor_parameter: 5 dimensions; a tensor has at most 4", tensor_parameter(NULL, NULL, five));
}
END_TEST

START_TEST(a_product_of_sizes_beyond_any_memory_is_reported)
{
    Shape absurd = SHAPE(INT_MAX, INT_MAX, INT_MAX, INT_MAX);
    Tensor *x = tensor_zeros(SHAPE(1));
    const char *full = "tensor_full: shape (2147483647, 2147483647, 2147483647, 2147483647): too many values";
    const char *reshape = "tensor_reshape: shape (2147483647, 2147483647, 2147483647, 2147483647): too many values";
    assert_mistake(full, tensor_zeros(absurd));
    assert_mistake(reshape, tensor_reshape(x, absurd));
}
END_TEST

START_TEST(item_wants_a_tensor_of_one_value)
{
    Tensor *x = tensor_zeros(SHAPE(2, 3));
    assert_mistake_begins("tensor_item: shape (2, 3) has more than one value", tensor_item(x));
}
END_TEST

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
    assert_mistake_begins("tape_reset: the tape is NULL", tape_reset(NULL));
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

// ------------------------------------------------------------------------------------------------------------
// Messages

START_TEST(the_module_that_was_computing_is_named)
{
    Tensor *a = tensor_zeros(SHAPE(2, 3));
    Tensor *b = tensor_zeros(SHAPE(4, 5));
    tape_scope("h.3.attn");
    assert_mistake("tensor_matmul: (2, 3) x (4, 5): inner sizes 3 and 4 differ, in module h.3.attn", tensor_matmul(a, b));
    tape_scope("");
    assert_mistake("tensor_matmul: (2, 3) x (4, 5): inner sizes 3 and 4 differ", tensor_matmul(a, b));
}
END_TEST

// A notebook continues after a mistake: the tape must be unchanged.
START_TEST(after_a_mistake_the_tape_still_works)
{
    Tensor *a = random_leaf(SHAPE(2, 3), 1);
    Tensor *b = tensor_zeros(SHAPE(4, 5));
    Tensor *y = tensor_scale(a, 3);
    assert_mistake_begins("tensor_matmul: ", tensor_matmul(y, b));
    ck_assert_int_eq(tape->n_nodes, 1);
    tensor_backward(tensor_sum(y));
    ck_assert_float_eq(a->grad[5], 3);
}
END_TEST

static void first_handler(FailKind kind, const char *message)
{
    (void)kind;
    (void)message;
    abort();
}

START_TEST(the_handler_before_is_given_back)
{
    FailHandler *original = fail_set_handler(first_handler);
    ck_assert(original != NULL);
    ck_assert(fail_set_handler(NULL) == first_handler);
    ck_assert(fail_set_handler(original) == original);
}
END_TEST

static FailKind kind_told;
static char message_told[200];
static jmp_buf refused;

static void note_refusal(FailKind kind, const char *message)
{
    kind_told = kind;
    snprintf(message_told, sizeof message_told, "%s", message);
    longjmp(refused, 1);
}

// More than the address space has, but no overflow. (The sanitizers' malloc ends the program itself.)
START_TEST(refused_memory_is_reported_to_the_handler)
{
    if (HAVE_SANITIZER) {
        skip(__func__, "the sanitizers' malloc does not refuse, it stops");
        return;
    }
    fail_set_handler(note_refusal);
    if (setjmp(refused) == 0) {
        memory_allocate((size_t)1 << 60, "a test");
    }
    ck_assert_int_eq(kind_told, FAIL_MEMORY);
    ck_assert_str_eq(message_told, "out of memory: the system refused 1099511627776.0 MiB for a test");
    if (setjmp(refused) == 0) {
        memory_allocate_zeroed((size_t)1 << 40, (size_t)1 << 20, "a test");
    }
    ck_assert_str_eq(message_told, "out of memory: the system refused 1099511627776.0 MiB for a test");
    if (setjmp(refused) == 0) {
        tensor_zeros(SHAPE(INT_MAX, 400000));
    }
    ck_assert_str_eq(message_told, "out of memory: the system refused 3276799998.5 MiB for the tape");
    fail_set_handler(NULL);
}
END_TEST

// An observer that interrupts the backward pass before its second node.
static void interrupt_pass(TapeNode *node, void *context)
{
    (void)context;
    fail_interrupt(node->index == 1);
}

START_TEST(an_interrupt_comes_at_the_next_operation_or_backward_step)
{
    Tape *tape = tape_create();
    Tensor *x = tensor_require_grad(tensor_full(SHAPE(2), 3));
    fail_set_handler(note_refusal);
    fail_interrupt(true);
    if (setjmp(refused) == 0) {
        tensor_mul(x, x);
        ck_abort_msg("the operation was computed");
    }
    ck_assert_int_eq(kind_told, FAIL_INTERRUPTED);
    ck_assert_int_eq(tape->n_nodes, 0);
    fail_interrupt(true);
    fail_interrupt(false);
    Tensor *y = tensor_sum(tensor_mul(x, x));
    int observer = tape_observer_add(tape, (TapeObserver){.before = interrupt_pass});
    if (setjmp(refused) == 0) {
        tensor_backward(y);
        ck_abort_msg("the pass was not interrupted");
    }
    ck_assert_ptr_null(x->grad);
    tape_observer_remove(tape, observer);
    tensor_backward(y);
    ck_assert_double_eq((double)x->grad[0], 6);
    fail_set_handler(NULL);
    tape_free(tape);
}
END_TEST

// A handler may continue elsewhere: the next kernel must not take the memory that was freed for the failed request.
START_TEST(memory_kept_for_kernels_is_forgotten_when_more_is_refused)
{
    static Scratch scratch;
    if (HAVE_SANITIZER) {
        skip(__func__, "the sanitizers' malloc does not refuse, it stops");
        return;
    }
    ck_assert_ptr_nonnull(scratch_of(&scratch, 100, "a test"));
    fail_set_handler(note_refusal);
    if (setjmp(refused) == 0) {
        scratch_of(&scratch, (size_t)1 << 60, "a test");
    }
    fail_set_handler(NULL);
    ck_assert_str_eq(message_told, "out of memory: the system refused 1099511627776.0 MiB for a test");
    ck_assert_ptr_null(scratch.memory);
    ck_assert_uint_eq(scratch.bytes, 0);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// What happens by default, in a child process

static void make_mistake(void)
{
    tensor_matmul(tensor_zeros(SHAPE(2, 3)), tensor_zeros(SHAPE(4, 5)));
}

static void be_refused(void)
{
    memory_allocate((size_t)1 << 60, "a test");
}

static void returning_handler(FailKind kind, const char *message)
{
    (void)kind;
    (void)message;
}

static void make_mistake_with_returning_handler(void)
{
    fail_set_handler(returning_handler);
    make_mistake();
}

// Runs what in a child process; returns its status, and what it wrote to stderr in *text, which the caller frees.
static int run_child(void (*what)(void), char **text)
{
    Capture capture = capture_start(STDERR_FILENO);
    pid_t child = fork();
    if (child == 0) {
        what();
        _exit(EXIT_SUCCESS);
    }
    int status = 0;
    waitpid(child, &status, 0);
    *text = capture_end(&capture);
    return status;
}

START_TEST(by_default_a_mistake_is_printed_and_aborts)
{
    char *text;
    int status = run_child(make_mistake, &text);
    ck_assert(WIFSIGNALED(status));
    ck_assert_int_eq(WTERMSIG(status), SIGABRT);
    const char *expected = "tensor_matmul: (2, 3) x (4, 5): inner sizes 3 and 4 differ  [" __FILE__ ":";
    ck_assert_msg(strncmp(text, expected, strlen(expected)) == 0, "%s", text);
    const char *end = ", make_mistake()]\n";
    ck_assert_msg(strlen(text) > strlen(end) && strcmp(text + strlen(text) - strlen(end), end) == 0, "%s", text);
    free(text);
}
END_TEST

START_TEST(by_default_refused_memory_is_printed_and_exits_with_1)
{
    if (HAVE_SANITIZER) {
        skip(__func__, "the sanitizers' malloc does not refuse, it stops");
        return;
    }
    char *text;
    int status = run_child(be_refused, &text);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), EXIT_FAILURE);
    ck_assert_str_eq(text, "out of memory: the system refused 1099511627776.0 MiB for a test\n");
    free(text);
}
END_TEST

START_TEST(a_handler_that_returns_ends_the_program)
{
    char *text;
    int status = run_child(make_mistake_with_returning_handler, &text);
    ck_assert(WIFSIGNALED(status));
    ck_assert_int_eq(WTERMSIG(status), SIGABRT);
    ck_assert_str_eq(text, "");
    free(text);
}
END_TEST

// Check expects the signal; the message is captured by nobody and need not be seen.
START_TEST(a_mistake_aborts_so_that_a_debugger_stops)
{
    ck_assert_ptr_nonnull(freopen("/dev/null", "w", stderr));
    make_mistake();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mistakes");
    TCase *shape = case_with_tape(suite, "shapes");
    tcase_add_test(shape, matmul_says_which_inner_sizes_differ);
    tcase_add_test(shape, matmul_wants_matrices);
    tcase_add_test(shape, matmul_wants_as_many_matrices_on_both_sides);
    tcase_add_test(shape, arithmetic_says_which_sizes_do_not_broadcast);
    tcase_add_test(shape, linear_says_what_the_weight_takes);
    tcase_add_test(shape, linear_says_which_bias_it_wants);
    tcase_add_test(shape, layernorm_says_which_weight_and_bias_it_wants);
    tcase_add_test(shape, attention_says_what_it_takes);
    tcase_add_test(shape, attention_takes_no_absurd_number_of_heads);
    tcase_add_test(shape, the_causal_mask_wants_as_many_rows_as_columns);
    tcase_add_test(shape, reshape_says_how_many_values_there_are);
    tcase_add_test(shape, slice_says_what_the_axis_has);
    tcase_add_test(shape, split_wants_equal_parts);
    tcase_add_test(shape, concat_says_which_part_differs);
    tcase_add_test(shape, an_axis_outside_is_reported_with_those_there_are);
    tcase_add_test(shape, a_scalar_has_no_axis);
    tcase_add_test(shape, numbers_must_be_within_range);
    tcase_add_test(shape, mse_loss_wants_equal_shapes);

    TCase *range = case_with_tape(suite, "ranges");
    tcase_add_test(range, embedding_says_which_id_has_no_row);
    tcase_add_test(range, cross_entropy_says_which_target_has_no_logit);
    tcase_add_test(range, dropout_wants_a_probability_below_1);
    tcase_add_test(range, a_size_below_1_makes_no_tensor);
    tcase_add_test(range, a_tensor_has_4_dimensions_at_most);
    tcase_add_test(range, a_product_of_sizes_beyond_any_memory_is_reported);
    tcase_add_test(range, item_wants_a_tensor_of_one_value);

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

    TCase *handler = case_with_tape(suite, "handlers");
    tcase_add_test(handler, the_module_that_was_computing_is_named);
    tcase_add_test(handler, after_a_mistake_the_tape_still_works);
    tcase_add_test(handler, the_handler_before_is_given_back);
    tcase_add_test(handler, refused_memory_is_reported_to_the_handler);
    tcase_add_test(handler, an_interrupt_comes_at_the_next_operation_or_backward_step);
    tcase_add_test(handler, memory_kept_for_kernels_is_forgotten_when_more_is_refused);
    tcase_add_test(handler, by_default_a_mistake_is_printed_and_aborts);
    tcase_add_test(handler, by_default_refused_memory_is_printed_and_exits_with_1);
    tcase_add_test(handler, a_handler_that_returns_ends_the_program);
    tcase_add_test_raise_signal(handler, a_mistake_aborts_so_that_a_debugger_stops, SIGABRT);
    return suite_run(suite);
}
