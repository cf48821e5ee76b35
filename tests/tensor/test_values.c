// test_values.c: functions of one value, arithmetic with numbers, and dropout, against known values, there and back.

#include "tensor/tensor.h"
#include "tests/support/naive.h"
#include "tests/support/near.h"
#include "tests/support/suite.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

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
    Tensor *x = full_leaf(SHAPE_SCALAR, k->x);
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
    Tensor *x = full_leaf(SHAPE_SCALAR, -80);
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
        Tensor *y = reference->apply(full_leaf(SHAPE_SCALAR, at), HERE);
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
        Tensor *y = references[i].apply(full_leaf(SHAPE_SCALAR, (double)NAN), HERE);
        ck_assert_msg(isnan(y->data[0]), "%s(NaN) is %g", references[i].name, (double)y->data[0]);
    }
    ck_assert(isnan(tensor_log(full_leaf(SHAPE_SCALAR, (double)NAN))->data[0]));
    ck_assert(isnan(tensor_pow(full_leaf(SHAPE_SCALAR, (double)NAN), 2)->data[0]));
    ck_assert(isnan(tensor_log(full_leaf(SHAPE_SCALAR, -1))->data[0]));
}
END_TEST

START_TEST(a_nan_goes_through_arithmetic_and_sums)
{
    const float values[] = {1, NAN, 3};
    Tensor *x = vector_leaf(values, 3);
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
    Tensor *x = full_leaf(SHAPE_SCALAR, 3);
    Tensor *y = tensor_add_scalar(tensor_scale(x, -2), 10);
    tensor_backward(y);
    ck_assert_float_eq(tensor_item(y), 4);
    ck_assert_float_eq(x->grad[0], -2);
}
END_TEST

static void check_pow(double x_value, double exponent, double value, double slope)
{
    Tensor *x = full_leaf(SHAPE_SCALAR, x_value);
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
    Tensor *a = full_leaf(SHAPE_SCALAR, a_value);
    Tensor *b = full_leaf(SHAPE_SCALAR, b_value);
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
// Dropout

enum { DROPPED = 100000 };

START_TEST(dropout_keeps_the_fraction_it_should_and_scales_it)
{
    static const double probabilities[] = {0.1, 0.5, 0.9};
    double p = probabilities[_i];
    Random random = seeded(3);
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
    Random random = seeded(3);
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
    Random random = seeded(seed);
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
    Random random = seeded(8);
    Tensor *x = tensor_full(SHAPE(200), 1);
    Tensor *first = tensor_dropout(x, 0.5, &random);
    Tensor *second = tensor_dropout(x, 0.5, &random);
    ck_assert_int_ne(memcmp(second->data, first->data, 200 * sizeof(Real)), 0);
}
END_TEST

START_TEST(dropout_with_probability_0_changes_nothing)
{
    Random random = seeded(8);
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

    TCase *dropout = case_with_tape(suite, "dropout");
    tcase_add_loop_test(dropout, dropout_keeps_the_fraction_it_should_and_scales_it, 0, 3);
    tcase_add_test(dropout, dropout_gives_the_gradient_the_same_mask);
    tcase_add_test(dropout, dropout_from_one_seed_is_the_same);
    tcase_add_test(dropout, dropout_continues_the_random_sequence);
    tcase_add_test(dropout, dropout_with_probability_0_changes_nothing);
    return suite_run(suite);
}
