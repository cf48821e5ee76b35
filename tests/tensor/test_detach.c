// test_detach.c: detach passes values and no gradient; rmsnorm against its formula in double.

#include "tests/nn/nn_test.h"

START_TEST(detach_has_the_values_and_passes_no_gradient)
{
    Tensor *x = random_leaf(SHAPE(2, 3), 1);
    Tensor *stopped = tensor_detach(x);
    Tensor *y = tensor_add(tensor_mul(stopped, x), tensor_mul(stopped, stopped)); // dy/dx = the first factor alone
    tensor_backward(tensor_sum(y));

    assert_same_bits(stopped->data, x->data, 6, "detach");
    assert_same_bits(x->grad, x->data, 6, "dx");
    ck_assert(!stopped->requires_grad);
    ck_assert_ptr_null(stopped->grad);
    ck_assert_str_eq(stopped->node->op->name, "detach");
    ck_assert_ptr_eq(stopped->node->inputs[0], x);
}
END_TEST

START_TEST(a_loss_that_is_detached_reaches_nothing)
{
    Tensor *x = random_leaf(SHAPE(2, 3), 1);
    Tensor *loss = tensor_sum(tensor_detach(x));
    ASSERT_MISTAKE(tensor_backward(loss), "requires a gradient");
}
END_TEST

START_TEST(rmsnorm_divides_each_row_by_its_root_mean_square)
{
    Tensor *x = random_leaf(SHAPE(2, 3, 5), 2);
    Tensor *weight = random_leaf(SHAPE(5), 3);
    Tensor *y = tensor_rmsnorm(x, weight, 1e-5);
    for (int row = 0; row < 6; row++) {
        double squares = 0;
        for (int i = 0; i < 5; i++) {
            squares += pow((double)x->data[row * 5 + i], 2);
        }
        for (int i = 0; i < 5; i++) {
            double expected = (double)weight->data[i] * (double)x->data[row * 5 + i] / sqrt(squares / 5 + 1e-5);
            ASSERT_RELATIVE((double)y->data[row * 5 + i], expected, 2.4e-7); // two roundings of float32
        }
    }
    ASSERT_MISTAKE(tensor_rmsnorm(x, random_leaf(SHAPE(4), 1), 1e-5), "weight must have shape (5)");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tensor: detach and rmsnorm");
    TCase *tcase = case_with_tape(suite, "values");
    tcase_add_test(tcase, detach_has_the_values_and_passes_no_gradient);
    tcase_add_test(tcase, a_loss_that_is_detached_reaches_nothing);
    tcase_add_test(tcase, rmsnorm_divides_each_row_by_its_root_mean_square);
    return suite_run(suite);
}
