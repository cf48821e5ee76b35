// rule.h: a rule as a list of steps. Internal to nn/residual/.

#ifndef GPTAPE_RULE_H
#define GPTAPE_RULE_H

#include "nn/residual/residual.h"

// clang-format off
typedef enum RuleOp {
    RULE_NUMBER, RULE_l, RULE_L, RULE_s, RULE_S,                       // constants
    RULE_H, RULE_X0, RULE_BLOCK,                                       // streams
    RULE_BOUND,                                                        // a name bound before: a is the step it stands for
    RULE_NEGATE, RULE_ADD, RULE_SUBTRACT, RULE_MULTIPLY, RULE_DIVIDE, RULE_POWER,
    RULE_F, RULE_NORM, RULE_RMS, RULE_DYT, RULE_SCALAR, RULE_VECTOR, RULE_LINEAR, RULE_SIGMOID, RULE_TANH, RULE_SQRT, RULE_STOP
} RuleOp;
// clang-format on

typedef enum RuleSize { RULE_CONSTANT, RULE_ONE, RULE_WIDTH, RULE_STREAM } RuleSize; // a number, (1), (C), (..., C)

// Steps come in order of evaluation: a step's operands are before it.
typedef struct RuleStep {
    RuleOp op;
    int column;    // in the text, from 1
    int a, b;      // its operands' places in the list; -1: none
    RuleSize size; // of its result
    bool varies;   // a constant that depends on l, L, s or S
    double number; // a constant that does not
    int binding;   // RULE_BOUND: which
} RuleStep;

typedef struct RuleBinding {
    char name[RESIDUAL_NAME + 1];
    int column;
    int step; // the value's
    bool used;
} RuleBinding;

typedef struct RuleHalf {
    RuleStep *steps;
    int n_steps, capacity;
    RuleBinding bindings[RESIDUAL_BINDINGS];
    int n_bindings;
    int result;  // the step whose result is the stream
    bool varies; // do its constants depend on l, L, s or S?
} RuleHalf;

struct ResidualRule {
    RuleHalf halves[2];
    int n_halves;
    int bar;                // the column of '|'
    char *text;             // the normal form
    const ResidualRow *row; // in the table, or NULL
    ResidualRule *next;     // in the list of rules in use
};

// A word of the language: a value (h, l), or a function.
typedef struct RuleWord {
    const char *name;
    RuleOp op;
    RuleSize size; // a value's; what a function takes at least
} RuleWord;

extern const RuleWord rule_words[];
extern const int rule_words_count;

// Parses text. The caller frees the result with rule_free. NULL and an error if text is not a rule.
ResidualRule *rule_parse(const char *text, Error *error);
void rule_free(ResidualRule *rule);
char *rule_print(const ResidualRule *rule); // the normal form; the caller frees it

const RuleHalf *rule_half(const ResidualRule *rule, int half);                       // the only one serves both
int rule_find(const RuleHalf *half, RuleOp op);                                      // the first such step; -1: none
bool rule_is_norm(RuleOp op);                                                        // norm, rms or dyt?
double rule_constant(const RuleStep *step, double a, double b, ResidualPlace place); // the value of a constant with these operands
// The values of a half's constants at a place in a network, by step: values (RESIDUAL_LENGTH). 0 for steps that are not constants.
void rule_constants(const RuleHalf *half, ResidualPlace place, double *values);

// ------------------------------------------------------------------------------------------------------------
// lex.c: reading a rule's text, character by character and word by word

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
