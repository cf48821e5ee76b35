// own_malloc.h: a malloc of the test program's own in the C library's place, for the libraries below, too: it counts, and refuses if told to.
// Included by the one file of a program. The sanitizers and valgrind have a malloc of their own; then own_malloc_works() is false.

#ifndef GPTAPE_TESTS_OWN_MALLOC_H
#define GPTAPE_TESTS_OWN_MALLOC_H

#include <stdatomic.h>
#include <stdlib.h>

#include "tensor/fail.h"
#include "tests/support/suite.h"

static atomic_size_t system_requests;
static atomic_long blocks_out;    // given out and not given back
static atomic_long requests_left; // until one is refused; 0: none is

#if defined(__GLIBC__) && !HAVE_SANITIZER
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *block, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);
void __libc_free(void *block);

static bool is_refused(void)
{
    return atomic_load(&requests_left) > 0 && atomic_fetch_sub(&requests_left, 1) == 1;
}

static void *given_out(void *block)
{
    atomic_fetch_add(&system_requests, 1);
    atomic_fetch_add(&blocks_out, block == NULL ? 0 : 1);
    return block;
}

void *malloc(size_t bytes)
{
    return is_refused() ? NULL : given_out(__libc_malloc(bytes));
}

void *calloc(size_t count, size_t bytes)
{
    return is_refused() ? NULL : given_out(__libc_calloc(count, bytes));
}

void *realloc(void *block, size_t bytes)
{
    if (is_refused()) {
        return NULL;
    }
    atomic_fetch_sub(&blocks_out, block == NULL ? 0 : 1);
    return given_out(__libc_realloc(block, bytes));
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
    return is_refused() ? NULL : given_out(__libc_memalign(alignment, bytes));
}

int posix_memalign(void **block, size_t alignment, size_t bytes)
{
    *block = given_out(__libc_memalign(alignment, bytes));
    return 0;
}

void free(void *block)
{
    atomic_fetch_sub(&blocks_out, block == NULL ? 0 : 1);
    __libc_free(block);
}
#endif

// Asks through another file: in this one the compiler may put its own malloc in the call's place.
static inline bool own_malloc_works(void)
{
    size_t before = atomic_load(&system_requests);
    atomic_store(&requests_left, 0);
    free(memory_try(1));
    return atomic_load(&system_requests) == before + 1;
}

#endif
