// test_cost.c: what gpt_cost counts from the sizes against what a training step really puts on its tape.

#include "gpt/gptape.h"
#include "tests/support/suite.h"

#include <check.h>
#include <stdlib.h>

enum { B = 2, T = 24 };

static GPTConfig config_of(int i)
{
    GPTConfig config = gpt_preset_find("char")->config;

    config.shortcut = i % 2 == 0;
    config.norm = (Norm)(i / 2 % NORM_COUNT);
    config.tied = i / 6 % 2 == 0;
    config.dropout = i / 12 % 2 == 0 ? 0.0 : 0.1;
    config.causal = i / 24 % 2 == 0;
    config.activation = i / 48 % 2 == 0 ? ACTIVATION_GELU : ACTIVATION_IDENTITY;
    return config;
}

enum { CONFIG_COUNT = 96 };

START_TEST(counts_are_what_a_step_takes)
{
    GPTConfig config = config_of(_i);
    GPTCost cost = gpt_cost(&config, B, T);
    Error error;
    int ids[B * T];
    GPT *gpt = gpt_create(&config, 1, &error);
    ck_assert_ptr_nonnull(gpt);
    for (int i = 0; i < B * T; i++) {
        ids[i] = i % config.vocab_size;
    }
    ParameterList parameters = module_parameters(&gpt->module);
    ck_assert_int_eq(cost.parameters, (int64_t)parameters.values);

    Tape *tape = tape_create();
    module_train(&gpt->module, true);
    Tensor *loss = tensor_cross_entropy(gpt_forward(gpt, ids, B, T), ids);
    double kept = (double)tape->arena.bytes;
    double nodes = 320.0 * tape->n_nodes; // the nodes themselves, which gpt_cost leaves out
    ck_assert_double_le(cost.activation_bytes, kept);
    ck_assert_double_ge(cost.activation_bytes, kept - nodes);
    tensor_backward(loss);
    ck_assert_double_eq(cost.gradient_peak_bytes, (double)tape->arena.bytes_peak - kept);
    tape_free(tape);
    parameter_list_free(&parameters);
    gpt_free(gpt);
}
END_TEST

// The inner tape's memory stays, so what counts is the most that each of the two held at any time.
START_TEST(recomputing_takes_what_is_counted)
{
    GPTConfig config = config_of(_i);
    GPTCost cost = gpt_cost(&config, B, T);
    Error error;
    int ids[B * T];
    GPT *gpt = gpt_create(&config, 1, &error);
    ck_assert_ptr_nonnull(gpt);
    for (int i = 0; i < B * T; i++) {
        ids[i] = i % config.vocab_size;
    }
    Tape *tape = tape_create();
    gpt->recompute = true;
    module_train(&gpt->module, true);
    Tensor *loss = tensor_cross_entropy(gpt_forward(gpt, ids, B, T), ids);
    double kept = (double)tape->arena.bytes;
    double nodes = 400.0 * tape->n_nodes; // the nodes, and what tensor_checkpoint saves besides the random state
    ck_assert_double_le(cost.recompute_activation_bytes, kept);
    ck_assert_double_ge(cost.recompute_activation_bytes, kept - nodes);
    tensor_backward(loss);
    double peak = (double)tape->arena.bytes_peak - kept + (double)tape->inner->arena.bytes_peak;
    double inner_nodes = 320.0 * 40;
    ck_assert_double_le(cost.recompute_peak_bytes, peak);
    ck_assert_double_ge(cost.recompute_peak_bytes, peak - inner_nodes);
    tape_free(tape);
    gpt_free(gpt);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cost");
    TCase *tcase = case_create(suite, "cost");
    tcase_add_loop_test(tcase, counts_are_what_a_step_takes, 0, CONFIG_COUNT);
    tcase_add_loop_test(tcase, recomputing_takes_what_is_counted, 0, CONFIG_COUNT);
    return suite_run(suite);
}
