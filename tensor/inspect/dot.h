// dot.h: what dot.c (modules, boxes, the whole drawing), dot_arrows.c (arrows) and dot_quote.c (texts) share.

#ifndef GPTAPE_DOT_H
#define GPTAPE_DOT_H

#include "tensor/inspect/inspect.h"

#define SHORTCUT_COLOR "#d9480f"
#define EDGE_COLOR "#495057"
#define FRAME_COLOR "#adb5bd"

// A module that computed something, and the module that contains it.
typedef struct Scope {
    const char *name;
    int parent;  // in the list; -1: in none
    int n_nodes; // its own
    int n_children;
} Scope;

typedef struct Drawing {
    const Tape *tape;
    const char *module; // only this one and what is in it; "": everything
    DotStyle style;
    FILE *out;
    Scope *scopes;
    int n_scopes;
    double least, most; // of the gradients on the arrows; 0: there are none
    bool shortcuts;     // is there any?
} Drawing;

bool dot_lies_in(const char *scope, const char *module); // is scope module itself, or in it?
// Is the node in the module that is drawn?
bool dot_is_drawn(const Drawing *drawing, const TapeNode *node);

// Untrusted text between the quotes of a label, which Graphviz then shows unchanged; hidden characters as escapes (utf8_show).
void dot_quote(FILE *out, const char *text);

void dot_measure_arrows(Drawing *drawing); // finds least, most and shortcuts
void dot_write_arrows(const Drawing *drawing);

#endif
