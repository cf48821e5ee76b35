// eval.c: gptape eval: how well a saved or untrained model predicts a text (text.c), or one batch of ids.

#include "gpt/cli/eval/eval.h"
#include "gpt/base/base.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>

static const OptionRow text_rows[] = {
    {"data", "FILE", NULL, "text to predict (default: the built-in stories)"},
    {"split", "all|train|val", NULL, "all of it, the part that 'gptape train' trains on, or the last tenth (default all; of the stories val)"},
    {0},
};

static const OptionRow task_rows[] = {
    {"task", "NAME", NULL, "synthetic rows: copy, shift:K or modular:K, drawn by --seed"},
    {"batch", "N", "64", "rows of --task"},
    {"length", "N", NULL, "tokens of a row of --task (default: the context length)"},
    {0},
};

static const OptionGroup eval_groups[] = {
    {.title = "What to predict:", .rows = text_rows},
    {.rows = ids_rows},
    {.rows = task_rows},
    {.title = "A saved model:", .rows = saved_model_rows},
    MODEL_GROUP("An untrained model (default: --config " UNTRAINED_CONFIG "):"),
    {.title = "Random numbers (of an untrained model, and of --task):", .rows = seed_rows},
    {.title = "Text (a saved model has its own tokenizer):", .rows = tokenizer_rows},
    {.title = "Computing:", .rows = precision_rows},
    {.title = "Running:", .rows = run_rows},
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
    .groups = eval_groups,
};

// ------------------------------------------------------------------------------------------------------------
// The model

static int load_model(const Options *options, EvalModel *model)
{
    int status = STATUS_USAGE;

    if (options_changed(options, "seed") && !options_given(options, "task")) {
        option_error(options, "seed", "for an untrained model; with --model nothing is drawn, leave one out");
        return STATUS_USAGE;
    }
    model->saved = true;
    model->name = options_text(options, "model");
    model->gpt = options_seed(options, &model->seed) ? options_saved_model(options, NULL, &status) : NULL;
    return model->gpt == NULL ? status : STATUS_OK;
}

static int create_model(const Options *options, EvalModel *model)
{
    const GPTPreset *preset;
    GPTConfig config;
    Error error;

    if (!options_config(options, UNTRAINED_CONFIG, &preset, &config) || !options_seed(options, &model->seed)) {
        return STATUS_USAGE;
    }
    model->name = preset->name;
    model->gpt = gpt_create(&config, model->seed, &error);
    if (model->gpt == NULL) {
        report_error(options, &error);
        return STATUS_FAILED;
    }
    return STATUS_OK;
}

// Printed once all options have been read, so that an error prints one line.
void eval_model_note(const Options *options, const EvalModel *model)
{
    options_precision_note(options);
    if (model->saved) {
        options_saved_model_note(options, &model->gpt->config);
    } else {
        command_note(options, "%s%s, untrained: random weights from seed %llu", model->name, options_any_field(options) ? " (changed)" : "",
                     (unsigned long long)model->seed);
    }
}

bool eval_model_check_loss(const Options *options, const EvalModel *model, double loss)
{
    if (!isfinite(loss)) {
        command_error(options->help->name, "%s: the loss is not finite; its weights may be broken", model->name);
    }
    return isfinite(loss);
}

cJSON *eval_model_json(const EvalModel *model, double loss)
{
    cJSON *json = cJSON_CreateObject();

    if (model->saved) {
        cJSON_AddStringToObject(json, "model", model->name);
    } else {
        json_add_count(json, "seed", (double)model->seed);
    }
    json_add_config(json, "config", &model->gpt->config);
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
    enum { MOST_ROWS = 65536, BATCH_SEED = 4000037 };
    const GPTConfig *config = &model->gpt->config;
    Error error;
    batch->T = config->context_length;
    batch->task = options_task(options);
    if (batch->task == NULL || !options_int(options, "batch", 1, MOST_ROWS, &batch->B)
        || !options_int(options, "length", 1, config->context_length, &batch->T)) {
        return false;
    }
    if (batch->B > INT_MAX / batch->T) {
        return option_error(options, "batch", "%d times --length %d exceeds %d tokens", batch->B, batch->T, INT_MAX);
    }
    if (!task_fit(batch->task, config->vocab_size, batch->T, &error)) {
        return option_error(options, "task", "%s", error.message);
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

static int eval_batch(const Options *options, const EvalModel *model)
{
    const GPTConfig *config = &model->gpt->config;
    Batch batch = {0};
    Error error;
    int status = STATUS_USAGE;

    bool read = options_given(options, "task") ? draw_batch(options, model, &batch)
                                               : options_batch(options, config, &batch.ids, &batch.targets, &batch.B, &batch.T);
    if (read) {
        GPTCost cost = gpt_cost(config, batch.B, batch.T);
        size_t n_last = (size_t)batch.B * (size_t)config->vocab_size;
        status = STATUS_FAILED;
        if (!memory_check(cost.activation_bytes + (double)n_last * sizeof(Real), "this batch", &error)) {
            report_error(options, &error);
        } else {
            eval_model_note(options, model);
            Real *last = memory_allocate(n_last * sizeof *last, "the logits");
            double loss = gpt_batch_loss(model->gpt, batch.ids, batch.targets, batch.B, batch.T, last);
            if (eval_model_check_loss(options, model, loss)) {
                print_batch(options, model, &batch, loss, last);
                status = STATUS_OK;
            }
            free(last);
        }
    }
    free(batch.ids);
    free(batch.targets);
    free(batch.task);
    return status;
}

// ------------------------------------------------------------------------------------------------------------

static bool check_what(const Options *options)
{
    static const char *const of_text[] = {"data", "split", NULL};
    static const char *const of_others[] = {"data", "split", "ids", "targets", NULL};
    static const char *const of_task[] = {"batch", "length", NULL};
    bool task = options_given(options, "task");
    const char *name = task ? options_first(options, of_others) : options_by_ids(options) ? options_first(options, of_text) : NULL;
    const char *extra = task ? NULL : options_first(options, of_task);
    if (extra != NULL) {
        return option_error(options, extra, "for --task only; leave it out");
    }
    return name == NULL
        || option_error(options, name, "%s; leave one out", task ? "--task draws the batch" : "for a text, but --ids gives the whole batch");
}

int command_eval(const Options *options)
{
    EvalModel model = {0};
    int status = STATUS_USAGE;

    if (!options_threads(options) || !check_what(options)) {
        return STATUS_USAGE;
    }
    if (!options_precision(options, &status)) {
        return status;
    }
    Tape *tape = tape_create();
    status = options_given(options, "model") ? load_model(options, &model) : create_model(options, &model);
    if (status == STATUS_OK) {
        status = options_by_ids(options) || options_given(options, "task") ? eval_batch(options, &model) : eval_text(options, &model);
    }
    gpt_free(model.gpt);
    tape_free(tape);
    return status;
}
