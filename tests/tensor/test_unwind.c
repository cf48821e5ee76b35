// test_unwind.c: after a pass that fails, gradients, the tape and a leaf's values are those from before it.

#include "tensor/inspect/inspect.h"
#include "tensor/unwind.h"
#include "tests/support/mistake.h"
#include "tests/support/suite.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

// Leaves at the node with this number, in a backward pass.
typedef struct LeaveAt {
    int index;
} LeaveAt;

static void leave_at_node(TapeNode *node, void *context)
{
    const LeaveAt *at = context;
    if (node->index == at->index) {
        fail_mistake(HERE, "node %d", node->index);
    }
}

static Tensor *square(void *context, Tensor **x)
{
    (void)context;
    return tensor_mul(x[0], x[0]);
}

// Its second run, in backward, fails.
static Tensor *fail_in_backward(void *context, Tensor **x)
{
    int *runs = context;
    (*runs)++;
    return *runs == 2 ? tensor_add(x[0], tensor_zeros(SHAPE(7))) : tensor_mul(x[0], x[0]);
}

static Tensor *parameter(void)
{
    Tensor *x = tensor_parameter("m", "w", SHAPE(3));
    for (int i = 0; i < 3; i++) {
        x->data[i] = (Real)(i + 1);
    }
    return x;
}

// Gradients that were not there before the pass are not there afterwards; the next pass gives them all.
START_TEST(a_backward_pass_that_fails_leaves_no_gradients)
{
    Tensor *x = parameter();
    Tensor *other = parameter();
    Tensor *loss = tensor_sum(tensor_mul(tensor_tanh(x), tensor_checkpoint_many(square, NULL, &other, 1, NULL)));
    for (int stop = tape->n_nodes - 1; stop >= 0; stop--) {
        LeaveAt at = {stop};
        int observer = tape_observer_add(tape, (TapeObserver){.after = leave_at_node, .context = &at});
        assert_mistake_begins("node ", tensor_backward(loss));
        tape_observer_remove(tape, observer);
        ck_assert_ptr_null(x->grad);
        ck_assert_ptr_null(other->grad);
        ck_assert_ptr_eq(tape_current(), tape);
    }
    tensor_backward(loss);
    for (int i = 0; i < 3; i++) {
        double value = i + 1;
        double tanh_value = tanh(value);
        ck_assert_double_eq_tol((double)x->grad[i], (1 - tanh_value * tanh_value) * value * value, 1e-6);
        ck_assert_double_eq_tol((double)other->grad[i], tanh_value * 2 * value, 1e-5);
    }
    tensor_free(x);
    tensor_free(other);
}
END_TEST

// Gradients from before, of a parameter and of a leaf on the tape, are what they were, wherever the pass fails, and each is used twice.
START_TEST(a_backward_pass_that_fails_keeps_the_gradients_from_before)
{
    Tensor *x = parameter();
    Tensor *leaf = tensor_require_grad(tensor_from((Real[]){4, 5, 6}, SHAPE(3)));
    Tensor *loss = tensor_sum(tensor_mul(tensor_mul(x, leaf), tensor_add(tensor_checkpoint_many(square, NULL, &x, 1, NULL), leaf)));
    tensor_backward(loss);
    Real before[2][3];
    memcpy(before[0], x->grad, sizeof before[0]);
    memcpy(before[1], leaf->grad, sizeof before[1]);
    Real *place = x->grad;
    for (int stop = tape->n_nodes - 1; stop >= 0; stop--) {
        LeaveAt at = {stop};
        int observer = tape_observer_add(tape, (TapeObserver){.after = leave_at_node, .context = &at});
        assert_mistake_begins("node ", tensor_backward(loss));
        tape_observer_remove(tape, observer);
        ck_assert(memcmp(x->grad, before[0], sizeof before[0]) == 0 && memcmp(leaf->grad, before[1], sizeof before[1]) == 0);
        ck_assert_ptr_eq(x->grad, place);
    }
    size_t bytes = tape->arena.bytes;
    for (int pass = 2; pass < 4; pass++) {
        tensor_backward(loss);
        for (int i = 0; i < 3; i++) {
            ck_assert(x->grad[i] == (Real)pass * before[0][i] && leaf->grad[i] == (Real)pass * before[1][i]);
        }
        ck_assert_uint_eq(tape->arena.bytes, bytes); // the copies are handed back
    }
    tensor_free(x);
}
END_TEST

START_TEST(a_checkpoint_that_fails_in_backward_leaves_no_gradients)
{
    Tensor *x = parameter();
    int runs = 0;
    Tensor *loss = tensor_sum(tensor_checkpoint_many(fail_in_backward, &runs, &x, 1, NULL));
    assert_mistake_begins("tensor_add: ", tensor_backward(loss));
    ck_assert_int_eq(runs, 2);
    ck_assert_ptr_eq(tape_current(), tape);
    ck_assert_ptr_null(x->grad);
    tensor_backward(loss);
    ck_assert_float_eq(x->grad[2], 6);
    tensor_free(x);
}
END_TEST

static Tensor *nan_forward(void *context)
{
    Tensor *x = context;
    return tensor_log(tensor_scale(x, x->data[1] == 5 ? 1 : -1));
}

static Tensor *null_in_backward(void *context, Tensor **x)
{
    int *runs = context;
    (*runs)++;
    return *runs == 2 ? NULL : tensor_mul(x[0], x[0]);
}

static Tensor *other_shape_in_backward(void *context, Tensor **x)
{
    int *runs = context;
    (*runs)++;
    return *runs == 2 ? tensor_sum(x[0]) : tensor_mul(x[0], x[0]);
}

START_TEST(a_checkpoint_computes_the_same_twice)
{
    Tensor *x = parameter();
    int runs = 0;
    assert_mistake("tensor_checkpoint: 0 inputs (expected 1 or more)", tensor_checkpoint_many(square, NULL, &x, 0, NULL));
    Tensor *y = tensor_checkpoint_many(square, NULL, &x, 1, NULL);
    Real dx[3];
    assert_mistake_begins("tensor_vjp: node 0 is a checkpoint, which is recomputed as a whole", tensor_vjp(y, x->data, x, dx));
    tape_reset(tape);
    Tensor *loss = tensor_sum(tensor_checkpoint_many(null_in_backward, &runs, &x, 1, NULL));
    assert_mistake_begins("tensor_checkpoint, backward of node 0: the function returned NULL the second time (expected shape (3) again)",
                          tensor_backward(loss));
    tape_reset(tape);
    runs = 0;
    loss = tensor_sum(tensor_checkpoint_many(other_shape_in_backward, &runs, &x, 1, NULL));
    assert_mistake_begins("tensor_checkpoint, backward of node 0: the function returned () the second time (expected shape (3) again)",
                          tensor_backward(loss));
    ck_assert_ptr_null(x->grad);
    tensor_free(x);
}
END_TEST

// What a callback must not do to the tape that calls it.
enum { RESET, FREE, WALK, MISUSES };

static void misuse(int how)
{
    if (how == RESET) {
        tape_reset(tape_current());
    } else if (how == FREE) {
        tape_free(tape_current());
    } else {
        tensor_backward(tape_current()->nodes[0]->output);
    }
}

static void misuse_at_node(TapeNode *node, void *how)
{
    (void)node;
    misuse(*(int *)how);
}

static Tensor *misuse_in_checkpoint(void *how, Tensor **x)
{
    Tensor *y = tensor_sum(x[0]);
    if (tape_current()->n_nodes > 0) { // in backward
        misuse(*(int *)how);
    }
    return y;
}

static void forward_misuse(Tensor **inputs, Tensor *y, const void *how)
{
    (void)inputs;
    (void)y;
    misuse(*(const int *)how);
}

static void backward_nothing(TapeNode *node)
{
    (void)node;
}

START_TEST(a_callback_cannot_take_the_tape_away)
{
    static const char *const names[MISUSES] = {"tape_reset: the tape is in use", "tape_free: the tape is in use",
                                               "tensor_backward: the tape is in use"};
    static const Op op = {.name = "misuse", .forward = forward_misuse, .backward = backward_nothing};
    Tensor *x = parameter();
    Real dx[3];
    Real one = 1;
    for (int how = 0; how < MISUSES; how++) {
        Tensor *loss = tensor_sum(tensor_checkpoint_many(misuse_in_checkpoint, &how, &x, 1, NULL));
        assert_mistake_begins(names[how], tensor_backward(loss));
        tape_reset(tape);
        loss = tensor_sum(x);
        int observer = tape_observer_add(tape, (TapeObserver){.before = misuse_at_node, .context = &how});
        assert_mistake_begins(names[how], tensor_backward(loss));
        tape_observer_remove(tape, observer);
        assert_mistake_begins(names[how], tensor_vjp_visit(loss, &one, x, dx, misuse_at_node, &how));
        assert_mistake_begins(names[how], tensor_custom(&op, &x, 1, SHAPE(3), &how));
        tensor_backward(loss);
        ck_assert_double_eq(x->grad[2], 1);
        tensor_zero_grad(x);
        tape_reset(tape);
    }
    tensor_free(x);
}
END_TEST

static Tensor *draw_and_fail(void *random, Tensor **x)
{
    tensor_dropout(x[0], 0.5, random);
    fail_mistake(HERE, "drawn");
}

// As if the call had not been made: the next one draws the same numbers.
START_TEST(a_checkpoint_that_fails_has_drawn_nothing)
{
    Tensor *x = parameter();
    Random random = seeded(1);
    Random before = random;
    assert_mistake_begins("drawn", tensor_checkpoint_many(draw_and_fail, &random, &x, 1, &random));
    ck_assert_uint_eq(random_bits(&random), random_bits(&before));
    tensor_free(x);
}
END_TEST

static Tensor *unfinished;

static void forward_that_fails(Tensor **inputs, Tensor *y, const void *options)
{
    (void)inputs;
    (void)options;
    unfinished = y;
    fail_mistake(HERE, "halfway");
}

START_TEST(a_result_of_what_has_failed_is_recognized)
{
    static const Op op = {.name = "halfway", .forward = forward_that_fails, .backward = backward_nothing};
    Tensor *x = parameter();
    assert_mistake_begins("halfway", tensor_custom(&op, &x, 1, SHAPE(3), NULL));
    assert_mistake_begins("tensor_add: input 1 was made at ", tensor_add(x, unfinished));
    tensor_free(x);
}
END_TEST

// A watch for NaN stops a gradient check while a value of the leaf is moved.
START_TEST(a_gradient_check_that_fails_moves_the_value_back)
{
    Tensor *x = tensor_parameter("", "x", SHAPE(2));
    GradCheck check = {.name = "x", .leaves = &x, .n_leaves = 1, .forward = nan_forward, .context = x};
    x->data[0] = 3;
    x->data[1] = 5;
    nan_watch(true);
    assert_mistake_begins("tensor_", gradcheck(&check));
    nan_watch(false);
    ck_assert_float_eq(x->data[0], 3);
    ck_assert_float_eq(x->data[1], 5);
    ck_assert_ptr_null(x->grad);
    ck_assert_int_eq(tape->no_grad_depth, 0);
    tensor_free(x);
}
END_TEST

// What the caller began itself is not undone.
START_TEST(recording_that_the_caller_switched_off_stays_off)
{
    tape_no_grad_begin();
    tape_scope("mine");
    assert_mistake_begins("tensor_add: ", tensor_add(tensor_zeros(SHAPE(2)), tensor_zeros(SHAPE(3))));
    ck_assert_int_eq(tape->no_grad_depth, 1);
    ck_assert_str_eq(tape->scope, "mine");
    tape_no_grad_end();
}
END_TEST

START_TEST(a_failure_ends_module_and_sublayer)
{
    tape_enter("m", HERE);
    tape_sublayer_begin(tensor_zeros(SHAPE(2)));
    tape_branch(true);
    assert_mistake_begins("inside", fail_mistake(HERE, "inside"));
    const TapeNode *node = tensor_scale(tensor_zeros(SHAPE(2)), 2)->node;
    ck_assert_ptr_null(node->scope);
    ck_assert_ptr_null(node->module_where.file);
    ck_assert_int_eq(node->sublayer, 0);
    ck_assert(!node->branch);
}
END_TEST

// Deeper than the entries that need no memory.
START_TEST(frames_nest_as_deep_as_memory_allows)
{
    static char names[200][16];
    for (int i = 0; i < 200; i++) {
        snprintf(names[i], sizeof names[i], "m%d", i);
        tape_enter(names[i], HERE);
    }
    ck_assert_str_eq(tape->scope, "m199");
    assert_mistake_begins("so deep", fail_mistake(HERE, "so deep"));
    ck_assert_ptr_null(tape->scope);
    int outer = tape_enter("again", HERE);
    ck_assert_int_eq(outer, 0);
    tape_leave(outer);
}
END_TEST

// A signal handler may leave by longjmp again, although the failure came from where it may not.
START_TEST(a_failure_ends_what_must_not_be_left)
{
    unwind_hold();
    ck_assert(!fail_can_unwind());
    assert_mistake_begins("held", fail_mistake(HERE, "held"));
    ck_assert(fail_can_unwind());
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("unwind");
    TCase *tests = case_with_tape(suite, "unwind");
    tcase_add_test(tests, a_backward_pass_that_fails_leaves_no_gradients);
    tcase_add_test(tests, a_backward_pass_that_fails_keeps_the_gradients_from_before);
    tcase_add_test(tests, a_checkpoint_that_fails_in_backward_leaves_no_gradients);
    tcase_add_test(tests, a_checkpoint_computes_the_same_twice);
    tcase_add_test(tests, a_callback_cannot_take_the_tape_away);
    tcase_add_test(tests, a_checkpoint_that_fails_has_drawn_nothing);
    tcase_add_test(tests, a_failure_ends_module_and_sublayer);
    tcase_add_test(tests, a_result_of_what_has_failed_is_recognized);
    tcase_add_test(tests, a_gradient_check_that_fails_moves_the_value_back);
    tcase_add_test(tests, recording_that_the_caller_switched_off_stays_off);
    tcase_add_test(tests, frames_nest_as_deep_as_memory_allows);
    tcase_add_test(tests, a_failure_ends_what_must_not_be_left);
    return suite_run(suite);
}
