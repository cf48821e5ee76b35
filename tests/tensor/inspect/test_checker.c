// test_checker.c: the gradient check catches each deliberately wrong backward, and reports where.

#include "tensor/op.h"
#include "tensor/inspect/inspect.h"
#include "tests/support/near.h"
#include "tests/support/suite.h"

#include <math.h>
#include <string.h>

// ------------------------------------------------------------------------------------------------------------
// Ways to be wrong: what is done to the gradient of one input after the right backward has added it.

typedef struct Wrong {
    const char *name;
    double factor; // of each value
    double added;  // to the middle one, in units of the largest
} Wrong;

static const Wrong right = {"right", 1, 0};

static const Wrong wrongs[] = {
    {"sign flipped", -1, 0},
    {"doubled", 2, 0},
    {"zero", 0, 0},
    {"NaN", (double)NAN, 0},
    {"NaN at one index", 1, (double)NAN},
    {"infinite at one index", 1, (double)INFINITY},
    {"wrong at one index", 1, 0.01}, // ten times the tolerance
    {"one percent too large", 1.01, 0},
};

enum { WRONGS = sizeof wrongs / sizeof wrongs[0], SIGN_FLIPPED = 0, ONE_NAN = 4 };

static void spoil(const Wrong *wrong, Real *grad, size_t n)
{
    double largest = 0;
    for (size_t i = 0; i < n; i++) {
        grad[i] = (Real)(wrong->factor * (double)grad[i]);
        largest = fmax(largest, fabs((double)grad[i]));
    }
    if (wrong->added != 0) {
        grad[n / 2] += (Real)(wrong->added * largest);
    }
}

// ------------------------------------------------------------------------------------------------------------
// How the wrong backward gets onto the tape: the forward of the check puts it into the node just recorded.

static const Wrong *spoil_now;
static int spoiled_input;
static Tensor *spoiled_leaf; // the case's input of that number, which not every node has among its own

static void spoiled_backward(TapeNode *node)
{
    node->op->backward(node);
    Tensor *input = spoiled_input < node->n_inputs ? node->inputs[spoiled_input] : spoiled_leaf;
    if (input->grad != NULL) {
        spoil(spoil_now, input->grad, tensor_count(input));
    }
}

typedef struct Checked {
    const OpCase *op_case;
    Tensor *inputs[OP_CASE_INPUTS];
} Checked;

static Tensor *forward_spoiled(void *context)
{
    Checked *checked = context;
    Tensor *y = op_case_run(checked->op_case, checked->inputs);
    if (y->node != NULL) {
        y->node->backward = spoiled_backward;
    }
    return y;
}

static Tensor *parameter(Shape shape, uint64_t seed, bool positive)
{
    Tensor *x = tensor_parameter(NULL, "x", shape);
    Random random = seeded(seed);
    // Between 0.5 and 1.5: no difference quotient then crosses the bend of relu or the pole of a logarithm.
    random_uniform(&random, x->data, tensor_count(x), 0.5, 1.5);
    size_t n = tensor_count(x);
    for (size_t i = 0; !positive && i < n; i += 2) {
        x->data[i] = -x->data[i];
    }
    return x;
}

static GradCheckResult check_spoiled(const OpCase *op_case, const Wrong *wrong, int input)
{
    spoil_now = wrong;
    spoiled_input = input;
    Checked checked = {.op_case = op_case};
    for (int i = 0; i < op_case->n_inputs; i++) {
        checked.inputs[i] = parameter(op_case->shapes[i], 100 + (uint64_t)i, op_case->positive);
    }
    spoiled_leaf = checked.inputs[input];
    GradCheck check = {.name = op_case->name,
                       .leaves = checked.inputs,
                       .n_leaves = op_case->n_inputs,
                       .forward = forward_spoiled,
                       .context = &checked};
    GradCheckResult result = gradcheck(&check);
    for (int i = 0; i < op_case->n_inputs; i++) {
        tensor_free(checked.inputs[i]);
    }
    return result;
}

// ------------------------------------------------------------------------------------------------------------
// Every operation, every case, every input, every way to be wrong

static void assert_caught(const OpCase *op_case, const Wrong *wrong, int input)
{
    GradCheckResult result = check_spoiled(op_case, wrong, input);
    if (result.passed) {
        ck_abort_msg("%s: gradient of input %d %s, and not caught (error %g)", op_case->name, input + 1, wrong->name, result.worst);
    }
    if (strncmp(result.why, "leaf ", 5) != 0) {
        ck_abort_msg("%s: caught without a reason: \"%s\"", op_case->name, result.why);
    }
}

// The inputs of a case's last node are its leaves, or (the causal mask, under a softmax) lead to one; a checkpoint's second leaf
// is known to its function only.
START_TEST(a_wrong_backward_of_any_operation_is_caught)
{
    const Op *op = op_table[_i];
    for (int c = 0; c < op->n_cases; c++) {
        const OpCase *op_case = &op->cases[c];
        for (int input = 0; input < op_case->n_inputs; input++) {
            GradCheckResult result = check_spoiled(op_case, &right, input);
            ck_assert_msg(result.passed, "%s: right, and yet: %s", op_case->name, result.why);
            for (int w = 0; w < WRONGS; w++) {
                assert_caught(op_case, &wrongs[w], input);
            }
        }
    }
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Wrong in ways that one use of a tensor does not show

static void overwriting_backward(TapeNode *node)
{
    const Real *dy = node->output->grad;
    Real *dx = op_grad(node->inputs[0]);
    size_t n = tensor_count(node->output);
    for (size_t i = 0; i < n; i++) {
        dx[i] = 3 * dy[i]; // must be +=
    }
}

static Tensor *scale_twice(void *context)
{
    Tensor *x = context;
    Tensor *a = tensor_scale(x, 3, HERE);
    Tensor *b = tensor_scale(x, 3, HERE);
    return tensor_mul(a, b, HERE);
}

static Tensor *scale_twice_overwriting(void *context)
{
    Tensor *y = scale_twice(context);
    if (y->node != NULL) {
        y->node->inputs[0]->node->backward = overwriting_backward;
        y->node->inputs[1]->node->backward = overwriting_backward;
    }
    return y;
}

static GradCheckResult check_one(Tensor *x, Tensor *(*forward)(void *context))
{
    GradCheck check = {.name = "one leaf", .leaves = &x, .n_leaves = 1, .forward = forward, .context = x};
    return gradcheck(&check);
}

START_TEST(a_backward_that_overwrites_instead_of_adding_is_caught)
{
    Tensor *x = parameter(SHAPE(2, 3), 1, false);
    GradCheckResult result = check_one(x, scale_twice);
    ck_assert_msg(result.passed, "%s", result.why);
    ck_assert(!check_one(x, scale_twice_overwriting).passed);
    tensor_free(x);
}
END_TEST

// The differences of x^0 are all 0. A gradient of NaN is no nearer to 0 than it is to anything else.
static void nan_backward(TapeNode *node)
{
    Tensor *x = node->inputs[0];
    spoil(&(Wrong){.factor = (double)NAN}, op_grad(x), tensor_count(x));
}

static Tensor *constant_with_nan_gradient(void *context)
{
    Tensor *y = tensor_scale(context, 0, HERE);
    if (y->node != NULL) {
        y->node->backward = nan_backward;
    }
    return y;
}

START_TEST(nan_is_caught_even_where_every_difference_is_zero)
{
    Tensor *x = parameter(SHAPE(3), 1, false);
    GradCheckResult result = check_one(x, constant_with_nan_gradient);
    ck_assert_msg(!result.passed, "a gradient of NaN passed, error %g", result.worst);
    tensor_free(x);
}
END_TEST

static Tensor *constant(void *context)
{
    return tensor_scale(context, 0, HERE);
}

START_TEST(a_leaf_all_of_whose_gradients_are_zero_is_refused)
{
    Tensor *x = parameter(SHAPE(3), 1, false);
    GradCheckResult result = check_one(x, constant);
    ck_assert(!result.passed);
    ck_assert_str_eq(result.why, "leaf 0 x: every gradient is 0");
    tensor_free(x);
}
END_TEST

typedef struct Pair {
    Tensor *leaves[2];
} Pair;

static Tensor *first_only(void *context)
{
    Pair *pair = context;
    return tensor_scale(pair->leaves[0], 2, HERE);
}

START_TEST(a_leaf_that_no_gradient_reaches_is_refused)
{
    Pair pair = {{parameter(SHAPE(3), 1, false), parameter(SHAPE(2), 2, false)}};
    GradCheck check = {.name = "severed", .leaves = pair.leaves, .n_leaves = 2, .forward = first_only, .context = &pair};
    GradCheckResult result = gradcheck(&check);
    ck_assert(!result.passed);
    ck_assert_str_eq(result.why, "leaf 1 x: no gradient arrived");
    tensor_free(pair.leaves[0]);
    tensor_free(pair.leaves[1]);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// What the check says and leaves behind

static void wrong_at_two(TapeNode *node)
{
    node->op->backward(node);
    node->inputs[0]->grad[2] = 5;
}

static Tensor *scale_wrong_at_two(void *context)
{
    Tensor *y = tensor_scale(context, 2, HERE);
    if (y->node != NULL) {
        y->node->backward = wrong_at_two;
    }
    return y;
}

START_TEST(a_failure_says_which_leaf_which_index_expected_and_got)
{
    Tensor *x = parameter(SHAPE(4), 1, false);
    GradCheckResult result = check_one(x, scale_wrong_at_two);
    ck_assert(!result.passed);
    ck_assert_msg(strncmp(result.why, "leaf 0 x: index 2: expected ", 28) == 0, "\"%s\"", result.why);
    ck_assert_msg(strstr(result.why, ", got 5") != NULL, "\"%s\"", result.why);
    ck_assert_double_gt(result.worst, 0.1);
    tensor_free(x);
}
END_TEST

// The NaN stands in the middle: what comes after must not cover it up.
START_TEST(the_worst_error_of_a_nan_is_nan)
{
    GradCheckResult result = check_spoiled(&op_scale.cases[0], &wrongs[ONE_NAN], 0);
    ck_assert(!result.passed);
    ck_assert_msg(isnan(result.worst), "worst error %g", result.worst);
}
END_TEST

START_TEST(the_leaves_values_are_as_before)
{
    Tensor *x = parameter(SHAPE(2, 3), 1, false);
    Tensor *same = parameter(SHAPE(2, 3), 1, false);
    check_one(x, scale_twice);
    assert_same_values("x", x->data, same->data, 6);
    tensor_free(x);
    tensor_free(same);
}
END_TEST

// What a leaf has added up before is none of the check's business.
START_TEST(an_old_gradient_does_not_disturb_the_check)
{
    Tensor *x = parameter(SHAPE(2, 3), 1, false);
    tensor_backward(tensor_sum(tensor_scale(x, 1000, HERE), HERE), HERE);
    GradCheckResult result = check_one(x, scale_twice);
    ck_assert_msg(result.passed, "%s", result.why);
    tensor_free(x);
}
END_TEST

static GradCheckResult check_with(Tensor *x, double tolerance, double floor)
{
    GradCheck check =
        {.name = "one percent", .leaves = &x, .n_leaves = 1, .forward = scale_wrong_at_two, .context = x, .tolerance = tolerance, .floor = floor};
    return gradcheck(&check);
}

// Every value is wrong; the first is the one to look at.
START_TEST(of_many_failures_the_first_is_reported)
{
    GradCheckResult result = check_spoiled(&op_mul.cases[0], &wrongs[SIGN_FLIPPED], 0);
    ck_assert_msg(strncmp(result.why, "leaf 0 x: index 0: ", 19) == 0, "\"%s\"", result.why);
}
END_TEST

START_TEST(a_given_tolerance_takes_precedence)
{
    Tensor *x = parameter(SHAPE(4), 1, false);
    ck_assert(!check_with(x, 0.01, 0).passed);
    ck_assert(check_with(x, 100, 0).passed);
    ck_assert(check_with(x, 0.01, 1000).passed); // 5 off is little beside 1000 times the largest
    tensor_free(x);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("checker");
    TCase *table = case_with_tape(suite, "table");
    tcase_add_loop_test(table, a_wrong_backward_of_any_operation_is_caught, 0, op_count);

    TCase *subtle = case_with_tape(suite, "subtle");
    tcase_add_test(subtle, a_backward_that_overwrites_instead_of_adding_is_caught);
    tcase_add_test(subtle, nan_is_caught_even_where_every_difference_is_zero);
    tcase_add_test(subtle, a_leaf_all_of_whose_gradients_are_zero_is_refused);
    tcase_add_test(subtle, a_leaf_that_no_gradient_reaches_is_refused);

    TCase *result = case_with_tape(suite, "result");
    tcase_add_test(result, a_failure_says_which_leaf_which_index_expected_and_got);
    tcase_add_test(result, the_worst_error_of_a_nan_is_nan);
    tcase_add_test(result, the_leaves_values_are_as_before);
    tcase_add_test(result, an_old_gradient_does_not_disturb_the_check);
    tcase_add_test(result, of_many_failures_the_first_is_reported);
    tcase_add_test(result, a_given_tolerance_takes_precedence);
    return suite_run(suite);
}
