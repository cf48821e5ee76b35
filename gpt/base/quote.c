// quote.c: untrusted text, written for a program that would take some of its characters for commands or markup.

#include "gpt/base/base.h"

#include <string.h>

typedef void WriteByte(FILE *out, char byte);

// Each character as it can be shown (utf8_show), byte by byte. lines: newlines and tabs are kept.
static void write_shown(FILE *out, const char *text, size_t n, bool lines, WriteByte *write)
{
    for (size_t at = 0; at < n;) {
        char shown[UTF8_SHOWN];
        size_t length = 1;
        size_t shown_length = 1;
        if (lines && (text[at] == '\n' || text[at] == '\t')) {
            shown[0] = text[at];
        } else {
            length = utf8_show(text + at, n - at, shown, &shown_length);
        }
        for (size_t i = 0; i < shown_length; i++) {
            write(out, shown[i]);
        }
        at += length;
    }
}

static void write_quoted(FILE *out, const char *text, WriteByte *write)
{
    fputc('"', out);
    write_shown(out, text, text == NULL ? 0 : strlen(text), false, write);
    fputc('"', out);
}

// ------------------------------------------------------------------------------------------------------------
// The terminal

static void write_byte(FILE *out, char byte)
{
    fputc(byte, out);
}

void quote_terminal(FILE *out, const char *text, size_t n, bool lines)
{
    write_shown(out, text, n, lines, write_byte);
}

// ------------------------------------------------------------------------------------------------------------
// HTML: text and attribute values

static void write_html(FILE *out, char byte)
{
    if (strchr("&<>\"'", byte) != NULL) {
        fprintf(out, "&#%d;", byte);
    } else {
        fputc(byte, out);
    }
}

void quote_html(FILE *out, const char *text)
{
    write_shown(out, text, text == NULL ? 0 : strlen(text), false, write_html);
}

// ------------------------------------------------------------------------------------------------------------
// gnuplot: what has a meaning between double quotes, for macros or for comments becomes an octal escape of four digits, which no
// digit after it can prolong. So not even a backquote, whose contents gnuplot would run as a command, is in the script.

static void write_gnuplot(FILE *out, char byte)
{
    if (strchr("\"'\\`@#$", byte) != NULL) {
        fprintf(out, "\\%04o", (unsigned)byte);
    } else {
        fputc(byte, out);
    }
}

// gnuplot's terminals disagree on an escaped backslash: U+005C is one on all of them.
static void write_enhanced(FILE *out, char byte)
{
    if (byte == '\\') {
        fputs("{\\0134U+005C}", out);
        return;
    }
    if (strchr("{}^_@&~", byte) != NULL) {
        write_gnuplot(out, '\\');
    }
    write_gnuplot(out, byte);
}

// A % in a tic's label makes it a format, whose result gnuplot cuts off after 49 bytes. U+0025 is one that it does not see.
static void write_tic(FILE *out, char byte)
{
    if (byte == '%') {
        fputs("%%", out);
    } else {
        write_enhanced(out, byte);
    }
}

static void write_long_tic(FILE *out, char byte)
{
    if (byte == '%') {
        fputs("{\\0134U+0025}", out);
    } else {
        write_enhanced(out, byte);
    }
}

void quote_gnuplot(FILE *out, const char *text)
{
    write_quoted(out, text, write_gnuplot);
}

void quote_gnuplot_enhanced(FILE *out, const char *text)
{
    write_quoted(out, text, write_enhanced);
}

void quote_gnuplot_tic(FILE *out, const char *text)
{
    enum { SHORT = 4 }; // bytes, of which none becomes more than 12
    write_quoted(out, text, text == NULL || strlen(text) <= SHORT ? write_tic : write_long_tic);
}

// ------------------------------------------------------------------------------------------------------------
// Files

// A character of JSON: as it is, as a \u escape if it has no shape, and a byte that is not UTF-8 as an escape in the text itself.
static size_t write_json(FILE *out, const char *text, size_t n)
{
    char shown[UTF8_SHOWN];
    size_t shown_length;
    int code = 0;
    int length = utf8_read(text, n, &code);
    size_t taken = utf8_show(text, n, shown, &shown_length);
    if (length <= 0) {
        fprintf(out, "\\%s", shown);
    } else if (shown_length == taken || code < 0x20) { // the library has escaped control characters: these are lines
        fwrite(text, 1, taken, out);
    } else if (code < 0x10000) {
        fprintf(out, "\\u%04x", (unsigned)code);
    } else { // as UTF-16
        fprintf(out, "\\u%04x\\u%04x", 0xd7c0u + ((unsigned)code >> 10), 0xdc00u + ((unsigned)code & 0x3ff));
    }
    return taken;
}

void quote_json(FILE *out, const char *json)
{
    size_t n = strlen(json);
    for (size_t at = 0; at < n;) {
        at += write_json(out, json + at, n - at);
    }
}

static void write_csv(FILE *out, char byte)
{
    if (byte == '"') {
        fputc('"', out);
    }
    fputc(byte, out);
}

void quote_csv(FILE *out, const char *text)
{
    size_t n = text == NULL ? 0 : strlen(text);
    if (n > 0 && (strpbrk(text, "\",") != NULL || text[0] == ' ' || text[n - 1] == ' ')) {
        write_quoted(out, text, write_csv);
    } else {
        write_shown(out, text, n, false, write_byte);
    }
}
