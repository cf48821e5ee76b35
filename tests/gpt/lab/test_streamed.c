// test_streamed.c: a network that is measured block by block, its weights made again for each, gives the same bits as one in memory.

#include "tests/gpt/gpt_test.h"
#include "tests/support/suite.h"

#include <string.h>

enum { B = 2, T = 4 };

static const int ids[B * T] = {3, 0, 10, 7, 1, 5, 2, 9};
static const int targets[B * T] = {0, 10, 7, 1, 5, 2, 9, 4};

static ExperimentConfig experiment_of(GPTConfig gpt)
{
    return (ExperimentConfig){.net = NET_GPT, .gpt = gpt, .ids = ids, .targets = targets, .B = B, .T = T, .arms = ARMS_BOTH, .seed = 10,
                              .n_seeds = 1};
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
    "h + f(norm(h)) + 0.1*x0", "norm(x0) + f(h)", "h + sigmoid(linear(h))*f(norm(h)) | h + vector(0.5)*f(h)", "scalar(0.3)*h + x0*scalar(0.2) + f(norm(h))",
    "stop(h) + f(norm(h))", "f(stop(norm(h)))", "h + f(rms(h)) + block*0.5",
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

int main(void)
{
    Suite *suite = suite_create("streamed");
    TCase *same = case_create("the same bits");
    suite_add_tcase(suite, same);
    tcase_add_loop_test(same, every_switch_and_every_init, 0, GPT_VARIANTS);
    tcase_add_loop_test(same, several_sizes, 0, 4);
    tcase_add_test(same, every_rule_of_the_table);
    tcase_add_loop_test(same, rules_of_all_kinds, 0, OWN_RULES);
    return suite_run(suite);
}
