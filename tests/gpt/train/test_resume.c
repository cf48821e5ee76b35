// test_resume.c: a run that is stopped and resumed, damaged checkpoints, the log, and the table of gradients.

#include "gpt/store/model_files.h"
#include "gpt/train/run_files.h"
#include "tests/gpt/train/train_test.h"

// ------------------------------------------------------------------------------------------------------------
// Going on

static void save_trainer(const Trainer *trainer, const char *folder)
{
    Error error = {0};
    ck_assert(folder_make(folder, &error));
    ck_assert_msg(trainer_save(trainer, folder, &error), "%s", error.message);
}

// Stopped after any number of steps, none and all included.
START_TEST(a_run_that_went_on_is_the_run_that_never_stopped)
{
    Trainer *whole = text_trainer();
    Trainer *stopped = text_trainer();
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
    Trainer *trainer = text_trainer();
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
    Trainer *trainer = text_trainer();
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

// The bytes of a saved checkpoint, which the caller frees, and how many of them are the header.
static char *checkpoint(size_t *n, uint64_t *header)
{
    char *bytes;
    Error error = {0};
    Trainer *trainer = text_trainer();
    step(trainer);
    save_trainer(trainer, "run");
    trainer_free(trainer);
    ck_assert(file_read("run/training.safetensors", MOST_TEXT_BYTES, &bytes, n, &error));
    memcpy(header, bytes, sizeof *header);
    return bytes;
}

// Every part of the header damaged in turn, and the file truncated anywhere: an error or harmless, never a crash.
START_TEST(a_damaged_checkpoint_is_reported)
{
    enum { TRIES = 150 };
    size_t n;
    uint64_t header;
    char *bytes = checkpoint(&n, &header);
    Random random = seeded(1);
    ck_assert(try_to_load());
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
    size_t n;
    uint64_t header;
    char *bytes = checkpoint(&n, &header);
    Random random = seeded(1);
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
    size_t n;
    uint64_t header;
    char *bytes = checkpoint(&n, &header);
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
    ck_assert(train_log_of(".", &rows, &n, &error));
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
    ck_assert(!train_log_of(".", &rows, &n, &error));
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
    Trainer *trainer = text_trainer();
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
    Suite *suite = suite_create("resume");
    TCase *tests = case_with_tape(suite, "trainer");
    tcase_add_checked_fixture(tests, setup, folder_leave);
    tcase_add_test(tests, columns_are_added_to_an_older_table);
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
    suite_prepare_products();
    return suite_run(suite);
}
