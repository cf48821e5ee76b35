// test_products.c: fast attention and matrix products compute what the textbook versions do (fast_test.h).

#include "tests/tensor/fast/fast_test.h"

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
    double *z = test_memory(2 * rows * sizeof *z);
    float *weights = values(2 * s.T);
    plain->attention(&s, qkv, weights, z, y);
    fast->attention(&s, qkv, NULL, z + rows, y_got);
    double units = 16 + (double)s.D + (double)s.T / 4;
    assert_near_plain("attention", y_got, y, n, units);
    for (size_t i = 0; i < rows; i++) {
        assert_near("z", z[rows + i], z[i], units * FLOAT_UNIT);
    }
    float *dqkv = values(3 * n);
    float *dqkv_got = copy_values(dqkv, 3 * n);
    for (int accumulate = 0; accumulate <= 1; accumulate++) {
        spoil(dqkv_got, 3 * n, accumulate);
        plain->attention_backward(&s, qkv, z, y, dy, weights, accumulate, dqkv);
        fast->attention_backward(&s, qkv, z, y, dy, NULL, accumulate, dqkv_got);
        assert_near_plain("attention_backward", dqkv_got, dqkv, 3 * n, 2 * units);
    }
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
    float *got = copy_values(expected, n);
    plain->gemm(&(Gemm){transpose_a, transpose_b, accumulate, size.M, size.N, size.K, a, b, expected, .count = 1});
    blocked_gemm(&(Gemm){transpose_a, transpose_b, accumulate, size.M, size.N, size.K, a, b, got, .count = 1});
    assert_near_plain("blocked_gemm", got, expected, n, 2 + size.K);
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

    float *bias_got = copy_values(bias, (size_t)s.N); // now their gradients, by y
    float *weight_got = copy_values(weight, n_weight);
    spoil(bias_got, wanted & 1 ? (size_t)s.N : 0, accumulate);
    spoil(weight_got, wanted & 2 ? n_weight : 0, accumulate);
    plain->linear_backward(&s, x, y, (GradTarget){wanted & 2 ? weight : NULL, accumulate}, (GradTarget){wanted & 1 ? bias : NULL, accumulate});
    fast->linear_backward(&s, x, y, (GradTarget){wanted & 2 ? weight_got : NULL, accumulate},
                          (GradTarget){wanted & 1 ? bias_got : NULL, accumulate});
    assert_near_plain("linear_backward", weight_got, weight, n_weight, 2 + s.M);
    assert_near_plain("linear_backward's bias", bias_got, bias, (size_t)s.N, 2 + s.M);
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

// Matrices of their own, one B for all, and all products added up in one C. There are enough to be divided between two threads.
START_TEST(batches_of_products_are_the_same)
{
    enum { COUNT = 15, M = 33, N = 20, K = 65 };
    if (!choose(_i, __func__)) {
        return;
    }
    random_seed(&source, 13);
    float *a = values((size_t)COUNT * M * K);
    float *b = values((size_t)COUNT * K * N);
    float *expected = values((size_t)COUNT * M * N);
    float *got = copy_values(expected, (size_t)COUNT * M * N);
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
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fast products");
    TCase *tcase = case_create(suite, "fast");
    tcase_add_loop_test(tcase, attention_is_the_same, 0, CASES);
    tcase_add_loop_test(tcase, attention_with_large_scores_is_finite, 0, CASES);
    tcase_add_loop_test(tcase, our_own_products_are_the_same, 0, CASES);
    tcase_add_loop_test(tcase, linear_is_the_same, 0, CASES);
    tcase_add_loop_test(tcase, batches_of_products_are_the_same, 0, CASES);
    return suite_run(suite);
}
