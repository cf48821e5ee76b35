// test_trainer.c: training: the schedule, a step against PyTorch's, accumulation, what must not disturb it, and going on after a stop.

#include "gpt/base/base.h"
#include "gpt/store/model_files.h"
#include "gpt/train/run_files.h"
#include "tests/golden/training.h"
#include "tests/gpt/gpt_test.h"
#include "tests/support/folder.h"
#include "tests/support/suite.h"

#include <limits.h>
#include <unistd.h>

// ------------------------------------------------------------------------------------------------------------
// A small run

static TrainConfig train_config(void)
{
    return (TrainConfig){
        .steps = 8,
        .batch = 3,
        .length = 8,
        .accumulate = 2,
        .lr = 1e-2,
        .min_lr = 1e-3,
        .warmup = 2,
        .decay_steps = 8,
        .beta1 = 0.9,
        .beta2 = 0.99,
        .eps = 1e-8,
        .weight_decay = 0.1,
        .clip = 1,
        .eval_every = 3,
        .eval_batches = 2,
        .save_every = 3,
    };
}

// A text of 12 characters, each of which has three that may follow it.
static void write_text(const char *path, size_t n, uint64_t seed)
{
    static const char alphabet[] = "abcdefghij \n";
    Random random;
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    random_seed(&random, seed);
    for (size_t i = 0; i < n; i++) {
        putc(alphabet[(5 * i + random_bits(&random) % 3) % (sizeof alphabet - 1)], file);
    }
    ck_assert_int_eq(fclose(file), 0);
}

static TrainSetup text_setup(TrainConfig config)
{
    Error error = {0};
    TrainSetup setup = {.train = config, .gpt = small_config(), .seed = 5, .data = memory_copy_text("text.txt")};
    setup.tokenizer = tokenizer_chars_of(setup.data, &error);
    ck_assert_msg(setup.tokenizer != NULL, "%s", error.message);
    setup.gpt.vocab_size = tokenizer_vocab_size(setup.tokenizer);
    setup.gpt.dropout = 0.2;
    setup.gpt.init = INIT_GPT2;
    return setup;
}

static Trainer *create_trainer(TrainSetup setup)
{
    Error error = {0};
    Dataset *data = setup.ids == NULL ? dataset_open(setup.data, setup.tokenizer, NULL, NULL, NULL, &error) : NULL;
    ck_assert_msg(setup.ids != NULL || data != NULL, "%s", error.message);
    GPT *gpt = gpt_create(&setup.gpt, setup.seed, &error);
    ck_assert_msg(gpt != NULL, "%s", error.message);
    Trainer *trainer = trainer_create(setup, gpt, data, &error);
    ck_assert_msg(trainer != NULL, "%s", error.message);
    return trainer;
}

static TrainRow step(Trainer *trainer)
{
    TrainRow row;
    Error error = {0};
    ck_assert_msg(trainer_step(trainer, NULL, &row, &error), "%s", error.message);
    return row;
}

// All weights, one after the other. The caller frees them.
static Real *weights_of(const Trainer *trainer)
{
    Real *weights = memory_allocate(trainer->parameters.values * sizeof *weights, "a test's weights");
    size_t at = 0;
    for (int i = 0; i < trainer->parameters.count; i++) {
        const Tensor *parameter = trainer->parameters.parameters[i];
        size_t n = tensor_count(parameter);
        memcpy(weights + at, parameter->data, n * sizeof *weights);
        at += n;
    }
    return weights;
}

static void assert_same_weights(const Trainer *a, const Trainer *b)
{
    Real *of_a = weights_of(a);
    Real *of_b = weights_of(b);
    ck_assert_uint_eq(a->parameters.values, b->parameters.values);
    ck_assert_msg(memcmp(of_a, of_b, a->parameters.values * sizeof *of_a) == 0, "the weights differ");
    free(of_a);
    free(of_b);
}

// |got - expected| <= part of expected; NaN is close to nothing.
static void assert_close(const char *what, double got, double expected, double part)
{
    ck_assert_msg(fabs(got - expected) <= part * fabs(expected), "%s: %.9g, not %.9g", what, got, expected);
}

static void setup(void)
{
    folder_enter();
    write_text("text.txt", 2000, 1);
}

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

static Trainer *golden_trainer(void)
{
    enum { ROWS = 4, T = 8 };
    TrainSetup setup = {.train = train_config(), .gpt = gpt_preset_find("tiny")->config, .seed = 123};
    setup.gpt.vocab_size = 17;
    setup.gpt.context_length = T;
    setup.train.batch = 2;
    setup.train.warmup = 4;
    setup.train.steps = GOLDEN_STEPS;
    setup.train.decay_steps = GOLDEN_STEPS;
    setup.ids = memory_allocate(ROWS * T * sizeof(int), "a batch");
    setup.targets = memory_allocate(ROWS * T * sizeof(int), "a batch");
    for (int r = 0; r < ROWS; r++) {
        for (int i = 0; i < T; i++) {
            setup.ids[r * T + i] = (7 * i * i + 3 * i + 5 * r * r * i + 11 * r) % 17;
            setup.targets[r * T + i] = (5 * i * i + 2 * i + 3 * r * i + 7 * r + 1) % 17;
        }
    }
    return create_trainer(setup);
}

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
    Trainer *alone = create_trainer(text_setup(train_config()));
    Trainer *watched = create_trainer(text_setup(train_config()));
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
        ck_assert(trainer_samples(watched, 1, 20, 0.8, &random, &text, &n, &error));
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
    write_text("text.txt", 2000, 1);
    Trainer *trainer = create_trainer(text_setup(train_config()));
    char *texts[COUNT];
    size_t n[COUNT];
    Random random;
    Error error = {0};
    random_seed(&random, 9);
    ck_assert_msg(trainer_samples(trainer, COUNT, NEW, 0.8, &random, texts, n, &error), "%s", error.message);
    random_seed(&random, 9);
    for (int i = 0; i < COUNT; i++) {
        char *alone;
        size_t n_alone;
        ck_assert(trainer_samples(trainer, 1, NEW, 0.8, &random, &alone, &n_alone, &error));
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
    Trainer *trainer = create_trainer(text_setup(train_config()));
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
    Trainer *trainer = create_trainer(text_setup(train_config()));
    step(trainer);
    trainer->gpt->ln_f.weight->data[0] = NAN;
    Real *before = weights_of(trainer);
    ck_assert(!trainer_step(trainer, NULL, &row, &error));
    Real *after = weights_of(trainer);
    ck_assert_int_eq(memcmp(before, after, trainer->parameters.values * sizeof *before), 0);
    ck_assert_int_eq(trainer->adamw.step, 1);
    ck_assert_ptr_nonnull(strstr(error.message, "step 2: the loss is "));
    free(before);
    free(after);
    trainer_free(trainer);
}
END_TEST

START_TEST(the_audit_accounts_for_every_parameter)
{
    Trainer *trainer = create_trainer(text_setup(train_config()));
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

START_TEST(a_steady_step_asks_the_system_for_nothing)
{
    Trainer *trainer = create_trainer(text_setup(train_config()));
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

// ------------------------------------------------------------------------------------------------------------
// Going on

static Trainer *load_trainer(const char *folder)
{
    TrainSetup setup;
    Error error = {0};
    ck_assert_msg(train_setup_load(folder, &setup, &error), "%s", error.message);
    Trainer *trainer = create_trainer(setup);
    ck_assert_msg(trainer_load(trainer, folder, &error), "%s", error.message);
    return trainer;
}

static void save_trainer(const Trainer *trainer, const char *folder)
{
    Error error = {0};
    ck_assert(folder_make(folder, &error));
    ck_assert_msg(trainer_save(trainer, folder, &error), "%s", error.message);
}

// Stopped after any number of steps, none and all included.
START_TEST(a_run_that_went_on_is_the_run_that_never_stopped)
{
    Trainer *whole = create_trainer(text_setup(train_config()));
    Trainer *stopped = create_trainer(text_setup(train_config()));
    TrainRow at_end = {0};
    for (int i = 0; i < 8; i++) {
        at_end = step(whole);
    }
    for (int i = 0; i < _i; i++) {
        step(stopped);
    }
    stopped->before = (TrainBefore){2.5, 7, 3};
    save_trainer(stopped, "run");
    trainer_free(stopped);

    Trainer *resumed = load_trainer("run");
    ck_assert_int_eq(resumed->adamw.step, _i);
    ck_assert_double_eq(resumed->before.val_loss, 2.5);
    ck_assert_int_eq(resumed->before.sentences, 7);
    ck_assert_int_eq(resumed->before.well_formed, 3);
    TrainRow row = at_end;
    for (int i = _i; i < 8; i++) {
        row = step(resumed);
    }
    ck_assert(row.loss == at_end.loss && row.grad_norm == at_end.grad_norm && row.lr == at_end.lr);
    assert_same_weights(whole, resumed);
    trainer_free(whole);
    trainer_free(resumed);
}
END_TEST

START_TEST(a_fixed_batch_resumes_too)
{
    Trainer *whole = golden_trainer();
    for (int i = 0; i < 6; i++) {
        step(whole);
        if (i == 2) {
            save_trainer(whole, "run");
        }
    }
    Trainer *resumed = load_trainer("run");
    for (int i = 3; i < 6; i++) {
        step(resumed);
    }
    assert_same_weights(whole, resumed);
    trainer_free(whole);
    trainer_free(resumed);
}
END_TEST

START_TEST(another_text_is_refused)
{
    Trainer *trainer = create_trainer(text_setup(train_config()));
    TrainSetup setup;
    Error error = {0};
    save_trainer(trainer, "run");
    trainer_free(trainer);
    write_text("text.txt", 2000, 2);
    ck_assert(train_setup_load("run", &setup, &error));
    trainer = create_trainer(setup);
    ck_assert(!trainer_load(trainer, "run", &error));
    ck_assert_ptr_nonnull(strstr(error.message, "text.txt: has changed"));
    trainer_free(trainer);
}
END_TEST

// The three dropout probabilities of the model that the run started from.
START_TEST(three_dropouts_are_in_the_checkpoint)
{
    Trainer *trainer = create_trainer(text_setup(train_config()));
    model_dropouts_set(trainer->gpt, (ModelDropouts){.embd = 0.25, .attn = 0, .resid = 0.5});
    save_trainer(trainer, "run");
    trainer_free(trainer);
    trainer = load_trainer("run");
    ModelDropouts dropouts = model_dropouts(trainer->gpt);
    ck_assert_double_eq(dropouts.embd, 0.25);
    ck_assert_double_eq(dropouts.attn, 0);
    ck_assert_double_eq(dropouts.resid, 0.5);
    trainer_free(trainer);
}
END_TEST

// Reads what is left of a checkpoint; true if it could still be used.
static bool try_to_load(void)
{
    TrainSetup setup;
    Error error = {0};
    if (!train_setup_load("run", &setup, &error)) {
        ck_assert_str_ne(error.message, "");
        return false;
    }
    GPT *gpt = gpt_create_blank(&setup.gpt, &error);
    Dataset *data = setup.ids != NULL || gpt == NULL ? NULL : dataset_open(setup.data, setup.tokenizer, NULL, NULL, NULL, &error);
    if (gpt == NULL || (data == NULL && setup.ids == NULL)) {
        train_setup_free(&setup);
        gpt_free(gpt);
        return false;
    }
    Trainer *trainer = trainer_create(setup, gpt, data, &error);
    bool loaded = trainer != NULL && trainer_load(trainer, "run", &error);
    ck_assert(loaded || error.message[0] != '\0');
    trainer_free(trainer);
    return loaded;
}

// Every part of the header damaged in turn, and the file truncated anywhere: an error or harmless, never a crash.
START_TEST(a_damaged_checkpoint_is_reported)
{
    enum { TRIES = 150 };
    char *bytes;
    size_t n;
    Error error = {0};
    Random random;
    Trainer *trainer = create_trainer(text_setup(train_config()));
    step(trainer);
    save_trainer(trainer, "run");
    trainer_free(trainer);
    ck_assert(try_to_load());
    ck_assert(file_read("run/training.safetensors", MOST_TEXT_BYTES, &bytes, &n, &error));
    random_seed(&random, 1);
    uint64_t header;
    memcpy(&header, bytes, sizeof header);
    for (int i = 0; i < TRIES; i++) {
        size_t place = random_bits(&random) % (8 + header);
        char was = bytes[place];
        bytes[place] = (char)random_bits(&random);
        file_write("run/training.safetensors", bytes, n);
        try_to_load();
        bytes[place] = was;
        file_write("run/training.safetensors", bytes, random_bits(&random) % n);
        ck_assert(!try_to_load());
    }
    free(bytes);
}
END_TEST

static void assert_told(const char *what)
{
    TrainSetup setup;
    Error error = {0};
    ck_assert_msg(!train_setup_load("run", &setup, &error), "believed: %s", what);
    ck_assert_msg(strstr(error.message, "run/training.safetensors: ") == error.message && strstr(error.message, what) != NULL, "not '%s': %s", what,
                  error.message);
}

// A single bit anywhere behind the header, which no value shows: weights and means are as good with another last digit.
START_TEST(a_flipped_bit_is_reported)
{
    enum { TRIES = 300 };
    char *bytes;
    size_t n;
    Error error = {0};
    Random random;
    Trainer *trainer = create_trainer(text_setup(train_config()));
    save_trainer(trainer, "run");
    trainer_free(trainer);
    ck_assert(file_read("run/training.safetensors", MOST_TEXT_BYTES, &bytes, &n, &error));
    random_seed(&random, 1);
    uint64_t header;
    memcpy(&header, bytes, sizeof header);
    for (int i = 0; i < TRIES; i++) {
        size_t place = i == 0 ? n - 1 : 8 + header + random_bits(&random) % (n - 8 - header);
        char bit = (char)(1 << i % 8);
        bytes[place] ^= bit;
        file_write("run/training.safetensors", bytes, n);
        assert_told("is damaged: its checksum is ");
        bytes[place] ^= bit;
    }
    free(bytes);
}
END_TEST

static const struct Edit {
    const char *from;
    const char *to; // as long
    const char *what;
} edits[] = {
    {"\"train.lr\":\"0.01", "\"train.lr\":\"0.02", "is damaged: its checksum is "},
    {"\"train.lr\"", "\"train.lt\"", "is damaged: its checksum is "},
    {"\"adamw.m.wpe.weight\"", "\"adamw.n.wpe.weight\"", "is damaged: its checksum is "},
    {"\"dtype\":\"U8\"", "\"dtype\":\"I8\"", "is damaged: its checksum is "},
    {"\"checksum\":\"", "\"checksum\":\"_", "is damaged: its checksum is "},
    {"\"checksum\"", "\"checksun\"", "missing checksum; not a gptape checkpoint, or one of an early version"},
};

// Sound JSON that says something else, whose values all lie where they did.
START_TEST(a_changed_header_is_reported)
{
    const struct Edit *edit = &edits[_i];
    char *bytes;
    size_t n;
    Error error = {0};
    Trainer *trainer = create_trainer(text_setup(train_config()));
    save_trainer(trainer, "run");
    trainer_free(trainer);
    ck_assert(file_read("run/training.safetensors", MOST_TEXT_BYTES, &bytes, &n, &error));
    char *place = strstr(bytes + 8, edit->from);
    ck_assert_msg(place != NULL, "no %s", edit->from);
    memcpy(place, edit->to, strlen(edit->to));
    file_write("run/training.safetensors", bytes, n);
    free(bytes);
    assert_told(edit->what);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// The log

START_TEST(the_log_is_cut_where_the_run_resumes)
{
    TrainRow *rows;
    int n;
    Error error = {0};
    RowTable *log = train_log_open("log.csv", 0, &error);
    ck_assert_msg(log != NULL, "%s", error.message);
    for (int s = 1; s <= 12; s++) {
        TrainRow row = {.step = s, .loss = 1.0 / s, .val_loss = s == 6 ? 0.3 : NAN, .lr = 1e-3, .grad_norm = 2, .tokens_per_s = 3, .ms = 4};
        ck_assert(train_log_add(log, &row, &error));
    }
    ck_assert(row_table_add(log, "13,0.07", 7, &error)); // a kill while it was written
    ck_assert(row_table_close(log, &error));

    log = train_log_open("log.csv", 9, &error);
    ck_assert_msg(log != NULL, "%s", error.message);
    ck_assert_ptr_null(strchr(error.message, '\n'));
    TrainRow row = {.step = 10, .loss = 0.5, .val_loss = NAN};
    ck_assert(train_log_add(log, &row, &error));
    ck_assert(row_table_close(log, &error));
    ck_assert(train_log_read("log.csv", &rows, &n, &error));
    ck_assert_int_eq(n, 10);
    for (int i = 0; i < n; i++) {
        ck_assert_int_eq(rows[i].step, i + 1);
        ck_assert(isnan(rows[i].val_loss) == (i != 5));
    }
    ck_assert_double_eq(rows[9].loss, 0.5);
    ck_assert_double_eq_tol(rows[2].loss, 1.0 / 3, 1e-9);
    free(rows);
}
END_TEST

START_TEST(a_log_of_others_is_left_alone)
{
    TrainRow *rows;
    int n;
    Error error = {0};
    file_write("log.csv", "my,own,table\n1,2,3\n", 19);
    ck_assert_ptr_null(train_log_open("log.csv", 0, &error));
    ck_assert_ptr_nonnull(strstr(error.message, "log.csv: does not begin with step,loss,"));
    ck_assert(!train_log_read("log.csv", &rows, &n, &error));
    char *text;
    size_t bytes;
    ck_assert(file_read("log.csv", MOST_TEXT_BYTES, &text, &bytes, &error));
    ck_assert_str_eq(text, "my,own,table\n1,2,3\n");
    free(text);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// A run in a folder

static bool stop_after_five(void *context)
{
    int *steps = context;
    (*steps)++;
    return *steps == 5;
}

START_TEST(a_run_logs_each_step_once_and_measures_on_its_way)
{
    TrainConfig config = train_config();
    int steps = 0;
    TrainWatcher watcher = {.stop = stop_after_five, .context = &steps};
    TrainRow *rows;
    int n;
    Error error = {0};
    config.gradflow_every = 2;
    Trainer *trainer = create_trainer(text_setup(config));
    ck_assert_msg(train_run(trainer, "run", &watcher, &error), "%s", error.message);
    ck_assert_int_eq(trainer->adamw.step, 5);
    trainer_free(trainer);

    trainer = load_trainer("run");
    ck_assert_int_eq(trainer->adamw.step, 5);
    ck_assert_msg(train_run(trainer, "run", &watcher, &error), "%s", error.message);
    ck_assert(train_log_of("run", &rows, &n, &error));
    ck_assert_int_eq(n, 8);
    for (int i = 0; i < n; i++) {
        bool evaluated = rows[i].step % 3 == 0 || rows[i].step == 8;
        ck_assert_int_eq(rows[i].step, i + 1);
        ck_assert(isnan(rows[i].val_loss) != evaluated);
        ck_assert(rows[i].lr == 0 || fabs(rows[i].lr / train_lr(&config, i) - 1) < 1e-8);
    }
    Experiment experiment;
    ck_assert_msg(train_flow_read(trainer, "run/gradflow.csv", rows, n, &experiment, &error), "%s", error.message);
    ck_assert_int_eq(experiment.n_measurements, 4); // before steps 0, 2, 4, 6
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(experiment.measurements[i].step, 2 * i);
        ck_assert_double_eq(experiment.measurements[i].loss, rows[2 * i].loss);
        ck_assert_double_gt(measurement_metric(&experiment.measurements[i], 1, METRIC_WEIGHT), 0);
        ck_assert_double_gt(measurement_metric(&experiment.measurements[i], 1, METRIC_QUERY_KEY), 0);
    }
    experiment_free(&experiment);
    free(rows);
    trainer_free(trainer);
}
END_TEST

// What is read back from the table is what was measured: to the 9 digits that are written.
START_TEST(the_table_of_gradients_reads_back)
{
    TrainConfig config = train_config();
    TrainRow row;
    GradFlow flow;
    Experiment experiment;
    Error error = {0};
    config.gradflow_every = 1;
    Trainer *trainer = create_trainer(text_setup(config));
    ck_assert(trainer_step(trainer, &flow, &row, &error));
    RowTable *csv = train_flow_open("flow.csv", trainer, -1, &error);
    ck_assert_ptr_nonnull(csv);
    ck_assert(train_flow_add(csv, trainer, 0, &flow, &error));
    ck_assert(row_table_close(csv, &error));
    ck_assert_msg(train_flow_read(trainer, "flow.csv", &row, 1, &experiment, &error), "%s", error.message);
    Measurement measured = {.flow = flow};
    for (int layer = 0; layer < 3; layer++) {
        for (LayerMetric figure = METRIC_WEIGHT; figure <= METRIC_QUERY_KEY; figure++) {
            double expected = measurement_metric(&measured, layer, figure);
            assert_close("figure", measurement_metric(&experiment.measurements[0], layer, figure), expected, 1e-8);
        }
    }
    experiment_free(&experiment);
    gradflow_free(&flow);
    trainer_free(trainer);
}
END_TEST

// A table begun before there were rules is one with them.
START_TEST(columns_are_added_to_an_older_table)
{
    static const char old[] = "run,shortcut,norm,activation,step,layer,name,kind,mean_abs,l2,rms,max_abs,zero_fraction,"
                              "denormal_fraction,token_cosine\n0,on,pre,gelu,0,0,x,weight_grad,1,1,1,1,0,0,\n";
    Error error = {0};
    Trainer *trainer = create_trainer(text_setup(train_config()));
    file_write("flow.csv", old, sizeof old - 1);
    RowTable *csv = train_flow_open("flow.csv", trainer, 5, &error);
    ck_assert_msg(csv != NULL && row_table_close(csv, &error), "%s", error.message);

    char *text;
    size_t n;
    char expected[512];
    snprintf(expected, sizeof expected, "%s0,on,pre,gelu,0,0,x,weight_grad,1,1,1,1,0,0,,pre,%llu,,\n", experiment_csv_header,
             (unsigned long long)trainer->setup.seed);
    ck_assert(file_read("flow.csv", 1e6, &text, &n, &error));
    ck_assert_str_eq(text, expected);
    free(text);
    trainer_free(trainer);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gpt/trainer");
    TCase *tests = case_with_tape(suite, "trainer");
    tcase_add_checked_fixture(tests, setup, folder_leave);
    tcase_add_test(tests, the_update_is_that_of_the_step);
    tcase_add_test(tests, the_learning_rate_is_nanogpts);
    tcase_add_test(tests, the_learning_rate_has_its_edges);
    tcase_add_test(tests, impossible_numbers_are_reported);
    tcase_add_test(tests, its_steps_are_pytorchs);
    tcase_add_test(tests, columns_are_added_to_an_older_table);
    tcase_add_test(tests, accumulated_batches_are_one_large_batch);
    tcase_add_test(tests, it_learns);
    tcase_add_loop_test(tests, watching_disturbs_nothing, 0, 2);
    tcase_add_test(tests, samples_are_the_same_side_by_side);
    tcase_add_test(tests, evaluation_is_the_same_each_time);
    tcase_add_test(tests, a_loss_that_is_not_finite_stops_with_the_weights_as_they_were);
    tcase_add_test(tests, the_audit_accounts_for_every_parameter);
    tcase_add_test(tests, a_steady_step_asks_the_system_for_nothing);
    tcase_add_loop_test(tests, a_run_that_went_on_is_the_run_that_never_stopped, 0, 9);
    tcase_add_test(tests, a_fixed_batch_resumes_too);
    tcase_add_test(tests, another_text_is_refused);
    tcase_add_test(tests, three_dropouts_are_in_the_checkpoint);
    tcase_add_test(tests, a_damaged_checkpoint_is_reported);
    tcase_add_test(tests, a_flipped_bit_is_reported);
    tcase_add_loop_test(tests, a_changed_header_is_reported, 0, sizeof edits / sizeof edits[0]);
    tcase_add_test(tests, the_log_is_cut_where_the_run_resumes);
    tcase_add_test(tests, a_log_of_others_is_left_alone);
    tcase_add_test(tests, a_run_logs_each_step_once_and_measures_on_its_way);
    tcase_add_test(tests, the_table_of_gradients_reads_back);
    return suite_run(suite);
}
