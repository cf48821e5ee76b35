// tensor.c: shapes, and the making and naming of tensors.

#define GPTAPE_NO_WHERE_MACROS
#include "tensor/op.h"
#include "tensor/unwind.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

size_t shape_count(Shape shape)
{
    size_t count = 1;
    for (int i = 0; i < shape.ndim; i++) {
        count *= (size_t)shape.size[i];
    }
    return count;
}

bool shape_equal(Shape a, Shape b)
{
    if (a.ndim != b.ndim) {
        return false;
    }
    for (int i = 0; i < a.ndim; i++) {
        if (a.size[i] != b.size[i]) {
            return false;
        }
    }
    return true;
}

int shape_last(Shape shape)
{
    return shape.ndim == 0 ? 1 : shape.size[shape.ndim - 1];
}

const char *shape_text(Shape shape, char text[SHAPE_TEXT])
{
    REQUIRE(text);
    int used = snprintf(text, SHAPE_TEXT, "(");
    for (int i = 0; i < shape.ndim; i++) {
        const char *separator = i == 0 ? "" : ", ";
        used += snprintf(text + used, SHAPE_TEXT - (size_t)used, "%s%d", separator, shape.size[i]);
    }
    snprintf(text + used, SHAPE_TEXT - (size_t)used, ")");
    return text;
}

bool real_holds(double value)
{
    return !isfinite(value) || isfinite((double)(Real)value);
}

// More than any machine has, and far below the overflow of a byte count.
static const double COUNT_LIMIT = 1e15;

bool shape_possible(Shape shape)
{
    double count = 1;
    for (int i = 0; i < shape.ndim && i < MAX_DIMS; i++) {
        count = shape.size[i] < 1 ? 2 * COUNT_LIMIT : count * shape.size[i];
    }
    return shape.ndim >= 0 && shape.ndim <= MAX_DIMS && count <= COUNT_LIMIT;
}

void shape_check(const char *function, Shape shape, Where where)
{
    if (shape_possible(shape)) {
        return;
    }
    if (shape.ndim < 0 || shape.ndim > MAX_DIMS) {
        fail_mistake(where, "%s: %d dimensions; a tensor has at most %d", function, shape.ndim, MAX_DIMS);
    }
    for (int i = 0; i < shape.ndim; i++) {
        if (shape.size[i] < 1) {
            fail_mistake(where, "%s: shape %s: each size is at least 1", function, SHAPE_STRING(shape));
        }
    }
    fail_mistake(where, "%s: shape %s: too many values", function, SHAPE_STRING(shape));
}

// A mistake in a parameter's shape names the parameter, "tensor_parameter: h.0.mlp.c_fc.weight", because the caller is a module.
static void parameter_check(const char *scope, const char *label, Shape shape)
{
    Tensor parameter = {.scope = scope, .label = label, .alive = true};
    char what[NAME_TEXT + 32];
    const char *name = TENSOR_NAME(&parameter);
    snprintf(what, sizeof what, "tensor_parameter%s%s", name[0] == '\0' ? "" : ": ", name);
    shape_check(what, shape, HERE);
}

Tensor *tensor_parameter(const char *scope, const char *label, Shape shape)
{
    parameter_check(scope, label, shape);
    Tensor *parameter = memory_allocate_zeroed(1, sizeof *parameter, "a parameter");
    int frame = unwind_begin();
    unwind_add_on_failure(free, parameter);
    parameter->data = memory_allocate_zeroed(shape_count(shape), sizeof(Real), "a parameter");
    unwind_end(frame);
    parameter->shape = shape;
    parameter->requires_grad = true;
    parameter->retain_grad = true;
    parameter->alive = true;
    parameter->scope = scope;
    parameter->label = label;
    return parameter;
}

void tensor_free(Tensor *parameter)
{
    if (parameter == NULL) {
        return;
    }
    if (parameter->tape != NULL) {
        fail_mistake(parameter->where, "tensor_free: this tensor belongs to its tape; tape_reset takes it back");
    }
    free(parameter->data);
    free(parameter->grad_memory);
    free(parameter->change);
    free(parameter);
}

static Tensor *leaf(const char *function, Shape shape, Where where)
{
    shape_check(function, shape, where);
    Tape *tape = tape_needed(function, where);
    Tensor *tensor = tape_header(tape, shape, where);
    tensor->data = arena_allocate(&tape->arena, shape_count(shape) * sizeof(Real));
    return tensor;
}

Tensor *tensor_full(Shape shape, double value, Where where)
{
    if (!real_holds(value)) {
        fail_mistake(where, "tensor_full: value %g (expected a number within " REAL_NAME ")", value);
    }
    Tensor *tensor = leaf("tensor_full", shape, where);
    size_t n = shape_count(shape);
    for (size_t i = 0; i < n; i++) {
        tensor->data[i] = (Real)value;
    }
    return tensor;
}

Tensor *tensor_from(const Real *values, Shape shape, Where where)
{
    if (values == NULL) {
        fail_mistake(where, "tensor_from: values is NULL");
    }
    Tensor *tensor = leaf("tensor_from", shape, where);
    memcpy(tensor->data, values, shape_count(shape) * sizeof(Real));
    return tensor;
}

// A leaf whose values are about to be drawn.
static Tensor *leaf_from(Random *random, const char *function, Shape shape, Where where)
{
    if (random == NULL) {
        fail_mistake(where, "%s: random is NULL", function);
    }
    return leaf(function, shape, where);
}

Tensor *tensor_rand(Random *random, Shape shape, Where where)
{
    Tensor *tensor = leaf_from(random, "tensor_rand", shape, where);
    random_uniform(random, tensor->data, shape_count(shape), 0.0, 1.0);
    return tensor;
}

Tensor *tensor_randn(Random *random, Shape shape, Where where)
{
    Tensor *tensor = leaf_from(random, "tensor_randn", shape, where);
    random_normal(random, tensor->data, shape_count(shape), 0.0, 1.0);
    return tensor;
}

// Functions that are not operations have no line of the caller's to show; they show where the tensor was made.
static void tensor_check(const char *function, const Tensor *tensor)
{
    if (tensor == NULL) {
        fail_mistake(HERE, "%s: the tensor is NULL", function);
    }
    if (!tensor->alive) {
        fail_mistake(tensor->where, "%s: this tensor is used after its tape was reset", function);
    }
}

Tensor *tensor_require_grad(Tensor *leaf)
{
    tensor_check("tensor_require_grad", leaf);
    if (leaf->node != NULL) {
        fail_mistake(leaf->where, "tensor_require_grad: this tensor is computed, not a leaf; tensor_retain_grad keeps its gradient");
    }
    leaf->requires_grad = true;
    leaf->retain_grad = true;
    return leaf;
}

Tensor *tensor_retain_grad(Tensor *tensor)
{
    tensor_check("tensor_retain_grad", tensor);
    tensor->retain_grad = true;
    return tensor;
}

// ------------------------------------------------------------------------------------------------------------
// Values that change. Changes are numbered through, in all threads, so that one number tells whether a tensor has changed since.

static _Atomic uint64_t changes;

uint64_t tensor_changes(void)
{
    return atomic_load_explicit(&changes, memory_order_relaxed);
}

Tensor *tensor_owner(Tensor *tensor)
{
    return tensor->shares == NULL ? tensor : tensor->shares;
}

void tensor_share(Tensor *tensor, Tensor *with)
{
    tensor->shares = tensor_owner(with);
}

void tensor_changed(Tensor *tensor, Where where)
{
    tensor_check("tensor_changed", tensor);
    Tensor *owner = tensor_owner(tensor);
    if (owner->change == NULL) {
        size_t bytes = sizeof *owner->change;
        owner->change = owner->tape == NULL ? memory_allocate(bytes, "a change") : arena_allocate(&owner->tape->arena, bytes);
    }
    *owner->change = (TensorChange){atomic_fetch_add_explicit(&changes, 1, memory_order_relaxed) + 1, where};
}

bool tensor_changed_since(const Tensor *tensor, uint64_t number)
{
    return tensor->change != NULL && tensor->change->number > number;
}

void tensor_zero_grad(Tensor *tensor)
{
    tensor_check("tensor_zero_grad", tensor);
    if (tensor->tape != NULL && tensor->grad != NULL) {
        arena_release(&tensor->tape->arena, tensor->grad, tensor_count(tensor) * sizeof(Real));
    }
    tensor->grad = NULL; // a parameter keeps its grad_memory
}

Tensor *tensor_label(Tensor *tensor, const char *label)
{
    tensor_check("tensor_label", tensor);
    tensor->scope = tape_needed("tensor_label", tensor->where)->scope;
    tensor->label = label;
    return tensor;
}

size_t tensor_count(const Tensor *tensor)
{
    tensor_check("tensor_count", tensor);
    return shape_count(tensor->shape);
}

Real tensor_item(const Tensor *tensor)
{
    tensor_check("tensor_item", tensor);
    if (tensor_count(tensor) != 1) {
        fail_mistake(tensor->where, "tensor_item: shape %s has more than one value", SHAPE_STRING(tensor->shape));
    }
    return tensor->data[0];
}

// Appends text, but nothing at `last` or beyond. Returns the new end.
static char *append(char *at, const char *last, const char *text)
{
    while (*text != '\0' && at < last) {
        *at = *text;
        at++;
        text++;
    }
    return at;
}

const char *tensor_name(const Tensor *tensor, char text[NAME_TEXT])
{
    REQUIRE(text);
    tensor_check("tensor_name", tensor);
    const char *scope = tensor->scope == NULL ? "" : tensor->scope;
    const char *label = tensor->label == NULL ? "" : tensor->label;
    const char *dot = scope[0] != '\0' && label[0] != '\0' ? "." : "";
    const char *last = text + NAME_TEXT - 1;
    char *end = append(append(append(text, last, scope), last, dot), last, label); // snprintf takes ten times as long
    *end = '\0';
    return text;
}
