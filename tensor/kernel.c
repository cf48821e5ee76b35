// kernel.c: which set of kernels is in use.

#include "tensor/fast/fast.h"
#include "tensor/kernel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The first is the default: in a build for the debugger the plain loops, in which every step is a line. GPTAPE_PLAIN builds lack tensor/fast/.
#if defined GPTAPE_PLAIN
static const Kernels *const available[] = {&kernels_plain};
#elif defined __OPTIMIZE__
static const Kernels *const available[] = {&kernels_fast, &kernels_plain};
#else
static const Kernels *const available[] = {&kernels_plain, &kernels_fast};
#endif

static const Kernels *_Atomic chosen; // NULL until first used

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
        const char *setting = getenv("GPTAPE_KERNELS");
        bool given = setting != NULL && setting[0] != '\0';
        if (!given || !kernels_choose(setting)) {
            chosen = available[0];
        }
        if (given && strcmp(kernels_name(), setting) != 0) {
            fprintf(stderr, "gptape: GPTAPE_KERNELS=%s: unknown or not in this build; using %s\n", setting, kernels_name());
        }
    }
    return chosen;
}

const char *precision_name(Precision precision)
{
    static const char *const names[PRECISION_COUNT] = {"f32", "bf16", "f64"};
    return WORD_AT(names, (int)precision);
}

const char *kernels_name(void)
{
    return kernels()->name;
}

bool kernels_have_onednn(void)
{
#ifdef GPTAPE_ONEDNN
    return true;
#else
    return false;
#endif
}

#ifndef GPTAPE_ONEDNN
bool kernels_set_precision(Precision precision)
{
    return precision == kernels_precision();
}

Precision kernels_precision(void)
{
    return sizeof(Real) == sizeof(double) ? PRECISION_F64 : PRECISION_F32;
}
#endif

#ifdef GPTAPE_PLAIN
// The plain kernels run on one thread.
void kernels_set_threads(int threads)
{
    (void)threads;
}

int kernels_threads(void)
{
    return 1;
}
#endif
