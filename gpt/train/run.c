// run.c: a run in its folder: its steps, and the logging, measuring and saving between them.

#include "gpt/base/base.h"
#include "gpt/plot/plot.h"
#include "gpt/store/store.h"
#include "gpt/train/run_files.h"
#include "tensor/unwind.h"

#include <math.h>
#include <unistd.h>

static const double SAVE_SECONDS = 600; // between checkpoints at most, however long a step takes

typedef struct Run {
    Trainer *trainer;
    const char *folder;
    const TrainWatcher *watcher;
    RowTable *log;
    RowTable *flow; // NULL without gradflow_every
    int saved_step;
    double saved_at; // seconds
    bool first;      // is this rank 0, the only writer?
} Run;

bool train_folder_has_run(const char *folder)
{
    REQUIRE(folder);
    return file_exists(folder, TRAINING_FILE);
}

static bool check_empty(const char *folder, Error *error)
{
    static const char *const names[] = {LOG_FILE, FLOW_FILE, "model.safetensors", "config.json"};
    if (train_folder_has_run(folder)) {
        return error_set(error, "%s: holds another run (expected --resume, or another --out)", folder);
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (file_exists(folder, names[i])) {
            return error_set(error, "%s: has a file %s, which would be overwritten (expected another --out)", folder, names[i]);
        }
    }
    return true;
}

int train_folder_make(const char *folder, Error *error)
{
    REQUIRE(folder);
    int lock = folder_make(folder, error) ? folder_lock(folder, error) : -1;
    if (lock >= 0 && !check_empty(folder, error)) {
        folder_unlock(lock);
        return -1;
    }
    return lock;
}

void train_folder_remove(const char *folder)
{
    REQUIRE(folder);
    AUTO_FREE char *tokens = path_in(folder, "data.bin");
    unlink(tokens);
    rmdir(folder);
}

// ------------------------------------------------------------------------------------------------------------
// Between steps

// 0 means never.
static bool is_due(int step, int every)
{
    return every > 0 && step % every == 0;
}

// The checkpoint first: a run is resumed from this one file.
static bool save(Run *run, Error *error)
{
    if (!run->first) {
        return true;
    }
    if (!trainer_save(run->trainer, run->folder, error) || !gpt_save(run->trainer->gpt, run->trainer->setup.tokenizer, run->folder, error)) {
        return false;
    }
    run->saved_step = run->trainer->adamw.step;
    run->saved_at = clock_seconds();
    return true;
}

static double evaluate(Run *run)
{
    Trainer *trainer = run->trainer;
    double loss[SPLIT_COUNT];
    for (int split = 0; split < SPLIT_COUNT; split++) {
        loss[split] = trainer_evaluate(trainer, (DatasetSplit)split);
    }
    if (run->watcher->on_evaluation != NULL) {
        run->watcher->on_evaluation(trainer, loss, run->watcher->context);
    }
    return loss[SPLIT_VAL];
}

// One step with its measurement and its row of the log.
static bool make_step(Run *run, TrainRow *row, Error *error)
{
    Trainer *trainer = run->trainer;
    const TrainConfig *config = &trainer->setup.train;
    int before = trainer->adamw.step;
    GradFlow flow = {0};
    bool measures = is_due(before, config->gradflow_every);
    double started = clock_seconds();
    bool made = trainer_step(trainer, measures ? &flow : NULL, row, error);
    double passed = clock_seconds() - started;
    row->ms = 1000 * passed;
    row->tokens_per_s = (double)config->batch * config->length * config->accumulate / passed;
    made = made && (!measures || !run->first || train_flow_add(run->flow, trainer, before, &flow, error));
    gradflow_free(&flow);
    if (!made || !run->first) {
        return made;
    }
    bool last = row->step == config->steps;
    if (trainer_validates(trainer) && (last || is_due(row->step, config->eval_every))) {
        row->val_loss = evaluate(run);
    }
    return train_log_add(run->log, row, error);
}

static void tell(const Run *run, const TrainRow *row)
{
    const TrainWatcher *watcher = run->watcher;
    if (watcher->on_step != NULL) {
        watcher->on_step(run->trainer, row, watcher->context);
    }
    if (watcher->on_sample != NULL && is_due(row->step, run->trainer->setup.train.sample_every)) {
        watcher->on_sample(run->trainer, watcher->context);
    }
}

// What a rank has to do after a step: all ranks do the largest of these.
typedef enum NextAction { GO_ON, SAVE, STOP, FAILED } NextAction;

static NextAction next_action(const Run *run, bool made)
{
    const TrainWatcher *watcher = run->watcher;
    if (made && watcher->stop != NULL && watcher->stop(watcher->context)) {
        return STOP;
    }
    bool long_ago = run->first && clock_seconds() - run->saved_at > SAVE_SECONDS;
    return !made ? FAILED : long_ago ? SAVE : GO_ON;
}

// With FAILED, each rank has an error.
static NextAction settle(NextAction own, Error *error)
{
    AUTO_FREE NextAction *all = ranks_gather(&own, sizeof own);
    NextAction worst = own;
    for (int i = 0; i < ranks_count(); i++) {
        worst = all[i] > worst ? all[i] : worst;
    }
    if (worst == FAILED) {
        ranks_agree(own != FAILED, error);
    }
    return worst;
}

static bool make_steps(Run *run, Error *error)
{
    const TrainConfig *config = &run->trainer->setup.train;
    NextAction next = GO_ON;
    if (run->trainer->adamw.step >= config->steps) {
        return ranks_agree(save(run, error), error); // a kill between checkpoint and model may have left an older model
    }
    while (run->trainer->adamw.step < config->steps && next < STOP) {
        TrainRow row;
        bool made = make_step(run, &row, error);
        if (made && run->first) {
            tell(run, &row);
        }
        next = settle(next_action(run, made), error);
        bool due = next != GO_ON || row.step == config->steps || is_due(row.step, config->save_every);
        if (next != FAILED && due && !ranks_agree(save(run, error), error)) {
            next = FAILED;
        }
    }
    return next != FAILED;
}

// ------------------------------------------------------------------------------------------------------------
// The run

// Before anything in the folder is written, unless the caller of train_run has done so already.
static bool lock(Run *run, Error *error)
{
    if (run->trainer->folder_lock < 0) {
        run->trainer->folder_lock = folder_lock(run->folder, error);
    }
    return run->trainer->folder_lock >= 0;
}

static bool begin(Run *run, Error *error)
{
    const Trainer *trainer = run->trainer;
    int step = trainer->adamw.step;
    run->saved_step = step;
    run->saved_at = clock_seconds();
    if (!run->first) {
        return true;
    }
    if (!folder_make(run->folder, error) || !lock(run, error) || (!file_exists(run->folder, TRAINING_FILE) && !save(run, error))) {
        return false;
    }
    AUTO_FREE char *log = path_in(run->folder, LOG_FILE);
    AUTO_FREE char *flow = path_in(run->folder, FLOW_FILE);
    run->log = train_log_open(log, step, error);
    if (run->log != NULL && trainer->setup.train.gradflow_every > 0) {
        run->flow = train_flow_open(flow, trainer, step - 1, error); // steps are counted from 0 there
    }
    return run->log != NULL && (run->flow != NULL || trainer->setup.train.gradflow_every == 0);
}

// After a failure, so that the next run can write to the folder.
static void close_tables(void *object)
{
    const Run *run = object;
    row_table_close(run->flow, NULL);
    row_table_close(run->log, NULL);
}

bool train_run(Trainer *trainer, const char *folder, const TrainWatcher *watcher, Error *error)
{
    REQUIRE(trainer, folder);
    static const TrainWatcher nobody;
    Run run = {.trainer = trainer, .folder = folder, .watcher = watcher != NULL ? watcher : &nobody, .first = ranks_rank() == 0};
    Error why;
    int frame = unwind_begin();
    unwind_add_on_failure(close_tables, &run);
    bool done = trainer_check_ranks(trainer, &why) && ranks_agree(begin(&run, &why), &why) && make_steps(&run, &why);
    unwind_end(frame);
    done = row_table_close(run.flow, done ? &why : NULL) && done;
    if (!row_table_close(run.log, done ? &why : NULL) || !done) {
        bool saved = file_exists(folder, TRAINING_FILE);
        return saved ? error_set(error, "%.350s; %.100s has the checkpoint of step %d", why.message, folder, run.saved_step)
                     : error_set(error, "%s", why.message);
    }
    return true;
}

// ------------------------------------------------------------------------------------------------------------
// Plots

// "Trained on stories. GPT, 4 blocks, width 128, ...": the caption.
static void describe(const Trainer *trainer, char *text, size_t n)
{
    const GPTConfig *gpt = &trainer->setup.gpt;
    const TrainConfig *config = &trainer->setup.train;
    const BatchSource *source = &trainer->setup.batches;
    const char *data = trainer->data != NULL ? trainer->data->name
                     : source->fill == NULL  ? "a fixed batch"
                     : source->name != NULL  ? source->name
                                             : "made batches";
    number_format(text, n,
                  "Trained on %s. GPT, %d block%s, width %d, %d head%s, context %d, residual rule %s. AdamW, %d × %d row%s of %d "
                  "token%s a step, learning rate up to %g, weight decay %g. Seed %llu.",
                  data, gpt->n_layer, plural(gpt->n_layer), gpt->n_embd, gpt->n_head, plural(gpt->n_head), gpt->context_length,
                  residual_text(gpt_rule(gpt)), config->accumulate, config->batch, plural(config->batch), config->length, plural(config->length),
                  config->lr, config->weight_decay, (unsigned long long)trainer->setup.seed);
}

static bool draw_probe(const Experiment *experiment, const Probe *probe, const char *folder, Error *error)
{
    char name[PROBE_NAME];
    snprintf(name, sizeof name, "gradflow-%s.png", probe->name);
    AUTO_FREE char *picture = path_in(folder, name);
    return plot_probe(experiment, probe, picture, error);
}

static bool draw_flow(const Trainer *trainer, const char *folder, const TrainRow *rows, int n, Error *error)
{
    Experiment experiment;
    AUTO_FREE char *csv = path_in(folder, FLOW_FILE);
    AUTO_FREE char *picture = path_in(folder, "gradflow.png");
    if (!train_flow_read(trainer, csv, rows, n, &experiment, error)) {
        return false;
    }
    bool drawn = experiment.n_measurements < 2 || plot_heatmap(&experiment, picture, error);
    for (int i = 0; drawn && i < probe_count; i++) {
        drawn = !probe_has_numbers(&experiment, probe_table[i]) || draw_probe(&experiment, probe_table[i], folder, error);
    }
    experiment_free(&experiment);
    return drawn;
}

bool train_draw(const Trainer *trainer, const char *folder, Error *error)
{
    REQUIRE(folder);
    AUTO_FREE TrainRow *rows = NULL;
    int n;
    char what[512];
    AUTO_FREE char *picture = path_in(folder, "loss.png");
    double guess = trainer->setup.batches.guess_loss > 0 ? trainer->setup.batches.guess_loss : NAN;
    describe(trainer, what, sizeof what);
    return train_log_of(folder, &rows, &n, error) && (n == 0 || plot_loss_guess(rows, n, trainer->before.val_loss, guess, what, picture, error))
        && (trainer->setup.train.gradflow_every == 0 || draw_flow(trainer, folder, rows, n, error));
}
