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

// Prints the whole characters of what waits, and keeps an incomplete one.
static void print_waiting(TokenPrinter *printer)
{
    size_t whole = utf8_whole(printer->waiting, printer->n_waiting);
    quote_terminal(printer->out, printer->waiting, whole, true);
    printer->n_waiting -= whole;
    memmove(printer->waiting, printer->waiting + whole, printer->n_waiting);
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
    quote_terminal(printer->out, printer->waiting, printer->n_waiting, true);
    printer->n_waiting = 0;
}
