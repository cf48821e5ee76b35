// gemm.c: matrix products. oneDNN computes them, with code that it generates for this processor at run time; where there
// is no oneDNN, and as an example to read, blocked_gemm.

#include "tensor/fast/engine.h"

#include "tensor/fast/parallel.h"
#include "tensor/fast/vector/vector.h"
#include "tensor/unwind.h"

#include <string.h>

// ------------------------------------------------------------------------------------------------------------
// Our own: blocks of B that stay in the caches, times rows of A (tensor/vector/panel.h)

enum { K_BLOCK = 256, N_BLOCK = 256 }; // a block of B, 256 KB, stays in the second cache

typedef struct Product {
    bool transpose_a, transpose_b, accumulate;
    int M, N, K;
    const Real *A, *B;
    Real *C;
    size_t lda, ldb, ldc;
    const Real *bias;   // the initial value of each row of C, or NULL
    GradTarget sums;    // of A's columns, if wanted: A is transposed then
    bool by_rows;       // what is divided: rows of C, or columns
    LoopPart *multiply; // computes a part
} Product;

static Product product_of(bool transpose_a, bool transpose_b, int M, int N, int K, const Real *A, int lda, const Real *B, int ldb, bool accumulate,
                          Real *C, int ldc)
{
    return (Product){transpose_a, transpose_b, accumulate, M, N, K, A, B, C, (size_t)lda, (size_t)ldb, (size_t)ldc, .bias = NULL};
}

static int at_most(int value, int limit)
{
    return value < limit ? value : limit;
}

// Steps k ... k + depth - 1 of op(B), columns n ... n + columns - 1.
static void pack_block(const Product *c, int n, int columns, int k, int depth, Real *panels)
{
    if (c->transpose_b) {
        const Real *block = c->B + (size_t)n * c->ldb + (size_t)k;
        vector_loops()->pack_columns(block, c->ldb, (size_t)columns, (size_t)depth, panels);
    } else {
        const Real *block = c->B + (size_t)k * c->ldb + (size_t)n;
        vector_loops()->pack_rows(block, c->ldb, (size_t)depth, (size_t)columns, panels);
    }
}

static void multiply_part(const void *call, size_t start, size_t end)
{
    const Product *c = call;
    int m = c->by_rows ? (int)start : 0;
    int m_end = c->by_rows ? (int)end : c->M;
    int n_start = c->by_rows ? 0 : (int)start;
    int n_end = c->by_rows ? c->N : (int)end;
    size_t a_row = c->transpose_a ? 1 : c->lda;
    size_t a_column = c->transpose_a ? c->lda : 1;
    static _Thread_local Scratch room; // not on the stack: the system may refuse to let it grow
    size_t bytes = N_BLOCK * K_BLOCK * sizeof(Real) + 64;
    char *start_of_room = scratch_try(&room, bytes);
    if (start_of_room == NULL) {
        parallel_refuse(bytes, "a matrix product");
        return;
    }
    Real *panels = (Real *)(start_of_room + (64 - (uintptr_t)start_of_room % 64) % 64);

    for (int n = n_start; n < n_end; n += N_BLOCK) {
        int columns = at_most(n_end - n, N_BLOCK);
        for (int k = 0; k < c->K; k += K_BLOCK) {
            int depth = at_most(c->K - k, K_BLOCK);
            pack_block(c, n, columns, k, depth, panels);
            PanelProduct product = {
                .M = (size_t)(m_end - m),
                .N = (size_t)columns,
                .K = (size_t)depth,
                .A = c->A + (size_t)m * a_row + (size_t)k * a_column,
                .a_row = a_row,
                .a_column = a_column,
                .B = panels,
                .b_across = (size_t)depth,
                .C = c->C + (size_t)m * c->ldc + (size_t)n,
                .ldc = c->ldc,
                .accumulate = c->accumulate || k > 0,
            };
            vector_loops()->panel_product(&product);
        }
    }
}

// ------------------------------------------------------------------------------------------------------------
// Choosing how to compute a product

// Below this many multiplications packing, or a call of oneDNN (about 2 microseconds), costs more than it saves.
static const double SMALL_PRODUCT = 2048;

// A part of a shared product has at least this many: one thread needs some 4 microseconds for them.
static const double PART_PRODUCT = 2e5;

// Rows or columns of a part are a multiple of these, so that only the last has tiles that are not full.
enum { ROW_GRAIN = 16, COLUMN_GRAIN = 64 };

static void begin_with_bias(const Product *c, size_t start, size_t end)
{
    size_t row_start = c->by_rows ? start : 0;
    size_t row_end = c->by_rows ? end : (size_t)c->M;
    size_t column = c->by_rows ? 0 : start;
    size_t columns = c->by_rows ? (size_t)c->N : end - start;
    for (size_t row = row_start; row < row_end; row++) {
        memcpy(c->C + row * c->ldc + column, c->bias + column, columns * sizeof(Real));
    }
}

// C's rows are A's columns. Where columns of C are shared out, each part sums up as large a share of the rows.
static void sum_columns(const Product *c, size_t start, size_t end)
{
    size_t M = (size_t)c->M;
    size_t N = (size_t)c->N;
    RowsCall sums = {.x = c->A, .rows = (size_t)c->K, .columns = c->lda, .accumulate = c->sums.accumulate, .out = c->sums.values};
    vector_loops()->sum_rows(&sums, c->by_rows ? start : M * start / N, c->by_rows ? end : M * end / N);
}

// Work that belongs to a product (bias, its gradient) is done by the thread that computes the part, just before: its data is then in the
// cache, and threads need not synchronize for it.
static void prepare_part(const void *call, size_t start, size_t end)
{
    const Product *c = call;
    if (c->bias != NULL) {
        begin_with_bias(c, start, end);
    }
    if (c->sums.values != NULL) {
        sum_columns(c, start, end);
    }
}

static void product_part(const void *call, size_t start, size_t end)
{
    const Product *c = call;
    prepare_part(c, start, end);
    c->multiply(c, start, end);
}

// Divides the longer side of C: each thread computes some of its rows, or columns.
static void share_product(Product *c, LoopPart *part)
{
    c->by_rows = c->M > c->N;
    size_t n = (size_t)(c->by_rows ? c->M : c->N);
    size_t grain = c->by_rows ? ROW_GRAIN : COLUMN_GRAIN;
    double each = (double)c->M * c->N * c->K / (double)n; // multiplications a row, or a column
    size_t grains = (size_t)(PART_PRODUCT / each / (double)grain) + 1;
    parallel_for(n, grains * grain, part, c);
}

void blocked_gemm(bool transpose_a, bool transpose_b, int M, int N, int K, const Real *A, int lda, const Real *B, int ldb, bool accumulate, Real *C,
                  int ldc)
{
    Product c = product_of(transpose_a, transpose_b, M, N, K, A, lda, B, ldb, accumulate, C, ldc);
    share_product(&c, multiply_part);
}

#ifdef GPTAPE_ONEDNN

#include <dnnl.h>

// oneDNN's threads are GNU OpenMP's; a compiler without OpenMP lacks its header.
int omp_get_max_threads(void);
void omp_set_num_threads(int threads);

// One thread's share of a product, on this thread alone: oneDNN's own threading ends with all threads waiting for each
// other (see parallel.c).
static void onednn_part(const void *call, size_t start, size_t end)
{
    const Product *c = call;
    int M = c->by_rows ? (int)(end - start) : c->M;
    int N = c->by_rows ? c->N : (int)(end - start);
    const Real *A = c->by_rows ? c->A + start * (c->transpose_a ? 1 : c->lda) : c->A;
    const Real *B = c->by_rows ? c->B : c->B + start * (c->transpose_b ? c->ldb : 1);
    Real *C = c->C + start * (c->by_rows ? c->ldc : 1);
    char letter_a = c->transpose_a ? 'T' : 'N';
    char letter_b = c->transpose_b ? 'T' : 'N';
    Real beta = c->accumulate ? 1 : 0;

    int threads = omp_get_max_threads();
    omp_set_num_threads(1);
    unwind_hold(); // oneDNN must not be left by longjmp: it holds memory
    dnnl_status_t status = dnnl_sgemm(letter_a, letter_b, M, N, c->K, 1, A, (dnnl_dim_t)c->lda, B, (dnnl_dim_t)c->ldb, beta, C, (dnnl_dim_t)c->ldc);
    unwind_release();
    omp_set_num_threads(threads);
    if (status != dnnl_success) { // it was refused memory
        multiply_part(c, start, end);
    }
}

#endif

static void large_product(Product *c)
{
    c->multiply = multiply_part;
#ifdef GPTAPE_ONEDNN
    if (bf16_can_pay(c->M, c->N, c->K)) {
        share_product(c, prepare_part);
        if (!bf16_gemm(c->transpose_a, c->transpose_b, c->M, c->N, c->K, c->A, (int)c->lda, c->B, (int)c->ldb, c->accumulate, c->C, (int)c->ldc)) {
            share_product(c, multiply_part);
        }
        return;
    }
    c->multiply = guard_onednn_ready() ? onednn_part : multiply_part;
#endif
    share_product(c, product_part);
}

// ------------------------------------------------------------------------------------------------------------
// A matrix by a vector, limited by memory: most of the work of generating one token

// Values of the matrix that make waking a thread worthwhile: it reads them in about 10 microseconds.
static const size_t WORTH_A_THREAD = 1 << 15;

static void fast_matvec(int rows, int K, const Real *matrix, int ld, const Real *x, bool accumulate, Real *y)
{
    MatvecCall call = {.matrix = matrix, .K = (size_t)K, .ld = (size_t)ld, .x = x, .accumulate = accumulate, .y = y};
    size_t grain = (WORTH_A_THREAD / (size_t)K / MATVEC_ROWS + 1) * MATVEC_ROWS;
    parallel_for((size_t)rows, grain, vector_loops()->matvec, &call);
}

// ------------------------------------------------------------------------------------------------------------

static bool is_small(int M, int N, int K)
{
    return (double)M * N * K <= SMALL_PRODUCT;
}

void fast_gemm(bool transpose_a, bool transpose_b, int M, int N, int K, const Real *A, int lda, const Real *B, int ldb, bool accumulate, Real *C,
               int ldc)
{
    if (is_small(M, N, K)) {
        kernels_plain.gemm(transpose_a, transpose_b, M, N, K, A, lda, B, ldb, accumulate, C, ldc);
        return;
    }
    if (M == 1 && !transpose_a && transpose_b) {
        fast_matvec(N, K, B, ldb, A, accumulate, C);
        return;
    }
    Product c = product_of(transpose_a, transpose_b, M, N, K, A, lda, B, ldb, accumulate, C, ldc);
    large_product(&c);
}

void fast_linear(const LinearSizes *s, const Real *x, const Real *weight, const Real *bias, Real *y)
{
    if (is_small(s->M, s->N, s->K)) {
        kernels_plain.linear(s, x, weight, bias, y);
        return;
    }
    Product c = product_of(false, true, s->M, s->N, s->K, x, s->K, weight, s->K, bias != NULL, y, s->N);
    c.bias = bias;
    if (s->M > 1) {
        large_product(&c);
        return;
    }
    if (bias != NULL) {
        begin_with_bias(&c, 0, (size_t)s->N);
    }
    fast_matvec(s->N, s->K, weight, s->K, x, c.accumulate, y);
}

void fast_linear_backward(const LinearSizes *s, const Real *x, const Real *dy, GradTarget dweight, GradTarget dbias)
{
    if (is_small(s->M, s->N, s->K) || dweight.values == NULL) {
        kernels_plain.linear_backward(s, x, dy, dweight, dbias);
        return;
    }
    Product c = product_of(true, false, s->N, s->K, s->M, dy, s->N, x, s->K, dweight.accumulate, dweight.values, s->K);
    c.sums = dbias;
    large_product(&c);
}
