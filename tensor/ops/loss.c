// loss.c: the two losses. Each is one number, a mean that is summed in Wide.

#include "tensor/op.h"

#include <string.h>
#include <tgmath.h>

// ------------------------------------------------------------------------------------------------------------
// L = sum_i (x_i - target_i)^2 / n          torch: F.mse_loss(x, target)
// dL/dx_i = 2 (x_i - target_i) / n,  dL/dtarget_i = -dL/dx_i

Tensor *tensor_mse_loss(Tensor *x, Tensor *target, Where where)
{
    OP_BEGIN(call, op_mse_loss, where, x, target);
    if (!shape_equal(x->shape, target->shape)) {
        op_fail(&call, "x %s, target %s: the shapes must be equal", SHAPE_STRING(x->shape), SHAPE_STRING(target->shape));
    }
    Tensor *y = op_output(&call, SHAPE_SCALAR);
    size_t n = tensor_count(x);
    Wide sum = 0;
    for (size_t i = 0; i < n; i++) {
        Wide difference = (Wide)(x->data[i] - target->data[i]);
        sum += difference * difference;
    }
    y->data[0] = (Real)(sum / (Wide)n);
    return op_done(&call, y);
}

static void mse_loss_backward(TapeNode *node)
{
    const Tensor *x = node->inputs[0];
    const Tensor *target = node->inputs[1];
    Real dy = node->output->grad[0];
    size_t n = tensor_count(x);
    Real factor = (Real)(2.0 / (double)n) * dy;
    for (int input = 0; input < 2; input++) {
        Real *dinput = op_grad(node->inputs[input]);
        Real sign = input == 0 ? 1 : -1;
        for (size_t i = 0; dinput != NULL && i < n; i++) {
            Real difference = x->data[i] - target->data[i];
            Real slope = isfinite(difference) ? factor * difference : factor * x->data[i] - factor * target->data[i];
            dinput[i] += sign * slope;
        }
    }
}

const Op op_mse_loss = {.name = "mse_loss",
                        .group = OP_GROUP_LOSS,
                        .backward = mse_loss_backward,
                        .reads = {3, 3},
                        OP_CHECK({"mse_loss", {SIZES(2, 3), SIZES(2, 3)}, 2, .binary = tensor_mse_loss})};

// ------------------------------------------------------------------------------------------------------------
// L = mean over the N rows of  z - x[target],  z = log sum_j exp(x_j)          torch: F.cross_entropy(logits, targets, ignore_index=-1)
// dL/dx_j = (exp(x_j - z) - 1{j = target}) / N: the predicted probability minus the true one
// A row whose target is TARGET_IGNORED is not one of the N, and its gradient is 0.

Wide plain_cross_entropy(const LogitRows *r)
{
    Wide sum = 0;
    for (size_t row = 0; row < r->rows; row++) {
        const Real *x = r->logits + row * r->V;
        if (r->targets[row] == TARGET_IGNORED) {
            continue;
        }
        r->z[row] = log_sum_exp(x, r->V);
        sum += r->z[row] - (Wide)x[r->targets[row]];
    }
    return sum;
}

void plain_cross_entropy_backward(const LogitRows *r, Real dy, bool accumulate, Real *dlogits)
{
    for (size_t row = 0; row < r->rows; row++) {
        const Real *x = r->logits + row * r->V;
        Real *dx = dlogits + row * r->V;
        if (r->targets[row] == TARGET_IGNORED) {
            if (!accumulate) {
                memset(dx, 0, r->V * sizeof *dx);
            }
            continue;
        }
        for (size_t j = 0; j < r->V; j++) {
            Real probability = exp((Real)((Wide)x[j] - r->z[row]));
            Real before = accumulate ? dx[j] : 0;
            // forward was: loss = z - x[target], with dz/dx_j = exp(x_j - z)
            dx[j] = before + dy * probability;
        }
        dx[r->targets[row]] -= dy;
    }
}

typedef struct CrossEntropySaved {
    int *targets;     // (N)
    Wide *z;          // (N)
    size_t n_counted; // rows that are not ignored
} CrossEntropySaved;

// Returns how many targets are not ignored.
static size_t cross_entropy_check(const OpCall *call, const int *targets, size_t rows)
{
    size_t n_counted = 0;
    int V = shape_last(call->inputs[0]->shape);
    if (targets == NULL) {
        op_fail(call, "targets is NULL");
    }
    for (size_t i = 0; i < rows; i++) {
        if (targets[i] < TARGET_IGNORED || targets[i] >= V) {
            op_fail(call, "targets[%zu] is %d; the logits are for 0 to %d", i, targets[i], V - 1);
        }
        n_counted += targets[i] != TARGET_IGNORED;
    }
    return n_counted;
}

Tensor *tensor_cross_entropy(Tensor *logits, const int *targets, Where where)
{
    OP_BEGIN(call, op_cross_entropy, where, logits);
    size_t V = (size_t)shape_last(logits->shape);
    size_t rows = tensor_count(logits) / V;
    size_t n_counted = cross_entropy_check(&call, targets, rows);
    Tensor *y = op_output(&call, SHAPE_SCALAR);
    CrossEntropySaved *saved = op_save(y, sizeof *saved);
    saved->targets = arena_allocate(&y->tape->arena, rows * sizeof(int));
    saved->n_counted = n_counted;
    saved->z = arena_allocate(&y->tape->arena, rows * sizeof(Wide));
    memcpy(saved->targets, targets, rows * sizeof(int));

    Wide sum = kernels()->cross_entropy(&(LogitRows){logits->data, saved->targets, saved->z, rows, V});
    y->data[0] = (Real)(sum / (Wide)n_counted);
    return op_done(&call, y);
}

static void cross_entropy_backward(TapeNode *node)
{
    Tensor *logits = node->inputs[0];
    const CrossEntropySaved *saved = node->saved;
    size_t V = (size_t)shape_last(logits->shape);
    size_t rows = tensor_count(logits) / V;
    Real factor = node->output->grad[0] / (Real)saved->n_counted;
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

static Tensor *ignoring_case(Tensor **x)
{
    const int targets[] = {2, TARGET_IGNORED, 4, 1};
    return tensor_cross_entropy(x[0], targets, HERE);
}

static const OpCase cross_entropy_cases[] = {
    {"cross_entropy", {SIZES(3, 5)}, 1, .forward = cross_entropy_case},
    {"cross_entropy, ignoring", {SIZES(4, 5)}, 1, .forward = ignoring_case},
};

const Op op_cross_entropy = {.name = "cross_entropy",
                             .group = OP_GROUP_LOSS,
                             .backward = cross_entropy_backward,
                             .reads = {1},
                             OP_CASES(cross_entropy_cases)};
