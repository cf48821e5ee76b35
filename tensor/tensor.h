// tensor.h: tensors, the tape they are recorded on, and the operations between them.
//
// A tensor is a block of numbers with a shape. Every operation computes its result immediately and records one node on the current tape;
// tensor_backward then walks the tape from its end to its start. This is the tape of  loss = mse_loss(gelu(linear(x, W, b)) + x, target):
//
//      index      0            1           2            3
//      op      linear  --->  gelu  --->   add  --->  mse_loss           recorded left to right
//              ^  ^  ^                     ^           ^
//      leaves  x  W  b          x ---------+         target             x takes the shortcut, too
//
//      backward          <---        <---       <---                    walked right to left
//
// A node is recorded after the nodes it needs, so the order of recording is a topological order and backward is one loop over an array:
// no sorting, no recursion. However often a tensor is used (b = a + a; c = b + b), all its uses are walked before the node that made it.
//
// Memory has one owner. A parameter belongs to its creator (tensor_parameter, tensor_free). Everything else belongs to the tape,
// and tape_reset frees it all at once; nobody frees an intermediate result by hand.
//
// Contents: 1 numbers and shapes, 2 random numbers, 3 tensors, 4 the tape, 5 operations, 6 backward. Failures and memory: fail.h.
// Printing, drawing and checking: inspect/inspect.h. Engines, threads and precision: fast/fast.h.

#ifndef GPTAPE_TENSOR_H
#define GPTAPE_TENSOR_H

#include "tensor/fail.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tensor/public_begin.h"

// ------------------------------------------------------------------------------------------------------------
// 1. Numbers and shapes

// The numbers in tensors: float32 in libgptape. The same sources are also built in double, as libgptape64, for what float32's
// rounding would hide: gradient checks, small singular values, tokens that become the same. A program for it is compiled with
// GPTAPE_DOUBLE (pkg-config gptape64 sets it) and links one of the two. In double only the plain kernels exist.
#ifdef GPTAPE_EITHER
typedef struct FloatOrDouble Real; // incomplete: these sources do not name Real and are built once, for both
#elif defined GPTAPE_DOUBLE
typedef double Real;
#define REAL_NAME "float64"
#define REAL_FORMAT "%.17g" // exact
#else
typedef float Real;
#define REAL_NAME "float32"
#define REAL_FORMAT "%.9g"
#endif
#ifdef GPTAPE_EITHER
#pragma GCC poison GPTAPE_DOUBLE
#endif

enum { MAX_DIMS = 4 };

// The sizes of a tensor's dimensions, slowest first: (B, T, C) is {.ndim = 3, .size = {B, T, C}}. A scalar has no dimensions.
typedef struct Shape {
    int ndim;
    int size[MAX_DIMS];
} Shape;

// SHAPE(2, 3) is a matrix of 2 rows and 3 columns. SIZES(2, 3) is the same where C requires a constant initializer.
#ifndef __cplusplus
// clang-format off
#define SIZES(...) {(int)(sizeof((int[]){__VA_ARGS__}) / sizeof(int)), {__VA_ARGS__}}
// clang-format on
#define SHAPE(...) ((Shape)SIZES(__VA_ARGS__))
#define SHAPE_SCALAR ((Shape){0, {0}})
#else
extern "C++" template <class... Sizes> Shape shape_of(Sizes... sizes)
{
    return Shape{static_cast<int>(sizeof...(Sizes)), {static_cast<int>(sizes)...}};
}
#define SIZES(...) shape_of(__VA_ARGS__)
#define SHAPE(...) shape_of(__VA_ARGS__)
#define SHAPE_SCALAR (Shape{0, {0}})
#endif

size_t shape_count(Shape shape); // the number of values: the product of the sizes, 1 for a scalar
bool shape_equal(Shape a, Shape b);
int shape_last(Shape shape);                                          // the size of the last dimension, 1 for a scalar
enum { SHAPE_TEXT = 64 };                                             // bytes that hold any shape as text
const char *shape_text(Shape shape, char text[SHAPE_TEXT]);           // "(2, 3)", written to text and returned
#define SHAPE_STRING(shape) shape_text(shape, (char[SHAPE_TEXT]){""}) // the same in memory of the enclosing block

// ------------------------------------------------------------------------------------------------------------
// 2. Random numbers, as PyTorch's CPU generator makes them

// A Mersenne Twister (MT19937, Matsumoto and Nishimura 1998) and the second half of a pair of normals.
typedef struct Random {
    uint32_t state[624];
    int next; // index of the next word of state
    bool has_normal;
    double normal; // the unused partner of the last normal made one at a time
} Random;

void random_seed(Random *random, uint64_t seed);                                   // torch.manual_seed(seed); the low 32 bits count
uint32_t random_bits(Random *random);                                              // the next 32 raw bits
double random_double(Random *random);                                              // uniform in [0, 1), 53 bits from two draws
void random_uniform(Random *random, Real *out, size_t n, double low, double high); // Tensor.uniform_(low, high)
void random_normal(Random *random, Real *out, size_t n, double mean, double std);  // Tensor.normal_(mean, std)

// ------------------------------------------------------------------------------------------------------------
// 3. Tensors

typedef struct Tape Tape;
typedef struct TapeNode TapeNode;
typedef struct Tensor Tensor;

struct Tensor {
    Real *data; // shape_count(shape) values, row after row
    Real *grad; // dL/d(this), same shape; NULL until a backward pass reaches it
    Shape shape;
    bool requires_grad;          // does a gradient have to reach this tensor, or pass through it?
    bool retain_grad;            // keep grad after backward although this is not a leaf
    bool alive;                  // false once its tape was reset
    bool reached;                // a leaf: the backward pass in progress has added to its gradient
    const char *scope;           // the module it belongs to, "h.3.attn", or NULL
    const char *label;           // its name there, "weight" or "out", or NULL
    TapeNode *node;              // the node that made it; NULL for a leaf
    Tape *tape;                  // the tape that owns it; NULL for a parameter
    Tensor *next;                // the tape's list of all its tensors
    Real *grad_memory;           // a parameter's, for grad; kept while grad is NULL
    Where where;                 // where it was made
    Tensor *shares;              // the tensor whose values data shows, reshaped; NULL: its own
    struct TensorChange *change; // the last tensor_changed for it; NULL: none
};

// A tensor that outlives every tape: a parameter, initially zero, that requires a gradient. scope and label are kept, not copied. The caller
// frees it with tensor_free. The first backward pass allocates its grad, which is then kept.
Tensor *tensor_parameter(const char *scope, const char *label, Shape shape);
void tensor_free(Tensor *parameter);
// Leaves on the current tape, which owns them. They require no gradient until tensor_require_grad is called.
Tensor *tensor_full(Shape shape, double value, Where where);       // tensor_zeros(shape): the same with 0
Tensor *tensor_from(const Real *values, Shape shape, Where where); // copies shape_count(shape) values
Tensor *tensor_rand(Random *random, Shape shape, Where where);     // torch.rand: uniform in [0, 1)
Tensor *tensor_randn(Random *random, Shape shape, Where where);    // torch.randn: normal, mean 0, std 1

// Each returns its tensor.
Tensor *tensor_require_grad(Tensor *leaf);               // x.requires_grad_(): backward accumulates this leaf's gradient in leaf->grad
Tensor *tensor_retain_grad(Tensor *tensor);              // x.retain_grad(): keep this intermediate's gradient to look at
Tensor *tensor_label(Tensor *tensor, const char *label); // names it within the current scope; label is kept, not copied

// Call this after you have written to tensor->data. If an operation has read the old values and its backward needs them, tensor_backward
// then reports a mistake. Optimizers, module_initialize and functions that load weights do this themselves.
void tensor_changed(Tensor *tensor, Where where);
void tensor_zero_grad(Tensor *tensor);     // x.grad = None: grad is NULL again
size_t tensor_count(const Tensor *tensor); // the number of values
Real tensor_item(const Tensor *tensor);    // x.item(): the value of a tensor that has just one
enum { NAME_TEXT = 128 };
const char *tensor_name(const Tensor *tensor, char text[NAME_TEXT]);   // "h.3.attn.out", written to text and returned
#define TENSOR_NAME(tensor) tensor_name(tensor, (char[NAME_TEXT]){""}) // the same in memory of the enclosing block

// ------------------------------------------------------------------------------------------------------------
// 4. The tape

// What an operation does, for the colors of drawings.
typedef enum OpGroup {
    OP_GROUP_OTHER,
    OP_GROUP_PRODUCT,
    OP_GROUP_ATTENTION,
    OP_GROUP_NORM,
    OP_GROUP_ACTIVATION,
    OP_GROUP_LOSS,
    OP_GROUP_COUNT
} OpGroup;

enum { OP_READS = 3, OP_READS_GRADIENTS = 6, OP_READS_NONE = 0x40 };

// An operation: one of the library's (op.h lists them), or one of your own (tensor_custom).
typedef struct Op {
    const char *name; // "softmax"
    OpGroup group;
    void (*backward)(TapeNode *node); // adds what the output's gradient contributes to the inputs' gradients (op_grad)
    // Which values backward reads again. Bit k of reads[i]: the gradient of input k < OP_READS_GRADIENTS needs the values of input i. (The last
    // entry also stands for all later inputs.) reads_output: the same for the output. tensor_backward fails if such values have changed. If your own operation
    // leaves both at 0, it is assumed to read everything; OP_READS_NONE in reads[0] says that it reads nothing.
    unsigned char reads[OP_READS];
    unsigned char reads_output;
    const struct OpCase *cases; // its gradient checks (gradcheck_op in inspect/inspect.h)
    int n_cases;
    // Only for your own operation: computes the values of y from the inputs; options are those of tensor_custom.
    void (*forward)(Tensor **inputs, Tensor *y, const void *options);
} Op;

// One operation that was recorded.
struct TapeNode {
    const Op *op;
    Tensor *output;
    Tensor **inputs;
    int n_inputs;
    int index;                        // its place on the tape
    void *saved;                      // what forward saves for backward, in the op's own struct; may be NULL
    void (*backward)(TapeNode *node); // op->backward
    const char *scope;                // the module that was computing, "h.3.attn", or NULL
    Where where;                      // the line of the user's program that called it, or the outermost module around it
    Where module_where;               // the line in the module; its file is NULL if no module called it
    uint64_t recorded;                // how many tensor_changed had been called by then
    int sublayer;                     // that it is part of (tape_sublayer_begin), counted from 1; 0: none
    bool branch;                      // is it part of the sublayer's function, beside which shortcuts pass?
    unsigned char wanted;             // bit k: input k wants a gradient
};

// Called at the start of a backward pass, and around each node of it. Each function may be NULL.
typedef struct TapeObserver {
    void (*begin)(void *context);
    void (*before)(TapeNode *node, void *context);
    void (*after)(TapeNode *node, void *context);
    void *context;
    bool changes_gradients; // between before and after; the other observers do not see that
} TapeObserver;

// A region of memory that is filled from its start and emptied at once (tensor/arena.c).
typedef struct ArenaChunk ArenaChunk;
enum { ARENA_SIZES = 40 }; // classes of size, each twice as large as the one before
typedef struct Arena {
    ArenaChunk *first;
    ArenaChunk *current;                    // the chunk that is being filled
    struct ArenaSpare *spares[ARENA_SIZES]; // blocks handed back early, by size: for the next requests
    uint64_t has_spares;                    // bit i: spares[i] is not empty
    size_t bytes;                           // in use
    size_t bytes_peak;                      // the most that was in use since the arena was created
} Arena;

struct Tape {
    TapeNode **nodes; // in the order of recording
    int n_nodes;
    int capacity;      // of nodes
    int no_grad_depth; // how many tape_no_grad_begin are open; 0 records
    const char *scope; // the module that is computing now, or NULL
    Where caller;      // the line that called the outermost one; its file is NULL if none is computing
    int sublayer;      // that is computing now; 0: none
    bool branch;
    Tensor **streams; // what arrived at each sublayer, the first being number 1
    int n_sublayers;
    int streams_capacity;
    struct TapeObserverEntry *observers;
    int n_observers, observers_capacity;
    int last_observer, observe_number; // the numbers of the one added last, and of tape_observe's (0: none)
    Tensor *tensors;                   // every tensor it owns
    Arena arena;                       // values, gradients, nodes
    Arena headers[2];                  // Tensor structs, of this round and of the round before the last reset
    int round;                         // which of the two is in use
    unsigned resets;                   // how often it was reset
    struct TapeReached *reached;       // leaves that the backward pass in progress has reached
    int n_reached, reached_capacity;
    int holds;   // calls in progress that use its nodes, such as tensor_backward: until they end, it can't be reset or freed
    Tape *inner; // for values that are recomputed in backward (tensor_checkpoint), or NULL
};

// Creates a tape and makes it the current one of this thread. Free it with tape_free; if it was current, the thread then has no tape.
// Tensors can only be computed while the thread has one.
Tape *tape_create(void);
void tape_free(Tape *tape);
Tape *tape_current(void);           // NULL if this thread has none
Tape *tape_set_current(Tape *tape); // returns the previous one
// Frees every tensor and node at once and keeps the memory for the next round: a loop that resets the tape in each round requests no memory
// after the second. The use of a tensor of the previous round is detected and reported. So is one of an earlier round, until a new tensor
// reuses its struct: then the new tensor is used, or named in the report, instead.
void tape_reset(Tape *tape);

// Between the two, operations compute but record nothing (torch.no_grad). They nest.
void tape_no_grad_begin(void);
void tape_no_grad_end(void);
// Sets the scope: the name of the module that computes from here on. Returns the previous one. The name is kept, not copied.
const char *tape_scope(const char *scope);

// What is recorded between the two is a sublayer, at which this stream arrives: x + f(norm(x)), for example. Within it, tape_branch says
// that f computes from here on, or no longer, and returns what it was before. Instruments tell gradients by path with it: those
// that pass f, the branch, and those that bypass it, through shortcuts.
void tape_sublayer_begin(Tensor *stream);
void tape_sublayer_end(void);
bool tape_branch(bool branch);

// What a module computes between the two has this scope. They nest. tape_leave, or a failure in between, restores scope, branch, current tape
// and no-grad depth. caller is the line that called the module: nodes record that of the outermost module.
int tape_enter(const char *scope, Where caller);
void tape_leave(int entered);

// Adds an observer and returns its number, for tape_observer_remove. A tape can have any number of them: begin and before are called in
// the order in which they were added, but those that change gradients last; after in the reverse order. None can be removed while a backward
// pass is in progress.
int tape_observer_add(Tape *tape, TapeObserver observer);
void tape_observer_remove(Tape *tape, int number);
void tape_observe(Tape *tape, TapeObserver observer); // for one observer only: replaces the last one set so; an empty one ends it

// ------------------------------------------------------------------------------------------------------------
// 5. Operations. Each records one node and returns its output, which belongs to the tape. Shapes that do not fit are mistakes.
// "torch:" is followed by the PyTorch call with the same result.

// Element by element. Sizes that differ must be 1, or missing at the front; the values are then repeated (torch's broadcasting).
Tensor *tensor_add(Tensor *a, Tensor *b, Where where);            // a + b
Tensor *tensor_sub(Tensor *a, Tensor *b, Where where);            // a - b
Tensor *tensor_mul(Tensor *a, Tensor *b, Where where);            // a * b
Tensor *tensor_div(Tensor *a, Tensor *b, Where where);            // a / b
Tensor *tensor_scale(Tensor *x, double factor, Where where);      // factor * x
Tensor *tensor_add_scalar(Tensor *x, double addend, Where where); // x + addend
Tensor *tensor_relu(Tensor *x, Where where);                      // max(x, 0)
Tensor *tensor_gelu(Tensor *x, Where where);                      // torch: gelu(x, approximate="tanh"), as in GPT-2
Tensor *tensor_gelu_erf(Tensor *x, Where where);                  // torch: gelu(x): x * P(Z < x) for a standard normal Z
Tensor *tensor_tanh(Tensor *x, Where where);
Tensor *tensor_sigmoid(Tensor *x, Where where); // 1 / (1 + exp(-x))
Tensor *tensor_exp(Tensor *x, Where where);
Tensor *tensor_log(Tensor *x, Where where);                  // natural logarithm
Tensor *tensor_pow(Tensor *x, double exponent, Where where); // torch: x.pow(exponent); 0.5 is the square root
// (..., M, K) x (..., K, N) -> (..., M, N). The leading sizes agree, or b is one matrix (K, N) for all. torch: a @ b
Tensor *tensor_matmul(Tensor *a, Tensor *b, Where where);
// x (..., K), weight (N, K), bias (N) or NULL -> (..., N): x W^T + b. torch: F.linear(x, weight, bias)
Tensor *tensor_linear(Tensor *x, Tensor *weight, Tensor *bias, Where where);
Tensor *tensor_reshape(Tensor *x, Shape shape, Where where);                   // same values, another shape of the same count
Tensor *tensor_transpose(Tensor *x, int axis_a, int axis_b, Where where);      // swaps two axes; the values move
Tensor *tensor_slice(Tensor *x, int axis, int start, int length, Where where); // torch: x.narrow(axis, start, length)
Tensor *tensor_concat(Tensor **parts, int n_parts, int axis, Where where);     // torch: cat(parts, axis)
// Cuts x into n_parts equal slices along axis and writes them to parts. torch: x.chunk(n_parts, axis)
void tensor_split(Tensor *x, int axis, int n_parts, Tensor **parts, Where where);
Tensor *tensor_detach(Tensor *x, Where where); // the same values; no gradient passes. torch: x.detach()

Tensor *tensor_sum(Tensor *x, Where where);                 // of all values, a scalar
Tensor *tensor_mean(Tensor *x, Where where);                // of all values, a scalar
Tensor *tensor_sum_axis(Tensor *x, int axis, Where where);  // torch: x.sum(axis, keepdim=True)
Tensor *tensor_mean_axis(Tensor *x, int axis, Where where); // -1 is the last axis, in all functions

Tensor *tensor_causal_mask(Tensor *scores, Where where); // (..., T, T): -inf where the column is after the row
Tensor *tensor_softmax(Tensor *x, Where where);          // over the last axis: exp(x_i) / sum_j exp(x_j)
// Over the last axis: (x - mean) / sqrt(var + eps) * weight + bias, biased variance. x (..., C), weight (C), bias (C).
Tensor *tensor_layernorm(Tensor *x, Tensor *weight, Tensor *bias, double eps, Where where);
// Over the last axis: x / sqrt(mean(x^2) + eps) * weight. x (..., C), weight (C).
Tensor *tensor_rmsnorm(Tensor *x, Tensor *weight, double eps, Where where);
// Multi-head attention in one node. qkv (B, T, 3C): queries, keys and values side by side, n_head heads each -> (B, T, C).
// Per head: softmax(q k^T / sqrt(C / n_head)) v, causal: position t sees positions 0 ... t. No T x T matrix is kept.
Tensor *tensor_attention(Tensor *qkv, int n_head, bool causal, Where where);
// Keys and values of earlier positions, so that later ones need not compute them again. The caller frees it.
typedef struct KVCache {
    Tensor *keys;   // (B, n_head, room, D): of `length` positions, with room for more
    Tensor *values; // (B, n_head, room, D)
    int length;     // positions it holds; 0 empties it
} KVCache;
KVCache *kv_cache_create(int B, int n_head, int room, int D);
void kv_cache_free(KVCache *cache);
KVCache *kv_cache_select(const KVCache *cache, const int *rows, int B); // a new one of B rows: row b is the cache's row rows[b]
// Causal attention of T positions that follow those in the cache, and are appended to them. qkv (B, T, 3C) -> (B, T, C): the last T rows
// of tensor_attention of all positions. It has no backward, so calling it while the tape records is a mistake.
Tensor *tensor_attention_cached(Tensor *qkv, KVCache *cache, Where where);
// Rows of weight (V, C) chosen by ids (B*T numbers from 0 to V-1, copied) -> (B, T, C).
Tensor *tensor_embedding(Tensor *weight, const int *ids, int B, int T, Where where);
// Each value becomes 0 with probability p, else x / (1 - p). Draws from random as torch.dropout does.
Tensor *tensor_dropout(Tensor *x, double p, Random *random, Where where);

// function(context, x), of which the tape keeps only x and the result. Backward calls it again on an inner tape and takes the gradients
// there: less memory, more time. The function may use x and parameters, and must compute the same each time: random, which its dropout
// draws from, is reset for it (NULL: it draws nothing). The result has the name that the function gives it. torch:
// utils.checkpoint.checkpoint(function, x)
typedef Tensor *TapeFunction(void *context, Tensor *x);
Tensor *tensor_checkpoint(TapeFunction *function, void *context, Tensor *x, Random *random, Where where);
typedef Tensor *TapeFunctionMany(void *context, Tensor **x); // the same with n inputs
Tensor *tensor_checkpoint_many(TapeFunctionMany *function, void *context, Tensor **x, int n, Random *random, Where where);

Tensor *tensor_mse_loss(Tensor *x, Tensor *target, Where where); // mean of (x - target)^2, a scalar
// logits (..., V) and one target in 0 ... V-1 for each row (copied): the mean of -log softmax(logits)[target], a scalar. Rows whose target is
// TARGET_IGNORED do not count: the mean is over the others, and NaN if there are none; no gradient reaches them.
enum { TARGET_IGNORED = -1 };
Tensor *tensor_cross_entropy(Tensor *logits, const int *targets, Where where);

// An operation of your own (examples/own_op.c): creates y, records a node and calls op->forward(inputs, y, options), which computes the
// values of y and may save what backward needs. op must outlive the tape.
Tensor *tensor_custom(const Op *op, Tensor **inputs, int n_inputs, Shape shape, const void *options, Where where);
void *op_save(Tensor *y, size_t bytes); // for forward: memory that backward finds in node->saved; freed with the tape
Real *op_grad(Tensor *input);           // for backward: the gradient to add to, zero at first; NULL if none is needed

// ------------------------------------------------------------------------------------------------------------
// 6. Backward

// Writes dL/dt to t->grad for every tensor t that the scalar loss was computed from. Leaves (parameters and tensors with
// tensor_require_grad) accumulate over calls. Intermediate gradients start from zero at each call, and their memory is reused as soon as
// the walk has passed them, unless tensor_retain_grad was called.
void tensor_backward(Tensor *loss, Where where);
// The same, from any tensor y and a given dL/dy of its shape (copied). torch: y.backward(dy)
void tensor_backward_from(Tensor *y, const Real *dy, Where where);

// Every function above that takes a Where is called without it: macros of the same name add the line of the call.
#ifndef GPTAPE_NO_WHERE_MACROS
#include "where.h"
#endif

#include "tensor/public_end.h"

#endif
