// test_matmul.c: matrix products and what is made of them, against sums written out. With the plain kernels: test_kernels.c
// holds the fast ones against them.

#include "tensor/tensor.h"
#include "tests/support/naive.h"
#include "tests/support/near.h"
#include "tests/support/suite.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static Tape *tape;

static void make_tape(void)
{
    tape = tape_create();
}

static void free_tape(void)
{
    tape_free(tape);
}

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
    {SIZES(3, 2, 4), SIZES(4, 5), SIZES(3, 2, 5)},         // one b for all
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

START_TEST(matmul_is_the_sum_of_products_there_and_back)
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

// ------------------------------------------------------------------------------------------------------------
// attention, in one node, against the definition in double, and against the same in steps on the tape

static double score(const Tensor *qkv, int n_head, int b, int h, int t, int s)
{
    int T = qkv->shape.size[1];
    int C = qkv->shape.size[2] / 3;
    int D = C / n_head;
    const Real *q = qkv->data + (b * T + t) * 3 * C + h * D;
    const Real *k = qkv->data + (b * T + s) * 3 * C + C + h * D;
    double sum = 0;
    for (int d = 0; d < D; d++) {
        sum += (double)q[d] * (double)k[d];
    }
    return sum / sqrt(D);
}

static double attended(const Tensor *qkv, int n_head, bool causal, int b, int t, int c)
{
    int T = qkv->shape.size[1];
    int C = qkv->shape.size[2] / 3;
    int h = c / (C / n_head);
    int seen = causal ? t + 1 : T;
    double weights = 0;
    double sum = 0;
    for (int s = 0; s < seen; s++) {
        double weight = exp(score(qkv, n_head, b, h, t, s));
        weights += weight;
        sum += weight * (double)qkv->data[(b * T + s) * 3 * C + 2 * C + c];
    }
    return sum / weights;
}

typedef struct AttentionSizes {
    int B, T, C, n_head;
} AttentionSizes;

static const AttentionSizes attentions[] = {
    {1, 1, 1, 1}, {2, 1, 4, 2}, {1, 5, 4, 1}, {2, 3, 4, 2}, {2, 6, 6, 6}, {1, 17, 8, 4}, {3, 2, 12, 3},
};

enum { ATTENTIONS = sizeof attentions / sizeof attentions[0] };

START_TEST(attention_is_the_weighted_mean_of_what_is_seen)
{
    AttentionSizes s = attentions[_i / 2];
    bool causal = _i % 2 == 0;
    Tensor *qkv = random_leaf(SHAPE(s.B, s.T, 3 * s.C), 5);
    Tensor *y = tensor_attention(qkv, s.n_head, causal);
    double expected[VALUES_MAX];
    for (int b = 0; b < s.B; b++) {
        for (int t = 0; t < s.T; t++) {
            for (int c = 0; c < s.C; c++) {
                expected[(b * s.T + t) * s.C + c] = attended(qkv, s.n_head, causal, b, t, c);
            }
        }
    }
    ck_assert(shape_equal(y->shape, SHAPE(s.B, s.T, s.C)));
    // Scores up to about 5 are rounded before exp, which makes an error of 5 units a relative one of the weights.
    assert_values_near("attention", y->data, expected, tensor_count(y), 32 * FLOAT_UNIT);
}
END_TEST

// (B, T, C) -> (B, NH, T, D)
static Tensor *heads(Tensor *x, AttentionSizes s)
{
    return tensor_transpose(tensor_reshape(x, SHAPE(s.B, s.T, s.n_head, s.C / s.n_head)), 1, 2);
}

static Tensor *attention_in_steps(Tensor *qkv, AttentionSizes s, bool causal)
{
    Tensor *parts[3];
    tensor_split(qkv, 2, 3, parts);
    Tensor *q = heads(parts[0], s);
    Tensor *k = heads(parts[1], s);
    Tensor *v = heads(parts[2], s);
    Tensor *scores = tensor_scale(tensor_matmul(q, tensor_transpose(k, 2, 3)), 1 / sqrt((double)s.C / s.n_head));
    Tensor *masked = causal ? tensor_causal_mask(scores) : scores;
    Tensor *y = tensor_matmul(tensor_softmax(masked), v);                  // (B, NH, T, D)
    return tensor_reshape(tensor_transpose(y, 1, 2), SHAPE(s.B, s.T, s.C));
}

static void widen(const Real *values, size_t n, double *wide)
{
    for (size_t i = 0; i < n; i++) {
        wide[i] = (double)values[i];
    }
}

START_TEST(attention_in_one_node_is_attention_in_steps_there_and_back)
{
    AttentionSizes s = attentions[_i / 2];
    bool causal = _i % 2 == 0;
    Tensor *qkv = random_leaf(SHAPE(s.B, s.T, 3 * s.C), 5);
    Tensor *same = random_leaf(SHAPE(s.B, s.T, 3 * s.C), 5);
    Tensor *dy = random_leaf(SHAPE(s.B, s.T, s.C), 6);
    Tensor *fused = tensor_attention(qkv, s.n_head, causal);
    Tensor *steps = attention_in_steps(same, s, causal);
    tensor_backward_from(fused, dy->data);
    tensor_backward_from(steps, dy->data);
    double value[VALUES_MAX];
    double gradient[VALUES_MAX];
    widen(steps->data, tensor_count(steps), value);
    widen(same->grad, tensor_count(same), gradient);
    // Both are rounded, in different orders; see above.
    assert_values_near("value", fused->data, value, tensor_count(fused), 64 * FLOAT_UNIT);
    assert_values_near("gradient", qkv->grad, gradient, tensor_count(qkv), 64 * FLOAT_UNIT);
}
END_TEST

START_TEST(a_position_does_not_see_later_ones)
{
    Tensor *qkv = random_leaf(SHAPE(1, 6, 12), 5);
    Tensor *changed = random_leaf(SHAPE(1, 6, 12), 5);
    for (int i = 4 * 12; i < 6 * 12; i++) {
        changed->data[i] += 100;                   // positions 4 and 5
    }
    Tensor *before = tensor_attention(qkv, 2, true);
    Tensor *after = tensor_attention(changed, 2, true);
    assert_same_values("positions 0 to 3", after->data, before->data, 4 * 4);
    ck_assert_float_ne(after->data[4 * 4], before->data[4 * 4]);
}
END_TEST

// One position sees only itself: y is v, and scores have no influence.
START_TEST(a_single_position_attends_to_itself)
{
    Tensor *qkv = random_leaf(SHAPE(1, 1, 6), 5);
    Tensor *y = tensor_attention(qkv, 2, true);
    tensor_backward(tensor_sum(y));
    assert_same_values("value", y->data, qkv->data + 4, 2);
    const Real expected[] = {0, 0, 0, 0, 1, 1};
    assert_same_values("gradient", qkv->grad, expected, 6);
}
END_TEST

// Scores of 10000 and 0: exp of the first alone would overflow.
START_TEST(huge_scores_choose_one_position)
{
    const float values[] = {100, 0, 7, 100, 100, 9};       // q, k, v of two positions
    for (int causal = 0; causal < 2; causal++) {
        Tensor *qkv = tensor_from(values, SHAPE(1, 2, 3));
        tensor_require_grad(qkv);
        Tensor *y = tensor_attention(qkv, 1, causal);
        tensor_backward(tensor_sum(y));
        ck_assert_float_eq(y->data[0], causal ? 7 : 9);
        ck_assert_float_eq(y->data[1], 9);
        for (int i = 0; i < 6; i++) {
            ck_assert(isfinite(qkv->grad[i]));
        }
        ck_assert_float_eq(qkv->grad[2], causal ? 1 : 0);
        ck_assert_float_eq(qkv->grad[5], causal ? 1 : 2);
    }
}
END_TEST

static TCase *with_tape(const char *name)
{
    TCase *tcase = case_create(name);
    tcase_add_checked_fixture(tcase, make_tape, free_tape);
    return tcase;
}

static TCase *product_case(void)
{
    TCase *tcase = with_tape("products");
    tcase_add_loop_test(tcase, matmul_is_the_sum_of_products_there_and_back, 0, PRODUCTS);
    tcase_add_test(tcase, linear_is_x_times_the_weight_transposed_plus_bias);
    return tcase;
}

static TCase *attention_case(void)
{
    TCase *tcase = with_tape("attention");
    tcase_add_loop_test(tcase, attention_is_the_weighted_mean_of_what_is_seen, 0, 2 * ATTENTIONS);
    tcase_add_loop_test(tcase, attention_in_one_node_is_attention_in_steps_there_and_back, 0, 2 * ATTENTIONS);
    tcase_add_test(tcase, a_position_does_not_see_later_ones);
    tcase_add_test(tcase, a_single_position_attends_to_itself);
    tcase_add_test(tcase, huge_scores_choose_one_position);
    return tcase;
}

int main(void)
{
    kernels_choose("plain");
    Suite *suite = suite_create("matmul");
    suite_add_tcase(suite, product_case());
    suite_add_tcase(suite, attention_case());
    return suite_run(suite);
}
