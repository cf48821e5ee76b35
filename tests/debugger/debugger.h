// debugger.h: gdb on real programs, without a terminal, and what a person would read.

#ifndef GPTAPE_TESTS_DEBUGGER_H
#define GPTAPE_TESTS_DEBUGGER_H

#include <stdbool.h>
#include <stddef.h>

// Every test runs on the build that is tested and on the one for the debugger, where they are not the same.
enum { BUILD_TESTED, BUILD_DEBUG, BUILD_COUNT };

// A gdb with Python is needed: says on stdout that the test is skipped, and returns true, where there is none.
bool gdb_missing(const char *function);

// The lessons, examples/NAME.gdb, in alphabetical order; and their programs, for gdb_prepare.
#define GDB_LESSONS "$(ls examples/*.gdb | sed 's/[.]gdb$//')"
int gdb_lesson_count(void);
const char *gdb_lesson(int i); // "block"

// Builds these programs for the debugger ("examples/tape tests/debugger/test_printers"). A fixture calls it.
void gdb_prepare(const char *programs);

// The output of gdb and the program, on stdout and stderr, for these commands, one per line, with program ("examples/tape", and arguments
// after it) of a build. Each answer follows its "(gdb) ". Built programs are trusted, so gdb loads their commands; the user's own
// configuration is not read. The caller frees it.
char *gdb_run(int build, const char *program, const char *commands);

// The same with gdb options before the program.
char *gdb_run_with(const char *options, int build, const char *program, const char *commands);

// Commands for gdb, and texts that its answers must contain, in this order.
typedef struct GdbScript {
    const char *commands;
    const char *said[20];
} GdbScript;

// Types n scripts in one gdb, one after the other, and fails unless each is answered as it says, without an error of Python's: starting gdb
// takes longer than most answers. Addresses are hidden. Returns all of the output, for the caller to free.
char *gdb_check(int build, const char *program, const GdbScript *scripts, size_t n);

// Fails unless part is in *text, which then moves behind it, so that a row of them is a row in the text, too.
void assert_said(const char **text, const char *part);
void assert_not_said(const char *text, const char *part);

// Numbers like 0x7ffff53bf240 become 0x_, in place.
void hide_addresses(char *text);

#endif
