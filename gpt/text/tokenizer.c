// tokenizer.c: the three tokenizers behind one interface. All have a table of tokens; they differ in how text is cut into them.

#include "gpt/text/encoding.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <stdlib.h>
#include <string.h>

// Which characters a text has.
typedef struct Characters {
    bool seen[CODE_POINTS];
    int n; // how many are
} Characters;

const char *tokenizer_name(TokenizerKind kind)
{
    static const char *const names[TOKENIZER_COUNT] = {"gpt2", "bytes", "chars"};
    return WORD_AT(names, (int)kind);
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

bool tokenizer_not_utf8(char byte, size_t at, Error *error)
{
    return error_set(error, "the text is not UTF-8: byte 0x%02x at %zu", (unsigned char)byte, at);
}

// Marks each character of text; false and an error if text is not UTF-8.
static bool mark_characters(Characters *characters, const char *text, size_t n, Error *error)
{
    size_t at = 0;
    while (at < n) {
        int code;
        int length = utf8_read(text + at, n - at, &code);
        if (length <= 0) {
            return tokenizer_not_utf8(text[at], at, error);
        }
        characters->n += !characters->seen[code];
        characters->seen[code] = true;
        at += (size_t)length;
    }
    return true;
}

Tokenizer *tokenizer_chars(const char *text, size_t n, Error *error)
{
    REQUIRE(text);
    AUTO_FREE Characters *characters = memory_allocate_zeroed(1, sizeof *characters, "an alphabet");
    return mark_characters(characters, text, n, error) ? chars_of(characters) : NULL;
}

Tokenizer *tokenizer_chars_of(const char *path, Error *error)
{
    AUTO(reader_end) Reader reader = {0};
    if (!reader_begin(&reader, path, error)) {
        return NULL;
    }
    AUTO_FREE Characters *characters = memory_allocate_zeroed(1, sizeof *characters, "an alphabet");
    bool read = true;
    while (read && !reader_is_over(&reader)) {
        read = reader_fill(&reader, error) && mark_characters(characters, reader.text, reader.n, error);
        reader_take(&reader, reader.n);
    }
    return read ? chars_of(characters) : NULL;
}

void tokenizer_free(Tokenizer *tokenizer)
{
    if (tokenizer == NULL) {
        return;
    }
    tokens_free(&tokenizer->tokens);
    bpe_free(&tokenizer->bpe);
    pcre2_code_free(tokenizer->split);
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

uint64_t tokenizer_fingerprint(const Tokenizer *tokenizer)
{
    REQUIRE(tokenizer);
    uint64_t hash = hash_add(HASH_START, (uint64_t)tokenizer->kind);
    hash = hash_add(hash, (uint64_t)tokenizer->bpe.n);
    for (int id = 0; id < tokenizer->tokens.n; id++) {
        size_t n;
        const char *token = tokens_get(&tokenizer->tokens, id, &n);
        hash = hash_bytes(hash_add(hash, n), token, n);
    }
    for (int i = 0; i < tokenizer->added.n; i++) {
        const AddedToken *token = &tokenizer->added.list[i];
        if (added_token_is_found(&tokenizer->added, token)) {
            bool unusual = token->normalized == token->special;
            hash = hash_add(hash, (uint64_t)unusual << 32 | (uint64_t)token->id << 2 | (uint64_t)token->lstrip << 1 | (uint64_t)token->rstrip);
        }
    }
    return hash;
}

const char *tokenizer_token(const Tokenizer *tokenizer, int id, size_t *n)
{
    REQUIRE(tokenizer, n);
    return id >= 0 && id < tokenizer->tokens.n ? tokens_get(&tokenizer->tokens, id, n) : NULL;
}

int tokenizer_end_of_text(const Tokenizer *tokenizer)
{
    REQUIRE(tokenizer);
    return tokens_find(&tokenizer->tokens, END_OF_TEXT, sizeof END_OF_TEXT - 1);
}

// ------------------------------------------------------------------------------------------------------------
// Decoding: ids -> text: the tokens' bytes, concatenated

bool tokenizer_decode(const Tokenizer *tokenizer, const int *ids, size_t n_ids, char **text, size_t *n, Error *error)
{
    REQUIRE(tokenizer, ids, text, n);
    size_t length;
    *text = NULL;
    *n = 0;
    size_t total = 0;
    for (size_t i = 0; i < n_ids; i++) {
        if (tokenizer_token(tokenizer, ids[i], &length) == NULL) {
            return error_set(error, "id %d is out of range; the vocabulary has 0 to %d", ids[i], tokenizer->tokens.n - 1);
        }
        total += length;
    }
    *text = memory_allocate(total + 1, "the text");
    for (size_t i = 0; i < n_ids; i++) {
        const char *token = tokens_get(&tokenizer->tokens, ids[i], &length);
        memcpy(*text + *n, token, length);
        *n += length;
    }
    (*text)[total] = '\0';
    return true;
}
