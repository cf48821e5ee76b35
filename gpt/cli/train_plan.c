// train_plan.c: what gptape train is asked for: options become a trainer and a folder, or one line that says why not.

#include "gpt/cli/train.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool failed(const Options *options, const Error *error, int *status)
{
    command_error(options->help->name, "%s", error->message);
    *status = STATUS_FAILED;
    return false;
}

// ------------------------------------------------------------------------------------------------------------
// The numbers

const TrainField *train_option_field(const Options *options, int option)
{
    char name[64];
    snprintf(name, sizeof name, "%s", options_name(options, option));
    for (char *at = name; *at != '\0'; at++) {
        *at = *at == '-' ? '_' : *at;
    }
    return train_field_find(name);
}

bool train_option_read(const Options *options, int option, const char *fallback, TrainConfig *config)
{
    const TrainField *field = train_option_field(options, option);
    double value = train_field_get(config, field);
    int count = 0;
    bool read = field->kind == TRAIN_COUNT
                    ? options_int(options, option, fallback, (int)field->low, (int)field->high, &count)
                    : options_double(options, option, fallback, field->low, field->high, &value);
    if (read) {
        train_field_set(config, field, field->kind == TRAIN_COUNT ? count : value);
    }
    return read;
}

// An option whose default depends on others.
static bool read_with_default(const Options *options, int option, double fallback, TrainConfig *config)
{
    char text[64];
    snprintf(text, sizeof text, "%.17g", fallback);
    return train_option_read(options, option, text, config);
}

// The wider a model, the smaller its steps must be. One that has learned should not forget it in the first of them.
static double default_lr(const Options *options, const GPTConfig *gpt)
{
    enum { NARROW = 128 };
    if (options_given(options, OPTION_MODEL)) {
        return 1e-4;
    }
    return gpt->n_embd <= NARROW ? 3e-3 : 3e-3 * NARROW / gpt->n_embd;
}

static bool read_schedule(const Options *options, const GPTConfig *gpt, TrainConfig *config)
{
    enum { MOST_WARMUP = 100 };
    if (!train_option_read(options, OPTION_STEPS, DEFAULT_STEPS, config) ||
        !read_with_default(options, OPTION_LR, default_lr(options, gpt), config) ||
        !read_with_default(options, OPTION_MIN_LR, config->lr / 10, config)) {
        return false;
    }
    if (config->min_lr > config->lr) {
        return option_error(options, OPTION_MIN_LR, "is more than --lr, %g, from which it decays", config->lr);
    }
    int tenth = config->steps / 10;
    return read_with_default(options, OPTION_WARMUP, tenth < MOST_WARMUP ? tenth : MOST_WARMUP, config)
        && read_with_default(options, OPTION_DECAY_STEPS, config->steps, config);
}

static bool read_adamw(const Options *options, TrainConfig *config)
{
    return train_option_read(options, OPTION_BETA1, "0.9", config)
        && train_option_read(options, OPTION_BETA2, "0.99", config)
        && train_option_read(options, OPTION_EPS, "1e-8", config)
        && train_option_read(options, OPTION_WEIGHT_DECAY, "0.1", config)
        && train_option_read(options, OPTION_CLIP, "1", config);
}

static bool read_intervals(const Options *options, TrainConfig *config)
{
    return train_option_read(options, OPTION_EVAL_EVERY, DEFAULT_EVERY, config)
        && train_option_read(options, OPTION_EVAL_BATCHES, "20", config)
        && train_option_read(options, OPTION_SAMPLE_EVERY, "0", config)
        && train_option_read(options, OPTION_GRADFLOW_EVERY, "0", config)
        && train_option_read(options, OPTION_SAVE_EVERY, DEFAULT_EVERY, config);
}

// B, T and how many of them make a step.
static bool read_sizes(const Options *options, const GPTConfig *gpt, TrainConfig *config)
{
    enum { MOST_LENGTH = 256 };
    int length = gpt->context_length < MOST_LENGTH ? gpt->context_length : MOST_LENGTH;
    if (!train_option_read(options, OPTION_BATCH, DEFAULT_BATCH, config) ||
        !read_with_default(options, OPTION_LENGTH, length, config) ||
        !train_option_read(options, OPTION_ACCUMULATE, "1", config)) {
        return false;
    }
    if (config->length > gpt->context_length) {
        return option_error(options, OPTION_LENGTH, "is more than the context length, %d", gpt->context_length);
    }
    if (config->batch > INT_MAX / config->length / config->accumulate) {
        return option_error(options, OPTION_BATCH, "times --length %d and --accumulate %d are more tokens than can be counted",
                            config->length, config->accumulate);
    }
    return true;
}

// Rows that every step is made of; with --accumulate N in N parts.
static bool read_fixed_batch(const Options *options, TrainSetup *setup)
{
    static const int others[] = {OPTION_DATA, OPTION_BATCH, OPTION_LENGTH, OPTION_TOKENIZER, OPTION_VOCAB, OPTION_EVAL_EVERY,
                                 OPTION_EVAL_BATCHES, OPTION_SAMPLE_EVERY};
    int rows;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (options_given(options, others[i])) {
            return option_error(options, others[i], "is about a text, and --ids and --targets are all there is; leave one out");
        }
    }
    if (!train_option_read(options, OPTION_ACCUMULATE, "1", &setup->train) ||
        !options_batch(options, &setup->gpt, &setup->ids, &setup->targets, &rows, &setup->train.length)) {
        return false;
    }
    setup->train.batch = rows / setup->train.accumulate;
    return rows % setup->train.accumulate == 0
        || option_error(options, OPTION_ACCUMULATE, "does not part the %d row%s of --ids evenly", rows, plural(rows));
}

static bool read_numbers(const Options *options, TrainSetup *setup)
{
    bool sized = options_by_ids(options) ? read_fixed_batch(options, setup) : read_sizes(options, &setup->gpt, &setup->train);
    return sized && read_schedule(options, &setup->gpt, &setup->train) && read_adamw(options, &setup->train)
        && read_intervals(options, &setup->train) && options_seed(options, &setup->seed);
}

bool train_check_recompute(const Options *options, const TrainPlan *plan, const TrainConfig *config)
{
    return !plan->recompute || config->gradflow_every == 0
        || option_error(options, OPTION_RECOMPUTE, "keeps nothing that is inside a block, where --gradflow-every %d measures; leave one out",
                        config->gradflow_every);
}

// ------------------------------------------------------------------------------------------------------------
// The text and its tokenizer

// GPT-2's for a model of as many tokens as GPT-2 has; else the text's own characters.
static bool tokenizer_kind_asked(const Options *options, const GPTConfig *config, TokenizerKind *kind)
{
    if (options_given(options, OPTION_TOKENIZER) || options_given(options, OPTION_VOCAB)) {
        return options_tokenizer_kind(options, TOKENIZER_COUNT, kind);
    }
    *kind = config->vocab_size == GPT2_VOCABULARY ? TOKENIZER_GPT2 : TOKENIZER_CHARS;
    return true;
}

static Tokenizer *make_tokenizer(const Options *options, TokenizerKind kind, const char *data, Error *error)
{
    switch (kind) {
    case TOKENIZER_GPT2:
        return options_gpt2(options, error);
    case TOKENIZER_CHARS:
        return tokenizer_chars_of(data, error);
    default:
        return tokenizer_bytes();
    }
}

// The vocabulary is the tokenizer's, unless a larger one is asked for.
static bool read_tokenizer(const Options *options, TrainSetup *setup, int *status)
{
    TokenizerKind kind;
    Error error;
    if (options_given(options, OPTION_MODEL)) {
        setup->tokenizer = options_saved_tokenizer(options, &error);
    } else if (tokenizer_kind_asked(options, &setup->gpt, &kind)) {
        setup->tokenizer = make_tokenizer(options, kind, options->values[OPTION_DATA], &error);
    } else {
        return false;
    }
    if (setup->tokenizer == NULL) {
        return failed(options, &error, status);
    }
    int V = tokenizer_vocab_size(setup->tokenizer);
    bool given = options_given(options, OPTION_VOCAB_SIZE);
    if (given && setup->gpt.vocab_size < V) {
        return option_error(options, OPTION_VOCAB_SIZE, "is too small for the vocabulary of %d tokens", V);
    }
    bool keep = given || options_given(options, OPTION_MODEL);
    setup->gpt.vocab_size = keep ? setup->gpt.vocab_size : V;
    return true;
}

// ------------------------------------------------------------------------------------------------------------
// The folder

// The first runs/N that nobody has, made.
static bool make_numbered(char **folder, Error *error)
{
    enum { MOST_RUNS = 100000, NAME = 32 };
    *folder = memory_allocate(NAME, "a folder's name");
    if (mkdir(RUNS, 0777) != 0 && errno != EEXIST) {
        return error_set(error, "%s: can't be made: %s; name a folder with --out", RUNS, strerror(errno));
    }
    for (int i = 1; i < MOST_RUNS; i++) {
        snprintf(*folder, NAME, "%s/%d", RUNS, i);
        if (mkdir(*folder, 0777) == 0) {
            return true;
        }
        if (errno != EEXIST) {
            return error_set(error, "%s: can't be made: %s; name a folder with --out", *folder, strerror(errno));
        }
    }
    return error_set(error, "%s: has %d runs; name a folder with --out", RUNS, MOST_RUNS);
}

static bool make_folder(const Options *options, TrainPlan *plan, Error *error)
{
    struct stat status;
    if (!options_given(options, OPTION_OUT)) {
        plan->made = make_numbered(&plan->folder, error);
        return plan->made;
    }
    plan->folder = memory_copy_text(options->values[OPTION_OUT]);
    plan->made = stat(plan->folder, &status) != 0;
    return train_folder_make(plan->folder, error);
}

// ------------------------------------------------------------------------------------------------------------
// All of it

static void on_tokens(int done, int n, void *progress)
{
    progress_update(done, n, progress);
}

static GPT *make_model(const Options *options, const TrainSetup *setup, GPT *saved, Error *error)
{
    if (saved == NULL) {
        return gpt_create(&setup->gpt, setup->seed, error);
    }
    gpt_set_dropout(saved, setup->gpt.dropout);
    random_seed(&saved->random, setup->seed);
    options_saved_model_note(options, &setup->gpt);
    return saved;
}

// Everything was read: now the folder, the tokens, the model. Takes setup and saved.
static bool make_trainer(const Options *options, TrainSetup *setup, GPT *saved, TrainPlan *plan, int *status)
{
    Error error;
    Dataset *data = NULL;
    bool made = make_folder(options, plan, &error);
    if (made && setup->ids == NULL) {
        Progress progress = progress_begin(options, "MiB of text");
        data = dataset_open(options->values[OPTION_DATA], setup->tokenizer, plan->folder, on_tokens, &progress, &error);
        progress_end(&progress);
        made = data != NULL;
        if (made) {
            options_special_note(options, setup->tokenizer, data->n_special);
        }
    }
    GPT *gpt = made ? make_model(options, setup, saved, &error) : NULL;
    if (gpt == NULL) {
        dataset_free(data);
        train_setup_free(setup);
        gpt_free(saved);
        return failed(options, &error, status);
    }
    gpt->recompute = plan->recompute;
    plan->trainer = trainer_create(*setup, gpt, data, &error);
    return plan->trainer != NULL || failed(options, &error, status);
}

static bool read_model(const Options *options, TrainSetup *setup, GPT **saved, int *status)
{
    const GPTPreset *preset;
    *saved = NULL;
    if (!options_given(options, OPTION_MODEL)) {
        return options_config(options, DEFAULT_CONFIG, &preset, &setup->gpt);
    }
    *saved = options_saved_model(options, OPTION_DROPOUT, status);
    if (*saved == NULL) {
        return false;
    }
    *status = STATUS_USAGE;
    setup->gpt = (*saved)->config;
    setup->model = path_real(options->values[OPTION_MODEL]);
    return options_double(options, OPTION_DROPOUT, NULL, 0, 0.999, &setup->gpt.dropout);
}

bool train_plan_new(const Options *options, TrainPlan *plan, int *status)
{
    TrainSetup setup = {0};
    GPT *saved = NULL;
    *status = STATUS_USAGE;
    bool read = options_threads(options) && options_switch(options, OPTION_RECOMPUTE, "off", &plan->recompute)
             && options_precision(options, status)
             && read_model(options, &setup, &saved, status) && read_numbers(options, &setup)
             && train_check_recompute(options, plan, &setup.train);
    setup.data = options_given(options, OPTION_DATA) ? path_real(options->values[OPTION_DATA]) : NULL;  // to resume from anywhere
    read = read && (setup.ids != NULL || read_tokenizer(options, &setup, status));
    if (!read) {
        train_setup_free(&setup);
        gpt_free(saved);
        return false;
    }
    return make_trainer(options, &setup, saved, plan, status);
}

// A folder of which nothing came is taken away again, with the tokens in it, if it was made for them.
void train_plan_free(TrainPlan *plan)
{
    trainer_free(plan->trainer);
    if (plan->made && !train_folder_has_run(plan->folder)) {
        train_folder_remove(plan->folder);
    }
    free(plan->folder);
}
