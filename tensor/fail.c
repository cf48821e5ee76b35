// fail.c: failures from which the library cannot continue, and the handler that receives them.

#define _DEFAULT_SOURCE // madvise, which POSIX lacks

#include "tensor/op.h"

#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static void default_handler(FailKind kind, const char *message)
{
    fflush(stdout);
    fprintf(stderr, "%s\n", message);
    if (kind == FAIL_MISTAKE) {
        abort();
    }
    exit(EXIT_FAILURE);
}

static FailHandler *_Atomic current_handler = default_handler;
static atomic_size_t requests;

FailHandler *fail_set_handler(FailHandler *handler)
{
    return atomic_exchange(&current_handler, handler == NULL ? default_handler : handler);
}

// The default handler ends the program, and a debugger should then find everything as it was when it failed. No handler may return:
// the library cannot continue.
static _Noreturn void hand_over(FailKind kind, const char *message)
{
    FailHandler *handler = current_handler;
    if (handler != default_handler) {
        fail_unwind();
    }
    handler(kind, message);
    abort();
}

void fail_mistake(Where where, const char *format, ...)
{
    char text[400];
    FORMAT_ARGUMENTS(text, sizeof text, format);

    char message[640];
    snprintf(message, sizeof message, "%s  [%s:%d, %s()]", text, where.file, where.line, where.function);
    hand_over(FAIL_MISTAKE, message);
}

void fail_memory(size_t bytes, const char *what)
{
    char message[200];
    snprintf(message, sizeof message, "out of memory: the system refused %s for %s", BYTES_STRING((double)bytes), what);
    hand_over(FAIL_MEMORY, message);
}

void fail_file(const char *format, ...)
{
    char message[640];
    FORMAT_ARGUMENTS(message, sizeof message, format);
    hand_over(FAIL_FILE, message);
}

static _Thread_local volatile sig_atomic_t interrupted;

void fail_interrupt(bool wanted)
{
    interrupted = wanted;
}

void fail_if_interrupted(void)
{
    if (interrupted && fail_can_unwind()) {
        interrupted = false;
        hand_over(FAIL_INTERRUPTED, "interrupted");
    }
}

bool error_set(Error *error, const char *format, ...)
{
    REQUIRE(error);
    FORMAT_ARGUMENTS(error->message, sizeof error->message, format);
    error->field[0] = '\0';
    return false;
}

bool error_set_field(Error *error, const char *field, const char *format, ...)
{
    REQUIRE(error, field);
    snprintf(error->field, sizeof error->field, "%s", field);
    int used = snprintf(error->message, sizeof error->message, "%s: ", error->field);
    FORMAT_ARGUMENTS(error->message + used, sizeof error->message - (size_t)used, format);
    return false;
}

// Large blocks in large pages, where the system has some: a processor caches the addresses of some thousand pages, and
// the weights of a GPT in pages of 4 KB are some hundred thousand.
static void advise_large_pages(void *memory, size_t bytes)
{
#ifdef MADV_HUGEPAGE
    const uintptr_t page = 2 << 20;
    uintptr_t start = ((uintptr_t)memory + page - 1) / page * page;
    uintptr_t end = ((uintptr_t)memory + bytes) / page * page;
    if (end > start + page) {
        madvise((void *)start, end - start, MADV_HUGEPAGE);
    }
#else
    (void)memory;
    (void)bytes;
#endif
}

void *memory_try(size_t bytes)
{
    atomic_fetch_add(&requests, 1);
    void *memory = bytes <= PTRDIFF_MAX ? malloc(bytes) : NULL; // no object may be larger; sanitizers end a program that asks for more
    if (memory != NULL) {
        advise_large_pages(memory, bytes);
    }
    return memory;
}

void *memory_allocate(size_t bytes, const char *what)
{
    void *memory = memory_try(bytes);
    if (memory == NULL) {
        fail_memory(bytes, what);
    }
    return memory;
}

void *memory_allocate_zeroed(size_t count, size_t bytes_each, const char *what)
{
    atomic_fetch_add(&requests, 1);
    void *memory = calloc(count, bytes_each);
    if (memory == NULL) {
        fail_memory(count * bytes_each, what);
    }
    advise_large_pages(memory, count * bytes_each);
    return memory;
}

void *memory_grow(void *list, int n, int *capacity, size_t bytes_each, const char *what)
{
    REQUIRE(capacity);
    enum { FIRST_CAPACITY = 64 };
    if (n < *capacity) {
        return list;
    }
    int doubled = *capacity == 0 ? FIRST_CAPACITY : 2 * *capacity;
    void *larger = memory_allocate((size_t)doubled * bytes_each, what);
    *capacity = doubled;
    if (n > 0) {
        memcpy(larger, list, (size_t)n * bytes_each);
    }
    free(list);
    return larger;
}

char *memory_copy_text(const char *text)
{
    REQUIRE(text);
    size_t bytes = strlen(text) + 1;
    char *copy = memory_allocate(bytes, "a text");
    memcpy(copy, text, bytes);
    return copy;
}

size_t memory_requests(void)
{
    return atomic_load(&requests);
}

const char *word_at(const char *const *words, int n, int i, Where where)
{
    if (i < 0 || i >= n) {
        fail_mistake(where, "%s: unknown value %d (expected 0 to %d)", where.function, i, n - 1);
    }
    return words[i];
}

int word_distance(const char *a, const char *b)
{
    REQUIRE(a, b);
    enum { LONGEST = 64 };
    int row[LONGEST + 1];
    int n = (int)strlen(b);
    if (n > LONGEST || strlen(a) > LONGEST) {
        return LONGEST;
    }
    for (int j = 0; j <= n; j++) {
        row[j] = j;
    }
    for (int i = 0; a[i] != '\0'; i++) {
        int diagonal = row[0]; // the distance of a[0..i-1] and b[0..j-2]
        row[0] = i + 1;
        for (int j = 1; j <= n; j++) {
            int replaced = diagonal + (a[i] != b[j - 1]);
            int longer = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = replaced < longer ? replaced : longer;
        }
    }
    return row[n];
}
