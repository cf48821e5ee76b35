// test_generate.c: tokens, chosen one after another: the likeliest, or drawn; their end, and what cannot be.

#include "tests/gpt/gpt_test.h"

enum { V = 11 }; // small_config's

enum { PROMPT = 3, NEW = 14 }; // more than the context of 8 holds

static int generate(GPT *model, const GenerateConfig *config, Random *random, int *ids)
{
    Error error = {0};
    int made = gpt_generate(model, config, random, ids, PROMPT, &error);
    ck_assert_msg(made >= 0, "%s", error.message);
    return made;
}

static GPT *gpt; // small_config's, of the running test

static void make_gpt(void)
{
    gpt = create_gpt(small_config(), 2);
}

static void free_gpt(void)
{
    gpt_free(gpt);
}

// ------------------------------------------------------------------------------------------------------------
// The likeliest

// The largest logit of the last of n ids, seen alone.
static int likeliest(const int *ids, int n)
{
    const Tensor *logits = gpt_forward(gpt, ids, 1, n);
    const Real *last = logits->data + (n - 1) * V;
    int best = 0;
    for (int v = 1; v < V; v++) {
        best = last[v] > last[best] ? v : best;
    }
    tape_reset(tape_current());
    return best;
}

START_TEST(each_token_is_the_likeliest_after_the_last_of_the_context)
{
    int ids[PROMPT + NEW] = {5, 0, 10};

    generate_greedily(gpt, ids, PROMPT, NEW);

    for (int n = PROMPT; n < PROMPT + NEW; n++) {
        int seen = n < 8 ? n : 8;
        ck_assert_int_eq(ids[n], likeliest(ids + n - seen, seen));
    }
    ck_assert_int_eq(ids[0], 5);
    ck_assert_int_eq(ids[2], 10);
}
END_TEST

START_TEST(what_lies_before_the_context_does_not_matter)
{
    int all[20] = {9, 9, 9, 9, 5, 0, 10, 2, 3, 4, 1, 8};
    int last[16] = {5, 0, 10, 2, 3, 4, 1, 8};

    generate_greedily(gpt, all, 12, 8);
    generate_greedily(gpt, last, 8, 8);

    ck_assert_int_eq(memcmp(all + 12, last + 8, 8 * sizeof(int)), 0);
}
END_TEST

typedef struct Heard {
    int ids[NEW];
    int n;
    int *written; // where the tokens go
} Heard;

// When it is called the token has been written, and its computation has been given back.
static bool hear(int sample, int id, void *context)
{
    Heard *heard = context;
    (void)sample;
    ck_assert_int_lt(heard->n, NEW);
    ck_assert_int_eq(heard->written[heard->n], id);
    ck_assert_uint_eq(tape_current()->arena.bytes, 0);
    heard->ids[heard->n] = id;
    heard->n++;
    return true;
}

START_TEST(on_token_hears_every_token_in_order)
{
    int ids[PROMPT + NEW] = {5, 0, 10};
    Heard heard = {.written = ids + PROMPT};

    GenerateConfig config = greedy_config(NEW);
    config.on_token = hear;
    config.context = &heard;
    generate(gpt, &config, NULL, ids);

    ck_assert_int_eq(heard.n, NEW);
    ck_assert_int_eq(memcmp(heard.ids, ids + PROMPT, sizeof heard.ids), 0);
}
END_TEST

START_TEST(the_same_prompt_gives_the_same_tokens)
{
    GPT *twin = create_gpt(small_config(), 2);
    int ids[PROMPT + NEW] = {5, 0, 10};
    int again[PROMPT + NEW] = {5, 0, 10};

    generate_greedily(gpt, ids, PROMPT, NEW);
    generate_greedily(twin, again, PROMPT, NEW);

    ck_assert_int_eq(memcmp(ids, again, sizeof ids), 0);
    gpt_free(twin);
}
END_TEST

static int recorded; // nodes

static bool count_recorded(int sample, int id, void *context)
{
    (void)sample;
    (void)id;
    (void)context;
    recorded += tape_current()->n_nodes;
    return true;
}

START_TEST(generation_records_nothing)
{
    int ids[PROMPT + NEW] = {5, 0, 10};

    GenerateConfig config = greedy_config(NEW);
    config.on_token = count_recorded;
    generate(gpt, &config, NULL, ids);

    ck_assert_int_eq(recorded, 0);
    ck_assert_int_eq(tape_current()->n_nodes, 0);
    ck_assert_int_eq(tape_current()->capacity, 0); // not even for a moment
    ck_assert_int_eq(tape_current()->no_grad_depth, 0);
    ck_assert_ptr_null(gpt->wte.weight->grad);
}
END_TEST

START_TEST(no_new_tokens_change_nothing)
{
    int ids[PROMPT] = {5, 0, 10};

    generate_greedily(gpt, ids, PROMPT, 0);

    ck_assert_int_eq(ids[0], 5);
    ck_assert_int_eq(ids[2], 10);
}
END_TEST

// Tokens are written without dropout; a model in training mode stays in training mode.
START_TEST(a_sample_during_training_leaves_training_on)
{
    GPTConfig config = small_config();
    config.dropout = 0.5;
    GPT *gpt = create_gpt(config, 2);
    int alone[PROMPT + NEW] = {5, 0, 10};
    int training[PROMPT + NEW] = {5, 0, 10};

    generate_greedily(gpt, alone, PROMPT, NEW);
    module_train(&gpt->module, true);
    generate_greedily(gpt, training, PROMPT, NEW);

    ck_assert_int_eq(memcmp(alone, training, sizeof alone), 0);
    ck_assert(gpt->module.training);
    ck_assert(gpt->drop.module.training);
    gpt_free(gpt);
}
END_TEST

// What the first token needs, the tape then has; a longer text needs more, until the context is full.
typedef struct Asked {
    int n;         // tokens heard
    size_t steady; // memory_requests when the context was full
} Asked;

static bool hear_requests(int sample, int id, void *context)
{
    Asked *asked = context;
    (void)sample;
    (void)id;
    asked->n++;
    if (asked->n == 8) {
        asked->steady = memory_requests();
    }
    ck_assert(asked->n < 8 || memory_requests() == asked->steady);
    return true;
}

START_TEST(a_steady_token_asks_the_system_for_nothing)
{
    GPT *gpt = create_gpt(small_config(), 1);
    int ids[PROMPT + 40] = {1, 2, 3};
    Asked asked = {0};
    GenerateConfig config = GENERATE_DEFAULTS;
    config.n_new = 40;
    config.top_p = 0.9;
    config.on_token = hear_requests;
    config.context = &asked;
    Random random = seeded(1);

    ck_assert_int_eq(generate(gpt, &config, &random, ids), 40);

    ck_assert_int_eq(asked.n, 40);
    gpt_free(gpt);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// The end

START_TEST(nothing_comes_after_the_stop_id)
{
    int all[PROMPT + NEW] = {5, 0, 10};
    int stopped[PROMPT + NEW] = {5, 0, 10};
    GenerateConfig config = GENERATE_DEFAULTS;
    config.n_new = NEW;
    Random random = seeded(1);
    ck_assert_int_eq(generate(gpt, &config, &random, all), NEW);
    config.stop_id = all[PROMPT + 4];
    int expected = 1;
    while (all[PROMPT + expected - 1] != config.stop_id) {
        expected++;
    }

    random_seed(&random, 1);
    ck_assert_int_eq(generate(gpt, &config, &random, stopped), expected);

    ck_assert_int_eq(memcmp(all, stopped, (size_t)(PROMPT + expected) * sizeof(int)), 0);
    ck_assert_int_eq(stopped[PROMPT + expected], 0);
}
END_TEST

static bool hear_three(int sample, int id, void *context)
{
    int *n = context;
    (void)sample;
    (void)id;
    (*n)++;
    return *n < 3;
}

START_TEST(who_listens_can_stop_it)
{
    int ids[PROMPT + NEW] = {5, 0, 10};
    int n = 0;
    GenerateConfig config = greedy_config(NEW);
    config.on_token = hear_three;
    config.context = &n;

    ck_assert_int_eq(generate(gpt, &config, NULL, ids), 3);
    ck_assert_int_eq(n, 3);
    ck_assert_int_eq(tape_current()->no_grad_depth, 0);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// The draw

START_TEST(the_same_seed_draws_the_same_tokens)
{
    int ids[3][PROMPT + NEW] = {{5, 0, 10}, {5, 0, 10}, {5, 0, 10}};
    static const uint64_t seeds[3] = {7, 7, 8};
    GenerateConfig config = GENERATE_DEFAULTS;
    config.n_new = NEW;
    for (int i = 0; i < 3; i++) {
        Random random = seeded(seeds[i]);
        ck_assert_int_eq(generate(gpt, &config, &random, ids[i]), NEW);
    }
    ck_assert_int_eq(memcmp(ids[0], ids[1], sizeof ids[0]), 0);
    ck_assert_int_ne(memcmp(ids[0], ids[2], sizeof ids[0]), 0);
}
END_TEST

START_TEST(one_token_to_draw_from_is_the_likeliest)
{
    int greedy[PROMPT + NEW] = {5, 0, 10};
    int drawn[PROMPT + NEW] = {5, 0, 10};
    GenerateConfig config = GENERATE_DEFAULTS;
    config.n_new = NEW;
    config.top_k = _i == 0 ? 1 : 0;
    config.top_p = _i == 1 ? 1e-12 : 1;
    config.temperature = _i == 2 ? 1e-9 : 1;
    Random random = seeded(7);

    generate(gpt, &config, &random, drawn);
    generate_greedily(gpt, greedy, PROMPT, NEW);

    ck_assert_int_eq(memcmp(greedy, drawn, sizeof greedy), 0);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// What can't be

START_TEST(broken_weights_are_an_error)
{
    int ids[PROMPT + NEW] = {5, 0, 10};
    GenerateConfig config = greedy_config(NEW);
    Error error = {0};
    gpt->ln_f.weight->data[3] = NAN;

    ck_assert_int_eq(gpt_generate(gpt, &config, NULL, ids, PROMPT, &error), -1);

    assert_contains(error.message, "the logits are not finite");
    ck_assert_int_eq(tape_current()->no_grad_depth, 0);
}
END_TEST

static const struct {
    GenerateConfig config;
    const char *message;
} impossible[] = {
    {{.n_new = -1, .temperature = 1, .top_p = 1}, "n_new -1"},
    {{.n_new = 1, .temperature = 0, .top_p = 1}, "temperature 0"},
    {{.n_new = 1, .temperature = -1, .top_p = 1}, "temperature -1"},
    {{.n_new = 1, .temperature = NAN, .top_p = 1}, "temperature nan"},
    {{.n_new = 1, .temperature = INFINITY, .top_p = 1}, "temperature inf"},
    {{.n_new = 1, .temperature = 1, .top_p = 1, .top_k = -1}, "top_k -1"},
    {{.n_new = 1, .temperature = 1, .top_p = 0}, "top_p 0"},
    {{.n_new = 1, .temperature = 1, .top_p = 1.5}, "top_p 1.5"},
    {{.n_new = 1, .temperature = 1, .top_p = NAN}, "top_p nan"},
};

START_TEST(impossible_values_are_an_error)
{
    int ids[PROMPT + 1] = {5, 0, 10};
    Random random = seeded(1);
    Error error = {0};

    ck_assert_int_eq(gpt_generate(gpt, &impossible[_i].config, &random, ids, PROMPT, &error), -1);

    assert_contains(error.message, impossible[_i].message);
}
END_TEST

START_TEST(mistakes_are_reported)
{
    int ids[PROMPT + 1] = {5, 0, 10};
    GenerateConfig config = GENERATE_DEFAULTS;
    config.n_new = 1;
    Error error;

    ASSERT_MISTAKE(gpt_generate(gpt, &config, NULL, ids, PROMPT, &error), "random is NULL");
    config.greedy = true;
    ASSERT_MISTAKE(gpt_generate(gpt, &config, NULL, ids, 0, &error), "n_ids is 0");
    ASSERT_MISTAKE(gpt_forward_last(gpt, ids, 1, 9), "context_length is 8");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("generate");
    TCase *greedy = case_with_tape(suite, "the likeliest");
    tcase_add_checked_fixture(greedy, make_gpt, free_gpt);
    tcase_add_test(greedy, each_token_is_the_likeliest_after_the_last_of_the_context);
    tcase_add_test(greedy, what_lies_before_the_context_does_not_matter);
    tcase_add_test(greedy, on_token_hears_every_token_in_order);
    tcase_add_test(greedy, the_same_prompt_gives_the_same_tokens);
    tcase_add_test(greedy, generation_records_nothing);
    tcase_add_test(greedy, no_new_tokens_change_nothing);
    tcase_add_test(greedy, a_sample_during_training_leaves_training_on);
    tcase_add_test(greedy, a_steady_token_asks_the_system_for_nothing);

    TCase *end = case_with_tape(suite, "the end");
    tcase_add_checked_fixture(end, make_gpt, free_gpt);
    tcase_add_test(end, nothing_comes_after_the_stop_id);
    tcase_add_test(end, who_listens_can_stop_it);

    TCase *draw = case_with_tape(suite, "the draw");
    tcase_add_checked_fixture(draw, make_gpt, free_gpt);
    tcase_add_test(draw, the_same_seed_draws_the_same_tokens);
    tcase_add_loop_test(draw, one_token_to_draw_from_is_the_likeliest, 0, 3);

    TCase *impossibles = case_with_tape(suite, "what can't be");
    tcase_add_checked_fixture(impossibles, make_gpt, free_gpt);
    tcase_add_test(impossibles, broken_weights_are_an_error);
    tcase_add_loop_test(impossibles, impossible_values_are_an_error, 0, sizeof impossible / sizeof impossible[0]);
    tcase_add_test(impossibles, mistakes_are_reported);
    suite_prepare_products();
    return suite_run(suite);
}
