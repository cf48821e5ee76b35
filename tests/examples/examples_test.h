// examples_test.h: runs the examples, from the root of the sources; the built ones are in GPTAPE_EXAMPLES of the
// environment, build/examples if that is not set.

#ifndef GPTAPE_TESTS_EXAMPLES_TEST_H
#define GPTAPE_TESTS_EXAMPLES_TEST_H

#include "tests/cli/run.h"
#include "tests/support/suite.h"

#include <stdio.h>
#include <string.h>

static const char *const examples[] = {
    "tape", "by_hand", "layernorm", "shortcut", "attention", "block", "generate", "training", "residual", "one_way", "own_op", "data_parallel",
};

enum { EXAMPLE_COUNT = sizeof examples / sizeof examples[0] };

// before: what stands in front of the program: variables, valgrind.
static inline Run run_example_after(const char *before, const char *name)
{
    char command[256];

    snprintf(command, sizeof command, "%s \"${GPTAPE_EXAMPLES:-build/examples}/%s\"", before, name);
    return run_shell(command);
}

static inline Run run_example(const char *name)
{
    return run_example_after("exec", name);
}

// The position after the next occurrence of part, which must exist.
static inline const char *behind(const char *text, const char *part)
{
    const char *found = strstr(text, part);

    ck_assert_msg(found != NULL, "\"%s\" is not in: %s", part, text);
    return found + strlen(part);
}

#endif
