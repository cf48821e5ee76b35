// train_test.h: a small training run, on a text of its own.

#ifndef GPTAPE_TESTS_TRAIN_TEST_H
#define GPTAPE_TESTS_TRAIN_TEST_H

#include "gpt/base/base.h"
#include "tests/golden/training.h"
#include "tests/gpt/gpt_test.h"
#include "tests/support/folder.h"

static inline TrainConfig train_config(void)
{
    TrainConfig config = small_train_config(8);
    config.batch = 3;
    config.eval_every = 3;
    config.save_every = 3;
    return config;
}

// A text of 12 characters, each of which has three that may follow it.
static inline void write_text(const char *path, size_t n, uint64_t seed)
{
    static const char alphabet[] = "abcdefghij \n";
    Random random = seeded(seed);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    for (size_t i = 0; i < n; i++) {
        putc(alphabet[(5 * i + random_bits(&random) % 3) % (sizeof alphabet - 1)], file);
    }
    ck_assert_int_eq(fclose(file), 0);
}

static inline TrainSetup text_setup(TrainConfig config)
{
    Error error = {0};
    TrainSetup setup = {.train = config, .gpt = small_config(), .seed = 5, .data = memory_copy_text("text.txt")};
    setup.tokenizer = tokenizer_chars_of(setup.data, &error);
    ck_assert_msg(setup.tokenizer != NULL, "%s", error.message);
    setup.gpt.vocab_size = tokenizer_vocab_size(setup.tokenizer);
    setup.gpt.dropout = 0.2;
    setup.gpt.init = INIT_GPT2;
    return setup;
}

static inline Trainer *create_trainer(TrainSetup setup)
{
    Error error = {0};
    Dataset *data = setup.ids == NULL ? dataset_open(setup.data, setup.tokenizer, NULL, NULL, NULL, &error) : NULL;
    ck_assert_msg(setup.ids != NULL || data != NULL, "%s", error.message);
    GPT *gpt = gpt_create(&setup.gpt, setup.seed, &error);
    ck_assert_msg(gpt != NULL, "%s", error.message);
    Trainer *trainer = trainer_create(setup, gpt, data, &error);
    ck_assert_msg(trainer != NULL, "%s", error.message);
    return trainer;
}

static inline Trainer *load_trainer(const char *folder)
{
    TrainSetup setup;
    Error error = {0};
    ck_assert_msg(train_setup_load(folder, &setup, &error), "%s", error.message);
    Trainer *trainer = create_trainer(setup);
    ck_assert_msg(trainer_load(trainer, folder, &error), "%s", error.message);
    return trainer;
}

static inline Trainer *text_trainer(void)
{
    return create_trainer(text_setup(train_config()));
}

static inline TrainRow step(Trainer *trainer)
{
    TrainRow row;
    Error error = {0};
    ck_assert_msg(trainer_step(trainer, NULL, &row, &error), "%s", error.message);
    return row;
}

// All weights, one after the other.
static inline Real *weights_of(const Trainer *trainer)
{
    Real *weights = test_memory(trainer->parameters.values * sizeof *weights);
    size_t at = 0;
    for (int i = 0; i < trainer->parameters.count; i++) {
        const Tensor *parameter = trainer->parameters.parameters[i];
        size_t n = tensor_count(parameter);
        memcpy(weights + at, parameter->data, n * sizeof *weights);
        at += n;
    }
    return weights;
}

static inline void assert_same_weights(const Trainer *a, const Trainer *b)
{
    Real *of_a = weights_of(a);
    Real *of_b = weights_of(b);
    ck_assert_uint_eq(a->parameters.values, b->parameters.values);
    ck_assert_msg(memcmp(of_a, of_b, a->parameters.values * sizeof *of_a) == 0, "the weights differ");
}

// |got - expected| <= part of expected; NaN is close to nothing.
static inline void assert_close(const char *what, double got, double expected, double part)
{
    ck_assert_msg(fabs(got - expected) <= part * fabs(expected), "%s: %.9g, not %.9g", what, got, expected);
}

static inline void setup(void)
{
    folder_enter();
    write_text("text.txt", 2000, 1);
}

static inline Trainer *golden_trainer(void)
{
    enum { ROWS = 4, T = 8 };
    TrainSetup setup = {.train = train_config(), .gpt = gpt_preset_find("tiny")->config, .seed = 123};
    setup.gpt.vocab_size = 17;
    setup.gpt.context_length = T;
    setup.train.batch = 2;
    setup.train.warmup = 4;
    setup.train.steps = GOLDEN_STEPS;
    setup.train.decay_steps = GOLDEN_STEPS;
    setup.ids = memory_allocate(ROWS * T * sizeof(int), "a batch");
    setup.targets = memory_allocate(ROWS * T * sizeof(int), "a batch");
    for (int r = 0; r < ROWS; r++) {
        for (int i = 0; i < T; i++) {
            setup.ids[r * T + i] = (7 * i * i + 3 * i + 5 * r * r * i + 11 * r) % 17;
            setup.targets[r * T + i] = (5 * i * i + 2 * i + 3 * r * i + 7 * r + 1) % 17;
        }
    }
    return create_trainer(setup);
}

#endif
