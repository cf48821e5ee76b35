// reader.c: a text part by part, so that it may be longer than memory.
//
//      text[0 ... n-1]  whole characters        waiting  a character's first bytes        room, up to capacity
//
// The caller takes as much of the front as it can use, and the rest stays for the next part. If nothing could be taken,
// because the part is a single word, the next one has twice the room.

#include "gpt/base/base.h"
#include "gpt/stories/stories.h"
#include "gpt/text/encoding.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { PART_BYTES = 1 << 20, LONGEST_PART = 1 << 24 };

// Leaves out a byte order mark: it counts among the bytes before the text, but is not read.
static void skip_mark(Reader *reader)
{
    char bytes[4];
    size_t n = fread(bytes, 1, sizeof bytes, reader->file);
    reader->offset = utf8_mark(bytes, n);
    fseek(reader->file, (long)reader->offset, SEEK_SET);
}

static bool reader_open(Reader *reader, const char *path, Error *error)
{
    struct stat status;
    reader->file = file_open_stream(path, INFINITY, error);
    if (reader->file == NULL) {
        return false;
    }
    reader->size = fstat(fileno(reader->file), &status) == 0 ? (size_t)status.st_size : 0;
    reader->capacity = PART_BYTES;
    reader->text = memory_allocate_zeroed(reader->capacity, 1, "a text"); // PCRE2 looks at a vector's bytes beyond the text, too
    skip_mark(reader);
    return reader->size > reader->offset || error_set(error, "%s: is empty", path);
}

bool reader_begin(Reader *reader, const char *path, Error *error)
{
    *reader = (Reader){.name = memory_copy_text(path != NULL ? path : "stories")};
    if (path == NULL) {
        reader->text = stories_text(STORIES_SEED, STORIES_BYTES);
        reader->size = strlen(reader->text);
        reader->capacity = reader->size;
        reader->waiting = reader->size;
        return true;
    }
    return reader_open(reader, path, error);
}

void reader_end(Reader *reader)
{
    if (reader->file != NULL) {
        fclose(reader->file);
    }
    free(reader->text);
    free(reader->name);
    *reader = (Reader){0};
}

static bool make_room(Reader *reader, Error *error)
{
    if (reader->capacity >= LONGEST_PART) {
        return error_set(error, "%s: has a word of more than %d MiB after byte %zu; is it text?", reader->name, LONGEST_PART >> 20, reader->offset);
    }
    char *larger = memory_allocate(2 * reader->capacity, "a text");
    memcpy(larger, reader->text, reader->n + reader->waiting);
    free(reader->text);
    reader->text = larger;
    reader->capacity *= 2;
    return true;
}

// Counts whole characters among what waits.
static bool check_characters(Reader *reader, Error *error)
{
    size_t end = reader->n + reader->waiting;
    int length = 1;
    while (reader->n < end && length != UTF8_CUT) {
        int code = 0;
        length = utf8_read(reader->text + reader->n, end - reader->n, &code);
        if (length == UTF8_BAD || (length == UTF8_CUT && reader->ends) || (length == 1 && code == 0)) {
            return error_set(error, "%s: is not UTF-8 text: byte 0x%02x at %zu", reader->name, (unsigned char)reader->text[reader->n],
                             reader->offset + reader->n);
        }
        reader->n += length == UTF8_CUT ? 0 : (size_t)length;
    }
    reader->waiting = end - reader->n;
    return true;
}

bool reader_fill(Reader *reader, Error *error)
{
    size_t held = reader->n + reader->waiting;
    if (reader->file != NULL) {
        if (held == reader->capacity && !make_room(reader, error)) {
            return false;
        }
        errno = 0;
        size_t got = fread(reader->text + held, 1, reader->capacity - held, reader->file);
        if (ferror(reader->file)) {
            return error_set(error, "%s: can't be read: %s", reader->name, strerror(errno));
        }
        reader->waiting += got;
    }
    reader->ends = reader->file == NULL || feof(reader->file);
    return check_characters(reader, error);
}

void reader_take(Reader *reader, size_t n)
{
    memmove(reader->text, reader->text + n, reader->n + reader->waiting - n);
    reader->n -= n;
    reader->offset += n;
}

bool reader_is_over(const Reader *reader)
{
    return reader->ends && reader->n == 0;
}
