// elementwise.c: see elementwise.h.

#include "tensor/ops/elementwise.h"

typedef struct UnarySaved {
    UnaryFormula *slope;
    Real parameter;
} UnarySaved;

void unary_save(Tensor *y, UnaryFormula *slope, double parameter)
{
    UnarySaved *saved = op_save(y, sizeof *saved);
    *saved = (UnarySaved){slope, (Real)parameter};
}

Tensor *unary_forward(const Op *op, Tensor *x, UnaryFormula *value, UnaryFormula *slope, double parameter, Where where)
{
    OP_BEGIN(call, *op, where, x);
    if (!real_holds(parameter)) {
        op_fail(&call, "%g (expected a number within " REAL_NAME ")", parameter);
    }
    Tensor *y = op_output(&call, x->shape);
    unary_save(y, slope, parameter);

    size_t n = tensor_count(x);
    for (size_t i = 0; i < n; i++) {
        y->data[i] = value((UnaryPoint){.x = x->data[i], .parameter = (Real)parameter});
    }
    return op_done(&call, y);
}

// y = f(x), so dL/dx += dL/dy f'(x). Added, because x may have other uses.
void unary_backward(TapeNode *node)
{
    const Tensor *y = node->output;
    Tensor *x = node->inputs[0];
    const UnarySaved *saved = node->saved;
    Real *dx = op_grad(x);
    size_t n = tensor_count(x);
    for (size_t i = 0; dx != NULL && i < n; i++) {
        dx[i] += y->grad[i] * saved->slope((UnaryPoint){x->data[i], y->data[i], saved->parameter});
    }
}

// ------------------------------------------------------------------------------------------------------------
// Functions of two values, with broadcasting

// Two shapes, aligned at the last dimension. A size of 1, or a missing one, is repeated (NumPy's and torch's rule): the step along that
// dimension is 0. So forward reads the value again and again, and backward, which adds to it again and again, sums its gradient.
typedef struct Broadcast {
    Shape shape;             // of the result
    int size[MAX_DIMS];      // of the result, padded with ones at the front
    size_t a_step[MAX_DIMS]; // the distance between neighbors along each dimension, 0 where a is repeated
    size_t b_step[MAX_DIMS];
    size_t rows;    // of all dimensions but the last
    size_t columns; // of the last
} Broadcast;

// Where a row of the result starts in a, in b and in the result. Along it, a and b move by a_step[3] and b_step[3], the result by 1.
typedef struct BroadcastRow {
    size_t a;
    size_t b;
    size_t out;
} BroadcastRow;

// The sizes padded with ones at the front, and the distance between neighbors along each dimension.
static void pad(Shape shape, int size[MAX_DIMS], size_t step[MAX_DIMS])
{
    int missing = MAX_DIMS - shape.ndim;
    size_t stride = 1;
    for (int d = MAX_DIMS - 1; d >= 0; d--) {
        size[d] = d < missing ? 1 : shape.size[d - missing];
        step[d] = size[d] == 1 ? 0 : stride;
        stride *= (size_t)size[d];
    }
}

// Joins the last dimensions as far as a and b both move through them without a jump: a few long rows instead of many short ones.
static void join_rows(Broadcast *plan)
{
    const int last = MAX_DIMS - 1;
    for (int d = MAX_DIMS - 2; d >= 0; d--) {
        size_t columns = (size_t)plan->size[last];
        bool a_continues = plan->a_step[d] == columns && plan->a_step[last] == 1;
        bool b_continues = plan->b_step[d] == columns && plan->b_step[last] == 1;
        if (plan->size[d] > 1 && !(a_continues && b_continues)) {
            return;
        }
        plan->size[last] *= plan->size[d];
        plan->size[d] = 1;
    }
}

// Of the two inputs. Fails if their shapes do not fit together.
static Broadcast broadcast_plan(const OpCall *call)
{
    Shape a = call->inputs[0]->shape;
    Shape b = call->inputs[1]->shape;
    int a_size[MAX_DIMS];
    int b_size[MAX_DIMS];
    Broadcast plan = {.shape = {.ndim = a.ndim > b.ndim ? a.ndim : b.ndim}};
    pad(a, a_size, plan.a_step);
    pad(b, b_size, plan.b_step);

    int missing = MAX_DIMS - plan.shape.ndim;
    for (int d = 0; d < MAX_DIMS; d++) {
        if (a_size[d] != b_size[d] && a_size[d] != 1 && b_size[d] != 1) {
            op_fail(call, "%s and %s: sizes %d and %d differ, and neither is 1", SHAPE_STRING(a), SHAPE_STRING(b), a_size[d], b_size[d]);
        }
        plan.size[d] = a_size[d] > b_size[d] ? a_size[d] : b_size[d];
        if (d >= missing) {
            plan.shape.size[d - missing] = plan.size[d];
        }
    }
    join_rows(&plan);
    plan.columns = (size_t)plan.size[MAX_DIMS - 1];
    plan.rows = shape_count(plan.shape) / plan.columns;
    return plan;
}

static BroadcastRow broadcast_row(const Broadcast *plan, size_t row)
{
    BroadcastRow start = {.out = row * plan->columns};
    size_t rest = row;
    for (int d = MAX_DIMS - 2; d >= 0; d--) {
        size_t i = rest % (size_t)plan->size[d];
        rest /= (size_t)plan->size[d];
        start.a += i * plan->a_step[d];
        start.b += i * plan->b_step[d];
    }
    return start;
}

typedef struct BinarySaved {
    BinarySlope *slope;
    Broadcast plan;
} BinarySaved;

Tensor *binary_forward(const Op *op, Tensor *a, Tensor *b, BinaryValue *value, BinarySlope *slope, Where where)
{
    OP_BEGIN(call, *op, where, a, b);
    Broadcast plan = broadcast_plan(&call);
    Tensor *y = op_output(&call, plan.shape);
    BinarySaved *saved = op_save(y, sizeof *saved);
    *saved = (BinarySaved){slope, plan};

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

// y = f(a, b), so dL/da += dL/dy dy/da and dL/db += dL/dy dy/db. First a's, then b's, so that a tensor used as both receives one
// after the other.
void binary_backward(TapeNode *node)
{
    const Real *a = node->inputs[0]->data;
    const Real *b = node->inputs[1]->data;
    const Real *dy = node->output->grad;
    const BinarySaved *saved = node->saved;
    const Broadcast *plan = &saved->plan;
    size_t a_step = plan->a_step[MAX_DIMS - 1];
    size_t b_step = plan->b_step[MAX_DIMS - 1];
    for (int i = 0; i < 2; i++) {
        Real *dinput = op_grad(node->inputs[i]);
        for (size_t row = 0; dinput != NULL && row < plan->rows; row++) {
            BroadcastRow at = broadcast_row(plan, row);
            for (size_t j = 0; j < plan->columns; j++) {
                size_t a_j = at.a + j * a_step;
                size_t b_j = at.b + j * b_step;
                BinarySlopes slopes = saved->slope(a[a_j], b[b_j]);
                Real dy_j = dy[at.out + j];
                dinput[i == 0 ? a_j : b_j] += dy_j * (i == 0 ? slopes.a : slopes.b);
            }
        }
    }
}
