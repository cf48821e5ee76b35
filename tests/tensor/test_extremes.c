// test_extremes.c: values and gradients at the ends of float's range, with the plain kernels and with the fast ones for each kind of
// vector: finite results are right, not NaN or infinity from an intermediate result.

#include "tensor/fast/fast.h"
#include "tensor/fast/vector/vector.h"
#include "tensor/tensor.h"
#include "tests/support/near.h"
#include "tests/support/suite.h"

#include <float.h>
#include <math.h>

enum { ENGINES = 4 };
static const char *const engines[ENGINES] = {"plain", "avx512", "avx2", "baseline"};

// False if this processor cannot do it.
static bool choose(int i)
{
    ck_assert(kernels_choose(i == 0 ? "plain" : "fast"));
    return i == 0 || vector_choose(engines[i]);
}

typedef struct Point {
    Tensor *(*function)(Tensor *x, Where where);
    float x, y, dx;
} Point;

#define INF INFINITY
static const Point points[] = {
    {(tensor_relu), 3e38f, 3e38f, 1},     {(tensor_relu), -3e38f, 0, 0},     {(tensor_relu), INF, INF, 1},     {(tensor_relu), -INF, 0, 0},
    {(tensor_gelu), 3e38f, 3e38f, 1},     {(tensor_gelu), -3e38f, 0, 0},     {(tensor_gelu), INF, INF, 1},     {(tensor_gelu), -INF, 0, 0},
    {(tensor_gelu_erf), 3e38f, 3e38f, 1}, {(tensor_gelu_erf), -3e38f, 0, 0}, {(tensor_gelu_erf), INF, INF, 1}, {(tensor_gelu_erf), -INF, 0, 0},
    {(tensor_tanh), 3e38f, 1, 0},         {(tensor_tanh), -3e38f, -1, 0},    {(tensor_tanh), INF, 1, 0},       {(tensor_tanh), -INF, -1, 0},
    {(tensor_sigmoid), 3e38f, 1, 0},      {(tensor_sigmoid), -3e38f, 0, 0},  {(tensor_sigmoid), INF, 1, 0},    {(tensor_sigmoid), -INF, 0, 0},
    {(tensor_exp), 3e38f, INF, INF},      {(tensor_exp), -3e38f, 0, 0},      {(tensor_exp), -INF, 0, 0},       {(tensor_log), INF, INF, 0},
    {(tensor_log), 0, -INF, INF},
};
enum { POINTS = sizeof points / sizeof points[0] };

// 37 values, so that whole vectors and the rest of a row are computed.
enum { N = 37 };

START_TEST(functions_of_one_value)
{
    if (!choose(_i)) {
        return;
    }
    for (int p = 0; p < POINTS; p++) {
        Tensor *x = tensor_require_grad(tensor_full(SHAPE(N), (double)points[p].x));
        Tensor *y = points[p].function(x, HERE);
        tensor_backward(tensor_sum(y));
        for (int i = 0; i < N; i++) {
            ck_assert_msg(y->data[i] == points[p].y, "%s, point %d: y is %g, not %g", engines[_i], p, (double)y->data[i], (double)points[p].y);
            ck_assert_msg(x->grad[i] == points[p].dx, "%s, point %d: dx is %g, not %g", engines[_i], p, (double)x->grad[i], (double)points[p].dx);
        }
        tape_reset(tape_current());
    }
}
END_TEST

START_TEST(nan_stays_nan)
{
    if (!choose(_i)) {
        return;
    }
    for (int p = 0; p < POINTS; p++) {
        Tensor *x = tensor_full(SHAPE(N), NAN);
        ck_assert(isnan(points[p].function(x, HERE)->data[N - 1]));
        tape_reset(tape_current());
    }
}
END_TEST

START_TEST(softmax_of_huge_scores)
{
    if (!choose(_i)) {
        return;
    }
    Tensor *x = tensor_require_grad(tensor_full(SHAPE(2, N), -3e38));
    x->data[5] = 3e38f;
    x->data[N + 6] = -INFINITY;
    Tensor *y = tensor_softmax(x);
    tensor_backward_from(y, (Real[2 * N]){[5] = 1});
    assert_near("largest", (double)y->data[5], 1, 0);
    assert_near("others", (double)y->data[6], 0, 0);
    assert_near("equal ones", (double)y->data[N], 1.0 / (N - 1), 1e-7);
    assert_near("minus infinity", (double)y->data[N + 6], 0, 0);
    for (int i = 0; i < 2 * N; i++) {
        assert_near("dx", (double)x->grad[i], 0, 0);
    }
}
END_TEST

// Rows of -a, a, -a, a ...: n is -1, 1, -1, 1, whatever a is; and of one value far from all others.
START_TEST(layernorm_of_huge_and_of_denormal_rows)
{
    const float sizes[] = {3e38f, 1, 1e-38f, 1e-44f};
    if (!choose(_i)) {
        return;
    }
    for (int s = 0; s < 4; s++) {
        Tensor *x = tensor_require_grad(tensor_full(SHAPE(1, 2 * N), 0));
        Tensor *weight = tensor_require_grad(tensor_full(SHAPE(2 * N), 1));
        Tensor *bias = tensor_full(SHAPE(2 * N), 0);
        for (int i = 0; i < 2 * N; i++) {
            x->data[i] = i % 2 == 0 ? -sizes[s] : sizes[s];
        }
        Tensor *y = tensor_layernorm(x, weight, bias, 0);
        tensor_backward(tensor_sum(y));
        for (int i = 0; i < 2 * N; i++) {
            assert_near(engines[_i], (double)y->data[i], i % 2 == 0 ? -1 : 1, 1e-6);
            assert_near("dweight", (double)weight->grad[i], i % 2 == 0 ? -1 : 1, 1e-6);
        }
        tape_reset(tape_current());
    }
    Tensor *x = tensor_full(SHAPE(1, 4), -3e38);
    x->data[0] = 3e38f;
    Tensor *y = tensor_layernorm(x, tensor_full(SHAPE(4), 1), tensor_full(SHAPE(4), 0), 0);
    assert_near("one of four", (double)y->data[0], sqrt(3), 1e-6);
    assert_near("the others", (double)y->data[1], -1 / sqrt(3), 1e-6);
}
END_TEST

START_TEST(losses_of_huge_values)
{
    const int targets[] = {0};
    if (!choose(_i)) {
        return;
    }
    Tensor *logits = tensor_require_grad(tensor_full(SHAPE(1, N), -3e38));
    logits->data[0] = 3e38f;
    Tensor *loss = tensor_cross_entropy(logits, targets);
    tensor_backward(loss);
    assert_near("cross entropy", (double)tensor_item(loss), 0, 0);
    assert_near("dlogits", (double)logits->grad[0], 0, 0);
    Tensor *x = tensor_require_grad(tensor_full(SHAPE(4), 3e38));
    tensor_backward(tensor_mse_loss(x, tensor_full(SHAPE(4), -3e38)));
    assert_near("dx of mse_loss", (double)x->grad[3], 3e38, 3e38 * 2e-7);
    ck_assert(tensor_item(tensor_mean(x)) == 3e38f);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("extremes");
    TCase *tests = case_with_tape(suite, "values");
    tcase_add_loop_test(tests, functions_of_one_value, 0, ENGINES);
    tcase_add_loop_test(tests, nan_stays_nan, 0, ENGINES);
    tcase_add_loop_test(tests, softmax_of_huge_scores, 0, ENGINES);
    tcase_add_loop_test(tests, layernorm_of_huge_and_of_denormal_rows, 0, ENGINES);
    tcase_add_loop_test(tests, losses_of_huge_values, 0, ENGINES);
    return suite_run(suite);
}
