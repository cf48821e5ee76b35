// tape.c: recording operations, walking back over them, and giving everything back.

#include "tensor/op.h"
#include "tensor/unwind.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local Tape *current_tape;
static _Thread_local Tape *walked_tape;            // the outermost one of which a backward pass is in progress, or NULL

Tape *tape_create(void)
{
    Tape *tape = memory_allocate_zeroed(1, sizeof *tape, "a tape");
    current_tape = tape;
    return tape;
}

void tape_free(Tape *tape)
{
    if (tape == NULL) {
        return;
    }
    if (current_tape == tape) {
        current_tape = NULL;
    }
    tape_free(tape->inner);
    arena_free(&tape->arena);
    arena_free(&tape->headers[0]);
    arena_free(&tape->headers[1]);
    free(tape->nodes);
    free(tape->streams);
    free(tape->reached);
    free(tape->observers);
    free(tape);
}

Tape *tape_current(void)
{
    return current_tape;
}

Tape *tape_set_current(Tape *tape)
{
    Tape *before = current_tape;
    current_tape = tape;
    return before;
}

Tape *tape_inner(Tape *tape)
{
    if (tape->inner == NULL) {
        tape->inner = memory_allocate_zeroed(1, sizeof *tape, "a tape");
    }
    return tape->inner;
}

// Tensor structs live in two arenas by turns: those of the round that ends here stay as they are, marked dead, for the
// whole next round, so that a tensor used too late is recognised instead of being taken for a new one in its place.
void tape_reset(Tape *tape)
{
    if (tape == NULL) {
        fail_mistake(HERE, "tape_reset: the tape is NULL");
    }
    for (Tensor *tensor = tape->tensors; tensor != NULL; tensor = tensor->next) {
        tensor->alive = false;
    }
    tape->tensors = NULL;
    tape->resets++;
    tape->round = 1 - tape->round;
    arena_reset(&tape->headers[tape->round]);
    arena_reset(&tape->arena);
    tape->n_nodes = 0;
    tape->scope = NULL;
    tape->caller.file = NULL;
    tape->sublayer = 0;
    tape->n_sublayers = 0;
    tape->branch = false;
}

TapeMark tape_mark(void)
{
    Tape *tape = current_tape;
    if (tape == NULL) {
        return (TapeMark){0};
    }
    return (TapeMark){tape, tape->scope, tape->caller, tape->sublayer, tape->branch, tape->no_grad_depth, tape->n_nodes, tape->tensors, tape->resets};
}

// A tape that was reset since then holds nothing from before.
static void remove_nodes_since(const TapeMark *mark)
{
    Tape *tape = mark->tape;
    if (tape->resets != mark->resets) {
        tape_reset(tape);
        return;
    }
    while (tape->tensors != mark->tensors) {
        tape->tensors->alive = false;
        tape->tensors = tape->tensors->next;
    }
    tape->n_nodes = mark->n_nodes;
}

void tape_return_to(const TapeMark *mark, bool remove_nodes)
{
    current_tape = mark->tape;
    if (mark->tape == NULL) {
        return;
    }
    if (remove_nodes) {
        remove_nodes_since(mark);
    }
    mark->tape->scope = mark->scope;
    mark->tape->caller = mark->caller;
    mark->tape->sublayer = mark->sublayer;
    mark->tape->branch = mark->branch;
    mark->tape->no_grad_depth = mark->no_grad_depth;
}

static Tape *tape_needed(const char *function)
{
    if (current_tape == NULL) {
        fail_mistake(HERE, "%s: this thread has no tape; make one with tape_create()", function);
    }
    return current_tape;
}

void tape_no_grad_begin(void)
{
    tape_needed("tape_no_grad_begin")->no_grad_depth++;
}

void tape_no_grad_end(void)
{
    Tape *tape = tape_needed("tape_no_grad_end");
    if (tape->no_grad_depth == 0) {
        fail_mistake(HERE, "tape_no_grad_end: there is no open tape_no_grad_begin");
    }
    tape->no_grad_depth--;
}

const char *tape_scope(const char *scope)
{
    Tape *tape = tape_needed("tape_scope");
    const char *before = tape->scope;
    tape->scope = scope;
    return before;
}

void tape_sublayer_begin(Tensor *stream)
{
    Tape *tape = tape_needed("tape_sublayer_begin");
    tape->streams = memory_grow(tape->streams, tape->n_sublayers, &tape->streams_capacity, sizeof(Tensor *), "the tape's sublayers");
    tape->streams[tape->n_sublayers] = stream;
    tape->n_sublayers++;
    tape->sublayer = tape->n_sublayers;
}

void tape_sublayer_end(void)
{
    tape_needed("tape_sublayer_end")->sublayer = 0;
}

bool tape_branch(bool branch)
{
    Tape *tape = tape_needed("tape_branch");
    bool before = tape->branch;
    tape->branch = branch;
    return before;
}

Where tape_user_line(Where where)
{
    return current_tape != NULL && current_tape->caller.file != NULL ? current_tape->caller : where;
}

int tape_enter(const char *scope, Where caller)
{
    Tape *tape = tape_needed("tape_enter");
    int frame = unwind_begin();
    tape->scope = scope;
    tape->caller = tape_user_line(caller);
    return frame;
}

void tape_leave(int entered)
{
    unwind_end(entered);
}

// ------------------------------------------------------------------------------------------------------------
// Observers, from the outermost to the innermost: those that change gradients last

typedef struct TapeObserverEntry {
    int number;
    TapeObserver observer;
} ObserverEntry;

int tape_observer_add(Tape *tape, TapeObserver observer)
{
    REQUIRE(tape);
    tape->observers = memory_grow(tape->observers, tape->n_observers, &tape->observers_capacity, sizeof(ObserverEntry),
                                  "the tape's observers");
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

static void observers_begin(const Tape *tape)
{
    for (int i = 0; i < tape->n_observers; i++) {
        const TapeObserver *observer = &tape->observers[i].observer;
        if (observer->begin != NULL) {
            observer->begin(observer->context);
        }
    }
}

static void observers_before(const Tape *tape, TapeNode *node)
{
    for (int i = 0; i < tape->n_observers; i++) {
        const TapeObserver *observer = &tape->observers[i].observer;
        if (observer->before != NULL) {
            observer->before(node, observer->context);
        }
    }
}

static void observers_after(const Tape *tape, TapeNode *node)
{
    for (int i = tape->n_observers - 1; i >= 0; i--) {
        const TapeObserver *observer = &tape->observers[i].observer;
        if (observer->after != NULL) {
            observer->after(node, observer->context);
        }
    }
}

// ------------------------------------------------------------------------------------------------------------
// Recording

const char *op_prefix(const Op *op)
{
    return op->forward == NULL ? "tensor_" : "";
}

void op_fail(const OpCall *call, const char *format, ...)
{
    char text[320];
    va_list arguments;
    va_start(arguments, format);
    number_vformat(text, sizeof text, format, arguments);
    va_end(arguments);

    const char *scope = current_tape == NULL ? NULL : current_tape->scope;
    char module[NAME_TEXT] = "";
    if (scope != NULL && scope[0] != '\0') {
        snprintf(module, sizeof module, ", in module %s", scope);
    }
    Where where = tape_user_line(call->where);
    char line[160] = "";
    if (where.file != call->where.file || where.line != call->where.line) {
        snprintf(line, sizeof line, " (%s:%d)", call->where.file, call->where.line);
    }
    fail_mistake(where, "%s%s: %s%s%s", op_prefix(call->op), call->op->name, text, module, line);
}

void op_check(const OpCall *call)
{
    fail_if_interrupted();
    if (current_tape == NULL) {
        op_fail(call, "this thread has no tape; make one with tape_create()");
    }
    for (int i = 0; i < call->n_inputs; i++) {
        const Tensor *input = call->inputs[i];
        if (input == NULL) {
            op_fail(call, "input %d is NULL", i);
        }
        if (!input->alive) {
            op_fail(call, "input %d was made at %s:%d and used after its tape was reset", i, input->where.file,
                    input->where.line);
        }
        if (input->tape != NULL && input->tape != current_tape) {
            op_fail(call, "input %d, made at %s:%d, is on another tape than the current one", i, input->where.file,
                    input->where.line);
        }
    }
}

Tensor *tape_header(Tape *tape, Shape shape, Where where)
{
    Tensor *tensor = arena_allocate(&tape->headers[tape->round], sizeof *tensor);
    *tensor = (Tensor){.shape = shape, .alive = true, .tape = tape, .next = tape->tensors, .where = where};
    tape->tensors = tensor;
    return tensor;
}

static void tape_append(Tape *tape, TapeNode *node)
{
    tape->nodes = memory_grow(tape->nodes, tape->n_nodes, &tape->capacity, sizeof(TapeNode *), "the tape's list of nodes");
    node->index = tape->n_nodes;
    tape->nodes[tape->n_nodes] = node;
    tape->n_nodes++;
}

enum { WANTED_ALWAYS = 0x80 };                     // for what backward reads whoever wants a gradient

static void tape_record(Tape *tape, const OpCall *call, Tensor *output)
{
    size_t input_bytes = (size_t)call->n_inputs * sizeof(Tensor *);
    TapeNode *node = arena_allocate(&tape->arena, sizeof *node + input_bytes);
    *node = (TapeNode){
        .op = call->op,
        .output = output,
        .inputs = (Tensor **)(node + 1),
        .n_inputs = call->n_inputs,
        .backward = call->op->backward,
        .scope = tape->scope,
        .sublayer = tape->sublayer,
        .branch = tape->branch,
        .where = call->where,
        .recorded = tensor_changes(),
        .wanted = WANTED_ALWAYS,
    };
    if (tape->caller.file != NULL) {
        node->where = tape->caller;
        node->module_where = call->where;
    }
    memcpy(node->inputs, call->inputs, input_bytes);
    for (int i = 0; i < call->n_inputs; i++) {
        bool wants_grad = call->inputs[i]->requires_grad;
        output->requires_grad |= wants_grad;
        node->wanted |= wants_grad && i < OP_READS ? 1 << i : 0;
    }
    output->node = node;
    tape_append(tape, node);
}

Tensor *op_output_view(const OpCall *call, Shape shape, Real *data)
{
    Tape *tape = current_tape;
    Tensor *output = tape_header(tape, shape, tape_user_line(call->where));
    output->data = data;
    if (data == call->inputs[0]->data) {
        tensor_share(output, call->inputs[0]);
    }
    if (tape->no_grad_depth == 0) {
        tape_record(tape, call, output);
    }
    return output;
}

Tensor *op_output(const OpCall *call, Shape shape)
{
    if (!shape_possible(shape)) {
        char function[64];
        snprintf(function, sizeof function, "%s%s", op_prefix(call->op), call->op->name);
        shape_check(function, shape, call->where);
    }
    Real *data = arena_allocate(&current_tape->arena, shape_count(shape) * sizeof(Real));
    return op_output_view(call, shape, data);
}

void *op_save(Tensor *output, size_t bytes)
{
    void *saved = arena_allocate(&output->tape->arena, bytes);
    if (output->node != NULL) {
        output->node->saved = saved;
    }
    return saved;
}

Tensor *op_done(const OpCall *call, Tensor *output)
{
    if (nan_watched()) {
        nan_check_output(call, output);
    }
    return output;
}

Tensor *tensor_custom(const Op *op, Tensor **inputs, int n_inputs, Shape shape, const void *options, Where where)
{
    if (op == NULL || op->name == NULL || op->forward == NULL || op->backward == NULL) {
        fail_mistake(where, "tensor_custom: op needs a name, forward and backward");
    }
    OpCall call = {op, inputs, n_inputs, where};
    if (n_inputs < 0 || (n_inputs > 0 && inputs == NULL)) {
        op_fail(&call, "%d inputs (expected 0 or more, and an array of them)", n_inputs);
    }
    op_check(&call);
    Tensor *y = op_output(&call, shape);
    op->forward(inputs, y, options);
    return op_done(&call, y);
}

// ------------------------------------------------------------------------------------------------------------
// Walking back

static size_t grad_bytes(const Tensor *tensor)
{
    return tensor_count(tensor) * sizeof(Real);
}

// Leaves of inner tapes (checkpoint.c) end with their walk.
static void note_reached(Tensor *leaf)
{
    Tape *tape = walked_tape;
    if (tape != NULL && (leaf->tape == NULL || leaf->tape == tape)) {
        tape->reached = memory_grow(tape->reached, tape->n_reached, &tape->reached_capacity, sizeof(Tensor *), "the list of leaves");
        tape->reached[tape->n_reached] = leaf;
        tape->n_reached++;
    }
}

// Never inlined: each use of a tensor asks here for its gradient, and gdb's backward-step watches it.
__attribute__((noinline)) GradTarget op_grad_target(Tensor *input)
{
    if (!input->requires_grad) {
        return (GradTarget){NULL, false};
    }
    bool first = input->grad == NULL;
    if (first && input->node == NULL) {
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

// The one place that every backward is called from: break node_backward. Never inlined, so that there is one in each build.
__attribute__((noinline)) static void node_backward(TapeNode *node)
{
    node->backward(node);
    if (nan_watched()) {
        nan_check_gradients(node);
    }
}

static _Noreturn void fail_changed(const TapeNode *node, const char *role, int i, const Tensor *x)
{
    char name[NAME_TEXT];
    char shape[SHAPE_TEXT];
    const Tensor *owner = tensor_owner(x);
    tensor_name(x, name);
    fail_mistake(node->where, "%s%s, backward of node %d: %s %d%s%s %s was changed at %s:%d, %s(), after the operation had read it",
                 op_prefix(node->op), node->op->name, node->index, role, i, name[0] == '\0' ? "" : " ", name,
                 shape_text(x->shape, shape), owner->changed_where.file, owner->changed_where.line, owner->changed_where.function);
}

// Gradients computed from other values than the result was would be gradients of nothing.
static void check_unchanged(const TapeNode *node)
{
    const Op *op = node->op;
    if (tensor_changes() == node->recorded) {
        return;
    }
    for (int i = 0; i < node->n_inputs; i++) {
        int read_for = op->reads[i < OP_READS ? i : OP_READS - 1];
        if ((read_for & node->wanted) != 0 && tensor_owner(node->inputs[i])->changed > node->recorded) {
            fail_changed(node, "input", i, node->inputs[i]);
        }
    }
    if ((op->reads_output & node->wanted) != 0 && tensor_owner(node->output)->changed > node->recorded) {
        fail_changed(node, "output", 0, node->output);
    }
}

// The loop that the whole library is for. A node whose output got no gradient is one that the loss does not depend on.
static void tape_walk_back(Tape *tape)
{
    observers_begin(tape);
    for (int i = tape->n_nodes - 1; i >= 0; i--) {
        TapeNode *node = tape->nodes[i];
        if (node->output->grad == NULL) {
            continue;
        }
        fail_if_interrupted();
        check_unchanged(node);
        observers_before(tape, node);
        node_backward(node);
        observers_after(tape, node);
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
        tensor_zero_grad(tape->reached[i]);
    }
}

static void end_pass(void *unused)
{
    (void)unused;
    walked_tape = NULL;
}

static void backward_check(const char *function, const Tensor *y, Where where)
{
    if (y == NULL) {
        fail_mistake(where, "%s: the tensor is NULL", function);
    }
    if (!y->alive) {
        fail_mistake(where, "%s: this tensor was made at %s:%d and used after its tape was reset", function, y->where.file,
                     y->where.line);
    }
    if (y->node == NULL) {
        fail_mistake(where, "%s: this tensor was not computed on a tape (it is a leaf, or made with nothing recorded)", function);
    }
    if (!y->requires_grad) {
        fail_mistake(where, "%s: nothing that this tensor was computed from wants a gradient (tensor_require_grad)", function);
    }
}

void tensor_backward_from(Tensor *y, const Real *dy, Where where)
{
    backward_check("tensor_backward_from", y, where);
    if (dy == NULL) {
        fail_mistake(where, "tensor_backward_from: dy is NULL");
    }
    Tape *tape = y->tape;
    Real *start = arena_allocate(&tape->arena, grad_bytes(y));
    memcpy(start, dy, grad_bytes(y));              // before anything is forgotten: dy may be y's own gradient of last time
    forget_grads(tape);
    y->grad = start;
    int frame = unwind_begin();
    if (walked_tape == NULL) {
        walked_tape = tape;
        tape->n_reached = 0;
        unwind_add(end_pass, NULL);
    }
    unwind_add_on_failure(forget_pass, tape);
    tape_walk_back(tape);
    unwind_end(frame);
}

void tensor_backward(Tensor *loss, Where where)
{
    backward_check("tensor_backward", loss, where);
    if (tensor_count(loss) != 1) {
        char shape[SHAPE_TEXT];
        fail_mistake(where, "tensor_backward: the loss has shape %s and must be one number; tensor_backward_from takes a dL/dy",
                     shape_text(loss->shape, shape));
    }
    Real one = 1;
    tensor_backward_from(loss, &one, where);
}

#ifndef GPTAPE_DOUBLE
__attribute__((used)) static const char *const with_debugger_script = &debugger_script;        // see inspect/gdb.c
#endif
