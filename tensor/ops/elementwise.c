// elementwise.c: see elementwise.h.

#include "tensor/ops/elementwise.h"

#include "tensor/ops/broadcast.h"

Tensor *unary_forward(OpKind kind, Tensor *x, UnaryValue *value, double parameter, Where where)
{
    OpCall call = {kind, (Tensor *[]){x}, 1, where};
    op_check(&call);
    Tensor *y = op_output(&call, x->shape);
    double *saved = op_save(y, sizeof parameter);
    *saved = parameter;

    size_t n = tensor_count(x);
    for (size_t i = 0; i < n; i++) {
        y->data[i] = value(x->data[i], parameter);
    }
    return op_done(&call, y);
}

// y = f(x), so dL/dx = dL/dy f'(x). Added, because x may have other uses.
void unary_backward(TapeNode *node, UnarySlope *slope)
{
    const Tensor *y = node->output;
    Tensor *x = node->inputs[0];
    const double *parameter = node->saved;
    Real *dx = op_grad(x);
    if (dx == NULL) {
        return;
    }
    size_t n = tensor_count(x);
    for (size_t i = 0; i < n; i++) {
        Real dy_i = y->grad[i];
        dx[i] += dy_i * slope(x->data[i], y->data[i], *parameter);
    }
}

Tensor *binary_forward(OpKind kind, Tensor *a, Tensor *b, BinaryValue *value, Where where)
{
    OpCall call = {kind, (Tensor *[]){a, b}, 2, where};
    op_check(&call);
    Broadcast plan = broadcast_plan(&call);
    Tensor *y = op_output(&call, plan.shape);
    Broadcast *saved = op_save(y, sizeof plan);
    *saved = plan;

    size_t a_step = plan.a_step[MAX_DIMS - 1];
    size_t b_step = plan.b_step[MAX_DIMS - 1];
    for (size_t row = 0; row < plan.rows; row++) {
        BroadcastRow at = broadcast_row(&plan, row);
        for (size_t j = 0; j < plan.columns; j++) {
            Real a_j = a->data[at.a + j * a_step];
            Real b_j = b->data[at.b + j * b_step];
            y->data[at.out + j] = value(a_j, b_j);
        }
    }
    return op_done(&call, y);
}

// y = f(a, b), so dL/da = dL/dy dy/da and dL/db = dL/dy dy/db.
void binary_backward(TapeNode *node, BinarySlope *slope)
{
    Tensor *a = node->inputs[0];
    Tensor *b = node->inputs[1];
    const Real *dy = node->output->grad;
    const Broadcast *plan = node->saved;
    Real *da = op_grad(a);
    Real *db = op_grad(b);

    size_t a_step = plan->a_step[MAX_DIMS - 1];
    size_t b_step = plan->b_step[MAX_DIMS - 1];
    for (size_t row = 0; row < plan->rows; row++) {
        BroadcastRow at = broadcast_row(plan, row);
        for (size_t j = 0; j < plan->columns; j++) {
            size_t a_j = at.a + j * a_step;
            size_t b_j = at.b + j * b_step;
            BinarySlopes slopes = slope(a->data[a_j], b->data[b_j]);
            Real dy_j = dy[at.out + j];
            if (da != NULL) {
                da[a_j] += dy_j * slopes.a;
            }
            if (db != NULL) {
                db[b_j] += dy_j * slopes.b;
            }
        }
    }
}
