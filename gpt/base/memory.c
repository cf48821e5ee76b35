// memory.c: whether an allocation fits in this process's memory, and giving memory back.

#include "gpt/base/base.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool memory_check(double bytes, const char *what, Error *error)
{
    enum { SMALL = 1 << 20 }; // reading the system's files takes longer than a small allocation, which reports its own failure
    double available = bytes <= SMALL ? INFINITY : memory_available();
    return bytes <= available
        || error_set(error, "%s: needs %s of memory, and this machine has %s available; choose a smaller configuration", what, BYTES_STRING(bytes),
                     BYTES_STRING(available));
}

void auto_free(void *variable)
{
    void *block;
    memcpy(&block, variable, sizeof block);
    free(block);
}
