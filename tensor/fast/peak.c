// peak.c: measures this machine's limits: multiply-adds in registers, and numbers read from memory.
//
// A kernel's speed says little by itself. Compared with these two it shows how much can still be gained: a product of large
// matrices can come close to the first, a loop that touches each number once only to the second.

#include "tensor/fast/fast.h"

#include <pthread.h>
#include <time.h>

// ------------------------------------------------------------------------------------------------------------
// The two loops, for each vector width. A multiply-add waits about 4 cycles for the previous one in its sum, and two can start in each
// cycle, so more than 8 sums are needed, all of them in registers. The loops are inlined where the number of sums is a constant, so that
// the compiler vectorizes them.

typedef struct Loops {
    const char *vectors; // "AVX-512"
    size_t sums;         // numbers that one round of multiply_add multiplies and adds to
    float (*multiply_add)(size_t rounds);
    float (*read)(const float *values, size_t n); // n a multiple of READ_STEP; returns their sum
} Loops;

enum { READ_STEP = 128, MOST_SUMS = 256 }; // numbers

static float sum_of(const float *sums, int n)
{
    float sum = 0;
    for (int j = 0; j < n; j++) {
        sum += sums[j];
    }
    return sum;
}

static inline __attribute__((always_inline)) float multiply_add(size_t rounds, const int n, const bool fused)
{
    const float factor = 0.999F; // sums converge to addend / (1 - factor): neither overflow nor denormals
    const float addend = 0.001F;
    float sums[MOST_SUMS] = {0};
    for (size_t i = 0; i < rounds; i++) {
        for (int j = 0; j < n; j++) {
            sums[j] = fused ? __builtin_fmaf(sums[j], factor, addend) : sums[j] * factor + addend;
        }
    }
    return sum_of(sums, n);
}

static inline __attribute__((always_inline)) float read_values(const float *values, size_t n, const int at_once)
{
    float sums[READ_STEP] = {0};
    for (size_t i = 0; i < n; i += (size_t)at_once) {
        for (int j = 0; j < at_once; j++) {
            sums[j] += values[i + (size_t)j];
        }
    }
    return sum_of(sums, at_once);
}

enum { BASELINE_SUMS = 8 * 4, AVX2_SUMS = 12 * 8, AVX512_SUMS = 16 * 16 }; // AVX2 has 16 registers, AVX-512 has 32

static float multiply_add_baseline(size_t rounds)
{
    return multiply_add(rounds, BASELINE_SUMS, false);
}

static float read_baseline(const float *values, size_t n)
{
    return read_values(values, n, 8 * 4);
}

static const Loops baseline = {"baseline", BASELINE_SUMS, multiply_add_baseline, read_baseline};

#ifdef __x86_64__

__attribute__((target("avx2,fma"))) static float multiply_add_avx2(size_t rounds)
{
    return multiply_add(rounds, AVX2_SUMS, true);
}

__attribute__((target("avx2,fma"))) static float read_avx2(const float *values, size_t n)
{
    return read_values(values, n, 8 * 8);
}

__attribute__((target("avx512f"))) static float multiply_add_avx512(size_t rounds)
{
    return multiply_add(rounds, AVX512_SUMS, true);
}

__attribute__((target("avx512f"))) static float read_avx512(const float *values, size_t n)
{
    return read_values(values, n, 8 * 16);
}

static const Loops avx2 = {"AVX2", AVX2_SUMS, multiply_add_avx2, read_avx2};
static const Loops avx512 = {"AVX-512", AVX512_SUMS, multiply_add_avx512, read_avx512};

#endif

// The widest that this processor has.
static const Loops *widest(void)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx512f")) {
        return &avx512;
    }
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        return &avx2;
    }
#endif
    return &baseline;
}

const char *machine_vectors(void)
{
    return widest()->vectors;
}

// ------------------------------------------------------------------------------------------------------------
// The same work on every thread at once. The clock runs from when all are there until the last is done.

enum { THREADS_AT_MOST = 1024 };

typedef struct Work {
    pthread_barrier_t *start;
    size_t rounds; // of multiply-adds; 0: read
    const float *values;
    size_t n;
    float result; // stored, so that the compiler cannot remove the loop
    struct timespec started;
    struct timespec ended;
} Work;

static void *work_run(void *context)
{
    Work *work = context;
    const Loops *loops = widest();
    pthread_barrier_wait(work->start);
    clock_gettime(CLOCK_MONOTONIC, &work->started);
    work->result = work->rounds > 0 ? loops->multiply_add(work->rounds) : loops->read(work->values, work->n);
    clock_gettime(CLOCK_MONOTONIC, &work->ended);
    return NULL;
}

static double seconds_of(struct timespec time)
{
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

// Runs the work on so many threads, each on the next n values, and returns the seconds from the first start to the last end.
static double run_together(const char *function, int threads, Work work)
{
    Work works[THREADS_AT_MOST];
    pthread_t ids[THREADS_AT_MOST];
    pthread_barrier_t start;
    if (threads < 1 || threads > THREADS_AT_MOST) {
        fail_mistake(HERE, "%s: %d threads; must be 1 to %d", function, threads, THREADS_AT_MOST);
    }
    pthread_barrier_init(&start, NULL, (unsigned)threads);
    work.start = &start;
    for (int i = 0; i < threads; i++) {
        works[i] = work;
        works[i].values = work.values == NULL ? NULL : work.values + (size_t)i * work.n;
        if (pthread_create(&ids[i], NULL, work_run, &works[i]) != 0) {
            fail_memory(sizeof(Work), "a thread");
        }
    }
    double first = 0;
    double last = 0;
    for (int i = 0; i < threads; i++) {
        pthread_join(ids[i], NULL);
        double started = seconds_of(works[i].started);
        double ended = seconds_of(works[i].ended);
        first = i == 0 || started < first ? started : first;
        last = i == 0 || ended > last ? ended : last;
    }
    pthread_barrier_destroy(&start);
    return last - first;
}

double machine_flops(int threads, size_t rounds)
{
    size_t at_least_one = rounds == 0 ? 1 : rounds;
    double seconds = run_together("machine_flops", threads, (Work){.rounds = at_least_one});
    return 2.0 * (double)widest()->sums * (double)at_least_one * threads / seconds;
}

double machine_bandwidth(int threads, const float *values, size_t n)
{
    size_t each = threads < 1 ? n : n / (size_t)threads / READ_STEP * READ_STEP;
    if (each == 0) {
        fail_mistake(HERE, "machine_bandwidth: %zu numbers are too few for %d threads", n, threads);
    }
    double seconds = run_together("machine_bandwidth", threads, (Work){.values = values, .n = each});
    return (double)each * threads * sizeof(float) / seconds;
}
