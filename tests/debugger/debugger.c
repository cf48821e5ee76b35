// debugger.c: see debugger.h.

#include "tests/debugger/debugger.h"

#include "tests/cli/run.h"
#include "tests/support/suite.h"

#include <check.h>
#include <ctype.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { COMMAND = 2048, TYPED = 1 << 14 };

// Looked for once: gdb_prepare asks before the tests fork.
static bool gdb_here(void)
{
    static bool asked, here;
    if (!asked) {
        Run run = run_shell("gdb -nx -batch -ex 'python print(6 * 7)'");
        here = strcmp(run.out, "42\n") == 0;
        asked = true;
        run_free(&run);
    }
    return here;
}

bool gdb_missing(const char *function)
{
    bool here = gdb_here();
    if (!here) {
        skip(function, "there is no gdb with Python");
    }
    return !here;
}

static const glob_t *lesson_files(void)
{
    static glob_t files;
    if (files.gl_pathc == 0 && glob("examples/*.gdb", 0, NULL, &files) != 0) {
        abort(); // not in a test yet, so Check cannot report it
    }
    return &files;
}

int gdb_lesson_count(void)
{
    return (int)lesson_files()->gl_pathc;
}

const char *gdb_lesson(int i)
{
    static char name[64];
    const char *path = lesson_files()->gl_pathv[i] + strlen("examples/");
    snprintf(name, sizeof name, "%.*s", (int)strcspn(path, "."), path);
    return name;
}

// The folder of the build that is tested: the one that its examples lie in.
static void folder_of(int build, char folder[COMMAND])
{
    const char *examples = getenv("GPTAPE_EXAMPLES");
    snprintf(folder, COMMAND, "%s", examples == NULL ? "build/examples" : examples);
    char *last = strrchr(folder, '/');
    ck_assert_ptr_nonnull(last);
    *last = '\0';
    if (build == BUILD_DEBUG) {
        snprintf(folder, COMMAND, "build/debug");
    }
}

void gdb_prepare(const char *programs)
{
    char command[COMMAND];
    snprintf(command, sizeof command,
             "env -u MAKEFLAGS -u MAKELEVEL -u SAN -u TSAN -u CC -u CFLAGS flock Makefile make DEBUG=1 "
             "$(for program in %s; do echo build/debug/$program; done) 2>&1",
             programs);
    Run run = run_shell(command);
    ck_assert_msg(run.status == 0, "make DEBUG=1: %s", run.out);
    run_free(&run);
    gdb_here();
}

// LeakSanitizer can't look for leaks in what a debugger holds.
char *gdb_run_with(const char *options, int build, const char *program, const char *commands)
{
    char script[] = "/tmp/gptape-test-XXXXXX";
    char folder[COMMAND];
    char command[2 * COMMAND];
    int file = mkstemp(script);
    ck_assert_int_ge(file, 0);
    ck_assert_int_eq(write(file, commands, strlen(commands)), (ssize_t)strlen(commands));
    ck_assert_int_eq(close(file), 0);
    folder_of(build, folder);
    snprintf(command, sizeof command,
             "TERM=${GDB_TERM:-dumb} ASAN_OPTIONS=detect_leaks=0 timeout 120 gdb -nx -q -ix tests/debugger/.gdbinit "
             "-iex 'set auto-load safe-path /' -iex 'set width 0' %s --args %s/%s < %s 2>&1",
             options, folder, program, script);
    Run run = run_shell(command);
    ck_assert_int_eq(unlink(script), 0);
    free(run.err);
    return run.out;
}

char *gdb_run(int build, const char *program, const char *commands)
{
    return gdb_run_with("", build, program, commands);
}

#define SCRIPT_END "-- end of a script --"

static void check_answers(const GdbScript *script, const char *answers)
{
    const char *at = answers;
    for (const char *const *part = script->said; *part != NULL; part++) {
        const char *found = strstr(at, *part);
        ck_assert_msg(found != NULL, "after\n%s\"%s\" is not in:\n%.2000s", script->commands, *part, at);
        at = found + strlen(*part);
    }
    assert_not_said(answers, "Traceback");
    assert_not_said(answers, "Python Exception");
}

char *gdb_check(int build, const char *program, const GdbScript *scripts, size_t n)
{
    char typed[TYPED] = "";
    for (size_t i = 0; i < n; i++) {
        size_t used = strlen(typed);
        int length = snprintf(typed + used, sizeof typed - used, "%secho " SCRIPT_END "\n", scripts[i].commands);
        ck_assert_uint_lt(used + (size_t)length, sizeof typed);
    }
    char *said = gdb_run(build, program, typed);
    hide_addresses(said);
    char *at = said;
    for (size_t i = 0; i < n; i++) {
        char *end = strstr(at, SCRIPT_END);
        ck_assert_msg(end != NULL, "gdb ended within\n%s%.2000s", scripts[i].commands, at);
        *end = '\0';
        check_answers(&scripts[i], at);
        *end = SCRIPT_END[0];
        at = end + strlen(SCRIPT_END);
    }
    return said;
}

void assert_said(const char **text, const char *part)
{
    const char *found = strstr(*text, part);
    ck_assert_msg(found != NULL, "\"%s\" is not in:\n%.2000s", part, *text);
    *text = found + strlen(part);
}

void assert_not_said(const char *text, const char *part)
{
    ck_assert_msg(strstr(text, part) == NULL, "\"%s\" is in:\n%.2000s", part, text);
}

void hide_addresses(char *text)
{
    char *to = text;
    for (const char *from = text; *from != '\0';) {
        bool is_address = from[0] == '0' && from[1] == 'x' && isxdigit((unsigned char)from[2]);
        size_t length = is_address ? 2 + strspn(from + 2, "0123456789abcdef") : 1;
        memmove(to, from, is_address ? 2 : 1);
        to += is_address ? 2 : 1;
        if (is_address) {
            *to++ = '_';
        }
        from += length;
    }
    *to = '\0';
}
