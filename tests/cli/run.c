// run.c: see run.h.

#include "tests/cli/run.h"
#include "tests/support/folder.h"
#include "tests/support/suite.h"

#include <check.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

// All of a file, from its start. The caller frees it.
static char *read_all(FILE *file)
{
    size_t capacity = 1 << 16;
    size_t used = 0;
    char *text = malloc(capacity);
    ck_assert_ptr_nonnull(text);

    rewind(file);
    size_t n = fread(text, 1, capacity - 1, file);
    while (n > 0) {
        used += n;
        if (used + 1 == capacity) {
            capacity *= 2;
            text = realloc(text, capacity);
            ck_assert_ptr_nonnull(text);
        }
        n = fread(text + used, 1, capacity - 1 - used, file);
    }
    text[used] = '\0';
    return text;
}

// Starts /bin/sh with its output going to the two files; returns what wait says of it. Stdin is empty: no test may hang on it.
static int spawn_and_wait(const char *command, FILE *out, FILE *err)
{
    char shell[] = "sh";
    char flag[] = "-c";
    char *text = strdup(command);
    char *words[] = {shell, flag, text, NULL};
    posix_spawn_file_actions_t actions;
    pid_t pid;
    int ended;

    ck_assert_ptr_nonnull(text);
    ck_assert_int_eq(posix_spawn_file_actions_init(&actions), 0);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", 0, 0);
    posix_spawn_file_actions_adddup2(&actions, fileno(out), STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, fileno(err), STDERR_FILENO);
    ck_assert_int_eq(posix_spawn(&pid, "/bin/sh", &actions, NULL, words, environ), 0);
    ck_assert_int_eq(waitpid(pid, &ended, 0), pid);
    posix_spawn_file_actions_destroy(&actions);
    free(text);
    return ended;
}

Run run_shell(const char *command)
{
    Run run;
    FILE *out = tmpfile();
    FILE *err = tmpfile();
    ck_assert_ptr_nonnull(out);
    ck_assert_ptr_nonnull(err);

    if (HAVE_ASAN && strstr(command, "mpirun") != NULL) {
        setenv("ASAN_OPTIONS", "detect_leaks=0", 1); // MPI's own
    }
    int ended = spawn_and_wait(command, out, err);
    snprintf(run.command, sizeof run.command, "%s", command);
    run.status = WIFEXITED(ended) ? WEXITSTATUS(ended) : 128 + WTERMSIG(ended);
    run.out = read_all(out);
    run.err = read_all(err);
    fclose(out);
    fclose(err);
    return run;
}

Run run_gptape(const char *arguments)
{
    char command[4096];

    snprintf(command, sizeof command, "exec \"${GPTAPE_BIN:-build/gptape}\" %s", arguments);
    return run_shell(command);
}

void run_free(Run *run)
{
    free(run->out);
    free(run->err);
    run->out = NULL;
    run->err = NULL;
}

bool have_mpi(const char *function)
{
    Run run = run_shell("command -v mpirun.openmpi && [ -e \"$(dirname \"$GPTAPE_BIN\")\"/libgptape-openmpi.so ]");
    bool have = run.status == 0;
    run_free(&run);
    if (!have) {
        skip(function, "no mpirun, or this build has no Open MPI");
    }
    return have;
}

void install_into(const char *prefix)
{
    char command[2048];
    snprintf(command, sizeof command,
             "prefix=\"$PWD/%s\" && cd '%s' && "
             "env -u MAKEFLAGS -u MAKELEVEL -u SAN -u TSAN -u DEBUG flock Makefile make install PREFIX=\"$prefix\"",
             prefix, folder_home());
    Run run = run_shell(command);
    ck_assert_msg(run.status == 0, "make install: %s%s", run.out, run.err);
    run_free(&run);
}

void make_command(void)
{
    char folder[2048];
    char path[8192];
    ck_assert_ptr_nonnull(getcwd(folder, sizeof folder));
    Run run = run_shell("mkdir bin && ln -s \"$GPTAPE_BIN\" bin/gptape");
    assert_succeeded(&run);
    run_free(&run);
    snprintf(path, sizeof path, "%s/bin:%s", folder, getenv("PATH"));
    ck_assert_int_eq(setenv("PATH", path, 1), 0);
}

int text_lines(const char *text)
{
    int lines = 0;

    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '\n' || at[1] == '\0') {
            lines++;
        }
    }
    return lines;
}

void assert_succeeded(const Run *run)
{
    ck_assert_msg(run->status == 0, "%s: exited with %d and said: %.3000s", run->command, run->status, run->err);
}

void assert_quiet(const Run *run)
{
    assert_succeeded(run);
    ck_assert_msg(run->err[0] == '\0', "%s: should say nothing on stderr, but said: %.3000s", run->command, run->err);
}

void assert_one_line_error(const Run *run, int status, const char *part)
{
    ck_assert_msg(run->status == status, "%s: exited with %d, not %d, and said: %.3000s", run->command, run->status, status, run->err);
    ck_assert_msg(text_lines(run->err) == 1, "%s: said %d lines, not 1: %s", run->command, text_lines(run->err), run->err);
    ck_assert_msg(strncmp(run->err, "gptape", 6) == 0, "%s: does not begin with its name: %s", run->command, run->err);
    assert_has(run, run->err, part);
}

void assert_has(const Run *run, const char *text, const char *part)
{
    ck_assert_msg(strstr(text, part) != NULL, "%s: \"%s\" is not in: %.3000s", run->command, part, text);
}

void assert_fails(const char *command, int status, const char *part)
{
    Run run = run_shell(command);
    assert_one_line_error(&run, status, part);
    ck_assert_msg(run.out[0] == '\0', "%s: printed to stdout: %s", command, run.out);
    run_free(&run);
}

cJSON *run_json(const Run *run)
{
    cJSON *json = cJSON_Parse(run->out);
    ck_assert_msg(json != NULL, "%s: printed no JSON: %.3000s", run->command, run->out);
    return json;
}

double json_number(const cJSON *json, const char *path)
{
    char names[128];
    snprintf(names, sizeof names, "%s", path);
    const cJSON *at = json;
    for (char *name = strtok(names, "/"); name != NULL; name = strtok(NULL, "/")) {
        at = cJSON_GetObjectItemCaseSensitive(at, name);
    }
    ck_assert_msg(cJSON_IsNumber(at), "%s is not a number", path);
    return at->valuedouble;
}

void assert_prints(const char *command, const char *expected)
{
    Run run = run_shell(command);
    assert_succeeded(&run);
    ck_assert_msg(strcmp(run.out, expected) == 0, "%s: %s instead of %s", command, run.out, expected);
    run_free(&run);
}

void succeed(const char *arguments)
{
    Run run = run_gptape(arguments);
    assert_succeeded(&run);
    run_free(&run);
}

void refuse(const char *arguments, int status, const char *part)
{
    Run run = run_gptape(arguments);
    assert_one_line_error(&run, status, part);
    run_free(&run);
}

void succeed_quietly(const char *arguments)
{
    Run run = run_gptape(arguments);
    assert_quiet(&run);
    run_free(&run);
}

void shell_succeeds(const char *command)
{
    Run run = run_shell(command);
    ck_assert_msg(run.status == 0, "%s: %d: %s%s", command, run.status, run.out, run.err);
    run_free(&run);
}

void assert_folder_holds(const char *names)
{
    Run run = run_shell("ls -A | tr '\\n' ' '");
    ck_assert_str_eq(run.out, names);
    run_free(&run);
}
