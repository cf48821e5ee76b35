// Loops whose parts run side by side: each round is done once, whoever does it.

#define _GNU_SOURCE // sched_getaffinity

#include "tensor/fast/fast.h"
#include "tensor/fast/parallel.h"
#include "tensor/tensor.h"
#include "tests/support/mistake.h"
#include "tests/support/suite.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 1000 };

typedef struct Counts {
    atomic_int done[ROUNDS];
    atomic_int parts;
    atomic_int misfits; // parts whose start is no multiple of grain
    size_t grain;
} Counts;

static void count_rounds(const void *call, size_t start, size_t end)
{
    Counts *counts = (Counts *)(uintptr_t)call;
    counts->parts++;
    counts->misfits += start % counts->grain == 0 ? 0 : 1;
    for (size_t i = start; i < end; i++) {
        counts->done[i]++;
    }
}

// How many rounds were not done once, or were not to be done, and how many parts misfit.
static int count_wrong(const Counts *counts, size_t n)
{
    int wrong = counts->misfits;
    for (size_t i = 0; i < ROUNDS; i++) {
        wrong += counts->done[i] == (i < n ? 1 : 0) ? 0 : 1;
    }
    return wrong;
}

static void check_each_once(const Counts *counts, size_t n)
{
    ck_assert_int_eq(count_wrong(counts, n), 0);
}

static void run_and_check(size_t n, size_t grain, int threads, int parts)
{
    Counts counts = {.grain = grain};
    kernels_set_threads(threads);
    parallel_for(n, grain, count_rounds, &counts);
    check_each_once(&counts, n);
    ck_assert_int_eq(counts.parts, parts);
}

START_TEST(every_round_is_done_once_in_as_many_parts_as_there_are_threads)
{
    run_and_check(1000, 1, 1, 1);
    run_and_check(1000, 1, 2, 2);
    run_and_check(1000, 7, 3, 3);
    run_and_check(5, 1, 8, 5);
    run_and_check(0, 1, 4, 1);
}
END_TEST

START_TEST(a_part_is_a_grain_at_least)
{
    run_and_check(100, 60, 4, 1);
    run_and_check(130, 60, 4, 2);
    run_and_check(1000, 300, 8, 3);
}
END_TEST

// Thousands of loops, so that helpers are found awake, asleep and late.
START_TEST(loops_follow_each_other_without_a_round_lost)
{
    kernels_set_threads(4);
    for (int i = 0; i < 5000; i++) {
        size_t n = (size_t)(i % ROUNDS) + 1;
        Counts counts = {.grain = (size_t)(i % 41) + 1};
        parallel_for(n, counts.grain, count_rounds, &counts);
        check_each_once(&counts, n);
        if (i % 500 == 0) {
            nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
        }
    }
}
END_TEST

static void count_within(const void *call, size_t start, size_t end)
{
    (void)start;
    (void)end;
    parallel_for(ROUNDS, 1, count_rounds, call);
}

START_TEST(a_loop_within_a_part_is_not_shared_again)
{
    Counts counts = {.grain = 1};
    kernels_set_threads(2);
    parallel_for(2, 1, count_within, &counts);
    ck_assert_int_eq(counts.parts, 2);
    ck_assert_int_eq(counts.done[0], 2);
}
END_TEST

// In a loop, the thread that shares it out cannot be left.
static void look_whether_it_can_be_left(const void *call, size_t start, size_t end)
{
    (void)start;
    (void)end;
    const pthread_t *caller = call;
    if (pthread_equal(*caller, pthread_self())) {
        ck_assert(!fail_can_unwind());
    }
}

START_TEST(a_shared_loop_cannot_be_left)
{
    pthread_t caller = pthread_self();
    kernels_set_threads(2);
    ck_assert(fail_can_unwind());
    parallel_for(2, 1, look_whether_it_can_be_left, &caller);
    ck_assert(fail_can_unwind());
}
END_TEST

// Every part but the first is refused memory.
static void refuse_later_parts(const void *call, size_t start, size_t end)
{
    count_rounds(call, start, end);
    if (start > 0) {
        parallel_refuse(5 << 20, "a part");
    }
}

static void check_refusal(int threads)
{
    Counts counts = {.grain = 1};
    kernels_set_threads(threads);
    if (threads == 1) {
        parallel_for(8, 1, refuse_later_parts, &counts);
    } else {
        assert_mistake_begins("out of memory: the system refused 5.00 MiB for a part", parallel_for(8, 1, refuse_later_parts, &counts));
    }
    check_each_once(&counts, 8);
    run_and_check(1000, 1, threads, threads);
}

START_TEST(refused_memory_is_reported_when_all_parts_have_ended)
{
    for (int threads = 1; threads <= 4; threads++) {
        check_refusal(threads);
    }
}
END_TEST

static void *loop_often(void *unused)
{
    (void)unused;
    for (int i = 0; i < 2000; i++) {
        Counts counts = {.grain = 1};
        parallel_for(ROUNDS, 1, count_rounds, &counts);
        check_each_once(&counts, ROUNDS);
    }
    return NULL;
}

START_TEST(two_threads_may_have_loops_at_once)
{
    pthread_t other;
    kernels_set_threads(3);
    ck_assert_int_eq(pthread_create(&other, NULL, loop_often, NULL), 0);
    loop_often(NULL);
    pthread_join(other, NULL);
}
END_TEST

static atomic_int begun; // parts

// Ends once both parts have begun, which takes a second thread.
static void meet(const void *call, size_t start, size_t end)
{
    (void)call;
    (void)start;
    (void)end;
    begun++;
    while (begun < 2) {
        sched_yield();
    }
}

START_TEST(a_child_process_shares_out_its_own_loops)
{
    run_and_check(1000, 1, 3, 3);
    pid_t child = fork();
    if (child == 0) {
        alarm(60); // without helpers, the parts would never meet
        parallel_for(2, 1, meet, NULL);
        Counts counts = {.grain = 1};
        parallel_for(ROUNDS, 1, count_rounds, &counts);
        _exit(counts.parts == 3 && count_wrong(&counts, ROUNDS) == 0 ? 0 : 1);
    }
    int status = -1;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
END_TEST

static atomic_int blocking; // parts run by threads that block all of the signals below

static void meet_and_look(const void *caller, size_t start, size_t end)
{
    sigset_t blocked;
    meet(NULL, start, end);
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    bool blocks = sigismember(&blocked, SIGINT) && sigismember(&blocked, SIGTERM) && sigismember(&blocked, SIGUSR1);
    blocking += blocks && !pthread_equal(pthread_self(), *(const pthread_t *)caller) ? 1 : 0;
}

// A signal must interrupt the thread that computes, not a helper.
START_TEST(helpers_leave_signals_to_the_programs_own_threads)
{
    pthread_t caller = pthread_self();
    kernels_set_threads(2);
    alarm(60); // as above
    parallel_for(2, 1, meet_and_look, &caller);
    ck_assert_int_eq(blocking, 1);
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    ck_assert(!sigismember(&blocked, SIGINT));
}
END_TEST

typedef struct Setting {
    const char *threads;
    int expected; // 0: as many as there are processors
} Setting;

static const Setting settings[] = {{"5", 5}, {"1000", 256}, {"0", 0}, {"many", 0}};

START_TEST(the_environment_sets_the_number_of_threads)
{
    unsetenv("OMP_NUM_THREADS");
    cpu_set_t allowed;
    ck_assert_int_eq(sched_getaffinity(0, sizeof allowed, &allowed), 0);
    int processors = CPU_COUNT(&allowed) < 256 ? CPU_COUNT(&allowed) : 256;
    setenv("OMP_NUM_THREADS", settings[_i].threads, 1);
    ck_assert_int_eq(parallel_threads(), settings[_i].expected == 0 ? processors : settings[_i].expected);
}
END_TEST

static atomic_bool in_child;
static atomic_int strays; // parts of the parent's loop that a child does
static atomic_int failed; // parts whose child failed

static void *loop_in_child(void *wrong)
{
    Counts counts = {.grain = 1};
    kernels_set_threads(64); // the first helper is up before the last is made
    parallel_for(ROUNDS, 1, count_rounds, &counts);
    *(int *)wrong = count_wrong(&counts, ROUNDS);
    return NULL;
}

static int run_child(void)
{
    pthread_t other;
    int wrong = 1;
    in_child = true;
    bool made = pthread_create(&other, NULL, loop_in_child, &wrong) == 0 && pthread_join(other, NULL) == 0;
    return made && wrong == 0 && strays == 0 ? 0 : 1;
}

// The first part makes a child process, whose other thread shares out a loop of its own. Nothing is asserted here: Check locks a mutex, which a
// child would inherit locked if another thread asserted during the fork.
static void fork_in_first_part(const void *call, size_t start, size_t end)
{
    (void)call;
    (void)end;
    strays += in_child ? 1 : 0;
    if (start > 0) {
        return;
    }
    pid_t child = fork();
    if (child == 0) {
        _exit(run_child());
    }
    int status = -1;
    failed += child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : 1;
}

START_TEST(a_child_process_made_during_a_loop_leaves_that_loop_alone)
{
    kernels_set_threads(3);
    for (int i = 0; i < 10; i++) {
        parallel_for(3, 1, fork_in_first_part, NULL);
        ck_assert_int_eq(failed, 0);
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL); // helpers sleep, so parts are left
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("parallel");
    TCase *tcase = case_create(suite, "loops");
    tcase_add_test(tcase, every_round_is_done_once_in_as_many_parts_as_there_are_threads);
    tcase_add_test(tcase, a_part_is_a_grain_at_least);
    tcase_add_test(tcase, loops_follow_each_other_without_a_round_lost);
    tcase_add_test(tcase, a_loop_within_a_part_is_not_shared_again);
    tcase_add_test(tcase, a_shared_loop_cannot_be_left);
    tcase_add_test(tcase, refused_memory_is_reported_when_all_parts_have_ended);
    tcase_add_test(tcase, two_threads_may_have_loops_at_once);
    tcase_add_test(tcase, a_child_process_shares_out_its_own_loops);
    tcase_add_test(tcase, helpers_leave_signals_to_the_programs_own_threads);
    tcase_add_loop_test(tcase, the_environment_sets_the_number_of_threads, 0, sizeof settings / sizeof settings[0]);
    tcase_add_test(tcase, a_child_process_made_during_a_loop_leaves_that_loop_alone);
    return suite_run(suite);
}
