// train_resume.c: gptape train --resume: a run that goes on as it was set up. What is said of it again must be the same.

#include "gpt/cli/train.h"

#include <stdlib.h>
#include <string.h>

// ------------------------------------------------------------------------------------------------------------
// Options that the saved run has otherwise

static bool contradicts(const Options *options, int option, const char *format, double saved)
{
    char number[64];
    snprintf(number, sizeof number, format, saved);
    return option_error(options, option, "the run began with %s, and goes on with it; leave this out", number);
}

// steps is the one number that may be another.
static bool check_numbers(const Options *options, const TrainConfig *saved)
{
    for (int option = OPTION_BATCH; option <= OPTION_SAVE_EVERY; option++) {
        TrainConfig given = *saved;
        if (!options_given(options, option)) {
            continue;
        }
        if (!train_option_read(options, option, NULL, &given)) {
            return false;
        }
        const TrainField *field = train_option_field(options, option);
        double value = train_field_get(saved, field);
        if (train_field_get(&given, field) != value) {
            return contradicts(options, option, "%.9g", value);
        }
    }
    return true;
}

// Is the field that an option sets the same in both?
static bool same_field(int option, const GPTConfig *a, const GPTConfig *b)
{
    switch (option) {
    case OPTION_VOCAB_SIZE:
        return a->vocab_size == b->vocab_size;
    case OPTION_CONTEXT_LENGTH:
        return a->context_length == b->context_length;
    case OPTION_N_LAYER:
        return a->n_layer == b->n_layer;
    case OPTION_N_HEAD:
        return a->n_head == b->n_head;
    case OPTION_N_EMBD:
        return a->n_embd == b->n_embd;
    case OPTION_FF_MULT:
        return a->ff_mult == b->ff_mult;
    case OPTION_DROPOUT:
        return a->dropout == b->dropout;
    case OPTION_QKV_BIAS:
        return a->qkv_bias == b->qkv_bias;
    case OPTION_TIED:
        return a->tied == b->tied;
    case OPTION_SHORTCUT:
        return a->shortcut == b->shortcut;
    case OPTION_NORM:
        return a->norm == b->norm;
    case OPTION_CAUSAL:
        return a->causal == b->causal;
    case OPTION_ACTIVATION:
        return a->activation == b->activation;
    default:
        return a->init == b->init;
    }
}

// The switches given, and with --config all that are not given: what a preset has of them, the run must have, but for the size of the
// vocabulary, which is the text's.
static bool check_model(const Options *options, const GPTConfig *saved)
{
    const GPTPreset *preset;
    GPTConfig given;
    bool named = options_given(options, OPTION_CONFIG);
    if (!named && !options_any_switch(options)) {
        return true;
    }
    if (!options_config(options, DEFAULT_CONFIG, &preset, &given)) {
        return false;
    }
    for (int option = OPTION_VOCAB_SIZE; option <= OPTION_INIT; option++) {
        bool is_given = options_given(options, option);
        bool counts = is_given || (named && option != OPTION_VOCAB_SIZE);
        if (counts && !same_field(option, &given, saved)) {
            return option_error(options, is_given ? option : OPTION_CONFIG, "the run began with another model, and goes on with it; "
                                "leave this out");
        }
    }
    return true;
}

static bool check_batch(const Options *options, const TrainSetup *saved)
{
    int *ids;
    int *targets;
    int rows = 0;
    int length = 0;
    if (!options_by_ids(options)) {
        return true;
    }
    bool read = options_batch(options, &saved->gpt, &ids, &targets, &rows, &length);
    size_t bytes = (size_t)rows * (size_t)length * sizeof *ids;
    bool same = read && saved->ids != NULL && rows == saved->train.accumulate * saved->train.batch
             && length == saved->train.length && memcmp(ids, saved->ids, bytes) == 0 && memcmp(targets, saved->targets, bytes) == 0;
    free(ids);
    free(targets);
    if (read && !same) {
        option_error(options, OPTION_IDS, "the run learns from something else, and goes on with it; leave this out");
    }
    return same;
}

static bool check_tokenizer(const Options *options, const TrainSetup *saved, int *status)
{
    TokenizerKind kind;
    Error error;
    if (options_given(options, OPTION_SPECIAL)) {
        bool on = false;
        if (!options_switch(options, OPTION_SPECIAL, NULL, &on)) {
            return false;
        }
        if (saved->tokenizer == NULL || on != tokenizer_special(saved->tokenizer)) {
            return option_error(options, OPTION_SPECIAL, "the run has the other setting");
        }
    }
    if (!options_given(options, OPTION_TOKENIZER) && !options_given(options, OPTION_VOCAB)) {
        return true;
    }
    int option = options_given(options, OPTION_TOKENIZER) ? OPTION_TOKENIZER : OPTION_VOCAB;
    if (!options_tokenizer_kind(options, TOKENIZER_COUNT, &kind)) {
        return false;
    }
    bool same = saved->tokenizer != NULL && kind == tokenizer_kind(saved->tokenizer);
    if (same && options_given(options, OPTION_VOCAB)) {
        Tokenizer *given = options_gpt2(options, &error);
        if (given == NULL) {
            command_error(options->help->name, "%s", error.message);
            *status = STATUS_FAILED;
            return false;
        }
        same = tokenizer_fingerprint(given) == tokenizer_fingerprint(saved->tokenizer);
        tokenizer_free(given);
    }
    return same || option_error(options, option, "the run began with another tokenizer, and goes on with it; leave this out");
}

// A text that was moved may be named anew: whether it is the same, its tokens tell.
static bool check_sources(const Options *options, TrainSetup *saved)
{
    if (options_given(options, OPTION_DATA) && saved->data == NULL) {
        return option_error(options, OPTION_DATA, "the run does not learn from a file; leave this out");
    }
    if (options_given(options, OPTION_DATA)) {
        free(saved->data);
        saved->data = path_real(options->values[OPTION_DATA]);
    }
    if (options_given(options, OPTION_MODEL)) {
        char *model = path_real(options->values[OPTION_MODEL]);
        bool same = saved->model != NULL && strcmp(saved->model, model) == 0;
        free(model);
        return same || option_error(options, OPTION_MODEL, "the run did not start from that model, and goes on with its own; leave this out");
    }
    return true;
}

static bool check_seed(const Options *options, const TrainSetup *saved)
{
    uint64_t seed = saved->seed;
    if (options_given(options, OPTION_SEED) && !options_seed(options, &seed)) {
        return false;
    }
    return seed == saved->seed || contradicts(options, OPTION_SEED, "%.0f", (double)saved->seed);
}

static bool check_all(const Options *options, TrainSetup *saved, int *status)
{
    return check_numbers(options, &saved->train) && check_model(options, &saved->gpt) && check_batch(options, saved)
        && check_tokenizer(options, saved, status) && check_sources(options, saved) && check_seed(options, saved)
        && (!options_given(options, OPTION_STEPS) || train_option_read(options, OPTION_STEPS, NULL, &saved->train));
}

// ------------------------------------------------------------------------------------------------------------
// The run

// The last of runs/1, runs/2, ... that holds a run; the first if none does, for a message.
static char *last_run(void)
{
    enum { MOST_RUNS = 100000, NAME = 32 };
    char *folder = memory_allocate(NAME, "a folder's name");
    int last = 1;
    for (int i = 1, missing = 0; i < MOST_RUNS && missing < 100; i++) {
        snprintf(folder, NAME, "%s/%d", RUNS, i);
        bool there = train_folder_has_run(folder);
        last = there ? i : last;
        missing = there ? 0 : missing + 1;
    }
    snprintf(folder, NAME, "%s/%d", RUNS, last);
    return folder;
}

// Takes setup. The text is called as it was on this command line, if it was.
static Trainer *make_trainer(const Options *options, const TrainPlan *plan, TrainSetup *setup, Error *error)
{
    Dataset *data = NULL;
    if (setup->ids == NULL) {
        const char *named = options->values[OPTION_DATA];
        data = dataset_open(named != NULL ? named : setup->data, setup->tokenizer, plan->folder, NULL, NULL, error);
    }
    GPT *gpt = data == NULL && setup->ids == NULL ? NULL : gpt_create_blank(&setup->gpt, error);
    if (gpt == NULL) {
        dataset_free(data);
        train_setup_free(setup);
        return NULL;
    }
    gpt->recompute = plan->recompute;
    Trainer *trainer = trainer_create(*setup, gpt, data, error);
    if (trainer != NULL && !trainer_load(trainer, plan->folder, error)) {
        trainer_free(trainer);
        return NULL;
    }
    return trainer;
}

// The learning rate's schedule stays what it was: beyond its end the smallest goes on.
static bool check_steps(const Options *options, const Trainer *trainer)
{
    const TrainConfig *config = &trainer->setup.train;
    int made = trainer->adamw.step;
    if (config->steps < made) {
        return option_error(options, OPTION_STEPS, "is less than the %d steps that were made already", made);
    }
    if (config->steps == made) {
        command_note(options, "no step is left of %d; --steps N makes more", made);
    } else if (config->steps > config->decay_steps) {
        command_note(options, "the learning rate comes down to %g at step %d, as it was set up, and stays there", config->min_lr,
                     config->decay_steps);
    }
    return true;
}

bool train_plan_resume(const Options *options, TrainPlan *plan, int *status)
{
    TrainSetup setup;
    Error error;
    plan->folder = options_given(options, OPTION_OUT) ? memory_copy_text(options->values[OPTION_OUT]) : last_run();
    *status = STATUS_USAGE;
    if (!options_threads(options) || !options_switch(options, OPTION_RECOMPUTE, "off", &plan->recompute)
        || !options_precision(options, status)) {
        return false;
    }
    if (!train_folder_has_run(plan->folder)) {
        command_error(options->help->name, "%s: holds no run that could go on; name its folder with --out", plan->folder);
        *status = STATUS_FAILED;
        return false;
    }
    if (!train_setup_load(plan->folder, &setup, &error)) {
        command_error(options->help->name, "%s", error.message);
        *status = STATUS_FAILED;
        return false;
    }
    if (!check_all(options, &setup, status) || !train_check_recompute(options, plan, &setup.train)) {
        train_setup_free(&setup);
        return false;
    }
    plan->trainer = make_trainer(options, plan, &setup, &error);
    if (plan->trainer == NULL) {
        command_error(options->help->name, "%s", error.message);
        *status = STATUS_FAILED;
        return false;
    }
    return check_steps(options, plan->trainer);
}
