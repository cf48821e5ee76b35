// test_arena.c: blocks are aligned, apart, handed back and used again; the address sanitizer sees what is written past them.

#include "tensor/arena.h"
#include "tests/support/suite.h"

#include <string.h>

#if HAVE_ASAN
#include <sanitizer/asan_interface.h>
#endif

static const size_t sizes[] = {1, 3, 4, 15, 16, 17, 63, 64, 65, 1000, 4097, 100000, 300000, 1, 2000000, 8};

enum { SIZES_COUNT = sizeof sizes / sizeof sizes[0] };

static Arena arena; // of the running test

static void free_arena(void)
{
    arena_free(&arena);
}

static void allocate_all(unsigned char *blocks[SIZES_COUNT])
{
    for (int i = 0; i < SIZES_COUNT; i++) {
        blocks[i] = arena_allocate(&arena, sizes[i]);
    }
}

START_TEST(blocks_are_aligned_to_64_bytes)
{
    unsigned char *blocks[SIZES_COUNT];
    allocate_all(blocks);
    for (int i = 0; i < SIZES_COUNT; i++) {
        ck_assert_uint_eq((uintptr_t)blocks[i] % 64, 0);
    }
}
END_TEST

START_TEST(a_tensors_values_are_aligned_to_64_bytes)
{
    for (int n = 1; n < 40; n++) {
        Tensor *x = tensor_full(SHAPE(n), 1);
        Tensor *y = tensor_scale(x, 2);
        ck_assert_uint_eq((uintptr_t)x->data % 64, 0);
        ck_assert_uint_eq((uintptr_t)y->data % 64, 0);
    }
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
    unsigned char *blocks[SIZES_COUNT];
    allocate_all(blocks);
    for (int i = 0; i < SIZES_COUNT; i++) {
        memset(blocks[i], i, sizes[i]);
    }
    for (int i = 0; i < SIZES_COUNT; i++) {
        assert_filled(blocks[i], sizes[i], i);
    }
}
END_TEST

START_TEST(after_a_reset_the_same_requests_get_the_same_blocks)
{
    unsigned char *first[SIZES_COUNT];
    unsigned char *again[SIZES_COUNT];
    allocate_all(first);
    size_t bytes = arena.bytes;
    size_t requests = memory_requests();
    for (int round = 0; round < 3; round++) {
        arena_reset(&arena);
        ck_assert_uint_eq(arena.bytes, 0);
        allocate_all(again);
        for (int i = 0; i < SIZES_COUNT; i++) {
            ck_assert_ptr_eq(again[i], first[i]);
        }
    }
    ck_assert_uint_eq(arena.bytes, bytes);
    ck_assert_uint_eq(arena.bytes_peak, bytes);
    ck_assert_uint_eq(memory_requests(), requests);
}
END_TEST

START_TEST(a_request_larger_than_any_chunk_is_served)
{
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
}
END_TEST

START_TEST(many_small_blocks_take_few_requests)
{
    size_t before = memory_requests();
    for (int i = 0; i < 100000; i++) {
        arena_allocate(&arena, 64);
    }
    // Chunks double from 256 KiB on: 6.1 MiB are reached with the fifth, in sanitizer builds, with gaps, with the sixth.
    ck_assert_uint_le(memory_requests() - before, 6);
}
END_TEST

START_TEST(a_block_handed_back_serves_the_next_request_of_its_size)
{
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
}
END_TEST

// The logits' gradient is much larger than any that follows it in the pass; these take its place, side by side.
START_TEST(a_much_larger_block_handed_back_serves_smaller_requests)
{
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
    ck_assert_uint_ge(arena.bytes_peak, LARGE); // in use before, and never more
    ck_assert_uint_lt(arena.bytes_peak, LARGE + 64);
    unsigned char *twice = arena_allocate(&arena, 2 * LARGE);
    ck_assert(twice + 2 * LARGE <= large || twice >= large + LARGE);
}
END_TEST

START_TEST(many_blocks_of_many_sizes_do_not_overlap_when_handed_back_and_forth)
{
    enum { COUNT = 60, ROUNDS = 3000 };
    unsigned char *blocks[COUNT] = {NULL};
    size_t bytes[COUNT];
    Random random = seeded(5);
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
}
END_TEST

START_TEST(a_reset_forgets_the_blocks_handed_back)
{
    void *first = arena_allocate(&arena, 100);
    void *second = arena_allocate(&arena, 100);
    arena_release(&arena, second, 100);
    arena_reset(&arena);
    ck_assert_ptr_eq(arena_allocate(&arena, 100), first);
    ck_assert_ptr_eq(arena_allocate(&arena, 100), second);
}
END_TEST

START_TEST(a_freed_arena_can_be_used_again)
{
    arena_free(&arena);
    arena_allocate(&arena, 100);
    arena_free(&arena);
    ck_assert_uint_eq(arena.bytes, 0);
    memset(arena_allocate(&arena, 100), 1, 100);
}
END_TEST

START_TEST(a_request_for_0_bytes_gets_its_own_block)
{
    void *first = arena_allocate(&arena, 0);
    void *second = arena_allocate(&arena, 0);
    ck_assert_ptr_nonnull(first);
    ck_assert_ptr_ne(first, second);
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
    for (int i = 0; i < SIZES_COUNT; i++) {
        void *block = arena_allocate(&arena, sizes[i]);
        ck_assert(!poisoned(block, 0));
        ck_assert(!poisoned(block, sizes[i] - 1));
        ck_assert_msg(poisoned(block, sizes[i]), "one past %zu bytes", sizes[i]);
    }
#else
    skip(__func__, "needs the address sanitizer (make test SAN=1)");
#endif
}
END_TEST

START_TEST(a_use_after_the_reset_would_be_caught)
{
#if HAVE_ASAN
    void *block = arena_allocate(&arena, 100);
    arena_reset(&arena);
    ck_assert(poisoned(block, 0));
    ck_assert(poisoned(block, 99));
#else
    skip(__func__, "needs the address sanitizer (make test SAN=1)");
#endif
}
END_TEST

// The block of a scalar's gradient has 4 bytes, fewer than what is noted down in it while it is spare.
START_TEST(a_write_past_a_block_that_was_handed_back_once_would_be_caught)
{
#if HAVE_ASAN
    void *block = arena_allocate(&arena, 4);
    arena_release(&arena, block, 4);
    ck_assert_ptr_eq(arena_allocate(&arena, 4), block);
    ck_assert(!poisoned(block, 3));
    for (size_t at = 4; at < 64; at++) {
        ck_assert_msg(poisoned(block, at), "byte %zu of a block of 4", at);
    }
#else
    skip(__func__, "needs the address sanitizer (make test SAN=1)");
#endif
}
END_TEST

// The plain kernels ask for nothing themselves; what oneDNN does inside is its own business.
int main(void)
{
    Suite *suite = suite_create("arena");
    TCase *blocks = case_with_tape(suite, "arena");
    tcase_add_checked_fixture(blocks, NULL, free_arena);
    tcase_add_test(blocks, blocks_are_aligned_to_64_bytes);
    tcase_add_test(blocks, a_tensors_values_are_aligned_to_64_bytes);
    tcase_add_test(blocks, blocks_do_not_overlap);
    tcase_add_test(blocks, after_a_reset_the_same_requests_get_the_same_blocks);
    tcase_add_test(blocks, a_request_larger_than_any_chunk_is_served);
    tcase_add_test(blocks, many_small_blocks_take_few_requests);
    tcase_add_test(blocks, a_block_handed_back_serves_the_next_request_of_its_size);
    tcase_add_test(blocks, a_much_larger_block_handed_back_serves_smaller_requests);
    tcase_add_test(blocks, many_blocks_of_many_sizes_do_not_overlap_when_handed_back_and_forth);
    tcase_add_test(blocks, a_reset_forgets_the_blocks_handed_back);
    tcase_add_test(blocks, a_freed_arena_can_be_used_again);
    tcase_add_test(blocks, a_request_for_0_bytes_gets_its_own_block);

    TCase *sanitizer = case_create(suite, "address sanitizer");
    tcase_add_checked_fixture(sanitizer, NULL, free_arena);
    tcase_add_test(sanitizer, a_write_past_a_block_would_be_caught);
    tcase_add_test(sanitizer, a_use_after_the_reset_would_be_caught);
    tcase_add_test(sanitizer, a_write_past_a_block_that_was_handed_back_once_would_be_caught);
    return suite_run(suite);
}
