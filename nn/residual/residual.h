// residual.h: residual rules: one line that says how a sublayer's result joins the stream.
//
// A sublayer f (attention, feed-forward, a layer of an MLP) reads the stream h. A residual rule says what the stream is afterwards:
//
//      h + f(norm(h))                  GPT-2: a shortcut, and a norm before the sublayer             named "pre"
//      f(norm(h))                      the same without the shortcut                                 "none"
//      norm(h + f(h))                  the original transformer                                      "post"
//      h + scalar(0)*f(h)              ReZero: a learned gate that starts closed                     "rezero"
//      t = sigmoid(linear(h, -2)); t*f(h) + (1 - t)*h                                                "highway"
//
// Names        h, the stream; x0, the first sublayer's input; block, this block's input; l of L, the block's number; s of S, the
//              sublayer's
// Functions    f(x), exactly once; norm, rms, dyt; scalar(v), vector(v), linear(x), linear(x, v), which are learned; sigmoid, tanh, sqrt;
//              stop(x), which lets no gradient through
// Operators    + - * /, ^ between constants, parentheses; name = value; before the last expression; A | B for attention | feed-forward
//
// A rule is text, parsed into a list of steps (parse.c), and run by recording ordinary operations on the tape (apply.c): it has no
// backward of its own. The published rules are rows of a table (table.c).

#ifndef GPTAPE_RESIDUAL_H
#define GPTAPE_RESIDUAL_H

#include "nn/nn.h"

#include "tensor/public_begin.h"

// ------------------------------------------------------------------------------------------------------------
// 1. Rules

// A parsed rule. Equal rules are the same object, so compare pointers. Rules never change and are never freed.
typedef struct ResidualRule ResidualRule;

enum {
    RESIDUAL_LENGTH = 4096,    // most characters of a rule
    RESIDUAL_DEPTH = 64,       // most parentheses, minus signs and powers within each other
    RESIDUAL_BINDINGS = 32,    // most names bound in one half
    RESIDUAL_BLOCKS = 1 << 20, // most blocks of a network whose rule has l, L, s or S
    RESIDUAL_NAME = 32,        // most characters of a name
};

// The rule that text names in the table, or spells out. NULL and an error with the column if it is neither:
// "column 9: unknown name 'g' (known: h, x0, block, l, L, s, S); did you mean h?"
const ResidualRule *residual_rule(const char *text, Error *error);
const char *residual_name(const ResidualRule *rule); // its name in the table, or its text
const char *residual_text(const ResidualRule *rule); // its normal form, "h + f(norm(h))": same rule, same text

// Can a network of n_layer blocks, of two sublayers each, use it? False and an error if a constant is not finite in one of them.
bool residual_check(const ResidualRule *rule, int n_layer, Error *error);
// The same for an MLP of these layers (sizes: n_layer + 1 of them): '|' is an error, and x0 where its width is not the layer's.
bool residual_check_mlp(const ResidualRule *rule, const int *sizes, int n_layer, Error *error);

// Does the network end with a norm of its own? Yes if the rule has norms, unless its last half already ends with one.
bool residual_final_norm(const ResidualRule *rule);
bool residual_uses_x0(const ResidualRule *rule);
bool residual_uses_stop(const ResidualRule *rule); // then gradients are not the loss's derivatives

// What half 0 (attention; an MLP has no other) or 1 (feed-forward) of a rule consists of, on streams of C values.
typedef struct ResidualCost {
    int norm_vectors, norm_scalars; // parameters of norm, rms and dyt: of C values, of 1
    int vectors, scalars, linears;  // the other parameters: of C values, of 1; linears have C x C and C
    int streams;                    // stream-sized results on the tape, f's own not counted
    int statistics;                 // norms that keep a mean or scale of each row besides
    bool joins;                     // does a stream go around f and join it again?
} ResidualCost;

ResidualCost residual_cost(const ResidualRule *rule, int half);

// ------------------------------------------------------------------------------------------------------------
// 2. The table of published rules

typedef struct ResidualRow {
    const char *name;    // "keel"
    const char *text;    // in normal form
    const char *source;  // paper and arXiv number
    const char *purpose; // one sentence
} ResidualRow;

extern const ResidualRow residual_table[];
extern const int residual_table_count;
const ResidualRow *residual_row(const ResidualRule *rule); // NULL if it is not in the table

// ------------------------------------------------------------------------------------------------------------
// 3. A rule at its place in a network

enum { RESIDUAL_SEED = 1000003 }; // added to a network's seed, for the generator of the rules' linears (Init.rules)

typedef struct ResidualPlace {
    int half; // 0: attention; 1: feed-forward
    int l, L; // block, counted from 1, of how many
    int s, S; // sublayer, counted from 1, of how many
} ResidualPlace;

ResidualPlace residual_place(int block, int half, int n_layer); // of a GPT; block counts from 0
ResidualPlace residual_place_mlp(int layer, int n_layer);       // layer counts from 0

// Is the rule norm(a*h + b*f(...)), or rms(...), at this place? Then *shortcut = a and *branch = b. The norm multiplies the shortcut's part of the
// gradient by a over the size of its input, which follows from a, b and the sizes of h and f.
bool residual_norm_gains(const ResidualRule *rule, ResidualPlace place, double *shortcut, double *branch);

// Names of its modules: norm, rms and dyt are ln, ln_2, ln_3, ...; scalar, vector and linear are res.p1, res.p2, ...
typedef struct ResidualNames {
    const char *norm;   // "ln_1": the first one's; the next is ln_1_2
    const char *others; // "res_1": what is above p1, p2, ...
} ResidualNames;

typedef struct ResidualStep ResidualStep;

typedef struct Residual {
    Module module; // "h.0.res_1", with the scalars, vectors and linears; in the tree if it has any
    const ResidualRule *rule;
    ResidualPlace place;
    ResidualStep *steps; // what each step of the rule is here: its constant, module, result
} Residual;

// Makes its modules and adds them to the parent. They are C values wide. residual_free takes back what it allocated, after
// module_free, which frees parameters and names.
void residual_init(Residual *residual, Module *parent, ResidualNames names, const ResidualRule *rule, ResidualPlace place, int C);
void residual_free(Residual *residual);
LayerNorm *residual_layernorm(const Residual *residual); // the first one if it is a LayerNorm, else NULL

typedef struct ResidualStreams {
    Tensor *h; // (..., C), as are all three
    Tensor *x0;
    Tensor *block;
} ResidualStreams;

// The sublayer: (..., C) -> (..., C).
typedef Tensor *ResidualFunction(void *context, Tensor *x);

// The stream that leaves the sublayer. torch: the rule's text, unchanged
Tensor *residual_forward(Residual *residual, ResidualStreams in, ResidualFunction *f, void *context, Where where);
#define residual_forward(...) residual_forward(__VA_ARGS__, HERE) // called without its Where (see nn.h)

#include "tensor/public_end.h"

#endif
