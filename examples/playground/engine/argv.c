// argv.c: the parsing of options without popt, for the browser: the same tables, the same messages. Options that name a file or a
// folder are refused: the page has none.

#include "gpt/cli/kit/argv.h"

#include <stdlib.h>
#include <string.h>

static Option *find_option(const Options *options, const char *name, size_t n)
{
    for (int i = 0; i < options->count; i++) {
        const char *known = options->list[i].name;
        if (strlen(known) == n && memcmp(known, name, n) == 0) {
            return &options->list[i];
        }
    }
    return NULL;
}

static bool is_file(const Option *option, const char *value)
{
    return option_takes_path(option) && strcmp(value, "-") != 0 && strcmp(value, "none") != 0;
}

// Reads the option at argv[*i], and its value: "--depth 3" or "--depth=3".
static bool read_option(Options *options, int argc, const char **argv, int *i)
{
    const char *given = argv[*i];
    if (strncmp(given, "--", 2) != 0) {
        return option_error(options, NULL, "'%.80s': unexpected; %s takes options only", given, options->help->name);
    }
    size_t n = strcspn(given + 2, "=");
    const char *value = given[2 + n] == '=' ? given + 2 + n + 1 : NULL;
    Option *option = find_option(options, given + 2, n);
    if (option == NULL) {
        return report_unknown_option(options, given);
    }
    if (option->argument == NULL && value != NULL) {
        return report_unwanted_value(options, given);
    }
    if (option->argument != NULL && value == NULL) {
        *i += 1;
        if (*i >= argc) {
            return report_missing_value(options, given);
        }
        value = argv[*i];
    }
    if (is_file(option, value == NULL ? "-" : value)) {
        return option_error(options, option->name, "the page has no files; leave it out");
    }
    option_add_value(option, memory_copy_text(value == NULL ? "" : value));
    return true;
}

bool options_parse(Options *options, const CommandHelp *help, int argc, const char **argv)
{
    *options = options_list(help);
    for (int i = 1; i < argc; i++) {
        if (!read_option(options, argc, argv, &i)) {
            return false;
        }
    }
    return options_check(options);
}
