// test_samples.c: several samples of one prompt, generated in one batch.

#include "tests/gpt/gpt_test.h"

enum { V = 11, B = 5, NEW = 14, MOST = 12 }; // small_config's vocabulary; the longest prompt

static GenerateConfig drawn_config(void)
{
    GenerateConfig config = GENERATE_DEFAULTS;
    config.n_new = NEW;
    return config;
}

static void draw_on(Random *random, int n)
{
    for (int i = 0; i < n; i++) {
        random_double(random);
    }
}

// ------------------------------------------------------------------------------------------------------------
// Side by side as one by one. The sums are made in another order, but of these few tokens none is drawn that near to a border.

static void assert_same_as_alone(GPT *gpt, const GenerateConfig *config, int n_prompt)
{
    int together[B * (MOST + NEW)] = {0};
    int made[B];
    Random random;
    Error error = {0};
    int room = n_prompt + NEW;
    random_ids(together, n_prompt, V, 3);
    random_seed(&random, 11);

    ck_assert_msg(gpt_generate_samples(gpt, config, B, &random, together, n_prompt, made, &error), "%s", error.message);

    for (int b = 0; b < B; b++) {
        int alone[MOST + NEW] = {0};
        Random own;
        random_ids(alone, n_prompt, V, 3);
        random_seed(&own, 11);
        draw_on(&own, b * NEW);
        ck_assert_int_eq(gpt_generate(gpt, config, &own, alone, n_prompt, &error), made[b]);
        for (int i = 0; i < room; i++) {
            ck_assert_msg(together[b * room + i] == alone[i], "prompt of %d, sample %d, token %d: %d side by side, %d alone", n_prompt, b, i,
                          together[b * room + i], alone[i]);
        }
    }
}

// From prompts within the context of 8, filling it, and longer, to a text longer than it, with each way to end.
START_TEST(each_sample_is_what_it_is_alone)
{
    static const int prompts[] = {1, 3, 7, 8, 9, MOST};
    GPTConfig model = variant_config(_i);
    model.causal = _i != 0;
    GPT *gpt = create_gpt(model, (uint64_t)_i);
    for (int i = 0; i < 6; i++) {
        GenerateConfig config = drawn_config();
        assert_same_as_alone(gpt, &config, prompts[i]);
        config.stop_id = _i % V;
        assert_same_as_alone(gpt, &config, prompts[i]);
        config.cache = false;
        assert_same_as_alone(gpt, &config, prompts[i]);
        config.greedy = true;
        assert_same_as_alone(gpt, &config, prompts[i]);
    }
    gpt_free(gpt);
}
END_TEST

// With one token or another as the last, some end early while others continue.
START_TEST(an_ended_sample_lets_the_others_continue)
{
    GPT *gpt = create_gpt(small_config(), 2);
    int n_ended = 0;
    int n_beside = 0;
    for (int stop = 0; stop < V; stop++) {
        int ids[B * (3 + NEW)] = {5, 0, 10};
        int made[B];
        int shortest = NEW;
        Random random;
        Error error;
        GenerateConfig config = drawn_config();
        config.stop_id = stop;
        random_seed(&random, 1);
        ck_assert(gpt_generate_samples(gpt, &config, B, &random, ids, 3, made, &error));
        for (int b = 0; b < B; b++) {
            const int *tokens = ids + b * (3 + NEW) + 3;
            for (int i = 0; i < made[b] - 1; i++) {
                ck_assert_int_ne(tokens[i], stop);
            }
            ck_assert(made[b] == NEW || tokens[made[b] - 1] == stop);
            n_ended += made[b] < NEW;
            shortest = made[b] < shortest ? made[b] : shortest;
        }
        for (int b = 0; b < B; b++) {
            n_beside += made[b] > shortest;
        }
    }
    ck_assert_int_gt(n_ended, 0);
    ck_assert_int_gt(n_beside, 0);
    gpt_free(gpt);
}
END_TEST

START_TEST(random_is_left_behind_all_samples)
{
    GPT *gpt = create_gpt(small_config(), 2);
    int ids[B * (3 + NEW)] = {5, 0, 10};
    int made[B];
    Random random;
    Random expected;
    Error error;
    GenerateConfig config = drawn_config();
    config.stop_id = 4;
    random_seed(&random, 7);
    random_seed(&expected, 7);

    ck_assert(gpt_generate_samples(gpt, &config, B, &random, ids, 3, made, &error));

    draw_on(&expected, B * NEW);
    ck_assert_double_eq(random_double(&random), random_double(&expected));
    gpt_free(gpt);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Who listens

typedef struct Heard {
    int tokens[B][NEW];
    int n[B];
    int total;
    int most; // tokens to hear
} Heard;

static bool hear(int sample, int id, void *context)
{
    Heard *heard = context;
    ck_assert_int_lt(heard->n[sample], NEW);
    heard->tokens[sample][heard->n[sample]] = id;
    heard->n[sample]++;
    heard->total++;
    return heard->total < heard->most;
}

START_TEST(each_token_is_reported_with_its_sample)
{
    GPT *gpt = create_gpt(small_config(), 2);
    int ids[B * (3 + NEW)] = {5, 0, 10};
    int made[B];
    Heard heard = {.most = _i == 0 ? 1000 : 12};
    Random random;
    Error error;
    GenerateConfig config = drawn_config();
    config.stop_id = 4;
    config.on_token = hear;
    config.context = &heard;
    random_seed(&random, 1);

    ck_assert(gpt_generate_samples(gpt, &config, B, &random, ids, 3, made, &error));

    ck_assert(_i == 0 || heard.total == 12);
    for (int b = 0; b < B; b++) {
        ck_assert_int_eq(heard.n[b], made[b]);
        ck_assert_mem_eq(heard.tokens[b], ids + b * (3 + NEW) + 3, (size_t)made[b] * sizeof(int));
        ck_assert(_i == 0 || made[b] == 2 || made[b] == 3); // 12 tokens of 5 samples: two each, and two more
    }
    ck_assert_ptr_null(gpt->h[0].attn.cache);
    ck_assert_int_eq(tape_current()->no_grad_depth, 0);
    gpt_free(gpt);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// The cache

// Float32 sums in another order, as in test_generate.c.
static const double LOGITS_TOLERANCE = 1e-5;

START_TEST(selected_rows_continue_from_their_state)
{
    enum { T = 6, ROWS = 3 };
    static const int rows[ROWS] = {2, 0, 2};
    GPT *gpt = create_gpt(variant_config(_i), 4);
    int ids[ROWS * T];
    int shown[ROWS * T];
    int last[ROWS];
    Error error;
    random_ids(ids, ROWS * T, V, 5);
    module_train(&gpt->module, false);
    tape_no_grad_begin();
    const Tensor *whole = gpt_forward_last(gpt, ids, ROWS, T); // (ROWS, 1, V)
    ck_assert(gpt_cache_begin(gpt, ROWS, T, &error));
    for (int row = 0; row < ROWS; row++) {
        memcpy(shown + row * (T - 1), ids + row * T, (T - 1) * sizeof(int));
        last[row] = ids[rows[row] * T + T - 1];
    }
    gpt_forward(gpt, shown, ROWS, T - 1);

    gpt_cache_select(gpt, rows, ROWS);

    ck_assert_int_eq(gpt_cache_length(gpt), T - 1);
    const Tensor *logits = gpt_forward(gpt, last, ROWS, 1); // (ROWS, 1, V)
    for (int row = 0; row < ROWS; row++) {
        assert_values_near(logits->data + row * V, whole->data + rows[row] * V, V, LOGITS_TOLERANCE, "logits");
    }
    tape_no_grad_end();
    gpt_free(gpt);
}
END_TEST

typedef struct Generation {
    int n_ids, n_new;
    bool cache;
} Generation;

// Bytes taken, on a tape of its own and in the cache.
static double bytes_used(GPT *gpt, const GenerateConfig *config, int n_samples, int n_ids)
{
    int ids[B * 40] = {0};
    int made[B];
    Error error;
    Tape *outer = tape_current();
    Tape *own = tape_create();
    ck_assert(n_samples == 1 ? gpt_generate(gpt, config, NULL, ids, n_ids, &error) == config->n_new
                             : gpt_generate_samples(gpt, config, n_samples, NULL, ids, n_ids, made, &error));
    int shown = n_ids + config->n_new - 1;
    bool cached = config->cache && n_ids <= 8;
    double used = (double)own->arena.bytes_peak + (cached ? gpt_cost(&gpt->config, n_samples, shown < 8 ? shown : 8).cache_bytes : 0);
    tape_free(own);
    tape_set_current(outer);
    return used;
}

// The prediction equals the use, except for blocks' ends (each takes a multiple of 64 bytes), which count little in a model as wide as
// this, and for the tape of training that has more in it than that of generation.
START_TEST(memory_stays_within_the_prediction)
{
    static const Generation cases[] = {{1, 3, true}, {5, 3, true}, {5, 4, true}, {8, 6, true}, {12, 3, true}, {2, 4, false}, {1, 20, false}};
    GPTConfig model = variant_config(_i);
    model.n_embd = 256;
    model.vocab_size = 1000;
    model.init = INIT_TORCH; // the fastest, and all take the same memory
    GPT *gpt = create_gpt(model, 2);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int n_samples = 1; n_samples <= B; n_samples += B - 1) {
            GenerateConfig config = greedy_config(cases[i].n_new);
            config.cache = cases[i].cache;
            double used = bytes_used(gpt, &config, n_samples, cases[i].n_ids);
            double foretold = gpt_generate_bytes(&model, false, &config, n_samples, cases[i].n_ids);
            double least = n_samples == 1 ? 0.6 : 0.5;
            ck_assert_msg(used <= 1.03 * foretold && used >= least * foretold, "case %zu, %d samples: %.0f bytes, foretold %.0f", i, n_samples,
                          used, foretold);
        }
    }
    gpt_free(gpt);
}
END_TEST

START_TEST(as_many_are_made_at_once_as_there_is_reason_for)
{
    GenerateConfig config = drawn_config();
    GPTConfig small = small_config();
    GPTConfig large = gpt_preset_find("gpt2-124m")->config;
    ck_assert_int_eq(gpt_generate_batch_size(&small, &config, 1, 3), 1);
    ck_assert_int_eq(gpt_generate_batch_size(&small, &config, 20, 3), 20);
    ck_assert_int_eq(gpt_generate_batch_size(&small, &config, 1000, 3), 32);
    config.n_new = 1000; // a sample's cache takes 74 MB, and so 13 of them, and a block's more, 1 GiB
    int together = gpt_generate_batch_size(&large, &config, 1000, 3);
    ck_assert_int_eq(together, 13);
    ck_assert_double_le(gpt_generate_bytes(&large, false, &config, together, 3), 1024.0 * 1048576);
    ck_assert_double_gt(gpt_generate_bytes(&large, false, &config, together + 1, 3), 1024.0 * 1048576);
    config.n_new = 2000; // beyond the context each is computed anew
    ck_assert_int_eq(gpt_generate_batch_size(&large, &config, 1000, 3), 1);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// What can't be

START_TEST(errors_and_mistakes_are_reported)
{
    GPT *gpt = create_gpt(small_config(), 2);
    int ids[B * (3 + NEW)] = {5, 0, 10};
    int made[B];
    Random random;
    Error error = {0};
    GenerateConfig config = drawn_config();
    random_seed(&random, 1);

    ASSERT_MISTAKE(gpt_generate_samples(gpt, &config, 0, &random, ids, 3, made, &error), "B is 0");
    ASSERT_MISTAKE(gpt_generate_samples(gpt, &config, B, NULL, ids, 3, made, &error), "gpt_generate_samples: random is NULL");
    ASSERT_MISTAKE(gpt_generate_samples(gpt, &config, B, &random, ids, 0, made, &error), "gpt_generate_samples: n_ids is 0");
    config.top_p = 2;
    ck_assert(!gpt_generate_samples(gpt, &config, B, &random, ids, 3, made, &error));
    assert_contains(error.message, "top_p 2");
    config.top_p = 1;
    gpt->ln_f.weight->data[3] = NAN;
    ck_assert(!gpt_generate_samples(gpt, &config, B, &random, ids, 3, made, &error));
    assert_contains(error.message, "the logits are not finite");
    for (int b = 0; b < B; b++) {
        ck_assert_int_eq(made[b], 0);
    }
    gpt_free(gpt);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("samples");
    TCase *same = case_with_tape(suite, "side by side as one by one");
    tcase_add_loop_test(same, each_sample_is_what_it_is_alone, 0, GPT_VARIANTS);
    tcase_add_test(same, an_ended_sample_lets_the_others_continue);
    tcase_add_test(same, random_is_left_behind_all_samples);

    TCase *listening = case_with_tape(suite, "who listens");
    tcase_add_loop_test(listening, each_token_is_reported_with_its_sample, 0, 2);

    TCase *cache = case_with_tape(suite, "the cache");
    tcase_add_loop_test(cache, selected_rows_continue_from_their_state, 0, GPT_VARIANTS);
    tcase_add_loop_test(cache, memory_stays_within_the_prediction, 0, GPT_VARIANTS);
    tcase_add_test(cache, as_many_are_made_at_once_as_there_is_reason_for);

    TCase *impossible = case_with_tape(suite, "what can't be");
    tcase_add_test(impossible, errors_and_mistakes_are_reported);
    suite_prepare_products();
    return suite_run(suite);
}
