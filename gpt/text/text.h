// text.h: text as token ids, and as batches for training.

#ifndef GPTAPE_TEXT_H
#define GPTAPE_TEXT_H

#include "gpt/base/base.h"

// ------------------------------------------------------------------------------------------------------------
// 1. Tokenizers

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

// Special tokens, <|endoftext|> for example: on, their text becomes their id; off, it is ordinary text. On at first where the files of the
// vocabulary define any (tokenizer.json, tokenizer_config.json, special_tokens_map.json), else off. Other added tokens are always found.
bool tokenizer_special(const Tokenizer *tokenizer);
void tokenizer_set_special(Tokenizer *tokenizer, bool on);
size_t tokenizer_count_special(const Tokenizer *tokenizer, const char *text, size_t n);        // how many a text has, on or off

// n bytes of text -> ids, at most one a byte; n_ids ids -> bytes, with a '\0' behind them. The caller frees what is made. An
// error if a character is not in the alphabet of chars, or an id not in the vocabulary.
bool tokenizer_encode(const Tokenizer *tokenizer, const char *text, size_t n, int **ids, size_t *n_ids, Error *error);
bool tokenizer_decode(const Tokenizer *tokenizer, const int *ids, size_t n_ids, char **text, size_t *n, Error *error);

// Where GPT-2's vocabulary is looked for: given if not NULL, else $GPTAPE_DATA, else $XDG_DATA_HOME/gptape, else
// ~/.local/share/gptape. The caller frees it.
char *vocabulary_folder(const char *given);
bool vocabulary_found(const char *folder);         // is any of its files there?

// B rows of T bytes as ids, and for each the byte that follows as target, from places that lie evenly in a built-in text of about
// a thousand. The vocabulary must have 256 ids. Both arrays (B, T) are the caller's.
bool passage_batch(int B, int T, int *ids, int *targets, Error *error);

// The tokenizer of a folder whose model has vocab_size tokens, as tokenizer_load finds it (gpt/store/store.h).
Tokenizer *tokenizer_from_folder(const char *folder, int vocab_size, Error *error);

// What a tokenizer is kept in: at most TOKENIZER_FILES. What they write is the tokenizer's.
enum { TOKENIZER_FILES = 4 };
int tokenizer_files(const Tokenizer *tokenizer, FolderFile files[TOKENIZER_FILES]);

// ------------------------------------------------------------------------------------------------------------
// 2. Data: a text as token ids, in two splits, one to train on and one to validate on
//
//      text --part by part--> Tokenizer --> data.bin:  | train, 90%                    | val, 10% |
//                                                        '- T + 1 ids -'
//                                                           a row: ids 0 ... T-1, targets 1 ... T

typedef enum DatasetSplit { SPLIT_TRAIN, SPLIT_VAL, SPLIT_COUNT } DatasetSplit;

const char *split_name(DatasetSplit split);        // "train", "val"

typedef struct Dataset {
    char *name;                                    // the text's file, or "stories"
    size_t n_tokens;
    size_t start[SPLIT_COUNT + 1];                 // where each split begins, and the last one ends
    uint64_t fingerprint;                          // a number that depends on every id
    bool reused;                                   // the tokens were there already
    size_t n_special;                              // special tokens in the text, found or left as ordinary text (tokenizer_special)
    Error note;                                    // one line on why those that were there were not used; "" if there is none
    FILE *file;                                    // the tokens: a header, and n_tokens uint16_t or uint32_t. Its own
    char *file_name;                               // for messages
    int id_bytes;                                  // 2 or 4
} Dataset;

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

// B rows from random places of a split, each equally likely; ids and targets (B, T) are the caller's. A file of tokens that was truncated
// since is reported by fail_file, here and in the functions below.
void dataset_batch(const Dataset *dataset, DatasetSplit split, Random *random, int B, int T, int *ids, int *targets);

void dataset_ids(const void *dataset, size_t first, size_t n, int *ids);       // n of its ids, from the first-th on (a TokenReader)

// Batch number batch of n_batches that are the same every time: their rows lie evenly in the split.
void dataset_eval_batch(const Dataset *dataset, DatasetSplit split, int batch, int n_batches, int B, int T, int *ids, int *targets);

#endif
