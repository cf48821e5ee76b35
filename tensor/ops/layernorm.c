// layernorm.c: layer normalization (Ba, Kiros and Hinton 2016).          torch: F.layer_norm(x, (C,), weight, bias, eps)
//
//   mean = sum_i x_i / C,  var = sum_i (x_i - mean)^2 / C,  rstd = 1 / sqrt(var + eps)
//   n_i = (x_i - mean) rstd,   y_i = n_i weight_i + bias_i
//
// Backward, with dn_i = dL/dy_i weight_i: x_i changes n_i directly, and all n_j through the mean and through rstd:
//
//   dL/dx_i = rstd (dn_i - sum_j dn_j / C - n_i sum_j dn_j n_j / C)
//   dL/dweight_i = sum over rows dL/dy_i n_i,   dL/dbias_i = sum over rows dL/dy_i
//
// Forward saves mean and rstd of each row; backward computes n again from them, which is cheaper than saving it.

#include "tensor/op.h"

#include <string.h>
#include <tgmath.h>

static RowStats row_stats(const Real *x, size_t C, double eps)
{
    Wide sum = 0;
    for (size_t i = 0; i < C; i++) {
        sum += (Wide)x[i];
    }
    Wide mean = sum / (Wide)C;
    Wide sum_of_squares = 0;
    for (size_t i = 0; i < C; i++) {
        Wide deviation = (Wide)x[i] - mean;
        sum_of_squares += deviation * deviation;
    }
    Wide var = sum_of_squares / (Wide)C;
    return (RowStats){.mean = mean, .rstd = 1 / sqrt(var + (Wide)eps)};
}

void plain_layernorm(const LayernormRows *r, const Real *bias, double eps, RowStats *stats, Real *y)
{
    for (size_t row = 0; row < r->rows; row++) {
        size_t at = row * r->C;
        stats[row] = row_stats(r->x + at, r->C, eps);
        for (size_t i = 0; i < r->C; i++) {
            Real n = (Real)(((Wide)r->x[at + i] - stats[row].mean) * stats[row].rstd);
            y[at + i] = n * r->weight[i] + bias[i];
        }
    }
}

static void layernorm_row_dx(const Real *x, const Real *weight, const Real *dy, size_t C, RowStats stats, bool accumulate, Real *dx)
{
    Wide dn_sum = 0;
    Wide dn_n_sum = 0;
    for (size_t i = 0; i < C; i++) {
        Wide n = ((Wide)x[i] - stats.mean) * stats.rstd;
        Wide dn = (Wide)dy[i] * (Wide)weight[i];
        dn_sum += dn;
        dn_n_sum += dn * n;
    }
    Wide dn_mean = dn_sum / (Wide)C;
    Wide dn_n_mean = dn_n_sum / (Wide)C;
    for (size_t i = 0; i < C; i++) {
        Wide n = ((Wide)x[i] - stats.mean) * stats.rstd;
        Wide dn = (Wide)dy[i] * (Wide)weight[i];
        Real before = accumulate ? dx[i] : 0;
        // forward was: n = (x[i] - mean) rstd
        dx[i] = before + (Real)(stats.rstd * (dn - dn_mean - n * dn_n_mean));
    }
}

static void layernorm_dweight(const LayernormRows *r, const RowStats *stats, const Real *dy, bool accumulate, Real *dweight)
{
    if (!accumulate) {
        memset(dweight, 0, r->C * sizeof(Real));
    }
    for (size_t row = 0; row < r->rows; row++) {
        size_t at = row * r->C;
        for (size_t i = 0; i < r->C; i++) {
            Real n = (Real)(((Wide)r->x[at + i] - stats[row].mean) * stats[row].rstd);
            // forward was: y[i] = n weight[i] + bias[i]
            dweight[i] += dy[at + i] * n;
        }
    }
}

void plain_layernorm_backward(const LayernormRows *r, const RowStats *stats, const Real *dy, const LayernormGrads *grads)
{
    for (size_t row = 0; grads->dx.values != NULL && row < r->rows; row++) {
        size_t at = row * r->C;
        layernorm_row_dx(r->x + at, r->weight, dy + at, r->C, stats[row], grads->dx.accumulate, grads->dx.values + at);
    }
    if (grads->dweight.values != NULL) {
        layernorm_dweight(r, stats, dy, grads->dweight.accumulate, grads->dweight.values);
    }
    plain_sum_rows(dy, r->rows, r->C, grads->dbias);
}

static void layernorm_check(const OpCall *call)
{
    Shape x = call->inputs[0]->shape;
    Shape expected = SHAPE(shape_last(x));
    if (x.ndim < 1 || !shape_equal(call->inputs[1]->shape, expected) || !shape_equal(call->inputs[2]->shape, expected)) {
        op_fail(call, "x %s, weight %s, bias %s: weight and bias must have shape (%d)", SHAPE_STRING(x), SHAPE_STRING(call->inputs[1]->shape),
                SHAPE_STRING(call->inputs[2]->shape), shape_last(x));
    }
}

Tensor *tensor_layernorm(Tensor *x, Tensor *weight, Tensor *bias, double eps, Where where)
{
    OP_BEGIN(call, op_layernorm, where, x, weight, bias);
    layernorm_check(&call);
    op_check_eps(&call, eps);
    Tensor *y = op_output(&call, x->shape); // (..., C)
    size_t C = (size_t)shape_last(x->shape);
    size_t rows = tensor_count(x) / C;
    RowStats *stats = op_save(y, rows * sizeof *stats);

    kernels()->layernorm(&(LayernormRows){x->data, weight->data, rows, C}, bias->data, eps, stats, y->data);
    return op_done(&call, y);
}

static void layernorm_backward(TapeNode *node)
{
    Tensor *x = node->inputs[0];
    Tensor *weight = node->inputs[1];
    Tensor *bias = node->inputs[2];
    const RowStats *stats = node->saved;
    const Real *dy = node->output->grad;
    size_t C = (size_t)shape_last(x->shape);
    LayernormRows rows = {x->data, weight->data, tensor_count(x) / C, C};

    LayernormGrads grads;
    grads.dx = op_grad_target(x);
    grads.dweight = op_grad_target(weight);
    grads.dbias = op_grad_target(bias);
    kernels()->layernorm_backward(&rows, stats, dy, &grads);
}

static Tensor *layernorm_case(Tensor **x)
{
    return tensor_layernorm(x[0], x[1], x[2], 1e-5, HERE);
}

static const OpCase layernorm_cases[] = {
    {"layernorm, 1 dimension", {SIZES(5), SIZES(5), SIZES(5)}, 3, .forward = layernorm_case},
    {"layernorm, 2 dimensions", {SIZES(3, 5), SIZES(5), SIZES(5)}, 3, .forward = layernorm_case},
    {"layernorm, 3 dimensions", {SIZES(2, 2, 4), SIZES(4), SIZES(4)}, 3, .forward = layernorm_case},
    {"layernorm, 4 dimensions", {SIZES(2, 1, 2, 4), SIZES(4), SIZES(4)}, 3, .forward = layernorm_case},
};

const Op op_layernorm = {.name = "layernorm", .group = OP_GROUP_NORM, .backward = layernorm_backward, .reads = {3, 1}, OP_CASES(layernorm_cases)};
