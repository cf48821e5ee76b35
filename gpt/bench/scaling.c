// scaling.c: a training step on several ranks and on one. Ranks start and stop each repetition together, so rank 0 decides how many there are.

#include "gpt/base/base.h"
#include "gpt/bench/measure.h"

#include <string.h>
#include <sys/resource.h>

enum { FEWEST = 3, MOST = 200 }; // repetitions

// Times steps of ranks together, or of rank 0 alone while the others wait. The first is a warm-up.
static Quartiles time_steps(BenchStep *step, double seconds, bool together)
{
    double times[MOST];
    int n = 0;
    bool more = true;
    bench_step_once(step);
    double end = clock_seconds() + seconds;
    while (more) {
        double start = clock_seconds();
        bench_step_once(step);
        times[n] = 1e3 * (clock_seconds() - start);
        n++;
        more = n < FEWEST || (n < MOST && clock_seconds() < end);
        if (together) {
            ranks_broadcast(&more, sizeof more);
        }
    }
    return quartiles_of(times, n);
}

static bool time_together(const Bench *bench, BenchScaling *scaling, Error *error)
{
    BenchStep step;
    int B = bench->which->sizes[0] / ranks_count();
    struct rusage usage;
    bool made = bench_step_create(&step, bench, B, bench->config->reduce, error);
    if (!ranks_agree(made, error)) {
        return false;
    }
    double start = clock_seconds();
    double before = reducer_seconds(step.reducer);
    scaling->ranks = time_steps(&step, bench->config->seconds, true);
    scaling->communication = (reducer_seconds(step.reducer) - before) / (clock_seconds() - start);
    scaling->tokens = (double)B * step.T * ranks_count();
    scaling->predicted_bytes = step.bytes + reducer_bytes(step.reducer);
    getrusage(RUSAGE_SELF, &usage);
    scaling->peak_bytes = 1024.0 * (double)usage.ru_maxrss;
    bench_step_free(&step);
    return true;
}

static bool time_alone(const Bench *bench, int threads, Quartiles *ms, Error *error)
{
    BenchStep step;
    int usual = kernels_threads();
    bool made = ranks_rank() > 0 || bench_step_create(&step, bench, bench->which->sizes[0], REDUCE_PLAIN, error);
    if (!ranks_agree(made, error)) {
        return false;
    }
    if (ranks_rank() == 0) {
        kernels_set_threads(threads);
        *ms = time_steps(&step, bench->config->seconds, false);
        kernels_set_threads(usual);
        bench_step_free(&step);
    }
    ranks_barrier();
    return true;
}

bool bench_scaling(const BenchCase *which, const BenchConfig *config, BenchScaling *scaling, Error *error)
{
    REQUIRE(which);
    REQUIRE(scaling);
    Bench bench = {.which = which, .config = config};
    if (which->sizes[0] % ranks_count() != 0) {
        return error_set(error, "%s: %d ranks can't share %d rows (expected a number that divides them)", which->name, ranks_count(),
                         which->sizes[0]);
    }
    Tape *tape = tape_create();
    *scaling = (BenchScaling){.threads = kernels_threads(), .all_threads = kernels_threads() * ranks_local_count()};
    ranks_unbind();
    bool done = time_together(&bench, scaling, error) && time_alone(&bench, scaling->threads, &scaling->one, error)
             && time_alone(&bench, scaling->all_threads, &scaling->all, error);
    tape_free(tape);
    return done;
}
