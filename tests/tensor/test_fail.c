// test_fail.c: handlers of mistakes and of refused memory, interrupts, and what happens without a handler.

#include "tensor/fast/engine.h"
#include "tensor/tensor.h"
#include "tests/support/capture.h"
#include "tests/support/mistake.h"
#include "tests/support/near.h"
#include "tests/support/suite.h"

#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

// ------------------------------------------------------------------------------------------------------------
// Messages

START_TEST(the_module_that_was_computing_is_named)
{
    Tensor *a = tensor_zeros(SHAPE(2, 3));
    Tensor *b = tensor_zeros(SHAPE(4, 5));
    tape_scope("h.3.attn");
    assert_mistake("tensor_matmul: (2, 3) x (4, 5): inner sizes 3 and 4 differ, in module h.3.attn", tensor_matmul(a, b));
    tape_scope("");
    assert_mistake("tensor_matmul: (2, 3) x (4, 5): inner sizes 3 and 4 differ", tensor_matmul(a, b));
}
END_TEST

// A notebook continues after a mistake: the tape must be unchanged.
START_TEST(after_a_mistake_the_tape_still_works)
{
    Tensor *a = random_leaf(SHAPE(2, 3), 1);
    Tensor *b = tensor_zeros(SHAPE(4, 5));
    Tensor *y = tensor_scale(a, 3);
    assert_mistake_begins("tensor_matmul: ", tensor_matmul(y, b));
    ck_assert_int_eq(tape->n_nodes, 1);
    tensor_backward(tensor_sum(y));
    ck_assert_float_eq(a->grad[5], 3);
}
END_TEST

static void first_handler(FailKind kind, const char *message)
{
    (void)kind;
    (void)message;
    abort();
}

START_TEST(the_handler_before_is_given_back)
{
    FailHandler *original = fail_set_handler(first_handler);
    ck_assert(original != NULL);
    ck_assert(fail_set_handler(NULL) == first_handler);
    ck_assert(fail_set_handler(original) == original);
}
END_TEST

static FailKind kind_told;
static char message_told[200];
static jmp_buf refused;

static void note_refusal(FailKind kind, const char *message)
{
    kind_told = kind;
    snprintf(message_told, sizeof message_told, "%s", message);
    longjmp(refused, 1);
}

// More than the address space has, but no overflow. (The sanitizers' malloc ends the program itself.)
START_TEST(refused_memory_is_reported_to_the_handler)
{
    if (HAVE_SANITIZER) {
        skip(__func__, "the sanitizers' malloc does not refuse, it stops");
        return;
    }
    fail_set_handler(note_refusal);
    if (setjmp(refused) == 0) {
        fail_memory(24, "a few bytes");
    }
    ck_assert_str_eq(message_told, "out of memory: the system refused 24 B for a few bytes");
    if (setjmp(refused) == 0) {
        memory_allocate((size_t)1 << 60, "a test");
    }
    ck_assert_int_eq(kind_told, FAIL_MEMORY);
    ck_assert_str_eq(message_told, "out of memory: the system refused 1.00 EiB for a test");
    if (setjmp(refused) == 0) {
        memory_allocate_zeroed((size_t)1 << 40, (size_t)1 << 20, "a test");
    }
    ck_assert_str_eq(message_told, "out of memory: the system refused 1.00 EiB for a test");
    if (setjmp(refused) == 0) {
        tensor_zeros(SHAPE(INT_MAX, 400000));
    }
    ck_assert_str_eq(message_told, "out of memory: the system refused 3.05 PiB for the tape");
    fail_set_handler(NULL);
}
END_TEST

// An observer that interrupts the backward pass before its second node.
static void interrupt_pass(TapeNode *node, void *context)
{
    (void)context;
    fail_interrupt(node->index == 1);
}

START_TEST(an_interrupt_comes_at_the_next_operation_or_backward_step)
{
    Tape *tape = tape_create();
    Tensor *x = tensor_require_grad(tensor_full(SHAPE(2), 3));
    fail_set_handler(note_refusal);
    fail_interrupt(true);
    if (setjmp(refused) == 0) {
        tensor_mul(x, x);
        ck_abort_msg("the operation was computed");
    }
    ck_assert_int_eq(kind_told, FAIL_INTERRUPTED);
    ck_assert_int_eq(tape->n_nodes, 0);
    fail_interrupt(true);
    fail_interrupt(false);
    Tensor *y = tensor_sum(tensor_mul(x, x));
    int observer = tape_observer_add(tape, (TapeObserver){.before = interrupt_pass});
    if (setjmp(refused) == 0) {
        tensor_backward(y);
        ck_abort_msg("the pass was not interrupted");
    }
    ck_assert_ptr_null(x->grad);
    tape_observer_remove(tape, observer);
    tensor_backward(y);
    ck_assert_double_eq((double)x->grad[0], 6);
    fail_set_handler(NULL);
    tape_free(tape);
}
END_TEST

// A handler may continue elsewhere: the next kernel must not take the memory that was freed for the failed request.
START_TEST(memory_kept_for_kernels_is_forgotten_when_more_is_refused)
{
    static Scratch scratch;
    if (HAVE_SANITIZER) {
        skip(__func__, "the sanitizers' malloc does not refuse, it stops");
        return;
    }
    ck_assert_ptr_nonnull(scratch_of(&scratch, 100, "a test"));
    fail_set_handler(note_refusal);
    if (setjmp(refused) == 0) {
        scratch_of(&scratch, (size_t)1 << 60, "a test");
    }
    fail_set_handler(NULL);
    ck_assert_str_eq(message_told, "out of memory: the system refused 1.00 EiB for a test");
    ck_assert_ptr_null(scratch.memory);
    ck_assert_uint_eq(scratch.bytes, 0);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// What happens by default, in a child process

static void make_mistake(void)
{
    tensor_matmul(tensor_zeros(SHAPE(2, 3)), tensor_zeros(SHAPE(4, 5)));
}

static void be_refused(void)
{
    memory_allocate((size_t)1 << 60, "a test");
}

static void returning_handler(FailKind kind, const char *message)
{
    (void)kind;
    (void)message;
}

static void make_mistake_with_returning_handler(void)
{
    fail_set_handler(returning_handler);
    make_mistake();
}

// Runs what in a child process; returns its status, and what it wrote to stderr in *text, which the caller frees.
static int run_child(void (*what)(void), char **text)
{
    Capture capture = capture_start(STDERR_FILENO);
    pid_t child = fork();
    if (child == 0) {
        what();
        _exit(EXIT_SUCCESS);
    }
    int status = 0;
    waitpid(child, &status, 0);
    *text = capture_end(&capture);
    return status;
}

START_TEST(by_default_a_mistake_is_printed_and_aborts)
{
    char *text;
    int status = run_child(make_mistake, &text);
    ck_assert(WIFSIGNALED(status));
    ck_assert_int_eq(WTERMSIG(status), SIGABRT);
    const char *expected = "tensor_matmul: (2, 3) x (4, 5): inner sizes 3 and 4 differ  [" __FILE__ ":";
    ck_assert_msg(strncmp(text, expected, strlen(expected)) == 0, "%s", text);
    const char *end = ", make_mistake()]\n";
    ck_assert_msg(strlen(text) > strlen(end) && strcmp(text + strlen(text) - strlen(end), end) == 0, "%s", text);
    free(text);
}
END_TEST

START_TEST(by_default_refused_memory_is_printed_and_exits_with_1)
{
    if (HAVE_SANITIZER) {
        skip(__func__, "the sanitizers' malloc does not refuse, it stops");
        return;
    }
    char *text;
    int status = run_child(be_refused, &text);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), EXIT_FAILURE);
    ck_assert_str_eq(text, "out of memory: the system refused 1.00 EiB for a test\n");
    free(text);
}
END_TEST

// What a debugger would find: the module that made the mistake is still computing.
static void look_at_abort(int number)
{
    (void)number;
    const char *scope = tape_current()->scope;
    _exit(scope != NULL && strcmp(scope, "m") == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
}

static void make_mistake_in_module(void)
{
    tape_create();
    tape_enter("m", HERE);
    signal(SIGABRT, look_at_abort);
    make_mistake();
}

START_TEST(by_default_nothing_is_undone_before_the_abort)
{
    char *text;
    int status = run_child(make_mistake_in_module, &text);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), EXIT_SUCCESS);
    free(text);
}
END_TEST

START_TEST(a_handler_that_returns_ends_the_program)
{
    char *text;
    int status = run_child(make_mistake_with_returning_handler, &text);
    ck_assert(WIFSIGNALED(status));
    ck_assert_int_eq(WTERMSIG(status), SIGABRT);
    ck_assert_str_eq(text, "");
    free(text);
}
END_TEST

// Check expects the signal; the message is captured by nobody and need not be seen.
START_TEST(a_mistake_aborts_so_that_a_debugger_stops)
{
    ck_assert_ptr_nonnull(freopen("/dev/null", "w", stderr));
    make_mistake();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fail");
    TCase *handler = case_with_tape(suite, "handlers");
    tcase_add_test(handler, the_module_that_was_computing_is_named);
    tcase_add_test(handler, after_a_mistake_the_tape_still_works);
    tcase_add_test(handler, the_handler_before_is_given_back);
    tcase_add_test(handler, refused_memory_is_reported_to_the_handler);
    tcase_add_test(handler, an_interrupt_comes_at_the_next_operation_or_backward_step);
    tcase_add_test(handler, memory_kept_for_kernels_is_forgotten_when_more_is_refused);
    tcase_add_test(handler, by_default_a_mistake_is_printed_and_aborts);
    tcase_add_test(handler, by_default_refused_memory_is_printed_and_exits_with_1);
    tcase_add_test(handler, by_default_nothing_is_undone_before_the_abort);
    tcase_add_test(handler, a_handler_that_returns_ends_the_program);
    tcase_add_test_raise_signal(handler, a_mistake_aborts_so_that_a_debugger_stops, SIGABRT);
    return suite_run(suite);
}
