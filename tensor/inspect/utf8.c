// utf8.c: characters in bytes, and how to show them.

#include "tensor/inspect/inspect.h"

#include <string.h>

// How many bytes the character has that begins with this one; 0 if none does. 0xc0, 0xc1 would be a longer form of one byte,
// 0xf5 and above lie beyond the last code point.
static int length_from_first(unsigned char first)
{
    if (first < 0x80) {
        return 1;
    }
    if (first >= 0xc2 && first <= 0xdf) {
        return 2;
    }
    if (first >= 0xe0 && first <= 0xef) {
        return 3;
    }
    return first >= 0xf0 && first <= 0xf4 ? 4 : 0;
}

// Can this be the second byte? Overlong forms, the halves of UTF-16 pairs, and code points above 0x10ffff are not UTF-8.
static bool second_fits(unsigned char first, unsigned char second)
{
    unsigned char low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    unsigned char high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    return second >= low && second <= high;
}

int utf8_read(const char *text, size_t n, int *code)
{
    if (n == 0) {
        return UTF8_CUT;
    }
    REQUIRE(text, code);
    unsigned char first = (unsigned char)text[0];
    int length = length_from_first(first);
    int value = length == 1 ? first : first & (0x7f >> length); // 110xxxxx, 1110xxxx, 11110xxx

    for (int i = 1; i < length; i++) {
        if ((size_t)i == n) {
            return UTF8_CUT;
        }
        unsigned char byte = (unsigned char)text[i];
        bool fits = i == 1 ? second_fits(first, byte) : byte >= 0x80 && byte <= 0xbf;
        if (!fits) {
            return UTF8_BAD;
        }
        value = value << 6 | (byte & 0x3f); // 10xxxxxx
    }
    *code = value;
    return length;
}

size_t utf8_mark(const char *text, size_t n)
{
    int code;
    int length = utf8_read(text, n, &code);
    return length > 0 && code == 0xfeff ? (size_t)length : 0;
}

size_t utf8_whole(const char *text, size_t n)
{
    enum { LONGEST = 4 };
    if (n > 0) {
        REQUIRE(text);
    }
    for (size_t cut = 1; cut < LONGEST && cut <= n; cut++) {
        int code;
        if (utf8_read(text + n - cut, cut, &code) == UTF8_CUT) {
            return n - cut;
        }
    }
    return n;
}

size_t utf8_valid(const char *text, size_t n)
{
    size_t at = 0;
    int code;
    int length = utf8_read(text, n, &code);
    while (length > 0) {
        at += (size_t)length;
        length = utf8_read(text + at, n - at, &code);
    }
    return at;
}

int utf8_write(int code, char bytes[4])
{
    REQUIRE(bytes);
    int length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    if (length == 1) {
        bytes[0] = (char)code;
        return 1;
    }
    for (int i = length - 1; i > 0; i--) {
        bytes[i] = (char)(0x80 | (code & 0x3f)); // 10xxxxxx
        code >>= 6;
    }
    bytes[0] = (char)((0xf00 >> length & 0xff) | code); // 110xxxxx, 1110xxxx, 11110xxx
    return length;
}

// Characters without a shape: control characters (C0, DEL, C1), bidirectional controls, line and paragraph separators, the byte
// order mark, and those that are none, which XML forbids.
static bool is_hidden(int code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x61c || code == 0x200e || code == 0x200f || (code >= 0x2028 && code <= 0x202e)
        || (code >= 0x2066 && code <= 0x2069) || code == 0xfeff || (code & 0xfffe) == 0xfffe;
}

size_t utf8_show(const char *text, size_t n, char shown[UTF8_SHOWN], size_t *shown_length)
{
    static const char names[] = "abtnvfr"; // \a to \r: 7 to 13
    REQUIRE(shown, shown_length);
    int code = 0;
    int length = utf8_read(text, n, &code);
    if (n == 0) {
        length = 0;
        shown[0] = '\0';
    } else if (length <= 0) {
        length = 1;
        snprintf(shown, UTF8_SHOWN, "\\x%02x", (unsigned char)text[0]);
    } else if (code >= 7 && code <= 13) {
        snprintf(shown, UTF8_SHOWN, "\\%c", names[code - 7]);
    } else if (is_hidden(code)) {
        snprintf(shown, UTF8_SHOWN, code < 0x100 ? "\\x%02x" : code < 0x10000 ? "\\u%04x" : "\\U%08x", (unsigned)code);
    } else {
        memcpy(shown, text, (size_t)length);
        shown[length] = '\0';
    }
    *shown_length = strlen(shown);
    return (size_t)length;
}
