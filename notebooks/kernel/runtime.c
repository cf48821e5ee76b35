// runtime.c: the kernel's part inside the engine. It runs a cell, ends it early if it fails, and reports how it ended.
//
//      kernel (Python)  --- C sources --->  engine (clang-repl), which compiles this file and show.c, then cell after cell
//                       <-- stdout, stderr: what the cells print
//                       <-- CELL_REPORTS: one JSON object per line: results to show, how a cell ended
//
// A failed check, a failed assert, exit, an integer division by zero and an interrupt jump back to cell_run. All variables and tensors are
// kept, and fail_unwind undoes what library calls had changed for their duration. After a segmentation fault nothing in memory can be
// trusted: the kernel starts a new engine.

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
#define __ASSERT_FUNCTION __func__ // assert's default is the function's name in the engine

// ------------------------------------------------------------------------------------------------------------
// Reports

FILE *cell_reports = NULL;

// Writes , "key": "text", with the text as a JSON string.
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
volatile sig_atomic_t cell_running = 0; // between cell_run's start and end: cell_entry may be jumped to
char cell_message[1024] = "";
pid_t cell_process = 0;

// The library calls that are left undo what they have changed, while their variables still exist.
_Noreturn void cell_leave(CellEnd end)
{
    cell_running = 0;
    fail_interrupt(false);
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
    cell_leave(kind == FAIL_INTERRUPTED ? CELL_INTERRUPTED : CELL_MISTAKE);
}

// exit in cells: the real one would end the engine and lose all variables. A child process does end.
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

// Is this place in the cells' own code, or in a file with this name? dladdr does not know the cells' code, because it is in no file.
bool cell_is_in(const ucontext_t *context, const char *file)
{
    Dl_info info;
    bool in_file = dladdr(CELL_PC(context), &info) != 0;
    return file == NULL ? !in_file : in_file && strstr(info.dli_fname, file) != NULL;
}

// Can the interrupted code be left by longjmp? Not in libc, where it may hold a lock, or while it shares a loop with other threads.
bool cell_may_leave(const ucontext_t *context)
{
    return fail_can_unwind() && (cell_is_in(context, NULL) || cell_is_in(context, "libgptape") || cell_is_in(context, "/libm.so"));
}

enum { CELL_TRIES = 500, CELL_PAUSE = 2000 }; // microseconds from one try to the next: together a second
volatile int cell_tries = 0;

// Leaves the cell's own code at once, and the library at its next operation, where nothing is half done. If that does not come for a second
// the library is left anyway; and if that is impossible for another second, the kernel ends the engine.
void cell_interrupt(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)info;
    if (!cell_running || gettid() != cell_process) { // cells run on the main thread, and the kernel repeats its signal
        return;
    }
    if (cell_may_leave(context) && (cell_is_in(context, NULL) || cell_tries > CELL_TRIES)) {
        cell_leave(CELL_INTERRUPTED);
    }
    cell_tries++;
    fail_interrupt(true);
    struct itimerval soon = {.it_value = {.tv_usec = CELL_PAUSE}};
    setitimer(ITIMER_REAL, &soon, NULL);
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

// From assert or abort, after they have printed their message.
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

// Reports which kind of address was used, then lets the signal end the engine. Uses neither stdio nor malloc, which may be broken.
void cell_crash(int number, siginfo_t *info, void *context)
{
    char *address = info->si_addr;
    char *stack = CELL_SP((ucontext_t *)context);
    const char *what = "invalid memory address";
    if (address > stack - 65536 && address < stack + 65536) {
        what = "stack overflow (does a function call itself without end?)";
    } else if (address < (char *)65536 && info->si_code == SEGV_MAPERR) { // of an address that no page can have, si_addr is 0, too
        what = "use of a NULL pointer";
    }
    cell_write("{\"report\": \"crash\", \"what\": \"");
    cell_write(what);
    cell_write("\"}\n");
    struct sigaction usual = {.sa_handler = SIG_DFL};
    sigaction(number, &usual, NULL);
    raise(number);
}

// On a stack of their own: the usual one may have overflowed, and oneDNN keeps values below its end, where a handler would destroy them.
void cell_catch(int number, void handler(int, siginfo_t *, void *))
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    sigaddset(&action.sa_mask, SIGINT); // a handler is not interrupted: what it interrupted may be anywhere
    sigaddset(&action.sa_mask, SIGALRM);
    sigaction(number, &action, NULL);
}

// Called once, before the first cell.
void cell_start(void)
{
    cell_process = getpid();
    program_invocation_short_name = "gptape"; // the name that assert prints
    prctl(PR_SET_PDEATHSIG, SIGKILL);         // the engine ends with its kernel
    cell_reports = fdopen(CELL_REPORTS, "w");
    setvbuf(stdout, NULL, _IOLBF, 1 << 16);
    setvbuf(stderr, NULL, _IOLBF, 1 << 12);
    stdin = fopen("/dev/null", "r"); // a cell that reads gets end of file, not the next cell

    static char handler_stack[1 << 16];
    stack_t stack = {.ss_sp = handler_stack, .ss_size = sizeof handler_stack};
    sigaltstack(&stack, NULL);
    cell_catch(SIGSEGV, cell_crash);
    cell_catch(SIGBUS, cell_crash);
    cell_catch(SIGILL, cell_crash);
    cell_catch(SIGFPE, cell_arithmetic);
    cell_catch(SIGINT, cell_interrupt);
    cell_catch(SIGALRM, cell_interrupt);
    signal(SIGABRT, cell_abort);
    fail_set_handler(cell_fail);
    cell_report_begin("ready");
    cell_report_end();
}

// ------------------------------------------------------------------------------------------------------------
// Running

// Runs the parts of a cell one after another. If they fail, recording is on or off as it was before.
void cell_run(void (*const parts[])(void), int n_parts)
{
    Tape *tape = tape_current();
    int depth = tape == NULL ? 0 : tape->no_grad_depth;
    cell_tries = 0;
    CellEnd end = sigsetjmp(cell_entry, 1);
    if (end == CELL_DONE) {
        cell_running = 1;
        for (int i = 0; i < n_parts; i++) {
            parts[i]();
        }
        cell_running = 0;
    }
    if (getpid() != cell_process) { // a child that the cell forked: it ends here, without a report
        fflush(stdout);
        _exit(0);
    }
    struct itimerval never = {{0}};
    setitimer(ITIMER_REAL, &never, NULL);
    if (end != CELL_DONE && tape != NULL && tape_current() == tape) {
        tape->no_grad_depth = depth;
    }
    cell_report_begin("ran");
    cell_report_text("end", cell_end_names[end]);
    cell_report_text("message", cell_message);
    cell_report_end();
    cell_message[0] = '\0';
}

// The last input of each cell: everything that the cell printed is in the pipes before this report.
void cell_end(int cell)
{
    fflush(stdout);
    fflush(stderr);
    cell_report_begin("end");
    fprintf(cell_reports, ", \"cell\": %d", cell);
    cell_report_end();
}

#define exit cell_exit
