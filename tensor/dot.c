// dot.c: the tape as a drawing, in the language of Graphviz (dot).
//
// A node of the tape is a box, a tensor is an arrow from the node that made it to one that uses it, and a module is a frame
// around its nodes. Parameters are written into the box that uses them. Where backward has been and gradients are still there,
// the width of an arrow is the size of the gradient that came back along it, on a logarithmic scale.

#include "tensor/op.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHORTCUT_COLOUR "#d9480f"
#define EDGE_COLOUR "#495057"
#define NO_GRAD_COLOUR "#adb5bd"

// A module that computed something, and which other it lies in.
typedef struct Scope {
    const char *name;
    int parent;                                    // in the list; -1: in none
    int n_nodes;                                   // its own
    int n_children;
} Scope;

typedef struct Drawing {
    const Tape *tape;
    const char *module;                            // only this one and what is in it; "": everything
    FILE *out;
    Scope *scopes;
    int n_scopes;
    double least, most;                            // of the gradients on the arrows; 0: there are none
} Drawing;

static const char *scope_of(const TapeNode *node)
{
    return node->scope == NULL ? "" : node->scope;
}

// Is scope module itself, or in it?
static bool lies_in(const char *scope, const char *module)
{
    size_t length = strlen(module);
    return length == 0 || (strncmp(scope, module, length) == 0 && (scope[length] == '\0' || scope[length] == '.'));
}

static bool is_drawn(const Drawing *drawing, const TapeNode *node)
{
    return lies_in(scope_of(node), drawing->module);
}

// ------------------------------------------------------------------------------------------------------------
// Modules

static int find_scope(const Drawing *drawing, const char *name)
{
    for (int s = 0; s < drawing->n_scopes; s++) {
        if (strcmp(drawing->scopes[s].name, name) == 0) {
            return s;
        }
    }
    return -1;
}

// The innermost of the others that it lies in.
static int find_parent(const Drawing *drawing, const char *name)
{
    int parent = -1;
    size_t longest = 0;
    for (int s = 0; s < drawing->n_scopes; s++) {
        const char *other = drawing->scopes[s].name;
        size_t length = strlen(other);
        if (strcmp(other, name) != 0 && length > longest && lies_in(name, other)) {
            parent = s;
            longest = length;
        }
    }
    return parent;
}

static void find_scopes(Drawing *drawing)
{
    drawing->scopes = memory_allocate_zeroed((size_t)drawing->tape->n_nodes + 1, sizeof(Scope), "a drawing");
    for (int i = 0; i < drawing->tape->n_nodes; i++) {
        const TapeNode *node = drawing->tape->nodes[i];
        if (!is_drawn(drawing, node) || scope_of(node)[0] == '\0') {
            continue;
        }
        int s = find_scope(drawing, node->scope);
        if (s < 0) {
            s = drawing->n_scopes;
            drawing->scopes[s].name = node->scope;
            drawing->n_scopes++;
        }
        drawing->scopes[s].n_nodes++;
    }
    for (int s = 0; s < drawing->n_scopes; s++) {
        int parent = find_parent(drawing, drawing->scopes[s].name);
        drawing->scopes[s].parent = parent;
        if (parent >= 0) {
            drawing->scopes[parent].n_children++;
        }
    }
}

// One node alone needs no frame: its box bears the module's name.
static bool has_frame(const Drawing *drawing, int s)
{
    return s >= 0 && drawing->scopes[s].n_nodes + drawing->scopes[s].n_children > 1;
}

// "c_attn" of h.0.attn.c_attn where h.0.attn is drawn around it.
static const char *name_in_parent(const Drawing *drawing, int s)
{
    const Scope *scope = &drawing->scopes[s];
    return scope->parent < 0 ? scope->name : scope->name + strlen(drawing->scopes[scope->parent].name) + 1;
}

// ------------------------------------------------------------------------------------------------------------
// Gradients on arrows

// An addition without repetition hands its gradient on unchanged.
static bool hands_on(const TapeNode *node)
{
    return node->op == OP_ADD && shape_equal(node->inputs[0]->shape, node->inputs[1]->shape) && node->output->grad != NULL;
}

// How often x is used in another way, which leaves open how much came back by each.
static int other_uses(const Tape *tape, const Tensor *x)
{
    int uses = 0;
    for (int i = 0; i < tape->n_nodes; i++) {
        for (int k = 0; k < tape->nodes[i]->n_inputs; k++) {
            uses += tape->nodes[i]->inputs[k] == x && !hands_on(tape->nodes[i]) ? 1 : 0;
        }
    }
    return uses;
}

// L2 norm of what is left of x's gradient without that which came through additions.
static double rest_of_gradient(const Tape *tape, const Tensor *x)
{
    size_t n = tensor_count(x);
    double *rest = memory_allocate(n * sizeof *rest, "a drawing");
    for (size_t j = 0; j < n; j++) {
        rest[j] = (double)x->grad[j];
    }
    for (int i = 0; i < tape->n_nodes; i++) {
        const TapeNode *node = tape->nodes[i];
        for (int k = 0; k < node->n_inputs && hands_on(node); k++) {
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

// The size of the gradient that came back from node to its input: exactly, where the tape tells; else of all that came to the
// input. 0 if none is there.
static double gradient_on(const Tape *tape, const TapeNode *node, const Tensor *x)
{
    if (x->grad == NULL || !x->requires_grad) {
        return 0;
    }
    if (hands_on(node)) {
        return values_l2(node->output->grad, tensor_count(x));
    }
    return other_uses(tape, x) == 1 ? rest_of_gradient(tape, x) : values_l2(x->grad, tensor_count(x));
}

static void find_range(Drawing *drawing)
{
    for (int i = 0; i < drawing->tape->n_nodes; i++) {
        const TapeNode *node = drawing->tape->nodes[i];
        for (int k = 0; k < node->n_inputs && is_drawn(drawing, node); k++) {
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
// Boxes

static void write_escaped(FILE *out, const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        switch (*c) {
        case '&':
            fputs("&amp;", out);
            break;
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        default:
            fputc(*c, out);
        }
    }
}

// Products, normalisation, nonlinearities, losses, and what only moves values each have a colour.
static const char *colour_of(OpKind op)
{
    switch (op) {
    case OP_MATMUL:
    case OP_LINEAR:
    case OP_EMBEDDING:
        return "#d0ebff";
    case OP_ATTENTION:
    case OP_SOFTMAX:
    case OP_CAUSAL_MASK:
        return "#e5dbff";
    case OP_LAYERNORM:
        return "#d3f9d8";
    case OP_RELU:
    case OP_GELU:
    case OP_GELU_ERF:
    case OP_TANH:
    case OP_SIGMOID:
        return "#fff3bf";
    case OP_MSE_LOSS:
    case OP_CROSS_ENTROPY:
        return "#ffc9c9";
    default:
        return "#f1f3f5";
    }
}

static void write_small(FILE *out, const char *text)
{
    fprintf(out, "<br/><font point-size=\"9\">");
    write_escaped(out, text);
    fprintf(out, "</font>");
}

// "weight (96, 32) 0.347", the last the size of its gradient
static void write_parameter(FILE *out, const Tensor *parameter)
{
    char text[NAME_TEXT + SHAPE_TEXT];
    char shape[SHAPE_TEXT];
    const char *label = parameter->label == NULL ? "" : parameter->label;
    int used = snprintf(text, sizeof text, "%s %s", label, shape_text(parameter->shape, shape));
    if (parameter->grad != NULL) {
        double size = values_l2(parameter->grad, tensor_count(parameter));
        snprintf(text + used, sizeof text - (size_t)used, "  %.3g", size);
    }
    write_small(out, text);
}

static void write_node(const Drawing *drawing, const TapeNode *node)
{
    FILE *out = drawing->out;
    if (node->op == OP_ADD) {
        const char *colour = tape_shortcut_input(node) >= 0 ? SHORTCUT_COLOUR : EDGE_COLOUR;
        fprintf(out, "n%d [label=\"+\", shape=circle, width=0.36, fixedsize=true, fontsize=16, fillcolor=white, color=\"%s\"]\n",
                node->index, colour);
        return;
    }
    int s = find_scope(drawing, scope_of(node));
    fprintf(out, "n%d [fillcolor=\"%s\", label=<%s", node->index, colour_of(node->op), op_name(node->op));
    if (s >= 0 && !has_frame(drawing, s)) {
        write_small(out, name_in_parent(drawing, s));
    }
    for (int i = 0; i < node->n_inputs; i++) {
        if (node->inputs[i]->tape == NULL) {
            write_parameter(out, node->inputs[i]);
        }
    }
    if (node->output->shape.ndim == 0) {
        char value[32];
        snprintf(value, sizeof value, "%.6g", (double)node->output->data[0]);
        write_small(out, value);
    }
    fprintf(out, ">]\n");
}

// The nodes of one module, then those inside it: of a module without a frame, its only node.
static void write_scope(const Drawing *drawing, int s)
{
    bool frame = has_frame(drawing, s);
    if (frame) {
        fprintf(drawing->out, "subgraph cluster_%d {\nlabel=<", s);
        write_escaped(drawing->out, name_in_parent(drawing, s));
        fprintf(drawing->out, ">\n");
    }
    const char *name = s < 0 ? "" : drawing->scopes[s].name;
    for (int i = 0; i < drawing->tape->n_nodes; i++) {
        const TapeNode *node = drawing->tape->nodes[i];
        if (is_drawn(drawing, node) && strcmp(scope_of(node), name) == 0) {
            write_node(drawing, node);
        }
    }
    for (int child = 0; child < drawing->n_scopes; child++) {
        if (drawing->scopes[child].parent == s) {
            write_scope(drawing, child);
        }
    }
    if (frame) {
        fprintf(drawing->out, "}\n");
    }
}

// ------------------------------------------------------------------------------------------------------------
// Arrows

// "mid (1, 5, 32)", and below it the gradient; a little to the right, because dot lets labels begin in the middle of the arrow.
static void write_edge_label(const Drawing *drawing, const Tensor *x, bool named, double size)
{
    static const char *const INDENT = "&#160;&#160;&#160;";
    char shape[SHAPE_TEXT];
    fprintf(drawing->out, "label=<%s", INDENT);
    if (named && x->label != NULL) {
        fprintf(drawing->out, "<b>");
        write_escaped(drawing->out, x->label);
        fprintf(drawing->out, "</b> ");
    }
    fprintf(drawing->out, "%s<br align=\"left\"/>", shape_text(x->shape, shape));
    if (size > 0) {
        fprintf(drawing->out, "%s%.3g<br align=\"left\"/>", INDENT, size);
    }
    fprintf(drawing->out, ">");
}

// A tensor from outside the drawing gets an ellipse, named after its first use: in_3_0 is input 0 of node 3.
static void name_source(const Drawing *drawing, const Tensor *x, char name[32])
{
    for (int i = 0; i < drawing->tape->n_nodes; i++) {
        const TapeNode *node = drawing->tape->nodes[i];
        for (int k = 0; k < node->n_inputs && is_drawn(drawing, node); k++) {
            if (node->inputs[k] == x) {
                snprintf(name, 32, "in_%d_%d", i, k);
                return;
            }
        }
    }
}

// What an ellipse is called: by the tensor's name, else by the operation outside the drawing that made it.
static void write_ellipse(const Drawing *drawing, const char *name, const Tensor *x)
{
    const char *maker = x->node == NULL ? "leaf" : op_name(x->node->op);
    fprintf(drawing->out, "%s [shape=ellipse, fillcolor=white, label=<", name);
    write_escaped(drawing->out, x->label == NULL ? maker : x->label);
    fprintf(drawing->out, ">]\n");
}

static void write_edge(const Drawing *drawing, const TapeNode *node, int i)
{
    const Tensor *x = node->inputs[i];
    bool from_node = x->node != NULL && is_drawn(drawing, x->node);
    bool shortcut = tape_shortcut_input(node) == i;
    double size = gradient_on(drawing->tape, node, x);
    char from[32];
    char own[32];
    snprintf(from, sizeof from, "n%d", from_node ? x->node->index : 0);
    snprintf(own, sizeof own, "in_%d_%d", node->index, i);
    if (!from_node) {
        name_source(drawing, x, from);
    }
    if (!from_node && strcmp(from, own) == 0) {
        write_ellipse(drawing, from, x);
    }
    const char *colour = shortcut ? SHORTCUT_COLOUR : x->requires_grad ? EDGE_COLOUR : NO_GRAD_COLOUR;
    fprintf(drawing->out, "%s -> n%d [color=\"%s\", penwidth=%.2f, ", from, node->index, colour, width_of(drawing, size));
    if (shortcut) {
        fprintf(drawing->out, "fontcolor=\"%s\", weight=0, ", SHORTCUT_COLOUR);
    }
    write_edge_label(drawing, x, from_node && !shortcut, size);
    fprintf(drawing->out, "]\n");
}

// Is the tensor used by a node of the drawing?
static bool is_used(const Drawing *drawing, const Tensor *x)
{
    for (int i = 0; i < drawing->tape->n_nodes; i++) {
        const TapeNode *node = drawing->tape->nodes[i];
        for (int k = 0; k < node->n_inputs && is_drawn(drawing, node); k++) {
            if (node->inputs[k] == x) {
                return true;
            }
        }
    }
    return false;
}

// What goes out of the drawing ends in an ellipse, too; a scalar's value stands in its box.
static void write_exit(const Drawing *drawing, const TapeNode *node)
{
    const Tensor *y = node->output;
    if (is_used(drawing, y) || y->shape.ndim == 0) {
        return;
    }
    char name[32];
    double size = y->grad == NULL ? 0 : values_l2(y->grad, tensor_count(y));
    const char *colour = y->requires_grad ? EDGE_COLOUR : NO_GRAD_COLOUR;
    snprintf(name, sizeof name, "out_%d", node->index);
    write_ellipse(drawing, name, y);
    fprintf(drawing->out, "n%d -> %s [color=\"%s\", penwidth=%.2f, ", node->index, name, colour, width_of(drawing, size));
    write_edge_label(drawing, y, false, size);
    fprintf(drawing->out, "]\n");
}

static void write_edges(const Drawing *drawing)
{
    for (int i = 0; i < drawing->tape->n_nodes; i++) {
        const TapeNode *node = drawing->tape->nodes[i];
        for (int k = 0; k < node->n_inputs && is_drawn(drawing, node); k++) {
            if (node->inputs[k]->tape != NULL) {
                write_edge(drawing, node, k);
            }
        }
        if (is_drawn(drawing, node)) {
            write_exit(drawing, node);
        }
    }
}

// ------------------------------------------------------------------------------------------------------------
// The drawing

static void write_head(const Drawing *drawing)
{
    FILE *out = drawing->out;
    fprintf(out, "digraph tape {\n"
                 "graph [rankdir=TB, nodesep=0.35, ranksep=0.4, fontname=\"Helvetica\", fontsize=11, labeljust=l, style=rounded, "
                 "color=\"#adb5bd\", fontcolor=\"#495057\", bgcolor=white]\n"
                 "node [shape=box, style=\"rounded,filled\", color=\"#868e96\", fontname=\"Helvetica\", fontsize=12, margin=\"0.12,0.05\", "
                 "height=0.3]\n"
                 "edge [fontname=\"Helvetica\", fontsize=9, fontcolor=\"#495057\", arrowsize=0.6]\n");
    if (drawing->most > 0) {
        fprintf(out, "label=<Numbers, and the widths of the arrows: L2 norms of the gradients that came back.<br align=\"left\"/>"
                     "<font color=\"%s\">Shortcuts</font><br align=\"left\"/>>\n", SHORTCUT_COLOUR);
    }
}

int tape_write_dot(const Tape *tape, const char *module, FILE *file)
{
    Drawing drawing = {.tape = tape, .module = module == NULL ? "" : module, .out = file};
    int n_drawn = 0;
    for (int i = 0; i < tape->n_nodes; i++) {
        n_drawn += is_drawn(&drawing, tape->nodes[i]) ? 1 : 0;
    }
    if (file == NULL) {
        return n_drawn;
    }
    find_scopes(&drawing);
    find_range(&drawing);
    write_head(&drawing);
    write_scope(&drawing, -1);
    write_edges(&drawing);
    fprintf(file, "}\n");
    free(drawing.scopes);
    return n_drawn;
}

void tape_dot(const Tape *tape)
{
    if (tape == NULL) {
        printf("<no tape>\n");
    } else {
        tape_write_dot(tape, NULL, stdout);
    }
    fflush(stdout);
}
