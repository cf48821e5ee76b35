// test_book.c: the book's whole 124M GPT, untrained, against PyTorch's: its size, and its logits without and with dropout.
//
// 163 million weights take two seconds and 0.65 GB, too much for a sanitizer or valgrind, so there these tests say that they do
// nothing.

#include "gpt/gptape.h"
#include "tests/golden/book.h"
#include "tests/support/suite.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { B = 2, T = 4, SEED = 123 };

// The same network in double and in float32 differs by up to 1.65e-6 in its logits, and torch's vector kernels make normal numbers
// that differ from ours by up to 2e-6, which here, too, comes to about 1e-6.
static const double TOLERANCE = 4e-6;

static bool too_heavy(const char *test)
{
    bool heavy = memory_is_watched();
    if (heavy) {
        skip(test, "too much for a sanitizer or valgrind");
    }
    return heavy;
}

static void assert_logits(const Tensor *logits, const float expected[ROWS][COLUMNS])
{
    int V = shape_last(logits->shape);
    for (int row = 0; row < ROWS; row++) {
        const Real *values = logits->data + (size_t)row * (size_t)V;
        for (int i = 0; i < COLUMNS; i++) {
            int v = i < COLUMNS / 2 ? i : V - COLUMNS + i;
            double got = (double)values[v];
            ck_assert_msg(fabs(got - (double)expected[row][i]) <= TOLERANCE, "position %d, token %d: %.9g, expected %.9g", row, v, got,
                          (double)expected[row][i]);
        }
    }
}

static void assert_largest(const Tensor *logits)
{
    int V = shape_last(logits->shape);
    for (int row = 0; row < ROWS; row++) {
        const Real *values = logits->data + (size_t)row * (size_t)V;
        int best = 0;
        for (int v = 1; v < V; v++) {
            best = values[v] > values[best] ? v : best;
        }
        ck_assert_int_eq(best, book_argmax[row]);
        ck_assert_double_eq_tol((double)values[best], (double)book_max[row], TOLERANCE);
    }
}

static const Tensor *parameter_called(const ParameterList *list, const char *name)
{
    for (int i = 0; i < list->count; i++) {
        char text[NAME_TEXT];
        if (strcmp(tensor_name(list->parameters[i], text), name) == 0) {
            return list->parameters[i];
        }
    }
    ck_abort_msg("no parameter %s", name);
}

// 2e-6 of a normal number (the AVX2 kernels' logarithm and cosine), one rounding of a uniform one: see random.h.
static void assert_weights(const ParameterList *list)
{
    const double tolerance = 2e-6;
    for (size_t i = 0; i < sizeof book_weights / sizeof book_weights[0]; i++) {
        const BookWeights *expected = &book_weights[i];
        const Tensor *parameter = parameter_called(list, expected->name);
        size_t n = tensor_count(parameter) / (expected->part < 0 ? 1 : 3);
        const Real *values = parameter->data + (expected->part < 0 ? 0 : (size_t)expected->part * n);
        for (int k = 0; k < 3; k++) {
            ck_assert_msg(fabs((double)values[k] - expected->first[k]) <= tolerance, "%s, part %d, value %d: %.9g", expected->name, expected->part,
                          k, (double)values[k]);
        }
        ck_assert_msg(fabs((double)values[n - 1] - expected->last) <= tolerance, "%s, part %d, last: %.9g", expected->name, expected->part,
                      (double)values[n - 1]);
    }
}

static void assert_greedy(GPT *gpt)
{
    int ids[PROMPT + NEW];
    memcpy(ids, book_prompt, sizeof book_prompt);
    GenerateConfig config = GENERATE_DEFAULTS;
    config.n_new = NEW;
    config.greedy = true;
    Error error;
    ck_assert_int_eq(gpt_generate(gpt, &config, NULL, ids, PROMPT, &error), NEW);
    ck_assert_mem_eq(ids + PROMPT, book_greedy, sizeof book_greedy);
}

static void check_book(double dropout, bool training, const float expected[ROWS][COLUMNS])
{
    GPTConfig config = gpt_preset_find("book-124m")->config;
    config.dropout = dropout;
    Error error;
    GPT *gpt = gpt_create(&config, SEED, &error);
    ck_assert_msg(gpt != NULL, "%s", error.message);
    ParameterList parameters = module_parameters(&gpt->module);
    ck_assert_uint_eq(parameters.values, 163009536);
    assert_weights(&parameters);
    parameter_list_free(&parameters);

    Tape *tape = tape_create();
    tape_no_grad_begin();
    module_train(&gpt->module, training);
    const Tensor *logits = gpt_forward(gpt, book_batch, B, T);
    assert_logits(logits, expected);
    if (!training) {
        assert_largest(logits);
        assert_greedy(gpt);
    }
    tape_no_grad_end();
    tape_free(tape);
    gpt_free(gpt);
}

START_TEST(logits_are_the_chapters)
{
    if (!too_heavy(__func__)) {
        check_book(0.0, false, book_evaluation);
    }
}
END_TEST

START_TEST(logits_in_training_mode_are_the_chapters)
{
    if (!too_heavy(__func__)) {
        check_book(0.1, true, book_training);
    }
}
END_TEST

static const ModuleKind dummy_kind = {.name = "DummyGPT"};

// The chapter's first sketch of the model: embeddings, dropout and head, with nothing between.
START_TEST(logits_of_the_dummy_are_the_chapters)
{
    if (too_heavy(__func__)) {
        return;
    }
    Module root;
    Embedding wte;
    Embedding wpe;
    Dropout drop;
    Linear head;
    Random random = seeded(SEED);
    module_init(&root, &dummy_kind, NULL, "");
    embedding_init(&wte, &root, "wte", 50257, 768);
    embedding_init(&wpe, &root, "wpe", 1024, 768);
    dropout_init(&drop, &root, "drop", 0.1, &random);
    linear_init(&head, &root, "lm_head", 768, 50257, false);
    module_initialize(&root, (Init){.scheme = INIT_TORCH, .n_layer = 12}, &random);
    module_train(&root, true);

    Tape *tape = tape_create();
    Tensor *tokens = embedding_forward(&wte, book_batch, B, T); // (2, 4, 768)
    Tensor *x = tensor_add(tokens, tensor_slice(wpe.weight, 0, 0, T));
    assert_logits(linear_forward(&head, dropout_forward(&drop, x)), book_dummy);
    tape_free(tape);
    module_free(&root);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("the book's GPT");
    TCase *tests = case_create(suite, "124M");
    tcase_add_test(tests, logits_are_the_chapters);
    tcase_add_test(tests, logits_in_training_mode_are_the_chapters);
    tcase_add_test(tests, logits_of_the_dummy_are_the_chapters);
    return suite_run(suite);
}
