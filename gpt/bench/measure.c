// measure.c: see measure.h.

#include "gpt/base/base.h"
#include "gpt/bench/measure.h"

#include <math.h>
#include <sys/resource.h>
#include <unistd.h>

enum { FEWEST = 3 }; // repetitions

static const double SHORTEST = 1e-3; // seconds that one reading of the clock should cover

static double time_many(int many, void (*once)(void *context), void *context)
{
    double start = clock_seconds();
    for (int i = 0; i < many; i++) {
        once(context);
    }
    return (clock_seconds() - start) / many;
}

Quartiles bench_time(double seconds, void (*once)(void *context), void *context)
{
    double times[BENCH_MOST];
    int n = 0;
    once(context);
    double second = time_many(1, once, context);
    int many = second < SHORTEST ? (int)ceil(SHORTEST / second) : 1;
    double end = clock_seconds() + seconds;
    while (n < FEWEST || (n < BENCH_MOST && clock_seconds() < end)) {
        times[n] = 1e3 * time_many(many, once, context);
        n++;
    }
    return quartiles_of(times, n);
}

Quartiles bench_collect(double seconds, bool together, double (*one)(void *context), void *context)
{
    double values[BENCH_MOST];
    bool more = true;
    int n = 0;
    one(context);
    for (double end = clock_seconds() + seconds; more; n++) {
        values[n] = one(context);
        more = n + 1 < FEWEST || (n + 1 < BENCH_MOST && clock_seconds() < end);
        if (together) {
            ranks_broadcast(&more, sizeof more);
        }
    }
    return quartiles_of(values, n);
}

void bench_time_case(Bench *bench, void (*once)(void *context), void *context)
{
    bench->figures.ms = bench_time(bench->config->seconds, once, context);
    if (kernels_precision() == PRECISION_BF16) {
        kernels_set_precision(PRECISION_F32);
        bench->figures.f32_ms = bench_time(bench->config->seconds, once, context);
        kernels_set_precision(PRECISION_BF16);
    }
}

double bench_peak_bytes(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return 1024.0 * (double)usage.ru_maxrss;
}

double bench_cold_bytes(void)
{
    const double least = 256 << 20;
    double largest_cache = (double)sysconf(_SC_LEVEL3_CACHE_SIZE); // 0 or -1 where the system does not tell
    return 4 * largest_cache > least ? 4 * largest_cache : least;
}
