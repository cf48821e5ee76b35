// plural.c: the ending of a counted word. Apart from writer.c, which the page lacks.

#include "gpt/base/base.h"

const char *plural(double count)
{
    return count == 1 ? "" : "s";
}
