// kernel_fast.h: the fast kernels of the rooms beside kernel_fast.c. The functions are kernel.h's.

#ifndef GPTAPE_KERNEL_FAST_H
#define GPTAPE_KERNEL_FAST_H

#include "tensor/kernel.h"

void fast_gemm(bool transpose_a, bool transpose_b, int M, int N, int K, const Real *A, int lda, const Real *B, int ldb,
               bool accumulate, Real *C, int ldc);

// The same without oneDNN: what takes its place in a build that has none.
void blocked_gemm(bool transpose_a, bool transpose_b, int M, int N, int K, const Real *A, int lda, const Real *B, int ldb,
                  bool accumulate, Real *C, int ldc);

void fast_attention(const AttentionSizes *s, const Real *qkv, double *z, Real *y);
void fast_attention_backward(const AttentionSizes *s, const Real *qkv, const double *z, const Real *y, const Real *dy,
                             bool accumulate, Real *dqkv);
void fast_attention_cached(const CachedSizes *s, const Real *qkv, const Real *keys, const Real *values, Real *y);

#endif
