// test_tape.c: what is recorded, in which order it is walked back, and what is left afterwards.

#include "tensor/inspect/inspect.h"
#include "tests/support/near.h"
#include "tests/support/suite.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static Tensor *wanted(Shape shape, double value)
{
    Tensor *leaf = tensor_full(shape, value);
    tensor_require_grad(leaf);
    return leaf;
}

// ------------------------------------------------------------------------------------------------------------
// Tensors used more than once

START_TEST(gradient_of_a_tensor_used_twice_is_the_sum)
{
    Tensor *a = wanted(SHAPE_SCALAR, 1);
    Tensor *b = tensor_add(a, a);
    Tensor *c = tensor_add(b, b);
    tensor_backward(c);
    ck_assert_float_eq(tensor_item(c), 4);
    ck_assert_float_eq(a->grad[0], 4);
}
END_TEST

// y = a a + 3 a: both ways meet again in a.
START_TEST(gradient_through_a_diamond_is_the_sum_of_both_ways)
{
    Tensor *a = wanted(SHAPE_SCALAR, 5);
    Tensor *left = tensor_mul(a, a);
    Tensor *right = tensor_scale(a, 3);
    tensor_backward(tensor_add(left, right));
    ck_assert_float_eq(a->grad[0], 2 * 5 + 3);
}
END_TEST

// The inner tensor of the diamond must be whole before it is walked: d = (b + b^2) b with b = 2 a.
START_TEST(every_use_is_walked_before_the_node_that_made_it)
{
    Tensor *a = wanted(SHAPE_SCALAR, 1);
    Tensor *b = tensor_scale(a, 2);
    Tensor *c = tensor_add(b, tensor_mul(b, b));
    Tensor *d = tensor_mul(c, b);
    tensor_backward(d);
    // d = b^2 + b^3, dd/da = 2 (2 b + 3 b^2) at b = 2.
    ck_assert_float_eq(a->grad[0], 2 * (2 * 2 + 3 * 4));
}
END_TEST

START_TEST(a_tensor_times_itself_as_a_matrix)
{
    const float values[] = {1, 2, 3, 4};
    Tensor *a = tensor_from(values, SHAPE(2, 2));
    tensor_require_grad(a);
    tensor_backward(tensor_sum(tensor_matmul(a, a)));
    // d sum(a a) / da_ij = sum of row j + sum of column i
    const double expected[] = {3 + 4, 7 + 4, 3 + 6, 7 + 6};
    assert_values_near("gradient", a->grad, expected, 4, 0);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Backward again, and what stays

START_TEST(a_second_backward_adds_up_in_leaves_and_starts_afresh_in_between)
{
    Tensor *a = wanted(SHAPE_SCALAR, 1);
    Tensor *b = tensor_add(a, a);
    Tensor *c = tensor_add(b, b);
    tensor_retain_grad(b);
    tensor_retain_grad(c);
    for (int round = 1; round <= 3; round++) {
        tensor_backward(c);
        ck_assert_float_eq(c->grad[0], 1);
        ck_assert_float_eq(b->grad[0], 2);
        ck_assert_float_eq(a->grad[0], (float)(4 * round));
    }
}
END_TEST

START_TEST(zero_grad_forgets_what_was_added_up)
{
    Tensor *a = wanted(SHAPE(3), 1);
    Tensor *loss = tensor_sum(tensor_scale(a, 2));
    tensor_zero_grad(a); // nothing there yet: nothing happens
    tensor_backward(loss);
    tensor_zero_grad(a);
    ck_assert_ptr_null(a->grad);
    tensor_backward(loss);
    ck_assert_float_eq(a->grad[2], 2);
}
END_TEST

// Its memory stays: a training step that forgets all gradients asks the system for nothing.
START_TEST(a_parameters_forgotten_gradient_comes_back_in_the_same_place)
{
    Tensor *p = tensor_parameter(NULL, "weight", SHAPE(3));
    Tensor *loss = tensor_sum(tensor_add(p, tensor_scale(p, 2)));
    tensor_backward(loss);
    const Real *before = p->grad;
    tensor_zero_grad(p);
    ck_assert_ptr_null(p->grad);
    tensor_backward(loss);
    ck_assert_ptr_eq(p->grad, before);
    ck_assert_float_eq(p->grad[1], 3);
    tensor_free(p);
}
END_TEST

START_TEST(only_retained_gradients_are_there_after_backward)
{
    Tensor *a = wanted(SHAPE(2), 3);
    Tensor *kept = tensor_scale(a, 2);
    Tensor *gone = tensor_scale(kept, 5);
    Tensor *loss = tensor_sum(gone);
    tensor_retain_grad(kept);
    tensor_backward(loss);
    ck_assert_ptr_nonnull(kept->grad);
    ck_assert_float_eq(kept->grad[1], 5);
    ck_assert_ptr_null(gone->grad);
    ck_assert_ptr_null(loss->grad);
    ck_assert_float_eq(a->grad[1], 10);
}
END_TEST

// Where a is gone, its memory serves another: what is retained must not be among that.
START_TEST(a_retained_gradient_is_not_written_over_by_later_ones)
{
    Tensor *x = wanted(SHAPE(100), 1);
    Tensor *kept = NULL;
    for (int i = 0; i < 10; i++) {
        x = tensor_scale(x, 2);
        if (i == 5) {
            kept = x;
            tensor_retain_grad(kept);
        }
    }
    tensor_backward(tensor_sum(x));
    for (int i = 0; i < 100; i++) {
        ck_assert_float_eq(kept->grad[i], 16);
    }
}
END_TEST

START_TEST(backward_from_an_earlier_tensor_leaves_the_later_ones_alone)
{
    Tensor *a = wanted(SHAPE_SCALAR, 1);
    Tensor *b = tensor_scale(a, 2);
    Tensor *c = tensor_scale(b, 10);
    tensor_retain_grad(c);
    tensor_backward(c);
    tensor_backward(b);
    ck_assert_ptr_null(c->grad); // of the backward before, so it is forgotten
    ck_assert_float_eq(a->grad[0], 20 + 2);
}
END_TEST

START_TEST(backward_from_takes_a_gradient_of_the_tensors_shape)
{
    const Real dy[] = {1, 10, 100};
    Tensor *a = wanted(SHAPE(3), 1);
    tensor_backward_from(tensor_scale(a, 2), dy);
    ck_assert_float_eq(a->grad[0], 2);
    ck_assert_float_eq(a->grad[1], 20);
    ck_assert_float_eq(a->grad[2], 200);
}
END_TEST

// dy is copied before the old gradients are forgotten, so a retained one may be given back.
START_TEST(backward_from_takes_the_tensors_own_retained_gradient)
{
    Tensor *a = wanted(SHAPE(3), 1);
    Tensor *y = tensor_scale(a, 2);
    tensor_retain_grad(y);
    tensor_backward(tensor_sum(tensor_scale(y, 7)));
    ck_assert_float_eq(a->grad[1], 14);
    tensor_backward_from(y, y->grad);
    ck_assert_float_eq(a->grad[1], 28);
}
END_TEST

START_TEST(the_loss_may_have_one_value_in_any_number_of_dimensions)
{
    Tensor *a = wanted(SHAPE(1, 1, 1), 3);
    Tensor *y = tensor_mul(a, a);
    tensor_backward(y);
    ck_assert_float_eq(a->grad[0], 6);
}
END_TEST

START_TEST(leaves_that_want_no_gradient_get_none)
{
    Tensor *a = wanted(SHAPE(2), 1);
    Tensor *constant = tensor_full(SHAPE(2), 4);
    Tensor *of_constants = tensor_add(constant, constant);
    tensor_retain_grad(of_constants);
    tensor_backward(tensor_sum(tensor_mul(a, of_constants)));
    ck_assert_float_eq(a->grad[0], 8);
    ck_assert_ptr_null(constant->grad);
    ck_assert_ptr_null(of_constants->grad);
    ck_assert(!of_constants->requires_grad);
}
END_TEST

START_TEST(a_parameter_outlives_the_tape_and_adds_up_over_rounds)
{
    Tensor *parameter = tensor_parameter("layer", "weight", SHAPE(2));
    ck_assert_float_eq(parameter->data[0], 0);
    ck_assert_float_eq(parameter->data[1], 0);
    for (int round = 1; round <= 3; round++) {
        tensor_backward(tensor_sum(tensor_scale(parameter, 3)));
        tape_reset(tape);
        ck_assert(parameter->alive);
        ck_assert_float_eq(parameter->grad[1], (float)(3 * round));
    }
    tensor_free(parameter);
}
END_TEST

START_TEST(freeing_no_parameter_is_fine)
{
    tensor_free(NULL);
    tape_free(NULL);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// What is recorded

START_TEST(an_operation_is_recorded_with_all_that_is_known_of_it)
{
    Tensor *a = wanted(SHAPE(2, 3), 1);
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
    Tensor *y = wanted(SHAPE(1), 1);
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
    Tensor *a = wanted(SHAPE(2), 1);
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
    Tensor *a = wanted(SHAPE(2), 1);
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
    Tensor *a = wanted(SHAPE_SCALAR, 3);
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
// Watching the walk

enum { SEEN_MAX = 32 };

typedef struct Seen {
    int count;
    int nodes[SEEN_MAX];
    bool before[SEEN_MAX];
} Seen;

static void see(Seen *seen, const TapeNode *node, bool before)
{
    ck_assert_int_lt(seen->count, SEEN_MAX);
    seen->nodes[seen->count] = node->index;
    seen->before[seen->count] = before;
    seen->count++;
}

static void see_before(TapeNode *node, void *context)
{
    ck_assert_ptr_nonnull(node->output->grad);
    see(context, node, true);
}

static void see_after(TapeNode *node, void *context)
{
    ck_assert_ptr_nonnull(node->output->grad);
    see(context, node, false);
}

START_TEST(nodes_are_dispatched_from_the_last_to_the_first)
{
    Seen seen = {0};
    tape_observer_add(tape, (TapeObserver){.before = see_before, .after = see_after, .context = &seen});
    Tensor *a = wanted(SHAPE_SCALAR, 1);
    Tensor *b = tensor_scale(a, 2);
    Tensor *c = tensor_scale(b, 3);
    tensor_backward(tensor_add(b, c));
    const int nodes[] = {2, 2, 1, 1, 0, 0};
    ck_assert_int_eq(seen.count, 6);
    for (int i = 0; i < 6; i++) {
        ck_assert_int_eq(seen.nodes[i], nodes[i]);
        ck_assert_int_eq(seen.before[i], i % 2 == 0);
    }
}
END_TEST

START_TEST(nodes_that_the_loss_does_not_depend_on_are_not_walked)
{
    Seen seen = {0};
    tape_observer_add(tape, (TapeObserver){.before = see_before, .context = &seen});
    Tensor *a = wanted(SHAPE_SCALAR, 1);
    Tensor *b = tensor_scale(a, 2); // node 0
    tensor_scale(a, 3);             // node 1: leads nowhere
    Tensor *d = tensor_scale(b, 4); // node 2
    tensor_scale(b, 5);             // node 3: leads nowhere
    tensor_backward(d);
    ck_assert_int_eq(seen.count, 2);
    ck_assert_int_eq(seen.nodes[0], 2);
    ck_assert_int_eq(seen.nodes[1], 0);
    ck_assert_float_eq(a->grad[0], 8);
}
END_TEST

START_TEST(nodes_that_lead_to_no_wanted_gradient_are_not_walked)
{
    Seen seen = {0};
    tape_observer_add(tape, (TapeObserver){.after = see_after, .context = &seen});
    Tensor *a = wanted(SHAPE_SCALAR, 1);
    Tensor *constant = tensor_full(SHAPE_SCALAR, 2);
    Tensor *square = tensor_mul(constant, constant); // node 0
    tensor_backward(tensor_mul(a, square));          // node 1
    ck_assert_int_eq(seen.count, 1);
    ck_assert_int_eq(seen.nodes[0], 1);
}
END_TEST

typedef struct Called {
    char *order; // one letter for each call
    char name;   // lower case: before; upper case: after
} Called;

static void called_before(TapeNode *node, void *context)
{
    (void)node;
    const Called *called = context;
    strncat(called->order, &called->name, 1);
}

static void called_after(TapeNode *node, void *context)
{
    (void)node;
    const Called *called = context;
    char upper = (char)(called->name - 'a' + 'A');
    strncat(called->order, &upper, 1);
}

// Those that change gradients are innermost, so that the others see the gradients as they are.
START_TEST(observers_are_called_in_order_and_nest)
{
    char order[32] = "";
    Called called[] = {{order, 'a'}, {order, 'b'}, {order, 'c'}};
    int numbers[3];
    for (int i = 0; i < 3; i++) {
        numbers[i] =
            tape_observer_add(tape,
                              (TapeObserver){.before = called_before, .after = called_after, .context = &called[i], .changes_gradients = i == 1});
    }
    Tensor *loss = tensor_scale(wanted(SHAPE_SCALAR, 1), 2);
    tensor_backward(loss);
    ck_assert_str_eq(order, "acbBCA");
    tape_observer_remove(tape, numbers[0]);
    order[0] = '\0';
    tensor_backward(loss);
    ck_assert_str_eq(order, "cbBC");
}
END_TEST

START_TEST(tape_observe_has_one_observer_beside_the_others)
{
    Tape *tape = tape_current();
    Tensor *x = tensor_require_grad(tensor_from((float[]){1, 2}, SHAPE(2)));
    Tensor *loss = tensor_sum(tensor_mul(x, x));
    Seen seen[3] = {0};
    tape_observer_add(tape, (TapeObserver){.after = see_after, .context = &seen[0]});
    tape_observe(tape, (TapeObserver){.after = see_after, .context = &seen[1]});
    tensor_backward(loss);
    tape_observe(tape, (TapeObserver){.after = see_after, .context = &seen[2]});
    tensor_backward(loss);
    tape_observe(tape, (TapeObserver){0});
    tensor_backward(loss);
    ck_assert_int_eq(seen[0].count, 6);
    ck_assert_int_eq(seen[1].count, 2);
    ck_assert_int_eq(seen[2].count, 2);
}
END_TEST

START_TEST(an_observer_that_was_removed_sees_nothing)
{
    Seen seen = {0};
    int observer = tape_observer_add(tape, (TapeObserver){.before = see_before, .after = see_after, .context = &seen});
    Tensor *loss = tensor_scale(wanted(SHAPE_SCALAR, 1), 2);
    tensor_backward(loss);
    ck_assert_int_eq(seen.count, 2);
    tape_observer_remove(tape, observer);
    tensor_backward(loss);
    ck_assert_int_eq(seen.count, 2);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Names

START_TEST(a_name_is_scope_and_label)
{
    char name[NAME_TEXT];
    Tensor *x = wanted(SHAPE(1), 1);
    ck_assert_str_eq(tensor_name(x, name), "");
    tensor_label(x, "input");
    ck_assert_str_eq(tensor_name(x, name), "input");
    tape_scope("h.3.attn");
    Tensor *y = tensor_scale(x, 2);
    ck_assert_str_eq(tensor_name(y, name), "");
    tensor_label(y, "out");
    ck_assert_str_eq(tensor_name(y, name), "h.3.attn.out");
    tape_scope("");
    tensor_label(y, "logits");
    ck_assert_str_eq(tensor_name(y, name), "logits");
}
END_TEST

START_TEST(a_parameters_name_is_given_at_birth)
{
    char name[NAME_TEXT];
    Tensor *weight = tensor_parameter("h.0", "weight", SHAPE(1));
    Tensor *root = tensor_parameter("", "weight", SHAPE(1));
    Tensor *scope_only = tensor_parameter("h.0", NULL, SHAPE(1));
    ck_assert_str_eq(tensor_name(weight, name), "h.0.weight");
    ck_assert_str_eq(tensor_name(root, name), "weight");
    ck_assert_str_eq(tensor_name(scope_only, name), "h.0");
    tensor_free(weight);
    tensor_free(root);
    tensor_free(scope_only);
}
END_TEST

START_TEST(a_name_too_long_is_cut_and_ends)
{
    char name[NAME_TEXT];
    char scope[300];
    memset(scope, 'x', sizeof scope - 1);
    scope[sizeof scope - 1] = '\0';
    Tensor *parameter = tensor_parameter(scope, "weight", SHAPE(1));
    tensor_name(parameter, name);
    ck_assert_uint_eq(strlen(name), NAME_TEXT - 1);
    tensor_free(parameter);
}
END_TEST

START_TEST(scopes_nest_by_putting_back_the_one_before)
{
    ck_assert_ptr_null(tape_scope("outer"));
    const char *outer = tape_scope("outer.inner");
    ck_assert_str_eq(outer, "outer");
    Tensor *inside = tensor_scale(wanted(SHAPE(1), 1), 2);
    tape_scope(outer);
    Tensor *outside = tensor_scale(inside, 2);
    ck_assert_str_eq(inside->node->scope, "outer.inner");
    ck_assert_str_eq(outside->node->scope, "outer");
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Reset

START_TEST(reset_takes_back_tensors_nodes_and_scope)
{
    tape_scope("h.0");
    Tensor *a = wanted(SHAPE(2), 1);
    Tensor *b = tensor_scale(a, 2);
    tape_reset(tape);
    ck_assert_int_eq(tape->n_nodes, 0);
    ck_assert_ptr_null(tape->tensors);
    ck_assert_ptr_null(tape->scope);
    ck_assert(!a->alive);
    ck_assert(!b->alive);
    ck_assert_ptr_eq(tape_current(), tape);
}
END_TEST

START_TEST(after_a_reset_recording_starts_again)
{
    for (int round = 0; round < 5; round++) {
        Tensor *a = wanted(SHAPE(3), round);
        ck_assert_ptr_null(a->grad);
        Tensor *y = tensor_mul(a, a);
        ck_assert_int_eq(y->node->index, 0);
        tensor_backward(tensor_sum(y));
        ck_assert_float_eq(a->grad[2], (float)(2 * round));
        tape_reset(tape);
    }
}
END_TEST

// A generation runs whole rounds without recording.
START_TEST(no_grad_stays_open_over_a_reset)
{
    tape_no_grad_begin();
    tape_reset(tape);
    tensor_scale(wanted(SHAPE(1), 1), 2);
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
    Tensor *x = wanted(SHAPE_SCALAR, 0);
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
    Tensor *on_second = wanted(SHAPE_SCALAR, 2);
    Tensor *y_second = tensor_scale(on_second, 3);
    tape_set_current(tape);
    Tensor *on_first = wanted(SHAPE_SCALAR, 2);
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
        Tensor *x = wanted(SHAPE(50), 1);
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

// ------------------------------------------------------------------------------------------------------------
// Shortcuts, read off the tape

START_TEST(an_addition_of_x_and_something_made_of_x_is_a_shortcut)
{
    Tensor *x = wanted(SHAPE(2), 1);
    Tensor *longer = tensor_tanh(tensor_scale(x, 2));
    ck_assert_int_eq(tape_shortcut_input(tensor_add(x, longer)->node), 0);
    ck_assert_int_eq(tape_shortcut_input(tensor_add(longer, x)->node), 1);
}
END_TEST

START_TEST(a_shortcut_may_start_at_a_computed_tensor)
{
    Tensor *x = tensor_scale(wanted(SHAPE(2), 1), 2);
    Tensor *other = tensor_scale(wanted(SHAPE(2), 1), 2);
    Tensor *longer = tensor_mul(other, tensor_tanh(x));
    ck_assert_int_eq(tape_shortcut_input(tensor_add(x, longer)->node), 0);
    ck_assert_int_eq(tape_shortcut_input(tensor_add(longer, x)->node), 1);
}
END_TEST

START_TEST(a_shortcut_may_go_around_a_single_operation)
{
    Tensor *x = tensor_scale(wanted(SHAPE(2), 1), 2);
    ck_assert_int_eq(tape_shortcut_input(tensor_add(x, tensor_tanh(x))->node), 0);
}
END_TEST

START_TEST(other_additions_are_not_shortcuts)
{
    Tensor *x = wanted(SHAPE(2), 1);
    Tensor *bias = wanted(SHAPE(2), 1);
    Tensor *a = tensor_scale(x, 2);
    Tensor *b = tensor_scale(x, 3);
    ck_assert_int_eq(tape_shortcut_input(tensor_add(x, x)->node), -1);
    ck_assert_int_eq(tape_shortcut_input(tensor_add(a, a)->node), -1);
    ck_assert_int_eq(tape_shortcut_input(tensor_add(a, bias)->node), -1);
    ck_assert_int_eq(tape_shortcut_input(tensor_add(a, b)->node), -1);
    ck_assert_int_eq(tape_shortcut_input(tensor_add(x, bias)->node), -1);
}
END_TEST

START_TEST(only_additions_are_shortcuts)
{
    Tensor *x = wanted(SHAPE(2), 1);
    Tensor *longer = tensor_scale(x, 2);
    ck_assert_int_eq(tape_shortcut_input(tensor_mul(x, longer)->node), -1);
    ck_assert_int_eq(tape_shortcut_input(longer->node), -1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tape");
    TCase *use = case_with_tape(suite, "used twice");
    tcase_add_test(use, gradient_of_a_tensor_used_twice_is_the_sum);
    tcase_add_test(use, gradient_through_a_diamond_is_the_sum_of_both_ways);
    tcase_add_test(use, every_use_is_walked_before_the_node_that_made_it);
    tcase_add_test(use, a_tensor_times_itself_as_a_matrix);

    TCase *backward = case_with_tape(suite, "backward");
    tcase_add_test(backward, a_second_backward_adds_up_in_leaves_and_starts_afresh_in_between);
    tcase_add_test(backward, zero_grad_forgets_what_was_added_up);
    tcase_add_test(backward, a_parameters_forgotten_gradient_comes_back_in_the_same_place);
    tcase_add_test(backward, only_retained_gradients_are_there_after_backward);
    tcase_add_test(backward, a_retained_gradient_is_not_written_over_by_later_ones);
    tcase_add_test(backward, backward_from_an_earlier_tensor_leaves_the_later_ones_alone);
    tcase_add_test(backward, backward_from_takes_a_gradient_of_the_tensors_shape);
    tcase_add_test(backward, backward_from_takes_the_tensors_own_retained_gradient);
    tcase_add_test(backward, the_loss_may_have_one_value_in_any_number_of_dimensions);
    tcase_add_test(backward, leaves_that_want_no_gradient_get_none);
    tcase_add_test(backward, a_parameter_outlives_the_tape_and_adds_up_over_rounds);
    tcase_add_test(backward, freeing_no_parameter_is_fine);

    TCase *record = case_with_tape(suite, "recording");
    tcase_add_test(record, an_operation_is_recorded_with_all_that_is_known_of_it);
    tcase_add_test(record, a_leaf_knows_the_line_that_made_it);
    tcase_add_test(record, the_tape_keeps_the_order_of_recording);
    tcase_add_test(record, inside_no_grad_nothing_is_recorded);
    tcase_add_test(record, no_grad_nests);
    tcase_add_test(record, no_gradient_flows_through_what_no_grad_made);
    tcase_add_test(record, no_grad_computes_the_same_values);

    TCase *observer = case_with_tape(suite, "observer");
    tcase_add_test(observer, nodes_are_dispatched_from_the_last_to_the_first);
    tcase_add_test(observer, nodes_that_the_loss_does_not_depend_on_are_not_walked);
    tcase_add_test(observer, nodes_that_lead_to_no_wanted_gradient_are_not_walked);
    tcase_add_test(observer, observers_are_called_in_order_and_nest);
    tcase_add_test(observer, tape_observe_has_one_observer_beside_the_others);
    tcase_add_test(observer, an_observer_that_was_removed_sees_nothing);

    TCase *name = case_with_tape(suite, "names");
    tcase_add_test(name, a_name_is_scope_and_label);
    tcase_add_test(name, a_parameters_name_is_given_at_birth);
    tcase_add_test(name, a_name_too_long_is_cut_and_ends);
    tcase_add_test(name, scopes_nest_by_putting_back_the_one_before);

    TCase *reset = case_with_tape(suite, "reset");
    tcase_add_test(reset, reset_takes_back_tensors_nodes_and_scope);
    tcase_add_test(reset, after_a_reset_recording_starts_again);
    tcase_add_test(reset, no_grad_stays_open_over_a_reset);

    TCase *tapes = case_with_tape(suite, "tapes and threads");
    tcase_add_loop_test(tapes, a_long_chain_is_walked_without_recursion, 0, 2);
    tcase_add_test(tapes, a_new_tape_is_the_current_one);
    tcase_add_test(tapes, freeing_the_current_tape_leaves_none);
    tcase_add_test(tapes, two_tapes_record_apart);
    tcase_add_test(tapes, both_tapes_use_the_same_parameter);
    tcase_add_test(tapes, two_threads_work_each_on_its_own_tape);

    TCase *shortcut = case_with_tape(suite, "shortcuts");
    tcase_add_test(shortcut, an_addition_of_x_and_something_made_of_x_is_a_shortcut);
    tcase_add_test(shortcut, a_shortcut_may_start_at_a_computed_tensor);
    tcase_add_test(shortcut, a_shortcut_may_go_around_a_single_operation);
    tcase_add_test(shortcut, other_additions_are_not_shortcuts);
    tcase_add_test(shortcut, only_additions_are_shortcuts);
    return suite_run(suite);
}
