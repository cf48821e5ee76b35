// test_fast.c: each fast kernel computes what its textbook version does, for every kind of vector that this processor has, on
// one thread and on two, for sizes that fill vectors, tiles and shares, and sizes that leave something over.
//
// Tolerances are in units of float32's rounding, 2^-24, relative to the largest value expected. Sums in another order, and
// multiplications fused with additions, differ by up to a unit for each term.

#include "tensor/fast/engine.h"
#include "tensor/fast/fast.h"
#include "tensor/fast/parallel.h"
#include "tensor/fast/vector/vector.h"
#include "tests/support/kernels.h"
#include "tests/support/near.h"
#include "tests/support/suite.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const kinds[] = {"baseline", "avx2", "avx512"};

// A test's number says which kind of vector, and 1 or 2 threads.
enum { CASES = 2 * sizeof kinds / sizeof kinds[0] };

static bool choose(int number, const char *function)
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

// Up to more than what two threads share.
static const size_t sizes[] = {1, 2, 7, 15, 16, 17, 33, 100, 255, 1031, 9001, 70001};

enum { SIZES = sizeof sizes / sizeof sizes[0] };

static Random source = {.next = 0};

static float *values(size_t n)
{
    float *made = memory_allocate(n * sizeof *made, "a test");
    random_normal(&source, made, n, 0.0, 1.0);
    return made;
}

static float *copy_of(const float *original, size_t n)
{
    float *copy = memory_allocate(n * sizeof *copy, "a test");
    memcpy(copy, original, n * sizeof *copy);
    return copy;
}

// Where nothing is to be added to, a result's old contents must not be read.
static void spoil(float *results, size_t n, bool accumulate)
{
    for (size_t i = 0; !accumulate && i < n; i++) {
        results[i] = NAN;
    }
}

static void assert_near_plain(const char *what, const float *got, const float *expected, size_t n, double units)
{
    double *wanted = memory_allocate(n * sizeof *wanted, "a test");
    for (size_t i = 0; i < n; i++) {
        wanted[i] = (double)expected[i];
    }
    assert_values_near(what, got, wanted, n, units * FLOAT_UNIT);
    free(wanted);
}

// ------------------------------------------------------------------------------------------------------------
// Value by value

START_TEST(sums_copies_and_multiples_are_the_same)
{
    if (!choose(_i, __func__)) {
        return;
    }
    random_seed(&source, 1);
    for (int i = 0; i < SIZES; i++) {
        size_t n = sizes[i];
        float *a = values(n);
        float *b = values(n);
        float *expected = values(n);
        float *got = copy_of(expected, n);
        plain->add(a, b, expected, n);
        fast->add(a, b, got, n);
        assert_same_values("add", got, expected, n);
        for (int accumulate = 0; accumulate <= 1; accumulate++) {
            spoil(got, n, accumulate);
            plain->copy(a, accumulate, expected, n);
            fast->copy(a, accumulate, got, n);
            assert_same_values("pass", got, expected, n);
        }
        plain->scale(0.3f, expected, n);
        fast->scale(0.3f, got, n);
        assert_same_values("scale", got, expected, n);
        free(a);
        free(b);
        free(expected);
        free(got);
    }
}
END_TEST

// tanh is off by up to 3 units in both; gelu'(x) multiplies that by up to |x| du/dx, 6 where tanh still bends.
START_TEST(tanh_and_gelu_are_the_same)
{
    if (!choose(_i, __func__)) {
        return;
    }
    random_seed(&source, 2);
    for (int i = 0; i < SIZES; i++) {
        size_t n = sizes[i];
        float *x = values(n);
        float *dy = values(n);
        for (size_t k = 0; k < n; k++) {
            x[k] *= 3;
        }
        float *expected = values(n);
        float *got = copy_of(expected, n);
        plain->tanh(x, expected, n);
        fast->tanh(x, got, n);
        assert_near_plain("tanh", got, expected, n, 6);
        plain->gelu(x, expected, n);
        fast->gelu(x, got, n);
        assert_near_plain("gelu", got, expected, n, 8);
        for (int accumulate = 0; accumulate <= 1; accumulate++) {
            spoil(got, n, accumulate);
            plain->gelu_backward(x, dy, accumulate, expected, n);
            fast->gelu_backward(x, dy, accumulate, got, n);
            assert_near_plain("gelu_backward", got, expected, n, 40);
        }
        free(x);
        free(dy);
        free(expected);
        free(got);
    }
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Rows

typedef struct Matrix {
    size_t rows, columns;
} Matrix;

static const Matrix matrices[] = {{1, 1}, {1, 17}, {3, 5}, {5, 64}, {7, 129}, {33, 31}, {300, 65}, {64, 768}, {9, 5003}};

enum { MATRICES = sizeof matrices / sizeof matrices[0] };

// exp is off by up to 3 units in both, the sum, in double, by as much; backward's own sum is of products rounded before.
START_TEST(softmax_is_the_same)
{
    if (!choose(_i, __func__)) {
        return;
    }
    random_seed(&source, 4);
    for (int i = 0; i < MATRICES; i++) {
        Matrix m = matrices[i];
        size_t n = m.rows * m.columns;
        float *x = values(n);
        float *dy = values(n);
        x[n / 2] = m.columns > 1 ? -INFINITY : 0; // as the causal mask has it
        float *y = values(n);
        float *got = values(n);
        plain->softmax(x, m.rows, m.columns, y);
        fast->softmax(x, m.rows, m.columns, got);
        assert_near_plain("softmax", got, y, n, 12);
        float *expected = values(n);
        memcpy(got, expected, n * sizeof *got);
        for (int accumulate = 0; accumulate <= 1; accumulate++) {
            spoil(got, n, accumulate);
            plain->softmax_backward(y, dy, m.rows, m.columns, accumulate, expected);
            fast->softmax_backward(y, dy, m.rows, m.columns, accumulate, got);
            assert_near_plain("softmax_backward", got, expected, n, 8);
        }
        free(x);
        free(dy);
        free(y);
        free(got);
        free(expected);
    }
}
END_TEST

// With the three gradients, or those of them that are wanted, in one array. What is not wanted must not change.
static LayernormGrads layernorm_grads(const LayernormRows *rows, int wanted, bool accumulate, float *values)
{
    float *dweight = values + rows->rows * rows->C;
    return (LayernormGrads){
        .dx = {wanted & 1 ? values : NULL, accumulate},
        .dweight = {wanted & 2 ? dweight : NULL, accumulate},
        .dbias = {wanted & 4 ? dweight + rows->C : NULL, accumulate},
    };
}

static void check_layernorm_backward(const LayernormRows *rows, const RowStats *stats, const float *dy, int wanted, float *expected, float *got)
{
    size_t n = rows->rows * rows->C;
    for (int accumulate = 0; accumulate <= 1; accumulate++) {
        LayernormGrads expected_grads = layernorm_grads(rows, wanted, accumulate, expected);
        LayernormGrads got_grads = layernorm_grads(rows, wanted, accumulate, got);
        spoil(got, wanted & 1 ? n : 0, accumulate);
        spoil(got + n, wanted & 2 ? rows->C : 0, accumulate);
        spoil(got + n + rows->C, wanted & 4 ? rows->C : 0, accumulate);
        plain->layernorm_backward(rows, stats, dy, &expected_grads);
        fast->layernorm_backward(rows, stats, dy, &got_grads);
        assert_near_plain("layernorm_backward's dx", got, expected, n, 4);
        assert_near_plain("layernorm_backward's sums", got + n, expected + n, 2 * rows->C, 2 + 2 * (double)rows->rows);
    }
}

// Statistics are sums in double, the same but for double's rounding; y's n, made in float, is off by 2 units, and dweight sums
// a term for each row. Every other matrix has a mean of a hundred deviations, which a mean in
// one float would not take away to the last digit.
START_TEST(layernorm_is_the_same)
{
    if (!choose(_i, __func__)) {
        return;
    }
    random_seed(&source, 5);
    for (int i = 0; i < MATRICES; i++) {
        Matrix m = matrices[i];
        size_t n = m.rows * m.columns;
        float *x = values(n);
        for (size_t k = 0; i % 2 == 1 && k < n; k++) {
            x[k] += 100;
        }
        float *dy = values(n);
        float *weight = values(m.columns);
        float *bias = values(m.columns);
        float *expected = values(n + 2 * m.columns); // y or dx, dweight, dbias
        float *got = copy_of(expected, n + 2 * m.columns);
        RowStats *stats = memory_allocate(m.rows * sizeof *stats, "a test");
        LayernormRows rows = {x, weight, m.rows, m.columns};
        plain->layernorm(&rows, bias, 1e-5, stats, expected);
        fast->layernorm(&rows, bias, 1e-5, stats, got);
        assert_near_plain("layernorm", got, expected, n, 4);
        memcpy(got, expected, n * sizeof *got);
        for (int wanted = 1; wanted < 8; wanted++) {
            check_layernorm_backward(&rows, stats, dy, wanted, expected, got);
        }
        free(x);
        free(dy);
        free(weight);
        free(bias);
        free(expected);
        free(got);
        free(stats);
    }
}
END_TEST

START_TEST(cross_entropy_is_the_same)
{
    if (!choose(_i, __func__)) {
        return;
    }
    random_seed(&source, 6);
    for (int i = 0; i < MATRICES; i++) {
        Matrix m = matrices[i];
        size_t n = m.rows * m.columns;
        float *x = values(n);
        for (size_t k = 0; i % 2 == 1 && k < n; k++) {
            x[k] += 1000; // z, of that size, in one float would lose the digits that count
        }
        int *targets = memory_allocate(m.rows * sizeof *targets, "a test");
        for (size_t row = 0; row < m.rows; row++) {
            targets[row] = row % 5 == 3 ? TARGET_IGNORED : (int)((row * 7) % m.columns);
        }
        double *z = memory_allocate(2 * m.rows * sizeof *z, "a test");
        LogitRows expected_rows = {x, targets, z, m.rows, m.columns};
        LogitRows got_rows = {x, targets, z + m.rows, m.rows, m.columns};
        double sum = plain->cross_entropy(&expected_rows);
        assert_near("cross_entropy", fast->cross_entropy(&got_rows), sum, 8 * FLOAT_UNIT * (double)m.rows);
        for (size_t row = 0; row < m.rows; row++) {
            if (targets[row] != TARGET_IGNORED) {
                assert_near("z", z[m.rows + row], z[row], 8 * FLOAT_UNIT);
            }
        }
        float *expected = values(n);
        float *got = copy_of(expected, n);
        for (int accumulate = 0; accumulate <= 1; accumulate++) {
            spoil(got, n, accumulate);
            plain->cross_entropy_backward(&expected_rows, 0.7f, accumulate, expected);
            fast->cross_entropy_backward(&expected_rows, 0.7f, accumulate, got);
            assert_near_plain("cross_entropy_backward", got, expected, n, 12);
        }
        free(x);
        free(targets);
        free(z);
        free(expected);
        free(got);
    }
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Attention: within a tile of 64 queries by 256 keys, at its borders, and past them

static const AttentionSizes attentions[] = {
    {.B = 1, .T = 1, .n_head = 1, .D = 1},   {.B = 2, .T = 5, .n_head = 3, .D = 3},   {.B = 1, .T = 63, .n_head = 2, .D = 8},
    {.B = 1, .T = 64, .n_head = 2, .D = 17}, {.B = 2, .T = 65, .n_head = 1, .D = 32}, {.B = 1, .T = 130, .n_head = 3, .D = 16},
    {.B = 1, .T = 257, .n_head = 2, .D = 4}, {.B = 1, .T = 520, .n_head = 1, .D = 8},
};

enum { ATTENTIONS = sizeof attentions / sizeof attentions[0] };

// Sums of up to T terms, of weights that are exp of sums of D terms; backward's go through two more sums.
static void check_attention(AttentionSizes s)
{
    s.C = s.n_head * s.D;
    s.scale = 1 / sqrtf((float)s.D);
    size_t n = s.B * s.T * s.C;
    size_t rows = s.B * s.n_head * s.T;
    float *qkv = values(3 * n);
    float *dy = values(n);
    float *y = values(n);
    float *y_got = values(n);
    double *z = memory_allocate(2 * rows * sizeof *z, "a test");
    float *weights = values(2 * s.T);
    plain->attention(&s, qkv, weights, z, y);
    fast->attention(&s, qkv, NULL, z + rows, y_got);
    double units = 16 + (double)s.D + (double)s.T / 4;
    assert_near_plain("attention", y_got, y, n, units);
    for (size_t i = 0; i < rows; i++) {
        assert_near("z", z[rows + i], z[i], units * FLOAT_UNIT);
    }
    float *dqkv = values(3 * n);
    float *dqkv_got = copy_of(dqkv, 3 * n);
    for (int accumulate = 0; accumulate <= 1; accumulate++) {
        spoil(dqkv_got, 3 * n, accumulate);
        plain->attention_backward(&s, qkv, z, y, dy, weights, accumulate, dqkv);
        fast->attention_backward(&s, qkv, z, y, dy, NULL, accumulate, dqkv_got);
        assert_near_plain("attention_backward", dqkv_got, dqkv, 3 * n, 2 * units);
    }
    free(qkv);
    free(dy);
    free(y);
    free(y_got);
    free(z);
    free(weights);
    free(dqkv);
    free(dqkv_got);
}

START_TEST(attention_is_the_same)
{
    if (!choose(_i, __func__)) {
        return;
    }
    random_seed(&source, 7);
    for (int i = 0; i < ATTENTIONS; i++) {
        AttentionSizes s = attentions[i];
        check_attention(s);
        s.causal = true;
        check_attention(s);
    }
}
END_TEST

// Scores of some hundreds, in growing order: each tile's largest is larger than all before it, and exp(100) would not do.
START_TEST(attention_with_large_scores_is_finite)
{
    enum { T = 600 };
    if (!choose(_i, __func__)) {
        return;
    }
    AttentionSizes s = {.B = 1, .T = T, .C = 1, .n_head = 1, .D = 1, .causal = false, .scale = 1};
    float qkv[3 * T];
    float y[T];
    double z[T];
    for (int t = 0; t < T; t++) {
        qkv[3 * t] = 1;
        qkv[3 * t + 1] = (float)t;
        qkv[3 * t + 2] = t == T - 1 ? 5 : 0;
    }
    fast->attention(&s, qkv, NULL, z, y);
    // weights are e^-(T - 1 - t): the last position's is 1 - 1/e of all
    assert_near("y", (double)y[0], 5 * (1 - exp(-1)), 1e-5);
    assert_near("z", z[0], T - 1 - log(1 - exp(-1)), 1e-6);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Optimizers

START_TEST(the_sum_of_squares_is_the_same)
{
    if (!choose(_i, __func__)) {
        return;
    }
    random_seed(&source, 8);
    const size_t longest = 64 * (size_t)SQUARES_CHUNK + 12345;
    float *x = values(longest);
    for (int i = 0; i <= SIZES; i++) {
        size_t n = i < SIZES ? sizes[i] : longest;
        double expected = plain->sum_of_squares(x, n);
        assert_near("sum_of_squares", fast->sum_of_squares(x, n), expected, 1e-12 * expected);
    }
    free(x);
}
END_TEST

START_TEST(adamw_is_the_same)
{
    if (!choose(_i, __func__)) {
        return;
    }
    random_seed(&source, 9);
    AdamWFactors f = {.gradient = 0.5f,
                      .beta1 = 0.9f,
                      .new1 = 0.1f,
                      .beta2 = 0.999f,
                      .new2 = 0.001f,
                      .step_size = 0.01f,
                      .inv_sqrt = 3,
                      .eps = 1e-8f,
                      .decay = 0.99f};
    for (int i = 0; i < SIZES; i++) {
        size_t n = sizes[i];
        float *grad = values(n);
        float *m = values(n);
        float *v = values(n);
        float *p = values(n);
        for (size_t k = 0; k < n; k++) {
            v[k] = 0.01f + v[k] * v[k];
        }
        float *m_got = copy_of(m, n);
        float *v_got = copy_of(v, n);
        float *p_got = copy_of(p, n);
        plain->adamw(&f, grad, m, v, p, n);
        fast->adamw(&f, grad, m_got, v_got, p_got, n);
        assert_near_plain("m", m_got, m, n, 3);
        assert_near_plain("v", v_got, v, n, 3);
        assert_near_plain("p", p_got, p, n, 6);
        free(grad);
        free(m);
        free(v);
        free(p);
        free(m_got);
        free(v_got);
        free(p_got);
    }
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Our own matrix product, which a build with oneDNN has, too

typedef struct ProductSize {
    int M, N, K;
} ProductSize;

// A tile's sizes and blocks' (96, 256, 256), and beyond.
static const ProductSize products[] = {{1, 1, 1}, {5, 3, 2}, {12, 32, 7}, {13, 33, 257}, {97, 17, 64}, {200, 70, 300}, {40, 600, 31}};

enum { PRODUCTS = sizeof products / sizeof products[0] };

static void check_product(ProductSize size, bool transpose_a, bool transpose_b, bool accumulate)
{
    float *a = values((size_t)size.M * (size_t)size.K);
    float *b = values((size_t)size.K * (size_t)size.N);
    size_t n = (size_t)size.M * (size_t)size.N;
    float *expected = values(n);
    float *got = copy_of(expected, n);
    plain->gemm(&(Gemm){transpose_a, transpose_b, accumulate, size.M, size.N, size.K, a, b, expected, .count = 1});
    blocked_gemm(&(Gemm){transpose_a, transpose_b, accumulate, size.M, size.N, size.K, a, b, got, .count = 1});
    assert_near_plain("blocked_gemm", got, expected, n, 2 + size.K);
    free(a);
    free(b);
    free(expected);
    free(got);
}

START_TEST(our_own_products_are_the_same)
{
    if (!choose(_i, __func__)) {
        return;
    }
    random_seed(&source, 10);
    for (int i = 0; i < 8 * PRODUCTS; i++) {
        check_product(products[i / 8], i & 1, i & 2, i & 4);
    }
}
END_TEST

// Sizes for the plain loop, a matrix by a vector, and shares of rows and of columns.
static const ProductSize linears[] = {{3, 5, 2}, {1, 300, 129}, {1, 5000, 60}, {300, 65, 40}, {70, 530, 33}, {300, 40, 200}};

enum { LINEARS = sizeof linears / sizeof linears[0] };

// Sums of K terms forward, of M terms backward. wanted: 1 for the bias and its gradient, 2 for dweight.
static void check_linear(ProductSize size, int wanted, bool accumulate)
{
    LinearSizes s = {size.M, size.N, size.K};
    size_t n_y = (size_t)s.M * (size_t)s.N;
    size_t n_weight = (size_t)s.N * (size_t)s.K;
    float *x = values((size_t)s.M * (size_t)s.K);
    float *weight = values(n_weight);
    float *bias = values((size_t)s.N);
    float *y = values(n_y);
    float *y_got = values(n_y);
    spoil(y_got, n_y, false);
    plain->linear(&s, x, weight, wanted & 1 ? bias : NULL, y);
    fast->linear(&s, x, weight, wanted & 1 ? bias : NULL, y_got);
    assert_near_plain("linear", y_got, y, n_y, 2 + s.K);

    float *bias_got = copy_of(bias, (size_t)s.N); // now their gradients, by y
    float *weight_got = copy_of(weight, n_weight);
    spoil(bias_got, wanted & 1 ? (size_t)s.N : 0, accumulate);
    spoil(weight_got, wanted & 2 ? n_weight : 0, accumulate);
    plain->linear_backward(&s, x, y, (GradTarget){wanted & 2 ? weight : NULL, accumulate}, (GradTarget){wanted & 1 ? bias : NULL, accumulate});
    fast->linear_backward(&s, x, y, (GradTarget){wanted & 2 ? weight_got : NULL, accumulate},
                          (GradTarget){wanted & 1 ? bias_got : NULL, accumulate});
    assert_near_plain("linear_backward", weight_got, weight, n_weight, 2 + s.M);
    assert_near_plain("linear_backward's bias", bias_got, bias, (size_t)s.N, 2 + s.M);
    free(x);
    free(weight);
    free(bias);
    free(y);
    free(y_got);
    free(bias_got);
    free(weight_got);
}

START_TEST(linear_is_the_same)
{
    if (!choose(_i, __func__)) {
        return;
    }
    random_seed(&source, 14);
    for (int i = 0; i < 8 * LINEARS; i++) {
        check_linear(linears[i / 8], i & 3, i & 4);
    }
}
END_TEST

// Matrices of their own, one B for all, and all products added up in one C.
START_TEST(batches_of_products_are_the_same)
{
    enum { COUNT = 7, M = 33, N = 20, K = 65 };
    if (!choose(_i, __func__)) {
        return;
    }
    random_seed(&source, 13);
    float *a = values((size_t)COUNT * M * K);
    float *b = values((size_t)COUNT * K * N);
    float *expected = values((size_t)COUNT * M * N);
    float *got = copy_of(expected, (size_t)COUNT * M * N);
    for (int i = 0; i < 16; i++) {
        Gemm g = {.transpose_a = i & 1,
                  .transpose_b = i & 2,
                  .accumulate = i & 4,
                  .count = COUNT,
                  .M = M,
                  .N = N,
                  .K = K,
                  .A = a,
                  .B = b,
                  .C = expected,
                  .a_step = M * K,
                  .b_step = i & 8 ? 0 : K * N,
                  .c_step = M * N};
        for (int one_c = 0; one_c <= 1; one_c++) {
            g.c_step = one_c ? 0 : M * N;
            g.C = expected;
            plain->gemm(&g);
            g.C = got;
            fast->gemm(&g);
            assert_near_plain("gemm", got, expected, (size_t)COUNT * M * N, 2 + COUNT * K);
        }
    }
    free(a);
    free(b);
    free(expected);
    free(got);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// What is not a number stays none

START_TEST(a_nan_goes_through)
{
    enum { ROWS = 3, COLUMNS = 37, ALL = ROWS * COLUMNS, BAD = COLUMNS + 20 };
    if (!choose(_i, __func__)) {
        return;
    }
    random_seed(&source, 11);
    float *x = values(ALL);
    float *y = values(ALL);
    x[BAD] = NAN;
    RowStats stats[ROWS];
    double z[ROWS];
    const int targets[ROWS] = {0, 1, 2};
    fast->gelu(x, y, ALL);
    ck_assert(isnan(y[BAD]) && !isnan(y[BAD - 1]));
    fast->gelu_backward(x, x, false, y, ALL);
    ck_assert(isnan(y[BAD]) && !isnan(y[BAD - 1]));
    fast->softmax(x, ROWS, COLUMNS, y);
    ck_assert(!isnan(y[0]) && isnan(y[COLUMNS]) && !isnan(y[2 * COLUMNS]));
    fast->layernorm(&(LayernormRows){x, x, ROWS, COLUMNS}, x, 1e-5, stats, y);
    ck_assert(!isnan(y[0]) && isnan(y[COLUMNS]) && !isnan(y[2 * COLUMNS]));
    ck_assert(isnan(fast->cross_entropy(&(LogitRows){x, targets, z, ROWS, COLUMNS})));
    ck_assert(!isnan(z[0]) && isnan(z[1]) && !isnan(z[2]));
    ck_assert(isnan(fast->sum_of_squares(x, ALL)));
    free(x);
    free(y);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Threads: a loop's parts cover it once, and what they compute is the same to the bit, whoever does it

static void mark(const void *call, size_t start, size_t end)
{
    int *const *marks = call;
    for (size_t i = start; i < end; i++) {
        (*marks)[i]++;
    }
}

START_TEST(each_round_of_a_loop_is_done_once)
{
    enum { MOST = 100 };
    for (int threads = 1; threads <= 4; threads++) {
        kernels_set_threads(threads);
        for (size_t n = 0; n <= MOST; n += 9) {
            for (size_t grain = 1; grain <= 40; grain += 13) {
                int counts[MOST + 1] = {0};
                int *marks = counts;
                parallel_for(n, grain, mark, &marks);
                for (size_t i = 0; i <= MOST; i++) {
                    ck_assert_int_eq(counts[i], i < n);
                }
            }
        }
    }
}
END_TEST

START_TEST(one_thread_and_two_give_the_same_bits)
{
    enum { ROWS = 200, COLUMNS = 501 };
    if (!choose(_i, __func__)) {
        return;
    }
    random_seed(&source, 12);
    size_t n = ROWS * (size_t)COLUMNS;
    float *x = values(n);
    float *results[2];
    double squares[2];
    RowStats stats[ROWS] = {{.mean = 0.1, .rstd = 0.9}};
    LayernormRows rows = {x, x, ROWS, COLUMNS};
    for (int i = 0; i < 2; i++) {
        kernels_set_threads(i + 1);
        results[i] = values(4 * n + 2 * COLUMNS);
        fast->gelu(x, results[i], n);
        fast->softmax(x, ROWS, COLUMNS, results[i] + n);
        fast->gelu_backward(x, x, false, results[i] + 2 * n, n);
        LayernormGrads grads = layernorm_grads(&rows, 7, false, results[i] + 3 * n);
        fast->layernorm_backward(&rows, stats, x, &grads);
        squares[i] = fast->sum_of_squares(x, n);
    }
    assert_same_values("results", results[1], results[0], 4 * n + 2 * COLUMNS);
    ck_assert_int_eq(memcmp(&squares[1], &squares[0], sizeof squares[0]), 0);
    free(x);
    free(results[0]);
    free(results[1]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fast kernels");
    TCase *tcase = case_create(suite, "fast");
    tcase_add_loop_test(tcase, sums_copies_and_multiples_are_the_same, 0, CASES);
    tcase_add_loop_test(tcase, tanh_and_gelu_are_the_same, 0, CASES);
    tcase_add_loop_test(tcase, softmax_is_the_same, 0, CASES);
    tcase_add_loop_test(tcase, layernorm_is_the_same, 0, CASES);
    tcase_add_loop_test(tcase, cross_entropy_is_the_same, 0, CASES);
    tcase_add_loop_test(tcase, attention_is_the_same, 0, CASES);
    tcase_add_loop_test(tcase, attention_with_large_scores_is_finite, 0, CASES);
    tcase_add_loop_test(tcase, the_sum_of_squares_is_the_same, 0, CASES);
    tcase_add_loop_test(tcase, adamw_is_the_same, 0, CASES);
    tcase_add_loop_test(tcase, our_own_products_are_the_same, 0, CASES);
    tcase_add_loop_test(tcase, linear_is_the_same, 0, CASES);
    tcase_add_loop_test(tcase, batches_of_products_are_the_same, 0, CASES);
    tcase_add_loop_test(tcase, a_nan_goes_through, 0, CASES);
    tcase_add_test(tcase, each_round_of_a_loop_is_done_once);
    tcase_add_loop_test(tcase, one_thread_and_two_give_the_same_bits, 0, CASES);
    return suite_run(suite);
}
