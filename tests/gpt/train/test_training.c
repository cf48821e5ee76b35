// test_training.c: a tiny GPT learns a batch by heart, steps without asking for memory, and writes tokens.

#include "tests/gpt/gpt_test.h"

enum { B = 2, T = 8, V = 17 };

static GPTConfig training_config(void)
{
    GPTConfig config = small_config();
    config.vocab_size = V;
    config.n_layer = 2;
    config.n_embd = 32;
    return config;
}

typedef struct Batch {
    int ids[B * T];
    int targets[B * T];
} Batch;

static Batch fixed_batch(void)
{
    Batch batch;
    random_ids(batch.ids, B * T, V, 3);
    random_ids(batch.targets, B * T, V, 4);
    return batch;
}

static double loss_of(GPT *gpt, const Batch *batch)
{
    return (double)tensor_item(tensor_cross_entropy(gpt_forward(gpt, batch->ids, B, T), batch->targets));
}

// Forward, backward, clip, AdamW, reset: a whole step, as the trainer makes it. Returns the loss before it.
static double training_step(GPT *gpt, const Batch *batch, AdamW *adamw)
{
    module_zero_grad(&gpt->module);
    Tensor *loss = tensor_cross_entropy(gpt_forward(gpt, batch->ids, B, T), batch->targets);
    double value = (double)tensor_item(loss);
    tensor_backward(loss);
    clip_grad_norm(adamw->parameters, 1.0);
    adamw_step(adamw);
    tape_reset(tape_current());
    return value;
}

// ------------------------------------------------------------------------------------------------------------
// Learning

// Weights that mean nothing say every token is as likely: the loss is ln V, give or take what the logits vary. GPT-2's
// start has logits of a deviation of about 0.02 sqrt(C) = 0.1, and half the square of that is added.
START_TEST(an_untrained_gpt_has_a_loss_of_ln_v)
{
    GPTConfig config = training_config();
    config.init = INIT_GPT2;
    config.tied = _i == 1;
    GPT *gpt = create_gpt(config, 1);
    Batch batch = fixed_batch();

    ck_assert_double_eq_tol(loss_of(gpt, &batch), log(V), 0.05);
    gpt_free(gpt);
}
END_TEST

// Each norm, head and activation in turn: an end-to-end test finds what is cut off although each part is right.
static GPTConfig variant(int i)
{
    GPTConfig config = training_config();
    config.init = INIT_GPT2;
    config.tied = i % 2 == 0;
    config.qkv_bias = i % 2 == 0;
    config.norm = i < 4 ? NORM_PRE : i == 4 ? NORM_POST : NORM_NONE;
    config.activation = i == 1 ? ACTIVATION_RELU
                      : i == 2 ? ACTIVATION_TANH
                      : i == 3 ? ACTIVATION_IDENTITY
                      : i == 4 ? ACTIVATION_GELU_ERF
                               : ACTIVATION_GELU;
    return config;
}

enum { VARIANTS = 6, LEARNING_STEPS = 150 };

// 16 tokens are few enough for 25,000 weights to learn; the targets have no pattern, so nothing else can be learned.
START_TEST(a_tiny_gpt_learns_a_batch_by_heart)
{
    GPT *gpt = create_gpt(variant(_i), 1);
    ParameterList list = module_parameters(&gpt->module);
    AdamWConfig config = ADAMW_DEFAULTS;
    config.lr = 5e-3;
    AdamW adamw = adamw_create(&list, config);
    Batch batch = fixed_batch();

    double first = training_step(gpt, &batch, &adamw);
    for (int step = 1; step < LEARNING_STEPS; step++) {
        training_step(gpt, &batch, &adamw);
    }

    ck_assert_double_eq_tol(first, log(V), 0.05);
    ck_assert_double_lt(loss_of(gpt, &batch), 0.1);
    adamw_free(&adamw);
    parameter_list_free(&list);
    gpt_free(gpt);
}
END_TEST

START_TEST(every_parameter_gets_a_gradient_and_moves)
{
    GPT *gpt = create_gpt(variant(_i), 1);
    ParameterList list = module_parameters(&gpt->module);
    AdamW adamw = adamw_create(&list, ADAMW_DEFAULTS);
    Batch batch = fixed_batch();
    Real *before[64];
    ck_assert_int_le(list.count, 64);
    for (int i = 0; i < list.count; i++) {
        before[i] = copy_values(list.parameters[i]->data, tensor_count(list.parameters[i]));
    }

    training_step(gpt, &batch, &adamw);

    for (int i = 0; i < list.count; i++) {
        const Tensor *parameter = list.parameters[i];
        size_t n = tensor_count(parameter);
        char name[NAME_TEXT];
        tensor_name(parameter, name);
        double largest = largest_size(parameter->grad, n);
        ck_assert_msg(isfinite(largest) && largest > 0, "%s has a gradient of %g", name, largest);
        ck_assert_msg(memcmp(parameter->data, before[i], n * sizeof(Real)) != 0, "%s has not moved", name);
    }
    adamw_free(&adamw);
    parameter_list_free(&list);
    gpt_free(gpt);
}
END_TEST

static double loss_after(int steps, uint64_t seed)
{
    GPTConfig config = training_config();
    config.dropout = 0.1;
    GPT *gpt = create_gpt(config, seed);
    module_train(&gpt->module, true);
    ParameterList list = module_parameters(&gpt->module);
    AdamW adamw = adamw_create(&list, ADAMW_DEFAULTS);
    Batch batch = fixed_batch();
    double loss = NAN;
    for (int step = 0; step < steps; step++) {
        loss = training_step(gpt, &batch, &adamw);
    }
    adamw_free(&adamw);
    parameter_list_free(&list);
    gpt_free(gpt);
    return loss;
}

// Dropout draws from the model's own generator.
START_TEST(training_again_gives_the_same_bits)
{
    double first = loss_after(5, 7);

    ck_assert(loss_after(5, 7) == first);
    ck_assert(loss_after(5, 8) != first);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Memory

// The first step makes the gradients and the tape's chunks, the second may still find that chunks joined up differently.
START_TEST(a_steady_training_step_asks_the_system_for_nothing)
{
    GPTConfig config = training_config();
    config.dropout = _i == 1 ? 0.1 : 0;
    GPT *gpt = create_gpt(config, 1);
    module_train(&gpt->module, true);
    ParameterList list = module_parameters(&gpt->module);
    AdamW adamw = adamw_create(&list, ADAMW_DEFAULTS);
    Batch batch = fixed_batch();

    training_step(gpt, &batch, &adamw);
    training_step(gpt, &batch, &adamw);
    size_t requests = memory_requests();
    for (int step = 0; step < 10; step++) {
        training_step(gpt, &batch, &adamw);
        ck_assert_uint_eq(memory_requests(), requests);
    }
    adamw_free(&adamw);
    parameter_list_free(&list);
    gpt_free(gpt);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("training");
    TCase *learning = case_with_tape(suite, "learning");
    tcase_add_loop_test(learning, an_untrained_gpt_has_a_loss_of_ln_v, 0, 2);
    tcase_add_loop_test(learning, a_tiny_gpt_learns_a_batch_by_heart, 0, VARIANTS);
    tcase_add_loop_test(learning, every_parameter_gets_a_gradient_and_moves, 0, VARIANTS);
    tcase_add_test(learning, training_again_gives_the_same_bits);

    TCase *memory = case_with_tape(suite, "memory");
    tcase_add_loop_test(memory, a_steady_training_step_asks_the_system_for_nothing, 0, 2);
    suite_prepare_products();
    return suite_run(suite);
}
