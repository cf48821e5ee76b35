// tokenizer_json.c: tokenizer.json, in which Hugging Face's tools keep a whole tokenizer. Where it is GPT-2's kind, byte-level byte-pair
// encoding, the vocabulary in it is taken out as the two files that it would be in otherwise:
//
//      {"pre_tokenizer": {"type": "ByteLevel", ...},
//       "model": {"type": "BPE", "vocab": {"!": 0, ...}, "merges": [["\u0120", "t"], ...]}, ...}
//                                         vocab.json               merges.txt: a pair a line (older files have "\u0120 t" already)

#include "gpt/text/encoding.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

static const cJSON *member(const cJSON *json, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(json, key);
}

static bool is_text(const cJSON *json, const char *text)
{
    return cJSON_IsString(json) && strcmp(json->valuestring, text) == 0;
}

// Anything else would cut text into other tokens.
static bool check_kind(const char *path, const cJSON *json, Error *error)
{
    const cJSON *split = member(json, "pre_tokenizer");
    const cJSON *normalizer = member(json, "normalizer");
    bool normalizes = normalizer != NULL && !cJSON_IsNull(normalizer);
    bool as_gpt2 = is_text(member(member(json, "model"), "type"), "BPE") && is_text(member(split, "type"), "ByteLevel")
                && !normalizes && !cJSON_IsTrue(member(split, "add_prefix_space")) && !cJSON_IsFalse(member(split, "use_regex"));
    return as_gpt2 || error_set(error, "%s: is another kind of tokenizer than GPT-2's: a BPE model, ByteLevel, no normalizer and no "
                                "prefix space are supported", path);
}

static bool take_vocabulary(const char *path, const cJSON *vocabulary, Source *source, Error *error)
{
    if (!cJSON_IsObject(vocabulary)) {
        return error_set(error, "%s: its model has no vocab, tokens and ids like {\"!\": 0}", path);
    }
    char *text = cJSON_PrintUnformatted(vocabulary);
    if (text == NULL) {
        fail_memory(0, "the vocabulary");
    }
    bool taken = source_from_text(source, path, text, strlen(text), error);
    cJSON_free(text);
    return taken;
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
    char *text = NULL;
    size_t n = 0;
    bool pairs = cJSON_IsArray(merges);
    FILE *stream = open_memstream(&text, &n);
    if (stream == NULL) {
        fail_memory(0, "the merges");
    }
    fprintf(stream, "#version: 0.2\n");
    const cJSON *merge;
    cJSON_ArrayForEach(merge, merges) {
        pairs = pairs && write_merge(merge, stream);
    }
    fclose(stream);
    bool taken = pairs ? source_from_text(source, path, text, n, error)
                       : error_set(error, "%s: its model has no merges, pairs like [\"h\", \"e\"]", path);
    free(text);
    return taken;
}

static bool take_both(const Source *whole, const cJSON *json, Source *encoder, Source *merges, Error *error)
{
    const cJSON *model = member(json, "model");
    return check_kind(whole->path, json, error) && take_vocabulary(whole->path, member(model, "vocab"), encoder, error)
        && take_merges(whole->path, member(model, "merges"), merges, error);
}

bool tokenizer_json_read(const char *folder, Source *encoder, Source *merges, Error *error)
{
    Source whole = {0};
    cJSON *json = NULL;
    bool read = source_read(&whole, folder, TOKENIZER_JSON, error);
    if (read) {
        json = json_parse(whole.text, whole.n, whole.path, error);
        read = json != NULL && take_both(&whole, json, encoder, merges, error);
    }
    cJSON_Delete(json);
    source_free(&whole);
    return read;
}
