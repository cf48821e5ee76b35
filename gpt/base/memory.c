// memory.c: checks whether an allocation fits in this process's memory.

#include "gpt/base/base.h"

const char *plural(double count)
{
    return count == 1 ? "" : "s";
}

bool memory_check(double bytes, const char *what, Error *error)
{
    double available = memory_available();
    char needed_text[BYTES_TEXT];
    char available_text[BYTES_TEXT];

    if (available < 0.0 || bytes <= available) {
        return true;
    }
    return error_set(error, "%s: needs %s of memory, and this machine has %s available; take a smaller configuration", what,
                     bytes_text(bytes, needed_text), bytes_text(available, available_text));
}
