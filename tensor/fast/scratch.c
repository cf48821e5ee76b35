// scratch.c: memory that a kernel keeps for its next call.

#include "tensor/fast/engine.h"

#include <stdlib.h>

void *scratch_try(Scratch *scratch, size_t bytes)
{
    if (bytes > scratch->bytes) {
        free(scratch->memory);
        scratch->memory = memory_try(bytes);
        scratch->bytes = scratch->memory == NULL ? 0 : bytes;
    }
    return scratch->memory;
}

void *scratch_of(Scratch *scratch, size_t bytes, const char *what)
{
    void *memory = scratch_try(scratch, bytes);
    if (memory == NULL) {
        fail_memory(bytes, what);
    }
    return memory;
}
