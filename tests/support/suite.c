// suite.c: see suite.h.

#include "tests/support/suite.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#undef _mark_point
void suite_mark_point(const char *file, int line)
{
    enum { LINES = 1 << 12, MOST = 100 };
    static atomic_uchar times[LINES]; // some tests assert in several threads
    atomic_uchar *of_line = &times[line % LINES];
    if (atomic_load_explicit(of_line, memory_order_relaxed) < MOST) {
        atomic_fetch_add_explicit(of_line, 1, memory_order_relaxed);
        _mark_point(file, line);
    }
}

TCase *case_create(Suite *suite, const char *name)
{
    TCase *tcase = tcase_create(name);
    tcase_set_timeout(tcase, 600);
    suite_add_tcase(suite, tcase);
    return tcase;
}

Tape *tape;

static void make_tape(void)
{
    tape = tape_create();
}

static void free_tape(void)
{
    tape_free(tape);
}

TCase *case_with_tape(Suite *suite, const char *name)
{
    TCase *tcase = case_create(suite, name);
    tcase_add_checked_fixture(tcase, make_tape, free_tape);
    return tcase;
}

void suite_prepare_products(void)
{
    make_tape();
    Tensor *x = tensor_full(SHAPE(16, 16), 1);
    tensor_matmul(x, x);
    free_tape();
}

int suite_run(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

Random seeded(uint64_t seed)
{
    Random random;
    random_seed(&random, seed);
    return random;
}

// Kept in a list, so that the sanitizers do not take it for lost.
void *test_memory(size_t bytes)
{
    typedef struct Block {
        struct Block *before;
        void *memory;
    } Block;
    static Block *last;
    Block *block = memory_allocate(sizeof *block, "a test");
    *block = (Block){last, memory_allocate(bytes, "a test")};
    last = block;
    return block->memory;
}

bool memory_is_watched(void)
{
    const char *valgrind = getenv("VALGRIND");
    return HAVE_SANITIZER || (valgrind != NULL && strcmp(valgrind, "1") == 0);
}

// START_TEST(name) makes a function name_fn.
void skip(const char *function, const char *why)
{
    const char *end = strstr(function, "_fn");
    printf("skipped: %.*s: %s\n", end == NULL ? (int)strlen(function) : (int)(end - function), function, why);
    fflush(stdout);
}
