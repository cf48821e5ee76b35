// lex.c: reading the text of a rule: see rule.h.

#include "nn/residual/rule.h"

#include <stdarg.h>
#include <string.h>

void lex_fail(Parser *p, int column, const char *format, ...)
{
    if (!p->failed) {
        char message[440];
        FORMAT_ARGUMENTS(message, sizeof message, format);
        error_set(p->error, "column %d: %s", column, message);
    }
    p->failed = true;
    p->at += strlen(p->at);
}

char lex_peek(Parser *p)
{
    p->at += strspn(p->at, " \t");
    return *p->at;
}

int lex_column(Parser *p)
{
    lex_peek(p);
    return (int)(p->at - p->text) + 1;
}

bool lex_accept(Parser *p, char c)
{
    bool found = lex_peek(p) == c;
    p->at += found;
    return found;
}

void lex_expect(Parser *p, char c, const char *what)
{
    char next = lex_peek(p);
    if (c != '\0' && lex_accept(p, c)) {
        return;
    }
    if (next == '\0') {
        lex_fail(p, lex_column(p), "expected %s, found the end", what);
    } else if (next > ' ' && next <= '~') {
        lex_fail(p, lex_column(p), "expected %s, found '%c'", what, next);
    } else {
        lex_fail(p, lex_column(p), "expected %s, found the byte 0x%02x", what, (unsigned char)next);
    }
}

size_t lex_word_length(const char *at)
{
    return strspn(at, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");
}

void lex_word(Parser *p, char word[RESIDUAL_NAME + 1])
{
    size_t length = lex_word_length(p->at);
    if (length > RESIDUAL_NAME) {
        lex_fail(p, lex_column(p), "a name of %zu characters (expected at most %d)", length, RESIDUAL_NAME);
        length = 0;
    }
    memcpy(word, p->at, length);
    word[length] = '\0';
    p->at += length;
}
