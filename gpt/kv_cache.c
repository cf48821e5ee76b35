// kv_cache.c: the keys and values of all blocks, kept while text is generated.

#include "gpt/base/base.h"
#include "gpt/kv_cache.h"
#include "tensor/unwind.h"

#include <stdlib.h>

typedef struct DetachedCaches {
    GPT *gpt;
    KVCache *caches[]; // (n_layer)
} DetachedCaches;

static DetachedCaches *detach(GPT *gpt)
{
    size_t n = (size_t)gpt->config.n_layer;
    DetachedCaches *detached = memory_allocate(sizeof *detached + n * sizeof(KVCache *), "the list of caches");
    detached->gpt = gpt;
    for (size_t i = 0; i < n; i++) {
        detached->caches[i] = gpt->h[i].attn.cache;
        gpt->h[i].attn.cache = NULL;
    }
    return detached;
}

static void attach_again(void *object)
{
    DetachedCaches *detached = object;
    gpt_cache_end(detached->gpt);
    for (int i = 0; i < detached->gpt->config.n_layer; i++) {
        detached->gpt->h[i].attn.cache = detached->caches[i];
    }
    free(detached);
}

static void free_detached(DetachedCaches *detached)
{
    for (int i = 0; i < detached->gpt->config.n_layer; i++) {
        kv_cache_free(detached->caches[i]);
    }
    free(detached);
}

void gpt_cache_detach_in_frame(GPT *gpt)
{
    unwind_add(attach_again, detach(gpt));
}

void gpt_cache_shorten(GPT *gpt, int n)
{
    for (int i = 0; i < gpt->config.n_layer; i++) {
        KVCache *cache = gpt->h[i].attn.cache;
        if (cache != NULL && cache->length > n) {
            cache->length = n;
        }
    }
}

bool gpt_cache_begin(GPT *gpt, int B, int room, Error *error)
{
    REQUIRE(gpt);
    const GPTConfig *config = &gpt->config;
    if (!config->causal) {
        fail_mistake(HERE, "gpt_cache_begin: causal is false, so a new token changes the keys and values of those before it");
    }
    if (room > config->context_length) {
        fail_mistake(HERE, "gpt_cache_begin: room for %d tokens, but context_length is %d", room, config->context_length);
    }
    if (!memory_check(gpt_cost(config, B, room).cache_bytes, "the cache of keys and values", error)) {
        return false;
    }
    DetachedCaches *before = detach(gpt);
    int frame = unwind_begin();
    unwind_add_on_failure(attach_again, before);
    for (int i = 0; i < config->n_layer; i++) {
        gpt->h[i].attn.cache = kv_cache_create(B, config->n_head, room, config->n_embd / config->n_head);
    }
    unwind_end(frame);
    free_detached(before);
    return true;
}

void gpt_cache_end(GPT *gpt)
{
    REQUIRE(gpt);
    for (int i = 0; gpt->h != NULL && i < gpt->config.n_layer; i++) {
        kv_cache_free(gpt->h[i].attn.cache);
        gpt->h[i].attn.cache = NULL;
    }
}

int gpt_cache_length(const GPT *gpt)
{
    REQUIRE(gpt, gpt->h);
    const KVCache *cache = gpt->h[0].attn.cache;
    return cache == NULL ? 0 : cache->length;
}

// Works on one block's rows at a time, so a failure frees the whole cache.
static void end_cache(void *gpt)
{
    gpt_cache_end(gpt);
}

void gpt_cache_select(GPT *gpt, const int *rows, int B)
{
    REQUIRE(gpt);
    int frame = unwind_begin();
    unwind_add_on_failure(end_cache, gpt);
    for (int i = 0; i < gpt->config.n_layer && gpt_cache_length(gpt) > 0; i++) {
        KVCache *kept = gpt->h[i].attn.cache;
        gpt->h[i].attn.cache = kv_cache_select(kept, rows, B);
        kv_cache_free(kept);
    }
    unwind_end(frame);
}
