// vjp.c: finding tensors, and the vector-Jacobian product from any tensor to an earlier one: a walk back over only the nodes between them.
//
//      dx = J^T dy,  J = dy/dx                      torch: torch.autograd.grad(y, x, grad_outputs=dy)
//
// Nodes between are those that x reaches. While they are walked, only what x reaches requires a gradient, so that no parameter gets one;
// afterwards every gradient and flag is what it was.

#include "tensor/op.h"
#include "tensor/unwind.h"

#include <stdlib.h>
#include <string.h>

static bool is_called(const Tensor *tensor, const char *name)
{
    return strcmp(TENSOR_NAME(tensor), name) == 0;
}

Tensor *tape_find(const Tape *tape, const char *name)
{
    REQUIRE(tape, name);
    for (int i = tape->n_nodes - 1; i >= 0; i--) {
        if (is_called(tape->nodes[i]->output, name)) {
            return tape->nodes[i]->output;
        }
    }
    for (int i = tape->n_nodes - 1; i >= 0; i--) {
        for (int j = 0; j < tape->nodes[i]->n_inputs; j++) {
            if (is_called(tape->nodes[i]->inputs[j], name)) {
                return tape->nodes[i]->inputs[j];
            }
        }
    }
    return NULL;
}

// ------------------------------------------------------------------------------------------------------------
// The walk

// What the walk changes, and its value before.
typedef struct Before {
    Tensor *tensor;
    Real *grad;
    bool requires_grad;
} Before;

typedef struct Walk {
    Tape *tape;
    Tensor *x;
    int first, last; // nodes
    bool *between;   // does x reach the node's output? Of node number first + i
    Before *before;  // (n) in the order of the changes
    int n;
    int capacity;
} Walk;

static void restore(void *object)
{
    Walk *walk = object;
    for (int i = walk->n - 1; i >= 0; i--) {
        Tensor *tensor = walk->before[i].tensor;
        if (tensor != walk->x && tensor->grad != NULL && tensor->grad != walk->before[i].grad) {
            tensor_zero_grad(tensor); // an intermediate's, which the walk allocated
        }
        tensor->grad = walk->before[i].grad;
        tensor->requires_grad = walk->before[i].requires_grad;
    }
    free(walk->before);
}

static void change(Walk *walk, Tensor *tensor, Real *grad, bool requires_grad)
{
    *LIST_ADD(walk->before, walk->n, walk->capacity, "a walk over the tape") = (Before){tensor, tensor->grad, tensor->requires_grad};
    tensor->grad = grad;
    tensor->requires_grad = requires_grad;
}

static bool is_between(const Walk *walk, const Tensor *tensor)
{
    bool on_tape = tensor->node != NULL && tensor->tape == walk->tape;
    return tensor == walk->x || (on_tape && tensor->node->index >= walk->first && walk->between[tensor->node->index - walk->first]);
}

// Finds the nodes between. Leaves that they read get no gradient.
static void find_nodes(Walk *walk)
{
    for (int i = walk->first; i <= walk->last; i++) {
        TapeNode *node = walk->tape->nodes[i];
        bool between = false;
        for (int j = 0; j < node->n_inputs; j++) {
            between = between || is_between(walk, node->inputs[j]);
        }
        for (int j = 0; between && j < node->n_inputs; j++) {
            Tensor *input = node->inputs[j];
            if (!is_between(walk, input) && input->requires_grad) {
                change(walk, input, input->grad, false);
            }
        }
        if (between) {
            change(walk, node->output, NULL, true);
        }
        walk->between[i - walk->first] = between;
    }
}

static void check(const Tensor *y, const Tensor *x, Where where)
{
    if (y == NULL || x == NULL) {
        fail_mistake(where, "tensor_vjp: %s is NULL", y == NULL ? "y" : "x");
    }
    if (!y->alive || !x->alive || y->node == NULL) {
        fail_mistake(where, "tensor_vjp: y and x must be on a tape that has not been reset, and y computed on it");
    }
    if (x->tape != NULL && x->tape != y->tape) {
        fail_mistake(where, "tensor_vjp: x and y are on different tapes");
    }
}

static void walk_back(const Walk *walk, TapeVisit *visit, void *context, Where where)
{
    for (int i = walk->last; i >= walk->first; i--) {
        TapeNode *node = walk->tape->nodes[i];
        if (!walk->between[i - walk->first]) {
            continue;
        }
        if (visit != NULL) {
            visit(node, context);
        }
        if (node->output->grad == NULL) {
            continue;
        }
        if (node->op == &op_checkpoint) {
            fail_mistake(where, "tensor_vjp: node %d is a checkpoint, which is recomputed as a whole", i);
        }
        node_check_unchanged(node, node_wanted(node));
        node->backward(node);
        tensor_zero_grad(node->output);
    }
}

// A walk over the nodes from first to y's.
static void walk_from(int first, Tensor *y, const Real *dy, Tensor *x, Real *dx, TapeVisit *visit, void *context, Where where)
{
    Walk walk = {.tape = y->tape, .x = x, .first = first, .last = y->node->index};
    size_t n = walk.last < first ? 0 : (size_t)(walk.last - first + 1);
    int frame = unwind_begin();
    tape_hold(walk.tape);
    walk.between = unwind_allocate(n, sizeof *walk.between, "a walk over the tape");
    unwind_add(restore, &walk);
    memset(dx, 0, tensor_count(x) * sizeof *dx);
    change(&walk, x, dx, true);
    find_nodes(&walk);
    if (y == x && dy != NULL) {
        memcpy(dx, dy, tensor_count(x) * sizeof *dx);
    } else if (dy != NULL && is_between(&walk, y)) {
        Real *start = op_grad(y);
        memcpy(start, dy, tensor_count(y) * sizeof *dy);
    }
    walk_back(&walk, visit, context, where);
    unwind_end(frame);
}

void tensor_vjp_node(TapeNode *node, const Real *dy, Tensor *x, Real *dx)
{
    REQUIRE(node, dy, x, dx);
    walk_from(node->index, node->output, dy, x, dx, NULL, NULL, node->where);
}

void tensor_vjp_visit(Tensor *y, const Real *dy, Tensor *x, Real *dx, TapeVisit *visit, void *context, Where where)
{
    check(y, x, where);
    if (dx == NULL) {
        fail_mistake(where, "tensor_vjp: dx is NULL");
    }
    walk_from(x->node == NULL ? 0 : x->node->index + 1, y, dy, x, dx, visit, context, where);
}

void tensor_vjp(Tensor *y, const Real *dy, Tensor *x, Real *dx, Where where)
{
    if (dy == NULL) {
        fail_mistake(where, "tensor_vjp: dy is NULL");
    }
    tensor_vjp_visit(y, dy, x, dx, NULL, NULL, where);
}
