// vector.c: which kind of vector code runs here.

#include "tensor/fast/vector/vector.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool processor_can(const VectorLoops *loops)
{
#ifdef __x86_64__
    if (loops == &vector_avx512) {
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")
            && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("fma");
    }
    if (loops == &vector_avx2) {
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    }
#endif
    return loops == &vector_baseline;
}

#ifdef __x86_64__
static const VectorLoops *const available[] = {&vector_avx512, &vector_avx2, &vector_baseline};
#else
static const VectorLoops *const available[] = {&vector_baseline};
#endif

enum { KINDS = sizeof available / sizeof available[0] };

static const VectorLoops *_Atomic chosen; // NULL until first used

bool vector_choose(const char *name)
{
    for (int i = 0; i < KINDS; i++) {
        if (strcmp(available[i]->name, name) == 0 && processor_can(available[i])) {
            chosen = available[i];
            return true;
        }
    }
    return false;
}

const VectorLoops *vector_loops(void)
{
    if (chosen == NULL) {
        const char *setting = getenv("GPTAPE_ISA");
        bool given = setting != NULL && setting[0] != '\0';
        bool found = given && vector_choose(setting);
        for (int i = 0; !found; i++) { // the best comes first, and the last runs everywhere
            found = vector_choose(available[i]->name);
        }
        if (given && strcmp(chosen->name, setting) != 0) {
            fprintf(stderr, "gptape: GPTAPE_ISA=%s: this processor has no such vector code; using %s\n", setting, chosen->name);
        }
    }
    return chosen;
}
