// train_test.h: a small run of gptape train, on a text in the folder of the running test.

#ifndef GPTAPE_TESTS_CLI_TRAIN_TEST_H
#define GPTAPE_TESTS_CLI_TRAIN_TEST_H

#include "tests/cli/run.h"
#include "tests/support/folder.h"
#include "tests/support/suite.h"

#include <stdio.h>
#include <string.h>

// A run small enough for a test, with all that could disturb it: dropout, accumulation, evaluations, samples, measured gradients.
#define SMALL \
    "train --config tiny --data text.txt --batch 2 --accumulate 2 --dropout 0.1 --eval-every 10 --eval-batches 2 " \
    "--sample-every 15 --gradflow-every 7 --save-every 6 --threads 1 --quiet"

static inline void enter(void)
{
    folder_enter();
    FILE *file = fopen("text.txt", "w");
    ck_assert_ptr_nonnull(file);
    for (int i = 0; i < 300; i++) {
        fprintf(file, "%d green bottles hanging on the wall, and if one green bottle should accidentally fall\n", 300 - i);
    }
    ck_assert_int_eq(fclose(file), 0);
}

typedef struct Wrong {
    const char *arguments;
    int status;
    const char *part; // of the line on stderr
} Wrong;

#endif
