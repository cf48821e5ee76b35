// test_cache.c: attention of new positions over kept keys and values, against attention over all of them at once.

#include "tensor/inspect/inspect.h"
#include "tests/support/kernels.h"
#include "tests/support/mistake.h"
#include "tests/support/near.h"
#include "tests/support/suite.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct Sizes {
    int B, T, n_head, D;
} Sizes;

static const Sizes sizes[] = {
    {1, 2, 1, 1}, {1, 7, 2, 3}, {2, 9, 3, 8}, {3, 33, 1, 17}, {1, 300, 2, 64}, {2, 65, 5, 100},
};

enum { SIZES_COUNT = sizeof sizes / sizeof sizes[0] };

// The rows start ... start + n - 1 of each sequence.
static Tensor *rows(Tensor *qkv, int start, int n)
{
    return tensor_slice(qkv, 1, start, n);
}

static void assert_rows(const Tensor *got, const double *expected, Sizes s, int start)
{
    int C = s.n_head * s.D;
    int n = got->shape.size[1];
    for (int b = 0; b < s.B; b++) {
        const double *from = expected + (size_t)(b * s.T + start) * (size_t)C;
        assert_values_near("rows", got->data + (size_t)(b * n * C), from, (size_t)(n * C), 32 * FLOAT_UNIT);
    }
}

// All of it in pieces of 1, 2, 3, ... positions, beginning with so many; with each set of kernels.
START_TEST(positions_in_pieces_see_what_they_see_at_once)
{
    Sizes s = sizes[_i / 6];
    int first = _i % 3 + 1;
    if (!choose_kernels(_i % 6 < 3 ? "plain" : "fast", __func__)) {
        return;
    }
    tape_no_grad_begin();
    Tensor *qkv = random_leaf(SHAPE(s.B, s.T, 3 * s.n_head * s.D), 3);
    const Tensor *whole = tensor_attention(qkv, s.n_head, true); // (B, T, C)
    size_t n = tensor_count(whole);
    double *expected = malloc(n * sizeof *expected);
    for (size_t i = 0; i < n; i++) {
        expected[i] = (double)whole->data[i];
    }
    KVCache *cache = kv_cache_create(s.B, s.n_head, s.T, s.D);
    int piece = first;
    for (int start = 0; start < s.T; start += piece, piece++) {
        piece = piece < s.T - start ? piece : s.T - start;
        const Tensor *y = tensor_attention_cached(rows(qkv, start, piece), cache);
        ck_assert(shape_equal(y->shape, SHAPE(s.B, piece, s.n_head * s.D)));
        ck_assert_int_eq(cache->length, start + piece);
        assert_rows(y, expected, s, start);
    }
    ck_assert_int_eq(tape_current()->n_nodes, 0);
    tape_no_grad_end();
    kv_cache_free(cache);
    free(expected);
}
END_TEST

// As without a cache: here all of the first 256 keys have a score of minus infinity for the last position.
START_TEST(a_kept_key_of_an_infinite_score_has_no_weight)
{
    enum { HIDDEN = 290, T = HIDDEN + 2 };
    if (!choose_kernels(_i == 0 ? "plain" : "fast", __func__)) {
        return;
    }
    tape_no_grad_begin();
    Tensor *qkv = tensor_zeros(SHAPE(1, T, 3));
    for (int t = 0; t < T; t++) {
        qkv->data[3 * t] = 1e30f;
        qkv->data[3 * t + 1] = t < HIDDEN ? -1e30f : 0;
        qkv->data[3 * t + 2] = t < HIDDEN ? 3 : 5;
    }
    KVCache *cache = kv_cache_create(1, 1, T, 1);
    tensor_attention_cached(rows(qkv, 0, HIDDEN), cache);
    const Tensor *y = tensor_attention_cached(rows(qkv, HIDDEN, 2), cache);
    ck_assert_float_eq(y->data[0], 5);
    ck_assert_float_eq(y->data[1], 5);
    tape_no_grad_end();
    kv_cache_free(cache);
}
END_TEST

// The offset of position t of head h in keys (B, n_head, room, D).
START_TEST(keys_and_values_lie_head_by_head)
{
    enum { B = 2, T = 3, HEADS = 2, D = 4, C = HEADS * D, ROOM = 5 };
    tape_no_grad_begin();
    Tensor *qkv = random_leaf(SHAPE(B, T, 3 * C), 4);
    KVCache *cache = kv_cache_create(B, HEADS, ROOM, D);
    tensor_attention_cached(rows(qkv, 0, 2), cache);
    tensor_attention_cached(rows(qkv, 2, 1), cache);
    for (int b = 0; b < B; b++) {
        for (int h = 0; h < HEADS; h++) {
            for (int t = 0; t < T; t++) {
                const Real *row = qkv->data + (b * T + t) * 3 * C + h * D;
                int place = ((b * HEADS + h) * ROOM + t) * D;
                assert_same_values("key", cache->keys->data + place, row + C, D);
                assert_same_values("value", cache->values->data + place, row + 2 * C, D);
            }
        }
    }
    tape_no_grad_end();
    kv_cache_free(cache);
}
END_TEST

START_TEST(an_emptied_cache_is_as_new)
{
    tape_no_grad_begin();
    Tensor *qkv = random_leaf(SHAPE(1, 4, 12), 5);
    KVCache *cache = kv_cache_create(1, 2, 4, 2);
    tensor_attention_cached(qkv, cache);
    cache->length = 0;
    tensor_attention_cached(rows(qkv, 2, 1), cache);
    const Tensor *second = tensor_attention_cached(rows(qkv, 3, 1), cache);
    const Tensor *alone = tensor_attention(rows(qkv, 2, 2), 2, true);
    for (int c = 0; c < 4; c++) {
        assert_near("y", (double)second->data[c], (double)alone->data[4 + c], 32 * FLOAT_UNIT);
    }
    tape_no_grad_end();
    kv_cache_free(cache);
}
END_TEST

// Scores far apart: exp of the largest less itself is 1, of the others less it 0, and nothing overflows.
START_TEST(large_scores_do_not_overflow)
{
    tape_no_grad_begin();
    const float first[3] = {0, 1e4f, 5}; // query, key, value: one head of size 1
    const float second[3] = {1e4f, -1e4f, 7};
    KVCache *cache = kv_cache_create(1, 1, 2, 1);
    tensor_attention_cached(tensor_from(first, SHAPE(1, 1, 3)), cache);
    const Tensor *y = tensor_attention_cached(tensor_from(second, SHAPE(1, 1, 3)), cache);
    ck_assert(y->data[0] == 5);
    tape_no_grad_end();
    kv_cache_free(cache);
}
END_TEST

START_TEST(rows_that_a_cache_has_can_be_selected)
{
    KVCache *cache = kv_cache_create(2, 1, 3, 1);
    cache->length = 1;
    cache->keys->data[0] = 4; // (B, n_head, room, D): rows of 3
    cache->keys->data[3] = 5;
    cache->values->data[3] = 6;
    KVCache *selected = kv_cache_select(cache, (const int[]){1, 0, 1}, 3);
    ck_assert_int_eq(selected->length, 1);
    ck_assert(selected->keys->data[0] == 5 && selected->keys->data[3] == 4 && selected->keys->data[6] == 5);
    ck_assert(selected->values->data[0] == 6 && selected->values->data[3] == 0 && selected->values->data[6] == 6);
    assert_mistake_begins("kv_cache_select: rows[1] is 2; the cache has rows 0 to 1", kv_cache_select(cache, (const int[]){0, 2}, 2));
    assert_mistake_begins("kv_cache_select: rows[0] is -1; the cache has rows 0 to 1", kv_cache_select(cache, (const int[]){-1}, 1));
    kv_cache_free(selected);
    kv_cache_free(cache);
}
END_TEST

START_TEST(mistakes_are_reported)
{
    KVCache *cache = kv_cache_create(1, 2, 3, 2);
    Tensor *one = tensor_zeros(SHAPE(1, 1, 12));
    Tensor *two = tensor_zeros(SHAPE(1, 2, 12));
    Tensor *wide = tensor_zeros(SHAPE(1, 1, 24));
    Tensor *flat = tensor_zeros(SHAPE(1, 12));
    const char *fit = "tensor_attention_cached: qkv (1, 1, 24) does not fit keys (1, 2, 3, 2): (B, T, 3 C) and (B, n_head, room, C / n_head)";
    const char *flat_fit = "tensor_attention_cached: qkv (1, 12) does not fit keys (1, 2, 3, 2): (B, T, 3 C) and (B, n_head, room, C / n_head)";
    const char *recorded = "tensor_attention_cached: has no backward and cannot be recorded; call tape_no_grad_begin() first";
    assert_mistake(recorded, tensor_attention_cached(one, cache));
    ck_assert_int_eq(cache->length, 0);
    tape_no_grad_begin();
    assert_mistake(fit, tensor_attention_cached(wide, cache));
    assert_mistake(flat_fit, tensor_attention_cached(flat, cache));
    assert_mistake("tensor_attention: input 0 is NULL", tensor_attention_cached(NULL, cache));
    assert_mistake("tensor_attention_cached: the cache is NULL", tensor_attention_cached(one, NULL));
    tensor_attention_cached(two, cache);
    assert_mistake("tensor_attention_cached: 2 positions and 2 more, but the cache has room for 3", tensor_attention_cached(two, cache));
    ck_assert_int_eq(cache->length, 2);
    tape_no_grad_end();
    kv_cache_free(cache);
    kv_cache_free(NULL);
}
END_TEST

START_TEST(a_failure_leaves_the_cache_as_it_was)
{
    KVCache *cache = kv_cache_create(1, 2, 3, 2);
    tape_no_grad_begin();
    Tensor *one = tensor_zeros(SHAPE(1, 1, 12));
    Tensor *bad = tensor_full(SHAPE(1, 1, 12), (double)NAN);
    nan_watch(true);
    for (int length = 0; length < 2; length++) {
        assert_mistake_begins("tensor_attention: 4 of 4 values are NaN", tensor_attention_cached(bad, cache));
        ck_assert_int_eq(cache->length, length);
        tensor_attention_cached(one, cache);
    }
    nan_watch(false);
    tape_no_grad_end();
    kv_cache_free(cache);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cache");
    TCase *tcase = case_with_tape(suite, "cache");
    tcase_add_loop_test(tcase, positions_in_pieces_see_what_they_see_at_once, 0, 6 * SIZES_COUNT);
    tcase_add_loop_test(tcase, a_kept_key_of_an_infinite_score_has_no_weight, 0, 2);
    tcase_add_test(tcase, keys_and_values_lie_head_by_head);
    tcase_add_test(tcase, an_emptied_cache_is_as_new);
    tcase_add_test(tcase, large_scores_do_not_overflow);
    tcase_add_test(tcase, rows_that_a_cache_has_can_be_selected);
    tcase_add_test(tcase, mistakes_are_reported);
    tcase_add_test(tcase, a_failure_leaves_the_cache_as_it_was);
    return suite_run(suite);
}
