// test_old_run.c: a run that version 0.1.0 began (tests/golden/run_0.1.0, six steps of twelve, by commit 6defbae) is resumed by this version, and
// ends with the losses with which version 0.1.0 ended it.

#include "gpt/train/run_files.h"
#include "tests/support/folder.h"
#include "tests/support/suite.h"

#include <check.h>
#include <stdlib.h>

enum { STEPS = 12, STEPS_MADE = 6 };

// As version 0.1.0 printed them, after all twelve steps in one go. 1e-5: products are rounded differently by each kind of processor.
static const double losses[STEPS] = {2.64224648, 2.63943529, 2.62468171, 2.59711814, 2.57472849, 2.58147764,
                                     2.5746541,  2.54808271, 2.52598333, 2.50047147, 2.50290775, 2.52164519};
static const double norms[STEPS] = {0.579415218, 0.834127947, 0.45267443,  0.443276365, 0.537478545, 0.522769914,
                                    0.638102464, 0.663233124, 0.646626678, 0.680500553, 0.570335175, 0.607107666};
static const double tolerance = 1e-5;

static Trainer *load(void)
{
    TrainSetup setup;
    Error error = {0};
    ck_assert_msg(train_setup_load("run", &setup, &error), "%s", error.message);
    ck_assert_str_eq(setup.data, "/tmp/old-run/text.txt");
    ck_assert_double_eq(setup.gpt.dropout, 0.1);
    setup.train.steps = STEPS;
    Dataset *data = dataset_open("run/text.txt", setup.tokenizer, "run", NULL, NULL, &error);
    ck_assert_msg(data != NULL, "%s", error.message);
    GPT *gpt = gpt_create_blank(&setup.gpt, &error);
    ck_assert_msg(gpt != NULL, "%s", error.message);
    Trainer *trainer = trainer_create(setup, gpt, data, &error);
    ck_assert_msg(trainer != NULL && trainer_load(trainer, "run", &error), "%s", error.message);
    return trainer;
}

START_TEST(a_run_of_an_earlier_version_resumes)
{
    char command[1200];
    TrainWatcher watcher = {0};
    TrainRow *rows;
    int n;
    Experiment experiment;
    Error error = {0};
    Tape *tape = tape_create();
    snprintf(command, sizeof command, "cp -r '%s/tests/golden/run_0.1.0' run && chmod -R u+w run", folder_home());
    ck_assert_int_eq(system(command), 0);
    Trainer *trainer = load();
    ck_assert_int_eq(trainer->adamw.step, STEPS_MADE);
    ck_assert_msg(train_run(trainer, "run", &watcher, &error), "%s", error.message);
    ck_assert_msg(train_log_of("run", &rows, &n, &error), "%s", error.message);
    ck_assert_int_eq(n, STEPS);
    for (int i = 0; i < n; i++) {
        ck_assert_int_eq(rows[i].step, i + 1);
        ck_assert_double_eq_tol(rows[i].loss, losses[i], tolerance);
        ck_assert_double_eq_tol(rows[i].grad_norm, norms[i], tolerance);
    }
    ck_assert_double_eq_tol(rows[3].val_loss, 2.58972168, tolerance);
    ck_assert_double_eq_tol(rows[7].val_loss, 2.53844035, tolerance);
    ck_assert_double_eq_tol(rows[11].val_loss, 2.51679528, tolerance);
    ck_assert_msg(train_flow_read(trainer, "run/gradflow.csv", rows, n, &experiment, &error), "%s", error.message);
    ck_assert_int_eq(experiment.n_measurements, 4); // before steps 0, 3, 6 and 9
    experiment_free(&experiment);
    free(rows);
    trainer_free(trainer);
    tape_free(tape);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gpt/old run");
    TCase *tcase = case_create(suite, "old run");
    tcase_add_checked_fixture(tcase, folder_enter, folder_leave);
    tcase_add_test(tcase, a_run_of_an_earlier_version_resumes);
    return suite_run(suite);
}
