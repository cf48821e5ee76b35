// naive.h: tensors walked value by value, the slow way, to compare with.

#ifndef GPTAPE_TESTS_NAIVE_H
#define GPTAPE_TESTS_NAIVE_H

#include "tensor/tensor.h"

// The indices of value number i: of a (2, 3), number 4 is [1][1].
void index_of(Shape shape, size_t i, int index[MAX_DIMS]);

// The number of the value at these indices.
size_t number_at(Shape shape, const int index[MAX_DIMS]);

// Fills values with 1, -2, 3, ...: small whole numbers, whose sums and products float32 holds exactly.
void fill_counting(Real *values, size_t n, int start);

// A leaf on the current tape that wants a gradient, filled so.
Tensor *counting_leaf(Shape shape, int start);

// A leaf on the current tape that wants a gradient, with the same value everywhere.
Tensor *full_leaf(Shape shape, double value);

// A leaf (n) that wants a gradient.
Tensor *vector_leaf(const float *values, int n);

#endif
