// engine.h: shared by the files of the fast kernels, whose types are in tensor/kernel.h.

#ifndef GPTAPE_KERNEL_FAST_H
#define GPTAPE_KERNEL_FAST_H

#include "tensor/kernel.h"

// Memory that a kernel needs while it runs, kept for its next run. Each kernel has one per thread.
typedef struct Scratch {
    void *memory;
    size_t bytes;
} Scratch;

void *scratch_of(Scratch *scratch, size_t bytes, const char *what);
void *scratch_try(Scratch *scratch, size_t bytes); // NULL if memory is refused

GemmKernel fast_gemm;
LinearKernel fast_linear;
LinearBackwardKernel fast_linear_backward;
AttentionKernel fast_attention;
AttentionBackwardKernel fast_attention_backward;
AttentionCachedKernel fast_attention_cached;

// fast_gemm without oneDNN: what replaces it in a build that has none.
GemmKernel blocked_gemm;

#ifdef GPTAPE_ONEDNN
// oneDNN's threads are GNU OpenMP's; a compiler without OpenMP lacks its header.
int omp_get_max_threads(void);
void omp_set_num_threads(int threads);

// Calls call(context), which uses oneDNN, and returns true. Returns false if oneDNN ran out of memory in a way that it cannot report, and
// that would end the program (guard.c). From then on oneDNN is not used any more: guard_call returns false at once, and the library's own
// products replace oneDNN's.
bool guard_call(void (*call)(void *context), void *context);
// Can oneDNN be used? The first call makes it generate its code, which is when it needs the most memory.
bool guard_onednn_ready(void);

// fast_gemm with A and B rounded to bfloat16, and whether that is selected and could be faster for a product of this size.
bool bf16_gemm(const Gemm *g); // of one product; false if oneDNN was refused memory
bool bf16_can_pay(const Gemm *g);
#endif

#endif
