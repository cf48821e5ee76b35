// op.h: what an operation is made of. Included by tensor/ops/ and the tape; nothing above tensor/ sees it.
//
// To add one: an OpKind in tensor.h, its function and its macro there, a file (or a place in one) under ops/ with the formula,
// the forward, the backward, its gradient-check cases and its row `const Op op_NAME`, and that row's name below and in table.c.

#ifndef GPTAPE_OP_H
#define GPTAPE_OP_H

#define GPTAPE_NO_WHERE_MACROS                     // in here the functions are defined and called with their Where
#include "tensor/arena.h"
#include "tensor/kernel.h"
#include "tensor/tensor.h"

// ------------------------------------------------------------------------------------------------------------
// The table of operations

enum { OP_CASE_INPUTS = 3 };

// One gradient check: inputs of these shapes, whose values lie between 0.6 and 1.6, with irregular signs unless positive, and the
// computation to be checked.
typedef struct OpCase {
    const char *name;                              // "add, b repeated"
    Shape shapes[OP_CASE_INPUTS];
    int n_inputs;
    bool positive;                                 // for log and the like
    Tensor *(*forward)(Tensor **inputs);
} OpCase;

typedef struct Op {
    const char *name;
    void (*backward)(TapeNode *node);
    const OpCase *cases;
    int n_cases;
} Op;

// An op's cases must be there: an array of none would not compile.
#define OP_CASES(array) .cases = (array), .n_cases = (int)(sizeof(array) / sizeof((array)[0]))

extern const Op op_add, op_sub, op_mul, op_div, op_scale, op_add_scalar;
extern const Op op_relu, op_gelu, op_gelu_erf, op_tanh, op_sigmoid, op_exp, op_log, op_pow;
extern const Op op_matmul, op_linear;
extern const Op op_reshape, op_transpose, op_slice, op_concat, op_detach;
extern const Op op_sum, op_mean, op_sum_axis, op_mean_axis;
extern const Op op_causal_mask, op_softmax, op_layernorm, op_rmsnorm, op_attention, op_embedding, op_dropout, op_checkpoint;
extern const Op op_mse_loss, op_cross_entropy;

extern const Op *const op_table[OP_COUNT];
const Op *op_row(OpKind kind);                     // its entry there; a mistake if it has none

// ------------------------------------------------------------------------------------------------------------
// What a forward function does, in this order: op_check its inputs, look at their shapes (op_fail), make the output,
// compute, save what backward needs, return op_done.

typedef struct OpCall {
    OpKind kind;
    Tensor **inputs;
    int n_inputs;
    Where where;
} OpCall;

// A mistake unless every input is there, alive, and on the current tape or a parameter.
void op_check(const OpCall *call);

// Reports "tensor_NAME: message  [file:line, function()]", with the module that was computing.
_Noreturn void op_fail(const OpCall *call, const char *format, ...) __attribute__((format(printf, 2, 3)));

// The output, uninitialised, with its node on the tape (unless nothing is recorded now).
Tensor *op_output(const OpCall *call, Shape shape);

// The same for an output that shows its input's values under another shape.
Tensor *op_output_view(const OpCall *call, Shape shape, Real *data);

// Memory for what backward needs, kept in the node; where nothing is recorded, just memory until the reset.
void *op_save(Tensor *output, size_t bytes);

// Returns output, now that its values are computed; a mistake if they are watched (nan_watch) and not finite.
Tensor *op_done(const OpCall *call, Tensor *output);

// What a backward function adds to: the gradient of an input, zero when first asked for; NULL if nobody wants it.
Real *op_grad(Tensor *input);

// The same for one that writes every value, and so needs no zeros first: what accumulate says is false for the first who writes
// there. Inputs may be the same tensor, so write in the order in which you ask.
GradTarget op_grad_target(Tensor *input);

// ------------------------------------------------------------------------------------------------------------
// Shared within tensor/

bool shape_possible(Shape shape);
void shape_check(const char *function, Shape shape, Where where);      // a mistake unless every size is possible
int shape_axis(const OpCall *call, Shape shape, int axis);     // axis, counted from the end if negative; a mistake outside
Tensor *tape_header(Tape *tape, Shape shape, Where where);     // a new tensor of the tape's, without data
Tape *tape_inner(Tape *tape);                      // its inner tape, empty; made when first asked for

// The state of this thread's current tape (tensor/unwind.h).
typedef struct TapeMark {
    Tape *tape;                                    // NULL: there is none
    const char *scope;
    int no_grad_depth;
    int n_nodes;
    Tensor *tensors;
    unsigned resets;
} TapeMark;

TapeMark tape_mark(void);
void tape_return_to(const TapeMark *mark, bool remove_nodes);  // also makes that tape current again

bool nan_watched(void);                            // is nan_watch on?
void nan_check_output(const OpCall *call, const Tensor *output);       // a mistake if it holds NaN or inf,
void nan_check_gradients(const TapeNode *node);                        // or if a gradient of its inputs does, after backward

// A tensor seen as (outer, n, inner) around one of its axes: value (o, i, k) lies at (o * n + i) * inner + k.
typedef struct AxisView {
    size_t outer;
    size_t n;
    size_t inner;
} AxisView;

AxisView axis_view(Shape shape, int axis);

double values_l2(const Real *values, size_t n);    // sqrt(sum x^2), summed in double

extern const char debugger_script;                 // what gdb should know of gptape; in float programs only

#endif
