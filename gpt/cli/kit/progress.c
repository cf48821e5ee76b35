// progress.c: the progress of long work, on stderr.

#include "gpt/cli/kit/kit.h"

#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

static const double QUIET_START = 1.0; // seconds: shorter work needs no line
static const double TERMINAL_INTERVAL = 0.1;
static const double FILE_INTERVAL = 10.0;

Progress progress_begin(const Options *options, const char *unit)
{
    double started = clock_seconds();
    return (Progress){
        .command = options->help->name,
        .unit = unit,
        .quiet = options_given(options, "quiet") || ranks_rank() > 0,
        .terminal = isatty(STDERR_FILENO),
        .started = started,
        .last = started,
    };
}

void progress_update(int done, int n, void *context)
{
    Progress *progress = context;
    double time = clock_seconds();
    double elapsed = time - progress->started;
    double interval = progress->terminal ? TERMINAL_INTERVAL : FILE_INTERVAL;
    if (done == n && progress->terminal) {
        progress_end(); // what is printed next may reach the terminal through a pipe
        return;
    }
    if (progress->quiet || elapsed < QUIET_START || time - progress->last < interval) {
        return;
    }
    double rate = (done - progress->done_before) / elapsed;
    double left = (n - done) / rate;
    char detail[sizeof progress->detail];
    snprintf(detail, sizeof detail, "%.3g a second", rate);
    progress->last = time;
    fprintf(stderr, "%sgptape %s: %d of %d %s, %s, %.0f s left%s", progress->terminal ? "\r" : "", progress->command, done, n, progress->unit,
            progress->detail[0] != '\0' ? progress->detail : detail, left, progress->terminal ? "" : "\n");
    fflush(stderr);
}

void progress_until_interrupt(int done, int n, void *context)
{
    Progress *progress = context;
    progress_update(done, n, progress);
    if (interrupted()) {
        command_error(progress->command, "interrupted after %d of %d %s", done, n, progress->unit);
        exit(interrupt_status());
    }
}

void progress_detail(Progress *progress, const char *format, ...)
{
    FORMAT_ARGUMENTS(progress->detail, sizeof progress->detail, format);
}
