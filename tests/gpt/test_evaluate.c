// test_evaluate.c: the loss on a batch, and along a text, against the same computed token by token.

#include "tests/gpt/gpt_test.h"
#include "tests/support/folder.h"
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

static const char LETTERS[] = "abcdefghijk"; // one for each id of the small configuration

static Dataset *dataset_of(const int *ids, int n_ids)
{
    Error error = {0};
    FILE *file = fopen("text.txt", "w");
    ck_assert_ptr_nonnull(file);
    for (int i = 0; i < n_ids; i++) {
        putc(LETTERS[ids[i]], file);
    }
    ck_assert_int_eq(fclose(file), 0);
    Tokenizer *tokenizer = tokenizer_chars(LETTERS, sizeof LETTERS - 1, &error);
    Dataset *dataset = dataset_open("text.txt", tokenizer, NULL, NULL, NULL, &error);
    ck_assert_msg(dataset != NULL, "%s", error.message);
    tokenizer_free(tokenizer);
    return dataset;
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
    Dataset *dataset = dataset_of(ids, n_ids);
    ck_assert(gpt_evaluate(gpt, dataset_ids, dataset, 0, (size_t)n_ids, NULL, NULL, &evaluation, &error));
    ck_assert_uint_eq(evaluation.n, (size_t)n_ids - 1);
    ck_assert_uint_eq(evaluation.n_windows, (size_t)(n_ids - 1 + 7) / 8);
    double expected = loss_by_token(gpt, ids, n_ids);
    ck_assert_double_le(fabs(evaluation.loss - expected), 1e-6 * expected); // of float32 sums
    dataset_free(dataset);
    gpt_free(gpt);
    tape_free(tape);
}
END_TEST

START_TEST(a_part_of_a_text_is_a_text)
{
    int ids[40];
    Evaluation evaluation;
    Error error;
    Tape *tape = tape_create();
    GPT *gpt = create_gpt(small_config(), 5);
    random_ids(ids, 40, gpt->config.vocab_size, 3);
    Dataset *dataset = dataset_of(ids, 40);
    ck_assert(gpt_evaluate(gpt, dataset_ids, dataset, 13, 21, NULL, NULL, &evaluation, &error));
    double expected = loss_by_token(gpt, ids + 13, 21);
    ck_assert_double_le(fabs(evaluation.loss - expected), 1e-6 * expected);
    dataset_free(dataset);
    gpt_free(gpt);
    tape_free(tape);
}
END_TEST

START_TEST(one_token_is_not_a_text)
{
    Evaluation evaluation;
    Error error;
    GPT *gpt = create_gpt(small_config(), 5);
    Dataset *dataset = dataset_of((int[]){1, 2, 3}, 3);
    ck_assert(!gpt_evaluate(gpt, dataset_ids, dataset, 1, 1, NULL, NULL, &evaluation, &error));
    ck_assert_str_eq(error.message, "the text has 1 token (expected at least 2, to predict one)");
    dataset_free(dataset);
    gpt_free(gpt);
}
END_TEST

// Dropout is off, the tape is left empty, and training is unaffected.
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

int main(void)
{
    Suite *suite = suite_create("gpt/evaluate");
    TCase *tcase = case_create(suite, "loss");
    tcase_add_checked_fixture(tcase, folder_enter, folder_leave);
    tcase_add_loop_test(tcase, a_text_is_predicted_token_by_token, 0, 6);
    tcase_add_test(tcase, a_part_of_a_text_is_a_text);
    tcase_add_test(tcase, one_token_is_not_a_text);
    tcase_add_test(tcase, evaluation_disturbs_nothing);
    suite_prepare_products();
    return suite_run(suite);
}
