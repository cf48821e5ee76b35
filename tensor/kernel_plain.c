// kernel_plain.c: the textbook kernels, for reading and stepping.

#include "tensor/kernel.h"

// Each value of C is the product of a row of op(A) and a column of op(B), summed up over p.
static void plain_gemm(bool transpose_a, bool transpose_b, int M, int N, int K, const Real *A, int lda, const Real *B, int ldb,
                       bool accumulate, Real *C, int ldc)
{
    size_t a_row = transpose_a ? 1 : (size_t)lda;
    size_t a_column = transpose_a ? (size_t)lda : 1;
    size_t b_row = transpose_b ? 1 : (size_t)ldb;
    size_t b_column = transpose_b ? (size_t)ldb : 1;

    for (int i = 0; i < M; i++) {
        for (int j = 0; j < N; j++) {
            Real *c = &C[(size_t)i * (size_t)ldc + (size_t)j];
            Real sum = accumulate ? *c : 0;
            for (int p = 0; p < K; p++) {
                Real a = A[(size_t)i * a_row + (size_t)p * a_column];
                Real b = B[(size_t)p * b_row + (size_t)j * b_column];
                sum += a * b;
            }
            *c = sum;
        }
    }
}

const Kernels kernels_plain = {
    .name = "plain",
    .gemm = plain_gemm,
};
