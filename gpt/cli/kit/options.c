// options.c: a command's options: its table as a list, and the parsing of argv by popt. What the texts mean: values.c.

#include "gpt/cli/kit/kit.h"

#include <popt.h>
#include <stdlib.h>
#include <string.h>

enum { HELP_TEXT = 512 };

// ------------------------------------------------------------------------------------------------------------
// Shared rows

const OptionRow config_rows[] = {
    {"config", "PRESET", NULL, "preset to start from; 'gptape info' lists them"},
    {0},
};

const OptionRow seed_rows[] = {
    {"seed", "N", "123", "seed of the random weights"},
    {0},
};

#define PRECISION_ROW {"precision", "NAME", "f32", "operands of large matrix products: f32, or bf16 where the processor has it"}

const OptionRow precision_rows[] = {
    PRECISION_ROW,
    {0},
};

const OptionRow compute_rows[] = {
    {"recompute", "on|off", "off", "compute each block again in backward instead of keeping it: same numbers, less memory, more time"},
    PRECISION_ROW,
    {0},
};

#define ANSWER_ROWS \
    {"json", NULL, NULL, "print the results as JSON"}, \
    {"quiet", NULL, NULL, "no notes and no progress on stderr"}, \
    {"color", "WHEN", "auto", "color in the output: auto (on a terminal, unless NO_COLOR is set), always or never"}, \
    {"help", NULL, NULL, "show this page"}, \
    {0}

const OptionRow run_rows[] = {
    {"threads", "N", NULL, "threads to compute with (default: one per processor)"},
    ANSWER_ROWS,
};

const OptionRow answer_rows[] = {
    ANSWER_ROWS,
};

// ------------------------------------------------------------------------------------------------------------
// The list

const char *option_name(const char *field, char name[32])
{
    snprintf(name, 32, "%s", field);
    for (char *at = name; *at != '\0'; at++) {
        *at = *at == '_' ? '-' : *at;
    }
    return name;
}

static Option *add_option(Options *options, const char *name)
{
    enum { MOST = 96 };
    if (options->list == NULL) {
        options->list = memory_allocate_zeroed(MOST, sizeof *options->list, "the options");
    }
    Option *option = &options->list[options->count];
    options->count++;
    REQUIRE(options->count < MOST ? option : NULL);
    option_name(name, option->name);
    return option;
}

static void describe(Option *option, const char *text, const char *choices)
{
    char help[HELP_TEXT];
    int used = snprintf(help, sizeof help, "%s", text);
    if (choices[0] != '\0') {
        used += snprintf(help + used, sizeof help - (size_t)used, ": %s", choices);
    }
    if (option->standard != NULL && option->standard[0] != '\0') {
        snprintf(help + used, sizeof help - (size_t)used, " (default %s)", option->standard);
    }
    option->help = memory_copy_text(help);
}

static Option *find(const Options *options, const char *name)
{
    for (int i = 0; i < options->count; i++) {
        if (strcmp(options->list[i].name, name) == 0) {
            return &options->list[i];
        }
    }
    return NULL;
}

bool options_has(const Options *options, const char *name)
{
    return find(options, name) != NULL;
}

static void add_field(Options *options, const OptionGroup *group, const ConfigField *field)
{
    char choices[FIELD_WORDS] = "";
    char name[32];
    if (options_has(options, option_name(field->name, name))) {
        return;
    }
    Option *option = add_option(options, field->name);
    option->field = field;
    option->argument = field->argument;
    option->standard = group->show_defaults ? field->standard : NULL;
    if (field->kind == FIELD_CHOICE) {
        config_field_words(field, choices);
    }
    describe(option, field->help, choices);
}

Options options_list(const CommandHelp *help)
{
    Options options = {.help = help};
    for (const OptionGroup *group = help->groups; group->rows != NULL || group->fields != NULL; group++) {
        int first = options.count;
        for (const OptionRow *row = group->rows; row != NULL && row->name != NULL; row++) {
            Option *option = add_option(&options, row->name);
            option->argument = row->argument;
            option->standard = row->standard;
            describe(option, row->help, "");
        }
        for (int i = 0; group->fields != NULL && i < *group->n_fields; i++) {
            add_field(&options, group, &group->fields[i]);
        }
        options.list[first].title = group->title;
    }
    return options;
}

void options_free(Options *options)
{
    for (int i = 0; i < options->count; i++) {
        Option *option = &options->list[i];
        for (int k = 0; k < option->n_values; k++) {
            free(option->values[k]);
        }
        free(option->values);
        free(option->help);
    }
    free(options->list);
    free(options->operand);
    *options = (Options){0};
}

static Option *need(const Options *options, const char *name)
{
    Option *option = find(options, name);
    if (option == NULL) {
        fail_mistake(HERE, "gptape %s has no option --%s", options->help->name, name);
    }
    return option;
}

bool options_given(const Options *options, const char *name)
{
    return need(options, name)->value != NULL;
}

bool options_field_given(const Options *options, const ConfigField *field)
{
    char name[32];
    const Option *option = find(options, option_name(field->name, name));
    return option != NULL && option->field == field && option->value != NULL;
}

bool options_changed(const Options *options, const char *name)
{
    const Option *option = need(options, name);
    return option->value != NULL && (option->standard == NULL || strcmp(option->value, option->standard) != 0);
}

const char *options_text(const Options *options, const char *name)
{
    const Option *option = need(options, name);
    return option->value != NULL ? option->value : option->standard;
}

const char *options_first(const Options *options, const char *const *names)
{
    for (; *names != NULL; names++) {
        if (options_changed(options, *names)) {
            return *names;
        }
    }
    return NULL;
}

int options_count(const Options *options, const char *name)
{
    return need(options, name)->n_values;
}

const char *options_text_of(const Options *options, const char *name, int i)
{
    return need(options, name)->values[i];
}

static void add_value(Option *option, char *value)
{
    option->values = memory_grow(option->values, option->n_values, &option->values_capacity, sizeof(char *), "the options");
    option->values[option->n_values] = value;
    option->n_values++;
    option->value = value;
}

void options_replace(Options *options, const char *name, const char *value)
{
    Option *option = need(options, name);
    if (value == NULL) {
        option->value = NULL;
    } else {
        add_value(option, memory_copy_text(value));
    }
}

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
    if (leftover != NULL && options->help->operand != NULL) {
        options->operand = memory_copy_text(leftover);
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
