// info.c: gptape info: the cost of a model, counted from its configuration; no model is created.

#include "gpt/cli/info/info.h"

#include <limits.h>
#include <string.h>

#define DEFAULT_CONFIG "gpt2-124m"

static const OptionRow batch_rows[] = {
    {"batch", "B", "1", "sequences in a training step"},
    {0},
};

const CommandHelp info_help = {
    .name = "info",
    .summary = "parameters, memory and FLOPs of a model, without creating it",
    .about = "Shows how many parameters a model has, part by part, and what a training step of --batch sequences of\n"
             "--context-length tokens needs: bytes for weights, gradients, AdamW and activations, and FLOPs per token; also\n"
             "whether this machine holds an untrained model in memory or streams it, with estimates of memory and time.\n"
             "Without a model, lists all presets. No model is created, so any size is possible; for a saved model, only\n"
             "config.json is read.",
    .examples = "  gptape info\n"
                "  gptape info --config gpt2-124m\n"
                "  gptape info --config book-124m --batch 4 --context-length 256\n"
                "  gptape info --config 70b --json\n"
                "  gptape info --n-layer 24 --n-embd 768 --n-head 12 --tied off\n"
                "  gptape info --model DIR\n",
    .groups = {{.title = "Training:", .rows = batch_rows},
               MODEL_GROUP("Model (default: the list of presets; with a size or switch alone, " DEFAULT_CONFIG "):"),
               {.title = "A saved model:", .rows = saved_model_rows}},
};

// ------------------------------------------------------------------------------------------------------------
// What is counted, for the tables and for JSON

typedef struct Part {
    const char *name;
    size_t offset; // of its int64_t in GPTCost
    bool of_block; // there is one in each block
} Part;

static const Part parts[] = {
    {"wte", offsetof(GPTCost, wte), false},
    {"wpe", offsetof(GPTCost, wpe), false},
    {"h.*.ln_1", offsetof(GPTCost, ln_1), true},
    {"h.*.attn.c_attn", offsetof(GPTCost, c_attn), true},
    {"h.*.attn.c_proj", offsetof(GPTCost, attn_c_proj), true},
    {"h.*.res_1", offsetof(GPTCost, res_1), true},
    {"h.*.ln_2", offsetof(GPTCost, ln_2), true},
    {"h.*.mlp.c_fc", offsetof(GPTCost, c_fc), true},
    {"h.*.mlp.c_proj", offsetof(GPTCost, mlp_c_proj), true},
    {"h.*.res_2", offsetof(GPTCost, res_2), true},
    {"h.*", offsetof(GPTCost, block), true},
    {"ln_f", offsetof(GPTCost, ln_f), false},
    {"lm_head", offsetof(GPTCost, lm_head), false},
};

enum { PARTS = sizeof parts / sizeof parts[0] };

static double part_values(const GPTCost *cost, const Part *part)
{
    return (double)*(const int64_t *)(const void *)((const char *)cost + part->offset);
}

// A rule without learned parts of its own has no such row.
static bool is_there(const GPTCost *cost, const Part *part)
{
    return strstr(part->name, "res_") == NULL || part_values(cost, part) > 0;
}

enum { SUMS = 9, FIRST_SUM = 6 };

typedef struct Bytes {
    const char *name;
    const char *key;
    double bytes;
} Bytes;

static void count_bytes(const GPTCost *cost, Bytes bytes[SUMS])
{
    const Bytes counted[SUMS] = {
        {"weights", "weights", cost->weight_bytes},
        {"gradients", "gradients", cost->gradient_bytes},
        {"AdamW", "adamw", cost->adamw_bytes},
        {"activations", "activations", cost->activation_bytes},
        {"their gradients, at most", "activation_gradients_peak", cost->gradient_peak_bytes},
        {"the program", "program", PROGRAM_BYTES},
        {"all", "training", gpt_training_bytes(cost, false)},
        {"all with --recompute on", "training_recompute", gpt_training_bytes(cost, true)},
        {"all with --reduce exact", "training_reduce_exact", gpt_training_bytes(cost, false) + cost->gradient_bytes},
    };
    memcpy(bytes, counted, sizeof counted);
}

// ------------------------------------------------------------------------------------------------------------
// One model

static void print_config(const GPTPreset *preset, bool changed, const GPTConfig *config)
{
    char switches[512];
    size_t used = 0;
    for (int i = 0; i < gpt_field_count && used < sizeof switches; i++) {
        const ConfigField *field = &gpt_fields[i];
        const char *text = config_field_text(field, config, (char[FIELD_BUFFER]){""});
        bool size = field->kind == FIELD_COUNT && strcmp(field->name, "ff_mult") != 0;
        if (!size && gpt_field_applies(field, config) && text[0] != '\0') { // the sizes have a line of their own
            used += (size_t)snprintf(switches + used, sizeof switches - used, "%s%s %.80s", used == 0 ? "" : ", ", OPTION_NAME(field), text);
        }
    }
    terminal_print("%s%s: %s", preset->name, changed ? ", changed" : "", preset->note);
    terminal_print("%d layer%s, %d head%s, width %d, context %s, vocabulary %s", config->n_layer, plural(config->n_layer), config->n_head,
                   plural(config->n_head), config->n_embd, THOUSANDS(config->context_length), THOUSANDS(config->vocab_size));
    terminal_print("%s\n", switches);
}

// How many values one copy of a part has, and all copies together.
static void part_row(Table *table, const char *name, double values, int copies, double parameters)
{
    table_row(table, "%s|%s|%s|%.2f %%", name, copies == 1 ? "" : THOUSANDS(values), THOUSANDS(values * copies),
              100.0 * values * copies / parameters);
}

static void print_parts(const GPTConfig *config, const GPTCost *cost)
{
    Table *table = table_begin("lrrr", "part|in one block|parameters|share");
    double parameters = (double)cost->parameters;
    for (int i = 0; i < PARTS; i++) {
        bool block = strcmp(parts[i].name, "h.*") == 0;
        bool head = strcmp(parts[i].name, "lm_head") == 0;
        if (is_there(cost, &parts[i]) && !block) {
            part_row(table, head && config->tied ? "lm_head (tied: is wte)" : parts[i].name, part_values(cost, &parts[i]),
                     parts[i].of_block ? config->n_layer : 1, parameters);
        }
    }
    table_line(table);
    part_row(table, "h.* (the blocks)", (double)cost->block, config->n_layer, parameters);
    part_row(table, "all", parameters, 1, parameters);
    table_end(table);
}

static void print_bytes(const GPTConfig *config, const GPTCost *cost, int batch)
{
    Bytes bytes[SUMS];
    count_bytes(cost, bytes);
    terminal_print("\nMemory for a training step of %d x %d tokens (1 MiB = 1,048,576 bytes)", batch, config->context_length);
    Table *table = table_begin("lrr", REAL_NAME "|bytes|");
    for (int i = 0; i < SUMS; i++) {
        if (i == FIRST_SUM) {
            table_line(table);
        }
        table_row(table, "%s|%s|%s", bytes[i].name, THOUSANDS(bytes[i].bytes), BYTES_STRING(bytes[i].bytes));
    }
    table_end(table);
}

static void print_model(const GPTPreset *preset, bool changed, const GPTConfig *config, int batch)
{
    GPTCost cost = gpt_cost(config, batch, config->context_length);
    double tokens = (double)batch * config->context_length;
    print_config(preset, changed, config);
    print_parts(config, &cost);
    print_bytes(config, &cost, batch);
    info_print_running(config);
    terminal_print("\nFLOPs, forward and backward: %s a token, %.4g a step of %.0f", THOUSANDS(cost.flops_per_token), cost.flops_per_token * tokens,
                   tokens);
}

// ------------------------------------------------------------------------------------------------------------
// All presets

static void print_presets(int batch)
{
    Table *table = table_begin("lrrrrrrrr", "preset|layers|heads|width|context|vocabulary|parameters|weights|training");
    for (int i = 0; i < gpt_preset_count; i++) {
        const GPTConfig *config = &gpt_presets[i].config;
        GPTCost cost = gpt_cost(config, batch, config->context_length);
        table_row(table, "%s|%d|%d|%d|%d|%d|%s|%s|%s", gpt_presets[i].name, config->n_layer, config->n_head, config->n_embd, config->context_length,
                  config->vocab_size, THOUSANDS((double)cost.parameters), BYTES_STRING(cost.weight_bytes),
                  BYTES_STRING(gpt_training_bytes(&cost, false)));
    }
    table_end(table);
    terminal_print("\n'training' is weights, gradients, AdamW and activations of %d sequence%s as long as the context, in " REAL_NAME ";\n"
                   "1 MiB = 1,048,576 bytes. gptape info --config PRESET shows the parts.\n",
                   batch, plural(batch));
    table = table_begin("ll", NULL);
    for (int i = 0; i < gpt_preset_count; i++) {
        table_row(table, "%s|%s", gpt_presets[i].name, gpt_presets[i].note);
    }
    table_end(table);
    printf("\n");
    info_print_running_presets();
}

// ------------------------------------------------------------------------------------------------------------
// JSON

static cJSON *model_json(const GPTPreset *preset, bool changed, const GPTConfig *config, int batch)
{
    GPTCost cost = gpt_cost(config, batch, config->context_length);
    Bytes bytes[SUMS];
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "preset", preset->name);
    cJSON_AddStringToObject(json, "note", preset->note);
    cJSON_AddBoolToObject(json, "changed", changed);
    json_add_config(json, config);
    json_add_count(json, "parameters", (double)cost.parameters);
    cJSON *object = cJSON_AddObjectToObject(json, "parts");
    for (int i = 0; i < PARTS; i++) {
        if (is_there(&cost, &parts[i])) {
            json_add_count(object, parts[i].name, part_values(&cost, &parts[i]));
        }
    }
    json_add_count(json, "batch", batch);
    count_bytes(&cost, bytes);
    object = cJSON_AddObjectToObject(json, "bytes");
    for (int i = 0; i < SUMS; i++) {
        json_add_count(object, bytes[i].key, bytes[i].bytes);
    }
    info_add_running(json, config);
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

// The requested model: a saved one, treated as a preset, or a preset with its changes.
static bool read_model(const Options *options, GPTPreset *model)
{
    const GPTPreset *preset;
    if (options_given(options, "model")) {
        *model = (GPTPreset){.name = options_text(options, "model"), .note = "a saved model"};
        return options_saved_config(options, &model->config);
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
    if (!read_model(options, &model) || !options_int(options, "batch", 1, INT_MAX, &batch)) {
        return command_status(false);
    }
    bool changed = options_any_field(options);
    bool one = changed || options_given(options, "config") || options_given(options, "model");
    if (options_given(options, "json")) {
        json_print(one ? model_json(&model, changed, &model.config, batch) : presets_json(batch));
    } else if (one) {
        print_model(&model, changed, &model.config, batch);
    } else {
        print_presets(batch);
    }
    return STATUS_OK;
}
