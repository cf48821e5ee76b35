// guard.c: oneDNN without memory.
//
// At its first product oneDNN writes machine code for this processor, with some 20,000 requests for memory. If one is refused, it throws
// a C++ exception through C functions, which ends the program by std::terminate, or writes through a NULL pointer. Later
// products make few requests, and report a refusal in their status.
//
// So calls that may generate code are guarded: during them, an abort, a segmentation fault and std::terminate in this thread jump back here.
// oneDNN may then hold locks and half-written code, and is not called again.

#define _GNU_SOURCE // RTLD_DEFAULT

#include "tensor/fast/engine.h"

#ifdef GPTAPE_ONEDNN

#include <dlfcn.h>
#include <dnnl.h>
#include <execinfo.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

typedef void Terminate(void);
typedef Terminate *SetTerminate(Terminate *handler); // std::set_terminate

enum { SIGNALS = 3 };
static const int signals[SIGNALS] = {SIGSEGV, SIGBUS, SIGABRT};

// Signal handlers belong to the whole process, so there is one guarded call at a time.
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct sigaction before[SIGNALS];
static Terminate *terminate_before;
static atomic_bool broken;

static _Thread_local sigjmp_buf landing;
static _Thread_local volatile sig_atomic_t guarded; // this thread is in a guarded call

// Another thread's signal is left to the handler from before, which gets it when the instruction is repeated.
static void on_signal(int number)
{
    if (guarded) {
        siglongjmp(landing, 1);
    }
    for (int i = 0; i < SIGNALS; i++) {
        if (signals[i] == number) {
            sigaction(number, &before[i], NULL);
        }
    }
    if (number == SIGABRT) {
        raise(number);
    }
}

static void on_terminate(void)
{
    if (guarded) {
        siglongjmp(landing, 1);
    }
    terminate_before();
}

static SetTerminate *find_set_terminate(void)
{
    union {
        void *object;
        SetTerminate *function;
    } symbol = {.object = dlsym(RTLD_DEFAULT, "_ZSt13set_terminatePFvvE")};
    return symbol.function;
}

static void install(SetTerminate *set_terminate)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_NODEFER};
    sigemptyset(&action.sa_mask);
    for (int i = 0; i < SIGNALS; i++) {
        sigaction(signals[i], &action, &before[i]);
    }
    if (set_terminate != NULL) {
        terminate_before = set_terminate(on_terminate);
    }
}

static void uninstall(SetTerminate *set_terminate)
{
    if (set_terminate != NULL) {
        set_terminate(terminate_before);
    }
    for (int i = 0; i < SIGNALS; i++) {
        sigaction(signals[i], &before[i], NULL);
    }
}

// libc loads the library that walks the stack when the first exception passes it. Without memory it ends the program, so that is
// done before.
static bool stack_walker_loaded(void)
{
    void *frame[1];
    return backtrace(frame, 1) == 1;
}

bool guard_call(void (*call)(void *context), void *context)
{
    pthread_mutex_lock(&lock);
    if (!broken && stack_walker_loaded()) {
        SetTerminate *set_terminate = find_set_terminate();
        install(set_terminate);
        guarded = 1;
        if (sigsetjmp(landing, 1) == 0) {
            call(context);
        } else {
            broken = true;
        }
        guarded = 0;
        uninstall(set_terminate);
    } else {
        broken = true;
    }
    pthread_mutex_unlock(&lock);
    return !broken;
}

// ------------------------------------------------------------------------------------------------------------

// A little more than oneDNN keeps for its code.
static const size_t CODE_BYTES = 8 << 20;

// One product of each kind that has its own code: all transpositions of large, narrow and single-row matrices.
static void write_code(void *unused)
{
    (void)unused;
    enum { N = 64 };
    static float a[N * N];
    static float b[N * N];
    static float c[N * N];
    enum { NARROW = 8, SIZES = 5 };
    static const int sizes[SIZES][2] = {{N, N}, {NARROW, N}, {N, NARROW}, {1, N}, {N, 1}};
    omp_set_num_threads(1);
    for (int i = 0; i < 4 * SIZES; i++) {
        int M = sizes[i / 4][0];
        int columns = sizes[i / 4][1];
        char letter_a = i & 1 ? 'T' : 'N';
        char letter_b = i & 2 ? 'T' : 'N';
        dnnl_sgemm(letter_a, letter_b, M, columns, N, 1, a, N, b, N, 0, c, N);
        dnnl_sgemm(letter_a, letter_b, M, columns, N, 1, a, N, b, N, 1, c, N);
    }
}

bool guard_onednn_ready(void)
{
    static atomic_bool ready;
    if (ready || broken) {
        return !broken;
    }
    void *probe = malloc(CODE_BYTES);
    free(probe);
    if (probe == NULL) {
        broken = true;
        return false;
    }
    ready = guard_call(write_code, NULL);
    return ready;
}

#endif
