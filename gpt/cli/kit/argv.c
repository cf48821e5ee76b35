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

// The list as popt's table. popt's number of an option is its index + 1.
static struct poptOption *popt_table(const Options *options)
{
    struct poptOption *rows = memory_allocate_zeroed((size_t)options->count + 1, sizeof *rows, "the options");
    for (int i = 0; i < options->count; i++) {
        const Option *option = &options->list[i];
        char letter = strcmp(option->name, "help") == 0 ? 'h' : '\0';
        rows[i] = (struct poptOption){.longName = option->name,
                                      .shortName = letter,
                                      .argInfo = option->argument != NULL ? POPT_ARG_STRING : POPT_ARG_NONE,
                                      .val = i + 1};
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

static bool parse(Options *options, poptContext context)
{
    const char *name = options->help->name;
    const char *operand = options->help->operand;
    if (!read_values(options, context)) {
        return false;
    }
    if (options_given(options, "help")) {
        help_print(options);
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
    *options = options_list(help);
    AUTO_FREE struct poptOption *table = popt_table(options);
    poptContext context = poptGetContext(NULL, argc, argv, table, POPT_CONTEXT_NO_EXEC);
    if (context == NULL) {
        fail_memory(0, "the command line");
    }
    bool go_on = parse(options, context);
    poptFreeContext(context);
    return go_on;
}
