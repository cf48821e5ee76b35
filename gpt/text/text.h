// text.h: text as token ids, and as batches for training.

#ifndef GPTAPE_TEXT_H
#define GPTAPE_TEXT_H

#include "tensor/tensor.h"

#include "tensor/public_begin.h"

// ------------------------------------------------------------------------------------------------------------
// 1. Tokenizers

// Text as token ids, and back:
//
//      gpt2     "Hello, I am" --split--> "Hello" "," " I" " am" --merge--> 15496 11 314 716
//      bytes    "Hello"  --------------------------------------------> 72 101 108 108 111      an id is a byte
//      chars    "Hello"  --------------------------------------------> 0 1 2 2 3              a place in the alphabet H e l o
//
// decode(encode(text)) = text, for any bytes with gpt2 and bytes, and for any UTF-8 of the alphabet with chars.
typedef enum TokenizerKind { TOKENIZER_GPT2, TOKENIZER_BYTES, TOKENIZER_CHARS, TOKENIZER_COUNT } TokenizerKind;

const char *tokenizer_name(TokenizerKind kind); // "gpt2"

enum { GPT2_VOCABULARY = 50257, GPT2_END_OF_TEXT = 50256 }; // GPT-2's tokens, and the last of them, which ends a text

typedef struct Tokenizer Tokenizer;

// The caller frees each with tokenizer_free. NULL and an error that names the file if the vocabulary in folder (vocab.bpe and
// encoder.json, or merges.txt and vocab.json, or tokenizer.json) is incomplete or invalid, or if the alphabet's text is not UTF-8.
Tokenizer *tokenizer_gpt2(const char *folder, Error *error);
Tokenizer *tokenizer_bytes(void);
Tokenizer *tokenizer_chars(const char *text, size_t n, Error *error);
Tokenizer *tokenizer_chars_of(const char *path, Error *error); // the alphabet of a file of any length, or of the stories (NULL)
void tokenizer_free(Tokenizer *tokenizer);

TokenizerKind tokenizer_kind(const Tokenizer *tokenizer);
int tokenizer_vocab_size(const Tokenizer *tokenizer);                       // ids are 0 ... this - 1
uint64_t tokenizer_fingerprint(const Tokenizer *tokenizer);                 // equal only for tokenizers that give the same ids
const char *tokenizer_token(const Tokenizer *tokenizer, int id, size_t *n); // its n bytes, owned by the tokenizer; NULL if none
int tokenizer_end_of_text(const Tokenizer *tokenizer);                      // the id of GPT-2's <|endoftext|>; -1 with bytes and chars

// Special tokens, <|endoftext|> for example: on, their text becomes their id; off, it is ordinary text. On at first where the files of the
// vocabulary define any (tokenizer.json, tokenizer_config.json, special_tokens_map.json), else off. Other added tokens are always found.
bool tokenizer_special(const Tokenizer *tokenizer);
void tokenizer_set_special(Tokenizer *tokenizer, bool on);
size_t tokenizer_count_special(const Tokenizer *tokenizer, const char *text, size_t n); // how many a text has, on or off

// n bytes of text -> ids, at most one per byte; n_ids ids -> bytes, followed by '\0'. The caller frees the result. An
// error if a character is not in the alphabet of chars, or an id not in the vocabulary.
bool tokenizer_encode(const Tokenizer *tokenizer, const char *text, size_t n, int **ids, size_t *n_ids, Error *error);
bool tokenizer_decode(const Tokenizer *tokenizer, const int *ids, size_t n_ids, char **text, size_t *n, Error *error);

// The folder of GPT-2's vocabulary: given if not NULL, else $GPTAPE_DATA, else $XDG_DATA_HOME/gptape, else
// ~/.local/share/gptape. The caller frees it.
char *vocabulary_folder(const char *given);
bool vocabulary_found(const char *folder); // does any of its files exist?

// B rows of T bytes as ids, with the following byte of each as target, from evenly spaced places of a built-in text of about a thousand
// bytes. The vocabulary must have 256 ids. Both arrays (B, T) belong to the caller.
bool passage_batch(int B, int T, int *ids, int *targets, Error *error);

// The tokenizer of a folder whose model has vocab_size tokens, as tokenizer_load finds it (gpt/store/store.h).
Tokenizer *tokenizer_from_folder(const char *folder, int vocab_size, Error *error);

// ------------------------------------------------------------------------------------------------------------
// 2. Data: a text as token ids, in two splits, one to train on and one to validate on
//
//      text --part by part--> Tokenizer --> data.bin:  | train, 90%                    | val, 10% |
//                                                        '- T + 1 ids -'
//                                                           a row: ids 0 ... T-1, targets 1 ... T

typedef enum DatasetSplit { SPLIT_TRAIN, SPLIT_VAL, SPLIT_COUNT } DatasetSplit;

typedef struct Dataset {
    char *name; // the text's file name, or "stories"
    size_t n_tokens;
    size_t start[SPLIT_COUNT + 1]; // the first token of each split, and the end of the last
    uint64_t fingerprint;          // a hash of all ids
    bool reused;                   // were the tokens read from data.bin?
    size_t n_special;              // special tokens in the text, found or left as ordinary text (tokenizer_special)
    Error note;                    // why an existing data.bin was not used; "" if nothing to say
    FILE *file;                    // the tokens: a header, and n_tokens uint16_t or uint32_t. Its own
    char *file_name;               // for messages
    int id_bytes;                  // 2 or 4
} Dataset;

// Called periodically while a text is tokenized: done of n MiB.
typedef void DatasetProgress(int done, int n, void *context);

// The tokens of the UTF-8 text at path (NULL: the built-in stories), without a byte order mark. They are stored as data.bin in folder and
// reused when the same text is opened again with the same tokenizer; folder NULL stores nothing. The text may be longer than memory. The caller
// frees the result with dataset_free. NULL and an error if the file cannot be read, is empty or not UTF-8, if the tokenizer lacks one of its
// characters, or if the tokens cannot be written.
Dataset *dataset_open(const char *path, const Tokenizer *tokenizer, const char *folder, DatasetProgress *progress, void *context, Error *error);
// The same, but nothing is written to folder: if its data.bin doesn't fit, the tokens go to a temporary file.
Dataset *dataset_open_shared(const char *path, const Tokenizer *tokenizer, const char *folder, Error *error);
void dataset_free(Dataset *dataset);

size_t dataset_tokens(const Dataset *dataset, DatasetSplit split); // tokens in a split
bool dataset_check(const Dataset *dataset, int T, Error *error);   // does each split have the T + 1 tokens of a row?

// B rows from uniformly random places of a split; ids and targets (B, T) belong to the caller. A file of tokens that was truncated
// since is reported by fail_file, here and in the functions below.
void dataset_batch(const Dataset *dataset, DatasetSplit split, Random *random, int B, int T, int *ids, int *targets);

void dataset_skip_batch(Random *random, int B); // advances random as dataset_batch does, without reading

void dataset_ids(const void *dataset, size_t first, size_t n, int *ids); // n of its ids, from index first on (a TokenReader)

// Batch number batch of n_batches fixed ones, whose rows are evenly spaced in the split.
void dataset_eval_batch(const Dataset *dataset, DatasetSplit split, int batch, int n_batches, int B, int T, int *ids, int *targets);

// ------------------------------------------------------------------------------------------------------------
// 3. Data without a text: batches from a function

// Fills B rows of T ids below the model's vocabulary size, and the target of each, TARGET_IGNORED where there is nothing to predict (but not
// everywhere). Draw only from random, which is seeded again for each batch, and keep no state between calls: then a resumed run, and each of
// several ranks, gets the same batches. gpt/train/train.h has an example.
typedef void BatchFunction(void *context, Random *random, int B, int T, int *ids, int *targets);

typedef struct BatchSource {
    const char *name;    // for messages and plots
    BatchFunction *fill; // NULL: no source
    void *context;
    double guess_loss; // of a uniform guess among the possible answers; 0: unknown
} BatchSource;

// The next batch: draws one number from random to seed the function's generator.
void batch_draw(const BatchSource *source, Random *random, int B, int T, int *ids, int *targets);

// Synthetic tasks, s the symbols 0 ... n_symbols - 1, each drawn uniformly:
//
//      copy          s1 s2 ... sh s1 s2 ...      the next token, from the second half on, h = (T + 2) / 2, rounded down
//      shift:K       s1 s2 ... sT                at position t the token of position t - K
//      modular:K     a b = c a b = c ...         at each "=", which is token K, the sum c = (a + b) mod K; a and b below K
//
// All other targets are ignored. guess_loss is log(n_symbols).
typedef enum TaskKind { TASK_COPY, TASK_SHIFT, TASK_MODULAR, TASK_COUNT } TaskKind;
enum { TASK_MOST = 65535, TASK_NAME = 32 };

typedef struct Task {
    TaskKind kind;
    int k;
    int n_symbols;        // set by task_fit
    char name[TASK_NAME]; // "shift:3"
} Task;

bool task_read(const char *text, Task *task, Error *error);
int task_vocabulary(const Task *task); // the default: 64, or K + 1
// For rows of T tokens of a model: copy and shift use its whole vocabulary. False and an error if the vocabulary or the rows are too small.
bool task_fit(Task *task, int vocab_size, int T, Error *error);
BatchSource task_source(const Task *task); // borrows the task

#include "tensor/public_end.h"

#endif
