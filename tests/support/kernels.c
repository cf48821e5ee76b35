// kernels.c: see kernels.h.

#include "tests/support/kernels.h"

#include "tensor/fast/fast.h"
#include "tensor/tensor.h"
#include "tests/support/suite.h"

#include <stdlib.h>
#include <string.h>

bool only_plain_kernels(void)
{
    const char *wish = getenv("GPTAPE_KERNELS");
    return wish != NULL && strcmp(wish, "plain") == 0;
}

bool choose_kernels(const char *set, const char *function)
{
    if (only_plain_kernels() && strcmp(set, "plain") != 0) {
        skip(function, "GPTAPE_KERNELS asks for the plain kernels");
        return false;
    }
    ck_assert(kernels_choose(set));
    return true;
}
