// allocate.c: malloc in 1 kB of code, where wasi-libc's takes 12. Each block has the size of a class, 4 classes from one power of two to the
// next; a freed block is reused by the next request of its class. Free blocks are not merged: the library requests the same sizes again and
// again, and the page starts a new instance when memory has grown.

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { UNIT = 16, PAGE = 1 << 16, CLASSES = 128 };

// Before each block; the class, or the next free block of the class.
typedef union Header {
    uint32_t number;
    union Header *next;
    char room[UNIT];
} Header;

extern char __heap_base; // the linker's: where memory is free
static Header *freed[CLASSES];
static uintptr_t top;

// Sizes in units: 1, 2, ..., 8, 10, 12, 14, 16, 20, ...
static uint32_t class_of(uint32_t units)
{
    uint32_t below = units - 1;
    uint32_t shift = below < 8 ? 0 : 29 - (uint32_t)__builtin_clz(below);
    return 4 * shift + (below >> shift) + 1;
}

static uint32_t class_bytes(uint32_t number)
{
    uint32_t shift = number <= 8 ? 0 : (number - 1) / 4 - 1;
    return (number - 4 * shift) * UNIT << shift;
}

static Header *extend(size_t bytes)
{
    uintptr_t start = top == 0 ? ((uintptr_t)&__heap_base + UNIT - 1) / UNIT * UNIT : top;
    uintptr_t end = (uintptr_t)__builtin_wasm_memory_size(0) * PAGE;
    if (start + bytes > end && __builtin_wasm_memory_grow(0, (start + bytes - end + PAGE - 1) / PAGE) == SIZE_MAX) {
        return NULL;
    }
    top = start + bytes;
    return (Header *)start;
}

void *malloc(size_t bytes)
{
    if (bytes > 1u << 30) {
        return NULL;
    }
    uint32_t number = class_of(((uint32_t)bytes + UNIT - 1) / UNIT + 1);
    Header *block = freed[number];
    if (block != NULL) {
        freed[number] = block->next;
    } else {
        block = extend(class_bytes(number));
    }
    if (block == NULL) {
        return NULL;
    }
    block->number = number;
    return block + 1;
}

void free(void *memory)
{
    if (memory != NULL) {
        Header *block = (Header *)memory - 1;
        uint32_t number = block->number;
        block->next = freed[number];
        freed[number] = block;
    }
}

void *calloc(size_t count, size_t bytes)
{
    size_t all;
    void *memory = __builtin_mul_overflow(count, bytes, &all) ? NULL : malloc(all);
    return memory == NULL ? NULL : memset(memory, 0, all);
}

// wasi-libc's atexit uses this name.
void *__libc_calloc(size_t count, size_t bytes) __attribute__((alias("calloc")));

void *realloc(void *memory, size_t bytes)
{
    void *larger = malloc(bytes);
    if (larger != NULL && memory != NULL) {
        size_t room = class_bytes(((Header *)memory - 1)->number) - UNIT;
        memcpy(larger, memory, room < bytes ? room : bytes);
        free(memory);
    }
    return larger;
}
