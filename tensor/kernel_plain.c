// kernel_plain.c: the textbook kernels, for reading and stepping: products of matrices, values one by one, the optimizer.

#include "tensor/kernel_plain.h"

#include <string.h>
#include <tgmath.h>

// ------------------------------------------------------------------------------------------------------------
// Products of matrices

// Each value of C is the product of a row of op(A) and a column of op(B), summed up over p.
static void plain_gemm(bool transpose_a, bool transpose_b, int M, int N, int K, const Real *A, int lda, const Real *B, int ldb,
                       bool accumulate, Real *C, int ldc)
{
    size_t a_row = transpose_a ? 1 : (size_t)lda;
    size_t a_column = transpose_a ? (size_t)lda : 1;
    size_t b_row = transpose_b ? 1 : (size_t)ldb;
    size_t b_column = transpose_b ? (size_t)ldb : 1;

    for (int i = 0; i < M; i++) {
        for (int j = 0; j < N; j++) {
            Real *c = &C[(size_t)i * (size_t)ldc + (size_t)j];
            Real sum = accumulate ? *c : 0;
            for (int p = 0; p < K; p++) {
                Real a = A[(size_t)i * a_row + (size_t)p * a_column];
                Real b = B[(size_t)p * b_row + (size_t)j * b_column];
                sum += a * b;
            }
            *c = sum;
        }
    }
}

// Product number i of a batch.
static void batch_product(const GemmBatch *g, size_t i)
{
    int lda = g->transpose_a ? g->M : g->K;
    int ldb = g->transpose_b ? g->K : g->N;
    bool accumulate = g->accumulate || (g->c_step == 0 && i > 0);
    plain_gemm(g->transpose_a, g->transpose_b, g->M, g->N, g->K, g->A + i * g->a_step, lda, g->B + i * g->b_step, ldb, accumulate,
               g->C + i * g->c_step, g->N);
}

static void plain_gemm_batch(const GemmBatch *g)
{
    for (size_t i = 0; i < g->count; i++) {
        batch_product(g, i);
    }
}

// Each row of y starts as the bias, and the products are added to it.
static void plain_linear(const LinearSizes *s, const Real *x, const Real *weight, const Real *bias, Real *y)
{
    for (int i = 0; bias != NULL && i < s->M; i++) {
        memcpy(y + (size_t)i * (size_t)s->N, bias, (size_t)s->N * sizeof(Real));
    }
    plain_gemm(false, true, s->M, s->N, s->K, x, s->K, weight, s->K, bias != NULL, y, s->N);
}

static void plain_linear_dweight(const LinearSizes *s, const Real *x, const Real *dy, GradTarget dweight, GradTarget dbias)
{
    if (dweight.values != NULL) {
        plain_gemm(true, false, s->N, s->K, s->M, dy, s->N, x, s->K, dweight.accumulate, dweight.values, s->K);
    }
    plain_sum_rows(dy, (size_t)s->M, (size_t)s->N, dbias);
}

// ------------------------------------------------------------------------------------------------------------
// Values one by one

static void plain_add(const Real *a, const Real *b, Real *y, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        y[i] = a[i] + b[i];
    }
}

static void plain_pass(const Real *dy, bool accumulate, Real *dx, size_t n)
{
    if (!accumulate) {
        memcpy(dx, dy, n * sizeof(Real));
        return;
    }
    for (size_t i = 0; i < n; i++) {
        dx[i] += dy[i];
    }
}

static void plain_tanh(const Real *x, Real *y, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        y[i] = tanh(x[i]);
    }
}

static const Real SQRT_2_OVER_PI = (Real)0.79788456080286535588;
static const Real GELU_CUBIC = (Real)0.044715;

static Real gelu_inner(Real x)
{
    return SQRT_2_OVER_PI * (x + GELU_CUBIC * x * x * x);
}

static void plain_gelu(const Real *x, Real *y, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        Real u = gelu_inner(x[i]);
        y[i] = x[i] * (1 + tanh(u)) / 2;
    }
}

static Real gelu_slope(Real x)
{
    Real tanh_u = tanh(gelu_inner(x));
    Real bend = 1 - tanh_u * tanh_u;
    if (bend == 0) {
        return (1 + tanh_u) / 2;                   // far out, where du/dx may be infinite: 0 or 1
    }
    Real du_dx = SQRT_2_OVER_PI * (1 + 3 * GELU_CUBIC * x * x);
    return (1 + tanh_u) / 2 + x * bend / 2 * du_dx;
}

static void plain_gelu_backward(const Real *x, const Real *dy, bool accumulate, Real *dx, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        Real before = accumulate ? dx[i] : 0;
        dx[i] = before + dy[i] * gelu_slope(x[i]);
    }
}

// ------------------------------------------------------------------------------------------------------------
// Optimizers

static double plain_sum_of_squares(const Real *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += (double)x[i] * (double)x[i];
    }
    return sum;
}

static void plain_scale(Real factor, Real *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        x[i] *= factor;
    }
}

static void plain_adamw(const AdamWFactors *f, const Real *grad, Real *m, Real *v, Real *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        Real dp = f->gradient * grad[i];
        m[i] = f->beta1 * m[i] + f->new1 * dp;
        v[i] = f->beta2 * v[i] + f->new2 * dp * dp;
        Real denominator = (Real)sqrt(v[i]) * f->over_root + f->eps;
        p[i] = f->keep * p[i] - f->step_size * m[i] / denominator;
    }
}

const Kernels kernels_plain = {
    .name = "plain",
    .gemm = plain_gemm,
    .gemm_batch = plain_gemm_batch,
    .linear = plain_linear,
    .linear_dweight = plain_linear_dweight,
    .add = plain_add,
    .pass = plain_pass,
    .tanh = plain_tanh,
    .gelu = plain_gelu,
    .gelu_backward = plain_gelu_backward,
    .softmax = plain_softmax,
    .softmax_backward = plain_softmax_backward,
    .layernorm = plain_layernorm,
    .layernorm_backward = plain_layernorm_backward,
    .cross_entropy = plain_cross_entropy,
    .cross_entropy_backward = plain_cross_entropy_backward,
    .attention = plain_attention,
    .attention_backward = plain_attention_backward,
    .attention_cached = plain_attention_cached,
    .sum_of_squares = plain_sum_of_squares,
    .scale = plain_scale,
    .adamw = plain_adamw,
};
