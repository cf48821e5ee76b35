// arithmetic.c: +, -, *, / of two tensors, and of a tensor and a number. The loops are in elementwise.c.

#include "tensor/ops/elementwise.h"

#define SAME_SHAPE {SIZES(2, 3), SIZES(2, 3)}, 2
#define B_REPEATED {SIZES(2, 2, 3), SIZES(3)}, 2
#define BOTH_REPEATED {SIZES(2, 1, 3), SIZES(4, 1)}, 2

// ------------------------------------------------------------------------------------------------------------
// y = a + b          dL/da = dL/dy, dL/db = dL/dy
// The gradient passes an addition unchanged, on both ways: this is what makes a shortcut a shortcut.

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

// Of one shape, as at a shortcut, nothing is repeated and the loop is a kernel's.
Tensor *tensor_add(Tensor *a, Tensor *b, Where where)
{
    OpCall call = {OP_ADD, (Tensor *[]){a, b}, 2, where};
    op_check(&call);
    if (!shape_equal(a->shape, b->shape)) {
        return binary_forward(OP_ADD, a, b, add_value, where);
    }
    Tensor *y = op_output(&call, a->shape);
    kernels()->add(a->data, b->data, y->data, tensor_count(y));
    return op_done(&call, y);
}

static void pass_unchanged(TapeNode *node, Tensor *input)
{
    GradTarget target = op_grad_target(input);
    if (target.values != NULL) {
        kernels()->pass(node->output->grad, target.accumulate, target.values, tensor_count(input));
    }
}

static void add_backward(TapeNode *node)
{
    Tensor *a = node->inputs[0];
    Tensor *b = node->inputs[1];
    if (!shape_equal(a->shape, b->shape)) {
        binary_backward(node, add_slope);
        return;
    }
    pass_unchanged(node, a);
    pass_unchanged(node, b);
}

static Tensor *add_case(Tensor **x)
{
    return tensor_add(x[0], x[1], HERE);
}

static const OpCase add_cases[] = {
    {"add", SAME_SHAPE, false, add_case},
    {"add, b repeated", B_REPEATED, false, add_case},
    {"add, both repeated", BOTH_REPEATED, false, add_case},
};

const Op op_add = {.name = "add", .backward = add_backward, OP_CASES(add_cases)};

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
    return binary_forward(OP_SUB, a, b, sub_value, where);
}

static void sub_backward(TapeNode *node)
{
    binary_backward(node, sub_slope);
}

static Tensor *sub_case(Tensor **x)
{
    return tensor_sub(x[0], x[1], HERE);
}

static const OpCase sub_cases[] = {
    {"sub", SAME_SHAPE, false, sub_case},
    {"sub, b repeated", B_REPEATED, false, sub_case},
    {"sub, both repeated", BOTH_REPEATED, false, sub_case},
};

const Op op_sub = {.name = "sub", .backward = sub_backward, OP_CASES(sub_cases)};

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
    return binary_forward(OP_MUL, a, b, mul_value, where);
}

static void mul_backward(TapeNode *node)
{
    binary_backward(node, mul_slope);
}

static Tensor *mul_case(Tensor **x)
{
    return tensor_mul(x[0], x[1], HERE);
}

static const OpCase mul_cases[] = {
    {"mul", SAME_SHAPE, false, mul_case},
    {"mul, b repeated", B_REPEATED, false, mul_case},
    {"mul, both repeated", BOTH_REPEATED, false, mul_case},
};

const Op op_mul = {.name = "mul", .backward = mul_backward, OP_CASES(mul_cases)};

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
    return binary_forward(OP_DIV, a, b, div_value, where);
}

static void div_backward(TapeNode *node)
{
    binary_backward(node, div_slope);
}

static Tensor *div_case(Tensor **x)
{
    return tensor_div(x[0], x[1], HERE);
}

static const OpCase div_cases[] = {
    {"div", SAME_SHAPE, false, div_case},
    {"div, b repeated", B_REPEATED, false, div_case},
    {"div, both repeated", BOTH_REPEATED, false, div_case},
};

const Op op_div = {.name = "div", .backward = div_backward, OP_CASES(div_cases)};

// ------------------------------------------------------------------------------------------------------------
// y = factor x       dL/dx = factor dL/dy

static Real scale_value(Real x, double factor)
{
    return (Real)factor * x;
}

static Real scale_slope(Real x, Real y, double factor)
{
    (void)x;
    (void)y;
    return (Real)factor;
}

Tensor *tensor_scale(Tensor *x, double factor, Where where)
{
    return unary_forward(OP_SCALE, x, scale_value, factor, where);
}

static void scale_backward(TapeNode *node)
{
    unary_backward(node, scale_slope);
}

static Tensor *scale_case(Tensor **x)
{
    return tensor_scale(x[0], -1.7, HERE);
}

static const OpCase scale_cases[] = {
    {"scale", {SIZES(3, 4)}, 1, false, scale_case},
};

const Op op_scale = {.name = "scale", .backward = scale_backward, OP_CASES(scale_cases)};

// ------------------------------------------------------------------------------------------------------------
// y = x + addend     dL/dx = dL/dy

static Real add_scalar_value(Real x, double addend)
{
    return x + (Real)addend;
}

static Real add_scalar_slope(Real x, Real y, double addend)
{
    (void)x;
    (void)y;
    (void)addend;
    return 1;
}

Tensor *tensor_add_scalar(Tensor *x, double addend, Where where)
{
    return unary_forward(OP_ADD_SCALAR, x, add_scalar_value, addend, where);
}

static void add_scalar_backward(TapeNode *node)
{
    unary_backward(node, add_scalar_slope);
}

static Tensor *add_scalar_case(Tensor **x)
{
    return tensor_add_scalar(x[0], 0.6, HERE);
}

static const OpCase add_scalar_cases[] = {
    {"add_scalar", {SIZES(3, 4)}, 1, false, add_scalar_case},
};

const Op op_add_scalar = {.name = "add_scalar", .backward = add_scalar_backward, OP_CASES(add_scalar_cases)};
