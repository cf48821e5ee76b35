// test_random.c: the generator draws PyTorch's numbers, bit for bit where arithmetic allows it.

#include "tensor/tensor.h"
#include "tests/golden/random.h"
#include "tests/support/near.h"
#include "tests/support/suite.h"

#include <math.h>
#include <string.h>

// ------------------------------------------------------------------------------------------------------------
// The raw stream

// The C++ standard demands this of std::mt19937: seeded with 5489, its 10000th number is 4123659995.
START_TEST(the_raw_stream_is_mt19937)
{
    Random random = seeded(5489);
    uint32_t bits = 0;
    for (int i = 0; i < 10000; i++) {
        bits = random_bits(&random);
    }
    ck_assert_uint_eq(bits, 4123659995u);
}
END_TEST

// The first ten of Matsumoto and Nishimura's generator for the seed 5489.
START_TEST(the_raw_stream_begins_as_published)
{
    static const uint32_t published[] = {3499211612u, 581869302u,  3890346734u, 3586334585u, 545404204u,
                                         4161255391u, 3922919429u, 949333985u,  2715962298u, 1323567403u};
    Random random = seeded(5489);
    for (int i = 0; i < 10; i++) {
        ck_assert_uint_eq(random_bits(&random), published[i]);
    }
}
END_TEST

START_TEST(of_a_seed_the_low_32_bits_count)
{
    Random small;
    Random large;
    random_seed(&small, 7);
    random_seed(&large, (UINT64_C(9) << 32) + 7);
    ck_assert_uint_eq(random_bits(&small), random_bits(&large));
}
END_TEST

START_TEST(seeding_again_starts_again)
{
    Random random;
    Real first[3];
    Real again[3];
    random_seed(&random, 11);
    random_normal(&random, first, 3, 0.0, 1.0); // leaves half of a pair behind
    random_seed(&random, 11);
    random_normal(&random, again, 3, 0.0, 1.0);
    assert_same_values("normals", again, first, 3);
}
END_TEST

START_TEST(two_seeds_give_two_streams)
{
    Random one;
    Random two;
    random_seed(&one, 1);
    random_seed(&two, 2);
    ck_assert_uint_ne(random_bits(&one), random_bits(&two));
}
END_TEST

START_TEST(a_double_is_made_of_two_draws_high_word_first)
{
    Random bits;
    Random doubles;
    random_seed(&bits, 3);
    random_seed(&doubles, 3);
    for (int i = 0; i < 100; i++) {
        uint64_t high = random_bits(&bits);
        uint64_t low = random_bits(&bits);
        double expected = ldexp((double)((high << 32 | low) % (UINT64_C(1) << 53)), -53);
        ck_assert(random_double(&doubles) == expected);
    }
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// PyTorch's numbers

static void make_uniform(Random *random, Real *out, const GoldenDraw *draw, int fan_in)
{
    double bound = 1 / sqrt(fan_in);
    random_uniform(random, out, (size_t)draw->n, -bound, bound);
}

// Draws what the call says. The names begin alike, so the longer ones are compared first.
static void make(Random *random, Real *out, const GoldenDraw *draw)
{
    if (strncmp(draw->call, "Linear(5,", 9) == 0) {
        make_uniform(random, out, draw, 5);
    } else if (strncmp(draw->call, "Linear(3,", 9) == 0) {
        make_uniform(random, out, draw, 3);
    } else if (strncmp(draw->call, "randn", 5) == 0 || strncmp(draw->call, "Embedding", 9) == 0) {
        random_normal(random, out, (size_t)draw->n, 0.0, 1.0);
    } else {
        random_uniform(random, out, (size_t)draw->n, 0.0, 1.0);
    }
}

// Uniforms are products and sums, and fewer than 16 normals are rounded from double: nothing there depends on the C library.
// 16 and more go through its logf, cosf and sinf, which may be one rounding off from one version to the next.
static uint32_t plain_ulps(const GoldenDraw *draw)
{
    bool normal = strncmp(draw->call, "randn", 5) == 0 || strncmp(draw->call, "Embedding", 9) == 0;
    return normal && draw->n >= 16 ? 1 : 0;
}

static void assert_drawn(const GoldenDraw *draw, const Real *got)
{
    for (int i = 0; i < draw->count; i++) {
        float value = (float)got[draw->first + i];
        uint32_t ulps = ulps_between(value, draw->plain[i]);
        if (ulps > plain_ulps(draw)) {
            ck_abort_msg("%s: value %d: expected %.9g, got %.9g, %u ulps off", draw->call, i, (double)draw->plain[i], (double)value, ulps);
        }
        // The vector kernels' own logarithm, sine and cosine differ from libm's by up to 2e-6 in a normal.
        assert_near(draw->call, (double)value, (double)draw->vector[i], 2e-6);
    }
}

START_TEST(each_call_draws_what_torch_draws)
{
    const GoldenSeed *golden = &golden_seeds[_i / GOLDEN_DRAWS];
    const GoldenDraw *draw = &golden->draws[_i % GOLDEN_DRAWS];
    Real got[700];
    Random random = seeded(golden->seed);
    make(&random, got, draw);
    assert_drawn(draw, got);
}
END_TEST

START_TEST(a_bias_is_drawn_after_its_weight)
{
    const GoldenSeed *golden = &golden_seeds[_i];
    Real weight[30];
    Real bias[6];
    Random random = seeded(golden->seed);
    random_uniform(&random, weight, 30, -1 / sqrt(5), 1 / sqrt(5));
    make(&random, bias, &golden->linear_bias);
    assert_drawn(&golden->linear_bias, bias);
}
END_TEST

// One seed, then call after call: a normal left over from a pair waits through the calls in between.
START_TEST(a_sequence_of_calls_draws_what_torch_draws)
{
    const GoldenSeed *golden = &golden_seeds[_i];
    Random random = seeded(golden->seed);
    for (int i = 0; i < GOLDEN_SEQUENCE; i++) {
        const GoldenDraw *draw = &golden->sequence[i];
        Real got[GOLDEN_VALUES];
        make(&random, got, draw);
        assert_drawn(draw, got);
        if (strncmp(draw->call, "Linear(3,2)", 11) == 0) {
            random_uniform(&random, got, 2, 0.0, 1.0); // its bias, which is not listed
        }
    }
}
END_TEST

START_TEST(dropout_keeps_what_torch_keeps)
{
    const GoldenSeed *golden = &golden_seeds[_i / GOLDEN_DROPOUTS];
    const GoldenDropout *dropout = &golden->dropouts[_i % GOLDEN_DROPOUTS];
    Tape *tape = tape_create();
    Random random = seeded(golden->seed);
    Tensor *y = tensor_dropout(tensor_full(SHAPE(dropout->n), 1), dropout->p, &random);
    for (int i = 0; i < dropout->n; i++) {
        float expected = dropout->kept[i] == '1' ? dropout->value_of_kept : 0;
        ck_assert_msg((float)y->data[i] == expected, "value %d: expected %.9g, got %.9g", i, (double)expected, (double)y->data[i]);
    }
    tape_free(tape);
}
END_TEST

START_TEST(rand_and_randn_fill_tensors_from_the_same_stream)
{
    const GoldenSeed *golden = &golden_seeds[0];
    Tape *tape = tape_create();
    Random random = seeded(golden->seed);
    assert_drawn(&golden->draws[0], tensor_rand(&random, SHAPE(2, 4))->data);
    random_seed(&random, golden->seed);
    assert_drawn(&golden->draws[3], tensor_randn(&random, SHAPE(5, 4))->data);
    tape_free(tape);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// What the numbers are like

enum { MANY = 20000 };

static double mean_of(const Real *values, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++) {
        sum += (double)values[i];
    }
    return sum / n;
}

static double deviation_of(const Real *values, int n)
{
    double mean = mean_of(values, n);
    double sum = 0;
    for (int i = 0; i < n; i++) {
        sum += ((double)values[i] - mean) * ((double)values[i] - mean);
    }
    return sqrt(sum / n);
}

START_TEST(uniform_numbers_lie_between_low_and_high)
{
    static Real values[MANY];
    Random random = seeded(1);
    random_uniform(&random, values, MANY, -2.0, 3.0);
    for (int i = 0; i < MANY; i++) {
        if (!(values[i] >= -2 && values[i] < 3)) {
            ck_abort_msg("value %d is %g", i, (double)values[i]);
        }
    }
    // The mean of n has deviation (high - low) / sqrt(12 n); five of them are passed once in two million seeds.
    assert_near("mean", mean_of(values, MANY), 0.5, 5 * 5 / sqrt(12.0 * MANY));
}
END_TEST

START_TEST(normal_numbers_have_the_given_mean_and_deviation)
{
    static Real values[MANY];
    Random random = seeded(1);
    random_normal(&random, values, MANY, 2.0, 0.5);
    // The mean of n has deviation std / sqrt(n), their deviation std / sqrt(2 n): five of each.
    assert_near("mean", mean_of(values, MANY), 2.0, 5 * 0.5 / sqrt(MANY));
    assert_near("deviation", deviation_of(values, MANY), 0.5, 5 * 0.5 / sqrt(2.0 * MANY));
}
END_TEST

// One at a time in double and then rounded, as they are for fewer than 16.
START_TEST(few_normal_numbers_take_mean_and_deviation_too)
{
    Real standard[15];
    Real moved[15];
    Random random = seeded(5);
    random_normal(&random, standard, 15, 0.0, 1.0);
    random_seed(&random, 5);
    random_normal(&random, moved, 15, -3.0, 2.0);
    for (int i = 0; i < 15; i++) {
        // Two roundings of numbers below 8.
        assert_near("value", (double)moved[i], 2 * (double)standard[i] - 3, 16 * FLOAT_UNIT);
    }
}
END_TEST

START_TEST(zero_numbers_draw_nothing)
{
    Random random;
    Random untouched;
    random_seed(&random, 5);
    random_seed(&untouched, 5);
    random_uniform(&random, NULL, 0, 0.0, 1.0);
    random_normal(&random, NULL, 0, 0.0, 1.0);
    ck_assert_uint_eq(random_bits(&random), random_bits(&untouched));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("random");
    TCase *stream = case_create(suite, "stream");
    tcase_add_test(stream, the_raw_stream_is_mt19937);
    tcase_add_test(stream, the_raw_stream_begins_as_published);
    tcase_add_test(stream, of_a_seed_the_low_32_bits_count);
    tcase_add_test(stream, seeding_again_starts_again);
    tcase_add_test(stream, two_seeds_give_two_streams);
    tcase_add_test(stream, a_double_is_made_of_two_draws_high_word_first);

    TCase *torch = case_create(suite, "torch");
    tcase_add_loop_test(torch, each_call_draws_what_torch_draws, 0, GOLDEN_SEEDS * GOLDEN_DRAWS);
    tcase_add_loop_test(torch, a_bias_is_drawn_after_its_weight, 0, GOLDEN_SEEDS);
    tcase_add_loop_test(torch, a_sequence_of_calls_draws_what_torch_draws, 0, GOLDEN_SEEDS);
    tcase_add_loop_test(torch, dropout_keeps_what_torch_keeps, 0, GOLDEN_SEEDS * GOLDEN_DROPOUTS);
    tcase_add_test(torch, rand_and_randn_fill_tensors_from_the_same_stream);

    TCase *statistics = case_create(suite, "statistics");
    tcase_add_test(statistics, uniform_numbers_lie_between_low_and_high);
    tcase_add_test(statistics, normal_numbers_have_the_given_mean_and_deviation);
    tcase_add_test(statistics, few_normal_numbers_take_mean_and_deviation_too);
    tcase_add_test(statistics, zero_numbers_draw_nothing);
    return suite_run(suite);
}
