// test_experiment.c: which networks an experiment measures, in which order, and what is refused.

#include "tests/gpt/lab/lab_test.h"

// ------------------------------------------------------------------------------------------------------------
// Which networks, in which order

static void assert_labels(const Experiment *experiment, int arms, bool first_shortcut)
{
    const ExperimentConfig *config = &experiment->config;
    int steps = config->n_steps + 1;
    ck_assert_int_eq(experiment->n_measurements, config->n_seeds * arms * steps);
    for (int i = 0; i < experiment->n_measurements; i++) {
        const Measurement *measurement = &experiment->measurements[i];
        int run = i / steps;
        ck_assert_int_eq(measurement->run, run);
        ck_assert_int_eq(measurement->step, i % steps);
        ck_assert_uint_eq(measurement->seed, config->seed + (uint64_t)(run / arms));
        ck_assert(measurement->arm == (arms == 2 ? run % 2 == 1 : first_shortcut));
    }
}

START_TEST(measurements_come_by_run_then_step_seed_after_seed_without_shortcuts_first)
{
    ExperimentConfig config = config_of(_i);
    Experiment experiment = run_experiment(&config);

    assert_labels(&experiment, 2, false);
    ck_assert(experiment_has(&experiment, false));
    ck_assert(experiment_has(&experiment, true));
    ck_assert_int_eq(experiment.n_layer, _i == 0 ? 4 : 3);
    experiment_free(&experiment);
    ck_assert_int_eq(experiment.n_measurements, 0);
}
END_TEST

START_TEST(one_arm_alone_is_run_alone)
{
    bool shortcut = _i == 1;
    ExperimentConfig config = mlp_experiment();
    config.arms = shortcut ? ARMS_ON : ARMS_OFF;
    Experiment experiment = run_experiment(&config);

    assert_labels(&experiment, 1, shortcut);
    ck_assert(experiment_has(&experiment, shortcut));
    ck_assert(!experiment_has(&experiment, !shortcut));
    ck_assert_int_eq(experiment_metric(&experiment, !shortcut, 0, 0, METRIC_WEIGHT).n, 0);
    ck_assert_double_nan(experiment_metric(&experiment, !shortcut, 0, 0, METRIC_WEIGHT).median);
    ck_assert_int_eq(experiment_shortcuts(&experiment, !shortcut), 0);
    experiment_free(&experiment);
}
END_TEST

// The caller frees it.
static char *csv_of(const Experiment *experiment)
{
    char *text = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&text, &length);
    ck_assert_ptr_nonnull(stream);
    ck_assert(experiment_csv(experiment, stream));
    fclose(stream);
    return text;
}

// Nothing of one arm reaches the other: not through the generator, not through the tape.
START_TEST(an_arm_gives_the_same_bits_alone_and_beside_the_other)
{
    ExperimentConfig config = config_of(_i);
    config.n_seeds = 1;
    Experiment both = run_experiment(&config);
    config.arms = ARMS_ON;
    Experiment on = run_experiment(&config);

    for (int step = 0; step <= config.n_steps; step++) {
        const Measurement *a = &both.measurements[config.n_steps + 1 + step];
        const Measurement *b = &on.measurements[step];
        ck_assert(a->arm == 1 && b->arm == 1);
        ck_assert_double_eq(a->loss, b->loss);
        ck_assert_int_eq(a->flow.n_rows, b->flow.n_rows);
        for (int i = 0; i < a->flow.n_rows; i++) {
            assert_same_stats(a->flow.rows[i].stats, b->flow.rows[i].stats, a->flow.rows[i].name);
        }
    }
    experiment_free(&both);
    experiment_free(&on);
}
END_TEST

START_TEST(the_same_experiment_gives_the_same_bits)
{
    ExperimentConfig config = config_of(_i);
    Experiment first = run_experiment(&config);
    Experiment second = run_experiment(&config);
    config.seed++;
    Experiment other = run_experiment(&config);
    char *first_text = csv_of(&first);
    char *second_text = csv_of(&second);
    char *other_text = csv_of(&other);

    ck_assert_str_eq(first_text, second_text);
    ck_assert_str_ne(first_text, other_text);
    free(first_text);
    free(second_text);
    free(other_text);
    experiment_free(&first);
    experiment_free(&second);
    experiment_free(&other);
}
END_TEST

typedef struct Told {
    int done;
    int n;
} Told;

static void tell(int done, int n, void *context)
{
    Told *told = context;
    ck_assert_int_eq(done, told->done + 1);
    told->done = done;
    told->n = n;
}

START_TEST(progress_is_reported_after_each_measurement)
{
    ExperimentConfig config = mlp_experiment();
    Experiment experiment;
    Error error = {0};
    Told told = {0};

    ck_assert(experiment_run(&config, tell, &told, &experiment, &error));

    ck_assert_int_eq(told.done, experiment.n_measurements);
    ck_assert_int_eq(told.n, experiment.n_measurements);
    experiment_free(&experiment);
}
END_TEST

START_TEST(the_current_tape_is_not_touched)
{
    ExperimentConfig config = config_of(_i);
    Tape *tape = tape_current();
    Tensor *before = tensor_exp(random_leaf(SHAPE(2), 1));

    Experiment experiment = run_experiment(&config);
    experiment_free(&experiment);

    ck_assert_ptr_eq(tape_current(), tape);
    ck_assert_int_eq(tape->n_nodes, 1);
    ck_assert(before->alive);
    tape_set_current(NULL);
    experiment = run_experiment(&config);
    experiment_free(&experiment);
    ck_assert_ptr_null(tape_current());
    tape_set_current(tape);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// What is refused

static void assert_refused(const ExperimentConfig *config, const char *part)
{
    Experiment experiment;
    Error error = {0};
    ck_assert(!experiment_run(config, NULL, NULL, &experiment, &error));
    assert_contains(error.message, part);
    ck_assert_ptr_null(strchr(error.message, '\n'));
    ck_assert_int_eq(tape_current()->n_nodes, 0);
}

START_TEST(an_impossible_network_is_refused)
{
    ExperimentConfig deep = mlp_experiment();
    deep.deep.n_layer = 0;
    assert_refused(&deep, "0 layers");

    ExperimentConfig gpt = gpt_experiment();
    gpt.gpt.n_head = 3;
    assert_refused(&gpt, "n_embd: 16 is not a multiple of n_head 3");
}
END_TEST

START_TEST(ids_outside_the_vocabulary_are_invalid)
{
    int wrong[B * T] = {0, 1, 2, 3, 4, 5, 6, 11};
    ExperimentConfig config = gpt_experiment();
    config.ids = wrong;
    assert_refused(&config, "id 11");

    config = gpt_experiment();
    wrong[7] = -2;
    config.targets = wrong;
    assert_refused(&config, "id -2");
    static const int none[B * T] = {-1, -1, -1, -1, -1, -1, -1, -1};
    config.targets = none;
    assert_refused(&config, "all 8 targets are -1, which are ignored (expected at least one token)");
}
END_TEST

START_TEST(rows_that_do_not_fit_the_context_are_refused)
{
    ExperimentConfig config = gpt_experiment();
    config.gpt.context_length = T - 1;
    assert_refused(&config, "1 to 3");
    config = gpt_experiment();
    config.T = 0;
    assert_refused(&config, "1 to 8");
    config = gpt_experiment();
    config.B = 0;
    assert_refused(&config, "0 rows");
}
END_TEST

START_TEST(a_network_larger_than_any_memory_is_refused)
{
    ExperimentConfig config = gpt_experiment();
    config.gpt.n_embd = 1 << 20;
    config.gpt.n_layer = 100;
    assert_refused(&config, "memory");
}
END_TEST

// 2^20 rows of 2^12 ids are 2^32: more than an int counts. The ids are not looked at, since there cannot be as many.
START_TEST(a_batch_too_large_to_count_is_refused)
{
    ExperimentConfig config = gpt_experiment();
    config.gpt.context_length = 1 << 12;
    config.B = 1 << 20;
    config.T = 1 << 12;
    assert_refused(&config, "");
}
END_TEST

START_TEST(fewer_than_one_seed_and_less_than_no_steps_are_refused)
{
    ExperimentConfig config = config_of(_i);
    config.n_seeds = -1;
    assert_refused(&config, "1 or more");
    config.n_seeds = 0;
    assert_refused(&config, "1 or more");
    config = config_of(_i);
    config.n_steps = -2;
    assert_refused(&config, "0 or more");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("experiment");
    TCase *order = case_with_tape(suite, "order");
    tcase_add_loop_test(order, measurements_come_by_run_then_step_seed_after_seed_without_shortcuts_first, 0, 2);
    tcase_add_loop_test(order, one_arm_alone_is_run_alone, 0, 2);
    tcase_add_loop_test(order, an_arm_gives_the_same_bits_alone_and_beside_the_other, 0, 2);
    tcase_add_loop_test(order, the_same_experiment_gives_the_same_bits, 0, 2);
    tcase_add_test(order, progress_is_reported_after_each_measurement);
    tcase_add_loop_test(order, the_current_tape_is_not_touched, 0, 2);

    TCase *refused = case_with_tape(suite, "refused");
    tcase_add_test(refused, an_impossible_network_is_refused);
    tcase_add_test(refused, ids_outside_the_vocabulary_are_invalid);
    tcase_add_test(refused, rows_that_do_not_fit_the_context_are_refused);
    tcase_add_test(refused, a_network_larger_than_any_memory_is_refused);
    tcase_add_test(refused, a_batch_too_large_to_count_is_refused);
    tcase_add_loop_test(refused, fewer_than_one_seed_and_less_than_no_steps_are_refused, 0, 2);
    return suite_run(suite);
}
