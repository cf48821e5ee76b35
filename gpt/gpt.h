// gpt.h: the GPT, the deep network beside it, and the experiment that measures gradients with and without shortcuts.
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
// Read from top to bottom: 1 configuration, 2 the model, 3 generation, 4 evaluation, 5 text, 6 data, 7 models in folders, 8 the deep
// network, 9 the experiment, 10 figures, 11 pictures, 12 training, 13 speed, 14 gradient checks.

#ifndef GPTAPE_GPT_H
#define GPTAPE_GPT_H

#include <stdio.h>

#include "nn/nn.h"
#include "tensor/fast/fast.h"

#define GPTAPE_VERSION "0.1.0"

// ------------------------------------------------------------------------------------------------------------
// 1. Configuration: one class for every size

typedef enum Norm {
    NORM_PRE,                                      // x + f(ln(x)), as GPT-2
    NORM_POST,                                     // ln(x + f(x)), as the first transformer
    NORM_NONE,                                     // x + f(x)
    NORM_COUNT
} Norm;

const char *norm_name(Norm norm);                  // "pre"

typedef struct GPTConfig {
    int vocab_size;                                // V
    int context_length;                            // the longest T
    int n_layer;                                   // blocks
    int n_head;                                    // heads; n_embd is a multiple
    int n_embd;                                    // C
    int ff_mult;                                   // feed-forward width, in C
    double dropout;                                // probability; acts while training only
    bool qkv_bias;                                 // have query, key and value a bias?
    bool tied;                                     // does the output head share the token embedding's weight?
    bool shortcut;                                 // are there shortcuts around attention and feed-forward?
    Norm norm;
    bool causal;                                   // does a position see only itself and those before?
    Activation activation;
    InitScheme init;
} GPTConfig;

typedef struct GPTPreset {
    const char *name;                              // "gpt2-124m"
    const char *note;                              // one line about it
    GPTConfig config;
} GPTPreset;

extern const GPTPreset gpt_presets[];
extern const int gpt_preset_count;
const GPTPreset *gpt_preset_find(const char *name);            // NULL if there is none

bool gpt_config_check(const GPTConfig *config, Error *error);  // are the sizes possible, and do they fit together?

// What a model of this configuration costs, counted without making it. Parameters are by part; a tied head counts 0.
typedef struct GPTCost {
    int64_t wte, wpe;
    int64_t ln_1, c_attn, attn_c_proj, ln_2, c_fc, mlp_c_proj;  // of one block
    int64_t block;                                 // sum of the line above
    int64_t ln_f, lm_head;
    int64_t parameters;                            // all
    double weight_bytes;                           // 4 bytes a parameter
    double gradient_bytes;                         // 4 bytes a parameter
    double adamw_bytes;                            // 8 bytes a parameter
    double activation_bytes;                       // values that a training step of B x T tokens keeps on the tape, its nodes not counted
    double cache_bytes;                            // keys and values of B x T positions, which generation keeps
    double gradient_peak_bytes;                    // the largest set of activation gradients alive at once in backward
    double recompute_activation_bytes;             // the same two where backward computes each block again (GPT's recompute);
    double recompute_peak_bytes;                   // the second with the one block that is computed again
    double flops_per_token;                        // forward and backward: 6 x parameters in products, and attention's 12 n_layer C T
} GPTCost;

GPTCost gpt_cost(const GPTConfig *config, int B, int T);

// The memory of a process that trains it with AdamW: all of the above that are bytes, and PROGRAM_BYTES for the program itself. What is
// resident was measured to be within a tenth of it, on one thread and on two, for models of 0.8 M and of 124 M parameters.
double gpt_training_bytes(const GPTCost *cost, bool recompute);
#define PROGRAM_BYTES (24.0 * 1048576)

enum { BYTES_TEXT = 32 };

// "621.83 MiB", written to text and returned. Binary units: 1 MiB = 1024 x 1024 bytes.
const char *bytes_text(double bytes, char text[BYTES_TEXT]);

double clock_seconds(void);                        // of a clock that never goes back

// The s of "2 tokens": "s", but "" for 1.
const char *plural(double count);

// Is there memory for this many bytes? False and a line with both sizes if not.
bool memory_check(double bytes, const char *what, Error *error);

// ------------------------------------------------------------------------------------------------------------
// 2. The model

typedef struct Block {
    Module module;
    LayerNorm ln_1;
    Attention attn;
    LayerNorm ln_2;
    FeedForward mlp;
    bool shortcut;
    Norm norm;
} Block;

extern const ModuleKind block_kind;
void block_init(Block *block, Module *parent, const char *name, const GPTConfig *config, Random *random);
Tensor *block_forward(Block *block, Tensor *x);                // (B, T, C) -> (B, T, C)
Tensor *block_forward_recomputed(Block *block, Tensor *x);     // the same, but the tape keeps x and the result only (tensor_checkpoint)

typedef struct GPT {
    Module module;
    GPTConfig config;
    Embedding wte;                                 // (V, C)
    Embedding wpe;                                 // (context_length, C)
    Dropout drop;                                  // after the embeddings
    Block *h;                                      // n_layer of them
    LayerNorm ln_f;                                // not with norm = post (each block ends with its own) or none
    Linear lm_head;                                // no bias; not there if tied
    Random random;                                 // draws the weights, then dropout
    bool recompute;                                // false at first; true: backward computes each block again, for less memory
} GPT;

// A GPT with the weights that this seed gives. The caller frees it with gpt_free. NULL and an error if the configuration is
// impossible or memory is refused.
GPT *gpt_create(const GPTConfig *config, uint64_t seed, Error *error);
GPT *gpt_create_blank(const GPTConfig *config, Error *error);  // the same with all weights 0, to be filled by other means
void gpt_free(GPT *gpt);
void gpt_set_dropout(GPT *gpt, double p);          // of all its Dropout modules, and its config

Tensor *gpt_forward(GPT *gpt, const int *ids, int B, int T);   // ids (B, T) -> logits (B, T, V); T <= context_length
// The last position's only -> (B, 1, V): all that generating needs, without the rest of the largest product of a small GPT.
Tensor *gpt_forward_last(GPT *gpt, const int *ids, int B, int T);
bool gpt_ids_check(const GPTConfig *config, const int *ids, int n, Error *error);      // is each id in 0 ... V-1?

// Between begin and end, gpt_forward keeps every block's keys and values, and takes its ids for those that follow the ones it was given
// before: B sequences of at most `room` tokens, which context_length must hold. Nothing can be recorded meanwhile (tape_no_grad_begin).
//
//      gpt_cache_begin(gpt, 1, 32, &error);
//      gpt_forward(gpt, ids, 1, 5);               // 5 rows of logits, of positions 0 ... 4
//      gpt_forward(gpt, ids + 5, 1, 1);           // 1 row, of position 5, the same as without a cache: with a sixth of the work
//
// It's a mistake with causal = false, where each new token changes what those before it are. False and an error if memory is refused.
bool gpt_cache_begin(GPT *gpt, int B, int room, Error *error);
void gpt_cache_end(GPT *gpt);                      // also where there is none
int gpt_cache_length(const GPT *gpt);              // positions in it; 0 if there is none
// From now on its B sequences go on from those that had these numbers; one may be left out, or taken more than once.
void gpt_cache_select(GPT *gpt, const int *rows, int B);

// ------------------------------------------------------------------------------------------------------------
// 3. Generation

// Each time the model is shown the last tokens, context_length of them at most, and the next one is chosen by the logits of the
// last position and appended: the one with the largest, or one drawn by the probabilities that temperature, top_k and top_p leave,
// in this order.
typedef struct GenerateConfig {
    int n_new;                                     // how many tokens to append; fewer if one of them is stop_id
    bool greedy;                                   // always the largest logit: nothing is drawn, the next three don't matter
    double temperature;                            // the logits are divided by it: towards 0 greedy, towards infinity all alike
    int top_k;                                     // only that many, the likeliest, can be drawn; 0: all
    double top_p;                                  // only the likeliest, as few as together have this probability; 1: all
    bool cache;                                    // keep keys and values of what was seen: the same tokens, sooner (not causal: never)
    int stop_id;                                   // no token comes after this one; -1: none
    // Is told each token of each sample (0 where there is one) as it comes, and returns whether to go on with any; may be NULL.
    bool (*on_token)(int sample, int id, void *context);
    void *context;
} GenerateConfig;

// n_new is to be set.
#define GENERATE_DEFAULTS ((GenerateConfig){.temperature = 1, .top_k = 0, .top_p = 1, .cache = true, .stop_id = -1})

bool generate_config_check(const GenerateConfig *config, Error *error);        // is each value possible?

// Appends to the n_ids >= 1 tokens in ids, where there is room for n_ids + n_new, and returns how many it appended; -1 and an error if
// a value of config is impossible or the logits are not finite (as broken weights make them). random is drawn from once a token;
// it may be NULL if greedy. Records nothing, and resets the current tape after each token.
int gpt_generate(GPT *gpt, const GenerateConfig *config, Random *random, int *ids, int n_ids, Error *error);

// B samples of one prompt side by side: each weight is read once for the next token of all of them. ids is (B, n_ids + n_new), with
// the prompt at the beginning of its first row; the others get it, too. made (B) counts what was appended to each; one that ends lets
// the others go on. False and an error as above, or if memory is refused. Sample b draws from random as if each of the b before it had
// made n_new tokens, and random is left behind B n_new: so sample b is the same however many are made at once, but for rounding. (A
// product of several rows adds up in another order than that of one, and a draw within rounding of the border between two tokens can
// take the other one.)
bool gpt_generate_samples(GPT *gpt, const GenerateConfig *config, int B, Random *random, int *ids, int n_ids, int *made, Error *error);

// How many of n_samples to make at once: 32 at most, where more gain little, and no more than 1 GiB holds. The same on any machine.
int gpt_generate_together(const GPTConfig *model, const GenerateConfig *config, int n_samples, int n_ids);

// What generating takes at most besides the weights, B samples of a prompt of n_ids: the cache, and what is computed for a token.
double gpt_generate_bytes(const GPTConfig *model, const GenerateConfig *config, int B, int n_ids);

// What a choice is made with. Free it with sampler_free.
typedef struct Sampler {
    int V;
    double *p;                                     // (V): the probabilities
    int *order;                                    // (V): the ids, the likeliest n_ranked of them in order, at the end
    int n_ranked;
} Sampler;

Sampler sampler_create(int V);
void sampler_free(Sampler *sampler);

// sampler->p becomes what can be drawn, given finite logits (V): softmax(logits / temperature); all but the top_k likeliest 0; of what
// is left all but the likeliest that have top_p of it 0; divided by the sum.
void sampler_weigh(Sampler *sampler, const Real *logits, const GenerateConfig *config);
// The token chosen. A draw takes one random_double u: the first id with p[0] + ... + p[id] > u. -1 if the logits are not finite.
int sampler_choose(Sampler *sampler, const Real *logits, const GenerateConfig *config, Random *random);

// ------------------------------------------------------------------------------------------------------------
// 4. Evaluation: cross-entropy in nats, without dropout. Both compute on the current tape, record nothing, and reset it.

// The mean over a batch: what is predicted at each of ids (B, T) against targets (B, T). last (B, V), if not NULL, gets the
// logits at the last position of each row. T is at most context_length.
double gpt_batch_loss(GPT *gpt, const int *ids, const int *targets, int B, int T, Real *last);

typedef struct Evaluation {
    double loss;                                   // mean over all predictions
    size_t n;                                      // predictions
    size_t n_windows;
} Evaluation;

// Called with the windows done so far.
typedef void EvaluationProgress(int done, int n, void *context);

// Along n_ids tokens of a text, from first on: each but the first of them is predicted once, from those before it in its window.
// Windows are context_length long (the last one is shorter) and lie one after the other, so the first predictions of each are
// made from little. False and an error if there are fewer than 2 tokens.
typedef struct Dataset Dataset;
bool gpt_evaluate(GPT *gpt, const Dataset *dataset, size_t first, size_t n_ids, EvaluationProgress *progress, void *context,
                  Evaluation *evaluation, Error *error);
double evaluation_bytes(const GPTConfig *config);  // what that takes: weights, and the values of a few windows at once

// ------------------------------------------------------------------------------------------------------------
// 5. Text

// Text as token ids, and back:
//
//      gpt2     "Hello, I am" --split--> "Hello" "," " I" " am" --merge--> 15496 11 314 716
//      bytes    "Hello"  --------------------------------------------> 72 101 108 108 111      an id is a byte
//      chars    "Hello"  --------------------------------------------> 0 1 2 2 3              a place in the alphabet H e l o
//
// decode(encode(text)) = text, for any bytes at all with gpt2 and bytes, for any UTF-8 of the alphabet with chars.
typedef enum TokenizerKind { TOKENIZER_GPT2, TOKENIZER_BYTES, TOKENIZER_CHARS, TOKENIZER_COUNT } TokenizerKind;

const char *tokenizer_name(TokenizerKind kind);                // "gpt2"

enum { GPT2_VOCABULARY = 50257, GPT2_END_OF_TEXT = 50256 };    // GPT-2's tokens, and the last of them, after which no text goes on

typedef struct Tokenizer Tokenizer;

// The caller frees each with tokenizer_free. NULL and an error that names the file if the vocabulary in folder (vocab.bpe and
// encoder.json, or merges.txt and vocab.json, or tokenizer.json) is not whole and sound, or if the alphabet's text is no UTF-8.
Tokenizer *tokenizer_gpt2(const char *folder, Error *error);
Tokenizer *tokenizer_bytes(void);
Tokenizer *tokenizer_chars(const char *text, size_t n, Error *error);
Tokenizer *tokenizer_chars_of(const char *path, Error *error); // the alphabet of a file of any length, or of the stories (NULL)
void tokenizer_free(Tokenizer *tokenizer);

TokenizerKind tokenizer_kind(const Tokenizer *tokenizer);
int tokenizer_vocab_size(const Tokenizer *tokenizer);          // ids are 0 ... this - 1
uint64_t tokenizer_fingerprint(const Tokenizer *tokenizer);    // a number that only tokenizers share which make the same ids
const char *tokenizer_token(const Tokenizer *tokenizer, int id, size_t *n);    // its n bytes, the tokenizer's; NULL if none
int tokenizer_end_of_text(const Tokenizer *tokenizer);         // the id of GPT-2's <|endoftext|>; -1 with bytes and chars

// n bytes of text -> ids, at most one a byte; n_ids ids -> bytes, with a '\0' behind them. The caller frees what is made. An
// error if a character is not in the alphabet of chars, or an id not in the vocabulary.
bool tokenizer_encode(const Tokenizer *tokenizer, const char *text, size_t n, int **ids, size_t *n_ids, Error *error);
bool tokenizer_decode(const Tokenizer *tokenizer, const int *ids, size_t n_ids, char **text, size_t *n, Error *error);

// Where GPT-2's vocabulary is looked for: given if not NULL, else $GPTAPE_DATA, else $XDG_DATA_HOME/gptape, else
// ~/.local/share/gptape. The caller frees it.
char *vocabulary_folder(const char *given);
bool vocabulary_found(const char *folder);         // is any of its files there?

// The UTF-8 character that n bytes begin with: its length, and its code point. UTF8_BAD if they begin with none, UTF8_CUT if
// they end in its middle.
enum { UTF8_BAD = 0, UTF8_CUT = -1 };
int utf8_read(const char *text, size_t n, int *code);
int utf8_write(int code, char bytes[4]);           // its length

// How many of n bytes are a byte order mark, U+FEFF, which some editors begin a text with and which is no part of it: 3 or 0.
size_t utf8_mark(const char *text, size_t n);

// All of a file, or of a stream that messages call name, with a '\0' behind it. The caller frees *text.
bool file_read(const char *path, char **text, size_t *n, Error *error);
bool stream_read(FILE *stream, const char *name, char **text, size_t *n, Error *error);

// B rows of T bytes as ids, and for each the byte that follows as target, from places that lie evenly in a built-in text of about
// a thousand. The vocabulary must have 256 ids. Both arrays (B, T) are the caller's.
bool passage_batch(int B, int T, int *ids, int *targets, Error *error);

// Stories: small, correct English by chance, told by a grammar (gpt/text/story.c) that can also read: it finds out which sentences of
// a text are its own, word for word. A sentence ends at . ? or ! and the quote that closes behind it, unless small letters follow,
// as in "Can I help you?" asked Anna. An empty line ends a story.
typedef struct Stories Stories;

Stories *stories_create(void);                     // the caller frees it with stories_free
void stories_free(Stories *stories);
char *stories_tell(const Stories *stories, Random *random);    // one story, with its empty line; the caller frees it

typedef struct StoryCount {
    int sentences;                                 // that have an end: a last one that is cut off is not counted
    int well_formed;                               // of them: sentences of the grammar, with he or she and a or an as they must be
    int stories;                                   // that have an end
    int whole;                                     // of them: stories of the grammar: their plot, and he or she in all of it
} StoryCount;

// Called with each sentence that is not well-formed: n bytes at a place in the text.
typedef void StoryFault(const char *sentence, size_t n, void *context);

StoryCount stories_check(const Stories *stories, const char *text, size_t n, StoryFault *on_fault, void *context);

// The stories that there are when no text is named.
enum { STORIES_BYTES = 1 << 20, STORIES_SEED = 1 };

// Stories one after the other, bytes of them or a little less. The same seed gives the same text. The caller frees it.
char *stories_text(uint64_t seed, size_t bytes);

// ------------------------------------------------------------------------------------------------------------
// 6. Data: a text as token ids, in two splits, one to learn from and one to look at
//
//      text --part by part--> Tokenizer --> data.bin, memory-mapped:  | train, 90%                    | val, 10% |
//                                                                        '- T + 1 ids -'
//                                                                           a row: ids 0 ... T-1, targets 1 ... T

typedef enum DatasetSplit { SPLIT_TRAIN, SPLIT_VAL, SPLIT_COUNT } DatasetSplit;

const char *split_name(DatasetSplit split);        // "train", "val"

struct Dataset {
    char *name;                                    // the text's file, or "stories"
    size_t n_tokens;
    size_t start[SPLIT_COUNT + 1];                 // where each split begins, and the last one ends
    uint64_t fingerprint;                          // a number that depends on every id
    bool reused;                                   // the tokens were there already
    Error note;                                    // one line on why those that were there were not used; "" if there is none
    const void *ids;                               // (n_tokens) uint16_t or uint32_t, memory-mapped
    int id_bytes;                                  // 2 or 4
    void *map;                                     // the whole file
    size_t map_bytes;
};

// Called now and then while a text is made into tokens, with how many of its n MiB are done.
typedef void DatasetProgress(int done, int n, void *context);

// The UTF-8 text at path (NULL: the built-in stories) in tokens, without a byte order mark. They are kept in folder, as data.bin,
// and taken from there when the same text is opened again with the same tokenizer; folder NULL keeps them for this time only. The
// text may be longer than memory. The caller frees the result with dataset_free. NULL and an error if the file can't be read, is empty or not UTF-8,
// if the tokenizer lacks one of its characters, or if the tokens can't be written.
Dataset *dataset_open(const char *path, const Tokenizer *tokenizer, const char *folder, DatasetProgress *progress, void *context,
                      Error *error);
void dataset_free(Dataset *dataset);

size_t dataset_tokens(const Dataset *dataset, DatasetSplit split);     // how many the split has
bool dataset_check(const Dataset *dataset, int T, Error *error);       // has each split the T + 1 tokens of a row?

// B rows from random places of a split, each equally likely; ids and targets (B, T) are the caller's.
void dataset_batch(const Dataset *dataset, DatasetSplit split, Random *random, int B, int T, int *ids, int *targets);

void dataset_ids(const Dataset *dataset, size_t first, size_t n, int *ids);    // n of its ids, from first on

// Batch number batch of n_batches that are the same every time: their rows lie evenly in the split.
void dataset_eval_batch(const Dataset *dataset, DatasetSplit split, int batch, int n_batches, int B, int T, int *ids, int *targets);

// A file that appears whole or not at all: write to stream, then commit or abandon. Devices and pipes are written to directly.
// A file that was committed is on the disk, not only in memory that is to be written there some time.
typedef struct SaveFile {
    FILE *stream;
    char *path;
    char *temporary;                               // a name beside path that becomes path at the end; NULL while there is none
    bool replaces;                                 // path is a file, or will be
} SaveFile;

char *path_real(const char *path);                 // where it really lies, from the root; path if nothing is there. The caller frees it

bool save_begin(SaveFile *save, const char *path, Error *error);
bool save_sync(SaveFile *save, Error *error);                  // brings to the disk what was written so far; false as below
bool save_commit(SaveFile *save, Error *error);                // false, and nothing at path changed, if anything was not written
void save_abandon(SaveFile *save);
bool save_path_check(const char *path, Error *error);          // can a file be written there? For asking before long work

// ------------------------------------------------------------------------------------------------------------
// 7. Models in folders, as Hugging Face's transformers keeps a GPT-2
//
//      model.safetensors        the weights by GPT-2's names: wte.weight (V, C), h.0.attn.c_attn.weight (C, 3C), ..., float32. The
//                               matrices inside blocks lie transposed there, (n_in, n_out). A tied head is left out.
//      config.json              GPT2Config's keys. Where the model differs from any GPT-2, in its shortcut, norm, causal, qkv_bias
//                               or init, the key "gptape" says so: {"gptape": {"shortcut": false}}
//      gptape_tokenizer.json    {"tokenizer": "gpt2"}, or "bytes", or "chars" with an "alphabet" of code points in the order of ids
//      vocab.json, merges.txt   GPT-2's vocabulary, if that is the tokenizer
//
// transformers reads what gpt_save writes and computes the same, but for the switches under "gptape", which it doesn't know. A
// missing qkv_bias is no such loss: it is saved as a bias of zeros.

// Makes the folder if need be. Each file appears whole or not at all, the weights last, and only when all can be written: false
// and an error otherwise (a full disk, for example), with what was in the folder as it was. With tokenizer NULL its files are left
// alone.
bool gpt_save(const GPT *gpt, const Tokenizer *tokenizer, const char *folder, Error *error);

// A GPT from a folder, saved here or by transformers: float32, float16, bfloat16 or float64, in one file or in several with an
// index, names with or without "transformer." before them; what attention masks were saved is left aside. Its dropout is config.json's
// resid_pdrop, its random state that of seed 0. The caller frees it with gpt_free. NULL and an error that names file and tensor
// if anything is not as it should be: a tensor too many, too few, or of another shape than config.json says; a config.json
// that asks for what no GPT has here, another activation for example.
GPT *gpt_load(const char *folder, Error *error);
bool gpt_load_config(const char *folder, GPTConfig *config, Error *error);     // only config.json, without a look at the weights

// How a configuration differs from any GPT-2, "no shortcut, norm none", written to text and returned; "" if it doesn't.
enum { DIFFERENCE_TEXT = 128 };
const char *gpt_difference(const GPTConfig *config, char text[DIFFERENCE_TEXT]);

// The tokenizer in a model's folder: what gptape_tokenizer.json says, else GPT-2's vocabulary beside it, else what config.json's
// vocab_size lets expect: 256 bytes, or GPT-2's 50257 (to 50304: some round up), whose vocabulary is then looked for where
// vocabulary_folder(NULL) says. The caller frees it with tokenizer_free. NULL and an error if there is none, or it has more
// tokens than the model's vocab_size.
Tokenizer *tokenizer_load(const char *folder, Error *error);

// ------------------------------------------------------------------------------------------------------------
// 8. The deep network: the book's example of vanishing gradients

// Layers of Linear and activation, the last included; where a layer's input and output have one size, and shortcut is on,
// x = x + layer(x). Modules are called layers.0, layers.1, ...
typedef struct DeepConfig {
    int *sizes;                                    // of input, between, output: n_layer + 1 of them
    int n_layer;
    Activation activation;
    InitScheme init;
    bool shortcut;
} DeepConfig;

enum { DEEP_DEPTH_MAX = 100000, DEEP_WIDTH_MAX = 65536 };      // beyond, a typing error is likelier than a wish

typedef struct DeepNet {
    Module module;
    DeepConfig config;                             // sizes: its own copy
    Linear *layers;
} DeepNet;

bool deep_config_check(const DeepConfig *config, Error *error);

// The caller frees it with deep_free. NULL and an error if the sizes are impossible or memory is refused.
DeepNet *deep_create(const DeepConfig *config, uint64_t seed, Error *error);
void deep_free(DeepNet *net);
Tensor *deep_forward(DeepNet *net, Tensor *x);                 // (B, sizes[0]) -> (B, sizes[n_layer])

// ------------------------------------------------------------------------------------------------------------
// 9. The experiment: the same network with and without shortcuts

typedef enum NetKind { NET_MLP, NET_GPT } NetKind;

const char *net_name(NetKind net);                 // "mlp"

// Which of the two networks are run: without shortcuts, with, both.
typedef enum Arms { ARMS_OFF = 1, ARMS_ON = 2, ARMS_BOTH = 3 } Arms;

typedef struct ExperimentConfig {
    NetKind net;
    DeepConfig deep;                               // for NET_MLP; its shortcut is set by arms
    const float *input;                            // (sizes[0]) the one input row
    const float *target;                           // (sizes[n_layer])
    GPTConfig gpt;                                 // for NET_GPT; its shortcut is set by arms
    const GPT *saved;                              // for NET_GPT: a model of this configuration whose weights to take; NULL: the seed's
    const int *ids;                                // (B, T)
    const int *targets;                            // (B, T)
    int B, T;
    Arms arms;
    uint64_t seed;                                 // of the first repetition; the next is seed + 1
    int n_seeds;
    int n_steps;                                   // AdamW steps of training; each is measured before it is made, and the end
    double lr;
    bool same_dy;                                  // feed both arms the same gradient at the output instead of their loss's
    const struct TrainConfig *train;               // of a training run that was measured now and then; NULL: steps as above
} ExperimentConfig;

// One network at one step of training.
typedef struct Measurement {
    int run;                                       // counts networks: seed after seed, without shortcuts first
    uint64_t seed;
    bool shortcut;
    int step;
    double loss;
    GradFlow flow;
} Measurement;

typedef struct Experiment {
    ExperimentConfig config;                       // borrows its arrays
    Measurement *measurements;                     // in order of run, then step
    int n_measurements;
    int n_layer;
} Experiment;

// Called after each measurement.
typedef void ExperimentProgress(int done, int n, void *context);

// Builds, runs and measures every network. Both arms of a seed start from the same weights. On a tape of its own. The caller
// frees the result with experiment_free; where it returns false there is nothing to free.
bool experiment_run(const ExperimentConfig *config, ExperimentProgress *progress, void *context, Experiment *experiment,
                    Error *error);
void experiment_free(Experiment *experiment);

// The tape of one step of the experiment's network (with shortcuts unless arms is ARMS_OFF) as a drawing for Graphviz.
typedef struct StepDrawing {
    const char *module;                            // only this one, "h.0"; NULL: the whole network
    bool stepwise;                                 // attention step by step instead of in one operation
    bool backward;                                 // after backward, with the gradients
} StepDrawing;

enum { STEP_FAULT_TEXT = 2 * NAME_TEXT };

// Writes it to an open stream. False and an error if there is no such module, or more of it than a picture can show. fault is then
// what in the whole step is NaN or infinite first, "the result of gelu in h.0.mlp", or "".
bool experiment_draw(const ExperimentConfig *config, const StepDrawing *drawing, FILE *file, char fault[STEP_FAULT_TEXT],
                     Error *error);

// ------------------------------------------------------------------------------------------------------------
// 10. Figures: what is read of an experiment, over its seeds

// What is read of each layer.
typedef enum LayerFigure {
    FIGURE_WEIGHT,                 // mean |dL/dW| over the layer's weight matrices
    FIGURE_QUERY_KEY,              // the same over the query and key parts of c_attn; NaN without attention
    FIGURE_COSINE,                 // token cosine of the layer's output; NaN without tokens
    FIGURE_SKIP,                   // L2 of the gradient that came through the layer's shortcuts; NaN without
    FIGURE_BLOCK,                  // L2 of what came through the blocks beside them; NaN without
    FIGURE_COUNT
} LayerFigure;

double measurement_figure(const Measurement *measurement, int layer, LayerFigure figure);

// The spread of one figure over the seeds; NaN where no seed has one.
typedef struct Quartiles {
    double low, median, high;                      // 25%, 50%, 75%, interpolated linearly between the sorted values
    int zeros;                                     // how many of the values are exactly 0
    int n;                                         // how many values there are
} Quartiles;

Quartiles quartiles(double *values, int n);        // of those that are not NaN; reorders values

Quartiles experiment_figure(const Experiment *experiment, bool shortcut, int step, int layer, LayerFigure figure);
// The same, each seed's figure divided by that seed's last layer's.
Quartiles experiment_relative(const Experiment *experiment, bool shortcut, int step, int layer, LayerFigure figure);
Quartiles experiment_loss(const Experiment *experiment, bool shortcut, int step);
int experiment_shortcuts(const Experiment *experiment, bool shortcut);         // taken in one network, counted on its tape
bool experiment_has(const Experiment *experiment, bool shortcut);              // was that arm run?

// First layer over last layer against depth: the headline figure.
typedef struct SweepPoint {
    int depth;
    Quartiles ratio[2];                            // of FIGURE_WEIGHT, without and with shortcuts
} SweepPoint;

typedef struct Sweep {
    SweepPoint *points;
    int n_points;
    double decades_per_layer[2];                   // slope of log10 of the median ratio against depth, by least squares
} Sweep;

// Runs the experiment at each depth: of the deep network (widths as config's inner layers), or of the GPT's blocks.
bool sweep_run(const ExperimentConfig *config, const int *depths, int n_depths, ExperimentProgress *progress, void *context,
               Sweep *sweep, Error *error);
void sweep_free(Sweep *sweep);

// ------------------------------------------------------------------------------------------------------------
// 11. Pictures, by gnuplot and Graphviz

// Writes a picture of the experiment to path, whose ending says what: .png, .svg, .pdf, or .gp for the gnuplot script itself
// with its data in it. sweep may be NULL. Written beside and renamed, so that there is a whole picture or none.
bool plot_experiment(const Experiment *experiment, const Sweep *sweep, const char *path, Error *error);
// The second picture of a training run: layer against step, one map an arm, colour for log10 of mean |dL/dW|.
bool plot_heatmap(const Experiment *experiment, const char *path, Error *error);
// The chart for the terminal, as text of that many columns; the caller frees it. NULL and an error without gnuplot.
char *plot_terminal(const Experiment *experiment, int columns, Error *error);
bool plot_path_check(const char *path, Error *error);          // is its ending one of those?

// Up to CHART_LINES lines in one pair of axes. Points that are not finite, or not above 0 on a logarithmic axis, are left out,
// and the key says how many.
enum { CHART_LINES = 6 };

typedef struct ChartLine {
    const char *label;                             // for the key
    const double *x;                               // NULL: 0, 1, 2, ...
    const double *y;
    int n;
} ChartLine;

typedef struct Chart {
    const char *title;                             // what the picture shows
    const char *caption;                           // the small print; may be NULL
    const char *x_label, *y_label;
    bool log_y;
    const ChartLine *lines;
    int n_lines;
} Chart;

// A matrix as a map, row 0 on top: more is lighter, what is not finite is grey.
typedef struct MatrixMap {
    const char *title;
    const char *caption;                           // may be NULL
    const char *x_label, *y_label;
    const Real *values;                            // (rows, columns)
    int rows, columns;                             // up to 256
    const char *const *row_names, *const *column_names;        // or NULL: numbers
    double low, high;                              // what the colours reach from and to; both 0: from the smallest value, or 0
} MatrixMap;                                       // if that is smaller, to the largest

// As a picture, and as text for the terminal, which the caller frees. False or NULL and an error if there is nothing to draw.
bool plot_chart(const Chart *chart, const char *path, Error *error);
char *plot_chart_terminal(const Chart *chart, int columns, Error *error);
bool plot_matrix(const MatrixMap *map, const char *path, Error *error);
char *plot_matrix_terminal(const MatrixMap *map, Error *error);

// The drawing of a step as a picture, .svg, .png or .pdf, by Graphviz, or as the text that it reads, .dot.
bool plot_step(const ExperimentConfig *config, const StepDrawing *drawing, const char *path, char fault[STEP_FAULT_TEXT],
               Error *error);
bool plot_step_path_check(const char *path, Error *error);

// The experiment's CSV, one row a figure of one tensor; columns as in csv.c. Written to an open stream.
bool experiment_csv(const Experiment *experiment, FILE *out);
extern const char experiment_csv_header[];         // its first line
bool measurement_csv(const ExperimentConfig *config, const Measurement *measurement, FILE *out);   // and the rows of one measurement

// ------------------------------------------------------------------------------------------------------------
// 12. Training
//
//      Dataset --> ids, targets (B, T) --gpt_forward--> logits (B, T, V) --cross_entropy--> loss --backward--> gradients
//         ^                                                                                                      |
//         '-- next step <-- weights <--adamw_step_clipped-- at most clip in norm <--grad_norm-- added up <-------'

// The numbers of a training run. Counts of 0 in the last five but eval_batches: never.
typedef struct TrainConfig {
    int steps;                                     // AdamW steps, in all
    int batch;                                     // B: rows that go through the model at once
    int length;                                    // T: tokens of a row
    int accumulate;                                // how many such batches' gradients are added up for one step
    double lr;                                     // learning rate after the warm-up
    double min_lr;                                 // and from decay_steps on
    int warmup;                                    // steps in which it rises from 0 to lr in a line
    int decay_steps;                               // the step at which half a cosine from lr has come down to min_lr
    double beta1, beta2, eps, weight_decay;        // AdamW's
    double clip;                                   // the gradient's norm is brought down to this; 0: it is left as it is
    int eval_every;                                // steps between evaluations; the end of the run is always evaluated
    int eval_batches;                              // batches that are evaluated, the same every time, of each split
    int sample_every;                              // steps between samples
    int gradflow_every;                            // steps between measurements of each layer's gradients
    int save_every;                                // steps between checkpoints; one is always saved at the end
} TrainConfig;

// The fields by their names, "min_lr", and what each may be: for programs that read them and files that keep them.
typedef enum TrainFieldKind { TRAIN_COUNT, TRAIN_NUMBER } TrainFieldKind;

typedef struct TrainField {
    const char *name;
    TrainFieldKind kind;                           // an int or a double
    size_t offset;                                 // of the field in a TrainConfig
    double low, high;
} TrainField;

extern const TrainField train_fields[];
extern const int train_field_count;
const TrainField *train_field_find(const char *name);          // NULL if there is none
double train_field_get(const TrainConfig *config, const TrainField *field);
void train_field_set(TrainConfig *config, const TrainField *field, double value);

// Is each number possible, and do they fit each other and a model of this configuration? Messages name the fields.
bool train_config_check(const TrainConfig *config, const GPTConfig *gpt, Error *error);

// The learning rate of step number step, counted from 0, as nanoGPT has it:
//      step < warmup             lr (step + 1) / (warmup + 1)
//      step < decay_steps        min_lr + (lr - min_lr) (1 + cos(pi (step - warmup) / (decay_steps - warmup))) / 2
//      after that                min_lr
double train_lr(const TrainConfig *config, int step);

// All that determines a run, so that it can be made again.
typedef struct TrainSetup {
    TrainConfig train;
    GPTConfig gpt;
    uint64_t seed;                                 // of weights and dropout; seed + 1 of the batches
    char *data;                                    // the text's absolute path; NULL: the stories, or a fixed batch
    char *model;                                   // the folder whose weights it started from; NULL: random ones
    Tokenizer *tokenizer;                          // NULL with a fixed batch
    int *ids;                                      // (accumulate * batch, length): a fixed batch, every step's; NULL: from the text
    int *targets;                                  // the same
} TrainSetup;

void train_setup_free(TrainSetup *setup);

// One step, as it is logged.
typedef struct TrainRow {
    int step;                                      // steps made, this one included
    double loss;                                   // mean cross-entropy of this step's rows, before the weights moved
    double val_loss;                               // of the validation split, after they moved; NaN: not evaluated
    double lr;
    double grad_norm;                              // before it was clipped
    double tokens_per_s;
    double ms;                                     // of the step alone, without evaluation, samples and checkpoint
} TrainRow;

// What the model was before its first step, to compare with; NaN and 0 where it was not measured.
typedef struct TrainBefore {
    double val_loss;
    int sentences;                                 // complete ones in its samples of stories,
    int well_formed;                               // and those of them that follow the grammar
} TrainBefore;

// A model that learns, and where it is in its run. The tape is the caller's current one; each step resets it.
typedef struct Trainer {
    TrainSetup setup;                              // its own
    GPT *gpt;                                      // its own
    Dataset *data;                                 // its own; NULL with a fixed batch
    ParameterList parameters;
    AdamW adamw;                                   // adamw.step: steps made so far
    Random random;                                 // draws the rows: its state is the position in the data
    int *ids;                                      // (B, T), the batch that goes through the model
    int *targets;
    TrainBefore before;
} Trainer;

// Takes setup, gpt and data, which may be NULL with a fixed batch, over: also where it fails, with NULL and an error, because numbers
// don't fit each other, the text is too short for a row, or there is no memory. Free it with trainer_free.
Trainer *trainer_create(TrainSetup setup, GPT *gpt, Dataset *data, Error *error);
void trainer_free(Trainer *trainer);

// Makes one step, and fills in row but for val_loss, tokens_per_s and ms. flow, if not NULL, gets what reached each layer, before
// clipping (with accumulate > 1 activations are those of the last batch, with recompute nothing inside a block is seen); the caller
// frees it with gradflow_free. False and an error, and the weights as they were, if loss or gradient is not finite.
bool trainer_step(Trainer *trainer, GradFlow *flow, TrainRow *row, Error *error);

// Mean loss over eval_batches batches that lie evenly in a split, without dropout; of a fixed batch, that one's. Draws nothing.
double trainer_evaluate(Trainer *trainer, DatasetSplit split);

// What happened to each parameter in the last step: counts by FlowReach, and the name of the first that was not reached.
typedef struct TrainAudit {
    int count[FLOW_REACH_COUNT];
    char lost[NAME_TEXT];                          // "" if all were reached
    FlowReach how;                                 // what became of that one
} TrainAudit;

TrainAudit trainer_audit(const Trainer *trainer);

// A trainer's whole state, in folder's training.safetensors. What folder says of how the run is set up, for a trainer to be made of
// by trainer_create and brought to where it was by trainer_load. False and an error that names file and tensor if
// anything is not as it should be, or the text has changed.
bool trainer_save(const Trainer *trainer, const char *folder, Error *error);
bool train_setup_load(const char *folder, TrainSetup *setup, Error *error);    // the caller frees it with train_setup_free
bool trainer_load(Trainer *trainer, const char *folder, Error *error);

// The temperature of a run's samples: what is unlikely is written a little less often than the model holds it to come.
#define TRAIN_TEMPERATURE 0.8

// n_new tokens of text from the model, as they come after an empty line, drawn at this temperature. The caller frees *text. False and
// an error if the logits are not finite.
bool trainer_sample(Trainer *trainer, int n_new, double temperature, Random *random, char **text, size_t *n, Error *error);
// The same count times, side by side (gpt_generate_samples): texts (count), all the caller's where true is returned, and their bytes n (count).
bool trainer_samples(Trainer *trainer, int count, int n_new, double temperature, Random *random, char **texts, size_t *n, Error *error);

// A run in its folder:
//
//      training.safetensors     all it needs to go on; one file that appears whole or not at all, whatever moment it is ended at
//      model.safetensors, ...   what it has learned, as gpt_save saves it
//      data.bin                 the text's tokens
//      log.csv, loss.png        a row a step, and their curve
//      gradflow.csv, .png       with gradflow_every

bool train_folder_has_run(const char *folder);
// Makes the folder of a new run, if it is not there. False and an error if there is a run or a model in it already.
bool train_folder_make(const char *folder, Error *error);
void train_folder_remove(const char *folder);                  // of a run that never began, with its tokens; others stay
bool train_log_of(const char *folder, TrainRow **rows, int *n, Error *error);      // its log's rows, which the caller frees

// Who is told what happens; any may be NULL.
typedef struct TrainWatcher {
    void (*on_step)(const Trainer *trainer, const TrainRow *row, void *context);       // when it was logged
    void (*on_evaluation)(const Trainer *trainer, const double loss[SPLIT_COUNT], void *context);
    void (*on_sample)(Trainer *trainer, void *context);        // every sample_every steps
    bool (*stop)(void *context);                               // asked after each step: is this the time to save and stop?
    void *context;
} TrainWatcher;

// Makes the steps that are left, and saves every save_every steps and at the end; before the first, too, so that a run can be gone on
// with from its beginning. False and an error, with the last checkpoint as it was, if something can't be written, or
// loss or gradient is not finite.
bool train_run(Trainer *trainer, const char *folder, const TrainWatcher *watcher, Error *error);

// The pictures of a run that has made a step: loss.png, and gradflow.png if two steps were measured. False and an error where one
// can't be drawn, as without gnuplot.
bool train_draw(const Trainer *trainer, const char *folder, Error *error);

// The curve of a training run: training and validation loss against step, of n >= 1 rows of its log. what is said below it; before
// is the validation loss at step 0, NaN if that was not measured. To a file, and for the terminal as above.
bool plot_loss(const TrainRow *rows, int n, double before, const char *what, const char *path, Error *error);
char *plot_loss_terminal(const TrainRow *rows, int n, double before, int columns, Error *error);

// ------------------------------------------------------------------------------------------------------------
// 13. Speed: how near what is computed comes to what this machine can do

// What a case is held against.
typedef enum BenchLimit {
    BENCH_ARITHMETIC,                              // multiply-adds on all threads
    BENCH_MEMORY,                                  // reading from memory on all threads
    BENCH_MEMORY_ONE,                              // the same on one thread: such a case is run on one, too
    BENCH_KERNEL,                                  // the same loops without a tape
    BENCH_NONE
} BenchLimit;

const char *bench_limit_name(BenchLimit limit);    // "FMA peak"

typedef struct Bench Bench;                        // one measurement under way (gpt/lab/bench.h)

// A thing to be timed. Names begin with its kind: product-, step-, generate-, tokenizer-, tape-, mlp-.
typedef struct BenchCase {
    const char *name;                              // "step-gpt2-124m-4x64"
    const char *about;                             // one line
    BenchLimit limit;
    void (*run)(Bench *bench);
    int sizes[3];                                  // of a product: M, N, K; of a model: B, T
    const char *preset;                            // the model
} BenchCase;

extern const BenchCase bench_cases[];
extern const int bench_case_count;

typedef struct BenchConfig {
    double seconds;                                // to spend on each case; it is repeated a few times even if that takes longer
    bool recompute;                                // in training steps: GPT's recompute
    const Tokenizer *tokenizer;                    // for the tokenizer's cases
    const char *text;                              // n_text bytes
    size_t n_text;
} BenchConfig;

// The limits, over some repetitions. In FLOP and bytes per second, on one thread and on all.
typedef struct BenchPeaks {
    int threads;                                   // all: kernels_threads()
    Quartiles flops_one, flops;
    Quartiles bandwidth_one, bandwidth;
} BenchPeaks;

typedef struct BenchFigures {
    Quartiles ms;                                  // of one repetition; its n counts them
    Quartiles f32_ms;                              // where that was with products in bf16: with float32; else n is 0
    double flops;                                  // of one repetition; 0 where they aren't counted
    double bytes;                                  // that one repetition must read from memory at least; 0 where they aren't counted
    double tokens;                                 // of one repetition; 0 where there are none
    double kernel_ms;                              // BENCH_KERNEL: median without a tape
    double peak_bytes;                             // the most memory that was resident
    double predicted_bytes;                        // of a training step: what gpt_cost says of it; else 0
} BenchFigures;

// Each measures in a process of its own (fork), so that its peak of memory is its own and nothing is left over for the next. The
// calling process must not have computed on several threads before: oneDNN's threads don't survive a fork. An error if memory
// is refused or the process ends early.
bool bench_peaks(const BenchConfig *config, BenchPeaks *peaks, Error *error);
bool bench_case(const BenchCase *which, const BenchConfig *config, BenchFigures *figures, Error *error);

// How many times as long as in float32 a matrix product takes with the precision that is set; measured in the same way.
bool bench_precision(double *times, Error *error);

// The fraction of its limit that a case reached; NaN if it has none.
double bench_fraction(const BenchCase *which, const BenchFigures *figures, const BenchPeaks *peaks);

// ------------------------------------------------------------------------------------------------------------
// 14. Gradient checks of everything: the table of operations, the modules, and Block, GPT and DeepNet in their variants.
void gradcheck_all(GradCheckReport *report, void *context);

#endif
