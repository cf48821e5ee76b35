// tokenize.c: gptape tokenize: text to token ids, and back.

#include "gpt/cli/kit/kit.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static const OptionRow direction_rows[] = {
    {"decode", NULL, NULL, "from ids to text"},
    {"alphabet", "FILE", NULL, "for chars: the text whose characters are the alphabet (default: the text that is encoded)"},
    {0},
};

const CommandHelp tokenize_help = {
    .name = "tokenize",
    .summary = "text to token ids, and back",
    .about = "Reads text from stdin and prints its token ids on one line, separated by spaces. With --decode it reads ids, separated\n"
             "by spaces, commas or lines, and prints their text: the same bytes that were encoded, and nothing after them.\n\n"
             "gpt2 is GPT-2's byte-pair encoding and takes any bytes; it needs the files vocab.bpe and encoder.json (or merges.txt\n"
             "and vocab.json, or tokenizer.json), which 'make vocab' gets. Special tokens such as <|endoftext|> become one\n"
             "id with --special on, and several with --special off.\n"
             "With bytes each byte is its own id. With chars an id is a character's place in the sorted alphabet of the text\n"
             "itself, which must be UTF-8, a byte order mark left out; to decode, name that text with --alphabet.",
    .examples = "  gptape tokenize < README.md\n"
                "  gptape tokenize --json < README.md\n"
                "  gptape tokenize < README.md | gptape tokenize --decode\n"
                "  gptape tokenize --tokenizer chars < README.md\n"
                "  gptape tokenize --tokenizer chars --alphabet README.md --decode < ids.txt\n",
    .groups = {{.title = "Direction:", .rows = direction_rows}, {.title = "Tokenizer:", .rows = tokenizer_rows}},
};

// The input from stdin, and the direction.
typedef struct Job {
    const Options *options;
    TokenizerKind kind;
    Tokenizer *tokenizer;
    char *input; // n bytes
    size_t n;
} Job;

// Reports an error in the text called name. Returns false.
static bool wrong_text(const Job *job, const char *name, const Error *error)
{
    return option_error(job->options, NULL, "%s: %s", name, error->message);
}

// ------------------------------------------------------------------------------------------------------------
// JSON

// A string, or null if the text is not UTF-8 or has a zero byte, which JSON and C can't represent.
static void json_add_text(cJSON *object, const char *name, const char *text, size_t n)
{
    bool is_string = utf8_valid(text, n) == n && strlen(text) == n; // text[n] is '\0'
    cJSON_AddItemToObject(object, name, is_string ? cJSON_CreateString(text) : cJSON_CreateNull());
}

static cJSON *json_of(const Job *job, const int *ids, size_t n_ids)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "tokenizer", tokenizer_name(job->kind));
    json_add_count(json, "vocab_size", tokenizer_vocab_size(job->tokenizer));
    json_add_count(json, "tokens", (double)n_ids);
    cJSON_AddItemToObject(json, "ids", cJSON_CreateIntArray(ids, (int)n_ids));
    return json;
}

static void add_alphabet(const Job *job, cJSON *json)
{
    int V = tokenizer_vocab_size(job->tokenizer);
    AUTO_FREE int *ids = memory_allocate(((size_t)V + 1) * sizeof *ids, "an alphabet");
    AUTO_FREE char *text = NULL;
    size_t n;
    Error error;
    for (int id = 0; id < V; id++) {
        ids[id] = id;
    }
    if (tokenizer_decode(job->tokenizer, ids, (size_t)V, &text, &n, &error)) {
        json_add_text(json, "alphabet", text, n);
    }
}

static void print_ids_json(const Job *job, const int *ids, size_t n_ids)
{
    cJSON *json = json_of(job, ids, n_ids);
    json_add_count(json, "bytes", (double)job->n);
    if (job->kind == TOKENIZER_CHARS) {
        add_alphabet(job, json);
    }
    json_print(json);
}

// The text as a string if it can be one, and as bytes in any case.
static void print_text_json(const Job *job, const int *ids, size_t n_ids, const char *text, size_t n)
{
    cJSON *json = json_of(job, ids, n_ids);
    AUTO_FREE int *bytes = memory_allocate((n + 1) * sizeof *bytes, "the bytes");
    for (size_t i = 0; i < n; i++) {
        bytes[i] = (unsigned char)text[i];
    }
    json_add_text(json, "text", text, n);
    cJSON_AddItemToObject(json, "bytes", cJSON_CreateIntArray(bytes, (int)n));
    json_print(json);
}

// ------------------------------------------------------------------------------------------------------------
// Text to ids

static bool encode(const Job *job)
{
    AUTO_FREE int *ids = NULL;
    size_t n_ids;
    Error error;
    if (!tokenizer_encode(job->tokenizer, job->input, job->n, &ids, &n_ids, &error)) {
        return wrong_text(job, "stdin", &error);
    }
    options_special_note(job->options, job->tokenizer, tokenizer_count_special(job->tokenizer, job->input, job->n));
    if (options_given(job->options, "json")) {
        print_ids_json(job, ids, n_ids);
    } else {
        for (size_t i = 0; i < n_ids; i++) {
            printf("%s%d", i > 0 ? " " : "", ids[i]);
        }
        putchar('\n');
    }
    return true;
}

// ------------------------------------------------------------------------------------------------------------
// Ids to text

static const char separators[] = " ,\t\r\n";

// One id; text[length] is a separator or the end.
static bool read_id(const Job *job, const char *text, size_t length, size_t number, int *id)
{
    int V = tokenizer_vocab_size(job->tokenizer);
    int shown = length < 40 ? (int)length : 40;
    size_t digits = strspn(text + (text[0] == '-'), "0123456789");
    bool whole = digits > 0 && digits + (text[0] == '-') == length;
    long long value = whole ? strtoll(text, NULL, 10) : -1; // the largest if there are too many digits; no vocabulary has it
    Error error;
    *id = (int)value;
    if (!whole) {
        error_set(&error, "id %zu: '%.*s' is not an integer (expected ids like 15496 11 314)", number, shown, text);
    } else if (value < 0 || value >= V) {
        error_set(&error, "id %zu: '%.*s' is not a %s id between 0 and %d", number, shown, text, tokenizer_name(job->kind), V - 1);
    }
    return (whole && value >= 0 && value < V) || wrong_text(job, "stdin", &error);
}

// Reads the ids on stdin; false after a message about the first invalid one. The caller frees *ids either way.
static bool read_ids(const Job *job, int **ids, size_t *n_ids)
{
    const char *at = job->input + strspn(job->input, separators);
    *ids = memory_allocate((job->n / 2 + 1) * sizeof **ids, "the ids");
    for (*n_ids = 0; at < job->input + job->n; (*n_ids)++) {
        size_t length = strcspn(at, separators); // 0 at a zero byte, which is not a number either
        if (!read_id(job, at, length, *n_ids + 1, &(*ids)[*n_ids])) {
            return false;
        }
        at += length;
        at += strspn(at, separators);
    }
    return true;
}

static bool decode(const Job *job)
{
    AUTO_FREE int *ids = NULL;
    size_t n_ids;
    AUTO_FREE char *text = NULL;
    size_t n;
    Error error;
    if (!read_ids(job, &ids, &n_ids)) {
        return false;
    }
    if (!tokenizer_decode(job->tokenizer, ids, n_ids, &text, &n, &error)) {
        return report_error(job->options, &error);
    }
    if (options_given(job->options, "json")) {
        print_text_json(job, ids, n_ids, text, n);
    } else {
        fwrite(text, 1, n, stdout);
    }
    return true;
}

// ------------------------------------------------------------------------------------------------------------

// The tokenizer of characters: of the file named with --alphabet, else of the text on stdin.
static bool make_chars(Job *job)
{
    const char *path = options_text(job->options, "alphabet");
    AUTO_FREE char *alphabet = NULL;
    size_t n = job->n;
    Error error;
    if (path != NULL && !file_read(path, MOST_TEXT_BYTES, &alphabet, &n, &error)) {
        return report_failure(job->options, &error);
    }
    const char *text = path != NULL ? alphabet : job->input;
    size_t mark = utf8_mark(text, n);
    job->tokenizer = tokenizer_chars(text + mark, n - mark, &error);
    return job->tokenizer != NULL || wrong_text(job, path != NULL ? path : "stdin", &error);
}

static bool make_tokenizer(Job *job)
{
    Error error;
    if (job->kind == TOKENIZER_CHARS) {
        return make_chars(job);
    }
    job->tokenizer = options_tokenizer(job->options, job->kind, NULL, &error);
    return job->tokenizer != NULL || report_failure(job->options, &error);
}

// Do the options fit together?
static bool check_options(const Options *options, TokenizerKind kind)
{
    bool alphabet = options_given(options, "alphabet");
    if (alphabet && kind != TOKENIZER_CHARS) {
        return option_error(options, "alphabet", "only --tokenizer chars has an alphabet; leave it out");
    }
    return alphabet || kind != TOKENIZER_CHARS || !options_given(options, "decode")
        || option_error(options, "tokenizer", "to decode, name the text that was encoded with --alphabet FILE");
}

// A byte order mark is not part of an alphabet. The other tokenizers keep all bytes as they are.
static bool read_input(Job *job)
{
    Error error;
    if (!stdin_read(&job->input, &job->n, &error)) {
        return report_failure(job->options, &error);
    }
    size_t mark = job->kind == TOKENIZER_CHARS ? utf8_mark(job->input, job->n) : 0;
    job->n -= mark;
    memmove(job->input, job->input + mark, job->n + 1);
    return true;
}

int command_tokenize(const Options *options)
{
    Job job = {.options = options};
    bool done = options_tokenizer_kind(options, TOKENIZER_COUNT, &job.kind) && check_options(options, job.kind) && read_input(&job)
             && make_tokenizer(&job) && (options_given(options, "decode") ? decode : encode)(&job);
    if (done) {
        options_tokenizer_note(options, job.kind);
    }
    tokenizer_free(job.tokenizer);
    free(job.input);
    return command_status(done);
}
