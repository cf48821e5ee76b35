// test_flowstats.c: statistics of gradients and the cosine between tokens, against known values.

#include "tests/nn/nn_test.h"

#include <float.h>

// ------------------------------------------------------------------------------------------------------------
// Statistics

START_TEST(statistics_of_known_values)
{
    const Real values[] = {3, -4, 0, 0, 12, 0, 0, 0};

    FlowStats stats = flow_stats(values, 8);

    ck_assert_uint_eq(stats.count, 8);
    ck_assert_double_eq(stats.mean_abs, 19.0 / 8);
    ck_assert_double_eq(stats.l2, 13);
    ck_assert_double_eq(stats.rms, sqrt(169.0 / 8));
    ck_assert_double_eq(stats.max_abs, 12);
    ck_assert_double_eq(stats.zero_fraction, 5.0 / 8);
    ck_assert_double_eq(stats.denormal_fraction, 0);
    ck_assert_double_nan(stats.token_cosine);
}
END_TEST

// The smallest float32 of all has a square that even double can just hold; FLT_MIN itself is normal; -0 is a zero.
START_TEST(denormal_values_count_and_are_not_taken_for_zero)
{
    const Real smallest = 1.40129846e-45f;
    const Real values[] = {smallest, -FLT_MIN / 2, FLT_MIN, -0.0f, 0};

    FlowStats stats = flow_stats(values, 5);
    FlowStats alone = flow_stats(&smallest, 1); // without a zero

    ck_assert_double_eq(stats.denormal_fraction, 2.0 / 5);
    ck_assert_double_eq(stats.zero_fraction, 2.0 / 5);
    ck_assert_double_eq(stats.max_abs, (double)FLT_MIN);
    ASSERT_RELATIVE(alone.l2, (double)smallest, 1e-15);
    ck_assert_double_eq(alone.mean_abs, (double)smallest);
    ck_assert_double_eq(alone.denormal_fraction, 1);
}
END_TEST

START_TEST(sums_of_large_values_do_not_overflow)
{
    const Real values[] = {FLT_MAX, FLT_MAX, -FLT_MAX, FLT_MAX};

    FlowStats stats = flow_stats(values, 4);

    ASSERT_RELATIVE(stats.l2, 2 * (double)FLT_MAX, 1e-15);
    ASSERT_RELATIVE(stats.mean_abs, (double)FLT_MAX, 1e-15);
    ASSERT_RELATIVE(stats.rms, (double)FLT_MAX, 1e-15);
}
END_TEST

// float32 stops counting ones at 2^24.
START_TEST(sums_run_in_double)
{
    enum { MANY = (1 << 24) + 1000 };
    Real *ones = malloc(MANY * sizeof *ones);
    ck_assert_ptr_nonnull(ones);
    for (int i = 0; i < MANY; i++) {
        ones[i] = 1;
    }

    FlowStats stats = flow_stats(ones, MANY);

    ck_assert_double_eq(stats.mean_abs, 1);
    ck_assert_double_eq(stats.rms, 1);
    free(ones);
}
END_TEST

// Wherever it stands; larger values behind it do not hide it.
START_TEST(one_nan_makes_every_size_nan)
{
    Real values[] = {1, 2, 3, 4};
    values[_i] = NAN;

    FlowStats stats = flow_stats(values, 4);

    ck_assert_double_nan(stats.mean_abs);
    ck_assert_double_nan(stats.l2);
    ck_assert_double_nan(stats.rms);
    ck_assert_double_nan(stats.max_abs);
    ck_assert_double_eq(stats.zero_fraction, 0);
    ck_assert_double_eq(stats.denormal_fraction, 0);
}
END_TEST

START_TEST(an_infinity_is_infinite)
{
    const Real values[] = {1, -INFINITY, 0};

    FlowStats stats = flow_stats(values, 3);

    ck_assert_double_infinite(stats.l2);
    ck_assert_double_infinite(stats.max_abs);
    ck_assert_double_eq(stats.zero_fraction, 1.0 / 3);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Token cosine

static double pair_cosine(const Real *a, const Real *b, int C)
{
    double ab = 0;
    double aa = 0;
    double bb = 0;
    for (int c = 0; c < C; c++) {
        ab += (double)a[c] * (double)b[c];
        aa += (double)a[c] * (double)a[c];
        bb += (double)b[c] * (double)b[c];
    }
    return ab / sqrt(aa * bb);
}

// The mean over all pairs of different positions, pair by pair.
static double naive_token_cosine(const Tensor *x)
{
    int B = x->shape.size[0];
    int T = x->shape.size[1];
    int C = x->shape.size[2];
    double sum = 0;
    for (int b = 0; b < B; b++) {
        for (int t = 0; t < T; t++) {
            for (int s = 0; s < T; s++) {
                const Real *row = x->data + (b * T + t) * C;
                const Real *other = x->data + (b * T + s) * C;
                sum += s == t ? 0 : pair_cosine(row, other, C);
            }
        }
    }
    return sum / (B * T * (T - 1));
}

// Both sum in double; (|sum|^2 - T) / T (T - 1) loses a digit where T unit vectors nearly cancel.
START_TEST(token_cosine_is_the_mean_over_all_pairs)
{
    static const Shape shapes[] = {{3, {1, 2, 1}}, {3, {1, 2, 5}}, {3, {3, 7, 4}}, {3, {2, 32, 16}}, {3, {1, 40, 1}}};
    Tensor *x = random_leaf(shapes[_i], 3);

    ck_assert_double_eq_tol(flow_token_cosine(x), naive_token_cosine(x), 1e-13);
}
END_TEST

// The same direction in different lengths.
START_TEST(token_cosine_of_equal_directions_is_1)
{
    Tensor *x = tensor_from((float[]){1, -2, 3, 1e-20f, -2e-20f, 3e-20f, 1e20f, -2e20f, 3e20f}, SHAPE(1, 3, 3));

    ck_assert_double_eq_tol(flow_token_cosine(x), 1, 1e-7); // 1e-20 and 3e-20 are rounded in float32
}
END_TEST

START_TEST(token_cosine_of_known_directions)
{
    Tensor *opposite = tensor_from((float[]){1, 1, -1, -1}, SHAPE(1, 2, 2));
    Tensor *orthogonal = tensor_from((float[]){1, 0, 0, 0, 2, 0, 0, 0, 3}, SHAPE(1, 3, 3));
    Tensor *batch = tensor_from((float[]){1, 1, 2, 2, 1, 1, -1, -1}, SHAPE(2, 2, 2));

    ck_assert_double_eq_tol(flow_token_cosine(opposite), -1, 1e-15);
    ck_assert_double_eq_tol(flow_token_cosine(orthogonal), 0, 1e-15);
    ck_assert_double_eq_tol(flow_token_cosine(batch), 0, 1e-15); // 1 in the first sequence, -1 in the second
}
END_TEST

START_TEST(token_cosine_of_what_has_no_two_directions_is_nan)
{
    ck_assert_double_nan(flow_token_cosine(random_leaf(SHAPE(4, 5), 1)));
    ck_assert_double_nan(flow_token_cosine(random_leaf(SHAPE(4, 1, 5), 1)));
    ck_assert_double_nan(flow_token_cosine(random_leaf(SHAPE(2, 2, 3, 3), 1)));
    ck_assert_double_nan(flow_token_cosine(tensor_full(SHAPE(1, 2, 3), 0)));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("flowstats");
    TCase *stats = case_with_tape(suite, "statistics");
    tcase_add_test(stats, statistics_of_known_values);
    tcase_add_test(stats, denormal_values_count_and_are_not_taken_for_zero);
    tcase_add_test(stats, sums_of_large_values_do_not_overflow);
    tcase_add_test(stats, sums_run_in_double);
    tcase_add_loop_test(stats, one_nan_makes_every_size_nan, 0, 4);
    tcase_add_test(stats, an_infinity_is_infinite);

    TCase *cosine = case_with_tape(suite, "token cosine");
    tcase_add_loop_test(cosine, token_cosine_is_the_mean_over_all_pairs, 0, 5);
    tcase_add_test(cosine, token_cosine_of_equal_directions_is_1);
    tcase_add_test(cosine, token_cosine_of_known_directions);
    tcase_add_test(cosine, token_cosine_of_what_has_no_two_directions_is_nan);
    return suite_run(suite);
}
