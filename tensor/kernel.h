// kernel.h: the seam between what is computed (ops/) and who does the inner loops.
//
// Two sets stand behind it: plain, the textbook, and fast, the engine. GPTAPE_KERNELS=plain|fast chooses one at run time.
// A loop moves here from its op when a fast version of it exists; its plain version then is the op's own old loop.

#ifndef GPTAPE_KERNEL_H
#define GPTAPE_KERNEL_H

#include "tensor/tensor.h"

typedef struct Kernels {
    const char *name;

    // C = op(A) op(B), or C += if accumulate. op(A) is (M, K): A[i * lda + p], or A[p * lda + i] if transpose_a; op(B) is (K, N)
    // in the same way. C (M, N) has rows of ldc.
    void (*gemm)(bool transpose_a, bool transpose_b, int M, int N, int K, const Real *A, int lda, const Real *B, int ldb,
                 bool accumulate, Real *C, int ldc);
} Kernels;

extern const Kernels kernels_plain;
#ifdef GPTAPE_ONEDNN
extern const Kernels kernels_fast;
#endif

const Kernels *kernels(void);                      // the set in use

#endif
