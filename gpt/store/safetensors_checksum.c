// safetensors_checksum.c: detects damage. The format has no checksum, so one is stored among the texts: the sum of a hash of each array (name,
// dtype, shape, values) and of each other text, in any order.

#include "gpt/store/safetensors.h"

#include <string.h>

static uint64_t add_text(uint64_t hash, const char *text)
{
    size_t n = strlen(text);
    return hash_bytes(hash_add(hash, n), text, n);
}

uint64_t checksum_text(const char *key, const char *text)
{
    bool counts = strcmp(key, CHECKSUM_KEY) != 0;
    return counts ? add_text(add_text(HASH_START, key), text) : 0;
}

LongHash checksum_array_begin(const StoredArray *array)
{
    uint64_t hash = hash_add(add_text(HASH_START, array->name), array->dtype);
    for (int i = 0; i < array->ndim; i++) {
        hash = hash_add(hash, (uint64_t)array->size[i]);
    }
    return long_hash_begin(hash);
}

static bool add_array(const Safetensors *file, const StoredArray *array, uint64_t *checksum, Error *error)
{
    enum { PIECE = 1 << 16 };
    unsigned char bytes[PIECE];
    size_t at_once = PIECE / dtype_bytes(array->dtype);
    LongHash hash = checksum_array_begin(array);
    for (size_t done = 0; done < array->count;) {
        size_t piece = array->count - done < at_once ? array->count - done : at_once;
        if (!safetensors_read(file, array, done, piece, bytes, error)) {
            return false;
        }
        long_hash_add(&hash, bytes, piece * dtype_bytes(array->dtype));
        done += piece;
    }
    *checksum += long_hash_end(&hash);
    return true;
}

char *checksum_format(uint64_t checksum)
{
    return text_format("%016llx", (unsigned long long)checksum);
}

bool safetensors_check(const Safetensors *file, Error *error)
{
    uint64_t checksum = 0;
    const char *saved = safetensors_text(file, CHECKSUM_KEY);
    if (saved == NULL) {
        return error_set(error, "%s: missing checksum; not a gptape checkpoint, or one of an early version", file->path);
    }
    for (int i = 0; i < file->n_texts; i++) {
        checksum += checksum_text(file->texts[2 * i], file->texts[2 * i + 1]);
    }
    for (int i = 0; i < file->n_arrays; i++) {
        if (!add_array(file, &file->arrays[i], &checksum, error)) {
            return false;
        }
    }
    AUTO_FREE char *text = checksum_format(checksum);
    return strcmp(saved, text) == 0 || error_set(error, "%s: is damaged: its checksum is %s (expected %.16s)", file->path, text, saved);
}
