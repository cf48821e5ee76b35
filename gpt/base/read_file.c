// read_file.c: all of a file or a stream, at once.

#include "gpt/base/base.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

// Twice the room, with what is there so far. Takes content.
static char *double_room(char *content, size_t used)
{
    char *larger = memory_allocate(2 * used + 1, "a text");
    memcpy(larger, content, used);
    free(content);
    return larger;
}

// What is longer was hardly meant, /dev/zero for example.
static const size_t LONGEST = (size_t)1 << 30;

bool stream_read(FILE *stream, const char *name, char **text, size_t *n, Error *error)
{
    REQUIRE(stream);
    size_t capacity = 1 << 16;
    size_t used = 0;
    char *content = memory_allocate(capacity + 1, "a text");
    errno = 0;
    size_t got = fread(content, 1, capacity, stream);
    while (got > 0 && used <= LONGEST) {
        used += got;
        if (used == capacity) {
            content = double_room(content, used);
            capacity *= 2;
        }
        got = fread(content + used, 1, capacity - used, stream);
    }
    if (used > LONGEST) {
        free(content);
        return error_set(error, "%s: is longer than 1 GiB", name);
    }
    if (ferror(stream)) {
        error_set(error, "%s: can't be read: %s", name, strerror(errno));
        free(content);
        return false;
    }
    content[used] = '\0';
    *text = content;
    *n = used;
    return true;
}

bool file_read(const char *path, char **text, size_t *n, Error *error)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return error_set(error, "%s: can't be read: %s", path, strerror(errno));
    }
    bool read = stream_read(file, path, text, n, error);
    fclose(file);
    return read;
}
