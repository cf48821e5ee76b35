// kernels.h: with which kernels a test computes.

#ifndef GPTAPE_TESTS_KERNELS_H
#define GPTAPE_TESTS_KERNELS_H

#include <stdbool.h>

// Who asks for the plain kernels (GPTAPE_KERNELS=plain) gets no others: valgrind sees through none of the code that oneDNN
// writes while it runs, and has no AVX-512.
bool only_plain_kernels(void);

// Chooses a set; false, and says that function is skipped, where only the plain kernels may run and this is another.
bool choose_kernels(const char *set, const char *function);

#endif
