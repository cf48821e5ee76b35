// encode.c: text -> ids, by each of the three tokenizers. Room for one id per byte is enough.

#include "gpt/base/base.h"
#include "gpt/text/encoding.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Encoding {
    const Tokenizer *tokenizer;
    BpeWork *work; // NULL: special tokens are counted, and nothing is encoded
    int *ids;
    size_t n_ids;
    size_t limit;     // in the whole text
    size_t n_special; // special tokens that begin before limit, encoded as tokens or as ordinary text
    Error *error;
} Encoding;

static void encode_piece(const char *piece, size_t n, void *context)
{
    Encoding *encoding = context;
    encoding->n_ids += bpe_encode(&encoding->tokenizer->bpe, encoding->work, piece, n, encoding->ids + encoding->n_ids);
}

static bool encode_pieces(Encoding *encoding, TextPart part, size_t *n_encoded)
{
    *n_encoded = part.n;
    return encoding->work == NULL
        || pre_tokenizer_split(encoding->tokenizer->split, part.text, part.n, part.ends, encode_piece, encoding, n_encoded, encoding->error);
}

// Adds nothing if the token before, with rstrip, has already taken all of this one.
static void add_id(Encoding *encoding, AddedMatch match)
{
    if (encoding->work != NULL && match.start < match.end) {
        encoding->ids[encoding->n_ids] = match.token->id;
        encoding->n_ids++;
    }
}

// The added tokens of a level; the text between them is encoded at the next, and at last split into pieces. This is how transformers' tokens
// that overlap, or take the white space beside them, get the same ids here.
static bool encode_level(Encoding *encoding, int level, TextPart part, size_t *n_encoded)
{
    if (level == ADDED_LEVELS) {
        return encode_pieces(encoding, part, n_encoded);
    }
    const AddedTokens *added = &encoding->tokenizer->added;
    AddedMatch match = {0};
    size_t at = 0; // all before it is encoded
    bool done = true;
    do {
        match = added_tokens_match(added, level, part, at, match.next);
        bool found = match.token != NULL && added_token_is_found(added, match.token);
        encoding->n_special += match.token != NULL && match.token->special && part.offset + match.start < encoding->limit;
        if ((found || match.token == NULL) && match.start > at) {
            TextPart before = {.text = part.text + at, .n = match.start - at, .offset = part.offset + at, .ends = found || part.ends};
            size_t n = 0;
            done = encode_level(encoding, level + 1, before, &n);
            at += n;
        }
        if (done && found) {
            add_id(encoding, match);
            at = match.end;
        }
    } while (done && match.token != NULL);
    *n_encoded = at;
    return done;
}

static bool encode_gpt2(const Tokenizer *tokenizer, TextPart part, int *ids, size_t *n_ids, size_t *n_encoded, Error *error)
{
    Encoding encoding = {.tokenizer = tokenizer, .work = bpe_work_create(), .ids = ids, .error = error};
    bool done = encode_level(&encoding, 0, part, n_encoded);
    bpe_work_free(encoding.work);
    *n_ids = encoding.n_ids;
    return done;
}

// Counts the special tokens that begin in the part's first n bytes.
static size_t count_special(const Tokenizer *tokenizer, TextPart part, size_t n)
{
    Encoding encoding = {.tokenizer = tokenizer, .limit = part.offset + n};
    size_t ignored;
    encode_level(&encoding, 0, part, &ignored);
    return encoding.n_special;
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
    switch (tokenizer->kind) {
    case TOKENIZER_GPT2:
        if (!encode_gpt2(tokenizer, part, ids, n_ids, n_encoded, error)) {
            return false;
        }
        if (n_special != NULL) {
            *n_special += count_special(tokenizer, part, *n_encoded);
        }
        return true;
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
    return count_special(tokenizer, (TextPart){.text = text, .n = n, .ends = true}, n);
}
