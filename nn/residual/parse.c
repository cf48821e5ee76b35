// parse.c: from text to steps.
//
//      rule  := half [ '|' half ]
//      half  := { name '=' expr ';' } expr
//      expr  := term { ('+' | '-') term }
//      term  := unary { ('*' | '/') unary }
//      unary := '-' unary | power
//      power := atom [ '^' unary ]
//      atom  := number | name | call | '(' expr ')'
//
// One function per line of the grammar. Each appends its steps to the half and returns the place of the last one, whose result is its
// value. Operands are parsed before the operation is appended, so the list is in order of evaluation, and running a rule is one loop
// (apply.c). After an error the rest of the text is skipped: every function then finds the end, and what it appends is not used.

#include "nn/residual/rule.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int parse_expr(Parser *p);

// ------------------------------------------------------------------------------------------------------------
// Words

static const RuleWord *find_word(const char *word)
{
    for (int i = 0; i < rule_words_count; i++) {
        if (strcmp(rule_words[i].name, word) == 0) {
            return &rule_words[i];
        }
    }
    return NULL;
}

static RuleBinding *find_binding(RuleHalf *half, const char *word)
{
    for (int i = 0; i < half->n_bindings; i++) {
        if (strcmp(half->bindings[i].name, word) == 0) {
            return &half->bindings[i];
        }
    }
    return NULL;
}

static bool is_function(const RuleWord *word)
{
    return word->op >= RULE_F;
}

// ------------------------------------------------------------------------------------------------------------
// Steps

static const char *const SIZE_NAMES[] = {"a constant", "a scalar", "a vector", "a stream"};

// Appends a step. A constant that is the same everywhere is computed now.
static int append(Parser *p, RuleStep step)
{
    RuleHalf *half = p->half;
    const RuleStep *a = step.a < 0 ? &step : &half->steps[step.a]; // without an operand, the step stands in for it, which changes nothing
    const RuleStep *b = step.b < 0 ? &step : &half->steps[step.b];
    step.varies = step.size == RULE_CONSTANT && (step.varies || a->varies || b->varies);
    if (step.op == RULE_DIVIDE && b->size == RULE_CONSTANT && !b->varies && !isfinite(1 / b->number)) {
        lex_fail(p, step.column, b->number == 0 ? "division by zero" : "division by %g, which overflows", b->number);
    }
    if (step.size == RULE_CONSTANT && !step.varies) {
        step.number = rule_constant(&step, a->number, b->number, (ResidualPlace){0});
        if (!isfinite(step.number)) {
            lex_fail(p, step.column, "a constant that is not finite");
        }
    }
    half->varies = half->varies || step.varies;
    *LIST_ADD(half->steps, half->n_steps, half->capacity, "a residual rule") = step;
    return half->n_steps - 1;
}

static int append_operator(Parser *p, RuleOp op, int a, int b, int at)
{
    RuleSize a_size = p->half->steps[a].size;
    RuleSize b_size = p->half->steps[b].size;
    if (op == RULE_POWER && (a_size != RULE_CONSTANT || b_size != RULE_CONSTANT)) {
        lex_fail(p, at, "%s ^ %s (expected constants on both sides)", SIZE_NAMES[a_size], SIZE_NAMES[b_size]);
    }
    return append(p, (RuleStep){.op = op, .column = at, .a = a, .b = b, .size = a_size > b_size ? a_size : b_size});
}

static int append_call(Parser *p, const RuleWord *function, int a, int b, int at)
{
    const RuleStep *x = &p->half->steps[a];
    RuleSize size = x->size;
    bool learned = function->op == RULE_SCALAR || function->op == RULE_VECTOR;
    if (size < function->size || (learned && size > RULE_CONSTANT)) {
        lex_fail(p, x->column, "%s(x) of %s (expected %s)", function->name, SIZE_NAMES[size], SIZE_NAMES[function->size]);
    }
    if (b >= 0 && p->half->steps[b].size != RULE_CONSTANT) {
        lex_fail(p, p->half->steps[b].column, "%s(x, v) with v %s (expected a constant)", function->name, SIZE_NAMES[p->half->steps[b].size]);
    }
    int first = rule_find(p->half, RULE_F);
    if (function->op == RULE_F && first >= 0) {
        lex_fail(p, at, "f is used twice, first in column %d (expected exactly one f(x) in each half)", p->half->steps[first].column);
    }
    if (learned) {
        size = function->op == RULE_SCALAR ? RULE_ONE : RULE_WIDTH;
    }
    return append(p, (RuleStep){.op = function->op, .column = at, .a = a, .b = b, .size = size});
}

// ------------------------------------------------------------------------------------------------------------
// Atoms

// Digits with a point and an exponent, each optional: "2", ".5", "1e-4".
static int parse_number(Parser *p)
{
    static const char digits[] = "0123456789";
    int at = lex_column(p);
    size_t whole = strspn(p->at, digits);
    size_t fraction = p->at[whole] == '.' ? 1 + strspn(p->at + whole + 1, digits) : 0;
    const char *end = p->at + whole + fraction;
    bool is_number = whole > 0 || fraction > 1;
    if (is_number && (*end == 'e' || *end == 'E')) {
        size_t sign = end[1] == '+' || end[1] == '-';
        size_t exponent = strspn(end + 1 + sign, digits);
        end += exponent > 0 ? 1 + sign + exponent : 0;
    }
    double number = number_read(p->at, NULL); // used only if it is a number as defined above
    p->at = end;
    if (!is_number || lex_word_length(end) > 0 || *end == '.') {
        lex_fail(p, at, "not a decimal number (expected digits, as in 2, .5 or 1e-4)");
    }
    return append(p, (RuleStep){.op = RULE_NUMBER, .column = at, .a = -1, .b = -1, .number = number});
}

// The name that is most like a word.
typedef struct Nearest {
    const char *name; // NULL: none is
    int away;         // letters
} Nearest;

static void compare_name(Nearest *nearest, const char *word, const char *name)
{
    int away = word_distance(word, name);
    if (away < nearest->away) {
        *nearest = (Nearest){name, away};
    }
}

static void fail_unknown(Parser *p, const char *word, bool function, int at)
{
    char known[200 + RESIDUAL_BINDINGS * (RESIDUAL_NAME + 2)] = "";
    int half_word = (int)strlen(word) / 2;
    Nearest nearest = {NULL, half_word < 1 ? 2 : half_word + 1};
    for (int i = 0; i < rule_words_count + p->half->n_bindings; i++) {
        const RuleWord *built_in = i < rule_words_count ? &rule_words[i] : NULL;
        const char *name = built_in != NULL ? built_in->name : p->half->bindings[i - rule_words_count].name;
        if (function == (built_in != NULL && is_function(built_in))) {
            strcat(strcat(known, known[0] == '\0' ? "" : ", "), name);
            compare_name(&nearest, word, name);
        }
    }
    bool whole = nearest.name == NULL && strcmp(p->text, word) == 0; // then it may be a rule's name
    for (int i = 0; whole && i < residual_table_count; i++) {
        compare_name(&nearest, word, residual_table[i].name);
    }
    bool found = nearest.name != NULL;
    lex_fail(p, at, "unknown %s '%s' (known: %.300s)%s%s%s", function ? "function" : "name", word, known, found ? "; did you mean " : "",
             found ? nearest.name : "", found ? "?" : "");
}

static int parse_call(Parser *p, const char *name, const RuleWord *word, int at)
{
    if (word == NULL ? find_binding(p->half, name) != NULL : !is_function(word)) {
        lex_fail(p, at, "'%s' is a value, not a function (expected an operator before '(')", name);
    } else if (word == NULL) {
        fail_unknown(p, name, true, at);
    }
    lex_accept(p, '(');
    int a = parse_expr(p);
    int b = -1;
    if (word != NULL && word->op == RULE_LINEAR && lex_accept(p, ',')) {
        b = parse_expr(p);
    }
    lex_expect(p, ')', "')'");
    return p->failed ? a : append_call(p, word, a, b, at);
}

static int parse_name(Parser *p)
{
    char name[RESIDUAL_NAME + 1];
    int at = lex_column(p);
    lex_word(p, name);
    const RuleWord *word = find_word(name);
    if (lex_peek(p) == '(') {
        return parse_call(p, name, word, at);
    }
    RuleBinding *binding = find_binding(p->half, name);
    if (binding != NULL) {
        binding->used = true;
        const RuleStep *value = &p->half->steps[binding->step];
        return append(p, (RuleStep){.op = RULE_BOUND,
                                    .column = at,
                                    .a = binding->step,
                                    .b = -1,
                                    .size = value->size,
                                    .binding = (int)(binding - p->half->bindings)});
    }
    if (word == NULL) {
        fail_unknown(p, name, false, at);
    } else if (is_function(word)) {
        lex_fail(p, at, "'%s' is a function (expected '(' after it)", name);
    }
    RuleWord known = p->failed ? rule_words[0] : *word;
    return append(p, (RuleStep){.op = known.op, .column = at, .a = -1, .b = -1, .size = known.size, .varies = known.size == RULE_CONSTANT});
}

static int parse_atom(Parser *p)
{
    char c = lex_peek(p);
    if (isdigit((unsigned char)c) || c == '.') {
        return parse_number(p);
    }
    if (lex_word_length(p->at) > 0) {
        return parse_name(p);
    }
    lex_expect(p, '(', "a number, a name or '('");
    if (p->failed) {
        return append(p, (RuleStep){.op = RULE_H, .a = -1, .b = -1, .size = RULE_STREAM});
    }
    int value = parse_expr(p);
    lex_expect(p, ')', "')'");
    return value;
}

// ------------------------------------------------------------------------------------------------------------
// Operators

static int parse_unary(Parser *p);

static int parse_power(Parser *p)
{
    int base = parse_atom(p);
    int at = lex_column(p);
    return lex_accept(p, '^') ? append_operator(p, RULE_POWER, base, parse_unary(p), at) : base;
}

// Every nested expression passes here.
static int parse_unary(Parser *p)
{
    int at = lex_column(p);
    p->depth++;
    if (p->depth > RESIDUAL_DEPTH) {
        lex_fail(p, at, "nested too deep (expected at most %d levels)", RESIDUAL_DEPTH);
    }
    bool negative = lex_accept(p, '-');
    int value = negative ? parse_unary(p) : parse_power(p);
    p->depth--;
    return negative ? append(p, (RuleStep){.op = RULE_NEGATE, .column = at, .a = value, .b = -1, .size = p->half->steps[value].size}) : value;
}

static int parse_term(Parser *p)
{
    int value = parse_unary(p);
    while (lex_peek(p) == '*' || lex_peek(p) == '/') {
        int at = lex_column(p);
        RuleOp op = *p->at == '*' ? RULE_MULTIPLY : RULE_DIVIDE;
        p->at++;
        value = append_operator(p, op, value, parse_unary(p), at);
    }
    return value;
}

static int parse_expr(Parser *p)
{
    int value = parse_term(p);
    while (lex_peek(p) == '+' || lex_peek(p) == '-') {
        int at = lex_column(p);
        RuleOp op = *p->at == '+' ? RULE_ADD : RULE_SUBTRACT;
        p->at++;
        value = append_operator(p, op, value, parse_term(p), at);
    }
    return value;
}

// ------------------------------------------------------------------------------------------------------------
// Halves

// Is what comes next "name ="?
static bool at_binding(Parser *p)
{
    bool is_name = !isdigit((unsigned char)lex_peek(p)) && lex_word_length(p->at) > 0;
    const char *after = p->at + lex_word_length(p->at);
    return is_name && after[strspn(after, " \t")] == '=';
}

static void parse_binding(Parser *p)
{
    RuleHalf *half = p->half;
    RuleBinding binding = {.column = lex_column(p)};
    lex_word(p, binding.name);
    const RuleBinding *before = find_binding(half, binding.name);
    if (find_word(binding.name) != NULL) {
        lex_fail(p, binding.column, "'%s' is built in and cannot be bound (expected a new name before '=')", binding.name);
    } else if (before != NULL) {
        lex_fail(p, binding.column, "'%s' is already bound in column %d (expected a new name before '=')", binding.name, before->column);
    } else if (half->n_bindings == RESIDUAL_BINDINGS) {
        lex_fail(p, binding.column, "too many names (expected at most %d bound in a half)", RESIDUAL_BINDINGS);
    }
    lex_accept(p, '=');
    binding.step = parse_expr(p);
    lex_expect(p, ';', "';' after the value of a name");
    if (!p->failed) {
        half->bindings[half->n_bindings] = binding;
        half->n_bindings++;
    }
}

static void parse_half(Parser *p, RuleHalf *half)
{
    int start = lex_column(p);
    p->half = half;
    while (at_binding(p)) {
        parse_binding(p);
    }
    half->result = parse_expr(p);
    if (lex_peek(p) != '\0' && *p->at != '|') {
        lex_expect(p, '\0', "an operator, '|' or the end");
    }
    for (int i = 0; i < half->n_bindings; i++) {
        if (!half->bindings[i].used) {
            lex_fail(p, half->bindings[i].column, "'%s' is never used", half->bindings[i].name);
        }
    }
    if (rule_find(half, RULE_F) < 0) {
        lex_fail(p, start, "f is missing (expected exactly one f(x) in each half)");
    } else if (rule_find(half, RULE_H) < 0) {
        lex_fail(p, start, "h is missing (expected it in each half: without it, what the sublayers before computed is lost)");
    }
}

static void parse_rule(Parser *p, ResidualRule *rule)
{
    size_t length = strlen(p->text);
    if (length > RESIDUAL_LENGTH) {
        lex_fail(p, RESIDUAL_LENGTH + 1, "a rule of %zu characters (expected at most %d)", length, RESIDUAL_LENGTH);
    } else if (lex_peek(p) == '\0') {
        lex_fail(p, 1, "an empty rule (expected a rule such as h + f(norm(h)), or the name of one)");
    }
    rule->n_halves = 1;
    parse_half(p, &rule->halves[0]);
    rule->bar = lex_column(p);
    if (lex_accept(p, '|')) {
        rule->n_halves = 2;
        parse_half(p, &rule->halves[1]);
    }
    if (lex_peek(p) == '|') {
        lex_fail(p, lex_column(p), "a second '|' (expected at most two halves, attention | feed-forward)");
    }
    rule->text = p->failed ? NULL : rule_print(rule);
    length = p->failed ? 0 : strlen(rule->text);
    if (length > RESIDUAL_LENGTH) {
        lex_fail(p, RESIDUAL_LENGTH + 1, "a rule of %zu characters in normal form (expected at most %d)", length, RESIDUAL_LENGTH);
    }
}

ResidualRule *rule_parse(const char *text, Error *error)
{
    REQUIRE(text, error);
    ResidualRule *rule = memory_allocate_zeroed(1, sizeof *rule, "a residual rule");
    Parser parser = {.text = text, .at = text, .error = error};
    parse_rule(&parser, rule);
    if (parser.failed) {
        rule_free(rule);
        return NULL;
    }
    return rule;
}

void rule_free(ResidualRule *rule)
{
    if (rule == NULL) {
        return;
    }
    free(rule->halves[0].steps);
    free(rule->halves[1].steps);
    free(rule->text);
    free(rule);
}
