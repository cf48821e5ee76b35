// gradflow.h: gradient flow: what reached each layer, as read from the module tree and the tape.

#ifndef GPTAPE_GRADFLOW_H
#define GPTAPE_GRADFLOW_H

#include "nn/nn.h"

#include "tensor/public_begin.h"

typedef enum FlowKind {
    FLOW_WEIGHT_GRAD,     // dL/dW of a parameter that is not named bias
    FLOW_BIAS_GRAD,       // dL/db
    FLOW_ACTIVATION,      // a named intermediate
    FLOW_ACTIVATION_GRAD, // dL/d(that)
    FLOW_SKIP_GRAD,       // of the gradient at a shortcut's start: what came straight through the addition,
    FLOW_BLOCK_GRAD,      // and what came back through the block beside it. The two add up to the whole.
    FLOW_KIND_COUNT
} FlowKind;

const char *flow_kind_name(FlowKind kind); // "weight_grad"

// The size of a set of numbers. Sums run in double, so that what float32 can hold, the statistics can show. Means and fractions of no numbers are NaN.
typedef struct FlowStats {
    size_t count;    // their number
    double mean_abs; // mean |x|
    double l2;       // sqrt(sum x^2)
    double rms;      // sqrt(mean x^2)
    double max_abs;
    double zero_fraction;     // exactly 0
    double denormal_fraction; // not 0, but below the smallest normal float32, 1.18e-38
    double token_cosine;      // activations (B, T, C), T > 1: mean cosine between different positions of a
} FlowStats;                  // sequence, 1: all tokens have become the same; NaN for anything else

FlowStats flow_stats(const Real *values, size_t n);
double flow_token_cosine(const Tensor *x); // x (B, T, C); NaN if there is only one position, or if one is 0 everywhere

// What happened to a parameter in the last backward pass.
typedef enum FlowReach {
    FLOW_REACHED,  // a gradient arrived, finite and not all zero
    FLOW_ALL_ZERO, // a gradient arrived, and it is 0 everywhere
    FLOW_NAN,      // it holds a NaN or an infinity
    FLOW_NEVER,    // the loss does not depend on it: the graph is severed
    FLOW_REACH_COUNT
} FlowReach;

const char *flow_reach_name(FlowReach reach); // "never on the tape"
FlowReach flow_reach(FlowStats stats);        // of a gradient that arrived, by its statistics

typedef struct FlowRow {
    int layer;            // the first number in its name; -1 before the first layer, n_layer after the last
    char name[NAME_TEXT]; // "h.3.attn.c_attn.weight.q"
    FlowKind kind;
    FlowReach reach; // of parameters
    int ndim;        // of the parameter or intermediate
    int part;        // of a joint weight: 0 for q, 1 for k, 2 for v; -1 for all of it
    FlowStats stats;
} FlowRow;

typedef struct GradFlow {
    FlowRow *rows; // by layer; of one layer, parameters in tree order, then shortcuts and activations in tape order
    int n_rows;
    int capacity;
    int n_layer;
    int n_shortcuts;                   // shortcuts taken, counted on the tape
    int reach_count[FLOW_REACH_COUNT]; // parameters by FlowReach
} GradFlow;

// One measurement: gradflow_watch after forward (asks the tape to keep named intermediates' gradients and to split what
// arrives at the shortcuts), tensor_backward, gradflow_read. The tree's gradients must have been zeroed before. The
// caller frees the result with gradflow_free.
typedef struct GradFlowWatch GradFlowWatch;
GradFlowWatch *gradflow_watch(Tape *tape);
GradFlow gradflow_read(GradFlowWatch *watch, const Module *root); // ends the watch and frees it
// The same for a network measured in parts: reads this part's trees. A parameter shared by two parts has the sum of their
// gradients. gradflow_append appends a part's rows; call it in order from the input to the output. It frees the part.
GradFlow gradflow_read_trees(GradFlowWatch *watch, const Module *const *roots, int n_roots);
void gradflow_append(GradFlow *flow, GradFlow *part);
void gradflow_unwatch(GradFlowWatch *watch); // the same without reading anything, after a backward pass that failed
const FlowRow *gradflow_find(const GradFlow *flow, FlowKind kind, const char *name); // NULL if there is none
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
    int n_sublayers; // S
    double *norm;    // (S, S + 1): L2 of G_k at the start of each sublayer; 0 beyond k = S - s, s from 0
    double *sum;     // (S): L2 of the sum of all G_k there
    double error;    // largest || sum_k G_k - G || / || G || at any of them, G the ordinary gradient
} PathLengths;

// loss: one value on the tape of a forward pass. start (S >= 1): the stream where each sublayer starts, in order; the tape's branch marks
// (tape_branch) say where sublayers 1 ... S are. Changes nothing on the tape. The caller frees the result with path_lengths_free.
PathLengths path_lengths(Tensor *loss, Tensor *const *start, int n_sublayers);
void path_lengths_free(PathLengths *paths);

// At the start of sublayer s, counted from 0: the part of length k in the sum of all lengths' norms, and the mean length, weighted by them.
double path_share(const PathLengths *paths, int s, int k);
double path_mean_length(const PathLengths *paths, int s);

// ------------------------------------------------------------------------------------------------------------
// Singular values and ranks

// The singular values of a matrix (rows, columns), the largest first, to values (the smaller of rows and columns). All are NaN if the matrix has a
// value that is not finite. The error is a few units of rounding (1e-16) of the largest. numpy: linalg.svd(matrix, compute_uv=False)
void singular_values(const double *matrix, int rows, int columns, double *values);

// How many directions a stream uses, X of one sequence (T, C), s its singular values:
typedef struct FlowRank {
    double effective; // exp(-sum p ln p), p = s / sum s (Roy and Vetterli 2007)
    double stable;    // ||X||_F^2 / s_1^2
    double residual;  // r(X - 1 m^T) / r(X), m the mean over the tokens, r(A) = sqrt(||A||_1 ||A||_inf) with the largest
} FlowRank;           // column sum and row sum of |a|: 0 if all tokens are equal (Dong et al. 2021, arXiv 2103.03404)

// The means over the sequences of x (B, T, C); x (T, C) is one sequence. 0 if X is 0 everywhere, NaN if a value is not finite. Cost: the singular
// values of each X.
FlowRank flow_rank(const Tensor *x);

// ------------------------------------------------------------------------------------------------------------
// The residual stream on a tape that a forward pass has recorded

// What arrived at sublayer s (tape_sublayer_begin), counted from 0; s = tape->n_sublayers: what left the last. NULL if there is no such sublayer.
Tensor *flow_stream(const Tape *tape, int s);
Tensor *flow_branch(const Tape *tape, int s); // the output of the f of sublayer s (tape_branch); NULL without one

// ------------------------------------------------------------------------------------------------------------
// Attention weights, recomputed in double from the queries and keys on the tape, so they are available for any attention, fused or
// step by step. Without dropout.

// From qkv (B, T, 3C), as for tensor_attention, weights (B, n_head, T, T): p_ts = softmax_s(q_t . k_s / sqrt(C / n_head)), 0 if s is masked.
void attention_weights(const Tensor *qkv, int n_head, bool causal, double *weights);

typedef struct AttentionStats {
    double entropy; // mean over positions and sequences of -sum_s p_ts ln p_ts, in nats
    double largest; // mean of the largest weight of a position
    double first;   // mean weight of position 0, over the positions after it; NaN if there are none
} AttentionStats;

void attention_stats(const Tensor *qkv, int n_head, bool causal, AttentionStats *stats); // of each head: stats (n_head)
Tensor *attention_qkv(const Tape *tape, const Attention *attention); // the last on the tape that this module computed; NULL: none

// ------------------------------------------------------------------------------------------------------------
// Jacobians: J_i = dy/dx[i], of tensors on one tape. Each walk back (tensor_vjp) gives one product J_i^T dy; nothing on the tape changes.

typedef struct JacobianNorm {
    double mean_square; // ||J||_F^2 / its number of singular values (the fewer of its rows and columns)
    double std_error;   // of mean_square, if it is an estimate; else 0
    int n_probes;       // random vectors used for the estimate; 0: exact
} JacobianNorm;

// The mean squared singular value of dy/dx[i], for n tensors at once: norms (n). n_probes 0: exactly, by one walk per value of y, each of
// which gives a row of every J_i. Otherwise from that many walks (at least 2) with random signs dy: E ||J^T dy||^2 = ||J||_F^2 (Hutchinson
// 1990). Where x[0] leads to the others and they are in the order of the tape, a walk costs what one walk from y to x[0] costs.
void jacobian_norms(Tensor *y, Tensor *const *x, int n, int n_probes, Random *random, JacobianNorm *norms);

// The same of one: exactly for a y of up to JACOBIAN_EXACT values, otherwise from JACOBIAN_WALKS walks, always with the same signs.
enum { JACOBIAN_EXACT = 1024, JACOBIAN_WALKS = 64 };
JacobianNorm jacobian_norm(Tensor *y, Tensor *x);

// J = dy/dx, (values of y, values of x), by one walk per value of y.
void jacobian_matrix(Tensor *y, Tensor *x, double *J);

// ------------------------------------------------------------------------------------------------------------
// The loss as a function of the weights. The functions below compute it again and again on a tape of their own, with other weights in other
// memory: the parameters' values, gradients and versions, and the current tape, are afterwards what they were.

typedef struct LossFunction {
    const ParameterList *parameters; // the weights
    // Records the loss of one row of a batch (all rows if row is -1) on the current tape, for the current parameters. Must be deterministic.
    Tensor *(*forward)(void *context, int row);
    void *context;
} LossFunction;

typedef struct SharpnessConfig {
    double tolerance;   // on the residual
    int max_iterations; // of two gradients each
    uint64_t seed;      // of the first vector
} SharpnessConfig;

typedef struct Sharpness {
    double value;    // lambda = v^T H v
    double residual; // || H v - lambda v || / |lambda|: H has an eigenvalue within this relative distance of lambda
    int iterations;
    bool converged;
} Sharpness;

// The algebraically largest eigenvalue of the Hessian H of the loss over all parameters, by power iteration: v <- (H + shift) v, normalized.
// H v is a central difference of gradients. The first 20 iterations use no shift, which is enough if the eigenvalue of largest magnitude is
// positive and well separated; later ones shift by that magnitude, which makes the algebraically largest the one of largest magnitude.
Sharpness sharpness_measure(const LossFunction *loss, const SharpnessConfig *config);

// The simple noise scale B_simple = tr(Sigma) / |G|^2 of McCandlish et al. 2018 (arXiv 1812.06162): the batch size around which larger
// batches hardly make a gradient more accurate. Estimated without bias, as in their appendix A.1, from the gradients of single rows and of all B:
//      |G|^2 = (B |G_B|^2 - |G_1|^2) / (B - 1)        tr(Sigma) = (|G_1|^2 - |G_B|^2) / (1 - 1/B)        |G_1|^2: the mean over the rows
typedef struct NoiseScale {
    double scale; // NaN where G2 is not positive: too few rows to separate the gradient from its noise
    double G2;
    double trace;
} NoiseScale;

NoiseScale noise_scale(const LossFunction *loss, int n_rows); // the batch loss must be the mean of the row losses; n_rows >= 2

// The loss at w + a d1 + b d2 (Li et al. 2018, arXiv 1712.09913): d1 and d2 are normal, drawn in this order from this seed, and each
// row of them is scaled to the norm of the weight's row; those of biases and norms (fewer than 2 dimensions) are 0. values (n, n): a
// from -1 to 1 by row, b by column.
void loss_plane(const LossFunction *loss, uint64_t seed, int n, double *values);
double loss_plane_place(int i, int n); // the a of row i, or the b of column i: -1 + 2 i / (n - 1)

// A copy of the weights, and how far they have moved since: ratios (count) gets || now - then || / || then || per parameter, NaN if it was all 0.
typedef struct WeightCopy {
    const ParameterList *parameters; // borrowed
    Real *values;                    // of one parameter after the other
} WeightCopy;

WeightCopy weight_copy(const ParameterList *parameters); // the caller frees it with weight_copy_free
void weight_copy_free(WeightCopy *copy);
void update_ratios(const WeightCopy *before, double *ratios);

// R(lag) = sum_i (v_i - m)(v_i+lag - m) / sum_i (v_i - m)^2, m the mean of the n values; NaN if all are the same. Of the derivative along a
// line of inputs: near 1 where gradients of neighbors agree, near 0 where they are white noise (Balduzzi et al. 2017, arXiv 1702.08591).
double flow_autocorrelation(const double *values, int n, int lag);

#include "tensor/public_end.h"

#endif
