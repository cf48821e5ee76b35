// test_trainer.c: the schedule, a step against PyTorch's, accumulation, and what must not disturb a run.

#include "tests/gpt/train/train_test.h"

#include <limits.h>

// ------------------------------------------------------------------------------------------------------------
// The schedule

START_TEST(the_learning_rate_is_nanogpts)
{
    TrainConfig config = train_config();
    config.lr = 1e-3;
    config.min_lr = 1e-4;
    config.warmup = 100;
    config.decay_steps = 2000;

    ck_assert_double_eq_tol(train_lr(&config, 0), 1e-3 / 101, 1e-18);
    ck_assert_double_eq_tol(train_lr(&config, 99), 1e-3 * 100 / 101, 1e-18);
    ck_assert_double_eq_tol(train_lr(&config, 100), 1e-3, 1e-18);
    ck_assert_double_eq_tol(train_lr(&config, 1050), (1e-3 + 1e-4) / 2, 1e-18);                // half of the cosine's way
    ck_assert_double_eq_tol(train_lr(&config, 575), 1e-4 + 9e-4 * (0.5 + sqrt(0.125)), 1e-18); // a quarter: cos(pi / 4)
    ck_assert_double_eq_tol(train_lr(&config, 2000), 1e-4, 1e-18);
    ck_assert_double_eq_tol(train_lr(&config, 100000), 1e-4, 1e-18);
    for (int s = 101; s <= 2000; s++) {
        ck_assert_msg(train_lr(&config, s) < train_lr(&config, s - 1), "it rises at step %d", s);
    }
    config.warmup = INT_MAX;
    ck_assert_double_eq_tol(train_lr(&config, 0), 1e-3 / 2147483648.0, 1e-24);
}
END_TEST

// decay_steps before the warm-up's end, and no warm-up at all.
START_TEST(the_learning_rate_has_its_edges)
{
    TrainConfig config = train_config();
    config.warmup = 5;
    config.decay_steps = 3;
    ck_assert_double_eq_tol(train_lr(&config, 4), config.lr * 5 / 6, 1e-18);
    ck_assert_double_eq(train_lr(&config, 5), config.min_lr);
    config.warmup = 0;
    config.decay_steps = 10;
    ck_assert_double_eq_tol(train_lr(&config, 0), config.lr, 1e-17);
}
END_TEST

START_TEST(impossible_numbers_are_reported)
{
    GPTConfig gpt = small_config();
    for (int i = 0; i < train_field_count; i++) {
        TrainConfig config = train_config();
        Error error = {0};
        config_field_set(&train_fields[i], &config, train_fields[i].low - 1);
        ck_assert_msg(!train_config_check(&config, &gpt, &error), "%s %g is accepted", train_fields[i].name, train_fields[i].low - 1);
        ck_assert_ptr_nonnull(strstr(error.message, train_fields[i].name));
    }
    TrainConfig config = train_config();
    Error error = {0};
    config.lr = NAN;
    ck_assert(!train_config_check(&config, &gpt, &error));
    config = train_config();
    config.length = gpt.context_length + 1;
    ck_assert(!train_config_check(&config, &gpt, &error));
    config = train_config();
    config.min_lr = 2 * config.lr;
    ck_assert(!train_config_check(&config, &gpt, &error));
    config = train_config();
    config.batch = config.accumulate = 1 << 16; // which times each other are 0, in 32 bits
    ck_assert(!train_config_check(&config, &gpt, &error));
    config = train_config();
    ck_assert_msg(train_config_check(&config, &gpt, &error), "%s", error.message);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// A step

// Rounding is another in another order of sums, and grows from step to step: by step 15 the two are 6e-6 of a norm apart.
START_TEST(its_steps_are_pytorchs)
{
    Trainer *trainer = golden_trainer();
    for (int i = 0; i < GOLDEN_STEPS; i++) {
        TrainRow row = step(trainer);
        ck_assert_int_eq(row.step, i + 1);
        assert_close("loss", row.loss, golden_training[i].loss, 4e-6);
        assert_close("norm", row.grad_norm, golden_training[i].grad_norm, 4e-5);
    }
    trainer_free(trainer);
}
END_TEST

// The same rows, drawn in the same order, in one batch or in three. AdamW's first step is lr times the gradient's sign, so a gradient
// that rounds to another sign moves a weight by 2 lr: what is compared is the loss, and the norm.
START_TEST(accumulated_batches_are_one_large_batch)
{
    TrainConfig config = train_config();
    config.accumulate = 3;
    config.batch = 2;
    TrainSetup parts = text_setup(config);
    config.accumulate = 1;
    config.batch = 6;
    TrainSetup whole = text_setup(config);
    parts.gpt.dropout = 0;
    whole.gpt.dropout = 0;
    Trainer *in_parts = create_trainer(parts);
    Trainer *at_once = create_trainer(whole);
    for (int i = 0; i < 5; i++) {
        TrainRow a = step(in_parts);
        TrainRow b = step(at_once);
        assert_close("loss", a.loss, b.loss, 1e-5);
        assert_close("norm", a.grad_norm, b.grad_norm, 1e-4);
    }
    trainer_free(in_parts);
    trainer_free(at_once);
}
END_TEST

START_TEST(it_learns)
{
    TrainConfig config = train_config();
    config.steps = 150;
    config.decay_steps = 150;
    TrainSetup setup = text_setup(config);
    setup.gpt.dropout = 0;
    Trainer *trainer = create_trainer(setup);
    double before = trainer_evaluate(trainer, SPLIT_TRAIN);
    for (int i = 0; i < config.steps; i++) {
        step(trainer);
    }
    double after = trainer_evaluate(trainer, SPLIT_TRAIN);
    ck_assert_msg(after < before - 0.5, "from %g to %g", before, after);
    trainer_free(trainer);
}
END_TEST

// Looking at a run, and computing blocks again, changes no bit of what it learns, dropout included.
START_TEST(watching_disturbs_nothing)
{
    Trainer *alone = text_trainer();
    Trainer *watched = text_trainer();
    watched->gpt->recompute = _i == 1;
    Random random = seeded(9);
    for (int i = 0; i < 6; i++) {
        TrainRow row;
        GradFlow flow;
        Error error = {0};
        char *text;
        size_t n;
        step(alone);
        ck_assert(trainer_step(watched, &flow, &row, &error));
        ck_assert_int_gt(flow.n_rows, 20);
        gradflow_free(&flow);
        trainer_evaluate(watched, SPLIT_VAL);
        ck_assert(trainer_samples(watched, 1, 20, &random, &text, &n, &error));
        ck_assert_uint_eq(n, 20);
        free(text);
    }
    assert_same_weights(alone, watched);
    trainer_free(alone);
    trainer_free(watched);
}
END_TEST

// More than are made at once. Float32 sums in another order, but no character is drawn that near to the border of two.
// The probe update predicts the next step, with its learning rate, momentum and clipping.
START_TEST(the_update_is_that_of_the_step)
{
    TrainConfig config = train_config();
    config.clip = 0.01;
    config.warmup = 3;
    config.weight_decay = 0.1;
    Trainer *trainer = create_trainer(text_setup(config));
    trainer->probes[0] = probe_find("update");
    trainer->n_probes = 1;
    for (int k = 0; k < 3; k++) {
        GradFlow flow;
        TrainRow row;
        Error error;
        double ratios[200];
        int checked = 0;
        WeightCopy before = weight_copy(&trainer->parameters);
        ck_assert_int_le(trainer->parameters.count, 200);
        ck_assert_msg(trainer_step(trainer, &flow, &row, &error), "%s", error.message);
        ck_assert(row.grad_norm > config.clip);
        update_ratios(&before, ratios);
        for (int i = 0; i < trainer->parameters.count; i++) {
            for (int r = 0; r < trainer->probed.n_rows; r++) {
                char name[NAME_TEXT];
                const ProbeRow *probed = &trainer->probed.rows[r];
                if (strcmp(probed->kind, "update_ratio") == 0 && strcmp(probed->name, tensor_name(trainer->parameters.parameters[i], name)) == 0) {
                    ck_assert(probed->value == ratios[i]);
                    checked++;
                }
            }
        }
        ck_assert_int_gt(checked, 10);
        gradflow_free(&flow);
        weight_copy_free(&before);
    }
    trainer_free(trainer);
}
END_TEST

START_TEST(samples_are_the_same_side_by_side)
{
    enum { COUNT = 40, NEW = 30 };
    Trainer *trainer = text_trainer();
    char *texts[COUNT];
    size_t n[COUNT];
    Random random = seeded(9);
    Error error = {0};
    ck_assert_msg(trainer_samples(trainer, COUNT, NEW, &random, texts, n, &error), "%s", error.message);
    random_seed(&random, 9);
    for (int i = 0; i < COUNT; i++) {
        char *alone;
        size_t n_alone;
        ck_assert(trainer_samples(trainer, 1, NEW, &random, &alone, &n_alone, &error));
        ck_assert_uint_eq(n[i], n_alone);
        ck_assert_mem_eq(texts[i], alone, n_alone);
        free(alone);
        free(texts[i]);
    }
    trainer_free(trainer);
}
END_TEST

START_TEST(evaluation_is_the_same_each_time)
{
    Trainer *trainer = text_trainer();
    double first = trainer_evaluate(trainer, SPLIT_VAL);
    ck_assert(trainer_evaluate(trainer, SPLIT_VAL) == first);
    ck_assert(trainer_evaluate(trainer, SPLIT_TRAIN) != first);
    trainer_free(trainer);
}
END_TEST

START_TEST(a_loss_that_is_not_finite_stops_with_the_weights_as_they_were)
{
    TrainRow row;
    Error error = {0};
    Trainer *trainer = text_trainer();
    step(trainer);
    trainer->gpt->ln_f.weight->data[0] = NAN;
    Real *before = weights_of(trainer);
    ck_assert(!trainer_step(trainer, NULL, &row, &error));
    Real *after = weights_of(trainer);
    ck_assert_int_eq(memcmp(before, after, trainer->parameters.values * sizeof *before), 0);
    ck_assert_int_eq(trainer->adamw.step, 1);
    ck_assert_ptr_nonnull(strstr(error.message, "step 2: the loss is "));
    trainer_free(trainer);
}
END_TEST

START_TEST(the_audit_accounts_for_every_parameter)
{
    Trainer *trainer = text_trainer();
    int n = trainer->parameters.count;
    TrainAudit audit = trainer_audit(trainer);
    ck_assert_int_eq(audit.count[FLOW_NEVER], n);
    ck_assert_str_eq(audit.lost, "wte.weight");

    step(trainer);
    audit = trainer_audit(trainer);
    ck_assert_int_eq(audit.count[FLOW_REACHED], n);
    ck_assert_str_eq(audit.lost, "");

    Tensor *bias = trainer->gpt->h[1].mlp.c_fc.bias;
    memset(bias->grad, 0, tensor_count(bias) * sizeof *bias->grad);
    trainer->gpt->h[2].ln_1->weight->grad[3] = INFINITY;
    audit = trainer_audit(trainer);
    ck_assert_int_eq(audit.count[FLOW_ALL_ZERO], 1);
    ck_assert_int_eq(audit.count[FLOW_NAN], 1);
    ck_assert_str_eq(audit.lost, "h.1.mlp.c_fc.bias");
    ck_assert_int_eq(audit.how, FLOW_ALL_ZERO);
    trainer_free(trainer);
}
END_TEST

static void leave_at_five(const Trainer *trainer, const TrainRow *row, void *context)
{
    (void)trainer;
    (void)context;
    if (row->step == 5) {
        fail_mistake(HERE, "step 5");
    }
}

// As an interrupted cell of a notebook leaves it.
START_TEST(a_run_that_a_callback_leaves_can_be_resumed)
{
    TrainConfig config = train_config();
    TrainWatcher watcher = {.on_step = leave_at_five};
    TrainRow *rows;
    int n;
    Error error = {0};
    config.gradflow_every = 2;
    Trainer *whole = create_trainer(text_setup(config));
    ck_assert_msg(train_run(whole, "whole", NULL, &error), "%s", error.message);
    Trainer *left = create_trainer(text_setup(config));
    ASSERT_MISTAKE(train_run(left, "run", &watcher, &error), "step 5");
    trainer_free(left);
    Trainer *resumed = load_trainer("run");
    ck_assert_int_eq(resumed->adamw.step, 3);
    ck_assert_msg(train_run(resumed, "run", NULL, &error), "%s", error.message);
    ck_assert(train_log_of("run", &rows, &n, &error));
    ck_assert_int_eq(n, 8);
    assert_same_weights(resumed, whole);
    free(rows);
    trainer_free(resumed);
    trainer_free(whole);
}
END_TEST

START_TEST(a_steady_step_asks_the_system_for_nothing)
{
    Trainer *trainer = text_trainer();
    step(trainer);
    step(trainer);
    size_t requests = memory_requests();
    for (int i = 0; i < 5; i++) {
        step(trainer);
    }
    ck_assert_uint_eq(memory_requests(), requests);
    trainer_free(trainer);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("trainer");
    TCase *tests = case_with_tape(suite, "trainer");
    tcase_add_checked_fixture(tests, setup, folder_leave);
    tcase_add_test(tests, the_update_is_that_of_the_step);
    tcase_add_test(tests, the_learning_rate_is_nanogpts);
    tcase_add_test(tests, the_learning_rate_has_its_edges);
    tcase_add_test(tests, impossible_numbers_are_reported);
    tcase_add_test(tests, its_steps_are_pytorchs);
    tcase_add_test(tests, accumulated_batches_are_one_large_batch);
    tcase_add_test(tests, it_learns);
    tcase_add_loop_test(tests, watching_disturbs_nothing, 0, 2);
    tcase_add_test(tests, samples_are_the_same_side_by_side);
    tcase_add_test(tests, evaluation_is_the_same_each_time);
    tcase_add_test(tests, a_loss_that_is_not_finite_stops_with_the_weights_as_they_were);
    tcase_add_test(tests, the_audit_accounts_for_every_parameter);
    tcase_add_test(tests, a_run_that_a_callback_leaves_can_be_resumed);
    tcase_add_test(tests, a_steady_step_asks_the_system_for_nothing);
    suite_prepare_products();
    return suite_run(suite);
}
