// test_mistakes.c: shapes that do not fit and numbers out of range: one line with the problem, the shapes and the source line.

#include "tensor/fast/engine.h"
#include "tensor/tensor.h"
#include "tests/support/mistake.h"
#include "tests/support/suite.h"

#include <float.h>
#include <limits.h>
#include <math.h>

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
    return suite_run(suite);
}
