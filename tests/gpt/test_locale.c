// test_locale.c: a host program that takes the user's locale, where numbers have a comma, and does with the library what reads and writes
// files: every file is the same, byte for byte, as in the C locale.

#include "tests/gpt/gpt_test.h"
#include "tests/support/folder.h"
#include "tests/support/locale.h"

#include <check.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void draw_tape(void)
{
    FILE *file = freopen("tape.txt", "w", stdout);
    ck_assert_ptr_nonnull(file);
    Tape *tape = tape_create();
    Tensor *x = tensor_from((float[]){1.5f, -0.25f, 3}, SHAPE(1, 3));
    tensor_require_grad(x);
    tensor_backward(tensor_sum(tensor_mul(x, x)));
    tensor_print(x);
    tape_print(tape);
    tape_dot(tape);
    tape_free(tape);
    fflush(stdout);
}

static void save_model(void)
{
    Error error = {0};
    GPTConfig config = gpt_preset_find("tiny")->config;
    config.dropout = 0.125;
    GPT *gpt = gpt_create(&config, 1, &error);
    ck_assert_msg(gpt != NULL && gpt_save(gpt, NULL, "model", &error), "%s", error.message);
    gpt_free(gpt);
    gpt = gpt_load("model", &error);
    ck_assert_msg(gpt != NULL, "%s", error.message);
    ck_assert_double_eq(gpt->config.dropout, 0.125);
    gpt_free(gpt);
}

static Trainer *create_trainer(int steps)
{
    Error error = {0};
    TrainSetup setup = {.train = small_train_config(4), .gpt = gpt_preset_find("tiny")->config, .seed = 3, .tokenizer = tokenizer_bytes()};
    setup.train.steps = steps;
    setup.train.lr = 0.0125;
    setup.train.clip = 1.5;
    setup.train.eval_every = 2;
    setup.train.gradflow_every = 1;
    Dataset *data = dataset_open(NULL, setup.tokenizer, NULL, NULL, NULL, &error);
    Trainer *trainer = trainer_create(setup, gpt_create(&setup.gpt, 3, &error), data, &error);
    ck_assert_msg(trainer != NULL, "%s", error.message);
    return trainer;
}

// Two steps, saved, read again, and two more.
static void train(void)
{
    TrainWatcher watcher = {0};
    TrainSetup setup;
    Error error = {0};
    Tape *tape = tape_create();
    Trainer *trainer = create_trainer(2);
    ck_assert_msg(train_run(trainer, "run", NULL, &error), "%s", error.message);
    trainer_free(trainer);
    ck_assert_msg(train_setup_load("run", &setup, &error), "%s", error.message);
    ck_assert_double_eq(setup.train.lr, 0.0125);
    train_setup_free(&setup);
    trainer = create_trainer(4);
    ck_assert_msg(trainer_load(trainer, "run", &error) && train_run(trainer, "run", &watcher, &error), "%s", error.message);
    ck_assert_msg(train_draw(trainer, "run", &error), "%s", error.message);
    trainer_free(trainer);
    tape_free(tape);
}

static void experiment(void)
{
    Experiment result;
    Error error = {0};
    GPTConfig gpt = gpt_preset_find("tiny")->config;
    int ids[4] = {1, 2, 3, 4};
    ExperimentConfig config = {.net = NET_GPT, .gpt = gpt, .B = 1, .T = 4, .ids = ids, .targets = ids, .arms = ARMS_BOTH, .seed = 1, .n_seeds = 2};
    ck_assert_msg(experiment_run(&config, NULL, NULL, &result, &error), "%s", error.message);
    FILE *csv = fopen("flow.csv", "w");
    ck_assert(experiment_csv(&result, csv));
    fclose(csv);
    ck_assert_msg(plot_experiment(&result, NULL, "flow.gp", &error), "%s", error.message);
    experiment_free(&result);
}

static void do_all(const char *folder)
{
    ck_assert_int_eq(system(folder[0] == 'c' ? "mkdir c comma" : "true"), 0);
    ck_assert_int_eq(chdir(folder), 0);
    draw_tape();
    save_model();
    train();
    experiment();
    ck_assert_int_eq(chdir(".."), 0);
}

// The times in log.csv are the machine's.
START_TEST(files_are_the_same_in_every_locale)
{
    do_all("c");
    locale_enter_comma();
    char number[16];
    snprintf(number, sizeof number, "%.1f", 0.5);
    ck_assert_str_eq(number, "0,5");
    do_all("./comma");
    locale_leave();
    ck_assert_int_eq(system("for f in c comma; do cut -d, -f1-5 $f/run/log.csv > $f/log && rm $f/run/log.csv; done; diff -r c comma >&2"), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gpt/locale");
    TCase *tcase = case_create(suite, "locale");
    tcase_add_checked_fixture(tcase, folder_enter, folder_leave);
    tcase_add_test(tcase, files_are_the_same_in_every_locale);
    return suite_run(suite);
}
