// bf16.c: matrix products of numbers rounded to bfloat16: the upper half of a float, with its range and 8 bits of
// mantissa. Products of two and their sums are float32 again, as C is; only A and B lose digits, about 2^-9 of each value.
//
// oneDNN's matmul makes the product, by an instruction that multiplies and adds 32 pairs instead of 16. It is a primitive: code
// generated for one shape, which takes milliseconds, so each shape's is cached. Whether that is faster depends on the processor: some
// execute the instruction as often as a float32 multiply-add, and gain; some a quarter as often, and lose. gptape bench measures it.

#include "tensor/fast/engine.h"
#include "tensor/fast/fast.h"

#ifdef GPTAPE_ONEDNN

#include "tensor/fast/parallel.h"
#include "tensor/fast/vector/vector.h"
#include "tensor/unwind.h"

#include <dnnl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static atomic_bool chosen; // bf16 is selected

bool kernels_set_precision(Precision precision)
{
    bool can = false;
#ifdef __x86_64__
    can = __builtin_cpu_supports("avx512bf16");
#endif
    if (precision == PRECISION_F64 || (precision == PRECISION_BF16 && (!can || kernels() != &kernels_fast))) {
        return false;
    }
    chosen = precision == PRECISION_BF16;
    return true;
}

Precision kernels_precision(void)
{
    return chosen ? PRECISION_BF16 : PRECISION_F32;
}

// ------------------------------------------------------------------------------------------------------------
// One primitive per shape

typedef struct Shaped {
    int transpose_a, transpose_b, accumulate; // int, not bool: memcmp compares shapes, so they must not have padding
    int M, N, K;
    int threads;
} Shaped;

typedef struct Matmul {
    Shaped shape;
    dnnl_primitive_t primitive;
    dnnl_memory_t a, b, c;
    bool complete;
    struct Matmul *next;
} Matmul;

// Each computing thread has its own: memory objects get the address of their data before each use.
static _Thread_local Matmul *matmuls;
static _Thread_local dnnl_engine_t engine;
static _Thread_local dnnl_stream_t stream;

// (rows, columns), or where transposed stored as (columns, rows).
static bool matrix(dnnl_memory_desc_t *desc, dnnl_data_type_t type, int rows, int columns, bool transposed)
{
    dnnl_dims_t sizes = {rows, columns};
    dnnl_dims_t strides = {transposed ? 1 : columns, transposed ? rows : 1};
    return dnnl_memory_desc_init_by_strides(desc, 2, sizes, type, strides) == dnnl_success;
}

static bool attributes(dnnl_primitive_attr_t *attr, bool accumulate)
{
    if (dnnl_primitive_attr_create(attr) != dnnl_success) {
        return false;
    }
    dnnl_post_ops_t ops;
    if (!accumulate) {
        return true;
    }
    if (dnnl_post_ops_create(&ops) != dnnl_success) {
        return false;
    }
    bool done = dnnl_post_ops_append_sum(ops, 1) == dnnl_success && dnnl_primitive_attr_set_post_ops(*attr, ops) == dnnl_success;
    dnnl_post_ops_destroy(ops);
    return done;
}

// If oneDNN is refused memory, what it has made so far is lost: it is not called again.
static void create_guarded(void *context)
{
    Matmul *matmul = context;
    const Shaped *s = &matmul->shape;
    dnnl_memory_desc_t a, b, c;
    dnnl_matmul_desc_t desc;
    dnnl_primitive_attr_t attr;
    dnnl_primitive_desc_t details;
    if (stream == NULL
        && (dnnl_engine_create(&engine, dnnl_cpu, 0) != dnnl_success
            || dnnl_stream_create(&stream, engine, dnnl_stream_default_flags) != dnnl_success)) {
        return;
    }
    if (!matrix(&a, dnnl_bf16, s->M, s->K, s->transpose_a) || !matrix(&b, dnnl_bf16, s->K, s->N, s->transpose_b)
        || !matrix(&c, dnnl_f32, s->M, s->N, false) || !attributes(&attr, s->accumulate)
        || dnnl_matmul_desc_init(&desc, &a, &b, NULL, &c) != dnnl_success
        || dnnl_primitive_desc_create(&details, &desc, attr, engine, NULL) != dnnl_success
        || dnnl_primitive_create(&matmul->primitive, details) != dnnl_success
        || dnnl_memory_create(&matmul->a, &a, engine, DNNL_MEMORY_NONE) != dnnl_success
        || dnnl_memory_create(&matmul->b, &b, engine, DNNL_MEMORY_NONE) != dnnl_success
        || dnnl_memory_create(&matmul->c, &c, engine, DNNL_MEMORY_NONE) != dnnl_success) {
        return;
    }
    dnnl_primitive_desc_destroy(details);
    dnnl_primitive_attr_destroy(attr);
    matmul->complete = true;
}

// NULL if oneDNN is refused memory.
static Matmul *create(const Shaped *s)
{
    Matmul *matmul = memory_allocate_zeroed(1, sizeof *matmul, "a matrix product");
    matmul->shape = *s;
    if (!guard_call(create_guarded, matmul) || !matmul->complete) {
        free(matmul);
        return NULL;
    }
    matmul->next = matmuls;
    matmuls = matmul;
    return matmul;
}

static Matmul *matmul_for(const Shaped *shape)
{
    for (Matmul *matmul = matmuls; matmul != NULL; matmul = matmul->next) {
        if (memcmp(&matmul->shape, shape, sizeof *shape) == 0) {
            return matmul;
        }
    }
    return create(shape);
}

// ------------------------------------------------------------------------------------------------------------
// Rounding

static _Thread_local Scratch rounded_a;
static _Thread_local Scratch rounded_b;

static uint16_t *round_matrix(Scratch *rounded, const Real *x, size_t n)
{
    enum { GRAIN = 1 << 15 };
    uint16_t *values = scratch_of(rounded, n * sizeof *values, "a bf16 matrix product");
    parallel_for(n, GRAIN, vector_loops()->round, &(RoundCall){x, values});
    return values;
}

// ------------------------------------------------------------------------------------------------------------

// The cost of rounding grows with the matrices, the gain with the product. Rounding a number takes about as long as a few
// dozen multiplications: with fewer multiplications per number there is no gain.
static const double LEAST_PRODUCT = 16e6; // multiplications
static const double LEAST_REUSE = 48;     // multiplications a number

bool bf16_can_pay(const Gemm *g)
{
    double product = (double)g->M * g->N * g->K;
    double numbers = (double)g->M * g->K + (double)g->K * g->N;
    return chosen && product >= LEAST_PRODUCT && product >= LEAST_REUSE * numbers;
}

bool bf16_gemm(const Gemm *g)
{
    Shaped shape = {g->transpose_a, g->transpose_b, g->accumulate, g->M, g->N, g->K, parallel_threads()};
    uint16_t *a = round_matrix(&rounded_a, g->A, (size_t)g->M * (size_t)g->K);
    uint16_t *b = round_matrix(&rounded_b, g->B, (size_t)g->K * (size_t)g->N);
    omp_set_num_threads(shape.threads);
    Matmul *matmul = matmul_for(&shape);
    if (matmul == NULL || dnnl_memory_set_data_handle(matmul->a, a) != dnnl_success || dnnl_memory_set_data_handle(matmul->b, b) != dnnl_success
        || dnnl_memory_set_data_handle(matmul->c, g->C) != dnnl_success) {
        return false;
    }
    const dnnl_exec_arg_t arguments[] = {
        {DNNL_ARG_SRC, matmul->a},
        {DNNL_ARG_WEIGHTS, matmul->b},
        {DNNL_ARG_DST, matmul->c},
    };
    unwind_hold();
    bool done = dnnl_primitive_execute(matmul->primitive, stream, 3, arguments) == dnnl_success && dnnl_stream_wait(stream) == dnnl_success;
    unwind_release();
    return done;
}

#endif
