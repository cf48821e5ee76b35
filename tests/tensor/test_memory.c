// test_memory.c: a steady training step asks the system for nothing, and everything is given back.

#include "tensor/fast/fast.h"
#include "tensor/unwind.h"
#include "tests/support/mistake.h"
#include "tests/support/naive.h"
#include "tests/support/own_malloc.h"
#include "tests/support/suite.h"

#include <stdlib.h>
#include <string.h>

// ------------------------------------------------------------------------------------------------------------
// A small network with most operations in it

enum { VOCABULARY = 11, WIDTH = 12, HEADS = 3, TOKENS_MAX = 64 };

typedef struct Network {
    Tensor *embedding;    // (VOCABULARY, WIDTH), and the output head
    Tensor *gain, *shift; // (WIDTH)
    Tensor *attention;    // (3 WIDTH, WIDTH)
    Tensor *feedforward;  // (WIDTH, WIDTH)
    Random random;        // for dropout
} Network;

static Tensor *parameter(Shape shape, uint64_t seed)
{
    Tensor *tensor = tensor_parameter(NULL, "weight", shape);
    Random random = seeded(seed);
    random_normal(&random, tensor->data, tensor_count(tensor), 0.0, 0.3);
    return tensor;
}

static Network network;

static void network_create(void)
{
    network = (Network){.embedding = parameter(SHAPE(VOCABULARY, WIDTH), 1),
                        .gain = parameter(SHAPE(WIDTH), 2),
                        .shift = parameter(SHAPE(WIDTH), 3),
                        .attention = parameter(SHAPE(3 * WIDTH, WIDTH), 4),
                        .feedforward = parameter(SHAPE(WIDTH, WIDTH), 5)};
    random_seed(&network.random, 6);
}

static void network_free(void)
{
    tensor_free(network.embedding);
    tensor_free(network.gain);
    tensor_free(network.shift);
    tensor_free(network.attention);
    tensor_free(network.feedforward);
}

static Tensor *network_loss(int B, int T)
{
    int ids[TOKENS_MAX];
    for (int i = 0; i < B * T; i++) {
        ids[i] = (i * 7 + 3) % VOCABULARY;
    }
    Tensor *x = tensor_embedding(network.embedding, ids, B, T); // (B, T, C)
    Tensor *normal = tensor_layernorm(x, network.gain, network.shift, 1e-5);
    Tensor *qkv = tensor_linear(normal, network.attention, NULL); // (B, T, 3 C)
    x = tensor_add(x, tensor_dropout(tensor_attention(qkv, HEADS, true), 0.1, &network.random));
    Tensor *hidden = tensor_gelu(tensor_linear(x, network.feedforward, network.shift));
    x = tensor_add(x, tensor_mul(hidden, network.gain));
    Tensor *logits = tensor_linear(x, network.embedding, NULL); // (B, T, V)
    Tensor *weights = tensor_softmax(tensor_transpose(logits, 1, 2));
    Tensor *spread = tensor_mean(tensor_sum_axis(weights, 1));
    return tensor_add(tensor_cross_entropy(logits, ids), spread);
}

static void step(int B, int T)
{
    tensor_backward(network_loss(B, T));
    tape_reset(tape_current());
}

// ------------------------------------------------------------------------------------------------------------
// A steady step

// Tensor structs live in two arenas by turns: the second one asks in the second round.
START_TEST(from_the_third_step_on_nothing_is_requested)
{
    step(3, 5);
    step(3, 5);
    size_t before = memory_requests();
    for (int i = 0; i < 20; i++) {
        step(3, 5);
    }
    ck_assert_uint_eq(memory_requests(), before);
}
END_TEST

START_TEST(steps_of_various_shapes_request_nothing_once_each_has_been_there)
{
    static const int shapes[][2] = {{2, 5}, {1, 1}, {4, 16}, {3, 7}, {1, 13}};
    enum { SHAPES = sizeof shapes / sizeof shapes[0] };
    size_t before = 0;
    for (int i = 0; i < 6 * SHAPES; i++) {
        if (i == 2 * SHAPES) { // each shape has been there with each arena for tensor structs
            before = memory_requests();
        }
        step(shapes[i % SHAPES][0], shapes[i % SHAPES][1]);
    }
    ck_assert_uint_eq(memory_requests(), before);
}
END_TEST

START_TEST(a_steady_step_does_not_call_malloc)
{
    if (!own_malloc_works()) {
        skip(__func__, "malloc is not this program's own here");
        return;
    }
    step(3, 5);
    step(3, 5);
    size_t before = atomic_load(&system_requests);
    for (int i = 0; i < 20; i++) {
        step(3, 5);
    }
    ck_assert_uint_eq(atomic_load(&system_requests), before);
}
END_TEST

START_TEST(a_steady_round_without_recording_does_not_call_malloc)
{
    if (!own_malloc_works()) {
        skip(__func__, "malloc is not this program's own here");
        return;
    }
    size_t before = 0;
    tape_no_grad_begin();
    for (int i = 0; i < 10; i++) {
        if (i == 2) {
            before = atomic_load(&system_requests);
        }
        network_loss(2, 6);
        tape_reset(tape_current());
    }
    tape_no_grad_end();
    ck_assert_uint_eq(atomic_load(&system_requests), before);
}
END_TEST

// memory_requests would be worth nothing if gptape asked behind its back.
START_TEST(every_request_is_counted)
{
    if (!own_malloc_works()) {
        skip(__func__, "malloc is not this program's own here");
        return;
    }
    size_t counted = memory_requests();
    size_t real = atomic_load(&system_requests);
    network_create();
    Tape *own = tape_create();
    step(4, 16);
    size_t counted_more = memory_requests() - counted;
    size_t real_more = atomic_load(&system_requests) - real;
    ck_assert_uint_eq(counted_more, real_more);
    ck_assert_uint_gt(counted_more, 0);
    tape_free(own);
    network_free();
}
END_TEST

// A tape with many nodes and several chunks: its list of nodes has grown, and so have its arenas.
START_TEST(everything_is_given_back)
{
    if (!own_malloc_works()) {
        skip(__func__, "malloc is not this program's own here");
        return;
    }
    long before = atomic_load(&blocks_out);
    network_create();
    Tape *own = tape_create();
    for (int i = 0; i < 100; i++) {
        tensor_backward(network_loss(4, 16));
    }
    ck_assert_int_gt(own->n_nodes, 1000);
    ck_assert_int_gt(atomic_load(&blocks_out), before + 10);
    tape_free(own);
    network_free();
    ck_assert_int_eq(atomic_load(&blocks_out), before);
}
END_TEST

static void count_undone(void *count)
{
    (*(int *)count)++;
}

// What undoes a step is not lost when there is no memory to note it.
START_TEST(what_cannot_be_noted_is_undone_at_once)
{
    enum { WITHOUT_MEMORY = 64 }; // entries of unwind.c
    if (!own_malloc_works()) {
        skip(__func__, "malloc is not this program's own here");
        return;
    }
    int undone = 0;
    for (int i = 0; i < WITHOUT_MEMORY; i++) {
        unwind_begin();
    }
    atomic_store(&requests_left, 1);
    assert_mistake_begins("out of memory: ", unwind_add(count_undone, &undone));
    ck_assert_int_eq(undone, 1);
}
END_TEST

START_TEST(memory_allocate_gives_the_requested_size)
{
    size_t before = memory_requests();
    char *block = memory_allocate(10, "a test");
    int *zeros = memory_allocate_zeroed(100, sizeof *zeros, "a test");
    ck_assert_uint_eq(memory_requests(), before + 2);
    memset(block, 1, 10);
    for (int i = 0; i < 100; i++) {
        ck_assert_int_eq(zeros[i], 0);
    }
    free(block);
    free(zeros);
}
END_TEST

START_TEST(a_list_grows_and_keeps_what_is_in_it)
{
    enum { ITEMS = 1000 };
    int *list = NULL;
    int capacity = 0;
    size_t before = memory_requests();
    for (int i = 0; i < ITEMS; i++) {
        list = memory_grow(list, i, &capacity, sizeof *list, "a list");
        ck_assert_int_gt(capacity, i);
        list[i] = i;
    }
    for (int i = 0; i < ITEMS; i++) {
        ck_assert_int_eq(list[i], i);
    }
    ck_assert_uint_le(memory_requests() - before, 10); // 2^10 is more than there are
    free(list);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Gradients on the way back

enum { DEPTH = 60, VALUES = 4096 };

static Tensor *chain(Tensor *x, bool retain)
{
    for (int i = 0; i < DEPTH; i++) {
        x = tensor_scale(x, 1.01);
        if (retain) {
            tensor_retain_grad(x);
        }
    }
    return tensor_sum(x);
}

static size_t bytes_of_backward(bool retain)
{
    Tape *tape = tape_create();
    Tensor *x = full_leaf(SHAPE(VALUES), 1);
    Tensor *loss = chain(x, retain);
    size_t after_forward = tape->arena.bytes;
    tensor_backward(loss);
    size_t more = tape->arena.bytes_peak - after_forward;
    tape_free(tape);
    return more;
}

// At any time two gradients are there: the output's and the input's of the node being walked. A third leaves room for the
// loss's and rounding; keeping all would be DEPTH.
START_TEST(backward_reuses_the_gradients_it_has_passed)
{
    size_t one = VALUES * sizeof(Real);
    ck_assert_uint_le(bytes_of_backward(false), 3 * one);
    ck_assert_uint_ge(bytes_of_backward(true), DEPTH * one);
}
END_TEST

START_TEST(repeated_backward_takes_no_more_memory)
{
    Tensor *x = full_leaf(SHAPE(VALUES), 1);
    Tensor *loss = chain(x, false);
    tensor_backward(loss); // makes the leaf's gradient, which then stays beside the others
    tensor_backward(loss);
    size_t peak = tape->arena.bytes_peak;
    size_t requests = memory_requests();
    for (int i = 0; i < 10; i++) {
        tensor_backward(loss);
    }
    ck_assert_uint_eq(tape->arena.bytes_peak, peak);
    ck_assert_uint_eq(memory_requests(), requests);
}
END_TEST

START_TEST(a_reshape_takes_no_memory_for_its_values)
{
    Tensor *x = tensor_full(SHAPE(64, 64), 1);
    size_t before = tape->arena.bytes;
    Tensor *y = tensor_reshape(x, SHAPE(4096));
    ck_assert_ptr_eq(y->data, x->data);
    ck_assert_uint_lt(tape->arena.bytes - before, 4096);
}
END_TEST

// The plain kernels ask for nothing themselves; what oneDNN does inside is its own business.
int main(void)
{
    kernels_choose("plain");
    Suite *suite = suite_create("memory");
    TCase *steady = case_with_tape(suite, "steady step");
    tcase_add_checked_fixture(steady, network_create, network_free);
    tcase_add_test(steady, from_the_third_step_on_nothing_is_requested);
    tcase_add_test(steady, steps_of_various_shapes_request_nothing_once_each_has_been_there);
    tcase_add_test(steady, a_steady_step_does_not_call_malloc);
    tcase_add_test(steady, a_steady_round_without_recording_does_not_call_malloc);

    TCase *counted = case_create(suite, "requests");
    tcase_add_test(counted, every_request_is_counted);
    tcase_add_test(counted, everything_is_given_back);
    tcase_add_test(counted, what_cannot_be_noted_is_undone_at_once);
    tcase_add_test(counted, memory_allocate_gives_the_requested_size);
    tcase_add_test(counted, a_list_grows_and_keeps_what_is_in_it);

    TCase *gradient = case_with_tape(suite, "gradients");
    tcase_add_test(gradient, backward_reuses_the_gradients_it_has_passed);
    tcase_add_test(gradient, repeated_backward_takes_no_more_memory);
    tcase_add_test(gradient, a_reshape_takes_no_memory_for_its_values);
    return suite_run(suite);
}
