// eval.c: gptape eval: how well a saved or untrained model predicts a text (text.c), or one batch of ids.

#include "gpt/cli/eval/eval.h"
#include "gpt/base/base.h"

#include <math.h>
#include <stdlib.h>

static const OptionRow text_rows[] = {
    {"data", "FILE", NULL, "text to predict (default: the built-in stories)"},
    {"split", "all|train|val", NULL,
     "all of it, the part that 'gptape train' trains on, or the last tenth (default all; of the stories val)"},
    {0},
};

static const OptionGroup eval_groups[] = {
    {.title = "What to predict:", .rows = text_rows},
    {.rows = ids_rows},
    {.title = "A saved model:", .rows = saved_model_rows},
    MODEL_GROUP("An untrained model (default: --config " UNTRAINED_CONFIG "):"),
    {.title = "Random numbers:", .rows = seed_rows},
    {.title = "Text (a saved model has its own tokenizer):", .rows = tokenizer_rows},
    {.title = "Computing:", .rows = precision_rows},
    {.title = "Running:", .rows = run_rows},
    {0},
};

const CommandHelp eval_help = {
    .name = "eval",
    .about = "Prints the loss of a model: the mean cross-entropy of its predictions, in nats, and as perplexity, e^loss. A text is\n"
             "predicted in windows of the context length, one after the other; its loss is also printed in bits per byte,\n"
             "by which models with different tokenizers can be compared. With --ids and --targets the loss is that of one batch,\n"
             "and --json also prints the logits at the last position of each row (last_logits).",
    .examples = "  gptape eval --ids 1,2,3 --targets 2,3,4 --json\n"
                "  gptape eval --config tiny --seed 7 --data README.md\n"
                "  gptape eval --model run --data text.txt --split val\n"
                "  gptape eval --model run --ids \"1,2,3;4,5,6\" --targets \"2,3,4;5,6,7\" --json\n",
    .groups = eval_groups,
};

// ------------------------------------------------------------------------------------------------------------
// The model

static int load_model(const Options *options, EvalModel *model)
{
    int status = STATUS_USAGE;

    if (options_changed(options, "seed")) {
        option_error(options, "seed", "for an untrained model; with --model nothing is drawn, leave one out");
        return STATUS_USAGE;
    }
    model->saved = true;
    model->name = options_text(options, "model");
    model->gpt = options_saved_model(options, NULL, &status);
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
        command_note(options, "%s%s, untrained: random weights from seed %llu", model->name,
                     options_any_field(options) ? " (changed)" : "", (unsigned long long)model->seed);
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
    int *ids;                                      // (B, T)
    int *targets;                                  // (B, T)
    int B, T;
} Batch;

static void print_batch_json(const EvalModel *model, const Batch *batch, double loss, const Real *last)
{
    int V = model->gpt->config.vocab_size;
    cJSON *json = eval_model_json(model, loss);

    json_add_count(json, "tokens", (double)batch->B * batch->T);
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
    }
}

static int eval_batch(const Options *options, const EvalModel *model)
{
    const GPTConfig *config = &model->gpt->config;
    Batch batch = {0};
    Error error;
    int status = STATUS_USAGE;

    if (options_batch(options, config, &batch.ids, &batch.targets, &batch.B, &batch.T)) {
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
    return status;
}

// ------------------------------------------------------------------------------------------------------------

static bool check_what(const Options *options)
{
    static const char *const of_text[] = {"data", "split", NULL};
    const char *name = options_by_ids(options) ? options_first(options, of_text) : NULL;
    return name == NULL || option_error(options, name, "for a text, but --ids gives the whole batch; leave one out");
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
        status = options_by_ids(options) ? eval_batch(options, &model) : eval_text(options, &model);
    }
    gpt_free(model.gpt);
    tape_free(tape);
    return status;
}
