// generate.c: text one token at a time.

#include "gpt/gpt.h"

static int largest(const Real *logits, int V)
{
    int best = 0;
    for (int v = 1; v < V; v++) {
        if (logits[v] > logits[best]) {
            best = v;
        }
    }
    return best;
}

// The id that the model thinks most likely after these T.
static int next_token(GPT *gpt, const int *ids, int T)
{
    Tensor *logits = gpt_forward(gpt, ids, 1, T);                       // (1, T, V)
    int V = gpt->config.vocab_size;
    const Real *last = logits->data + (size_t)(T - 1) * (size_t)V;
    return largest(last, V);
}

void gpt_generate(GPT *gpt, int *ids, int n_ids, int n_new, void (*on_token)(int id, void *context), void *context)
{
    int context_length = gpt->config.context_length;
    bool training = gpt->module.training;
    module_train(&gpt->module, false);
    tape_no_grad_begin();
    for (int n = n_ids; n < n_ids + n_new; n++) {
        int T = n < context_length ? n : context_length;
        ids[n] = next_token(gpt, ids + n - T, T);
        tape_reset(tape_current());
        if (on_token != NULL) {
            on_token(ids[n], context);
        }
    }
    tape_no_grad_end();
    module_train(&gpt->module, training);
}
