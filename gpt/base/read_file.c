// read_file.c: opens files for reading, and reads (and writes) all of one. Files may come from anywhere: a pipe, a device or a folder is refused
// before a byte is read, and so is a file larger than any of its kind.

#include "gpt/base/base.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool check_status(const char *path, const struct stat *status, double most, Error *error)
{
    if (S_ISDIR(status->st_mode)) {
        return error_set(error, "%s: is a folder (expected a file)", path);
    }
    if (!S_ISREG(status->st_mode)) {
        return error_set(error, "%s: is a device, a pipe or a socket (expected a file)", path);
    }
    return (double)status->st_size <= most
        || error_set(error, "%s: has %s (expected at most %s)", path, BYTES_STRING((double)status->st_size), BYTES_STRING(most));
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

bool stream_read(FILE *stream, const char *name, double most, char **text, size_t *n, Error *error)
{
    REQUIRE(stream);
    char part[1 << 16];
    size_t got = 1;
    size_t kept = 1; // less than got if memory was refused: then writer_end fails
    size_t used = 0;
    Writer *writer = writer_begin();
    errno = 0;
    while (got > 0 && kept == got && (double)used <= most) {
        got = fread(part, 1, sizeof part, stream);
        kept = fwrite(part, 1, got, writer->stream);
        used += got;
    }
    int why = errno;
    AUTO_FREE char *content = writer_end(writer);
    if (ferror(stream)) {
        return error_set(error, "%s: can't be read: %s", name, strerror(why));
    }
    if ((double)used > most) {
        return error_set(error, "%s: is too long (expected at most %s)", name, BYTES_STRING(most));
    }
    *text = content;
    *n = used;
    content = NULL;
    return true;
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

ssize_t read_all_at(int descriptor, off_t offset, size_t n, void *out)
{
    size_t done = 0;
    ssize_t got = 1;
    while (done < n && got != 0) {
        got = pread(descriptor, (char *)out + done, n - done, offset + (off_t)done);
        if (got < 0 && errno != EINTR) {
            return -1;
        }
        done += got > 0 ? (size_t)got : 0;
    }
    return (ssize_t)done;
}

bool write_all(int descriptor, const void *bytes, size_t n)
{
    for (size_t done = 0; done < n;) {
        ssize_t written = write(descriptor, (const char *)bytes + done, n - done);
        if (written < 0 && errno != EINTR) {
            return false;
        }
        done += written > 0 ? (size_t)written : 0;
    }
    return true;
}
