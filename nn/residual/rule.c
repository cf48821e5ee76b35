// rule.c: the words of the language, constants, and the normal form.

#include "nn/residual/rule.h"

#include <math.h>

const RuleWord rule_words[] = {
    {"h", RULE_H, RULE_STREAM},
    {"x0", RULE_X0, RULE_STREAM},
    {"block", RULE_BLOCK, RULE_STREAM},
    {"l", RULE_l, RULE_CONSTANT},
    {"L", RULE_L, RULE_CONSTANT},
    {"s", RULE_s, RULE_CONSTANT},
    {"S", RULE_S, RULE_CONSTANT},
    {"f", RULE_F, RULE_STREAM},
    {"norm", RULE_NORM, RULE_STREAM},
    {"rms", RULE_RMS, RULE_STREAM},
    {"dyt", RULE_DYT, RULE_STREAM},
    {"scalar", RULE_SCALAR, RULE_CONSTANT},
    {"vector", RULE_VECTOR, RULE_CONSTANT},
    {"linear", RULE_LINEAR, RULE_STREAM},
    {"sigmoid", RULE_SIGMOID, RULE_CONSTANT},
    {"tanh", RULE_TANH, RULE_CONSTANT},
    {"sqrt", RULE_SQRT, RULE_CONSTANT},
    {"stop", RULE_STOP, RULE_CONSTANT},
};

const int rule_words_count = sizeof rule_words / sizeof rule_words[0];

const RuleHalf *rule_half(const ResidualRule *rule, int half)
{
    return &rule->halves[half < rule->n_halves ? half : 0];
}

int rule_find(const RuleHalf *half, RuleOp op)
{
    for (int i = 0; i < half->n_steps; i++) {
        if (half->steps[i].op == op) {
            return i;
        }
    }
    return -1;
}

bool rule_is_norm(RuleOp op)
{
    return op == RULE_NORM || op == RULE_RMS || op == RULE_DYT;
}

double rule_constant(const RuleStep *step, double a, double b, ResidualPlace place)
{
    switch (step->op) {
    case RULE_NUMBER: return step->number;
    case RULE_l: return place.l;
    case RULE_L: return place.L;
    case RULE_s: return place.s;
    case RULE_S: return place.S;
    case RULE_NEGATE: return -a;
    case RULE_ADD: return a + b;
    case RULE_SUBTRACT: return a - b;
    case RULE_MULTIPLY: return a * b;
    case RULE_DIVIDE: return a / b;
    case RULE_POWER: return pow(a, b);
    case RULE_SIGMOID: return 1 / (1 + exp(-a));
    case RULE_TANH: return tanh(a);
    case RULE_SQRT: return sqrt(a);
    default: return a; // stop, and a name that stands for a
    }
}

void rule_constants(const RuleHalf *half, ResidualPlace place, double *values)
{
    for (int i = 0; i < half->n_steps; i++) {
        const RuleStep *step = &half->steps[i];
        double a = step->a < 0 ? 0 : values[step->a];
        double b = step->b < 0 ? 0 : values[step->b];
        values[i] = step->size == RULE_CONSTANT ? rule_constant(step, a, b, place) : 0;
    }
}

// ------------------------------------------------------------------------------------------------------------
// The normal form: spaces around + and - only, no parentheses that are not needed, numbers as short as they can be

typedef struct Printer {
    const RuleHalf *half;
    char *text;
    int n, capacity;
} Printer;

static void put_byte(Printer *printer, char byte)
{
    *LIST_ADD(printer->text, printer->n, printer->capacity, "a residual rule") = byte;
}

static void put(Printer *printer, const char *text)
{
    for (; *text != '\0'; text++) {
        put_byte(printer, *text);
    }
}

static void put_number(Printer *printer, double number)
{
    char text[32];
    int digits = 1;
    do {
        number_format(text, sizeof text, "%.*g", digits, number);
        digits++;
    } while (number_read(text, NULL) != number);
    put(printer, text);
}

// How loosely an operation binds its operands, and what stands before or between them.
enum { ATOM, POWER, SIGN, PRODUCT, SUM };

static const struct {
    int level;
    const char *text;
} OPERATORS[RULE_STOP + 1] = {
    [RULE_ADD] = {SUM, " + "},      [RULE_SUBTRACT] = {SUM, " - "}, [RULE_MULTIPLY] = {PRODUCT, "*"},
    [RULE_DIVIDE] = {PRODUCT, "/"}, [RULE_NEGATE] = {SIGN, "-"},    [RULE_POWER] = {POWER, "^"},
};

// In parentheses if it binds more loosely than most.
static void put_step(Printer *printer, int step, int most)
{
    const RuleStep *s = &printer->half->steps[step];
    int level = OPERATORS[s->op].level;
    put(printer, level > most ? "(" : "");
    if (level == SIGN) {
        put(printer, OPERATORS[s->op].text);
        put_step(printer, s->a, SIGN);
    } else if (level != ATOM) {
        put_step(printer, s->a, level == POWER ? ATOM : level);
        put(printer, OPERATORS[s->op].text);
        put_step(printer, s->b, level == POWER ? SIGN : level - 1);
    } else if (s->op == RULE_NUMBER) {
        put_number(printer, s->number);
    } else if (s->op == RULE_BOUND) {
        put(printer, printer->half->bindings[s->binding].name);
    }
    for (int i = 0; i < rule_words_count; i++) {
        if (rule_words[i].op == s->op) {
            put(printer, rule_words[i].name);
        }
    }
    if (s->op >= RULE_F) {
        put(printer, "(");
        put_step(printer, s->a, SUM);
        if (s->b >= 0) {
            put(printer, ", ");
            put_step(printer, s->b, SUM);
        }
        put(printer, ")");
    }
    put(printer, level > most ? ")" : "");
}

char *rule_print(const ResidualRule *rule)
{
    Printer printer = {.text = NULL};
    for (int i = 0; i < rule->n_halves; i++) {
        printer.half = &rule->halves[i];
        put(&printer, i == 0 ? "" : " | ");
        for (int k = 0; k < printer.half->n_bindings; k++) {
            put(&printer, printer.half->bindings[k].name);
            put(&printer, " = ");
            put_step(&printer, printer.half->bindings[k].step, SUM);
            put(&printer, "; ");
        }
        put_step(&printer, printer.half->result, SUM);
    }
    put_byte(&printer, '\0');
    return printer.text;
}
