// naive.c: see naive.h.

#include "tests/support/naive.h"

void index_of(Shape shape, size_t i, int index[MAX_DIMS])
{
    for (int d = shape.ndim - 1; d >= 0; d--) {
        index[d] = (int)(i % (size_t)shape.size[d]);
        i /= (size_t)shape.size[d];
    }
}

size_t number_at(Shape shape, const int index[MAX_DIMS])
{
    size_t number = 0;
    for (int d = 0; d < shape.ndim; d++) {
        number = number * (size_t)shape.size[d] + (size_t)index[d];
    }
    return number;
}

void fill_counting(Real *values, size_t n, int start)
{
    for (size_t i = 0; i < n; i++) {
        int value = (start + (int)i) % 19 + 1;
        values[i] = (Real)(i % 2 == 0 ? value : -value);
    }
}

Tensor *counting_leaf(Shape shape, int start)
{
    Tensor *leaf = tensor_zeros(shape);
    fill_counting(leaf->data, tensor_count(leaf), start);
    tensor_require_grad(leaf);
    return leaf;
}

Tensor *full_leaf(Shape shape, double value)
{
    return tensor_require_grad(tensor_full(shape, value));
}

Tensor *vector_leaf(const float *values, int n)
{
    return tensor_require_grad(tensor_from(values, SHAPE(n)));
}
