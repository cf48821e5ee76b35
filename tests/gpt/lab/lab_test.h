// lab_test.h: an experiment with a deep network, and one with a GPT.

#ifndef GPTAPE_TESTS_LAB_TEST_H
#define GPTAPE_TESTS_LAB_TEST_H

#include "tests/gpt/gpt_test.h"

static int sizes[] = {3, 3, 3, 3, 1};
static const float input[] = {1, 0, -1};
static const float target[] = {0};

static inline ExperimentConfig mlp_experiment(void)
{
    return (ExperimentConfig){
        .net = NET_MLP,
        .deep = {sizes, 4, ACTIVATION_GELU, INIT_TORCH, false},
        .input = input,
        .target = target,
        .arms = ARMS_BOTH,
        .seed = 10,
        .n_seeds = 3,
        .n_steps = 2,
        .lr = 1e-2,
    };
}

enum { B = 2, T = 4 };

static const int ids[B * T] = {3, 0, 10, 7, 1, 5, 2, 9};
static const int targets[B * T] = {0, 10, 7, 1, 5, 2, 9, 4};

static inline ExperimentConfig gpt_experiment(void)
{
    return (ExperimentConfig){
        .net = NET_GPT,
        .gpt = small_config(),
        .ids = ids,
        .targets = targets,
        .B = B,
        .T = T,
        .arms = ARMS_BOTH,
        .seed = 10,
        .n_seeds = 2,
        .n_steps = 1,
        .lr = 1e-3,
    };
}

static inline ExperimentConfig config_of(int net)
{
    return net == 0 ? mlp_experiment() : gpt_experiment();
}

// Another, over more seeds.
static inline ExperimentConfig deep_config(void)
{
    ExperimentConfig config = mlp_experiment();
    config.deep.activation = ACTIVATION_TANH;
    config.seed = 20;
    config.n_seeds = 7;
    config.n_steps = 1;
    return config;
}

static inline void assert_same_quartiles(Quartiles got, Quartiles expected)
{
    ck_assert_int_eq(got.n, expected.n);
    ck_assert_int_eq(got.zeros, expected.zeros);
    ck_assert_double_eq(got.low, expected.low);
    ck_assert_double_eq(got.median, expected.median);
    ck_assert_double_eq(got.high, expected.high);
}

#endif
