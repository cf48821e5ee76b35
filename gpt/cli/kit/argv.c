// argv.c: the parsing of argv by popt, into the list of a command's options.

#include "gpt/cli/kit/kit.h"

#include <popt.h>
#include <stdlib.h>
#include <string.h>

// ------------------------------------------------------------------------------------------------------------
// Errors in argv

// The edit distance between two words: letters to insert, drop or exchange. Long words count as far apart.
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

// The option whose name is most like text, "--n-embed"; NULL if none is.
static const char *similar_option(const Options *options, const char *text)
{
    const char *best = NULL;
    int least = SIMILAR_WORDS + 1;
    const char *word = text + strspn(text, "-");
    int length = (int)strlen(word);

    for (int i = 0; i < options->count && length > SIMILAR_WORDS; i++) {
        const char *name = options->list[i].name;
        bool begun = strncmp(name, word, (size_t)length) == 0;         // --dep
        int distance = begun ? 0 : word_distance(word, name);
        if (distance < least) {
            least = distance;
            best = name;
        }
    }
    return best;
}

static void report_popt_error(const Options *options, poptContext context, int code)
{
    const char *name = options->help->name;
    const char *given = poptBadOption(context, POPT_BADOPTION_NOALIAS);
    const char *similar = similar_option(options, given);

    if (code == POPT_ERROR_MALLOC) {
        fail_memory(0, "the command line");
    } else if (code == POPT_ERROR_NOARG) {
        command_error(name, "%.80s: missing value; see 'gptape %s --help'", given, name);
    } else if (code == POPT_ERROR_UNWANTEDARG) {
        command_error(name, "%.80s: takes no value (expected %.*s)", given, (int)strcspn(given, "="), given);
    } else if (code != POPT_ERROR_BADOPT) {
        command_error(name, "%.80s: %s", given, poptStrerror(code));
    } else if (similar != NULL) {
        command_error(name, "%.80s: unknown option; did you mean --%s?", given, similar);
    } else {
        command_error(name, "%.80s: unknown option; see 'gptape %s --help'", given, name);
    }
}

// ------------------------------------------------------------------------------------------------------------
// Parsing

// The list as popt's tables: a table for each title, included by the first. popt's number of an option is its index + 1.
static struct poptOption *popt_tables(const Options *options)
{
    size_t n = (size_t)options->count;
    struct poptOption *rows = memory_allocate_zeroed(4 * n + 2, sizeof *rows, "the options");
    struct poptOption *top = rows;
    struct poptOption *row = rows + n + 1;         // behind the top table, which has at most a row per option
    for (int i = 0; i < options->count; i++) {
        const Option *option = &options->list[i];
        if (option->title != NULL) {
            row += i > 0;                          // leaves a row of zeros, the end of the table before
            *top = (struct poptOption){NULL, '\0', POPT_ARG_INCLUDE_TABLE, row, 0, option->title, NULL};
            top++;
        }
        bool help = strcmp(option->name, "help") == 0;
        *row = (struct poptOption){option->name, help ? 'h' : '\0', option->argument != NULL ? POPT_ARG_STRING : POPT_ARG_NONE, NULL, i + 1,
                                   option->help, option->argument};
        row++;
    }
    return rows;
}

static void add_value(Option *option, char *value)
{
    option->values = memory_grow(option->values, option->n_values, &option->values_capacity, sizeof(char *), "the options");
    option->values[option->n_values] = value;
    option->n_values++;
    option->value = value;
}

// Reads options until popt has no more; false after an error was printed.
static bool read_values(Options *options, poptContext context)
{
    int number = poptGetNextOpt(context);

    while (number > 0) {
        Option *option = &options->list[number - 1];
        char *value = poptGetOptArg(context);
        if (option->argument != NULL && value == NULL) {
            fail_memory(0, "the command line");    // popt returns NULL when it cannot copy the text
        }
        add_value(option, value != NULL ? value : memory_copy_text(""));
        number = poptGetNextOpt(context);
    }
    if (number < -1) {
        report_popt_error(options, context, number);
        return false;
    }
    return true;
}

// An empty text names no file: a script passes it when its variable is not set.
static bool check_names(const Options *options)
{
    for (int i = 0; i < options->count; i++) {
        const Option *option = &options->list[i];
        bool path = option->argument != NULL && (strcmp(option->argument, "FILE") == 0 || strcmp(option->argument, "DIR") == 0);
        if (path && option->value != NULL && option->value[0] == '\0') {
            return option_error(options, option->name, "empty name (expected a %s)", option->argument[0] == 'F' ? "file" : "folder");
        }
    }
    return true;
}

static void print_help(const CommandHelp *help, poptContext context)
{
    char operands[64];
    snprintf(operands, sizeof operands, "[OPTIONS] %s", help->operand == NULL ? "" : help->operand);
    poptSetOtherOptionHelp(context, help->operand == NULL ? "[OPTIONS]" : operands);
    poptPrintHelp(context, stdout, 0);
    printf("\n");
    terminal_prose(help->about);
    printf("\n\nExamples:\n%s", help->examples);
}

static bool parse(Options *options, poptContext context, int *status)
{
    const char *name = options->help->name;
    if (!read_values(options, context)) {
        return false;
    }
    if (options_given(options, "help")) {
        print_help(options->help, context);
        *status = STATUS_OK;
        return false;
    }
    const char *leftover = poptGetArg(context);
    bool many = options->help->operand != NULL && strstr(options->help->operand, "...") != NULL;
    while (leftover != NULL && options->help->operand != NULL && (many || options->n_operands == 0)) {
        options->operands = memory_grow(options->operands, options->n_operands, &options->operands_capacity, sizeof(char *), "the operands");
        options->operands[options->n_operands] = memory_copy_text(leftover);
        options->n_operands++;
        leftover = poptGetArg(context);
    }
    if (leftover != NULL && options->help->operand != NULL) {
        command_error(name, "'%.80s': unexpected (expected one %s)", leftover, options->help->operand);
        return false;
    }
    if (leftover != NULL) {
        command_error(name, "'%.80s': unexpected; %s takes options only, see 'gptape %s --help'", leftover, name, name);
        return false;
    }
    return check_names(options) && terminal_set_color(options);
}

bool options_parse(Options *options, const CommandHelp *help, int argc, const char **argv, int *status)
{
    char title[64];
    const char *first = argv[0];

    *options = options_list(help);
    *status = STATUS_USAGE;
    snprintf(title, sizeof title, "gptape %s", help->name);
    argv[0] = title;                               // the first line of popt's help page
    struct poptOption *tables = popt_tables(options);
    poptContext context = poptGetContext(NULL, argc, argv, tables, POPT_CONTEXT_NO_EXEC);
    if (context == NULL) {
        fail_memory(0, "the command line");
    }
    bool go_on = parse(options, context, status);
    poptFreeContext(context);
    free(tables);
    argv[0] = first;
    return go_on;
}
