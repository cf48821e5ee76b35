// streams.c: the standard streams. They are open, so that no file of ours gets their numbers; stderr passes whole lines, one write each, which a
// terminal gets broken between words; and where stdout is a terminal, everything written to it passes through here, so that no text can control it.

#define _GNU_SOURCE // fopencookie

#include "gpt/cli/kit/kit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// A closed stream becomes one that fails, as before, and not one that reads or writes the next file to be opened.
static void open_descriptors(void)
{
    for (int descriptor = STDIN_FILENO; descriptor <= STDERR_FILENO; descriptor++) {
        if (fcntl(descriptor, F_GETFD) < 0 && errno == EBADF) {
            (void)!open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY);
        }
    }
}

// ------------------------------------------------------------------------------------------------------------
// The filter before a terminal

// The program's own escape sequences arrive with this instead of the escape character. Text that has it, too, could set a color.
#define OWN_ESCAPE "\xff\xfe\xfd"
enum { OWN_LENGTH = sizeof OWN_ESCAPE - 1, LONGEST_COLOR = OWN_LENGTH + 4 }; // "[31m"

typedef struct Filter {
    FILE *terminal;
    char waiting[LONGEST_COLOR]; // the beginning of a character or of an own sequence, which the next write completes
    size_t n_waiting;
    bool line_begun;
} Filter;

static Filter filter;
static FILE *progress_on; // the terminal that shows a line of progress; NULL: none

// The length of one of our sequences at text, "[0m" to "[99m" after the mark; 0 if none is there.
static size_t own_sequence(const char *text, size_t n)
{
    size_t at = OWN_LENGTH + 1;
    if (n < OWN_LENGTH + 3 || memcmp(text, OWN_ESCAPE "[", at) != 0) {
        return 0;
    }
    while (at < n && at < LONGEST_COLOR - 1 && text[at] >= '0' && text[at] <= '9') {
        at++;
    }
    return at < n && text[at] == 'm' ? at + 1 : 0;
}

// How many bytes at the end to keep for the next write.
static size_t incomplete(const char *text, size_t n)
{
    for (size_t length = LONGEST_COLOR - 1; length > 0; length--) {
        if (length <= n && memcmp(text + n - length, OWN_ESCAPE, length < OWN_LENGTH ? length : OWN_LENGTH) == 0
            && own_sequence(text + n - length, length) == 0) {
            return length;
        }
    }
    return n - utf8_whole(text, n);
}

static void show(const char *text, size_t n)
{
    size_t from = 0;
    for (size_t at = 0; at < n; at++) {
        size_t length = own_sequence(text + at, n - at);
        if (length > 0) {
            quote_terminal(filter.terminal, text + from, at - from, true);
            fprintf(filter.terminal, "\033%.*s", (int)(length - OWN_LENGTH), text + at + OWN_LENGTH);
            at += length - 1;
            from = at + 1;
        }
    }
    quote_terminal(filter.terminal, text + from, n - from, true);
}

// Below the line that stdout has begun, if any: the cursor is saved (ESC 7) and restored (ESC 8).
static void write_progress(const char *text, int n)
{
    fprintf(progress_on, filter.line_begun ? "\033D\033[A\0337\r\n%.*s\033[K\0338" : "\r%.*s\033[K", n, text);
    fflush(progress_on);
}

void progress_end(void)
{
    if (progress_on != NULL) {
        write_progress("", 0);
        progress_on = NULL;
    }
}

static ssize_t filter_write(void *unused, const char *bytes, size_t n)
{
    (void)unused;
    progress_end();
    size_t all = filter.n_waiting + n;
    char *text = memory_allocate(all + 1, "text for the terminal");
    memcpy(text, filter.waiting, filter.n_waiting);
    memcpy(text + filter.n_waiting, bytes, n);
    size_t keep = incomplete(text, all);
    show(text, all - keep);
    memcpy(filter.waiting, text + all - keep, keep);
    filter.n_waiting = keep;
    filter.line_begun = all > 0 && text[all - 1] != '\n';
    free(text);
    if (fflush(filter.terminal) == 0) {
        return (ssize_t)n;
    }
    note_stdout_lost();
    return 0;
}

static int filter_close(void *unused)
{
    (void)unused;
    show(filter.waiting, filter.n_waiting);
    filter.n_waiting = 0;
    return fclose(filter.terminal);
}

// ------------------------------------------------------------------------------------------------------------
// Lines of stderr on a terminal

enum { LONGEST_LINE = 1 << 14, HANGING = 2 };

// A whole line is broken between words; its parts are indented. What begins with \r is a line of progress, which the next text replaces.
static ssize_t wrap_write(void *terminal, const char *bytes, size_t n)
{
    char line[LONGEST_LINE];
    bool whole = n > 0 && n <= LONGEST_LINE && memchr(bytes, '\n', n) == bytes + n - 1;
    if (n > 0 && bytes[0] == '\r') {
        progress_on = terminal;
        write_progress(bytes + 1, (int)fmin((double)n - 1, terminal_columns_of(STDERR_FILENO, LONGEST_LINE) - 1));
        return (ssize_t)n;
    }
    progress_end();
    if (whole) {
        snprintf(line, sizeof line, "%.*s", (int)n - 1, bytes);
        terminal_wrap(terminal, line, 0, terminal_columns_of(STDERR_FILENO, INT_MAX), HANGING);
        fputc('\n', terminal);
    } else {
        fwrite(bytes, 1, n, terminal);
    }
    return fflush(terminal) == 0 ? (ssize_t)n : 0;
}

// ------------------------------------------------------------------------------------------------------------

// A stream that writes by these functions: whole lines, or whenever its buffer is full.
static FILE *stream_through(FILE *terminal, int buffering, cookie_io_functions_t functions)
{
    FILE *stream = fopencookie(terminal, "w", functions);
    if (stream == NULL) {
        fail_memory(0, "a stream");
    }
    setvbuf(stream, NULL, buffering, LONGEST_LINE);
    return stream;
}

// stdout that is not a terminal. When the C library writes a full buffer by itself and fails, it does not say why.
static ssize_t noting_write(void *unused, const char *bytes, size_t n)
{
    (void)unused;
    if (write_all(STDOUT_FILENO, bytes, n)) {
        return (ssize_t)n;
    }
    note_stdout_lost();
    return 0;
}

static int close_descriptor(void *unused)
{
    (void)unused;
    return close(STDOUT_FILENO);
}

void streams_begin(void)
{
    open_descriptors();
    setvbuf(stderr, NULL, _IOLBF, LONGEST_LINE);
    if (isatty(STDERR_FILENO)) {
        setvbuf(stderr, NULL, _IOFBF, 2 * LONGEST_LINE); // a line in several parts is one write, too
        stderr = stream_through(stderr, _IOLBF, (cookie_io_functions_t){.write = wrap_write});
    }
    if (isatty(STDOUT_FILENO)) {
        filter.terminal = stdout;
        stdout = stream_through(stdout, _IOLBF, (cookie_io_functions_t){.write = filter_write, .close = filter_close});
    } else {
        stdout = stream_through(NULL, _IOFBF, (cookie_io_functions_t){.write = noting_write, .close = close_descriptor});
    }
}

bool streams_no_stdout(void)
{
    FILE *nowhere = fopen("/dev/null", "w");
    stdout = nowhere != NULL ? nowhere : stdout;
    return nowhere != NULL;
}

// ------------------------------------------------------------------------------------------------------------
// Color

enum { OWN_TEXT = 16 };

static bool color;

// The value of a variable of the environment; NULL: none, or it is empty.
static const char *set_in_environment(const char *name)
{
    const char *value = getenv(name);
    return value == NULL || value[0] == '\0' ? NULL : value;
}

bool terminal_set_color(const Options *options)
{
    int when = 0;
    if (!options_choice(options, "color", &when)) {
        return false;
    }
    const char *kind = set_in_environment("TERM");
    bool wanted = set_in_environment("NO_COLOR") == NULL && isatty(STDOUT_FILENO) && kind != NULL && strcmp(kind, "dumb") != 0;
    color = when == 1 || (when == 0 && wanted);
    return true;
}

// An escape sequence of ours, to be printed to stdout.
static const char *own_escape(const char *code, char text[OWN_TEXT])
{
    snprintf(text, OWN_TEXT, "%s%s", filter.terminal == NULL ? "\033" : OWN_ESCAPE, code + 1);
    return text;
}

const char *terminal_color(const char *code)
{
    static const char *const codes[] = {COLOR_BOLD, COLOR_WITHOUT, COLOR_WITH, COLOR_END};
    static char own[4][OWN_TEXT];
    for (int i = 0; color && i < 4; i++) {
        if (strcmp(code, codes[i]) == 0) {
            return own_escape(code, own[i]);
        }
    }
    return "";
}
