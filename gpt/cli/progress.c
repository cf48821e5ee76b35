// progress.c: how far long work is, on stderr.

#include "gpt/cli/cli.h"

#include <time.h>
#include <unistd.h>

static const double QUIET_START = 1.0;             // seconds: shorter work needs no line
static const double TERMINAL_INTERVAL = 0.1;
static const double FILE_INTERVAL = 10.0;

double clock_seconds(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

Progress progress_begin(const Options *options, const char *unit)
{
    double started = clock_seconds();
    return (Progress){
        .command = options->help->name,
        .unit = unit,
        .quiet = options_given(options, OPTION_QUIET),
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
    if (progress->quiet || elapsed < QUIET_START || time - progress->last < interval) {
        return;
    }
    double rate = done / elapsed;
    double left = (n - done) / rate;
    progress->last = time;
    progress->shown = true;
    fprintf(stderr, "%sgptape %s: %d of %d %s, %.3g a second, %.0f s left%s", progress->terminal ? "\r" : "", progress->command,
            done, n, progress->unit, rate, left, progress->terminal ? "\033[K" : "\n");
    fflush(stderr);
}

void progress_end(Progress *progress)
{
    if (progress->shown && progress->terminal) {
        fprintf(stderr, "\r\033[K");
        fflush(stderr);
    }
    progress->shown = false;
}
