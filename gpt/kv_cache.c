// kv_cache.c: the keys and values of all blocks, kept while text is generated.

#include "gpt/base/base.h"
#include "gpt/gpt.h"

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
    gpt_cache_end(gpt);
    for (int i = 0; i < config->n_layer; i++) {
        gpt->h[i].attn.cache = kv_cache_create(B, config->n_head, room, config->n_embd / config->n_head);
    }
    return true;
}

void gpt_cache_end(GPT *gpt)
{
    REQUIRE(gpt);
    for (int i = 0; i < gpt->config.n_layer; i++) {
        kv_cache_free(gpt->h[i].attn.cache);
        gpt->h[i].attn.cache = NULL;
    }
}

int gpt_cache_length(const GPT *gpt)
{
    REQUIRE(gpt);
    const KVCache *cache = gpt->h[0].attn.cache;
    return cache == NULL ? 0 : cache->length;
}

void gpt_cache_select(GPT *gpt, const int *rows, int B)
{
    REQUIRE(gpt);
    for (int i = 0; i < gpt->config.n_layer && gpt_cache_length(gpt) > 0; i++) {
        KVCache *kept = gpt->h[i].attn.cache;
        gpt->h[i].attn.cache = kv_cache_select(kept, rows, B);
        kv_cache_free(kept);
    }
}
