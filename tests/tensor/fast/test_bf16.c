// test_bf16.c: rounding to bfloat16, and products of what was rounded. Where there is no bf16 the products are skipped.

#include "tensor/fast/engine.h"
#include "tensor/fast/fast.h"
#include "tensor/fast/vector/vector.h"
#include "tests/support/near.h"
#include "tests/support/suite.h"

#include <math.h>
#include <string.h>

static float from_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

typedef struct Rounding {
    uint32_t bits;
    uint16_t expected;
} Rounding;

// By hand: what is cut off is less than half, half (the even one of two is taken), or more than half of the last place.
static const Rounding roundings[] = {
    {0x3F800000, 0x3F80}, {0x3F807FFF, 0x3F80}, {0x3F808000, 0x3F80}, {0x3F808001, 0x3F81}, {0x3F818000, 0x3F82},
    {0xBF808001, 0xBF81}, {0x00000000, 0x0000}, {0x80000000, 0x8000}, {0x00000001, 0x0000}, {0x7F800000, 0x7F80},
    {0xFF800000, 0xFF80}, {0x7F7FFFFF, 0x7F80}, {0x7FC00000, 0x7FC0}, {0x7F800001, 0x7FC0}, {0xFFFFFFFF, 0xFFFF},
};

enum { ROUNDINGS = sizeof roundings / sizeof roundings[0] };

static const char *const kinds[] = {"baseline", "avx2", "avx512"};

// Each in each place, so that both the vectors and what is left over see it.
START_TEST(numbers_are_rounded_to_the_nearest)
{
    enum { COUNT = 37 };
    if (!vector_choose(kinds[_i])) {
        skip(__func__, "this processor can't do these vectors");
        return;
    }
    for (int r = 0; r < ROUNDINGS; r++) {
        float x[COUNT];
        uint16_t out[COUNT];
        for (int i = 0; i < COUNT; i++) {
            x[i] = from_bits(roundings[r].bits);
        }
        vector_loops()->round(&(RoundCall){x, out}, 0, COUNT);
        for (int i = 0; i < COUNT; i++) {
            ck_assert_uint_eq(out[i], roundings[r].expected);
        }
    }
}
END_TEST

static bool choose_bf16(const char *function)
{
    if (!kernels_set_precision(PRECISION_BF16)) {
        skip(function, "no bf16 products here");
        return false;
    }
    return true;
}

static float rounded(float x)
{
    uint16_t upper;
    vector_loops()->round(&(RoundCall){&x, &upper}, 0, 1);
    return from_bits((uint32_t)upper << 16);
}

enum { M = 270, N = 260, K = 250, BEHIND = 3, C_COUNT = M * N + BEHIND };

// One value in 97, against the sum of the rounded numbers' products in double. The products of two are exact in float32, the sum is
// rounded at most K times.
START_TEST(products_are_of_the_rounded_numbers)
{
    bool transpose_a = _i & 1;
    bool transpose_b = _i & 2;
    bool accumulate = _i & 4;
    if (!choose_bf16(__func__)) {
        return;
    }
    Random random = seeded(3);
    Real *a = random_values(&random, M * K);
    Real *b = random_values(&random, K * N);
    Real *c = random_values(&random, C_COUNT);
    Real *before = copy_values(c, C_COUNT);
    fast_gemm(&(Gemm){transpose_a, transpose_b, accumulate, M, N, K, a, b, c, .count = 1});
    for (int at = 0; at < M * N; at += 97) {
        int i = at / N;
        int j = at % N;
        double sum = accumulate ? (double)before[at] : 0;
        double sizes = fabs(sum);
        for (int p = 0; p < K; p++) {
            double product = (double)rounded(transpose_a ? a[p * M + i] : a[i * K + p])
                           * (double)rounded(transpose_b ? b[j * K + p] : b[p * N + j]);
            sum += product;
            sizes += fabs(product);
        }
        ck_assert_double_le(fabs((double)c[at] - sum), (K + 1) * FLOAT_UNIT * sizes);
    }
    ck_assert_mem_eq(c + M * N, before + M * N, BEHIND * sizeof(Real));
}
END_TEST

// The bits of a product of n x n matrices.
static Real *square_product(int n)
{
    Random random = seeded(3);
    Real *a = random_values(&random, (size_t)(n * n));
    Real *b = random_values(&random, (size_t)(n * n));
    Real *c = test_memory((size_t)(n * n) * sizeof(Real));
    fast_gemm(&(Gemm){false, true, false, n, n, n, a, b, c, .count = 1});
    return c;
}

START_TEST(small_products_stay_as_they_are)
{
    enum { SMALL = 64, LARGE = 300 };
    Real *small = square_product(SMALL);
    Real *large = square_product(LARGE);
    if (choose_bf16(__func__)) {
        ck_assert_int_eq(kernels_precision(), PRECISION_BF16);
        Real *small_bf16 = square_product(SMALL);
        Real *large_bf16 = square_product(LARGE);
        ck_assert_mem_eq(small, small_bf16, SMALL * SMALL * sizeof(Real));
        ck_assert_mem_ne(large, large_bf16, LARGE * LARGE * sizeof(Real));
        ck_assert(kernels_set_precision(PRECISION_F32));
        Real *large_again = square_product(LARGE);
        ck_assert_mem_eq(large, large_again, LARGE * LARGE * sizeof(Real));
    }
}
END_TEST

START_TEST(the_plain_kernels_have_none)
{
    ck_assert(kernels_choose("plain"));
    ck_assert(!kernels_set_precision(PRECISION_BF16));
    ck_assert(kernels_set_precision(PRECISION_F32));
    ck_assert_int_eq(kernels_precision(), PRECISION_F32);
}
END_TEST

START_TEST(this_build_has_no_double)
{
    ck_assert(kernels_choose("fast"));
    ck_assert(!kernels_set_precision(PRECISION_F64));
    ck_assert_int_eq(kernels_precision(), PRECISION_F32);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bf16");
    TCase *tcase = case_create(suite, "bf16");
    tcase_add_loop_test(tcase, numbers_are_rounded_to_the_nearest, 0, sizeof kinds / sizeof kinds[0]);
    tcase_add_loop_test(tcase, products_are_of_the_rounded_numbers, 0, 8);
    tcase_add_test(tcase, small_products_stay_as_they_are);
    tcase_add_test(tcase, the_plain_kernels_have_none);
    tcase_add_test(tcase, this_build_has_no_double);
    return suite_run(suite);
}
