// interrupt.c: Ctrl-C as a request: what runs finishes its step and says so. A second one ends the program at once, as ever.

#include "gpt/cli/cli.h"

#include <signal.h>

static volatile sig_atomic_t caught;               // the signal's number; 0: none

static void on_signal(int number)
{
    caught = number;
}

// SA_RESETHAND: the second one finds the default again.
void interrupt_watch(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

bool interrupted(void)
{
    return caught != 0;
}

int interrupt_status(void)
{
    return 128 + caught;
}
