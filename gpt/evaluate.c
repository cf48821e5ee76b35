// evaluate.c: how well a model predicts: the loss on a batch, or along a text; and what it attends to.

#include "gpt/gpt.h"
#include "gpt/kv_cache.h"
#include "nn/gradflow/gradflow.h"
#include "nn/mode.h"
#include "tensor/unwind.h"

#include <string.h>

double gpt_batch_loss(GPT *gpt, const int *ids, const int *targets, int B, int T, Real *last)
{
    REQUIRE(gpt);
    size_t V = (size_t)gpt->config.vocab_size;
    int frame = unwind_begin();
    module_train_in_frame(&gpt->module, false);
    gpt_cache_detach_in_frame(gpt);
    tape_no_grad_begin();
    Tensor *logits = gpt_forward(gpt, ids, B, T); // (B, T, V)
    double loss = (double)tensor_item(tensor_cross_entropy(logits, targets));
    for (int row = 0; last != NULL && row < B; row++) {
        size_t position = (size_t)row * (size_t)T + (size_t)T - 1;
        memcpy(last + (size_t)row * V, logits->data + position * V, V * sizeof *last);
    }
    tape_reset(tape_current());
    unwind_end(frame);
    return loss;
}

// How many windows to evaluate at once, so that a batch has about this many tokens.
enum { TOKENS_AT_ONCE = 1024 };

static int windows_at_once(int T)
{
    return T > 0 && T < TOKENS_AT_ONCE ? TOKENS_AT_ONCE / T : 1;
}

double evaluation_bytes(const GPTConfig *config)
{
    REQUIRE(config);
    GPTCost cost = gpt_cost(config, windows_at_once(config->context_length), config->context_length);
    return cost.weight_bytes + cost.activation_bytes;
}

bool gpt_evaluate(GPT *gpt, TokenReader *read, const void *text, size_t first, size_t n_ids, EvaluationProgress *progress, void *context,
                  Evaluation *evaluation, Error *error)
{
    REQUIRE(gpt, read, evaluation);
    size_t T = (size_t)gpt->config.context_length;
    size_t at_once = (size_t)windows_at_once((int)T);
    if (n_ids < 2) {
        return error_set(error, "the text has %zu token%s (expected at least 2, to predict one)", n_ids, n_ids == 1 ? "" : "s");
    }
    size_t n = n_ids - 1; // token i + 1 is predicted at i
    size_t done = 0;
    double sum = 0;
    *evaluation = (Evaluation){.n = n, .n_windows = (n + T - 1) / T};
    int frame = unwind_begin();
    int *ids = unwind_allocate(at_once * T + 1, sizeof *ids, "some windows of a text");
    while (done < n) {
        size_t whole = (n - done) / T; // windows left, without a shorter one at the end
        size_t B = whole == 0 ? 1 : whole < at_once ? whole : at_once;
        size_t length = whole == 0 ? n - done : T;
        read(text, first + done, B * length + 1, ids); // and one more, which the last is to predict
        sum += gpt_batch_loss(gpt, ids, ids + 1, (int)B, (int)length, NULL) * (double)(B * length);
        done += B * length;
        if (progress != NULL) {
            progress((int)((done + T - 1) / T), (int)evaluation->n_windows, context);
        }
    }
    unwind_end(frame);
    evaluation->loss = sum / (double)n;
    return true;
}

// ------------------------------------------------------------------------------------------------------------
// Attention

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
