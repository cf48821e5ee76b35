// json.c: JSON read by cJSON, with errors that say where.

#include "gpt/base/base.h"

#include <cjson/cJSON.h>
#include <string.h>

struct cJSON *json_parse(const char *text, size_t n, const char *file, Error *error)
{
    for (size_t at = 0; at < n; ) {
        int code;
        int length = utf8_read(text + at, n - at, &code);
        if (length <= 0 || code == 0) {
            error_set(error, "%s: byte 0x%02x after %zu byte%s of JSON is no UTF-8 text", file, (unsigned char)text[at], at,
                      plural((double)at));
            return NULL;
        }
        at += (size_t)length;
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
