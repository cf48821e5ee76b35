// test_recompute.c: with recomputation a step gives the same bits, and its tape holds less.

#include "tests/gpt/gpt_test.h"
#include "tests/support/mistake.h"
#include "tests/support/suite.h"

enum { B = 2, T = 8, STEPS = 3 };

static GPTConfig config_of(int i)
{
    GPTConfig config = small_config();
    config.dropout = i % 2 == 0 ? 0.0 : 0.2;
    config.norm = (Norm)(i / 2 % NORM_COUNT);
    config.shortcut = i / 6 % 2 == 0;
    config.tied = i / 12 % 2 == 0;
    return config;
}

enum { CONFIG_COUNT = 24 };

typedef struct Steps {
    double loss[STEPS];
    Real *gradients; // of the last step, all parameters'
    size_t n;
} Steps;

static void keep_gradients(const ParameterList *parameters, Steps *steps)
{
    steps->n = parameters->values;
    steps->gradients = memory_allocate(steps->n * sizeof(Real), "gradients");
    Real *at = steps->gradients;
    for (int i = 0; i < parameters->count; i++) {
        const Tensor *parameter = parameters->parameters[i];
        size_t n = tensor_count(parameter);
        ck_assert_ptr_nonnull(parameter->grad);
        memcpy(at, parameter->grad, n * sizeof(Real));
        at += n;
    }
}

// Some steps of training. Those after the first depend on the gradients before, and on where the random numbers stand.
static Steps train(GPTConfig config, bool recompute)
{
    Steps steps = {{0}, NULL, 0};
    int ids[B * T + 1];
    GPT *gpt = create_gpt(config, 5);
    ParameterList parameters = module_parameters(&gpt->module);
    random_ids(ids, B * T + 1, config.vocab_size, 6);
    Tape *tape = tape_create();
    gpt->recompute = recompute;
    module_train(&gpt->module, true);
    for (int step = 0; step < STEPS; step++) {
        module_zero_grad(&gpt->module);
        Tensor *loss = tensor_cross_entropy(gpt_forward(gpt, ids, B, T), ids + 1);
        steps.loss[step] = (double)tensor_item(loss);
        tensor_backward(loss);
        if (step == STEPS - 1) {
            keep_gradients(&parameters, &steps);
        }
        sgd_step(&parameters, 0.1);
        tape_reset(tape);
    }
    tape_free(tape);
    parameter_list_free(&parameters);
    gpt_free(gpt);
    return steps;
}

START_TEST(bits_are_the_same)
{
    GPTConfig config = config_of(_i);
    Steps kept = train(config, false);
    Steps again = train(config, true);
    for (int step = 0; step < STEPS; step++) {
        ck_assert_double_eq(kept.loss[step], again.loss[step]);
    }
    ck_assert_uint_eq(kept.n, again.n);
    ck_assert_mem_eq(kept.gradients, again.gradients, kept.n * sizeof(Real));
    free(kept.gradients);
    free(again.gradients);
}
END_TEST

START_TEST(a_block_is_one_node_with_the_blocks_name)
{
    char name[NAME_TEXT];
    int ids[T] = {1, 2, 3, 4, 5, 6, 7, 8};
    GPT *gpt = create_gpt(small_config(), 5);
    Tape *tape = tape_create();
    gpt->recompute = true;
    Tensor *loss = tensor_cross_entropy(gpt_forward(gpt, ids, 1, T), ids);
    ck_assert_int_eq(count_ops(tape, "checkpoint"), 3);
    ck_assert_int_eq(count_ops(tape, "attention"), 0);
    for (int i = 0; i < tape->n_nodes; i++) {
        if (strcmp(tape->nodes[i]->op->name, "checkpoint") == 0) {
            ck_assert_str_eq(tensor_name(tape->nodes[i]->output, name) + strlen("h.0."), "out");
        }
    }
    tensor_backward(loss);
    ParameterList parameters = module_parameters(&gpt->module);
    for (int i = 0; i < parameters.count; i++) {
        ck_assert_ptr_nonnull(parameters.parameters[i]->grad);
    }
    parameter_list_free(&parameters);
    tape_free(tape);
    gpt_free(gpt);
}
END_TEST

static Tensor *give_back(void *context, Tensor **x)
{
    (void)context;
    return x[0];
}

static Tensor *give_nothing(void *context, Tensor **x)
{
    (void)context;
    (void)x;
    return NULL;
}

static Tensor *twice(void *context, Tensor **x)
{
    (void)context;
    return tensor_scale(x[0], 2);
}

static Tensor *twice_within(void *context, Tensor **x)
{
    return tensor_checkpoint_many(twice, context, x, 1, NULL);
}

// Checkpoints nest, and their backward can be walked twice.
START_TEST(a_checkpoint_within_a_checkpoint)
{
    Tape *tape = tape_create();
    Tensor *x = tensor_require_grad(tensor_full(SHAPE(3), 1));
    Tensor *y = tensor_sum(tensor_checkpoint_many(twice_within, NULL, &x, 1, NULL));
    tensor_backward(y);
    tensor_backward(y);
    ck_assert_double_eq((double)tensor_item(y), 6);
    ck_assert_double_eq((double)x->grad[2], 4);
    ck_assert_ptr_eq(tape_current(), tape);
    tape_free(tape);
}
END_TEST

START_TEST(without_recording_it_is_just_computed)
{
    Tape *tape = tape_create();
    Tensor *x = tensor_full(SHAPE(3), 1);
    tape_no_grad_begin();
    Tensor *y = tensor_checkpoint_many(twice, NULL, &x, 1, NULL);
    tape_no_grad_end();
    ck_assert_double_eq((double)y->data[1], 2);
    ck_assert_int_eq(tape->n_nodes, 0);
    tape_free(tape);
}
END_TEST

START_TEST(the_function_must_compute)
{
    Tape *tape = tape_create();
    Tensor *x = tensor_full(SHAPE(3), 1);
    const char *told = "tensor_checkpoint: the function must return a tensor that it computes";
    assert_mistake(told, tensor_checkpoint_many(give_back, NULL, &x, 1, NULL));
    assert_mistake(told, tensor_checkpoint_many(give_nothing, NULL, &x, 1, NULL));
    tape_free(tape);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("recompute");
    TCase *tcase = case_create(suite, "recompute");
    tcase_add_loop_test(tcase, bits_are_the_same, 0, CONFIG_COUNT);
    tcase_add_test(tcase, a_block_is_one_node_with_the_blocks_name);
    tcase_add_test(tcase, a_checkpoint_within_a_checkpoint);
    tcase_add_test(tcase, without_recording_it_is_just_computed);
    tcase_add_test(tcase, the_function_must_compute);
    suite_prepare_products();
    return suite_run(suite);
}
