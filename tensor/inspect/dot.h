// dot.h: what the two rooms of a drawing share: dot.c (modules, boxes, the whole) and dot_arrows.c (arrows).

#ifndef GPTAPE_DOT_H
#define GPTAPE_DOT_H

#include "tensor/inspect/inspect.h"

#define SHORTCUT_COLOUR "#d9480f"
#define EDGE_COLOUR "#495057"

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

// Is the node in the module that is drawn?
bool dot_is_drawn(const Drawing *drawing, const TapeNode *node);

// Text as Graphviz reads it in labels that look like HTML.
void dot_write_escaped(FILE *out, const char *text);

void dot_measure_arrows(Drawing *drawing);         // finds least and most
void dot_write_arrows(const Drawing *drawing);

#endif
