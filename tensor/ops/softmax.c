// softmax.c: the causal mask, and the softmax that turns scores into weights.

#include "tensor/op.h"

#include <tgmath.h>

// ------------------------------------------------------------------------------------------------------------
// y[t, s] = x[t, s] where s <= t, else -infinity          torch: x.masked_fill(triu(ones(T, T), 1).bool(), -inf)
// What was overwritten gets no gradient; the rest passes unchanged.

Tensor *tensor_causal_mask(Tensor *scores, Where where)
{
    OpCall call = {OP_CAUSAL_MASK, (Tensor *[]){scores}, 1, where};
    op_check(&call);
    Shape shape = scores->shape;
    if (shape.ndim < 2 || shape.size[shape.ndim - 1] != shape.size[shape.ndim - 2]) {
        char text[SHAPE_TEXT];
        op_fail(&call, "%s: the last two sizes must be equal", shape_text(shape, text));
    }
    Tensor *y = op_output(&call, shape);           // (..., T, T)
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
    if (dscores == NULL) {
        return;
    }
    size_t T = (size_t)shape_last(node->output->shape);
    size_t rows = tensor_count(node->output) / T;
    for (size_t row = 0; row < rows; row++) {
        size_t t = row % T;
        for (size_t s = 0; s <= t; s++) {
            dscores[row * T + s] += dy[row * T + s];
        }
    }
}

// The mask's infinities have no difference quotient; a softmax above it makes them 0, as attention does.
static Tensor *causal_mask_case(Tensor **x)
{
    return tensor_softmax(tensor_causal_mask(x[0], HERE), HERE);
}

static const OpCase causal_mask_cases[] = {
    {"causal_mask, with softmax", {SIZES(2, 3, 3)}, 1, false, causal_mask_case},
};

const Op op_causal_mask = {.name = "causal_mask", .backward = causal_mask_backward, OP_CASES(causal_mask_cases)};

// ------------------------------------------------------------------------------------------------------------
// y_i = exp(x_i) / sum_j exp(x_j) over the last axis          torch: softmax(x, -1)
// dy_i/dx_j = y_i (1{i = j} - y_j), so  dL/dx_j = y_j (dL/dy_j - sum_i dL/dy_i y_i)

// The loops are behind kernel.h.

Tensor *tensor_softmax(Tensor *x, Where where)
{
    OpCall call = {OP_SOFTMAX, (Tensor *[]){x}, 1, where};
    op_check(&call);
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

static Tensor *softmax_case(Tensor **x)
{
    return tensor_softmax(x[0], HERE);
}

static const OpCase softmax_cases[] = {
    {"softmax", {SIZES(3, 4)}, 1, false, softmax_case},
};

const Op op_softmax = {.name = "softmax", .backward = softmax_backward, OP_CASES(softmax_cases)};
