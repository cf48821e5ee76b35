// kernel.h: the inner loops that exist twice: plain (the textbook, next to the formulas in ops/) and fast (fast/).
//
// GPTAPE_KERNELS=plain|fast selects one set at run time. Both compute the same within rounding (tests/tensor/fast/fast_test.h).
// Where a kernel takes `accumulate`, true adds the results to what is there; false stores them without reading it.

#ifndef GPTAPE_KERNEL_H
#define GPTAPE_KERNEL_H

#include "tensor/tensor.h"

// Sums run in a type that is wider than Real: more digits, and no overflow.
#ifdef GPTAPE_DOUBLE
typedef long double Wide;
#else
typedef double Wide;
#endif

// Products of one size: C_i = op(A_i) op(B_i) for i from 0 to count - 1. op(A) (M, K) is A, or the transpose of A (K, M); op(B) (K, N) in the
// same way; C (M, N). A_i starts at A + i a_step, and so on. A step of 0 is one matrix for all; if it is C's, the products are added up.
typedef struct Gemm {
    bool transpose_a, transpose_b, accumulate;
    int M, N, K;
    const Real *A, *B;
    Real *C;
    size_t count, a_step, b_step, c_step;
} Gemm;

// Where a gradient goes.
typedef struct GradTarget {
    Real *values; // NULL if it is not needed
    bool accumulate;
} GradTarget;

// y = x W^T + b: x (M, K), W (N, K), b (N), y (M, N).
typedef struct LinearSizes {
    int M, N, K;
} LinearSizes;

// The mean of a row of LayerNorm's input, and 1 / its standard deviation. Wide, because n = (x - mean) rstd shows every lost digit.
typedef struct RowStats {
    Wide mean;
    Wide rstd;
} RowStats;

// LayerNorm over rows of C values.
typedef struct LayernormRows {
    const Real *x;      // (rows, C)
    const Real *weight; // (C)
    size_t rows, C;
} LayernormRows;

// Where its gradients go. They are written in this order.
typedef struct LayernormGrads {
    GradTarget dx;             // (rows, C)
    GradTarget dweight, dbias; // (C)
} LayernormGrads;

// Rows of V logits, a target for each, and z = log sum_j exp(x_j).
typedef struct LogitRows {
    const Real *logits; // (rows, V)
    const int *targets; // (rows); a row of TARGET_IGNORED adds nothing and has no z
    Wide *z;            // (rows); Wide, because exp(x - z) shows every lost digit
    size_t rows, V;
} LogitRows;

// Attention of B sequences of T positions, n_head heads of D values each.
typedef struct AttentionSizes {
    size_t B, T, C, n_head, D;
    bool causal;
    Real scale; // 1 / sqrt(D)
} AttentionSizes;

// Attention of T new positions to themselves and to the `past` positions of a cache: the first one sees past + 1 positions.
typedef struct CachedSizes {
    AttentionSizes now;
    size_t past;
    size_t room; // keys and values are (B, n_head, room, D) and include the new ones
} CachedSizes;

// The factors of one step of AdamW.
typedef struct AdamWFactors {
    Real gradient;    // multiplies each gradient first
    Real beta1, new1; // beta1, 1 - beta1
    Real beta2, new2;
    Real step_size; // lr / (1 - beta1^step)
    Real inv_sqrt;  // 1 / sqrt(1 - beta2^step): multiplying is faster than dividing
    Real eps;
    Real decay; // 1 - lr weight_decay
} AdamWFactors;

// One part of a loop: iterations start ... end - 1. call points to a struct with its other arguments.
typedef void LoopPart(const void *call, size_t start, size_t end);

// Runs iterations 0 ... n - 1 of a loop, in parts of at least grain iterations, on the threads of these kernels.
typedef void DivideKernel(size_t n, size_t grain, LoopPart *part, const void *call);

typedef void GemmKernel(const Gemm *g);
// y = x W^T + b; b may be NULL. The second: dL/dW = dL/dy^T x, and dL/db = sum over rows of dL/dy. (dL/dx = dL/dy W is a gemm.)
typedef void LinearKernel(const LinearSizes *s, const Real *x, const Real *weight, const Real *bias, Real *y);
typedef void LinearBackwardKernel(const LinearSizes *s, const Real *x, const Real *dy, GradTarget dweight, GradTarget dbias);
// Value by value, n values
typedef void AddKernel(const Real *a, const Real *b, Real *y, size_t n);                            // y = a + b
typedef void CopyKernel(const Real *dy, bool accumulate, Real *dx, size_t n);                       // dx = dy
typedef void MapKernel(const Real *x, Real *y, size_t n);                                           // y = f(x)
typedef void MapBackwardKernel(const Real *x, const Real *dy, bool accumulate, Real *dx, size_t n); // dx = dy f'(x)
// Rows of n values
typedef void SoftmaxKernel(const Real *x, size_t rows, size_t n, Real *y);
typedef void SoftmaxBackwardKernel(const Real *y, const Real *dy, size_t rows, size_t n, bool accumulate, Real *dx);
typedef void LayernormKernel(const LayernormRows *r, const Real *bias, double eps, RowStats *stats, Real *y);
typedef void LayernormBackwardKernel(const LayernormRows *r, const RowStats *stats, const Real *dy, const LayernormGrads *grads);
typedef Wide CrossEntropyKernel(const LogitRows *r); // writes z; returns the sum of z - x[target]
typedef void CrossEntropyBackwardKernel(const LogitRows *r, Real dy, bool accumulate, Real *dlogits);
// z (B, n_head, T) is log sum exp of each row of scores. weights is scratch memory for the plain loops: T values, 2 T in backward.
typedef void AttentionKernel(const AttentionSizes *s, const Real *qkv, Real *weights, Wide *z, Real *y);
typedef void AttentionBackwardKernel(const AttentionSizes *s, const Real *qkv, const Wide *z, const Real *y, const Real *dy, Real *weights,
                                     bool accumulate, Real *dqkv);
typedef void AttentionCachedKernel(const CachedSizes *s, const Real *qkv, const Real *keys, const Real *values, Real *weights, Real *y);
// The words of MT19937: x holds RANDOM_WORDS of them and gets the next n, before tempering.
enum { RANDOM_WORDS = 624, RANDOM_NORMALS = 16 };
typedef void RandomWordsKernel(uint32_t *x, size_t n);
// One number from each of n words: u range + from, u in [0, 1). Normal numbers from each RANDOM_NORMALS words; n is a multiple. All kernels
// give the same bits.
typedef void RandomUniformKernel(const uint32_t *words, float from, float range, Real *out, size_t n);
typedef void RandomNormalKernel(const uint32_t *words, float mean, float std, Real *out, size_t n);
// For optimizers
typedef double SumOfSquaresKernel(const Real *x, size_t n);
typedef void AdamWKernel(const AdamWFactors *f, const Real *grad, Real *m, Real *v, Real *p, size_t n);

// Every kernel: its type and its name.
// clang-format off
#define KERNELS(ROW) \
    ROW(GemmKernel, gemm) ROW(LinearKernel, linear) ROW(LinearBackwardKernel, linear_backward) \
    ROW(AddKernel, add) ROW(CopyKernel, copy) ROW(MapKernel, tanh) ROW(MapKernel, gelu) ROW(MapBackwardKernel, gelu_backward) \
    ROW(SoftmaxKernel, softmax) ROW(SoftmaxBackwardKernel, softmax_backward) ROW(LayernormKernel, layernorm) \
    ROW(LayernormBackwardKernel, layernorm_backward) ROW(CrossEntropyKernel, cross_entropy) \
    ROW(CrossEntropyBackwardKernel, cross_entropy_backward) ROW(AttentionKernel, attention) \
    ROW(AttentionBackwardKernel, attention_backward) ROW(AttentionCachedKernel, attention_cached) \
    ROW(RandomWordsKernel, random_words) ROW(RandomUniformKernel, random_uniform) ROW(RandomNormalKernel, random_normal) \
    ROW(SumOfSquaresKernel, sum_of_squares) ROW(AdamWKernel, adamw)
// clang-format on

#define KERNEL_MEMBER(type, name) type *name;
typedef struct Kernels {
    const char *name;
    DivideKernel *divide; // for loops that are not kernels
    KERNELS(KERNEL_MEMBER)
} Kernels;

extern const Kernels kernels_plain;
extern const Kernels kernels_fast; // not in the double build

const Kernels *kernels(void); // the selected set

// The plain set, plain_gemm and so on, defined in ops/ and random.c.
#define KERNEL_PLAIN(type, name) type plain_##name;
KERNELS(KERNEL_PLAIN)

Gemm gemm_item(const Gemm *g, size_t i);                                         // product number i alone
void plain_sum_rows(const Real *y, size_t rows, size_t columns, GradTarget sum); // sum (columns), if it is needed

#endif
