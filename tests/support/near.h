// near.h: numbers that should agree, how nearly, and where they come from.
//
// Check marks its place in a file at every assertion that holds, which is slow; these assert only where something is wrong.

#ifndef GPTAPE_TESTS_NEAR_H
#define GPTAPE_TESTS_NEAR_H

#include "tensor/tensor.h"

// Float32 rounds to within 2^-24 of a value: the unit that tolerances are counted in.
#define FLOAT_UNIT 5.9604644775390625e-8

// |got - expected| <= tolerance. NaN is near nothing; an infinity is near itself.
void assert_near(const char *what, double got, double expected, double tolerance);

// The same for each of n values, with the tolerance relative to the largest of the expected.
void assert_values_near(const char *what, const Real *got, const double *expected, size_t n, double tolerance);

// Equal in every bit, save that -0 is 0.
void assert_same_values(const char *what, const Real *got, const Real *expected, size_t n);

// How many float32 numbers lie between the two, counting one end: 0 for equal ones, 1 for neighbors.
uint32_t ulps_between(float a, float b);

// A leaf on the current tape that wants a gradient, normally distributed; the same values for the same seed.
Tensor *random_leaf(Shape shape, uint64_t seed);

// In memory that nobody frees (test_memory): normally distributed values, and a copy.
Real *random_values(Random *random, size_t n);
Real *copy_values(const Real *values, size_t n);

#endif
