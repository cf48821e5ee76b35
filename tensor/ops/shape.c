// shape.c: operations that move values without changing them.
//
// Most of them see a tensor around one axis as (outer, n, inner): value (o, i, k) lies at (o * n + i) * inner + k.

#include "tensor/op.h"

#include <string.h>

AxisView axis_view(Shape shape, int axis)
{
    AxisView view = {.outer = 1, .n = (size_t)shape.size[axis], .inner = 1};
    for (int d = 0; d < axis; d++) {
        view.outer *= (size_t)shape.size[d];
    }
    for (int d = axis + 1; d < shape.ndim; d++) {
        view.inner *= (size_t)shape.size[d];
    }
    return view;
}

int shape_axis(const OpCall *call, Shape shape, int axis)
{
    int from_front = axis < 0 ? axis + shape.ndim : axis;
    if (from_front < 0 || from_front >= shape.ndim) {
        op_fail(call, "axis %d: shape %s has axes %d to %d", axis, SHAPE_STRING(shape), -shape.ndim, shape.ndim - 1);
    }
    return from_front;
}

// ------------------------------------------------------------------------------------------------------------
// reshape: the output shows the input's own values under another shape. Their gradients are two blocks.

Tensor *tensor_reshape(Tensor *x, Shape shape, Where where)
{
    OP_BEGIN(call, op_reshape, where, x);
    shape_check("tensor_reshape", shape, where);
    if (shape_count(shape) != tensor_count(x)) {
        op_fail(&call, "%s to %s: %zu value%s not %zu", SHAPE_STRING(x->shape), SHAPE_STRING(shape), tensor_count(x),
                tensor_count(x) == 1 ? " is" : "s are", shape_count(shape));
    }
    return op_done(&call, op_output_view(&call, shape, x->data));
}

static void reshape_backward(TapeNode *node)
{
    Tensor *x = node->inputs[0];
    GradTarget dx = op_grad_target(x);
    if (dx.values != NULL) {
        kernels()->copy(node->output->grad, dx.accumulate, dx.values, tensor_count(x));
    }
}

static Tensor *reshape_case(Tensor **x)
{
    return tensor_reshape(x[0], SHAPE(3, 2, 2), HERE);
}

const Op op_reshape = {.name = "reshape", .backward = reshape_backward, OP_CHECK({"reshape", {SIZES(2, 6)}, 1, .forward = reshape_case})};

// ------------------------------------------------------------------------------------------------------------
// transpose: y[..., j, ..., i, ...] = x[..., i, ..., j, ...]

// y's value number i comes from x's value number transpose_source(i).
typedef struct TransposePlan {
    int size[MAX_DIMS];    // of y, padded at the front
    size_t step[MAX_DIMS]; // how far x moves along each dimension of y
} TransposePlan;

static TransposePlan transpose_plan(Shape x, int axis_a, int axis_b)
{
    TransposePlan plan = {.size = {1, 1, 1, 1}};
    int missing = MAX_DIMS - x.ndim;
    size_t stride = 1;
    for (int d = x.ndim - 1; d >= 0; d--) {
        int to = d == axis_a ? axis_b : d == axis_b ? axis_a : d;
        plan.size[to + missing] = x.size[d];
        plan.step[to + missing] = stride;
        stride *= (size_t)x.size[d];
    }
    return plan;
}

// Where in x the first value of y's row number row lies; along the row, x moves by step[3].
static size_t transpose_row(const TransposePlan *plan, size_t row)
{
    size_t at = 0;
    size_t rest = row;
    for (int d = MAX_DIMS - 2; d >= 0; d--) {
        at += rest % (size_t)plan->size[d] * plan->step[d];
        rest /= (size_t)plan->size[d];
    }
    return at;
}

Tensor *tensor_transpose(Tensor *x, int axis_a, int axis_b, Where where)
{
    OP_BEGIN(call, op_transpose, where, x);
    int a = shape_axis(&call, x->shape, axis_a);
    int b = shape_axis(&call, x->shape, axis_b);
    Shape shape = x->shape;
    shape.size[a] = x->shape.size[b];
    shape.size[b] = x->shape.size[a];
    Tensor *y = op_output(&call, shape);
    TransposePlan plan = transpose_plan(x->shape, a, b);
    TransposePlan *saved = op_save(y, sizeof plan);
    *saved = plan;

    size_t columns = (size_t)shape_last(shape);
    size_t rows = tensor_count(y) / columns;
    for (size_t row = 0; row < rows; row++) {
        size_t from = transpose_row(&plan, row);
        for (size_t j = 0; j < columns; j++) {
            y->data[row * columns + j] = x->data[from + j * plan.step[MAX_DIMS - 1]];
        }
    }
    return op_done(&call, y);
}

static void transpose_backward(TapeNode *node)
{
    const Tensor *y = node->output;
    const TransposePlan *plan = node->saved;
    Real *dx = op_grad(node->inputs[0]);
    size_t columns = (size_t)shape_last(y->shape);
    size_t rows = tensor_count(y) / columns;
    for (size_t row = 0; dx != NULL && row < rows; row++) {
        size_t from = transpose_row(plan, row);
        for (size_t j = 0; j < columns; j++) {
            // forward was: y[row, j] = x[from + j step]
            dx[from + j * plan->step[MAX_DIMS - 1]] += y->grad[row * columns + j];
        }
    }
}

static Tensor *transpose_case(Tensor **x)
{
    return tensor_transpose(x[0], 0, 1, HERE);
}

static Tensor *transpose_case_heads(Tensor **x)
{
    return tensor_transpose(x[0], 1, 2, HERE);
}

static Tensor *transpose_case_last(Tensor **x)
{
    return tensor_transpose(x[0], 0, -1, HERE);
}

static const OpCase transpose_cases[] = {
    {"transpose", {SIZES(2, 3)}, 1, .forward = transpose_case},
    {"transpose, heads", {SIZES(2, 3, 2, 2)}, 1, .forward = transpose_case_heads},
    {"transpose, first and last", {SIZES(2, 3, 4)}, 1, .forward = transpose_case_last},
};

const Op op_transpose = {.name = "transpose", .backward = transpose_backward, OP_CASES(transpose_cases)};

// ------------------------------------------------------------------------------------------------------------
// slice: y = x[..., start : start + length, ...]

typedef struct SliceSaved {
    AxisView view; // of x
    size_t start;
    size_t length;
} SliceSaved;

Tensor *tensor_slice(Tensor *x, int axis, int start, int length, Where where)
{
    OP_BEGIN(call, op_slice, where, x);
    int d = shape_axis(&call, x->shape, axis);
    if (start < 0 || length < 1 || start > x->shape.size[d] - length) {
        op_fail(&call, "%d value%s from %d on: axis %d of %s has %d", length, length == 1 ? "" : "s", start, d, SHAPE_STRING(x->shape),
                x->shape.size[d]);
    }
    Shape shape = x->shape;
    shape.size[d] = length;
    Tensor *y = op_output(&call, shape);
    SliceSaved *saved = op_save(y, sizeof *saved);
    *saved = (SliceSaved){axis_view(x->shape, d), (size_t)start, (size_t)length};

    size_t run = saved->length * saved->view.inner; // values that lie together
    for (size_t o = 0; o < saved->view.outer; o++) {
        const Real *from = x->data + (o * saved->view.n + saved->start) * saved->view.inner;
        memcpy(y->data + o * run, from, run * sizeof(Real));
    }
    return op_done(&call, y);
}

static void slice_backward(TapeNode *node)
{
    const SliceSaved *saved = node->saved;
    const Real *dy = node->output->grad;
    Real *dx = op_grad(node->inputs[0]);
    size_t run = saved->length * saved->view.inner;
    for (size_t o = 0; dx != NULL && o < saved->view.outer; o++) {
        Real *to = dx + (o * saved->view.n + saved->start) * saved->view.inner;
        for (size_t i = 0; i < run; i++) {
            to[i] += dy[o * run + i];
        }
    }
}

// Not from the start, and not in the middle: a wrong offset shows.
static Tensor *slice_case(Tensor **x)
{
    return tensor_slice(x[0], 1, 1, 2, HERE);
}

const Op op_slice = {.name = "slice", .backward = slice_backward, OP_CHECK({"slice", {SIZES(2, 4, 3)}, 1, .forward = slice_case})};

void tensor_split(Tensor *x, int axis, int n_parts, Tensor **parts, Where where)
{
    OP_BEGIN(call, op_slice, where, x);
    int d = shape_axis(&call, x->shape, axis);
    if (parts == NULL) {
        fail_mistake(where, "tensor_split: the parts are NULL");
    }
    if (n_parts < 1 || x->shape.size[d] % n_parts != 0) {
        fail_mistake(where, "tensor_split: axis %d of %s can't be cut into %d equal slices", d, SHAPE_STRING(x->shape), n_parts);
    }
    int length = x->shape.size[d] / n_parts;
    for (int i = 0; i < n_parts; i++) {
        parts[i] = tensor_slice(x, d, i * length, length, where);
    }
}

// ------------------------------------------------------------------------------------------------------------
// concat: the parts one after the other along an axis; all other sizes agree

static Shape concat_shape(const OpCall *call, int axis)
{
    Shape shape = call->inputs[0]->shape;
    for (int i = 1; i < call->n_inputs; i++) {
        Shape part = call->inputs[i]->shape;
        int along = axis < part.ndim ? part.size[axis] : 0;
        Shape as_first = part;
        as_first.size[axis] = call->inputs[0]->shape.size[axis];
        if (!shape_equal(as_first, call->inputs[0]->shape)) {
            op_fail(call, "part 1 is %s, part %d is %s: only axis %d may differ", SHAPE_STRING(call->inputs[0]->shape), i + 1, SHAPE_STRING(part),
                    axis);
        }
        shape.size[axis] += along;
    }
    return shape;
}

Tensor *tensor_concat(Tensor **parts, int n_parts, int axis, Where where)
{
    OpCall call = {&op_concat, parts, n_parts, where};
    if (parts == NULL || n_parts < 1) {
        op_fail(&call, parts == NULL ? "the parts are NULL" : "%d parts; at least one is needed", n_parts);
    }
    op_check(&call);
    int d = shape_axis(&call, parts[0]->shape, axis);
    Tensor *y = op_output(&call, concat_shape(&call, d));
    int *saved = op_save(y, sizeof d);
    *saved = d;

    AxisView whole = axis_view(y->shape, d);
    size_t start = 0; // along the axis
    for (int p = 0; p < n_parts; p++) {
        size_t n = (size_t)parts[p]->shape.size[d];
        size_t run = n * whole.inner;
        for (size_t o = 0; o < whole.outer; o++) {
            Real *to = y->data + (o * whole.n + start) * whole.inner;
            memcpy(to, parts[p]->data + o * run, run * sizeof(Real));
        }
        start += n;
    }
    return op_done(&call, y);
}

static void concat_backward(TapeNode *node)
{
    int axis = *(const int *)node->saved;
    AxisView whole = axis_view(node->output->shape, axis);
    const Real *dy = node->output->grad;
    size_t start = 0;
    for (int p = 0; p < node->n_inputs; p++) {
        Tensor *part = node->inputs[p];
        Real *dpart = op_grad(part);
        size_t n = (size_t)part->shape.size[axis];
        size_t run = n * whole.inner;
        for (size_t o = 0; dpart != NULL && o < whole.outer; o++) {
            const Real *from = dy + (o * whole.n + start) * whole.inner;
            for (size_t i = 0; i < run; i++) {
                dpart[o * run + i] += from[i];
            }
        }
        start += n;
    }
}

static Tensor *concat_case(Tensor **x)
{
    return tensor_concat(x, 3, 1, HERE);
}

const Op op_concat = {.name = "concat",
                      .backward = concat_backward,
                      OP_CHECK({"concat", {SIZES(2, 1, 2), SIZES(2, 3, 2), SIZES(2, 2, 2)}, 3, .forward = concat_case})};
