// dot.c: the tape as a drawing, in the language of Graphviz (dot).
//
// A node of the tape is a box, a tensor is an arrow from the node that made it to one that uses it, and a module is a frame
// around its nodes. Parameters are written into the box that uses them. After backward, if gradients are still stored,
// the width of an arrow is the size of the gradient that came back along it, on a logarithmic scale.

#include "tensor/op.h"
#include "tensor/unwind.h"

#include "tensor/inspect/dot.h"

#include <stdio.h>
#include <string.h>

static const char *scope_of(const TapeNode *node)
{
    return node->scope == NULL ? "" : node->scope;
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

// The innermost module that contains it.
static int find_parent(const Drawing *drawing, const char *name)
{
    int parent = -1;
    size_t longest = 0;
    for (int s = 0; s < drawing->n_scopes; s++) {
        const char *other = drawing->scopes[s].name;
        size_t length = strlen(other);
        if (strcmp(other, name) != 0 && length > longest && dot_lies_in(name, other)) {
            parent = s;
            longest = length;
        }
    }
    return parent;
}

static void find_scopes(Drawing *drawing)
{
    drawing->scopes = unwind_allocate((size_t)drawing->tape->n_nodes, sizeof(Scope), "a drawing");
    for (int i = 0; i < drawing->tape->n_nodes; i++) {
        const TapeNode *node = drawing->tape->nodes[i];
        if (!dot_is_drawn(drawing, node) || scope_of(node)[0] == '\0') {
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

// One node alone needs no frame: its box shows the module's name.
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
// Boxes

static const char *const GROUP_COLORS[OP_GROUP_COUNT] = {
    [OP_GROUP_OTHER] = "#f1f3f5", [OP_GROUP_PRODUCT] = "#d0ebff",    [OP_GROUP_ATTENTION] = "#e5dbff",
    [OP_GROUP_NORM] = "#d3f9d8",  [OP_GROUP_ACTIVATION] = "#fff3bf", [OP_GROUP_LOSS] = "#ffc9c9",
};

static void write_line(FILE *out, const char *text)
{
    fprintf(out, "\\n");
    dot_quote(out, text);
}

// "weight (96, 32) 0.347", the last the size of its gradient
static void write_parameter(FILE *out, const Tensor *parameter)
{
    char text[NAME_TEXT + SHAPE_TEXT];
    const char *label = parameter->label == NULL ? "" : parameter->label;
    int used = snprintf(text, sizeof text, "%s %s", label, SHAPE_STRING(parameter->shape));
    if (parameter->grad != NULL) {
        double size = values_l2(parameter->grad, tensor_count(parameter));
        number_format(text + used, sizeof text - (size_t)used, "  %.3g", size);
    }
    write_line(out, text);
}

static bool is_shortcut(const TapeNode *node)
{
    for (int i = 0; i < node->n_inputs; i++) {
        if (tape_is_shortcut(node, i)) {
            return true;
        }
    }
    return false;
}

static void write_node(const Drawing *drawing, const TapeNode *node)
{
    FILE *out = drawing->out;
    if (node->op == &op_add) {
        const char *color = is_shortcut(node) ? SHORTCUT_COLOR : EDGE_COLOR;
        fprintf(out, "n%d [label=\"+\", shape=circle, width=0.36, fixedsize=true, fontsize=16, fillcolor=white, color=\"%s\"]\n", node->index,
                color);
        return;
    }
    int s = find_scope(drawing, scope_of(node));
    fprintf(out, "n%d [fillcolor=\"%s\", label=\"%s", node->index, GROUP_COLORS[node->op->group], node->op->name);
    if (s >= 0 && !has_frame(drawing, s)) {
        write_line(out, name_in_parent(drawing, s));
    }
    for (int i = 0; i < node->n_inputs; i++) {
        if (node->inputs[i]->tape == NULL) {
            write_parameter(out, node->inputs[i]);
        }
    }
    if (node->output->shape.ndim == 0) {
        char value[32];
        number_format(value, sizeof value, "%.6g", (double)node->output->data[0]);
        write_line(out, value);
    }
    fprintf(out, "\"]\n");
}

// The nodes of one module, then those inside it: of a module without a frame, its only node.
static void write_scope(const Drawing *drawing, int s)
{
    bool frame = has_frame(drawing, s);
    if (frame) {
        fprintf(drawing->out, "subgraph cluster_%d {\nlabel=\"", s);
        dot_quote(drawing->out, name_in_parent(drawing, s));
        fprintf(drawing->out, "\"\nlabelloc=t\ncolor=\"%s\"\n", FRAME_COLOR);
    }
    const char *name = s < 0 ? "" : drawing->scopes[s].name;
    for (int i = 0; i < drawing->tape->n_nodes; i++) {
        const TapeNode *node = drawing->tape->nodes[i];
        if (dot_is_drawn(drawing, node) && strcmp(scope_of(node), name) == 0) {
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
// The drawing

// Explains what the drawing shows: gradients, shortcuts. It is below the drawing: the label of an invisible frame around it.
static void write_legend(const Drawing *drawing)
{
    bool gradients = drawing->most > 0;
    if (!gradients && !drawing->shortcuts) {
        return;
    }
    fprintf(drawing->out, "labelloc=b\nlabel=\"");
    if (gradients) {
        fprintf(drawing->out, "Numbers and arrow widths: L2 norms of the gradients that came back.\\l");
    }
    if (drawing->shortcuts) {
        fprintf(drawing->out, "Dashed, orange: shortcuts.\\l");
    }
    fprintf(drawing->out, "\"\n");
}

enum { SLIDE_NODES = 16 }; // up to this many are scaled to fit a slide; the text of more would be too small

static void write_head(const Drawing *drawing, int n_drawn)
{
    FILE *out = drawing->out;
    fprintf(out,
            "digraph tape {\n"
            "graph [rankdir=%s, nodesep=0.35, ranksep=0.25, fontname=\"DejaVu Sans\", fontsize=11, labeljust=l, style=rounded, "
            "color=\"" FRAME_COLOR "\", fontcolor=\"#495057\", bgcolor=white, dpi=144, pad=0.3]\n"
            "node [shape=box, style=\"rounded,filled\", color=\"#868e96\", fontname=\"DejaVu Sans\", fontsize=11, margin=\"0.12,0.08\", "
            "height=0.3]\n"
            "edge [fontname=\"DejaVu Sans\", fontsize=10, fontcolor=\"#495057\", arrowsize=0.6]\n",
            drawing->style.left_to_right ? "LR" : "TB");
    if (n_drawn <= SLIDE_NODES) {
        fprintf(out, "size=\"13.33,7.5\"\n");
    }
    if (drawing->style.title != NULL) {
        fprintf(out, "labelloc=t\nfontsize=18\nfontcolor=black\nlabel=\"");
        dot_quote(out, drawing->style.title);
        fprintf(out, "\"\n");
    }
    fprintf(out, "subgraph cluster_all {\ncolor=white\nfontsize=11\nfontcolor=\"#495057\"\n");
    write_legend(drawing);
}

int tape_write_dot(const Tape *tape, const DotStyle *style, FILE *file)
{
    REQUIRE(tape);
    Drawing drawing = {.tape = tape, .style = style == NULL ? (DotStyle){0} : *style, .out = file};
    drawing.module = drawing.style.module == NULL ? "" : drawing.style.module;
    int n_drawn = 0;
    for (int i = 0; i < tape->n_nodes; i++) {
        n_drawn += dot_is_drawn(&drawing, tape->nodes[i]) ? 1 : 0;
    }
    if (file == NULL) {
        return n_drawn;
    }
    int frame = unwind_begin();
    find_scopes(&drawing);
    dot_measure_arrows(&drawing);
    write_head(&drawing, n_drawn);
    write_scope(&drawing, -1);
    dot_write_arrows(&drawing);
    fprintf(file, "}\n}\n");
    unwind_end(frame);
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
