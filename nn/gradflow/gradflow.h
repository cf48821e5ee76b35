// gradflow.h: gradient flow: what reached each layer, read off the module tree and the tape.

#ifndef GPTAPE_GRADFLOW_H
#define GPTAPE_GRADFLOW_H

#include "nn/nn.h"

#include "tensor/public_begin.h"

typedef enum FlowKind {
    FLOW_WEIGHT_GRAD,              // dL/dW of a parameter with 2 or more dimensions, or of LayerNorm's weight
    FLOW_BIAS_GRAD,                // dL/db
    FLOW_ACTIVATION,               // a named intermediate
    FLOW_ACTIVATION_GRAD,          // dL/d(that)
    FLOW_SKIP_GRAD,                // of the gradient at a shortcut's start: what came straight through the addition,
    FLOW_BLOCK_GRAD,               // and what came back through the block beside it. The two add up to the whole.
    FLOW_KIND_COUNT
} FlowKind;

const char *flow_kind_name(FlowKind kind);         // "weight_grad"

// The size of a set of numbers. Sums run in double, so that what float32 can hold, the statistics can show.
typedef struct FlowStats {
    size_t count;                                  // their number
    double mean_abs;                               // mean |x|
    double l2;                                     // sqrt(sum x^2)
    double rms;                                    // sqrt(mean x^2)
    double max_abs;
    double zero_fraction;                          // exactly 0
    double denormal_fraction;                      // not 0, but below the smallest normal float32, 1.18e-38
    double token_cosine;                           // activations (B, T, C), T > 1: mean cosine between different positions of a
} FlowStats;                                       // sequence, 1: all tokens have become the same; NaN for anything else

FlowStats flow_stats(const Real *values, size_t n);
double flow_token_cosine(const Tensor *x);         // x (B, T, C); NaN if it has no two positions to compare

// What happened to a parameter in the last backward pass.
typedef enum FlowReach {
    FLOW_REACHED,                  // a gradient arrived, finite and not all zero
    FLOW_ALL_ZERO,                 // a gradient arrived, and it is 0 everywhere
    FLOW_NAN,                      // it holds a NaN or an infinity
    FLOW_NEVER,                    // the loss does not depend on it: the graph is severed
    FLOW_REACH_COUNT
} FlowReach;

const char *flow_reach_name(FlowReach reach);      // "never on the tape"
FlowReach flow_reach(FlowStats stats);             // of a gradient that arrived, by its statistics

typedef struct FlowRow {
    int layer;                                     // the first number in its name; -1 before the first layer, n_layer after the last
    char name[NAME_TEXT];                          // "h.3.attn.c_attn.weight.q"
    FlowKind kind;
    FlowReach reach;                               // of parameters
    int ndim;                                      // of the parameter or intermediate
    int part;                                      // of a joint weight: 0 for q, 1 for k, 2 for v; -1 for all of it
    FlowStats stats;
} FlowRow;

typedef struct GradFlow {
    FlowRow *rows;                                 // in tree order for parameters, then in tape order
    int n_rows;
    int capacity;
    int n_layer;
    int n_shortcuts;                               // shortcuts taken, counted on the tape
    int reach_count[FLOW_REACH_COUNT];             // parameters by FlowReach
} GradFlow;

// One measurement: gradflow_watch after forward (asks the tape to keep named intermediates' gradients and to split what
// arrives at the shortcuts), tensor_backward, gradflow_read. The tree's gradients must have been zeroed before. The
// caller frees the result with gradflow_free.
typedef struct GradFlowWatch GradFlowWatch;
GradFlowWatch *gradflow_watch(Tape *tape);
GradFlow gradflow_read(GradFlowWatch *watch, const Module *root);      // ends the watch and frees it
void gradflow_unwatch(GradFlowWatch *watch);       // the same without reading anything, after a backward pass that failed
const FlowRow *gradflow_find(const GradFlow *flow, FlowKind kind, const char *name);   // NULL if there is none
void gradflow_free(GradFlow *flow);

// ------------------------------------------------------------------------------------------------------------
// The gradient by path length, exactly
//
// A path from the loss back to a point in the network passes some number of sublayers f. Multiply what passes back through f by z, in every
// sublayer, and leave everything else as it is: the gradient at any tensor becomes a polynomial
//
//      G(z) = sum_k G_k z^k,        G_k: all of the gradient that passed exactly k sublayers
//
// Every backward function is linear in the gradient that arrives, so G_k takes one walk over the tape: where it arrives at the output of an
// f, it is set aside for walk k + 1, and what walk k - 1 set aside there continues instead. Nothing is sampled (Veit et al. 2016,
// arXiv 1605.06431, sample paths). Cost: at most n_sublayers + 1 walks, and one more for the ordinary gradient.

typedef struct PathLengths {
    int n_sublayers;                               // S
    double *norm;                                  // (S, S + 1): L2 of G_k at the start of each sublayer; 0 beyond k = S - s, s from 0
    double *sum;                                   // (S): L2 of the sum of all G_k there
    double error;                                  // largest || sum_k G_k - G || / || G || at any of them, G the ordinary gradient
} PathLengths;

// loss: one value on the tape of a forward pass. start (S): the stream where each sublayer starts, in order; the tape's branch marks
// (tape_branch) say where sublayers 1 ... S are. Changes nothing on the tape. The caller frees the result with path_lengths_free.
PathLengths path_lengths(Tensor *loss, Tensor *const *start, int n_sublayers);
void path_lengths_free(PathLengths *paths);

// At the start of sublayer s, counted from 0: the part of length k in the sum of all lengths' norms, and the mean length, weighted by them.
double path_share(const PathLengths *paths, int s, int k);
double path_mean_length(const PathLengths *paths, int s);

// ------------------------------------------------------------------------------------------------------------
// Singular values and ranks

// The singular values of a matrix (rows, columns), the largest first, to values (the smaller of rows and columns). All NaN if the matrix has a
// value that is not finite. Their error is a few roundings (1e-16) of the largest. numpy: linalg.svd(matrix, compute_uv=False)
void singular_values(const double *matrix, int rows, int columns, double *values);

#include "tensor/public_end.h"

#endif
