// mistake.c: see mistake.h.

#include "tests/support/mistake.h"
#include "tests/support/suite.h"

#include "tensor/tensor.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

static jmp_buf way_out;
static char told[1024];
static FailHandler *handler_before;

static void keep_and_jump(FailKind kind, const char *message)
{
    (void)kind;
    snprintf(told, sizeof told, "%s", message);
    longjmp(way_out, 1);
}

jmp_buf *mistake_catch(void)
{
    told[0] = '\0';
    handler_before = fail_set_handler(keep_and_jump);
    return &way_out;
}

void mistake_assert_told(const char *expected, const char *file, int line, const char *function)
{
    fail_set_handler(handler_before);
    char whole[1024];
    snprintf(whole, sizeof whole, "%s  [%s:%d, %s()]", expected, file, line, function);
    ck_assert_str_eq(told, whole);
}

void mistake_assert_begins(const char *expected)
{
    fail_set_handler(handler_before);
    if (strncmp(told, expected, strlen(expected)) != 0) {
        ck_abort_msg("expected a message that begins \"%s\", got \"%s\"", expected, told);
    }
}

void mistake_missing(const char *what)
{
    fail_set_handler(handler_before);
    ck_abort_msg("not taken for a mistake: %s", what);
}
