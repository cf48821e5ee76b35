// checkpoint.c: recomputing instead of storing (Chen et al. 2016).          torch: utils.checkpoint.checkpoint(f, x)
//
// y = f(x), where the tape stores x and y and nothing in between;  dL/dx += (dL/dy) df/dx, for which f(x) is computed once more
//
// f runs on a tape of its own, the inner one: forward with nothing recorded, and only y is taken from it; backward recorded,
// walked back from dL/dy, and reset. So the memory for what lies in between is needed for one such f at a time instead of for all,
// and each of them is computed twice: about a third more work for a training step, since backward is twice as much as forward.
//
// Parameters that f uses get their gradients as always. Random numbers must be the same again: the generator's state before f is saved.

#include "tensor/op.h"
#include "tensor/unwind.h"

#include <string.h>

typedef struct Draws {
    Random *random; // NULL: f draws none
    Random before;  // random as it was when forward began
} Draws;

typedef struct Checkpoint {
    TapeFunctionMany *function;
    TapeFunction *of_one; // instead of function, or NULL
    void *context;
    Draws draws;
} Checkpoint;

static void empty(void *inner)
{
    ((Tape *)inner)->holds = 0;
    tape_reset(inner);
    ((Tape *)inner)->no_grad_depth = 0;
}

// The arguments of f: the inputs' values as leaves of the inner tape. That tape is current until the frame ends, and is then emptied.
static Tensor **enter(Tape *tape, Tensor **x, int n, const char *scope, Where caller)
{
    if (tape->inner == NULL) {
        tape->inner = memory_allocate_zeroed(1, sizeof *tape->inner, "a tape");
    }
    Tape *inner = tape->inner; // empty
    unwind_add(empty, inner);
    inner->scope = scope;
    inner->caller = caller;
    tape_set_current(inner);
    Tensor **leaves = arena_allocate(&inner->arena, (size_t)n * sizeof *leaves);
    for (int i = 0; i < n; i++) {
        leaves[i] = tape_header(inner, x[i]->shape, x[i]->where);
        leaves[i]->data = x[i]->data;
        tensor_share(leaves[i], x[i]);
        if (x[i]->requires_grad) {
            tensor_require_grad(leaves[i]);
        }
    }
    return leaves;
}

static void put_draws_back(void *object)
{
    Draws *draws = object;
    *draws->random = draws->before;
}

static Tensor *run(const Checkpoint *c, Tape *inner, Tensor **x)
{
    inner->holds++; // if it fails, empty ends this
    Tensor *y = c->of_one != NULL ? c->of_one(c->context, x[0]) : c->function(c->context, x);
    inner->holds--;
    return y;
}

static Tensor *checkpoint_forward(Checkpoint checkpoint, Tensor **x, int n, Where where)
{
    OpCall call = {&op_checkpoint, x, n, where};
    Random *random = checkpoint.draws.random;
    op_check(&call);
    if (n < 1) {
        op_fail(&call, "%d inputs (expected 1 or more)", n);
    }
    if (checkpoint.function == NULL && checkpoint.of_one == NULL) {
        op_fail(&call, "function is NULL");
    }
    Tape *tape = tape_current();
    int frame = unwind_begin();
    tape_hold(tape);
    if (random != NULL) {
        checkpoint.draws.before = *random;
        unwind_add_on_failure(put_draws_back, &checkpoint.draws);
    }
    Tensor **leaves = enter(tape, x, n, tape->scope, tape_user_line(where));
    tape_no_grad_begin();
    Tensor *result = run(&checkpoint, tape->inner, leaves);
    tape_set_current(tape);
    bool computed = result != NULL && result->tape == tape->inner;
    for (int i = 0; i < n; i++) {
        computed = computed && result != leaves[i];
    }
    if (!computed) {
        op_fail(&call, "the function must return a tensor that it computes");
    }
    Tensor *y = op_output(&call, result->shape);
    memcpy(y->data, result->data, tensor_count(result) * sizeof(Real));
    y->scope = result->scope;
    y->label = result->label;
    if (y->node != NULL) {
        y->requires_grad = true; // if not for x, then for the parameters that f may use
        Checkpoint *saved = op_save(y, sizeof checkpoint);
        *saved = checkpoint;
    }
    unwind_end(frame);
    return op_done(&call, y);
}

Tensor *tensor_checkpoint(TapeFunction *function, void *context, Tensor *x, Random *random, Where where)
{
    return checkpoint_forward((Checkpoint){.of_one = function, .context = context, .draws = {.random = random}}, &x, 1, where);
}

Tensor *tensor_checkpoint_many(TapeFunctionMany *function, void *context, Tensor **x, int n, Random *random, Where where)
{
    return checkpoint_forward((Checkpoint){.function = function, .context = context, .draws = {.random = random}}, x, n, where);
}

static void add_gradient(Tensor *x, const Real *dx_inner)
{
    Real *dx = op_grad(x);
    if (dx == NULL || dx_inner == NULL) {
        return;
    }
    size_t n = tensor_count(x);
    for (size_t i = 0; i < n; i++) {
        dx[i] += dx_inner[i];
    }
}

// What f reads besides its inputs must not have changed since forward either.
static void check_parameters(const TapeNode *node, const Tape *inner)
{
    for (int i = 0; i < inner->n_nodes; i++) {
        const TapeNode *again = inner->nodes[i];
        for (int k = 0; k < again->n_inputs; k++) {
            const Tensor *x = tensor_owner(again->inputs[k]);
            if (x->tape == NULL && tensor_changed_since(x, node->recorded)) {
                fail_mistake(node->where, "tensor_checkpoint, backward of node %d: %s was changed at %s:%d, %s(), after the function had read it",
                             node->index, TENSOR_NAME(x), x->change->where.file, x->change->where.line, x->change->where.function);
            }
        }
    }
}

static void checkpoint_backward(TapeNode *node)
{
    Checkpoint *c = node->saved;
    Tape *tape = node->output->tape;
    Draws now = {.random = c->draws.random}; // as it is before f runs again
    int frame = unwind_begin();
    if (now.random != NULL) {
        now.before = *now.random;
        unwind_add(put_draws_back, &now);
        put_draws_back(&c->draws);
    }
    // forward was: y = f(x)
    Tensor **leaves = enter(tape, node->inputs, node->n_inputs, node->scope, node->where);
    Tensor *y = run(c, tape->inner, leaves);
    if (y == NULL || !shape_equal(y->shape, node->output->shape)) {
        fail_mistake(node->where, "tensor_checkpoint, backward of node %d: the function returned %s the second time (expected shape %s again)",
                     node->index, y == NULL ? "NULL" : SHAPE_STRING(y->shape), SHAPE_STRING(node->output->shape));
    }
    check_parameters(node, tape->inner);
    if (y->requires_grad) {
        tensor_backward_from(y, node->output->grad, node->where);
    }
    for (int i = 0; i < node->n_inputs; i++) {
        add_gradient(node->inputs[i], leaves[i]->grad);
    }
    unwind_end(frame);
}

static Tensor *gated(void *context, Tensor *x)
{
    Tensor *gate = context;
    return tensor_mul(tensor_tanh(x, HERE), gate, HERE);
}

// The second input reaches it as a parameter does.
static Tensor *checkpoint_case(Tensor **x)
{
    return tensor_checkpoint(gated, x[1], x[0], NULL, HERE);
}

static Tensor *product(void *context, Tensor **x)
{
    (void)context;
    return tensor_mul(tensor_tanh(x[0], HERE), x[1], HERE);
}

static Tensor *checkpoint_two_case(Tensor **x)
{
    return tensor_checkpoint_many(product, NULL, x, 2, NULL, HERE);
}

static const OpCase checkpoint_cases[] = {
    {"checkpoint", {SIZES(2, 3), SIZES(2, 3)}, 2, .forward = checkpoint_case},
    {"checkpoint of two", {SIZES(2, 3), SIZES(2, 3)}, 2, .forward = checkpoint_two_case},
};

const Op op_checkpoint = {.name = "checkpoint", .backward = checkpoint_backward, .reads = {0xff, 0xff, 0xff}, OP_CASES(checkpoint_cases)};
