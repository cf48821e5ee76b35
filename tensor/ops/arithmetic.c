// arithmetic.c: +, -, *, / of two tensors, and of a tensor and a number. The loops are in elementwise.c, except those of an addition of
// equal shapes, which also exist as fast kernels.

#include "tensor/ops/elementwise.h"

#include <string.h>

#define BROADCAST_CASES(name) \
    {#name, {SIZES(2, 3), SIZES(2, 3)}, 2, .binary = tensor_##name}, \
        {#name ", b repeated", {SIZES(2, 2, 3), SIZES(3)}, 2, .binary = tensor_##name}, \
    { \
        #name ", both repeated", {SIZES(2, 1, 3), SIZES(4, 1)}, 2, .binary = tensor_##name \
    }

// ------------------------------------------------------------------------------------------------------------
// y = a + b          dL/da = dL/dy, dL/db = dL/dy
// The gradient passes through an addition unchanged, on both paths: this is what makes a shortcut a shortcut.

void plain_add(const Real *a, const Real *b, Real *y, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        y[i] = a[i] + b[i];
    }
}

void plain_copy(const Real *dy, bool accumulate, Real *dx, size_t n)
{
    if (!accumulate) {
        memcpy(dx, dy, n * sizeof(Real));
        return;
    }
    for (size_t i = 0; i < n; i++) {
        dx[i] += dy[i];
    }
}

static Real add_value(Real a, Real b)
{
    return a + b;
}

static BinarySlopes add_slope(Real a, Real b)
{
    (void)a;
    (void)b;
    return (BinarySlopes){1, 1};
}

Tensor *tensor_add(Tensor *a, Tensor *b, Where where)
{
    OP_BEGIN(call, op_add, where, a, b);
    if (!shape_equal(a->shape, b->shape)) {
        return binary_forward(&op_add, a, b, add_value, add_slope, where);
    }
    Tensor *y = op_output(&call, a->shape);
    kernels()->add(a->data, b->data, y->data, tensor_count(y));
    return op_done(&call, y);
}

static void add_backward(TapeNode *node)
{
    if (!shape_equal(node->inputs[0]->shape, node->inputs[1]->shape)) {
        binary_backward(node);
        return;
    }
    for (int i = 0; i < 2; i++) {
        GradTarget dx = op_grad_target(node->inputs[i]);
        if (dx.values != NULL) {
            // forward was: y = a + b
            kernels()->copy(node->output->grad, dx.accumulate, dx.values, tensor_count(node->output));
        }
    }
}

const Op op_add = {.name = "add", .backward = add_backward, OP_CHECK(BROADCAST_CASES(add))};

// ------------------------------------------------------------------------------------------------------------
// y = a - b          dL/da = dL/dy, dL/db = -dL/dy

static Real sub_value(Real a, Real b)
{
    return a - b;
}

static BinarySlopes sub_slope(Real a, Real b)
{
    (void)a;
    (void)b;
    return (BinarySlopes){1, -1};
}

Tensor *tensor_sub(Tensor *a, Tensor *b, Where where)
{
    return binary_forward(&op_sub, a, b, sub_value, sub_slope, where);
}

const Op op_sub = {.name = "sub", .backward = binary_backward, OP_CHECK(BROADCAST_CASES(sub))};

// ------------------------------------------------------------------------------------------------------------
// y = a b            dL/da = dL/dy b, dL/db = dL/dy a

static Real mul_value(Real a, Real b)
{
    return a * b;
}

static BinarySlopes mul_slope(Real a, Real b)
{
    return (BinarySlopes){b, a};
}

Tensor *tensor_mul(Tensor *a, Tensor *b, Where where)
{
    return binary_forward(&op_mul, a, b, mul_value, mul_slope, where);
}

const Op op_mul = {.name = "mul", .backward = binary_backward, .reads = {2, 1}, OP_CHECK(BROADCAST_CASES(mul))};

// ------------------------------------------------------------------------------------------------------------
// y = a / b          dL/da = dL/dy / b, dL/db = -dL/dy a / b^2

static Real div_value(Real a, Real b)
{
    return a / b;
}

static BinarySlopes div_slope(Real a, Real b)
{
    return (BinarySlopes){1 / b, -(a / b) / b};
}

Tensor *tensor_div(Tensor *a, Tensor *b, Where where)
{
    return binary_forward(&op_div, a, b, div_value, div_slope, where);
}

const Op op_div = {.name = "div", .backward = binary_backward, .reads = {2, 3}, OP_CHECK(BROADCAST_CASES(div))};

// ------------------------------------------------------------------------------------------------------------
// y = factor x       dL/dx = factor dL/dy

static Real scale_value(UnaryPoint at)
{
    return at.parameter * at.x;
}

static Real scale_slope(UnaryPoint at)
{
    return at.parameter;
}

Tensor *tensor_scale(Tensor *x, double factor, Where where)
{
    return unary_forward(&op_scale, x, scale_value, scale_slope, factor, where);
}

const Op op_scale = {.name = "scale",
                     .backward = unary_backward,
                     OP_CHECK({"scale", {SIZES(3, 4)}, 1, .with_number = tensor_scale, .number = -1.7})};

// ------------------------------------------------------------------------------------------------------------
// y = x + addend     dL/dx = dL/dy

static Real add_scalar_value(UnaryPoint at)
{
    return at.x + at.parameter;
}

static Real add_scalar_slope(UnaryPoint at)
{
    (void)at;
    return 1;
}

Tensor *tensor_add_scalar(Tensor *x, double addend, Where where)
{
    return unary_forward(&op_add_scalar, x, add_scalar_value, add_scalar_slope, addend, where);
}

const Op op_add_scalar = {.name = "add_scalar",
                          .backward = unary_backward,
                          OP_CHECK({"add_scalar", {SIZES(3, 4)}, 1, .with_number = tensor_add_scalar, .number = 0.6})};
