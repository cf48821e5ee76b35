// options.c: the options that commands share, and the reading of argv. What the texts mean: values.c.

#include "gpt/cli/kit/kit.h"

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
    {"activation", '\0', POPT_ARG_STRING, NULL, OPTION_ACTIVATION, "gelu (GPT-2's, by tanh), gelu_erf (the exact one), relu, tanh, sigmoid or identity", "NAME"},
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

struct poptOption precision_options[] = {
    {"precision", '\0', POPT_ARG_STRING, NULL, OPTION_PRECISION,
     "of what large matrix products take in: f32, or bf16 where the processor has it (default f32)", "NAME"},
    POPT_TABLEEND,
};

struct poptOption compute_options[] = {
    {"recompute", '\0', POPT_ARG_STRING, NULL, OPTION_RECOMPUTE,
     "compute each block again in backward instead of keeping it: the same numbers, less memory, more time (default off)", "on|off"},
    INCLUDE_OPTIONS(precision_options, NULL),
    POPT_TABLEEND,
};

struct poptOption run_options[] = {
    {"threads", '\0', POPT_ARG_STRING, NULL, OPTION_THREADS, "to compute with (default: one a processor)", "N"},
    {"json", '\0', POPT_ARG_NONE, NULL, OPTION_JSON, "print the figures as JSON", NULL},
    {"quiet", '\0', POPT_ARG_NONE, NULL, OPTION_QUIET, "no notes and no progress on stderr", NULL},
    {"help", 'h', POPT_ARG_NONE, NULL, OPTION_HELP, "show this page", NULL},
    POPT_TABLEEND,
};

struct poptOption answer_options[] = {
    {"json", '\0', POPT_ARG_NONE, NULL, OPTION_JSON, "print the result as JSON", NULL},
    {"quiet", '\0', POPT_ARG_NONE, NULL, OPTION_QUIET, "no notes on stderr", NULL},
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

// The edit distance between two words: how many letters to insert, drop or exchange. Long words count as far apart.
int word_distance(const char *a, const char *b)
{
    enum { LONGEST = 32 };
    int row[LONGEST + 1];
    int n_a = (int)strlen(a);
    int n_b = (int)strlen(b);

    if (n_a > LONGEST || n_b > LONGEST) {
        return LONGEST;
    }
    for (int j = 0; j <= n_b; j++) {
        row[j] = j;
    }
    for (int i = 1; i <= n_a; i++) {
        int diagonal = row[0];                     // the distance of a[0..i-1] and b[0..j-1]
        row[0] = i;
        for (int j = 1; j <= n_b; j++) {
            int exchanged = diagonal + (a[i - 1] != b[j - 1]);
            int dropped = row[j] + 1;
            int inserted = row[j - 1] + 1;
            int least = exchanged < dropped ? exchanged : dropped;
            diagonal = row[j];
            row[j] = least < inserted ? least : inserted;
        }
    }
    return row[n_b];
}

// The option of this command whose name is most like text, "--n-embed"; NULL if none is.
static const char *similar_option(const Options *options, const char *text)
{
    const char *best = NULL;
    int least = SIMILAR_WORDS + 1;

    const char *word = text + strspn(text, "-");
    int length = (int)strlen(word);

    for (int option = 1; option < OPTION_COUNT; option++) {
        const char *name = options_name(options, option);
        if (name == NULL || length <= SIMILAR_WORDS) {
            continue;                              // of so short a word nothing would be left
        }
        bool begun = strncmp(name, word, (size_t)length) == 0;         // --dep
        int distance = begun ? 0 : word_distance(word, name);
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
        options->values[option] = value != NULL ? value : memory_copy_text("");
        option = poptGetNextOpt(context);
    }
    if (option < -1) {
        report_popt_error(options, context, option);
        return false;
    }
    return true;
}

// An empty text names no file and no folder. A script whose variable is not set asks for it.
static bool check_names(const Options *options)
{
    for (int option = 1; option < OPTION_COUNT; option++) {
        const char *value = options->values[option];
        const struct poptOption *row = value != NULL && value[0] == '\0' ? find_option(options->help->table, option) : NULL;
        const char *what = row == NULL || row->argDescrip == NULL ? "" : row->argDescrip;
        if (strcmp(what, "FILE") == 0) {
            return option_error(options, option, "is no file's name");
        }
        if (strcmp(what, "DIR") == 0) {
            return option_error(options, option, "is no folder's name");
        }
    }
    return true;
}

static void print_help(const CommandHelp *help, poptContext context)
{
    poptSetOtherOptionHelp(context, "[OPTIONS]");
    poptPrintHelp(context, stdout, 0);
    printf("\n");
    terminal_prose(help->about);
    printf("\n\nExamples:\n%s", help->examples);
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
    go_on = go_on && check_names(options);
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
