// parallel.h: loops whose parts run side by side.

#ifndef GPTAPE_PARALLEL_H
#define GPTAPE_PARALLEL_H

#include <stddef.h>

// One part of a loop: its rounds start ... end - 1. What else it needs stands in a struct that call points to.
typedef void LoopPart(const void *call, size_t start, size_t end);

// Runs rounds 0 ... n - 1 in at most as many parts as there are threads, one after the other in order, each but the last a
// multiple of grain long: grain is what is worth waking a thread for. A loop within a loop's part is not parted again.
void parallel_for(size_t n, size_t grain, LoopPart *part, const void *call);

int parallel_threads(void);                        // how many there are: what was set, else what OpenMP would use
void parallel_set_threads(int threads);

#endif
