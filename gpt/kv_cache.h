// kv_cache.h: caches that a call attaches to a model for its duration.

#ifndef GPTAPE_KV_CACHE_H
#define GPTAPE_KV_CACHE_H

#include "gpt/gpt.h"

// Detaches the model's caches, if it has any, until the innermost frame ends (tensor/unwind.h). Those attached by then are freed.
void gpt_cache_detach_in_frame(GPT *gpt);

// Forgets all positions after the first n.
void gpt_cache_shorten(GPT *gpt, int n);

#endif
