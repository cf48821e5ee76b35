// dropout.c: dropout (Srivastava et al. 2014), scaled while training.          torch: F.dropout(x, p, training=True)
//
// y_i = x_i m_i,  m_i = 0 with probability p, else 1 / (1 - p);  dL/dx_i = dL/dy_i m_i

#include "tensor/op.h"

Tensor *tensor_dropout(Tensor *x, double p, Random *random, Where where)
{
    OP_BEGIN(call, op_dropout, where, x);
    if (!(p >= 0 && p < 1)) {
        op_fail(&call, "p = %g: must be at least 0 and below 1", p);
    }
    if (random == NULL) {
        op_fail(&call, "random is NULL");
    }
    Tensor *y = op_output(&call, x->shape);
    size_t n = tensor_count(x);
    Real *mask = op_save(y, n * sizeof *mask);
    Real kept = (Real)(1 / (1 - p));
    for (size_t i = 0; i < n; i++) {
        mask[i] = random_double(random) < 1 - p ? kept : 0;
        y->data[i] = x->data[i] * mask[i];
    }
    return op_done(&call, y);
}

static void dropout_backward(TapeNode *node)
{
    const Real *mask = node->saved;
    const Real *dy = node->output->grad;
    Real *dx = op_grad(node->inputs[0]);
    size_t n = tensor_count(node->output);
    for (size_t i = 0; dx != NULL && i < n; i++) {
        dx[i] += dy[i] * mask[i];
    }
}

// Seeded each time, so that every evaluation drops the same values.
static Tensor *dropout_case(Tensor **x)
{
    Random random;
    random_seed(&random, 5);
    return tensor_dropout(x[0], 0.4, &random, HERE);
}

const Op op_dropout = {.name = "dropout", .backward = dropout_backward, OP_CHECK({"dropout", {SIZES(4, 5)}, 1, .forward = dropout_case})};
