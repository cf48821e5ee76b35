// encoding.h: internal to gpt/text/: the parts of the tokenizers.
//
//      vocabulary.c  files  --> Tokens, Bpe      with source.c
//      pre_tokenizer.c       text   --> pieces, which merges don't cross
//      bpe.c         piece  --> ids
//      tokens.c      id    <--> bytes
//      tokenizer_files.c  a tokenizer  <-->  the files of a model's folder
//
// and how a text that is too long for memory reaches them:
//
//      reader.c      file  --> parts of whole characters
//      dataset.c     parts --> ids, kept in a file by token_file.c --> rows of a batch

#ifndef GPTAPE_ENCODING_H
#define GPTAPE_ENCODING_H

#include "gpt/base/base.h"
#include "gpt/base/hash.h"
#include "gpt/text/text.h"

enum { CODE_POINTS = 0x110000 }; // of Unicode

// A vocabulary: bytes for each id, and the way back.
typedef struct Tokens {
    int n;
    int capacity;
    char *bytes;    // of all tokens, concatenated
    size_t *start;  // (n + 1) where each begins, and the last one ends
    int *slots;     // (n_slots) hash table: an id, or -1
    size_t n_slots; // a power of two, at least twice the capacity
} Tokens;

void tokens_init(Tokens *tokens, int capacity, size_t bytes);  // room for that many, of that many bytes in all
void tokens_make_room(Tokens *tokens, int more, size_t bytes); // for more tokens, of that many more bytes in all
void tokens_free(Tokens *tokens);
bool tokens_add(Tokens *tokens, const char *bytes, size_t n);       // as the next id; false if another has the same bytes
int tokens_find(const Tokens *tokens, const char *bytes, size_t n); // the first id, or -1
const char *tokens_get(const Tokens *tokens, int id, size_t *n);    // the bytes

// Byte-level byte-pair encoding: two neighbors that are a merge become one token, the merge of lowest rank first.
typedef struct Merge {
    int left, right; // two tokens; left is -1 where a slot is empty
    int rank;        // its place in the file
    int id;          // the token that they become
} Merge;

typedef struct Bpe {
    int byte_id[256]; // the token of each single byte
    int n;
    Merge *merges; // (1 << bits) hash table, at most half full
    int bits;
} Bpe;

void bpe_init(Bpe *bpe, int capacity); // room for that many merges
void bpe_free(Bpe *bpe);
bool bpe_add(Bpe *bpe, int left, int right, int id);        // with the next rank; false if there is such a merge
const Merge *bpe_find(const Bpe *bpe, int left, int right); // NULL if there is none

// Scratch memory for encoding a piece, reused for the next.
typedef struct BpeWork BpeWork;

BpeWork *bpe_work_create(void);
void bpe_work_free(BpeWork *work);
size_t bpe_work_steps(const BpeWork *work); // merges looked up and heap places moved so far, for tests

// n bytes -> ids (room for n), how many of them is returned.
size_t bpe_encode(const Bpe *bpe, BpeWork *work, const char *piece, size_t n, int *ids);

// A file of a vocabulary, in which each byte of a token is a letter.
typedef struct Source {
    char *path;
    char *text; // n bytes of UTF-8, and a '\0'
    size_t n;
} Source;

#define TOKENIZER_JSON "tokenizer.json"
#define END_OF_TEXT "<|endoftext|>"

bool source_read(Source *source, const char *folder, const char *name, Error *error); // free with source_free either way
void source_free(Source *source);
bool source_has_version(const Source *source); // does it look like merges?
int letter_of_byte(int byte);                  // the code point that a byte is written as

// Spells letters out as bytes, in place: there are never more. False if there are none, or one stands for no byte.
bool spell_letters(char *letters, size_t n, size_t *n_bytes);

// Does tokenizer.json describe a tokenizer of GPT-2's kind? The error names the key that is not supported.
bool tokenizer_json_check(const char *path, const struct cJSON *json, Error *error);

// The vocabulary in tokenizer.json: its tokens, and its merges as lines of a file. Free both either way.
bool tokenizer_json_read(const Source *whole, struct cJSON **vocabulary, Source *merges, Error *error);

// Both from the files in folder; false if anything in them is wrong. Both must be {0} before; free them either way.
bool vocabulary_load(const char *folder, Tokens *tokens, Bpe *bpe, Error *error);

// ------------------------------------------------------------------------------------------------------------
// Added tokens, which are found in a text before it is split

#define TOKENIZER_CONFIG "tokenizer_config.json"

// A compiled PCRE2 pattern, from n bytes of text. The caller frees it with pcre2_code_free.
typedef struct pcre2_real_code_8 Pattern;
Pattern *pattern_compile(const char *text, size_t n, uint32_t options, uint32_t jit, Error *error);

typedef struct AddedToken {
    char *content; // its text, UTF-8
    int id;
    bool special;        // found only while special tokens are on
    bool lstrip, rstrip; // takes the white space before it, after it
    bool normalized;     // found only in the text between those that are not
    bool described;      // does a file describe it, and not only give its id?
} AddedToken;

enum { ADDED_LEVELS = 2 }; // those that are not normalized, and those that are

typedef struct AddedTokens {
    AddedToken *list;
    int n;
    int capacity;
    int n_base;                  // ids below it are the vocabulary's own
    bool listed;                 // does the folder define any?
    bool off;                    // does it say that special tokens are ordinary text?
    bool generic;                // is its class PreTrainedTokenizerFast, which takes tokenizer.json as it is?
    bool decoded;                // does its tokenizer_config.json list the added tokens?
    bool special;                // are special tokens on?
    Pattern *code[ADDED_LEVELS]; // finds those of a level; NULL if there are none
    size_t longest;              // bytes of text that decide whether a token begins at a place
} AddedTokens;

// Those that the files of folder define; tokens gets those that it lacks. Free them with added_tokens_free either way.
bool added_tokens_read(AddedTokens *added, Tokens *tokens, const char *folder, Error *error);
bool added_tokens_compile(AddedTokens *added, Error *error);
AddedToken *added_token_find(const AddedTokens *added, const char *content, size_t n); // NULL if there is none
bool added_token_is_found(const AddedTokens *added, const AddedToken *token);          // a special one only while they are on
void added_tokens_free(AddedTokens *added);
void added_tokens_write(const void *tokenizer, FILE *stream); // tokenizer_config.json

// ------------------------------------------------------------------------------------------------------------

// GPT-2's split of text.
typedef void PreTokenPiece(const char *piece, size_t n, void *context);
Pattern *pre_tokenizer_create(Error *error);

// Calls on_piece with each piece of n bytes of text. If the text continues after them (ends is false), not with those at the end
// that might be split differently with the rest; *n_split bytes were split.
bool pre_tokenizer_split(const Pattern *split, const char *text, size_t n, bool ends, PreTokenPiece *on_piece, void *context, size_t *n_split,
                         Error *error);

// A part of a text, of whole characters if the text is UTF-8.
typedef struct TextPart {
    const char *text; // n bytes
    size_t n;
    size_t offset; // where it begins in the whole
    bool ends;     // is it the last one?
} TextPart;

// The next added token of a level.
typedef struct AddedMatch {
    const AddedToken *token; // NULL: there is none
    size_t start, end;       // with the white space that it takes; without a token, both are where the certain text ends
    size_t next;             // where to look for the one after
} AddedMatch;

// The first at from or after it; what is before at belongs to earlier tokens.
AddedMatch added_tokens_match(const AddedTokens *added, int level, TextPart part, size_t at, size_t from);

// Encodes as much of the part as later text cannot change, *n_encoded bytes; all of the last part. ids has room for n ids. The ids of all
// parts, each beginning where the previous one's encoding ended, are those of the whole text. n_special, if not NULL, is increased by the
// number of special tokens in the text, encoded as tokens or, where they are off, as ordinary text.
bool tokenizer_encode_part(const Tokenizer *tokenizer, TextPart part, int *ids, size_t *n_ids, size_t *n_encoded, size_t *n_special, Error *error);

// A text that is read part by part, after its byte order mark if it has one. It must be UTF-8, and have no zero bytes.
typedef struct Reader {
    char *name;     // for messages
    FILE *file;     // NULL: all of it is in the buffer
    char *text;     // the part: what has not been taken yet
    size_t n;       // its bytes, of whole characters
    size_t waiting; // after them, the beginning of a character: 0 to 3 bytes
    size_t capacity;
    size_t offset; // where the part begins in the file
    size_t size;   // of the text as the file system has it
    bool ends;     // the part is the last one
} Reader;

bool reader_begin(Reader *reader, const char *path, Error *error); // path NULL: the built-in stories. Call reader_end either way
void reader_end(Reader *reader);
bool reader_fill(Reader *reader, Error *error); // reads more, after what was left; doubles the room if nothing was taken
void reader_take(Reader *reader, size_t n);     // drops the first n bytes of the part
bool reader_is_over(const Reader *reader);      // nothing is left

// A text's tokens in a file: a header about their origin, and then all ids, in 2 bytes each or 4.
typedef struct CacheHeader {
    char magic[16];
    uint64_t tokenizer; // its fingerprint
    uint64_t text;      // a number that changes with the text
    uint64_t n_tokens;
    uint64_t id_bytes;    // 2 if all ids fit, else 4
    uint64_t fingerprint; // of all ids
    uint64_t check;       // of the header itself
} CacheHeader;

uint64_t cache_check(const CacheHeader *header);                     // the value that its check must have
CacheHeader cache_header(const Tokenizer *tokenizer, uint64_t text); // of no tokens so far
bool cache_begin(FILE *file);                                        // leaves room for the header; each returns false if it can't be written
bool cache_add(FILE *file, CacheHeader *header, int *ids, size_t n); // ids are scratch afterwards
bool cache_end(FILE *file, CacheHeader *header);

// Gives a file of tokens to the data set, which owns it then, if it was made as wanted says and every byte of it is as it was written.
// Otherwise false and an error such as "is truncated".
bool cache_take(FILE *file, const CacheHeader *wanted, int vocab_size, Dataset *dataset, Error *error);

bool tokenizer_not_utf8(char byte, size_t at, Error *error); // sets the error and returns false

struct Tokenizer {
    TokenizerKind kind;
    Tokens tokens;
    Pattern *split;    // gpt2
    Bpe bpe;           // gpt2
    AddedTokens added; // gpt2
};

// The files that store a tokenizer, at most TOKENIZER_FILES. They borrow the tokenizer.
enum { TOKENIZER_FILES = 4 };
int tokenizer_files(const Tokenizer *tokenizer, FolderFile files[TOKENIZER_FILES]);

#endif
