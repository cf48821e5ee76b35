// json.c: JSON read and printed by cJSON, with errors that say where.

#include "gpt/base/base.h"

#include <cjson/cJSON.h>
#include <string.h>

struct cJSON *json_parse(const char *text, size_t n, const char *file, Error *error)
{
    const char *zero = memchr(text, 0, n);
    size_t valid = utf8_valid(text, zero == NULL ? n : (size_t)(zero - text));
    if (valid < n) {
        error_set(error, "%s: byte 0x%02x after %zu byte%s of JSON is not UTF-8 text", file, (unsigned char)text[valid], valid,
                  plural((double)valid));
        return NULL;
    }
    const char *stopped = text;
    cJSON *json = cJSON_ParseWithLengthOpts(text, n + 1, &stopped, true);
    size_t place = (size_t)(stopped - text);
    bool in_string = place > 0 && place < n && text[place - 1] == '"' && strchr(text + place, '"') == NULL;
    if (json == NULL && (place >= n || in_string)) {
        error_set(error, "%s: its JSON of %zu byte%s has no end; is the file truncated?", file, n, plural((double)n));
    } else if (json == NULL) {
        error_set(error, "%s: can't be read as JSON from byte %zu of %zu on", file, place + 1, n);
    }
    return json;
}

struct cJSON *json_read(const char *path, Error *error)
{
    AUTO_FREE char *text = NULL;
    size_t n;
    return file_read(path, MOST_SETTINGS_BYTES, &text, &n, error) ? json_parse(text, n, path, error) : NULL;
}

cJSON *json_member(const cJSON *json, const char *key)
{
    const cJSON *last = NULL;
    const cJSON *item;
    cJSON_ArrayForEach(item, json) {
        last = item->string != NULL && strcmp(item->string, key) == 0 ? item : last;
    }
    return (cJSON *)last;
}

void auto_json(struct cJSON **variable)
{
    cJSON_Delete(*variable);
}

char *json_text(const struct cJSON *json, bool lines)
{
    char *text = lines ? cJSON_Print(json) : cJSON_PrintUnformatted(json);
    if (text == NULL) {
        fail_memory(0, "JSON");
    }
    return text;
}
