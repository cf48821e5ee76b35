// activation.c: functions of one value. The loops are in elementwise.c; here are the formulas and their slopes.

#include "tensor/ops/elementwise.h"

#include <tgmath.h>

static const Real SQRT_1_OVER_2 = (Real)0.70710678118654752440;
static const Real SQRT_1_OVER_2PI = (Real)0.39894228040143267794;

// ------------------------------------------------------------------------------------------------------------
// y = max(x, 0)      dy/dx = 1 where x > 0, else 0 (at 0, too, as torch has it); NaN stays NaN.

static Real relu_value(Real x, double parameter)
{
    (void)parameter;
    return x < 0 ? 0 : x;
}

static Real relu_slope(Real x, Real y, double parameter)
{
    (void)y;
    (void)parameter;
    return x > 0 ? 1 : 0;
}

Tensor *tensor_relu(Tensor *x, Where where)
{
    return unary_forward(OP_RELU, x, relu_value, 0.0, where);
}

static void relu_backward(TapeNode *node)
{
    unary_backward(node, relu_slope);
}

static Tensor *relu_case(Tensor **x)
{
    return tensor_relu(x[0], HERE);
}

static const OpCase relu_cases[] = {
    {"relu", {SIZES(3, 4)}, 1, false, relu_case},
};

const Op op_relu = {.name = "relu", .backward = relu_backward, OP_CASES(relu_cases)};

// ------------------------------------------------------------------------------------------------------------
// y = tanh(x)        dy/dx = 1 - y^2, so backward needs only y

static Real tanh_slope(Real x, Real y, double parameter)
{
    (void)x;
    (void)parameter;
    return 1 - y * y;
}

Tensor *tensor_tanh(Tensor *x, Where where)
{
    OpCall call = {OP_TANH, (Tensor *[]){x}, 1, where};
    op_check(&call);
    Tensor *y = op_output(&call, x->shape);
    double *parameter = op_save(y, sizeof *parameter);         // unary_backward reads it; tanh has none
    *parameter = 0;
    (kernels()->tanh)(x->data, y->data, tensor_count(x));      // in brackets: tgmath.h has a macro of that name
    return op_done(&call, y);
}

static void tanh_backward(TapeNode *node)
{
    unary_backward(node, tanh_slope);
}

static Tensor *tanh_case(Tensor **x)
{
    return tensor_tanh(x[0], HERE);
}

static const OpCase tanh_cases[] = {
    {"tanh", {SIZES(3, 4)}, 1, false, tanh_case},
};

const Op op_tanh = {.name = "tanh", .backward = tanh_backward, OP_CASES(tanh_cases)};

// ------------------------------------------------------------------------------------------------------------
// y = 1 / (1 + exp(-x))     dy/dx = y (1 - y)
// For x far below 0, exp(-x) is infinite and y is 0, which is right.

static Real sigmoid_value(Real x, double parameter)
{
    (void)parameter;
    return 1 / (1 + exp(-x));
}

static Real sigmoid_slope(Real x, Real y, double parameter)
{
    (void)x;
    (void)parameter;
    return y * (1 - y);
}

Tensor *tensor_sigmoid(Tensor *x, Where where)
{
    return unary_forward(OP_SIGMOID, x, sigmoid_value, 0.0, where);
}

static void sigmoid_backward(TapeNode *node)
{
    unary_backward(node, sigmoid_slope);
}

static Tensor *sigmoid_case(Tensor **x)
{
    return tensor_sigmoid(x[0], HERE);
}

static const OpCase sigmoid_cases[] = {
    {"sigmoid", {SIZES(3, 4)}, 1, false, sigmoid_case},
};

const Op op_sigmoid = {.name = "sigmoid", .backward = sigmoid_backward, OP_CASES(sigmoid_cases)};

// ------------------------------------------------------------------------------------------------------------
// y = exp(x)         dy/dx = y

static Real exp_value(Real x, double parameter)
{
    (void)parameter;
    return exp(x);
}

static Real exp_slope(Real x, Real y, double parameter)
{
    (void)x;
    (void)parameter;
    return y;
}

Tensor *tensor_exp(Tensor *x, Where where)
{
    return unary_forward(OP_EXP, x, exp_value, 0.0, where);
}

static void exp_backward(TapeNode *node)
{
    unary_backward(node, exp_slope);
}

static Tensor *exp_case(Tensor **x)
{
    return tensor_exp(x[0], HERE);
}

static const OpCase exp_cases[] = {
    {"exp", {SIZES(3, 4)}, 1, false, exp_case},
};

const Op op_exp = {.name = "exp", .backward = exp_backward, OP_CASES(exp_cases)};

// ------------------------------------------------------------------------------------------------------------
// y = log(x)         dy/dx = 1 / x

static Real log_value(Real x, double parameter)
{
    (void)parameter;
    return log(x);
}

static Real log_slope(Real x, Real y, double parameter)
{
    (void)y;
    (void)parameter;
    return 1 / x;
}

Tensor *tensor_log(Tensor *x, Where where)
{
    return unary_forward(OP_LOG, x, log_value, 0.0, where);
}

static void log_backward(TapeNode *node)
{
    unary_backward(node, log_slope);
}

static Tensor *log_case(Tensor **x)
{
    return tensor_log(x[0], HERE);
}

static const OpCase log_cases[] = {
    {"log", {SIZES(3, 4)}, 1, true, log_case},
};

const Op op_log = {.name = "log", .backward = log_backward, OP_CASES(log_cases)};

// ------------------------------------------------------------------------------------------------------------
// y = x^p            dy/dx = p x^(p - 1)

static Real pow_value(Real x, double exponent)
{
    return pow(x, (Real)exponent);
}

static Real pow_slope(Real x, Real y, double exponent)
{
    (void)y;
    if (exponent == 0) {
        return 0;                                  // also at x = 0, where x^-1 is infinite
    }
    return (Real)exponent * pow(x, (Real)exponent - 1);
}

Tensor *tensor_pow(Tensor *x, double exponent, Where where)
{
    return unary_forward(OP_POW, x, pow_value, exponent, where);
}

static void pow_backward(TapeNode *node)
{
    unary_backward(node, pow_slope);
}

static Tensor *pow_case(Tensor **x)
{
    return tensor_pow(x[0], 1.5, HERE);
}

static const OpCase pow_cases[] = {
    {"pow", {SIZES(3, 4)}, 1, true, pow_case},
};

const Op op_pow = {.name = "pow", .backward = pow_backward, OP_CASES(pow_cases)};

// ------------------------------------------------------------------------------------------------------------
// y = x (1 + tanh u) / 2, u = sqrt(2 / pi) (x + 0.044715 x^3)          (Hendrycks and Gimpel 2016, the tanh form)
// dy/dx = (1 + tanh u) / 2 + x (1 - tanh^2 u) / 2 du/dx, du/dx = sqrt(2 / pi) (1 + 3 0.044715 x^2)

// Both loops are behind kernel.h.

Tensor *tensor_gelu(Tensor *x, Where where)
{
    OpCall call = {OP_GELU, (Tensor *[]){x}, 1, where};
    op_check(&call);
    Tensor *y = op_output(&call, x->shape);
    kernels()->gelu(x->data, y->data, tensor_count(x));
    return op_done(&call, y);
}

static void gelu_backward(TapeNode *node)
{
    Tensor *x = node->inputs[0];
    GradTarget dx = op_grad_target(x);
    if (dx.values != NULL) {
        kernels()->gelu_backward(x->data, node->output->grad, dx.accumulate, dx.values, tensor_count(x));
    }
}

static Tensor *gelu_case(Tensor **x)
{
    return tensor_gelu(x[0], HERE);
}

static const OpCase gelu_cases[] = {
    {"gelu", {SIZES(3, 4)}, 1, false, gelu_case},
};

const Op op_gelu = {.name = "gelu", .backward = gelu_backward, OP_CASES(gelu_cases)};

// ------------------------------------------------------------------------------------------------------------
// y = x P(x), P(x) = (1 + erf(x / sqrt 2)) / 2, the probability that a standard normal is below x (Hendrycks and Gimpel 2016)
// dy/dx = P(x) + x p(x), p(x) = exp(-x^2 / 2) / sqrt(2 pi)

static Real normal_below(Real x)
{
    return (1 + erf(x * SQRT_1_OVER_2)) / 2;
}

static Real gelu_erf_value(Real x, double parameter)
{
    (void)parameter;
    return x * normal_below(x);
}

static Real gelu_erf_slope(Real x, Real y, double parameter)
{
    (void)y;
    (void)parameter;
    Real density = SQRT_1_OVER_2PI * exp(-x * x / 2);
    return normal_below(x) + x * density;
}

Tensor *tensor_gelu_erf(Tensor *x, Where where)
{
    return unary_forward(OP_GELU_ERF, x, gelu_erf_value, 0.0, where);
}

static void gelu_erf_backward(TapeNode *node)
{
    unary_backward(node, gelu_erf_slope);
}

static Tensor *gelu_erf_case(Tensor **x)
{
    return tensor_gelu_erf(x[0], HERE);
}

static const OpCase gelu_erf_cases[] = {
    {"gelu_erf", {SIZES(3, 4)}, 1, false, gelu_erf_case},
};

const Op op_gelu_erf = {.name = "gelu_erf", .backward = gelu_erf_backward, OP_CASES(gelu_erf_cases)};
