// test_rows.c: softmax, losses, layer normalization and embedding against known values; extreme inputs stay harmless.

#include "tensor/tensor.h"
#include "tests/support/kernels.h"
#include "tests/support/naive.h"
#include "tests/support/near.h"
#include "tests/support/suite.h"

#include <float.h>
#include <math.h>
#include <stdio.h>

// ------------------------------------------------------------------------------------------------------------
// softmax and the causal mask

START_TEST(softmax_of_huge_numbers_is_that_of_their_differences)
{
    const float small[] = {0, 1, 2};
    const float large[] = {10000, 10001, 10002};
    const float minus[] = {-10002, -10001, -10000};
    const double expected[] = {0.0900305732, 0.2447284711, 0.6652409558};
    assert_values_near("small", tensor_softmax(vector_leaf(small, 3))->data, expected, 3, 4 * FLOAT_UNIT);
    assert_values_near("large", tensor_softmax(vector_leaf(large, 3))->data, expected, 3, 4 * FLOAT_UNIT);
    assert_values_near("minus", tensor_softmax(vector_leaf(minus, 3))->data, expected, 3, 4 * FLOAT_UNIT);
}
END_TEST

START_TEST(softmax_of_extremes_chooses_the_largest)
{
    const float values[] = {-FLT_MAX, 0, FLT_MAX};
    const double expected[] = {0, 0, 1};
    assert_values_near("softmax", tensor_softmax(vector_leaf(values, 3))->data, expected, 3, 0);
}
END_TEST

START_TEST(softmax_gives_what_is_minus_infinite_nothing)
{
    const float values[] = {-INFINITY, 1, 1, -INFINITY};
    const double expected[] = {0, 0.5, 0.5, 0};
    const Real dy[] = {7, 3, 5, 9};
    const double dx[] = {0, -0.5, 0.5, 0};
    Tensor *x = vector_leaf(values, 4);
    Tensor *y = tensor_softmax(x);
    tensor_backward_from(y, dy);
    assert_values_near("softmax", y->data, expected, 4, 0);
    assert_values_near("gradient", x->grad, dx, 4, 0);
}
END_TEST

START_TEST(each_row_of_a_softmax_is_its_own)
{
    Tensor *x = random_leaf(SHAPE(2, 3, 5), 3);
    x->data[7] = (Real)NAN; // in row 1
    Tensor *y = tensor_softmax(x);
    for (int row = 0; row < 6; row++) {
        double sum = 0;
        for (int i = 0; i < 5; i++) {
            sum += (double)y->data[row * 5 + i];
        }
        if (row == 1) {
            ck_assert(isnan(sum));
        } else {
            assert_near("sum of a row", sum, 1, 5 * FLOAT_UNIT);
        }
    }
}
END_TEST

START_TEST(softmax_of_one_value_is_1_with_slope_0)
{
    Tensor *x = full_leaf(SHAPE_SCALAR, -50);
    Tensor *y = tensor_softmax(x);
    tensor_backward(y);
    ck_assert_float_eq(tensor_item(y), 1);
    ck_assert_float_eq(x->grad[0], 0);
}
END_TEST

START_TEST(the_causal_mask_hides_what_is_later)
{
    Tensor *x = counting_leaf(SHAPE(2, 3, 3), 1);
    Tensor *y = tensor_causal_mask(x);
    tensor_backward_from(y, x->data);
    for (int i = 0; i < 18; i++) {
        int row = i / 3 % 3;
        int column = i % 3;
        bool hidden = column > row;
        ck_assert_float_eq(y->data[i], hidden ? -INFINITY : x->data[i]);
        ck_assert_float_eq(x->grad[i], hidden ? 0 : x->data[i]);
    }
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Losses

static void check_cross_entropy(const float *logits, int n, int target, double loss)
{
    Tensor *y = tensor_cross_entropy(vector_leaf(logits, n), &target);
    ck_assert_int_eq(y->shape.ndim, 0);
    assert_near("loss", (double)tensor_item(y), loss, 2 * FLOAT_UNIT * fmax(fabs(loss), 1));
}

START_TEST(cross_entropy_of_known_logits)
{
    const float equal[] = {3, 3, 3, 3};
    const float steps[] = {0, 1, 2};
    check_cross_entropy(equal, 4, 1, log(4));
    check_cross_entropy(steps, 3, 2, 0.4076059644);
    check_cross_entropy(steps, 3, 0, 2.4076059644);
}
END_TEST

START_TEST(cross_entropy_of_huge_logits_neither_overflows_nor_vanishes)
{
    const float far[] = {1000, 0};
    const float large[] = {10000, 10001, 10002};
    const float masked[] = {-INFINITY, 1, 1};
    check_cross_entropy(far, 2, 1, 1000);
    check_cross_entropy(far, 2, 0, 0);
    check_cross_entropy(large, 3, 2, 0.4076059644);
    check_cross_entropy(masked, 3, 1, log(2));
}
END_TEST

// A model that is sure has a small loss, but not 0: log(1 + exp(-12)) is 6.1e-6, of which z - x = 12.0000061 - 12 in float32
// would leave one digit.
START_TEST(a_small_cross_entropy_keeps_its_digits)
{
    const float sure[] = {12, 0};
    const int target = 0;
    double loss = (double)tensor_item(tensor_cross_entropy(vector_leaf(sure, 2), &target));
    assert_near("loss", loss, log1p(exp(-12)), 2 * FLOAT_UNIT * log1p(exp(-12)));
}
END_TEST

START_TEST(cross_entropy_averages_rows_of_any_leading_shape)
{
    const float logits[] = {0, 1, 2, 3, 3, 3, 10000, 10001, 10002, 0, 1, 2};
    const int targets[] = {2, 0, 2, 0};
    Tensor *x = tensor_from(logits, SHAPE(2, 2, 3));
    double expected = (0.4076059644 + log(3) + 0.4076059644 + 2.4076059644) / 4;
    assert_near("loss", (double)tensor_item(tensor_cross_entropy(x, targets)), expected, 4 * FLOAT_UNIT);
}
END_TEST

// As F.cross_entropy(logits, targets, ignore_index=-1) computes them; NaN, with no gradient, if nothing counts.
START_TEST(targets_of_minus_one_do_not_count)
{
    const float logits[] = {0, 1, 2, 3, 3, 3, 10000, 10001, 10002, 0, 1, 2};
    const int targets[] = {2, TARGET_IGNORED, 2, 0};
    const double third[] = {0.0900305732 / 3, 0.2447284711 / 3, (0.6652409558 - 1) / 3};
    const double zeros[] = {0, 0, 0};
    for (int engine = 0; engine < 2; engine++) {
        if (!choose_kernels(engine == 0 ? "plain" : "fast", __func__)) {
            return;
        }
        Tensor *x = tensor_require_grad(tensor_from(logits, SHAPE(4, 3)));
        Tensor *loss = tensor_cross_entropy(x, targets);
        assert_near("loss", (double)tensor_item(loss), (0.4076059644 + 0.4076059644 + 2.4076059644) / 3, 4 * FLOAT_UNIT);
        tensor_backward(tensor_add(loss, tensor_cross_entropy(x, targets))); // accumulates
        for (int i = 0; i < 3; i++) {
            assert_near("gradient", (double)x->grad[i], 2 * third[i], 4 * FLOAT_UNIT);
        }
        assert_values_near("gradient of the ignored row", x->grad + 3, zeros, 3, 0);
        const int none[] = {TARGET_IGNORED, TARGET_IGNORED, TARGET_IGNORED, TARGET_IGNORED};
        Tensor *y = tensor_require_grad(tensor_from(logits, SHAPE(4, 3)));
        Tensor *nothing = tensor_cross_entropy(y, none);
        ck_assert(isnan((double)tensor_item(nothing)));
        tensor_backward(nothing);
        for (int i = 0; i < 12; i++) {
            ck_assert_float_eq(y->grad[i], 0);
        }
    }
}
END_TEST

static void check_cross_entropy_gradient(float offset)
{
    const float logits[] = {offset, offset + 1, offset + 2};
    const int target = 1;
    const double expected[] = {0.0900305732, 0.2447284711 - 1, 0.6652409558};
    Tensor *x = vector_leaf(logits, 3);
    tensor_backward(tensor_cross_entropy(x, &target));
    char what[80];
    snprintf(what, sizeof what, "gradient at logits around %g", (double)offset);
    assert_values_near(what, x->grad, expected, 3, 4 * FLOAT_UNIT);
}

// Softmax minus one-hot. A common offset of the logits, exact in float32, changes nothing; neither should it cost digits.
START_TEST(the_gradient_of_cross_entropy_does_not_depend_on_a_common_offset)
{
    check_cross_entropy_gradient(0);
    check_cross_entropy_gradient(-64);
    check_cross_entropy_gradient(1000);
    check_cross_entropy_gradient(1e6f);
}
END_TEST

START_TEST(the_targets_are_copied)
{
    const float logits[] = {0, 1, 2};
    int target = 1;
    Tensor *x = vector_leaf(logits, 3);
    Tensor *loss = tensor_cross_entropy(x, &target);
    target = 0;
    tensor_backward(loss);
    ck_assert_float_gt(x->grad[0], 0);
    ck_assert_float_lt(x->grad[1], 0);
}
END_TEST

START_TEST(mse_loss_is_the_mean_of_squares)
{
    const float x_values[] = {1, 2, 3, 4};
    const float target_values[] = {1, 0, 0, 8};
    Tensor *x = vector_leaf(x_values, 4);
    Tensor *target = vector_leaf(target_values, 4);
    Tensor *loss = tensor_mse_loss(x, target);
    tensor_backward(loss);
    const Real dx[] = {0, 1, 1.5f, -2};
    const Real dtarget[] = {0, -1, -1.5f, 2};
    ck_assert_float_eq(tensor_item(loss), (4 + 9 + 16) / 4.0f);
    assert_same_values("gradient of x", x->grad, dx, 4);
    assert_same_values("gradient of target", target->grad, dtarget, 4);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Layer normalization and embedding

// The second eps is large enough to show where it stands: within the root.
START_TEST(layernorm_is_the_formula_computed_in_double)
{
    static const double epsilons[] = {1e-5, 0.5};
    double eps = epsilons[_i];
    enum { ROWS = 6, C = 7 };
    Tensor *x = random_leaf(SHAPE(2, 3, C), 1);
    Tensor *weight = random_leaf(SHAPE(C), 2);
    Tensor *bias = random_leaf(SHAPE(C), 3);
    Tensor *y = tensor_layernorm(x, weight, bias, eps);
    double expected[ROWS * C];
    for (int row = 0; row < ROWS; row++) {
        const Real *values = x->data + row * C;
        double mean = 0;
        double var = 0;
        for (int i = 0; i < C; i++) {
            mean += (double)values[i] / C;
        }
        for (int i = 0; i < C; i++) {
            var += ((double)values[i] - mean) * ((double)values[i] - mean) / C;
        }
        for (int i = 0; i < C; i++) {
            double n = ((double)values[i] - mean) / sqrt(var + eps);
            expected[row * C + i] = n * (double)weight->data[i] + (double)bias->data[i];
        }
    }
    assert_values_near("layernorm", y->data, expected, ROWS * C, 3 * FLOAT_UNIT);
}
END_TEST

static void check_layernorm_of_neighbors(float first)
{
    const float values[] = {first, first + 1, first + 2};
    const double expected[] = {-1.224744871, 0, 1.224744871};
    Tensor *y = tensor_layernorm(vector_leaf(values, 3), tensor_full(SHAPE(3), 1), tensor_zeros(SHAPE(3)), 0);
    assert_values_near("layernorm", y->data, expected, 3, 2 * FLOAT_UNIT);
}

// (1, 2, 3): mean 2, variance 2/3 (biased: divided by 3, not by 2).
START_TEST(layernorm_divides_by_the_biased_deviation)
{
    check_layernorm_of_neighbors(1);
}
END_TEST

START_TEST(layernorm_of_equal_values_is_the_bias)
{
    Tensor *x = tensor_full(SHAPE(2, 3), 5);
    Tensor *weight = tensor_full(SHAPE(3), 2);
    Tensor *bias = tensor_full(SHAPE(3), 7);
    tensor_require_grad(x);
    Tensor *y = tensor_layernorm(x, weight, bias, 1e-5);
    tensor_backward(tensor_sum(y));
    const double sevens[] = {7, 7, 7, 7, 7, 7};
    assert_values_near("layernorm", y->data, sevens, 6, 0);
    for (int i = 0; i < 6; i++) {
        ck_assert(isfinite(x->grad[i]));
    }
}
END_TEST

// In float32, the squares of 10000 and its neighbors would leave no digit of a variance of 2/3.
START_TEST(layernorm_far_from_zero_keeps_its_digits)
{
    check_layernorm_of_neighbors(10001);
}
END_TEST

START_TEST(embedding_takes_rows_and_gives_their_gradients_back)
{
    int ids[] = {3, 0, 3, 2, 3, 0};
    Tensor *weight = counting_leaf(SHAPE(4, 2), 1);
    Tensor *y = tensor_embedding(weight, ids, 2, 3);
    ck_assert(shape_equal(y->shape, SHAPE(2, 3, 2)));
    for (int i = 0; i < 6; i++) {
        assert_same_values("row", y->data + 2 * i, weight->data + 2 * ids[i], 2);
    }
    ids[0] = 1; // the tape has its own copy
    tensor_backward(tensor_sum(y));
    const Real times[] = {2, 2, 0, 0, 1, 1, 3, 3};
    assert_same_values("gradient", weight->grad, times, 8);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rows");
    TCase *softmax = case_with_tape(suite, "softmax");
    tcase_add_test(softmax, softmax_of_huge_numbers_is_that_of_their_differences);
    tcase_add_test(softmax, softmax_of_extremes_chooses_the_largest);
    tcase_add_test(softmax, softmax_gives_what_is_minus_infinite_nothing);
    tcase_add_test(softmax, each_row_of_a_softmax_is_its_own);
    tcase_add_test(softmax, softmax_of_one_value_is_1_with_slope_0);
    tcase_add_test(softmax, the_causal_mask_hides_what_is_later);

    TCase *loss = case_with_tape(suite, "losses");
    tcase_add_test(loss, cross_entropy_of_known_logits);
    tcase_add_test(loss, cross_entropy_of_huge_logits_neither_overflows_nor_vanishes);
    tcase_add_test(loss, a_small_cross_entropy_keeps_its_digits);
    tcase_add_test(loss, cross_entropy_averages_rows_of_any_leading_shape);
    tcase_add_test(loss, targets_of_minus_one_do_not_count);
    tcase_add_test(loss, the_gradient_of_cross_entropy_does_not_depend_on_a_common_offset);
    tcase_add_test(loss, the_targets_are_copied);
    tcase_add_test(loss, mse_loss_is_the_mean_of_squares);

    TCase *layer = case_with_tape(suite, "layernorm and embedding");
    tcase_add_loop_test(layer, layernorm_is_the_formula_computed_in_double, 0, 2);
    tcase_add_test(layer, layernorm_divides_by_the_biased_deviation);
    tcase_add_test(layer, layernorm_of_equal_values_is_the_bias);
    tcase_add_test(layer, layernorm_far_from_zero_keeps_its_digits);
    tcase_add_test(layer, embedding_takes_rows_and_gives_their_gradients_back);
    return suite_run(suite);
}
