// kernel_fast.h: the fast kernels of the rooms beside kernel_fast.c. The functions are kernel.h's.

#ifndef GPTAPE_KERNEL_FAST_H
#define GPTAPE_KERNEL_FAST_H

#include "tensor/kernel.h"

void fast_gemm(bool transpose_a, bool transpose_b, int M, int N, int K, const Real *A, int lda, const Real *B, int ldb,
               bool accumulate, Real *C, int ldc);

// The same without oneDNN: what takes its place in a build that has none.
void blocked_gemm(bool transpose_a, bool transpose_b, int M, int N, int K, const Real *A, int lda, const Real *B, int ldb,
                  bool accumulate, Real *C, int ldc);

#ifdef GPTAPE_ONEDNN
// The same with A and B rounded to bfloat16, and whether that is asked for and could be faster for a product of this size.
bool bf16_can_pay(int M, int N, int K);
void bf16_gemm(bool transpose_a, bool transpose_b, int M, int N, int K, const Real *A, int lda, const Real *B, int ldb,
               bool accumulate, Real *C, int ldc);
#endif

void fast_attention(const AttentionSizes *s, const Real *qkv, double *z, Real *y);
void fast_attention_backward(const AttentionSizes *s, const Real *qkv, const double *z, const Real *y, const Real *dy,
                             bool accumulate, Real *dqkv);
void fast_attention_cached(const CachedSizes *s, const Real *qkv, const Real *keys, const Real *values, Real *y);

#endif
