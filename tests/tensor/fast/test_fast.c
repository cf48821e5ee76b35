// test_fast.c: each fast kernel of single values, rows and optimizers computes what its textbook version does (fast_test.h).

#include "tests/tensor/fast/fast_test.h"

#include <string.h>

// Up to more than what two threads share.
static const size_t sizes[] = {1, 2, 7, 15, 16, 17, 33, 100, 255, 1031, 9001, 70001};

enum { SIZES = sizeof sizes / sizeof sizes[0] };

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
        float *got = copy_values(expected, n);
        plain->add(a, b, expected, n);
        fast->add(a, b, got, n);
        assert_same_values("add", got, expected, n);
        for (int accumulate = 0; accumulate <= 1; accumulate++) {
            spoil(got, n, accumulate);
            plain->copy(a, accumulate, expected, n);
            fast->copy(a, accumulate, got, n);
            assert_same_values("pass", got, expected, n);
        }
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
        float *got = copy_values(expected, n);
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
        float *got = copy_values(expected, n + 2 * m.columns);
        RowStats *stats = test_memory(m.rows * sizeof *stats);
        LayernormRows rows = {x, weight, m.rows, m.columns};
        plain->layernorm(&rows, bias, 1e-5, stats, expected);
        fast->layernorm(&rows, bias, 1e-5, stats, got);
        assert_near_plain("layernorm", got, expected, n, 4);
        memcpy(got, expected, n * sizeof *got);
        for (int wanted = 1; wanted < 8; wanted++) {
            check_layernorm_backward(&rows, stats, dy, wanted, expected, got);
        }
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
        int *targets = test_memory(m.rows * sizeof *targets);
        for (size_t row = 0; row < m.rows; row++) {
            targets[row] = row % 5 == 3 ? TARGET_IGNORED : (int)((row * 7) % m.columns);
        }
        double *z = test_memory(2 * m.rows * sizeof *z);
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
        float *got = copy_values(expected, n);
        for (int accumulate = 0; accumulate <= 1; accumulate++) {
            spoil(got, n, accumulate);
            plain->cross_entropy_backward(&expected_rows, 0.7f, accumulate, expected);
            fast->cross_entropy_backward(&expected_rows, 0.7f, accumulate, got);
            assert_near_plain("cross_entropy_backward", got, expected, n, 12);
        }
    }
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
        float *m_got = copy_values(m, n);
        float *v_got = copy_values(v, n);
        float *p_got = copy_values(p, n);
        plain->adamw(&f, grad, m, v, p, n);
        fast->adamw(&f, grad, m_got, v_got, p_got, n);
        assert_near_plain("m", m_got, m, n, 3);
        assert_near_plain("v", v_got, v, n, 3);
        assert_near_plain("p", p_got, p, n, 6);
    }
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
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// What is computed is the same to the bit, whoever does it

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
    tcase_add_loop_test(tcase, the_sum_of_squares_is_the_same, 0, CASES);
    tcase_add_loop_test(tcase, adamw_is_the_same, 0, CASES);
    tcase_add_loop_test(tcase, a_nan_goes_through, 0, CASES);
    tcase_add_loop_test(tcase, one_thread_and_two_give_the_same_bits, 0, CASES);
    return suite_run(suite);
}
