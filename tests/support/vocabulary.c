// vocabulary.c: see vocabulary.h.

#include "tests/support/vocabulary.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

enum { FILE_SIZE = 1 << 16 };

// The letter of each byte, by the code point: written down apart from the library's.
static int letter(int byte)
{
    if (byte <= 0x20) {
        return 0x100 + byte;
    }
    if (byte >= 0x7f && byte <= 0xa0) {
        return 0x100 + 0x21 + byte - 0x7f;
    }
    return byte == 0xad ? 0x143 : byte;
}

static const char merges[] = "#version: 0.2\n"
                             "h e\n"
                             "l l\n"
                             "he ll\n"
                             "hell o\n"
                             "Ġ h\n"
                             "Ġ hello\n"
                             "a a\n"
                             "aa aa\n"
                             "a b\n"
                             "Ã ©\n";

static const char *const words[] = {"he", "ll", "hell", "hello", "\\u0120h", "\\u0120hello", "aa", "aaaa", "ab", "Ã©", "<|end|>"};

void vocabulary_write(void)
{
    FILE *file = fopen("vocab.bpe", "w");
    ck_assert_ptr_nonnull(file);
    fputs(merges, file);
    ck_assert_int_eq(fclose(file), 0);

    file = fopen("encoder.json", "w");
    ck_assert_ptr_nonnull(file);
    for (int byte = 0; byte < 256; byte++) {
        fprintf(file, "%s\"\\u%04x\": %d", byte == 0 ? "{" : ", ", (unsigned)letter(byte), byte);
    }
    for (int i = 256; i < SMALL_VOCABULARY; i++) {
        fprintf(file, ", \"%s\": %d", words[i - 256], i);
    }
    fprintf(file, "}");
    ck_assert_int_eq(fclose(file), 0);
}

void vocabulary_edit(const char *name, const char *from, const char *to)
{
    static char text[FILE_SIZE];
    FILE *file = fopen(name, "r");
    ck_assert_ptr_nonnull(file);
    size_t n = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[n] = '\0';

    char *at = strstr(text, from);
    ck_assert_msg(at != NULL, "%s: \"%s\" is not in it", name, from);
    file = fopen(name, "w");
    ck_assert_ptr_nonnull(file);
    fwrite(text, 1, (size_t)(at - text), file);
    fputs(to, file);
    fputs(at + strlen(from), file);
    ck_assert_int_eq(fclose(file), 0);
}
