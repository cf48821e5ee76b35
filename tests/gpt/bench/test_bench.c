// test_bench.c: what the measurements say must hang together. How fast this machine is, no test asks.

#include "gpt/bench/measure.h"
#include "gpt/gptape.h"
#include "tests/support/suite.h"

#include <check.h>
#include <math.h>
#include <string.h>

static const BenchConfig hasty = {.seconds = 0};

static const BenchCase *find_case(const char *name)
{
    for (int i = 0; i < bench_case_count; i++) {
        if (strcmp(bench_cases[i].name, name) == 0) {
            return &bench_cases[i];
        }
    }
    ck_abort_msg("there is no case %s", name);
}

static void check_spread(Quartiles values)
{
    ck_assert_int_ge(values.n, 3);
    ck_assert_double_gt(values.low, 0);
    ck_assert_double_le(values.low, values.median);
    ck_assert_double_le(values.median, values.high);
    ck_assert(isfinite(values.high));
}

START_TEST(limits_are_measured)
{
    BenchPeaks peaks;
    Error error;
    ck_assert_msg(bench_peaks(&hasty, &peaks, &error), "%s", error.message);
    ck_assert_int_eq(peaks.threads, kernels_threads());
    check_spread(peaks.flops_one);
    check_spread(peaks.flops);
    check_spread(peaks.bandwidth_one);
    check_spread(peaks.bandwidth);
}
END_TEST

START_TEST(a_step_counts_six_operations_a_parameter_and_token)
{
    const BenchCase *which = find_case("step-char");
    BenchFigures figures;
    Error error;
    GPTConfig config = gpt_preset_find("char")->config;
    config.vocab_size = 65;
    ck_assert_msg(bench_case(which, &hasty, &figures, &error), "%s", error.message);
    check_spread(figures.ms);
    ck_assert_double_eq(figures.tokens, 12 * 64);
    ck_assert_double_eq(figures.flops, 6.0 * (double)gpt_cost(&config, 12, 64).parameters * 12 * 64);
    ck_assert_double_gt(figures.peak_bytes, 1 << 20);
}
END_TEST

START_TEST(a_fraction_is_of_its_limit)
{
    const BenchCase *which = find_case("product-64x64x64");
    BenchFigures figures;
    Error error;
    ck_assert_msg(bench_case(which, &hasty, &figures, &error), "%s", error.message);
    check_spread(figures.ms);
    ck_assert_double_eq(figures.flops, 2.0 * 64 * 64 * 64);
    double rate = figures.flops / (1e-3 * figures.ms.median);
    ck_assert_double_gt(figures.limit, 0);
    figures.limit = 2 * rate;
    ck_assert_double_eq_tol(bench_fraction(which, &figures), 0.5, 1e-12);
}
END_TEST

// As if the neighbors had been quiet for the case alone.
static void run_faster_than_the_machine(Bench *bench)
{
    bench->figures.ms = (Quartiles){.low = 1, .median = 2, .high = 3, .n = 3};
    bench->figures.flops = 1e20;
    bench->figures.bytes = 1e20;
    bench->figures.alone_ms = 5;
}

START_TEST(no_fraction_exceeds_1)
{
    for (BenchLimit limit = BENCH_ARITHMETIC; limit != BENCH_NONE; limit++) {
        BenchCase which = {.name = "fast", .limit = limit, .run = run_faster_than_the_machine};
        BenchFigures figures;
        Error error;
        ck_assert_msg(bench_case(&which, &hasty, &figures, &error), "%s", error.message);
        ck_assert_double_eq(bench_fraction(&which, &figures), 1);
    }
}
END_TEST

START_TEST(a_measured_pass_is_compared_with_the_pass_alone)
{
    const BenchCase *which = find_case("probes-flow");
    BenchFigures figures;
    Error error;
    ck_assert_msg(bench_case(which, &hasty, &figures, &error), "%s", error.message);
    check_spread(figures.ms);
    ck_assert_double_eq(figures.tokens, 4 * 32);
    ck_assert_double_gt(figures.alone_ms, 0);
    ck_assert_double_eq(bench_fraction(which, &figures), figures.alone_ms / figures.ms.median);
}
END_TEST

// A case in which the tokenizer cannot read its text.
START_TEST(failures_are_returned_as_errors)
{
    BenchFigures figures;
    Error error;
    Tokenizer *tokenizer = tokenizer_chars("ab", 2, &error);
    BenchConfig config = {.tokenizer = tokenizer, .text = "abc", .n_text = 3};
    ck_assert(!bench_case(find_case("tokenizer-encode"), &config, &figures, &error));
    ck_assert_ptr_nonnull(strstr(error.message, "tokenizer-encode: "));
    tokenizer_free(tokenizer);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bench");
    TCase *tcase = case_create(suite, "bench");
    tcase_add_test(tcase, limits_are_measured);
    tcase_add_test(tcase, a_step_counts_six_operations_a_parameter_and_token);
    tcase_add_test(tcase, a_fraction_is_of_its_limit);
    tcase_add_test(tcase, no_fraction_exceeds_1);
    tcase_add_test(tcase, a_measured_pass_is_compared_with_the_pass_alone);
    tcase_add_test(tcase, failures_are_returned_as_errors);
    return suite_run(suite);
}
