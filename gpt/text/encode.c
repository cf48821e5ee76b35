// encode.c: text -> ids, by each of the three tokenizers. Room for one id per byte is enough.

#include "gpt/base/base.h"
#include "gpt/text/encoding.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

// The next added token that is encoded as one, from a place on. Special ones are counted even where they are ordinary text.
static AddedMatch next_added(const Tokenizer *tokenizer, TextPart part, size_t from, size_t *n_special)
{
    AddedMatch match;
    do {
        match = added_tokens_match(&tokenizer->added, part.text, part.n, from, part.ends);
        *n_special += match.token != NULL && match.token->special;
        from = match.end;
    } while (match.token != NULL && !added_token_is_found(&tokenizer->added, match.token));
    return match;
}

// Added tokens, and the text between them.
static bool encode_gpt2(const Tokenizer *tokenizer, TextPart part, int *ids, size_t *n_ids, size_t *n_encoded, size_t *n_special, Error *error)
{
    Encoding encoding = {.bpe = &tokenizer->bpe, .work = bpe_work_create(), .ids = ids};
    AddedMatch match = {0};
    size_t at = 0; // all before it is encoded
    bool done;
    do {
        match = next_added(tokenizer, part, match.end, n_special);
        bool ends = match.token != NULL || (part.ends && match.start == part.n);
        size_t n = 0; // bytes of ordinary text that are certain
        done = match.start == at
            || pre_tokenizer_split(tokenizer->split, part.text + at, match.start - at, ends, encode_piece, &encoding, &n, error);
        at += n;
        if (done && match.token != NULL) {
            ids[encoding.n_ids] = match.token->id;
            encoding.n_ids++;
            at = match.end;
        }
    } while (done && match.token != NULL);
    bpe_work_free(encoding.work);
    *n_ids = encoding.n_ids;
    *n_encoded = at;
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
        char control[8]; // a line's end, say: a message is one line
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
            return tokenizer_not_utf8(*character, part.offset + at, error);
        }
        int id = tokens_find(&tokenizer->tokens, character, (size_t)length);
        if (id < 0) {
            char alphabet[ALPHABET_TEXT];
            return error_set(error, "the text's character '%.*s' after %zu byte%s is not in the alphabet of %d: %s", length, character,
                             part.offset + at, plural((double)(part.offset + at)), tokenizer->tokens.n,
                             alphabet_text(&tokenizer->tokens, alphabet));
        }
        ids[*n_ids] = id;
        (*n_ids)++;
        at += (size_t)length;
    }
    *n_encoded = part.n;
    return true;
}

bool tokenizer_encode_part(const Tokenizer *tokenizer, TextPart part, int *ids, size_t *n_ids, size_t *n_encoded, size_t *n_special, Error *error)
{
    size_t ignored = 0;
    switch (tokenizer->kind) {
    case TOKENIZER_GPT2: return encode_gpt2(tokenizer, part, ids, n_ids, n_encoded, n_special != NULL ? n_special : &ignored, error);
    case TOKENIZER_BYTES: return encode_bytes(part, ids, n_ids, n_encoded);
    case TOKENIZER_CHARS:
    case TOKENIZER_COUNT: return encode_chars(tokenizer, part, ids, n_ids, n_encoded, error);
    }
    return false;
}

bool tokenizer_encode(const Tokenizer *tokenizer, const char *text, size_t n, int **ids, size_t *n_ids, Error *error)
{
    REQUIRE(tokenizer, text, ids, n_ids);
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
    REQUIRE(tokenizer, text);
    size_t count = 0;
    size_t at = 0;
    while (at < n) {
        AddedMatch match = added_tokens_match(&tokenizer->added, text, n, at, true);
        count += match.token != NULL && match.token->special;
        at = match.end;
    }
    return count;
}
