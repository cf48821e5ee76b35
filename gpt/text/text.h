// text.h: inside gpt/text/: what the tokenizers are made of.
//
//      vocabulary.c  files  --> Tokens, Bpe      with source.c and encoder.c
//      split.c       text   --> pieces, which merges don't cross
//      bpe.c         piece  --> ids
//      tokens.c      id    <--> bytes
//      tokenizer_files.c  a tokenizer  <-->  the files of a model's folder

#ifndef GPTAPE_TEXT_H
#define GPTAPE_TEXT_H

#include "gpt/gpt.h"

// A vocabulary: bytes for each id, and the way back.
typedef struct Tokens {
    int n;
    int capacity;
    char *bytes;                                   // of all tokens, one after the other
    size_t *start;                                 // (n + 1) where each begins, and the last one ends
    int *slots;                                    // (n_slots) hash table: an id, or -1
    size_t n_slots;                                // a power of two, at least twice the capacity
} Tokens;

void tokens_init(Tokens *tokens, int capacity, size_t bytes);          // room for that many, of that many bytes in all
void tokens_free(Tokens *tokens);
bool tokens_add(Tokens *tokens, const char *bytes, size_t n);          // as the next id; false if they have one already
int tokens_find(const Tokens *tokens, const char *bytes, size_t n);    // the id, or -1
const char *tokens_get(const Tokens *tokens, int id, size_t *n);       // the bytes

// Byte-level byte-pair encoding: two neighbours that are a merge become one token, the merge of lowest rank first.
typedef struct Merge {
    int left, right;                               // two tokens; left is -1 where a slot is empty
    int rank;                                      // its place in the file
    int id;                                        // the token that they become
} Merge;

typedef struct Bpe {
    int byte_id[256];                              // the token of each single byte
    int n;
    Merge *merges;                                 // (1 << bits) hash table, at most half full
    int bits;
} Bpe;

void bpe_init(Bpe *bpe, int capacity);             // room for that many merges
void bpe_free(Bpe *bpe);
bool bpe_add(Bpe *bpe, int left, int right, int id);                   // with the next rank; false if there is such a merge
const Merge *bpe_find(const Bpe *bpe, int left, int right);            // NULL if there is none

// What encoding a piece works in, kept from one to the next.
typedef struct BpeWork BpeWork;

BpeWork *bpe_work_create(void);
void bpe_work_free(BpeWork *work);
size_t bpe_work_steps(const BpeWork *work);        // merges looked up and heap places moved so far, for tests

// n bytes -> ids (room for n), how many of them is returned.
size_t bpe_encode(const Bpe *bpe, BpeWork *work, const char *piece, size_t n, int *ids);

// A file of a vocabulary, in which each byte of a token is a letter.
typedef struct Source {
    char *path;
    char *text;                                    // n bytes of UTF-8, and a '\0'
    size_t n;
    int byte_of[0x200];                            // of letters, by code point; -1 if it stands for none
} Source;

bool source_is_there(const char *folder, const char *name);
bool source_read(Source *source, const char *folder, const char *name, Error *error);  // free with source_free either way
void source_free(Source *source);
bool source_has_version(const Source *source);     // does it begin as merges do?
int letter_of_byte(int byte);                      // the code point that a byte is written as

// Spells letters out as bytes, in place: there are never more. False if there are none, or one stands for no byte.
bool source_spell(const Source *source, char *letters, size_t n, size_t *n_bytes);

// The tokens of a JSON file. Free them with tokens_free either way.
bool encoder_read(const Source *source, Tokens *tokens, Error *error);

// Both from the files in folder; false, and nothing to free, if anything in them is wrong.
bool vocabulary_load(const char *folder, Tokens *tokens, Bpe *bpe, Error *error);

// GPT-2's split of text.
typedef struct Split Split;
typedef void SplitPiece(const char *piece, size_t n, void *context);

Split *split_create(Error *error);
void split_free(Split *split);
bool split_text(const Split *split, const char *text, size_t n, SplitPiece *on_piece, void *context, Error *error);

struct Tokenizer {
    TokenizerKind kind;
    Tokens tokens;
    Split *split;                                  // gpt2
    Bpe bpe;                                       // gpt2
};

#endif
