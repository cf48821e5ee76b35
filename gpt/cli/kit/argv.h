// argv.h: shared by the option parsers: argv.c (popt) and the browser's. Internal to gpt/cli/kit/.

#ifndef GPTAPE_CLI_ARGV_H
#define GPTAPE_CLI_ARGV_H

#include "gpt/cli/kit/kit.h"

// One line on stderr about an argument, "--dpeth=3". Each returns false.
bool report_unknown_option(const Options *options, const char *given);
bool report_missing_value(const Options *options, const char *given);
bool report_unwanted_value(const Options *options, const char *given);

void option_add_value(Option *option, char *value); // which it frees
// False, and one line, if a file name is empty, or - where it is not stdout, or if options exclude each other. Sets --threads and --precision.
bool options_check(const Options *options);
bool options_precision(const Options *options); // sets --precision
void help_print(const Options *options);        // the command's help page

#endif
