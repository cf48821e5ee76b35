// test_sampler.c: which tokens can be drawn, with what probability, and the draw.

#include "tests/golden/sampling.h"
#include "tests/gpt/gpt_test.h"

// ------------------------------------------------------------------------------------------------------------
// What can be drawn

// PyTorch's exponential function and ours, both in double, on logits that are the same float32 numbers; printed with 9 digits.
static const double PRINTED = 1e-9;

START_TEST(probabilities_are_those_of_pytorch)
{
    const GoldenSampling *golden = &golden_sampling[_i];
    GenerateConfig config = GENERATE_DEFAULTS;
    config.temperature = golden->temperature;
    config.top_k = golden->top_k;
    config.top_p = golden->top_p;
    Sampler sampler = sampler_create(GOLDEN_LOGITS);

    sampler_weigh(&sampler, golden_sampling_logits, &config);

    for (int v = 0; v < GOLDEN_LOGITS; v++) {
        ck_assert_msg((sampler.p[v] == 0) == (golden->p[v] == 0), "p[%d]: %.9g, expected %.9g", v, sampler.p[v], golden->p[v]);
        ck_assert_double_eq_tol(sampler.p[v], golden->p[v], PRINTED);
    }
    sampler_free(&sampler);
}
END_TEST

enum { MANY = 1000 };

static int compare_places(const void *a, const void *b)
{
    const Real *const *left = a;
    const Real *const *right = b;
    if (**left != **right) {
        return **left > **right ? -1 : 1;
    }
    return *left < *right ? -1 : 1;
}

// The same by sorting everything: which of MANY logits, many of them equal, stay.
static void sort_and_keep(const Real *logits, const GenerateConfig *config, bool *stays)
{
    const Real *places[MANY];
    double weights[MANY];
    double total = 0;
    double before = 0;
    int k = config->top_k == 0 ? MANY : config->top_k;
    for (int v = 0; v < MANY; v++) {
        places[v] = &logits[v];
    }
    qsort(places, MANY, sizeof places[0], compare_places);
    for (int rank = 0; rank < k; rank++) {
        weights[rank] = exp(((double)*places[rank] - (double)*places[0]) / config->temperature);
        total += weights[rank];
    }
    for (int rank = 0; rank < MANY; rank++) {
        stays[places[rank] - logits] = rank < k && before < config->top_p * total;
        before += rank < k ? weights[rank] : 0;
    }
}

START_TEST(those_stay_that_sorting_would_keep)
{
    static const int top_k[] = {0, 1, 2, 7, 400, MANY - 1, MANY};
    static const double top_p[] = {1, 0.95, 0.5, 0.1, 1e-9};
    Sampler sampler = sampler_create(MANY);
    Real *logits = random_values(MANY, (uint64_t)_i);
    bool stays[MANY];
    for (int v = 0; v < MANY; v++) {
        logits[v] = (Real)round((double)logits[v] * 8) / 4; // a quarter, so that many are equal
    }
    for (int i = 0; i < 35; i++) {
        GenerateConfig config = GENERATE_DEFAULTS;
        config.temperature = 0.8;
        config.top_k = top_k[i % 7];
        config.top_p = top_p[i / 7];
        sampler_weigh(&sampler, logits, &config);
        sort_and_keep(logits, &config, stays);
        double sum = 0;
        for (int v = 0; v < MANY; v++) {
            ck_assert_msg((sampler.p[v] > 0) == stays[v], "top_k %d, top_p %g: p[%d] is %g", config.top_k, config.top_p, v, sampler.p[v]);
            sum += sampler.p[v];
        }
        ck_assert_double_eq_tol(sum, 1, 1e-13);
    }
    sampler_free(&sampler);
}
END_TEST

START_TEST(of_equal_logits_the_first_stay)
{
    const Real logits[4] = {1, 1, 1, 1};
    GenerateConfig config = GENERATE_DEFAULTS;
    config.top_k = 2;
    Sampler sampler = sampler_create(4);

    sampler_weigh(&sampler, logits, &config);

    ck_assert(sampler.p[0] == 0.5 && sampler.p[1] == 0.5 && sampler.p[2] == 0 && sampler.p[3] == 0);
    sampler_free(&sampler);
}
END_TEST

// Temperatures at both ends: one token has everything, or all have the same.
START_TEST(extreme_temperatures_are_safe)
{
    const Real logits[3] = {1e38f, 0, -1e38f};
    GenerateConfig config = GENERATE_DEFAULTS;
    Sampler sampler = sampler_create(3);

    config.temperature = 1e-300;
    sampler_weigh(&sampler, logits, &config);
    ck_assert(sampler.p[0] == 1 && sampler.p[1] == 0 && sampler.p[2] == 0);

    config.temperature = 1e300;
    sampler_weigh(&sampler, logits, &config);
    ck_assert(sampler.p[0] == sampler.p[1] && sampler.p[1] == sampler.p[2]);
    sampler_free(&sampler);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// The draw

// The first id at which the probabilities up to it are above u, the same random_double.
START_TEST(a_draw_inverts_the_distribution_function)
{
    GenerateConfig config = GENERATE_DEFAULTS;
    config.top_k = 6;
    Sampler sampler = sampler_create(GOLDEN_LOGITS);
    sampler_weigh(&sampler, golden_sampling_logits, &config);
    Random random = seeded(5);
    Random same = seeded(5);
    for (int i = 0; i < 1000; i++) {
        double u = random_double(&same);
        int expected = 0;
        double sum = sampler.p[0];
        while (sum <= u) {
            expected++;
            sum += sampler.p[expected];
        }
        ck_assert_int_eq(sampler_choose(&sampler, golden_sampling_logits, &config, &random), expected);
    }
    sampler_free(&sampler);
}
END_TEST

// 20000 draws: each count is binomial, and six of its standard deviations are exceeded once in 5e8.
START_TEST(tokens_are_drawn_by_their_probability)
{
    enum { DRAWS = 20000 };
    GenerateConfig config = GENERATE_DEFAULTS;
    config.temperature = 1.5;
    Sampler sampler = sampler_create(GOLDEN_LOGITS);
    Random random = seeded(1);
    int counts[GOLDEN_LOGITS] = {0};
    for (int i = 0; i < DRAWS; i++) {
        counts[sampler_choose(&sampler, golden_sampling_logits, &config, &random)]++;
    }
    for (int v = 0; v < GOLDEN_LOGITS; v++) {
        double p = sampler.p[v];
        double deviation = sqrt(DRAWS * p * (1 - p));
        ck_assert_double_eq_tol(counts[v], DRAWS * p, 6 * deviation);
    }
    sampler_free(&sampler);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// What can't be

static const Real unsound[][3] = {
    {NAN, 1, 2}, {1, NAN, 2}, {1, 2, NAN}, {1, INFINITY, 2}, {-INFINITY, -INFINITY, -INFINITY}, {NAN, NAN, NAN},
};

START_TEST(logits_that_are_not_finite_choose_nothing)
{
    Sampler sampler = sampler_create(3);
    GenerateConfig config = GENERATE_DEFAULTS;
    Random random = seeded(1);

    ck_assert_int_eq(sampler_choose(&sampler, unsound[_i], &config, &random), -1);
    config.greedy = true;
    ck_assert_int_eq(sampler_choose(&sampler, unsound[_i], &config, NULL), -1);
    sampler_free(&sampler);
}
END_TEST

START_TEST(minus_infinity_is_never_drawn)
{
    const Real logits[3] = {-INFINITY, 0, -INFINITY};
    Sampler sampler = sampler_create(3);
    GenerateConfig config = GENERATE_DEFAULTS;
    config.top_k = _i;
    Random random = seeded(1);
    for (int i = 0; i < 100; i++) {
        ck_assert_int_eq(sampler_choose(&sampler, logits, &config, &random), 1);
    }
    sampler_free(&sampler);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sampler");
    TCase *weigh = case_with_tape(suite, "what can be drawn");
    tcase_add_loop_test(weigh, probabilities_are_those_of_pytorch, 0, sizeof golden_sampling / sizeof golden_sampling[0]);
    tcase_add_loop_test(weigh, those_stay_that_sorting_would_keep, 0, 5);
    tcase_add_test(weigh, of_equal_logits_the_first_stay);
    tcase_add_test(weigh, extreme_temperatures_are_safe);

    TCase *draw = case_with_tape(suite, "the draw");
    tcase_add_test(draw, a_draw_inverts_the_distribution_function);
    tcase_add_test(draw, tokens_are_drawn_by_their_probability);

    TCase *impossibles = case_with_tape(suite, "what can't be");
    tcase_add_loop_test(impossibles, logits_that_are_not_finite_choose_nothing, 0, sizeof unsound / sizeof unsound[0]);
    tcase_add_loop_test(impossibles, minus_infinity_is_never_drawn, 0, 3);
    return suite_run(suite);
}
