// tape.c: creating tapes, recording operations on them, and freeing everything.

#include "tensor/op.h"
#include "tensor/unwind.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local Tape *current_tape;

Tape *tape_create(void)
{
    Tape *tape = memory_allocate_zeroed(1, sizeof *tape, "a tape");
    current_tape = tape;
    return tape;
}

void tape_check_idle(const Tape *tape, const char *function, Where where)
{
    if (tape->holds > 0) {
        fail_mistake(where, "%s: the tape is in use: this was called from within its backward pass, tensor_vjp, tensor_checkpoint or tensor_custom",
                     function);
    }
}

static void release(void *tape)
{
    ((Tape *)tape)->holds--;
}

void tape_hold(Tape *tape)
{
    tape->holds++;
    unwind_add(release, tape);
}

void tape_free(Tape *tape)
{
    if (tape == NULL) {
        return;
    }
    tape_check_idle(tape, "tape_free", HERE);
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

// Tensor structs live in two arenas in turn: those of the round that ends here remain, marked dead, for the
// whole next round, so that a tensor used too late is recognized instead of being mistaken for a new one in its place.
void tape_reset(Tape *tape)
{
    REQUIRE(tape);
    tape_check_idle(tape, "tape_reset", HERE);
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
    return (TapeMark){.tape = tape,
                      .scope = tape->scope,
                      .caller = tape->caller,
                      .sublayer = tape->sublayer,
                      .branch = tape->branch,
                      .no_grad_depth = tape->no_grad_depth,
                      .n_nodes = tape->n_nodes,
                      .tensors = tape->tensors,
                      .resets = tape->resets};
}

// A tape that has been reset since then holds no earlier nodes.
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

Tape *tape_needed(const char *function, Where where)
{
    if (current_tape == NULL) {
        fail_mistake(where, "%s: this thread has no tape; make one with tape_create()", function);
    }
    return current_tape;
}

void tape_no_grad_begin(void)
{
    tape_needed("tape_no_grad_begin", HERE)->no_grad_depth++;
}

void tape_no_grad_end(void)
{
    Tape *tape = tape_needed("tape_no_grad_end", HERE);
    if (tape->no_grad_depth == 0) {
        fail_mistake(HERE, "tape_no_grad_end: there is no open tape_no_grad_begin");
    }
    tape->no_grad_depth--;
}

const char *tape_scope(const char *scope)
{
    Tape *tape = tape_needed("tape_scope", HERE);
    const char *before = tape->scope;
    tape->scope = scope;
    return before;
}

void tape_sublayer_begin(Tensor *stream)
{
    Tape *tape = tape_needed("tape_sublayer_begin", HERE);
    REQUIRE(stream);
    *LIST_ADD(tape->streams, tape->n_sublayers, tape->streams_capacity, "the tape's sublayers") = stream;
    tape->sublayer = tape->n_sublayers;
}

void tape_sublayer_end(void)
{
    tape_needed("tape_sublayer_end", HERE)->sublayer = 0;
}

bool tape_branch(bool branch)
{
    Tape *tape = tape_needed("tape_branch", HERE);
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
    Tape *tape = tape_needed("tape_enter", HERE);
    int frame = unwind_begin();
    tape->scope = scope;
    tape->caller = tape_user_line(caller);
    return frame;
}

void tape_leave(int entered)
{
    if (entered < 0) {
        fail_mistake(HERE, "tape_leave: %d is not what tape_enter returned", entered);
    }
    unwind_end(entered);
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
    FORMAT_ARGUMENTS(text, sizeof text, format);

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
        const Tensor *input = call->inputs == NULL ? NULL : call->inputs[i];
        if (input == NULL) {
            op_fail(call, "input %d is NULL", i);
        }
        if (!input->alive) {
            op_fail(call, "input %d was made at %s:%d and used after its tape was reset", i, input->where.file, input->where.line);
        }
        if (input->data == NULL) {
            op_fail(call, "input %d, %s, has no memory now", i, TENSOR_NAME(input));
        }
        if (input->tape != NULL && input->tape != current_tape) {
            op_fail(call, "input %d, made at %s:%d, is on another tape than the current one", i, input->where.file, input->where.line);
        }
    }
}

void op_check_eps(const OpCall *call, double eps)
{
    if (!(eps >= 0)) {
        op_fail(call, "eps %g (expected at least 0)", eps);
    }
}

Tensor *tape_header(Tape *tape, Shape shape, Where where)
{
    Tensor *tensor = arena_allocate(&tape->headers[tape->round], sizeof *tensor);
    tensor->data = NULL; // every field by itself: gcc clears a struct of this size by a slow instruction
    tensor->grad = NULL;
    tensor->shape = shape;
    tensor->requires_grad = false;
    tensor->retain_grad = false;
    tensor->alive = true;
    tensor->reached = false;
    tensor->scope = NULL;
    tensor->label = NULL;
    tensor->node = NULL;
    tensor->tape = tape;
    tensor->next = tape->tensors;
    tensor->grad_memory = NULL;
    tensor->where = where;
    tensor->shares = NULL;
    tensor->change = NULL;
    tape->tensors = tensor;
    return tensor;
}

static void tape_record(Tape *tape, const OpCall *call, Tensor *output)
{
    size_t input_bytes = (size_t)call->n_inputs * sizeof(Tensor *);
    TapeNode *node = arena_allocate(&tape->arena, sizeof *node + input_bytes);
    bool by_module = tape->caller.file != NULL;
    node->op = call->op; // every field by itself, as in tape_header
    node->output = output;
    node->inputs = (Tensor **)(node + 1);
    node->n_inputs = call->n_inputs;
    node->saved = NULL;
    node->backward = call->op->backward;
    node->scope = tape->scope;
    node->where = by_module ? tape->caller : call->where;
    node->module_where = by_module ? call->where : (Where){NULL, 0, NULL};
    node->recorded = tensor_changes();
    node->sublayer = tape->sublayer;
    node->branch = tape->branch;
    for (int i = 0; i < call->n_inputs; i++) {
        node->inputs[i] = call->inputs[i];
        output->requires_grad |= call->inputs[i]->requires_grad;
    }
    node->wanted = (unsigned char)node_wanted(node);
    output->node = node;
    node->index = tape->n_nodes;
    *LIST_ADD(tape->nodes, tape->n_nodes, tape->capacity, "the tape's list of nodes") = node;
}

Tensor *op_output_view(const OpCall *call, Shape shape, Real *data)
{
    Tape *tape = current_tape;
    Tensor *output = tape_header(tape, shape, tape_user_line(call->where));
    output->data = data;
    if (call->n_inputs > 0 && data == call->inputs[0]->data) {
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
    REQUIRE(output, output->tape);
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
    int frame = unwind_begin();
    tape_hold(current_tape);
    Tensor *y = op_output(&call, shape);
    op->forward(inputs, y, options);
    unwind_end(frame);
    return op_done(&call, y);
}

#ifdef __ELF__
__attribute__((used)) static const char *const with_debugger_script = &debugger_script; // see inspect/gdb.c
#endif
