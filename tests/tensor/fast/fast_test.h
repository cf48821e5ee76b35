// fast_test.h: each fast kernel is compared with the plain one, for every kind of vector that this processor has, on one thread and on
// two, for sizes that fill vectors, tiles and shares, and sizes that leave something over.
//
// Tolerances are in units of float32's rounding, 2^-24, relative to the largest value expected. Sums in another order, and
// multiplications fused with additions, differ by up to a unit for each term.

#ifndef GPTAPE_TESTS_FAST_TEST_H
#define GPTAPE_TESTS_FAST_TEST_H

#include "tensor/fast/engine.h"
#include "tensor/fast/fast.h"
#include "tensor/fast/vector/vector.h"
#include "tests/support/kernels.h"
#include "tests/support/near.h"
#include "tests/support/suite.h"

#include <math.h>

static const char *const kinds[] = {"baseline", "avx2", "avx512"};

// A test's number says which kind of vector, and 1 or 2 threads.
enum { CASES = 2 * sizeof kinds / sizeof kinds[0] };

static inline bool choose(int number, const char *function)
{
    if (!choose_kernels("fast", function)) {
        return false;
    }
    if (!vector_choose(kinds[number / 2])) {
        skip(function, "this processor can't do these vectors");
        return false;
    }
    kernels_set_threads(number % 2 + 1);
    return true;
}

static const Kernels *const plain = &kernels_plain;
static const Kernels *const fast = &kernels_fast;

static Random source = {.next = 0};

static inline float *values(size_t n)
{
    return random_values(&source, n);
}

// Where nothing is to be added to, a result's old contents must not be read.
static inline void spoil(float *results, size_t n, bool accumulate)
{
    for (size_t i = 0; !accumulate && i < n; i++) {
        results[i] = NAN;
    }
}

static inline void assert_near_plain(const char *what, const float *got, const float *expected, size_t n, double units)
{
    double *wanted = test_memory(n * sizeof *wanted);
    for (size_t i = 0; i < n; i++) {
        wanted[i] = (double)expected[i];
    }
    assert_values_near(what, got, wanted, n, units * FLOAT_UNIT);
}

#endif
