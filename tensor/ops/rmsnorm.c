// rmsnorm.c: root mean square normalization (Zhang and Sennrich 2019).          torch: F.rms_norm(x, (C,), weight, eps)
//
//   r = 1 / sqrt(sum_i x_i^2 / C + eps),   n_i = x_i r,   y_i = weight_i n_i
//
// LayerNorm without its mean and bias: the stream keeps its direction, and only its length changes.
//
// Backward, with dn_i = dL/dy_i weight_i: x_i moves n_i directly, and all n_j through r:
//
//   dL/dx_i = r (dn_i - n_i sum_j dn_j n_j / C)
//   dL/dweight_i = sum over rows dL/dy_i n_i
//
// Forward keeps r of each row, in Wide: n = x r shows every digit lost.

#include "tensor/op.h"

#include <tgmath.h>

// One row of C values; returns r.
static Wide rmsnorm_row(const Real *x, const Real *weight, size_t C, double eps, Real *y)
{
    Wide squares = 0;
    for (size_t i = 0; i < C; i++) {
        Wide x_i = (Wide)x[i];
        squares += x_i * x_i;
    }
    Wide r = 1 / sqrt(squares / (Wide)C + (Wide)eps);
    for (size_t i = 0; i < C; i++) {
        Real n_i = (Real)((Wide)x[i] * r);
        y[i] = weight[i] * n_i;
    }
    return r;
}

// The same row backward. dx and dweight are added to; each may be NULL.
static void rmsnorm_row_backward(const Real *x, const Real *weight, size_t C, Wide r, const Real *dy, Real *dx, Real *dweight)
{
    Wide dn_n = 0; // sum_j dn_j n_j
    for (size_t i = 0; i < C; i++) {
        Wide n_i = (Wide)x[i] * r;
        Wide dn_i = (Wide)dy[i] * (Wide)weight[i];
        dn_n += dn_i * n_i;
    }
    for (size_t i = 0; i < C; i++) {
        Wide n_i = (Wide)x[i] * r;
        Wide dn_i = (Wide)dy[i] * (Wide)weight[i];
        if (dx != NULL) {
            // forward was: n_i = x_i r, and r depends on every x_j
            dx[i] += (Real)(r * (dn_i - n_i * dn_n / (Wide)C));
        }
        if (dweight != NULL) {
            // forward was: y_i = weight_i n_i
            dweight[i] += dy[i] * (Real)n_i;
        }
    }
}

Tensor *tensor_rmsnorm(Tensor *x, Tensor *weight, double eps, Where where)
{
    OP_BEGIN(call, op_rmsnorm, where, x, weight);
    if (x->shape.ndim < 1 || !shape_equal(weight->shape, SHAPE(shape_last(x->shape)))) {
        op_fail(&call, "x %s, weight %s: weight must have shape (%d)", SHAPE_STRING(x->shape), SHAPE_STRING(weight->shape), shape_last(x->shape));
    }
    op_check_eps(&call, eps);
    Tensor *y = op_output(&call, x->shape); // (..., C)
    size_t C = (size_t)shape_last(x->shape);
    size_t rows = tensor_count(x) / C;
    Wide *r = op_save(y, rows * sizeof *r);
    for (size_t row = 0; row < rows; row++) {
        r[row] = rmsnorm_row(x->data + row * C, weight->data, C, eps, y->data + row * C);
    }
    return op_done(&call, y);
}

static void rmsnorm_backward(TapeNode *node)
{
    Tensor *x = node->inputs[0];
    Tensor *weight = node->inputs[1];
    const Wide *r = node->saved;
    const Real *dy = node->output->grad;
    size_t C = (size_t)shape_last(x->shape);
    size_t rows = tensor_count(x) / C;
    Real *dx = op_grad(x);
    Real *dweight = op_grad(weight);
    for (size_t row = 0; row < rows; row++) {
        size_t at = row * C;
        rmsnorm_row_backward(x->data + at, weight->data, C, r[row], dy + at, dx == NULL ? NULL : dx + at, dweight);
    }
}

static Tensor *rmsnorm_case(Tensor **x)
{
    return tensor_rmsnorm(x[0], x[1], 1e-5, HERE);
}

static const OpCase rmsnorm_cases[] = {
    {"rmsnorm, 1 dimension", {SIZES(5), SIZES(5)}, 2, .forward = rmsnorm_case},
    {"rmsnorm, 3 dimensions", {SIZES(2, 2, 4), SIZES(4)}, 2, .forward = rmsnorm_case},
};

const Op op_rmsnorm = {.name = "rmsnorm", .group = OP_GROUP_NORM, .backward = rmsnorm_backward, .reads = {3, 1}, OP_CASES(rmsnorm_cases)};
