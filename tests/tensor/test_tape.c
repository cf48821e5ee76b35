// test_tape.c: what is recorded, a reset, long tapes, several tapes and threads.

#include "tests/support/naive.h"
#include "tests/support/near.h"
#include "tests/support/suite.h"

#include <pthread.h>

// ------------------------------------------------------------------------------------------------------------
// What is recorded

START_TEST(an_operation_is_recorded_with_all_that_is_known_of_it)
{
    Tensor *a = full_leaf(SHAPE(2, 3), 1);
    Tensor *b = tensor_full(SHAPE(3), 1);
    tape_scope("h.0.mlp");
    int line = __LINE__ + 1;
    Tensor *y = tensor_add(a, b);

    const TapeNode *node = y->node;
    ck_assert_int_eq(tape->n_nodes, 1);
    ck_assert_ptr_eq(tape->nodes[0], node);
    ck_assert_str_eq(node->op->name, "add");
    ck_assert_int_eq(node->index, 0);
    ck_assert_ptr_eq(node->output, y);
    ck_assert_int_eq(node->n_inputs, 2);
    ck_assert_ptr_eq(node->inputs[0], a);
    ck_assert_ptr_eq(node->inputs[1], b);
    ck_assert_str_eq(node->scope, "h.0.mlp");
    ck_assert_str_eq(node->where.file, __FILE__);
    ck_assert_int_eq(node->where.line, line);
    ck_assert_str_eq(node->where.function, __func__);
    ck_assert_ptr_eq(y->tape, tape);
    ck_assert(y->alive && y->requires_grad);
}
END_TEST

START_TEST(a_leaf_knows_the_line_that_made_it)
{
    int line = __LINE__ + 1;
    Tensor *leaf = tensor_zeros(SHAPE(2));
    ck_assert_ptr_null(leaf->node);
    ck_assert_str_eq(leaf->where.file, __FILE__);
    ck_assert_int_eq(leaf->where.line, line);
    ck_assert_str_eq(leaf->where.function, __func__);
    ck_assert_int_eq(tape->n_nodes, 0);
}
END_TEST

START_TEST(the_tape_keeps_the_order_of_recording)
{
    Tensor *y = full_leaf(SHAPE(1), 1);
    for (int i = 0; i < 1000; i++) {
        y = tensor_scale(y, 1);
    }
    ck_assert_int_eq(tape->n_nodes, 1000);
    for (int i = 0; i < 1000; i++) {
        ck_assert_int_eq(tape->nodes[i]->index, i);
    }
    ck_assert_ptr_eq(tape->nodes[999]->output, y);
}
END_TEST

START_TEST(inside_no_grad_nothing_is_recorded)
{
    Tensor *a = full_leaf(SHAPE(2), 1);
    tape_no_grad_begin();
    Tensor *b = tensor_scale(a, 2);
    tape_no_grad_end();
    ck_assert_int_eq(tape->n_nodes, 0);
    ck_assert_ptr_null(b->node);
    ck_assert(!b->requires_grad);
    ck_assert_float_eq(b->data[1], 2);
}
END_TEST

START_TEST(no_grad_nests)
{
    Tensor *a = full_leaf(SHAPE(2), 1);
    tape_no_grad_begin();
    tape_no_grad_begin();
    tape_no_grad_end();
    tensor_scale(a, 2);
    ck_assert_int_eq(tape->n_nodes, 0);
    tape_no_grad_end();
    tensor_scale(a, 2);
    ck_assert_int_eq(tape->n_nodes, 1);
}
END_TEST

START_TEST(no_gradient_flows_through_what_no_grad_made)
{
    Tensor *a = full_leaf(SHAPE_SCALAR, 3);
    tape_no_grad_begin();
    Tensor *constant = tensor_mul(a, a); // torch: (a * a).detach()
    tape_no_grad_end();
    tensor_backward(tensor_mul(a, constant));
    ck_assert_float_eq(a->grad[0], 9);
}
END_TEST

// Each operation computes the same whether it is recorded or not.
START_TEST(no_grad_computes_the_same_values)
{
    Tensor *x = random_leaf(SHAPE(2, 3, 12), 4);
    Tensor *weight = random_leaf(SHAPE(4), 5);
    Tensor *recorded = tensor_layernorm(tensor_attention(x, 2, true), weight, weight, 1e-5);
    tape_no_grad_begin();
    Tensor *unrecorded = tensor_layernorm(tensor_attention(x, 2, true), weight, weight, 1e-5);
    tape_no_grad_end();
    assert_same_values("values", unrecorded->data, recorded->data, tensor_count(recorded));
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Reset

START_TEST(reset_takes_back_tensors_nodes_and_scope)
{
    tape_enter("h.0", HERE); // and never left, as by a module that returns early
    tape_sublayer_begin(tensor_zeros(SHAPE(2)));
    tape_branch(true);
    Tensor *a = full_leaf(SHAPE(2), 1);
    Tensor *b = tensor_scale(a, 2);
    tape_reset(tape);
    ck_assert_int_eq(tape->n_nodes, 0);
    ck_assert_ptr_null(tape->tensors);
    ck_assert_ptr_null(tape->scope);
    ck_assert(!a->alive);
    ck_assert(!b->alive);
    ck_assert_ptr_eq(tape_current(), tape);
    int line = __LINE__ + 1;
    const TapeNode *node = tensor_scale(full_leaf(SHAPE(2), 1), 2)->node;
    ck_assert_int_eq(node->where.line, line);
    ck_assert_int_eq(node->sublayer, 0);
    ck_assert(!node->branch);
}
END_TEST

START_TEST(after_a_reset_recording_starts_again)
{
    for (int round = 0; round < 5; round++) {
        Tensor *a = full_leaf(SHAPE(3), round);
        ck_assert_ptr_null(a->grad);
        Tensor *y = tensor_mul(a, a);
        ck_assert_int_eq(y->node->index, 0);
        tensor_backward(tensor_sum(y));
        ck_assert_float_eq(a->grad[2], (float)(2 * round));
        tape_reset(tape);
    }
}
END_TEST

START_TEST(freeing_no_parameter_is_fine)
{
    tensor_free(NULL);
    tape_free(NULL);
}
END_TEST

// A generation runs whole rounds without recording.
START_TEST(no_grad_stays_open_over_a_reset)
{
    tape_no_grad_begin();
    tape_reset(tape);
    tensor_scale(full_leaf(SHAPE(1), 1), 2);
    ck_assert_int_eq(tape->n_nodes, 0);
    tape_no_grad_end();
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Long tapes. On a stack this small, a backward that called itself for every node would not come far.

enum { SMALL_STACK = 512 << 10, LONG_CHAIN = 100000, BOOK_CHAIN = 1200 };

static void *chain(void *length)
{
    Tape *own = tape_create();
    Tensor *x = full_leaf(SHAPE_SCALAR, 0);
    Tensor *y = x;
    for (int i = 0; i < *(int *)length; i++) {
        y = tensor_add_scalar(y, 1);
    }
    tensor_backward(y);
    bool right = tensor_item(y) == (Real) * (int *)length && x->grad[0] == 1;
    tape_free(own);
    return right ? length : NULL;
}

static const int chain_lengths[] = {BOOK_CHAIN, LONG_CHAIN};

START_TEST(a_long_chain_is_walked_without_recursion)
{
    int length = chain_lengths[_i];
    pthread_attr_t attributes;
    pthread_t thread;
    void *result = NULL;
    pthread_attr_init(&attributes);
    ck_assert_int_eq(pthread_attr_setstacksize(&attributes, SMALL_STACK), 0);
    ck_assert_int_eq(pthread_create(&thread, &attributes, chain, &length), 0);
    pthread_join(thread, &result);
    pthread_attr_destroy(&attributes);
    ck_assert_msg(result != NULL, "wrong value or gradient after %d operations", length);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Several tapes, several threads

START_TEST(a_new_tape_is_the_current_one)
{
    Tape *second = tape_create();
    ck_assert_ptr_eq(tape_current(), second);
    ck_assert_ptr_eq(tape_set_current(tape), second);
    ck_assert_ptr_eq(tape_current(), tape);
    tape_free(second);
    ck_assert_ptr_eq(tape_current(), tape);
}
END_TEST

START_TEST(freeing_the_current_tape_leaves_none)
{
    Tape *second = tape_create();
    tape_free(second);
    ck_assert_ptr_null(tape_current());
    tape_set_current(tape);
}
END_TEST

START_TEST(two_tapes_record_apart)
{
    Tape *second = tape_create();
    Tensor *on_second = full_leaf(SHAPE_SCALAR, 2);
    Tensor *y_second = tensor_scale(on_second, 3);
    tape_set_current(tape);
    Tensor *on_first = full_leaf(SHAPE_SCALAR, 2);
    Tensor *y_first = tensor_scale(on_first, 5);

    ck_assert_int_eq(tape->n_nodes, 1);
    ck_assert_int_eq(second->n_nodes, 1);
    tensor_backward(y_second); // its own tape is walked, though the other is current
    ck_assert_float_eq(on_second->grad[0], 3);
    ck_assert_ptr_null(on_first->grad);
    tape_reset(second);
    ck_assert(!y_second->alive);
    ck_assert(y_first->alive);
    tensor_backward(y_first);
    ck_assert_float_eq(on_first->grad[0], 5);
    tape_free(second);
}
END_TEST

START_TEST(both_tapes_use_the_same_parameter)
{
    Tensor *parameter = tensor_parameter(NULL, "p", SHAPE(1));
    tensor_backward(tensor_scale(parameter, 2));
    Tape *second = tape_create();
    tensor_backward(tensor_scale(parameter, 3));
    ck_assert_float_eq(parameter->grad[0], 5);
    tape_free(second);
    tape_set_current(tape);
    tensor_free(parameter);
}
END_TEST

static void *work_alone(void *factor)
{
    if (tape_current() != NULL) {
        return NULL; // another thread's tape is not this one's
    }
    Tape *own = tape_create();
    bool right = true;
    for (int round = 0; round < 200; round++) {
        Tensor *x = full_leaf(SHAPE(50), 1);
        Tensor *y = tensor_scale(x, *(int *)factor);
        tensor_backward(tensor_sum(tensor_add(y, y)));
        right = right && own->n_nodes == 3 && x->grad[49] == 2 * (Real) * (int *)factor;
        tape_reset(own);
    }
    tape_free(own);
    return right ? factor : NULL;
}

START_TEST(two_threads_work_each_on_its_own_tape)
{
    int factors[] = {3, 7};
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, work_alone, &factors[i]), 0);
    }
    for (int i = 0; i < 2; i++) {
        void *result = NULL;
        pthread_join(threads[i], &result);
        ck_assert_msg(result != NULL, "thread %d computed something else", i);
    }
    ck_assert_ptr_eq(tape_current(), tape);
    ck_assert_int_eq(tape->n_nodes, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tape");
    TCase *record = case_with_tape(suite, "recording");
    tcase_add_test(record, an_operation_is_recorded_with_all_that_is_known_of_it);
    tcase_add_test(record, a_leaf_knows_the_line_that_made_it);
    tcase_add_test(record, the_tape_keeps_the_order_of_recording);
    tcase_add_test(record, inside_no_grad_nothing_is_recorded);
    tcase_add_test(record, no_grad_nests);
    tcase_add_test(record, no_gradient_flows_through_what_no_grad_made);
    tcase_add_test(record, no_grad_computes_the_same_values);

    TCase *reset = case_with_tape(suite, "reset");
    tcase_add_test(reset, reset_takes_back_tensors_nodes_and_scope);
    tcase_add_test(reset, after_a_reset_recording_starts_again);
    tcase_add_test(reset, freeing_no_parameter_is_fine);
    tcase_add_test(reset, no_grad_stays_open_over_a_reset);

    TCase *tapes = case_with_tape(suite, "tapes and threads");
    tcase_add_loop_test(tapes, a_long_chain_is_walked_without_recursion, 0, 2);
    tcase_add_test(tapes, a_new_tape_is_the_current_one);
    tcase_add_test(tapes, freeing_the_current_tape_leaves_none);
    tcase_add_test(tapes, two_tapes_record_apart);
    tcase_add_test(tapes, both_tapes_use_the_same_parameter);
    tcase_add_test(tapes, two_threads_work_each_on_its_own_tape);
    return suite_run(suite);
}
