// gnuplot.c: a script becomes a picture.

#include "gpt/plot/panel.h"

#include <string.h>

// gnuplot repeats the line, points at the place with a ^, and then says what is wrong after "line N:"; warnings look the same.
static const char *complaint(const char *messages)
{
    const char *found = NULL;
    for (const char *line = strstr(messages, "line "); line != NULL && found == NULL; line = strstr(line + 1, "line ")) {
        size_t digits = strspn(line + 5, "0123456789");
        const char *said = line + 5 + digits;
        if (digits > 0 && *said == ':' && strncmp(said, ": warning", 9) != 0) {
            found = said + 2;                      // the number itself is 0 for a script from standard input
        }
    }
    return found == NULL ? messages + strspn(messages, " \t\r\n") : found;
}

bool gnuplot_run(const char *script, size_t n, PlotText *output, Error *error)
{
    static const Filter gnuplot = {
        .arguments = {"gnuplot", "-d", "-"},       // -d: without the user's ~/.gnuplot
        .package = "gnuplot-nox",
        .complaint = complaint,
    };
    return filter_run(&gnuplot, script, n, output, error);
}
