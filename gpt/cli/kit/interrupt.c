// interrupt.c: Ctrl-C as a request: the command finishes its step and says so. A second Ctrl-C ends the program at once.

#define _XOPEN_SOURCE 700 // for sigaltstack

#include "gpt/cli/kit/kit.h"

#include <signal.h>

static volatile sig_atomic_t caught; // the signal's number; 0: none

static void on_signal(int number)
{
    caught = number;
    ranks_end_if_lost(); // mpirun's signal: another rank has died
}

// SA_RESETHAND: the second one finds the default again. SA_ONSTACK: the handler has a stack of its own, since oneDNN's products use
// the stack pointer for other purposes, and the handler's frame, written below it, would overwrite the heap.
void interrupt_watch(void)
{
    static char stack[1 << 16];
    stack_t own = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND | SA_RESTART | SA_ONSTACK};
    struct sigaction before;
    sigaltstack(&own, NULL);
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGUSR1, &action, NULL); // mpirun and batch systems forward it, and give the program time to save
    sigaction(SIGHUP, NULL, &before);
    if (before.sa_handler != SIG_IGN) { // as set by nohup
        sigaction(SIGHUP, &action, NULL);
    }
}

bool interrupted(void)
{
    return caught != 0;
}

int interrupt_status(void)
{
    return 128 + (caught != 0 ? caught : SIGINT); // otherwise another rank was interrupted
}
