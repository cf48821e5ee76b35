// kernel_fast_gemm.c: matrix products. oneDNN makes them, which writes code for the machine's vectors while it runs; where there
// is no oneDNN, and to show how it is done, blocked_gemm.

#include "tensor/kernel_fast.h"

#include "tensor/parallel.h"
#include "tensor/vector/vector.h"

#include <string.h>

// ------------------------------------------------------------------------------------------------------------
// Our own: blocks that stay in the caches, of tiles that stay in the registers (tensor/vector/tile.h)

enum {
    K_BLOCK = 256,
    N_BLOCK = 256,                                 // a block of B, 256 KB, stays in the second cache
    M_BLOCK = 96,                                  // a block of A, 96 KB, too
    TILE_AT_MOST = 12 * 32                         // the largest tile of any kind
};

typedef struct Product {
    bool transpose_a, transpose_b, accumulate;
    int M, N, K;
    const Real *A, *B;
    Real *C;
    size_t lda, ldb, ldc;
    const Real *bias;                              // what each row of C is before the products are added to it, or NULL
    GradTarget sums;                               // of A's columns, if wanted: A is transposed then
    bool by_rows;                                  // what is shared out: rows of C, or columns
    LoopPart *multiply;                            // makes a part
} Product;

// Rows m ... m + rows - 1 of op(A), steps k ... k + depth - 1, in panels of as many rows as a tile has; missing rows are 0.
static void pack_a(const Product *c, int m, int rows, int k, int depth, int panel, Real *to)
{
    size_t row_step = c->transpose_a ? 1 : c->lda;
    size_t column_step = c->transpose_a ? c->lda : 1;
    for (int i0 = 0; i0 < rows; i0 += panel) {
        for (int p = 0; p < depth; p++) {
            for (int i = i0; i < i0 + panel; i++) {
                size_t at = (size_t)(m + i) * row_step + (size_t)(k + p) * column_step;
                *to = i < rows ? c->A[at] : 0;
                to++;
            }
        }
    }
}

static void pack_b(const Product *c, int n, int columns, int k, int depth, int panel, Real *to)
{
    size_t row_step = c->transpose_b ? 1 : c->ldb;
    size_t column_step = c->transpose_b ? c->ldb : 1;
    for (int j0 = 0; j0 < columns; j0 += panel) {
        for (int p = 0; p < depth; p++) {
            for (int j = j0; j < j0 + panel; j++) {
                size_t at = (size_t)(k + p) * row_step + (size_t)(n + j) * column_step;
                *to = j < columns ? c->B[at] : 0;
                to++;
            }
        }
    }
}

// Adds a tile to C, or stores it, at (m, n): the part of it that C has.
static void put_tile(const Product *c, int m, int n, int rows, int columns, int tile_columns, bool add, const Real *tile)
{
    for (int i = 0; i < rows; i++) {
        Real *row = c->C + (size_t)(m + i) * c->ldc + (size_t)n;
        for (int j = 0; j < columns; j++) {
            Real before = add ? row[j] : 0;
            row[j] = before + tile[i * tile_columns + j];
        }
    }
}

static int at_most(int value, int limit)
{
    return value < limit ? value : limit;
}

// Block (m, n) of C: the product of a packed block of A and one of B.
static void multiply_block(const Product *c, int m, int rows, int n, int columns, int depth, bool add, const Real *a,
                           const Real *b)
{
    const VectorLoops *loops = vector_loops();
    for (int j = 0; j < columns; j += loops->tile_columns) {
        for (int i = 0; i < rows; i += loops->tile_rows) {
            Real tile[TILE_AT_MOST];
            loops->tile(depth, a + (size_t)i * (size_t)depth, b + (size_t)j * (size_t)depth, tile);
            put_tile(c, m + i, n + j, at_most(rows - i, loops->tile_rows), at_most(columns - j, loops->tile_columns),
                     loops->tile_columns, add, tile);
        }
    }
}

static void multiply_part(const void *call, size_t start, size_t end)
{
    const Product *c = call;
    const VectorLoops *loops = vector_loops();
    int m_start = c->by_rows ? (int)start : 0;
    int m_end = c->by_rows ? (int)end : c->M;
    int n_start = c->by_rows ? 0 : (int)start;
    int n_end = c->by_rows ? c->N : (int)end;
    _Alignas(64) Real a[(M_BLOCK + 12) * K_BLOCK];
    _Alignas(64) Real b[(N_BLOCK + 32) * K_BLOCK];

    for (int n = n_start; n < n_end; n += N_BLOCK) {
        int columns = at_most(n_end - n, N_BLOCK);
        for (int k = 0; k < c->K; k += K_BLOCK) {
            int depth = at_most(c->K - k, K_BLOCK);
            pack_b(c, n, columns, k, depth, loops->tile_columns, b);
            for (int m = m_start; m < m_end; m += M_BLOCK) {
                int rows = at_most(m_end - m, M_BLOCK);
                pack_a(c, m, rows, k, depth, loops->tile_rows, a);
                multiply_block(c, m, rows, n, columns, depth, c->accumulate || k > 0, a, b);
            }
        }
    }
}

// ------------------------------------------------------------------------------------------------------------
// Who makes a product

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

// What goes along with a product is done by the thread that makes the part, just before: what it reads or writes is then in the
// cache, and threads need not meet for it.
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

// What is shared out is the longer side of C: each thread makes rows of it, or columns.
static void share_product(Product *c, LoopPart *part)
{
    c->by_rows = c->M > c->N;
    size_t n = (size_t)(c->by_rows ? c->M : c->N);
    size_t grain = c->by_rows ? ROW_GRAIN : COLUMN_GRAIN;
    double each = (double)c->M * c->N * c->K / (double)n;      // multiplications a row, or a column
    size_t grains = (size_t)(PART_PRODUCT / each / (double)grain) + 1;
    parallel_for(n, grains * grain, part, c);
}

void blocked_gemm(bool transpose_a, bool transpose_b, int M, int N, int K, const Real *A, int lda, const Real *B, int ldb,
                  bool accumulate, Real *C, int ldc)
{
    Product c = {.transpose_a = transpose_a, .transpose_b = transpose_b, .accumulate = accumulate, .M = M, .N = N, .K = K,
                 .A = A, .B = B, .C = C, .lda = (size_t)lda, .ldb = (size_t)ldb, .ldc = (size_t)ldc};
    share_product(&c, multiply_part);
}

#ifdef GPTAPE_ONEDNN

#include <dnnl.h>

// oneDNN's threads are GNU OpenMP's, whose header a compiler without them has not.
int omp_get_max_threads(void);
void omp_set_num_threads(int threads);

// One thread's share of a product, on this thread alone: oneDNN's own way of sharing ends with all threads waiting for each
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
    dnnl_status_t status = dnnl_sgemm(letter_a, letter_b, M, N, c->K, 1, A, (dnnl_dim_t)c->lda, B, (dnnl_dim_t)c->ldb, beta, C,
                                      (dnnl_dim_t)c->ldc);
    omp_set_num_threads(threads);
    if (status == dnnl_out_of_memory) {
        fail_memory(sizeof(Real) * (size_t)M * (size_t)N, "a matrix product");
    }
    if (status != dnnl_success) {
        fail_mistake(HERE, "dnnl_sgemm refused (%d, %d) x (%d, %d): status %d", M, c->K, c->K, N, (int)status);
    }
}

static void large_product(Product *c)
{
    if (bf16_can_pay(c->M, c->N, c->K)) {
        share_product(c, prepare_part);
        bf16_gemm(c->transpose_a, c->transpose_b, c->M, c->N, c->K, c->A, (int)c->lda, c->B, (int)c->ldb, c->accumulate, c->C,
                  (int)c->ldc);
        return;
    }
    c->multiply = onednn_part;
    share_product(c, product_part);
}

bool kernels_have_onednn(void)
{
    return true;
}

#else

static void large_product(Product *c)
{
    c->multiply = multiply_part;
    share_product(c, product_part);
}

bool kernels_have_onednn(void)
{
    return false;
}

#endif

// ------------------------------------------------------------------------------------------------------------
// A matrix by a vector, where memory sets the pace: generating one token is little else

// Values of the matrix that are worth waking a thread for: it reads them in about 10 microseconds.
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

void fast_gemm(bool transpose_a, bool transpose_b, int M, int N, int K, const Real *A, int lda, const Real *B, int ldb,
               bool accumulate, Real *C, int ldc)
{
    if (is_small(M, N, K)) {
        kernels_plain.gemm(transpose_a, transpose_b, M, N, K, A, lda, B, ldb, accumulate, C, ldc);
        return;
    }
    if (M == 1 && !transpose_a && transpose_b) {
        fast_matvec(N, K, B, ldb, A, accumulate, C);
        return;
    }
    Product c = {.transpose_a = transpose_a, .transpose_b = transpose_b, .accumulate = accumulate, .M = M, .N = N, .K = K,
                 .A = A, .B = B, .C = C, .lda = (size_t)lda, .ldb = (size_t)ldb, .ldc = (size_t)ldc};
    large_product(&c);
}

void fast_linear(const LinearSizes *s, const Real *x, const Real *weight, const Real *bias, Real *y)
{
    if (is_small(s->M, s->N, s->K)) {
        kernels_plain.linear(s, x, weight, bias, y);
        return;
    }
    Product c = {.transpose_b = true, .accumulate = bias != NULL, .M = s->M, .N = s->N, .K = s->K,
                 .A = x, .B = weight, .C = y, .lda = (size_t)s->K, .ldb = (size_t)s->K, .ldc = (size_t)s->N, .bias = bias};
    if (s->M > 1) {
        large_product(&c);
        return;
    }
    if (bias != NULL) {
        begin_with_bias(&c, 0, (size_t)s->N);
    }
    fast_matvec(s->N, s->K, weight, s->K, x, c.accumulate, y);
}

void fast_linear_dweight(const LinearSizes *s, const Real *x, const Real *dy, GradTarget dweight, GradTarget dbias)
{
    if (is_small(s->M, s->N, s->K) || dweight.values == NULL) {
        kernels_plain.linear_dweight(s, x, dy, dweight, dbias);
        return;
    }
    Product c = {.transpose_a = true, .accumulate = dweight.accumulate, .M = s->N, .N = s->K, .K = s->M,
                 .A = dy, .B = x, .C = dweight.values, .lda = (size_t)s->N, .ldb = (size_t)s->K, .ldc = (size_t)s->K,
                 .sums = dbias};
    large_product(&c);
}
