// test_batches.c: training on batches from a function, and on tasks: a new batch for each step, the same one for evaluation, and a resumed run the
// same as one that was not interrupted.

#include "gpt/base/base.h"
#include "tests/gpt/gpt_test.h"
#include "tests/support/folder.h"

#include <math.h>

enum { BATCH = 3, LENGTH = 6 };

// The calls of the function.
typedef struct Calls {
    int n;
    int first[64]; // the first id of each batch
} Calls;

// The next token is one larger; every other position is ignored.
static void count_up(void *context, Random *random, int B, int T, int *ids, int *targets)
{
    Calls *calls = context;
    ck_assert_int_eq(B, BATCH);
    ck_assert_int_eq(T, LENGTH);
    for (int i = 0; i < B * T; i++) {
        ids[i] = (int)(random_bits(random) % 11);
        targets[i] = i % 2 == 0 ? TARGET_IGNORED : (ids[i] + 1) % 11;
    }
    calls->first[calls->n % 64] = ids[0];
    calls->n++;
}

static TrainSetup setup_of(Calls *calls, const char *task)
{
    TrainSetup setup = {.train = small_train_config(6), .gpt = small_config(), .seed = 5};
    setup.train.batch = BATCH;
    setup.train.length = LENGTH;
    setup.train.eval_batches = 3;
    setup.train.eval_every = 2;
    setup.gpt.dropout = 0.2;
    setup.gpt.init = INIT_GPT2;
    Error error;
    if (task != NULL) {
        setup.task = memory_allocate(sizeof(Task), "a test");
        ck_assert(task_read(task, setup.task, &error));
    } else {
        setup.batches = (BatchSource){.name = "counting", .fill = count_up, .context = calls};
    }
    return setup;
}

static Trainer *create_trainer(TrainSetup setup)
{
    Error error = {0};
    GPT *gpt = gpt_create(&setup.gpt, setup.seed, &error);
    ck_assert_msg(gpt != NULL, "%s", error.message);
    Trainer *trainer = trainer_create(setup, gpt, NULL, &error);
    ck_assert_msg(trainer != NULL, "%s", error.message);
    return trainer;
}

static double step(Trainer *trainer)
{
    TrainRow row;
    Error error = {0};
    ck_assert_msg(trainer_step(trainer, NULL, &row, &error), "%s", error.message);
    return row.loss;
}

START_TEST(each_part_of_each_step_is_another_batch)
{
    Calls calls = {0};
    Trainer *trainer = create_trainer(setup_of(&calls, NULL));
    ck_assert(trainer_validates(trainer));
    step(trainer);
    step(trainer);
    ck_assert_int_eq(calls.n, 4);
    int different = 0;
    for (int i = 1; i < 4; i++) {
        different += calls.first[i] != calls.first[0];
    }
    ck_assert_int_gt(different, 0);
    trainer_free(trainer);
}
END_TEST

START_TEST(evaluation_is_the_same_every_time_and_disturbs_nothing)
{
    Calls calls = {0};
    Trainer *one = create_trainer(setup_of(&calls, NULL));
    Trainer *two = create_trainer(setup_of(&calls, NULL));
    double val = trainer_evaluate(one, SPLIT_VAL);
    ck_assert_double_eq(trainer_evaluate(one, SPLIT_VAL), val);
    ck_assert_double_ne(trainer_evaluate(one, SPLIT_TRAIN), val);
    ck_assert_double_eq_tol(val, log(11), 1); // untrained
    ck_assert_double_eq(step(one), step(two));
    trainer_free(one);
    trainer_free(two);
}
END_TEST

static void assert_resumes(const char *task)
{
    Calls calls = {0};
    Trainer *whole = create_trainer(setup_of(&calls, task));
    Trainer *first = create_trainer(setup_of(&calls, task));
    TrainSetup setup;
    Error error = {0};
    for (int i = 0; i < 3; i++) {
        ck_assert_double_eq(step(whole), step(first));
    }
    ck_assert_msg(folder_make("run", &error) && trainer_save(first, "run", &error), "%s", error.message);
    trainer_free(first);
    ck_assert_msg(train_setup_load("run", &setup, &error), "%s", error.message);
    if (task == NULL) {
        ck_assert(setup.batches.fill == NULL);
        setup.batches = (BatchSource){.name = "counting", .fill = count_up, .context = &calls};
    } else {
        ck_assert_str_eq(setup.task->name, task);
    }
    Trainer *second = create_trainer(setup);
    ck_assert_msg(trainer_load(second, "run", &error), "%s", error.message);
    for (int i = 3; i < 6; i++) {
        ck_assert_double_eq(step(whole), step(second));
    }
    ck_assert_double_eq(trainer_evaluate(whole, SPLIT_VAL), trainer_evaluate(second, SPLIT_VAL));
    trainer_free(whole);
    trainer_free(second);
}

START_TEST(a_resumed_run_gets_the_batches_that_it_would_have_got)
{
    assert_resumes(NULL);
    assert_resumes("shift:2");
    assert_resumes("modular:7");
}
END_TEST

START_TEST(a_model_learns_a_task)
{
    TrainSetup setup = setup_of(NULL, "shift:1");
    setup.train.steps = 300;
    setup.train.decay_steps = 300;
    setup.train.batch = 16;
    setup.gpt.dropout = 0;
    setup.gpt.tied = false;
    Trainer *trainer = create_trainer(setup);
    for (int i = 0; i < 300; i++) {
        step(trainer);
    }
    ck_assert_double_lt(trainer_evaluate(trainer, SPLIT_VAL), 0.1 * log(11));
    trainer_free(trainer);
}
END_TEST

static void assert_refused(TrainSetup setup, const char *message)
{
    Error error = {0};
    GPT *gpt = gpt_create(&setup.gpt, setup.seed, &error);
    ck_assert_ptr_nonnull(gpt);
    ck_assert_ptr_null(trainer_create(setup, gpt, NULL, &error));
    ck_assert_str_eq(error.message, message);
}

START_TEST(a_run_without_data_and_tasks_that_do_not_fit_are_refused)
{
    TrainSetup nothing = setup_of(NULL, NULL);
    nothing.batches = (BatchSource){0};
    TrainSetup half = nothing; // the second of two parts of a step
    half.train.accumulate = 2;
    half.ids = memory_allocate_zeroed(2 * BATCH * LENGTH, sizeof(int), "a test");
    half.targets = memory_allocate_zeroed(2 * BATCH * LENGTH, sizeof(int), "a test");
    memset(half.targets + BATCH * LENGTH, TARGET_IGNORED, BATCH * LENGTH * sizeof(int));
    assert_refused(half, "all 18 targets are -1, which are ignored (expected at least one token)");
    assert_refused(nothing, "no data (expected a text, a fixed batch, a task or a function that makes batches)");
    assert_refused(setup_of(NULL, "shift:6"), "shift:6 needs rows of at least 7 tokens, but they have 6");
    assert_refused(setup_of(NULL, "modular:11"), "modular:11 needs a vocabulary of at least 12 tokens, but the model has 11");
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// In an experiment

START_TEST(the_arms_of_an_experiment_share_the_batches_of_a_seed)
{
    Calls calls = {0};
    ExperimentConfig config = {.net = NET_GPT,
                               .gpt = small_config(),
                               .batches = {.name = "counting", .fill = count_up, .context = &calls},
                               .B = BATCH,
                               .T = LENGTH,
                               .arms = ARMS_BOTH,
                               .seed = 3,
                               .n_seeds = 2,
                               .n_steps = 2,
                               .lr = 0};
    Experiment experiment = run_experiment(&config);
    ck_assert_int_eq(calls.n, 12); // 2 seeds, 2 arms, 3 measurements
    for (int step = 0; step < 3; step++) {
        ck_assert_int_eq(calls.first[step], calls.first[3 + step]);
        ck_assert_int_eq(calls.first[6 + step], calls.first[9 + step]);
    }
    ck_assert(memcmp(calls.first, calls.first + 6, 3 * sizeof(int)) != 0);
    // With a learning rate of 0, the loss changes because the batch does.
    ck_assert_double_ne(experiment.measurements[0].loss, experiment.measurements[1].loss);
    experiment_free(&experiment);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("batches from a function");
    TCase *tests = case_with_tape(suite, "training");
    tcase_add_checked_fixture(tests, folder_enter, folder_leave);
    tcase_add_test(tests, each_part_of_each_step_is_another_batch);
    tcase_add_test(tests, evaluation_is_the_same_every_time_and_disturbs_nothing);
    tcase_add_test(tests, a_resumed_run_gets_the_batches_that_it_would_have_got);
    tcase_add_test(tests, a_model_learns_a_task);
    tcase_add_test(tests, a_run_without_data_and_tasks_that_do_not_fit_are_refused);
    tcase_add_test(tests, the_arms_of_an_experiment_share_the_batches_of_a_seed);
    return suite_run(suite);
}
