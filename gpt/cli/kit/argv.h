// argv.h: the parts of the option parser. Internal to gpt/cli/kit/.

#ifndef GPTAPE_CLI_ARGV_H
#define GPTAPE_CLI_ARGV_H

#include "gpt/cli/kit/kit.h"

bool report_unknown_option(const Options *options, const char *given); // one line on stderr about "--dpeth=3". Returns false
// False, and one line, if a file name is empty, or - where it is not stdout, or if options exclude each other. Sets --threads and --precision.
bool options_check(const Options *options);
// Called after parsing: shows the help page, or checks the options. The browser's refuses files.
bool options_accept(const Options *options);
bool options_precision(const Options *options); // sets --precision

#endif
