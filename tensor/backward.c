// backward.c: the walk back over the tape.

#include "tensor/op.h"
#include "tensor/unwind.h"

#include <string.h>

static _Thread_local Tape *walked_tape; // the outermost one of which a backward pass is in progress, or NULL

// ------------------------------------------------------------------------------------------------------------
// Observers, from the outermost to the innermost: those that change gradients last

typedef struct TapeObserverEntry {
    int number;
    TapeObserver observer;
} ObserverEntry;

int tape_observer_add(Tape *tape, TapeObserver observer)
{
    REQUIRE(tape);
    tape->observers = memory_grow(tape->observers, tape->n_observers, &tape->observers_capacity, sizeof(ObserverEntry), "the tape's observers");
    int place = tape->n_observers;
    while (!observer.changes_gradients && place > 0 && tape->observers[place - 1].observer.changes_gradients) {
        tape->observers[place] = tape->observers[place - 1];
        place--;
    }
    tape->last_observer++;
    tape->observers[place] = (ObserverEntry){tape->last_observer, observer};
    tape->n_observers++;
    return tape->last_observer;
}

void tape_observer_remove(Tape *tape, int number)
{
    REQUIRE(tape);
    int place = 0;
    while (place < tape->n_observers && tape->observers[place].number != number) {
        place++;
    }
    if (place == tape->n_observers) {
        fail_mistake(HERE, "tape_observer_remove: the tape has no observer %d", number);
    }
    if (tape == walked_tape) {
        fail_mistake(HERE, "tape_observer_remove: a backward pass is in progress");
    }
    tape->n_observers--;
    for (int i = place; i < tape->n_observers; i++) {
        tape->observers[i] = tape->observers[i + 1];
    }
}

void tape_observe(Tape *tape, TapeObserver observer)
{
    REQUIRE(tape);
    if (tape->observe_number != 0) {
        tape_observer_remove(tape, tape->observe_number);
    }
    bool empty = observer.begin == NULL && observer.before == NULL && observer.after == NULL;
    tape->observe_number = empty ? 0 : tape_observer_add(tape, observer);
}

static void observers_begin(const Tape *tape)
{
    for (int i = 0; i < tape->n_observers; i++) {
        const TapeObserver *observer = &tape->observers[i].observer;
        if (observer->begin != NULL) {
            observer->begin(observer->context);
        }
    }
}

// Calls before from the outermost observer to the innermost, and after in the reverse order.
static void observers_call(const Tape *tape, TapeNode *node, bool before)
{
    for (int k = 0; k < tape->n_observers; k++) {
        const TapeObserver *observer = &tape->observers[before ? k : tape->n_observers - 1 - k].observer;
        void (*call)(TapeNode *node, void *context) = before ? observer->before : observer->after;
        if (call != NULL) {
            call(node, observer->context);
        }
    }
}

// ------------------------------------------------------------------------------------------------------------
// Gradients

static size_t grad_bytes(const Tensor *tensor)
{
    return tensor_count(tensor) * sizeof(Real);
}

// A leaf that the pass in progress has reached, with its gradient from before the pass.
typedef struct TapeReached {
    Tensor *leaf;
    Real *grad;   // NULL: it had none
    Real *values; // a copy of grad, in the tape's arena
} TapeReached;

// Called before a pass first changes a leaf's gradient. Skips leaves of inner tapes (checkpoint.c), which end with the walk over their tape.
static void note_reached(Tensor *leaf)
{
    Tape *tape = walked_tape;
    if (tape == NULL || (leaf->tape != NULL && leaf->tape != tape)) {
        return;
    }
    TapeReached reached = {.leaf = leaf, .grad = leaf->grad};
    if (leaf->grad != NULL) {
        reached.values = arena_allocate(&tape->arena, grad_bytes(leaf));
        memcpy(reached.values, leaf->grad, grad_bytes(leaf));
    }
    *LIST_ADD(tape->reached, tape->n_reached, tape->reached_capacity, "the list of leaves") = reached;
    leaf->reached = true;
}

// Never inlined: each use of a tensor gets its gradient here, and gdb's backward-step watches it.
__attribute__((noinline)) GradTarget op_grad_target(Tensor *input)
{
    if (!input->requires_grad) {
        return (GradTarget){NULL, false};
    }
    bool first = input->grad == NULL;
    if (input->node == NULL && !input->reached) {
        note_reached(input);
    }
    if (first && input->tape != NULL) {
        input->grad = arena_allocate(&input->tape->arena, grad_bytes(input));
    } else if (first) {
        if (input->grad_memory == NULL) {
            input->grad_memory = memory_allocate(grad_bytes(input), "a parameter's gradient");
        }
        input->grad = input->grad_memory;
    }
    return (GradTarget){input->grad, !first};
}

Real *op_grad(Tensor *input)
{
    REQUIRE(input);
    GradTarget target = op_grad_target(input);
    if (target.values != NULL && !target.accumulate) {
        memset(target.values, 0, grad_bytes(input));
    }
    return target.values;
}

static void forget_grad(Tensor *intermediate)
{
    if (intermediate->grad != NULL) {
        arena_release(&intermediate->tape->arena, intermediate->grad, grad_bytes(intermediate));
        intermediate->grad = NULL;
    }
}

// ------------------------------------------------------------------------------------------------------------
// The walk

// The one place that every backward is called from: break node_backward. Never inlined, so that there is one in each build.
__attribute__((noinline)) static void node_backward(TapeNode *node)
{
    node->backward(node);
    if (nan_watched()) {
        nan_check_gradients(node);
    }
}

static _Noreturn void fail_changed(const TapeNode *node, const char *role, int i, Tensor *x)
{
    Where where = tensor_owner(x)->change->where;
    const char *own = TENSOR_NAME(x);
    const char *name = own[0] != '\0' ? own : TENSOR_NAME(tensor_owner(x)); // a view has none
    fail_mistake(node->where, "%s%s, backward of node %d: %s %d%s%s %s was changed at %s:%d, %s(), after the operation had read it",
                 op_prefix(node->op), node->op->name, node->index, role, i, name[0] == '\0' ? "" : " ", name, SHAPE_STRING(x->shape), where.file,
                 where.line, where.function);
}

int node_wanted(const TapeNode *node)
{
    int wanted = WANTED_ALWAYS;
    for (int k = 0; k < node->n_inputs && k < OP_READS_GRADIENTS; k++) {
        wanted |= node->inputs[k]->requires_grad ? 1 << k : 0;
    }
    return wanted;
}

enum { READS_FOR_ALL = 0xff };

void node_check_unchanged(const TapeNode *node, int wanted)
{
    const Op *op = node->op;
    if (tensor_changes() == node->recorded) {
        return;
    }
    bool undeclared = op->forward != NULL && (op->reads[0] | op->reads[1] | op->reads[2] | op->reads_output) == 0;
    for (int i = 0; i < node->n_inputs; i++) {
        int read_for = undeclared ? READS_FOR_ALL : op->reads[i < OP_READS ? i : OP_READS - 1];
        if ((read_for & wanted) != 0 && tensor_changed_since(tensor_owner(node->inputs[i]), node->recorded)) {
            fail_changed(node, "input", i, node->inputs[i]);
        }
    }
    if (((undeclared ? READS_FOR_ALL : op->reads_output) & wanted) != 0 && tensor_changed_since(tensor_owner(node->output), node->recorded)) {
        fail_changed(node, "output", 0, node->output);
    }
}

// The backward loop. If a node's output has no gradient, the loss does not depend on it.
static void tape_walk_back(Tape *tape)
{
    observers_begin(tape);
    for (int i = tape->n_nodes - 1; i >= 0; i--) {
        TapeNode *node = tape->nodes[i];
        if (node->output->grad == NULL) {
            continue;
        }
        fail_if_interrupted();
        node_check_unchanged(node, node->wanted);
        observers_call(tape, node, true);
        node_backward(node);
        observers_call(tape, node, false);
        if (!node->output->retain_grad) {
            forget_grad(node->output);
        }
    }
}

static void forget_grads(Tape *tape)
{
    for (int i = 0; i < tape->n_nodes; i++) {
        forget_grad(tape->nodes[i]->output);
    }
}

// Undoes a pass that failed.
static void forget_pass(void *object)
{
    Tape *tape = object;
    forget_grads(tape);
    for (int i = 0; tape == walked_tape && i < tape->n_reached; i++) {
        const TapeReached *reached = &tape->reached[i];
        if (reached->grad == NULL) {
            tensor_zero_grad(reached->leaf);
        } else {
            reached->leaf->grad = reached->grad;
            memcpy(reached->grad, reached->values, grad_bytes(reached->leaf));
        }
    }
}

static void end_pass(void *object)
{
    Tape *tape = object;
    for (int i = 0; i < tape->n_reached; i++) {
        const TapeReached *reached = &tape->reached[i];
        reached->leaf->reached = false;
        if (reached->values != NULL) {
            arena_release(&tape->arena, reached->values, grad_bytes(reached->leaf));
        }
    }
    tape->n_reached = 0;
    walked_tape = NULL;
}

static void backward_check(const char *function, const Tensor *y, Where where)
{
    if (y == NULL) {
        fail_mistake(where, "%s: the tensor is NULL", function);
    }
    if (!y->alive) {
        fail_mistake(where, "%s: this tensor was made at %s:%d and used after its tape was reset", function, y->where.file, y->where.line);
    }
    if (y->node == NULL) {
        fail_mistake(where, "%s: this tensor was not computed on a tape (it is a leaf, or made with nothing recorded)", function);
    }
    if (!y->requires_grad) {
        fail_mistake(where, "%s: nothing that this tensor was computed from requires a gradient (tensor_require_grad)", function);
    }
}

void tensor_backward_from(Tensor *y, const Real *dy, Where where)
{
    backward_check("tensor_backward_from", y, where);
    if (dy == NULL) {
        fail_mistake(where, "tensor_backward_from: dy is NULL");
    }
    Tape *tape = y->tape;
    tape_check_idle(tape, "tensor_backward", where);
    Real *start = arena_allocate(&tape->arena, grad_bytes(y));
    memcpy(start, dy, grad_bytes(y)); // before gradients are cleared: dy may be y's own gradient from the previous pass
    forget_grads(tape);
    y->grad = start;
    int frame = unwind_begin();
    tape_hold(tape);
    if (walked_tape == NULL) {
        walked_tape = tape;
        unwind_add(end_pass, tape);
    }
    unwind_add_on_failure(forget_pass, tape);
    tape_walk_back(tape);
    unwind_end(frame);
}

void tensor_backward(Tensor *loss, Where where)
{
    backward_check("tensor_backward", loss, where);
    if (tensor_count(loss) != 1) {
        fail_mistake(where, "tensor_backward: the loss has shape %s and must be one number; tensor_backward_from takes a dL/dy",
                     SHAPE_STRING(loss->shape));
    }
    Real one = 1;
    tensor_backward_from(loss, &one, where);
}
