// gpt.h: the GPT: configuration, model, cost, generation, evaluation.
//
//      ids (B, T)
//        | wte[id] + wpe[t]                     token and position embeddings, (B, T, C)
//        |-- Block 0 ... n_layer - 1            each, with norm = pre:
//        |      x ---> ln_1 -> attn ---> + ---> ln_2 -> mlp ---> +      with shortcut = off the two arrows
//        |      '------------------------'                       |      past ln_1 and ln_2 are gone,
//        |                               '-----------------------'      and the additions with them
//        | ln_f                                 (B, T, C)
//        | lm_head                              (B, T, V), the token embedding's weight again if tied
//      logits -> cross_entropy(targets)
//
// Read from top to bottom: 1 configuration, 2 the model, 3 generation, 4 evaluation.

#ifndef GPTAPE_GPT_H
#define GPTAPE_GPT_H

#include "nn/nn.h"
#include "nn/residual/residual.h"

#include "tensor/public_begin.h"

// ------------------------------------------------------------------------------------------------------------
// 1. Configuration: one class for every size

typedef enum Norm {
    NORM_PRE,  // x + f(ln(x)), as in GPT-2
    NORM_POST, // ln(x + f(x)), as in the original transformer
    NORM_NONE, // x + f(x)
    NORM_COUNT
} Norm;

const char *norm_name(int norm); // "pre"

typedef enum FinalNorm {
    FINAL_NORM_AUTO, // on if the rule has norms and does not end with one
    FINAL_NORM_ON,
    FINAL_NORM_OFF,
    FINAL_NORM_COUNT
} FinalNorm;

const char *final_norm_name(int final_norm); // "auto"

typedef struct GPTConfig {
    int vocab_size;       // V
    int context_length;   // the longest T
    int n_layer;          // blocks
    int n_head;           // heads; n_embd is a multiple
    int n_embd;           // C
    int ff_mult;          // feed-forward width, in C
    double dropout;       // probability; acts while training only
    bool qkv_bias;        // do query, key and value have a bias?
    bool tied;            // does the output head share the token embedding's weight?
    const char *residual; // how a sublayer's result joins the stream (nn/residual/residual.h): "keel",
                          // "h + f(norm(h))"; NULL: the rule that shortcut and norm stand for
    bool shortcut;        // are there shortcuts around attention and feed-forward?
    Norm norm;
    FinalNorm final_norm; // is there an ln_f?
    bool causal;          // does a position see only itself and those before?
    Activation activation;
    InitScheme init;
} GPTConfig;

typedef struct GPTPreset {
    const char *name; // "gpt2-124m"
    const char *note; // one line about it
    GPTConfig config;
} GPTPreset;

extern const GPTPreset gpt_presets[];
extern const int gpt_preset_count;
const GPTPreset *gpt_preset_find(const char *name); // NULL if there is none

// Checks that each field is in its range and that they fit together. An error names the field (Error.field).
bool gpt_config_check(const GPTConfig *config, Error *error);

// A field of a configuration struct: one row of a table, which options, messages, config.json, JSON, `gptape info` and the checks of
// a resumed run read. config_fields.c has the functions, and GPTConfig's table; TrainConfig has one, too (train.h).
typedef enum FieldKind {
    FIELD_COUNT,  // int, from low to high
    FIELD_NUMBER, // double, from low to high
    FIELD_SWITCH, // bool: "on" or "off"
    FIELD_CHOICE, // enum: one of n_words words
    FIELD_TEXT    // const char *, never freed; NULL as text: ""
} FieldKind;

typedef struct ConfigField {
    const char *name; // "n_embd"; the option is --n-embd
    FieldKind kind;
    size_t offset;                  // in the struct
    double low, high;               // range of a count or number
    const char *(*word)(int value); // the word of a choice's value
    int n_words;
    bool (*set)(void *config, const char *text, Error *error); // checks a text and sets the field to a copy that stays
    const char *standard;                                      // the default, as text (GPTConfig: GPT-2's value); NULL: depends on other fields
    const char *key;                                           // GPT-2's key in config.json; NULL: stored by its own name, under "gptape"
    const char *argument;                                      // of the option, in the help: "N"
    const char *help;                                          // one line
} ConfigField;

extern const ConfigField gpt_fields[];
extern const int gpt_field_count;

enum { FIELD_BUFFER = 32, FIELD_WORDS = 256 };
const ConfigField *config_field_find(const ConfigField *fields, int count, const char *name); // NULL if the name is unknown
// The value as text: "768", "on", "pre"; in buffer or static.
const char *config_field_text(const ConfigField *field, const void *config, char buffer[FIELD_BUFFER]);
const char *config_field_words(const ConfigField *field, char text[FIELD_WORDS]); // of a choice: "pre, post or none"
// Sets the field from such a text. False and an error, with the field unchanged, if the text is not a value of it.
bool config_field_read(const ConfigField *field, const char *text, void *config, Error *error);
bool config_field_check(const ConfigField *field, const void *config, Error *error); // is the value in its range?
bool gpt_field_applies(const ConfigField *field, const GPTConfig *config);           // false: shortcut and norm, where residual replaces them
bool config_field_equal(const ConfigField *field, const void *a, const void *b);
double config_field_number(const ConfigField *field, const void *config);    // of any kind but FIELD_TEXT
void config_field_set(const ConfigField *field, void *config, double value); // the same

// The rule of a configuration: residual's, or the one that shortcut and norm stand for (on: pre, post, plain; off: none, none-post,
// none-plain). A mistake if residual is not a valid rule: call gpt_config_check first.
const ResidualRule *gpt_rule(const GPTConfig *config);
bool gpt_rule_shorthand(const ResidualRule *rule, bool *shortcut, Norm *norm); // false if they do not stand for it
bool gpt_has_final_norm(const GPTConfig *config);
// Sets residual to this rule, or shortcut and norm if they stand for it: one form for each rule. The text is not needed afterwards.
bool gpt_set_residual(GPTConfig *config, const char *text, Error *error);

// What a model of this configuration costs, counted without making it. Parameters are by part; a tied head counts 0.
typedef struct GPTCost {
    int64_t wte, wpe;
    int64_t ln_1, c_attn, attn_c_proj, ln_2, c_fc, mlp_c_proj; // of one block
    int64_t block;                                             // sum of the line above and of the next
    int64_t res_1, res_2;                                      // of one block: scalars, vectors and linears of its rule
    int64_t ln_f, lm_head;
    int64_t parameters;                // all
    double weight_bytes;               // 4 bytes a parameter
    double gradient_bytes;             // 4 bytes a parameter
    double adamw_bytes;                // 8 bytes a parameter
    double activation_bytes;           // values that a training step of B x T tokens keeps on the tape, its nodes not counted
    double cache_bytes;                // keys and values of B x T positions, which generation keeps
    double gradient_peak_bytes;        // the largest set of activation gradients alive at once in backward
    double recompute_activation_bytes; // the same two where backward computes each block again (GPT's recompute);
    double recompute_peak_bytes;       // the second with the one block that is computed again
    double flops_per_token;            // forward and backward: 6 x parameters in products, and attention's 12 n_layer C T
} GPTCost;

GPTCost gpt_cost(const GPTConfig *config, int B, int T);

// The memory of a process that trains it with AdamW: all byte counts above, and PROGRAM_BYTES for the program itself. The resident
// memory was measured to be within a tenth of it, on one thread and on two, for models of 0.8 M and of 124 M parameters.
double gpt_training_bytes(const GPTCost *cost, bool recompute);
#define PROGRAM_BYTES (24.0 * 1048576)

// ------------------------------------------------------------------------------------------------------------
// 2. The model

typedef struct Block {
    Module module;
    Residual residual[2]; // around attention, around feed-forward; they own the norms
    Attention attn;
    FeedForward mlp;
    LayerNorm *ln_1, *ln_2; // the first LayerNorm of each; NULL if there is none
} Block;

extern const ModuleKind block_kind;
// Block `number` of n_layer, from 0.
void block_init(Block *block, Module *parent, const char *name, const GPTConfig *config, int number, Random *random);
// (B, T, C) -> (B, T, C). x0 is what the first block got, for rules that use it.
Tensor *block_forward(Block *block, Tensor *x, Tensor *x0, Where where);
// The same, but the tape keeps x, x0 and the result only.
Tensor *block_forward_recomputed(Block *block, Tensor *x, Tensor *x0, Where where);

typedef struct GPT {
    Module module;
    GPTConfig config;
    Embedding wte;            // (V, C)
    Embedding wpe;            // (context_length, C)
    Dropout drop;             // after the embeddings
    Block *h;                 // n_layer of them
    LayerNorm ln_f;           // if gpt_has_final_norm
    Linear lm_head;           // no bias; absent if tied
    Random random;            // draws the weights, then dropout
    struct GPTStream *stream; // NULL unless streamed (gpt_create_streamed): all weights are in memory
    bool recompute;           // false at first; true: backward computes each block again, for less memory
} GPT;

// A GPT with the weights that this seed gives. The caller frees it with gpt_free. NULL and an error if the configuration is
// invalid or memory is refused.
GPT *gpt_create(const GPTConfig *config, uint64_t seed, Error *error);
GPT *gpt_create_blank(const GPTConfig *config, Error *error); // the same with all weights 0, to be filled by other means
// The same model for less memory than its weights need: one block's weights are in memory at a time, made again from the seed whenever a
// pass gets to them, with the same bits. Recording must be off (tape_no_grad_begin) in gpt_forward. The memory of its weights:
GPT *gpt_create_streamed(const GPTConfig *config, uint64_t seed, Error *error);
double gpt_streamed_weight_bytes(const GPTConfig *config);
// Called after each part of a streamed model is loaded: 0, the embeddings; 1 ... n_layer, a block; n_layer + 1, the head. Never for other models.
typedef void GPTProgress(int part, void *context);
void gpt_stream_progress(GPT *gpt, GPTProgress *progress, void *context);
void gpt_free(GPT *gpt);
void gpt_set_dropout(GPT *gpt, double p); // of all its Dropout modules, and its config

Tensor *gpt_forward(GPT *gpt, const int *ids, int B, int T, Where where); // ids (B, T) -> logits (B, T, V); T <= context_length
// The last position's logits only -> (B, 1, V): enough for generation, and much cheaper in a small GPT.
Tensor *gpt_forward_last(GPT *gpt, const int *ids, int B, int T, Where where);
Tensor *gpt_head(GPT *gpt, Tensor *x); // the output head: x (..., C), the stream after a block -> final norm, if there is one -> logits (..., V)
// Each is called without its Where (see nn.h).
#define block_forward(...) block_forward(__VA_ARGS__, HERE)
#define block_forward_recomputed(...) block_forward_recomputed(__VA_ARGS__, HERE)
#define gpt_forward(...) gpt_forward(__VA_ARGS__, HERE)
#define gpt_forward_last(...) gpt_forward_last(__VA_ARGS__, HERE)
bool gpt_ids_check(const GPTConfig *config, const int *ids, int n, Error *error);         // is each id in 0 ... V-1?
bool gpt_targets_check(const GPTConfig *config, const int *targets, int n, Error *error); // the same, or ignored, but not all of them?

// Attention weights (n_layer, n_head, T, T): how much position t of ids (T) attends to each position; each row sums to 1. On a tape of its
// own, without dropout and without a cache; T is at most context_length.
void gpt_attention_weights(GPT *gpt, const int *ids, int T, double *weights);

// Between begin and end, gpt_forward stores every block's keys and values, and treats its ids as the continuation of those it was given
// before: B sequences of at most `room` tokens; room is at most context_length. Recording must be off (tape_no_grad_begin).
//
//      gpt_cache_begin(gpt, 1, 32, &error);
//      gpt_forward(gpt, ids, 1, 5);               // 5 rows of logits, of positions 0 ... 4
//      gpt_forward(gpt, ids + 5, 1, 1);           // 1 row, of position 5, the same as without a cache: with a sixth of the work
//
// It's a mistake with causal = false, where each new token changes what those before it are. False and an error if memory is refused.
bool gpt_cache_begin(GPT *gpt, int B, int room, Error *error);
void gpt_cache_end(GPT *gpt);         // also without a cache
int gpt_cache_length(const GPT *gpt); // positions in it; 0 without a cache
// Makes these rows the cache's B sequences; a row may be left out or repeated.
void gpt_cache_select(GPT *gpt, const int *rows, int B);

// ------------------------------------------------------------------------------------------------------------
// 3. Generation

// At each step the model reads the last tokens, at most context_length of them, and the next one is chosen by the logits of the
// last position and appended: the one with the largest, or one drawn by the probabilities that temperature, top_k and top_p leave,
// in this order.
typedef struct GenerateConfig {
    int n_new;          // how many tokens to append; fewer if one of them is stop_id
    bool greedy;        // always the largest logit: nothing is drawn, and the next three are ignored
    double temperature; // the logits are divided by it: towards 0 greedy, towards infinity all alike
    int top_k;          // only this many of the likeliest can be drawn; 0: all
    double top_p;       // only the fewest likeliest that together have this probability; 1: all
    bool cache;         // store the keys and values of earlier tokens: the same result, faster (only if causal)
    int stop_id;        // generation ends after this token; -1: none
    // Called for each new token of each sample (0 if there is only one); return false to stop. May be NULL.
    bool (*on_token)(int sample, int id, void *context);
    void *context;
} GenerateConfig;

// The caller sets n_new.
extern const GenerateConfig generate_defaults; // temperature 1, top_k 0, top_p 1, with a cache, no stop_id
#define GENERATE_DEFAULTS generate_defaults

bool generate_config_check(const GenerateConfig *config, Error *error); // is each value possible?

// Appends to the n_ids >= 1 tokens in ids, which has room for n_ids + n_new, and returns how many it appended; -1 and an error if
// a value of config is invalid or the logits are not finite (as with broken weights). Draws from random once per token;
// random may be NULL if greedy. Records nothing, and resets the current tape after each token.
int gpt_generate(GPT *gpt, const GenerateConfig *config, Random *random, int *ids, int n_ids, Error *error);

// B samples of one prompt side by side: each weight is read once for the next token of all of them. ids is (B, n_ids + n_new), with
// the prompt at the beginning of its first row; it is copied to the others. made (B) counts the tokens appended to each; the others
// continue when one ends. False and an error as above, or if memory is refused. Sample b draws from random as if each of the b before it had
// made n_new tokens, and random ends after B n_new draws: so sample b does not depend on how many are made at once, except for rounding. (A
// product of several rows adds up in another order than a product of one, and a draw that is within rounding of the border between two tokens can
// take the other one.)
bool gpt_generate_samples(GPT *gpt, const GenerateConfig *config, int B, Random *random, int *ids, int n_ids, int *made, Error *error);

// How many of n_samples to make at once: at most 32 (more gain little), and as many as fit in 1 GiB. The same on any machine.
int gpt_generate_batch_size(const GPTConfig *model, const GenerateConfig *config, int n_samples, int n_ids);

// The most memory that generation takes besides the weights, for B samples of a prompt of n_ids: the cache, and the values of one step, of
// which a streamed model has those of one block in memory at a time.
double gpt_generate_bytes(const GPTConfig *model, bool streamed, const GenerateConfig *config, int B, int n_ids);

// The scratch memory of a choice. Free it with sampler_free.
typedef struct Sampler {
    int V;
    double *p;  // (V): the probabilities
    int *order; // (V): the ids, the likeliest n_ranked of them in order, at the end
    int n_ranked;
} Sampler;

Sampler sampler_create(int V);
void sampler_free(Sampler *sampler);

// Sets sampler->p to the probabilities of the draw, given finite logits (V): softmax(logits / temperature); all but the top_k likeliest 0; of what
// is left all but the likeliest that have top_p of it 0; divided by the sum.
void sampler_weigh(Sampler *sampler, const Real *logits, const GenerateConfig *config);
// The token chosen. A draw takes one random_double u: the first id with p[0] + ... + p[id] > u. -1 if the logits are not finite.
int sampler_choose(Sampler *sampler, const Real *logits, const GenerateConfig *config, Random *random);

// ------------------------------------------------------------------------------------------------------------
// 4. Evaluation: cross-entropy in nats, without dropout. Both compute on the current tape, record nothing, and reset it.

// The mean over a batch: the predictions at ids (B, T) against targets (B, T). last (B, V), if not NULL, gets the
// logits at the last position of each row. T is at most context_length.
double gpt_batch_loss(GPT *gpt, const int *ids, const int *targets, int B, int T, Real *last);

typedef struct Evaluation {
    double loss; // mean over all predictions
    size_t n;    // predictions
    size_t n_windows;
} Evaluation;

// Called with the windows done so far.
typedef void EvaluationProgress(int done, int n, void *context);

// Reads n token ids of a text, from the first-th on, into ids (n): dataset_ids, for example.
typedef void TokenReader(const void *text, size_t first, size_t n, int *ids);

// Along n_ids tokens of a text, from first on: each but the first of them is predicted once, from those before it in its window.
// Windows are context_length long (the last one is shorter) and consecutive, so the first predictions of each are
// made from few tokens. False and an error if there are fewer than 2 tokens.
bool gpt_evaluate(GPT *gpt, TokenReader *read, const void *text, size_t first, size_t n_ids, EvaluationProgress *progress, void *context,
                  Evaluation *evaluation, Error *error);
double evaluation_bytes(const GPTConfig *config); // the memory that takes: weights, and the values of a few windows at once

#include "tensor/public_end.h"

#endif
