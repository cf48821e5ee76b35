// test_memory.c: memory has one owner, is given back all at once, and once it is there the system is not asked again.

#include "tensor/arena.h"
#include "tensor/fast/fast.h"
#include "tests/support/near.h"
#include "tests/support/suite.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#if HAVE_ASAN
#include <sanitizer/asan_interface.h>
#endif

// ------------------------------------------------------------------------------------------------------------
// This program's own malloc counts who asks, the libraries below included, and hands on to the C library's. The sanitizers
// and valgrind have a malloc of their own in its place; then nothing is counted, and the tests that count say so.

static atomic_size_t system_requests;
static atomic_long blocks_out; // given out and not given back

#if defined(__GLIBC__) && !HAVE_SANITIZER
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *block, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);
void __libc_free(void *block);

static void *given_out(void *block)
{
    atomic_fetch_add(&system_requests, 1);
    atomic_fetch_add(&blocks_out, block == NULL ? 0 : 1);
    return block;
}

void *malloc(size_t bytes)
{
    return given_out(__libc_malloc(bytes));
}

void *calloc(size_t count, size_t bytes)
{
    return given_out(__libc_calloc(count, bytes));
}

void *realloc(void *block, size_t bytes)
{
    atomic_fetch_add(&blocks_out, block == NULL ? 0 : -1);
    return given_out(__libc_realloc(block, bytes));
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
    return given_out(__libc_memalign(alignment, bytes));
}

int posix_memalign(void **block, size_t alignment, size_t bytes)
{
    *block = given_out(__libc_memalign(alignment, bytes));
    return 0;
}

void free(void *block)
{
    atomic_fetch_add(&blocks_out, block == NULL ? 0 : -1);
    __libc_free(block);
}
#endif

// Asked for from another file: in this one the compiler may put its own malloc in the call's place.
static bool counting_works(void)
{
    size_t before = atomic_load(&system_requests);
    free(memory_allocate(1, "a test"));
    return atomic_load(&system_requests) == before + 1;
}

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
    Random random;
    random_seed(&random, seed);
    random_normal(&random, tensor->data, tensor_count(tensor), 0.0, 0.3);
    return tensor;
}

static Network network_create(void)
{
    Network network = {.embedding = parameter(SHAPE(VOCABULARY, WIDTH), 1),
                       .gain = parameter(SHAPE(WIDTH), 2),
                       .shift = parameter(SHAPE(WIDTH), 3),
                       .attention = parameter(SHAPE(3 * WIDTH, WIDTH), 4),
                       .feedforward = parameter(SHAPE(WIDTH, WIDTH), 5)};
    random_seed(&network.random, 6);
    return network;
}

static void network_free(Network *network)
{
    tensor_free(network->embedding);
    tensor_free(network->gain);
    tensor_free(network->shift);
    tensor_free(network->attention);
    tensor_free(network->feedforward);
}

static Tensor *network_loss(Network *network, int B, int T)
{
    int ids[TOKENS_MAX];
    for (int i = 0; i < B * T; i++) {
        ids[i] = (i * 7 + 3) % VOCABULARY;
    }
    Tensor *x = tensor_embedding(network->embedding, ids, B, T); // (B, T, C)
    Tensor *normal = tensor_layernorm(x, network->gain, network->shift, 1e-5);
    Tensor *qkv = tensor_linear(normal, network->attention, NULL); // (B, T, 3 C)
    x = tensor_add(x, tensor_dropout(tensor_attention(qkv, HEADS, true), 0.1, &network->random));
    Tensor *hidden = tensor_gelu(tensor_linear(x, network->feedforward, network->shift));
    x = tensor_add(x, tensor_mul(hidden, network->gain));
    Tensor *logits = tensor_linear(x, network->embedding, NULL); // (B, T, V)
    Tensor *weights = tensor_softmax(tensor_transpose(logits, 1, 2));
    Tensor *spread = tensor_mean(tensor_sum_axis(weights, 1));
    return tensor_add(tensor_cross_entropy(logits, ids), spread);
}

static void step(Network *network, Tape *tape, int B, int T)
{
    tensor_backward(network_loss(network, B, T));
    tape_reset(tape);
}

// ------------------------------------------------------------------------------------------------------------
// A steady step

// Tensor structs live in two arenas by turns: the second one asks in the second round.
START_TEST(from_the_third_step_on_nothing_is_requested)
{
    Network network = network_create();
    Tape *tape = tape_create();
    step(&network, tape, 3, 5);
    step(&network, tape, 3, 5);
    size_t before = memory_requests();
    for (int i = 0; i < 20; i++) {
        step(&network, tape, 3, 5);
    }
    ck_assert_uint_eq(memory_requests(), before);
    tape_free(tape);
    network_free(&network);
}
END_TEST

START_TEST(steps_of_various_shapes_request_nothing_once_each_has_been_there)
{
    static const int shapes[][2] = {{2, 5}, {1, 1}, {4, 16}, {3, 7}, {1, 13}};
    enum { SHAPES = sizeof shapes / sizeof shapes[0] };
    Network network = network_create();
    Tape *tape = tape_create();
    size_t before = 0;
    for (int i = 0; i < 6 * SHAPES; i++) {
        if (i == 2 * SHAPES) { // each shape has been there with each arena for tensor structs
            before = memory_requests();
        }
        step(&network, tape, shapes[i % SHAPES][0], shapes[i % SHAPES][1]);
    }
    ck_assert_uint_eq(memory_requests(), before);
    tape_free(tape);
    network_free(&network);
}
END_TEST

START_TEST(a_steady_step_does_not_call_malloc)
{
    if (!counting_works()) {
        skip(__func__, "malloc is not this program's own here");
        return;
    }
    Network network = network_create();
    Tape *tape = tape_create();
    step(&network, tape, 3, 5);
    step(&network, tape, 3, 5);
    size_t before = atomic_load(&system_requests);
    for (int i = 0; i < 20; i++) {
        step(&network, tape, 3, 5);
    }
    ck_assert_uint_eq(atomic_load(&system_requests), before);
    tape_free(tape);
    network_free(&network);
}
END_TEST

START_TEST(a_steady_round_without_recording_does_not_call_malloc)
{
    if (!counting_works()) {
        skip(__func__, "malloc is not this program's own here");
        return;
    }
    Network network = network_create();
    Tape *tape = tape_create();
    size_t before = 0;
    tape_no_grad_begin();
    for (int i = 0; i < 10; i++) {
        if (i == 2) {
            before = atomic_load(&system_requests);
        }
        network_loss(&network, 2, 6);
        tape_reset(tape);
    }
    tape_no_grad_end();
    ck_assert_uint_eq(atomic_load(&system_requests), before);
    tape_free(tape);
    network_free(&network);
}
END_TEST

// memory_requests would be worth nothing if gptape asked behind its back.
START_TEST(every_request_is_counted)
{
    if (!counting_works()) {
        skip(__func__, "malloc is not this program's own here");
        return;
    }
    size_t counted = memory_requests();
    size_t real = atomic_load(&system_requests);
    Network network = network_create();
    Tape *tape = tape_create();
    step(&network, tape, 4, 16);
    size_t counted_more = memory_requests() - counted;
    size_t real_more = atomic_load(&system_requests) - real;
    ck_assert_uint_eq(counted_more, real_more);
    ck_assert_uint_gt(counted_more, 0);
    tape_free(tape);
    network_free(&network);
}
END_TEST

// A tape with many nodes and several chunks: its list of nodes has grown, and so have its arenas.
START_TEST(everything_is_given_back)
{
    if (!counting_works()) {
        skip(__func__, "malloc is not this program's own here");
        return;
    }
    long before = atomic_load(&blocks_out);
    Network network = network_create();
    Tape *tape = tape_create();
    for (int i = 0; i < 100; i++) {
        tensor_backward(network_loss(&network, 4, 16));
    }
    ck_assert_int_gt(tape->n_nodes, 1000);
    ck_assert_int_gt(atomic_load(&blocks_out), before + 10);
    tape_free(tape);
    network_free(&network);
    ck_assert_int_eq(atomic_load(&blocks_out), before);
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
    Tensor *x = tensor_full(SHAPE(VALUES), 1);
    tensor_require_grad(x);
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
    Tape *tape = tape_create();
    Tensor *x = tensor_full(SHAPE(VALUES), 1);
    tensor_require_grad(x);
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
    tape_free(tape);
}
END_TEST

START_TEST(a_reshape_takes_no_memory_for_its_values)
{
    Tape *tape = tape_create();
    Tensor *x = tensor_full(SHAPE(64, 64), 1);
    size_t before = tape->arena.bytes;
    Tensor *y = tensor_reshape(x, SHAPE(4096));
    ck_assert_ptr_eq(y->data, x->data);
    ck_assert_uint_lt(tape->arena.bytes - before, 4096);
    tape_free(tape);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// The arena itself

static const size_t sizes[] = {1, 3, 4, 15, 16, 17, 63, 64, 65, 1000, 4097, 100000, 300000, 1, 2000000, 8};

enum { SIZES_COUNT = sizeof sizes / sizeof sizes[0] };

static void allocate_all(Arena *arena, unsigned char *blocks[SIZES_COUNT])
{
    for (int i = 0; i < SIZES_COUNT; i++) {
        blocks[i] = arena_allocate(arena, sizes[i]);
    }
}

START_TEST(blocks_are_aligned_to_64_bytes)
{
    Arena arena = {0};
    unsigned char *blocks[SIZES_COUNT];
    allocate_all(&arena, blocks);
    for (int i = 0; i < SIZES_COUNT; i++) {
        ck_assert_uint_eq((uintptr_t)blocks[i] % 64, 0);
    }
    arena_free(&arena);
}
END_TEST

START_TEST(a_tensors_values_are_aligned_to_64_bytes)
{
    Tape *tape = tape_create();
    for (int n = 1; n < 40; n++) {
        Tensor *x = tensor_full(SHAPE(n), 1);
        Tensor *y = tensor_scale(x, 2);
        ck_assert_uint_eq((uintptr_t)x->data % 64, 0);
        ck_assert_uint_eq((uintptr_t)y->data % 64, 0);
    }
    tape_free(tape);
}
END_TEST

static void assert_filled(const unsigned char *block, size_t bytes, int value)
{
    for (size_t i = 0; i < bytes; i++) {
        if (block[i] != value) {
            ck_abort_msg("byte %zu of block %d was written over", i, value);
        }
    }
}

START_TEST(blocks_do_not_overlap)
{
    Arena arena = {0};
    unsigned char *blocks[SIZES_COUNT];
    allocate_all(&arena, blocks);
    for (int i = 0; i < SIZES_COUNT; i++) {
        memset(blocks[i], i, sizes[i]);
    }
    for (int i = 0; i < SIZES_COUNT; i++) {
        assert_filled(blocks[i], sizes[i], i);
    }
    arena_free(&arena);
}
END_TEST

START_TEST(after_a_reset_the_same_requests_get_the_same_blocks)
{
    Arena arena = {0};
    unsigned char *first[SIZES_COUNT];
    unsigned char *again[SIZES_COUNT];
    allocate_all(&arena, first);
    size_t bytes = arena.bytes;
    size_t requests = memory_requests();
    for (int round = 0; round < 3; round++) {
        arena_reset(&arena);
        ck_assert_uint_eq(arena.bytes, 0);
        allocate_all(&arena, again);
        for (int i = 0; i < SIZES_COUNT; i++) {
            ck_assert_ptr_eq(again[i], first[i]);
        }
    }
    ck_assert_uint_eq(arena.bytes, bytes);
    ck_assert_uint_eq(arena.bytes_peak, bytes);
    ck_assert_uint_eq(memory_requests(), requests);
    arena_free(&arena);
}
END_TEST

START_TEST(a_request_larger_than_any_chunk_is_served)
{
    Arena arena = {0};
    size_t large = (size_t)100 << 20;
    unsigned char *before = arena_allocate(&arena, 100);
    unsigned char *block = arena_allocate(&arena, large);
    unsigned char *after = arena_allocate(&arena, 100);
    memset(before, 1, 100);
    memset(after, 2, 100);
    block[0] = 3;
    block[large - 1] = 3;
    assert_filled(before, 100, 1);
    assert_filled(after, 100, 2);
    ck_assert_uint_eq(arena.bytes, large + 2 * 128);
    arena_free(&arena);
}
END_TEST

START_TEST(many_small_blocks_take_few_requests)
{
    Arena arena = {0};
    size_t before = memory_requests();
    for (int i = 0; i < 100000; i++) {
        arena_allocate(&arena, 64);
    }
    // Chunks double from 256 KiB on: 6.1 MiB are reached with the fifth, in sanitizer builds, with gaps, with the sixth.
    ck_assert_uint_le(memory_requests() - before, 6);
    arena_free(&arena);
}
END_TEST

START_TEST(a_block_handed_back_serves_the_next_request_of_its_size)
{
    Arena arena = {0};
    void *small = arena_allocate(&arena, 100);
    void *large = arena_allocate(&arena, 1000);
    size_t bytes = arena.bytes;
    arena_release(&arena, small, 100);
    arena_release(&arena, large, 1000);
    ck_assert_uint_eq(arena.bytes, 0);
    void *other = arena_allocate(&arena, 500);
    ck_assert_ptr_ne(other, small);
    ck_assert_ptr_ne(other, large);
    ck_assert_ptr_eq(arena_allocate(&arena, 100), small);
    ck_assert_ptr_eq(arena_allocate(&arena, 1000), large);
    ck_assert_ptr_ne(arena_allocate(&arena, 1000), large);
    ck_assert_uint_gt(arena.bytes_peak, bytes);
    arena_free(&arena);
}
END_TEST

// The logits' gradient is much larger than any that follows it in the pass; these take its place, side by side.
START_TEST(a_much_larger_block_handed_back_serves_smaller_requests)
{
    Arena arena = {0};
    enum { LARGE = 100000, SMALL = 1000, COUNT = 20 };
    unsigned char *large = arena_allocate(&arena, LARGE);
    arena_release(&arena, large, LARGE);
    unsigned char *blocks[COUNT];
    for (int i = 0; i < COUNT; i++) {
        blocks[i] = arena_allocate(&arena, SMALL);
        ck_assert(blocks[i] >= large && blocks[i] + SMALL <= large + LARGE);
        memset(blocks[i], i, SMALL);
    }
    for (int i = 0; i < COUNT; i++) {
        ck_assert_int_eq(blocks[i][0], i);
        ck_assert_int_eq(blocks[i][SMALL - 1], i);
    }
    ck_assert_uint_lt(arena.bytes_peak, LARGE + 64);
    unsigned char *twice = arena_allocate(&arena, 2 * LARGE);
    ck_assert(twice + 2 * LARGE <= large || twice >= large + LARGE);
    arena_free(&arena);
}
END_TEST

START_TEST(many_blocks_of_many_sizes_do_not_overlap_when_handed_back_and_forth)
{
    enum { COUNT = 60, ROUNDS = 3000 };
    Arena arena = {0};
    unsigned char *blocks[COUNT] = {NULL};
    size_t bytes[COUNT];
    Random random;
    random_seed(&random, 5);
    for (int round = 0; round < ROUNDS; round++) {
        int i = (int)(random_bits(&random) % COUNT);
        if (blocks[i] != NULL) {
            ck_assert_int_eq(blocks[i][0], i);
            ck_assert_int_eq(blocks[i][bytes[i] - 1], i);
            arena_release(&arena, blocks[i], bytes[i]);
            blocks[i] = NULL;
        } else {
            bytes[i] = 1 + random_bits(&random) % (1u << random_bits(&random) % 16);
            blocks[i] = arena_allocate(&arena, bytes[i]);
            memset(blocks[i], i, bytes[i]);
        }
    }
    arena_free(&arena);
}
END_TEST

START_TEST(a_reset_forgets_the_blocks_handed_back)
{
    Arena arena = {0};
    void *first = arena_allocate(&arena, 100);
    void *second = arena_allocate(&arena, 100);
    arena_release(&arena, second, 100);
    arena_reset(&arena);
    ck_assert_ptr_eq(arena_allocate(&arena, 100), first);
    ck_assert_ptr_eq(arena_allocate(&arena, 100), second);
    arena_free(&arena);
}
END_TEST

START_TEST(a_freed_arena_can_be_used_again)
{
    Arena arena = {0};
    arena_free(&arena);
    arena_allocate(&arena, 100);
    arena_free(&arena);
    ck_assert_uint_eq(arena.bytes, 0);
    memset(arena_allocate(&arena, 100), 1, 100);
    arena_free(&arena);
}
END_TEST

START_TEST(a_request_for_0_bytes_gets_its_own_block)
{
    Arena arena = {0};
    void *first = arena_allocate(&arena, 0);
    void *second = arena_allocate(&arena, 0);
    ck_assert_ptr_nonnull(first);
    ck_assert_ptr_ne(first, second);
    arena_free(&arena);
}
END_TEST

// ------------------------------------------------------------------------------------------------------------
// Poisoning for the address sanitizer

#if HAVE_ASAN
static bool poisoned(const void *block, size_t at)
{
    return __asan_address_is_poisoned((const char *)block + at) != 0;
}
#endif

START_TEST(a_write_past_a_block_would_be_caught)
{
#if HAVE_ASAN
    Arena arena = {0};
    for (int i = 0; i < SIZES_COUNT; i++) {
        void *block = arena_allocate(&arena, sizes[i]);
        ck_assert(!poisoned(block, 0));
        ck_assert(!poisoned(block, sizes[i] - 1));
        ck_assert_msg(poisoned(block, sizes[i]), "one past %zu bytes", sizes[i]);
    }
    arena_free(&arena);
#else
    skip(__func__, "needs the address sanitizer (make test SAN=1)");
#endif
}
END_TEST

START_TEST(a_use_after_the_reset_would_be_caught)
{
#if HAVE_ASAN
    Arena arena = {0};
    void *block = arena_allocate(&arena, 100);
    arena_reset(&arena);
    ck_assert(poisoned(block, 0));
    ck_assert(poisoned(block, 99));
    arena_free(&arena);
#else
    skip(__func__, "needs the address sanitizer (make test SAN=1)");
#endif
}
END_TEST

// The block of a scalar's gradient has 4 bytes, fewer than what is noted down in it while it is spare.
START_TEST(a_write_past_a_block_that_was_handed_back_once_would_be_caught)
{
#if HAVE_ASAN
    Arena arena = {0};
    void *block = arena_allocate(&arena, 4);
    arena_release(&arena, block, 4);
    ck_assert_ptr_eq(arena_allocate(&arena, 4), block);
    ck_assert(!poisoned(block, 3));
    for (size_t at = 4; at < 64; at++) {
        ck_assert_msg(poisoned(block, at), "byte %zu of a block of 4", at);
    }
    arena_free(&arena);
#else
    skip(__func__, "needs the address sanitizer (make test SAN=1)");
#endif
}
END_TEST

// The plain kernels ask for nothing themselves; what oneDNN does inside is its own business.
int main(void)
{
    kernels_choose("plain");
    Suite *suite = suite_create("memory");
    TCase *steady = case_create(suite, "steady step");
    tcase_add_test(steady, from_the_third_step_on_nothing_is_requested);
    tcase_add_test(steady, steps_of_various_shapes_request_nothing_once_each_has_been_there);
    tcase_add_test(steady, a_steady_step_does_not_call_malloc);
    tcase_add_test(steady, a_steady_round_without_recording_does_not_call_malloc);
    tcase_add_test(steady, every_request_is_counted);
    tcase_add_test(steady, everything_is_given_back);
    tcase_add_test(steady, memory_allocate_gives_the_requested_size);
    tcase_add_test(steady, a_list_grows_and_keeps_what_is_in_it);

    TCase *gradient = case_create(suite, "gradients");
    tcase_add_test(gradient, backward_reuses_the_gradients_it_has_passed);
    tcase_add_test(gradient, repeated_backward_takes_no_more_memory);
    tcase_add_test(gradient, a_reshape_takes_no_memory_for_its_values);

    TCase *arena = case_create(suite, "arena");
    tcase_add_test(arena, blocks_are_aligned_to_64_bytes);
    tcase_add_test(arena, a_tensors_values_are_aligned_to_64_bytes);
    tcase_add_test(arena, blocks_do_not_overlap);
    tcase_add_test(arena, after_a_reset_the_same_requests_get_the_same_blocks);
    tcase_add_test(arena, a_request_larger_than_any_chunk_is_served);
    tcase_add_test(arena, many_small_blocks_take_few_requests);
    tcase_add_test(arena, a_block_handed_back_serves_the_next_request_of_its_size);
    tcase_add_test(arena, a_much_larger_block_handed_back_serves_smaller_requests);
    tcase_add_test(arena, many_blocks_of_many_sizes_do_not_overlap_when_handed_back_and_forth);
    tcase_add_test(arena, a_reset_forgets_the_blocks_handed_back);
    tcase_add_test(arena, a_freed_arena_can_be_used_again);
    tcase_add_test(arena, a_request_for_0_bytes_gets_its_own_block);

    TCase *sanitizer = case_create(suite, "address sanitizer");
    tcase_add_test(sanitizer, a_write_past_a_block_would_be_caught);
    tcase_add_test(sanitizer, a_use_after_the_reset_would_be_caught);
    tcase_add_test(sanitizer, a_write_past_a_block_that_was_handed_back_once_would_be_caught);
    return suite_run(suite);
}
