// training.c: a tiny GPT learns one sentence, in one loop with nothing hidden.
//
// You learn that a training step is six calls and a reset, that the loss falls from ln V (nothing known) to nearly 0 (the sentence
// memorized), and that the model then generates the sentence.
// Breakpoint: adamw_step. print adamw->parameters->parameters[0]->data[71*32]@3 shows weights of the letter G, finish moves them.

#include "gpt/gptape.h"

#include <stdio.h>
#include <string.h>

enum { STEPS = 60, SEED = 123 };

// Prints the byte first and the n_new most likely bytes after it.
static void print_generated(GPT *gpt, int first, int n_new)
{
    int ids[64] = {first};
    Error error;
    GenerateConfig generate = GENERATE_DEFAULTS;
    generate.n_new = n_new;
    generate.greedy = true;
    int n = gpt_generate(gpt, &generate, NULL, ids, 1, &error);
    for (int i = 0; i < 1 + n; i++) {
        bool printable = ids[i] >= ' ' && ids[i] <= '~';
        printf("%c", printable ? ids[i] : '?');
    }
    printf("\n");
}

int main(void)
{
    const char *sentence = "Gradients flow from end to start";
    int T = (int)strlen(sentence) - 1; // every byte but the last has a next byte to predict
    int ids[64];                       // (1, T), a token is a byte
    int targets[64];                   // (1, T)
    for (int t = 0; t < T; t++) {
        ids[t] = (unsigned char)sentence[t];
        targets[t] = (unsigned char)sentence[t + 1];
    }

    Error error;
    GPT *gpt = gpt_create(&gpt_preset_find("tiny")->config, SEED, &error);
    if (gpt == NULL) {
        fprintf(stderr, "training: %s\n", error.message);
        return 1;
    }
    Tape *tape = tape_create();
    ParameterList parameters = module_parameters(&gpt->module);
    AdamWConfig config = ADAMW_DEFAULTS;
    config.lr = 5e-3;
    AdamW adamw = adamw_create(&parameters, config);

    printf("before  ");
    print_generated(gpt, ids[0], T);
    printf("\nstep   loss   |gradient|\n");
    for (int step = 1; step <= STEPS; step++) {
        module_zero_grad(&gpt->module);
        Tensor *logits = gpt_forward(gpt, ids, 1, T);         // (1, 31, 256)
        Tensor *loss = tensor_cross_entropy(logits, targets); // ()
        tensor_backward(loss);                                // every parameter has its gradient now
        double norm = clip_grad_norm(&parameters, 1.0);       // L2 norm of all gradients, scaled down to at most 1
        adamw_step(&adamw);                                   // changes every parameter
        if (step == 1 || step % 10 == 0) {
            printf("%4d  %5.2f  %11.1f\n", step, (double)tensor_item(loss), norm);
        }
        tape_reset(tape); // logits and loss are gone; the weights stay
    }
    printf("\nafter   ");
    print_generated(gpt, ids[0], T);

    printf("\n-> %zu weights have memorized %d bytes. They know no other sentence.\n", parameters.values, T);
    printf("-> The first loss is about ln 256 = 5.55: every byte was equally likely.\n");
    printf("-> gptape train does the same with a text instead of a sentence.\n");

    adamw_free(&adamw);
    parameter_list_free(&parameters);
    tape_free(tape);
    gpt_free(gpt);
    return 0;
}
