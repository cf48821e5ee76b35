// test_evaluate.c: the loss on a batch, and along a text, against the same computed token by token.

#include "tests/gpt/gpt_test.h"
#include "tests/support/suite.h"

#include <math.h>
#include <stdlib.h>

// -log softmax(logits)[target], in double.
static double surprise(const Real *logits, int V, int target)
{
    double largest = (double)logits[0];
    double sum = 0;
    for (int v = 1; v < V; v++) {
        largest = fmax(largest, (double)logits[v]);
    }
    for (int v = 0; v < V; v++) {
        sum += exp((double)logits[v] - largest);
    }
    return largest + log(sum) - (double)logits[target];
}

// Prediction i is made from its window's tokens up to i, alone.
static double loss_by_token(GPT *gpt, const int *ids, int n_ids)
{
    int V = gpt->config.vocab_size;
    int T = gpt->config.context_length;
    double sum = 0;
    for (int i = 0; i + 1 < n_ids; i++) {
        int start = i / T * T;
        Tensor *logits = gpt_forward(gpt, ids + start, 1, i - start + 1);
        sum += surprise(logits->data + (i - start) * V, V, ids[i + 1]);
        tape_reset(tape_current());
    }
    return sum / (n_ids - 1);
}

// A text shorter than a window, one that fills some to the end, one with a rest, and one of more than a batch of windows.
START_TEST(a_text_is_predicted_token_by_token)
{
    static const int lengths[] = {2, 5, 9, 17, 20, 1100};
    int n_ids = lengths[_i];
    int ids[1100];
    Evaluation evaluation;
    Error error;
    Tape *tape = tape_create();
    GPT *gpt = create_gpt(small_config(), 5);
    random_ids(ids, n_ids, gpt->config.vocab_size, 3);
    ck_assert(gpt_evaluate(gpt, ids, (size_t)n_ids, NULL, NULL, &evaluation, &error));
    ck_assert_uint_eq(evaluation.n, (size_t)n_ids - 1);
    ck_assert_uint_eq(evaluation.n_windows, (size_t)(n_ids - 1 + 7) / 8);
    double expected = loss_by_token(gpt, ids, n_ids);
    ck_assert_double_le(fabs(evaluation.loss - expected), 1e-6 * expected);    // of float32 sums
    gpt_free(gpt);
    tape_free(tape);
}
END_TEST

START_TEST(one_token_is_no_text)
{
    int id = 0;
    Evaluation evaluation;
    Error error;
    GPT *gpt = create_gpt(small_config(), 5);
    ck_assert(!gpt_evaluate(gpt, &id, 1, NULL, NULL, &evaluation, &error));
    ck_assert_ptr_nonnull(strstr(error.message, "1 tokens"));
    gpt_free(gpt);
}
END_TEST

// Dropout stays out, the tape is left empty, and training goes on as it was.
START_TEST(evaluation_disturbs_nothing)
{
    int ids[16];
    int targets[16];
    Real last[2 * 11];
    GPTConfig config = small_config();
    config.dropout = 0.5;
    Tape *tape = tape_create();
    GPT *gpt = create_gpt(config, 5);
    random_ids(ids, 16, 11, 3);
    random_ids(targets, 16, 11, 4);
    Tensor *logits = gpt_forward(gpt, ids, 2, 8);
    double expected = (double)tensor_item(tensor_cross_entropy(logits, targets));
    Real expected_last[2 * 11];
    for (int v = 0; v < 11; v++) {
        expected_last[v] = logits->data[7 * 11 + v];
        expected_last[11 + v] = logits->data[15 * 11 + v];
    }
    tape_reset(tape);
    module_train(&gpt->module, true);
    ck_assert_double_eq(gpt_batch_loss(gpt, ids, targets, 2, 8, last), expected);
    ck_assert_mem_eq(last, expected_last, sizeof last);
    ck_assert_int_eq(tape->n_nodes, 0);
    ck_assert_int_eq(tape->no_grad_depth, 0);
    ck_assert(gpt->module.training && gpt->h[2].mlp.module.training);
    gpt_free(gpt);
    tape_free(tape);
}
END_TEST

static Suite *evaluate_suite(void)
{
    Suite *suite = suite_create("gpt/evaluate");
    TCase *tcase = case_create("loss");
    tcase_add_loop_test(tcase, a_text_is_predicted_token_by_token, 0, 6);
    tcase_add_test(tcase, one_token_is_no_text);
    tcase_add_test(tcase, evaluation_disturbs_nothing);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return suite_run(evaluate_suite());
}
