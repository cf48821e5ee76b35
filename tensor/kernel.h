// kernel.h: the seam between what is computed (ops/) and who does the inner loops.
//
// Two sets stand behind it: plain, the textbook (kernel_plain*.c), and fast, the engine (fast/). GPTAPE_KERNELS=
// plain|fast chooses one at run time. A loop moves here from its op when a fast version of it exists; its plain version then is
// the op's own old loop. The formulas stay with the ops.
//
// Where accumulate is said, results are added to what is there; without it they are stored, and what is there is not read.

#ifndef GPTAPE_KERNEL_H
#define GPTAPE_KERNEL_H

#include "tensor/tensor.h"

// Many products of one size: C_i = op(A_i) op(B_i). Matrices have no gaps in them; A_i lies at A + i a_step, and so on. A step of
// 0 is one matrix for all; where it is C's, the products are added up.
typedef struct GemmBatch {
    bool transpose_a, transpose_b, accumulate;
    size_t count;
    int M, N, K;
    const Real *A, *B;
    Real *C;
    size_t a_step, b_step, c_step;
} GemmBatch;

// Where a gradient goes.
typedef struct GradTarget {
    Real *values;                                  // NULL if nobody wants it
    bool accumulate;
} GradTarget;

// y = x W^T + b of rows: x (M, K), W (N, K), b (N), y (M, N).
typedef struct LinearSizes {
    int M, N, K;
} LinearSizes;

// The mean of a row of LayerNorm's input, and 1 / its standard deviation. In double: n = (x - mean) rstd shows every digit lost.
typedef struct RowStats {
    double mean;
    double rstd;
} RowStats;

// LayerNorm over rows of C values.
typedef struct LayernormRows {
    const Real *x;                                 // (rows, C)
    const Real *weight;                            // (C)
    size_t rows, C;
} LayernormRows;

// Where its gradients go. They are written in this order.
typedef struct LayernormGrads {
    GradTarget dx;                                 // (rows, C)
    GradTarget dweight, dbias;                     // (C)
} LayernormGrads;

// Rows of V logits, a target for each, and z = log sum_j exp(x_j).
typedef struct LogitRows {
    const Real *logits;                            // (rows, V)
    const int *targets;                            // (rows)
    double *z;                                     // (rows); in double, as exp(x - z) shows every digit lost
    size_t rows, V;
} LogitRows;

// Attention of B sequences of T positions, n_head heads of D values each.
typedef struct AttentionSizes {
    size_t B, T, C, n_head, D;
    bool causal;
    Real scale;                                    // 1 / sqrt(D)
} AttentionSizes;

// Attention of T new positions to themselves and to those of a cache: the first of them sees past + 1 positions, the next one more.
typedef struct CachedSizes {
    AttentionSizes now;
    size_t past;
    size_t room;                                   // keys and values are (B, n_head, room, D), the new ones' among them
} CachedSizes;

// What a step of AdamW needs to know besides the values.
typedef struct AdamWFactors {
    Real gradient;                                 // multiplies each gradient first
    Real beta1, new1;                              // beta1, 1 - beta1
    Real beta2, new2;
    Real step_size;                                // lr / (1 - beta1^step)
    Real over_root;                                // 1 / sqrt(1 - beta2^step): a division would take as long as all the rest
    Real eps;
    Real keep;                                     // 1 - lr weight_decay
} AdamWFactors;

typedef struct Kernels {
    const char *name;

    // C = op(A) op(B), or C += if accumulate. op(A) is (M, K): A[i * lda + p], or A[p * lda + i] if transpose_a; op(B) is (K, N)
    // in the same way. C (M, N) has rows of ldc.
    void (*gemm)(bool transpose_a, bool transpose_b, int M, int N, int K, const Real *A, int lda, const Real *B, int ldb,
                 bool accumulate, Real *C, int ldc);
    void (*gemm_batch)(const GemmBatch *g);

    // y = x W^T + b; b may be NULL. Backward's other half, dL/dx = dL/dy W, is a gemm; this one is dL/dW = dL/dy^T x, and dL/db, the
    // sum of dL/dy's rows.
    void (*linear)(const LinearSizes *s, const Real *x, const Real *weight, const Real *bias, Real *y);
    void (*linear_dweight)(const LinearSizes *s, const Real *x, const Real *dy, GradTarget dweight, GradTarget dbias);

    // Value by value, n of them
    void (*add)(const Real *a, const Real *b, Real *y, size_t n);                                   // y = a + b
    void (*pass)(const Real *dy, bool accumulate, Real *dx, size_t n);                              // dx = dy
    void (*tanh)(const Real *x, Real *y, size_t n);
    void (*gelu)(const Real *x, Real *y, size_t n);                                                 // the tanh form
    void (*gelu_backward)(const Real *x, const Real *dy, bool accumulate, Real *dx, size_t n);

    // Rows of a matrix
    void (*softmax)(const Real *x, size_t rows, size_t n, Real *y);
    void (*softmax_backward)(const Real *y, const Real *dy, size_t rows, size_t n, bool accumulate, Real *dx);
    void (*layernorm)(const LayernormRows *r, const Real *bias, double eps, RowStats *stats, Real *y);
    void (*layernorm_backward)(const LayernormRows *r, const RowStats *stats, const Real *dy, const LayernormGrads *grads);
    double (*cross_entropy)(const LogitRows *r);                                                    // z, and sum of z - x[target]
    void (*cross_entropy_backward)(const LogitRows *r, Real dy, bool accumulate, Real *dlogits);    // dy softmax, - dy at target

    // z (B, n_head, T) is each row's log sum exp of scores
    void (*attention)(const AttentionSizes *s, const Real *qkv, double *z, Real *y);
    void (*attention_backward)(const AttentionSizes *s, const Real *qkv, const double *z, const Real *y, const Real *dy,
                               bool accumulate, Real *dqkv);

    void (*attention_cached)(const CachedSizes *s, const Real *qkv, const Real *keys, const Real *values, Real *y);

    // Optimizers
    double (*sum_of_squares)(const Real *x, size_t n);
    void (*scale)(Real factor, Real *x, size_t n);                                                  // x *= factor
    void (*adamw)(const AdamWFactors *f, const Real *grad, Real *m, Real *v, Real *p, size_t n);
} Kernels;

extern const Kernels kernels_plain;
extern const Kernels kernels_fast;                 // not in the double build

const Kernels *kernels(void);                      // the set in use

#endif
