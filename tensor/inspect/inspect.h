// inspect.h: inspecting tensors and tapes: 1 printing, drawing, watching for NaN, 2 characters, 3 checking gradients, 4 statistics.

#ifndef GPTAPE_INSPECT_H
#define GPTAPE_INSPECT_H

#include "tensor/tensor.h"

#include <stdio.h>

#include "tensor/public_begin.h"

// ------------------------------------------------------------------------------------------------------------
// 1. Printing and drawing. These print to stdout and flush it, and may be called from a debugger.

void tensor_print(const Tensor *tensor); // name, shape, how it was made, and its values; long axes are shortened
void tape_print(const Tape *tape);       // one line a node: index, op, name, shape, size of value and gradient, source

// The tape as a drawing for Graphviz: dot -Tsvg renders it. Modules are frames, operations boxes, tensors arrows with
// their shapes; shortcuts stand out, and after backward an arrow is as wide as the gradient that came back along it.
void tape_dot(const Tape *tape);

// What tape_write_dot draws, and how.
typedef struct DotStyle {
    const char *module; // only this module ("h.0") and what is in it; NULL: everything
    const char *title;  // above the drawing; NULL: none
    bool left_to_right; // instead of top to bottom
} DotStyle;

// The same to a file (NULL: to none); style may be NULL. Returns the number of operations drawn.
int tape_write_dot(const Tape *tape, const DotStyle *style, FILE *file);

// Checks every result and every gradient as it is computed; the first that is NaN or infinite is a mistake (fail_mistake) whose
// message names the operation, its inputs, and the line that called it. -inf counts as a masked score, and is allowed, where
// causal_mask made it or an input has it already. GPTAPE_NAN=stop in the environment switches it on. Off, it costs a comparison for each operation.
void nan_watch(bool on);

// A shortcut is an addition one of whose inputs also reaches the other through longer ways. Returns which input (0 or 1)
// of this node is the short way, or -1 if the node is not a shortcut. Read from the tape; nothing is marked beforehand.
int tape_shortcut_input(const TapeNode *node);

// The same for what a residual rule records (tape_sublayer_begin), whatever its formula: is this input part of a path from a stream to
// the sublayer's result that bypasses the branch, before the two meet?
bool tape_is_shortcut(const TapeNode *node, int input);

// Where a node of a sublayer lies: its values come by a shortcut, by the branch; they lead to the result past the branch, to the branch.
enum { PATH_SHORT = 1, PATH_BRANCH = 2, PATH_TO_RESULT = 4, PATH_TO_BRANCH = 8 };

typedef struct TapeSublayer {
    int first, last; // its nodes
    Tensor *stream;  // that arrives
    Tensor *result;
    const TapeNode *join; // where a shortcut first meets the branch; NULL: no shortcut
    int shortcuts;        // paths from a stream (also from one of before) to the result past the branch
    unsigned char *flags; // of each node; the caller frees them
} TapeSublayer;

// The sublayer of the node with this index; of a node of none, the node alone.
TapeSublayer tape_sublayer(const Tape *tape, int index);

// The tensor on the tape that is called name, "h.3.out": of several, the one recorded last; a leaf only if no result has that name.
// NULL if there is none.
Tensor *tape_find(const Tape *tape, const char *name);

// The vector-Jacobian product dx = (dy/dx)^T dy, by a walk back over the nodes between x and y only. torch: torch.autograd.grad
//
// dy has y's shape; dx has x's shape and is overwritten (all zero if y does not depend on x). x is a leaf, a parameter or a result on y's
// tape. No parameter gets a gradient, and every gradient on the tape stays as it was. Not through a checkpoint, which is a mistake.
void tensor_vjp(Tensor *y, const Real *dy, Tensor *x, Real *dx, Where where);

// The same with a callback before the backward of every node between, last first. It may read and replace the gradient that has arrived
// (node->output->grad, NULL for none; op_grad and tensor_zero_grad), and may not record anything. dy NULL: no gradient starts at y.
typedef void TapeVisit(TapeNode *node, void *context);
void tensor_vjp_visit(Tensor *y, const Real *dy, Tensor *x, Real *dx, TapeVisit *visit, void *context, Where where);

// The same for one node alone: what dy, a gradient of the node's output, contributes to the gradient of its input x.
void tensor_vjp_node(TapeNode *node, const Real *dy, Tensor *x, Real *dx);

#ifndef GPTAPE_NO_WHERE_MACROS
#define tensor_vjp(...) tensor_vjp(__VA_ARGS__, HERE)
#define tensor_vjp_visit(...) tensor_vjp_visit(__VA_ARGS__, HERE)
#endif

// ------------------------------------------------------------------------------------------------------------
// 2. Characters

// The UTF-8 character that n bytes begin with: its length, and its code point. UTF8_BAD if they begin with none, UTF8_CUT if
// they end in its middle.
enum { UTF8_BAD = 0, UTF8_CUT = -1 };
int utf8_read(const char *text, size_t n, int *code);
int utf8_write(int code, char bytes[4]); // its length

// The length of a byte order mark (U+FEFF, which some editors put before a text) at the start of n bytes: 3 or 0.
size_t utf8_mark(const char *text, size_t n);

size_t utf8_whole(const char *text, size_t n); // how many of n bytes are before an incomplete character at their end
size_t utf8_valid(const char *text, size_t n); // how many are before the first byte that is not UTF-8

// The character that n bytes begin with, as it can be shown anywhere: itself, or an escape as in C (\n, \x1b, \u202e, \xff) for
// one without a shape (control characters, bidirectional controls) and for a byte that is not UTF-8. Returns how many bytes it
// takes; shown, and shown_length of it, are what to show.
enum { UTF8_SHOWN = 12 };
size_t utf8_show(const char *text, size_t n, char shown[UTF8_SHOWN], size_t *shown_length);

// ------------------------------------------------------------------------------------------------------------
// 3. Checking gradients against differences

// What is checked: how a computation depends on some leaves. forward computes it from the leaves' present values.
typedef struct GradCheck {
    const char *name;
    Tensor **leaves;
    int n_leaves;
    Tensor *(*forward)(void *context);
    void *context;
    double step;      // of the differences; 0: GRADCHECK_STEP
    double tolerance; // 0: GRADCHECK_TOLERANCE
    double floor;     // 0: GRADCHECK_FLOOR
} GradCheck;

typedef struct GradCheckResult {
    double worst; // largest relative error of any value of any leaf; NaN counts as failure
    bool passed;
    char why[256]; // where it fails: leaf, index, value expected and got. Empty if it passes.
} GradCheckResult;

// The fourth-order difference (8 (s(+h) - s(-h)) - (s(+2h) - s(-2h))) / 12h errs by h^4 / 30 times the fifth derivative, from
// the formula, and by about eps |s| / h, from rounding. Each STEP h makes the two about equal, 1e-12 in double and 1e-6 in
// float32; each TOLERANCE, on the relative error, leaves room for large fifth derivatives. Values smaller than FLOOR times the
// largest gradient of their leaf are compared relative to that: below it the difference has no digits left to compare with.
#define GRADCHECK_STEP (sizeof(Real) == sizeof(double) ? 1e-3 : 0.05)
#define GRADCHECK_TOLERANCE (sizeof(Real) == sizeof(double) ? 1e-7 : 1e-3)
#define GRADCHECK_FLOOR (sizeof(Real) == sizeof(double) ? 1e-3 : 1e-2)

// Compares each leaf's gradient with the difference, value by value, of s = sum(w * forward()), w fixed and irregular.
// Fails on a wrong sign, NaN, an error above the tolerance, and on a leaf all of whose gradients are 0. Resets the
// current tape, so the leaves must be parameters.
GradCheckResult gradcheck(const GradCheck *check);

// One gradient check of an operation: inputs of these shapes, whose values are between 0.6 and 1.6, with irregular signs unless positive,
// and one of five ways to call it.
enum { OP_CASE_INPUTS = 3 };
typedef struct OpCase {
    const char *name; // "add, b repeated"
    Shape shapes[OP_CASE_INPUTS];
    int n_inputs;
    bool positive; // for log and the like
    Tensor *(*forward)(Tensor **inputs);
    Tensor *(*unary)(Tensor *x, Where where);
    Tensor *(*binary)(Tensor *a, Tensor *b, Where where);
    Tensor *(*ternary)(Tensor *a, Tensor *b, Tensor *c, Where where); // c is NULL if there are two inputs
    Tensor *(*with_number)(Tensor *x, double number, Where where);
    double number;
} OpCase;

// For an Op's initializer. An array of no cases does not compile: each operation of the library has a gradient check.
#ifndef OP_CASES // a build without checks says otherwise
#define OP_CASES(array) .cases = (array), .n_cases = (int)(sizeof(array) / sizeof((array)[0]))
#endif

// Checks every case of an operation, or of all operations of the library, on a separate tape. report is called once per case.
typedef void GradCheckReport(const char *name, GradCheckResult result, void *context);
void gradcheck_op(const Op *op, GradCheckReport *report, void *context);
void gradcheck_ops(GradCheckReport *report, void *context);

// ------------------------------------------------------------------------------------------------------------
// 4. Statistics

// Quartiles of one value over the seeds; NaN if no seed has it.
typedef struct Quartiles {
    double low, median, high; // 25%, 50%, 75%, interpolated linearly between the sorted values
    int zeros;                // values that are exactly 0
    int n;                    // number of values
} Quartiles;

Quartiles quartiles_of(double *values, int n);             // ignores NaN; sorts values
double quantile_of(const double *sorted, int n, double p); // of n >= 1, 0 <= p <= 1, interpolated linearly. numpy: quantile(values, p)

enum { BYTES_TEXT = 32 };

// "621.83 MiB", written to text and returned. Binary units: 1 MiB = 1024 x 1024 bytes.
const char *bytes_text(double bytes, char text[BYTES_TEXT]);
#define BYTES_STRING(bytes) bytes_text(bytes, (char[BYTES_TEXT]){""}) // the same in memory of the enclosing block

#include "tensor/public_end.h"

#endif
