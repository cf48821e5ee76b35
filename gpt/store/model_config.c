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

// Only what no GPT-2 has.
static void add_own(cJSON *json, const GPTConfig *config)
{
    cJSON *own = cJSON_CreateObject();
    if (!config->shortcut) {
        cJSON_AddFalseToObject(own, "shortcut");
    }
    if (config->norm != NORM_PRE) {
        cJSON_AddStringToObject(own, "norm", norm_name(config->norm));
    }
    if (config->residual != NULL) {
        cJSON_AddStringToObject(own, "residual", config->residual);
    }
    if (config->final_norm != FINAL_NORM_AUTO) {
        cJSON_AddStringToObject(own, "final_norm", final_norm_name(config->final_norm));
    }
    if (!config->causal) {
        cJSON_AddFalseToObject(own, "causal");
    }
    if (!config->qkv_bias) {
        cJSON_AddFalseToObject(own, "qkv_bias");
    }
    if (config->init != INIT_GPT2) {
        cJSON_AddStringToObject(own, "init", init_name(config->init));
    }
    if (own->child == NULL) {
        cJSON_Delete(own);
    } else {
        cJSON_AddItemToObject(json, OWN_KEY, own);
    }
}

// With as many digits as it takes to be read as the same number; cJSON's own would be near it.
static void add_probability(cJSON *json, const char *key, double value)
{
    enum { MOST_DIGITS = 17 };
    char text[32];
    int digits = 1;
    do {
        snprintf(text, sizeof text, "%.*g", digits, value);
        digits++;
    } while (digits <= MOST_DIGITS && strtod(text, NULL) != value);
    cJSON_AddRawToObject(json, key, text);
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
    add_probability(json, "attn_pdrop", config->dropout);
    add_token(json, "bos_token_id", file->end_of_text);
    add_probability(json, "embd_pdrop", config->dropout);
    add_token(json, "eos_token_id", file->end_of_text);
    add_own(json, config);
    cJSON_AddNumberToObject(json, "initializer_range", 0.02);
    cJSON_AddNumberToObject(json, "layer_norm_epsilon", LAYERNORM_EPS);
    cJSON_AddStringToObject(json, "model_type", "gpt2");
    cJSON_AddNumberToObject(json, "n_ctx", config->context_length);
    cJSON_AddNumberToObject(json, "n_embd", config->n_embd);
    cJSON_AddNumberToObject(json, "n_head", config->n_head);
    add_token(json, "n_inner", config->ff_mult == 4 ? -1 : config->ff_mult * config->n_embd);
    cJSON_AddNumberToObject(json, "n_layer", config->n_layer);
    cJSON_AddNumberToObject(json, "n_positions", config->context_length);
    add_probability(json, "resid_pdrop", config->dropout);
    cJSON_AddBoolToObject(json, "tie_word_embeddings", config->tied);
    cJSON_AddStringToObject(json, "torch_dtype", "float32");
    cJSON_AddNumberToObject(json, "vocab_size", config->vocab_size);

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

// The value at a key; NULL if there is none, or null.
static const cJSON *find(const Keys *keys, const char *key)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(keys->json, key);
    return cJSON_IsNull(value) ? NULL : value;
}

static bool key_error(const Keys *keys, const char *key, const char *what)
{
    return error_set(keys->error, "%s: %s%s: %s", keys->path, keys->within, key, what);
}

static bool read_size(const Keys *keys, const char *key, int fallback, int *size)
{
    const cJSON *value = find(keys, key);
    *size = fallback;
    if (value == NULL) {
        return true;
    }
    double number = cJSON_IsNumber(value) ? value->valuedouble : 0;
    if (!(number >= 1 && number <= INT_MAX && number == floor(number))) {
        return key_error(keys, key, "is no whole number from 1 to 2147483647");
    }
    *size = (int)number;
    return true;
}

static bool read_number(const Keys *keys, const char *key, double fallback, double *number)
{
    const cJSON *value = find(keys, key);
    *number = value == NULL ? fallback : value->valuedouble;
    return value == NULL || cJSON_IsNumber(value) || key_error(keys, key, "is no number");
}

static bool read_switch(const Keys *keys, const char *key, bool fallback, bool *on)
{
    const cJSON *value = find(keys, key);
    *on = value == NULL ? fallback : cJSON_IsTrue(value);
    return value == NULL || cJSON_IsBool(value) || key_error(keys, key, "is neither true nor false");
}

static bool read_word(const Keys *keys, const char *key, const char *fallback, const char **word)
{
    const cJSON *value = find(keys, key);
    *word = value == NULL ? fallback : value->valuestring;
    return value == NULL || cJSON_IsString(value) || key_error(keys, key, "is no text");
}

static bool read_sizes(const Keys *keys, GPTConfig *config)
{
    int inner;
    if (!read_size(keys, "vocab_size", GPT2_VOCABULARY, &config->vocab_size) ||
        !read_size(keys, "n_positions", 1024, &config->context_length) ||
        !read_size(keys, "n_layer", 12, &config->n_layer) ||
        !read_size(keys, "n_head", 12, &config->n_head) ||
        !read_size(keys, "n_embd", 768, &config->n_embd) ||
        !read_size(keys, "n_inner", config->n_embd > INT_MAX / 4 ? INT_MAX : 4 * config->n_embd, &inner)) {
        return false;
    }
    config->ff_mult = inner / config->n_embd;
    if (inner % config->n_embd != 0) {
        return error_set(keys->error, "%s: n_inner %d: is no multiple of n_embd %d; only such feed-forward widths are supported",
                         keys->path, inner, config->n_embd);
    }
    return true;
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

// What some GPT-2 do otherwise, and no GPT here can.
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

static const char *norm_word(int i)
{
    return norm_name((Norm)i);
}

static const char *final_norm_word(int i)
{
    return final_norm_name((FinalNorm)i);
}

static const char *init_word(int i)
{
    return init_name((InitScheme)i);
}

// *value becomes the index of the word among count; it stays as it is if the key is not there.
static bool read_choice(const Keys *keys, const char *key, const char *(*word_of)(int), int count, int *value)
{
    const char *word;
    if (!read_word(keys, key, word_of(*value), &word)) {
        return false;
    }
    for (int i = 0; i < count; i++) {
        if (strcmp(word, word_of(i)) == 0) {
            *value = i;
            return true;
        }
    }
    return error_set(keys->error, "%s: %s%s %.40s: is not known", keys->path, keys->within, key, word);
}

// Under "gptape" there is nothing that may be passed over: it changes what the model computes.
static bool refuse_unknown(const Keys *own)
{
    static const char *const known[] = {"shortcut", "norm", "residual", "final_norm", "causal", "qkv_bias", "init"};
    const cJSON *member;
    cJSON_ArrayForEach(member, own->json) {
        bool is_known = false;
        for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
            is_known = is_known || strcmp(member->string, known[i]) == 0;
        }
        if (!is_known) {
            return error_set(own->error, "%s: %s%.40s: is not known to this version of gptape", own->path, own->within, member->string);
        }
    }
    return true;
}

// Beside a rule there are no shorthands for others.
static bool read_residual(const Keys *own, GPTConfig *config)
{
    const char *text;
    Error inner;
    if (!read_word(own, "residual", NULL, &text)) {
        return false;
    }
    if (text == NULL) {
        return true;
    }
    if (find(own, "shortcut") != NULL || find(own, "norm") != NULL) {
        return key_error(own, "residual", "set together with shortcut or norm (expected one of them: they are short for rules)");
    }
    return gpt_set_residual(config, text, &inner) || key_error(own, "residual", inner.message);
}

static bool read_own(const Keys *keys, GPTConfig *config)
{
    Keys own = {.json = find(keys, OWN_KEY), .path = keys->path, .within = OWN_KEY ": ", .error = keys->error};
    int norm = NORM_PRE;
    int init = INIT_GPT2;
    int final_norm = FINAL_NORM_AUTO;
    if (own.json != NULL && !cJSON_IsObject(own.json)) {
        return key_error(keys, OWN_KEY, "is no object, like {\"shortcut\": false}");
    }
    if (!refuse_unknown(&own) ||
        !read_switch(&own, "shortcut", true, &config->shortcut) || !read_choice(&own, "norm", norm_word, NORM_COUNT, &norm) ||
        !read_switch(&own, "causal", true, &config->causal) || !read_switch(&own, "qkv_bias", true, &config->qkv_bias) ||
        !read_choice(&own, "final_norm", final_norm_word, FINAL_NORM_COUNT, &final_norm) ||
        !read_choice(&own, "init", init_word, INIT_COUNT, &init)) {
        return false;
    }
    config->norm = (Norm)norm;
    config->final_norm = (FinalNorm)final_norm;
    config->init = (InitScheme)init;
    return read_residual(&own, config);
}

static bool read_config(const Keys *keys, GPTConfig *config)
{
    Error inner;
    *config = (GPTConfig){0};
    if (!cJSON_IsObject(keys->json)) {
        return error_set(keys->error, "%s: is no JSON object, like {\"model_type\": \"gpt2\"}", keys->path);
    }
    if (!refuse_variants(keys) || !read_sizes(keys, config) || !read_activation(keys, &config->activation) ||
        !read_number(keys, "resid_pdrop", 0.1, &config->dropout) ||
        !read_switch(keys, "tie_word_embeddings", true, &config->tied) || !read_own(keys, config)) {
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
    if (!file_read(path, &text, &n, error)) {
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
    const struct {
        bool differs;
        const char *what;
        const char *which;
    } differences[] = {
        {!config->shortcut, "no shortcut", ""},
        {config->norm != NORM_PRE, "norm ", norm_name(config->norm)},
        {config->residual != NULL, "residual ", config->residual},
        {config->final_norm != FINAL_NORM_AUTO, "final norm ", final_norm_name(config->final_norm)},
        {!config->causal, "not causal", ""},
        {!config->qkv_bias, "no query-key-value bias", ""},
    };
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < sizeof differences / sizeof differences[0]; i++) {
        if (differences[i].differs) {
            used += (size_t)snprintf(text + used, DIFFERENCE_TEXT - used, "%s%s%.48s", used == 0 ? "" : ", ", differences[i].what,
                                     differences[i].which);
        }
    }
    return text;
}
