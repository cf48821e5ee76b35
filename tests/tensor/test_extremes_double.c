// test_extremes_double.c: values and gradients at the ends of double's range: where the result is finite, so are all steps on the way to it.

#include "tensor/tensor.h"
#include "tests/support/suite.h"

#include <float.h>
#include <math.h>

typedef struct Point {
    Tensor *(*function)(Tensor *x, Where where);
    double x, y, dx;
} Point;

static const Point points[] = {
    {(tensor_relu), 1e308, 1e308, 1},     {(tensor_relu), -1e308, 0, 0},     {(tensor_gelu), 1e308, 1e308, 1}, {(tensor_gelu), -1e308, 0, 0},
    {(tensor_gelu_erf), 1e308, 1e308, 1}, {(tensor_gelu_erf), -1e308, 0, 0}, {(tensor_tanh), 1e308, 1, 0},     {(tensor_tanh), -1e308, -1, 0},
    {(tensor_sigmoid), 1e308, 1, 0},      {(tensor_sigmoid), -1e308, 0, 0},  {(tensor_exp), -1e308, 0, 0},     {(tensor_mean), 1e308, 1e308, 0.5},
};

// The sums are of long doubles, whose range valgrind does not have.
static bool long_doubles_are_doubles(const char *function)
{
    volatile long double beyond = DBL_MAX;
    beyond *= 2;
    beyond /= 2;
    if (beyond != DBL_MAX) {
        skip(function, "a long double has only the range of a double, as under valgrind");
    }
    return beyond != DBL_MAX;
}

START_TEST(functions_of_one_value)
{
    if (points[_i].function == (tensor_mean) && long_doubles_are_doubles(__func__)) {
        return;
    }
    const Point *p = &points[_i];
    Tensor *x = tensor_require_grad(tensor_full(SHAPE(2), p->x));
    Tensor *y = p->function(x, HERE);
    tensor_backward(tensor_sum(y));
    ck_assert_msg(y->data[0] == p->y && x->grad[1] == p->dx, "f(%g) is %g, its slope %g (expected %g, %g)", p->x, y->data[0], x->grad[1], p->y,
                  p->dx);
}
END_TEST

// n is -1, 1, -1, 1 ..., whatever the size of the values.
START_TEST(norms_of_huge_and_of_denormal_rows)
{
    if (long_doubles_are_doubles(__func__)) {
        return;
    }
    static const double sizes[] = {1e308, 1e-320};
    for (int s = 0; s < 2; s++) {
        Tensor *x = tensor_require_grad(tensor_full(SHAPE(1, 4), sizes[s]));
        x->data[0] = -sizes[s];
        x->data[2] = -sizes[s];
        Tensor *weight = tensor_require_grad(tensor_full(SHAPE(4), 1));
        Tensor *y = tensor_add(tensor_layernorm(x, weight, tensor_zeros(SHAPE(4)), 0), tensor_rmsnorm(x, weight, 0));
        tensor_backward(tensor_sum(y));
        for (int i = 0; i < 4; i++) {
            double n = i % 2 == 0 ? -1 : 1;
            ck_assert_double_eq_tol(y->data[i], 2 * n, 1e-12);
            ck_assert_double_eq_tol(weight->grad[i], 2 * n, 1e-12);
            ck_assert_msg(s == 1 || fabs(x->grad[i]) <= 1e-307, "dx[%d] is %g", i, x->grad[i]); // about 1 / size
        }
        tape_reset(tape);
    }
}
END_TEST

START_TEST(softmax_and_losses_of_huge_values)
{
    Tensor *x = tensor_require_grad(tensor_full(SHAPE(1, 3), -1e308));
    x->data[1] = 1e308;
    Tensor *y = tensor_softmax(x);
    ck_assert(y->data[0] == 0 && y->data[1] == 1 && y->data[2] == 0);
    Tensor *loss = tensor_cross_entropy(x, (int[]){1});
    tensor_backward(loss);
    ck_assert(tensor_item(loss) == 0 && x->grad[0] == 0 && x->grad[1] == 0);
    Tensor *same = tensor_require_grad(tensor_full(SHAPE(2), 1e308));
    Tensor *zero = tensor_mse_loss(same, tensor_full(SHAPE(2), 1e308));
    tensor_backward(zero);
    ck_assert(tensor_item(zero) == 0 && same->grad[0] == 0);
    Tensor *far = tensor_require_grad(tensor_full(SHAPE(4), 1e308));
    tensor_backward(tensor_mse_loss(far, tensor_full(SHAPE(4), -1e308)));
    ck_assert_double_eq_tol(far->grad[3], 1e308, 1e294);
}
END_TEST

START_TEST(arithmetic_of_huge_values)
{
    Tensor *zero = tensor_require_grad(tensor_zeros(SHAPE(2)));
    Tensor *scaled = tensor_scale(zero, 1e308);
    tensor_backward(tensor_sum(scaled));
    ck_assert(scaled->data[0] == 0 && zero->grad[0] == 1e308);
    Tensor *a = tensor_require_grad(tensor_full(SHAPE(1), 1e308));
    Tensor *b = tensor_require_grad(tensor_full(SHAPE(1), -1e308));
    Tensor *quotient = tensor_div(a, b);
    tensor_backward(quotient);
    ck_assert_double_eq(quotient->data[0], -1);
    ck_assert_double_eq_tol(a->grad[0] * 1e308, -1, 1e-14);
    ck_assert_double_eq_tol(b->grad[0] * 1e308, -1, 1e-14);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("extremes_double");
    TCase *tests = case_with_tape(suite, "values");
    tcase_add_loop_test(tests, functions_of_one_value, 0, sizeof points / sizeof points[0]);
    tcase_add_test(tests, norms_of_huge_and_of_denormal_rows);
    tcase_add_test(tests, softmax_and_losses_of_huge_values);
    tcase_add_test(tests, arithmetic_of_huge_values);
    return suite_run(suite);
}
