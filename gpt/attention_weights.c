// attention_weights.c: who looks at whom: the attention weights of every head over a text.

#include "gpt/gpt.h"
#include "gpt/kv_cache.h"
#include "nn/mode.h"
#include "tensor/unwind.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Attention step by step, whose weights are on the tape, until the innermost frame ends.
typedef struct Stepwise {
    GPT *gpt;
    bool recompute;
    bool *before;                                  // (n_layer)
} Stepwise;

static void restore(void *object)
{
    Stepwise *stepwise = object;
    stepwise->gpt->recompute = stepwise->recompute;
    for (int i = 0; i < stepwise->gpt->config.n_layer; i++) {
        stepwise->gpt->h[i].attn.stepwise = stepwise->before[i];
    }
}

static void attend_stepwise(Stepwise *stepwise, GPT *gpt)
{
    *stepwise = (Stepwise){gpt, gpt->recompute, memory_allocate((size_t)gpt->config.n_layer, "attention step by step")};
    unwind_add(free, stepwise->before);
    for (int i = 0; i < gpt->config.n_layer; i++) {
        stepwise->before[i] = gpt->h[i].attn.stepwise;
    }
    unwind_add(restore, stepwise);
    gpt->recompute = false;
    for (int i = 0; i < gpt->config.n_layer; i++) {
        gpt->h[i].attn.stepwise = true;
    }
}

void gpt_attention_weights(GPT *gpt, const int *ids, int T, Real *weights)
{
    REQUIRE(gpt);
    REQUIRE(ids);
    REQUIRE(weights);
    Stepwise stepwise;
    size_t n = (size_t)gpt->config.n_head * (size_t)T * (size_t)T;
    int frame = unwind_begin();
    Tape *tape = unwind_add_tape();
    module_train_in_frame(&gpt->module, false);
    gpt_cache_detach_in_frame(gpt);
    attend_stepwise(&stepwise, gpt);
    gpt_forward(gpt, ids, 1, T);
    for (int i = 0; i < gpt->config.n_layer; i++) {
        char name[NAME_TEXT];
        snprintf(name, sizeof name, "h.%d.attn.weights", i);
        const Tensor *found = tape_find(tape, name);                    // (1, n_head, T, T)
        memcpy(weights + (size_t)i * n, found->data, n * sizeof *weights);
    }
    unwind_end(frame);
}
