// test_tensor.c: shapes, leaves and names.

#include "tests/support/naive.h"
#include "tests/support/near.h"
#include "tests/support/suite.h"

#include <string.h>

// ------------------------------------------------------------------------------------------------------------
// Shapes themselves

START_TEST(a_shape_counts_its_values)
{
    ck_assert_uint_eq(shape_count(SHAPE_SCALAR), 1);
    ck_assert_uint_eq(shape_count(SHAPE(7)), 7);
    ck_assert_uint_eq(shape_count(SHAPE(2, 3, 4, 5)), 120);
    // Beyond an int, as a GPT's logits are.
    ck_assert_uint_eq(shape_count(SHAPE(100000, 100000)), (size_t)100000 * 100000);
    ck_assert_int_eq(shape_last(SHAPE_SCALAR), 1);
    ck_assert_int_eq(shape_last(SHAPE(2, 3, 4)), 4);
}
END_TEST

START_TEST(shapes_are_equal_if_all_sizes_are)
{
    ck_assert(shape_equal(SHAPE(2, 3), SHAPE(2, 3)));
    ck_assert(shape_equal(SHAPE_SCALAR, SHAPE_SCALAR));
    ck_assert(!shape_equal(SHAPE(2, 3), SHAPE(3, 2)));
    ck_assert(!shape_equal(SHAPE(2, 3), SHAPE(2, 3, 1)));
    ck_assert(!shape_equal(SHAPE(1), SHAPE_SCALAR));
    ck_assert(shape_equal((Shape){1, {5, 9}}, (Shape){1, {5, 8}})); // what lies behind ndim does not count
}
END_TEST

START_TEST(a_shape_as_text)
{
    char text[SHAPE_TEXT];
    ck_assert_str_eq(shape_text(SHAPE_SCALAR, text), "()");
    ck_assert_str_eq(shape_text(SHAPE(3), text), "(3)");
    ck_assert_str_eq(shape_text(SHAPE(2, 3, 4, 5), text), "(2, 3, 4, 5)");
    Shape longest = SHAPE(-2147483647, -2147483647, -2147483647, -2147483647);
    ck_assert_str_eq(shape_text(longest, text), "(-2147483647, -2147483647, -2147483647, -2147483647)");
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Making leaves

START_TEST(leaves_hold_what_they_are_made_of)
{
    float values[] = {1, 2, 3, 4, 5, 6};
    Tensor *x = tensor_from(values, SHAPE(2, 3));
    values[4] = 99; // x has its own copy
    const Real expected[] = {1, 2, 3, 4, 5, 6};
    const Real halves[] = {0.5f, 0.5f};
    const Real zeros[] = {0, 0, 0};
    assert_same_values("from", x->data, expected, 6);
    assert_same_values("full", tensor_full(SHAPE(2), 0.5)->data, halves, 2);
    assert_same_values("zeros", tensor_zeros(SHAPE(3))->data, zeros, 3);
    ck_assert_float_eq(tensor_item(tensor_full(SHAPE_SCALAR, 7)), 7);
    ck_assert(!x->requires_grad);
    ck_assert_uint_eq(tensor_count(x), 6);
}
END_TEST

START_TEST(a_literal_may_stand_in_the_call)
{
    Tensor *x = tensor_from((float[]){1, 2}, SHAPE(2));
    ck_assert_float_eq(x->data[1], 2);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Names

START_TEST(a_name_is_scope_and_label)
{
    char name[NAME_TEXT];
    Tensor *x = full_leaf(SHAPE(1), 1);
    ck_assert_str_eq(tensor_name(x, name), "");
    tensor_label(x, "input");
    ck_assert_str_eq(tensor_name(x, name), "input");
    tape_scope("h.3.attn");
    Tensor *y = tensor_scale(x, 2);
    ck_assert_str_eq(tensor_name(y, name), "");
    tensor_label(y, "out");
    ck_assert_str_eq(tensor_name(y, name), "h.3.attn.out");
    tape_scope("");
    tensor_label(y, "logits");
    ck_assert_str_eq(tensor_name(y, name), "logits");
}
END_TEST

START_TEST(a_parameters_name_is_given_at_birth)
{
    char name[NAME_TEXT];
    Tensor *weight = tensor_parameter("h.0", "weight", SHAPE(1));
    Tensor *root = tensor_parameter("", "weight", SHAPE(1));
    Tensor *scope_only = tensor_parameter("h.0", NULL, SHAPE(1));
    ck_assert_str_eq(tensor_name(weight, name), "h.0.weight");
    ck_assert_str_eq(tensor_name(root, name), "weight");
    ck_assert_str_eq(tensor_name(scope_only, name), "h.0");
    tensor_free(weight);
    tensor_free(root);
    tensor_free(scope_only);
}
END_TEST

START_TEST(a_name_too_long_is_cut_and_ends)
{
    char name[NAME_TEXT];
    char scope[300];
    memset(scope, 'x', sizeof scope - 1);
    scope[sizeof scope - 1] = '\0';
    Tensor *parameter = tensor_parameter(scope, "weight", SHAPE(1));
    tensor_name(parameter, name);
    ck_assert_uint_eq(strlen(name), NAME_TEXT - 1);
    tensor_free(parameter);
}
END_TEST

START_TEST(scopes_nest_by_putting_back_the_one_before)
{
    ck_assert_ptr_null(tape_scope("outer"));
    const char *outer = tape_scope("outer.inner");
    ck_assert_str_eq(outer, "outer");
    Tensor *inside = tensor_scale(full_leaf(SHAPE(1), 1), 2);
    tape_scope(outer);
    Tensor *outside = tensor_scale(inside, 2);
    ck_assert_str_eq(inside->node->scope, "outer.inner");
    ck_assert_str_eq(outside->node->scope, "outer");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tensor");
    TCase *making = case_with_tape(suite, "shapes and leaves");
    tcase_add_test(making, a_shape_counts_its_values);
    tcase_add_test(making, shapes_are_equal_if_all_sizes_are);
    tcase_add_test(making, a_shape_as_text);
    tcase_add_test(making, leaves_hold_what_they_are_made_of);
    tcase_add_test(making, a_literal_may_stand_in_the_call);

    TCase *name = case_with_tape(suite, "names");
    tcase_add_test(name, a_name_is_scope_and_label);
    tcase_add_test(name, a_parameters_name_is_given_at_birth);
    tcase_add_test(name, a_name_too_long_is_cut_and_ends);
    tcase_add_test(name, scopes_nest_by_putting_back_the_one_before);
    return suite_run(suite);
}
