// eval.c: gptape eval: how well a saved or untrained model predicts a text, or one batch of ids.

#include "gpt/cli/kit/kit.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>

static const OptionRow text_rows[] = {
    {"data", "FILE", NULL, "text to predict (default: the built-in stories)"},
    {"split", "train|val|all", NULL, "train: the part that 'gptape train' trains on; val: the last tenth; all (default all; val for the stories)"},
    {0},
};

static const OptionRow task_rows[] = {
    {"task", "NAME", NULL, "synthetic rows: copy, shift:K or modular:K, drawn by --seed"},
    {"batch", "N", "64", "rows of --task"},
    {"length", "N", NULL, "tokens of a row of --task (default: the context length)"},
    {0},
};

static const OptionExclusion eval_exclusions[] = {
    {IF_GIVEN, {"task"}, {"data", "split", "ids", "targets"}, "--task draws the batch; leave one out"},
    {UNLESS_GIVEN, {"task"}, {"batch", "length"}, "for --task only; leave it out"},
    {IF_GIVEN, {"ids", "targets"}, {"data", "split"}, "for a text, but --ids gives the whole batch; leave one out"},
    {0},
};

const CommandHelp eval_help = {
    .name = "eval",
    .summary = "loss of a saved or untrained model on a text, or on given ids",
    .about = "Prints the loss of a model: the mean cross-entropy of its predictions, in nats, and as perplexity, e^loss. A text is\n"
             "predicted in consecutive windows of the context length; its loss is also printed in bits per byte,\n"
             "to compare models with different tokenizers. With --ids and --targets the loss is that of one batch,\n"
             "with --task that of one batch of a synthetic task, printed beside the loss of a uniform guess. For one batch,\n"
             "--json also prints the logits at the last position of each row (last_logits).",
    .examples = "  gptape eval --ids 1,2,3 --targets 2,3,4 --json\n"
                "  gptape eval --config tiny --seed 7 --data README.md\n"
                "  gptape eval --model run --data text.txt --split val\n"
                "  gptape eval --config tiny --task copy\n"
                "  gptape eval --model run --ids \"1,2,3;4,5,6\" --targets \"2,3,4;5,6,7\" --json\n",
    .groups =
        {
            {.title = "What to predict:", .rows = text_rows},
            {.rows = ids_rows},
            {.rows = task_rows},
            {.title = "A saved model:", .rows = saved_model_rows},
            MODEL_GROUP("An untrained model (default: --config " UNTRAINED_CONFIG "):"),
            {.title = "Random numbers (of an untrained model, and of --task):", .rows = seed_rows},
            {.title = "Text (a saved model has its own tokenizer):", .rows = tokenizer_rows},
            {.title = "Computing:", .rows = precision_rows},
        },
    .computes = true,
    .exclusions = eval_exclusions,
};

// ------------------------------------------------------------------------------------------------------------
// The model

// The model, created or loaded.
typedef struct EvalModel {
    GPT *gpt;
    const char *name; // the preset's, or the folder
    bool saved;
    uint64_t seed; // of an untrained model
} EvalModel;

static bool load_model(const Options *options, EvalModel *model)
{
    if (options_changed(options, "seed") && !options_given(options, "task")) {
        return option_error(options, "seed", "for an untrained model; with --model nothing is drawn, leave one out");
    }
    model->saved = true;
    model->name = options_text(options, "model");
    model->gpt = options_seed(options, &model->seed) ? options_saved_model(options, NULL, 0) : NULL;
    return model->gpt != NULL;
}

static bool create_model(const Options *options, EvalModel *model)
{
    const GPTPreset *preset;
    GPTConfig config;
    Error error;
    if (!options_config(options, UNTRAINED_CONFIG, &preset, &config) || !options_seed(options, &model->seed)) {
        return false;
    }
    model->name = preset->name;
    model->gpt = gpt_create(&config, model->seed, &error);
    return model->gpt != NULL || report_failure(options, &error);
}

// Printed once all options have been read, so that an error prints one line.
static void eval_model_note(const Options *options, const EvalModel *model)
{
    options_precision_note(options);
    if (model->saved) {
        options_saved_model_note(options, &model->gpt->config);
    } else {
        command_note(options, "%s%s, untrained: random weights from seed %llu", model->name, options_any_field(options) ? " (changed)" : "",
                     (unsigned long long)model->seed);
    }
}

static bool eval_model_check_loss(const Options *options, const EvalModel *model, double loss)
{
    Error error;
    return isfinite(loss) || error_set(&error, "%s: the loss is not finite; its weights may be broken", model->name)
        || report_failure(options, &error);
}

static cJSON *eval_model_json(const EvalModel *model, double loss)
{
    cJSON *json = cJSON_CreateObject();
    if (model->saved) {
        cJSON_AddStringToObject(json, "model", model->name);
    } else {
        json_add_count(json, "seed", (double)model->seed);
    }
    json_add_config(json, &model->gpt->config);
    json_add_number(json, "loss", loss);
    json_add_number(json, "perplexity", exp(loss));
    return json;
}

// ------------------------------------------------------------------------------------------------------------
// One batch of ids

typedef struct Batch {
    int *ids;     // (B, T)
    int *targets; // (B, T)
    int B, T;
    Task *task; // --task; NULL: none
} Batch;

// For a task: drawn by its own generator.
static bool draw_batch(const Options *options, const EvalModel *model, Batch *batch)
{
    enum { BATCH_SEED = 4000037 };
    const GPTConfig *config = &model->gpt->config;
    if (!options_batch_size(options, config->context_length, &batch->B, &batch->T)
        || !options_task_fits(options, batch->task, config->vocab_size, batch->T)) {
        return false;
    }
    Random random;
    BatchSource source = task_source(batch->task);
    size_t n = (size_t)batch->B * (size_t)batch->T;
    batch->ids = memory_allocate(n * sizeof(int), "the batch");
    batch->targets = memory_allocate(n * sizeof(int), "the batch");
    random_seed(&random, model->seed + BATCH_SEED);
    batch_draw(&source, &random, batch->B, batch->T, batch->ids, batch->targets);
    return true;
}

static void print_batch_json(const EvalModel *model, const Batch *batch, double loss, const Real *last)
{
    int V = model->gpt->config.vocab_size;
    cJSON *json = eval_model_json(model, loss);
    json_add_count(json, "tokens", (double)batch->B * batch->T);
    if (batch->task != NULL) {
        cJSON_AddStringToObject(json, "task", batch->task->name);
        json_add_number(json, "guess_loss", task_source(batch->task).guess_loss);
    }
    cJSON *rows = cJSON_AddArrayToObject(json, "last_logits");
    for (int row = 0; row < batch->B; row++) {
        cJSON_AddItemToArray(rows, json_numbers(last + (size_t)row * (size_t)V, V));
    }
    json_print(json);
}

static void print_batch(const Options *options, const EvalModel *model, const Batch *batch, double loss, const Real *last)
{
    if (options_given(options, "json")) {
        print_batch_json(model, batch, loss, last);
    } else {
        printf("loss        " REAL_FORMAT "\nperplexity  %.6g\ntokens      %d\n", loss, exp(loss), batch->B * batch->T);
        if (batch->task != NULL) {
            printf("guessing    %.9g\n", task_source(batch->task).guess_loss);
        }
    }
}

static bool eval_batch(const Options *options, const EvalModel *model, Batch *batch)
{
    const GPTConfig *config = &model->gpt->config;
    bool read = batch->task != NULL ? draw_batch(options, model, batch)
                                    : options_batch(options, config, &batch->ids, &batch->targets, &batch->B, &batch->T);
    if (!read) {
        return false;
    }
    size_t n_last = (size_t)batch->B * (size_t)config->vocab_size;
    double bytes = gpt_cost(config, batch->B, batch->T).activation_bytes + (double)n_last * sizeof(Real);
    Error error;
    if (!memory_check(bytes, "this batch", &error)) {
        return report_failure(options, &error);
    }
    eval_model_note(options, model);
    AUTO_FREE Real *last = memory_allocate(n_last * sizeof *last, "the logits");
    double loss = gpt_batch_loss(model->gpt, batch->ids, batch->targets, batch->B, batch->T, last);
    bool finite = eval_model_check_loss(options, model, loss);
    if (finite) {
        print_batch(options, model, batch, loss, last);
    }
    return finite;
}

// ------------------------------------------------------------------------------------------------------------
// A text

// The requested tokens: *n, starting at *first.
static bool read_part(const Options *options, const Dataset *dataset, size_t *first, size_t *n)
{
    enum { ALL = SPLIT_COUNT };
    int part = options_given(options, "data") ? ALL : SPLIT_VAL;
    if (!options_choice(options, "split", &part)) {
        return false;
    }
    *first = part == ALL ? 0 : dataset->start[part];
    *n = (part == ALL ? dataset->n_tokens : dataset->start[part + 1]) - *first;
    return true;
}

// The number of bytes of all but the first of these tokens.
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

static void print_evaluation(const Options *options, const EvalModel *model, const Evaluation *evaluation, size_t n_bytes)
{
    double bits = evaluation->loss * (double)evaluation->n / (double)n_bytes / log(2.0);
    if (options_given(options, "json")) {
        cJSON *json = eval_model_json(model, evaluation->loss);
        json_add_number(json, "bits_per_byte", bits);
        json_add_count(json, "tokens", (double)evaluation->n);
        json_add_count(json, "bytes", (double)n_bytes);
        json_add_count(json, "windows", (double)evaluation->n_windows);
        json_print(json);
        return;
    }
    Table *table = table_begin("ll", NULL);
    table_row(table, "loss|" REAL_FORMAT, evaluation->loss);
    table_row(table, "perplexity|%.6g", exp(evaluation->loss));
    table_row(table, "bits per byte|%.6g", bits);
    table_row(table, "tokens|%s, which %s %s byte%s, in %s window%s of %d", THOUSANDS((double)evaluation->n), evaluation->n == 1 ? "is" : "are",
              THOUSANDS((double)n_bytes), plural((double)n_bytes), THOUSANDS((double)evaluation->n_windows), plural(evaluation->n_windows),
              model->gpt->config.context_length);
    table_end(table);
}

static bool eval_tokens(const Options *options, const EvalModel *model, const Tokenizer *tokenizer, const Dataset *dataset)
{
    Evaluation evaluation;
    Error error;
    size_t first;
    size_t n;
    if (!read_part(options, dataset, &first, &n)) {
        return false;
    }
    eval_model_note(options, model);
    Progress progress = progress_begin(options, "windows");
    bool done = (n <= INT_MAX || error_set(&error, "%s: has more tokens than can be counted", dataset->name))
             && memory_check(evaluation_bytes(&model->gpt->config), "evaluating this model", &error)
             && gpt_evaluate(model->gpt, dataset_ids, dataset, first, n, progress_update, &progress, &evaluation, &error);
    if (!done) {
        return report_failure(options, &error);
    }
    bool finite = eval_model_check_loss(options, model, evaluation.loss);
    if (finite) {
        print_evaluation(options, model, &evaluation, count_bytes(dataset, tokenizer, first, n));
    }
    return finite;
}

static Dataset *open_text(const Options *options, const Tokenizer *tokenizer)
{
    Error error;
    Progress progress = progress_begin(options, "MiB as tokens");
    Dataset *dataset = dataset_open(options_text(options, "data"), tokenizer, NULL, progress_update, &progress, &error);
    if (dataset == NULL) {
        report_failure(options, &error);
    } else {
        options_special_note(options, tokenizer, dataset->n_special);
    }
    return dataset;
}

static bool eval_text(const Options *options, const EvalModel *model)
{
    const GPTConfig *config = &model->gpt->config;
    Tokenizer *tokenizer = options_model_tokenizer(options, config->vocab_size);
    if (tokenizer == NULL) {
        return false;
    }
    if (!model->saved && (options_tokenizer_given(options) || config->vocab_size == GPT2_VOCABULARY)) {
        options_tokenizer_note(options, tokenizer_kind(tokenizer));
    }
    Dataset *dataset = open_text(options, tokenizer);
    bool done = dataset != NULL && eval_tokens(options, model, tokenizer, dataset);
    dataset_free(dataset);
    tokenizer_free(tokenizer);
    return done;
}

// ------------------------------------------------------------------------------------------------------------

int command_eval(const Options *options)
{
    EvalModel model = {0};
    Batch batch = {0};
    Tape *tape = tape_create();
    bool done = options_task(options, &batch.task) && (options_given(options, "model") ? load_model : create_model)(options, &model);
    if (done) {
        bool rows = options_by_ids(options) || batch.task != NULL;
        done = rows ? eval_batch(options, &model, &batch) : eval_text(options, &model);
    }
    free(batch.ids);
    free(batch.targets);
    free(batch.task);
    gpt_free(model.gpt);
    tape_free(tape);
    return command_status(done);
}
