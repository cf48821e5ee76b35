// test_determinism.c: the same seed and threads give the same bits; another number of threads nearly the same.

#include "tests/gpt/gpt_test.h"
#include "tests/support/suite.h"

#include <stdlib.h>
#include <string.h>

// Large enough that products, attention and loops over values are all shared between two threads.
enum { B = 8, T = 64, V = 65 };

static GPTConfig config_of(void)
{
    GPTConfig config = small_config();
    config.vocab_size = V;
    config.context_length = T;
    config.n_layer = 2;
    config.n_head = 4;
    config.n_embd = 64;
    config.dropout = 0.1;
    config.init = INIT_GPT2;
    return config;
}

typedef struct Run {
    double losses[4];
    float *values; // all weights, then
    size_t n;
} Run;

static float *all_of(const ParameterList *list, bool gradients)
{
    float *values = memory_allocate(list->values * sizeof *values, "a test");
    size_t at = 0;
    for (int i = 0; i < list->count; i++) {
        const Tensor *p = list->parameters[i];
        memcpy(values + at, gradients ? p->grad : p->data, tensor_count(p) * sizeof *values);
        at += tensor_count(p);
    }
    return values;
}

// Some steps of training with the weights they lead to; with 0 steps, the first gradient.
static Run train(int threads, int steps)
{
    kernels_set_threads(threads);
    GPT *gpt = create_gpt(config_of(), 3);
    module_train(&gpt->module, true);
    ParameterList list = module_parameters(&gpt->module);
    AdamW adamw = adamw_create(&list, ADAMW_DEFAULTS);
    int ids[B * T];
    int targets[B * T];
    random_ids(ids, B * T, V, 1);
    random_ids(targets, B * T, V, 2);
    Run run = {.n = list.values};
    for (int step = 0; step <= steps; step++) {
        module_zero_grad(&gpt->module);
        Tensor *loss = tensor_cross_entropy(gpt_forward(gpt, ids, B, T), targets);
        run.losses[step] = (double)tensor_item(loss);
        tensor_backward(loss);
        if (step < steps) {
            adamw_step_clipped(&adamw, grad_norm(&list), 1.0);
        }
        tape_reset(tape_current());
    }
    run.values = all_of(&list, steps == 0);
    adamw_free(&adamw);
    parameter_list_free(&list);
    gpt_free(gpt);
    return run;
}

// The plain kernels know no threads; and under valgrind, which asks for them, all this would take minutes.
static bool have_threads(const char *function)
{
    if (strcmp(kernels_name(), "plain") == 0) {
        skip(function, "the plain kernels run on one thread");
        return false;
    }
    return true;
}

START_TEST(the_same_seed_and_threads_give_the_same_bits)
{
    if (!have_threads(__func__)) {
        return;
    }
    Run first = train(_i, 3);
    Run again = train(_i, 3);
    ck_assert_int_eq(memcmp(first.losses, again.losses, sizeof first.losses), 0);
    ck_assert_int_eq(memcmp(first.values, again.values, first.n * sizeof(float)), 0);
    free(first.values);
    free(again.values);
}
END_TEST

// Which thread does what changes the order of some sums in matrix products, none else. A gradient is the end of about 30
// products one after the other, of up to 512 terms; their roundings, which go both ways, add up like the square root: 30 x 23
// units times 2^-24 are far more than enough.
START_TEST(one_thread_and_two_give_nearly_the_same_gradient)
{
    if (!have_threads(__func__)) {
        return;
    }
    Run one = train(1, 0);
    Run two = train(2, 0);
    ck_assert_double_eq_tol(two.losses[0], one.losses[0], 1e-6 * one.losses[0]);
    assert_values_near(two.values, one.values, one.n, 30 * 23 * 6e-8, "gradient");
    free(one.values);
    free(two.values);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("determinism");
    TCase *tcase = case_with_tape(suite, "determinism");
    tcase_add_loop_test(tcase, the_same_seed_and_threads_give_the_same_bits, 1, 3);
    tcase_add_test(tcase, one_thread_and_two_give_nearly_the_same_gradient);
    return suite_run(suite);
}
