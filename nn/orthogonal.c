// orthogonal.c: random orthogonal matrices (Saxe, McClelland and Ganguli 2014, arXiv 1312.6120).
//
// A matrix of normal numbers A = Q R, with the diagonal of R positive, has a Q that is uniform among all orthogonal matrices, and that is unique:
// PyTorch takes Q from LAPACK's decomposition and turns its signs accordingly; here Gram and Schmidt's method finds the same Q.

#include "nn/orthogonal.h"
#include "tensor/unwind.h"

#include <math.h>
#include <stdlib.h>

static double dot(const double *a, const double *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += a[i] * b[i];
    }
    return sum;
}

// Makes n_vectors <= n vectors of n numbers orthonormal, the first to the last: from each its parts along those before it are subtracted, twice,
// because the first time leaves rounding errors.
static void orthonormalize(double *vectors, size_t n_vectors, size_t n)
{
    for (size_t i = 0; i < n_vectors; i++) {
        double *v = vectors + i * n;
        for (size_t k = 0; k < 2 * i; k++) {
            const double *earlier = vectors + k % i * n;
            double part = dot(v, earlier, n);
            for (size_t j = 0; j < n; j++) {
                v[j] -= part * earlier[j];
            }
        }
        double length = sqrt(dot(v, v, n));
        for (size_t j = 0; j < n; j++) {
            v[j] /= length;
        }
    }
}

void draw_orthogonal(Random *random, Real *weight, int rows, int columns, double gain)
{
    size_t count = (size_t)rows * (size_t)columns;
    bool by_rows = rows < columns;
    size_t n_vectors = (size_t)(by_rows ? rows : columns);
    size_t n = (size_t)(by_rows ? columns : rows);
    double *vectors = memory_allocate(count * sizeof *vectors, "an orthogonal matrix"); // (n_vectors, n)
    int frame = unwind_begin();
    unwind_add(free, vectors);
    random_normal(random, weight, count, 0, 1);
    for (size_t i = 0; i < count; i++) {
        vectors[by_rows ? i : i % n_vectors * n + i / n_vectors] = weight[i];
    }
    orthonormalize(vectors, n_vectors, n);
    for (size_t i = 0; i < count; i++) {
        weight[i] = (Real)(gain * vectors[by_rows ? i : i % n_vectors * n + i / n_vectors]);
    }
    unwind_end(frame);
}
