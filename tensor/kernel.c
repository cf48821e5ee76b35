// kernel.c: which set of kernels is in use.

#include "tensor/kernel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef GPTAPE_ONEDNN
static const Kernels *const available[] = {&kernels_fast, &kernels_plain};
#else
static const Kernels *const available[] = {&kernels_plain};
#endif

static const Kernels *_Atomic chosen;              // NULL until first asked for

bool kernels_choose(const char *name)
{
    for (size_t i = 0; i < sizeof available / sizeof available[0]; i++) {
        if (strcmp(available[i]->name, name) == 0) {
            chosen = available[i];
            return true;
        }
    }
    return false;
}

const Kernels *kernels(void)
{
    if (chosen == NULL) {
        const char *wish = getenv("GPTAPE_KERNELS");
        bool wished = wish != NULL && wish[0] != '\0';
        if (!wished || !kernels_choose(wish)) {
            chosen = available[0];
        }
        if (wished && strcmp(kernels_name(), wish) != 0) {
            fprintf(stderr, "gptape: GPTAPE_KERNELS=%s: there are no such kernels here; taking %s\n", wish, kernels_name());
        }
    }
    return chosen;
}

const char *kernels_name(void)
{
    return kernels()->name;
}

bool kernels_have_onednn(void)
{
    return available[0] != &kernels_plain;
}
