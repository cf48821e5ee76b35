// attention_weights.c: the attention weights of every head over a text.

#include "gpt/gpt.h"
#include "gpt/kv_cache.h"
#include "nn/gradflow/gradflow.h"
#include "nn/mode.h"
#include "tensor/unwind.h"

static void recompute_again(void *gpt)
{
    ((GPT *)gpt)->recompute = true;
}

void gpt_attention_weights(GPT *gpt, const int *ids, int T, double *weights)
{
    REQUIRE(gpt, ids, weights);
    const GPTConfig *config = &gpt->config;
    int frame = unwind_begin();
    Tape *tape = unwind_add_tape();
    module_train_in_frame(&gpt->module, false);
    gpt_cache_detach_in_frame(gpt);
    if (gpt->recompute) {
        unwind_add(recompute_again, gpt);
        gpt->recompute = false;
    }
    gpt_forward(gpt, ids, 1, T);
    for (int i = 0; i < config->n_layer; i++) {
        size_t at = (size_t)i * (size_t)config->n_head * (size_t)T * (size_t)T;
        attention_weights(attention_qkv(tape, &gpt->h[i].attn), config->n_head, config->causal, weights + at);
    }
    unwind_end(frame);
}
