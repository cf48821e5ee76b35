// gradcheck.c: checks gradients against the definition of the derivative.
//
// A computation y = f(leaves) is made a single number s = sum_i w_i y_i with fixed irregular weights w, so that no error in one
// y_i can hide behind another. The tape's ds/dx is compared, value by value, with the fourth-order central difference
//
//   (8 (s(x + h) - s(x - h)) - (s(x + 2h) - s(x - 2h))) / 12 h
//
// s is summed in double from what f computed, so in a float32 build only f itself rounds.

#include "tensor/op.h"
#include "tensor/unwind.h"

#include "tensor/inspect/inspect.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

// Irregular numbers between 0.6 and 1.6 whose signs follow no pattern; the same every time.
static double irregular(size_t i)
{
    double value = fmod(0.754877666 * (double)(i + 1) + 0.569840291 * (double)(i * i % 7), 1.0) + 0.6;
    return (i * 5 + i / 3) % 4 < 2 ? value : -value;
}

static double weighted_sum(const GradCheck *check)
{
    int frame = unwind_begin();
    tape_no_grad_begin();
    const Tensor *y = check->forward(check->context);
    unwind_end(frame);
    double sum = 0;
    size_t n = tensor_count(y);
    for (size_t i = 0; i < n; i++) {
        sum += irregular(i) * (double)y->data[i];
    }
    tape_reset(tape_current());
    return sum;
}

// A value that is moved for a moment.
typedef struct Moved {
    Real *value;
    Real before;
} Moved;

static void move_back(void *object)
{
    Moved *moved = object;
    *moved->value = moved->before;
}

static double sum_at(const GradCheck *check, Real *value, Real x)
{
    *value = x;
    return weighted_sum(check);
}

// The step that is taken is what x + h rounds to, minus x. It differs from h by no more than eps |x| / 2, which costs the quotient
// as many digits as s's own rounding.
static double difference_quotient(const GradCheck *check, Real *value, double h)
{
    Real x = *value;
    Moved moved = {value, x};
    int frame = unwind_begin();
    unwind_add(move_back, &moved);
    double near = sum_at(check, value, x + (Real)h) - sum_at(check, value, x - (Real)h);
    double far = sum_at(check, value, x + (Real)(2 * h)) - sum_at(check, value, x - (Real)(2 * h));
    unwind_end(frame);
    return (8 * near - far) / (12 * h);
}

static void forget_gradients(void *object)
{
    const GradCheck *check = object;
    for (int l = 0; l < check->n_leaves; l++) {
        tensor_zero_grad(check->leaves[l]);
    }
}

static void tape_gradients(const GradCheck *check)
{
    forget_gradients((void *)check);
    Tensor *y = check->forward(check->context);
    size_t n = tensor_count(y);
    int frame = unwind_begin();
    Real *dy = unwind_allocate(n, sizeof *dy, "a gradient check");
    for (size_t i = 0; i < n; i++) {
        dy[i] = (Real)irregular(i);
    }
    tensor_backward_from(y, dy, HERE);
    unwind_end(frame);
    tape_reset(tape_current());
}

// The first failure is reported.
static void fail_check(GradCheckResult *result, const Tensor *leaf, int l, const char *format, ...)
{
    if (!result->passed) {
        return;
    }
    result->passed = false;
    int used = snprintf(result->why, sizeof result->why, "leaf %d%s%s: ", l, leaf->label == NULL ? "" : " ", TENSOR_NAME(leaf));
    FORMAT_ARGUMENTS(result->why + used, sizeof result->why - (size_t)used, format);
}

static double relative_error(double got, double expected, double smallest_size)
{
    if (isnan(got) || isnan(expected)) {
        return NAN;
    }
    double size = fmax(fmax(fabs(got), fabs(expected)), smallest_size);
    return size == 0 ? 0 : fabs(got - expected) / size;
}

static double largest_of(const double *values, size_t n)
{
    double largest = 0;
    for (size_t i = 0; i < n; i++) {
        largest = fmax(largest, fabs(values[i]));
    }
    return largest;
}

static void check_leaf(const GradCheck *check, int l, GradCheckResult *result)
{
    Tensor *leaf = check->leaves[l];
    size_t n = tensor_count(leaf);
    double h = check->step == 0 ? GRADCHECK_STEP : check->step;
    double tolerance = check->tolerance == 0 ? GRADCHECK_TOLERANCE : check->tolerance;
    double floor_part = check->floor == 0 ? GRADCHECK_FLOOR : check->floor;
    int frame = unwind_begin();
    double *expected = unwind_allocate(n, sizeof *expected, "a gradient check");
    for (size_t i = 0; i < n; i++) {
        expected[i] = difference_quotient(check, &leaf->data[i], h);
    }
    double smallest_size = floor_part * largest_of(expected, n);
    bool any = false;
    for (size_t i = 0; i < n; i++) {
        double got = (double)leaf->grad[i];
        double error = relative_error(got, expected[i], smallest_size);
        any = any || got != 0;
        // Not "error > tolerance": that would let NaN pass.
        if (!(error <= tolerance)) {
            fail_check(result, leaf, l, "index %zu: expected %.9g, got %.9g", i, expected[i], got);
        }
        if (!isnan(result->worst) && !(error <= result->worst)) {
            result->worst = error;
        }
    }
    if (!any) {
        fail_check(result, leaf, l, "every gradient is 0");
    }
    unwind_end(frame);
}

GradCheckResult gradcheck(const GradCheck *check)
{
    REQUIRE(check, check->forward);
    if (check->n_leaves > 0) {
        REQUIRE(check->leaves);
    }
    GradCheckResult result = {.worst = 0, .passed = true};
    int frame = unwind_begin();
    unwind_add_on_failure(forget_gradients, (void *)check);
    tape_gradients(check);
    for (int l = 0; l < check->n_leaves; l++) {
        if (check->leaves[l]->grad == NULL) {
            fail_check(&result, check->leaves[l], l, "no gradient arrived");
            continue;
        }
        check_leaf(check, l, &result);
    }
    unwind_end(frame);
    return result;
}

// ------------------------------------------------------------------------------------------------------------
// The cases of the table of operations

Tensor *op_case_run(const OpCase *op_case, Tensor **inputs)
{
    return op_case->unary != NULL       ? op_case->unary(inputs[0], HERE)
         : op_case->binary != NULL      ? op_case->binary(inputs[0], inputs[1], HERE)
         : op_case->ternary != NULL     ? op_case->ternary(inputs[0], inputs[1], op_case->n_inputs > 2 ? inputs[2] : NULL, HERE)
         : op_case->with_number != NULL ? op_case->with_number(inputs[0], op_case->number, HERE)
                                        : op_case->forward(inputs);
}

typedef struct CaseContext {
    const OpCase *op_case;
    Tensor *inputs[OP_CASE_INPUTS];
} CaseContext;

static Tensor *run_case(void *context)
{
    CaseContext *c = context;
    return op_case_run(c->op_case, c->inputs);
}

static void free_input(void *input)
{
    tensor_free(input);
}

static GradCheckResult check_case(const OpCase *op_case)
{
    CaseContext context = {.op_case = op_case};
    int frame = unwind_begin();
    for (int i = 0; i < op_case->n_inputs; i++) {
        Tensor *input = tensor_parameter(NULL, NULL, op_case->shapes[i]);
        unwind_add(free_input, input);
        size_t n = tensor_count(input);
        for (size_t k = 0; k < n; k++) {
            double value = irregular(k + 11 * (size_t)i);
            input->data[k] = (Real)(op_case->positive ? fabs(value) : value);
        }
        context.inputs[i] = input;
    }
    GradCheck check = {.name = op_case->name, .leaves = context.inputs, .n_leaves = op_case->n_inputs, .forward = run_case, .context = &context};
    GradCheckResult result = gradcheck(&check);
    unwind_end(frame);
    return result;
}

void gradcheck_op(const Op *op, GradCheckReport *report, void *context)
{
    REQUIRE(op, report);
    int frame = unwind_begin();
    unwind_add_tape();
    for (int i = 0; i < op->n_cases; i++) {
        report(op->cases[i].name, check_case(&op->cases[i]), context);
    }
    unwind_end(frame);
}

void gradcheck_ops(GradCheckReport *report, void *context)
{
    for (int i = 0; i < op_count; i++) {
        gradcheck_op(op_table[i], report, context);
    }
}
