// generate.c: a GPT that has learned nothing goes on writing.
//
// You learn how text becomes ids and ids become text, what generating is (the likeliest next token, appended, again), and
// how to see from the loss that a model knows nothing: ln V.
// Breakpoint: next_token. finish shows which id it chose, print n for which place.

#include "gpt/gpt.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { NEW = 20, SEED = 123 };

int main(void)
{
    const char *prompt = "Hello, I am";
    int n_prompt = (int)strlen(prompt);
    int n_all = n_prompt + NEW;
    int ids[64];                                            // (n_all): the prompt, then what is generated
    int again[64];                                          // the same, by a second model
    for (int i = 0; i < n_prompt; i++) {
        ids[i] = (unsigned char)prompt[i];                  // a token is a byte: V = 256
        again[i] = ids[i];
    }

    GPTConfig config = gpt_preset_find("tiny")->config;
    config.tied = false;                                    // tied, the likeliest byte after m would be m, again and again
    Error error;
    GPT *gpt = gpt_create(&config, SEED, &error);
    GPT *twin = gpt_create(&config, SEED, &error);
    if (gpt == NULL || twin == NULL) {
        fprintf(stderr, "generate: %s\n", error.message);
        gpt_free(gpt);
        gpt_free(twin);
        return 1;
    }
    Tape *tape = tape_create();

    GenerateConfig generate = GENERATE_DEFAULTS;
    generate.n_new = NEW;
    generate.greedy = true;
    gpt_generate(gpt, &generate, NULL, ids, n_prompt, &error);
    gpt_generate(twin, &generate, NULL, again, n_prompt, &error);

    printf("prompt  %s\n", prompt);
    printf("ids    ");
    for (int i = 0; i < n_prompt; i++) {
        printf(" %d", ids[i]);
    }
    printf("\n\nnew ids");
    for (int i = n_prompt; i < n_all; i++) {
        printf(" %d", ids[i]);
    }
    printf("\ntext    %s", prompt);
    for (int i = n_prompt; i < n_all; i++) {
        bool printable = ids[i] >= ' ' && ids[i] <= '~';
        if (printable) {
            printf("%c", ids[i]);
        } else {
            printf("\\x%02x", (unsigned)ids[i]);
        }
    }
    bool same = memcmp(ids, again, (size_t)n_all * sizeof ids[0]) == 0;
    printf("\n\n-> Nonsense: the weights are what seed %d drew, and no text has changed them.\n", SEED);
    printf("-> A second model from seed %d writes %s.\n\n", SEED, same ? "the same nonsense" : "something else");

    int T = n_prompt - 1;                                   // each byte but the last is asked for the one after it
    Tensor *logits = gpt_forward(gpt, ids, 1, T);           // (1, 10, 256)
    Tensor *loss = tensor_cross_entropy(logits, ids + 1);   // ()
    double guess = log(config.vocab_size);
    printf("loss on the prompt  %.3f\n", (double)tensor_item(loss));
    printf("ln V = ln %d       %.3f\n\n", config.vocab_size, guess);
    printf("-> A model that thinks all %d bytes equally likely gives each 1 / %d, and -ln of that is\n", config.vocab_size,
           config.vocab_size);
    printf("   ln V. A first loss far above it is the sign of a mistake.\n");

    tape_free(tape);
    gpt_free(gpt);
    gpt_free(twin);
    return 0;
}
