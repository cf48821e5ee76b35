// added_tokens.c: tokens that are found in a text before GPT-2's pattern splits it, special ones among them:
//
//      "Hello <|endoftext|>"  -->  "Hello "  <|endoftext|>            (torch: transformers' AddedToken)
//
// Hugging Face's tools list them in several files, of which a folder has some:
//
//      tokenizer.json            "added_tokens": [{"id": 50256, "content": "<|endoftext|>", "special": true, ...}]
//      tokenizer_config.json     "added_tokens_decoder": {"50256": {"content": "<|endoftext|>", "special": true, ...}}
//      added_tokens.json         {"<|pad|>": 50257}
//      special_tokens_map.json   {"pad_token": "<|pad|>"}                        which of them are special
//
// README.md of this directory lists how each key of these files is treated. A key that would change ids and is not supported is an error.

#include "gpt/base/base.h"
#include "gpt/text/encoding.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

// A file that is being read.
typedef struct Listing {
    AddedTokens *added;
    const Tokens *tokens;
    const char *path;
    Error *error;
} Listing;

static AddedToken *append(AddedTokens *added, const char *content, int id, bool special)
{
    AddedToken *token = LIST_ADD(added->list, added->n, added->capacity, "the added tokens");
    *token = (AddedToken){.content = memory_copy_text(content), .id = id, .special = special, .normalized = !special};
    return token;
}

// Adds the token, or returns the one of this content that another file listed. NULL and an error if the two have different ids.
static AddedToken *add(const Listing *listing, const char *content, double id)
{
    enum { MOST_IDS = 1 << 24 };
    AddedTokens *added = listing->added;
    AddedToken *token = added_token_find(added, content, strlen(content));
    if (content[0] == '\0' || !(id >= 0 && id < MOST_IDS && id == floor(id)) || (token != NULL && token->id != (int)id)) {
        error_set(listing->error, "%s: added token \"%.60s\": id %g is invalid (expected an integer, the same in every file)", listing->path,
                  content, id);
        return NULL;
    }
    return token != NULL ? token : append(added, content, (int)id, false);
}

// {"content": "<|pad|>", "lstrip": false, "rstrip": false, "single_word": false, "special": true}
static bool add_described(const Listing *listing, const cJSON *json, double id)
{
    const cJSON *content = json_member(json, "content");
    if (!cJSON_IsString(content)) {
        return error_set(listing->error, "%s: an added token has no content (expected a string)", listing->path);
    }
    if (cJSON_IsTrue(json_member(json, "single_word"))) {
        return error_set(listing->error, "%s: added token \"%.60s\": single_word is not supported", listing->path, content->valuestring);
    }
    AddedToken *token = add(listing, content->valuestring, id);
    if (token != NULL) {
        const cJSON *normalized = json_member(json, "normalized");
        token->described = true;
        token->special = cJSON_IsTrue(json_member(json, "special"));
        token->normalized = normalized == NULL ? !token->special : cJSON_IsTrue(normalized);
        token->lstrip = cJSON_IsTrue(json_member(json, "lstrip"));
        token->rstrip = cJSON_IsTrue(json_member(json, "rstrip"));
    }
    return token != NULL;
}

static double number_or_nan(const cJSON *json)
{
    return cJSON_IsNumber(json) ? json->valuedouble : NAN;
}

static double id_of_key(const char *key)
{
    char *end;
    double id = (double)strtol(key, &end, 10);
    return *end == '\0' && end != key ? id : NAN;
}

static bool read_tokenizer_json(const Listing *listing, const cJSON *json)
{
    const AddedTokens *added = listing->added;
    int next = listing->tokens->n; // the id of the next one that the vocabulary lacks: PreTrainedTokenizerFast ignores the one in the file
    bool read = tokenizer_json_check(listing->path, json, listing->error);
    const cJSON *tokens = added->decoded && !added->generic ? NULL : json_member(json, "added_tokens"); // GPT2Tokenizer has read them
    const cJSON *item;
    cJSON_ArrayForEach(item, tokens) {
        double id = number_or_nan(json_member(item, "id"));
        read = read && add_described(listing, item, id);
        if (read && added->generic && id >= listing->tokens->n && id != next++) {
            return error_set(listing->error, "%s: added token \"%.60s\" has id %.0f (expected %d)", listing->path,
                             json_member(item, "content")->valuestring, id, next - 1);
        }
    }
    return read;
}

static bool read_added_tokens(const Listing *listing, const cJSON *json)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, json) {
        if (item->string == NULL) {
            return error_set(listing->error, "%s: not an object of tokens and ids", listing->path);
        }
        if (add(listing, item->string, number_or_nan(item)) == NULL) {
            return false;
        }
    }
    return true;
}

// The id of the vocabulary's token that is written as content, or -1. Its letters stand for bytes: no token is written with a space in it.
static int find_in_vocabulary(const Tokens *tokens, const char *content)
{
    AUTO_FREE char *bytes = memory_copy_text(content);
    size_t n;
    return spell_letters(bytes, strlen(content), &n) ? tokens_find(tokens, bytes, n) : -1;
}

// A special token by its content. One that no file lists is in the vocabulary, or transformers would add it with an id of its own choice.
static bool mark_special(const Listing *listing, const cJSON *json)
{
    const cJSON *described = cJSON_IsObject(json) ? json_member(json, "content") : json;
    if (!cJSON_IsString(described)) {
        return true; // null: there is no such token
    }
    const char *content = described->valuestring;
    AddedToken *token = added_token_find(listing->added, content, strlen(content));
    if (token == NULL) {
        int id = find_in_vocabulary(listing->tokens, content);
        if (id < 0) {
            return error_set(listing->error, "%s: special token \"%.60s\": missing in the vocabulary and in the added tokens", listing->path,
                             content);
        }
        token = append(listing->added, content, id, true);
    }
    token->normalized = token->normalized && token->described;
    token->special = true;
    return true;
}

static bool read_special_tokens(const Listing *listing, const cJSON *json)
{
    static const char *const names[] = {"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!mark_special(listing, json_member(json, names[i]))) {
            return false;
        }
    }
    static const char *const lists[] = {"additional_special_tokens", "extra_special_tokens"};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        const cJSON *item;
        cJSON_ArrayForEach(item, json_member(json, lists[i])) {
            if (!mark_special(listing, item)) {
                return false;
            }
        }
    }
    return true;
}

static bool read_class(const cJSON *json, bool *generic)
{
    static const char *const names[] = {"GPT2Tokenizer", "GPT2TokenizerFast", "PreTrainedTokenizerFast", "TokenizersBackend"};
    bool is_known = json == NULL || cJSON_IsNull(json);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        bool same = cJSON_IsString(json) && strcmp(json->valuestring, names[i]) == 0;
        is_known |= same;
        *generic |= same && i >= 2;
    }
    return is_known;
}

static bool read_tokenizer_config(const Listing *listing, const cJSON *json)
{
    if (!read_class(json_member(json, "tokenizer_class"), &listing->added->generic)) {
        return error_set(listing->error, "%s: tokenizer_class is not supported (expected GPT2Tokenizer)", listing->path);
    }
    static const char *const refused[] = {"add_bos_token", "add_eos_token", "add_prefix_space"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        if (cJSON_IsTrue(json_member(json, refused[i]))) {
            return error_set(listing->error, "%s: \"%s\": true is not supported", listing->path, refused[i]);
        }
    }
    const cJSON *item;
    cJSON_ArrayForEach(item, json_member(json, "added_tokens_decoder")) {
        if (!add_described(listing, item, item->string == NULL ? NAN : id_of_key(item->string))) {
            return false;
        }
    }
    listing->added->decoded = json_member(json, "added_tokens_decoder") != NULL;
    listing->added->off = listing->added->off || cJSON_IsTrue(json_member(json, "split_special_tokens"));
    return true;
}

typedef bool ReadListing(const Listing *listing, const cJSON *json);

static bool read_file(AddedTokens *added, const Tokens *tokens, const char *folder, const char *name, ReadListing *read, Error *error)
{
    if (!file_exists(folder, name)) {
        return true;
    }
    AUTO_FREE char *path = path_in(folder, name);
    AUTO_JSON cJSON *json = json_read(path, error);
    return json != NULL && read(&(Listing){.added = added, .tokens = tokens, .path = path, .error = error}, json);
}

static int by_id(const void *a, const void *b)
{
    int x = ((const AddedToken *)a)->id;
    int y = ((const AddedToken *)b)->id;
    return (x > y) - (x < y);
}

// Gives the tokens that the vocabulary lacks the ids after it, in their order and without a gap.
static bool extend_vocabulary(AddedTokens *added, Tokens *tokens, const char *folder, Error *error)
{
    size_t bytes = 0;
    for (int i = 0; i < added->n; i++) {
        bytes += strlen(added->list[i].content);
    }
    tokens_make_room(tokens, added->n, bytes);
    if (added->n > 0) {
        qsort(added->list, (size_t)added->n, sizeof *added->list, by_id);
    }
    for (int i = 0; i < added->n; i++) {
        const AddedToken *token = &added->list[i];
        int id = find_in_vocabulary(tokens, token->content);
        if (id < 0 && token->id == tokens->n) {
            tokens_add(tokens, token->content, strlen(token->content));
        } else if (id != token->id) {
            return error_set(error, "%s: added token \"%.60s\" has id %d (expected %d)", folder, token->content, token->id,
                             id < 0 ? tokens->n : id);
        }
    }
    return true;
}

// GPT-2's vocabulary as published lists no special tokens, but has this one. So has GPT2Tokenizer.
static void add_end_of_text(AddedTokens *added, const Tokens *tokens)
{
    int id = find_in_vocabulary(tokens, END_OF_TEXT);
    if (id >= 0 && !(added->listed && added->generic) && added_token_find(added, END_OF_TEXT, strlen(END_OF_TEXT)) == NULL) {
        append(added, END_OF_TEXT, id, true);
    }
}

bool added_tokens_read(AddedTokens *added, Tokens *tokens, const char *folder, Error *error)
{
    *added = (AddedTokens){.n_base = tokens->n};
    bool done = read_file(added, tokens, folder, TOKENIZER_CONFIG, read_tokenizer_config, error)
             && read_file(added, tokens, folder, TOKENIZER_JSON, read_tokenizer_json, error)
             && (added->decoded || read_file(added, tokens, folder, "added_tokens.json", read_added_tokens, error))
             && read_file(added, tokens, folder, TOKENIZER_CONFIG, read_special_tokens, error)
             && (added->decoded || read_file(added, tokens, folder, "special_tokens_map.json", read_special_tokens, error))
             && extend_vocabulary(added, tokens, folder, error);
    added->listed = added->n > 0;
    added->special = added->listed && !added->off;
    add_end_of_text(added, tokens);
    return done && added_tokens_compile(added, error);
}

void added_tokens_free(AddedTokens *added)
{
    for (int i = 0; i < added->n; i++) {
        free(added->list[i].content);
    }
    free(added->list);
    for (int level = 0; level < ADDED_LEVELS; level++) {
        pcre2_code_free(added->code[level]);
    }
    *added = (AddedTokens){0};
}

// ------------------------------------------------------------------------------------------------------------
// Saving, as transformers reads it

static void write_token(const AddedToken *token, bool first, FILE *stream)
{
    AUTO_JSON cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "content", token->content);
    cJSON_AddBoolToObject(json, "lstrip", token->lstrip);
    cJSON_AddBoolToObject(json, "normalized", token->normalized);
    cJSON_AddBoolToObject(json, "rstrip", token->rstrip);
    cJSON_AddBoolToObject(json, "single_word", false);
    cJSON_AddBoolToObject(json, "special", token->special);
    AUTO_FREE char *text = json_text(json, false);
    fprintf(stream, "%s\"%d\": %s", first ? "" : ", ", token->id, text);
}

void added_tokens_write(const void *tokenizer, FILE *stream)
{
    const AddedTokens *added = &((const Tokenizer *)tokenizer)->added;
    fprintf(stream,
            "{\"tokenizer_class\": \"GPT2Tokenizer\", \"add_prefix_space\": false, \"split_special_tokens\": %s, "
            "\"added_tokens_decoder\": {",
            added->special ? "false" : "true");
    for (int i = 0; i < added->n; i++) {
        write_token(&added->list[i], i == 0, stream);
    }
    fprintf(stream, "}}\n");
}
