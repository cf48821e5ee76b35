// resume.c: gptape train --resume: a run is resumed as it was set up. An option given again must have the same value.

#include "gpt/cli/train/train.h"

#include <stdlib.h>
#include <string.h>

// ------------------------------------------------------------------------------------------------------------
// Options that contradict the saved run

static bool contradicts(const Options *options, const char *name, const char *saved)
{
    return option_error(options, name, "the run started with %s, which cannot change; leave it out", saved);
}

static bool check_field(const Options *options, const ConfigField *field, const void *given, const void *saved)
{
    return config_field_equal(field, given, saved)
        || contradicts(options, OPTION_NAME(field), config_field_text(field, saved, (char[FIELD_BUFFER]){""}));
}

// Every field given must be as saved, except steps.
static bool check_numbers(const Options *options, const TrainConfig *saved)
{
    bool same = true;
    for (int i = 0; i < train_field_count && same; i++) {
        const ConfigField *field = &train_fields[i];
        TrainConfig given = *saved;
        if (strcmp(field->name, "steps") != 0 && options_field_given(options, field)) {
            bool shared = strcmp(field->name, "accumulate") == 0;
            same = (shared ? train_read_accumulate(options, &given) : options_field(options, field, &given))
                && check_field(options, field, &given, saved);
        }
    }
    return same;
}

// The fields given, and with --config all of the preset's except the vocabulary size, which is the text's, must be as saved.
static bool check_model(const Options *options, const GPTConfig *saved)
{
    const GPTPreset *preset;
    GPTConfig given;
    bool named = options_given(options, "config");
    bool same = true;
    if (!named && !options_any_field(options)) {
        return true;
    }
    if (!options_config(options, DEFAULT_CONFIG, &preset, &given)) {
        return false;
    }
    for (int i = 0; i < gpt_field_count && same; i++) {
        const ConfigField *field = &gpt_fields[i];
        if (options_field_given(options, field) && field->kind == FIELD_TEXT) { // one rule has several spellings
            same = gpt_rule(&given) == gpt_rule(saved) || contradicts(options, "residual", residual_name(gpt_rule(saved)));
        } else if (options_field_given(options, field)) {
            same = check_field(options, field, &given, saved);
        } else if (named && strcmp(field->name, "vocab_size") != 0 && !config_field_equal(field, &given, saved)) {
            same = option_error(options, "config", "%s has a different %s from the run's %s; leave it out", preset->name, OPTION_NAME(field),
                                config_field_text(field, saved, (char[FIELD_BUFFER]){""}));
        }
    }
    return same;
}

static bool check_batch(const Options *options, const TrainSetup *saved)
{
    AUTO_FREE int *ids = NULL;
    AUTO_FREE int *targets = NULL;
    int rows = 0;
    int length = 0;
    if (!options_by_ids(options)) {
        return true;
    }
    if (!options_batch(options, &saved->gpt, &ids, &targets, &rows, &length)) {
        return false;
    }
    size_t bytes = (size_t)rows * (size_t)length * sizeof *ids;
    return (saved->ids != NULL && rows == saved->train.accumulate * saved->train.batch && length == saved->train.length
            && memcmp(ids, saved->ids, bytes) == 0 && memcmp(targets, saved->targets, bytes) == 0)
        || option_error(options, "ids", "the run trains on other data, which cannot change; leave it out");
}

static bool check_tokenizer(const Options *options, const TrainSetup *saved)
{
    TokenizerKind kind;
    Error error;
    bool special = saved->tokenizer != NULL && tokenizer_special(saved->tokenizer);
    bool given_special = special;
    if (!options_switch(options, "special", &given_special)) {
        return false;
    }
    if (given_special != special) {
        return contradicts(options, "special", special ? "on" : "off");
    }
    if (!options_tokenizer_given(options)) {
        return true;
    }
    const char *option = options_given(options, "tokenizer") ? "tokenizer" : "vocab";
    if (!options_tokenizer_kind(options, TOKENIZER_COUNT, &kind)) {
        return false;
    }
    bool same = saved->tokenizer != NULL && kind == tokenizer_kind(saved->tokenizer);
    if (same && options_given(options, "vocab")) {
        Tokenizer *given = options_gpt2(options, &error);
        if (given == NULL) {
            return report_failure(options, &error);
        }
        same = tokenizer_fingerprint(given) == tokenizer_fingerprint(saved->tokenizer);
        tokenizer_free(given);
    }
    return same || option_error(options, option, "the run started with another tokenizer, which cannot change; leave it out");
}

// A text that was moved may have a new path: its tokens show whether it is the same.
static bool check_sources(const Options *options, TrainSetup *saved)
{
    if (options_given(options, "data") && saved->data == NULL) {
        return option_error(options, "data", "the run does not train on a file; leave it out");
    }
    if (options_given(options, "data")) {
        free(saved->data);
        saved->data = path_real(options_text(options, "data"));
    }
    if (options_given(options, "model")) {
        AUTO_FREE char *model = path_real(options_text(options, "model"));
        return (saved->model != NULL && strcmp(saved->model, model) == 0)
            || option_error(options, "model", "the run did not start from this model; leave it out");
    }
    return true;
}

static bool check_task(const Options *options, const TrainSetup *saved)
{
    const Task *task = saved->task;
    AUTO_FREE Task *given = NULL;
    if (options_given(options, "task") && task == NULL) {
        return option_error(options, "task", "the run trains on other data, which cannot change; leave it out");
    }
    bool read = options_task(options, &given);
    bool same = given == NULL || (given->kind == task->kind && given->k == task->k);
    return read && (same || contradicts(options, "task", task->name));
}

static bool check_seed(const Options *options, const TrainSetup *saved)
{
    uint64_t seed = saved->seed;
    if (options_given(options, "seed") && !options_seed(options, &seed)) {
        return false;
    }
    AUTO_FREE char *number = text_format("%llu", (unsigned long long)saved->seed);
    return seed == saved->seed || contradicts(options, "seed", number);
}

static bool check_all(const Options *options, TrainSetup *saved)
{
    return check_numbers(options, &saved->train) && check_model(options, &saved->gpt) && check_batch(options, saved) && check_task(options, saved)
        && check_tokenizer(options, saved) && check_sources(options, saved) && check_seed(options, saved)
        && (!options_given(options, "steps") || options_field(options, config_field_find(train_fields, train_field_count, "steps"), &saved->train));
}

// ------------------------------------------------------------------------------------------------------------
// The run

// The last of runs/1, runs/2, ... that holds a run; the first if none does, for a message.
static char *last_run(void)
{
    int last = 1;
    for (int i = 1, missing = 0; i < MOST_RUNS && missing < 100; i++) {
        AUTO_FREE char *folder = text_format("%s/%d", RUNS, i);
        bool there = train_folder_has_run(folder);
        last = there ? i : last;
        missing = there ? 0 : missing + 1;
    }
    return text_format("%s/%d", RUNS, last);
}

// Takes setup. Messages call the text by the name on this command line, if given.
static bool make_trainer(const Options *options, TrainPlan *plan, TrainSetup *setup, Error *error)
{
    Dataset *data = NULL;
    bool reads = setup->ids == NULL && setup->task == NULL;
    if (reads) {
        const char *named = options_text(options, "data");
        data = train_open_data(named != NULL ? named : setup->data, setup->tokenizer, plan, NULL, NULL, error);
    }
    GPT *gpt = data == NULL && reads ? NULL : gpt_create_blank(&setup->gpt, error);
    return train_make_trainer(setup, gpt, data, plan, error) && trainer_load(plan->trainer, plan->folder, error);
}

// The learning rate's schedule stays as it was: after its end the learning rate is min_lr.
static bool check_steps(const Options *options, const Trainer *trainer)
{
    const TrainConfig *config = &trainer->setup.train;
    int made = trainer->adamw.step;
    if (config->steps < made) {
        return option_error(options, "steps", "%d is less than the %d steps done so far", config->steps, made);
    }
    if (config->steps == made) {
        command_note(options, "all %d steps are done; --steps N adds more", made);
    } else if (config->steps > config->decay_steps) {
        command_note(options, "the learning rate falls to %g at step %d, as set up, and stays there", config->min_lr, config->decay_steps);
    }
    return true;
}

static bool lock_run(TrainPlan *plan, Error *error)
{
    if (!train_folder_has_run(plan->folder)) {
        return error_set(error, "%s: no run to resume (expected --out FOLDER)", plan->folder);
    }
    plan->lock = folder_lock(plan->folder, error);
    return plan->lock >= 0;
}

// Fails if an output is the run's text, which no option names.
static bool check_outputs(const Options *options, const char *folder, const char *data)
{
    const char *timeline = options_text(options, "timeline");
    return data == NULL
        || ((timeline == NULL || options_apart(options, "timeline", timeline, "data", data)) && options_stream_elsewhere(options, "data", data)
            && options_apart(options, "out", folder, "data", data));
}

bool train_plan_resume(const Options *options, TrainPlan *plan)
{
    TrainSetup setup;
    Error error;
    plan->folder = options_given(options, "out") ? memory_copy_text(options_text(options, "out")) : last_run();
    if (!options_switch(options, "recompute", &plan->recompute) || !options_stream_elsewhere(options, "out", plan->folder)) {
        return false;
    }
    bool found = ranks_rank() > 0 || lock_run(plan, &error);
    if (!train_share_folder(plan, found, &error) || !train_setup_load(plan->folder, &setup, &error)) {
        return report_failure(options, &error);
    }
    if (!check_outputs(options, plan->folder, setup.data) || !check_all(options, &setup) || !train_check_recompute(options, plan, &setup.train)) {
        train_setup_free(&setup);
        return false;
    }
    if (!make_trainer(options, plan, &setup, &error)) {
        return report_failure(options, &error);
    }
    plan->trainer->folder_lock = plan->lock;
    plan->lock = -1;
    return check_steps(options, plan->trainer);
}
