// test_claim.c: what the project was made to show: relative to the last layer's, the first layer's gradient falls by orders of
// magnitude as a network without shortcuts gets deeper, and with them it does not; and what removing them does to a GPT.
//
// The seeds are fixed, so these tests give one answer for ever; tolerances say how far other seeds would have strayed.

#include "tests/gpt/gpt_test.h"

// ------------------------------------------------------------------------------------------------------------
// The deep network: the book's, 3 wide, a single output, at any depth

enum { DEEPEST = 40 };

static const float input[] = {1, 0, -1};
static const float target[] = {0};

static ExperimentConfig deep_config(int *sizes, int depth, uint64_t seed, int n_seeds)
{
    for (int i = 0; i < depth; i++) {
        sizes[i] = 3;
    }
    sizes[depth] = 1;
    return (ExperimentConfig){
        .net = NET_MLP,
        .deep = {sizes, depth, ACTIVATION_GELU, INIT_TORCH, false},
        .input = input,
        .target = target,
        .arms = ARMS_BOTH,
        .seed = seed,
        .n_seeds = n_seeds,
    };
}

typedef struct Known {
    int depth;
    double decades[2]; // median of log10(first layer / last layer), without and with shortcuts
    double error[2];   // standard error of a median of 50 seeds: 1.25 / sqrt(50) deviations
} Known;

// Medians over 300 seeds as numpy in float64 gives them. The deviation is taken from the quartiles: of 0.6 to 1.4 decades
// without shortcuts, 0.3 to 0.7 with them.
static const Known known[] = {
    {5, {-2.04, -0.91}, {0.11, 0.05}},
    {10, {-4.98, -1.04}, {0.14, 0.08}},
    {20, {-10.96, -1.09}, {0.21, 0.12}},
    {40, {-23.1, -1.08}, {0.34, 0.17}},
};

enum { DEPTHS = sizeof known / sizeof known[0] };

static double decades(const Experiment *experiment, int arm)
{
    return log10(experiment_relative(experiment, arm == 1, 0, 0, METRIC_WEIGHT).median);
}

// Float32 here, float64 there, and the same seeds: what is left is the rounding of the known figures, 0.005 or 0.05.
START_TEST(medians_over_300_seeds_are_those_of_another_program)
{
    const Known *k = &known[_i];
    int sizes[DEEPEST + 1];
    ExperimentConfig config = deep_config(sizes, k->depth, 0, 300);
    Experiment experiment = run_experiment(&config);

    ck_assert_double_eq_tol(decades(&experiment, 0), k->decades[0], k->depth == 40 ? 0.06 : 0.02);
    ck_assert_double_eq_tol(decades(&experiment, 1), k->decades[1], 0.02);
    experiment_free(&experiment);
}
END_TEST

// 4 standard errors: of these 24 medians, one in 1500 tries of all would be further off.
START_TEST(fifty_other_seeds_say_the_same)
{
    static const uint64_t first_seeds[] = {123, 1000, 31415};
    const Known *k = &known[_i];
    int sizes[DEEPEST + 1];

    for (int i = 0; i < 3; i++) {
        ExperimentConfig config = deep_config(sizes, k->depth, first_seeds[i], 50);
        Experiment experiment = run_experiment(&config);
        for (int arm = 0; arm < 2; arm++) {
            ck_assert_double_eq_tol(decades(&experiment, arm), k->decades[arm], 4 * k->error[arm]);
        }
        experiment_free(&experiment);
    }
}
END_TEST

// A gradient is lost at 0.6 decades a layer without shortcuts; with them the slope is none. 50 seeds at depths 5 to 20 give a
// slope to within sqrt(0.11^2 + 0.21^2) / 15 = 0.016 without and 0.01 with shortcuts; 4 times that.
START_TEST(decades_are_lost_by_the_layer_without_shortcuts_and_not_with_them)
{
    static const uint64_t first_seeds[] = {1, 123, 2000};
    static const int depths[] = {5, 10, 20};
    int sizes[DEEPEST + 1];
    ExperimentConfig config = deep_config(sizes, 5, first_seeds[_i], 50);
    Sweep sweep;
    Error error = {0};

    ck_assert_msg(sweep_run(&config, depths, 3, NULL, NULL, &sweep, &error), "%s", error.message);

    ck_assert_double_eq_tol(sweep.decades_per_layer[0], -0.6, 0.064);
    ck_assert_double_eq_tol(sweep.decades_per_layer[1], 0, 0.04);
    sweep_free(&sweep);
}
END_TEST

// Not only in the middle: the best quarter without shortcuts is worse than the worst quarter with them, and more so in depth.
START_TEST(the_quartiles_of_the_arms_do_not_meet)
{
    int sizes[DEEPEST + 1];
    double gap_before = 0;
    for (int i = 0; i < DEPTHS; i++) {
        ExperimentConfig config = deep_config(sizes, known[i].depth, 1, 50);
        Experiment experiment = run_experiment(&config);
        Quartiles plain = experiment_relative(&experiment, false, 0, 0, METRIC_WEIGHT);
        Quartiles shortcut = experiment_relative(&experiment, true, 0, 0, METRIC_WEIGHT);
        double gap = log10(shortcut.low) - log10(plain.high);
        ck_assert_double_gt(gap, gap_before);
        gap_before = gap;
        experiment_free(&experiment);
    }
    ck_assert_double_gt(gap_before, 15);
}
END_TEST

// In between, too: from layer to layer the median without shortcuts goes down towards the first.
START_TEST(every_layer_without_shortcuts_loses_some)
{
    enum { DEPTH = 20 };
    int sizes[DEEPEST + 1];
    ExperimentConfig config = deep_config(sizes, DEPTH, 0, 300);
    Experiment experiment = run_experiment(&config);

    double after = 1;
    for (int layer = DEPTH - 2; layer >= 0; layer--) {
        double median = experiment_relative(&experiment, false, 0, layer, METRIC_WEIGHT).median;
        ck_assert_msg(median < after, "layer %d: %g, after it %g", layer, median, after);
        after = median;
    }
    experiment_free(&experiment);
}
END_TEST

// Losses differ between the arms; the same dL/dy for both rules that out as the cause.
START_TEST(it_is_not_the_loss)
{
    int sizes[DEEPEST + 1];
    double first[2][2];
    for (int deep = 0; deep < 2; deep++) {
        ExperimentConfig config = deep_config(sizes, deep == 1 ? 20 : 5, 1, 50);
        config.same_dy = true;
        Experiment experiment = run_experiment(&config);
        for (int arm = 0; arm < 2; arm++) {
            first[deep][arm] = experiment_metric(&experiment, arm == 1, 0, 0, METRIC_WEIGHT).median;
        }
        experiment_free(&experiment);
    }

    // 15 layers more: 9 decades at 0.6 each, give or take one; with shortcuts less than one either way.
    ck_assert_double_eq_tol(log10(first[1][0] / first[0][0]), -9, 1);
    ck_assert_double_eq_tol(log10(first[1][1] / first[0][1]), 0, 1);
}
END_TEST

// A network whose last layer says exactly 0 gets no gradient at all. It has no ratio, and is counted as what it is.
START_TEST(dead_networks_are_counted_and_not_dropped)
{
    enum { DEPTH = 20, SEEDS = 300 };
    int sizes[DEEPEST + 1];
    ExperimentConfig config = deep_config(sizes, DEPTH, 0, SEEDS);
    Experiment experiment = run_experiment(&config);
    int dead = 0; // 74 of the 300
    for (int i = 0; i < experiment.n_measurements; i++) {
        const Measurement *measurement = &experiment.measurements[i];
        dead += measurement->arm && measurement_metric(measurement, DEPTH - 1, METRIC_WEIGHT) == 0;
    }

    Quartiles first = experiment_metric(&experiment, true, 0, 0, METRIC_WEIGHT);
    Quartiles relative = experiment_relative(&experiment, true, 0, 0, METRIC_WEIGHT);

    ck_assert_int_gt(dead, 0);
    ck_assert_int_eq(first.n, SEEDS);
    ck_assert_int_eq(first.zeros, dead);
    ck_assert_int_eq(relative.n, SEEDS - dead);
    ck_assert_int_eq(experiment_metric(&experiment, false, 0, 0, METRIC_WEIGHT).zeros, 0);
    experiment_free(&experiment);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// The GPT: 12 blocks, 32 wide, ReLU, random tokens, 5 seeds. Limits leave what was measured room for other seeds.

enum { B = 2, T = 16, V = 65, LAST = 11, MIDDLE = 6 };

static ExperimentConfig gpt_config(int *ids, int *targets, Norm norm, InitScheme init)
{
    random_ids(ids, B * T, V, 1);
    random_ids(targets, B * T, V, 2);
    GPTConfig gpt = {
        .vocab_size = V,
        .context_length = T,
        .n_layer = LAST + 1,
        .n_head = 4,
        .n_embd = 32,
        .ff_mult = 4,
        .qkv_bias = true,
        .norm = norm,
        .causal = true,
        .activation = ACTIVATION_RELU,
        .init = init,
    };
    return (ExperimentConfig){
        .net = NET_GPT,
        .gpt = gpt,
        .ids = ids,
        .targets = targets,
        .B = B,
        .T = T,
        .arms = ARMS_BOTH,
        .seed = 1,
        .n_seeds = 5,
    };
}

static double median_of(const Experiment *experiment, int arm, int layer, LayerMetric figure)
{
    return experiment_metric(experiment, arm == 1, 0, layer, figure).median;
}

// LayerNorm brings back to size what a block has shrunk, forward and backward: a bar chart of weight gradients shows nothing.
START_TEST(a_gpt_with_norms_and_without_shortcuts_does_not_lose_its_weight_gradients)
{
    int ids[B * T];
    int targets[B * T];
    ExperimentConfig config = gpt_config(ids, targets, NORM_PRE, INIT_XAVIER);
    Experiment experiment = run_experiment(&config);

    double first_to_last = median_of(&experiment, 0, 0, METRIC_WEIGHT) / median_of(&experiment, 0, LAST, METRIC_WEIGHT);
    ck_assert_double_gt(first_to_last, 0.1); // measured 0.7
    ck_assert_double_lt(first_to_last, 10);
    experiment_free(&experiment);
}
END_TEST

// What vanishes is the reason to look at one token rather than another: all have become the same.
START_TEST(what_such_a_gpt_loses_is_its_query_and_key_gradients_and_its_tokens)
{
    int ids[B * T];
    int targets[B * T];
    ExperimentConfig config = gpt_config(ids, targets, NORM_PRE, INIT_XAVIER);
    Experiment experiment = run_experiment(&config);

    double plain = median_of(&experiment, 0, LAST, METRIC_QUERY_KEY) / median_of(&experiment, 0, 0, METRIC_QUERY_KEY);
    double shortcut = median_of(&experiment, 1, LAST, METRIC_QUERY_KEY) / median_of(&experiment, 1, 0, METRIC_QUERY_KEY);
    ck_assert_double_lt(plain, 0.01);                                            // measured 0.0004
    ck_assert_double_gt(shortcut, 0.04);                                         // measured 0.13
    ck_assert_double_gt(median_of(&experiment, 0, LAST, METRIC_COSINE), 0.9999); // measured 0.999999
    ck_assert_double_lt(median_of(&experiment, 1, LAST, METRIC_COSINE), 0.9);    // measured 0.68
    experiment_free(&experiment);
}
END_TEST

// Block by block: tokens only ever become more alike.
START_TEST(tokens_become_the_same_block_by_block_without_shortcuts)
{
    int ids[B * T];
    int targets[B * T];
    ExperimentConfig config = gpt_config(ids, targets, NORM_PRE, INIT_XAVIER);
    Experiment experiment = run_experiment(&config);

    for (int layer = 2; layer <= LAST; layer += 2) {
        double before = 1 - median_of(&experiment, 0, layer - 2, METRIC_COSINE);
        double after = 1 - median_of(&experiment, 0, layer, METRIC_COSINE);
        ck_assert_msg(after < 0.8 * before, "block %d: 1 - cosine %g, two blocks before %g", layer, after, before);
    }
    experiment_free(&experiment);
}
END_TEST

// Looking everywhere mixes all tokens in one go; the causal mask leaves the first one alone, and the others in part.
START_TEST(full_attention_makes_tokens_the_same_faster_than_causal)
{
    int ids[B * T];
    int targets[B * T];
    ExperimentConfig config = gpt_config(ids, targets, NORM_PRE, INIT_XAVIER);
    config.arms = ARMS_OFF;
    Experiment causal = run_experiment(&config);
    config.gpt.causal = false;
    Experiment full = run_experiment(&config);

    double causal_rest = 1 - median_of(&causal, 0, 3, METRIC_COSINE);
    double full_rest = 1 - median_of(&full, 0, 3, METRIC_COSINE);
    ck_assert_double_gt(causal_rest, 1e-3);             // measured 8e-3
    ck_assert_double_lt(full_rest, 1e-4 * causal_rest); // measured 4e-14, where double ends
    experiment_free(&causal);
    experiment_free(&full);
}
END_TEST

// Without norms nothing brings the size back: at GPT-2's small weights every gradient is tiny, and as tiny in the last block as
// in the first, so that a shape relative to the last block would show nothing. Queries and keys end below what float32 holds.
START_TEST(without_norms_and_shortcuts_gpt2s_weights_leave_next_to_no_gradient_anywhere)
{
    int ids[B * T];
    int targets[B * T];
    ExperimentConfig config = gpt_config(ids, targets, NORM_NONE, INIT_GPT2);
    config.gpt.n_layer = 6;
    Experiment experiment = run_experiment(&config);

    for (int layer = 0; layer < 6; layer++) {
        ck_assert_double_lt(median_of(&experiment, 0, layer, METRIC_WEIGHT), 1e-28); // measured 2e-32
        ck_assert_double_gt(median_of(&experiment, 1, layer, METRIC_WEIGHT), 1e-6);  // measured 3e-6
    }
    double first_to_last = median_of(&experiment, 0, 0, METRIC_WEIGHT) / median_of(&experiment, 0, 5, METRIC_WEIGHT);
    ck_assert_double_gt(first_to_last, 0.1); // measured 1.01
    ck_assert_double_lt(first_to_last, 10);
    Quartiles query_key = experiment_metric(&experiment, false, 0, 5, METRIC_QUERY_KEY);
    ck_assert_int_eq(query_key.zeros, 5);
    ck_assert_int_eq(query_key.n, 5);
    experiment_free(&experiment);
}
END_TEST

// Large weights without norms: the sum of all that is added grows from block to block, and the gradient with it.
START_TEST(with_shortcuts_and_without_norms_xaviers_weights_make_gradients_explode)
{
    int ids[B * T];
    int targets[B * T];
    ExperimentConfig config = gpt_config(ids, targets, NORM_NONE, INIT_XAVIER);
    config.arms = ARMS_ON;
    Experiment experiment = run_experiment(&config);

    double first = median_of(&experiment, 1, 0, METRIC_WEIGHT);
    ck_assert_double_gt(first, 30);                                                  // measured 850; 7e-3 with norms
    ck_assert_double_gt(first, 10 * median_of(&experiment, 1, LAST, METRIC_WEIGHT)); // measured 90 times
    experiment_free(&experiment);
}
END_TEST

// The later half of the blocks: the shortcut carries most of what arrives at their start, 4 to 6 times what the block does.
START_TEST(most_of_a_gradient_comes_through_the_shortcut)
{
    int ids[B * T];
    int targets[B * T];
    ExperimentConfig config = gpt_config(ids, targets, NORM_PRE, INIT_XAVIER);
    config.arms = ARMS_ON;
    Experiment experiment = run_experiment(&config);

    for (int layer = MIDDLE; layer <= LAST; layer++) {
        double skip = median_of(&experiment, 1, layer, METRIC_SKIP);
        double block = median_of(&experiment, 1, layer, METRIC_BLOCK);
        ck_assert_msg(skip > 2 * block, "block %d: %g through shortcuts, %g through blocks", layer, skip, block);
    }
    experiment_free(&experiment);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("claim");
    TCase *deep = case_with_tape(suite, "deep network");
    tcase_add_loop_test(deep, medians_over_300_seeds_are_those_of_another_program, 0, DEPTHS);
    tcase_add_loop_test(deep, fifty_other_seeds_say_the_same, 0, DEPTHS);
    tcase_add_loop_test(deep, decades_are_lost_by_the_layer_without_shortcuts_and_not_with_them, 0, 3);
    tcase_add_test(deep, the_quartiles_of_the_arms_do_not_meet);
    tcase_add_test(deep, every_layer_without_shortcuts_loses_some);
    tcase_add_test(deep, it_is_not_the_loss);
    tcase_add_test(deep, dead_networks_are_counted_and_not_dropped);

    TCase *gpt = case_with_tape(suite, "GPT");
    tcase_add_test(gpt, a_gpt_with_norms_and_without_shortcuts_does_not_lose_its_weight_gradients);
    tcase_add_test(gpt, what_such_a_gpt_loses_is_its_query_and_key_gradients_and_its_tokens);
    tcase_add_test(gpt, tokens_become_the_same_block_by_block_without_shortcuts);
    tcase_add_test(gpt, full_attention_makes_tokens_the_same_faster_than_causal);
    tcase_add_test(gpt, without_norms_and_shortcuts_gpt2s_weights_leave_next_to_no_gradient_anywhere);
    tcase_add_test(gpt, with_shortcuts_and_without_norms_xaviers_weights_make_gradients_explode);
    tcase_add_test(gpt, most_of_a_gradient_comes_through_the_shortcut);
    return suite_run(suite);
}
