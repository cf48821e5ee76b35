// test_vector.c: the vector loops, for each kind of vector that this processor has: choosing, exp and tanh to the last places,
// what is not finite, and results that do not depend on where in memory the values lie.

#include "tensor/fast/vector/vector.h"
#include "tests/support/capture.h"
#include "tests/support/near.h"
#include "tests/support/suite.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const kinds[] = {"baseline", "avx2", "avx512"};

enum { KINDS = sizeof kinds / sizeof kinds[0] };

static bool choose(int kind, const char *function)
{
    if (!vector_choose(kinds[kind])) {
        skip(function, "this processor can't do these vectors");
        return false;
    }
    return true;
}

// ------------------------------------------------------------------------------------------------------------
// Choosing. The environment is read when loops are first used, so each test has its own process.

START_TEST(every_processor_has_the_baseline)
{
    setenv("GPTAPE_ISA", "baseline", 1);
    ck_assert_str_eq(vector_loops()->name, "baseline");
}
END_TEST

START_TEST(a_kind_that_is_chosen_is_taken)
{
    if (choose(_i, __func__)) {
        ck_assert_str_eq(vector_loops()->name, kinds[_i]);
        ck_assert(!vector_choose("magic"));
        ck_assert_str_eq(vector_loops()->name, kinds[_i]);
    }
}
END_TEST

START_TEST(an_unknown_isa_falls_back_to_the_best)
{
    unsetenv("GPTAPE_ISA");
    const VectorLoops *best = vector_loops();
    setenv("GPTAPE_ISA", "magic", 1);
    ck_assert_ptr_eq(vector_loops(), best);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// exp and tanh

// Of one value, in a vector full of others.
static float vector_exp_of(float x)
{
    float values[32];
    for (int i = 0; i < 32; i++) {
        values[i] = i % 2 == 0 ? x : (float)i;
    }
    const LogitRows row = {.logits = values, .targets = (int[]){1}, .z = (double[]){0}, .rows = 1, .V = 32};
    float powers[32];
    vector_loops()->cross_entropy_backward(&(LogitsCall){.r = &row, .dy = 1, .dlogits = powers}, 0, 1);
    return powers[0]; // e^(x - z)
}

static float vector_tanh_of(float x)
{
    float values[32];
    float results[32];
    for (int i = 0; i < 32; i++) {
        values[i] = i % 2 == 0 ? x : (float)i;
    }
    vector_loops()->tanh(&(ValuesCall){.a = values, .out = results}, 0, 32);
    return results[0];
}

// From -110 to 95 in odd steps, past both ends of float32's range, including denormals.
START_TEST(exp_is_right_to_3_units_in_the_last_place)
{
    if (!choose(_i, __func__)) {
        return;
    }
    for (float x = -110; x < 95; x += 0.0137f) {
        float expected = (float)exp((double)x);
        float got = vector_exp_of(x);
        ck_assert_msg(ulps_between(got, expected) <= 3, "exp(%.9g): expected %.9g, got %.9g", (double)x, (double)expected, (double)got);
    }
}
END_TEST

START_TEST(tanh_is_right_to_3_units_in_the_last_place)
{
    if (!choose(_i, __func__)) {
        return;
    }
    for (float size = 1e-30f; size < 200; size *= 1.003f) {
        for (int sign = -1; sign <= 1; sign += 2) {
            float x = (float)sign * size;
            float expected = (float)tanh((double)x);
            float got = vector_tanh_of(x);
            ck_assert_msg(ulps_between(got, expected) <= 3, "tanh(%.9g): expected %.9g, got %.9g", (double)x, (double)expected, (double)got);
        }
    }
}
END_TEST

START_TEST(the_ends_of_exp_and_tanh)
{
    if (!choose(_i, __func__)) {
        return;
    }
    ck_assert(isnan(vector_exp_of(NAN)));
    ck_assert(isnan(vector_tanh_of(NAN)));
    ck_assert(isinf(vector_exp_of(INFINITY)));
    ck_assert_float_eq(vector_exp_of(-INFINITY), 0);
    ck_assert_float_eq(vector_exp_of(0), 1);
    ck_assert_float_eq(vector_tanh_of(INFINITY), 1);
    ck_assert_float_eq(vector_tanh_of(-INFINITY), -1);
    ck_assert_float_eq(vector_tanh_of(0), 0);
    ck_assert_float_eq(vector_tanh_of(1e-42f), 1e-42f); // a denormal
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// gelu, far out and where there is nothing

static float gelu_of(float x)
{
    float values[17];
    float results[17];
    for (int i = 0; i < 17; i++) {
        values[i] = x;
    }
    vector_loops()->gelu(&(ValuesCall){.a = values, .out = results}, 0, 17);
    ck_assert(memcmp(&results[0], &results[16], sizeof(float)) == 0 || isnan(results[0])); // in the vector, and left over
    return results[0];
}

static float gelu_slope_of(float x)
{
    float values[17];
    float ones[17];
    float results[17];
    for (int i = 0; i < 17; i++) {
        values[i] = x;
        ones[i] = 1;
    }
    vector_loops()->gelu_backward(&(ValuesCall){.a = values, .b = ones, .out = results}, 0, 17);
    return results[16];
}

START_TEST(gelu_far_out)
{
    if (!choose(_i, __func__)) {
        return;
    }
    ck_assert_float_eq(gelu_of(100), 100);
    ck_assert_float_eq(gelu_of(-100), 0);
    ck_assert_float_eq(gelu_of(1e30f), 1e30f);
    ck_assert_float_eq(gelu_slope_of(100), 1);
    ck_assert_float_eq(gelu_slope_of(-100), 0);
    ck_assert_float_eq(gelu_slope_of(1e30f), 1);
    ck_assert_float_eq(gelu_slope_of(-1e30f), 0);
    ck_assert_float_eq(gelu_slope_of(0), 0.5);
    ck_assert(isnan(gelu_of(NAN)));
    ck_assert(isnan(gelu_slope_of(NAN)));
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Where in memory values lie: the same, 4 bytes further, and 20

enum { N = 203, OFFSETS = 3 };

static const int offsets[OFFSETS] = {0, 1, 5};

static void fill(float *values, size_t n, uint64_t seed)
{
    Random random = seeded(seed);
    random_normal(&random, values, n, 0.0, 1.0);
}

START_TEST(sums_do_not_depend_on_where_values_lie)
{
    if (!choose(_i, __func__)) {
        return;
    }
    const VectorLoops *loops = vector_loops();
    _Alignas(64) float a[N + 8];
    _Alignas(64) float b[N + 8];
    float dots[OFFSETS];
    double sums[OFFSETS];
    double squares[OFFSETS];
    for (int i = 0; i < OFFSETS; i++) {
        fill(a + offsets[i], N, 1);
        fill(b + 5 - offsets[i], N, 2);
        dots[i] = loops->dot(a + offsets[i], b + 5 - offsets[i], N);
        loops->squares(&(SquaresCall){.x = a + offsets[i], .n = N, .partial = &squares[i]}, 0, 1);
        const LogitRows row = {.logits = a + offsets[i], .targets = (int[]){0}, .z = &sums[i], .rows = 1, .V = N};
        loops->cross_entropy(&(LogitsCall){.r = &row}, 0, 1);
    }
    for (int i = 1; i < OFFSETS; i++) {
        ck_assert_int_eq(memcmp(&dots[i], &dots[0], sizeof dots[0]), 0);
        ck_assert_int_eq(memcmp(&sums[i], &sums[0], sizeof sums[0]), 0);
        ck_assert_int_eq(memcmp(&squares[i], &squares[0], sizeof squares[0]), 0);
    }
}
END_TEST

START_TEST(layernorm_does_not_depend_on_where_values_lie)
{
    if (!choose(_i, __func__)) {
        return;
    }
    float weight[N];
    fill(weight, N, 3);
    _Alignas(64) float x[N + 8];
    float results[OFFSETS][N];
    for (int i = 0; i < OFFSETS; i++) {
        fill(x + offsets[i], N, 4);
        LayernormRows rows = {x + offsets[i], weight, 1, N};
        RowStats stats;
        LayernormCall call = {.r = &rows, .bias = weight, .eps = 1e-5, .stats = &stats, .out = results[i]};
        vector_loops()->layernorm(&call, 0, 1);
    }
    ck_assert_int_eq(memcmp(results[1], results[0], sizeof results[0]), 0);
    ck_assert_int_eq(memcmp(results[2], results[0], sizeof results[0]), 0);
}
END_TEST

START_TEST(unknown_vectors_are_reported_and_ignored)
{
    setenv("GPTAPE_ISA", "magic", 1);
    Capture capture = capture_start(STDERR_FILENO);
    const char *name = vector_loops()->name;
    char *told = capture_end(&capture);
    char expected[128];
    snprintf(expected, sizeof expected, "gptape: GPTAPE_ISA=magic: this processor has no such vector code; using %s\n", name);
    ck_assert_str_eq(told, expected);
    free(told);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("vector");
    TCase *choice = case_create(suite, "choice");
    tcase_add_test(choice, unknown_vectors_are_reported_and_ignored);
    tcase_add_test(choice, every_processor_has_the_baseline);
    tcase_add_loop_test(choice, a_kind_that_is_chosen_is_taken, 0, KINDS);
    tcase_add_test(choice, an_unknown_isa_falls_back_to_the_best);

    TCase *math = case_create(suite, "math");
    tcase_add_loop_test(math, exp_is_right_to_3_units_in_the_last_place, 0, KINDS);
    tcase_add_loop_test(math, tanh_is_right_to_3_units_in_the_last_place, 0, KINDS);
    tcase_add_loop_test(math, the_ends_of_exp_and_tanh, 0, KINDS);
    tcase_add_loop_test(math, gelu_far_out, 0, KINDS);

    TCase *place = case_create(suite, "place in memory");
    tcase_add_loop_test(place, sums_do_not_depend_on_where_values_lie, 0, KINDS);
    tcase_add_loop_test(place, layernorm_does_not_depend_on_where_values_lie, 0, KINDS);
    return suite_run(suite);
}
