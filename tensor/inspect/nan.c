// nan.c: the watch that stops at the first operation whose result, or whose gradient, is not a finite number.
//
// NaN spreads: an hour after a division by 0 every weight is NaN, and none of them says why. The watch looks at each
// result as it is made, so that the report names the operation that was first, on the line where it was called.
//
// What counts: any NaN; any infinity; but not -inf in a score that is masked. So -inf passes as the result of causal_mask,
// and of any operation one of whose inputs holds -inf already, because a mask may also be added to scores.

#include "tensor/op.h"

#include "tensor/inspect/inspect.h"

#include <math.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { UNASKED, OFF, ON };
static atomic_int state; // UNASKED until the environment has been read

void nan_watch(bool on)
{
    state = on ? ON : OFF;
}

bool nan_watched(void)
{
    if (state == UNASKED) {
        const char *setting = getenv("GPTAPE_NAN");
        bool given = setting != NULL && setting[0] != '\0';
        nan_watch(given && strcmp(setting, "stop") == 0);
        if (given && state == OFF) {
            fprintf(stderr, "gptape: GPTAPE_NAN=%s: unknown (expected stop); not watching for NaN\n", setting);
        }
    }
    return state == ON;
}

// ------------------------------------------------------------------------------------------------------------
// Counting

// Kinds of values that are not finite, the worst first.
typedef enum Kind { IS_NAN, IS_INF, IS_MINUS_INF, KIND_COUNT } Kind;

static const char *const KIND_NAMES[KIND_COUNT] = {"NaN", "inf", "-inf"};

typedef struct Census {
    size_t n;
    size_t count[KIND_COUNT];
    size_t first[KIND_COUNT]; // where the first of each is, if there is one
    double low, high;         // of the finite ones
} Census;

static Census take_census(const Real *values, size_t n)
{
    Census census = {.n = n, .low = INFINITY, .high = -INFINITY};
    for (size_t i = 0; i < n; i++) {
        double value = (double)values[i];
        if (isfinite(value)) {
            census.low = fmin(census.low, value);
            census.high = fmax(census.high, value);
            continue;
        }
        Kind kind = isnan(value) ? IS_NAN : value > 0 ? IS_INF : IS_MINUS_INF;
        if (census.count[kind] == 0) {
            census.first[kind] = i;
        }
        census.count[kind]++;
    }
    return census;
}

// The worst kind there is; KIND_COUNT if all are finite.
static Kind worst(const Census *census)
{
    Kind kind = IS_NAN;
    while (kind < KIND_COUNT && census->count[kind] == 0) {
        kind++;
    }
    return kind;
}

// ------------------------------------------------------------------------------------------------------------
// Words for it

enum { WORDS = 384 };
typedef struct Words {
    char text[WORDS];
} Words;

__attribute__((format(printf, 2, 3))) static void write_words(Words *words, const char *format, ...)
{
    size_t used = strlen(words->text);
    FORMAT_ARGUMENTS(words->text + used, WORDS - used, format);
}

// "[1, 0]" for value 3 of a (2, 3)
static void write_index(Words *words, Shape shape, size_t i)
{
    size_t inner = shape_count(shape);
    for (int d = 0; d < shape.ndim; d++) {
        inner /= (size_t)shape.size[d];
        write_words(words, "%s%zu", d == 0 ? "[" : ", ", i / inner);
        i %= inner;
    }
    write_words(words, "]");
}

// "2 of 6 values are NaN, first at [1, 0]"
static void write_what(Words *words, const Census *census, Shape shape)
{
    Kind kind = worst(census);
    size_t count = census->count[kind];
    if (shape.ndim == 0) {
        write_words(words, "the value is %s", KIND_NAMES[kind]);
        return;
    }
    write_words(words, "%zu of %zu values %s %s, first at ", count, census->n, count == 1 ? "is" : "are", KIND_NAMES[kind]);
    write_index(words, shape, census->first[kind]);
}

// "; input 0 x (2, 3): finite, -1 to 2"; of the output, which has no number, -1
static void write_tensor(Words *words, const char *role, int number, const Tensor *tensor, const Real *values)
{
    Census census = take_census(values, tensor_count(tensor));
    const char *name = TENSOR_NAME(tensor);
    write_words(words, "; %s", role);
    if (number >= 0) {
        write_words(words, " %d", number);
    }
    write_words(words, "%s%s %s: ", name[0] == '\0' ? "" : " ", name, SHAPE_STRING(tensor->shape));
    if (worst(&census) == KIND_COUNT) {
        write_words(words, "finite, %.3g to %.3g", census.low, census.high);
    } else {
        write_words(words, "%zu NaN, %zu inf, %zu -inf", census.count[IS_NAN], census.count[IS_INF], census.count[IS_MINUS_INF]);
    }
}

// "; in module h.0.attn (nn/attention.c:89)"
static void write_module(Words *words, const char *scope, Where line)
{
    if (scope != NULL && scope[0] != '\0') {
        write_words(words, "; in module %s", scope);
    }
    if (line.file != NULL) {
        write_words(words, " (%s:%d)", line.file, line.line);
    }
}

// ------------------------------------------------------------------------------------------------------------
// Looking, and reporting what is found

// Where the debugger stops for break-nan.
__attribute__((noinline)) static _Noreturn void nan_found(Where where, const Words *words)
{
    fail_mistake(where, "%s", words->text);
}

// Is -inf expected here?
static bool is_masked(const OpCall *call)
{
    bool masked = call->op == &op_causal_mask;
    for (int i = 0; i < call->n_inputs && !masked; i++) {
        Census census = take_census(call->inputs[i]->data, tensor_count(call->inputs[i]));
        masked = census.count[IS_MINUS_INF] > 0;
    }
    return masked;
}

void nan_check_output(const OpCall *call, const Tensor *output)
{
    Census census = take_census(output->data, tensor_count(output));
    Kind kind = worst(&census);
    if (kind == KIND_COUNT || (kind == IS_MINUS_INF && is_masked(call))) {
        return;
    }
    Words words = {""};
    write_words(&words, "%s%s: ", op_prefix(call->op), call->op->name);
    write_what(&words, &census, output->shape);
    for (int i = 0; i < call->n_inputs; i++) {
        write_tensor(&words, "input", i, call->inputs[i], call->inputs[i]->data);
    }
    bool in_module = tape_current()->caller.file != NULL;
    write_module(&words, tape_current()->scope, in_module ? call->where : (Where){0});
    nan_found(tape_user_line(call->where), &words);
}

static void check_gradient(const TapeNode *node, int i)
{
    const Tensor *x = node->inputs[i];
    const Tensor *y = node->output;
    if (x->grad == NULL) {
        return;
    }
    Census census = take_census(x->grad, tensor_count(x));
    if (worst(&census) == KIND_COUNT) {
        return;
    }
    Words words = {""};
    write_words(&words, "%s%s, backward of node %d: gradient of input %d: ", op_prefix(node->op), node->op->name, node->index, i);
    write_what(&words, &census, x->shape);
    write_tensor(&words, "input", i, x, x->data);
    write_tensor(&words, "gradient of the output", -1, y, y->grad);
    write_module(&words, node->scope, node->module_where);
    nan_found(node->where, &words);
}

void nan_check_gradients(const TapeNode *node)
{
    for (int i = 0; i < node->n_inputs; i++) {
        check_gradient(node, i);
    }
}
