// test_statistic.c: numbers from the rows of a CSV, their estimates over networks, and the verdict on a claim.

#include "gpt/lab/claims/claims.h"
#include "tests/support/suite.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ------------------------------------------------------------------------------------------------------------
// Statistics

static char rows[4096];

static void add_row(int step, int layer, const char *name, const char *kind, double l2, const char *index, const char *value)
{
    size_t used = strlen(rows);
    snprintf(rows + used, sizeof rows - used, "0,on,none,gelu,%d,%d,%s,%s,%g,%g,%g,%g,0,0,,\"f(h, 1)\",7,%s,%s\n", step, layer, name, kind, l2 / 2,
             l2, l2 / 4, l2, index, value);
}

// Gradients 1, 10, 100 by layer; two rows of layer 1; path lengths of layer 0 and 1; a number of an earlier step.
static void make_rows(void)
{
    rows[0] = '\0';
    add_row(0, 0, "layers.0.out", "activation_grad", 77, "", "");
    add_row(3, 0, "layers.0.out", "activation_grad", 1, "", "");
    add_row(3, 1, "layers.1.out", "activation_grad", 10, "", "");
    add_row(3, 2, "layers.2.out", "activation_grad", 100, "", "");
    add_row(3, 1, "h.1.attn.c_attn.weight", "weight_grad", 3, "", "");
    add_row(3, 1, "h.1.mlp.c_fc.weight", "weight_grad", 4, "", "");
    add_row(3, 0, "layers.0", "path_norm", 0, "0", "2");
    add_row(3, 0, "layers.0", "path_norm", 0, "1", "6");
    add_row(3, 1, "layers.1", "path_norm", 0, "0", "20");
    add_row(3, -1, "", "sharpness", 0, "", "5");
    for (int i = 0; i < 9; i++) {
        char index[4];
        snprintf(index, sizeof index, "%d", i);
        add_row(3, -1, "", "plane", 0, index, i == 4 ? "2" : "3");
    }
}

static const struct {
    const char *statistic;
    double value;
} known[] = {
    {"loss", 0.25},
    {"first l2 activation_grad layers.#.out", 1},
    {"last l2 activation_grad layers.#.out", 100},
    {"ratio l2 activation_grad layers.#.out", 0.01},
    {"slope l2 activation_grad layers.#.out", 1},
    {"mean mean_abs activation_grad layers.#.out", 18.5},
    {"median l2 activation_grad layers.#.out", 10},
    {"min l2 activation_grad", 1},
    {"max l2 activation_grad", 100},
    {"sum l2 activation_grad@0..1", 11},
    {"at:1 l2 activation_grad", 10},
    {"at:1 l2 weight_grad h.#.*.weight", 5},      // sqrt(3^2 + 4^2)
    {"at:1 rms weight_grad h.#.*.weight", 0.875}, // the mean
    {"at:1 l2 weight_grad *#*.c_attn.*t", 3},
    {"last l2 weight_grad h.#.mlp.c_fc.weight / last l2 weight_grad h.#.attn.c_attn.weight", 4. / 3},
    {"log10 last l2 activation_grad", 2},
    {"center value path_norm@0", 0.75},
    {"sum value path_norm@0 layers.0", 8},
    {"slope value path_norm:0 layers.#", 1},
    {"first value sharpness@-1", 5},
    {"first value sharpness", 5},
    {"rough value plane", 4}, // 2 each way at the center, 1 above which is the edge
};

START_TEST(statistics_have_these_values)
{
    make_rows();
    ck_assert_double_eq_tol(statistic_value(known[_i].statistic, rows, 0.25), known[_i].value, 1e-12);
    Error error;
    ck_assert(statistic_check(known[_i].statistic, &error));
}
END_TEST

START_TEST(what_is_not_there_is_not_a_number)
{
    make_rows();
    ck_assert(isnan(statistic_value("first l2 bias_grad", rows, 0.25)));
    ck_assert(isnan(statistic_value("first l2 activation_grad@9", rows, 0.25)));
    ck_assert(isnan(statistic_value("at:9 l2 activation_grad", rows, 0.25)));
    ck_assert(isnan(statistic_value("slope l2 activation_grad@1", rows, 0.25))); // one point has no slope
    ck_assert(isnan(statistic_value("first l2 activation_grad", "", 0.25)));
    ck_assert(isnan(statistic_value("first l2 weight_grad **************************************************x", rows, 0.25))); // soon
}
END_TEST

static const struct {
    const char *statistic;
    const char *part;
} wrong[] = {
    {"", "OPERATION COLUMN KIND"},
    {"first", "OPERATION COLUMN KIND"},
    {"first l2 activation_grad layers.#.out more", "OPERATION COLUMN KIND"},
    {"frist l2 activation_grad", "operation: 'frist' is unknown (expected first, last,"},
    {"at: l2 activation_grad", "operation: 'at:' is unknown"},
    {"at:X l2 activation_grad", "operation: 'at:X' is unknown"},
    {"first l3 activation_grad", "column: 'l3' is unknown (expected mean_abs, l2,"},
    {"first layer activation_grad", "column: 'layer' is unknown"},
    {"first l2 activation_grad@x", "not a layer"},
    {"first l2 activation_grad:-1", "not an index"},
    {"first l2 activation_grad / ", "OPERATION COLUMN KIND"},
};

START_TEST(wrong_statistics_are_refused)
{
    Error error;
    ck_assert(!statistic_check(wrong[_i].statistic, &error));
    ck_assert_msg(strstr(error.message, wrong[_i].part) != NULL, "%s", error.message);
}
END_TEST

START_TEST(a_series_can_be_read)
{
    make_rows();
    Series series = statistic_series("ratio l2 activation_grad layers.#.out", rows);
    ck_assert_int_eq(series.n, 3);
    ck_assert_double_eq(series.x[2], 2);
    ck_assert_double_eq(series.y[2], 100);
    series_free(&series);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Estimates

START_TEST(many_values_become_one)
{
    const double values[] = {1, 4, NAN, 16, INFINITY};
    ck_assert_double_eq(sample_over(values, 5, OVER_MEDIAN), 4);
    ck_assert_double_eq(sample_over(values, 5, OVER_MEAN), 7);
    ck_assert_double_eq_tol(sample_over(values, 5, OVER_GEOMETRIC_MEAN), 4, 1e-12);
    ck_assert_double_eq_tol(sample_over(values, 5, OVER_VARIANCE_LN), pow(log(4), 2), 1e-12);
    ck_assert(isnan(sample_over(values + 2, 1, OVER_MEAN)));
}
END_TEST

START_TEST(trends_over_x)
{
    const double x[] = {1, 2, 4};
    const double values[] = {1, 1, 0.1, 0.1, 0.001, 0.001}; // a decade per unit
    Sample sample = {x, values, 3, 2};
    ck_assert_double_eq_tol(sample_estimate(&sample, OVER_MEAN, TREND_DECADES).value, -1, 1e-12);
    ck_assert_double_eq_tol(sample_estimate(&sample, OVER_MEAN, TREND_RATIO).value, 1000, 1e-9);
    const double powers[] = {3, 3, 12, 12, 48, 48};
    sample.values = powers;
    Estimate estimate = sample_estimate(&sample, OVER_MEDIAN, TREND_POWER);
    ck_assert_double_eq_tol(estimate.value, 2, 1e-12);
    ck_assert_double_eq_tol(estimate.low, 2, 1e-12); // both seeds agree
    ck_assert_double_eq_tol(estimate.high, 2, 1e-12);
    ck_assert_int_eq(estimate.n, 6);
}
END_TEST

// The mean of 400 normal numbers: the interval is 1.96 / sqrt(400) on each side. The bootstrap's ends are themselves uncertain by a tenth of that.
START_TEST(the_interval_is_that_of_a_mean)
{
    enum { N = 400 };
    Random random;
    Real numbers[N];
    double values[N];
    const double x = 0;
    random_seed(&random, 5);
    random_normal(&random, numbers, N, 3, 1);
    for (int i = 0; i < N; i++) {
        values[i] = (double)numbers[i];
    }
    Sample sample = {&x, values, 1, N};
    Estimate estimate = sample_estimate(&sample, OVER_MEAN, TREND_NONE);
    ck_assert_double_eq_tol(estimate.value - estimate.low, 0.098, 0.01);
    ck_assert_double_eq_tol(estimate.high - estimate.value, 0.098, 0.01);
    Estimate again = sample_estimate(&sample, OVER_MEAN, TREND_NONE);
    ck_assert_double_eq(again.low, estimate.low);
    ck_assert_double_eq(again.high, estimate.high);
}
END_TEST

// Of two seeds, a resampling takes each twice in a quarter of the cases.
START_TEST(every_seed_is_resampled)
{
    const double x = 0;
    const double values[] = {0, 1};
    Sample sample = {&x, values, 1, 2};
    Estimate estimate = sample_estimate(&sample, OVER_MEAN, TREND_NONE);
    ck_assert_double_eq(estimate.low, 0);
    ck_assert_double_eq(estimate.high, 1);
}
END_TEST

START_TEST(a_line_leaves_out_points_without_a_value)
{
    const double x[] = {0, 1, 2, 3};
    const double y[] = {0, NAN, 4, 6};
    ck_assert_double_eq(fit_slope(x, y, 4), 2);
}
END_TEST

START_TEST(verdicts_are_mechanical)
{
    const Claim claim = {.id = "x", .prediction = 1, .tolerance = 0.1};
    Estimate estimate = {.value = 1.3, .low = 1.09, .high = 1.5, .n = 3};
    ck_assert_int_eq(claim_verdict(&claim, &estimate), VERDICT_AGREES);
    estimate.low = 1.11;
    ck_assert_int_eq(claim_verdict(&claim, &estimate), VERDICT_DIFFERS);
    estimate = (Estimate){.value = 0.5, .low = 0.1, .high = 0.9, .n = 3};
    ck_assert_int_eq(claim_verdict(&claim, &estimate), VERDICT_AGREES); // the ends touch
    estimate.high = 0.89;
    ck_assert_int_eq(claim_verdict(&claim, &estimate), VERDICT_DIFFERS);
}
END_TEST

START_TEST(what_cannot_be_measured_says_why)
{
    const Claim claim = {.id = "x", .prediction = 1, .tolerance = 100};
    const double x = 0;
    const double dead[] = {NAN, INFINITY};
    Sample sample = {&x, dead, 1, 2};
    Estimate estimate = sample_estimate(&sample, OVER_MEDIAN, TREND_NONE);
    ck_assert_int_eq(claim_verdict(&claim, &estimate), VERDICT_UNKNOWN);
    ck_assert_str_eq(estimate.missing, "no network has a finite value");
    const double zeros[] = {0, 0};
    sample.values = zeros;
    estimate = sample_estimate(&sample, OVER_GEOMETRIC_MEAN, TREND_NONE);
    ck_assert_int_eq(claim_verdict(&claim, &estimate), VERDICT_UNKNOWN);
    ck_assert_str_eq(estimate.missing, "0: below the precision's floor");
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Laws

// chi_1 at bias variance 0.05: integrated by an independent program (Python, 4000 steps).
#define SLOPE "slope l2 activation_grad@0..39 layers.#.out"
#define NARROW "--shortcut off --bias-std 0.2236068 --activation tanh --init kaiming"
#define MEAN_FIELD NARROW " --sizes 256x61"

static const struct {
    LawSweep sweep;
    double x, y;
} laws[] = {
    {{"", "residual", SLOPE, 0, 0}, 0.5, 0.301029996},
    {{"", "residual", SLOPE, 0, 0}, 1, 0},
    // A block has two shortcuts. With branches a hundredth as strong, gptape measures 0.602 per block, PyTorch's autograd 0.6021.
    {{"--net gpt", "residual", "slope l2 activation_grad h.#.out", 0, 0}, 0.5, 0.602059991},
    {{MEAN_FIELD, "init-gain", SLOPE, 0, 0}, 0.70710678, 0.0598701},
    {{MEAN_FIELD, "init-gain", SLOPE, 0, 0}, 1, -0.0101118},
    {{MEAN_FIELD, "init-gain", SLOPE, 0, 0}, 1.41421356, -0.0639413},
    {{"--residual pre --activation tanh", "depth", "max rms activation", 10, 2}, 160, 8},
    {{"--net gpt --init xavier", "n-layer", "last rms activation h.#.out", 10, 2}, 160, 8},
    {{"--shortcut off --activation relu --init kaiming", "width", "ratio l2 activation_grad@0..16", 16, 1}, 16, 0.286504797}, // exp(-1.25)
};

START_TEST(laws_have_these_values)
{
    const Law *law = law_of(&laws[_i].sweep);
    ck_assert_ptr_nonnull(law);
    ck_assert_ptr_null(law->probes);
    ck_assert_double_eq_tol(law->y(&laws[_i].sweep, laws[_i].x, NULL), laws[_i].y, 1e-6); // their rounding
}
END_TEST

// Keel's product, from branches as large as given here: post, keel and deepnorm in a GPT of 2 blocks and in an MLP of 2 blocks and a head.
#define GPT_SLOPE "slope value path_norm:0 h.#.attn"
#define MLP_RATIO "log10 ratio value path_norm:1 layers.#"

static const struct {
    LawSweep sweep;
    double y;
} products[] = {
    {{"--net gpt --n-layer 2 --residual post --probe paths", "n-layer", GPT_SLOPE, 0, 0},
     0.301029996}, // from the second block's start to the first's: 1/2
    {{"--net gpt --n-layer 2 --norm post --probe paths", "n-layer", GPT_SLOPE, 0, 0}, 0.301029996},
    {{"--net gpt --n-layer 2 --residual keel", "n-layer", GPT_SLOPE, 0, 0}, 0.026328939},               // log10(1 + 1/4^2)
    {{"--net gpt --n-layer 2 --residual 'norm(h + 2*f(h))'", "n-layer", GPT_SLOPE, 0, 0}, 0.698970004}, // log10 5
    {{"--residual post --probe paths", "depth", MLP_RATIO, 0, 0}, -0.301029996},                        // both blocks, sqrt(1/2) each
    {{"--residual deepnorm --probe paths", "depth", MLP_RATIO, 0, 0}, -0.148679233},                    // (1 + 6^-0.5)^(-1/2) each
};

START_TEST(keels_product_has_these_values)
{
    bool gpt = strstr(products[_i].sweep.settings, "gpt") != NULL;
    rows[0] = '\0';
    for (int layer = 0; layer < 3 - gpt; layer++) {
        char name[24];
        snprintf(name, sizeof name, gpt ? "h.%d.attn" : "layers.%d", layer);
        add_row(0, layer, name, "branch_ratio", 0, "", "1");
        snprintf(name, sizeof name, "h.%d.mlp", layer);
        add_row(0, layer, gpt ? name : "", gpt ? "branch_ratio" : "path_sum", 0, "", "1");
        add_row(0, layer, "", "stream_rms", 0, "", "1");
    }
    const Law *law = law_of(&products[_i].sweep);
    ck_assert_ptr_nonnull(law);
    ck_assert_str_eq(law->probes, "branch,stream");
    ck_assert_double_eq_tol(law->y(&products[_i].sweep, 2, rows), products[_i].y, 1e-8);
}
END_TEST

static const LawSweep lawless[] = {
    {"", "width", SLOPE, 1, 1},
    {"--net gpt --residual pre", "n-layer", GPT_SLOPE, 1, 1},                      // no norm around the sum
    {"--net gpt --residual 'norm(h + linear(f(h)))'", "n-layer", GPT_SLOPE, 1, 1}, // the size of linear's output is not measured
    {"--net gpt --residual b2t", "n-layer", GPT_SLOPE, 1, 1},
    {"--residual post", "depth", "ratio value path_norm:0 layers.#", 1, 1},    // the last layer has no shortcut
    {"--model run --residual post", "steps", "slope value path_norm:1", 1, 1}, // a GPT
    {"--residual post", "depth", "first value path_norm:1 layers.#", 1, 1},    // an absolute size
    {"--net gpt --residual '0.5*h + f(h) | h + f(h)'", "residual", SLOPE, 1, 1},
    // Streams that do not grow as the square root of the depth: 1.775, 5.201 and 19.25 at depths 10, 40 and 160 with pre and GELU, whose mean is
    // not 0; 1 at any depth with post; 0.0343 at 2 and at 4 blocks with GPT-2's initialization.
    {"--residual pre --activation gelu", "depth", "max rms activation", 1, 1},
    {"--activation tanh --shortcut on", "depth", "max rms activation", 1, 1},
    {"--net gpt --init xavier --residual post", "n-layer", "last rms activation h.#.out", 1, 1},
    {"--net gpt --init xavier --residual lns", "n-layer", "last rms activation h.#.out", 1, 1},
    {"--net gpt --init xavier --shortcut off", "n-layer", "last rms activation h.#.out", 1, 1},
    {"--net gpt", "n-layer", "last rms activation h.#.out", 1, 1},
    {MEAN_FIELD " --norm batch", "init-gain", SLOPE, 1, 1},
    {NARROW, "init-gain", SLOPE, 1, 1}, // 3 values wide
};

START_TEST(other_sweeps_have_no_law)
{
    ck_assert_ptr_null(law_of(&lawless[_i]));
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// The table

START_TEST(every_claim_is_complete)
{
    ck_assert_int_ge(claim_count(), 40);
    for (int i = 0; i < claim_count(); i++) {
        const Claim *claim = claim_at(i);
        Error error;
        ck_assert_msg(claim_find(claim->id) == claim, "%s: given twice", claim->id);
        ck_assert_msg(statistic_check(claim->statistic, &error), "%s: %s", claim->id, error.message);
        ck_assert_msg(claim->source[0] != '\0' && claim->sentence[0] != '\0' && claim->reason[0] != '\0' && claim->note[0] != '\0', "%s",
                      claim->id);
        ck_assert_msg(claim->seeds >= 3 && claim->tolerance >= 0, "%s", claim->id);
        ck_assert_msg((claim->vary == NULL) == (claim->trend == TREND_NONE), "%s", claim->id);
    }
    ck_assert_ptr_null(claim_find("nothing"));
    ck_assert_ptr_null(claim_at(claim_count()));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("statistics and claims");
    TCase *values = case_create(suite, "statistics");
    tcase_add_loop_test(values, statistics_have_these_values, 0, sizeof known / sizeof known[0]);
    tcase_add_test(values, what_is_not_there_is_not_a_number);
    tcase_add_loop_test(values, wrong_statistics_are_refused, 0, sizeof wrong / sizeof wrong[0]);
    tcase_add_test(values, a_series_can_be_read);

    TCase *estimates = case_create(suite, "estimates");
    tcase_add_test(estimates, many_values_become_one);
    tcase_add_test(estimates, trends_over_x);
    tcase_add_test(estimates, the_interval_is_that_of_a_mean);
    tcase_add_test(estimates, every_seed_is_resampled);
    tcase_add_test(estimates, a_line_leaves_out_points_without_a_value);
    tcase_add_test(estimates, verdicts_are_mechanical);
    tcase_add_test(estimates, what_cannot_be_measured_says_why);
    tcase_add_loop_test(estimates, laws_have_these_values, 0, sizeof laws / sizeof laws[0]);
    tcase_add_loop_test(estimates, keels_product_has_these_values, 0, sizeof products / sizeof products[0]);
    tcase_add_loop_test(estimates, other_sweeps_have_no_law, 0, sizeof lawless / sizeof lawless[0]);
    tcase_add_test(estimates, every_claim_is_complete);
    return suite_run(suite);
}
