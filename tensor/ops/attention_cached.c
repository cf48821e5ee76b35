// attention_cached.c: attention of new positions to all before them, whose keys and values were kept.
//
// Under a causal mask no position sees what comes after it, so its key and value stay the same whatever is appended. While text is
// generated they are kept, and a new token needs one row of every product instead of T rows:
//
//   k_t, v_t                                join the cache as number t
//   a_s = q_t . k_s / sqrt(D)               scores of all s <= t, for one head of size D
//   p = softmax(a),  y_t = sum_s p_s v_s
//
// There is no backward: gradients would have to go on into keys and values whose own tape was reset long ago. Training has no use
// for a cache anyway, since it computes all T positions at once.

#include "tensor/op.h"

#include <stdlib.h>
#include <tgmath.h>

static Tensor *cache_create(int B, int n_head, int T, int D)
{
    Tensor *kept = tensor_parameter("cache", NULL, SHAPE(B, n_head, T, D));
    kept->requires_grad = false;
    return kept;
}

KVCache *kv_cache_create(int B, int n_head, int T, int D)
{
    KVCache *cache = memory_allocate_zeroed(1, sizeof *cache, "a cache");
    cache->keys = cache_create(B, n_head, T, D);
    cache->keys->label = "keys";
    cache->values = cache_create(B, n_head, T, D);
    cache->values->label = "values";
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

// ------------------------------------------------------------------------------------------------------------

typedef struct CachedSizes {
    size_t B, T, C, n_head, D;
    size_t past;                                   // positions that were in the cache before
    size_t room;                                   // for that many positions
} CachedSizes;

static CachedSizes cached_sizes(const Tensor *qkv, const KVCache *cache, Where where)
{
    Shape keys = cache->keys->shape;               // (B, n_head, room, D)
    Shape expected = {3, {keys.size[0], qkv->shape.size[1], 3 * keys.size[1] * keys.size[3]}};
    if (!shape_equal(qkv->shape, expected)) {
        char text[SHAPE_TEXT];
        char keys_text[SHAPE_TEXT];
        fail_mistake(where, "tensor_attention_cached: qkv %s does not fit keys %s: (B, T, 3 C) and (B, n_head, room, C / n_head)",
                     shape_text(qkv->shape, text), shape_text(keys, keys_text));
    }
    int T = qkv->shape.size[1];
    if (T > keys.size[2] - cache->length) {
        fail_mistake(where, "tensor_attention_cached: %d positions and %d more, but the cache has room for %d", cache->length, T,
                     keys.size[2]);
    }
    size_t n_head = (size_t)keys.size[1];
    size_t D = (size_t)keys.size[3];
    return (CachedSizes){.B = (size_t)keys.size[0], .T = (size_t)T, .C = n_head * D, .n_head = n_head, .D = D,
                         .past = (size_t)cache->length, .room = (size_t)keys.size[2]};
}

// Copies the keys or values of the new positions, from to them on in each row of 3C, behind those kept.
static void append(const CachedSizes *s, const Real *from, Real *kept)
{
    for (size_t b = 0; b < s->B; b++) {
        for (size_t t = 0; t < s->T; t++) {
            const Real *row = from + (b * s->T + t) * 3 * s->C;        // (n_head, D)
            for (size_t h = 0; h < s->n_head; h++) {
                Real *place = kept + ((b * s->n_head + h) * s->room + s->past + t) * s->D;
                for (size_t d = 0; d < s->D; d++) {
                    place[d] = row[h * s->D + d];
                }
            }
        }
    }
}

static Real dot(const Real *a, const Real *b, size_t n)
{
    Real sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += a[i] * b[i];
    }
    return sum;
}

// weights[s] = q . k_s / sqrt(D), then exp(weights[s] - the largest); returns the sum.
static Real weigh(const Real *q, const Real *keys, size_t n, size_t D, Real *weights)
{
    Real scale = 1 / sqrt((Real)D);
    Real largest = (Real)-INFINITY;
    Real sum = 0;
    for (size_t s = 0; s < n; s++) {
        weights[s] = dot(q, keys + s * D, D) * scale;
        largest = weights[s] > largest ? weights[s] : largest;
    }
    for (size_t s = 0; s < n; s++) {
        weights[s] = exp(weights[s] - largest);
        sum += weights[s];
    }
    return sum;
}

// y (D) of a query q (D) that sees n keys and values (n, D).
static void attend(const Real *q, const Real *keys, const Real *values, size_t n, size_t D, Real *weights, Real *y)
{
    Real sum = weigh(q, keys, n, D, weights);
    for (size_t d = 0; d < D; d++) {
        y[d] = 0;
    }
    for (size_t s = 0; s < n; s++) {
        Real p = weights[s] / sum;
        for (size_t d = 0; d < D; d++) {
            y[d] += p * values[s * D + d];
        }
    }
}

Tensor *tensor_attention_cached(Tensor *qkv, KVCache *cache, Where where)
{
    OpCall call = {OP_ATTENTION, (Tensor *[]){qkv}, 1, where};
    op_check(&call);
    if (cache == NULL) {
        fail_mistake(where, "tensor_attention_cached: the cache is NULL");
    }
    CachedSizes s = cached_sizes(qkv, cache, where);
    if (tape_current()->no_grad_depth == 0) {
        fail_mistake(where, "tensor_attention_cached: has no backward and can't be recorded; call tape_no_grad_begin() before");
    }
    append(&s, qkv->data + s.C, cache->keys->data);
    append(&s, qkv->data + 2 * s.C, cache->values->data);
    cache->length += (int)s.T;
    if (s.past == 0) {
        return tensor_attention(qkv, (int)s.n_head, true, where);      // the new ones are all there is to see
    }
    Tensor *y = op_output(&call, SHAPE((int)s.B, (int)s.T, (int)s.C));
    Real *weights = op_save(y, s.room * sizeof(Real));
    for (size_t b = 0; b < s.B; b++) {
        for (size_t h = 0; h < s.n_head; h++) {
            size_t head = (b * s.n_head + h) * s.room * s.D;
            for (size_t t = 0; t < s.T; t++) {
                const Real *q_t = qkv->data + (b * s.T + t) * 3 * s.C + h * s.D;       // (D)
                Real *y_t = y->data + (b * s.T + t) * s.C + h * s.D;                   // (D)
                attend(q_t, cache->keys->data + head, cache->values->data + head, s.past + t + 1, s.D, weights, y_t);
            }
        }
    }
    return op_done(&call, y);
}
