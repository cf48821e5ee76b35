// tokenizer_json.c: tokenizer.json, in which Hugging Face's tools keep a whole tokenizer. Where it is GPT-2's kind, byte-level byte-pair
// encoding, the vocabulary in it is taken out in the form of the two files that it would be in otherwise:
//
//      {"pre_tokenizer": {"type": "ByteLevel", ...},
//       "model": {"type": "BPE", "vocab": {"!": 0, ...}, "merges": [["\u0120", "t"], ...]}, ...}
//                                         vocab.json               merges.txt: a pair a line (older files have "\u0120 t" already)

#include "gpt/base/base.h"
#include "gpt/text/encoding.h"

#include <cjson/cJSON.h>
#include <string.h>

static bool is_text(const cJSON *json, const char *text)
{
    return cJSON_IsString(json) && strcmp(json->valuestring, text) == 0;
}

static bool is_absent(const cJSON *json)
{
    return json == NULL || cJSON_IsNull(json) || (cJSON_IsString(json) && json->valuestring[0] == '\0');
}

// Adds nothing to a text: ByteLevel, or a template that is the text alone.
static bool adds_nothing(const cJSON *post_processor)
{
    const cJSON *single = json_member(post_processor, "single");
    bool text_alone = cJSON_GetArraySize(single) == 1 && json_member(cJSON_GetArrayItem(single, 0), "Sequence") != NULL;
    return is_absent(post_processor) || is_text(json_member(post_processor, "type"), "ByteLevel") || text_alone;
}

// A setting that would change the ids.
static const char *unsupported(const cJSON *json)
{
    const cJSON *model = json_member(json, "model");
    const cJSON *split = json_member(json, "pre_tokenizer");
    const struct {
        const char *what;
        bool wrong;
    } settings[] = {
        {"model.type (expected BPE)", !is_text(json_member(model, "type"), "BPE")},
        {"model.dropout", !is_absent(json_member(model, "dropout"))},
        {"model.continuing_subword_prefix", !is_absent(json_member(model, "continuing_subword_prefix"))},
        {"model.end_of_word_suffix", !is_absent(json_member(model, "end_of_word_suffix"))},
        {"model.ignore_merges", cJSON_IsTrue(json_member(model, "ignore_merges"))},
        {"normalizer", !is_absent(json_member(json, "normalizer"))},
        {"pre_tokenizer.type (expected ByteLevel)", !is_text(json_member(split, "type"), "ByteLevel")},
        {"pre_tokenizer.add_prefix_space", cJSON_IsTrue(json_member(split, "add_prefix_space"))},
        {"pre_tokenizer.use_regex: false", cJSON_IsFalse(json_member(split, "use_regex"))},
        {"post_processor", !adds_nothing(json_member(json, "post_processor"))},
        {"truncation", !is_absent(json_member(json, "truncation"))},
        {"padding", !is_absent(json_member(json, "padding"))},
    };
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        if (settings[i].wrong) {
            return settings[i].what;
        }
    }
    return NULL;
}

bool tokenizer_json_check(const char *path, const cJSON *json, Error *error)
{
    const char *what = unsupported(json);
    return what == NULL || error_set(error, "%s: %s is not supported (expected GPT-2's byte-level BPE)", path, what);
}

// "\u0120 t" of either form. False if it is none.
static bool write_merge(const cJSON *merge, FILE *stream)
{
    const cJSON *left = cJSON_IsArray(merge) ? cJSON_GetArrayItem(merge, 0) : NULL;
    const cJSON *right = cJSON_IsArray(merge) ? cJSON_GetArrayItem(merge, 1) : NULL;
    if (cJSON_IsString(merge)) {
        fprintf(stream, "%s\n", merge->valuestring);
    } else if (cJSON_IsString(left) && cJSON_IsString(right)) {
        fprintf(stream, "%s %s\n", left->valuestring, right->valuestring);
    } else {
        return false;
    }
    return true;
}

static bool take_merges(const char *path, const cJSON *merges, Source *source, Error *error)
{
    bool pairs = cJSON_IsArray(merges);
    Writer *writer = writer_begin();
    fprintf(writer->stream, "#version: 0.2\n");
    const cJSON *merge;
    cJSON_ArrayForEach(merge, merges) {
        pairs = pairs && write_merge(merge, writer->stream);
    }
    char *text = writer_end(writer);
    *source = (Source){.path = memory_copy_text(path), .text = text, .n = strlen(text)};
    return pairs || error_set(error, "%s: its model has no merges (expected pairs such as [\"h\", \"e\"])", path);
}

bool tokenizer_json_read(const Source *whole, cJSON **vocabulary, Source *merges, Error *error)
{
    AUTO_JSON cJSON *json = json_parse(whole->text, whole->n, whole->path, error);
    cJSON *model = json_member(json, "model");
    if (json == NULL || !tokenizer_json_check(whole->path, json, error)) {
        return false;
    }
    *vocabulary = cJSON_DetachItemFromObjectCaseSensitive(model, "vocab");
    if (!cJSON_IsObject(*vocabulary)) {
        return error_set(error, "%s: its model has no vocab (expected tokens and ids such as {\"!\": 0})", whole->path);
    }
    return take_merges(whole->path, json_member(model, "merges"), merges, error);
}
