// test_streamed.c: a network whose weights are made or read again, block by block, gives the same bits as one in memory: measured, and generating.

#include "tests/gpt/gpt_test.h"
#include "tests/support/folder.h"
#include "tests/support/mistake.h"
#include "tests/support/suite.h"

#include <stdio.h>
#include <string.h>

enum { B = 2, T = 4 };

static const int ids[B * T] = {3, 0, 10, 7, 1, 5, 2, 9};
static const int targets[B * T] = {0, 10, 7, 1, 5, 2, 9, 4};

static ExperimentConfig experiment_of(GPTConfig gpt)
{
    return (
        ExperimentConfig){.net = NET_GPT, .gpt = gpt, .ids = ids, .targets = targets, .B = B, .T = T, .arms = ARMS_BOTH, .seed = 10, .n_seeds = 1};
}

static void assert_same_number(const char *name, const char *what, double got, double expected)
{
    if (memcmp(&got, &expected, sizeof got) != 0) {
        ck_abort_msg("%s: %s: streamed %.17g, in memory %.17g", name, what, got, expected);
    }
}

static void assert_same_row(const FlowRow *got, const FlowRow *expected)
{
    ck_assert_str_eq(got->name, expected->name);
    ck_assert_int_eq(got->kind, expected->kind);
    ck_assert_int_eq(got->layer, expected->layer);
    ck_assert_int_eq(got->reach, expected->reach);
    ck_assert_int_eq(got->ndim, expected->ndim);
    ck_assert_int_eq(got->part, expected->part);
    ck_assert_uint_eq(got->stats.count, expected->stats.count);
    assert_same_number(got->name, "mean_abs", got->stats.mean_abs, expected->stats.mean_abs);
    assert_same_number(got->name, "l2", got->stats.l2, expected->stats.l2);
    assert_same_number(got->name, "rms", got->stats.rms, expected->stats.rms);
    assert_same_number(got->name, "max_abs", got->stats.max_abs, expected->stats.max_abs);
    assert_same_number(got->name, "zero_fraction", got->stats.zero_fraction, expected->stats.zero_fraction);
    assert_same_number(got->name, "token_cosine", got->stats.token_cosine, expected->stats.token_cosine);
}

static void assert_same_flow(const GradFlow *got, const GradFlow *expected)
{
    ck_assert_int_eq(got->n_rows, expected->n_rows);
    ck_assert_int_eq(got->n_layer, expected->n_layer);
    ck_assert_int_eq(got->n_shortcuts, expected->n_shortcuts);
    for (int i = 0; i < FLOW_REACH_COUNT; i++) {
        ck_assert_int_eq(got->reach_count[i], expected->reach_count[i]);
    }
    for (int i = 0; i < got->n_rows; i++) {
        assert_same_row(&got->rows[i], &expected->rows[i]);
    }
}

static void assert_same(ExperimentConfig config)
{
    Experiment expected = run_experiment(&config);
    config.streamed = true;
    Experiment got = run_experiment(&config);
    ck_assert_int_eq(got.n_measurements, expected.n_measurements);
    for (int i = 0; i < got.n_measurements; i++) {
        assert_same_number("loss", "of a measurement", got.measurements[i].loss, expected.measurements[i].loss);
        assert_same_flow(&got.measurements[i].flow, &expected.measurements[i].flow);
    }
    experiment_free(&got);
    experiment_free(&expected);
}

START_TEST(every_switch_and_every_init)
{
    GPTConfig config = variant_config(_i);
    config.init = (InitScheme)(_i % INIT_COUNT);
    assert_same(experiment_of(config));
}
END_TEST

// Of several blocks, heads, widths and vocabularies, with a narrow and a wide batch, over seeds.
START_TEST(several_sizes)
{
    static const int sizes[][4] = {{1, 16, 2, 11}, {2, 48, 3, 60}, {9, 24, 4, 11}, {4, 256, 4, 300}};
    GPTConfig gpt = small_config();
    gpt.n_layer = sizes[_i][0];
    gpt.n_embd = sizes[_i][1];
    gpt.n_head = sizes[_i][2];
    gpt.vocab_size = sizes[_i][3];
    gpt.tied = _i % 2 == 0;
    gpt.init = INIT_GPT2;
    ExperimentConfig config = experiment_of(gpt);
    config.B = _i % 2 + 1;
    config.n_seeds = 2;
    assert_same(config);
    config.same_dy = true;
    assert_same(config);
}
END_TEST

static const char *const own_rules[] = {
    "h + f(norm(h)) + 0.1*x0",
    "norm(x0) + f(h)",
    "h + sigmoid(linear(h))*f(norm(h)) | h + vector(0.5)*f(h)",
    "scalar(0.3)*h + x0*scalar(0.2) + f(norm(h))",
    "stop(h) + f(norm(h))",
    "f(stop(norm(h)))",
    "h + f(rms(h)) + block*0.5",
};

enum { OWN_RULES = sizeof own_rules / sizeof own_rules[0] };

static void assert_same_rule(const char *text)
{
    Error error = {0};
    const ResidualRule *rule = residual_rule(text, &error);
    ck_assert_msg(rule != NULL, "%s: %s", text, error.message);
    GPTConfig gpt = small_config();
    gpt.init = INIT_GPT2;
    ExperimentConfig config = experiment_of(gpt);
    config.rules[0] = residual_name(rule);
    config.n_rules = 1;
    assert_same(config);
}

START_TEST(every_rule_of_the_table)
{
    for (int i = 0; i < residual_table_count; i++) {
        assert_same_rule(residual_table[i].name);
    }
}
END_TEST

START_TEST(rules_of_all_kinds)
{
    assert_same_rule(own_rules[_i]);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Folders

static const char *const folders[] = {"f32", "f16", "bf16", "sharded", "untied", "masks"};

enum { FOLDERS = sizeof folders / sizeof folders[0], NEW = 6 };

static const char *folder_name(int i)
{
    static char path[600];
    snprintf(path, sizeof path, "%s/tests/golden/huggingface/%s", folder_home(), folders[i]);
    return path;
}

static GPT *assert_loaded(GPT *gpt, const Error *error)
{
    ck_assert_msg(gpt != NULL, "%s", error->message);
    return gpt;
}

// The saved rule, one with other parameters of the seed, and one without shortcuts.
START_TEST(folders_are_measured_alike)
{
    static const char *const rules[] = {"pre", "none", "h + sigmoid(linear(h))*f(norm(h)) + 0.1*x0"};
    Error error = {0};
    GPT *held = assert_loaded(gpt_load(folder_name(_i), &error), &error);
    GPT *streamed = assert_loaded(gpt_load_streamed(folder_name(_i), &error), &error);
    ExperimentConfig config = experiment_of(held->config);
    config.n_rules = 3;
    memcpy(config.rules, rules, sizeof rules);
    config.saved = held;
    Experiment expected = run_experiment(&config);
    config.saved = streamed;
    config.streamed = true;
    Experiment got = run_experiment(&config);
    ck_assert_int_eq(got.n_measurements, 3);
    for (int i = 0; i < got.n_measurements; i++) {
        assert_same_number("loss", "of a measurement", got.measurements[i].loss, expected.measurements[i].loss);
        assert_same_flow(&got.measurements[i].flow, &expected.measurements[i].flow);
    }
    experiment_free(&got);
    experiment_free(&expected);
    gpt_free(streamed);
    gpt_free(held);
}
END_TEST

static void assert_same_tokens(GPT *held, GPT *streamed)
{
    int expected[3 + NEW] = {1, 5, 2};
    int got[3 + NEW] = {1, 5, 2};
    generate_greedily(held, expected, 3, NEW);
    generate_greedily(streamed, got, 3, NEW);
    ck_assert_mem_eq(got, expected, sizeof got);
    ck_assert_double_eq(gpt_batch_loss(held, ids, targets, B, T, NULL), gpt_batch_loss(streamed, ids, targets, B, T, NULL));
    gpt_free(streamed);
    gpt_free(held);
}

START_TEST(folders_generate_alike)
{
    Error error = {0};
    tape_create();
    GPT *held = assert_loaded(gpt_load(folder_name(_i), &error), &error);
    assert_same_tokens(held, assert_loaded(gpt_load_streamed(folder_name(_i), &error), &error));
    tape_free(tape_current());
}
END_TEST

START_TEST(seeds_generate_alike)
{
    GPTConfig config = variant_config(_i);
    Error error = {0};
    tape_create();
    GPT *held = create_gpt(config, 7);
    assert_same_tokens(held, assert_loaded(gpt_create_streamed(&config, 7, &error), &error));
    tape_free(tape_current());
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// What a streamed model can't do

START_TEST(nothing_is_recorded_through_all_blocks)
{
    GPTConfig config = small_config();
    Error error = {0};
    tape_create();
    GPT *gpt = gpt_create_streamed(&config, 1, &error);
    assert_mistake_begins("gpt_forward: a streamed model has one block at a time, so recording must be off", gpt_forward(gpt, ids, B, T));
    gpt_free(gpt);
    tape_free(tape_current());
}
END_TEST

START_TEST(a_parameter_without_memory_is_refused)
{
    GPTConfig config = small_config();
    Error error = {0};
    tape_create();
    GPT *gpt = gpt_create_streamed(&config, 1, &error);
    Tensor *x = tensor_zeros(SHAPE(B, T, config.n_embd));
    assert_mistake_begins("tensor_layernorm: input 1, h.1.ln_1.weight, has no memory now", layernorm_forward(gpt->h[1].ln_1, x));
    gpt_free(gpt);
    tape_free(tape_current());
}
END_TEST

static void assert_refused(ExperimentConfig config, const char *expected)
{
    Experiment experiment;
    Error error = {0};
    config.streamed = true;
    ck_assert(!experiment_run(&config, NULL, NULL, &experiment, &error));
    ck_assert_msg(strstr(error.message, expected) != NULL, "%s", error.message);
}

START_TEST(what_needs_all_blocks_is_refused_by_name)
{
    ExperimentConfig config = experiment_of(small_config());
    config.n_steps = 1;
    assert_refused(config, "--steps: ");
    config = experiment_of(small_config());
    config.probes[0] = probe_find("paths");
    config.n_probes = 1;
    assert_refused(config, "--probe paths: ");
    config = experiment_of(small_config());
    config.saved = create_gpt(config.gpt, 1);
    assert_refused(config, "the saved model is in memory");
    gpt_free((GPT *)config.saved);
    config = experiment_of(gpt_preset_find("70b")->config);
    config.gpt.n_embd = 64 * 4096;
    assert_refused(config, "one block of the experiment: needs ");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("streamed");
    TCase *same = case_create(suite, "the same bits");
    tcase_add_loop_test(same, every_switch_and_every_init, 0, GPT_VARIANTS);
    tcase_add_loop_test(same, several_sizes, 0, 4);
    tcase_add_test(same, every_rule_of_the_table);
    tcase_add_loop_test(same, rules_of_all_kinds, 0, OWN_RULES);
    tcase_add_loop_test(same, seeds_generate_alike, 0, GPT_VARIANTS);

    TCase *saved = case_create(suite, "folders");
    tcase_add_checked_fixture(saved, folder_enter, folder_leave);
    tcase_add_loop_test(saved, folders_are_measured_alike, 0, FOLDERS);
    tcase_add_loop_test(saved, folders_generate_alike, 0, FOLDERS);

    TCase *refused = case_create(suite, "refused");
    tcase_add_test(refused, nothing_is_recorded_through_all_blocks);
    tcase_add_test(refused, a_parameter_without_memory_is_refused);
    tcase_add_test(refused, what_needs_all_blocks_is_refused_by_name);
    suite_prepare_products();
    return suite_run(suite);
}
