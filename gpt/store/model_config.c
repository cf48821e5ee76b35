// model_config.c: config.json, as transformers' GPT2Config writes it, and what gptape adds.

#include "gpt/store/model_files.h"

#include <cjson/cJSON.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define OWN_KEY "gptape"

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

// ------------------------------------------------------------------------------------------------------------
// Writing

static const char *activation_in_transformers(Activation activation)
{
    int i = 0;
    while (ACTIVATIONS[i].activation != activation) {
        i++;
    }
    return ACTIVATIONS[i].name;
}

// Adds a field as the JSON type of its kind. A number has as many digits as it takes to read the same number; cJSON's own has 15 or 17.
static void add_field(cJSON *json, const char *key, const ConfigField *field, const GPTConfig *config)
{
    char buffer[FIELD_BUFFER];
    const char *text = config_field_text(field, config, buffer);
    switch (field->kind) {
    case FIELD_COUNT:
    case FIELD_NUMBER:
        cJSON_AddRawToObject(json, key, text);
        break;
    case FIELD_SWITCH:
        cJSON_AddBoolToObject(json, key, config_field_number(field, config) != 0);
        break;
    default:
        cJSON_AddStringToObject(json, key, text);
    }
}

static void add_named(cJSON *json, const char *key, const char *name, const GPTConfig *config)
{
    add_field(json, key, config_field_find(gpt_fields, gpt_field_count, name), config);
}

// Does a field that GPT-2 does not have differ from what GPT-2 always does?
static bool is_own(const ConfigField *field, const GPTConfig *config)
{
    char buffer[FIELD_BUFFER];
    return field->key == NULL && strcmp(config_field_text(field, config, buffer), field->standard) != 0;
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
    cJSON *json = cJSON_CreateObject();

    cJSON_AddStringToObject(json, "activation_function", activation_in_transformers(config->activation));
    cJSON_AddItemToArray(cJSON_AddArrayToObject(json, "architectures"), cJSON_CreateString("GPT2LMHeadModel"));
    add_named(json, "attn_pdrop", "dropout", config);
    add_token(json, "bos_token_id", file->end_of_text);
    add_named(json, "embd_pdrop", "dropout", config);
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
    add_named(json, "resid_pdrop", "dropout", config);
    add_named(json, "tie_word_embeddings", "tied", config);
    cJSON_AddStringToObject(json, "torch_dtype", "float32");
    add_named(json, "vocab_size", "vocab_size", config);

    char *text = cJSON_Print(json);
    cJSON_Delete(json);
    if (text == NULL) {
        fail_memory(0, "the model's configuration");
    }
    fprintf(stream, "%s\n", text);
    cJSON_free(text);
}

// ------------------------------------------------------------------------------------------------------------
// Reading

// Where keys are looked up: an object, the file's name for messages, and the first thing that was wrong.
typedef struct Keys {
    const cJSON *json;
    const char *path;
    const char *within;                            // "gptape: " for keys under it, else ""
    Error *error;
} Keys;

// The value at a key; NULL if it is missing or null.
static const cJSON *find(const Keys *keys, const char *key)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(keys->json, key);
    return cJSON_IsNull(value) ? NULL : value;
}

static bool key_error(const Keys *keys, const char *key, const char *what)
{
    return error_set(keys->error, "%s: %s%s: %s", keys->path, keys->within, key, what);
}

static bool read_number(const Keys *keys, const char *key, double fallback, double *number)
{
    const cJSON *value = find(keys, key);
    *number = value == NULL ? fallback : value->valuedouble;
    return value == NULL || cJSON_IsNumber(value) || key_error(keys, key, "not a number");
}

static bool read_switch(const Keys *keys, const char *key, bool fallback, bool *on)
{
    const cJSON *value = find(keys, key);
    *on = value == NULL ? fallback : cJSON_IsTrue(value);
    return value == NULL || cJSON_IsBool(value) || key_error(keys, key, "not true or false");
}

static bool read_word(const Keys *keys, const char *key, const char *fallback, const char **word)
{
    const cJSON *value = find(keys, key);
    *word = value == NULL ? fallback : value->valuestring;
    return value == NULL || cJSON_IsString(value) || key_error(keys, key, "not a string");
}

// A missing key means GPT-2's value. The JSON type must be the kind's.
static bool read_field(const Keys *keys, const char *key, const ConfigField *field, GPTConfig *config)
{
    const cJSON *value = find(keys, key);
    char number[FIELD_BUFFER];
    const char *text = field->standard;
    Error inner;
    if (cJSON_IsBool(value) && field->kind == FIELD_SWITCH) {
        text = cJSON_IsTrue(value) ? "on" : "off";
    } else if (cJSON_IsNumber(value) && (field->kind == FIELD_COUNT || field->kind == FIELD_NUMBER)) {
        number_format(number, sizeof number, "%.17g", value->valuedouble);
        text = number;
    } else if (cJSON_IsString(value) && (field->kind == FIELD_CHOICE || field->kind == FIELD_TEXT)) {
        text = value->valuestring;
    } else if (value != NULL) {
        const char *expected = field->kind == FIELD_SWITCH ? "true or false" : field->kind <= FIELD_NUMBER ? "a number" : "a string";
        return error_set(keys->error, "%s: %s%s: wrong type (expected %s)", keys->path, keys->within, key, expected);
    }
    return config_field_read(field, text, config, &inner)
        || error_set(keys->error, "%s: %s%s%s", keys->path, keys->within, key, inner.message + strlen(field->name));
}

// The feed-forward width: ff_mult times n_embd, which is its default.
static bool read_inner(const Keys *keys, const ConfigField *ff_mult, GPTConfig *config)
{
    const cJSON *value = find(keys, "n_inner");
    if (value == NULL) {
        return config_field_read(ff_mult, ff_mult->standard, config, keys->error);
    }
    double inner = cJSON_IsNumber(value) ? value->valuedouble : 0;
    if (!(inner >= 1 && inner <= INT_MAX && inner == floor(inner))) {
        return error_set(keys->error, "%s: n_inner: not an integer between 1 and %d", keys->path, INT_MAX);
    }
    config->ff_mult = (int)inner / config->n_embd;
    return (int)inner % config->n_embd == 0
        || error_set(keys->error, "%s: n_inner: %.0f is not a multiple of n_embd %d; other feed-forward widths are not supported",
                     keys->path, inner, config->n_embd);
}

static bool read_activation(const Keys *keys, Activation *activation)
{
    const char *word;
    if (!read_word(keys, "activation_function", "gelu_new", &word)) {
        return false;
    }
    for (int i = 0; i < ACTIVATION_NAMES; i++) {
        if (strcmp(word, ACTIVATIONS[i].name) == 0) {
            *activation = ACTIVATIONS[i].activation;
            return true;
        }
    }
    return error_set(keys->error, "%s: activation_function %.40s: is not supported; gelu_new, gelu, relu, tanh, sigmoid and linear "
                     "are", keys->path, word);
}

// What some GPT-2 models do differently and no GPT here can.
static bool refuse_variants(const Keys *keys)
{
    static const struct {
        const char *key;
        bool expected;
    } variants[] = {{"scale_attn_weights", true}, {"scale_attn_by_inverse_layer_idx", false}, {"add_cross_attention", false}};
    const char *type;
    double epsilon;
    if (!read_word(keys, "model_type", "gpt2", &type) || !read_number(keys, "layer_norm_epsilon", LAYERNORM_EPS, &epsilon)) {
        return false;
    }
    if (strcmp(type, "gpt2") != 0) {
        return error_set(keys->error, "%s: model_type %.40s: is not supported; gpt2 is", keys->path, type);
    }
    if (epsilon != LAYERNORM_EPS) {
        return error_set(keys->error, "%s: layer_norm_epsilon %g: is not supported; %g is", keys->path, epsilon, LAYERNORM_EPS);
    }
    for (size_t i = 0; i < sizeof variants / sizeof variants[0]; i++) {
        bool on;
        if (!read_switch(keys, variants[i].key, variants[i].expected, &on)) {
            return false;
        }
        if (on != variants[i].expected) {
            return error_set(keys->error, "%s: %s %s: is not supported; %s is", keys->path, variants[i].key, on ? "true" : "false",
                             on ? "false" : "true");
        }
    }
    return true;
}

// An unknown key under "gptape" is an error: it would change what the model computes.
static bool refuse_unknown(const Keys *own)
{
    const cJSON *member;
    cJSON_ArrayForEach(member, own->json) {
        const ConfigField *field = config_field_find(gpt_fields, gpt_field_count, member->string);
        if (field == NULL || field->key != NULL) {
            return error_set(own->error, "%s: %s%.40s: unknown to this version of gptape", own->path, own->within, member->string);
        }
    }
    return true;
}

static bool read_fields(const Keys *keys, const Keys *own, GPTConfig *config)
{
    for (int i = 0; i < gpt_field_count; i++) {
        const ConfigField *field = &gpt_fields[i];
        bool read;
        if (field->key == NULL) {
            read = read_field(own, field->name, field, config);
        } else if (strcmp(field->name, "ff_mult") == 0) {
            read = read_inner(keys, field, config);
        } else if (strcmp(field->name, "activation") == 0) {
            read = read_activation(keys, &config->activation);
        } else {
            read = read_field(keys, field->key, field, config);
        }
        if (!read) {
            return false;
        }
    }
    return true;
}

static bool read_config(const Keys *keys, GPTConfig *config)
{
    Keys own = {.json = find(keys, OWN_KEY), .path = keys->path, .within = OWN_KEY ": ", .error = keys->error};
    Error inner;
    *config = (GPTConfig){0};
    if (!cJSON_IsObject(keys->json)) {
        return error_set(keys->error, "%s: not a JSON object (expected one like {\"model_type\": \"gpt2\"})", keys->path);
    }
    if (own.json != NULL && !cJSON_IsObject(own.json)) {
        return key_error(keys, OWN_KEY, "not an object (expected one like {\"shortcut\": false})");
    }
    if (find(&own, "residual") != NULL && (find(&own, "shortcut") != NULL || find(&own, "norm") != NULL)) {
        return key_error(&own, "residual", "set together with shortcut or norm (expected one of them: they are short for rules)");
    }
    if (!refuse_variants(keys) || !refuse_unknown(&own) || !read_fields(keys, &own, config)) {
        return false;
    }
    return gpt_config_check(config, &inner) || error_set(keys->error, "%s: %s", keys->path, inner.message);
}

bool model_config_parse(const char *text, size_t n, const char *path, GPTConfig *config, Error *error)
{
    cJSON *json = json_parse(text, n, path, error);
    Keys keys = {.json = json, .path = path, .within = "", .error = error};
    bool read = json != NULL && read_config(&keys, config);
    cJSON_Delete(json);
    return read;
}

bool model_config_read(const char *path, GPTConfig *config, Error *error)
{
    char *text;
    size_t n;
    if (!file_read(path, MOST_SETTINGS_BYTES, &text, &n, error)) {
        return false;
    }
    bool read = model_config_parse(text, n, path, config, error);
    free(text);
    return read;
}

// ------------------------------------------------------------------------------------------------------------

const char *gpt_difference(const GPTConfig *config, char text[DIFFERENCE_TEXT])
{
    REQUIRE(config);
    REQUIRE(text);
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < gpt_field_count; i++) {
        const ConfigField *field = &gpt_fields[i];
        char buffer[FIELD_BUFFER];
        bool draws_only = strcmp(field->name, "init") == 0;            // a trained model computes the same with any
        if (is_own(field, config) && !draws_only && used < DIFFERENCE_TEXT) {
            used += (size_t)snprintf(text + used, DIFFERENCE_TEXT - used, "%s%s %.48s", used == 0 ? "" : ", ", field->name,
                                     config_field_text(field, config, buffer));
        }
    }
    return text;
}
