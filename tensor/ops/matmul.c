// matmul.c: products of matrices.

#include "tensor/op.h"

#include <string.h>

// ------------------------------------------------------------------------------------------------------------
// The plain loops

Gemm gemm_item(const Gemm *g, size_t i)
{
    Gemm item = *g;
    item.count = 1;
    item.accumulate = g->accumulate || (g->c_step == 0 && i > 0);
    item.A += i * g->a_step;
    item.B += i * g->b_step;
    item.C += i * g->c_step;
    return item;
}

// One product. Each value of C is the product of a row of op(A) and a column of op(B), summed over p = 0, 1, ..., K-1. The two orders of the loops
// differ in speed only: each reads B in the order of its memory.
static void multiply(const Gemm *g)
{
    size_t M = (size_t)g->M;
    size_t N = (size_t)g->N;
    size_t K = (size_t)g->K;
    for (size_t i = 0; i < M; i++) {
        const Real *a = g->transpose_a ? &g->A[i] : &g->A[i * K]; // row i of op(A): a[p * step]
        size_t step = g->transpose_a ? M : 1;
        Real *c = &g->C[i * N]; // row i of C
        if (!g->accumulate) {
            memset(c, 0, N * sizeof *c);
        }
        if (g->transpose_b) {
            for (size_t j = 0; j < N; j++) {
                const Real *b = &g->B[j * K];
                Real sum = c[j];
                for (size_t p = 0; p < K; p++) {
                    sum += a[p * step] * b[p];
                }
                c[j] = sum;
            }
        } else {
            for (size_t p = 0; p < K; p++) {
                const Real *b = &g->B[p * N];
                Real factor = a[p * step];
                for (size_t j = 0; j < N; j++) {
                    c[j] += factor * b[j];
                }
            }
        }
    }
}

void plain_gemm(const Gemm *g)
{
    for (size_t i = 0; i < g->count; i++) {
        Gemm item = gemm_item(g, i);
        multiply(&item);
    }
}

// sum_j = the sum of column j
void plain_sum_rows(const Real *y, size_t rows, size_t columns, GradTarget sum)
{
    if (sum.values == NULL) {
        return;
    }
    if (!sum.accumulate) {
        memset(sum.values, 0, columns * sizeof(Real));
    }
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; j < columns; j++) {
            sum.values[j] += y[i * columns + j];
        }
    }
}

// Each row of y starts as the bias, and the products are added to it.
void plain_linear(const LinearSizes *s, const Real *x, const Real *weight, const Real *bias, Real *y)
{
    for (int i = 0; bias != NULL && i < s->M; i++) {
        memcpy(y + (size_t)i * (size_t)s->N, bias, (size_t)s->N * sizeof(Real));
    }
    multiply(&(Gemm){false, true, bias != NULL, s->M, s->N, s->K, x, weight, y, .count = 1});
}

// forward was: y = x W^T + b
void plain_linear_backward(const LinearSizes *s, const Real *x, const Real *dy, GradTarget dweight, GradTarget dbias)
{
    if (dweight.values != NULL) {
        multiply(&(Gemm){true, false, dweight.accumulate, s->N, s->K, s->M, dy, x, dweight.values, .count = 1});
    }
    plain_sum_rows(dy, (size_t)s->M, (size_t)s->N, dbias);
}

// ------------------------------------------------------------------------------------------------------------
// y = a b            a (..., M, K), b (..., K, N) or (K, N), y (..., M, N)          torch: a @ b
// dL/da = dL/dy b^T,  dL/db = a^T dL/dy, summed over the matrices if they share one b

static bool leading_sizes_equal(Shape a, Shape b)
{
    if (a.ndim != b.ndim) {
        return false;
    }
    for (int d = 0; d < a.ndim - 2; d++) {
        if (a.size[d] != b.size[d]) {
            return false;
        }
    }
    return true;
}

// A step is the number of values in one matrix, and so the distance to the next; 0 for a shared b.
static Gemm matmul_sizes(const OpCall *call)
{
    Shape a = call->inputs[0]->shape;
    Shape b = call->inputs[1]->shape;
    if (a.ndim < 2 || b.ndim < 2) {
        op_fail(call, "%s x %s: both need at least 2 dimensions", SHAPE_STRING(a), SHAPE_STRING(b));
    }
    int inner_a = a.size[a.ndim - 1];
    int inner_b = b.size[b.ndim - 2];
    if (inner_a != inner_b) {
        op_fail(call, "%s x %s: inner sizes %d and %d differ", SHAPE_STRING(a), SHAPE_STRING(b), inner_a, inner_b);
    }
    bool b_shared = b.ndim == 2;
    if (!b_shared && !leading_sizes_equal(a, b)) {
        op_fail(call, "%s x %s: leading sizes differ, and b is not one matrix for all", SHAPE_STRING(a), SHAPE_STRING(b));
    }
    Gemm g = {.M = a.size[a.ndim - 2], .N = b.size[b.ndim - 1], .K = inner_a};
    g.a_step = (size_t)g.M * (size_t)g.K;
    g.b_step = b_shared ? 0 : (size_t)g.K * (size_t)g.N;
    g.c_step = (size_t)g.M * (size_t)g.N;
    g.count = shape_count(a) / g.a_step;
    return g;
}

Tensor *tensor_matmul(Tensor *a, Tensor *b, Where where)
{
    OP_BEGIN(call, op_matmul, where, a, b);
    Gemm g = matmul_sizes(&call);
    Shape shape = a->shape;
    shape.size[shape.ndim - 1] = g.N;
    Tensor *y = op_output(&call, shape);
    g.A = a->data;
    g.B = b->data;
    g.C = y->data;
    Gemm *saved = op_save(y, sizeof g);
    *saved = g;
    kernels()->gemm(&g);
    return op_done(&call, y);
}

static void matmul_backward(TapeNode *node)
{
    Tensor *a = node->inputs[0];
    Tensor *b = node->inputs[1];
    const Real *dy = node->output->grad;
    const Gemm *g = node->saved;

    // forward was: y_i = a_i b_i
    GradTarget da = op_grad_target(a);
    if (da.values != NULL) {
        kernels()->gemm(&(Gemm){false, true, da.accumulate, g->M, g->K, g->N, dy, b->data, da.values, g->count, g->c_step, g->b_step, g->a_step});
    }
    GradTarget db = op_grad_target(b);
    if (db.values != NULL) {
        kernels()->gemm(&(Gemm){true, false, db.accumulate, g->K, g->N, g->M, a->data, dy, db.values, g->count, g->a_step, g->c_step, g->b_step});
    }
}

static const OpCase matmul_cases[] = {
    {"matmul", {SIZES(2, 3), SIZES(3, 4)}, 2, .binary = tensor_matmul},
    {"matmul, batched", {SIZES(2, 2, 2, 3), SIZES(2, 2, 3, 2)}, 2, .binary = tensor_matmul},
    {"matmul, b shared", {SIZES(2, 3, 2), SIZES(2, 4)}, 2, .binary = tensor_matmul},
};

const Op op_matmul = {.name = "matmul", .group = OP_GROUP_PRODUCT, .backward = matmul_backward, .reads = {2, 1}, OP_CASES(matmul_cases)};

// ------------------------------------------------------------------------------------------------------------
// y = x W^T + b      x (..., K) seen as (M, K), W (N, K), b (N), y (..., N)         torch: F.linear(x, W, b)
// dL/dx = dL/dy W,   dL/dW = dL/dy^T x,   dL/db = the sum of dL/dy's rows

static void linear_check(const OpCall *call, bool has_bias)
{
    Shape x = call->inputs[0]->shape;
    Shape weight = call->inputs[1]->shape;
    if (weight.ndim != 2 || x.ndim < 1) {
        op_fail(call, "x %s, weight %s: x needs at least 1 dimension, the weight exactly 2", SHAPE_STRING(x), SHAPE_STRING(weight));
    }
    if (shape_last(x) != shape_last(weight)) {
        op_fail(call, "x %s, weight %s: x ends in %d value%s, the weight takes %d", SHAPE_STRING(x), SHAPE_STRING(weight), shape_last(x),
                shape_last(x) == 1 ? "" : "s", shape_last(weight));
    }
    if (has_bias && !shape_equal(call->inputs[2]->shape, SHAPE(weight.size[0]))) {
        op_fail(call, "weight %s, bias %s: the bias must have shape (%d)", SHAPE_STRING(weight), SHAPE_STRING(call->inputs[2]->shape),
                weight.size[0]);
    }
}

static LinearSizes linear_sizes(const Tensor *x, const Tensor *weight)
{
    int K = weight->shape.size[1];
    return (LinearSizes){.M = (int)(tensor_count(x) / (size_t)K), .N = weight->shape.size[0], .K = K};
}

Tensor *tensor_linear(Tensor *x, Tensor *weight, Tensor *bias, Where where)
{
    bool has_bias = bias != NULL;
    OpCall call = {&op_linear, (Tensor *[]){x, weight, bias}, has_bias ? 3 : 2, where};
    op_check(&call);
    linear_check(&call, has_bias);
    LinearSizes s = linear_sizes(x, weight);
    Shape shape = x->shape;
    shape.size[shape.ndim - 1] = s.N;
    Tensor *y = op_output(&call, shape);

    kernels()->linear(&s, x->data, weight->data, has_bias ? bias->data : NULL, y->data);
    return op_done(&call, y);
}

static void linear_backward(TapeNode *node)
{
    Tensor *x = node->inputs[0];
    Tensor *weight = node->inputs[1];
    const Real *dy = node->output->grad; // (M, N)
    LinearSizes s = linear_sizes(x, weight);

    // forward was: y = x W^T + b
    GradTarget dx = op_grad_target(x); // (M, K)
    if (dx.values != NULL) {
        kernels()->gemm(&(Gemm){false, false, dx.accumulate, s.M, s.K, s.N, dy, weight->data, dx.values, .count = 1});
    }
    GradTarget dweight = op_grad_target(weight); // (N, K)
    GradTarget dbias = {NULL, false};            // (N)
    if (node->n_inputs == 3) {
        dbias = op_grad_target(node->inputs[2]);
    }
    kernels()->linear_backward(&s, x->data, dy, dweight, dbias);
}

static const OpCase linear_cases[] = {
    {"linear", {SIZES(2, 2, 3), SIZES(4, 3), SIZES(4)}, 3, .ternary = tensor_linear},
    {"linear, no bias", {SIZES(2, 3), SIZES(4, 3)}, 2, .ternary = tensor_linear},
};

const Op op_linear = {.name = "linear", .group = OP_GROUP_PRODUCT, .backward = linear_backward, .reads = {2, 1}, OP_CASES(linear_cases)};
