// vocabulary.c: GPT-2's vocabulary from its two files, under either of their usual names:
//
//      encoder.json, or vocab.json     {"!": 0, ..., "\u0120the": 262, ...}      id of each token
//      vocab.bpe, or merges.txt        #version: 0.2                             merges, one per line, lowest rank first
//                                      Ġ t
//                                      Ġ a
//
// or from tokenizer.json, which holds both (tokenizer_json.c).
//
// Tokens are bytes, and both files write each byte as a printable letter: Ġ is a space. The files are checked against each other first:
// a vocabulary that is loaded encodes any bytes, and each of its merges can occur.

#include "gpt/base/base.h"
#include "gpt/text/encoding.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <string.h>

// ------------------------------------------------------------------------------------------------------------
// The tokens, from the JSON file

// Sorts the JSON object's entries by id: entries[id].
static bool order_entries(const Source *source, const cJSON *json, cJSON **entries, int n, Error *error)
{
    cJSON *entry;
    cJSON_ArrayForEach(entry, json) {
        double id = entry->valuedouble;
        if (!cJSON_IsNumber(entry) || id != floor(id)) {
            return error_set(error, "%s: token \"%.60s\": its id is not an integer", source->path, entry->string);
        }
        if (!(id >= 0 && id < n)) {
            return error_set(error, "%s: token \"%.60s\": id %.17g is out of range; the ids are 0 to %d", source->path, entry->string, id, n - 1);
        }
        if (entries[(int)id] != NULL) {
            return error_set(error, "%s: tokens \"%.60s\" and \"%.60s\": both have id %d", source->path, entries[(int)id]->string, entry->string,
                             (int)id);
        }
        entries[(int)id] = entry;
    }
    return true;
}

static bool add_tokens(const Source *source, cJSON **entries, int n, Tokens *tokens, Error *error)
{
    for (int id = 0; id < n; id++) {
        const char *letters = entries[id]->string;
        AUTO_FREE char *bytes = memory_copy_text(letters);
        size_t n_bytes = 0;
        if (!spell_letters(bytes, strlen(letters), &n_bytes)) {
            return error_set(error, "%s: token \"%.60s\" (id %d): not spelled in GPT-2's letters for bytes", source->path, letters, id);
        }
        if (!tokens_add(tokens, bytes, n_bytes)) {
            return error_set(error, "%s: token \"%.60s\" (id %d): duplicate", source->path, letters, id);
        }
    }
    return true;
}

// Free the tokens with tokens_free either way.
static bool read_tokens(const Source *source, const cJSON *json, Tokens *tokens, Error *error)
{
    int n = cJSON_GetArraySize(json);
    if (!cJSON_IsObject(json) || n == 0) {
        return error_set(error, "%s: not a JSON object of tokens and ids (expected one such as {\"!\": 0})", source->path);
    }
    AUTO_FREE cJSON **entries = memory_allocate_zeroed((size_t)n, sizeof(cJSON *), "the tokens");
    tokens_init(tokens, n, source->n);
    return order_entries(source, json, entries, n, error) && add_tokens(source, entries, n, tokens, error);
}

// ------------------------------------------------------------------------------------------------------------
// The merges, and the two together

// Any text can be encoded if each byte is a token.
static bool find_bytes(const Source *source, const Tokens *tokens, Bpe *bpe, Error *error)
{
    for (int byte = 0; byte < 256; byte++) {
        char bytes[] = {(char)byte};
        bpe->byte_id[byte] = tokens_find(tokens, bytes, 1);
        if (bpe->byte_id[byte] < 0) {
            return error_set(error, "%s: byte 0x%02x has no token (expected one for every single byte)", source->path, byte);
        }
    }
    return true;
}

// Reading the merges, line by line.
typedef struct Reading {
    const Source *source;
    const Tokens *tokens;
    Bpe *bpe;
    bool *made;       // (tokens->n) is it a byte, or the result of an earlier line?
    char *bytes;      // scratch space for one line
    int line;         // counted from 1
    const char *text; // the line, without its end
    size_t length;
    Error *error;
} Reading;

static bool merge_error(const Reading *reading, const char *what)
{
    enum { SHOWN = 120 };
    int length = reading->length < SHOWN ? (int)reading->length : SHOWN;
    return error_set(reading->error, "%s: line %d: \"%.*s\": %s", reading->source->path, reading->line, length, reading->text, what);
}

// The token that letters spell, or -1; its bytes are written to bytes.
static int find_token(const Reading *reading, const char *letters, size_t n, char *bytes, size_t *n_bytes)
{
    memcpy(bytes, letters, n);
    *n_bytes = 0;
    return spell_letters(bytes, n, n_bytes) ? tokens_find(reading->tokens, bytes, *n_bytes) : -1;
}

// The line's first n_left letters, a space, and n_right more.
static bool add_merge(const Reading *reading, size_t n_left, size_t n_right)
{
    char *bytes = reading->bytes;
    size_t left_bytes;
    size_t right_bytes;
    int left = find_token(reading, reading->text, n_left, bytes, &left_bytes);
    int right = find_token(reading, reading->text + n_left + 1, n_right, bytes + left_bytes, &right_bytes);
    if (left < 0 || right < 0) {
        return merge_error(reading, left < 0 ? "its first part is not a token" : "its second part is not a token");
    }
    int id = tokens_find(reading->tokens, bytes, left_bytes + right_bytes);
    if (id < 0) {
        return merge_error(reading, "its result is not a token");
    }
    if (!reading->made[left] || !reading->made[right]) {
        return merge_error(reading, "its parts are not made by earlier lines");
    }
    if (!bpe_add(reading->bpe, left, right, id)) {
        return merge_error(reading, "duplicate");
    }
    reading->made[id] = true;
    return true;
}

static bool read_merge(const Reading *reading)
{
    const char *space = memchr(reading->text, ' ', reading->length);
    size_t n_left = space == NULL ? 0 : (size_t)(space - reading->text);
    size_t n_right = space == NULL ? 0 : reading->length - n_left - 1;

    if (n_left == 0 || n_right == 0 || memchr(space + 1, ' ', n_right) != NULL) {
        return merge_error(reading, "is not two parts with one space between");
    }
    return add_merge(reading, n_left, n_right);
}

static bool check_all_made(const Reading *reading)
{
    for (int id = 0; id < reading->tokens->n; id++) {
        size_t n;
        const char *token = tokens_get(reading->tokens, id, &n);
        bool special = n > 2 && token[0] == '<' && token[n - 1] == '>'; // such as <|endoftext|>: not made by merges
        if (!reading->made[id] && !special) {
            return error_set(reading->error, "%s: no line makes token %d of the vocabulary; is the file truncated?", reading->source->path, id);
        }
    }
    return true;
}

static bool read_lines(Reading *reading)
{
    const char *at = reading->source->text;
    const char *end = at + reading->source->n;
    bool read = true;

    for (reading->line = 1; read && at < end; reading->line++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        reading->text = at;
        reading->length = (size_t)((newline == NULL ? end : newline) - at);
        bool version = reading->line == 1 && source_has_version(reading->source);
        read = version || read_merge(reading);
        at += reading->length + 1;
    }
    return read && check_all_made(reading);
}

static bool read_merges(const Source *source, const Tokens *tokens, Bpe *bpe, Error *error)
{
    if (source->text[0] == '{' && source->text[1] != ' ') {
        return error_set(error, "%s: holds JSON, not merges; are the two files swapped?", source->path);
    }
    Reading reading = {.source = source, .tokens = tokens, .bpe = bpe, .error = error};
    AUTO_FREE char *bytes = memory_allocate(source->n, "a merge");
    AUTO_FREE bool *made = memory_allocate_zeroed((size_t)tokens->n, sizeof *made, "the merges");
    reading.bytes = bytes;
    reading.made = made;
    for (int byte = 0; byte < 256; byte++) {
        reading.made[bpe->byte_id[byte]] = true;
    }
    return read_lines(&reading);
}

// ------------------------------------------------------------------------------------------------------------

static int count_lines(const Source *source)
{
    int lines = 1;
    for (size_t i = 0; i < source->n; i++) {
        lines += source->text[i] == '\n';
    }
    return lines;
}

// Under the first of their names that exists, even if only one of the two does. Free all three either way.
static bool read_sources(const char *folder, Source *encoder, cJSON **json, Source *merges, Error *error)
{
    bool published = file_exists(folder, "vocab.bpe") || file_exists(folder, "encoder.json");
    bool renamed = file_exists(folder, "vocab.json") || file_exists(folder, "merges.txt");
    if (!published && !renamed && file_exists(folder, TOKENIZER_JSON)) {
        return source_read(encoder, folder, TOKENIZER_JSON, error) && tokenizer_json_read(encoder, json, merges, error);
    }
    renamed = renamed && !published;
    if (!source_read(encoder, folder, renamed ? "vocab.json" : "encoder.json", error)
        || !source_read(merges, folder, renamed ? "merges.txt" : "vocab.bpe", error)) {
        return false;
    }
    if (source_has_version(encoder)) {
        return error_set(error, "%s: holds merges, not JSON; are the two files swapped?", encoder->path);
    }
    *json = json_parse(encoder->text, encoder->n, encoder->path, error);
    return *json != NULL;
}

bool vocabulary_load(const char *folder, Tokens *tokens, Bpe *bpe, Error *error)
{
    AUTO(source_free) Source encoder = {0};
    AUTO(source_free) Source merges = {0};
    AUTO_JSON cJSON *json = NULL;
    if (!read_sources(folder, &encoder, &json, &merges, error)) {
        return false;
    }
    bpe_init(bpe, count_lines(&merges));
    return read_tokens(&encoder, json, tokens, error) && find_bytes(&encoder, tokens, bpe, error) && read_merges(&merges, tokens, bpe, error);
}
