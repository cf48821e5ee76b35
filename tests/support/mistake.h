// mistake.h: deliberate mistakes and their messages.

#ifndef GPTAPE_TESTS_MISTAKE_H
#define GPTAPE_TESTS_MISTAKE_H

#include <setjmp.h>

// Replaces the handler by one that keeps the message and jumps to where this points.
jmp_buf *mistake_catch(void);

// Puts the handler back; fails unless the message was expected and then "  [file:line, function()]".
void mistake_assert_told(const char *expected, const char *file, int line, const char *function);

// The same without the place, for what has no line of its caller's: the message must begin with expected.
void mistake_assert_begins(const char *expected);

// Puts the handler back; fails, because what was done was not taken for a mistake.
void mistake_missing(const char *what);

// On one line (a call on the next one has another number):
// assert_mistake("tensor_add: input 0 is NULL", tensor_add(NULL, x)): checks the message and the source line.
#define assert_mistake(expected, ...) \
    do { \
        if (setjmp(*mistake_catch()) == 0) { \
            __VA_ARGS__; \
            mistake_missing(#__VA_ARGS__); \
        } \
        mistake_assert_told(expected, __FILE__, __LINE__, __func__); \
    } while (0)

#define assert_mistake_begins(expected, ...) \
    do { \
        if (setjmp(*mistake_catch()) == 0) { \
            __VA_ARGS__; \
            mistake_missing(#__VA_ARGS__); \
        } \
        mistake_assert_begins(expected); \
    } while (0)

#endif
