// gradwatch.h: what the watch (gradwatch.c) records and gradflow.c reads.

#ifndef GPTAPE_GRADWATCH_H
#define GPTAPE_GRADWATCH_H

#include "nn/gradflow/gradflow.h"

// The gradient at the start of a shortcut, in two parts.
typedef struct ShortcutSplit {
    Tensor *start;        // x, in x + f(x)
    const TapeNode *join; // where the shortcut meets the branch: the addition
    int number;           // of the shortcut within its module, from 1
    Real *skip;           // one piece of memory: skip, block and before, of x's shape
    Real *block;
    bool is_start; // else a tensor within a sublayer that leads both to f and past it: only block counts
    Real *before;  // x's gradient before the node that is running
    bool had_grad;
} ShortcutSplit;

// What the watch knows about a node, by its index on the tape. Nodes recorded after it began (a loss, for example) have none.
typedef struct NodeMark {
    int split;           // of the tensor that it made; -1: no shortcut starts there
    bool retained;       // the watch retains its output's gradient
    unsigned char flags; // TapeSublayer's
} NodeMark;

// The state while a backward pass is watched.
struct GradFlowWatch {
    Tape *tape;
    unsigned resets; // of the tape, when the watch began: after another one it sees nothing
    int observer;
    ShortcutSplit *splits; // one for each tensor at which a shortcut starts
    int n_splits;
    int *leaf_splits; // the numbers of those that start at a leaf
    int n_leaf_splits;
    int n_shortcuts;
    NodeMark *marks;
    int n_marks;
};

#endif
