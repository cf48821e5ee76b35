// info.c: gptape info: what a model of some configuration costs. It is counted from the sizes; nothing is made.

#include "gpt/cli/kit/kit.h"

#include <limits.h>
#include <string.h>

#define DEFAULT_CONFIG "gpt2-124m"

static const OptionRow batch_rows[] = {
    {"batch", "B", "1", "sequences in a training step"},
    {0},
};

static const OptionGroup info_groups[] = {
    {.title = "Training:", .rows = batch_rows},
    MODEL_GROUP("Model (default: the list of presets; with a size or switch alone, " DEFAULT_CONFIG "):"),
    {.title = "A saved model:", .rows = saved_model_rows},
    {.title = "Running:", .rows = answer_rows},
    {0},
};

const CommandHelp info_help = {
    .name = "info",
    .about = "Shows how many parameters a model has, part by part, and what a training step of --batch sequences of\n"
             "--context-length tokens needs: bytes for weights, gradients, AdamW and activations, and FLOPs a token.\n"
             "Without a model, lists all presets. Nothing is allocated, so any size can be asked about; of a saved model only\n"
             "config.json is read.",
    .examples = "  gptape info\n"
                "  gptape info --config gpt2-124m\n"
                "  gptape info --config book-124m --batch 4 --context-length 256\n"
                "  gptape info --config 70b --json\n"
                "  gptape info --n-layer 24 --n-embd 768 --n-head 12 --tied off\n"
                "  gptape info --model DIR\n",
    .groups = info_groups,
};

// ------------------------------------------------------------------------------------------------------------
// One model

static void print_config(const GPTPreset *preset, bool changed, const GPTConfig *config)
{
    char vocabulary[NUMBER_TEXT];
    char context[NUMBER_TEXT];
    const char *comma = "";

    printf("%s%s: %s\n", preset->name, changed ? ", changed" : "", preset->note);
    printf("%d layer%s, %d head%s, width %d, context %s, vocabulary %s\n", config->n_layer, plural(config->n_layer),
           config->n_head, plural(config->n_head), config->n_embd,
           thousands_text(config->context_length, context), thousands_text(config->vocab_size, vocabulary));
    for (int i = 0; i < gpt_field_count; i++) {
        char buffer[FIELD_BUFFER];
        char name[32];
        const char *text = config_field_text(&gpt_fields[i], config, buffer);
        bool size = gpt_fields[i].kind == FIELD_COUNT && gpt_fields[i].low > 0 && strcmp(gpt_fields[i].name, "ff_mult") != 0;
        if (!size && text[0] != '\0') {            // the sizes are in the line above
            printf("%s%s %s", comma, option_name(gpt_fields[i].name, name), text);
            comma = ", ";
        }
    }
    printf("\n\n");
}

// One part of the model: how many values one copy has, and how many copies there are.
static void part_row(Table *table, const char *name, int64_t values, int copies, int64_t parameters)
{
    char one[NUMBER_TEXT];
    char all[NUMBER_TEXT];
    double together = (double)values * copies;

    table_cell(table, "%s", name);
    table_cell(table, "%s", copies == 1 ? "" : thousands_text((double)values, one));
    table_cell(table, "%s", thousands_text(together, all));
    table_cell(table, "%.2f %%", 100.0 * together / (double)parameters);
}

static void print_parts(const GPTConfig *config, const GPTCost *cost)
{
    Table *table = table_create("lrrr");
    int n = config->n_layer;

    table_cell(table, "part");
    table_cell(table, "in one block");
    table_cell(table, "parameters");
    table_cell(table, "share");
    table_line(table);
    part_row(table, "wte", cost->wte, 1, cost->parameters);
    part_row(table, "wpe", cost->wpe, 1, cost->parameters);
    part_row(table, "h.*.ln_1", cost->ln_1, n, cost->parameters);
    part_row(table, "h.*.attn.c_attn", cost->c_attn, n, cost->parameters);
    part_row(table, "h.*.attn.c_proj", cost->attn_c_proj, n, cost->parameters);
    part_row(table, "h.*.ln_2", cost->ln_2, n, cost->parameters);
    part_row(table, "h.*.mlp.c_fc", cost->c_fc, n, cost->parameters);
    part_row(table, "h.*.mlp.c_proj", cost->mlp_c_proj, n, cost->parameters);
    part_row(table, "ln_f", cost->ln_f, 1, cost->parameters);
    part_row(table, config->tied ? "lm_head (tied: is wte)" : "lm_head", cost->lm_head, 1, cost->parameters);
    table_line(table);
    part_row(table, "h.* (the blocks)", cost->block, n, cost->parameters);
    part_row(table, "all", cost->parameters, 1, cost->parameters);
    table_print(table, stdout);
    table_free(table);
}

static void bytes_row(Table *table, const char *name, double bytes)
{
    char exact[NUMBER_TEXT];
    char human[BYTES_TEXT];

    table_cell(table, "%s", name);
    table_cell(table, "%s", thousands_text(bytes, exact));
    table_cell(table, "%s", bytes_text(bytes, human));
}

static void print_bytes(const GPTConfig *config, const GPTCost *cost, int batch)
{
    Table *table = table_create("lrr");

    printf("\nMemory for a training step of %d x %d tokens (1 MiB = 1,048,576 bytes)\n", batch, config->context_length);
    table_cell(table, "float32");
    table_cell(table, "bytes");
    table_cell(table, "%s", "");
    table_line(table);
    bytes_row(table, "weights", cost->weight_bytes);
    bytes_row(table, "gradients", cost->gradient_bytes);
    bytes_row(table, "AdamW", cost->adamw_bytes);
    bytes_row(table, "activations", cost->activation_bytes);
    bytes_row(table, "their gradients, at most", cost->gradient_peak_bytes);
    bytes_row(table, "the program", PROGRAM_BYTES);
    table_line(table);
    bytes_row(table, "all", gpt_training_bytes(cost, false));
    bytes_row(table, "all with --recompute on", gpt_training_bytes(cost, true));
    table_print(table, stdout);
    table_free(table);
}

static void print_flops(const GPTConfig *config, const GPTCost *cost, int batch)
{
    char a_token[NUMBER_TEXT];
    double tokens = (double)batch * config->context_length;

    printf("\nFLOPs, forward and backward: %s a token, %.4g a step of %.0f\n", thousands_text(cost->flops_per_token, a_token),
           cost->flops_per_token * tokens, tokens);
}

static void print_model(const GPTPreset *preset, bool changed, const GPTConfig *config, int batch)
{
    GPTCost cost = gpt_cost(config, batch, config->context_length);

    print_config(preset, changed, config);
    print_parts(config, &cost);
    print_bytes(config, &cost, batch);
    print_flops(config, &cost, batch);
}

// ------------------------------------------------------------------------------------------------------------
// All presets

static void preset_row(Table *table, const GPTPreset *preset, int batch)
{
    const GPTConfig *config = &preset->config;
    GPTCost cost = gpt_cost(config, batch, config->context_length);
    char text[NUMBER_TEXT];
    char bytes[BYTES_TEXT];

    table_cell(table, "%s", preset->name);
    table_cell(table, "%d", config->n_layer);
    table_cell(table, "%d", config->n_head);
    table_cell(table, "%d", config->n_embd);
    table_cell(table, "%d", config->context_length);
    table_cell(table, "%d", config->vocab_size);
    table_cell(table, "%s", thousands_text((double)cost.parameters, text));
    table_cell(table, "%s", bytes_text(cost.weight_bytes, bytes));
    table_cell(table, "%s", bytes_text(gpt_training_bytes(&cost, false), bytes));
}

static void print_notes(void)
{
    Table *table = table_create("ll");

    for (int i = 0; i < gpt_preset_count; i++) {
        table_cell(table, "%s", gpt_presets[i].name);
        table_cell(table, "%s", gpt_presets[i].note);
    }
    table_print(table, stdout);
    table_free(table);
}

static void print_presets(int batch)
{
    static const char *const heads[] = {"preset", "layers", "heads", "width", "context", "vocabulary", "parameters", "weights",
                                        "training"};
    Table *table = table_create("lrrrrrrrr");

    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        table_cell(table, "%s", heads[i]);
    }
    table_line(table);
    for (int i = 0; i < gpt_preset_count; i++) {
        preset_row(table, &gpt_presets[i], batch);
    }
    table_print(table, stdout);
    table_free(table);
    printf("\n'training' is weights, gradients, AdamW and activations of %d sequence%s as long as the context, in float32;\n"
           "1 MiB = 1,048,576 bytes. gptape info --config PRESET shows the parts.\n\n", batch, plural(batch));
    print_notes();
}

// ------------------------------------------------------------------------------------------------------------
// JSON

static void add_parts(cJSON *json, const GPTCost *cost)
{
    cJSON *parts = cJSON_AddObjectToObject(json, "parts");     // h.* is what one block has

    json_add_count(parts, "wte", (double)cost->wte);
    json_add_count(parts, "wpe", (double)cost->wpe);
    json_add_count(parts, "h.*.ln_1", (double)cost->ln_1);
    json_add_count(parts, "h.*.attn.c_attn", (double)cost->c_attn);
    json_add_count(parts, "h.*.attn.c_proj", (double)cost->attn_c_proj);
    json_add_count(parts, "h.*.ln_2", (double)cost->ln_2);
    json_add_count(parts, "h.*.mlp.c_fc", (double)cost->c_fc);
    json_add_count(parts, "h.*.mlp.c_proj", (double)cost->mlp_c_proj);
    json_add_count(parts, "h.*", (double)cost->block);
    json_add_count(parts, "ln_f", (double)cost->ln_f);
    json_add_count(parts, "lm_head", (double)cost->lm_head);
}

static void add_bytes(cJSON *json, const GPTCost *cost)
{
    cJSON *bytes = cJSON_AddObjectToObject(json, "bytes");

    json_add_count(bytes, "weights", cost->weight_bytes);
    json_add_count(bytes, "gradients", cost->gradient_bytes);
    json_add_count(bytes, "adamw", cost->adamw_bytes);
    json_add_count(bytes, "activations", cost->activation_bytes);
    json_add_count(bytes, "activation_gradients_peak", cost->gradient_peak_bytes);
    json_add_count(bytes, "program", PROGRAM_BYTES);
    json_add_count(bytes, "training", gpt_training_bytes(cost, false));
    json_add_count(bytes, "training_recompute", gpt_training_bytes(cost, true));
}

static cJSON *model_json(const GPTPreset *preset, bool changed, const GPTConfig *config, int batch)
{
    GPTCost cost = gpt_cost(config, batch, config->context_length);
    cJSON *json = cJSON_CreateObject();

    cJSON_AddStringToObject(json, "preset", preset->name);
    cJSON_AddStringToObject(json, "note", preset->note);
    cJSON_AddBoolToObject(json, "changed", changed);
    json_add_config(json, "config", config);
    json_add_count(json, "parameters", (double)cost.parameters);
    add_parts(json, &cost);
    json_add_count(json, "batch", batch);
    add_bytes(json, &cost);
    json_add_count(json, "flops_per_token", cost.flops_per_token);
    return json;
}

static cJSON *presets_json(int batch)
{
    cJSON *json = cJSON_CreateObject();
    cJSON *list = cJSON_AddArrayToObject(json, "presets");

    for (int i = 0; i < gpt_preset_count; i++) {
        cJSON_AddItemToArray(list, model_json(&gpt_presets[i], false, &gpt_presets[i].config, batch));
    }
    return json;
}

// ------------------------------------------------------------------------------------------------------------

// The model asked for: saved, which is then a preset of its own, or a preset with what is changed of it.
static bool read_model(const Options *options, GPTPreset *model, int *status)
{
    const GPTPreset *preset;

    *status = STATUS_USAGE;
    if (options_given(options, "model")) {
        *model = (GPTPreset){.name = options_text(options, "model"), .note = "a saved model"};
        return options_saved_config(options, &model->config, status);
    }
    if (!options_config(options, DEFAULT_CONFIG, &preset, &model->config)) {
        return false;
    }
    model->name = preset->name;
    model->note = preset->note;
    return true;
}

int command_info(const Options *options)
{
    GPTPreset model;
    int batch;
    int status;

    if (!read_model(options, &model, &status)) {
        return status;
    }
    if (!options_int(options, "batch", 1, INT_MAX, &batch)) {
        return STATUS_USAGE;
    }
    bool changed = options_any_field(options);
    bool one = changed || options_given(options, "config") || options_given(options, "model");
    bool json = options_given(options, "json");
    if (one && json) {
        json_print(model_json(&model, changed, &model.config, batch));
    } else if (one) {
        print_model(&model, changed, &model.config, batch);
    } else if (json) {
        json_print(presets_json(batch));
    } else {
        print_presets(batch);
    }
    return STATUS_OK;
}
