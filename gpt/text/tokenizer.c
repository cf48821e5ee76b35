// tokenizer.c: the three tokenizers behind one interface. All have a table of tokens; they differ in how text is cut into them.

#include "gpt/text/encoding.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CODE_POINTS = 0x110000 };

// Which characters a text has.
typedef struct Characters {
    bool *seen;                                    // (CODE_POINTS)
    int n;                                         // how many are
} Characters;

const char *tokenizer_name(TokenizerKind kind)
{
    static const char *const names[TOKENIZER_COUNT] = {"gpt2", "bytes", "chars"};
    return names[kind];
}

// ------------------------------------------------------------------------------------------------------------
// Making them

static Tokenizer *tokenizer_new(TokenizerKind kind)
{
    Tokenizer *tokenizer = memory_allocate(sizeof *tokenizer, "a tokenizer");
    *tokenizer = (Tokenizer){.kind = kind};
    return tokenizer;
}

Tokenizer *tokenizer_gpt2(const char *folder, Error *error)
{
    REQUIRE(folder);
    Tokenizer *tokenizer = tokenizer_new(TOKENIZER_GPT2);
    tokenizer->split = pre_tokenizer_create(error);
    if (tokenizer->split == NULL || !vocabulary_load(folder, &tokenizer->tokens, &tokenizer->bpe, error)
        || !added_tokens_read(&tokenizer->added, &tokenizer->tokens, folder, error)) {
        tokenizer_free(tokenizer);
        return NULL;
    }
    return tokenizer;
}

Tokenizer *tokenizer_bytes(void)
{
    Tokenizer *tokenizer = tokenizer_new(TOKENIZER_BYTES);
    tokens_init(&tokenizer->tokens, 256, 256);
    for (int byte = 0; byte < 256; byte++) {
        char bytes[] = {(char)byte};
        tokens_add(&tokenizer->tokens, bytes, 1);
    }
    return tokenizer;
}

// The alphabet is sorted by code point.
static Tokenizer *chars_of(const Characters *characters)
{
    enum { LONGEST = 4 };
    Tokenizer *tokenizer = tokenizer_new(TOKENIZER_CHARS);
    tokens_init(&tokenizer->tokens, characters->n, LONGEST * (size_t)characters->n);
    for (int code = 0; code < CODE_POINTS; code++) {
        if (characters->seen[code]) {
            char bytes[LONGEST];
            tokens_add(&tokenizer->tokens, bytes, (size_t)utf8_write(code, bytes));
        }
    }
    return tokenizer;
}

static bool not_utf8(char byte, size_t at, Error *error)
{
    return error_set(error, "the text is not UTF-8: byte 0x%02x at %zu", (unsigned char)byte, at);
}

// Marks each character of text; false and an error if text is no UTF-8.
static bool mark_characters(Characters *characters, const char *text, size_t n, Error *error)
{
    size_t at = 0;
    while (at < n) {
        int code;
        int length = utf8_read(text + at, n - at, &code);
        if (length <= 0) {
            return not_utf8(text[at], at, error);
        }
        characters->n += !characters->seen[code];
        characters->seen[code] = true;
        at += (size_t)length;
    }
    return true;
}

static Characters characters_none(void)
{
    return (Characters){.seen = memory_allocate_zeroed(CODE_POINTS, sizeof(bool), "an alphabet")};
}

Tokenizer *tokenizer_chars(const char *text, size_t n, Error *error)
{
    REQUIRE(text);
    Characters characters = characters_none();
    Tokenizer *tokenizer = mark_characters(&characters, text, n, error) ? chars_of(&characters) : NULL;
    free(characters.seen);
    return tokenizer;
}

Tokenizer *tokenizer_chars_of(const char *path, Error *error)
{
    Reader reader;
    if (!reader_begin(&reader, path, error)) {
        return NULL;
    }
    Characters characters = characters_none();
    bool read = true;
    while (read && !reader_is_over(&reader)) {
        read = reader_fill(&reader, error) && mark_characters(&characters, reader.text, reader.n, error);
        reader_take(&reader, reader.n);
    }
    reader_end(&reader);
    Tokenizer *tokenizer = read ? chars_of(&characters) : NULL;
    free(characters.seen);
    return tokenizer;
}

void tokenizer_free(Tokenizer *tokenizer)
{
    if (tokenizer == NULL) {
        return;
    }
    tokens_free(&tokenizer->tokens);
    bpe_free(&tokenizer->bpe);
    pre_tokenizer_free(tokenizer->split);
    added_tokens_free(&tokenizer->added);
    free(tokenizer);
}

TokenizerKind tokenizer_kind(const Tokenizer *tokenizer)
{
    REQUIRE(tokenizer);
    return tokenizer->kind;
}

int tokenizer_vocab_size(const Tokenizer *tokenizer)
{
    REQUIRE(tokenizer);
    return tokenizer->tokens.n;
}

bool tokenizer_special(const Tokenizer *tokenizer)
{
    REQUIRE(tokenizer);
    return tokenizer->added.special;
}

void tokenizer_set_special(Tokenizer *tokenizer, bool on)
{
    REQUIRE(tokenizer);
    tokenizer->added.special = on;
}

static bool is_found(const Tokenizer *tokenizer, const AddedToken *token)
{
    return tokenizer->added.special || !token->special;
}

uint64_t tokenizer_fingerprint(const Tokenizer *tokenizer)
{
    REQUIRE(tokenizer);
    uint64_t hash = hash_add(HASH_START, (uint64_t)tokenizer->kind);
    hash = hash_add(hash, (uint64_t)tokenizer->bpe.n);
    for (int id = 0; id < tokenizer->tokens.n; id++) {
        size_t n;
        const char *token = tokens_get(&tokenizer->tokens, id, &n);
        hash = hash_add(hash, n);
        for (size_t i = 0; i < n; i++) {
            hash = hash_add(hash, (unsigned char)token[i]);
        }
    }
    for (int i = 0; i < tokenizer->added.n; i++) {
        const AddedToken *token = &tokenizer->added.list[i];
        if (is_found(tokenizer, token)) {
            hash = hash_add(hash, (uint64_t)token->id << 2 | (uint64_t)token->lstrip << 1 | (uint64_t)token->rstrip);
        }
    }
    return hash;
}

const char *tokenizer_token(const Tokenizer *tokenizer, int id, size_t *n)
{
    REQUIRE(tokenizer);
    REQUIRE(n);
    return id >= 0 && id < tokenizer->tokens.n ? tokens_get(&tokenizer->tokens, id, n) : NULL;
}

int tokenizer_end_of_text(const Tokenizer *tokenizer)
{
    REQUIRE(tokenizer);
    static const char end_of_text[] = "<|endoftext|>";
    return tokens_find(&tokenizer->tokens, end_of_text, sizeof end_of_text - 1);
}

// ------------------------------------------------------------------------------------------------------------
// Encoding: text -> ids. Room for an id a byte is enough.

typedef struct Encoding {
    const Bpe *bpe;
    BpeWork *work;
    int *ids;
    size_t n_ids;
} Encoding;

static void encode_piece(const char *piece, size_t n, void *context)
{
    Encoding *encoding = context;
    encoding->n_ids += bpe_encode(encoding->bpe, encoding->work, piece, n, encoding->ids + encoding->n_ids);
}

// Text without added tokens. *n_encoded: as much of it as is certain.
static bool encode_ordinary(const Tokenizer *tokenizer, Encoding *encoding, const char *text, size_t n, bool ends, size_t *n_encoded,
                            Error *error)
{
    *n_encoded = 0;
    return n == 0 || pre_tokenizer_split(tokenizer->split, text, n, ends, encode_piece, encoding, n_encoded, error);
}

// Added tokens, and the text between them.
static bool encode_all(const Tokenizer *tokenizer, Encoding *encoding, TextPart part, size_t *n_encoded, size_t *n_special, Error *error)
{
    size_t at = 0;                                 // all before it is encoded
    size_t from = 0;                               // where the next added token is looked for
    size_t n;
    bool going = true;
    bool done = true;
    while (done && going) {
        AddedMatch match = added_tokens_match(&tokenizer->added, part.text, part.n, from, part.ends);
        *n_special += match.token != NULL && match.token->special;
        from = match.end;
        if (match.token != NULL && !is_found(tokenizer, match.token)) {
            continue;                              // ordinary text
        }
        bool ends = match.token != NULL || (part.ends && match.start == part.n);
        done = encode_ordinary(tokenizer, encoding, part.text + at, match.start - at, ends, &n, error);
        at += n;
        going = match.token != NULL;
        if (done && going) {
            encoding->ids[encoding->n_ids] = match.token->id;
            encoding->n_ids++;
            at = match.end;
        }
    }
    *n_encoded = at;
    return done;
}

static bool encode_gpt2(const Tokenizer *tokenizer, TextPart part, int *ids, size_t *n_ids, size_t *n_encoded, size_t *n_special,
                        Error *error)
{
    Encoding encoding = {.bpe = &tokenizer->bpe, .work = bpe_work_create(), .ids = ids};
    bool done = encode_all(tokenizer, &encoding, part, n_encoded, n_special, error);
    bpe_work_free(encoding.work);
    *n_ids = encoding.n_ids;
    return done;
}

static bool encode_bytes(TextPart part, int *ids, size_t *n_ids, size_t *n_encoded)
{
    for (size_t i = 0; i < part.n; i++) {
        ids[i] = (unsigned char)part.text[i];
    }
    *n_ids = part.n;
    *n_encoded = part.n;
    return true;
}

// The alphabet's first characters, as many as a line has room for: what can be written.
enum { ALPHABET_TEXT = 160 };

static const char *alphabet_text(const Tokens *tokens, char text[ALPHABET_TEXT])
{
    static const char more[] = " ...";
    size_t used = 0;
    int id = 0;
    for (; id < tokens->n; id++) {
        size_t n;
        const char *character = tokens_get(tokens, id, &n);
        char control[8];                           // a line's end, say: a message is one line
        if ((unsigned char)character[0] < 0x20) {
            n = (size_t)snprintf(control, sizeof control, "\\x%02x", (unsigned char)character[0]);
            character = control;
        }
        if (used + n + sizeof more > ALPHABET_TEXT) {
            break;
        }
        memcpy(text + used, character, n);
        used += n;
    }
    snprintf(text + used, ALPHABET_TEXT - used, "%s", id < tokens->n ? more : "");
    return text;
}

static bool encode_chars(const Tokenizer *tokenizer, TextPart part, int *ids, size_t *n_ids, size_t *n_encoded, Error *error)
{
    size_t at = 0;
    *n_ids = 0;
    while (at < part.n) {
        const char *character = part.text + at;
        int code;
        int length = utf8_read(character, part.n - at, &code);
        if (length <= 0) {
            return not_utf8(*character, part.offset + at, error);
        }
        int id = tokens_find(&tokenizer->tokens, character, (size_t)length);
        if (id < 0) {
            char alphabet[ALPHABET_TEXT];
            return error_set(error, "the text's character '%.*s' after %zu byte%s is not in the alphabet of %d: %s",
                             length, character, part.offset + at, plural((double)(part.offset + at)), tokenizer->tokens.n,
                             alphabet_text(&tokenizer->tokens, alphabet));
        }
        ids[*n_ids] = id;
        (*n_ids)++;
        at += (size_t)length;
    }
    *n_encoded = part.n;
    return true;
}

bool tokenizer_encode_part(const Tokenizer *tokenizer, TextPart part, int *ids, size_t *n_ids, size_t *n_encoded, size_t *n_special,
                           Error *error)
{
    size_t ignored = 0;
    switch (tokenizer->kind) {
    case TOKENIZER_GPT2:
        return encode_gpt2(tokenizer, part, ids, n_ids, n_encoded, n_special != NULL ? n_special : &ignored, error);
    case TOKENIZER_BYTES:
        return encode_bytes(part, ids, n_ids, n_encoded);
    case TOKENIZER_CHARS:
    case TOKENIZER_COUNT:
        return encode_chars(tokenizer, part, ids, n_ids, n_encoded, error);
    }
    return false;
}

bool tokenizer_encode(const Tokenizer *tokenizer, const char *text, size_t n, int **ids, size_t *n_ids, Error *error)
{
    REQUIRE(tokenizer);
    REQUIRE(text);
    REQUIRE(ids);
    REQUIRE(n_ids);
    TextPart whole = {.text = text, .n = n, .ends = true};
    size_t n_encoded;
    *ids = memory_allocate((n + 1) * sizeof **ids, "the tokens");
    if (!tokenizer_encode_part(tokenizer, whole, *ids, n_ids, &n_encoded, NULL, error)) {
        free(*ids);
        *ids = NULL;
        *n_ids = 0;
        return false;
    }
    return true;
}

size_t tokenizer_count_special(const Tokenizer *tokenizer, const char *text, size_t n)
{
    REQUIRE(tokenizer);
    REQUIRE(text);
    size_t count = 0;
    size_t at = 0;
    while (at < n) {
        AddedMatch match = added_tokens_match(&tokenizer->added, text, n, at, true);
        count += match.token != NULL && match.token->special;
        at = match.end;
    }
    return count;
}

// ------------------------------------------------------------------------------------------------------------
// Decoding: ids -> text: the tokens' bytes, one after the other

static bool measure(const Tokenizer *tokenizer, const int *ids, size_t n_ids, size_t *n, Error *error)
{
    size_t total = 0;
    for (size_t i = 0; i < n_ids; i++) {
        size_t length;
        if (tokenizer_token(tokenizer, ids[i], &length) == NULL) {
            return error_set(error, "id %d is out of range; the vocabulary has 0 to %d", ids[i], tokenizer->tokens.n - 1);
        }
        total += length;
    }
    *n = total;
    return true;
}

bool tokenizer_decode(const Tokenizer *tokenizer, const int *ids, size_t n_ids, char **text, size_t *n, Error *error)
{
    REQUIRE(tokenizer);
    REQUIRE(ids);
    REQUIRE(text);
    REQUIRE(n);
    size_t total = 0;
    *text = NULL;
    *n = 0;
    if (!measure(tokenizer, ids, n_ids, &total, error)) {
        return false;
    }
    char *bytes = memory_allocate(total + 1, "the text");
    size_t used = 0;
    for (size_t i = 0; i < n_ids; i++) {
        size_t length;
        const char *token = tokens_get(&tokenizer->tokens, ids[i], &length);
        memcpy(bytes + used, token, length);
        used += length;
    }
    bytes[used] = '\0';
    *text = bytes;
    *n = used;
    return true;
}
