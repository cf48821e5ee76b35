// test_kernels.c: the two sets of kernels compute the same, within what the order of a sum may change.

#include "tensor/fast/fast.h"
#include "tensor/kernel.h"
#include "tests/support/capture.h"
#include "tests/support/kernels.h"
#include "tests/support/near.h"
#include "tests/support/suite.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// ------------------------------------------------------------------------------------------------------------
// Choosing. The environment is read when kernels are first used: these tests, each in its own process, do that.

// A build for the debugger (DEBUG=1, not optimized) steps through the textbook.
#ifdef __OPTIMIZE__
#define DEFAULT_KERNELS "fast"
#else
#define DEFAULT_KERNELS "plain"
#endif

START_TEST(the_environment_chooses_the_kernels)
{
    setenv("GPTAPE_KERNELS", "plain", 1);
    ck_assert_str_eq(kernels_name(), "plain");
}
END_TEST

START_TEST(without_a_setting_the_builds_default_is_used)
{
    unsetenv("GPTAPE_KERNELS");
    ck_assert_str_eq(kernels_name(), DEFAULT_KERNELS);
}
END_TEST

START_TEST(an_unknown_kernel_is_reported_and_ignored)
{
    setenv("GPTAPE_KERNELS", "magic", 1);
    Capture capture = capture_start(STDERR_FILENO);
    ck_assert_str_eq(kernels_name(), DEFAULT_KERNELS);
    char *told = capture_end(&capture);
    ck_assert_str_eq(told, "gptape: GPTAPE_KERNELS=magic: unknown or not in this build; using " DEFAULT_KERNELS "\n");
    free(told);
}
END_TEST

START_TEST(kernels_are_chosen_by_name)
{
    ck_assert(kernels_choose("plain"));
    ck_assert_str_eq(kernels_name(), "plain");
    ck_assert(!kernels_choose("magic"));
    ck_assert_str_eq(kernels_name(), "plain");
    ck_assert(kernels_choose("fast"));
    ck_assert_str_eq(kernels_name(), "fast");
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// gemm against the sum in double

static const char *const sets[] = {"plain", "fast"};

enum { SETS = sizeof sets / sizeof sets[0] };

static bool choose(int set, const char *function)
{
    return choose_kernels(sets[set], function);
}

// One product, whose C has some values behind it.
typedef struct Product {
    Gemm gemm;
    Real *c_before;
} Product;

enum { BEHIND = 5 };

static int random_up_to(Random *random, int largest)
{
    return (int)(random_bits(random) % (uint32_t)largest) + 1;
}

static size_t c_count(const Gemm *g)
{
    return (size_t)g->M * (size_t)g->N + BEHIND;
}

// Where nothing is to be added to, C holds NaN, which must not be read.
static Product make_product(Random *random, Gemm sizes)
{
    Product product = {.gemm = sizes};
    Gemm *g = &product.gemm;
    size_t n = c_count(g);
    g->count = 1;
    g->A = random_values(random, (size_t)g->M * (size_t)g->K);
    g->B = random_values(random, (size_t)g->K * (size_t)g->N);
    g->C = random_values(random, n);
    for (size_t i = 0; !g->accumulate && i < n - BEHIND; i++) {
        g->C[i] = (Real)NAN;
    }
    product.c_before = copy_values(g->C, n);
    return product;
}

static Product random_product(Random *random, int most_rows, int largest)
{
    Gemm sizes = {.M = random_up_to(random, most_rows), .N = random_up_to(random, largest), .K = random_up_to(random, largest)};
    sizes.transpose_a = random_bits(random) % 2;
    sizes.transpose_b = random_bits(random) % 2;
    sizes.accumulate = random_bits(random) % 2;
    return make_product(random, sizes);
}

static void describe(const Gemm *g, char text[160])
{
    snprintf(text, 160, "%s gemm %d x %d x %d, %c%c%s", kernels_name(), g->M, g->N, g->K, g->transpose_a ? 'T' : 'N', g->transpose_b ? 'T' : 'N',
             g->accumulate ? " added" : "");
}

// K products and, if it is added to, C: each term takes part in at most K + 1 roundings, whatever the order of the sum, so
// the error is at most that many units of the sum of the terms' sizes (and a little, as the units' own errors multiply).
static void assert_element(const Product *product, int i, int j)
{
    const Gemm *g = &product->gemm;
    double sum = g->accumulate ? (double)product->c_before[i * g->N + j] : 0;
    double sizes = fabs(sum);
    for (int p = 0; p < g->K; p++) {
        double a = (double)(g->transpose_a ? g->A[p * g->M + i] : g->A[i * g->K + p]);
        double b = (double)(g->transpose_b ? g->B[j * g->K + p] : g->B[p * g->N + j]);
        sum += a * b;
        sizes += fabs(a * b);
    }
    double got = (double)g->C[i * g->N + j];
    if (!(fabs(got - sum) <= 1.01 * (g->K + 1) * FLOAT_UNIT * sizes)) {
        char text[160];
        describe(g, text);
        ck_abort_msg("%s: (%d, %d): expected %.9g, got %.9g", text, i, j, sum, got);
    }
}

static void assert_product(const Product *product)
{
    const Gemm *g = &product->gemm;
    for (int i = 0; i < g->M * g->N; i++) {
        assert_element(product, i / g->N, i % g->N);
    }
    ck_assert_mem_eq(g->C + g->M * g->N, product->c_before + g->M * g->N, BEHIND * sizeof(Real));
}

static void check_random_gemms(int count, int most_rows, int largest)
{
    Random random = seeded(17);
    for (int i = 0; i < count; i++) {
        Product product = random_product(&random, most_rows, largest);
        kernels()->gemm(&product.gemm);
        assert_product(&product);
    }
}

START_TEST(small_products_are_the_sums_they_should_be)
{
    if (choose(_i, __func__)) {
        check_random_gemms(300, 9, 9);
    }
}
END_TEST

START_TEST(larger_products_are_the_sums_they_should_be)
{
    if (choose(_i, __func__)) {
        check_random_gemms(60, 70, 70);
    }
}
END_TEST

// One row of A is a vector, by which the fast kernels multiply in a way of their own.
START_TEST(a_row_by_a_matrix_is_the_sums_it_should_be)
{
    if (choose(_i, __func__)) {
        check_random_gemms(100, 1, 300);
    }
}
END_TEST

// Large enough to be shared out, and not in equal parts.
START_TEST(a_row_by_a_matrix_has_the_same_bits_on_any_threads)
{
    enum { N = 1003, K = 517, THREADS = 4 };
    if (!choose(_i, __func__)) {
        return;
    }
    Random random = seeded(6);
    Real *x = random_values(&random, K);
    Real *matrix = random_values(&random, (size_t)N * K);
    Real *y[THREADS];
    for (int i = 0; i < THREADS; i++) {
        y[i] = random_values(&random, N);
        kernels_set_threads(i + 1);
        kernels()->gemm(&(Gemm){false, true, false, 1, N, K, x, matrix, y[i], .count = 1});
        ck_assert_int_eq(memcmp(y[i], y[0], N * sizeof(Real)), 0);
    }
}
END_TEST

// 4 million multiplications are what the fast kernels begin to share out.
START_TEST(a_product_on_one_thread_and_on_two)
{
    enum { N = 161 };
    if (!choose(_i, __func__)) {
        return;
    }
    for (int threads = 1; threads <= 2; threads++) {
        Random random = seeded(4);
        Product product = make_product(&random, (Gemm){.transpose_b = true, .M = N, .N = N, .K = N});
        kernels_set_threads(threads);
        kernels()->gemm(&product.gemm);
        assert_product(&product);
    }
}
END_TEST

// A row times a matrix of weights, as a model does it that generates. Each value is one thread's alone, so the bits don't depend on
// how many there are; this one is shared out.
START_TEST(a_row_times_weights_on_one_thread_and_on_two)
{
    enum { N = 301, K = 517 };
    if (!choose(_i, __func__)) {
        return;
    }
    Random random = seeded(8);
    for (int accumulate = 0; accumulate <= 1; accumulate++) {
        Product product = make_product(&random, (Gemm){.transpose_b = true, .accumulate = accumulate, .M = 1, .N = N, .K = K});
        Real one_thread[N + BEHIND];
        for (int threads = 1; threads <= 2; threads++) {
            memcpy(product.gemm.C, product.c_before, sizeof one_thread);
            kernels_set_threads(threads);
            kernels()->gemm(&product.gemm);
            assert_product(&product);
            if (threads == 1) {
                memcpy(one_thread, product.gemm.C, sizeof one_thread);
            }
        }
        ck_assert_mem_eq(product.gemm.C, one_thread, sizeof one_thread);
    }
}
END_TEST

START_TEST(the_same_product_twice_has_the_same_bits)
{
    if (!choose(_i, __func__)) {
        return;
    }
    enum { N = 64 };
    Random random = seeded(2);
    Real *a = random_values(&random, N * N);
    Real *b = random_values(&random, N * N);
    Real *first = random_values(&random, N * N);
    Real *again = random_values(&random, N * N);
    kernels()->gemm(&(Gemm){false, true, false, N, N, N, a, b, first, .count = 1});
    kernels()->gemm(&(Gemm){false, true, false, N, N, N, a, b, again, .count = 1});
    ck_assert_int_eq(memcmp(first, again, N * N * sizeof(Real)), 0);
}
END_TEST

START_TEST(a_nan_goes_through_a_product)
{
    enum { N = 20 };
    if (!choose(_i, __func__)) {
        return;
    }
    static Real a[N * N];
    static Real zeros[N * N];
    static Real c[N * N];
    a[N + 1] = (Real)NAN;
    kernels()->gemm(&(Gemm){.M = N, .N = N, .K = N, .A = a, .B = zeros, .C = c, .count = 1});
    for (int i = 0; i < N * N; i++) {
        bool in_row_1 = i / N == 1; // 0 times NaN is NaN, in the whole row, and only there
        ck_assert_int_eq(isnan(c[i]) != 0, in_row_1);
    }
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// A whole small network: one layer of a GPT, large enough that the fast kernels do not hand on to the plain ones

enum { B = 2, T = 8, C = 16, HEADS = 2, VOCABULARY = 20, WEIGHTS = 4 };

typedef struct Network {
    Tensor *weights[WEIGHTS]; // embedding, attention, feedforward, gain
} Network;

static Network network_create(void)
{
    static const Shape shapes[WEIGHTS] = {SIZES(VOCABULARY, C), SIZES(3 * C, C), SIZES(C, C), SIZES(C)};
    Network network;
    Random random = seeded(9);
    for (int i = 0; i < WEIGHTS; i++) {
        network.weights[i] = tensor_parameter(NULL, "weight", shapes[i]);
        random_normal(&random, network.weights[i]->data, shape_count(shapes[i]), 0.0, 0.3);
    }
    return network;
}

static Tensor *network_loss(const Network *network)
{
    int ids[B * T];
    for (int i = 0; i < B * T; i++) {
        ids[i] = i * 7 % VOCABULARY;
    }
    Tensor *embedding = network->weights[0];
    Tensor *gain = network->weights[3];
    Tensor *x = tensor_embedding(embedding, ids, B, T);
    Tensor *qkv = tensor_linear(tensor_layernorm(x, gain, gain, 1e-5), network->weights[1], NULL);
    x = tensor_add(x, tensor_attention(qkv, HEADS, true));
    x = tensor_add(x, tensor_gelu(tensor_linear(x, network->weights[2], gain)));
    return tensor_cross_entropy(tensor_linear(x, embedding, NULL), ids);
}

static Network network_with_gradient(const char *set)
{
    kernels_choose(set);
    Network network = network_create();
    tensor_backward(network_loss(&network));
    return network;
}

// Each gradient is the end of about ten sums one after the other, of up to 20 terms each, in two orders.
START_TEST(a_networks_gradient_is_the_same_with_both)
{
    if (!choose(1, __func__)) {
        return;
    }
    Network plain = network_with_gradient("plain");
    Network fast = network_with_gradient("fast");
    for (int i = 0; i < WEIGHTS; i++) {
        size_t n = tensor_count(plain.weights[i]);
        double expected[3 * C * C];
        double largest = 0;
        for (size_t k = 0; k < n; k++) {
            expected[k] = (double)plain.weights[i]->grad[k];
            largest = fmax(largest, fabs(expected[k]));
        }
        ck_assert_double_gt(largest, 1e-3);
        assert_values_near("gradient", fast.weights[i]->grad, expected, n, 10 * 20 * FLOAT_UNIT);
        tensor_free(plain.weights[i]);
        tensor_free(fast.weights[i]);
    }
}
END_TEST

// oneDNN makes its code when first called; made here, on one thread, it is there in every test's process. The tests of the
// choice come before: after this, kernels have been used.
static void warm_up(void)
{
    static Real values[32 * 32];
    static Real product[32 * 32];
    if (!only_plain_kernels() && kernels_choose("fast")) {
        kernels()->gemm(&(Gemm){.M = 32, .N = 32, .K = 32, .A = values, .B = values, .C = product, .count = 1});
    }
}

int main(void)
{
    Suite *suite = suite_create("kernels");
    TCase *choice = case_create(suite, "choice");
    tcase_add_test(choice, the_environment_chooses_the_kernels);
    tcase_add_test(choice, without_a_setting_the_builds_default_is_used);
    tcase_add_test(choice, an_unknown_kernel_is_reported_and_ignored);
    tcase_add_test(choice, kernels_are_chosen_by_name);

    TCase *gemm = case_create(suite, "gemm");
    tcase_add_unchecked_fixture(gemm, warm_up, NULL);
    tcase_add_loop_test(gemm, small_products_are_the_sums_they_should_be, 0, SETS);
    tcase_add_loop_test(gemm, larger_products_are_the_sums_they_should_be, 0, SETS);
    tcase_add_loop_test(gemm, a_row_by_a_matrix_is_the_sums_it_should_be, 0, SETS);
    tcase_add_loop_test(gemm, a_row_by_a_matrix_has_the_same_bits_on_any_threads, 0, SETS);
    tcase_add_loop_test(gemm, a_product_on_one_thread_and_on_two, 0, SETS);
    tcase_add_loop_test(gemm, a_row_times_weights_on_one_thread_and_on_two, 0, SETS);
    tcase_add_loop_test(gemm, a_nan_goes_through_a_product, 0, SETS);
    tcase_add_loop_test(gemm, the_same_product_twice_has_the_same_bits, 0, SETS);

    TCase *network = case_with_tape(suite, "network");
    tcase_add_test(network, a_networks_gradient_is_the_same_with_both);
    return suite_run(suite);
}
