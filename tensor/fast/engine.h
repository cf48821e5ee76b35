// engine.h: the fast kernels of the rooms beside engine.c. The functions are kernel.h's.

#ifndef GPTAPE_KERNEL_FAST_H
#define GPTAPE_KERNEL_FAST_H

#include "tensor/kernel.h"

// Memory that a kernel needs while it runs, kept for its next run. One a kernel and thread.
typedef struct Scratch {
    void *memory;
    size_t bytes;
} Scratch;

void *scratch_of(Scratch *scratch, size_t bytes, const char *what);

void fast_gemm(bool transpose_a, bool transpose_b, int M, int N, int K, const Real *A, int lda, const Real *B, int ldb,
               bool accumulate, Real *C, int ldc);

void fast_linear(const LinearSizes *s, const Real *x, const Real *weight, const Real *bias, Real *y);
void fast_linear_dweight(const LinearSizes *s, const Real *x, const Real *dy, GradTarget dweight, GradTarget dbias);

// fast_gemm without oneDNN: what takes its place in a build that has none.
void blocked_gemm(bool transpose_a, bool transpose_b, int M, int N, int K, const Real *A, int lda, const Real *B, int ldb,
                  bool accumulate, Real *C, int ldc);

#ifdef GPTAPE_ONEDNN
// fast_gemm with A and B rounded to bfloat16, and whether that is asked for and could be faster for a product of this size.
bool bf16_can_pay(int M, int N, int K);
void bf16_gemm(bool transpose_a, bool transpose_b, int M, int N, int K, const Real *A, int lda, const Real *B, int ldb,
               bool accumulate, Real *C, int ldc);
#endif

void fast_attention(const AttentionSizes *s, const Real *qkv, double *z, Real *y);
void fast_attention_backward(const AttentionSizes *s, const Real *qkv, const double *z, const Real *y, const Real *dy,
                             bool accumulate, Real *dqkv);
void fast_attention_cached(const CachedSizes *s, const Real *qkv, const Real *keys, const Real *values, Real *y);

#endif
