// test_kv_cache.c: generation with a cache is generation without one; attention weights.

#include "tests/gpt/gpt_test.h"

enum { V = 11, PROMPT = 3, NEW = 14 }; // small_config's vocabulary; more than the context of 8 holds

static void assert_same_with_cache(GPT *gpt, const GenerateConfig *config, int n_prompt)
{
    int with[32];
    int without[32];
    Random random = seeded(11);
    Error error = {0};
    GenerateConfig uncached = *config;
    uncached.cache = false;
    random_ids(with, n_prompt, V, 3);
    memcpy(without, with, sizeof with);

    ck_assert_int_eq(gpt_generate(gpt, config, &random, with, n_prompt, &error), config->n_new);
    random_seed(&random, 11);
    ck_assert_int_eq(gpt_generate(gpt, &uncached, &random, without, n_prompt, &error), config->n_new);

    for (int i = 0; i < n_prompt + config->n_new; i++) {
        ck_assert_msg(with[i] == without[i], "prompt of %d, token %d: %d with a cache, %d without", n_prompt, i, with[i], without[i]);
    }
}

// From prompts within the context of 8, filling it, and longer, to a text longer than it.
START_TEST(the_cache_changes_no_token)
{
    static const int prompts[] = {1, 3, 7, 8, 9, 12};
    GPTConfig model = variant_config(_i);
    model.causal = _i != 0; // without: never cached
    GPT *gpt = create_gpt(model, (uint64_t)_i);
    for (int i = 0; i < 6; i++) {
        GenerateConfig greedy = greedy_config(NEW);
        GenerateConfig drawn = GENERATE_DEFAULTS;
        drawn.n_new = NEW;
        assert_same_with_cache(gpt, &greedy, prompts[i]);
        assert_same_with_cache(gpt, &drawn, prompts[i]);
    }
    gpt_free(gpt);
}
END_TEST

// Float32 sums in another order; the logits of these models are below 10, and 24 layers' worth of roundings stay far below this.
static const double LOGITS_TOLERANCE = 1e-5;

// The logits of a sequence shown in pieces are those of the whole.
START_TEST(pieces_have_the_logits_of_the_whole)
{
    enum { B = 2, T = 8 };
    static const int pieces[][4] = {{8}, {1, 7}, {5, 1, 1, 1}, {2, 3, 3}};
    GPT *gpt = create_gpt(variant_config(_i), 4);
    int ids[B * T];
    Error error = {0};
    random_ids(ids, B * T, V, 5);
    module_train(&gpt->module, false);
    tape_no_grad_begin();
    const Tensor *whole = gpt_forward(gpt, ids, B, T); // (B, T, V)
    for (int p = 0; p < 4; p++) {
        ck_assert_msg(gpt_cache_begin(gpt, B, T, &error), "%s", error.message);
        int past = 0;
        for (int i = 0; i < 4 && pieces[p][i] > 0; i++) {
            int n = pieces[p][i];
            int piece[B * T];
            for (int b = 0; b < B; b++) {
                memcpy(piece + b * n, ids + b * T + past, (size_t)n * sizeof(int));
            }
            const Tensor *logits = gpt_forward(gpt, piece, B, n); // (B, n, V)
            for (int b = 0; b < B; b++) {
                const Real *expected = whole->data + (size_t)(b * T + past) * V;
                assert_values_near(logits->data + (size_t)(b * n) * V, expected, (size_t)n * V, LOGITS_TOLERANCE, "logits");
            }
            past += n;
            ck_assert_int_eq(gpt_cache_length(gpt), past);
        }
        gpt_cache_end(gpt);
        ck_assert_int_eq(gpt_cache_length(gpt), 0);
    }
    tape_no_grad_end();
    gpt_free(gpt);
}
END_TEST

START_TEST(the_last_logits_alone_are_the_last_of_all)
{
    enum { B = 2, T = 5 };
    GPT *gpt = create_gpt(variant_config(_i), 4);
    int ids[B * T];
    random_ids(ids, B * T, V, 5);
    const Tensor *all = gpt_forward(gpt, ids, B, T);
    const Tensor *last = gpt_forward_last(gpt, ids, B, T);
    ck_assert(shape_equal(last->shape, SHAPE(B, 1, V)));
    for (int b = 0; b < B; b++) {
        assert_values_near(last->data + b * V, all->data + (size_t)(b * T + T - 1) * V, V, LOGITS_TOLERANCE, "last");
    }
    gpt_free(gpt);
}
END_TEST

typedef struct Kept {
    const GPT *gpt;
    int n; // tokens in ids when it is called
} Kept;

// What was shown is in the cache: all but the token just chosen. Beyond the context there is none.
static bool hear_length(int sample, int id, void *context)
{
    Kept *kept = context;
    (void)sample;
    (void)id;
    kept->n++;
    int shown = kept->n - 1;
    bool cached = shown <= 8;
    ck_assert_int_eq(gpt_cache_length(kept->gpt), cached ? shown : 0);
    return true;
}

START_TEST(the_cache_holds_what_was_shown_and_is_given_back)
{
    GPT *gpt = create_gpt(small_config(), 2);
    int ids[PROMPT + NEW] = {5, 0, 10};
    Kept kept = {.gpt = gpt, .n = PROMPT};
    GenerateConfig config = greedy_config(NEW);
    config.on_token = hear_length;
    config.context = &kept;

    ck_assert_int_eq(gpt_generate(gpt, &config, NULL, ids, PROMPT, &(Error){0}), NEW);

    ck_assert_int_eq(kept.n, PROMPT + NEW);
    ck_assert_ptr_null(gpt->h[0].attn.cache);
    gpt_free(gpt);
}
END_TEST

START_TEST(mistakes_with_a_cache_are_reported)
{
    GPT *gpt = create_gpt(small_config(), 2);
    int ids[9] = {0};
    Error error;
    ck_assert(gpt_cache_begin(gpt, 1, 6, &error));

    ASSERT_MISTAKE(gpt_forward(gpt, ids, 1, 2), "has no backward and cannot be recorded");
    tape_no_grad_begin();
    gpt_forward(gpt, ids, 1, 5);
    ASSERT_MISTAKE(gpt_forward(gpt, ids, 1, 4), "T = 4 tokens, but context_length is 8 and the cache holds 5");
    ASSERT_MISTAKE(gpt_forward(gpt, ids, 1, 2), "5 positions and 2 more, but the cache has room for 6");
    ASSERT_MISTAKE(gpt_forward(gpt, ids, 2, 1), "qkv (2, 1, 48) does not fit keys (1, 2, 6, 8)");
    tape_no_grad_end();
    ASSERT_MISTAKE(gpt_cache_begin(gpt, 1, 9, &error), "room for 9 tokens, but context_length is 8");
    gpt->config.causal = false;
    ASSERT_MISTAKE(gpt_cache_begin(gpt, 1, 8, &error), "causal is false");
    gpt_free(gpt); // and the cache with it
}
END_TEST

// ------------------------------------------------------------------------------------------------------------

// Each row is softmax(q k^T / sqrt(D)) up to its own position, also while a cache holds positions; nothing of it stays.
START_TEST(attention_weights_of_every_head)
{
    enum { T = 5 };
    int ids[T];
    GPTConfig config = variant_config(_i);
    GPT *gpt = create_gpt(config, 3);
    size_t each = (size_t)T * T;
    size_t n = (size_t)(config.n_layer * config.n_head) * each;
    double *weights = test_memory(n * sizeof *weights);
    random_ids(ids, T, config.vocab_size, 4);
    module_train(&gpt->module, true);
    gpt->recompute = true;
    gpt_attention_weights(gpt, ids, T, weights);
    ck_assert(gpt->recompute && gpt->module.training);
    ck_assert_int_eq(tape_current()->n_nodes, 0);
    gpt->recompute = false;
    for (size_t row = 0; row < n / T; row++) {
        double sum = 0;
        for (size_t s = 0; s < T; s++) {
            sum += weights[row * T + s];
            ck_assert(!config.causal || s <= row % T || weights[row * T + s] == 0);
        }
        ck_assert_double_eq_tol(sum, 1, 1e-6);
    }
    gpt->h[1].attn.stepwise = true;
    gpt_forward(gpt, ids, 1, T);
    const Tensor *found = tape_find(tape_current(), "h.1.attn.weights");
    for (size_t k = 0; k < (size_t)config.n_head * each; k++) {
        ck_assert(is_near(weights[(size_t)config.n_head * each + k], (double)found->data[k], 1e-6));
    }
    gpt_free(gpt);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kv_cache");
    TCase *cache = case_with_tape(suite, "with a cache");
    tcase_add_loop_test(cache, the_cache_changes_no_token, 0, GPT_VARIANTS);
    tcase_add_loop_test(cache, pieces_have_the_logits_of_the_whole, 0, GPT_VARIANTS);
    tcase_add_loop_test(cache, the_last_logits_alone_are_the_last_of_all, 0, GPT_VARIANTS);
    tcase_add_test(cache, the_cache_holds_what_was_shown_and_is_given_back);
    tcase_add_test(cache, mistakes_with_a_cache_are_reported);

    TCase *attention = case_with_tape(suite, "attention");
    tcase_add_loop_test(attention, attention_weights_of_every_head, 0, GPT_VARIANTS);
    suite_prepare_products();
    return suite_run(suite);
}
