// reduce.c: sums and means, of all values or along one axis. They are summed in Wide, so that long sums lose no digits.
//
// y[o, k] = factor sum_i x[o, i, k],  factor = 1 for a sum, 1 / n for a mean
// dL/dx[o, i, k] = factor dL/dy[o, k]: each value that went into a sum gets the sum's gradient

#include "tensor/op.h"

typedef struct ReduceSaved {
    AxisView view; // of x
    double factor;
} ReduceSaved;

static Tensor *reduce_forward(const OpCall *call, AxisView view, Shape shape, bool mean)
{
    const Tensor *x = call->inputs[0];
    Tensor *y = op_output(call, shape);
    double factor = mean ? 1.0 / (double)view.n : 1.0;
    ReduceSaved *saved = op_save(y, sizeof *saved);
    *saved = (ReduceSaved){view, factor};
    for (size_t o = 0; o < view.outer; o++) {
        for (size_t k = 0; k < view.inner; k++) {
            Wide sum = 0;
            for (size_t i = 0; i < view.n; i++) {
                sum += (Wide)x->data[(o * view.n + i) * view.inner + k];
            }
            y->data[o * view.inner + k] = (Real)(factor * sum);
        }
    }
    return op_done(call, y);
}

static void reduce_backward(TapeNode *node)
{
    const ReduceSaved *saved = node->saved;
    AxisView view = saved->view;
    const Real *dy = node->output->grad;
    Real *dx = op_grad(node->inputs[0]);
    for (size_t o = 0; dx != NULL && o < view.outer; o++) {
        for (size_t i = 0; i < view.n; i++) {
            for (size_t k = 0; k < view.inner; k++) {
                dx[(o * view.n + i) * view.inner + k] += (Real)saved->factor * dy[o * view.inner + k];
            }
        }
    }
}

// ------------------------------------------------------------------------------------------------------------
// Of all values: a scalar.          torch: x.sum(), x.mean()

static Tensor *reduce_all(const Op *op, Tensor *x, bool mean, Where where)
{
    OP_BEGIN(call, *op, where, x);
    AxisView all = {.outer = 1, .n = tensor_count(x), .inner = 1};
    return reduce_forward(&call, all, SHAPE_SCALAR, mean);
}

Tensor *tensor_sum(Tensor *x, Where where)
{
    return reduce_all(&op_sum, x, false, where);
}

Tensor *tensor_mean(Tensor *x, Where where)
{
    return reduce_all(&op_mean, x, true, where);
}

const Op op_sum = {.name = "sum", .backward = reduce_backward, OP_CHECK({"sum", {SIZES(2, 3)}, 1, .unary = tensor_sum})};
const Op op_mean = {.name = "mean", .backward = reduce_backward, OP_CHECK({"mean", {SIZES(2, 3)}, 1, .unary = tensor_mean})};

// ------------------------------------------------------------------------------------------------------------
// Along one axis, whose size becomes 1, so that the result broadcasts back against x.          torch: x.sum(axis, keepdim=True)

static Tensor *reduce_axis(const Op *op, Tensor *x, int axis, bool mean, Where where)
{
    OP_BEGIN(call, *op, where, x);
    int d = shape_axis(&call, x->shape, axis);
    Shape shape = x->shape;
    shape.size[d] = 1;
    return reduce_forward(&call, axis_view(x->shape, d), shape, mean);
}

Tensor *tensor_sum_axis(Tensor *x, int axis, Where where)
{
    return reduce_axis(&op_sum_axis, x, axis, false, where);
}

Tensor *tensor_mean_axis(Tensor *x, int axis, Where where)
{
    return reduce_axis(&op_mean_axis, x, axis, true, where);
}

static Tensor *sum_axis_case(Tensor **x)
{
    return tensor_sum_axis(x[0], 1, HERE);
}

static Tensor *mean_axis_case(Tensor **x)
{
    return tensor_mean_axis(x[0], -1, HERE);
}

const Op op_sum_axis = {.name = "sum_axis", .backward = reduce_backward, OP_CHECK({"sum_axis", {SIZES(2, 3, 2)}, 1, .forward = sum_axis_case})};
const Op op_mean_axis = {.name = "mean_axis", .backward = reduce_backward, OP_CHECK({"mean_axis", {SIZES(2, 3)}, 1, .forward = mean_axis_case})};
