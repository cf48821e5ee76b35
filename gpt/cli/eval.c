// eval.c: gptape eval: how well a saved or untrained model predicts a text, or one batch of ids.

#include "gpt/cli/cli.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>

enum { OPTION_DATA = OPTION_OWN, OPTION_SPLIT };

enum { PART_ALL = SPLIT_COUNT };                   // of a text: train, val, or both

#define DEFAULT_CONFIG "flow"

static struct poptOption text_options[] = {
    {"data", '\0', POPT_ARG_STRING, NULL, OPTION_DATA, "a text to predict (default: the built-in stories)", "FILE"},
    {"split", '\0', POPT_ARG_STRING, NULL, OPTION_SPLIT,
     "all of it, or what 'gptape train' learns from, or the tenth that it doesn't (default all; of the stories val)", "all|train|val"},
    INCLUDE_OPTIONS(ids_options, NULL),
    POPT_TABLEEND,
};

static struct poptOption eval_options[] = {
    INCLUDE_OPTIONS(text_options, "What to predict:"),
    INCLUDE_OPTIONS(saved_model_options, "A saved model:"),
    INCLUDE_OPTIONS(model_options, "An untrained model (default: --config " DEFAULT_CONFIG "):"),
    INCLUDE_OPTIONS(shortcut_options, "Shortcuts:"),
    INCLUDE_OPTIONS(seed_options, "Random numbers:"),
    INCLUDE_OPTIONS(tokenizer_options, "Text (a saved model has its own tokenizer):"),
    INCLUDE_OPTIONS(precision_options, "Computing:"),
    INCLUDE_OPTIONS(run_options, "Running:"),
    POPT_TABLEEND,
};

const CommandHelp eval_help = {
    .name = "eval",
    .about = "Prints the loss of a model: the mean cross-entropy of its predictions, in nats, and as perplexity, e^loss. A text is\n"
             "predicted in windows of the context length, one after the other; its loss is also told in bits for each byte of it,\n"
             "which models with different tokenizers can be compared by. With --ids and --targets the loss is that of one batch,\n"
             "and --json also prints the logits at the last position of each row (last_logits).",
    .examples = "  gptape eval --ids 1,2,3 --targets 2,3,4 --json\n"
                "  gptape eval --config tiny --seed 7 --data README.md\n"
                "  gptape eval --model run --data text.txt --split val\n"
                "  gptape eval --model run --ids \"1,2,3;4,5,6\" --targets \"2,3,4;5,6,7\" --json\n",
    .table = eval_options,
};

static const char *part_word(int i)
{
    return i == PART_ALL ? "all" : split_name((DatasetSplit)i);
}

// The model that is asked for, made or loaded.
typedef struct Subject {
    GPT *gpt;
    const char *name;                              // the preset's, or the folder
    bool saved;
    uint64_t seed;                                 // of an untrained model
} Subject;

// ------------------------------------------------------------------------------------------------------------
// The model

static int load_subject(const Options *options, Subject *subject)
{
    int status = STATUS_USAGE;

    if (options_given(options, OPTION_SEED)) {
        option_error(options, OPTION_SEED, "is for an untrained model; nothing is drawn with --model, leave it out");
        return STATUS_USAGE;
    }
    subject->saved = true;
    subject->name = options->values[OPTION_MODEL];
    subject->gpt = options_saved_model(options, 0, &status);
    if (subject->gpt == NULL) {
        return status;
    }
    return STATUS_OK;
}

static int create_subject(const Options *options, Subject *subject)
{
    const GPTPreset *preset;
    GPTConfig config;
    Error error;

    if (!options_config(options, DEFAULT_CONFIG, &preset, &config) || !options_seed(options, &subject->seed)) {
        return STATUS_USAGE;
    }
    subject->name = preset->name;
    subject->gpt = gpt_create(&config, subject->seed, &error);
    if (subject->gpt == NULL) {
        command_error(options->help->name, "%s", error.message);
        return STATUS_FAILED;
    }
    return STATUS_OK;
}

// What it is: once all that was asked for has been read, so that what is wrong with it is told in one line.
static void note_subject(const Options *options, const Subject *subject)
{
    options_precision_note(options);
    if (subject->saved) {
        options_saved_model_note(options, &subject->gpt->config);
    } else {
        command_note(options, "%s%s, untrained: random weights from seed %llu", subject->name,
                     options_any_switch(options) ? " (changed)" : "", (unsigned long long)subject->seed);
    }
}

// A loss that is no number is no evaluation: weights that are broken make such a one.
static bool check_loss(const Options *options, const Subject *subject, double loss)
{
    if (!isfinite(loss)) {
        command_error(options->help->name, "%s: the loss is not finite; its weights may be broken", subject->name);
    }
    return isfinite(loss);
}

// ------------------------------------------------------------------------------------------------------------
// One batch of ids

typedef struct Batch {
    int *ids;                                      // (B, T)
    int *targets;                                  // (B, T)
    int B, T;
} Batch;

static cJSON *begin_json(const Subject *subject, double loss)
{
    cJSON *json = cJSON_CreateObject();

    if (subject->saved) {
        cJSON_AddStringToObject(json, "model", subject->name);
    } else {
        json_add_count(json, "seed", (double)subject->seed);
    }
    json_add_config(json, "config", &subject->gpt->config);
    json_add_number(json, "loss", loss);
    json_add_number(json, "perplexity", exp(loss));
    return json;
}

static void print_batch_json(const Subject *subject, const Batch *batch, double loss, const Real *last)
{
    int V = subject->gpt->config.vocab_size;
    cJSON *json = begin_json(subject, loss);

    json_add_count(json, "tokens", (double)batch->B * batch->T);
    cJSON *rows = cJSON_AddArrayToObject(json, "last_logits");
    for (int row = 0; row < batch->B; row++) {
        cJSON_AddItemToArray(rows, json_numbers(last + (size_t)row * (size_t)V, V));
    }
    json_print(json);
}

static void print_batch(const Options *options, const Subject *subject, const Batch *batch, double loss, const Real *last)
{
    if (options_given(options, OPTION_JSON)) {
        print_batch_json(subject, batch, loss, last);
    } else {
        printf("loss        %.9g\nperplexity  %.6g\ntokens      %d\n", loss, exp(loss), batch->B * batch->T);
    }
}

static int eval_batch(const Options *options, const Subject *subject)
{
    const GPTConfig *config = &subject->gpt->config;
    Batch batch = {0};
    Error error;
    int status = STATUS_USAGE;

    if (options_batch(options, config, &batch.ids, &batch.targets, &batch.B, &batch.T)) {
        GPTCost cost = gpt_cost(config, batch.B, batch.T);
        size_t n_last = (size_t)batch.B * (size_t)config->vocab_size;
        status = STATUS_FAILED;
        if (!memory_check(cost.activation_bytes + (double)n_last * sizeof(Real), "this batch", &error)) {
            command_error(options->help->name, "%s", error.message);
        } else {
            note_subject(options, subject);
            Real *last = memory_allocate(n_last * sizeof *last, "the logits");
            double loss = gpt_batch_loss(subject->gpt, batch.ids, batch.targets, batch.B, batch.T, last);
            if (check_loss(options, subject, loss)) {
                print_batch(options, subject, &batch, loss, last);
                status = STATUS_OK;
            }
            free(last);
        }
    }
    free(batch.ids);
    free(batch.targets);
    return status;
}

// ------------------------------------------------------------------------------------------------------------
// A text

// The caller frees *tokenizer. Returns the exit status.
static int make_tokenizer(const Options *options, const Subject *subject, Tokenizer **tokenizer)
{
    const GPTConfig *config = &subject->gpt->config;
    bool asked = options_given(options, OPTION_TOKENIZER) || options_given(options, OPTION_VOCAB);
    TokenizerKind kind = TOKENIZER_BYTES;
    Error error;

    *tokenizer = NULL;
    if (subject->saved) {
        *tokenizer = options_saved_tokenizer(options, &error);
    } else {
        bool chosen = asked || config->vocab_size == GPT2_VOCABULARY;
        if (chosen && !options_tokenizer_kind(options, TOKENIZER_CHARS, &kind)) {      // those before chars, which has no alphabet
            return STATUS_USAGE;
        }
        *tokenizer = kind == TOKENIZER_GPT2 ? options_gpt2(options, &error) : tokenizer_bytes();
        if (chosen) {
            options_tokenizer_note(options, kind);
        }
    }
    if (*tokenizer == NULL) {
        command_error(options->help->name, "%s", error.message);
        return STATUS_FAILED;
    }
    if (tokenizer_vocab_size(*tokenizer) > config->vocab_size) {
        command_error(options->help->name, "the tokenizer %s has %d token%s, and the model's vocabulary %d; give --ids and "
                      "--targets instead", tokenizer_name(tokenizer_kind(*tokenizer)), tokenizer_vocab_size(*tokenizer),
                      plural(tokenizer_vocab_size(*tokenizer)), config->vocab_size);
        return STATUS_USAGE;
    }
    return STATUS_OK;
}

// The tokens that are asked for: *n from *first on.
static bool read_part(const Options *options, const Dataset *dataset, size_t *first, size_t *n)
{
    int part = options_given(options, OPTION_DATA) ? PART_ALL : SPLIT_VAL;

    if (!options_word(options, OPTION_SPLIT, NULL, part_word, PART_ALL + 1, &part)) {
        return false;
    }
    *first = part == PART_ALL ? 0 : dataset->start[part];
    *n = (part == PART_ALL ? dataset->n_tokens : dataset->start[part + 1]) - *first;
    return true;
}

// What all but the first of these tokens stand for.
static size_t count_bytes(const Dataset *dataset, const Tokenizer *tokenizer, size_t first, size_t n)
{
    size_t bytes = 0;

    for (size_t i = 1; i < n; i++) {
        int id;
        size_t length = 0;
        dataset_ids(dataset, first + i, 1, &id);
        tokenizer_token(tokenizer, id, &length);
        bytes += length;
    }
    return bytes;
}

static void print_evaluation(const Options *options, const Subject *subject, const Evaluation *evaluation, size_t n_bytes)
{
    char tokens[NUMBER_TEXT];
    char bytes[NUMBER_TEXT];
    char windows[NUMBER_TEXT];
    double bits = evaluation->loss * (double)evaluation->n / (double)n_bytes / log(2.0);

    if (options_given(options, OPTION_JSON)) {
        cJSON *json = begin_json(subject, evaluation->loss);
        json_add_number(json, "bits_per_byte", bits);
        json_add_count(json, "tokens", (double)evaluation->n);
        json_add_count(json, "bytes", (double)n_bytes);
        json_add_count(json, "windows", (double)evaluation->n_windows);
        json_print(json);
        return;
    }
    thousands_text((double)evaluation->n, tokens);
    thousands_text((double)n_bytes, bytes);
    thousands_text((double)evaluation->n_windows, windows);
    printf("loss           %.9g\n"
           "perplexity     %.6g\n"
           "bits per byte  %.6g\n"
           "tokens         %s, which %s %s byte%s, in %s window%s of %d\n",
           evaluation->loss, exp(evaluation->loss), bits, tokens, evaluation->n == 1 ? "is" : "are", bytes,
           plural((double)n_bytes), windows, plural(evaluation->n_windows),
           subject->gpt->config.context_length);
}

static int eval_tokens(const Options *options, const Subject *subject, const Tokenizer *tokenizer, const Dataset *dataset)
{
    Evaluation evaluation;
    Error error;
    size_t first;
    size_t n;

    if (!read_part(options, dataset, &first, &n)) {
        return STATUS_USAGE;
    }
    note_subject(options, subject);
    Progress progress = progress_begin(options, "windows");
    bool done = n <= INT_MAX || error_set(&error, "%s: has more tokens than can be counted", dataset->name);
    done = done && memory_check(evaluation_bytes(&subject->gpt->config), "evaluating this model", &error)
        && gpt_evaluate(subject->gpt, dataset, first, n, progress_update, &progress, &evaluation, &error);
    progress_end(&progress);
    if (!done) {
        command_error(options->help->name, "%s", error.message);
        return STATUS_FAILED;
    }
    if (!check_loss(options, subject, evaluation.loss)) {
        return STATUS_FAILED;
    }
    print_evaluation(options, subject, &evaluation, count_bytes(dataset, tokenizer, first, n));
    return STATUS_OK;
}

static Dataset *open_text(const Options *options, const Tokenizer *tokenizer)
{
    Error error;
    Progress progress = progress_begin(options, "MiB as tokens");
    Dataset *dataset = dataset_open(options->values[OPTION_DATA], tokenizer, NULL, progress_update, &progress, &error);

    progress_end(&progress);
    if (dataset == NULL) {
        command_error(options->help->name, "%s", error.message);
    }
    return dataset;
}

static int eval_text(const Options *options, const Subject *subject)
{
    Tokenizer *tokenizer;
    int status = make_tokenizer(options, subject, &tokenizer);

    if (status == STATUS_OK) {
        Dataset *dataset = open_text(options, tokenizer);
        status = dataset == NULL ? STATUS_FAILED : eval_tokens(options, subject, tokenizer, dataset);
        dataset_free(dataset);
    }
    tokenizer_free(tokenizer);
    return status;
}

// ------------------------------------------------------------------------------------------------------------

static bool check_what(const Options *options)
{
    if (options_by_ids(options) && (options_given(options, OPTION_DATA) || options_given(options, OPTION_SPLIT))) {
        command_error(options->help->name, "--ids and --targets are the whole batch; leave out --data and --split");
        return false;
    }
    return true;
}

int command_eval(const Options *options)
{
    Subject subject = {0};
    int status = STATUS_USAGE;

    if (!options_threads(options) || !check_what(options)) {
        return STATUS_USAGE;
    }
    if (!options_precision(options, &status)) {
        return status;
    }
    Tape *tape = tape_create();
    status = options_given(options, OPTION_MODEL) ? load_subject(options, &subject) : create_subject(options, &subject);
    if (status == STATUS_OK) {
        status = options_by_ids(options) ? eval_batch(options, &subject) : eval_text(options, &subject);
    }
    gpt_free(subject.gpt);
    tape_free(tape);
    return status;
}
