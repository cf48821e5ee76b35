// runtime.c: the kernel's part inside the engine. It runs a cell, ends it early when it fails, and tells the kernel how it went.
//
//      kernel (Python)  --- C sources --->  engine (clang-repl), which compiles this file and show.c, then cell after cell
//                       <-- stdout, stderr: what the cells print
//                       <-- CELL_REPORTS: one JSON object a line: results to show, how a cell ended
//
// A failed check, a failed assert, exit, a division by zero and an interrupt jump back to cell_run: variables, tensors and tape
// are as they were. After a segmentation fault nothing in memory can be trusted; it is reported, and the kernel starts anew.

#include "runtime.h"

#include "gpt/gptape.h"

#include <dlfcn.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

#undef __ASSERT_FUNCTION
#define __ASSERT_FUNCTION __func__                 // assert's default spells the function's name in the engine

// ------------------------------------------------------------------------------------------------------------
// Reports

FILE *cell_reports = NULL;

// A JSON string.
void cell_report_text(const char *key, const char *text)
{
    fprintf(cell_reports, ", \"%s\": \"", key);
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\') {
            fputc('\\', cell_reports);
        }
        if ((unsigned char)*c < ' ') {
            fprintf(cell_reports, "\\u%04x", *c);
        } else {
            fputc(*c, cell_reports);
        }
    }
    fputc('"', cell_reports);
}

void cell_report_begin(const char *kind)
{
    fprintf(cell_reports, "{\"report\": \"%s\"", kind);
}

void cell_report_end(void)
{
    fprintf(cell_reports, "}\n");
    fflush(cell_reports);
}

// ------------------------------------------------------------------------------------------------------------
// Ending a cell early

typedef enum CellEnd { CELL_DONE, CELL_MISTAKE, CELL_EXIT, CELL_ABORT, CELL_DIVISION, CELL_INTERRUPTED } CellEnd;

const char *const cell_end_names[] = {"done", "mistake", "exit", "abort", "division", "interrupted"};

sigjmp_buf cell_entry = {{.__mask_was_saved = 0}};
volatile sig_atomic_t cell_running = 0;                // between cell_run's start and end: cell_entry may be jumped to
char cell_message[1024] = "";
pid_t cell_process = 0;

// The library calls that are left undo what they have changed, while their variables still exist.
_Noreturn void cell_leave(CellEnd end)
{
    cell_running = 0;
    fail_unwind();
    siglongjmp(cell_entry, end);
}

void cell_fail(FailKind kind, const char *message)
{
    if (!cell_running || getpid() != cell_process) {
        fprintf(stderr, "%s\n", message);
        _exit(kind == FAIL_MISTAKE ? 134 : 1);
    }
    snprintf(cell_message, sizeof cell_message, "%s", message);
    cell_leave(CELL_MISTAKE);
}

// What exit is called in cells: it would end the engine and all variables with it. A child process may go.
_Noreturn void cell_exit(int status)
{
    fflush(NULL);
    if (!cell_running || getpid() != cell_process) {
        _exit(status);
    }
    snprintf(cell_message, sizeof cell_message, "%d", status);
    cell_leave(CELL_EXIT);
}

// ------------------------------------------------------------------------------------------------------------
// Signals

#if defined __x86_64__
#define CELL_PC(context) ((void *)(context)->uc_mcontext.gregs[REG_RIP])
#define CELL_SP(context) ((char *)(context)->uc_mcontext.gregs[REG_RSP])
#elif defined __aarch64__
#define CELL_PC(context) ((void *)(context)->uc_mcontext.pc)
#define CELL_SP(context) ((char *)(context)->uc_mcontext.sp)
#endif

// May the code that was interrupted be left for good? Not where it may hold a lock or has threads at work: inside libc, or in
// a loop that threads share. The cells' own code belongs to no file, so dladdr does not know it.
bool cell_may_leave(const ucontext_t *context)
{
    Dl_info info;
    if (!fail_can_unwind()) {
        return false;
    }
    return dladdr(CELL_PC(context), &info) == 0 || strstr(info.dli_fname, "libgptape") != NULL
           || strstr(info.dli_fname, "/libm.so") != NULL;
}

// Knocks again in 2 ms. If it goes on like this for too long, the kernel ends the engine.
void cell_try_again(void)
{
    struct itimerval soon = {.it_value = {.tv_usec = 2000}};
    setitimer(ITIMER_REAL, &soon, NULL);
}

void cell_interrupt(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)info;
    if (!cell_running) {
        return;
    }
    if (cell_may_leave(context)) {
        cell_leave(CELL_INTERRUPTED);
    }
    cell_try_again();
}

void cell_arithmetic(int number, siginfo_t *info, void *context)
{
    (void)info;
    if (cell_running && getpid() == cell_process && cell_may_leave(context)) {
        cell_leave(CELL_DIVISION);
    }
    struct sigaction usual = {.sa_handler = SIG_DFL};
    sigaction(number, &usual, NULL);
    raise(number);
}

// By assert or abort, which are done with their work by then.
void cell_abort(int number)
{
    (void)number;
    if (cell_running && getpid() == cell_process) {
        cell_leave(CELL_ABORT);
    }
}

void cell_write(const char *text)
{
    if (write(CELL_REPORTS, text, strlen(text)) < 0) {
        _exit(1);
    }
}

// Says what was touched, then lets the signal end the engine. Uses nothing that may be broken: no stdio, no malloc.
void cell_crash(int number, siginfo_t *info, void *context)
{
    char *address = info->si_addr;
    char *stack = CELL_SP((ucontext_t *)context);
    const char *what = "that is not the program's";
    if (address > stack - 65536 && address < stack + 65536) {
        what = "beyond the end of the stack: does a function call itself without end?";
    } else if (address < (char *)65536) {
        what = "through a NULL pointer";
    }
    cell_write("{\"report\": \"crash\", \"what\": \"");
    cell_write(what);
    cell_write("\"}\n");
    struct sigaction usual = {.sa_handler = SIG_DFL};
    sigaction(number, &usual, NULL);
    raise(number);
}

void cell_catch(int number, void handler(int, siginfo_t *, void *), int flags)
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
}

// Called once, before the first cell. The crash handler needs a stack of its own, for when the stack is what overflowed.
void cell_start(void)
{
    cell_process = getpid();
    program_invocation_short_name = "gptape";      // as whom assert speaks
    prctl(PR_SET_PDEATHSIG, SIGKILL);              // no engine outlives its kernel
    cell_reports = fdopen(CELL_REPORTS, "w");
    setvbuf(stdout, NULL, _IOLBF, 1 << 16);
    setvbuf(stderr, NULL, _IOLBF, 1 << 12);
    stdin = fopen("/dev/null", "r");               // a cell that reads finds the end, not the next cell

    static char crash_stack[1 << 16];
    stack_t stack = {.ss_sp = crash_stack, .ss_size = sizeof crash_stack};
    sigaltstack(&stack, NULL);
    cell_catch(SIGSEGV, cell_crash, SA_ONSTACK);
    cell_catch(SIGBUS, cell_crash, SA_ONSTACK);
    cell_catch(SIGILL, cell_crash, SA_ONSTACK);
    cell_catch(SIGFPE, cell_arithmetic, 0);
    cell_catch(SIGINT, cell_interrupt, 0);
    cell_catch(SIGALRM, cell_interrupt, 0);
    signal(SIGABRT, cell_abort);
    fail_set_handler(cell_fail);
    cell_report_begin("ready");
    cell_report_end();
}

// ------------------------------------------------------------------------------------------------------------
// Running

// Runs the parts of a cell one after the other. However they end, the tape is left in the module and the mode that it was in.
void cell_run(void (*const parts[])(void), int n_parts)
{
    Tape *tape = tape_current();
    const char *scope = tape == NULL ? NULL : tape->scope;
    int depth = tape == NULL ? 0 : tape->no_grad_depth;
    CellEnd end = sigsetjmp(cell_entry, 1);
    if (end == CELL_DONE) {
        cell_running = 1;
        for (int i = 0; i < n_parts; i++) {
            parts[i]();
        }
        cell_running = 0;
    }
    if (getpid() != cell_process) {                    // a child that the cell forked: what it had to do is done, and told by nobody
        fflush(stdout);
        _exit(0);
    }
    struct itimerval never = {{0}};
    setitimer(ITIMER_REAL, &never, NULL);
    if (end != CELL_DONE && tape != NULL && tape_current() == tape) {
        tape->scope = scope;
        tape->no_grad_depth = depth;
    }
    cell_report_begin("ran");
    cell_report_text("end", cell_end_names[end]);
    cell_report_text("message", cell_message);
    cell_report_end();
    cell_message[0] = '\0';
}

// The last thing that the engine is given for each cell: everything it printed is in the pipes before the report is.
void cell_end(int cell)
{
    fflush(stdout);
    fflush(stderr);
    cell_report_begin("end");
    fprintf(cell_reports, ", \"cell\": %d", cell);
    cell_report_end();
}

#define exit cell_exit
