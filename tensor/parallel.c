// parallel.c: see parallel.h. The threads are GNU OpenMP's, the same that oneDNN uses.

#include "tensor/parallel.h"

#include <stdatomic.h>

#ifdef _OPENMP
#include <omp.h>
#else
// A compiler without GNU OpenMP's pragmas has no omp.h, but the runtime is there all the same: these are its functions, and
// GOMP_parallel is what gcc makes of "#pragma omp parallel".
int omp_get_max_threads(void);
int omp_get_num_threads(void);
int omp_get_thread_num(void);
int omp_in_parallel(void);
void GOMP_parallel(void (*function)(void *), void *data, unsigned threads, unsigned flags);
#endif

static atomic_int chosen_threads;                  // 0 until first needed

int parallel_threads(void)
{
    if (chosen_threads == 0) {
        chosen_threads = omp_get_max_threads();
    }
    return chosen_threads;
}

void parallel_set_threads(int threads)
{
    chosen_threads = threads;
}

typedef struct Loop {
    size_t n;
    size_t grain;
    size_t parts;
    LoopPart *part;
    const void *call;
} Loop;

static size_t part_start(const Loop *loop, size_t i)
{
    size_t grains = (loop->n + loop->grain - 1) / loop->grain;
    size_t start = grains * i / loop->parts * loop->grain;
    return start < loop->n ? start : loop->n;
}

// What each thread of a team does: its own part, and more than one if the system gave us fewer threads than asked for.
static void run_parts(void *data)
{
    const Loop *loop = data;
    size_t team = (size_t)omp_get_num_threads();
    for (size_t i = (size_t)omp_get_thread_num(); i < loop->parts; i += team) {
        loop->part(loop->call, part_start(loop, i), part_start(loop, i + 1));
    }
}

void parallel_for(size_t n, size_t grain, LoopPart *part, const void *call)
{
    size_t threads = (size_t)parallel_threads();
    size_t worth = n / grain;
    Loop loop = {.n = n, .grain = grain, .parts = worth < threads ? worth : threads, .part = part, .call = call};
    if (loop.parts < 2 || omp_in_parallel()) {
        part(call, 0, n);
        return;
    }
#ifdef _OPENMP
#pragma omp parallel num_threads((int)loop.parts)
    run_parts(&loop);
#else
    GOMP_parallel(run_parts, &loop, (unsigned)loop.parts, 0);
#endif
}
