// generation_config.c: a folder's settings for generation. gptape takes these settings from options; those of the folder
// that would change the text are named, so that it is clear that they were not used.

#include "gpt/base/base.h"
#include "gpt/store/model_files.h"

#include <cjson/cJSON.h>
#include <string.h>

#define FILE_NAME "generation_config.json"

// Keys of transformers' GenerationConfig that change the text, and the value with which each changes nothing.
static const struct {
    const char *key;
    double neutral;
} SETTINGS[] = {
    // clang-format off
    {"do_sample", 1}, {"temperature", 1}, {"top_k", 0}, {"top_p", 1}, {"min_p", 0}, {"top_h", -1}, {"typical_p", 1}, {"epsilon_cutoff", 0},
    {"eta_cutoff", 0}, {"repetition_penalty", 1}, {"encoder_repetition_penalty", 1}, {"no_repeat_ngram_size", 0}, {"encoder_no_repeat_ngram_size", 0},
    {"num_beams", 1}, {"num_beam_groups", 1}, {"diversity_penalty", 0}, {"length_penalty", 1}, {"early_stopping", 0}, {"penalty_alpha", 0},
    {"guidance_scale", 1}, {"min_length", 0}, {"min_new_tokens", 0}, {"max_length", -1}, {"max_new_tokens", -1}, {"max_time", -1},
    {"stop_strings", -1}, {"bad_words_ids", -1}, {"force_words_ids", -1}, {"constraints", -1}, {"suppress_tokens", -1},
    {"begin_suppress_tokens", -1}, {"forced_bos_token_id", -1}, {"forced_eos_token_id", -1}, {"forced_decoder_ids", -1}, {"sequence_bias", -1},
    {"exponential_decay_length_penalty", -1}, {"watermarking_config", -1}, {"dola_layers", -1}, {"token_healing", 0},
    {"renormalize_logits", 0}, {"remove_invalid_values", 0},
    // clang-format on
};

static bool is_neutral(const cJSON *value, double neutral)
{
    if (cJSON_IsNumber(value)) {
        return value->valuedouble == neutral;
    }
    return value == NULL || cJSON_IsNull(value) || (cJSON_IsBool(value) && cJSON_IsTrue(value) == (neutral != 0))
        || (cJSON_IsArray(value) && value->child == NULL);
}

// Is the token that ends a text, or are all of them, the one that ends gptape's?
static bool same_end(const cJSON *value, int end_of_text)
{
    if (!cJSON_IsArray(value)) {
        return is_neutral(value, end_of_text);
    }
    const cJSON *item;
    cJSON_ArrayForEach(item, value) {
        if (!is_neutral(item, end_of_text)) {
            return false;
        }
    }
    return true;
}

// Adds ", KEY VALUE".
static void add_setting(FILE *text, const char *key, const cJSON *value)
{
    AUTO_FREE char *printed = json_text(value, false);
    fprintf(text, "%s%s %.60s%s", ftell(text) == 0 ? "" : ", ", key, printed, strlen(printed) > 60 ? "..." : "");
}

static void add_settings(FILE *text, const cJSON *json, int end_of_text)
{
    for (size_t i = 0; i < sizeof SETTINGS / sizeof SETTINGS[0]; i++) {
        const cJSON *value = json_member(json, SETTINGS[i].key);
        if (!is_neutral(value, SETTINGS[i].neutral)) {
            add_setting(text, SETTINGS[i].key, value);
        }
    }
    const cJSON *end = json_member(json, "eos_token_id");
    if (!same_end(end, end_of_text)) {
        add_setting(text, "eos_token_id", end);
    }
}

bool gpt_generation_settings(const char *folder, int end_of_text, char **settings, Error *error)
{
    REQUIRE(folder, settings);
    AUTO_FREE char *path = path_in(folder, file_exists(folder, FILE_NAME) ? FILE_NAME : "config.json"); // older models have them there
    AUTO_JSON cJSON *json = json_read(path, error);
    if (json == NULL) {
        return false;
    }
    Writer *writer = writer_begin();
    add_settings(writer->stream, json, end_of_text);
    *settings = writer_end(writer);
    return true;
}
