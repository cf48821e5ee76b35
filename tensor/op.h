// op.h: what an operation is made of. Included by tensor/ only.
//
// To add an operation: one file in ops/ (formula, plain loops, wrapper, gradient-check cases, and `const Op op_NAME`) and one row in
// OPERATIONS below. What users call is declared in tensor.h, with a macro in where.h that adds the line of the call.

#ifndef GPTAPE_OP_H
#define GPTAPE_OP_H

#define GPTAPE_NO_WHERE_MACROS // inside the library, functions are defined and called with their Where
#include "tensor/arena.h"
#include "tensor/inspect/inspect.h"
#include "tensor/kernel.h"

// ------------------------------------------------------------------------------------------------------------
// The table of operations

// clang-format off
#define OPERATIONS(ROW) \
    ROW(add) ROW(sub) ROW(mul) ROW(div) ROW(scale) ROW(add_scalar) \
    ROW(relu) ROW(gelu) ROW(gelu_erf) ROW(tanh) ROW(sigmoid) ROW(exp) ROW(log) ROW(pow) \
    ROW(matmul) ROW(linear) \
    ROW(reshape) ROW(transpose) ROW(slice) ROW(concat) ROW(detach) \
    ROW(sum) ROW(mean) ROW(sum_axis) ROW(mean_axis) \
    ROW(causal_mask) ROW(softmax) ROW(layernorm) ROW(rmsnorm) ROW(attention) ROW(embedding) ROW(dropout) ROW(checkpoint) \
    ROW(mse_loss) ROW(cross_entropy)
// clang-format on

#define OP_DECLARE(name) extern const Op op_##name;
OPERATIONS(OP_DECLARE)

// For the Op of an operation with one gradient check.
#define OP_CHECK(...) OP_CASES(((const OpCase[]){__VA_ARGS__}))

// The check of tensor_NAME, a function of one tensor, with a matrix.
#define OP_CHECK_UNARY(name) OP_CHECK({#name, {SIZES(3, 4)}, 1, .unary = tensor_##name})

extern const Op *const op_table[]; // all of them; the gradient check and the tests walk over it
extern const int op_count;

// ------------------------------------------------------------------------------------------------------------
// What a forward function does, in this order: OP_BEGIN with its inputs, check their shapes (op_fail), create the output with op_output,
// compute, save what backward needs (op_save, see tensor.h), return op_done.

typedef struct OpCall {
    const Op *op;
    Tensor **inputs;
    int n_inputs;
    Where where;
} OpCall;

// Fails unless every input exists, is alive, has memory, and is a parameter or on the current tape.
void op_check(const OpCall *call);

// Declares the variable `call`, an OpCall of op with these inputs, and checks it.
#define OP_BEGIN(call, op, where, ...) \
    OpCall call = {&(op), (Tensor *[]){__VA_ARGS__}, sizeof((Tensor *[]){__VA_ARGS__}) / sizeof(Tensor *), where}; \
    op_check(&call)

const char *op_prefix(const Op *op); // "tensor_", or "" for an operation that is not the library's

// Fails with "tensor_NAME: message, in module MODULE (line in it)  [line of the user's program]".
_Noreturn void op_fail(const OpCall *call, const char *format, ...) __attribute__((format(printf, 2, 3)));

// Fails if fail_interrupt asked for it.
void fail_if_interrupted(void);

// The output, with uninitialized values, and its node on the tape (unless recording is off).
Tensor *op_output(const OpCall *call, Shape shape);

// The same for an output that shares the values of its input.
Tensor *op_output_view(const OpCall *call, Shape shape, Real *data);

// Call this once the output's values are computed; returns the output. Fails if nan_watch is on and a value is not finite.
Tensor *op_done(const OpCall *call, Tensor *output);

// The gradient of an input for a backward function that writes every value of it: stored if accumulate is false, added otherwise.
// Inputs may be the same tensor, so write the gradients in the order in which you ask for them.
GradTarget op_grad_target(Tensor *input);

// ------------------------------------------------------------------------------------------------------------
// Shared within tensor/

bool shape_possible(Shape shape);
void shape_check(const char *function, Shape shape, Where where); // fails unless every size is possible
bool real_holds(double value);                                    // false if it is finite, but becomes infinite as a Real
void op_check_eps(const OpCall *call, double eps);                // fails unless it is at least 0
int shape_axis(const OpCall *call, Shape shape, int axis);        // a negative axis counts from the end; fails if there is no such axis
Tensor *tape_header(Tape *tape, Shape shape, Where where);        // a new tensor of the tape, without data
// When and where values were changed. A parameter's is on the heap, any other tensor's in its tape's arena.
typedef struct TensorChange {
    uint64_t number; // of the call of tensor_changed, counted from 1
    Where where;
} TensorChange;

bool tensor_changed_since(const Tensor *tensor, uint64_t number);
uint64_t tensor_changes(void);                        // how often tensor_changed was called
Tensor *tensor_owner(Tensor *tensor);                 // whose values it shows: its own, or those of the tensor that it shares
void tensor_share(Tensor *tensor, Tensor *with);      // tensor->data is with->data
Tape *tape_needed(const char *function, Where where); // this thread's; fails if there is none
// Until the innermost frame ends (unwind.h), the tape can't be reset or freed, nor walked by tensor_backward: tape_check_idle then fails.
void tape_hold(Tape *tape);
void tape_check_idle(const Tape *tape, const char *function, Where where);
// Which inputs want a gradient now, as in TapeNode.wanted.
int node_wanted(const TapeNode *node);
enum { WANTED_ALWAYS = 0x80 }; // set in any: what is read for the gradient of every input
// Fails if values have changed that the node's backward reads for the gradients of these inputs: they would be wrong.
void node_check_unchanged(const TapeNode *node, int wanted);

// The state of this thread's current tape (tensor/unwind.h).
typedef struct TapeMark {
    Tape *tape; // NULL: there is none
    const char *scope;
    Where caller;
    int sublayer;
    bool branch;
    int no_grad_depth;
    int n_nodes;
    Tensor *tensors;
    unsigned resets;
} TapeMark;

Where tape_user_line(Where where); // the line that called the outermost module, or where if none is computing
TapeMark tape_mark(void);
void tape_return_to(const TapeMark *mark, bool remove_nodes); // also makes that tape current again

bool nan_watched(void);                                          // is nan_watch on?
void nan_check_output(const OpCall *call, const Tensor *output); // fails if the output holds NaN or inf,
void nan_check_gradients(const TapeNode *node);                  // or if a gradient of the node's inputs does, after backward

extern const char debugger_script; // inspect/gdb.c

Tensor *op_case_run(const OpCase *op_case, Tensor **inputs);

// A tensor seen as (outer, n, inner) around one of its axes: value (o, i, k) is at (o * n + i) * inner + k.
typedef struct AxisView {
    size_t outer;
    size_t n;
    size_t inner;
} AxisView;

AxisView axis_view(Shape shape, int axis);

double values_l2(const Real *values, size_t n); // sqrt(sum x^2), summed in double
Wide log_sum_exp(const Real *x, size_t n);      // log sum_i exp(x_i), without overflow

#endif
