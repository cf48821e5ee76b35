// layernorm.c: layer normalization (Ba, Kiros and Hinton 2016).          torch: F.layer_norm(x, (C,), weight, bias, eps)
//
//   mean = sum_i x_i / C,  var = sum_i (x_i - mean)^2 / C,  rstd = 1 / sqrt(var + eps)
//   n_i = (x_i - mean) rstd,   y_i = n_i weight_i + bias_i
//
// Backward, with dn_i = dL/dy_i weight_i: x_i moves n_i directly, and all n_j through the mean and through rstd:
//
//   dL/dx_i = rstd (dn_i - sum_j dn_j / C - n_i sum_j dn_j n_j / C)
//   dL/dweight_i = sum over rows dL/dy_i n_i,   dL/dbias_i = sum over rows dL/dy_i
//
// Forward keeps mean and rstd of each row; n is made again from them, which is cheaper than keeping it.

#include "tensor/op.h"

#include <tgmath.h>

typedef struct RowStats {
    double mean;
    double rstd;
} RowStats;

static RowStats row_stats(const Real *x, size_t C, double eps)
{
    double sum = 0;
    for (size_t i = 0; i < C; i++) {
        sum += (double)x[i];
    }
    double mean = sum / (double)C;
    double sum_of_squares = 0;
    for (size_t i = 0; i < C; i++) {
        double deviation = (double)x[i] - mean;
        sum_of_squares += deviation * deviation;
    }
    double var = sum_of_squares / (double)C;
    return (RowStats){.mean = mean, .rstd = 1 / sqrt(var + eps)};
}

static void layernorm_check(const OpCall *call)
{
    Shape x = call->inputs[0]->shape;
    Shape expected = SHAPE(shape_last(x));
    if (x.ndim < 1 || !shape_equal(call->inputs[1]->shape, expected) || !shape_equal(call->inputs[2]->shape, expected)) {
        char x_text[SHAPE_TEXT];
        char weight_text[SHAPE_TEXT];
        char bias_text[SHAPE_TEXT];
        op_fail(call, "x %s, weight %s, bias %s: weight and bias must have shape (%d)", shape_text(x, x_text),
                shape_text(call->inputs[1]->shape, weight_text), shape_text(call->inputs[2]->shape, bias_text), shape_last(x));
    }
}

Tensor *tensor_layernorm(Tensor *x, Tensor *weight, Tensor *bias, double eps, Where where)
{
    OpCall call = {OP_LAYERNORM, (Tensor *[]){x, weight, bias}, 3, where};
    op_check(&call);
    layernorm_check(&call);
    Tensor *y = op_output(&call, x->shape);        // (..., C)
    size_t C = (size_t)shape_last(x->shape);
    size_t rows = tensor_count(x) / C;
    RowStats *stats = op_save(y, rows * sizeof *stats);

    for (size_t row = 0; row < rows; row++) {
        const Real *x_row = x->data + row * C;
        stats[row] = row_stats(x_row, C, eps);
        for (size_t i = 0; i < C; i++) {
            Real n = (Real)(((double)x_row[i] - stats[row].mean) * stats[row].rstd);
            y->data[row * C + i] = n * weight->data[i] + bias->data[i];
        }
    }
    return op_done(&call, y);
}

static void layernorm_row_dx(const Real *x, const Real *weight, const Real *dy, size_t C, RowStats stats, Real *dx)
{
    double dn_sum = 0;
    double dn_n_sum = 0;
    for (size_t i = 0; i < C; i++) {
        double n = ((double)x[i] - stats.mean) * stats.rstd;
        double dn = (double)dy[i] * (double)weight[i];
        dn_sum += dn;
        dn_n_sum += dn * n;
    }
    double dn_mean = dn_sum / (double)C;
    double dn_n_mean = dn_n_sum / (double)C;
    for (size_t i = 0; i < C; i++) {
        double n = ((double)x[i] - stats.mean) * stats.rstd;
        double dn = (double)dy[i] * (double)weight[i];
        dx[i] += (Real)(stats.rstd * (dn - dn_mean - n * dn_n_mean));
    }
}

static void layernorm_backward(TapeNode *node)
{
    Tensor *x = node->inputs[0];
    Tensor *weight = node->inputs[1];
    const RowStats *stats = node->saved;
    Real *dx = op_grad(x);
    Real *dweight = op_grad(weight);
    Real *dbias = op_grad(node->inputs[2]);
    size_t C = (size_t)shape_last(x->shape);
    size_t rows = tensor_count(x) / C;

    for (size_t row = 0; row < rows; row++) {
        const Real *x_row = x->data + row * C;
        const Real *dy = node->output->grad + row * C;
        if (dx != NULL) {
            layernorm_row_dx(x_row, weight->data, dy, C, stats[row], dx + row * C);
        }
        for (size_t i = 0; i < C; i++) {
            // forward was: y[i] = n weight[i] + bias[i]
            Real n = (Real)(((double)x_row[i] - stats[row].mean) * stats[row].rstd);
            if (dweight != NULL) {
                dweight[i] += dy[i] * n;
            }
            if (dbias != NULL) {
                dbias[i] += dy[i];
            }
        }
    }
}

static Tensor *layernorm_case(Tensor **x)
{
    return tensor_layernorm(x[0], x[1], x[2], 1e-5, HERE);
}

static const OpCase layernorm_cases[] = {
    {"layernorm, 1 dimension", {SIZES(5), SIZES(5), SIZES(5)}, 3, false, layernorm_case},
    {"layernorm, 2 dimensions", {SIZES(3, 5), SIZES(5), SIZES(5)}, 3, false, layernorm_case},
    {"layernorm, 3 dimensions", {SIZES(2, 2, 4), SIZES(4), SIZES(4)}, 3, false, layernorm_case},
    {"layernorm, 4 dimensions", {SIZES(2, 1, 2, 4), SIZES(4), SIZES(4)}, 3, false, layernorm_case},
};

const Op op_layernorm = {.name = "layernorm", .backward = layernorm_backward, OP_CASES(layernorm_cases)};
