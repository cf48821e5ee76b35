// source.c: the files of a vocabulary: where they are, and how they write bytes as letters.

#include "gpt/base/base.h"
#include "gpt/text/encoding.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// ------------------------------------------------------------------------------------------------------------
// Location

// An environment variable, or NULL if it is missing or empty.
static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

static const char *home_folder(void)
{
    const char *home = environment("HOME");
    const struct passwd *user = home == NULL ? getpwuid(getuid()) : NULL;
    return home != NULL ? home : user != NULL ? user->pw_dir : "";
}

char *vocabulary_folder(const char *given)
{
    const char *folder = given != NULL ? given : environment("GPTAPE_DATA");
    if (folder != NULL) {
        return memory_copy_text(folder);
    }
    const char *data = environment("XDG_DATA_HOME");
    if (data != NULL && data[0] == '/') { // the XDG specification says to ignore relative paths
        return path_in(data, "gptape");
    }
    return path_in(home_folder(), ".local/share/gptape");
}

bool vocabulary_found(const char *folder)
{
    REQUIRE(folder);
    return file_exists(folder, "vocab.bpe") || file_exists(folder, "encoder.json") || file_exists(folder, "merges.txt")
        || file_exists(folder, "vocab.json") || file_exists(folder, TOKENIZER_JSON);
}

// ------------------------------------------------------------------------------------------------------------
// Bytes as letters

// A printable Latin-1 byte is its own letter; the other bytes, in order, are U+0100, U+0101, ...: 0x00 to 0x20, 0x7f to 0xa0, and 0xad.
enum { FIRST_LETTER = 0x100, MIDDLE_LETTER = FIRST_LETTER + 0x21, LAST_LETTER = MIDDLE_LETTER + 0xa1 - 0x7f };

int letter_of_byte(int byte)
{
    return byte < 0x21 ? FIRST_LETTER + byte : byte >= 0x7f && byte < 0xa1 ? MIDDLE_LETTER + byte - 0x7f : byte == 0xad ? LAST_LETTER : byte;
}

// -1 if the letter stands for no byte.
static int byte_of_letter(int letter)
{
    int byte = letter < FIRST_LETTER  ? letter
             : letter < MIDDLE_LETTER ? letter - FIRST_LETTER
             : letter < LAST_LETTER   ? letter - MIDDLE_LETTER + 0x7f
                                      : 0xad;
    return letter_of_byte(byte) == letter ? byte : -1;
}

bool spell_letters(char *letters, size_t n, size_t *n_bytes)
{
    size_t used = 0;
    size_t at = 0;
    while (at < n) {
        int code;
        int length = utf8_read(letters + at, n - at, &code);
        int byte = length <= 0 ? -1 : byte_of_letter(code);
        if (byte < 0) {
            return false;
        }
        letters[used] = (char)byte;
        used++;
        at += (size_t)length;
    }
    *n_bytes = used;
    return n > 0;
}

enum { MOST_BYTES = 1 << 28 }; // GPT-2's files have 1 and 0.5 MB

static bool source_check_text(const Source *source, Error *error)
{
    int line = 1;
    size_t at = 0;
    while (at < source->n) {
        int code;
        int length = utf8_read(source->text + at, source->n - at, &code);
        if (length <= 0 || code == 0) {
            return error_set(error, "%s: line %d: byte 0x%02x is not UTF-8 text", source->path, line, (unsigned char)source->text[at]);
        }
        line += code == '\n';
        at += (size_t)length;
    }
    if (source->n == 0) {
        return error_set(error, "%s: not a vocabulary: %zu byte%s", source->path, source->n, plural((double)source->n));
    }
    return true;
}

void source_free(Source *source)
{
    free(source->path);
    free(source->text);
}

bool source_read(Source *source, const char *folder, const char *name, Error *error)
{
    *source = (Source){.path = path_in(folder, name)};
    return file_read(source->path, MOST_BYTES, &source->text, &source->n, error) && source_check_text(source, error);
}

bool source_has_version(const Source *source)
{
    return strncmp(source->text, "#version", strlen("#version")) == 0;
}
