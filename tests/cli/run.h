// run.h: runs the real program, as a user types it in a shell, and keeps what it said.

#ifndef GPTAPE_TESTS_RUN_H
#define GPTAPE_TESTS_RUN_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct Run {
    char command[512]; // what was run, for messages
    int status;        // exit status; 128 + number if a signal ended it
    char *out;         // stdout, with a '\0' behind it
    char *err;         // stderr, the same
} Run;

// Runs a command line with /bin/sh. Free the result with run_free.
Run run_shell(const char *command);

// Runs the program with these arguments, as a shell reads them: run_gptape("info --config 'a b' > /dev/full"). The program
// is GPTAPE_BIN of the environment, build/gptape if that is not set.
Run run_gptape(const char *arguments);
void run_free(Run *run);

// From here on a shell finds gptape as a command: by a link in bin/, which is made in the current folder.
void make_command(void);

// False, with a note, where several ranks cannot be launched: the machine has no mpirun, or the build no plugin for Open MPI, as with TSAN=1.
bool have_mpi(const char *function);

// Runs make install with this PREFIX, in the current folder, as a user who has just built gptape. One at a time: it may have to build, with SAN=1.
void install_into(const char *prefix);

int text_lines(const char *text); // its lines; one that does not end in a newline counts as well

// Check assertions: the exit status, and that nothing or exactly one line came on stderr, "gptape...", holding part.
void assert_succeeded(const Run *run);
void assert_quiet(const Run *run); // succeeded, with nothing on stderr
void assert_one_line_error(const Run *run, int status, const char *part);
void assert_has(const Run *run, const char *text, const char *part);

// Runs a command line, which must end in such an error.
void assert_fails(const char *command, int status, const char *part);

// Runs a command line, which must succeed and print exactly this.
void assert_prints(const char *command, const char *expected);

// Run the program, which must succeed, or end in such an error.
void succeed(const char *arguments);
void succeed_quietly(const char *arguments); // with nothing on stderr
void shell_succeeds(const char *command);    // a command line
void refuse(const char *arguments, int status, const char *part);

// The names in the current folder, each with a space behind it.
void assert_folder_holds(const char *names);

// What was printed, as JSON, for the caller to delete; and a number in it, "loss" or "bytes/weights".
cJSON *run_json(const Run *run);
double json_number(const cJSON *json, const char *path);

#endif
