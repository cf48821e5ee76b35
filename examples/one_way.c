// one_way.c: shortcuts that carry values only, or gradients only.
//
// stop(h) has the value of h and lets no gradient through. So stop(h) + f(norm(h)) computes what h + f(norm(h)) does, and
// h - stop(h) + f(norm(h)) what f(norm(h)) does, to the last bit. You learn how much a shortcut matters in backward alone.
// Breakpoint: tensor_detach. After finish, print $.requires_grad shows why no gradient passes there.

#include "gpt/gptape.h"

#include <stdio.h>

enum { BLOCKS = 8, B = 4, T = 16, RULES = 4 };

static const char *const rules[RULES] = {"pre", "forward-only", "none", "backward-only"};

int main(void)
{
    int ids[B * T];
    int targets[B * T];
    Error error;
    Tape *tape = tape_create();
    passage_batch(B, T, ids, targets, &error);
    Real losses[RULES];
    printf("%-14s %-28s %10s %12s %12s\n", "rule", "", "loss", "first block", "last block");
    for (int r = 0; r < RULES; r++) {
        GPTConfig config = gpt_preset_find("flow")->config;
        config.n_layer = BLOCKS;
        config.residual = rules[r];
        GPT *gpt = gpt_create(&config, 123, &error); // one seed: all have the same weights
        if (gpt == NULL) {
            fprintf(stderr, "one_way: %s\n", error.message);
            tape_free(tape);
            return 1;
        }
        Tensor *logits = gpt_forward(gpt, ids, B, T); // (4, 16, 256)
        Tensor *loss = tensor_cross_entropy(logits, targets);
        GradFlowWatch *watch = gradflow_watch(tape);
        tensor_backward(loss);
        Measurement measurement = {.flow = gradflow_read(watch, &gpt->module)};
        double first = measurement_metric(&measurement, 0, METRIC_WEIGHT); // mean |dL/dW| of the block
        double last = measurement_metric(&measurement, BLOCKS - 1, METRIC_WEIGHT);
        losses[r] = tensor_item(loss);
        printf("%-14s %-28s %10.5f %12.2g %12.2g\n", rules[r], residual_text(gpt_rule(&gpt->config)), (double)losses[r], first, last);
        gradflow_free(&measurement.flow);
        tape_reset(tape);
        gpt_free(gpt);
    }
    tape_free(tape);
    bool equal = losses[0] == losses[1] && losses[2] == losses[3];
    printf("\n-> The losses are %s in pairs: forward-only computes what pre does,\n", equal ? "equal to the last bit" : "not equal");
    printf("   and backward-only what none does. Only the gradients (mean |dL/dW|) differ. If the gradient\n");
    printf("   cannot use the shortcut, almost none reaches the first block. If only the gradient can, far\n");
    printf("   too much does, because the values did not take the shortcut.\n");
    return 0;
}
