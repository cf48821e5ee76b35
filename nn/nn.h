// nn.h: modules, the parts that a network is built from, their initialization and their optimizers.
//
// A module is a plain struct whose first member is a Module: the node of a tree that knows its name, its parameters and
// its children, so that anything (initialization, optimizers, gradient flow, checkpoints) can walk any network.
//
//      Block "h.0"
//        |- LayerNorm   "h.0.ln_1"          weight (C)           bias (C)
//        |- Attention   "h.0.attn"
//        |    |- Linear   "h.0.attn.c_attn"     weight (3C, C)       bias (3C)       parts q, k, v
//        |    |- Linear   "h.0.attn.c_proj"     weight (C, C)        bias (C)
//        |    |- Dropout  "h.0.attn.attn_dropout"
//        |    '- Dropout  "h.0.attn.resid_dropout"
//        |- LayerNorm   "h.0.ln_2"          ...
//        '- FeedForward "h.0.mlp"
//             |- Linear   "h.0.mlp.c_fc"        weight (4C, C)       bias (4C)
//             |- Linear   "h.0.mlp.c_proj"      weight (C, 4C)       bias (C)
//             '- Dropout  "h.0.mlp.dropout"
//
// Each kind has NAME_init (makes parameters, all zero, and joins the parent's tree), NAME_forward (one tape node or a
// few) and is freed with its whole tree by module_free. A module must not move in memory once it is part of a tree.
// The initial values of the parameters are set afterwards by module_initialize, in the order of the tree.
//
// A kind of your own is put together in the same way (torch: a class of nn.Module):
//
//      typedef struct Net {
//          Module module;                         // the first member
//          Linear first, second;
//      } Net;
//
//      static const ModuleKind net_kind = {.name = "Net"};
//
//      module_init(&net.module, &net_kind, NULL, "");
//      linear_init(&net.first, &net.module, "first", 4, 8, true);
//      linear_init(&net.second, &net.module, "second", 8, 1, true);
//      module_initialize(&net.module, (Init){.scheme = INIT_TORCH}, &random);
//
//      Tensor *y = linear_forward(&net.second, tensor_tanh(linear_forward(&net.first, x)));        // (B, 4) -> (B, 1)
//
// Read from top to bottom: 1 the tree, 2 the kinds of modules, 3 initialization, 4 optimizers, 5 gradient checks.

#ifndef GPTAPE_NN_H
#define GPTAPE_NN_H

#include "tensor/inspect/inspect.h"

#include "tensor/public_begin.h"

// ------------------------------------------------------------------------------------------------------------
// 1. The module tree

typedef struct Module Module;
typedef struct Init Init;

// Shared by all modules of a kind.
typedef struct ModuleKind {
    const char *name;                                                     // "Linear"
    void (*initialize)(Module *module, const Init *init, Random *random); // NULL: has no parameters of its own
    void (*free)(Module *module);                                         // what it allocated besides parameters; NULL: nothing
} ModuleKind;

struct Module {
    const ModuleKind *kind;
    char *name;          // its path in the tree, "h.0.attn"; "" for the root
    Tensor **parameters; // its own: weight, bias; any number
    int n_parameters, parameters_capacity;
    bool training;         // dropout drops; set for a whole tree by module_train
    unsigned modes_before; // its earlier values, the last in the lowest bit, during a call that changes it
    Module *parent;
    Module *first_child;
    Module *last_child;
    Module *next_sibling;
};

// Makes module a child of parent, called name. The root of a tree has the parent NULL and the name "".
void module_init(Module *module, const ModuleKind *kind, Module *parent, const char *name);
Tensor *module_add_parameter(Module *module, const char *label, Shape shape); // zero; belongs to the module
void module_free(Module *root);                                               // frees names and parameters of the whole tree, not the structs
void module_train(Module *root, bool training);
// For models whose weights do not all fit in memory. Frees the values of a tree's parameters, and their gradients unless those are
// kept. Their data is then NULL and must not be used until module_take_memory gives them memory again: that of another tree with
// the same shapes in the same order, which then has none, or new memory if from is NULL. The values are undefined.
void module_drop_memory(Module *root, bool keep_gradients);
void module_take_memory(Module *root, Module *from);
Module *module_next(const Module *root, const Module *module); // walks the tree, parents first; NULL at its end
void module_zero_grad(Module *root);                           // tensor_zero_grad of every parameter: each grad is NULL then

// All parameters of a tree in tree order. One that is shared (a tied head) is listed once, by identity.
typedef struct ParameterList {
    Tensor **parameters;
    int count;
    size_t values; // the numbers in all of them
} ParameterList;

ParameterList module_parameters(const Module *root); // the caller frees it with parameter_list_free
void parameter_list_free(ParameterList *list);
void module_print(const Module *root); // the tree with shapes, and how many values, to stdout

// ------------------------------------------------------------------------------------------------------------
// 2. The kinds of modules

// y = x W^T + b; x (..., n_in) -> (..., n_out). torch: nn.Linear
typedef struct Linear {
    Module module;
    Tensor *weight;                // (n_out, n_in)
    Tensor *bias;                  // (n_out), or NULL
    const char *const *part_names; // a weight made of equal parts, stacked: c_attn's {"q", "k", "v"}; or NULL
    int n_parts;                   // 1: not in parts
    bool residual;                 // writes into the residual stream: GPT-2 starts these smaller
    int value_parts;               // how many of the last parts are in the branch's value path: DeepNorm starts these smaller
} Linear;

extern const ModuleKind linear_kind;
void linear_init(Linear *linear, Module *parent, const char *name, int n_in, int n_out, bool bias);
Tensor *linear_forward(Linear *linear, Tensor *x, Where where);

// y = (x - mean) / sqrt(var + 1e-5) * weight + bias over the last axis. torch: nn.LayerNorm
typedef struct LayerNorm {
    Module module;
    Tensor *weight; // (C), initially ones
    Tensor *bias;   // (C), initially zeros
} LayerNorm;

#define LAYERNORM_EPS 1e-5

extern const ModuleKind layernorm_kind;
void layernorm_init(LayerNorm *layernorm, Module *parent, const char *name, int size);
Tensor *layernorm_forward(LayerNorm *layernorm, Tensor *x, Where where);

// y = (x - mean) / sqrt(var + 1e-5) * weight + bias, with each column's mean and variance over the N >= 2 rows: LayerNorm of the transposed
// matrix. Always with the statistics of the batch, through which gradients pass. torch: nn.BatchNorm1d in training
typedef LayerNorm BatchNorm;

extern const ModuleKind batchnorm_kind;
void batchnorm_init(BatchNorm *batchnorm, Module *parent, const char *name, int size);
Tensor *batchnorm_forward(BatchNorm *batchnorm, Tensor *x, Where where); // (N, C) -> (N, C)

// y = x / sqrt(mean(x^2) + 1e-5) * weight over the last axis. torch: nn.RMSNorm
typedef struct RMSNorm {
    Module module;
    Tensor *weight; // (C), initially ones
} RMSNorm;

extern const ModuleKind rmsnorm_kind;
void rmsnorm_init(RMSNorm *rmsnorm, Module *parent, const char *name, int size);
Tensor *rmsnorm_forward(RMSNorm *rmsnorm, Tensor *x, Where where);

// Dynamic Tanh (Zhu et al. 2025, arXiv 2503.10622): y = tanh(alpha x) * weight + bias, in place of a norm, without statistics.
typedef struct DyT {
    Module module;
    Tensor *alpha;  // (1), initially 0.5
    Tensor *weight; // (C), initially ones
    Tensor *bias;   // (C), initially zeros
} DyT;

extern const ModuleKind dyt_kind;
void dyt_init(DyT *dyt, Module *parent, const char *name, int size);
Tensor *dyt_forward(DyT *dyt, Tensor *x, Where where);

// Rows of weight by number. torch: nn.Embedding
typedef struct Embedding {
    Module module;
    Tensor *weight; // (V, C)
} Embedding;

extern const ModuleKind embedding_kind;
void embedding_init(Embedding *embedding, Module *parent, const char *name, int n_rows, int size);
Tensor *embedding_forward(Embedding *embedding, const int *ids, int B, int T, Where where); // -> (B, T, C)

// While training, zeroes each value with probability p and divides the others by 1 - p; else, or with p = 0, returns x.
typedef struct Dropout {
    Module module;
    double p;
    Random *random; // where it draws from; borrowed
} Dropout;

extern const ModuleKind dropout_kind;
void dropout_init(Dropout *dropout, Module *parent, const char *name, double p, Random *random);
Tensor *dropout_forward(Dropout *dropout, Tensor *x, Where where);

// The nonlinearity between two linear layers. GPT-2's GELU uses tanh (tensor_gelu); the exact one uses erf (tensor_gelu_erf).
typedef enum Activation {
    ACTIVATION_GELU,
    ACTIVATION_GELU_ERF,
    ACTIVATION_RELU,
    ACTIVATION_TANH,
    ACTIVATION_SIGMOID,
    ACTIVATION_IDENTITY,
    ACTIVATION_COUNT
} Activation;

const char *activation_name(int activation); // "gelu"
Tensor *activation_forward(Activation activation, Tensor *x, Where where);

// Multi-head attention: c_proj(softmax(q k^T / sqrt(C / n_head)) v), q, k, v = c_attn(x) cut in three.
// Fused, it is one node that stores no T x T matrix. Stepwise, every intermediate is on the tape under a name (q, k, v,
// scores, weights, heads), to be inspected. The results are equal; dropout on the weights takes the stepwise path. With a cache it is
// fused, and nothing is recorded.
typedef struct Attention {
    Module module;
    Linear c_attn;         // (C -> 3C)
    Linear c_proj;         // (C -> C)
    Dropout attn_dropout;  // on the attention weights
    Dropout resid_dropout; // on the output
    int n_head;
    bool causal; // position t sees 0 ... t only
    bool stepwise;
    KVCache *cache; // borrowed, while text is generated: x is what follows the positions in it; else NULL
} Attention;

typedef struct AttentionConfig {
    int n_embd; // C
    int n_head; // divides n_embd
    bool qkv_bias;
    bool causal;
    double dropout;
    Random *random; // for dropout; borrowed
} AttentionConfig;

extern const ModuleKind attention_kind;
void attention_init(Attention *attention, Module *parent, const char *name, AttentionConfig config);
Tensor *attention_forward(Attention *attention, Tensor *x, Where where); // (B, T, C) -> (B, T, C)

// c_proj(activation(c_fc(x))), ff_mult times as wide inside. (B, T, C) -> (B, T, C)
typedef struct FeedForward {
    Module module;
    Linear c_fc;     // (C -> ff_mult C)
    Linear c_proj;   // (ff_mult C -> C)
    Dropout dropout; // on the output
    Activation activation;
} FeedForward;

typedef struct FeedForwardConfig {
    int n_embd;
    int ff_mult;
    Activation activation;
    double dropout;
    Random *random;
} FeedForwardConfig;

extern const ModuleKind feedforward_kind;
void feedforward_init(FeedForward *feedforward, Module *parent, const char *name, FeedForwardConfig config);
Tensor *feedforward_forward(FeedForward *feedforward, Tensor *x, Where where);

// Each NAME_forward is called without its Where: these macros add the line of the call, which the tape records for all nodes inside.
// The definitions put the name in parentheses, so that the macro does not apply to them.
#define linear_forward(...) linear_forward(__VA_ARGS__, HERE)
#define layernorm_forward(...) layernorm_forward(__VA_ARGS__, HERE)
#define batchnorm_forward(...) batchnorm_forward(__VA_ARGS__, HERE)
#define rmsnorm_forward(...) rmsnorm_forward(__VA_ARGS__, HERE)
#define dyt_forward(...) dyt_forward(__VA_ARGS__, HERE)
#define dropout_forward(...) dropout_forward(__VA_ARGS__, HERE)
#define embedding_forward(...) embedding_forward(__VA_ARGS__, HERE)
#define attention_forward(...) attention_forward(__VA_ARGS__, HERE)
#define feedforward_forward(...) feedforward_forward(__VA_ARGS__, HERE)
#define activation_forward(...) activation_forward(__VA_ARGS__, HERE)

// ------------------------------------------------------------------------------------------------------------
// 3. Initialization

// U(a): uniform between -a and a. N(s): normal with mean 0 and standard deviation s. Norms always start at weight 1, bias 0.
typedef enum InitScheme {
    INIT_TORCH,      // PyTorch's defaults: Linear weight and bias U(1/sqrt(n_in)), Embedding N(1)
    INIT_GPT2,       // N(0.02) everywhere, biases 0, residual projections N(0.02 / sqrt(2 n_layer))   (Radford et al. 2019)
    INIT_XAVIER,     // Linear U(sqrt(6 / (n_in + n_out))), biases 0, Embedding N(1)   (Glorot and Bengio 2010)
    INIT_KAIMING,    // Linear N(sqrt(2 / n_in)), biases 0, Embedding N(1)             (He et al. 2015)
    INIT_DEEPNORM,   // matrices N(g sqrt(2 / (n_in + n_out))), g = (8 n_layer)^-1/4 in the branch's value path, else 1; biases 0,
                     // Embedding N(1): for the residual rule deepnorm   (Wang et al. 2022)
    INIT_ORTHOGONAL, // Linear: orthonormal rows, or columns if there are fewer; biases 0, Embedding N(1)   (Saxe et al. 2014)
    INIT_COUNT
} InitScheme;

struct Init {
    InitScheme scheme;
    int n_layer;   // for INIT_GPT2 and INIT_DEEPNORM
    Random *rules; // generator for the linears of residual rules; NULL: random, as for the others
    double gain;   // factor on the weights of every Linear; 0: 1
    bool own_bias; // biases of every Linear are N(bias_std), 0 if that is 0, instead of the scheme's
    double bias_std;
};

const char *init_name(int scheme); // "torch"

// Sets every parameter of the tree, in tree order, so one seed gives one network: with INIT_TORCH the one PyTorch builds
// from the same seed when it constructs the modules in the same order. Joint weights are drawn part by part.
void module_initialize(Module *root, Init init, Random *random);

// ------------------------------------------------------------------------------------------------------------
// 4. Optimizers. Each borrows the parameters, which must outlive it.

// p -= lr * dp. torch: optim.SGD(lr)
void sgd_step(const ParameterList *parameters, double lr);

typedef struct AdamWConfig {
    double lr;
    double beta1; // at least 0 and below 1, as is beta2
    double beta2;
    double eps;
    double weight_decay; // of parameters with 2 or more dimensions
} AdamWConfig;

extern const AdamWConfig adamw_defaults; // lr 1e-3, beta1 0.9, beta2 0.999, eps 1e-8, weight_decay 0.01: PyTorch's
#define ADAMW_DEFAULTS adamw_defaults

// Adam (Kingma and Ba 2015) with decoupled weight decay (Loshchilov and Hutter 2019). torch: optim.AdamW, with weight_decay 0 for
// parameters of 1 dimension
typedef struct AdamW {
    AdamWConfig config;
    const ParameterList *parameters;
    Real *m;  // running mean of the gradient, one for each value of all parameters
    Real *v;  // running mean of its square
    int step; // steps done
} AdamW;

AdamW adamw_create(const ParameterList *parameters, AdamWConfig config);
void adamw_free(AdamW *adamw);

// m = beta1 m + (1 - beta1) dp; v = beta2 v + (1 - beta2) dp^2; p -= lr weight_decay p;
// p -= lr m / (1 - beta1^step) / (sqrt(v / (1 - beta2^step)) + eps). A parameter without a gradient is unchanged.
void adamw_step(AdamW *adamw);

// sqrt(sum dp^2) over all gradients, summed in double.
double grad_norm(const ParameterList *parameters);

// Scales all gradients by max_norm / (norm + 1e-6) if that is below 1; returns the norm before scaling. torch: nn.utils.clip_grad_norm_
double clip_grad_norm(const ParameterList *parameters, double max_norm);

// clip_grad_norm and adamw_step in one, for gradients whose grad_norm is norm: the same result without the extra pass over
// all gradients. They are scaled as they are read, and not changed.
void adamw_step_clipped(AdamW *adamw, double norm, double max_norm);

// ------------------------------------------------------------------------------------------------------------
// 5. Gradient checks of Linear, the norms, Embedding, Attention (both ways) and FeedForward; see gradcheck_ops.
void gradcheck_modules(GradCheckReport *report, void *context);

#include "tensor/public_end.h"

#endif
