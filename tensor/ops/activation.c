// activation.c: functions of one value: formulas and derivatives. The loops are in elementwise.c, except those of tanh and gelu, which
// also exist as fast kernels.

#include "tensor/ops/elementwise.h"

#include <tgmath.h>

// ------------------------------------------------------------------------------------------------------------
// y = max(x, 0)      dy/dx = 1 where x > 0, else 0 (at 0, too, as in torch). NaN stays NaN, and the gradient passes.

static Real relu_value(UnaryPoint at)
{
    return at.x < 0 ? 0 : at.x;
}

static Real relu_slope(UnaryPoint at)
{
    return at.x <= 0 ? 0 : 1;
}

Tensor *tensor_relu(Tensor *x, Where where)
{
    return unary_forward(&op_relu, x, relu_value, relu_slope, 0, where);
}

const Op op_relu = {.name = "relu", .group = OP_GROUP_ACTIVATION, .backward = unary_backward, .reads = {1}, OP_CHECK_UNARY(relu)};

// ------------------------------------------------------------------------------------------------------------
// y = tanh(x)        dy/dx = 1 - y^2, so backward needs only y

void plain_tanh(const Real *x, Real *y, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        y[i] = (Real)tanh((double)x[i]);
    }
}

static Real tanh_slope(UnaryPoint at)
{
    return 1 - at.y * at.y;
}

Tensor *tensor_tanh(Tensor *x, Where where)
{
    OP_BEGIN(call, op_tanh, where, x);
    Tensor *y = op_output(&call, x->shape);
    unary_save(y, tanh_slope, 0);
    (kernels()->tanh)(x->data, y->data, tensor_count(x)); // in parentheses: tgmath.h has a macro of that name
    return op_done(&call, y);
}

const Op op_tanh = {.name = "tanh", .group = OP_GROUP_ACTIVATION, .backward = unary_backward, .reads_output = 1, OP_CHECK_UNARY(tanh)};

// ------------------------------------------------------------------------------------------------------------
// y = 1 / (1 + exp(-x))     dy/dx = y (1 - y)
// Far below 0, exp(-x) is infinite and y is 0, which is right.

static Real sigmoid_value(UnaryPoint at)
{
    return 1 / (1 + exp(-at.x));
}

static Real sigmoid_slope(UnaryPoint at)
{
    return at.y * (1 - at.y);
}

Tensor *tensor_sigmoid(Tensor *x, Where where)
{
    return unary_forward(&op_sigmoid, x, sigmoid_value, sigmoid_slope, 0, where);
}

const Op op_sigmoid = {.name = "sigmoid", .group = OP_GROUP_ACTIVATION, .backward = unary_backward, .reads_output = 1, OP_CHECK_UNARY(sigmoid)};

// ------------------------------------------------------------------------------------------------------------
// y = exp(x)         dy/dx = y

static Real exp_value(UnaryPoint at)
{
    return exp(at.x);
}

static Real exp_slope(UnaryPoint at)
{
    return at.y;
}

Tensor *tensor_exp(Tensor *x, Where where)
{
    return unary_forward(&op_exp, x, exp_value, exp_slope, 0, where);
}

const Op op_exp = {.name = "exp", .backward = unary_backward, .reads_output = 1, OP_CHECK_UNARY(exp)};

// ------------------------------------------------------------------------------------------------------------
// y = log(x)         dy/dx = 1 / x

static Real log_value(UnaryPoint at)
{
    return log(at.x);
}

static Real log_slope(UnaryPoint at)
{
    return 1 / at.x;
}

Tensor *tensor_log(Tensor *x, Where where)
{
    return unary_forward(&op_log, x, log_value, log_slope, 0, where);
}

const Op op_log = {.name = "log",
                   .backward = unary_backward,
                   .reads = {1},
                   OP_CHECK({"log", {SIZES(3, 4)}, 1, .positive = true, .unary = tensor_log})};

// ------------------------------------------------------------------------------------------------------------
// y = x^p            dy/dx = p x^(p - 1)

static Real pow_value(UnaryPoint at)
{
    return pow(at.x, at.parameter);
}

static Real pow_slope(UnaryPoint at)
{
    if (at.parameter == 0) {
        return 0; // also at x = 0, where x^-1 is infinite
    }
    return at.parameter * pow(at.x, at.parameter - 1);
}

Tensor *tensor_pow(Tensor *x, double exponent, Where where)
{
    return unary_forward(&op_pow, x, pow_value, pow_slope, exponent, where);
}

const Op op_pow = {.name = "pow",
                   .backward = unary_backward,
                   .reads = {1},
                   OP_CHECK({"pow", {SIZES(3, 4)}, 1, .positive = true, .with_number = tensor_pow, .number = 1.5})};

// ------------------------------------------------------------------------------------------------------------
// y = x g, g = (1 + tanh u) / 2, u = sqrt(2 / pi) (x + 0.044715 x^3)          (Hendrycks and Gimpel 2016, the tanh form)
// dy/dx = g + x (1 - tanh^2 u) / 2 du/dx, du/dx = sqrt(2 / pi) (1 + 3 0.044715 x^2)
//
// Far from 0, u and du/dx may be infinite: g is 0 or 1 there, and tanh is flat. So 0 times an infinity is avoided.

static const Real SQRT_2_OVER_PI = (Real)0.79788456080286535588;
static const Real GELU_CUBIC = (Real)0.044715;

static Real gelu_tanh(Real x)
{
    return (Real)tanh((double)(SQRT_2_OVER_PI * (x + GELU_CUBIC * x * x * x)));
}

void plain_gelu(const Real *x, Real *y, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        Real gate = (1 + gelu_tanh(x[i])) / 2;
        y[i] = gate == 0 ? 0 : x[i] * gate;
    }
}

static Real gelu_slope(Real x)
{
    Real tanh_u = gelu_tanh(x);
    Real gate = (1 + tanh_u) / 2;
    Real dtanh_du = 1 - tanh_u * tanh_u;
    if (dtanh_du == 0) {
        return gate;
    }
    Real du_dx = SQRT_2_OVER_PI * (1 + 3 * GELU_CUBIC * x * x);
    return gate + x * dtanh_du / 2 * du_dx;
}

void plain_gelu_backward(const Real *x, const Real *dy, bool accumulate, Real *dx, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        Real before = accumulate ? dx[i] : 0;
        dx[i] = before + dy[i] * gelu_slope(x[i]);
    }
}

Tensor *tensor_gelu(Tensor *x, Where where)
{
    OP_BEGIN(call, op_gelu, where, x);
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

const Op op_gelu = {.name = "gelu", .group = OP_GROUP_ACTIVATION, .backward = gelu_backward, .reads = {1}, OP_CHECK_UNARY(gelu)};

// ------------------------------------------------------------------------------------------------------------
// y = x P(x), P(x) = (1 + erf(x / sqrt 2)) / 2, the probability that a standard normal is below x (Hendrycks and Gimpel 2016)
// dy/dx = P(x) + x p(x), p(x) = exp(-x^2 / 2) / sqrt(2 pi). Where P or p is 0, so is the product, even if x is infinite.

static const Real SQRT_1_OVER_2 = (Real)0.70710678118654752440;
static const Real SQRT_1_OVER_2PI = (Real)0.39894228040143267794;

static Real normal_below(Real x)
{
    return (1 + (Real)erf((double)(x * SQRT_1_OVER_2))) / 2;
}

static Real gelu_erf_value(UnaryPoint at)
{
    Real probability = normal_below(at.x);
    return probability == 0 ? 0 : at.x * probability;
}

static Real gelu_erf_slope(UnaryPoint at)
{
    Real density = SQRT_1_OVER_2PI * exp(-at.x * at.x / 2);
    return normal_below(at.x) + (density == 0 ? 0 : at.x * density);
}

Tensor *tensor_gelu_erf(Tensor *x, Where where)
{
    return unary_forward(&op_gelu_erf, x, gelu_erf_value, gelu_erf_slope, 0, where);
}

const Op op_gelu_erf = {.name = "gelu_erf", .group = OP_GROUP_ACTIVATION, .backward = unary_backward, .reads = {1}, OP_CHECK_UNARY(gelu_erf)};
