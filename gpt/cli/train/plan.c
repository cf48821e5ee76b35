// plan.c: a new run: from options to a trainer and a folder, or one line that says why not.

#include "gpt/cli/train/train.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

// ------------------------------------------------------------------------------------------------------------
// The numbers

// The wider a model, the smaller its steps must be; a trained model should not forget what it has learned in the first of them.
static double default_lr(const Options *options, const GPTConfig *gpt)
{
    enum { NARROW = 128 };
    if (options_given(options, "model")) {
        return 1e-4;
    }
    return gpt->n_embd <= NARROW ? 3e-3 : 3e-3 * NARROW / gpt->n_embd;
}

// Sets the fields whose default depends on the model, on the ranks, or on fields before them.
static void set_default(const Options *options, const GPTConfig *gpt, const ConfigField *field, TrainConfig *config)
{
    const struct {
        const char *name;
        double standard;
    } dependent[] = {
        {"length", gpt->context_length < 256 ? gpt->context_length : 256},
        {"reduce", ranks_launched() ? REDUCE_EXACT : REDUCE_PLAIN},
        {"lr", default_lr(options, gpt)},
        {"min_lr", config->lr / 10},
        {"warmup", config->steps < 1000 ? config->steps / 10 : 100},
        {"decay_steps", config->steps},
    };
    for (size_t i = 0; i < sizeof dependent / sizeof dependent[0]; i++) {
        if (strcmp(field->name, dependent[i].name) == 0) {
            config_field_set(field, config, dependent[i].standard);
        }
    }
}

bool train_read_accumulate(const Options *options, TrainConfig *config)
{
    if (!options_field(options, config_field_find(train_fields, train_field_count, "accumulate"), config)) {
        return false;
    }
    if (config->accumulate > INT_MAX / ranks_count()) {
        return option_error(options, "accumulate", "%d on %d ranks exceeds %d batches", config->accumulate, ranks_count(), INT_MAX);
    }
    config->accumulate *= ranks_count();
    return true;
}

// All fields but accumulate. With --ids, batch and length are known: if they are given, they must agree.
static bool read_fields(const Options *options, const GPTConfig *gpt, TrainConfig *config)
{
    for (int i = 0; i < train_field_count; i++) {
        const ConfigField *field = &train_fields[i];
        bool sized = strcmp(field->name, "batch") == 0 || strcmp(field->name, "length") == 0;
        bool known = sized && options_by_ids(options);
        TrainConfig before = *config;
        if (strcmp(field->name, "accumulate") == 0 || (known && !options_field_given(options, field))) {
            continue;
        }
        set_default(options, gpt, field, config);
        if (!options_field(options, field, config)) {
            return false;
        }
        if (known && !config_field_equal(field, config, &before)) {
            return option_error(options, field->name, "'%s' differs from --ids (expected %s)", options_text(options, field->name),
                                config_field_text(field, &before, (char[FIELD_BUFFER]){""}));
        }
    }
    return true;
}

// The rows of every step; with --accumulate N in N parts.
static bool read_fixed_batch(const Options *options, TrainSetup *setup)
{
    int rows;
    if (!train_read_accumulate(options, &setup->train)
        || !options_batch(options, &setup->gpt, &setup->ids, &setup->targets, &rows, &setup->train.length)) {
        return false;
    }
    char on_ranks[48] = "";
    if (ranks_count() > 1) {
        snprintf(on_ranks, sizeof on_ranks, " on each of %d ranks", ranks_count());
    }
    setup->train.batch = rows / setup->train.accumulate;
    return rows % setup->train.accumulate == 0
        || option_error(options, "accumulate", "%d%s does not divide the %d row%s of --ids", setup->train.accumulate / ranks_count(), on_ranks,
                        rows, plural(rows));
}

// --task: the vocabulary is the task's, unless one is given or the model has one.
static bool read_task(const Options *options, TrainSetup *setup)
{
    bool read = options_task(options, &setup->task);
    if (read && setup->task != NULL && !options_given(options, "model") && !options_given(options, "vocab-size")) {
        setup->gpt.vocab_size = task_vocabulary(setup->task);
    }
    return read;
}

static bool read_numbers(const Options *options, TrainSetup *setup)
{
    Error error;
    return (options_by_ids(options) ? read_fixed_batch(options, setup) : train_read_accumulate(options, &setup->train))
        && read_fields(options, &setup->gpt, &setup->train) && options_seed(options, &setup->seed)
        && (train_config_check(&setup->train, &setup->gpt, &error) || report_error(options, &error));
}

bool train_check_recompute(const Options *options, const TrainPlan *plan, const TrainConfig *config)
{
    return !plan->recompute || config->gradflow_every == 0
        || option_error(options, "recompute", "stores nothing inside a block, where --gradflow-every %d measures; leave one out",
                        config->gradflow_every);
}

// ------------------------------------------------------------------------------------------------------------
// The text and its tokenizer

// GPT-2's for a model of as many tokens as GPT-2 has; else the text's own characters. The vocabulary is the tokenizer's, unless a larger one is
// given.
static bool read_tokenizer(const Options *options, TrainSetup *setup)
{
    bool saved = options_given(options, "model");
    TokenizerKind kind = setup->gpt.vocab_size == GPT2_VOCABULARY ? TOKENIZER_GPT2 : TOKENIZER_CHARS;
    Error error;
    if (!saved && options_tokenizer_given(options) && !options_tokenizer_kind(options, TOKENIZER_COUNT, &kind)) {
        return false;
    }
    setup->tokenizer = saved ? options_saved_tokenizer(options, &error) : options_tokenizer(options, kind, options_text(options, "data"), &error);
    if (setup->tokenizer == NULL) {
        return report_failure(options, &error);
    }
    int V = tokenizer_vocab_size(setup->tokenizer);
    bool given = options_given(options, "vocab-size");
    if (given && setup->gpt.vocab_size < V) {
        return option_error(options, "vocab-size", "%d is too small for the tokenizer's %d tokens", setup->gpt.vocab_size, V);
    }
    setup->gpt.vocab_size = given || saved ? setup->gpt.vocab_size : V;
    return true;
}

// ------------------------------------------------------------------------------------------------------------
// The folder

// Creates the first unused runs/N.
static bool make_numbered(char **folder, Error *error)
{
    enum { NAME = 32 };
    *folder = memory_allocate(NAME, "a folder's name");
    if (mkdir(RUNS, 0777) != 0 && errno != EEXIST) {
        return error_set(error, "%s: cannot be created: %s (expected --out FOLDER)", RUNS, strerror(errno));
    }
    for (int i = 1; i < MOST_RUNS; i++) {
        snprintf(*folder, NAME, "%s/%d", RUNS, i);
        if (mkdir(*folder, 0777) == 0) {
            return true;
        }
        if (errno != EEXIST) {
            return error_set(error, "%s: cannot be created: %s (expected --out FOLDER)", *folder, strerror(errno));
        }
    }
    return error_set(error, "%s: %d runs already (expected --out FOLDER)", RUNS, MOST_RUNS);
}

static bool make_folder(const Options *options, TrainPlan *plan, Error *error)
{
    const char *out = options_text(options, "out");
    struct stat status;
    plan->folder = out == NULL ? NULL : memory_copy_text(out);
    bool is_new = out == NULL ? make_numbered(&plan->folder, error) : stat(out, &status) != 0;
    plan->lock = out != NULL || is_new ? train_folder_make(plan->folder, error) : -1;
    plan->made = is_new && (out == NULL || plan->lock >= 0); // another run's folder stays
    return plan->lock >= 0;
}

// ------------------------------------------------------------------------------------------------------------
// All of it

bool train_make_trainer(TrainSetup *setup, GPT *gpt, Dataset *data, TrainPlan *plan, Error *error)
{
    if (gpt == NULL) {
        dataset_free(data);
        train_setup_free(setup);
        return false;
    }
    gpt->recompute = plan->recompute;
    plan->trainer = trainer_create(*setup, gpt, data, error);
    return plan->trainer != NULL;
}

static GPT *make_model(const Options *options, const TrainSetup *setup, GPT *saved, Error *error)
{
    if (saved == NULL) {
        return gpt_create(&setup->gpt, setup->seed, error);
    }
    if (options_given(options, "dropout")) {
        gpt_set_dropout(saved, setup->gpt.dropout); // else the folder's, which may be three
    }
    random_seed(&saved->random, setup->seed);
    options_saved_model_note(options, &setup->gpt);
    return saved;
}

// Everything was read: now the folder, the tokens, the model. Takes setup and saved.
static bool make_trainer(const Options *options, TrainSetup *setup, GPT *saved, TrainPlan *plan)
{
    Error error;
    Dataset *data = NULL;
    bool made = train_memory_check(setup, plan->recompute, saved != NULL, &error) && (ranks_rank() > 0 || make_folder(options, plan, &error));
    made = train_share_folder(plan, made, &error);
    if (made && setup->ids == NULL && setup->task == NULL) {
        Progress progress = progress_begin(options, "MiB of text");
        data = train_open_data(options_text(options, "data"), setup->tokenizer, plan, progress_update, &progress, &error);
        made = data != NULL;
        options_special_note(options, setup->tokenizer, made ? data->n_special : 0);
    }
    GPT *gpt = made ? make_model(options, setup, saved, &error) : NULL;
    if (gpt == NULL) {
        gpt_free(saved);
    }
    if (!train_make_trainer(setup, gpt, data, plan, &error)) {
        return report_failure(options, &error);
    }
    plan->trainer->folder_lock = plan->lock;
    plan->lock = -1;
    return true;
}

static bool read_model(const Options *options, TrainSetup *setup, GPT **saved)
{
    const GPTPreset *preset;
    *saved = NULL;
    if (!options_given(options, "model")) {
        return options_config(options, DEFAULT_CONFIG, &preset, &setup->gpt);
    }
    *saved = options_saved_model(options, "dropout", 0);
    if (*saved == NULL) {
        return false;
    }
    setup->gpt = (*saved)->config;
    setup->model = path_real(options_text(options, "model"));
    return options_field(options, config_field_find(gpt_fields, gpt_field_count, "dropout"), &setup->gpt);
}

bool train_plan_new(const Options *options, TrainPlan *plan)
{
    TrainSetup setup = {0};
    GPT *saved = NULL;
    bool read = options_switch(options, "recompute", &plan->recompute) && read_model(options, &setup, &saved) && read_task(options, &setup)
             && read_numbers(options, &setup) && options_task_fits(options, setup.task, setup.gpt.vocab_size, setup.train.length)
             && train_check_recompute(options, plan, &setup.train)
             && (!options_given(options, "out") || options_output(options, "out", options_text(options, "out")));
    setup.data = options_given(options, "data") ? path_real(options_text(options, "data")) : NULL; // to resume from anywhere
    read = read && (setup.ids != NULL || setup.task != NULL || read_tokenizer(options, &setup));
    if (!read) {
        train_setup_free(&setup);
        gpt_free(saved);
        return false;
    }
    return make_trainer(options, &setup, saved, plan);
}

// Removes a folder in which no run began, with the tokens in it, while it is still locked.
void train_plan_free(TrainPlan *plan)
{
    if (plan->made && !train_folder_has_run(plan->folder)) {
        train_folder_remove(plan->folder);
    }
    trainer_free(plan->trainer);
    folder_unlock(plan->lock);
    free(plan->folder);
}
