// model_config_write.c: config.json as transformers' GPT2Config writes it, with what gptape adds under a key of its own.

#include "gpt/store/model_files.h"

#include <cjson/cJSON.h>
#include <string.h>

// transformers' names for the activations; where two mean the same, the first is written.
static const struct {
    const char *name;
    Activation activation;
} ACTIVATIONS[] = {
    {"gelu_new", ACTIVATION_GELU}, {"gelu_pytorch_tanh", ACTIVATION_GELU}, {"gelu_fast", ACTIVATION_GELU},
    {"gelu", ACTIVATION_GELU_ERF}, {"gelu_python", ACTIVATION_GELU_ERF},   {"relu", ACTIVATION_RELU},
    {"tanh", ACTIVATION_TANH},     {"sigmoid", ACTIVATION_SIGMOID},        {"linear", ACTIVATION_IDENTITY},
};

enum { ACTIVATION_NAMES = sizeof ACTIVATIONS / sizeof ACTIVATIONS[0] };

static const char *name_of(Activation activation)
{
    int i = 0;
    while (ACTIVATIONS[i].activation != activation) {
        i++;
    }
    return ACTIVATIONS[i].name;
}

bool activation_of_transformers(const char *name, Activation *activation)
{
    for (int i = 0; i < ACTIVATION_NAMES; i++) {
        if (strcmp(name, ACTIVATIONS[i].name) == 0) {
            *activation = ACTIVATIONS[i].activation;
            return true;
        }
    }
    return false;
}

// Adds a field as the JSON type of its kind. A number has as many digits as it takes to read the same number; cJSON's own has 15 or 17.
static void add_field(cJSON *json, const char *key, const ConfigField *field, const GPTConfig *config)
{
    const char *text = config_field_text(field, config, (char[FIELD_BUFFER]){""});
    switch (field->kind) {
    case FIELD_COUNT:
    case FIELD_NUMBER: cJSON_AddRawToObject(json, key, text); break;
    case FIELD_SWITCH: cJSON_AddBoolToObject(json, key, config_field_number(field, config) != 0); break;
    default: cJSON_AddStringToObject(json, key, text);
    }
}

static void add_named(cJSON *json, const char *key, const char *name, const GPTConfig *config)
{
    add_field(json, key, config_field_find(gpt_fields, gpt_field_count, name), config);
}

// Does a field that GPT-2 does not have differ from what GPT-2 always does?
static bool is_own(const ConfigField *field, const GPTConfig *config)
{
    return field->key == NULL && strcmp(config_field_text(field, config, (char[FIELD_BUFFER]){""}), field->standard) != 0;
}

static void add_own(cJSON *json, const GPTConfig *config)
{
    cJSON *own = cJSON_CreateObject();
    for (int i = 0; i < gpt_field_count; i++) {
        if (is_own(&gpt_fields[i], config)) {
            add_field(own, gpt_fields[i].name, &gpt_fields[i], config);
        }
    }
    if (own->child == NULL) {
        cJSON_Delete(own);
    } else {
        cJSON_AddItemToObject(json, OWN_KEY, own);
    }
}

static void add_probability(cJSON *json, const char *key, double p)
{
    GPTConfig config = {.dropout = p};
    add_named(json, key, "dropout", &config);
}

static void add_token(cJSON *json, const char *key, int id)
{
    if (id < 0) {
        cJSON_AddNullToObject(json, key);
    } else {
        cJSON_AddNumberToObject(json, key, id);
    }
}

// In the order of the alphabet, as transformers writes it.
void model_config_write(const void *model_config_file, FILE *stream)
{
    const ModelConfigFile *file = model_config_file;
    const GPTConfig *config = file->config;
    AUTO_JSON cJSON *json = cJSON_CreateObject();

    cJSON_AddStringToObject(json, "activation_function", name_of(config->activation));
    cJSON_AddItemToArray(cJSON_AddArrayToObject(json, "architectures"), cJSON_CreateString("GPT2LMHeadModel"));
    add_probability(json, "attn_pdrop", file->dropouts.attn);
    add_token(json, "bos_token_id", file->end_of_text);
    add_probability(json, "embd_pdrop", file->dropouts.embd);
    add_token(json, "eos_token_id", file->end_of_text);
    add_own(json, config);
    cJSON_AddNumberToObject(json, "initializer_range", 0.02);
    cJSON_AddNumberToObject(json, "layer_norm_epsilon", LAYERNORM_EPS);
    cJSON_AddStringToObject(json, "model_type", "gpt2");
    add_named(json, "n_ctx", "context_length", config);
    add_named(json, "n_embd", "n_embd", config);
    add_named(json, "n_head", "n_head", config);
    add_token(json, "n_inner", config->ff_mult == 4 ? -1 : config->ff_mult * config->n_embd);
    add_named(json, "n_layer", "n_layer", config);
    add_named(json, "n_positions", "context_length", config);
    add_probability(json, "resid_pdrop", file->dropouts.resid);
    add_named(json, "tie_word_embeddings", "tied", config);
    cJSON_AddStringToObject(json, "torch_dtype", REAL_NAME);
    add_named(json, "vocab_size", "vocab_size", config);

    AUTO_FREE char *text = json_text(json, true);
    fprintf(stream, "%s\n", text);
}

const char *gpt_difference(const GPTConfig *config, char text[DIFFERENCE_TEXT])
{
    REQUIRE(config, text);
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < gpt_field_count; i++) {
        const ConfigField *field = &gpt_fields[i];
        bool draws_only = strcmp(field->name, "init") == 0; // a trained model computes the same with any
        if (is_own(field, config) && !draws_only && used < DIFFERENCE_TEXT) {
            used += (size_t)snprintf(text + used, DIFFERENCE_TEXT - used, "%s%s %.48s", used == 0 ? "" : ", ", field->name,
                                     config_field_text(field, config, (char[FIELD_BUFFER]){""}));
        }
    }
    return text;
}
