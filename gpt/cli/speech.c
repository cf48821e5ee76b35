// speech.c: tokens as text that a terminal can show, as they come.

#include "gpt/cli/cli.h"

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
static void print_waiting(Speech *speech)
{
    size_t at = 0;
    int code;
    int length = utf8_read(speech->waiting, speech->n_waiting, &code);

    while (length != UTF8_CUT) {
        size_t n = length == UTF8_BAD ? 1 : (size_t)length;
        if (length != UTF8_BAD && is_shown(code)) {
            fwrite(speech->waiting + at, 1, n, speech->out);
        } else {
            print_broken(speech->out, speech->waiting + at, n);
        }
        at += n;
        length = utf8_read(speech->waiting + at, speech->n_waiting - at, &code);
    }
    speech->n_waiting -= at;
    memmove(speech->waiting, speech->waiting + at, speech->n_waiting);
}

void speech_text(Speech *speech, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        speech->waiting[speech->n_waiting] = text[i];
        speech->n_waiting++;
        print_waiting(speech);
    }
}

void speech_token(Speech *speech, int id)
{
    size_t n;
    const char *token = tokenizer_token(speech->tokenizer, id, &n);

    if (token == NULL) {
        speech_end(speech);
        fprintf(speech->out, "<%d>", id);
    } else if (tokenizer_kind(speech->tokenizer) == TOKENIZER_BYTES) {
        print_byte(speech->out, id);
    } else {
        speech_text(speech, token, n);
    }
}

void speech_end(Speech *speech)
{
    print_broken(speech->out, speech->waiting, speech->n_waiting);
    speech->n_waiting = 0;
}
