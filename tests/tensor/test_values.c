// test_values.c: what the operations compute, against known values, and that extreme inputs stay harmless, there and back.

#include "tensor/tensor.h"
#include "tests/support/kernels.h"
#include "tests/support/naive.h"
#include "tests/support/near.h"
#include "tests/support/suite.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static Tensor *scalar(double value)
{
    Tensor *x = tensor_full(SHAPE_SCALAR, value);
    tensor_require_grad(x);
    return x;
}

static Tensor *vector(const float *values, int n)
{
    Tensor *x = tensor_from(values, SHAPE(n));
    tensor_require_grad(x);
    return x;
}

// ------------------------------------------------------------------------------------------------------------
// Functions of one value, at points whose values are known to 10 digits or exactly

typedef Tensor *Unary(Tensor *x, Where where);

typedef struct Known {
    const char *name;
    Unary *apply;
    double x;
    double y;
    double slope;
} Known;

static const Known known[] = {
    {"relu", tensor_relu, 2, 2, 1},
    {"relu", tensor_relu, -2, 0, 0},
    {"relu", tensor_relu, 0, 0, 0}, // torch has it so: relu'(0) = 0
    {"relu", tensor_relu, 1 << 30, 1 << 30, 1},
    {"relu", tensor_relu, -100, 0, 0},
    {"gelu", tensor_gelu, 0, 0, 0.5},
    {"gelu", tensor_gelu, 1, 0.8411919906, 1.0829640838},
    {"gelu", tensor_gelu, -1, -0.1588080094, -0.0829640838},
    {"gelu", tensor_gelu, 2, 1.9545976759, 1.0860992567},
    {"gelu", tensor_gelu, 100, 100, 1},
    {"gelu", tensor_gelu, -100, 0, 0},
    {"gelu", tensor_gelu, 0x1p66, 0x1p66, 1}, // x^2 and x^3 are infinite in float32
    {"gelu", tensor_gelu, -0x1p66, 0, 0},
    {"gelu_erf", tensor_gelu_erf, 0, 0, 0.5},
    {"gelu_erf", tensor_gelu_erf, 1, 0.8413447461, 1.0833154706},
    {"gelu_erf", tensor_gelu_erf, -1, -0.1586552539, -0.0833154706},
    // PyTorch 1.13: gelu(x, approximate='none') in float64
    {"gelu_erf", tensor_gelu_erf, -3, -0.0040496941, -0.0119456472},
    {"gelu_erf", tensor_gelu_erf, -0.5, -0.1542687694, 0.1325048753},
    {"gelu_erf", tensor_gelu_erf, 2.5, 2.4844758367, 1.0376110859},
    {"gelu_erf", tensor_gelu_erf, 100, 100, 1},
    {"gelu_erf", tensor_gelu_erf, -100, 0, 0},
    {"tanh", tensor_tanh, 0, 0, 1},
    {"tanh", tensor_tanh, 1, 0.7615941560, 0.4199743416},
    {"tanh", tensor_tanh, 100, 1, 0},
    {"tanh", tensor_tanh, -100, -1, 0},
    {"sigmoid", tensor_sigmoid, 0, 0.5, 0.25},
    {"sigmoid", tensor_sigmoid, 1, 0.7310585786, 0.1966119332},
    {"sigmoid", tensor_sigmoid, 100, 1, 0},
    {"sigmoid", tensor_sigmoid, -100, 0, 0},
    {"sigmoid", tensor_sigmoid, 1000, 1, 0},
    {"sigmoid", tensor_sigmoid, -1000, 0, 0},
    {"exp", tensor_exp, 0, 1, 1},
    {"exp", tensor_exp, 1, 2.718281828459, 2.718281828459},
    {"exp", tensor_exp, -1000, 0, 0},
    {"exp", tensor_exp, 1000, INFINITY, INFINITY},
    {"log", tensor_log, 1, 0, 1},
    {"log", tensor_log, 10, 2.302585092994, 0.1},
    {"log", tensor_log, 0, -INFINITY, INFINITY},
};

enum { KNOWN = sizeof known / sizeof known[0] };

// A few steps are rounded on the way; 1 + tanh rounds relative to 1, however small the result. Far out nothing is left to
// round.
static double few_roundings(double x, double expected)
{
    return fabs(x) >= 100 ? 0 : 4 * FLOAT_UNIT * fmax(fabs(expected), 1);
}

START_TEST(value_and_slope_at_a_known_point)
{
    const Known *k = &known[_i];
    Tensor *x = scalar(k->x);
    Tensor *y = k->apply(x, HERE);
    tensor_backward(y);
    char what[80];
    snprintf(what, sizeof what, "%s(%g)", k->name, k->x);
    assert_near(what, (double)tensor_item(y), k->y, few_roundings(k->x, k->y));
    snprintf(what, sizeof what, "slope of %s at %g", k->name, k->x);
    assert_near(what, (double)x->grad[0], k->slope, few_roundings(k->x, k->slope));
}
END_TEST

START_TEST(a_small_sigmoid_keeps_its_digits)
{
    Tensor *x = scalar(-80);
    Tensor *y = tensor_sigmoid(x);
    tensor_backward(y);
    double expected = exp(-80);
    assert_near("sigmoid(-80)", (double)tensor_item(y), expected, 4 * FLOAT_UNIT * expected);
    assert_near("slope", (double)x->grad[0], expected, 4 * FLOAT_UNIT * expected);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// The same functions in double, over a range of points

static double gelu(double x)
{
    return 0.5 * x * (1 + tanh(sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * pow(x, 3))));
}

static double gelu_erf(double x)
{
    return 0.5 * x * erfc(-x / sqrt(2));
}

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static double relu(double x)
{
    return fmax(x, 0);
}

typedef struct Reference {
    const char *name;
    Unary *apply;
    double (*value)(double x);
} Reference;

static const Reference references[] = {
    {"relu", tensor_relu, relu}, {"gelu", tensor_gelu, gelu},          {"gelu_erf", tensor_gelu_erf, gelu_erf},
    {"tanh", tensor_tanh, tanh}, {"sigmoid", tensor_sigmoid, sigmoid}, {"exp", tensor_exp, exp},
};

enum { REFERENCES = sizeof references / sizeof references[0] };

START_TEST(values_over_a_range_are_those_computed_in_double)
{
    const Reference *reference = &references[_i];
    for (double at = -8; at <= 8; at += 0.37) {
        Tensor *y = reference->apply(scalar(at), HERE);
        double x = (double)(float)at;
        double expected = reference->value(x);
        // 1 + tanh and 1 + erf cancel for x far below 0, so there the error is relative to x, not to y.
        double tolerance = 4 * FLOAT_UNIT * fmax(fabs(expected), fmin(fabs(x), 8));
        char what[80];
        snprintf(what, sizeof what, "%s(%g)", reference->name, x);
        assert_near(what, (double)tensor_item(y), expected, tolerance);
    }
}
END_TEST

START_TEST(a_nan_goes_through_every_function)
{
    for (int i = 0; i < REFERENCES; i++) {
        Tensor *y = references[i].apply(scalar((double)NAN), HERE);
        ck_assert_msg(isnan(y->data[0]), "%s(NaN) is %g", references[i].name, (double)y->data[0]);
    }
    ck_assert(isnan(tensor_log(scalar((double)NAN))->data[0]));
    ck_assert(isnan(tensor_pow(scalar((double)NAN), 2)->data[0]));
    ck_assert(isnan(tensor_log(scalar(-1))->data[0]));
}
END_TEST

START_TEST(a_nan_goes_through_arithmetic_and_sums)
{
    const float values[] = {1, NAN, 3};
    Tensor *x = vector(values, 3);
    Tensor *zero = tensor_zeros(SHAPE(3));
    ck_assert(isnan(tensor_add(x, zero)->data[1]));
    ck_assert(isnan(tensor_mul(x, zero)->data[1]));
    ck_assert(isnan(tensor_sum(x)->data[0]));
    ck_assert(isnan(tensor_mean(x)->data[0]));
    ck_assert_float_eq(tensor_add(x, zero)->data[2], 3);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Numbers as second operand, powers, division

START_TEST(scale_and_add_scalar_take_a_number)
{
    Tensor *x = scalar(3);
    Tensor *y = tensor_add_scalar(tensor_scale(x, -2), 10);
    tensor_backward(y);
    ck_assert_float_eq(tensor_item(y), 4);
    ck_assert_float_eq(x->grad[0], -2);
}
END_TEST

static void check_pow(double x_value, double exponent, double value, double slope)
{
    Tensor *x = scalar(x_value);
    Tensor *y = tensor_pow(x, exponent);
    tensor_backward(y);
    char what[80];
    snprintf(what, sizeof what, "%g^%g", x_value, exponent);
    assert_near(what, (double)tensor_item(y), value, 2 * FLOAT_UNIT * fabs(value));
    snprintf(what, sizeof what, "slope of %g^%g", x_value, exponent);
    assert_near(what, (double)x->grad[0], slope, 4 * FLOAT_UNIT * fabs(slope));
}

START_TEST(powers_and_their_slopes)
{
    check_pow(3, 2, 9, 6);
    check_pow(-3, 2, 9, -6);
    check_pow(4, 0.5, 2, 0.25);
    check_pow(2, -1, 0.5, -0.25);
    check_pow(0, 1, 0, 1);
    check_pow(0, 2, 0, 0);
    check_pow(0, 3, 0, 0);
    check_pow(5, 0, 1, 0);
}
END_TEST

// x^0 is 1 everywhere, so its slope is 0 everywhere, not 0 times infinity.
START_TEST(the_slope_of_x_to_the_0_is_0_at_0_too)
{
    check_pow(0, 0, 1, 0);
}
END_TEST

static void check_division(double a_value, double b_value, double da, double db)
{
    Tensor *a = scalar(a_value);
    Tensor *b = scalar(b_value);
    tensor_backward(tensor_div(a, b));
    assert_near("gradient of a", (double)a->grad[0], da, 4 * FLOAT_UNIT * fabs(da));
    assert_near("gradient of b", (double)b->grad[0], db, 4 * FLOAT_UNIT * fabs(db));
}

START_TEST(division_and_its_slopes)
{
    check_division(6, 3, 1.0 / 3, -6.0 / 9);
    check_division(-1, 2, 0.5, 0.25);
}
END_TEST

// b^2 is below the smallest float32, or above the largest; a / b^2 is not.
START_TEST(the_slopes_of_a_division_by_a_small_or_large_number_are_right)
{
    check_division(1e-25, 1e-25, 1e25, -1e25);
    check_division(1e25, 1e25, 1e-25, -1e-25);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// softmax and the causal mask

START_TEST(softmax_of_huge_numbers_is_that_of_their_differences)
{
    const float small[] = {0, 1, 2};
    const float large[] = {10000, 10001, 10002};
    const float minus[] = {-10002, -10001, -10000};
    const double expected[] = {0.0900305732, 0.2447284711, 0.6652409558};
    assert_values_near("small", tensor_softmax(vector(small, 3))->data, expected, 3, 4 * FLOAT_UNIT);
    assert_values_near("large", tensor_softmax(vector(large, 3))->data, expected, 3, 4 * FLOAT_UNIT);
    assert_values_near("minus", tensor_softmax(vector(minus, 3))->data, expected, 3, 4 * FLOAT_UNIT);
}
END_TEST

START_TEST(softmax_of_extremes_chooses_the_largest)
{
    const float values[] = {-FLT_MAX, 0, FLT_MAX};
    const double expected[] = {0, 0, 1};
    assert_values_near("softmax", tensor_softmax(vector(values, 3))->data, expected, 3, 0);
}
END_TEST

START_TEST(softmax_gives_what_is_minus_infinite_nothing)
{
    const float values[] = {-INFINITY, 1, 1, -INFINITY};
    const double expected[] = {0, 0.5, 0.5, 0};
    const Real dy[] = {7, 3, 5, 9};
    const double dx[] = {0, -0.5, 0.5, 0};
    Tensor *x = vector(values, 4);
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
    Tensor *x = scalar(-50);
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
    Tensor *y = tensor_cross_entropy(vector(logits, n), &target);
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
    double loss = (double)tensor_item(tensor_cross_entropy(vector(sure, 2), &target));
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
    Tensor *x = vector(logits, 3);
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
    Tensor *x = vector(logits, 3);
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
    Tensor *x = vector(x_values, 4);
    Tensor *target = vector(target_values, 4);
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

// (1, 2, 3): mean 2, variance 2/3 (biased: divided by 3, not by 2).
START_TEST(layernorm_divides_by_the_biased_deviation)
{
    const float values[] = {1, 2, 3};
    Tensor *ones = tensor_full(SHAPE(3), 1);
    Tensor *zeros = tensor_zeros(SHAPE(3));
    const double expected[] = {-1.224744871, 0, 1.224744871};
    Tensor *y = tensor_layernorm(vector(values, 3), ones, zeros, 0);
    assert_values_near("layernorm", y->data, expected, 3, 2 * FLOAT_UNIT);
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
    const float values[] = {10001, 10002, 10003};
    Tensor *ones = tensor_full(SHAPE(3), 1);
    Tensor *zeros = tensor_zeros(SHAPE(3));
    const double expected[] = {-1.224744871, 0, 1.224744871};
    Tensor *y = tensor_layernorm(vector(values, 3), ones, zeros, 0);
    assert_values_near("layernorm", y->data, expected, 3, 2 * FLOAT_UNIT);
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

// ------------------------------------------------------------------------------------------------------------
// Dropout

enum { DROPPED = 100000 };

START_TEST(dropout_keeps_the_fraction_it_should_and_scales_it)
{
    static const double probabilities[] = {0.1, 0.5, 0.9};
    double p = probabilities[_i];
    Random random;
    random_seed(&random, 3);
    Tensor *x = tensor_full(SHAPE(DROPPED), 2);
    Tensor *y = tensor_dropout(x, p, &random);
    int kept = 0;
    for (int i = 0; i < DROPPED; i++) {
        if (y->data[i] != 0) {
            assert_near("kept value", (double)y->data[i], 2 / (1 - p), 4 * FLOAT_UNIT / (1 - p));
            kept++;
        }
    }
    // Five deviations of a binomial count: passed once in two million seeds.
    assert_near("kept", kept, DROPPED * (1 - p), 5 * sqrt(DROPPED * p * (1 - p)));
}
END_TEST

START_TEST(dropout_gives_the_gradient_the_same_mask)
{
    Random random;
    random_seed(&random, 3);
    Tensor *x = random_leaf(SHAPE(1000), 4);
    Tensor *y = tensor_dropout(x, 0.3, &random);
    tensor_backward(tensor_sum(y));
    for (int i = 0; i < 1000; i++) {
        assert_near("gradient", (double)x->grad[i], y->data[i] == 0 ? 0 : 1 / 0.7, 2 * FLOAT_UNIT);
    }
}
END_TEST

static Tensor *drop(uint64_t seed)
{
    Random random;
    random_seed(&random, seed);
    return tensor_dropout(tensor_full(SHAPE(200), 1), 0.5, &random);
}

START_TEST(dropout_from_one_seed_is_the_same)
{
    Tensor *first = drop(8);
    Tensor *again = drop(8);
    Tensor *other = drop(9);
    assert_same_values("same seed", again->data, first->data, 200);
    ck_assert_int_ne(memcmp(other->data, first->data, 200 * sizeof(Real)), 0);
}
END_TEST

START_TEST(dropout_continues_the_random_sequence)
{
    Random random;
    random_seed(&random, 8);
    Tensor *x = tensor_full(SHAPE(200), 1);
    Tensor *first = tensor_dropout(x, 0.5, &random);
    Tensor *second = tensor_dropout(x, 0.5, &random);
    ck_assert_int_ne(memcmp(second->data, first->data, 200 * sizeof(Real)), 0);
}
END_TEST

START_TEST(dropout_with_probability_0_changes_nothing)
{
    Random random;
    random_seed(&random, 8);
    Tensor *x = random_leaf(SHAPE(50), 4);
    Tensor *y = tensor_dropout(x, 0, &random);
    assert_same_values("values", y->data, x->data, 50);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("values");
    TCase *function = case_with_tape(suite, "functions");
    tcase_add_loop_test(function, value_and_slope_at_a_known_point, 0, KNOWN);
    tcase_add_test(function, a_small_sigmoid_keeps_its_digits);
    tcase_add_loop_test(function, values_over_a_range_are_those_computed_in_double, 0, REFERENCES);
    tcase_add_test(function, a_nan_goes_through_every_function);
    tcase_add_test(function, a_nan_goes_through_arithmetic_and_sums);
    tcase_add_test(function, scale_and_add_scalar_take_a_number);
    tcase_add_test(function, powers_and_their_slopes);
    tcase_add_test(function, the_slope_of_x_to_the_0_is_0_at_0_too);
    tcase_add_test(function, division_and_its_slopes);
    tcase_add_test(function, the_slopes_of_a_division_by_a_small_or_large_number_are_right);

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

    TCase *dropout = case_with_tape(suite, "dropout");
    tcase_add_loop_test(dropout, dropout_keeps_the_fraction_it_should_and_scales_it, 0, 3);
    tcase_add_test(dropout, dropout_gives_the_gradient_the_same_mask);
    tcase_add_test(dropout, dropout_from_one_seed_is_the_same);
    tcase_add_test(dropout, dropout_continues_the_random_sequence);
    tcase_add_test(dropout, dropout_with_probability_0_changes_nothing);
    return suite_run(suite);
}
