// refuse.c: a malloc that refuses, for LD_PRELOAD.
//
//      REFUSE=N         the N-th request for memory is refused
//      REFUSE_REST=1    and all after it
//      REFUSE_COUNT=F   at the end of the program, the number of requests is written to the file F

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *block, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);

static atomic_long requests;
static long refused = -1;
static int rest;

__attribute__((constructor)) static void begin(void)
{
    const char *number = getenv("REFUSE");
    refused = number == NULL ? 0 : atol(number);
    rest = getenv("REFUSE_REST") != NULL;
    unsetenv("LD_PRELOAD"); // programs that the program starts are left alone
    requests = 0;
}

__attribute__((destructor)) static void end(void)
{
    const char *path = getenv("REFUSE_COUNT");
    FILE *file = path == NULL ? NULL : fopen(path, "w");
    if (file != NULL) {
        fprintf(file, "%ld\n", (long)requests);
        fclose(file);
    }
}

static int is_refused(void)
{
    if (refused < 0) { // before begin
        return 0;
    }
    long number = atomic_fetch_add(&requests, 1) + 1;
    int refuse = refused > 0 && (number == refused || (rest && number > refused));
    errno = refuse ? ENOMEM : errno;
    return refuse;
}

void *malloc(size_t bytes)
{
    return is_refused() ? NULL : __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes)
{
    return is_refused() ? NULL : __libc_calloc(count, bytes);
}

void *realloc(void *block, size_t bytes)
{
    return is_refused() ? NULL : __libc_realloc(block, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
    return is_refused() ? NULL : __libc_memalign(alignment, bytes);
}

int posix_memalign(void **block, size_t alignment, size_t bytes)
{
    *block = is_refused() ? NULL : __libc_memalign(alignment, bytes);
    return *block == NULL ? ENOMEM : 0;
}
