// options.c: the options that commands share, and how any option's text becomes a checked value.

#include "gpt/cli/cli.h"

#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

// ------------------------------------------------------------------------------------------------------------
// The shared tables

struct poptOption model_options[] = {
    {"config", '\0', POPT_ARG_STRING, NULL, OPTION_CONFIG, "start from this preset; 'gptape info' lists them", "PRESET"},
    {"vocab-size", '\0', POPT_ARG_STRING, NULL, OPTION_VOCAB_SIZE, "how many tokens there are", "N"},
    {"context-length", '\0', POPT_ARG_STRING, NULL, OPTION_CONTEXT_LENGTH, "the longest sequence", "N"},
    {"n-layer", '\0', POPT_ARG_STRING, NULL, OPTION_N_LAYER, "blocks", "N"},
    {"n-head", '\0', POPT_ARG_STRING, NULL, OPTION_N_HEAD, "attention heads", "N"},
    {"n-embd", '\0', POPT_ARG_STRING, NULL, OPTION_N_EMBD, "width, a multiple of the heads", "N"},
    {"ff-mult", '\0', POPT_ARG_STRING, NULL, OPTION_FF_MULT, "feed-forward width, in widths", "N"},
    {"dropout", '\0', POPT_ARG_STRING, NULL, OPTION_DROPOUT, "probability, while training", "P"},
    {"qkv-bias", '\0', POPT_ARG_STRING, NULL, OPTION_QKV_BIAS, "biases on query, key and value", "on|off"},
    {"tied", '\0', POPT_ARG_STRING, NULL, OPTION_TIED, "output head shares the token embedding", "on|off"},
    {"norm", '\0', POPT_ARG_STRING, NULL, OPTION_NORM, "where the LayerNorms are", "pre|post|none"},
    {"causal", '\0', POPT_ARG_STRING, NULL, OPTION_CAUSAL, "a position sees only itself and those before", "on|off"},
    {"activation", '\0', POPT_ARG_STRING, NULL, OPTION_ACTIVATION, "gelu, relu, tanh, sigmoid or identity", "NAME"},
    {"init", '\0', POPT_ARG_STRING, NULL, OPTION_INIT, "torch, gpt2, xavier or kaiming", "NAME"},
    POPT_TABLEEND,
};

struct poptOption shortcut_options[] = {
    {"shortcut", '\0', POPT_ARG_STRING, NULL, OPTION_SHORTCUT, "shortcuts around attention and feed-forward", "on|off"},
    POPT_TABLEEND,
};

struct poptOption seed_options[] = {
    {"seed", '\0', POPT_ARG_STRING, NULL, OPTION_SEED, "of the random weights (default " DEFAULT_SEED ")", "N"},
    POPT_TABLEEND,
};

struct poptOption run_options[] = {
    {"threads", '\0', POPT_ARG_STRING, NULL, OPTION_THREADS, "for matrix products (default: one a processor)", "N"},
    {"json", '\0', POPT_ARG_NONE, NULL, OPTION_JSON, "print the figures as JSON", NULL},
    {"quiet", '\0', POPT_ARG_NONE, NULL, OPTION_QUIET, "no notes and no progress on stderr", NULL},
    {"help", 'h', POPT_ARG_NONE, NULL, OPTION_HELP, "show this page", NULL},
    POPT_TABLEEND,
};

// The row of option in table or in a table that it includes; NULL if there is none.
static const struct poptOption *find_option(const struct poptOption *table, int option)
{
    for (const struct poptOption *row = table; row->longName != NULL || row->arg != NULL; row++) {
        if (row->argInfo == POPT_ARG_INCLUDE_TABLE) {
            const struct poptOption *found = find_option(row->arg, option);
            if (found != NULL) {
                return found;
            }
        } else if (row->val == option) {
            return row;
        }
    }
    return NULL;
}

const char *options_name(const Options *options, int option)
{
    const struct poptOption *row = find_option(options->help->table, option);
    return row == NULL ? NULL : row->longName;
}

// ------------------------------------------------------------------------------------------------------------
// Reading argv

bool option_error(const Options *options, int option, const char *format, ...)
{
    char message[768];
    const char *value = options->values[option];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    if (value == NULL || value[0] == '\0') {
        value = "''";                              // as it was typed
    }
    command_error(options->help->name, "--%s %.80s: %s", options_name(options, option), value, message);
    return false;
}

// The option of this command whose name is most like text, "--n-embed"; NULL if none is.
static const char *similar_option(const Options *options, const char *text)
{
    const char *best = NULL;
    int least = SIMILAR_WORDS + 1;

    for (int option = 1; option < OPTION_COUNT; option++) {
        const char *name = options_name(options, option);
        if (name == NULL) {
            continue;
        }
        int distance = word_distance(text + strspn(text, "-"), name);
        if (distance < least) {
            least = distance;
            best = name;
        }
    }
    return best;
}

// Says what popt stumbled on.
static void report_popt_error(const Options *options, poptContext context, int code)
{
    const char *name = options->help->name;
    const char *given = poptBadOption(context, POPT_BADOPTION_NOALIAS);
    const char *similar = similar_option(options, given);
    char help[64];

    snprintf(help, sizeof help, "gptape%s%s --help", name == NULL ? "" : " ", name == NULL ? "" : name);
    if (code == POPT_ERROR_NOARG) {
        command_error(name, "%.80s: needs a value after it; see '%s'", given, help);
    } else if (code == POPT_ERROR_UNWANTEDARG) {
        command_error(name, "%.80s: takes no value; write %.*s", given, (int)strcspn(given, "="), given);
    } else if (code != POPT_ERROR_BADOPT) {
        command_error(name, "%.80s: %s", given, poptStrerror(code));
    } else if (similar != NULL) {
        command_error(name, "%.80s: there is no such option; did you mean --%s?", given, similar);
    } else {
        command_error(name, "%.80s: there is no such option; see '%s'", given, help);
    }
}

// Reads options until popt has no more; false after an error was reported.
static bool read_values(Options *options, poptContext context)
{
    int option = poptGetNextOpt(context);

    while (option > 0) {
        char *value = poptGetOptArg(context);
        free(options->values[option]);             // of an earlier occurrence: the last one counts
        options->values[option] = value != NULL ? value : text_copy("");
        option = poptGetNextOpt(context);
    }
    if (option < -1) {
        report_popt_error(options, context, option);
        return false;
    }
    return true;
}

static void print_help(const CommandHelp *help, poptContext context)
{
    poptSetOtherOptionHelp(context, "[OPTIONS]");
    poptPrintHelp(context, stdout, 0);
    printf("\n%s\n\nExamples:\n%s", help->about, help->examples);
}

bool options_parse(Options *options, const CommandHelp *help, int argc, const char **argv, int *status)
{
    char title[64];
    const char *first = argv[0];

    *options = (Options){.help = help};
    *status = STATUS_USAGE;
    snprintf(title, sizeof title, "gptape %s", help->name);
    argv[0] = title;                               // popt's help page begins with it
    poptContext context = poptGetContext(NULL, argc, argv, help->table, POPT_CONTEXT_NO_EXEC);
    bool go_on = read_values(options, context);
    if (go_on && options_given(options, OPTION_HELP)) {
        print_help(help, context);
        *status = STATUS_OK;
        go_on = false;
    }
    const char *leftover = go_on ? poptGetArg(context) : NULL;
    if (leftover != NULL) {
        command_error(help->name, "'%.80s': is not expected here; %s takes options only, see 'gptape %s --help'", leftover,
                      help->name, help->name);
        go_on = false;
    }
    poptFreeContext(context);
    argv[0] = first;
    return go_on;
}

bool options_parse_leading(Options *options, const CommandHelp *help, int argc, const char **argv, int *n_leading)
{
    *options = (Options){.help = help};
    poptContext context = poptGetContext(NULL, argc, argv, help->table, POPT_CONTEXT_NO_EXEC | POPT_CONTEXT_POSIXMEHARDER);
    bool read = read_values(options, context);
    const char **rest = poptGetArgs(context);
    int n_rest = 0;

    while (rest != NULL && rest[n_rest] != NULL) {
        n_rest++;
    }
    *n_leading = argc - n_rest;
    poptFreeContext(context);
    return read;
}

void options_free(Options *options)
{
    for (int option = 0; option < OPTION_COUNT; option++) {
        free(options->values[option]);
        options->values[option] = NULL;
    }
}

bool options_given(const Options *options, int option)
{
    return options->values[option] != NULL;
}

// ------------------------------------------------------------------------------------------------------------
// From text to values

// The text to read: what was given, else the fallback; NULL if there is neither.
static const char *text_of(const Options *options, int option, const char *fallback)
{
    return options->values[option] != NULL ? options->values[option] : fallback;
}

// All of text is one whole number, in plain digits. Overflow gives LLONG_MIN or LLONG_MAX, outside any range asked for.
static bool parse_whole(const char *text, long long *value)
{
    const char *digits = text[0] == '-' ? text + 1 : text;
    size_t n_digits = strspn(digits, "0123456789");

    if (n_digits == 0 || digits[n_digits] != '\0') {
        return false;
    }
    *value = strtoll(text, NULL, 10);
    return true;
}

static bool read_whole(const Options *options, int option, const char *text, long long low, long long high, long long *value)
{
    if (!parse_whole(text, value)) {
        return option_error(options, option, "is not a whole number; give one from %lld to %lld", low, high);
    }
    if (*value < low || *value > high) {
        return option_error(options, option, "is too %s; give a whole number from %lld to %lld",
                            *value < low ? "small" : "large", low, high);
    }
    return true;
}

bool options_int(const Options *options, int option, const char *fallback, int low, int high, int *value)
{
    const char *text = text_of(options, option, fallback);
    long long whole = 0;

    if (text == NULL) {
        return true;
    }
    if (!read_whole(options, option, text, low, high, &whole)) {
        return false;
    }
    *value = (int)whole;
    return true;
}

// All of text is one number in plain digits: no inf, nan, hexadecimal, space. Too large for a double is infinite, too small 0.
static bool parse_number(const char *text, double *value)
{
    char *end;

    *value = strtod(text, &end);
    return text[0] != '\0' && text[strspn(text, "0123456789.eE+-")] == '\0' && end != text && *end == '\0';
}

bool options_double(const Options *options, int option, const char *fallback, double low, double high, double *value)
{
    const char *text = text_of(options, option, fallback);
    double number;

    if (text == NULL) {
        return true;
    }
    if (!parse_number(text, &number)) {
        return option_error(options, option, "is not a number; give one from %g to %g", low, high);
    }
    if (number < low || number > high) {
        return option_error(options, option, "is out of range; give a number from %g to %g", low, high);
    }
    *value = number;
    return true;
}

bool options_switch(const Options *options, int option, const char *fallback, bool *value)
{
    const char *text = text_of(options, option, fallback);

    if (text == NULL) {
        return true;
    }
    if (strcmp(text, "on") != 0 && strcmp(text, "off") != 0) {
        return option_error(options, option, "is neither on nor off; give one of these");
    }
    *value = strcmp(text, "on") == 0;
    return true;
}

bool options_word(const Options *options, int option, const char *fallback, const char *(*word)(int), int count, int *value)
{
    const char *text = text_of(options, option, fallback);
    char choices[256] = "";

    if (text == NULL) {
        return true;
    }
    for (int i = 0; i < count; i++) {
        if (strcmp(text, word(i)) == 0) {
            *value = i;
            return true;
        }
        size_t used = strlen(choices);
        snprintf(choices + used, sizeof choices - used, "%s%s", i == 0 ? "" : i == count - 1 ? " or " : ", ", word(i));
    }
    return option_error(options, option, "is not known; give %s", choices);
}

bool options_seed(const Options *options, uint64_t *seed)
{
    const char *text = text_of(options, OPTION_SEED, DEFAULT_SEED);
    long long whole = 0;

    if (!read_whole(options, OPTION_SEED, text, 0, UINT32_MAX, &whole)) {      // the generator is seeded with 32 bits
        return false;
    }
    *seed = (uint64_t)whole;
    return true;
}

bool options_threads(const Options *options)
{
    enum { MOST_THREADS = 1024 };
    int threads = 0;

    if (!options_int(options, OPTION_THREADS, NULL, 1, MOST_THREADS, &threads)) {
        return false;
    }
    if (threads > 0) {
        kernels_set_threads(threads);
    }
    return true;
}

// Splits text at separators and reads each item; false at the first that is none. The caller frees *values.
typedef bool ReadItem(const char *item, double low, double high, double *value);

static bool read_list(const char *text, char separator, ReadItem *read, double low, double high, double **values, int *count,
                      char bad_item[NUMBER_TEXT])
{
    const char separators[] = {separator, '\0'};
    double *list = memory_allocate((strlen(text) / 2 + 1) * sizeof *list, "a list of numbers");
    int n = 0;
    const char *start = text;
    size_t length = strcspn(start, separators);

    snprintf(bad_item, NUMBER_TEXT, "%.*s", (int)length, start);
    while (length < NUMBER_TEXT && read(bad_item, low, high, &list[n])) {
        n++;
        if (start[length] == '\0') {
            *values = list;
            *count = n;
            return true;
        }
        start += length + 1;
        length = strcspn(start, separators);
        snprintf(bad_item, NUMBER_TEXT, "%.*s", (int)length, start);
    }
    free(list);
    return false;
}

static bool read_whole_item(const char *item, double low, double high, double *value)
{
    long long whole;

    if (!parse_whole(item, &whole) || (double)whole < low || (double)whole > high) {
        return false;
    }
    *value = (double)whole;
    return true;
}

static bool read_number_item(const char *item, double low, double high, double *value)
{
    return parse_number(item, value) && *value >= low && *value <= high;
}

static int *as_ints(double *values, int count)
{
    int *ints = memory_allocate((size_t)count * sizeof *ints, "a list of numbers");
    for (int i = 0; i < count; i++) {
        ints[i] = (int)values[i];
    }
    free(values);
    return ints;
}

bool options_int_list(const Options *options, int option, const char *fallback, int low, int high, int **values, int *count)
{
    char item[NUMBER_TEXT];
    double *list;

    if (!read_list(text_of(options, option, fallback), ',', read_whole_item, low, high, &list, count, item)) {
        return option_error(options, option, "'%s' is no whole number from %d to %d; give them like 1,2,3", item, low, high);
    }
    *values = as_ints(list, *count);
    return true;
}

bool options_float_list(const Options *options, int option, float **values, int *count)
{
    const double most = 1e30;
    char item[NUMBER_TEXT];
    double *list;

    if (!read_list(options->values[option], ',', read_number_item, -most, most, &list, count, item)) {
        return option_error(options, option, "'%s' is no number; give them like 1,0,-0.5", item);
    }
    *values = memory_allocate((size_t)*count * sizeof **values, "a list of numbers");
    for (int i = 0; i < *count; i++) {
        (*values)[i] = (float)list[i];
    }
    free(list);
    return true;
}

// Rows of one length: the number of items must be the number of rows times that of the first.
bool options_int_rows(const Options *options, int option, int low, int high, int **values, int *n_rows, int *n_columns)
{
    char item[NUMBER_TEXT];
    char *text = text_copy(options->values[option]);
    double *list;
    int count;
    int columns = 1;
    int column = 1;
    bool even = true;

    *n_rows = 1;
    for (char *at = text; *at != '\0'; at++) {
        if (*at == ',') {
            column++;
        } else if (*at == ';') {
            *at = ',';                             // the items are then one list
            even = even && (*n_rows == 1 || column == columns);
            columns = column;
            column = 1;
            (*n_rows)++;
        }
    }
    even = even && (*n_rows == 1 || column == columns);
    bool read = even && read_list(text, ',', read_whole_item, low, high, &list, &count, item);
    free(text);
    if (!even) {
        return option_error(options, option, "the rows must be of one length; give them like 1,2,3;4,5,6");
    }
    if (!read) {
        return option_error(options, option, "'%s' is no whole number from %d to %d; give them like 1,2,3;4,5,6", item, low, high);
    }
    *values = as_ints(list, count);
    *n_columns = column;
    return true;
}
