// run.c: gives a script to another program (gnuplot, dot) and receives the image.
//
// No shell, pipe or file name is involved: the program reads the script from an unnamed temporary file, draws to another
// and writes errors to a third, and plot_save writes the image to its destination. So no file can be left behind, nothing
// has to be quoted, and neither side can block the other. The user's settings for gnuplot and Graphviz are ignored.

#include "gpt/plot/draw.h"

#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

// ------------------------------------------------------------------------------------------------------------
// The three files

// The program's standard input, output and error. Their descriptors rise: none is in a later one's place.
typedef struct Streams {
    FILE *file[3];
} Streams;

static void streams_close(Streams *streams)
{
    for (int i = 0; i < 3; i++) {
        if (streams->file[i] != NULL) {
            fclose(streams->file[i]);
        }
    }
}

static bool streams_open(Streams *streams, const char *script, Error *error)
{
    bool open = true;
    *streams = (Streams){0};
    for (int i = 0; i < 3 && open; i++) {
        streams->file[i] = tmpfile();
        open = streams->file[i] != NULL;
    }
    open = open && fputs(script, streams->file[0]) >= 0 && fflush(streams->file[0]) == 0;
    open = open && lseek(fileno(streams->file[0]), 0, SEEK_SET) == 0;
    return open || error_set(error, "cannot write a temporary file: %s", strerror(errno));
}

// Everything that the program wrote to one of them.
static bool read_back(FILE *file, const char *program, char **bytes, size_t *n, Error *error)
{
    rewind(file);
    return stream_read(file, program, MOST_TEXT_BYTES, bytes, n, error);
}

// ------------------------------------------------------------------------------------------------------------
// The process

// The program's environment: the paths of programs, libraries and fonts; and the C locale, for numbers.
static char **safe_environment(void)
{
    static const char *const kept[] = {"PATH=", "LD_LIBRARY_PATH=", "HOME=", "TMPDIR=", "XDG_CACHE_HOME=", "FONTCONFIG_"};
    static char locale[] = "LC_ALL=C";
    size_t n = 0;
    while (environ != NULL && environ[n] != NULL) {
        n++;
    }
    char **result = memory_allocate((n + 2) * sizeof *result, "an environment");
    size_t n_kept = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < sizeof kept / sizeof kept[0]; k++) {
            if (strncmp(environ[i], kept[k], strlen(kept[k])) == 0) {
                result[n_kept] = environ[i];
                n_kept++;
            }
        }
    }
    result[n_kept] = locale;
    result[n_kept + 1] = NULL;
    return result;
}

// Returns 0, or the errno of why it could not be started.
static int start(const Filter *filter, const Streams *streams, pid_t *process)
{
    posix_spawn_file_actions_t actions;
    int failed = posix_spawn_file_actions_init(&actions);
    if (failed != 0) {
        return failed;
    }
    for (int i = 0; i < 3 && failed == 0; i++) {
        failed = posix_spawn_file_actions_adddup2(&actions, fileno(streams->file[i]), i);
    }
    if (failed == 0) {
        AUTO_FREE char **environment = safe_environment();
        char *const *arguments = (char *const *)filter->arguments;
        failed = posix_spawnp(process, arguments[0], &actions, NULL, arguments, environment);
    }
    posix_spawn_file_actions_destroy(&actions);
    return failed;
}

static int wait_for(pid_t process)
{
    int status = 0;
    pid_t ended;
    do {
        ended = waitpid(process, &status, 0);
    } while (ended < 0 && errno == EINTR);
    return ended < 0 ? 0 : status; // unknown where the caller ignores SIGCHLD
}

static bool not_started(const Filter *filter, int reason, Error *error)
{
    const char *name = filter->arguments[0];
    if (reason == ENOENT || reason == ENOTDIR) {
        error_set(error, "%s is not installed; on Debian: apt install %s", name, filter->package);
        snprintf(error->field, sizeof error->field, "%s", name);
        return false;
    }
    return error_set(error, "cannot start %s: %s", name, strerror(reason));
}

// The program's image, or its error.
static bool collect(const Filter *filter, const Streams *streams, int status, char **bytes, size_t *n, Error *error)
{
    const char *name = filter->arguments[0];
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127) {
        return not_started(filter, ENOENT, error);
    }
    if (!read_back(streams->file[1], name, bytes, n, error)) {
        return false;
    }
    bool drawn = WIFEXITED(status) && WEXITSTATUS(status) == 0 && *n > 0;
    AUTO_FREE char *messages = NULL;
    size_t n_messages;
    if (WIFSIGNALED(status)) {
        error_set(error, "%s was ended by signal %d", name, WTERMSIG(status));
    } else if (!drawn && read_back(streams->file[2], name, &messages, &n_messages, error)) {
        const char *complaint = filter->complaint(messages);
        int length = (int)strcspn(complaint, "\r\n");
        error_set(error, length > 0 ? "%s: %.*s" : "%s failed without a message", name, length, complaint);
    }
    if (!drawn) {
        free(*bytes);
        *bytes = NULL;
    }
    return drawn;
}

bool filter_run(const Filter *filter, const char *script, char **bytes, size_t *n, Error *error)
{
    Streams streams;
    pid_t process;
    bool drawn = false;
    *bytes = NULL;
    if (streams_open(&streams, script, error)) {
        int failed = start(filter, &streams, &process);
        drawn = failed == 0 ? collect(filter, &streams, wait_for(process), bytes, n, error) : not_started(filter, failed, error);
    }
    streams_close(&streams);
    return drawn;
}

// XML forbids "]]>" in a text, and gnuplot's SVG does not escape it.
static void write_svg(FILE *out, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (i >= 2 && memcmp(bytes + i - 2, "]]>", 3) == 0) {
            fputs("&gt;", out);
        } else {
            fputc(bytes[i], out);
        }
    }
}

bool plot_save(const char *path, const char *bytes, size_t n, Error *error)
{
    SaveFile save;
    if (!save_begin(&save, path, error)) {
        return false;
    }
    if (n > 5 && memcmp(bytes, "<?xml", 5) == 0) {
        write_svg(save.stream, bytes, n);
    } else {
        fwrite(bytes, 1, n, save.stream);
    }
    return save_commit(&save, error); // reports write errors, too
}

// ------------------------------------------------------------------------------------------------------------
// gnuplot

// gnuplot repeats the line, points at the place with a ^, and then says what is wrong after "line N:"; warnings look the same.
static const char *gnuplot_complaint(const char *messages)
{
    const char *found = NULL;
    for (const char *line = strstr(messages, "line "); line != NULL && found == NULL; line = strstr(line + 1, "line ")) {
        size_t digits = strspn(line + 5, "0123456789");
        const char *said = line + 5 + digits;
        if (digits > 0 && *said == ':' && strncmp(said, ": warning", 9) != 0) {
            found = said + 2; // the number itself is 0 for a script from standard input
        }
    }
    return found == NULL ? messages + strspn(messages, " \t\r\n") : found;
}

bool gnuplot_run(const char *script, char **bytes, size_t *n, Error *error)
{
    static const Filter gnuplot = {
        .arguments = {"gnuplot", "-d", "-"}, // -d: without gnuplotrc and ~/.gnuplot
        .package = "gnuplot-nox",
        .complaint = gnuplot_complaint,
    };
    return filter_run(&gnuplot, script, bytes, n, error);
}
