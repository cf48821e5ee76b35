// json.c: JSON read by cJSON, with errors that say where.

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
    if (json == NULL && place >= n) {
        error_set(error, "%s: its JSON of %zu byte%s has no end; is it cut off?", file, n, plural((double)n));
    } else if (json == NULL) {
        error_set(error, "%s: can't be read as JSON from byte %zu of %zu on", file, place + 1, n);
    }
    return json;
}
