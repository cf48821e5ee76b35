// test_shape.c: operations that move values or add them up along an axis, against a walk value by value.

#include "tensor/tensor.h"
#include "tests/support/naive.h"
#include "tests/support/near.h"
#include "tests/support/suite.h"

#include <stdio.h>

enum { COUNT_MAX = 256 };

static void assert_shape(const Tensor *y, Shape expected)
{
    char got_text[SHAPE_TEXT];
    char expected_text[SHAPE_TEXT];
    if (!shape_equal(y->shape, expected)) {
        ck_abort_msg("expected shape %s, got %s", shape_text(expected, expected_text), shape_text(y->shape, got_text));
    }
}

// Runs backward from y with irregular numbers, and returns them.
static const Real *backward_counting(Tensor *y)
{
    Tensor *dy = counting_leaf(y->shape, 11);
    tensor_backward_from(y, dy->data);
    return dy->data;
}

// ------------------------------------------------------------------------------------------------------------
// transpose

// y's value at index comes from x's at the index with a and b exchanged.
static void assert_transposed(const Tensor *x, const Tensor *y, const Real *dy, int a, int b)
{
    Real value[COUNT_MAX];
    Real dx[COUNT_MAX];
    size_t n = tensor_count(y);
    for (size_t i = 0; i < n; i++) {
        int index[MAX_DIMS];
        index_of(y->shape, i, index);
        int there = index[a];
        index[a] = index[b];
        index[b] = there;
        size_t from = number_at(x->shape, index);
        value[i] = x->data[from];
        dx[from] = dy[i];
    }
    char what[64];
    snprintf(what, sizeof what, "axes %d and %d", a, b);
    assert_same_values(what, y->data, value, n);
    assert_same_values(what, x->grad, dx, n);
}

static void check_transpose(Shape shape, int a, int b)
{
    Tensor *x = counting_leaf(shape, 1);
    Tensor *y = tensor_transpose(x, a, b);
    const Real *dy = backward_counting(y);
    int from_front_a = a < 0 ? a + shape.ndim : a;
    int from_front_b = b < 0 ? b + shape.ndim : b;
    Shape expected = shape;
    expected.size[from_front_a] = shape.size[from_front_b];
    expected.size[from_front_b] = shape.size[from_front_a];
    assert_shape(y, expected);
    assert_transposed(x, y, dy, from_front_a, from_front_b);
}

START_TEST(transpose_exchanges_any_two_axes)
{
    static const Shape shapes[] = {SIZES(5), SIZES(3, 4), SIZES(2, 3, 4), SIZES(2, 3, 4, 5), SIZES(1, 3, 1, 2)};
    Shape shape = shapes[_i];
    for (int a = -shape.ndim; a < shape.ndim; a++) {
        for (int b = -shape.ndim; b < shape.ndim; b++) {
            check_transpose(shape, a, b);
            tape_reset(tape);
        }
    }
}
END_TEST

START_TEST(transposing_twice_gives_back_the_values)
{
    Tensor *x = counting_leaf(SHAPE(2, 3, 4, 5), 1);
    Tensor *y = tensor_transpose(tensor_transpose(x, 1, 2), 1, 2);
    assert_shape(y, x->shape);
    assert_same_values("values", y->data, x->data, tensor_count(x));
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// reshape

START_TEST(reshape_keeps_values_and_order)
{
    Tensor *x = counting_leaf(SHAPE(2, 6), 1);
    Tensor *y = tensor_reshape(x, SHAPE(3, 1, 4));
    const Real *dy = backward_counting(y);
    assert_shape(y, SHAPE(3, 1, 4));
    assert_same_values("values", y->data, x->data, 12);
    assert_same_values("gradient", x->grad, dy, 12);
}
END_TEST

START_TEST(one_value_takes_any_number_of_dimensions)
{
    Tensor *x = counting_leaf(SHAPE(1, 1, 1, 1), 4);
    Tensor *y = tensor_reshape(tensor_reshape(x, SHAPE_SCALAR), SHAPE(1));
    tensor_backward(y);
    ck_assert_float_eq(y->data[0], x->data[0]);
    ck_assert_float_eq(x->grad[0], 1);
}
END_TEST

// Two reshapes of one tensor show the same values, but each has its own gradient.
START_TEST(two_views_of_a_tensor_add_their_gradients)
{
    Tensor *x = counting_leaf(SHAPE(2, 3), 1);
    Tensor *flat = tensor_reshape(x, SHAPE(6));
    Tensor *tall = tensor_reshape(x, SHAPE(6, 1));
    tensor_retain_grad(flat);
    tensor_retain_grad(tall);
    tensor_backward(tensor_add(tensor_sum(tensor_scale(flat, 2)), tensor_sum(tensor_scale(tall, 5))));
    ck_assert_float_eq(flat->grad[3], 2);
    ck_assert_float_eq(tall->grad[3], 5);
    ck_assert_float_eq(x->grad[3], 7);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// slice, concat, split

static void assert_sliced(const Tensor *x, const Tensor *y, const Real *dy, int axis, int start)
{
    Real dx[COUNT_MAX] = {0};
    Real value[COUNT_MAX];
    size_t n = tensor_count(y);
    for (size_t i = 0; i < n; i++) {
        int index[MAX_DIMS];
        index_of(y->shape, i, index);
        index[axis] += start;
        size_t from = number_at(x->shape, index);
        value[i] = x->data[from];
        dx[from] = dy[i];
    }
    assert_same_values("slice", y->data, value, n);
    assert_same_values("gradient of a slice", x->grad, dx, tensor_count(x));
}

static void check_slices_along(Shape shape, int axis)
{
    for (int start = 0; start < shape.size[axis]; start++) {
        for (int length = 1; start + length <= shape.size[axis]; length++) {
            Tensor *x = counting_leaf(shape, 1);
            Tensor *y = tensor_slice(x, axis - (start % 2) * shape.ndim, start, length); // counted from both ends
            const Real *dy = backward_counting(y);
            ck_assert_int_eq(y->shape.size[axis], length);
            assert_sliced(x, y, dy, axis, start);
            tape_reset(tape);
        }
    }
}

START_TEST(slice_takes_any_part_of_any_axis)
{
    static const Shape shapes[] = {SIZES(5), SIZES(3, 4), SIZES(2, 3, 4), SIZES(2, 3, 4, 5)};
    Shape shape = shapes[_i];
    for (int axis = 0; axis < shape.ndim; axis++) {
        check_slices_along(shape, axis);
    }
}
END_TEST

START_TEST(overlapping_slices_add_their_gradients)
{
    Tensor *x = counting_leaf(SHAPE(4), 1);
    Tensor *front = tensor_slice(x, 0, 0, 3);
    Tensor *back = tensor_slice(x, 0, 1, 3);
    tensor_backward(tensor_sum(tensor_add(front, tensor_scale(back, 10))));
    const Real expected[] = {1, 11, 11, 10};
    assert_same_values("gradient", x->grad, expected, 4);
}
END_TEST

START_TEST(what_split_cuts_concat_joins)
{
    Shape shape = SHAPE(2, 6, 4, 2);
    for (int axis = 0; axis < 4; axis++) {
        Tensor *x = counting_leaf(shape, 1);
        Tensor *parts[2];
        tensor_split(x, axis, 2, parts);
        Tensor *y = tensor_concat(parts, 2, axis - 4);
        const Real *dy = backward_counting(y);
        assert_shape(y, shape);
        assert_same_values("values", y->data, x->data, tensor_count(x));
        assert_same_values("gradient", x->grad, dy, tensor_count(x));
        tape_reset(tape);
    }
}
END_TEST

START_TEST(concat_joins_parts_in_order)
{
    Tensor *parts[] = {counting_leaf(SHAPE(2, 1, 2), 1), counting_leaf(SHAPE(2, 3, 2), 7), counting_leaf(SHAPE(2, 2, 2), 13)};
    Tensor *y = tensor_concat(parts, 3, 1);
    backward_counting(y);
    assert_shape(y, SHAPE(2, 6, 2));
    const int starts[] = {0, 1, 4};
    for (int p = 0; p < 3; p++) {
        Tensor *cut = tensor_slice(y, 1, starts[p], parts[p]->shape.size[1]);
        assert_same_values("part", cut->data, parts[p]->data, tensor_count(parts[p]));
    }
}
END_TEST

START_TEST(one_part_is_joined_to_itself)
{
    Tensor *x = counting_leaf(SHAPE(2, 3), 1);
    Tensor *y = tensor_concat(&x, 1, 0);
    assert_shape(y, x->shape);
    assert_same_values("values", y->data, x->data, 6);
}
END_TEST

START_TEST(a_part_used_twice_gets_both_gradients)
{
    Tensor *x = counting_leaf(SHAPE(2), 1);
    Tensor *parts[] = {x, x};
    const Real dy[] = {1, 2, 30, 40};
    tensor_backward_from(tensor_concat(parts, 2, 0), dy);
    const Real expected[] = {31, 42};
    assert_same_values("gradient", x->grad, expected, 2);
}
END_TEST

START_TEST(split_records_a_slice_for_each_part)
{
    Tensor *parts[3];
    Tensor *x = counting_leaf(SHAPE(2, 9), 1);
    tensor_split(x, -1, 3, parts);
    ck_assert_int_eq(tape->n_nodes, 3);
    for (int i = 0; i < 3; i++) {
        ck_assert_str_eq(parts[i]->node->op->name, "slice");
        assert_shape(parts[i], SHAPE(2, 3));
        ck_assert_float_eq(parts[i]->data[0], x->data[3 * i]);
    }
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Sums and means

static void check_sum_axis(Shape shape, int axis, bool mean)
{
    Tensor *x = counting_leaf(shape, 1);
    Tensor *y = mean ? tensor_mean_axis(x, axis) : tensor_sum_axis(x, axis);
    const Real *dy = backward_counting(y);
    double factor = mean ? 1.0 / shape.size[axis] : 1;
    double value[COUNT_MAX] = {0};
    double dx[COUNT_MAX];
    size_t n = tensor_count(x);
    for (size_t i = 0; i < n; i++) {
        int index[MAX_DIMS];
        index_of(shape, i, index);
        index[axis] = 0;
        size_t to = number_at(y->shape, index);
        value[to] += factor * (double)x->data[i];
        dx[i] = factor * (double)dy[to];
    }
    Shape expected = shape;
    expected.size[axis] = 1;
    assert_shape(y, expected);
    // The sum runs in double; the result, the factor and their product are rounded once each.
    assert_values_near("sum", y->data, value, tensor_count(y), 3 * FLOAT_UNIT);
    assert_values_near("gradient", x->grad, dx, n, 3 * FLOAT_UNIT);
}

START_TEST(sums_and_means_run_along_any_axis)
{
    static const Shape shapes[] = {SIZES(5), SIZES(3, 4), SIZES(2, 3, 4), SIZES(2, 3, 4, 5), SIZES(1, 3, 1, 2)};
    Shape shape = shapes[_i];
    for (int axis = 0; axis < shape.ndim; axis++) {
        check_sum_axis(shape, axis, false);
        check_sum_axis(shape, axis, true);
        tape_reset(tape);
    }
}
END_TEST

START_TEST(an_axis_may_be_counted_from_the_end)
{
    Tensor *x = counting_leaf(SHAPE(2, 3, 4), 1);
    Tensor *front = tensor_sum_axis(x, 1);
    Tensor *back = tensor_sum_axis(x, -2);
    assert_shape(back, front->shape);
    assert_same_values("values", back->data, front->data, tensor_count(front));
}
END_TEST

START_TEST(the_sum_and_mean_of_everything_are_scalars)
{
    Tensor *x = counting_leaf(SHAPE(2, 3, 4), 1);
    double sum = 0;
    for (int i = 0; i < 24; i++) {
        sum += (double)x->data[i];
    }
    Tensor *total = tensor_sum(x);
    Tensor *mean = tensor_mean(x);
    assert_shape(total, SHAPE_SCALAR);
    assert_shape(mean, SHAPE_SCALAR);
    assert_near("sum", (double)tensor_item(total), sum, 0);
    assert_near("mean", (double)tensor_item(mean), sum / 24, FLOAT_UNIT);
    tensor_backward(mean);
    for (int i = 0; i < 24; i++) {
        assert_near("gradient", (double)x->grad[i], 1.0 / 24, FLOAT_UNIT / 24);
    }
}
END_TEST

// In float32 a running sum of this many tenths is off by about 1; in double only the end is rounded.
START_TEST(a_long_sum_loses_no_digits)
{
    enum { MANY = 1000000 };
    Tensor *x = tensor_full(SHAPE(MANY), 0.1);
    double exact = MANY * (double)0.1f;
    assert_near("sum", (double)tensor_item(tensor_sum(x)), exact, exact * FLOAT_UNIT);
    assert_near("mean", (double)tensor_item(tensor_mean(x)), (double)0.1f, 0.1 * FLOAT_UNIT);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("shape");
    TCase *move = case_with_tape(suite, "transpose and reshape");
    tcase_add_loop_test(move, transpose_exchanges_any_two_axes, 0, 5);
    tcase_add_test(move, transposing_twice_gives_back_the_values);
    tcase_add_test(move, reshape_keeps_values_and_order);
    tcase_add_test(move, one_value_takes_any_number_of_dimensions);
    tcase_add_test(move, two_views_of_a_tensor_add_their_gradients);

    TCase *cut = case_with_tape(suite, "slice, concat and split");
    tcase_add_loop_test(cut, slice_takes_any_part_of_any_axis, 0, 4);
    tcase_add_test(cut, overlapping_slices_add_their_gradients);
    tcase_add_test(cut, what_split_cuts_concat_joins);
    tcase_add_test(cut, concat_joins_parts_in_order);
    tcase_add_test(cut, one_part_is_joined_to_itself);
    tcase_add_test(cut, a_part_used_twice_gets_both_gradients);
    tcase_add_test(cut, split_records_a_slice_for_each_part);

    TCase *sum = case_with_tape(suite, "sums and means");
    tcase_add_loop_test(sum, sums_and_means_run_along_any_axis, 0, 5);
    tcase_add_test(sum, an_axis_may_be_counted_from_the_end);
    tcase_add_test(sum, the_sum_and_mean_of_everything_are_scalars);
    tcase_add_test(sum, a_long_sum_loses_no_digits);
    return suite_run(suite);
}
