// bench.c: gptape bench: how fast this machine is at what gptape does. So far: the tokenizer.

#include "gpt/cli/cli.h"

#include <stdlib.h>
#include <string.h>

enum { OPTION_DATA = OPTION_OWN, OPTION_ROUNDS };

enum { MOST_ROUNDS = 1000 };

#define DEFAULT_ROUNDS "9"

static const size_t TEXT_BYTES = 1000000;

static struct poptOption bench_options[] = {
    {"data", '\0', POPT_ARG_STRING, NULL, OPTION_DATA, "the text (default: a built-in one, over and over, 1 MB)", "FILE"},
    {"rounds", '\0', POPT_ARG_STRING, NULL, OPTION_ROUNDS, "how often each is timed (default " DEFAULT_ROUNDS ")", "N"},
    INCLUDE_OPTIONS(tokenizer_options, "Tokenizer:"),
    INCLUDE_OPTIONS(run_options, "Running:"),
    POPT_TABLEEND,
};

static const CommandHelp bench_help = {
    .name = "bench",
    .about = "Times the tokenizer: a text to ids, and back. Each figure is the median of its rounds, with the quartiles beside it;\n"
             "everything printed was measured in this run. 1 MB is a million bytes.",
    .examples = "  gptape bench\n"
                "  gptape bench --tokenizer bytes --json\n",
    .table = bench_options,
};

typedef struct Text {
    char *bytes;
    size_t n;
} Text;

// The built-in text is read as one row of a batch, and repeated.
static Text built_in_text(void)
{
    enum { LENGTH = 1000 };
    int ids[LENGTH];
    int targets[LENGTH];
    Error error;
    Text text = {.bytes = memory_allocate(TEXT_BYTES, "the text"), .n = TEXT_BYTES};

    if (!text_batch(NULL, 1, LENGTH, ids, targets, &error)) {
        fail_mistake(HERE, "%s", error.message);
    }
    for (size_t i = 0; i < text.n; i++) {
        text.bytes[i] = (char)ids[i % LENGTH];
    }
    return text;
}

static bool read_text(const Options *options, Text *text, Error *error)
{
    if (!options_given(options, OPTION_DATA)) {
        *text = built_in_text();
        return true;
    }
    if (!file_read(options->values[OPTION_DATA], &text->bytes, &text->n, error)) {
        return false;
    }
    if (text->n == 0) {
        free(text->bytes);
        return error_set(error, "%s: is empty; there is nothing to time", options->values[OPTION_DATA]);
    }
    return true;
}

// Milliseconds of each round of encoding, and of decoding what came of it.
typedef struct Times {
    double *encode;
    double *decode;
    size_t n_ids;
} Times;

static bool measure(const Tokenizer *tokenizer, const Text *text, int rounds, Times *times, Error *error)
{
    for (int i = 0; i < rounds; i++) {
        int *ids;
        char *back;
        size_t n_back;
        double start = clock_seconds();
        if (!tokenizer_encode(tokenizer, text->bytes, text->n, &ids, &times->n_ids, error)) {
            return false;
        }
        double middle = clock_seconds();
        bool decoded = tokenizer_decode(tokenizer, ids, times->n_ids, &back, &n_back, error);
        double end = clock_seconds();
        free(ids);
        if (!decoded) {
            return false;
        }
        free(back);
        times->encode[i] = 1e3 * (middle - start);
        times->decode[i] = 1e3 * (end - middle);
    }
    return true;
}

static double megabytes_per_second(const Text *text, double milliseconds)
{
    return 1e-6 * (double)text->n / (1e-3 * milliseconds);
}

static void add_row(Table *table, const char *name, const Text *text, Quartiles ms)
{
    table_cell(table, "%s", name);
    table_cell(table, "%.2f", ms.median);
    table_cell(table, "%.2f to %.2f", ms.low, ms.high);
    table_cell(table, "%.1f", megabytes_per_second(text, ms.median));
}

static void print_table(TokenizerKind kind, const Text *text, size_t n_ids, Quartiles encode, Quartiles decode)
{
    printf("Tokenizer %s, %zu bytes, %zu tokens\n\n", tokenizer_name(kind), text->n, n_ids);
    Table *table = table_create("lrrr");
    table_cell(table, "%s", "");
    table_cell(table, "ms");
    table_cell(table, "quartiles");
    table_cell(table, "MB/s");
    table_line(table);
    add_row(table, "encode", text, encode);
    add_row(table, "decode", text, decode);
    table_print(table, stdout);
    table_free(table);
}

static void add_case(cJSON *json, const char *name, const Text *text, Quartiles ms)
{
    cJSON *object = cJSON_AddObjectToObject(json, name);
    json_add_number(object, "ms", ms.median);
    json_add_number(object, "ms_low", ms.low);
    json_add_number(object, "ms_high", ms.high);
    json_add_number(object, "mb_per_s", megabytes_per_second(text, ms.median));
}

static void print_json(TokenizerKind kind, const Text *text, size_t n_ids, Quartiles encode, Quartiles decode)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "tokenizer", tokenizer_name(kind));
    json_add_count(json, "bytes", (double)text->n);
    json_add_count(json, "tokens", (double)n_ids);
    add_case(json, "tokenizer_encode", text, encode);
    add_case(json, "tokenizer_decode", text, decode);
    json_print(json);
}

static Tokenizer *make_tokenizer(const Options *options, TokenizerKind kind, const Text *text, Error *error)
{
    if (kind == TOKENIZER_GPT2) {
        return options_gpt2(options, error);
    }
    return kind == TOKENIZER_BYTES ? tokenizer_bytes() : tokenizer_chars(text->bytes, text->n, error);
}

static bool run(const Options *options, TokenizerKind kind, const Text *text, int rounds, Error *error)
{
    Tokenizer *tokenizer = make_tokenizer(options, kind, text, error);
    if (tokenizer == NULL) {
        return false;
    }
    Times times = {
        .encode = memory_allocate((size_t)rounds * sizeof(double), "times"),
        .decode = memory_allocate((size_t)rounds * sizeof(double), "times"),
    };
    bool done = measure(tokenizer, text, rounds, &times, error);
    if (done) {
        Quartiles encode = quartiles(times.encode, rounds);
        Quartiles decode = quartiles(times.decode, rounds);
        bool json = options_given(options, OPTION_JSON);
        (json ? print_json : print_table)(kind, text, times.n_ids, encode, decode);
        options_tokenizer_note(options, kind);
    }
    free(times.encode);
    free(times.decode);
    tokenizer_free(tokenizer);
    return done;
}

static int bench(const Options *options)
{
    TokenizerKind kind;
    Text text;
    int rounds;
    Error error;
    if (!options_threads(options) || !options_int(options, OPTION_ROUNDS, DEFAULT_ROUNDS, 1, MOST_ROUNDS, &rounds) ||
        !options_tokenizer_kind(options, TOKENIZER_COUNT, &kind)) {
        return STATUS_USAGE;
    }
    bool done = read_text(options, &text, &error);
    if (done) {
        done = run(options, kind, &text, rounds, &error);
        free(text.bytes);
    }
    if (!done) {
        command_error(options->help->name, "%s", error.message);
    }
    return done ? STATUS_OK : STATUS_FAILED;
}

int command_bench(int argc, const char **argv)
{
    Options options;
    int status;
    if (options_parse(&options, &bench_help, argc, argv, &status)) {
        status = bench(&options);
    }
    options_free(&options);
    return status;
}
