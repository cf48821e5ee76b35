// test_generate.c: tokens, chosen one after another: the likeliest, or drawn.

#include "tests/golden/sampling.h"
#include "tests/gpt/gpt_test.h"

enum { V = 11 }; // small_config's

enum { PROMPT = 3, NEW = 14 }; // more than the context of 8 holds

static GenerateConfig greedy_config(int n_new)
{
    GenerateConfig config = GENERATE_DEFAULTS;
    config.n_new = n_new;
    config.greedy = true;
    return config;
}

static int generate(GPT *gpt, const GenerateConfig *config, Random *random, int *ids)
{
    Error error = {0};
    int made = gpt_generate(gpt, config, random, ids, PROMPT, &error);
    ck_assert_msg(made >= 0, "%s", error.message);
    return made;
}

// ------------------------------------------------------------------------------------------------------------
// The likeliest

// The largest logit of the last of n ids, seen alone.
static int likeliest(GPT *gpt, const int *ids, int n)
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
    GPT *gpt = create_gpt(small_config(), 2);
    int ids[PROMPT + NEW] = {5, 0, 10};

    generate_greedily(gpt, ids, PROMPT, NEW);

    for (int n = PROMPT; n < PROMPT + NEW; n++) {
        int seen = n < 8 ? n : 8;
        ck_assert_int_eq(ids[n], likeliest(gpt, ids + n - seen, seen));
    }
    ck_assert_int_eq(ids[0], 5);
    ck_assert_int_eq(ids[2], 10);
    gpt_free(gpt);
}
END_TEST

START_TEST(what_lies_before_the_context_does_not_matter)
{
    GPT *gpt = create_gpt(small_config(), 2);
    int all[20] = {9, 9, 9, 9, 5, 0, 10, 2, 3, 4, 1, 8};
    int last[16] = {5, 0, 10, 2, 3, 4, 1, 8};

    generate_greedily(gpt, all, 12, 8);
    generate_greedily(gpt, last, 8, 8);

    ck_assert_int_eq(memcmp(all + 12, last + 8, 8 * sizeof(int)), 0);
    gpt_free(gpt);
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
    GPT *gpt = create_gpt(small_config(), 2);
    int ids[PROMPT + NEW] = {5, 0, 10};
    Heard heard = {.written = ids + PROMPT};

    GenerateConfig config = greedy_config(NEW);
    config.on_token = hear;
    config.context = &heard;
    generate(gpt, &config, NULL, ids);

    ck_assert_int_eq(heard.n, NEW);
    ck_assert_int_eq(memcmp(heard.ids, ids + PROMPT, sizeof heard.ids), 0);
    gpt_free(gpt);
}
END_TEST

START_TEST(the_same_prompt_gives_the_same_tokens)
{
    GPT *gpt = create_gpt(small_config(), 2);
    GPT *twin = create_gpt(small_config(), 2);
    int ids[PROMPT + NEW] = {5, 0, 10};
    int again[PROMPT + NEW] = {5, 0, 10};

    generate_greedily(gpt, ids, PROMPT, NEW);
    generate_greedily(twin, again, PROMPT, NEW);

    ck_assert_int_eq(memcmp(ids, again, sizeof ids), 0);
    gpt_free(gpt);
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
    GPT *gpt = create_gpt(small_config(), 2);
    int ids[PROMPT + NEW] = {5, 0, 10};

    GenerateConfig config = greedy_config(NEW);
    config.on_token = count_recorded;
    generate(gpt, &config, NULL, ids);

    ck_assert_int_eq(recorded, 0);
    ck_assert_int_eq(tape_current()->n_nodes, 0);
    ck_assert_int_eq(tape_current()->capacity, 0); // not even for a moment
    ck_assert_int_eq(tape_current()->no_grad_depth, 0);
    ck_assert_ptr_null(gpt->wte.weight->grad);
    gpt_free(gpt);
}
END_TEST

START_TEST(no_new_tokens_change_nothing)
{
    GPT *gpt = create_gpt(small_config(), 2);
    int ids[PROMPT] = {5, 0, 10};

    generate_greedily(gpt, ids, PROMPT, 0);

    ck_assert_int_eq(ids[0], 5);
    ck_assert_int_eq(ids[2], 10);
    gpt_free(gpt);
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
// With a cache

static void assert_same_with_cache(GPT *gpt, const GenerateConfig *config, int n_prompt)
{
    int with[32];
    int without[32];
    Random random;
    Error error = {0};
    GenerateConfig uncached = *config;
    uncached.cache = false;
    random_ids(with, n_prompt, V, 3);
    memcpy(without, with, sizeof with);

    random_seed(&random, 11);
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

    generate(gpt, &config, NULL, ids);

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

// The prediction equals the use, except for blocks' ends (each takes a multiple of 64 bytes), which count little in a model as wide as
// this, and for the tape of training that has more in it than that of generation.
START_TEST(memory_stays_within_the_prediction)
{
    static const struct {
        int n_ids, n_new;
        bool cache;
    } cases[] = {{1, 3, true}, {5, 3, true}, {5, 4, true}, {8, 6, true}, {12, 3, true}, {2, 4, false}, {1, 20, false}};
    GPTConfig model = variant_config(_i);
    model.n_embd = 256;
    model.vocab_size = 1000;
    GPT *gpt = create_gpt(model, 2);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int ids[40] = {0};
        GenerateConfig config = greedy_config(cases[i].n_new);
        config.cache = cases[i].cache;
        Error error;
        Tape *outer = tape_current();
        Tape *tape = tape_create();
        ck_assert_int_eq(gpt_generate(gpt, &config, NULL, ids, cases[i].n_ids, &error), cases[i].n_new);
        int shown = cases[i].n_ids + cases[i].n_new - 1;
        bool cached = cases[i].cache && cases[i].n_ids <= 8;
        double used = (double)tape->arena.bytes_peak + (cached ? gpt_cost(&model, 1, shown < 8 ? shown : 8).cache_bytes : 0);
        double foretold = gpt_generate_bytes(&model, false, &config, 1, cases[i].n_ids);
        ck_assert_msg(used <= 1.03 * foretold && used >= 0.6 * foretold, "case %zu: %.0f bytes, foretold %.0f", i, used, foretold);
        tape_free(tape);
        tape_set_current(outer);
    }
    gpt_free(gpt);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// The end

START_TEST(nothing_comes_after_the_stop_id)
{
    GPT *gpt = create_gpt(small_config(), 2);
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
    gpt_free(gpt);
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
    GPT *gpt = create_gpt(small_config(), 2);
    int ids[PROMPT + NEW] = {5, 0, 10};
    int n = 0;
    GenerateConfig config = greedy_config(NEW);
    config.on_token = hear_three;
    config.context = &n;

    ck_assert_int_eq(generate(gpt, &config, NULL, ids), 3);
    ck_assert_int_eq(n, 3);
    ck_assert_int_eq(tape_current()->no_grad_depth, 0);
    gpt_free(gpt);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// What can be drawn

// PyTorch's exponential function and ours, both in double, on logits that are the same float32 numbers; printed with 9 digits.
static const double PRINTED = 1e-9;

START_TEST(probabilities_are_those_of_pytorch)
{
    const GoldenSampling *golden = &golden_sampling[_i];
    GenerateConfig config = GENERATE_DEFAULTS;
    config.temperature = golden->temperature;
    config.top_k = golden->top_k;
    config.top_p = golden->top_p;
    Sampler sampler = sampler_create(GOLDEN_LOGITS);

    sampler_weigh(&sampler, golden_sampling_logits, &config);

    for (int v = 0; v < GOLDEN_LOGITS; v++) {
        ck_assert_msg((sampler.p[v] == 0) == (golden->p[v] == 0), "p[%d]: %.9g, expected %.9g", v, sampler.p[v], golden->p[v]);
        ck_assert_double_eq_tol(sampler.p[v], golden->p[v], PRINTED);
    }
    sampler_free(&sampler);
}
END_TEST

enum { MANY = 1000 };

static int compare_places(const void *a, const void *b)
{
    const Real *const *left = a;
    const Real *const *right = b;
    if (**left != **right) {
        return **left > **right ? -1 : 1;
    }
    return *left < *right ? -1 : 1;
}

// The same by sorting everything: which of MANY logits, many of them equal, stay.
static void sort_and_keep(const Real *logits, const GenerateConfig *config, bool *stays)
{
    const Real *places[MANY];
    double weights[MANY];
    double total = 0;
    double before = 0;
    int k = config->top_k == 0 ? MANY : config->top_k;
    for (int v = 0; v < MANY; v++) {
        places[v] = &logits[v];
    }
    qsort(places, MANY, sizeof places[0], compare_places);
    for (int rank = 0; rank < k; rank++) {
        weights[rank] = exp(((double)*places[rank] - (double)*places[0]) / config->temperature);
        total += weights[rank];
    }
    for (int rank = 0; rank < MANY; rank++) {
        stays[places[rank] - logits] = rank < k && before < config->top_p * total;
        before += rank < k ? weights[rank] : 0;
    }
}

START_TEST(those_stay_that_sorting_would_keep)
{
    static const int top_k[] = {0, 1, 2, 7, 400, MANY - 1, MANY};
    static const double top_p[] = {1, 0.95, 0.5, 0.1, 1e-9};
    Sampler sampler = sampler_create(MANY);
    Real *logits = random_values(MANY, (uint64_t)_i);
    bool stays[MANY];
    for (int v = 0; v < MANY; v++) {
        logits[v] = (Real)round((double)logits[v] * 8) / 4; // a quarter, so that many are equal
    }
    for (int i = 0; i < 35; i++) {
        GenerateConfig config = GENERATE_DEFAULTS;
        config.temperature = 0.8;
        config.top_k = top_k[i % 7];
        config.top_p = top_p[i / 7];
        sampler_weigh(&sampler, logits, &config);
        sort_and_keep(logits, &config, stays);
        double sum = 0;
        for (int v = 0; v < MANY; v++) {
            ck_assert_msg((sampler.p[v] > 0) == stays[v], "top_k %d, top_p %g: p[%d] is %g", config.top_k, config.top_p, v, sampler.p[v]);
            sum += sampler.p[v];
        }
        ck_assert_double_eq_tol(sum, 1, 1e-13);
    }
    free(logits);
    sampler_free(&sampler);
}
END_TEST

START_TEST(of_equal_logits_the_first_stay)
{
    const Real logits[4] = {1, 1, 1, 1};
    GenerateConfig config = GENERATE_DEFAULTS;
    config.top_k = 2;
    Sampler sampler = sampler_create(4);

    sampler_weigh(&sampler, logits, &config);

    ck_assert(sampler.p[0] == 0.5 && sampler.p[1] == 0.5 && sampler.p[2] == 0 && sampler.p[3] == 0);
    sampler_free(&sampler);
}
END_TEST

// Temperatures at both ends: one token has everything, or all have the same.
START_TEST(extreme_temperatures_are_safe)
{
    const Real logits[3] = {1e38f, 0, -1e38f};
    GenerateConfig config = GENERATE_DEFAULTS;
    Sampler sampler = sampler_create(3);

    config.temperature = 1e-300;
    sampler_weigh(&sampler, logits, &config);
    ck_assert(sampler.p[0] == 1 && sampler.p[1] == 0 && sampler.p[2] == 0);

    config.temperature = 1e300;
    sampler_weigh(&sampler, logits, &config);
    ck_assert(sampler.p[0] == sampler.p[1] && sampler.p[1] == sampler.p[2]);
    sampler_free(&sampler);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// The draw

// The first id at which the probabilities up to it are above u, the same random_double.
START_TEST(a_draw_inverts_the_distribution_function)
{
    GenerateConfig config = GENERATE_DEFAULTS;
    config.top_k = 6;
    Sampler sampler = sampler_create(GOLDEN_LOGITS);
    sampler_weigh(&sampler, golden_sampling_logits, &config);
    Random random;
    Random same;
    random_seed(&random, 5);
    random_seed(&same, 5);
    for (int i = 0; i < 1000; i++) {
        double u = random_double(&same);
        int expected = 0;
        double sum = sampler.p[0];
        while (sum <= u) {
            expected++;
            sum += sampler.p[expected];
        }
        ck_assert_int_eq(sampler_choose(&sampler, golden_sampling_logits, &config, &random), expected);
    }
    sampler_free(&sampler);
}
END_TEST

// 20000 draws: each count is binomial, and six of its standard deviations are exceeded once in 5e8.
START_TEST(tokens_are_drawn_by_their_probability)
{
    enum { DRAWS = 20000 };
    GenerateConfig config = GENERATE_DEFAULTS;
    config.temperature = 1.5;
    Sampler sampler = sampler_create(GOLDEN_LOGITS);
    Random random;
    int counts[GOLDEN_LOGITS] = {0};
    random_seed(&random, 1);
    for (int i = 0; i < DRAWS; i++) {
        counts[sampler_choose(&sampler, golden_sampling_logits, &config, &random)]++;
    }
    for (int v = 0; v < GOLDEN_LOGITS; v++) {
        double p = sampler.p[v];
        double deviation = sqrt(DRAWS * p * (1 - p));
        ck_assert_double_eq_tol(counts[v], DRAWS * p, 6 * deviation);
    }
    sampler_free(&sampler);
}
END_TEST

START_TEST(the_same_seed_draws_the_same_tokens)
{
    GPT *gpt = create_gpt(small_config(), 2);
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
    gpt_free(gpt);
}
END_TEST

START_TEST(one_token_to_draw_from_is_the_likeliest)
{
    GPT *gpt = create_gpt(small_config(), 2);
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
    gpt_free(gpt);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// What can't be

static const Real unsound[][3] = {
    {NAN, 1, 2}, {1, NAN, 2}, {1, 2, NAN}, {1, INFINITY, 2}, {-INFINITY, -INFINITY, -INFINITY}, {NAN, NAN, NAN},
};

START_TEST(logits_that_are_not_finite_choose_nothing)
{
    Sampler sampler = sampler_create(3);
    GenerateConfig config = GENERATE_DEFAULTS;
    Random random = seeded(1);

    ck_assert_int_eq(sampler_choose(&sampler, unsound[_i], &config, &random), -1);
    config.greedy = true;
    ck_assert_int_eq(sampler_choose(&sampler, unsound[_i], &config, NULL), -1);
    sampler_free(&sampler);
}
END_TEST

START_TEST(minus_infinity_is_never_drawn)
{
    const Real logits[3] = {-INFINITY, 0, -INFINITY};
    Sampler sampler = sampler_create(3);
    GenerateConfig config = GENERATE_DEFAULTS;
    config.top_k = _i;
    Random random = seeded(1);
    for (int i = 0; i < 100; i++) {
        ck_assert_int_eq(sampler_choose(&sampler, logits, &config, &random), 1);
    }
    sampler_free(&sampler);
}
END_TEST

START_TEST(broken_weights_are_an_error)
{
    GPT *gpt = create_gpt(small_config(), 2);
    int ids[PROMPT + NEW] = {5, 0, 10};
    GenerateConfig config = greedy_config(NEW);
    Error error = {0};
    gpt->ln_f.weight->data[3] = NAN;

    ck_assert_int_eq(gpt_generate(gpt, &config, NULL, ids, PROMPT, &error), -1);

    assert_contains(error.message, "the logits are not finite");
    ck_assert_int_eq(tape_current()->no_grad_depth, 0);
    gpt_free(gpt);
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
    GPT *gpt = create_gpt(small_config(), 2);
    int ids[PROMPT + 1] = {5, 0, 10};
    Random random;
    Error error = {0};
    random_seed(&random, 1);

    ck_assert_int_eq(gpt_generate(gpt, &impossible[_i].config, &random, ids, PROMPT, &error), -1);

    assert_contains(error.message, impossible[_i].message);
    gpt_free(gpt);
}
END_TEST

START_TEST(mistakes_are_reported)
{
    GPT *gpt = create_gpt(small_config(), 2);
    int ids[PROMPT + 1] = {5, 0, 10};
    GenerateConfig config = GENERATE_DEFAULTS;
    config.n_new = 1;
    Error error;

    ASSERT_MISTAKE(gpt_generate(gpt, &config, NULL, ids, PROMPT, &error), "random is NULL");
    config.greedy = true;
    ASSERT_MISTAKE(gpt_generate(gpt, &config, NULL, ids, 0, &error), "n_ids is 0");
    ASSERT_MISTAKE(gpt_forward_last(gpt, ids, 1, 9), "context_length is 8");
    gpt_free(gpt);
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
    double *weights = malloc(n * sizeof *weights);
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
    free(weights);
    gpt_free(gpt);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("generate");
    TCase *greedy = case_with_tape(suite, "the likeliest");
    tcase_add_test(greedy, each_token_is_the_likeliest_after_the_last_of_the_context);
    tcase_add_test(greedy, what_lies_before_the_context_does_not_matter);
    tcase_add_test(greedy, on_token_hears_every_token_in_order);
    tcase_add_test(greedy, the_same_prompt_gives_the_same_tokens);
    tcase_add_test(greedy, generation_records_nothing);
    tcase_add_test(greedy, no_new_tokens_change_nothing);
    tcase_add_test(greedy, a_sample_during_training_leaves_training_on);
    tcase_add_test(greedy, a_steady_token_asks_the_system_for_nothing);

    TCase *cache = case_with_tape(suite, "with a cache");
    tcase_add_loop_test(cache, the_cache_changes_no_token, 0, GPT_VARIANTS);
    tcase_add_loop_test(cache, pieces_have_the_logits_of_the_whole, 0, GPT_VARIANTS);
    tcase_add_loop_test(cache, the_last_logits_alone_are_the_last_of_all, 0, GPT_VARIANTS);
    tcase_add_test(cache, the_cache_holds_what_was_shown_and_is_given_back);
    tcase_add_test(cache, mistakes_with_a_cache_are_reported);
    tcase_add_loop_test(cache, memory_stays_within_the_prediction, 0, GPT_VARIANTS);

    TCase *attention = case_with_tape(suite, "attention");
    tcase_add_loop_test(attention, attention_weights_of_every_head, 0, GPT_VARIANTS);

    TCase *end = case_with_tape(suite, "the end");
    tcase_add_test(end, nothing_comes_after_the_stop_id);
    tcase_add_test(end, who_listens_can_stop_it);

    TCase *weigh = case_with_tape(suite, "what can be drawn");
    tcase_add_loop_test(weigh, probabilities_are_those_of_pytorch, 0, sizeof golden_sampling / sizeof golden_sampling[0]);
    tcase_add_loop_test(weigh, those_stay_that_sorting_would_keep, 0, 5);
    tcase_add_test(weigh, of_equal_logits_the_first_stay);
    tcase_add_test(weigh, extreme_temperatures_are_safe);

    TCase *draw = case_with_tape(suite, "the draw");
    tcase_add_test(draw, a_draw_inverts_the_distribution_function);
    tcase_add_test(draw, tokens_are_drawn_by_their_probability);
    tcase_add_test(draw, the_same_seed_draws_the_same_tokens);
    tcase_add_loop_test(draw, one_token_to_draw_from_is_the_likeliest, 0, 3);

    TCase *impossibles = case_with_tape(suite, "what can't be");
    tcase_add_loop_test(impossibles, logits_that_are_not_finite_choose_nothing, 0, sizeof unsound / sizeof unsound[0]);
    tcase_add_loop_test(impossibles, minus_infinity_is_never_drawn, 0, 3);
    tcase_add_test(impossibles, broken_weights_are_an_error);
    tcase_add_loop_test(impossibles, impossible_values_are_an_error, 0, sizeof impossible / sizeof impossible[0]);
    tcase_add_test(impossibles, mistakes_are_reported);
    return suite_run(suite);
}
