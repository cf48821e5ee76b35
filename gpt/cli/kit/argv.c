// argv.c: the parsing of argv by popt, into the list of a command's options.

#include "gpt/cli/kit/argv.h"

#include <popt.h>
#include <stdlib.h>
#include <string.h>

static bool report_popt_error(const Options *options, poptContext context, int code)
{
    const char *given = poptBadOption(context, POPT_BADOPTION_NOALIAS);
    switch (code) {
    case POPT_ERROR_MALLOC: fail_memory(0, "the command line");
    case POPT_ERROR_NOARG: return report_missing_value(options, given);
    case POPT_ERROR_UNWANTEDARG: return report_unwanted_value(options, given);
    case POPT_ERROR_BADOPT: return report_unknown_option(options, given);
    default: return option_error(options, NULL, "%.80s: %s", given, poptStrerror(code));
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
    struct poptOption *row = rows + n + 1; // behind the top table, which has at most a row per option
    for (int i = 0; i < options->count; i++) {
        const Option *option = &options->list[i];
        if (option->title != NULL) {
            row += i > 0; // leaves a row of zeros, the end of the table before
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
            fail_memory(0, "the command line"); // popt returns NULL when it cannot copy the text
        }
        option_add_value(option, value != NULL ? value : memory_copy_text(""));
        number = poptGetNextOpt(context);
    }
    return number == -1 || report_popt_error(options, context, number);
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

static bool parse(Options *options, poptContext context)
{
    const char *name = options->help->name;
    const char *operand = options->help->operand;
    if (!read_values(options, context)) {
        return false;
    }
    if (options_given(options, "help")) {
        print_help(options->help, context);
        return command_stop(STATUS_OK);
    }
    const char *leftover = poptGetArg(context);
    bool many = operand != NULL && strstr(operand, "...") != NULL;
    while (leftover != NULL && operand != NULL && (many || options->n_operands == 0)) {
        *LIST_ADD(options->operands, options->n_operands, options->operands_capacity, "the operands") = memory_copy_text(leftover);
        leftover = poptGetArg(context);
    }
    if (leftover != NULL && operand != NULL) {
        return option_error(options, NULL, "'%.80s': unexpected (expected one %s)", leftover, operand);
    }
    if (leftover != NULL) {
        return option_error(options, NULL, "'%.80s': unexpected; %s takes options only, see 'gptape %s --help'", leftover, name, name);
    }
    return options_check(options) && terminal_set_color(options);
}

bool options_parse(Options *options, const CommandHelp *help, int argc, const char **argv)
{
    AUTO_FREE char *title = text_format("gptape %s", help->name);
    const char *first = argv[0];
    *options = options_list(help);
    argv[0] = title; // the first line of popt's help page
    AUTO_FREE struct poptOption *tables = popt_tables(options);
    poptContext context = poptGetContext(NULL, argc, argv, tables, POPT_CONTEXT_NO_EXEC);
    if (context == NULL) {
        fail_memory(0, "the command line");
    }
    bool go_on = parse(options, context);
    poptFreeContext(context);
    argv[0] = first;
    return go_on;
}
