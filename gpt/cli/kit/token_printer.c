// token_printer.c: tokens as text that a terminal can show, as they come.

#include "gpt/cli/kit/kit.h"

#include <string.h>

// A byte as ASCII: "a", "\x80"; a backslash doubled, so that each reads back.
static void print_byte(FILE *out, int byte)
{
    if (byte == '\\') {
        fprintf(out, "\\\\");
    } else if (byte >= 0x20 && byte < 0x7f) {
        putc(byte, out);
    } else {
        fprintf(out, "\\x%02x", (unsigned)byte);
    }
}

// Control characters would steer the terminal; lines and tabs are text.
static bool is_shown(int code)
{
    bool control = code < 0x20 || (code >= 0x7f && code < 0xa0);
    return !control || code == '\n' || code == '\t';
}

static void print_broken(FILE *out, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        fprintf(out, "\\x%02x", (unsigned char)bytes[i]);
    }
}

// Prints the whole characters of what waits, and keeps one that is cut off.
static void print_waiting(TokenPrinter *printer)
{
    size_t at = 0;
    int code;
    int length = utf8_read(printer->waiting, printer->n_waiting, &code);

    while (length != UTF8_CUT) {
        size_t n = length == UTF8_BAD ? 1 : (size_t)length;
        if (length != UTF8_BAD && is_shown(code)) {
            fwrite(printer->waiting + at, 1, n, printer->out);
        } else {
            print_broken(printer->out, printer->waiting + at, n);
        }
        at += n;
        length = utf8_read(printer->waiting + at, printer->n_waiting - at, &code);
    }
    printer->n_waiting -= at;
    memmove(printer->waiting, printer->waiting + at, printer->n_waiting);
}

void token_printer_text(TokenPrinter *printer, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        printer->waiting[printer->n_waiting] = text[i];
        printer->n_waiting++;
        print_waiting(printer);
    }
}

void token_printer_token(TokenPrinter *printer, int id)
{
    size_t n;
    const char *token = tokenizer_token(printer->tokenizer, id, &n);

    if (token == NULL) {
        token_printer_end(printer);
        fprintf(printer->out, "<%d>", id);
    } else if (tokenizer_kind(printer->tokenizer) == TOKENIZER_BYTES) {
        print_byte(printer->out, id);
    } else {
        token_printer_text(printer, token, n);
    }
}

void token_printer_end(TokenPrinter *printer)
{
    print_broken(printer->out, printer->waiting, printer->n_waiting);
    printer->n_waiting = 0;
}
