// engine.c: the fast kernels. Each divides its loop among the threads; vector/ has the loops themselves.
//
// A loop is divided only if each part is worth waking a thread, which takes some microseconds: the grains below are the
// smallest parts, measured so that two threads are not slower than one (synchronizing two takes about a microsecond).

#include "tensor/fast/engine.h"

#include "tensor/fast/fast.h"
#include "tensor/fast/parallel.h"
#include "tensor/fast/vector/vector.h"

#include <stdlib.h>

enum {
    CHEAP_VALUES = 1 << 15, // values that are added or copied: memory is the limit
    DEAR_VALUES = 1 << 12   // values with an exp or a tanh in them
};

// The number of rows in a grain of values.
static size_t rows_of(size_t values, size_t columns)
{
    return values / columns + 1;
}

static void fast_add(const Real *a, const Real *b, Real *y, size_t n)
{
    parallel_for(n, CHEAP_VALUES, vector_loops()->add, &(ValuesCall){.a = a, .b = b, .out = y});
}

static void fast_copy(const Real *dy, bool accumulate, Real *dx, size_t n)
{
    parallel_for(n, CHEAP_VALUES, vector_loops()->copy, &(ValuesCall){.a = dy, .out = dx, .accumulate = accumulate});
}

static void fast_tanh(const Real *x, Real *y, size_t n)
{
    parallel_for(n, DEAR_VALUES, vector_loops()->tanh, &(ValuesCall){.a = x, .out = y});
}

static void fast_gelu(const Real *x, Real *y, size_t n)
{
    parallel_for(n, DEAR_VALUES, vector_loops()->gelu, &(ValuesCall){.a = x, .out = y});
}

static void fast_gelu_backward(const Real *x, const Real *dy, bool accumulate, Real *dx, size_t n)
{
    parallel_for(n, DEAR_VALUES, vector_loops()->gelu_backward, &(ValuesCall){.a = x, .b = dy, .out = dx, .accumulate = accumulate});
}

// ------------------------------------------------------------------------------------------------------------
// Rows of a matrix

static void fast_softmax(const Real *x, size_t rows, size_t n, Real *y)
{
    parallel_for(rows, rows_of(DEAR_VALUES, n), vector_loops()->softmax, &(RowsCall){.x = x, .columns = n, .out = y});
}

static void fast_softmax_backward(const Real *y, const Real *dy, size_t rows, size_t n, bool accumulate, Real *dx)
{
    parallel_for(rows, rows_of(CHEAP_VALUES, n), vector_loops()->softmax_backward,
                 &(RowsCall){.x = dy, .y = y, .columns = n, .accumulate = accumulate, .out = dx});
}

static void fast_layernorm(const LayernormRows *r, const Real *bias, double eps, RowStats *stats, Real *y)
{
    parallel_for(r->rows, rows_of(DEAR_VALUES, r->C), vector_loops()->layernorm,
                 &(LayernormCall){.r = r, .bias = bias, .eps = eps, .stats = stats, .out = y});
}

static _Thread_local Scratch layernorm_sums;

// Sums over rows are made a chunk of rows at a time, and then added up in the order of the chunks: the same bits on any number of
// threads.
static void fast_layernorm_backward(const LayernormRows *r, const RowStats *stats, const Real *dy, const LayernormGrads *grads)
{
    size_t chunks = (r->rows + LAYERNORM_CHUNK - 1) / LAYERNORM_CHUNK;
    Real *sums = scratch_of(&layernorm_sums, chunks * 2 * r->C * sizeof(Real), "layernorm"); // (chunks, 2, C)
    parallel_for(chunks, rows_of(DEAR_VALUES, LAYERNORM_CHUNK * r->C), vector_loops()->layernorm_backward,
                 &(LayernormBackwardCall){.r = r, .stats = stats, .dy = dy, .dx = grads->dx, .sums = sums});
    GradTarget targets[] = {grads->dweight, grads->dbias};
    for (size_t i = 0; i < 2; i++) {
        if (targets[i].values != NULL) {
            RowsCall columns = {.x = sums + i * r->C,
                                .rows = chunks,
                                .columns = 2 * r->C,
                                .accumulate = targets[i].accumulate,
                                .out = targets[i].values};
            vector_loops()->sum_rows(&columns, 0, r->C);
        }
    }
}

static double fast_cross_entropy(const LogitRows *r)
{
    parallel_for(r->rows, rows_of(DEAR_VALUES, r->V), vector_loops()->cross_entropy, &(LogitsCall){.r = r});
    double sum = 0;
    for (size_t row = 0; row < r->rows; row++) {
        bool counts = r->targets[row] != TARGET_IGNORED;
        sum += counts ? r->z[row] - (double)r->logits[row * r->V + (size_t)r->targets[row]] : 0;
    }
    return sum;
}

static void fast_cross_entropy_backward(const LogitRows *r, Real dy, bool accumulate, Real *dlogits)
{
    parallel_for(r->rows, rows_of(DEAR_VALUES, r->V), vector_loops()->cross_entropy_backward,
                 &(LogitsCall){.r = r, .dy = dy, .accumulate = accumulate, .dlogits = dlogits});
}

// ------------------------------------------------------------------------------------------------------------
// Random numbers: each word depends on earlier ones, so one thread makes the words; each number depends only on its own words

static void fast_random_words(uint32_t *x, size_t n)
{
    vector_loops()->random->words(x, n);
}

static void fast_random_uniform(const uint32_t *words, float from, float range, Real *out, size_t n)
{
    parallel_for(n, CHEAP_VALUES, vector_loops()->random->uniform, &(RandomCall){words, from, range, out});
}

static void fast_random_normal(const uint32_t *words, float mean, float std, Real *out, size_t n)
{
    parallel_for(n / RANDOM_NORMALS, DEAR_VALUES / RANDOM_NORMALS, vector_loops()->random->normal, &(RandomCall){words, mean, std, out});
}

// ------------------------------------------------------------------------------------------------------------
// Optimizers

enum { PARTIAL_SUMS = 64 }; // at a time

// The partial sums are those of chunks of one size, added up in their order: the same bits on any number of threads.
static double fast_sum_of_squares(const Real *x, size_t n)
{
    double sum = 0;
    const size_t batch = (size_t)PARTIAL_SUMS * SQUARES_CHUNK;
    for (size_t start = 0; start < n; start += batch) {
        double partial[PARTIAL_SUMS];
        size_t values = n - start < batch ? n - start : batch;
        size_t chunks = (values + SQUARES_CHUNK - 1) / SQUARES_CHUNK;
        parallel_for(chunks, 1, vector_loops()->squares, &(SquaresCall){.x = x + start, .n = values, .partial = partial});
        for (size_t i = 0; i < chunks; i++) {
            sum += partial[i];
        }
    }
    return sum;
}

static void fast_adamw(const AdamWFactors *f, const Real *grad, Real *m, Real *v, Real *p, size_t n)
{
    parallel_for(n, DEAR_VALUES, vector_loops()->adamw, &(AdamWCall){.factors = f, .grad = grad, .m = m, .v = v, .p = p});
}

#define FAST_ENTRY(type, name) .name = fast_##name,
const Kernels kernels_fast = {"fast", parallel_for, KERNELS(FAST_ENTRY)};

int kernels_threads(void)
{
    return kernels() == &kernels_plain ? 1 : parallel_threads();
}
