// reduce.c: sums and means, of everything or along one axis. Sums run in double, so that long ones lose no digits.

#include "tensor/op.h"

// y[o, k] = factor sum_i x[o, i, k]. torch: x.sum(axis, keepdim=True), factor = 1
static Tensor *reduce_forward(const OpCall *call, AxisView view, Shape shape, double factor)
{
    const Tensor *x = call->inputs[0];
    Tensor *y = op_output(call, shape);
    AxisView *saved = op_save(y, sizeof view);
    *saved = view;
    for (size_t o = 0; o < view.outer; o++) {
        for (size_t k = 0; k < view.inner; k++) {
            double sum = 0;
            for (size_t i = 0; i < view.n; i++) {
                sum += (double)x->data[(o * view.n + i) * view.inner + k];
            }
            y->data[o * view.inner + k] = (Real)(factor * sum);
        }
    }
    return op_done(call, y);
}

// Every value that went into a sum gets the sum's gradient: dL/dx[o, i, k] = factor dL/dy[o, k]
static void reduce_backward(TapeNode *node, double factor)
{
    const AxisView view = *(const AxisView *)node->saved;
    const Real *dy = node->output->grad;
    Real *dx = op_grad(node->inputs[0]);
    if (dx == NULL) {
        return;
    }
    for (size_t o = 0; o < view.outer; o++) {
        for (size_t i = 0; i < view.n; i++) {
            for (size_t k = 0; k < view.inner; k++) {
                dx[(o * view.n + i) * view.inner + k] += (Real)factor * dy[o * view.inner + k];
            }
        }
    }
}

static double one_over_n(const TapeNode *node)
{
    const AxisView *view = node->saved;
    return 1.0 / (double)view->n;
}

static AxisView everything(const Tensor *x)
{
    return (AxisView){.outer = 1, .n = tensor_count(x), .inner = 1};
}

// ------------------------------------------------------------------------------------------------------------
// y = sum of all x          torch: x.sum()

Tensor *tensor_sum(Tensor *x, Where where)
{
    OpCall call = {OP_SUM, (Tensor *[]){x}, 1, where};
    op_check(&call);
    return reduce_forward(&call, everything(x), SHAPE_SCALAR, 1.0);
}

static void sum_backward(TapeNode *node)
{
    reduce_backward(node, 1.0);
}

static Tensor *sum_case(Tensor **x)
{
    return tensor_sum(x[0], HERE);
}

static const OpCase sum_cases[] = {
    {"sum", {SIZES(2, 3)}, 1, false, sum_case},
};

const Op op_sum = {.name = "sum", .backward = sum_backward, OP_CASES(sum_cases)};

// ------------------------------------------------------------------------------------------------------------
// y = sum of all x / their number          torch: x.mean()

Tensor *tensor_mean(Tensor *x, Where where)
{
    OpCall call = {OP_MEAN, (Tensor *[]){x}, 1, where};
    op_check(&call);
    AxisView view = everything(x);
    return reduce_forward(&call, view, SHAPE_SCALAR, 1.0 / (double)view.n);
}

static void mean_backward(TapeNode *node)
{
    reduce_backward(node, one_over_n(node));
}

static Tensor *mean_case(Tensor **x)
{
    return tensor_mean(x[0], HERE);
}

static const OpCase mean_cases[] = {
    {"mean", {SIZES(2, 3)}, 1, false, mean_case},
};

const Op op_mean = {.name = "mean", .backward = mean_backward, OP_CASES(mean_cases)};

// ------------------------------------------------------------------------------------------------------------
// The same along one axis, whose size becomes 1, so that the result broadcasts back against x.

// The view of x around the axis, and the output's shape.
static AxisView along(const OpCall *call, int axis, Shape *shape)
{
    Shape x = call->inputs[0]->shape;
    int d = shape_axis(call, x, axis);
    *shape = x;
    shape->size[d] = 1;
    return axis_view(x, d);
}

Tensor *tensor_sum_axis(Tensor *x, int axis, Where where)
{
    OpCall call = {OP_SUM_AXIS, (Tensor *[]){x}, 1, where};
    op_check(&call);
    Shape shape;
    AxisView view = along(&call, axis, &shape);
    return reduce_forward(&call, view, shape, 1.0);
}

static Tensor *sum_axis_case(Tensor **x)
{
    return tensor_sum_axis(x[0], 1, HERE);
}

static const OpCase sum_axis_cases[] = {
    {"sum_axis", {SIZES(2, 3, 2)}, 1, false, sum_axis_case},
};

const Op op_sum_axis = {.name = "sum_axis", .backward = sum_backward, OP_CASES(sum_axis_cases)};

Tensor *tensor_mean_axis(Tensor *x, int axis, Where where)
{
    OpCall call = {OP_MEAN_AXIS, (Tensor *[]){x}, 1, where};
    op_check(&call);
    Shape shape;
    AxisView view = along(&call, axis, &shape);
    return reduce_forward(&call, view, shape, 1.0 / (double)view.n);
}

static Tensor *mean_axis_case(Tensor **x)
{
    return tensor_mean_axis(x[0], -1, HERE);
}

static const OpCase mean_axis_cases[] = {
    {"mean_axis", {SIZES(2, 3)}, 1, false, mean_axis_case},
};

const Op op_mean_axis = {.name = "mean_axis", .backward = mean_backward, OP_CASES(mean_axis_cases)};
