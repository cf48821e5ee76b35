// encoder.c: the tokens of a vocabulary, from its JSON file, encoder.json or vocab.json.

#include "gpt/base/base.h"
#include "gpt/text/encoding.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

// Sorts the JSON object's entries by id: entries[id].
static bool order_entries(const Source *source, const cJSON *json, cJSON **entries, int n, Error *error)
{
    cJSON *entry;
    cJSON_ArrayForEach(entry, json) {
        double id = entry->valuedouble;
        if (!cJSON_IsNumber(entry) || id != floor(id)) {
            return error_set(error, "%s: token \"%.60s\": its id is not an integer", source->path, entry->string);
        }
        if (!(id >= 0 && id < n)) {
            return error_set(error, "%s: token \"%.60s\": id %.17g is out of range; the ids are 0 to %d", source->path, entry->string, id, n - 1);
        }
        if (entries[(int)id] != NULL) {
            return error_set(error, "%s: tokens \"%.60s\" and \"%.60s\": both have id %d", source->path, entries[(int)id]->string, entry->string,
                             (int)id);
        }
        entries[(int)id] = entry;
    }
    return true;
}

static bool add_tokens(const Source *source, cJSON **entries, int n, Tokens *tokens, Error *error)
{
    for (int id = 0; id < n; id++) {
        const char *letters = entries[id]->string;
        size_t length = strlen(letters);
        char *bytes = memory_allocate(length + 1, "a token");
        memcpy(bytes, letters, length);
        size_t n_bytes = 0;
        bool spelled = source_spell(source, bytes, length, &n_bytes);
        bool added = spelled && tokens_add(tokens, bytes, n_bytes);
        free(bytes);
        if (!spelled) {
            return error_set(error, "%s: token \"%.60s\" (id %d): not spelled in GPT-2's letters for bytes", source->path, letters, id);
        }
        if (!added) {
            return error_set(error, "%s: token \"%.60s\" (id %d): duplicate", source->path, letters, id);
        }
    }
    return true;
}

static bool read_entries(const Source *source, const cJSON *json, Tokens *tokens, Error *error)
{
    int n = cJSON_GetArraySize(json);
    if (!cJSON_IsObject(json) || n == 0) {
        return error_set(error, "%s: expected a JSON object of tokens and ids, like {\"!\": 0}", source->path);
    }
    cJSON **entries = memory_allocate_zeroed((size_t)n, sizeof(cJSON *), "the tokens");
    tokens_init(tokens, n, source->n);
    bool read = order_entries(source, json, entries, n, error) && add_tokens(source, entries, n, tokens, error);
    free(entries);
    return read;
}

static bool ends_in_brace(const Source *source)
{
    size_t n = source->n;
    while (n > 0 && strchr(" \t\r\n", source->text[n - 1]) != NULL) {
        n--;
    }
    return n > 0 && source->text[n - 1] == '}';
}

// Reports where cJSON stopped, as line and byte.
static bool json_error(const Source *source, const char *stopped, Error *error)
{
    int line = 1;
    const char *start = source->text;
    if (source_has_version(source)) {
        return error_set(error, "%s: holds merges, not JSON; are the two files swapped?", source->path);
    }
    for (const char *at = source->text; at < stopped; at++) {
        if (*at == '\n') {
            line++;
            start = at + 1;
        }
    }
    if (!ends_in_brace(source)) {
        return error_set(error, "%s: does not end in }; is it cut off? It has %zu byte%s", source->path, source->n, plural((double)source->n));
    }
    return error_set(error, "%s: invalid JSON at line %d, byte %zu", source->path, line, (size_t)(stopped - start) + 1);
}

bool encoder_read(const Source *source, Tokens *tokens, Error *error)
{
    const char *stopped = source->text;
    cJSON *json = cJSON_ParseWithLengthOpts(source->text, source->n + 1, &stopped, true);
    if (json == NULL) {
        return json_error(source, stopped, error);
    }
    bool read = read_entries(source, json, tokens, error);
    cJSON_Delete(json);
    return read;
}
