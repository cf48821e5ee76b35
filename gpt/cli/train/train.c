// train.c: gptape train: trains a GPT on a text, in a folder from which the run can be resumed.

#include "gpt/cli/train/train.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const OptionRow data_rows[] = {
    {"data", "FILE", NULL, "UTF-8 text to train on; a byte order mark is skipped (default: stories from a grammar)"},
    {"ids", "1,2,3;4,5,6", NULL, "one batch of token ids for every step instead, rows separated by ;"},
    {"targets", "2,3,4;5,6,7", NULL, "the token that follows each of them"},
    {"task", "NAME", NULL, "synthetic rows instead of a text: copy, shift:K or modular:K, drawn for each step"},
    {"out", "DIR", NULL, "folder of the run (default: a new one, " RUNS "/1, " RUNS "/2, ...)"},
    {"timeline", "FILE", NULL, "plot of the last step: what each rank computes and sends, and when (.png, .svg, .pdf or .gp)"},
    {"resume", NULL, NULL, "resume the run in --out (default: the last in " RUNS ")"},
    {0},
};

static const OptionExclusion train_exclusions[] = {
    {IF_GIVEN, {"task"}, {"data", "ids", "targets", "tokenizer", "vocab", "sample-every"}, "--task draws the batch; leave one out"},
    {IF_GIVEN,
     {"ids", "targets"},
     {"data", "tokenizer", "vocab", "eval-every", "eval-batches", "sample-every"},
     "for a text, but --ids gives every step's batch; leave one out"},
    {0},
};

const CommandHelp train_help = {
    .name = "train",
    .summary = "train a GPT on a text, with checkpoints and resume",
    .about = "Trains a GPT on 90% of a text; 10% is for validation. The run's folder then holds the model in GPT-2's file format\n"
             "(model.safetensors, config.json, the tokenizer), log.csv with a row per step, the loss curve loss.png, and\n"
             "training.safetensors, from which --resume continues bit for bit. Ctrl-C finishes the step and saves. With --resume only\n"
             "--steps and the options of computing may differ. Under mpirun, several processes share each step, and rank 0 writes.",
    .examples = "  gptape train\n"
                "  gptape train --data shakespeare.txt --out shakespeare\n"
                "  gptape train --out shakespeare --resume\n"
                "  mpirun -n 4 gptape train --data shakespeare.txt --out shared\n"
                "  gptape train --shortcut off --gradflow-every 20 --steps 400\n"
                "  gptape train --model gpt2 --data mine.txt --out mine --batch 2 --length 128 --steps 100\n"
                "  gptape train --config flow --task shift:1 --length 32 --steps 300 --out shift\n"
                "  gptape train --config tiny --ids \"1,2,3;4,5,6\" --targets \"2,3,4;5,6,7\" --steps 20 --out fixed\n",
    .groups =
        {
            {.title = "Data and folder:", .rows = data_rows},
            {.title = "Training:", .fields = train_fields, .n_fields = &train_field_count, .show_defaults = true},
            {.rows = probe_option_rows},
            {.title = "Text (default: chars, and gpt2 for a model of 50257 tokens):", .rows = tokenizer_rows},
            {.title = "Model to start from (only --dropout can change):", .rows = saved_model_rows},
            MODEL_GROUP("Or a new one (default: --config " DEFAULT_CONFIG ", vocabulary from the text):"),
            {.title = "Random numbers (the seed also draws batches and dropout):", .rows = seed_rows},
            {.title = "Computing (may differ with --resume):", .rows = compute_rows},
        },
    .computes = true,
    .exclusions = train_exclusions,
    .on_ranks = true,
};

// ------------------------------------------------------------------------------------------------------------
// Callbacks of the run

typedef struct Watch {
    const Options *options;
    Progress progress;
    int first_step; // steps made before this command
    Random random;  // draws the samples: no step depends on them
    bool json;
} Watch;

static bool is_asked_to_stop(void *context)
{
    (void)context;
    return interrupted();
}

// Counts every parameter, once: a graph that is cut somewhere is a common bug that goes unnoticed.
static void report_audit(const Options *options, const Trainer *trainer)
{
    TrainAudit audit = trainer_audit(trainer);
    int n = trainer->parameters.count;
    if (audit.lost[0] == '\0') {
        command_note(options, "all %d parameter tensors got a gradient in the first step", n);
        return;
    }
    command_note(options,
                 "the first step's gradients of the %d parameter tensors: %d reached, %d all zero, %d not finite, %d never on "
                 "the tape; the first that was not reached is %s (%s)",
                 n, audit.count[FLOW_REACHED], audit.count[FLOW_ALL_ZERO], audit.count[FLOW_NAN], audit.count[FLOW_NEVER], audit.lost,
                 flow_reach_name(audit.how));
}

static void on_step(const Trainer *trainer, const TrainRow *row, void *context)
{
    Watch *watch = context;
    if (row->step == watch->first_step + 1) {
        report_audit(watch->options, trainer);
    }
    progress_detail(&watch->progress, "loss %.4f, %.0f tokens/s", row->loss, row->tokens_per_s);
    progress_update(row->step, trainer->setup.train.steps, &watch->progress);
}

static void on_evaluation(const Trainer *trainer, const double loss[SPLIT_COUNT], void *context)
{
    Watch *watch = context;
    command_note(watch->options, "step %d: training loss %.4f, validation loss %.4f", trainer->adamw.step, loss[SPLIT_TRAIN], loss[SPLIT_VAL]);
}

static void on_sample(Trainer *trainer, void *context)
{
    enum { SAMPLE_TOKENS = 200 };
    Watch *watch = context;
    Error error;
    AUTO_FREE char *text = NULL;
    size_t n;
    if (watch->json || trainer->setup.tokenizer == NULL) {
        return;
    }
    if (!trainer_samples(trainer, 1, SAMPLE_TOKENS, &watch->random, &text, &n, &error)) {
        command_note(watch->options, "no sample after step %d: %s", trainer->adamw.step, error.message);
        return;
    }
    printf("After step %d:\n\n", trainer->adamw.step);
    train_print_sample(trainer, text, n);
    flush_stdout();
}

// ------------------------------------------------------------------------------------------------------------
// The run

static void print_notes(const Options *options, const TrainPlan *plan)
{
    const Trainer *trainer = plan->trainer;
    const GPTConfig *config = &trainer->setup.gpt;
    command_note(options, "%s: %s parameters, %d layer%s, width %d, context %d, vocabulary %d%s", plan->folder,
                 THOUSANDS((double)gpt_cost(config, 1, 1).parameters), config->n_layer, plural(config->n_layer), config->n_embd,
                 config->context_length, config->vocab_size, config->shortcut ? "" : ", no shortcuts");
    options_precision_note(options);
    if (trainer->setup.task != NULL) {
        command_note(options, "%s: %d symbols", trainer->setup.task->name, trainer->setup.task->n_symbols);
    }
    if (trainer->data == NULL) {
        return;
    }
    command_note(options, "%s: %s tokens for training, %s for validation; %s", trainer->data->name,
                 THOUSANDS((double)dataset_tokens(trainer->data, SPLIT_TRAIN)), THOUSANDS((double)dataset_tokens(trainer->data, SPLIT_VAL)),
                 tokenizer_name(tokenizer_kind(trainer->setup.tokenizer)));
    if (trainer->data->note.message[0] != '\0') {
        command_note(options, "%s", trainer->data->note.message);
    }
}

// A log that was lost starts again where the run is resumed: its curve is not that of the whole run.
static void note_lost_rows(const Options *options, const TrainPlan *plan)
{
    AUTO_FREE TrainRow *rows = NULL;
    int n;
    Error error;
    int made = plan->trainer->adamw.step;
    int kept = 0;
    if (made > 0 && train_log_of(plan->folder, &rows, &n, &error)) {
        for (int i = 0; i < n; i++) {
            kept += rows[i].step <= made;
        }
    }
    if (kept < made) {
        command_note(options, "%s/log.csv: has rows of %d of the %d step%s done so far; it continues with step %d", plan->folder, kept, made,
                     plural(made), made + 1);
    }
}

// The model before training, for comparison.
static bool look_before(const Options *options, Trainer *trainer, Error *error)
{
    enum { SAMPLES_BEFORE = 5 }; // their sentences are short
    Samples samples;
    if (!trainer_validates(trainer) || trainer->adamw.step > 0) {
        return true;
    }
    int V = trainer->setup.task != NULL ? trainer->setup.task->n_symbols : trainer->setup.gpt.vocab_size;
    trainer->before.val_loss = trainer_evaluate(trainer, SPLIT_VAL);
    command_note(options, "step 0: validation loss %.4f; uniform guessing has ln %d = %.4f", trainer->before.val_loss, V, log(V));
    if (!train_learns_stories(trainer)) {
        return true;
    }
    if (!train_samples(trainer, SAMPLES_BEFORE, &samples, error)) {
        return false;
    }
    trainer->before.sentences = samples.stories.sentences;
    trainer->before.well_formed = samples.stories.well_formed;
    samples_free(&samples);
    return true;
}

// Also draws a run that failed after some steps. A plot that can't be drawn makes the command fail, unless only gnuplot is missing.
static bool draw(const Options *options, const TrainPlan *plan, bool failed)
{
    Error error;
    if (train_draw(plan->trainer, plan->folder, &error)) {
        command_note(options, "drew %s/loss.png%s", plan->folder,
                     plan->trainer->setup.train.gradflow_every > 0 ? " and gradflow.png beside it" : "");
        return true;
    }
    if (failed || strcmp(error.field, "gnuplot") == 0) {
        command_note(options, "no plot: %s", error.message);
        return true;
    }
    command_error(options->help->name, "no plot: %s", error.message);
    return command_stop(STATUS_FAILED);
}

// On all ranks.
static bool draw_timeline(const Options *options, const TrainPlan *plan)
{
    Error error;
    const char *path = options_text(options, "timeline");
    if (path == NULL || plan->trainer->times.end == 0 || train_draw_timeline(plan->trainer, path, &error)) {
        return true;
    }
    command_error(options->help->name, "no timeline: %s", error.message);
    return command_stop(STATUS_FAILED);
}

static bool check_timeline(const Options *options)
{
    Error error;
    const char *path = options_text(options, "timeline");
    return path == NULL
        || ((plot_path_check(path, &error) || option_error(options, "timeline", "%s", error.message)) && options_output(options, "timeline", path));
}

static bool run(const Options *options, TrainPlan *plan)
{
    Trainer *trainer = plan->trainer;
    Error error;
    Watch watch = {.options = options, .json = options_given(options, "json"), .first_step = trainer->adamw.step};
    TrainWatcher watcher = {on_step, on_evaluation, on_sample, is_asked_to_stop, &watch};
    Tape *tape = tape_create();
    double started = clock_seconds();
    random_seed(&watch.random, trainer->setup.seed + 2);
    train_note_ranks(options, plan);
    print_notes(options, plan);
    note_lost_rows(options, plan);
    interrupt_watch();
    bool done = ranks_agree(ranks_rank() > 0 || look_before(options, trainer, &error), &error);
    watch.progress = progress_begin(options, "steps");
    watch.progress.done_before = watch.first_step;
    done = done && train_run(trainer, plan->folder, &watcher, &error);
    bool drawn = !done || draw_timeline(options, plan);
    if (ranks_rank() == 0 && trainer->adamw.step > (done ? 0 : watch.first_step)) {
        drawn = draw(options, plan, !done) && drawn;
    }
    bool stopped = done && trainer->adamw.step < trainer->setup.train.steps;
    if (stopped) {
        command_note(options, "stopped and saved after step %d of %d; resume with: gptape train --out %s --resume", trainer->adamw.step,
                     trainer->setup.train.steps, plan->folder);
        command_stop(interrupt_status());
    } else {
        done = (done && (ranks_rank() > 0 || train_report(options, trainer, plan->folder, clock_seconds() - started, &error)))
            || report_failure(options, &error);
    }
    tape_free(tape);
    return done && drawn && !stopped;
}

// Probes measure what --gradflow-every measures.
static bool set_probes(const Options *options, Trainer *trainer, const Probe *probes[PROBES_MOST], int n)
{
    trainer->n_probes = n;
    memcpy(trainer->probes, probes, (size_t)n * sizeof *probes);
    if (n > 0 && trainer->setup.train.gradflow_every == 0) {
        return option_error(options, "probe", "measured every --gradflow-every steps (expected that, too)");
    }
    return n == 0 || ranks_count() == 1 || option_error(options, "probe", "measures on one rank only, not on %d", ranks_count());
}

static bool report_faults(const Options *options, const Trainer *trainer)
{
    for (int i = 0; i < trainer->probed.n_faults; i++) {
        options_probe_fault(options, &trainer->probed.faults[i], "");
    }
    return trainer->probed.n_faults == 0;
}

int command_train(const Options *options)
{
    TrainPlan plan = {.lock = -1};
    const Probe *probes[PROBES_MOST];
    int n_probes = 0;
    const char *timeline = options_text(options, "timeline");
    bool done = check_timeline(options) && options_probes(options, probes, &n_probes)
             && (options_given(options, "resume") ? train_plan_resume : train_plan_new)(options, &plan)
             && (timeline == NULL || options_apart(options, "timeline", timeline, "out", plan.folder)) // which only the plan knows
             && set_probes(options, plan.trainer, probes, n_probes);
    if (done) {
        done = run(options, &plan);
        done = (n_probes == 0 || report_faults(options, plan.trainer)) && done;
    }
    train_plan_free(&plan);
    return command_status(done);
}
