// generate_test.h: command lines that print the same, or something else.

#ifndef GPTAPE_TESTS_GENERATE_TEST_H
#define GPTAPE_TESTS_GENERATE_TEST_H

#include "tests/cli/run.h"
#include "tests/support/folder.h"
#include "tests/support/suite.h"

#include <stdlib.h>
#include <string.h>

static inline void enter(void)
{
    folder_enter();
    make_command();
    ck_assert_int_eq(setenv("GPTAPE_DATA", "nowhere", 1), 0);
}

// Two command lines print the same.
static inline void assert_same(const char *one, const char *other)
{
    Run first = run_shell(one);
    Run second = run_shell(other);
    assert_succeeded(&first);
    assert_succeeded(&second);
    ck_assert_uint_gt(strlen(first.out), 0);
    ck_assert_msg(strcmp(first.out, second.out) == 0, "%s printed %s, but %s printed %s", one, first.out, other, second.out);
    run_free(&first);
    run_free(&second);
}

static inline void assert_different(const char *one, const char *other)
{
    Run first = run_shell(one);
    Run second = run_shell(other);
    assert_succeeded(&first);
    assert_succeeded(&second);
    ck_assert_msg(strcmp(first.out, second.out) != 0, "%s and %s printed %s", one, other, first.out);
    run_free(&first);
    run_free(&second);
}

#endif
