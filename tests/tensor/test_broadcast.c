// test_broadcast.c: arithmetic of two tensors whose sizes differ, for every pair of shapes there is up to a size, against a
// walk value by value. A value that is repeated gets the sum of the gradients of all its uses.

#include "tensor/tensor.h"
#include "tests/support/mistake.h"
#include "tests/support/naive.h"
#include "tests/support/near.h"
#include "tests/support/suite.h"

#include <stdio.h>

// ------------------------------------------------------------------------------------------------------------
// The four operations, and their slopes, in double

typedef struct Operation {
    const char *name;
    Tensor *(*apply)(Tensor *a, Tensor *b, Where where);
    double (*value)(double a, double b);
    double (*slope_a)(double a, double b);
    double (*slope_b)(double a, double b);
} Operation;

static double add(double a, double b)
{
    return a + b;
}

static double sub(double a, double b)
{
    return a - b;
}

static double mul(double a, double b)
{
    return a * b;
}

static double divide(double a, double b)
{
    return a / b;
}

static double one(double a, double b)
{
    (void)a;
    (void)b;
    return 1;
}

static double minus_one(double a, double b)
{
    (void)a;
    (void)b;
    return -1;
}

static double a_itself(double a, double b)
{
    (void)b;
    return a;
}

static double b_itself(double a, double b)
{
    (void)a;
    return b;
}

static double one_over_b(double a, double b)
{
    (void)a;
    return 1 / b;
}

static double minus_a_over_b_squared(double a, double b)
{
    return -a / (b * b);
}

static const Operation operations[] = {
    {"add", tensor_add, add, one, one},
    {"sub", tensor_sub, sub, one, minus_one},
    {"mul", tensor_mul, mul, b_itself, a_itself},
    {"div", tensor_div, divide, one_over_b, minus_a_over_b_squared},
};

enum { OPERATIONS = sizeof operations / sizeof operations[0] };

// ------------------------------------------------------------------------------------------------------------
// The rule, as in NumPy's manual: sizes are aligned at the end, and must be equal or 1 or missing

static int size_from_end(Shape shape, int from_end)
{
    return from_end < shape.ndim ? shape.size[shape.ndim - 1 - from_end] : 1;
}

static bool fits(Shape a, Shape b)
{
    for (int e = 0; e < MAX_DIMS; e++) {
        int size_a = size_from_end(a, e);
        int size_b = size_from_end(b, e);
        if (size_a != size_b && size_a != 1 && size_b != 1) {
            return false;
        }
    }
    return true;
}

static Shape result_shape(Shape a, Shape b)
{
    Shape shape = {.ndim = a.ndim > b.ndim ? a.ndim : b.ndim};
    for (int e = 0; e < shape.ndim; e++) {
        int size_a = size_from_end(a, e);
        shape.size[shape.ndim - 1 - e] = size_a == 1 ? size_from_end(b, e) : size_a;
    }
    return shape;
}

// Which value of x stands at these indices of the result.
static size_t source(Shape x, Shape result, const int index[MAX_DIMS])
{
    int own[MAX_DIMS];
    for (int d = 0; d < x.ndim; d++) {
        int there = index[d + result.ndim - x.ndim];
        own[d] = x.size[d] == 1 ? 0 : there;
    }
    return number_at(x, own);
}

// ------------------------------------------------------------------------------------------------------------
// One pair of shapes

enum { RESULT_MAX = 256 };

static void describe(char text[200], const Operation *operation, Shape a, Shape b, const char *what)
{
    char a_text[SHAPE_TEXT];
    char b_text[SHAPE_TEXT];
    snprintf(text, 200, "%s of %s and %s, %s", operation->name, shape_text(a, a_text), shape_text(b, b_text), what);
}

static void assert_as_walked(const Operation *operation, const Tensor *a, const Tensor *b, const Tensor *y, const Real *dy)
{
    double value[RESULT_MAX] = {0};
    double da[RESULT_MAX] = {0};
    double db[RESULT_MAX] = {0};
    size_t n = tensor_count(y);
    for (size_t i = 0; i < n; i++) {
        int index[MAX_DIMS];
        index_of(y->shape, i, index);
        size_t at_a = source(a->shape, y->shape, index);
        size_t at_b = source(b->shape, y->shape, index);
        double a_value = (double)a->data[at_a];
        double b_value = (double)b->data[at_b];
        value[i] = operation->value(a_value, b_value);
        da[at_a] += (double)dy[i] * operation->slope_a(a_value, b_value);
        db[at_b] += (double)dy[i] * operation->slope_b(a_value, b_value);
    }
    char what[200];
    describe(what, operation, a->shape, b->shape, "value");
    assert_values_near(what, y->data, value, n, 2 * FLOAT_UNIT);
    // Up to 16 products are added up, each rounded, and all but the largest of them to less than the sum's own last digit.
    describe(what, operation, a->shape, b->shape, "gradient of a");
    assert_values_near(what, a->grad, da, tensor_count(a), 100 * FLOAT_UNIT);
    describe(what, operation, a->shape, b->shape, "gradient of b");
    assert_values_near(what, b->grad, db, tensor_count(b), 100 * FLOAT_UNIT);
}

static void check_pair(const Operation *operation, Shape a_shape, Shape b_shape)
{
    Tensor *a = counting_leaf(a_shape, 3);
    Tensor *b = counting_leaf(b_shape, 8);
    Tensor *y = operation->apply(a, b, HERE);
    Shape expected = result_shape(a_shape, b_shape);
    if (!shape_equal(y->shape, expected)) {
        char what[200];
        describe(what, operation, a_shape, b_shape, "shape");
        ck_abort_msg("%s", what);
    }
    Tensor *dy = counting_leaf(y->shape, 5);
    tensor_backward_from(y, dy->data);
    assert_as_walked(operation, a, b, y, dy->data);
}

static void check_misfit(const Operation *operation, Shape a_shape, Shape b_shape)
{
    Tensor *a = counting_leaf(a_shape, 3);
    Tensor *b = counting_leaf(b_shape, 8);
    char expected[200];
    char a_text[SHAPE_TEXT];
    char b_text[SHAPE_TEXT];
    snprintf(expected, sizeof expected, "tensor_%s: %s and %s: sizes ", operation->name, shape_text(a_shape, a_text), shape_text(b_shape, b_text));
    assert_mistake_begins(expected, operation->apply(a, b, HERE));
}

// ------------------------------------------------------------------------------------------------------------
// Every pair

enum { SHAPES_MAX = 200 };

typedef struct Shapes {
    int count;
    Shape shapes[SHAPES_MAX];
} Shapes;

// Every shape of ndim dimensions with sizes 1 to largest.
static void append_shapes(Shapes *list, int ndim, int largest)
{
    int combinations = 1;
    for (int d = 0; d < ndim; d++) {
        combinations *= largest;
    }
    for (int i = 0; i < combinations; i++) {
        Shape shape = {.ndim = ndim};
        int rest = i;
        for (int d = 0; d < ndim; d++) {
            shape.size[d] = rest % largest + 1;
            rest /= largest;
        }
        list->shapes[list->count] = shape;
        list->count++;
    }
}

static void check_all_pairs(const Operation *operation, const Shapes *list)
{
    Tape *tape = tape_create();
    int fitting = 0;
    for (int i = 0; i < list->count; i++) {
        for (int k = 0; k < list->count; k++) {
            if (fits(list->shapes[i], list->shapes[k])) {
                check_pair(operation, list->shapes[i], list->shapes[k]);
                fitting++;
            } else {
                check_misfit(operation, list->shapes[i], list->shapes[k]);
            }
            tape_reset(tape);
        }
    }
    ck_assert_int_gt(fitting, list->count); // each fits itself, and some fit others
    tape_free(tape);
}

START_TEST(all_pairs_up_to_3_dimensions_of_1_to_3)
{
    Shapes list = {0};
    for (int ndim = 0; ndim <= 3; ndim++) {
        append_shapes(&list, ndim, 3);
    }
    ck_assert_int_eq(list.count, 1 + 3 + 9 + 27);
    check_all_pairs(&operations[_i], &list);
}
END_TEST

START_TEST(all_pairs_up_to_4_dimensions_of_1_or_2)
{
    Shapes list = {0};
    for (int ndim = 0; ndim <= 4; ndim++) {
        append_shapes(&list, ndim, 2);
    }
    check_all_pairs(&operations[_i], &list);
}
END_TEST

// Longer rows, joined and not joined.
START_TEST(some_pairs_of_uneven_sizes)
{
    static const Shape pairs[][2] = {
        {SIZES(2, 3, 4, 5), SIZES(5)},
        {SIZES(2, 3, 4, 5), SIZES(4, 1)},
        {SIZES(2, 3, 4, 5), SIZES(3, 1, 1)},
        {SIZES(2, 1, 4, 1), SIZES(3, 1, 5)},
        {SIZES(7), SIZES(5, 1)},
        {SIZES(1, 1, 6), SIZES(3, 1, 1, 1)},
        {SIZES(2, 3, 1, 5), SIZES(4, 1)},
        {SIZES(2, 3, 4, 5), SIZES(2, 1, 1, 5)},
    };
    Tape *tape = tape_create();
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        check_pair(&operations[_i], pairs[i][0], pairs[i][1]);
        check_pair(&operations[_i], pairs[i][1], pairs[i][0]);
    }
    tape_free(tape);
}
END_TEST

// a + a with a (3, 1) and (3): one leaf, seen in two shapes.
START_TEST(a_leaf_broadcast_against_itself_gets_both_gradients)
{
    Tape *tape = tape_create();
    Tensor *a = counting_leaf(SHAPE(3), 1);
    Tensor *table = tensor_mul(tensor_reshape(a, SHAPE(3, 1)), a);
    tensor_backward(tensor_sum(table));
    // sum_ij a_i a_j = (sum a)^2
    double sum = (double)a->data[0] + (double)a->data[1] + (double)a->data[2];
    const double expected[] = {2 * sum, 2 * sum, 2 * sum};
    assert_values_near("gradient", a->grad, expected, 3, 0);
    tape_free(tape);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("broadcast");
    TCase *tcase = case_create(suite, "broadcast");
    tcase_add_loop_test(tcase, all_pairs_up_to_3_dimensions_of_1_to_3, 0, OPERATIONS);
    tcase_add_loop_test(tcase, all_pairs_up_to_4_dimensions_of_1_or_2, 0, OPERATIONS);
    tcase_add_loop_test(tcase, some_pairs_of_uneven_sizes, 0, OPERATIONS);
    tcase_add_test(tcase, a_leaf_broadcast_against_itself_gets_both_gradients);
    return suite_run(suite);
}
