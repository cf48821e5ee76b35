// parallel.c: a pool of threads that claim the parts of loops.
//
// OpenMP's loops end when each of its threads has done its own part. If other programs use the processors, too, all then
// spin, waiting for the thread that the system has preempted: a training step of hundreds of small loops was measured to take
// twenty times the processor time that way. Here the caller does the unclaimed parts, and waits only for parts already begun.

#define _GNU_SOURCE // sched_getaffinity

#include "tensor/fast/parallel.h"

#include "tensor/fast/fast.h"
#include "tensor/unwind.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

enum { THREADS_AT_MOST = 256 };

// How long a thread looks for work, or for the end of a loop, before it sleeps. In a training step the next loop mostly comes sooner, and waking
// takes longer. A thread that kept looking would take the processor from oneDNN's threads.
static const int64_t LOOK_NANOSECONDS = 1000000;

// Like OpenMP's threads, ours sleep at once if OMP_WAIT_POLICY is passive, so that other programs get the processor.
static int64_t look_nanoseconds(void)
{
    const char *policy = getenv("OMP_WAIT_POLICY");
    return policy != NULL && strcasecmp(policy, "passive") == 0 ? 0 : LOOK_NANOSECONDS;
}

// Memory that was refused in a loop: what is NULL if none was refused.
typedef struct Refusal {
    _Atomic size_t bytes;
    const char *_Atomic what;
} Refusal;

typedef struct Loop {
    size_t n;
    size_t grain;
    size_t parts;
    LoopPart *part;
    const void *call;
    Refusal *refusal;
} Loop;

// The one loop that is being divided. The ticket holds, in one atomic word, the loop's number, its number of
// parts, and the next part: the thread that increments it has claimed that part. The loop itself is written only while no part of
// the previous one is left, and is read before claiming: a successful claim proves that what was read belongs to it.
static struct {
    _Atomic uint64_t ticket; // number of the loop << 32 | parts << 16 | next part
    _Atomic size_t n;
    _Atomic size_t grain;
    LoopPart *_Atomic part;
    const void *_Atomic call;
    Refusal *_Atomic refusal;
    atomic_int unfinished; // parts

    atomic_flag taken;        // some thread's loop is being shared out
    int64_t look_nanoseconds; // set before there are helpers
    int n_helpers;
    int n_sleeping;     // helpers; under lock
    bool caller_sleeps; // under lock
    pthread_mutex_t lock;
    pthread_cond_t work; // there is a new loop
    pthread_cond_t done; // its last part is done
} pool = {.taken = ATOMIC_FLAG_INIT, .lock = PTHREAD_MUTEX_INITIALIZER, .work = PTHREAD_COND_INITIALIZER, .done = PTHREAD_COND_INITIALIZER};

static _Thread_local bool inside; // this thread is sharing out a loop, or is a helper

static atomic_int chosen_threads; // 0 until first needed

static int at_most(int threads)
{
    return threads < THREADS_AT_MOST ? threads : THREADS_AT_MOST;
}

static int default_threads(void)
{
    const char *setting = getenv("OMP_NUM_THREADS");
    int n = setting == NULL ? 0 : atoi(setting);
    cpu_set_t allowed;
    if (n < 1 && sched_getaffinity(0, sizeof allowed, &allowed) == 0) {
        n = CPU_COUNT(&allowed);
    }
    return n < 1 ? 1 : at_most(n);
}

int parallel_threads(void)
{
    if (chosen_threads == 0) {
        chosen_threads = default_threads();
    }
    return chosen_threads;
}

void kernels_set_threads(int threads)
{
    if (threads < 1) {
        fail_mistake(HERE, "kernels_set_threads: %d threads (expected 1 or more)", threads);
    }
    chosen_threads = at_most(threads);
}

// ------------------------------------------------------------------------------------------------------------
// Claiming

static size_t part_start(const Loop *loop, size_t i)
{
    size_t grains = (loop->n + loop->grain - 1) / loop->grain;
    size_t start = grains * i / loop->parts * loop->grain;
    return start < loop->n ? start : loop->n;
}

static _Thread_local Refusal *refusal; // of the loop that this thread is in

void parallel_refuse(size_t bytes, const char *what)
{
    refusal->bytes = bytes;
    refusal->what = what;
}

static void run_part(const Loop *loop, size_t i)
{
    refusal = loop->refusal;
    loop->part(loop->call, part_start(loop, i), part_start(loop, i + 1));
}

static size_t ticket_parts(uint64_t ticket)
{
    return (ticket >> 16) & 0xffff;
}

static size_t ticket_next(uint64_t ticket)
{
    return ticket & 0xffff;
}

static bool has_unclaimed(uint64_t ticket)
{
    return ticket_next(ticket) < ticket_parts(ticket);
}

static void part_finished(void)
{
    if (atomic_fetch_sub(&pool.unfinished, 1) > 1) {
        return;
    }
    pthread_mutex_lock(&pool.lock);
    if (pool.caller_sleeps) {
        pthread_cond_signal(&pool.done);
    }
    pthread_mutex_unlock(&pool.lock);
}

// Claims parts and does them until none is left.
static void help(void)
{
    uint64_t ticket = pool.ticket;
    while (has_unclaimed(ticket)) {
        Loop loop = {pool.n, pool.grain, ticket_parts(ticket), pool.part, pool.call, pool.refusal};
        if (atomic_compare_exchange_strong(&pool.ticket, &ticket, ticket + 1)) {
            run_part(&loop, ticket_next(ticket));
            part_finished();
            ticket = pool.ticket;
        }
    }
}

// ------------------------------------------------------------------------------------------------------------
// Helpers

// Executed while spinning, to leave resources to the core's other hardware thread.
static void pause_briefly(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

// The time limit of a wait is read from the clock: how long a pause takes, 5 to 70 nanoseconds, depends on the processor.
static int64_t nanoseconds(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static void await_loop(void)
{
    for (int64_t start = nanoseconds(); nanoseconds() - start < pool.look_nanoseconds;) {
        if (has_unclaimed(pool.ticket)) {
            return;
        }
        pause_briefly();
    }
    pthread_mutex_lock(&pool.lock);
    pool.n_sleeping++;
    while (!has_unclaimed(pool.ticket)) {
        pthread_cond_wait(&pool.work, &pool.lock);
    }
    pool.n_sleeping--;
    pthread_mutex_unlock(&pool.lock);
}

static void *helper_run(void *unused)
{
    (void)unused;
    inside = true;
    for (;;) {
        await_loop();
        help();
    }
    return NULL;
}

// For a child process: helpers do not survive a fork, so it makes its own. A loop in progress is its parent's.
static void forget_helpers(void)
{
    pool.ticket = 0;
    pool.caller_sleeps = false;
    pool.n_helpers = 0;
    pool.n_sleeping = 0;
    atomic_flag_clear(&pool.taken);
    pthread_mutex_init(&pool.lock, NULL);
    pthread_cond_init(&pool.work, NULL);
    pthread_cond_init(&pool.done, NULL);
}

// Starts one more, with all signals blocked: the program's own threads handle them. False if a thread can't be created.
static bool make_helper(void)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_t thread;
    bool made = pthread_create(&thread, NULL, helper_run, NULL) == 0;
    if (made) {
        pthread_detach(thread);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return made;
}

static void make_helpers(int n)
{
    static bool forgets;
    if (!forgets) {
        pool.look_nanoseconds = look_nanoseconds();
        pthread_atfork(NULL, NULL, forget_helpers);
        forgets = true;
    }
    while (pool.n_helpers < n && make_helper()) {
        pool.n_helpers++;
    }
}

// ------------------------------------------------------------------------------------------------------------
// The caller

static void publish(const Loop *loop)
{
    uint64_t number = (pool.ticket >> 32) + 1;
    pool.n = loop->n;
    pool.grain = loop->grain;
    pool.part = loop->part;
    pool.call = loop->call;
    pool.refusal = loop->refusal;
    pool.unfinished = (int)loop->parts;
    pool.ticket = number << 32 | (uint64_t)loop->parts << 16;

    pthread_mutex_lock(&pool.lock);
    if (pool.n_sleeping > 0) {
        pthread_cond_broadcast(&pool.work);
    }
    pthread_mutex_unlock(&pool.lock);
}

// Parts that others have begun.
static void await_others(void)
{
    for (int64_t start = nanoseconds(); pool.unfinished > 0 && nanoseconds() - start < pool.look_nanoseconds;) {
        pause_briefly();
    }
    if (pool.unfinished == 0) {
        return;
    }
    pthread_mutex_lock(&pool.lock);
    pool.caller_sleeps = true;
    while (pool.unfinished > 0) {
        pthread_cond_wait(&pool.done, &pool.lock);
    }
    pool.caller_sleeps = false;
    pthread_mutex_unlock(&pool.lock);
}

static void share_out(const Loop *loop)
{
    inside = true;
    make_helpers(parallel_threads() - 1);
    publish(loop);
    help();
    await_others();
    inside = false;
    atomic_flag_clear(&pool.taken);
}

static void run_parts(const Loop *loop)
{
    for (size_t i = 0; i < loop->parts; i++) {
        run_part(loop, i);
    }
}

// A loop must not be left halfway: helpers are working on it.
static void run_loop(const Loop *loop)
{
    unwind_hold();
    if (loop->parts > 1 && !atomic_flag_test_and_set(&pool.taken)) {
        share_out(loop);
        unwind_release();
    } else {
        unwind_release();
        run_parts(loop);
    }
}

// Not worth a second thread. Apart from the shared loop, whose stack frame is large: most loops of a small network end here.
static void run_alone(size_t n, LoopPart *part, const void *call)
{
    Refusal refused = {0};
    refusal = &refused;
    part(call, 0, n);
    if (refused.what != NULL) {
        fail_memory(refused.bytes, refused.what);
    }
}

__attribute__((noinline)) static void run_shared(size_t n, size_t grain, LoopPart *part, const void *call)
{
    size_t threads = (size_t)parallel_threads();
    size_t worth = n / grain;
    size_t parts = worth < threads ? worth : threads;
    Refusal refused = {0};
    Loop loop = {.n = n, .grain = grain, .parts = parts > 0 ? parts : 1, .part = part, .call = call, .refusal = &refused};
    run_loop(&loop);
    if (refused.what != NULL) {
        fail_memory(refused.bytes, refused.what);
    }
}

void parallel_for(size_t n, size_t grain, LoopPart *part, const void *call)
{
    if (inside) {
        part(call, 0, n);
    } else if (n < 2 * grain) {
        run_alone(n, part, call);
    } else {
        run_shared(n, grain, part, call);
    }
}
