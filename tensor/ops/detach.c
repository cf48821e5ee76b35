// detach.c: a value without its history.          torch: x.detach()
//
// y = x,   and dL/dx gets nothing: to the gradient, y is a constant. The node is on the tape, so that drawings show where it ends.

#include "tensor/op.h"

Tensor *tensor_detach(Tensor *x, Where where)
{
    OP_BEGIN(call, op_detach, where, x);
    Tensor *y = op_output_view(&call, x->shape, x->data);
    y->requires_grad = false;
    return op_done(&call, y);
}

// Never called: no gradient is made for a tensor that requires none.
static void detach_backward(TapeNode *node)
{
    (void)node;
}

// Differences see through detach, so what is detached here does not depend on x: that no gradient passes is tested in tests/tensor.
static Tensor *detach_case(Tensor **x)
{
    Tensor *constant = tensor_full(SHAPE(2, 3), 1.7, HERE);
    return tensor_mul(x[0], tensor_detach(constant, HERE), HERE);
}

const Op op_detach = {.name = "detach", .backward = detach_backward, OP_CHECK({"detach", {SIZES(2, 3)}, 1, .forward = detach_case})};
