// read_file.c: opens files for reading, and reads all of one. Files may come from anywhere: a pipe, a device or a folder is refused before a
// byte is read, and so is a file larger than one of its kind ever is.

#include "gpt/base/base.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool check_status(const char *path, const struct stat *status, double most, Error *error)
{
    char size[BYTES_TEXT];
    char limit[BYTES_TEXT];
    if (S_ISDIR(status->st_mode)) {
        return error_set(error, "%s: is a folder (expected a file)", path);
    }
    if (!S_ISREG(status->st_mode)) {
        return error_set(error, "%s: is a device, a pipe or a socket (expected a file)", path);
    }
    return (double)status->st_size <= most
        || error_set(error, "%s: has %s (expected at most %s)", path, bytes_text((double)status->st_size, size), bytes_text(most, limit));
}

int file_open(const char *path, double most, Error *error)
{
    REQUIRE(path);
    struct stat status;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK); // a pipe without a writer would block
    if (descriptor < 0 || fstat(descriptor, &status) != 0) {
        error_set(error, "%s: can't be read: %s", path, strerror(errno));
    } else if (check_status(path, &status, most, error)) {
        return descriptor;
    }
    if (descriptor >= 0) {
        close(descriptor);
    }
    return -1;
}

FILE *file_open_stream(const char *path, double most, Error *error)
{
    int descriptor = file_open(path, most, error);
    FILE *stream = descriptor < 0 ? NULL : fdopen(descriptor, "rb");
    if (descriptor >= 0 && stream == NULL) {
        error_set(error, "%s: can't be read: %s", path, strerror(errno));
        close(descriptor);
    }
    return stream;
}

// Doubles the room and keeps the contents. Takes content.
static char *double_room(char *content, size_t used)
{
    char *larger = memory_allocate(2 * used + 1, "a text");
    memcpy(larger, content, used);
    free(content);
    return larger;
}

bool stream_read(FILE *stream, const char *name, double most, char **text, size_t *n, Error *error)
{
    REQUIRE(stream);
    size_t capacity = 1 << 16;
    size_t used = 0;
    char *content = memory_allocate(capacity + 1, "a text");
    errno = 0;
    size_t got = fread(content, 1, capacity, stream);
    while (got > 0 && (double)used <= most) {
        used += got;
        if (used == capacity) {
            content = double_room(content, used);
            capacity *= 2;
        }
        got = fread(content + used, 1, capacity - used, stream);
    }
    char limit[BYTES_TEXT];
    bool read = !ferror(stream) && (double)used <= most;
    if (read) {
        content[used] = '\0';
        *text = content;
        *n = used;
        return true;
    }
    if (ferror(stream)) {
        error_set(error, "%s: can't be read: %s", name, strerror(errno));
    } else {
        error_set(error, "%s: is too long (expected at most %s)", name, bytes_text(most, limit));
    }
    free(content);
    return false;
}

bool file_read(const char *path, double most, char **text, size_t *n, Error *error)
{
    FILE *file = file_open_stream(path, most, error);
    if (file == NULL) {
        return false;
    }
    bool read = stream_read(file, path, most, text, n, error);
    fclose(file);
    return read;
}
