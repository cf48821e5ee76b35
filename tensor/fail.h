// fail.h: failures, memory, errors in external input, and numbers as text. Part of tensor.h, which includes it.

#ifndef GPTAPE_FAIL_H
#define GPTAPE_FAIL_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "tensor/public_begin.h"

// A line of source code. Macros (where.h) pass every operation the line that calls it, so that messages, tape_print and the debugger can
// show the code behind each node.
typedef struct Where {
    const char *file;
    int line;
    const char *function;
} Where;

#ifndef __cplusplus
#define HERE ((Where){__FILE__, __LINE__, __func__})
#else
#define HERE (Where{__FILE__, __LINE__, __func__})
#endif

typedef enum FailKind {
    FAIL_MISTAKE,    // a programming mistake: shapes that do not fit, a tensor used too late
    FAIL_MEMORY,     // the system refused memory
    FAIL_FILE,       // a file that was open and checked can't be read any more
    FAIL_INTERRUPTED // fail_interrupt was called
} FailKind;

// Called with one line of text. It must not return: leave by exit, abort or longjmp. Before it is called, fail_unwind has restored the
// state from before the call that failed.
typedef void FailHandler(FailKind kind, const char *message);

// Replaces the handler and returns the previous one. NULL restores the default, which prints the message to stderr, then aborts on a mistake
// (so that a debugger stops there) and exits with status 1 otherwise.
FailHandler *fail_set_handler(FailHandler *handler);

// Reports a mistake as "message  [file:line, function()]" to the handler. Does not return.
void fail_mistake(Where where, const char *format, ...) __attribute__((noreturn, format(printf, 2, 3)));

// Undoes what the library calls in progress on this thread have changed for their duration: current tape, recording, scope, training
// mode, caches, observers, gradients of an unfinished backward pass, objects half built. fail_mistake and fail_memory do this themselves;
// call it before you leave a callback of a library call, or a signal handler, by longjmp. What you change yourself (tape_no_grad_begin
// outside of any call) stays.
void fail_unwind(void);

bool fail_can_unwind(void); // for signal handlers: false while leaving by longjmp would break shared loops

// For signal handlers, to stop what runs on this thread: its next operation or backward step fails with FAIL_INTERRUPTED, at a place where
// nothing is half done. false takes that back.
void fail_interrupt(bool wanted);

// Fails if one of these pointers, up to four, is NULL: "linear_forward: linear is NULL". (A build may omit these checks to save space.)
#ifndef REQUIRE
#define REQUIRE(...) REQUIRE_SELECT(__VA_ARGS__, REQUIRE_4, REQUIRE_3, REQUIRE_2, REQUIRE_1, 0)(__VA_ARGS__)
#define REQUIRE_SELECT(a, b, c, d, name, ...) name
#define REQUIRE_1(a) ((a) != NULL ? (void)0 : fail_mistake(HERE, "%s: %s is NULL", __func__, #a))
#define REQUIRE_2(a, ...) (REQUIRE_1(a), REQUIRE_1(__VA_ARGS__))
#define REQUIRE_3(a, ...) (REQUIRE_1(a), REQUIRE_2(__VA_ARGS__))
#define REQUIRE_4(a, ...) (REQUIRE_1(a), REQUIRE_3(__VA_ARGS__))
#endif

// Reports that the system refused memory for `what`. Does not return.
void fail_memory(size_t bytes, const char *what) __attribute__((noreturn));
// Reports that a file in use failed: it was truncated, say, or its disk is gone. Does not return.
void fail_file(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

// malloc and calloc that report a refusal through fail_memory. The caller frees with free.
void *memory_allocate(size_t bytes, const char *what);
void *memory_try(size_t bytes); // the same, but NULL if it is refused
void *memory_allocate_zeroed(size_t count, size_t bytes_each, const char *what);
char *memory_copy_text(const char *text);

// Makes room for one more element after the first n of a list (initially NULL, with a capacity of 0). If the list is full, it moves to a
// block twice as large. Returns the list, which the caller frees with free.
void *memory_grow(void *list, int n, int *capacity, size_t bytes_each, const char *what);

// Appends to a list that memory_grow manages, of n elements: *LIST_ADD(list, n, capacity, what) = element.
#define LIST_ADD(list, n, capacity, what) ((list) = memory_grow(list, n, &(capacity), sizeof *(list), what), (n)++, &(list)[(n) - 1])

// How many times gptape has requested memory from the system so far: a steady-state training step adds nothing.
size_t memory_requests(void);

// An error in external input: files, options, sizes. Functions that read such input return false and fill in an Error; they never abort.
typedef struct Error {
    char message[512]; // one line: what is wrong and what was expected
    char field[32];    // the configuration field that is wrong, "n_embd", or the program that is not installed; "" if it is none
} Error;

// Each writes the message and returns false, so that a function can end with: return error_set(error, ...).
bool error_set(Error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));
// The message becomes "FIELD: text"; a caller that knows the field by another name prints that and message + strlen(field).
bool error_set_field(Error *error, const char *field, const char *format, ...) __attribute__((format(printf, 3, 4)));

// How many bytes to insert, delete or replace (Levenshtein distance), for suggestions; 64 if a word has more than 64.
int word_distance(const char *a, const char *b);

// words[i], the word of value i of an enum. Any other i fails as a mistake of the calling function: "norm_name: unknown value 3 (expected 0 to 2)".
#define WORD_AT(words, i) word_at(words, (int)(sizeof(words) / sizeof *(words)), i, HERE)
const char *word_at(const char *const *words, int n, int i, Where where);

// Numbers as text, with a decimal point in every locale: fprintf, snprintf, vsnprintf and strtod of the "C" locale. Everything
// that prints or reads a number with a fraction uses them.
int number_print(FILE *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
int number_format(char *text, size_t bytes, const char *format, ...) __attribute__((format(printf, 3, 4)));
int number_vformat(char *text, size_t bytes, const char *format, va_list arguments) __attribute__((format(printf, 3, 0)));
double number_read(const char *text, char **end);

// For a function whose parameters end in (const char *format, ...): number_vformat with its arguments.
#define FORMAT_ARGUMENTS(text, bytes, format) \
    do { \
        va_list arguments; \
        va_start(arguments, format); \
        number_vformat(text, bytes, format, arguments); \
        va_end(arguments); \
    } while (0)

#include "tensor/public_end.h"

#endif
