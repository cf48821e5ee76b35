// loss.c: the two losses. Both end in one number; sums run in double. Cross-entropy's loops are behind kernel.h.

#include "tensor/op.h"

#include <string.h>

// ------------------------------------------------------------------------------------------------------------
// L = sum_i (x_i - target_i)^2 / n          torch: F.mse_loss(x, target)
// dL/dx_i = 2 (x_i - target_i) / n,  dL/dtarget_i = -dL/dx_i

Tensor *tensor_mse_loss(Tensor *x, Tensor *target, Where where)
{
    OpCall call = {OP_MSE_LOSS, (Tensor *[]){x, target}, 2, where};
    op_check(&call);
    if (!shape_equal(x->shape, target->shape)) {
        char x_text[SHAPE_TEXT];
        char target_text[SHAPE_TEXT];
        op_fail(&call, "x %s, target %s: the shapes must be equal", shape_text(x->shape, x_text),
                shape_text(target->shape, target_text));
    }
    Tensor *y = op_output(&call, SHAPE_SCALAR);
    size_t n = tensor_count(x);
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        double difference = (double)(x->data[i] - target->data[i]);
        sum += difference * difference;
    }
    y->data[0] = (Real)(sum / (double)n);
    return op_done(&call, y);
}

static void mse_loss_backward(TapeNode *node)
{
    Tensor *x = node->inputs[0];
    Tensor *target = node->inputs[1];
    Real dy = node->output->grad[0];
    Real *dx = op_grad(x);
    Real *dtarget = op_grad(target);
    size_t n = tensor_count(x);
    Real factor = (Real)(2.0 / (double)n) * dy;
    for (size_t i = 0; i < n; i++) {
        Real slope = factor * (x->data[i] - target->data[i]);
        if (dx != NULL) {
            dx[i] += slope;
        }
        if (dtarget != NULL) {
            dtarget[i] -= slope;
        }
    }
}

static Tensor *mse_loss_case(Tensor **x)
{
    return tensor_mse_loss(x[0], x[1], HERE);
}

static const OpCase mse_loss_cases[] = {
    {"mse_loss", {SIZES(2, 3), SIZES(2, 3)}, 2, false, mse_loss_case},
};

const Op op_mse_loss = {.name = "mse_loss", .backward = mse_loss_backward, OP_CASES(mse_loss_cases)};

// ------------------------------------------------------------------------------------------------------------
// L = mean over the N rows of  z - x[target],  z = log sum_j exp(x_j)          torch: F.cross_entropy(logits, targets)
// dL/dx_j = (exp(x_j - z) - 1{j = target}) / N: what the model said, minus what was true

typedef struct CrossEntropySaved {
    int *targets;                                  // (N)
    double *z;                                     // (N)
} CrossEntropySaved;

static void cross_entropy_check(const OpCall *call, const int *targets, size_t rows)
{
    int V = shape_last(call->inputs[0]->shape);
    if (targets == NULL) {
        op_fail(call, "targets is NULL");
    }
    for (size_t i = 0; i < rows; i++) {
        if (targets[i] < 0 || targets[i] >= V) {
            op_fail(call, "targets[%zu] is %d; the logits are for 0 to %d", i, targets[i], V - 1);
        }
    }
}

Tensor *tensor_cross_entropy(Tensor *logits, const int *targets, Where where)
{
    OpCall call = {OP_CROSS_ENTROPY, (Tensor *[]){logits}, 1, where};
    op_check(&call);
    size_t V = (size_t)shape_last(logits->shape);
    size_t rows = tensor_count(logits) / V;
    cross_entropy_check(&call, targets, rows);
    Tensor *y = op_output(&call, SHAPE_SCALAR);
    CrossEntropySaved *saved = op_save(y, sizeof *saved);
    saved->targets = arena_allocate(&y->tape->arena, rows * sizeof(int));
    saved->z = arena_allocate(&y->tape->arena, rows * sizeof(double));
    memcpy(saved->targets, targets, rows * sizeof(int));

    double sum = kernels()->cross_entropy(&(LogitRows){logits->data, saved->targets, saved->z, rows, V});
    y->data[0] = (Real)(sum / (double)rows);
    return op_done(&call, y);
}

// One pass: each probability goes straight into the gradient.
static void cross_entropy_backward(TapeNode *node)
{
    Tensor *logits = node->inputs[0];
    const CrossEntropySaved *saved = node->saved;
    size_t V = (size_t)shape_last(logits->shape);
    size_t rows = tensor_count(logits) / V;
    Real factor = node->output->grad[0] / (Real)rows;
    GradTarget dlogits = op_grad_target(logits);
    if (dlogits.values != NULL) {
        LogitRows call = {logits->data, saved->targets, saved->z, rows, V};
        kernels()->cross_entropy_backward(&call, factor, dlogits.accumulate, dlogits.values);
    }
}

static Tensor *cross_entropy_case(Tensor **x)
{
    const int targets[] = {2, 0, 4};
    return tensor_cross_entropy(x[0], targets, HERE);
}

static const OpCase cross_entropy_cases[] = {
    {"cross_entropy", {SIZES(3, 5)}, 1, false, cross_entropy_case},
};

const Op op_cross_entropy = {.name = "cross_entropy", .backward = cross_entropy_backward, OP_CASES(cross_entropy_cases)};
