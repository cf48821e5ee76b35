// attention_cached.c: attention of new positions to themselves and to earlier positions, whose keys and values are in a cache.
//
// Under a causal mask no position sees what follows it, so its key and value stay the same whatever is appended. Generating text
// keeps them, and a new token needs one row of every product instead of T rows: k_t and v_t are appended to the cache, and q_t attends to
// all keys and values in it (the loops are in attention.c).
//
// There is no backward: gradients would have to reach keys and values whose own tape was reset long ago. Training has no use for a
// cache anyway, since it computes all T positions at once.

#include "tensor/op.h"
#include "tensor/unwind.h"

#include <stdlib.h>
#include <string.h>
#include <tgmath.h>

static Tensor *cache_create(const char *label, int B, int n_head, int room, int D)
{
    Tensor *cached = tensor_parameter("cache", label, SHAPE(B, n_head, room, D));
    cached->requires_grad = false;
    return cached;
}

static void free_cache(void *cache)
{
    kv_cache_free(cache);
}

KVCache *kv_cache_create(int B, int n_head, int room, int D)
{
    KVCache *cache = memory_allocate_zeroed(1, sizeof *cache, "a cache");
    int frame = unwind_begin();
    unwind_add_on_failure(free_cache, cache);
    cache->keys = cache_create("keys", B, n_head, room, D);
    cache->values = cache_create("values", B, n_head, room, D);
    unwind_end(frame);
    return cache;
}

void kv_cache_free(KVCache *cache)
{
    if (cache == NULL) {
        return;
    }
    tensor_free(cache->keys);
    tensor_free(cache->values);
    free(cache);
}

static void select_rows(const Tensor *from, const int *rows, Tensor *to)
{
    size_t B = (size_t)to->shape.size[0];
    size_t row = tensor_count(to) / B;
    for (size_t b = 0; b < B; b++) {
        memcpy(to->data + b * row, from->data + (size_t)rows[b] * row, row * sizeof(Real));
    }
}

KVCache *kv_cache_select(const KVCache *cache, const int *rows, int B)
{
    REQUIRE(cache, cache->keys, rows);
    Shape keys = cache->keys->shape; // (B, n_head, room, D)
    for (int b = 0; b < B; b++) {
        if (rows[b] < 0 || rows[b] >= keys.size[0]) {
            fail_mistake(HERE, "kv_cache_select: rows[%d] is %d; the cache has rows 0 to %d", b, rows[b], keys.size[0] - 1);
        }
    }
    KVCache *selected = kv_cache_create(B, keys.size[1], keys.size[2], keys.size[3]);
    select_rows(cache->keys, rows, selected->keys);
    select_rows(cache->values, rows, selected->values);
    selected->length = cache->length;
    return selected;
}

// ------------------------------------------------------------------------------------------------------------

static CachedSizes cached_sizes(const Tensor *qkv, const KVCache *cache, Where where)
{
    Shape keys = cache->keys->shape; // (B, n_head, room, D)
    Shape expected = {3, {keys.size[0], qkv->shape.size[1], 3 * keys.size[1] * keys.size[3]}};
    if (!shape_equal(qkv->shape, expected)) {
        fail_mistake(where, "tensor_attention_cached: qkv %s does not fit keys %s: (B, T, 3 C) and (B, n_head, room, C / n_head)",
                     SHAPE_STRING(qkv->shape), SHAPE_STRING(keys));
    }
    int T = qkv->shape.size[1];
    if (cache->length < 0 || T > keys.size[2] - cache->length) {
        fail_mistake(where, "tensor_attention_cached: %d positions and %d more, but the cache has room for %d", cache->length, T, keys.size[2]);
    }
    size_t n_head = (size_t)keys.size[1];
    size_t D = (size_t)keys.size[3];
    AttentionSizes now =
        {.B = (size_t)keys.size[0], .T = (size_t)T, .C = n_head * D, .n_head = n_head, .D = D, .causal = true, .scale = 1 / sqrt((Real)D)};
    return (CachedSizes){.now = now, .past = (size_t)cache->length, .room = (size_t)keys.size[2]};
}

// Copies the keys or values of the new positions behind those in the cache. from points to them in the first row of qkv.
static void copy_behind(const CachedSizes *s, const Real *from, Real *cached)
{
    const AttentionSizes *now = &s->now;
    for (size_t b = 0; b < now->B; b++) {
        for (size_t t = 0; t < now->T; t++) {
            const Real *row = from + (b * now->T + t) * 3 * now->C; // (n_head, D)
            for (size_t h = 0; h < now->n_head; h++) {
                Real *place = cached + ((b * now->n_head + h) * s->room + s->past + t) * now->D;
                memcpy(place, row + h * now->D, now->D * sizeof(Real));
            }
        }
    }
}

Tensor *tensor_attention_cached(Tensor *qkv, KVCache *cache, Where where)
{
    OP_BEGIN(call, op_attention, where, qkv);
    if (cache == NULL) {
        fail_mistake(where, "tensor_attention_cached: the cache is NULL");
    }
    CachedSizes s = cached_sizes(qkv, cache, where);
    if (tape_current()->no_grad_depth == 0) {
        fail_mistake(where, "tensor_attention_cached: has no backward and cannot be recorded; call tape_no_grad_begin() first");
    }
    copy_behind(&s, qkv->data + s.now.C, cache->keys->data);
    copy_behind(&s, qkv->data + 2 * s.now.C, cache->values->data);
    Tensor *y;
    if (s.past == 0) { // an empty cache
        y = tensor_attention(qkv, (int)s.now.n_head, true, where);
    } else {
        y = op_output(&call, SHAPE((int)s.now.B, (int)s.now.T, (int)s.now.C));
        Real *weights = op_save(y, (s.past + s.now.T) * sizeof(Real));
        kernels()->attention_cached(&s, qkv->data, cache->keys->data, cache->values->data, weights, y->data);
        op_done(&call, y);
    }
    cache->length += (int)s.now.T; // after a failure the cache is as it was
    return y;
}
