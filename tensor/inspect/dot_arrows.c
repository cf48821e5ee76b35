// dot_arrows.c: the arrows of a drawing, and how large the gradients are that came back along them.

#include "tensor/op.h"

#include "tensor/inspect/dot.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool dot_lies_in(const char *scope, const char *module)
{
    size_t length = strlen(module);
    return length == 0 || (strncmp(scope, module, length) == 0 && (scope[length] == '\0' || scope[length] == '.'));
}

bool dot_is_drawn(const Drawing *drawing, const TapeNode *node)
{
    return dot_lies_in(node->scope == NULL ? "" : node->scope, drawing->module);
}

#define NO_GRAD_COLOR "#adb5bd"

// ------------------------------------------------------------------------------------------------------------
// Gradients

// An addition without repetition passes its gradient on unchanged.
static bool passes_on(const TapeNode *node)
{
    return node->op == &op_add && shape_equal(node->inputs[0]->shape, node->inputs[1]->shape) && node->output->grad != NULL;
}

// How often x is used in another way, so that the part of each use is unknown.
static int other_uses(const Tape *tape, const Tensor *x)
{
    int uses = 0;
    for (int i = 0; i < tape->n_nodes; i++) {
        for (int k = 0; k < tape->nodes[i]->n_inputs; k++) {
            uses += tape->nodes[i]->inputs[k] == x && !passes_on(tape->nodes[i]) ? 1 : 0;
        }
    }
    return uses;
}

// L2 norm of x's gradient without the part that came through additions.
static double rest_of_gradient(const Tape *tape, const Tensor *x)
{
    size_t n = tensor_count(x);
    double *rest = memory_allocate(n * sizeof *rest, "a drawing");
    for (size_t j = 0; j < n; j++) {
        rest[j] = (double)x->grad[j];
    }
    for (int i = 0; i < tape->n_nodes; i++) {
        const TapeNode *node = tape->nodes[i];
        for (int k = 0; k < node->n_inputs && passes_on(node); k++) {
            for (size_t j = 0; j < n && node->inputs[k] == x; j++) {
                rest[j] -= (double)node->output->grad[j];
            }
        }
    }
    double sum = 0;
    for (size_t j = 0; j < n; j++) {
        sum += rest[j] * rest[j];
    }
    free(rest);
    return sqrt(sum);
}

// The size of the gradient that came back from node to its input: exact if the tape still has it, otherwise that of the input's whole
// gradient. 0 if it has none.
static double gradient_on(const Tape *tape, const TapeNode *node, const Tensor *x)
{
    if (x->grad == NULL || !x->requires_grad) {
        return 0;
    }
    if (passes_on(node)) {
        return values_l2(node->output->grad, tensor_count(x));
    }
    return other_uses(tape, x) == 1 ? rest_of_gradient(tape, x) : values_l2(x->grad, tensor_count(x));
}

void dot_measure_arrows(Drawing *drawing)
{
    for (int i = 0; i < drawing->tape->n_nodes; i++) {
        const TapeNode *node = drawing->tape->nodes[i];
        for (int k = 0; k < node->n_inputs && dot_is_drawn(drawing, node); k++) {
            drawing->shortcuts = drawing->shortcuts || tape_is_shortcut(node, k);
            double size = node->inputs[k]->tape == NULL ? 0 : gradient_on(drawing->tape, node, node->inputs[k]);
            if (size > 0 && isfinite(size)) {
                drawing->most = fmax(drawing->most, size);
                drawing->least = drawing->least == 0 ? size : fmin(drawing->least, size);
            }
        }
    }
}

// From THIN for the smallest to THICK for the largest, at least two powers of ten apart, so that equal ones look alike.
static double width_of(const Drawing *drawing, double size)
{
    const double THIN = 0.8;
    const double THICK = 6;
    if (size <= 0 || !isfinite(size)) {
        return THIN;
    }
    double least = fmin(drawing->least, drawing->most / 100);
    return THIN + (THICK - THIN) * log(size / least) / log(drawing->most / least);
}

// ------------------------------------------------------------------------------------------------------------
// Arrows

// "mid (1, 5, 32)", and below it the gradient; a little to the right, because dot lets labels begin in the middle of the arrow.
static void write_edge_label(const Drawing *drawing, const Tensor *x, bool named, double size)
{
    static const char *const INDENT = "\xc2\xa0\xc2\xa0\xc2\xa0"; // no-break spaces
    fprintf(drawing->out, "label=\"%s", INDENT);
    if (named && x->label != NULL) {
        dot_quote(drawing->out, x->label);
        fprintf(drawing->out, " ");
    }
    fprintf(drawing->out, "%s\\l", SHAPE_STRING(x->shape));
    if (size > 0) {
        number_print(drawing->out, "%s%.3g\\l", INDENT, size);
    }
    fprintf(drawing->out, drawing->style.left_to_right ? "\\l\"" : "\""); // lifts the text off an arrow from the left
}

// The first node of the drawing that uses x, and as which of its inputs; NULL if none does.
static const TapeNode *first_use(const Drawing *drawing, const Tensor *x, int *input)
{
    for (int i = 0; i < drawing->tape->n_nodes; i++) {
        const TapeNode *node = drawing->tape->nodes[i];
        for (int k = 0; k < node->n_inputs && dot_is_drawn(drawing, node); k++) {
            if (node->inputs[k] == x) {
                *input = k;
                return node;
            }
        }
    }
    return NULL;
}

// What an ellipse is called: by the tensor's name, else by the operation outside the drawing that made it.
static void write_ellipse(const Drawing *drawing, const char *name, const Tensor *x)
{
    const char *maker = x->node == NULL ? "leaf" : x->node->op->name;
    fprintf(drawing->out, "%s [shape=ellipse, fillcolor=white, label=\"", name);
    dot_quote(drawing->out, x->label == NULL ? maker : x->label);
    fprintf(drawing->out, "\"]\n");
}

static void write_edge(const Drawing *drawing, const TapeNode *node, int i)
{
    const Tensor *x = node->inputs[i];
    bool from_node = x->node != NULL && dot_is_drawn(drawing, x->node);
    bool shortcut = tape_is_shortcut(node, i);
    double size = gradient_on(drawing->tape, node, x);
    char from[32];
    if (from_node) {
        snprintf(from, sizeof from, "n%d", x->node->index);
    } else { // from outside: an ellipse, named after its first use, input 0 of node 3: in_3_0
        int input;
        const TapeNode *user = first_use(drawing, x, &input);
        snprintf(from, sizeof from, "in_%d_%d", user->index, input);
        if (user == node && input == i) {
            write_ellipse(drawing, from, x);
        }
    }
    const char *color = shortcut ? SHORTCUT_COLOR : x->requires_grad ? EDGE_COLOR : NO_GRAD_COLOR;
    number_print(drawing->out, "%s -> n%d [color=\"%s\", penwidth=%.2f, ", from, node->index, color, width_of(drawing, size));
    if (shortcut) {
        fprintf(drawing->out, "fontcolor=\"%s\", style=dashed, weight=0, ", SHORTCUT_COLOR);
    }
    write_edge_label(drawing, x, from_node && !shortcut, size);
    fprintf(drawing->out, "]\n");
}

// A tensor that leaves the drawing ends in an ellipse, too; a scalar's value is in its box.
static void write_exit(const Drawing *drawing, const TapeNode *node)
{
    const Tensor *y = node->output;
    int input;
    if (first_use(drawing, y, &input) != NULL || y->shape.ndim == 0) {
        return;
    }
    char name[32];
    double size = y->grad == NULL ? 0 : values_l2(y->grad, tensor_count(y));
    const char *color = y->requires_grad ? EDGE_COLOR : NO_GRAD_COLOR;
    snprintf(name, sizeof name, "out_%d", node->index);
    write_ellipse(drawing, name, y);
    number_print(drawing->out, "n%d -> %s [color=\"%s\", penwidth=%.2f, ", node->index, name, color, width_of(drawing, size));
    write_edge_label(drawing, y, false, size);
    fprintf(drawing->out, "]\n");
}

// Operations that read integers, which are not tensors of the tape: their names.
static void write_integers(const Drawing *drawing, const TapeNode *node)
{
    const char *name = node->op == &op_embedding ? "token ids" : node->op == &op_cross_entropy ? "targets" : NULL;
    if (name != NULL) {
        fprintf(drawing->out, "ids_%d [shape=ellipse, fillcolor=white, label=\"%s\"]\n", node->index, name);
        fprintf(drawing->out, "ids_%d -> n%d [color=\"%s\"]\n", node->index, node->index, NO_GRAD_COLOR);
    }
}

void dot_write_arrows(const Drawing *drawing)
{
    for (int i = 0; i < drawing->tape->n_nodes; i++) {
        const TapeNode *node = drawing->tape->nodes[i];
        for (int k = 0; k < node->n_inputs && dot_is_drawn(drawing, node); k++) {
            if (node->inputs[k]->tape != NULL) {
                write_edge(drawing, node, k);
            }
        }
        if (dot_is_drawn(drawing, node)) {
            write_integers(drawing, node);
            write_exit(drawing, node);
        }
    }
}
