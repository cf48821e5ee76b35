// runtime.c: the kernel's part inside the engine. It runs a cell, ends it early if it fails, and reports how it ended.
//
//      kernel (Python)  --- C sources --->  engine (clang-repl), which compiles this file and show.c, then cell after cell
//                       <-- stdout, stderr: what the cells print
//                       <-- CELL_REPORTS: one JSON object per line: results to show, how a cell ended
//
// A failed check, a failed assert, exit, an operation without a value and an interrupt jump back to cell_run. All variables and tensors are
// kept, and fail_unwind undoes what library calls had changed for their duration. After a segmentation fault nothing in memory can be
// trusted: the kernel starts a new engine.

#include "gpt/gptape.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
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
int cell_reports_fd = -1;

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
// The standard streams: a cell may close or redirect them, and the next cell prints again

enum { CELL_FIRST_COPY = 500 }; // the lowest descriptor of the kernel's own: above those that a cell is likely to use
int cell_copies[3] = {0};       // of descriptors 0, 1 and 2
FILE *cell_streams[3] = {0};    // stdin, stdout, stderr

int cell_copy(int descriptor)
{
    return fcntl(descriptor, F_DUPFD_CLOEXEC, CELL_FIRST_COPY);
}

// fclose in cells: a closed standard stream could not be opened again.
int cell_fclose(FILE *stream)
{
    bool standard = stream == cell_streams[0] || stream == cell_streams[1] || stream == cell_streams[2];
    return standard ? fflush(stream) : fclose(stream);
}

// Writes what the cell printed to where the cell wanted it, then restores the streams.
void cell_restore_streams(void)
{
    stdin = cell_streams[0];
    stdout = cell_streams[1];
    stderr = cell_streams[2];
    fflush(stdout);
    fflush(stderr);
    for (int i = 0; i < 3; i++) {
        dup2(cell_copies[i], i);
    }
}

// ------------------------------------------------------------------------------------------------------------
// Ending a cell early

typedef enum CellEnd { CELL_DONE, CELL_MISTAKE, CELL_EXIT, CELL_ABORT, CELL_UNDEFINED, CELL_INTERRUPTED } CellEnd;

const char *const cell_end_names[] = {"done", "mistake", "exit", "abort", "undefined", "interrupted"};

sigjmp_buf cell_entry = {{.__mask_was_saved = 0}};
volatile sig_atomic_t cell_running = 0; // between cell_run's start and end: cell_entry may be jumped to
char cell_message[1024] = "";
pid_t cell_process = 0;

CellEnd cell_thread_end = CELL_DONE; // how a thread that the cell started has failed

// Can the calling thread leave the cell? A forked child can't.
bool cell_can_leave(void)
{
    return getpid() == cell_process && (cell_running || gettid() != cell_process);
}

// The library calls that are left undo what they have changed, while their variables still exist. Of other threads than the cell's own only
// the thread ends: its stack is not the one that cell_entry is on.
_Noreturn void cell_leave(CellEnd end)
{
    if (gettid() != cell_process) {
        fail_unwind();
        cell_thread_end = end;
        pthread_exit(NULL);
    }
    cell_running = 0;
    fail_interrupt(false);
    fail_unwind();
    siglongjmp(cell_entry, end);
}

void cell_fail(FailKind kind, const char *message)
{
    if (!cell_can_leave()) {
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
    if (!cell_can_leave()) {
        _exit(status);
    }
    snprintf(cell_message, sizeof cell_message, "%d", status);
    cell_leave(CELL_EXIT);
}

// Cells are compiled with checks (CHECKS of flags.py) that call these functions where C leaves the value undefined.
void cell_undefined(const char *place)
{
    if (!cell_can_leave()) {
        fprintf(stderr, "%s\n", place);
        _exit(134);
    }
    snprintf(cell_message, sizeof cell_message, "%s", place);
    cell_leave(CELL_UNDEFINED);
}

void __ubsan_handle_divrem_overflow_minimal_abort(void)
{
    cell_undefined("a division of an integer by zero, or of the smallest integer by -1");
}

void __ubsan_handle_shift_out_of_bounds_minimal_abort(void)
{
    cell_undefined("a shift by a negative number of bits, or by as many as the integer has");
}

void __ubsan_handle_add_overflow_minimal_abort(void)
{
    cell_undefined("an integer result that its type cannot hold");
}

void __ubsan_handle_sub_overflow_minimal_abort(void)
{
    __ubsan_handle_add_overflow_minimal_abort();
}

void __ubsan_handle_mul_overflow_minimal_abort(void)
{
    __ubsan_handle_add_overflow_minimal_abort();
}

void __ubsan_handle_negate_overflow_minimal_abort(void)
{
    __ubsan_handle_add_overflow_minimal_abort();
}

void __ubsan_handle_float_cast_overflow_minimal_abort(void)
{
    cell_undefined("a conversion of a number to an integer type that cannot hold it");
}

void __ubsan_handle_out_of_bounds_minimal_abort(void)
{
    cell_undefined("an index outside of its array");
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

// From assert or abort, after they have printed their message.
void cell_abort(int number)
{
    (void)number;
    if (cell_can_leave()) {
        cell_leave(CELL_ABORT);
    }
}

void cell_write(const char *text)
{
    if (write(cell_reports_fd, text, strlen(text)) < 0) {
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
    cell_reports_fd = cell_copy(CELL_REPORTS);
    cell_reports = fdopen(cell_reports_fd, "w");
    close(CELL_REPORTS);
    setvbuf(stdout, NULL, _IOLBF, 1 << 16);
    setvbuf(stderr, NULL, _IOLBF, 1 << 12);
    cell_streams[0] = fopen("/dev/null", "r"); // a cell that reads gets end of file, not the next cell
    cell_streams[1] = stdout;
    cell_streams[2] = stderr;
    for (int i = 0; i < 3; i++) {
        cell_copies[i] = cell_copy(i);
    }
    cell_restore_streams();

    static char handler_stack[1 << 16];
    stack_t stack = {.ss_sp = handler_stack, .ss_size = sizeof handler_stack};
    sigaltstack(&stack, NULL);
    cell_catch(SIGSEGV, cell_crash);
    cell_catch(SIGBUS, cell_crash);
    cell_catch(SIGILL, cell_crash);
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
    if (end == CELL_DONE) {
        end = cell_thread_end;
    }
    cell_thread_end = CELL_DONE;
    cell_restore_streams();
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
    cell_report_begin("end");
    fprintf(cell_reports, ", \"cell\": %d", cell);
    cell_report_end();
}

#define exit cell_exit
#define fclose cell_fclose
