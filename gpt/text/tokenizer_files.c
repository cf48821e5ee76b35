// tokenizer_files.c: a tokenizer to the files of a model's folder, and back.

#include "gpt/base/base.h"
#include "gpt/text/encoding.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <string.h>

#define OWN_FILE "gptape_tokenizer.json"

// ------------------------------------------------------------------------------------------------------------
// Writing

// Which tokenizer; the alphabet of chars as code points, in the order of ids.
static void write_own(const void *what, FILE *stream)
{
    const Tokenizer *tokenizer = what;
    fprintf(stream, "{\"tokenizer\": \"%s\"", tokenizer_name(tokenizer->kind));
    for (int id = 0; tokenizer->kind == TOKENIZER_CHARS && id < tokenizer->tokens.n; id++) {
        size_t n;
        int code;
        const char *character = tokens_get(&tokenizer->tokens, id, &n);
        utf8_read(character, n, &code);
        fprintf(stream, "%s%d", id == 0 ? ", \"alphabet\": [" : ", ", code);
    }
    fprintf(stream, "%s}\n", tokenizer->kind == TOKENIZER_CHARS ? "]" : "");
}

// A token in GPT-2's letters for bytes, escaped as in JSON if need be.
static void write_letters(const Tokens *tokens, int id, bool escaped, FILE *stream)
{
    size_t n;
    const char *bytes = tokens_get(tokens, id, &n);
    for (size_t i = 0; i < n; i++) {
        char letter[4];
        int length = utf8_write(letter_of_byte((unsigned char)bytes[i]), letter);
        if (escaped && (letter[0] == '"' || letter[0] == '\\')) {
            putc('\\', stream);
        }
        fwrite(letter, 1, (size_t)length, stream);
    }
}

static void write_vocabulary(const void *what, FILE *stream)
{
    const Tokenizer *tokenizer = what;
    const Tokens *tokens = &tokenizer->tokens;
    for (int id = 0; id < tokenizer->added.n_base; id++) {
        fputs(id == 0 ? "{\"" : ", \"", stream);
        write_letters(tokens, id, true, stream);
        fprintf(stream, "\": %d", id);
    }
    fputs("}\n", stream);
}

// In the order of their rank; the table has them in that of their hashes.
static void write_merges(const void *what, FILE *stream)
{
    const Tokenizer *tokenizer = what;
    const Bpe *bpe = &tokenizer->bpe;
    AUTO_FREE const Merge **ranked = memory_allocate_zeroed((size_t)bpe->n + 1, sizeof *ranked, "the merges");
    for (size_t slot = 0; slot < (size_t)1 << bpe->bits; slot++) {
        const Merge *merge = &bpe->merges[slot];
        if (merge->left >= 0) {
            ranked[merge->rank] = merge;
        }
    }
    fputs("#version: 0.2\n", stream);
    for (int rank = 0; rank < bpe->n; rank++) {
        write_letters(&tokenizer->tokens, ranked[rank]->left, false, stream);
        putc(' ', stream);
        write_letters(&tokenizer->tokens, ranked[rank]->right, false, stream);
        putc('\n', stream);
    }
}

int tokenizer_files(const Tokenizer *tokenizer, FolderFile files[TOKENIZER_FILES])
{
    files[0] = (FolderFile){OWN_FILE, write_own, tokenizer};
    if (tokenizer->kind != TOKENIZER_GPT2) {
        return 1;
    }
    files[1] = (FolderFile){"vocab.json", write_vocabulary, tokenizer};
    files[2] = (FolderFile){"merges.txt", write_merges, tokenizer};
    files[3] = (FolderFile){TOKENIZER_CONFIG, added_tokens_write, tokenizer};
    return tokenizer->added.listed || tokenizer->added.special ? 4 : 3; // transformers knows GPT-2's <|endoftext|> by itself
}

// ------------------------------------------------------------------------------------------------------------
// Reading

// The alphabet as text: 4 bytes a character are enough. Ids follow from the order, so it must be that of code points.
static Tokenizer *chars_from(const char *path, const cJSON *alphabet, Error *error)
{
    int count = cJSON_GetArraySize(alphabet);
    if (!cJSON_IsArray(alphabet) || count == 0) {
        error_set(error, "%s: missing alphabet (expected code points such as [10, 32, 65])", path);
        return NULL;
    }
    AUTO_FREE char *text = memory_allocate(4 * (size_t)count, "an alphabet");
    size_t n = 0;
    double last = -1;
    const cJSON *item;
    cJSON_ArrayForEach(item, alphabet) {
        double code = cJSON_IsNumber(item) ? item->valuedouble : -1;
        if (!(code > last && code < CODE_POINTS && code == floor(code)) || (code >= 0xd800 && code < 0xe000)) {
            error_set(error, "%s: the alphabet's items must be code points, each larger than the one before", path);
            return NULL;
        }
        n += (size_t)utf8_write((int)code, text + n);
        last = code;
    }
    return tokenizer_chars(text, n, error);
}

static Tokenizer *from_own(const char *folder, const char *path, const cJSON *json, Error *error)
{
    const cJSON *kind = json_member(json, "tokenizer");
    const char *name = cJSON_IsString(kind) ? kind->valuestring : "";
    if (strcmp(name, tokenizer_name(TOKENIZER_GPT2)) == 0) {
        return tokenizer_gpt2(folder, error);
    }
    if (strcmp(name, tokenizer_name(TOKENIZER_BYTES)) == 0) {
        return tokenizer_bytes();
    }
    if (strcmp(name, tokenizer_name(TOKENIZER_CHARS)) == 0) {
        return chars_from(path, json_member(json, "alphabet"), error);
    }
    error_set(error, "%s: unknown tokenizer (expected {\"tokenizer\": \"gpt2\"}, \"bytes\" or \"chars\")", path);
    return NULL;
}

static Tokenizer *read_own(const char *folder, Error *error)
{
    AUTO_FREE char *path = path_in(folder, OWN_FILE);
    AUTO_JSON cJSON *json = json_read(path, error);
    return json == NULL ? NULL : from_own(folder, path, json, error);
}

// The folder has no tokenizer files: which tokenizer has this many tokens?
static Tokenizer *guess(const char *folder, int vocab_size, Error *error)
{
    enum { BYTES = 256, GPT2_ROUNDED = 50304 };
    if (vocab_size == BYTES) {
        return tokenizer_bytes();
    }
    AUTO_FREE char *usual = vocabulary_folder(NULL);
    if (vocab_size < GPT2_VOCABULARY || vocab_size > GPT2_ROUNDED) {
        error_set(error, "%s: has no tokenizer: no " OWN_FILE ", no vocab.json with merges.txt, no tokenizer.json", folder);
    } else if (!vocabulary_found(usual)) {
        error_set(error, "%s: has no tokenizer (no vocab.json with merges.txt, no tokenizer.json), and GPT-2's is not in %s; 'make vocab' gets it",
                  folder, usual);
    } else {
        return tokenizer_gpt2(usual, error);
    }
    return NULL;
}

static Tokenizer *load_for(const char *folder, int vocab_size, Error *error)
{
    if (file_exists(folder, OWN_FILE)) {
        return read_own(folder, error);
    }
    return vocabulary_found(folder) ? tokenizer_gpt2(folder, error) : guess(folder, vocab_size, error);
}

Tokenizer *tokenizer_from_folder(const char *folder, int vocab_size, Error *error)
{
    REQUIRE(folder);
    Tokenizer *tokenizer = load_for(folder, vocab_size, error);
    if (tokenizer != NULL && tokenizer_vocab_size(tokenizer) > vocab_size) {
        error_set(error, "%s: its tokenizer has %d token%s, but config.json's vocab_size is %d", folder, tokenizer_vocab_size(tokenizer),
                  plural(tokenizer_vocab_size(tokenizer)), vocab_size);
        tokenizer_free(tokenizer);
        tokenizer = NULL;
    }
    return tokenizer;
}
