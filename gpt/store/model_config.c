// model_config.c: reads config.json. Every key of GPT2Config that changes what a model computes is used or refused by name: README.md has all.

#include "gpt/base/base.h"
#include "gpt/store/model_files.h"

#include <cjson/cJSON.h>
#include <limits.h>
#include <math.h>
#include <string.h>

// Where keys are looked up: an object, the file's name for messages, and the first error.
typedef struct Keys {
    const cJSON *json;
    const char *path;
    const char *within; // "gptape: " for keys under it, else ""
    Error *error;
} Keys;

static const cJSON *find_exactly(const Keys *keys, const char *key)
{
    const cJSON *value = json_member(keys->json, key);
    return cJSON_IsNull(value) ? NULL : value;
}

// Names that GPT2Config takes for its own.
static const char *const ALIASES[][2] = {
    {"n_embd", "hidden_size"},
    {"n_positions", "max_position_embeddings"},
    {"n_head", "num_attention_heads"},
    {"n_layer", "num_hidden_layers"},
};
enum { ALIAS_COUNT = sizeof ALIASES / sizeof ALIASES[0] };

// The value at a key or its alias; NULL if it is missing or null.
static const cJSON *find(const Keys *keys, const char *key)
{
    const cJSON *value = find_exactly(keys, key);
    for (int i = 0; value == NULL && i < ALIAS_COUNT; i++) {
        value = strcmp(key, ALIASES[i][0]) == 0 ? find_exactly(keys, ALIASES[i][1]) : NULL;
    }
    return value;
}

static bool key_error(const Keys *keys, const char *key, const char *what)
{
    return error_set(keys->error, "%s: %s%s: %s", keys->path, keys->within, key, what);
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
        || error_set(keys->error, "%s: n_inner: %.0f is not a multiple of n_embd %d; other feed-forward widths are not supported", keys->path,
                     inner, config->n_embd);
}

static bool read_activation(const Keys *keys, Activation *activation)
{
    const cJSON *value = find(keys, "activation_function");
    const char *word = value == NULL ? "gelu_new" : value->valuestring;
    if (value != NULL && !cJSON_IsString(value)) {
        return key_error(keys, "activation_function", "not a string");
    }
    return activation_of_transformers(word, activation)
        || error_set(keys->error, "%s: activation_function: '%.40s' is not supported (expected gelu_new, gelu, relu, tanh, sigmoid or linear)",
                     keys->path, word);
}

// Keys for which only GPT-2's value is supported, as JSON; {} stands for any empty value.
static const char *const ONLY[][2] = {
    {"model_type", "\"gpt2\""},       {"layer_norm_epsilon", "1e-05"}, // LAYERNORM_EPS
    {"scale_attn_weights", "true"},   {"scale_attn_by_inverse_layer_idx", "false"},
    {"add_cross_attention", "false"}, {"is_encoder_decoder", "false"},
    {"pruned_heads", "{}"},           {"quantization_config", "{}"},
};

static bool refuse_variants(const Keys *keys)
{
    for (size_t i = 0; i < sizeof ONLY / sizeof ONLY[0]; i++) {
        const cJSON *value = find(keys, ONLY[i][0]);
        AUTO_JSON cJSON *expected = cJSON_Parse(ONLY[i][1]);
        bool same = cJSON_Compare(value, expected, true)
                 || (cJSON_IsObject(expected) && (cJSON_IsNull(value) || cJSON_IsObject(value) || cJSON_IsArray(value)) && value->child == NULL);
        if (value != NULL && !same) {
            AUTO_FREE char *text = json_text(value, false);
            return error_set(keys->error, "%s: %s: %.60s is not supported (expected %s)", keys->path, ONLY[i][0], text, ONLY[i][1]);
        }
    }
    for (int i = 0; i < ALIAS_COUNT; i++) {
        const cJSON *value = find_exactly(keys, ALIASES[i][1]);
        if (value != NULL && !cJSON_Compare(value, find(keys, ALIASES[i][0]), true)) {
            return error_set(keys->error, "%s: %s: differs from %s, which means the same", keys->path, ALIASES[i][1], ALIASES[i][0]);
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
        return error_set(keys->error, "%s: not a JSON object (expected one such as {\"model_type\": \"gpt2\"})", keys->path);
    }
    if (own.json != NULL && !cJSON_IsObject(own.json)) {
        return key_error(keys, OWN_KEY, "not an object (expected one such as {\"shortcut\": false})");
    }
    if (find(&own, "residual") != NULL && (find(&own, "shortcut") != NULL || find(&own, "norm") != NULL)) {
        return key_error(&own, "residual", "set together with shortcut or norm (expected one of them: they are short for rules)");
    }
    if (!refuse_variants(keys) || !refuse_unknown(&own) || !read_fields(keys, &own, config)) {
        return false;
    }
    return gpt_config_check(config, &inner) || error_set(keys->error, "%s: %s", keys->path, inner.message);
}

// Each is a probability like GPTConfig's dropout.
static bool read_dropout(const Keys *keys, const char *key, double *p)
{
    GPTConfig config = {0};
    bool read = read_field(keys, key, config_field_find(gpt_fields, gpt_field_count, "dropout"), &config);
    *p = config.dropout;
    return read;
}

static bool read_json(const cJSON *json, const char *path, GPTConfig *config, ModelDropouts *dropouts, Error *error)
{
    Keys keys = {.json = json, .path = path, .within = "", .error = error};
    ModelDropouts unused;
    dropouts = dropouts == NULL ? &unused : dropouts;
    return json != NULL && read_config(&keys, config) && read_dropout(&keys, "embd_pdrop", &dropouts->embd)
        && read_dropout(&keys, "attn_pdrop", &dropouts->attn) && read_dropout(&keys, "resid_pdrop", &dropouts->resid);
}

bool model_config_parse(const char *text, size_t n, const char *path, GPTConfig *config, ModelDropouts *dropouts, Error *error)
{
    AUTO_JSON cJSON *json = json_parse(text, n, path, error);
    return read_json(json, path, config, dropouts, error);
}

bool model_config_read(const char *path, GPTConfig *config, ModelDropouts *dropouts, Error *error)
{
    AUTO_JSON cJSON *json = json_read(path, error);
    return read_json(json, path, config, dropouts, error);
}
