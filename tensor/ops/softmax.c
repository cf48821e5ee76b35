// softmax.c: the causal mask, and the softmax that turns scores into weights.

#include "tensor/op.h"

#include <tgmath.h>

// ------------------------------------------------------------------------------------------------------------
// y[t, s] = x[t, s] where s <= t, else -infinity          torch: x.masked_fill(triu(ones(T, T), 1).bool(), -inf)
// The gradient passes unchanged where s <= t; overwritten values get none.

Tensor *tensor_causal_mask(Tensor *scores, Where where)
{
    OP_BEGIN(call, op_causal_mask, where, scores);
    Shape shape = scores->shape;
    if (shape.ndim < 2 || shape.size[shape.ndim - 1] != shape.size[shape.ndim - 2]) {
        op_fail(&call, "%s: the last two sizes must be equal", SHAPE_STRING(shape));
    }
    Tensor *y = op_output(&call, shape); // (..., T, T)
    size_t T = (size_t)shape_last(shape);
    size_t rows = tensor_count(scores) / T;
    for (size_t row = 0; row < rows; row++) {
        size_t t = row % T;
        for (size_t s = 0; s < T; s++) {
            y->data[row * T + s] = s <= t ? scores->data[row * T + s] : (Real)-INFINITY;
        }
    }
    return op_done(&call, y);
}

static void causal_mask_backward(TapeNode *node)
{
    const Real *dy = node->output->grad;
    Real *dscores = op_grad(node->inputs[0]);
    size_t T = (size_t)shape_last(node->output->shape);
    size_t rows = tensor_count(node->output) / T;
    for (size_t row = 0; dscores != NULL && row < rows; row++) {
        size_t t = row % T;
        for (size_t s = 0; s <= t; s++) {
            dscores[row * T + s] += dy[row * T + s];
        }
    }
}

// The mask's infinities have no difference quotient; a softmax turns them into zeros, as in attention.
static Tensor *causal_mask_case(Tensor **x)
{
    return tensor_softmax(tensor_causal_mask(x[0], HERE), HERE);
}

const Op op_causal_mask = {.name = "causal_mask",
                           .group = OP_GROUP_ATTENTION,
                           .backward = causal_mask_backward,
                           OP_CHECK({"causal_mask, with softmax", {SIZES(2, 3, 3)}, 1, .forward = causal_mask_case})};

// ------------------------------------------------------------------------------------------------------------
// y_i = exp(x_i) / sum_j exp(x_j) over the last axis          torch: softmax(x, -1)
// dy_i/dx_j = y_i (1{i = j} - y_j), so  dL/dx_j = y_j (dL/dy_j - sum_i dL/dy_i y_i)
//
// Subtracting the largest x_i first changes nothing, since it cancels, and keeps exp from overflowing.

static Real largest_of(const Real *x, size_t n)
{
    Real largest = x[0];
    for (size_t i = 1; i < n; i++) {
        largest = x[i] > largest ? x[i] : largest;
    }
    return largest;
}

void plain_softmax(const Real *x, size_t rows, size_t n, Real *y)
{
    for (size_t row = 0; row < rows; row++) {
        size_t at = row * n;
        Real largest = largest_of(x + at, n);
        Wide sum = 0;
        for (size_t i = 0; i < n; i++) {
            y[at + i] = exp(x[at + i] - largest);
            sum += (Wide)y[at + i];
        }
        Real scale = (Real)(1 / sum);
        for (size_t i = 0; i < n; i++) {
            y[at + i] *= scale;
        }
    }
}

void plain_softmax_backward(const Real *y, const Real *dy, size_t rows, size_t n, bool accumulate, Real *dx)
{
    for (size_t row = 0; row < rows; row++) {
        size_t at = row * n;
        Wide sum = 0; // sum_i dL/dy_i y_i
        for (size_t i = 0; i < n; i++) {
            sum += (Wide)(dy[at + i] * y[at + i]);
        }
        for (size_t j = 0; j < n; j++) {
            Real before = accumulate ? dx[at + j] : 0;
            // forward was: y_j = exp(x_j) / sum_i exp(x_i)
            dx[at + j] = before + y[at + j] * (dy[at + j] - (Real)sum);
        }
    }
}

// log sum_i exp(x_i) = largest + log sum_i exp(x_i - largest)
Wide log_sum_exp(const Real *x, size_t n)
{
    Real largest = largest_of(x, n);
    Wide sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += (Wide)exp(x[i] - largest);
    }
    return (Wide)largest + log(sum);
}

Tensor *tensor_softmax(Tensor *x, Where where)
{
    OP_BEGIN(call, op_softmax, where, x);
    Tensor *y = op_output(&call, x->shape);
    size_t n = (size_t)shape_last(x->shape);
    size_t rows = tensor_count(x) / n;
    kernels()->softmax(x->data, rows, n, y->data);
    return op_done(&call, y);
}

static void softmax_backward(TapeNode *node)
{
    const Tensor *y = node->output;
    size_t n = (size_t)shape_last(y->shape);
    size_t rows = tensor_count(y) / n;
    GradTarget dx = op_grad_target(node->inputs[0]);
    if (dx.values != NULL) {
        kernels()->softmax_backward(y->data, y->grad, rows, n, dx.accumulate, dx.values);
    }
}

const Op op_softmax = {.name = "softmax", .group = OP_GROUP_ATTENTION, .backward = softmax_backward, .reads_output = 1, OP_CHECK_UNARY(softmax)};
