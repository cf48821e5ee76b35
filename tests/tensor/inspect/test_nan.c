// test_nan.c: the NaN watch sees the first operation whose result or gradient is not finite, says which and where, and lets
// pass what is meant to be infinite.

#include "tensor/op.h"
#include "tensor/inspect/inspect.h"
#include "tests/support/capture.h"
#include "tests/support/mistake.h"
#include "tests/support/suite.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void start(void)
{
    unsetenv("GPTAPE_NAN");
}

static Tensor *named(const float *values, Shape shape, const char *name)
{
    Tensor *x = tensor_require_grad(tensor_from(values, shape, HERE));
    return tensor_label(x, name);
}

START_TEST(off_it_lets_everything_pass)
{
    Tensor *x = named((float[]){0, -1}, SHAPE(2), "x");
    Tensor *y = tensor_log(x, HERE);
    ck_assert(isinf((double)y->data[0]));
    ck_assert(isnan((double)y->data[1]));
    tensor_backward(tensor_sum(y, HERE), HERE);
}
END_TEST

START_TEST(a_result_is_reported_with_operation_inputs_and_line)
{
    nan_watch(true);
    const char *expected = "tensor_div: 2 of 6 values are NaN, first at [0, 1]; input 0 a (2, 3): finite, -3 to 5; "
                           "input 1 b (3): finite, 0 to 4; in module h.2.mlp";
    Tensor *a = named((float[]){1, 0, 2, -3, 0, 5}, SHAPE(2, 3), "a");
    Tensor *b = named((float[]){1, 0, 4}, SHAPE(3), "b");
    tape_scope("h.2.mlp");
    assert_mistake(expected, tensor_div(a, b, HERE));
}
END_TEST

START_TEST(infinities_are_reported_too)
{
    nan_watch(true);
    Tensor *x = named((float[]){1, 100, 0, 200}, SHAPE(2, 2), "x");
    assert_mistake("tensor_exp: 2 of 4 values are inf, first at [0, 1]; input 0 x (2, 2): finite, 0 to 200", tensor_exp(x, HERE));
    assert_mistake_begins("tensor_add: 1 of 2 values is NaN, first at [1];",
                          tensor_add(tensor_from((float[]){INFINITY, 0}, SHAPE(2), HERE), tensor_from((float[]){0, NAN}, SHAPE(2), HERE), HERE));
    assert_mistake("tensor_log: 1 of 4 values is -inf, first at [1, 0]; input 0 x (2, 2): finite, 0 to 200", tensor_log(x, HERE));
}
END_TEST

START_TEST(a_scalar_and_an_input_that_was_bad_before)
{
    nan_watch(true);
    Tensor *x = named((float[]){1, NAN, INFINITY}, SHAPE(3), "x");
    assert_mistake("tensor_sum: the value is NaN; input 0 x (3): 1 NaN, 1 inf, 0 -inf", tensor_sum(x, HERE));
}
END_TEST

START_TEST(what_is_not_recorded_is_watched_too)
{
    nan_watch(true);
    Tensor *x = named((float[]){0}, SHAPE(1), "x");
    tape_no_grad_begin();
    assert_mistake("tensor_log: 1 of 1 values is -inf, first at [0]; input 0 x (1): finite, 0 to 0", tensor_log(x, HERE));
}
END_TEST

START_TEST(a_gradient_is_shown_with_its_incoming_gradients)
{
    Where where = HERE;
    nan_watch(true);
    Tensor *x = named((float[]){1, 0, 4}, SHAPE(3), "x");
    Tensor *root = tensor_pow(x, 0.5, where);
    Tensor *sum = tensor_sum(root, HERE);
    if (setjmp(*mistake_catch()) == 0) {
        tensor_backward(sum, HERE);
        mistake_missing("an infinite slope");
    }
    mistake_assert_told("tensor_pow, backward of node 0: gradient of input 0: 1 of 3 values is inf, first at [1]; "
                        "input 0 x (3): finite, 0 to 4; gradient of the output (3): finite, 1 to 1",
                        where.file, where.line, where.function);
}
END_TEST

// A causal mask, and a mask that is added to the scores, with all that may be done to scores before their softmax.
START_TEST(masked_scores_pass)
{
    const float zeros[4] = {0, 0, 0, 0};
    const float mask[4] = {0, -INFINITY, 0, 0};
    nan_watch(true);
    Tensor *scores = named(zeros, SHAPE(1, 2, 2), "scores");
    Tensor *weights = tensor_softmax(tensor_causal_mask(scores, HERE), HERE);
    Tensor *added = tensor_add(scores, tensor_from(mask, SHAPE(2, 2), HERE), HERE);
    Tensor *same = tensor_softmax(tensor_reshape(tensor_scale(added, 0.5, HERE), SHAPE(2, 2), HERE), HERE);
    tensor_backward(tensor_mean(weights, HERE), HERE);
    tensor_backward(tensor_mean(same, HERE), HERE);
    ck_assert_double_eq((double)weights->data[1], 0);
    ck_assert_double_eq((double)same->data[1], 0);
}
END_TEST

// Yet not with everything that can be made of them.
START_TEST(a_mask_excuses_neither_nan_nor_inf)
{
    nan_watch(true);
    Tensor *scores = named((float[]){0, 0, 0, 0}, SHAPE(2, 2), "scores");
    Tensor *masked = tensor_causal_mask(scores, HERE);
    assert_mistake_begins("tensor_sub: 1 of 4 values is NaN, first at [0, 1]", tensor_sub(masked, masked, HERE));
    assert_mistake_begins("tensor_scale: 1 of 4 values is inf, first at [0, 1]", tensor_scale(masked, -1, HERE));
}
END_TEST

// Each operation reports a NaN input, and none swallows it.
START_TEST(every_operation_is_watched)
{
    char expected[64];
    const Op *op = op_table[_i];
    const OpCase *check = &op->cases[0];
    Tensor *inputs[OP_CASE_INPUTS];
    nan_watch(true);
    for (int k = 0; k < check->n_inputs; k++) {
        inputs[k] = tensor_full(check->shapes[k], NAN, HERE);
    }
    // Two cases begin with another operation, which sees the NaN first.
    const char *first = op == &op_checkpoint ? "tanh" : op == &op_detach ? "mul" : op->name;
    snprintf(expected, sizeof expected, "tensor_%s: ", first);
    if (setjmp(*mistake_catch()) == 0) {
        op_case_run(check, inputs);
        mistake_missing(op->name);
    }
    mistake_assert_begins(expected);
}
END_TEST

START_TEST(the_environment_switches_it_on)
{
    setenv("GPTAPE_NAN", "stop", 1);
    Tensor *x = named((float[]){0}, SHAPE(1), "x");
    assert_mistake_begins("tensor_log: ", tensor_log(x, HERE));
}
END_TEST

START_TEST(the_environment_can_say_nothing_else)
{
    setenv("GPTAPE_NAN", "go", 1);
    Tensor *x = named((float[]){0}, SHAPE(1), "x");
    Capture capture = capture_start(STDERR_FILENO);
    Tensor *y = tensor_log(x, HERE);
    char *said = capture_end(&capture);
    ck_assert(isinf((double)y->data[0]));
    ck_assert_str_eq(said, "gptape: GPTAPE_NAN=go: unknown (expected stop); not watching for NaN\n");
    free(said);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("NaN watch");
    TCase *tests = case_with_tape(suite, "watch");
    tcase_add_checked_fixture(tests, start, NULL);
    tcase_add_test(tests, off_it_lets_everything_pass);
    tcase_add_test(tests, a_result_is_reported_with_operation_inputs_and_line);
    tcase_add_test(tests, infinities_are_reported_too);
    tcase_add_test(tests, a_scalar_and_an_input_that_was_bad_before);
    tcase_add_test(tests, what_is_not_recorded_is_watched_too);
    tcase_add_test(tests, a_gradient_is_shown_with_its_incoming_gradients);
    tcase_add_test(tests, masked_scores_pass);
    tcase_add_test(tests, a_mask_excuses_neither_nan_nor_inf);
    tcase_add_loop_test(tests, every_operation_is_watched, 0, op_count);
    tcase_add_test(tests, the_environment_switches_it_on);
    tcase_add_test(tests, the_environment_can_say_nothing_else);
    return suite_run(suite);
}
