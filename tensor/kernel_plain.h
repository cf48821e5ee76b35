// kernel_plain.h: the textbook kernels of the rooms beside kernel_plain.c, for its table. The functions are kernel.h's.

#ifndef GPTAPE_KERNEL_PLAIN_H
#define GPTAPE_KERNEL_PLAIN_H

#include "tensor/kernel.h"

void plain_sum_rows(const Real *y, size_t rows, size_t columns, GradTarget sum);               // sum (columns), if it is wanted
void plain_softmax(const Real *x, size_t rows, size_t n, Real *y);
void plain_softmax_backward(const Real *y, const Real *dy, size_t rows, size_t n, bool accumulate, Real *dx);
void plain_layernorm(const LayernormRows *r, const Real *bias, double eps, RowStats *stats, Real *y);
void plain_layernorm_backward(const LayernormRows *r, const RowStats *stats, const Real *dy, const LayernormGrads *grads);
double plain_cross_entropy(const LogitRows *r);
void plain_cross_entropy_backward(const LogitRows *r, Real dy, bool accumulate, Real *dlogits);

void plain_attention(const AttentionSizes *s, const Real *qkv, double *z, Real *y);
void plain_attention_backward(const AttentionSizes *s, const Real *qkv, const double *z, const Real *y, const Real *dy,
                              bool accumulate, Real *dqkv);
void plain_attention_cached(const CachedSizes *s, const Real *qkv, const Real *keys, const Real *values, Real *y);

#endif
