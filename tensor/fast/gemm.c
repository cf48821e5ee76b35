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
    Gemm g;             // one product
    size_t lda, ldb;    // the lengths of the rows of A and B
    const Real *bias;   // the initial value of each row of C, or NULL
    GradTarget sums;    // of A's columns, if wanted: A is transposed then
    bool by_rows;       // what is divided: rows of C, or columns
    LoopPart *multiply; // computes a part
} Product;

static Product product_of(const Gemm *g)
{
    return (Product){.g = *g, .lda = (size_t)(g->transpose_a ? g->M : g->K), .ldb = (size_t)(g->transpose_b ? g->K : g->N)};
}

static int at_most(int value, int limit)
{
    return value < limit ? value : limit;
}

// Steps k ... k + depth - 1 of op(B), columns n ... n + columns - 1.
static void pack_block(const Product *c, int n, int columns, int k, int depth, Real *panels)
{
    if (c->g.transpose_b) {
        const Real *block = c->g.B + (size_t)n * c->ldb + (size_t)k;
        vector_loops()->pack_columns(block, c->ldb, (size_t)columns, (size_t)depth, panels);
    } else {
        const Real *block = c->g.B + (size_t)k * c->ldb + (size_t)n;
        vector_loops()->pack_rows(block, c->ldb, (size_t)depth, (size_t)columns, panels);
    }
}

static void multiply_part(const void *call, size_t start, size_t end)
{
    const Product *c = call;
    const Gemm *g = &c->g;
    int m = c->by_rows ? (int)start : 0;
    int m_end = c->by_rows ? (int)end : g->M;
    int n_start = c->by_rows ? 0 : (int)start;
    int n_end = c->by_rows ? g->N : (int)end;
    size_t a_row = g->transpose_a ? 1 : c->lda;
    size_t a_column = g->transpose_a ? c->lda : 1;
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
        for (int k = 0; k < g->K; k += K_BLOCK) {
            int depth = at_most(g->K - k, K_BLOCK);
            pack_block(c, n, columns, k, depth, panels);
            PanelProduct product = {
                .M = (size_t)(m_end - m),
                .N = (size_t)columns,
                .K = (size_t)depth,
                .A = g->A + (size_t)m * a_row + (size_t)k * a_column,
                .a_row = a_row,
                .a_column = a_column,
                .B = panels,
                .b_across = (size_t)depth,
                .C = g->C + (size_t)m * (size_t)g->N + (size_t)n,
                .ldc = (size_t)g->N,
                .accumulate = g->accumulate || k > 0,
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

// So has a part of a batch of products.
static const double BATCH_PART = 1 << 18;

// Rows or columns of a part are a multiple of these, so that only the last has tiles that are not full.
enum { ROW_GRAIN = 16, COLUMN_GRAIN = 64 };

static void begin_with_bias(const Product *c, size_t start, size_t end)
{
    size_t N = (size_t)c->g.N;
    size_t row_start = c->by_rows ? start : 0;
    size_t row_end = c->by_rows ? end : (size_t)c->g.M;
    size_t column = c->by_rows ? 0 : start;
    size_t columns = c->by_rows ? N : end - start;
    for (size_t row = row_start; row < row_end; row++) {
        memcpy(c->g.C + row * N + column, c->bias + column, columns * sizeof(Real));
    }
}

// C's rows are A's columns. If it is the columns of C that are divided, each part sums the same share of the rows.
static void sum_columns(const Product *c, size_t start, size_t end)
{
    size_t M = (size_t)c->g.M;
    size_t N = (size_t)c->g.N;
    RowsCall sums = {.x = c->g.A, .rows = (size_t)c->g.K, .columns = c->lda, .accumulate = c->sums.accumulate, .out = c->sums.values};
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
    c->by_rows = c->g.M > c->g.N;
    size_t n = (size_t)(c->by_rows ? c->g.M : c->g.N);
    size_t grain = c->by_rows ? ROW_GRAIN : COLUMN_GRAIN;
    double each = (double)c->g.M * c->g.N * c->g.K / (double)n; // multiplications a row, or a column
    size_t grains = (size_t)(PART_PRODUCT / each / (double)grain) + 1;
    parallel_for(n, grains * grain, part, c);
}

void blocked_gemm(const Gemm *g)
{
    Product c = product_of(g);
    share_product(&c, multiply_part);
}

#ifdef GPTAPE_ONEDNN

#include <dnnl.h>

// One thread's share of a product, on this thread alone: oneDNN's own threading ends with all threads waiting for each
// other (see parallel.c).
static void onednn_part(const void *call, size_t start, size_t end)
{
    const Product *c = call;
    const Gemm *g = &c->g;
    int M = c->by_rows ? (int)(end - start) : g->M;
    int N = c->by_rows ? g->N : (int)(end - start);
    const Real *A = c->by_rows ? g->A + start * (g->transpose_a ? 1 : c->lda) : g->A;
    const Real *B = c->by_rows ? g->B : g->B + start * (g->transpose_b ? c->ldb : 1);
    Real *C = g->C + start * (c->by_rows ? (size_t)g->N : 1);
    char letter_a = g->transpose_a ? 'T' : 'N';
    char letter_b = g->transpose_b ? 'T' : 'N';
    Real beta = g->accumulate ? 1 : 0;

    int threads = omp_get_max_threads();
    omp_set_num_threads(1);
    unwind_hold(); // oneDNN must not be left by longjmp: it holds memory
    dnnl_status_t status = dnnl_sgemm(letter_a, letter_b, M, N, g->K, 1, A, (dnnl_dim_t)c->lda, B, (dnnl_dim_t)c->ldb, beta, C, g->N);
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
    if (bf16_can_pay(&c->g)) {
        share_product(c, prepare_part);
        if (!bf16_gemm(&c->g)) {
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

// A is one row, and B is transposed.
static void fast_matvec(const Gemm *g)
{
    MatvecCall call = {.matrix = g->B, .K = (size_t)g->K, .x = g->A, .accumulate = g->accumulate, .y = g->C};
    size_t grain = (WORTH_A_THREAD / (size_t)g->K / MATVEC_ROWS + 1) * MATVEC_ROWS;
    parallel_for((size_t)g->N, grain, vector_loops()->matvec, &call);
}

// ------------------------------------------------------------------------------------------------------------

static bool is_small(int M, int N, int K)
{
    return (double)M * N * K <= SMALL_PRODUCT;
}

static void multiply_one(const Gemm *g)
{
    if (is_small(g->M, g->N, g->K)) {
        kernels_plain.gemm(g);
    } else if (g->M == 1 && !g->transpose_a && g->transpose_b) {
        fast_matvec(g);
    } else {
        Product c = product_of(g);
        large_product(&c);
    }
}

static void multiply_some(const void *call, size_t start, size_t end)
{
    for (size_t i = start; i < end; i++) {
        Gemm item = gemm_item(call, i);
        multiply_one(&item);
    }
}

// Distributes the products over the threads; products that add to the same matrix run in sequence, each on all threads.
void fast_gemm(const Gemm *g)
{
    double one = (double)g->M * g->N * g->K;
    if (g->count == 1 || g->c_step == 0) {
        multiply_some(g, 0, g->count);
    } else {
        parallel_for(g->count, (size_t)(BATCH_PART / one) + 1, multiply_some, g);
    }
}

void fast_linear(const LinearSizes *s, const Real *x, const Real *weight, const Real *bias, Real *y)
{
    if (is_small(s->M, s->N, s->K)) {
        kernels_plain.linear(s, x, weight, bias, y);
        return;
    }
    Product c = product_of(&(Gemm){false, true, bias != NULL, s->M, s->N, s->K, x, weight, y, .count = 1});
    c.bias = bias;
    if (s->M > 1) {
        large_product(&c);
        return;
    }
    if (bias != NULL) {
        begin_with_bias(&c, 0, (size_t)s->N);
    }
    fast_matvec(&c.g);
}

void fast_linear_backward(const LinearSizes *s, const Real *x, const Real *dy, GradTarget dweight, GradTarget dbias)
{
    if (is_small(s->M, s->N, s->K) || dweight.values == NULL) {
        kernels_plain.linear_backward(s, x, dy, dweight, dbias);
        return;
    }
    Product c = product_of(&(Gemm){true, false, dweight.accumulate, s->N, s->K, s->M, dy, x, dweight.values, .count = 1});
    c.sums = dbias;
    large_product(&c);
}
