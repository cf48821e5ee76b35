// argv.c: the options that the browser accepts. Those that name a file or a folder are refused: the page has none.

#include "gpt/cli/kit/argv.h"

#include <string.h>

static bool is_file(const Option *option)
{
    return option->value != NULL && option_takes_path(option) && strcmp(option->value, "-") != 0 && strcmp(option->value, "none") != 0;
}

bool options_accept(const Options *options)
{
    for (int i = 0; i < options->count; i++) {
        if (is_file(&options->list[i])) {
            return option_error(options, options->list[i].name, "the page has no files; leave it out");
        }
    }
    return options_check(options);
}
