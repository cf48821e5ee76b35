// kernel.c: which set of kernels is in use.

#include "tensor/fast/fast.h"
#include "tensor/kernel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The first is the default. Built for the debugger it is the textbook, in which every step is a line.
#if defined GPTAPE_DOUBLE
static const Kernels *const available[] = {&kernels_plain};
#elif defined __OPTIMIZE__
static const Kernels *const available[] = {&kernels_fast, &kernels_plain};
#else
static const Kernels *const available[] = {&kernels_plain, &kernels_fast};
#endif

static const Kernels *_Atomic chosen;              // NULL until first asked for

bool kernels_choose(const char *name)
{
    REQUIRE(name);
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

const char *precision_name(Precision precision)
{
    static const char *const names[PRECISION_COUNT] = {"f32", "bf16"};
    return names[precision];
}

const char *kernels_name(void)
{
    return kernels()->name;
}

#ifdef GPTAPE_DOUBLE
// The plain kernels run on one thread.
void kernels_set_threads(int threads)
{
    (void)threads;
}

int kernels_threads(void)
{
    return 1;
}

bool kernels_have_onednn(void)
{
    return false;
}
#endif
