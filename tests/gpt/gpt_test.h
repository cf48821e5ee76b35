// gpt_test.h: what the suites of gpt/ share: small models, and batches for them.

#ifndef GPTAPE_TESTS_GPT_TEST_H
#define GPTAPE_TESTS_GPT_TEST_H

#include "gpt/gptape.h"
#include "tests/nn/nn_test.h"

// Small, but with more than one of everything.
static inline GPTConfig small_config(void)
{
    return (GPTConfig){
        .vocab_size = 11,
        .context_length = 8,
        .n_layer = 3,
        .n_head = 2,
        .n_embd = 16,
        .ff_mult = 4,
        .dropout = 0.0,
        .qkv_bias = true,
        .tied = true,
        .shortcut = true,
        .norm = NORM_PRE,
        .causal = true,
        .activation = ACTIVATION_GELU,
        .init = INIT_TORCH,
    };
}

// A short training run of it.
static inline TrainConfig small_train_config(int steps)
{
    return (TrainConfig){
        .steps = steps,
        .batch = 2,
        .length = 8,
        .accumulate = 2,
        .lr = 1e-2,
        .min_lr = 1e-3,
        .warmup = 2,
        .decay_steps = steps,
        .beta1 = 0.9,
        .beta2 = 0.99,
        .eps = 1e-8,
        .weight_decay = 0.1,
        .clip = 1,
        .eval_batches = 2,
    };
}

enum { GPT_VARIANTS = 24 };

// Every switch in each of its positions, and not always together with the same others.
static inline GPTConfig variant_config(int i)
{
    GPTConfig config = small_config();
    config.norm = (Norm)(i % NORM_COUNT);
    config.shortcut = i / 2 % 2 == 0;
    config.qkv_bias = i / 3 % 2 == 0;
    config.tied = i / 5 % 2 == 0;
    config.activation = (Activation)((i + i / ACTIVATION_COUNT) % ACTIVATION_COUNT);
    config.init = (InitScheme)(i / 4 % INIT_COUNT);
    config.n_head = i % 4 == 3 ? 1 : i % 4 == 2 ? 16 : 2;
    return config;
}

static inline GPT *create_gpt(GPTConfig config, uint64_t seed)
{
    Error error = {0};
    GPT *gpt = gpt_create(&config, seed, &error);
    ck_assert_msg(gpt != NULL, "%s", error.message);
    return gpt;
}

// Golden weights are float32 numbers, in double too.
static inline void round_weights(const Module *root)
{
    ParameterList list = module_parameters(root);
    for (int i = 0; i < list.count; i++) {
        for (size_t k = 0; k < tensor_count(list.parameters[i]); k++) {
            list.parameters[i]->data[k] = (Real)(float)list.parameters[i]->data[k];
        }
    }
    parameter_list_free(&list);
}

// The golden numbers are of float32 weights in double, rounded to 9 digits; float32 numbers are sums of hundreds of rounded ones.
#ifdef GPTAPE_DOUBLE
#define GOLDEN_TOLERANCE 1e-6
#else
#define GOLDEN_TOLERANCE 1e-3
#endif

// The GPT of golden/paths.h, probes.h and measures.h, with this residual rule.
static inline GPTConfig golden_config(const char *rule)
{
    return (GPTConfig){
        .vocab_size = 37,
        .context_length = 16,
        .n_layer = 3,
        .n_head = 3,
        .n_embd = 24,
        .ff_mult = 4,
        .qkv_bias = false,
        .tied = false,
        .residual = rule,
        .causal = true,
        .activation = ACTIVATION_GELU,
        .init = INIT_TORCH,
    };
}

static inline GPT *golden_gpt(const char *rule, uint64_t seed)
{
    GPT *gpt = create_gpt(golden_config(rule), seed);
    round_weights(&gpt->module);
    return gpt;
}

static inline DeepNet *create_deep(DeepConfig config, uint64_t seed)
{
    Error error = {0};
    DeepNet *net = deep_create(&config, seed, &error);
    ck_assert_msg(net != NULL, "%s", error.message);
    return net;
}

// n ids below V without a pattern.
static inline void random_ids(int *ids, int n, int V, uint64_t seed)
{
    Random random = seeded(seed);
    for (int i = 0; i < n; i++) {
        ids[i] = (int)(random_bits(&random) % (uint32_t)V);
    }
}

static inline GenerateConfig greedy_config(int n_new)
{
    GenerateConfig config = GENERATE_DEFAULTS;
    config.n_new = n_new;
    config.greedy = true;
    return config;
}

// Appends n_new tokens to the n_ids, each the likeliest.
static inline void generate_greedily(GPT *gpt, int *ids, int n_ids, int n_new)
{
    GenerateConfig config = greedy_config(n_new);
    Error error = {0};
    ck_assert_msg(gpt_generate(gpt, &config, NULL, ids, n_ids, &error) == n_new, "%s", error.message);
}

static inline Experiment run_experiment(const ExperimentConfig *config)
{
    Experiment experiment;
    Error error = {0};
    bool done = experiment_run(config, NULL, NULL, &experiment, &error);
    ck_assert_msg(done, "%s", error.message);
    return experiment;
}

#endif
