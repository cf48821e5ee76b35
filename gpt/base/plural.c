// plural.c: the ending of a counted word. Separate from writer.c, which the browser page does not link.

#include "gpt/base/base.h"

const char *plural(double count)
{
    return count == 1 ? "" : "s";
}
