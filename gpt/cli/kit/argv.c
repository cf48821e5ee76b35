// argv.c: the parsing of argv into the list of a command's options. Every value is taken as it is (popt would expand "!#:+" in it).

#include "gpt/cli/kit/argv.h"

#include <string.h>

// The option of "--name" or "--name=value", or of "-h"; NULL: unknown.
static Option *option_of(const Options *options, const char *given, size_t length)
{
    char name[sizeof options->list->name];
    if (strcmp(given, "-h") == 0) {
        return options_find(options, "help");
    }
    snprintf(name, sizeof name, "%.*s", (int)length - 2, given + 2);
    return strncmp(given, "--", 2) == 0 && length - 2 == strlen(name) ? options_find(options, name) : NULL;
}

// Reads the option at argv[*i], and its value: "--depth 3" or "--depth=3".
static bool read_option(Options *options, int argc, const char **argv, int *i)
{
    const char *given = argv[*i];
    size_t length = strcspn(given, "=");
    const char *value = given[length] == '=' ? given + length + 1 : NULL;
    Option *option = option_of(options, given, length);
    if (option == NULL) {
        return report_unknown_option(options, given);
    }
    if (option->argument == NULL && value != NULL) {
        return option_error(options, NULL, "%.80s: takes no value (expected %.*s)", given, (int)length, given);
    }
    if (option->argument != NULL && value == NULL) {
        *i += 1;
        if (*i >= argc) {
            return option_error(options, NULL, "%.80s: missing value; see 'gptape %s --help'", given, options->help->name);
        }
        value = argv[*i];
    }
    option->value = memory_copy_text(value == NULL ? "" : value);
    *LIST_ADD(option->values, option->n_values, option->values_capacity, "the options") = option->value;
    return true;
}

bool options_parse(Options *options, const CommandHelp *help, int argc, const char **argv)
{
    bool only_operands = false; // behind --
    *options = options_list(help);
    for (int i = 1; i < argc; i++) {
        bool option = !only_operands && argv[i][0] == '-' && argv[i][1] != '\0';
        if (option && strcmp(argv[i], "--") == 0) {
            only_operands = true;
        } else if (!option) {
            *LIST_ADD(options->operands, options->n_operands, options->operands_capacity, "the operands") = memory_copy_text(argv[i]);
        } else if (!read_option(options, argc, argv, &i)) {
            return false;
        }
    }
    return options_accept(options);
}
