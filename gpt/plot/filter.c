// filter.c: gives a script to another program (gnuplot, dot) and takes back the picture.
//
// No shell, no pipe and no file name takes part: the program reads the script from an unnamed temporary file, draws to another
// and complains to a third, and what it drew is written where it belongs by plot_save. So nothing can be left behind, nothing
// has to be quoted, and neither side can wait for the other.

#include "gpt/plot/panel.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

void plot_text_open(PlotText *text)
{
    *text = (PlotText){0};
    text->stream = open_memstream(&text->bytes, &text->n);
    if (text->stream == NULL) {
        fail_memory(0, "a picture's script");
    }
}

void plot_text_close(PlotText *text)
{
    bool failed = ferror(text->stream) != 0;
    failed = fclose(text->stream) != 0 || failed;
    text->stream = NULL;
    if (failed) {
        fail_memory(text->n, "a picture's script");
    }
}

// ------------------------------------------------------------------------------------------------------------
// The three files

typedef struct Streams {
    FILE *file[3];                                 // the program's standard input, output and error
    int fd[3];                                     // the same, under numbers above 2, so that none is in another's place
} Streams;

static void streams_close(Streams *streams)
{
    for (int i = 0; i < 3; i++) {
        if (streams->file[i] != NULL) {
            fclose(streams->file[i]);
        }
        if (streams->fd[i] >= 0) {
            close(streams->fd[i]);
        }
    }
}

static bool streams_open(Streams *streams, const char *script, size_t n, Error *error)
{
    *streams = (Streams){.fd = {-1, -1, -1}};
    for (int i = 0; i < 3; i++) {
        streams->file[i] = tmpfile();
        if (streams->file[i] != NULL) {
            streams->fd[i] = fcntl(fileno(streams->file[i]), F_DUPFD_CLOEXEC, 3);
        }
        if (streams->fd[i] < 0) {
            error_set(error, "can't make a temporary file: %s", strerror(errno));
            streams_close(streams);
            return false;
        }
    }
    bool written = fwrite(script, 1, n, streams->file[0]) == n && fflush(streams->file[0]) == 0;
    if (!written || lseek(streams->fd[0], 0, SEEK_SET) != 0) {
        error_set(error, "can't write a temporary file: %s", strerror(errno));
        streams_close(streams);
        return false;
    }
    return true;
}

// All that was written to a file, with a '\0' after it. False if it can't be read.
static bool read_all(FILE *file, PlotText *text)
{
    *text = (PlotText){0};
    if (fseeko(file, 0, SEEK_END) != 0) {
        return false;
    }
    off_t size = ftello(file);
    if (size < 0) {
        return false;
    }
    rewind(file);
    text->n = (size_t)size;
    text->bytes = memory_allocate(text->n + 1, "a picture");
    text->bytes[text->n] = '\0';
    if (fread(text->bytes, 1, text->n, file) != text->n) {
        free(text->bytes);
        *text = (PlotText){0};
        return false;
    }
    return true;
}

// ------------------------------------------------------------------------------------------------------------
// The process

// The environment with LC_ALL=C, so that a number's point is a point.
static char **plain_locale(void)
{
    static char locale[] = "LC_ALL=C";
    size_t n = 0;
    while (environ != NULL && environ[n] != NULL) {
        n++;
    }
    char **result = memory_allocate((n + 2) * sizeof *result, "an environment");
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (strncmp(environ[i], "LC_ALL=", 7) != 0) {
            result[kept] = environ[i];
            kept++;
        }
    }
    result[kept] = locale;
    result[kept + 1] = NULL;
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
        failed = posix_spawn_file_actions_adddup2(&actions, streams->fd[i], i);
    }
    if (failed == 0) {
        char **environment = plain_locale();
        char *const *arguments = (char *const *)filter->arguments;
        failed = posix_spawnp(process, arguments[0], &actions, NULL, arguments, environment);
        free(environment);
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
    return ended < 0 ? 0 : status;                 // nobody can tell how it ended where the program ignores SIGCHLD
}

static bool not_started(const Filter *filter, int reason, Error *error)
{
    const char *name = filter->arguments[0];
    if (reason == ENOENT) {
        return error_set(error, "%s is not installed; on Debian: apt install %s", name, filter->package);
    }
    return error_set(error, "can't start %s: %s", name, strerror(reason));
}

// What the program drew, or why it did not.
static bool collect(const Filter *filter, const Streams *streams, int status, PlotText *output, Error *error)
{
    const char *name = filter->arguments[0];
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127) {
        return not_started(filter, ENOENT, error);
    }
    PlotText messages;
    if (!read_all(streams->file[2], &messages) || !read_all(streams->file[1], output)) {
        free(messages.bytes);
        return error_set(error, "can't read what %s wrote: %s", name, strerror(errno));
    }
    bool drawn = WIFEXITED(status) && WEXITSTATUS(status) == 0 && output->n > 0;
    if (!drawn) {
        const char *complaint = filter->complaint(messages.bytes);
        int length = (int)strcspn(complaint, "\r\n");
        error_set(error, length > 0 ? "%s: %.*s" : "%s failed and did not say why", name, length, complaint);
        if (WIFSIGNALED(status)) {
            error_set(error, "%s was ended by signal %d", name, WTERMSIG(status));
        }
        free(output->bytes);
        *output = (PlotText){0};
    }
    free(messages.bytes);
    return drawn;
}

bool filter_run(const Filter *filter, const char *script, size_t n, PlotText *output, Error *error)
{
    *output = (PlotText){0};
    Streams streams;
    if (!streams_open(&streams, script, n, error)) {
        return false;
    }
    pid_t process;
    int failed = start(filter, &streams, &process);
    bool drawn;
    if (failed != 0) {
        drawn = not_started(filter, failed, error);
    } else {
        drawn = collect(filter, &streams, wait_for(process), output, error);
    }
    streams_close(&streams);
    return drawn;
}

bool plot_save(const char *path, const char *bytes, size_t n, Error *error)
{
    SaveFile save;
    if (!save_begin(&save, path, error)) {
        return false;
    }
    fwrite(bytes, 1, n, save.stream);              // what could not be written, the commit reports
    return save_commit(&save, error);
}
