// vocabulary.c: GPT-2's vocabulary from its two files, in the forms in which they are about.
//
//      encoder.json, or vocab.json     {"!": 0, ..., "\u0120the": 262, ...}      id of each token
//      vocab.bpe, or merges.txt        #version: 0.2                             merges, one a line, lowest rank first
//                                      Ġ t
//                                      Ġ a
//
// Tokens are bytes, and both files write each byte as a letter that can be seen: Ġ is a space. The files are checked against
// each other before anything is taken from them: a vocabulary that is loaded encodes any bytes, and every merge in it counts.

#include "gpt/text/text.h"

#include <cjson/cJSON.h>
#include <limits.h>
#include <math.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// ------------------------------------------------------------------------------------------------------------
// Where it is

// "folder/name"; the folder itself if the name is empty.
static char *joined(const char *folder, const char *name)
{
    size_t bytes = strlen(folder) + strlen(name) + 2;
    char *path = memory_allocate(bytes, "a file's name");
    snprintf(path, bytes, "%s%s%s", folder, name[0] == '\0' ? "" : "/", name);
    return path;
}

// The environment's word, unless it is empty.
static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

static const char *home_folder(void)
{
    const char *home = environment("HOME");
    const struct passwd *user = home == NULL ? getpwuid(getuid()) : NULL;
    return home != NULL ? home : user != NULL ? user->pw_dir : "";
}

char *vocabulary_folder(const char *given)
{
    const char *folder = given != NULL ? given : environment("GPTAPE_DATA");
    if (folder != NULL) {
        return joined(folder, "");
    }
    const char *data = environment("XDG_DATA_HOME");
    if (data != NULL && data[0] == '/') {          // its specification wants relative ones ignored
        return joined(data, "gptape");
    }
    return joined(home_folder(), ".local/share/gptape");
}

static bool is_there(const char *folder, const char *name)
{
    char *path = joined(folder, name);
    bool there = access(path, F_OK) == 0;
    free(path);
    return there;
}

bool vocabulary_found(const char *folder)
{
    return is_there(folder, "vocab.bpe") || is_there(folder, "encoder.json") || is_there(folder, "merges.txt")
        || is_there(folder, "vocab.json");
}

// ------------------------------------------------------------------------------------------------------------
// Bytes as letters

// Printable bytes stand for themselves, as Latin-1 has them; the others, in order, are U+0100 and what follows.
static bool stands_for_itself(int byte)
{
    return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
}

// The byte that a letter stands for, or -1.
static int byte_of_letter(int code)
{
    if (code < 0x100) {
        return stands_for_itself(code) ? code : -1;
    }
    int next = 0x100;
    for (int byte = 0; byte < 0x100; byte++) {
        if (!stands_for_itself(byte)) {
            if (next == code) {
                return byte;
            }
            next++;
        }
    }
    return -1;
}

// What is being read, for messages.
typedef struct Source {
    char *path;
    char *text;                                    // n bytes and a '\0'
    size_t n;
    int byte_of[0x200];                            // of letters, by code point
} Source;

// Spells letters out as bytes, in place: there are never more. False if one of them stands for no byte.
static bool spell(const Source *source, char *letters, size_t n, size_t *n_bytes)
{
    size_t used = 0;
    size_t at = 0;
    while (at < n) {
        int code;
        int length = utf8_read(letters + at, n - at, &code);
        if (length <= 0 || code >= 0x200 || source->byte_of[code] < 0) {
            return false;
        }
        letters[used] = (char)source->byte_of[code];
        used++;
        at += (size_t)length;
    }
    *n_bytes = used;
    return n > 0;
}

enum { MOST_BYTES = 1 << 28 };                     // GPT-2's files have 1 and 0.5 MB

static bool source_check_text(const Source *source, Error *error)
{
    int line = 1;
    size_t at = 0;
    while (at < source->n) {
        int code;
        int length = utf8_read(source->text + at, source->n - at, &code);
        if (length <= 0 || code == 0) {
            return error_set(error, "%s: line %d: byte 0x%02x is no UTF-8 text", source->path, line,
                             (unsigned char)source->text[at]);
        }
        line += code == '\n';
        at += (size_t)length;
    }
    if (source->n == 0 || source->n > MOST_BYTES) {
        return error_set(error, "%s: has %zu bytes, which is no vocabulary", source->path, source->n);
    }
    return true;
}

static void source_free(Source *source)
{
    free(source->path);
    free(source->text);
}

static bool source_read(Source *source, const char *folder, const char *name, Error *error)
{
    *source = (Source){.path = joined(folder, name)};
    for (int code = 0; code < 0x200; code++) {
        source->byte_of[code] = byte_of_letter(code);
    }
    if (!file_read(source->path, &source->text, &source->n, error)) {
        source->text = NULL;
        return false;
    }
    return source_check_text(source, error);
}

// ------------------------------------------------------------------------------------------------------------
// Tokens

static bool has_merges_look(const Source *source)
{
    return strncmp(source->text, "#version", strlen("#version")) == 0;
}

// Puts the JSON object's entries in the order of their ids: entries[id].
static bool order_entries(const Source *source, const cJSON *json, cJSON **entries, int n, Error *error)
{
    cJSON *entry;
    cJSON_ArrayForEach(entry, json) {
        double id = entry->valuedouble;
        if (!cJSON_IsNumber(entry) || id != floor(id)) {
            return error_set(error, "%s: token \"%.60s\": its id is no whole number", source->path, entry->string);
        }
        if (!(id >= 0 && id < n)) {
            return error_set(error, "%s: token \"%.60s\": id %.17g is out of range; %d tokens have ids 0 to %d", source->path,
                             entry->string, id, n, n - 1);
        }
        if (entries[(int)id] != NULL) {
            return error_set(error, "%s: tokens \"%.60s\" and \"%.60s\": both have id %d", source->path,
                             entries[(int)id]->string, entry->string, (int)id);
        }
        entries[(int)id] = entry;
    }
    return true;
}

static bool add_tokens(const Source *source, cJSON **entries, int n, Tokens *tokens, Error *error)
{
    for (int id = 0; id < n; id++) {
        const char *letters = entries[id]->string;
        size_t length = strlen(letters);
        char *bytes = memory_allocate(length + 1, "a token");
        memcpy(bytes, letters, length);
        size_t n_bytes = 0;
        bool spelled = spell(source, bytes, length, &n_bytes);
        bool added = spelled && tokens_add(tokens, bytes, n_bytes);
        free(bytes);
        if (!spelled) {
            return error_set(error, "%s: token \"%.60s\" (id %d): is not written in GPT-2's letters for bytes", source->path,
                             letters, id);
        }
        if (!added) {
            return error_set(error, "%s: token \"%.60s\" (id %d): is there twice", source->path, letters, id);
        }
    }
    return true;
}

static bool read_entries(const Source *source, const cJSON *json, Tokens *tokens, Error *error)
{
    int n = cJSON_GetArraySize(json);
    if (!cJSON_IsObject(json) || n == 0) {
        return error_set(error, "%s: is no JSON object of tokens and ids, like {\"!\": 0}", source->path);
    }
    cJSON **entries = memory_allocate_zeroed((size_t)n, sizeof(cJSON *), "the tokens");
    tokens_init(tokens, n, source->n);
    bool read = order_entries(source, json, entries, n, error) && add_tokens(source, entries, n, tokens, error);
    free(entries);
    return read;
}

static bool ends_in_brace(const Source *source)
{
    size_t n = source->n;
    while (n > 0 && strchr(" \t\r\n", source->text[n - 1]) != NULL) {
        n--;
    }
    return n > 0 && source->text[n - 1] == '}';
}

// Says where cJSON stopped, by line and byte.
static bool json_error(const Source *source, const char *stopped, Error *error)
{
    int line = 1;
    const char *start = source->text;
    if (has_merges_look(source)) {
        return error_set(error, "%s: holds merges, not JSON; are the two files swapped?", source->path);
    }
    for (const char *at = source->text; at < stopped; at++) {
        if (*at == '\n') {
            line++;
            start = at + 1;
        }
    }
    if (!ends_in_brace(source)) {
        return error_set(error, "%s: does not end in }; is it cut off? It has %zu bytes", source->path, source->n);
    }
    return error_set(error, "%s: can't be read as JSON from line %d, byte %zu on", source->path, line,
                     (size_t)(stopped - start) + 1);
}

static bool read_tokens(const Source *source, Tokens *tokens, Error *error)
{
    const char *stopped = source->text;
    cJSON *json = cJSON_ParseWithLengthOpts(source->text, source->n + 1, &stopped, true);
    if (json == NULL) {
        return json_error(source, stopped, error);
    }
    bool read = read_entries(source, json, tokens, error);
    cJSON_Delete(json);
    return read;
}

// Any text can be encoded if each byte is a token.
static bool find_bytes(const Source *source, const Tokens *tokens, Bpe *bpe, Error *error)
{
    for (int byte = 0; byte < 256; byte++) {
        char bytes[] = {(char)byte};
        bpe->byte_id[byte] = tokens_find(tokens, bytes, 1);
        if (bpe->byte_id[byte] < 0) {
            return error_set(error, "%s: byte 0x%02x has no token; each single byte needs one", source->path, byte);
        }
    }
    return true;
}

// ------------------------------------------------------------------------------------------------------------
// Merges

// A line of the file, without its end.
typedef struct Line {
    int number;
    const char *text;
    int length;
} Line;

static bool merge_error(const Source *source, Line line, const char *what, Error *error)
{
    return error_set(error, "%s: line %d: \"%.*s\": %s", source->path, line.number, line.length < 120 ? line.length : 120,
                     line.text, what);
}

// The token that letters are, or -1.
static int find_token(const Source *source, const Tokens *tokens, const char *letters, size_t n, char *bytes, size_t *n_bytes)
{
    memcpy(bytes, letters, n);
    return spell(source, bytes, n, n_bytes) ? tokens_find(tokens, bytes, *n_bytes) : -1;
}

// Adds the merge of left and right, letters side by side in bytes. made[id]: does a line so far make this token?
static bool add_merge(const Source *source, Line line, size_t n_left, char *bytes, const Tokens *tokens, Bpe *bpe, bool *made,
                      Error *error)
{
    size_t left_bytes = 0;
    size_t right_bytes = 0;
    int left = find_token(source, tokens, line.text, n_left, bytes, &left_bytes);
    int right = find_token(source, tokens, line.text + n_left + 1, (size_t)line.length - n_left - 1, bytes + left_bytes,
                           &right_bytes);
    if (left < 0 || right < 0) {
        return merge_error(source, line, left < 0 ? "its first part is no token" : "its second part is no token", error);
    }
    int id = tokens_find(tokens, bytes, left_bytes + right_bytes);
    if (id < 0) {
        return merge_error(source, line, "what it makes is no token", error);
    }
    if (!made[left] || !made[right]) {
        return merge_error(source, line, "no line before it makes its parts", error);
    }
    if (!bpe_add(bpe, left, right, id)) {
        return merge_error(source, line, "is there twice", error);
    }
    made[id] = true;
    return true;
}

static bool read_merge(const Source *source, Line line, char *bytes, const Tokens *tokens, Bpe *bpe, bool *made, Error *error)
{
    const char *space = memchr(line.text, ' ', (size_t)line.length);
    size_t n_left = space == NULL ? 0 : (size_t)(space - line.text);
    size_t n_right = space == NULL ? 0 : (size_t)line.length - n_left - 1;

    if (n_left == 0 || n_right == 0 || memchr(space + 1, ' ', n_right) != NULL) {
        return merge_error(source, line, "is not two parts with one space between", error);
    }
    return add_merge(source, line, n_left, bytes, tokens, bpe, made, error);
}

// <|endoftext|> and its like are tokens that no text becomes.
static bool is_special(const char *token, size_t n)
{
    return n > 2 && token[0] == '<' && token[n - 1] == '>';
}

static bool check_all_made(const Source *source, const Tokens *tokens, const bool *made, Error *error)
{
    for (int id = 0; id < tokens->n; id++) {
        size_t n;
        const char *token = tokens_get(tokens, id, &n);
        if (!made[id] && !is_special(token, n)) {
            return error_set(error, "%s: no line makes token %d of the vocabulary; is the file cut off?", source->path, id);
        }
    }
    return true;
}

static bool read_lines(const Source *source, const Tokens *tokens, Bpe *bpe, bool *made, Error *error)
{
    const char *end = source->text + source->n;
    const char *at = source->text;
    char *bytes = memory_allocate(source->n + 1, "a merge");
    bool read = true;

    for (int number = 1; read && at < end; number++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t length = newline == NULL ? (size_t)(end - at) : (size_t)(newline - at);
        Line line = {.number = number, .text = at, .length = length > INT_MAX ? INT_MAX : (int)length};
        bool version = number == 1 && has_merges_look(source);
        read = version || read_merge(source, line, bytes, tokens, bpe, made, error);
        at += length + 1;
    }
    free(bytes);
    return read && check_all_made(source, tokens, made, error);
}

static bool read_merges(const Source *source, const Tokens *tokens, Bpe *bpe, Error *error)
{
    if (source->text[0] == '{' && source->text[1] != ' ') {
        return error_set(error, "%s: holds JSON, not merges; are the two files swapped?", source->path);
    }
    bool *made = memory_allocate_zeroed((size_t)tokens->n, sizeof *made, "the merges");
    for (int byte = 0; byte < 256; byte++) {
        made[bpe->byte_id[byte]] = true;
    }
    bool read = read_lines(source, tokens, bpe, made, error);
    free(made);
    return read;
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

static bool load(const Source *json, const Source *merges, Tokens *tokens, Bpe *bpe, Error *error)
{
    return read_tokens(json, tokens, error) && find_bytes(json, tokens, bpe, error) && read_merges(merges, tokens, bpe, error);
}

bool vocabulary_load(const char *folder, Tokens *tokens, Bpe *bpe, Error *error)
{
    bool published = is_there(folder, "vocab.bpe") || is_there(folder, "encoder.json") || !vocabulary_found(folder);
    Source json = {0};
    Source merges = {0};

    *tokens = (Tokens){0};
    *bpe = (Bpe){0};
    bool loaded = source_read(&json, folder, published ? "encoder.json" : "vocab.json", error)
               && source_read(&merges, folder, published ? "vocab.bpe" : "merges.txt", error);
    if (loaded) {
        bpe_init(bpe, count_lines(&merges));
        loaded = load(&json, &merges, tokens, bpe, error);
    }
    source_free(&json);
    source_free(&merges);
    if (!loaded) {
        tokens_free(tokens);
        bpe_free(bpe);
    }
    return loaded;
}
