// test_gradcheck.c: every gradient there is against differences: each case of the table of operations in float32, and all of
// them again in double with the modules and models made of them.

#include "tensor/op.h"
#include "tensor/inspect/inspect.h"
#include "tests/support/near.h"
#include "tests/support/suite.h"

#include <stdio.h>
#include <string.h>

// gradcheck_all of the double build (gpt/lab/gradcheck_models.c), which holds all to 1e-7.
void gradcheck_all_double(GradCheckReport *report, void *context);

// ------------------------------------------------------------------------------------------------------------
// The verdicts, gathered once in main, so that each case is a separate check and no failure hides another.

enum { VERDICTS_MAX = 500 };

typedef struct Verdicts {
    int count;
    char names[VERDICTS_MAX][64];
    GradCheckResult results[VERDICTS_MAX];
} Verdicts;

static Verdicts in_float;
static Verdicts in_double;

static void gather(const char *name, GradCheckResult result, void *context)
{
    Verdicts *verdicts = context;
    if (verdicts->count < VERDICTS_MAX) {
        snprintf(verdicts->names[verdicts->count], sizeof verdicts->names[0], "%s", name);
        verdicts->results[verdicts->count] = result;
    }
    verdicts->count++;
}

static void assert_passed(const char *build, const Verdicts *verdicts, int i, double tolerance)
{
    const GradCheckResult *result = &verdicts->results[i];
    ck_assert_msg(result->passed, "%s, %s: %s", build, verdicts->names[i], result->why);
    ck_assert_msg(result->worst <= tolerance, "%s, %s: worst error %g", build, verdicts->names[i], result->worst);
    ck_assert_msg(result->why[0] == '\0', "%s, %s: passed, and yet: %s", build, verdicts->names[i], result->why);
}

START_TEST(gradient_in_float_is_the_difference_quotient)
{
    assert_passed("float32", &in_float, _i, GRADCHECK_TOLERANCE);
}
END_TEST

// 1e-7 is the double build's GRADCHECK_TOLERANCE, which this program, a float one, does not see.
START_TEST(gradient_in_double_is_the_difference_quotient)
{
    assert_passed("double", &in_double, _i, 1e-7);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// The table

START_TEST(every_operation_has_a_name_a_backward_and_a_case)
{
    for (int kind = 0; kind < op_count; kind++) {
        const Op *op = op_table[kind];
        ck_assert_msg(op != NULL, "operation number %d has no row", kind);
        ck_assert_msg(op->name != NULL && op->name[0] != '\0', "operation number %d has no name", kind);
        ck_assert_msg(op->backward != NULL, "%s has no backward", op->name);
        ck_assert_msg(op->n_cases > 0, "%s has no gradient check", op->name);
    }
}
END_TEST

START_TEST(no_two_operations_or_cases_share_a_name)
{
    for (int i = 0; i < op_count; i++) {
        for (int k = 0; k < i; k++) {
            ck_assert_str_ne(op_table[i]->name, op_table[k]->name);
        }
    }
    for (int i = 0; i < in_float.count; i++) {
        for (int k = 0; k < i; k++) {
            ck_assert_str_ne(in_float.names[i], in_float.names[k]);
        }
    }
}
END_TEST

static bool is_listed(const Verdicts *verdicts, const char *name)
{
    for (int i = 0; i < verdicts->count; i++) {
        if (strcmp(verdicts->names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

START_TEST(every_case_is_checked_in_both_builds)
{
    ck_assert_int_le(in_float.count, VERDICTS_MAX);
    ck_assert_int_le(in_double.count, VERDICTS_MAX);
    for (int kind = 0; kind < op_count; kind++) {
        for (int i = 0; i < op_table[kind]->n_cases; i++) {
            const char *name = op_table[kind]->cases[i].name;
            ck_assert_msg(is_listed(&in_float, name), "%s is not checked in float32", name);
            ck_assert_msg(is_listed(&in_double, name), "%s is not checked in double", name);
        }
    }
    // Modules and models are there, too.
    ck_assert_int_gt(in_double.count, in_float.count);
    ck_assert(is_listed(&in_double, "Attention, fused"));
    ck_assert(is_listed(&in_double, "GPT"));
}
END_TEST

START_TEST(the_tape_that_was_current_is_so_again)
{
    Tape *tape = tape_create();
    Tensor *x = tensor_full(SHAPE(2), 1, HERE);
    gradcheck_ops(gather, &(Verdicts){0});
    ck_assert_ptr_eq(tape_current(), tape);
    ck_assert(x->alive);
    tape_free(tape);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Two things that no difference quotient of an operation by itself shows: whether its backward adds to what is there, and
// whether it can do without the gradients that nobody wants.

typedef struct Inputs {
    Tensor *tensors[OP_CASE_INPUTS];
} Inputs;

// Parameters, which every tape may use: a checkpoint computes on one of its own. free_inputs frees them.
static Inputs make_inputs(const OpCase *op_case)
{
    Inputs inputs = {{NULL}};
    for (int i = 0; i < op_case->n_inputs; i++) {
        Tensor *x = tensor_parameter(NULL, "input", op_case->shapes[i]);
        size_t n = tensor_count(x);
        Random random = seeded((uint64_t)i + 1);
        random_normal(&random, x->data, n, 0.0, 1.0);
        for (size_t k = 0; op_case->positive && k < n; k++) {
            x->data[k] = x->data[k] * x->data[k] + (Real)0.5;
        }
        inputs.tensors[i] = x;
    }
    return inputs;
}

static void free_inputs(const OpCase *op_case, Inputs *inputs)
{
    for (int i = 0; i < op_case->n_inputs; i++) {
        tensor_free(inputs->tensors[i]);
    }
}

static void backward_of(const OpCase *op_case, Inputs *inputs)
{
    Tensor *y = op_case_run(op_case, inputs->tensors);
    size_t n = tensor_count(y);
    Tensor *dy = random_leaf(SHAPE((int)n), 77);
    tensor_backward_from(y, dy->data, HERE);
}

// Each case of each operation, on a tape that is reset after it.
static void for_every_case(void (*check)(const OpCase *op_case))
{
    Tape *tape = tape_create();
    for (int kind = 0; kind < op_count; kind++) {
        for (int i = 0; i < op_table[kind]->n_cases; i++) {
            check(&op_table[kind]->cases[i]);
            tape_reset(tape);
        }
    }
    tape_free(tape);
}

static void keep(const Tensor *x, double *values, double factor)
{
    size_t n = tensor_count(x);
    for (size_t i = 0; i < n; i++) {
        values[i] = factor * (double)x->grad[i];
    }
}

enum { VALUES_MAX = 128 };

// A second pass must leave twice the gradient. Sums that start from the first pass's round differently, no more.
static void check_adding(const OpCase *op_case)
{
    Inputs inputs = make_inputs(op_case);
    double twice[OP_CASE_INPUTS][VALUES_MAX];
    backward_of(op_case, &inputs);
    for (int i = 0; i < op_case->n_inputs; i++) {
        keep(inputs.tensors[i], twice[i], 2);
    }
    backward_of(op_case, &inputs);
    for (int i = 0; i < op_case->n_inputs; i++) {
        assert_values_near(op_case->name, inputs.tensors[i]->grad, twice[i], tensor_count(inputs.tensors[i]), 1e-6);
    }
    free_inputs(op_case, &inputs);
}

START_TEST(backward_adds_to_the_gradient_that_is_there)
{
    for_every_case(check_adding);
}
END_TEST

static void check_one_wanted(const OpCase *op_case, int wanted, const double *expected)
{
    Inputs inputs = make_inputs(op_case);
    for (int i = 0; i < op_case->n_inputs; i++) {
        inputs.tensors[i]->requires_grad = i == wanted;
    }
    backward_of(op_case, &inputs);
    for (int i = 0; i < op_case->n_inputs; i++) {
        if (i == wanted) {
            assert_values_near(op_case->name, inputs.tensors[i]->grad, expected, tensor_count(inputs.tensors[i]), 0);
        } else if (inputs.tensors[i]->grad != NULL) {
            ck_abort_msg("%s: input %d wants no gradient and has one", op_case->name, i + 1);
        }
    }
    free_inputs(op_case, &inputs);
}

static void check_each_wanted(const OpCase *op_case)
{
    Inputs all = make_inputs(op_case);
    backward_of(op_case, &all);
    for (int i = 0; i < op_case->n_inputs; i++) {
        double expected[VALUES_MAX];
        keep(all.tensors[i], expected, 1);
        check_one_wanted(op_case, i, expected);
    }
    free_inputs(op_case, &all);
}

START_TEST(each_input_gets_the_same_gradient_when_no_other_wants_one)
{
    for_every_case(check_each_wanted);
}
END_TEST

// The walk skips a node that leads to nothing; should it be asked all the same, there must be nothing it writes to.
static void check_none_wanted(const OpCase *op_case)
{
    const Tape *tape = tape_current();
    Inputs inputs = make_inputs(op_case);
    for (int i = 0; i < op_case->n_inputs; i++) {
        inputs.tensors[i]->requires_grad = false;
    }
    op_case_run(op_case, inputs.tensors);
    for (int i = tape->n_nodes - 1; i >= 0; i--) {
        TapeNode *node = tape->nodes[i];
        node->output->grad = random_leaf(SHAPE((int)tensor_count(node->output)), 77)->data;
        node->backward(node);
    }
    for (int i = 0; i < op_case->n_inputs; i++) {
        if (inputs.tensors[i]->grad != NULL) {
            ck_abort_msg("%s: input %d wants no gradient and has one", op_case->name, i + 1);
        }
    }
    free_inputs(op_case, &inputs);
}

START_TEST(backward_without_any_wanted_gradient_does_nothing)
{
    for_every_case(check_none_wanted);
}
END_TEST

int main(void)
{
    gradcheck_ops(gather, &in_float);
    gradcheck_all_double(gather, &in_double);

    Suite *suite = suite_create("gradcheck");
    TCase *in_32 = case_create(suite, "float32");
    tcase_add_loop_test(in_32, gradient_in_float_is_the_difference_quotient, 0, in_float.count);

    TCase *in_64 = case_create(suite, "double");
    tcase_add_loop_test(in_64, gradient_in_double_is_the_difference_quotient, 0, in_double.count);

    TCase *table = case_create(suite, "table");
    tcase_add_test(table, every_operation_has_a_name_a_backward_and_a_case);
    tcase_add_test(table, no_two_operations_or_cases_share_a_name);
    tcase_add_test(table, every_case_is_checked_in_both_builds);
    tcase_add_test(table, the_tape_that_was_current_is_so_again);

    TCase *backward = case_create(suite, "backward");
    tcase_add_test(backward, backward_adds_to_the_gradient_that_is_there);
    tcase_add_test(backward, each_input_gets_the_same_gradient_when_no_other_wants_one);
    tcase_add_test(backward, backward_without_any_wanted_gradient_does_nothing);
    return suite_run(suite);
}
