// test_graph.c: shortcuts, found on the tape.

#include "tensor/inspect/inspect.h"
#include "tests/support/near.h"
#include "tests/support/suite.h"

static int short_way(const Tensor *y)
{
    return tape_shortcut_input(y->node);
}

START_TEST(the_short_way_of_a_shortcut_is_found_on_either_side)
{
    Tensor *x = tensor_exp(random_leaf(SHAPE(3), 1));
    Tensor *fx = tensor_tanh(x);

    ck_assert_int_eq(short_way(tensor_add(x, fx)), 0);
    ck_assert_int_eq(short_way(tensor_add(fx, x)), 1);
}
END_TEST

START_TEST(a_shortcut_may_start_at_a_leaf)
{
    Tensor *x = random_leaf(SHAPE(3), 1);

    ck_assert_int_eq(short_way(tensor_add(x, tensor_tanh(x))), 0);
    ck_assert_int_eq(short_way(tensor_add(tensor_tanh(x), x)), 1);
}
END_TEST

START_TEST(the_longer_way_may_use_other_tensors)
{
    Tensor *x = tensor_exp(random_leaf(SHAPE(3), 1));
    Tensor *other = tensor_exp(random_leaf(SHAPE(3), 2));
    Tensor *longer = tensor_mul(other, tensor_tanh(x));

    ck_assert_int_eq(short_way(tensor_add(x, longer)), 0);
    ck_assert_int_eq(short_way(tensor_add(longer, x)), 1);
}
END_TEST

START_TEST(the_same_tensor_twice_is_not_a_shortcut)
{
    Tensor *leaf = random_leaf(SHAPE(3), 1);
    Tensor *computed = tensor_exp(leaf);

    ck_assert_int_eq(short_way(tensor_add(leaf, leaf)), -1);
    ck_assert_int_eq(short_way(tensor_add(computed, computed)), -1);
}
END_TEST

// Two branches from one tensor are not a shortcut, unless one is that tensor.
START_TEST(two_branches_are_not_a_shortcut)
{
    Tensor *x = tensor_exp(random_leaf(SHAPE(3), 1));

    ck_assert_int_eq(short_way(tensor_add(tensor_tanh(x), tensor_sigmoid(x))), -1);
    ck_assert_int_eq(short_way(tensor_add(x, tensor_exp(random_leaf(SHAPE(3), 2)))), -1);
    ck_assert_int_eq(short_way(tensor_add(x, random_leaf(SHAPE(3), 2))), -1);
}
END_TEST

// Token and position embeddings: two leaves' descendants.
START_TEST(added_embeddings_are_not_a_shortcut)
{
    Tensor *wte = random_leaf(SHAPE(5, 4), 1);
    Tensor *wpe = random_leaf(SHAPE(3, 4), 2);
    const int ids[] = {1, 2, 0};
    Tensor *tokens = tensor_embedding(wte, ids, 1, 3);
    Tensor *positions = tensor_slice(wpe, 0, 0, 3);

    ck_assert_int_eq(short_way(tensor_add(tokens, positions)), -1);
    ck_assert_int_eq(short_way(tensor_add(tokens, tensor_embedding(wte, ids, 1, 3))), -1);
}
END_TEST

START_TEST(only_an_addition_is_a_shortcut)
{
    Tensor *x = tensor_exp(random_leaf(SHAPE(3), 1));
    Tensor *fx = tensor_tanh(x);

    ck_assert_int_eq(short_way(tensor_mul(x, fx)), -1);
    ck_assert_int_eq(short_way(tensor_sub(x, fx)), -1);
    ck_assert_int_eq(short_way(fx), -1);
}
END_TEST

START_TEST(a_shortcut_may_be_long_and_have_others_in_it)
{
    Tensor *x = tensor_exp(random_leaf(SHAPE(3), 1));
    Tensor *y = x;
    for (int i = 0; i < 500; i++) {
        y = tensor_add(y, tensor_tanh(y));
        ck_assert_int_eq(short_way(y), 0);
    }
    Tensor *aside = tensor_exp(random_leaf(SHAPE(3), 2)); // recorded between, and nothing to do with it

    ck_assert_int_eq(short_way(tensor_add(y, x)), 1);
    ck_assert_int_eq(short_way(tensor_add(x, y)), 0);
    ck_assert_int_eq(short_way(tensor_add(aside, y)), -1);
}
END_TEST

START_TEST(a_shortcut_may_be_repeated_over_a_batch)
{
    Tensor *x = random_leaf(SHAPE(1, 3), 1);
    Tensor *wide = tensor_mul(x, random_leaf(SHAPE(4, 3), 2));

    ck_assert_int_eq(short_way(tensor_add(x, wide)), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("graph");
    TCase *tests = case_with_tape(suite, "shortcuts");
    tcase_add_test(tests, the_short_way_of_a_shortcut_is_found_on_either_side);
    tcase_add_test(tests, a_shortcut_may_start_at_a_leaf);
    tcase_add_test(tests, the_longer_way_may_use_other_tensors);
    tcase_add_test(tests, the_same_tensor_twice_is_not_a_shortcut);
    tcase_add_test(tests, two_branches_are_not_a_shortcut);
    tcase_add_test(tests, added_embeddings_are_not_a_shortcut);
    tcase_add_test(tests, only_an_addition_is_a_shortcut);
    tcase_add_test(tests, a_shortcut_may_be_long_and_have_others_in_it);
    tcase_add_test(tests, a_shortcut_may_be_repeated_over_a_batch);
    return suite_run(suite);
}
