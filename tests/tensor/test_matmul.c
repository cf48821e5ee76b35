// test_matmul.c: matrix products and what is made of them, against sums written out. With the plain kernels: test_kernels.c
// holds the fast ones against them.

#include "tensor/fast/fast.h"
#include "tensor/tensor.h"
#include "tests/support/naive.h"
#include "tests/support/near.h"
#include "tests/support/suite.h"

// A sum of K products of float32 is off by at most about K units of the sum of their sizes, whatever its order; the sizes
// here are near 1, so sums grow with sqrt(K) and this leaves room for cancellation.
static double tolerance_of(int K)
{
    return 4 * FLOAT_UNIT * (K + 2);
}

// ------------------------------------------------------------------------------------------------------------
// matmul

// c += a b, or with transposes: element (i, p) of a is a[i * a_row + p * a_column].
typedef struct Matrix {
    const Real *values;
    size_t row;
    size_t column;
} Matrix;

static void add_product(Matrix a, Matrix b, int M, int N, int K, double *c)
{
    for (int i = 0; i < M; i++) {
        for (int j = 0; j < N; j++) {
            for (int p = 0; p < K; p++) {
                double a_ip = (double)a.values[(size_t)i * a.row + (size_t)p * a.column];
                double b_pj = (double)b.values[(size_t)p * b.row + (size_t)j * b.column];
                c[i * N + j] += a_ip * b_pj;
            }
        }
    }
}

typedef struct Product {
    Shape a;
    Shape b;
    Shape y;
} Product;

static const Product products[] = {
    {SIZES(1, 1), SIZES(1, 1), SIZES(1, 1)},
    {SIZES(2, 3), SIZES(3, 4), SIZES(2, 4)},
    {SIZES(1, 5), SIZES(5, 1), SIZES(1, 1)},
    {SIZES(5, 1), SIZES(1, 5), SIZES(5, 5)},
    {SIZES(17, 33), SIZES(33, 20), SIZES(17, 20)},
    {SIZES(3, 2, 4), SIZES(3, 4, 5), SIZES(3, 2, 5)},
    {SIZES(2, 3, 2, 4), SIZES(2, 3, 4, 5), SIZES(2, 3, 2, 5)},
    {SIZES(2, 3, 16, 9), SIZES(2, 3, 9, 24), SIZES(2, 3, 16, 24)},
    {SIZES(3, 2, 4), SIZES(4, 5), SIZES(3, 2, 5)}, // one b for all
    {SIZES(2, 3, 16, 9), SIZES(9, 24), SIZES(2, 3, 16, 24)},
    {SIZES(2, 1, 1, 3), SIZES(3, 1), SIZES(2, 1, 1, 1)},
};

enum { PRODUCTS = sizeof products / sizeof products[0], VALUES_MAX = 4096 };

typedef struct Expected {
    double y[VALUES_MAX];
    double da[VALUES_MAX];
    double db[VALUES_MAX];
} Expected;

static void compute_product(const Tensor *a, const Tensor *b, const Real *dy, Expected *expected)
{
    memset(expected, 0, sizeof *expected);
    int M = a->shape.size[a->shape.ndim - 2];
    int K = shape_last(a->shape);
    int N = shape_last(b->shape);
    size_t matrices = tensor_count(a) / (size_t)(M * K);
    size_t b_matrix = b->shape.ndim == 2 ? 0 : (size_t)(K * N);
    for (size_t i = 0; i < matrices; i++) {
        const Real *a_i = a->data + i * (size_t)(M * K);
        const Real *b_i = b->data + i * b_matrix;
        const Real *dy_i = dy + i * (size_t)(M * N);
        Matrix a_plain = {a_i, (size_t)K, 1};
        Matrix a_transposed = {a_i, 1, (size_t)K};
        Matrix b_plain = {b_i, (size_t)N, 1};
        Matrix b_transposed = {b_i, 1, (size_t)N};
        Matrix dy_plain = {dy_i, (size_t)N, 1};
        add_product(a_plain, b_plain, M, N, K, expected->y + i * (size_t)(M * N));
        add_product(dy_plain, b_transposed, M, K, N, expected->da + i * (size_t)(M * K));
        add_product(a_transposed, dy_plain, K, N, M, expected->db + i * b_matrix);
    }
}

START_TEST(matmul_is_the_sum_of_products_forward_and_backward)
{
    const Product *product = &products[_i];
    static Expected expected;
    Tensor *a = random_leaf(product->a, 1);
    Tensor *b = random_leaf(product->b, 2);
    Tensor *y = tensor_matmul(a, b);
    Tensor *dy = random_leaf(product->y, 3);
    ck_assert(shape_equal(y->shape, product->y));
    tensor_backward_from(y, dy->data);
    compute_product(a, b, dy->data, &expected);
    int rows = (int)(tensor_count(a) / (size_t)shape_last(a->shape));
    assert_values_near("y", y->data, expected.y, tensor_count(y), tolerance_of(shape_last(a->shape)));
    assert_values_near("gradient of a", a->grad, expected.da, tensor_count(a), tolerance_of(shape_last(b->shape)));
    assert_values_near("gradient of b", b->grad, expected.db, tensor_count(b), tolerance_of(rows));
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// linear

static void check_linear(Shape x_shape, int n_out, bool has_bias)
{
    int K = shape_last(x_shape);
    int M = (int)(shape_count(x_shape) / (size_t)K);
    Tensor *x = random_leaf(x_shape, 1);
    Tensor *weight = random_leaf(SHAPE(n_out, K), 2);
    Tensor *bias = random_leaf(SHAPE(n_out), 3);
    Tensor *y = tensor_linear(x, weight, has_bias ? bias : NULL);
    Tensor *dy = random_leaf(y->shape, 4);
    tensor_backward_from(y, dy->data);

    static Expected expected;
    memset(&expected, 0, sizeof expected);
    double dbias[64] = {0};
    for (int i = 0; i < M; i++) {
        for (int j = 0; j < n_out; j++) {
            expected.y[i * n_out + j] = has_bias ? (double)bias->data[j] : 0;
            dbias[j] += (double)dy->data[i * n_out + j];
        }
    }
    Matrix weight_transposed = {weight->data, 1, (size_t)K};
    Matrix weight_plain = {weight->data, (size_t)K, 1};
    Matrix dy_transposed = {dy->data, 1, (size_t)n_out};
    Matrix dy_plain = {dy->data, (size_t)n_out, 1};
    Matrix x_plain = {x->data, (size_t)K, 1};
    add_product(x_plain, weight_transposed, M, n_out, K, expected.y);
    add_product(dy_plain, weight_plain, M, K, n_out, expected.da);
    add_product(dy_transposed, x_plain, n_out, K, M, expected.db);

    ck_assert_int_eq(y->shape.ndim, x_shape.ndim);
    ck_assert_int_eq(shape_last(y->shape), n_out);
    assert_values_near("y", y->data, expected.y, (size_t)(M * n_out), tolerance_of(K + 1));
    assert_values_near("gradient of x", x->grad, expected.da, (size_t)(M * K), tolerance_of(n_out));
    assert_values_near("gradient of the weight", weight->grad, expected.db, (size_t)(n_out * K), tolerance_of(M));
    if (has_bias) {
        assert_values_near("gradient of the bias", bias->grad, dbias, (size_t)n_out, tolerance_of(M));
    } else {
        ck_assert_ptr_null(bias->grad);
    }
}

START_TEST(linear_is_x_times_the_weight_transposed_plus_bias)
{
    static const Shape shapes[] = {SIZES(3), SIZES(2, 3), SIZES(2, 4, 5), SIZES(2, 3, 4, 5), SIZES(1, 40), SIZES(30, 40)};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        check_linear(shapes[i], 1, true);
        check_linear(shapes[i], 7, true);
        check_linear(shapes[i], 31, false);
    }
}
END_TEST

int main(void)
{
    kernels_choose("plain");
    Suite *suite = suite_create("matmul");
    TCase *product = case_with_tape(suite, "products");
    tcase_add_loop_test(product, matmul_is_the_sum_of_products_forward_and_backward, 0, PRODUCTS);
    tcase_add_test(product, linear_is_x_times_the_weight_transposed_plus_bias);
    return suite_run(suite);
}
