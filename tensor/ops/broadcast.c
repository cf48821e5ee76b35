// broadcast.c: see broadcast.h.

#include "tensor/ops/broadcast.h"

// Sizes at the back of size[], ones in front.
static void pad_sizes(Shape shape, int size[MAX_DIMS])
{
    int missing = MAX_DIMS - shape.ndim;
    for (int d = 0; d < MAX_DIMS; d++) {
        size[d] = d < missing ? 1 : shape.size[d - missing];
    }
}

static void steps(const int size[MAX_DIMS], size_t step[MAX_DIMS])
{
    size_t stride = 1;
    for (int d = MAX_DIMS - 1; d >= 0; d--) {
        step[d] = size[d] == 1 ? 0 : stride;
        stride *= (size_t)size[d];
    }
}

// One shape for both, or the smaller repeated as it is: then all is a few long rows instead of many short ones.
static void join_rows(Broadcast *plan)
{
    for (int d = MAX_DIMS - 2; d >= 0; d--) {
        int last = MAX_DIMS - 1;
        size_t columns = (size_t)plan->size[last];
        bool a_goes_on = plan->a_step[d] == columns && plan->a_step[last] == 1;
        bool b_goes_on = plan->b_step[d] == columns && plan->b_step[last] == 1;
        if (plan->size[d] > 1 && !(a_goes_on && b_goes_on)) {
            return;
        }
        plan->size[last] *= plan->size[d];
        plan->size[d] = 1;
    }
}

Broadcast broadcast_plan(const OpCall *call)
{
    Shape a = call->inputs[0]->shape;
    Shape b = call->inputs[1]->shape;
    int a_size[MAX_DIMS];
    int b_size[MAX_DIMS];
    pad_sizes(a, a_size);
    pad_sizes(b, b_size);

    Broadcast plan = {.shape = {.ndim = a.ndim > b.ndim ? a.ndim : b.ndim}};
    for (int d = 0; d < MAX_DIMS; d++) {
        if (a_size[d] != b_size[d] && a_size[d] != 1 && b_size[d] != 1) {
            char a_text[SHAPE_TEXT];
            char b_text[SHAPE_TEXT];
            op_fail(call, "%s and %s: sizes %d and %d differ, and neither is 1", shape_text(a, a_text), shape_text(b, b_text),
                    a_size[d], b_size[d]);
        }
        plan.size[d] = a_size[d] > b_size[d] ? a_size[d] : b_size[d];
    }
    int missing = MAX_DIMS - plan.shape.ndim;
    for (int d = 0; d < plan.shape.ndim; d++) {
        plan.shape.size[d] = plan.size[d + missing];
    }
    steps(a_size, plan.a_step);
    steps(b_size, plan.b_step);
    join_rows(&plan);
    plan.columns = (size_t)plan.size[MAX_DIMS - 1];
    plan.rows = shape_count(plan.shape) / plan.columns;
    return plan;
}

BroadcastRow broadcast_row(const Broadcast *plan, size_t row)
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
