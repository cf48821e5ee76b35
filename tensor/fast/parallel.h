// parallel.h: loops whose parts run side by side.
//
//      caller   |-- part 0 --|-- part 2 --|                 Each part is claimed by the first free thread. A helper that the
//      helper      |-- part 1 --|                           system does not run claims nothing, and no thread waits for it.
//
// The rounds of a part depend only on the number of threads, so the same number gives the same bits,
// no matter which thread does which part.

#ifndef GPTAPE_PARALLEL_H
#define GPTAPE_PARALLEL_H

#include "tensor/kernel.h"

// Runs rounds 0 ... n - 1 in at most as many parts as there are threads, each but the last a multiple of grain long: grain is what
// is worth waking a thread for. Nested loops are not divided again, and only one thread's loop is divided at a time.
void parallel_for(size_t n, size_t grain, LoopPart *part, const void *call);

// Called by a part that is refused memory and gives up. parallel_for reports it when all parts have ended: a part cannot fail itself, since
// a handler that leaves by longjmp would leave other threads in the loop.
void parallel_refuse(size_t bytes, const char *what);

int parallel_threads(void); // the number of threads: that of kernels_set_threads, else OMP_NUM_THREADS, else one per processor

#endif
