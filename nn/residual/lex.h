// lex.h: reading a rule's text, character by character and word by word. Internal to nn/residual/.

#ifndef GPTAPE_LEX_H
#define GPTAPE_LEX_H

#include "nn/residual/rule.h"

typedef struct Parser {
    const char *text;
    const char *at; // the next character
    int depth;
    RuleHalf *half;
    Error *error;
    bool failed;
} Parser;

// Reports "column N: message", unless an error came before, and skips the rest.
void lex_fail(Parser *p, int column, const char *format, ...) __attribute__((format(printf, 3, 4)));

char lex_peek(Parser *p);                               // the next character that is not a space; '\0' at the end
int lex_column(Parser *p);                              // its column, from 1
bool lex_accept(Parser *p, char c);                     // takes it if it is c
void lex_expect(Parser *p, char c, const char *what);   // the same, or an error: "expected what, found 'x'"
size_t lex_word_length(const char *at);                 // of the letters, digits and _ there
void lex_word(Parser *p, char word[RESIDUAL_NAME + 1]); // takes them

#endif
