// message.c: messages on stderr, always one line, and the check that everything written to stdout arrived.

#include "gpt/cli/kit/kit.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

// "gptape info: text", in one write. Names in text may contain anything.
static void print_line(const char *command, const char *text)
{
    fprintf(stderr, "gptape%s%s: ", command == NULL ? "" : " ", command == NULL ? "" : command);
    quote_terminal(stderr, text, strlen(text), false);
    fputc('\n', stderr);
}

static Error unprinted; // on a rank other than 0
static bool reported;   // an error was

void command_error(const char *command, const char *format, ...)
{
    char text[1200];
    FORMAT_ARGUMENTS(text, sizeof text, format);
    reported = true;
    if (ranks_rank() == 0) {
        print_line(command, text);
    } else {
        error_set(&unprinted, "%.500s", text);
    }
}

int command_end_ranks(const CommandHelp *help, int status)
{
    Error error = unprinted;
    bool done = status == STATUS_OK;
    if (!ranks_agreed()) {
        return status == STATUS_OK ? STATUS_FAILED : status; // each rank already knows
    }
    if (ranks_agree(done, &error)) {
        return STATUS_OK;
    }
    if (done && ranks_rank() == 0) {
        command_error(help->name, "%s", error.message);
    }
    return done ? STATUS_FAILED : status;
}

void command_failing(FailKind kind, const char *message)
{
    char rank[32];
    snprintf(rank, sizeof rank, "rank %d", ranks_rank());
    if (kind == FAIL_MISTAKE || !reported) { // one line is enough: memory refused while a failed command ends is not reported
        print_line(ranks_count() > 1 ? rank : NULL, message);
    }
}

static int status_of_error = STATUS_USAGE; // of the last one

bool command_stop(int status)
{
    status_of_error = status;
    return false;
}

int command_status(bool done)
{
    return done ? STATUS_OK : status_of_error;
}

bool report_error(const Options *options, const Error *error)
{
    char name[sizeof error->field];
    option_name(error->field, name);
    bool option = name[0] != '\0' && options_has(options, name);
    command_error(options->help->name, "%s%s%s", option ? "--" : "", option ? name : "", error->message + (option ? strlen(name) : 0));
    return command_stop(STATUS_USAGE);
}

bool report_failure(const Options *options, const Error *error)
{
    report_error(options, error);
    return command_stop(STATUS_FAILED);
}

bool option_error(const Options *options, const char *name, const char *format, ...)
{
    char text[1000];
    FORMAT_ARGUMENTS(text, sizeof text, format);
    command_error(options->help->name, "%s%s%s%s", name == NULL ? "" : "--", name == NULL ? "" : name, name == NULL ? "" : ": ", text);
    return command_stop(STATUS_USAGE);
}

void command_note(const Options *options, const char *format, ...)
{
    char text[1200];
    FORMAT_ARGUMENTS(text, sizeof text, format);
    if (!options_given(options, "quiet") && ranks_rank() == 0) {
        print_line(options->help->name, text);
    }
}

bool note_drawn(const Options *options, const char *path, bool done)
{
    if (done) {
        command_note(options, "drew %s", path);
    }
    return done;
}

// Why output to stdout was lost: errno of the first write that failed, or 0.
static int lost_because;

void note_stdout_lost(void)
{
    lost_because = lost_because == 0 ? errno : lost_because;
}

void flush_stdout(void)
{
    progress_end(); // also where stdout is a pipe, which may lead to the same terminal
    fflush(stdout);
}

bool close_stdout(const char *command)
{
    flush_stdout();
    bool lost = ferror(stdout) != 0;
    errno = 0;
    if (fclose(stdout) != 0) {
        note_stdout_lost();
        lost = true;
    }
    if (lost && !reported) { // one line is enough
        command_error(command, "stdout: not everything could be written: %s",
                      lost_because == EBADF ? "it is closed, or open for reading only" : strerror(lost_because));
    }
    return !lost;
}
