// generate.c: a GPT that has learned nothing goes on writing.
//
// You learn how text becomes ids and ids become text, what generating is (the next token chosen, appended, again), what it costs with
// and without the keys and values of the tokens before, what temperature, top-k and top-p leave to draw from, and how to see from the
// loss that a model knows nothing: ln V.
// Breakpoint: sampler_choose. finish shows which id it chose. Then tensor_attention_cached, where a new token meets those before it.

#include "gpt/gptape.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NEW = 20, SEED = 123, V = 256 };                     // a token is a byte

static void print_ids(const char *title, const int *ids, int n)
{
    printf("%s", title);
    for (int i = 0; i < n; i++) {
        printf(" %d", ids[i]);
    }
    printf("\n");
}

static void print_text(const int *ids, int n)
{
    printf("text    ");
    for (int i = 0; i < n; i++) {
        bool printable = ids[i] >= ' ' && ids[i] <= '~';
        if (printable) {
            printf("%c", ids[i]);
        } else {
            printf("\\x%02x", (unsigned)ids[i]);
        }
    }
    printf("\n\n");
}

// The likeliest token each time: nothing is drawn.
static void write_on(GPT *gpt, int *ids, int n_prompt)
{
    GenerateConfig config = GENERATE_DEFAULTS;
    config.n_new = NEW;
    config.greedy = true;
    Error error;
    if (gpt_generate(gpt, &config, NULL, ids, n_prompt, &error) < 0) {
        fprintf(stderr, "generate: %s\n", error.message);
        exit(1);
    }
}

static int likeliest(const Real *logits)
{
    int best = 0;
    for (int v = 1; v < V; v++) {
        best = logits[v] > logits[best] ? v : best;
    }
    return best;
}

// One token more after the first n, computed twice.
static void step_with_and_without_cache(GPT *gpt, const int *ids, int n)
{
    Error error;
    tape_no_grad_begin();
    Tensor *all = gpt_forward(gpt, ids, 1, n + 1);          // (1, n + 1, V): every row again, for the last one
    const Real *without = all->data + n * V;

    if (!gpt_cache_begin(gpt, 1, n + 1, &error)) {          // room for n + 1 keys and values in each block
        fprintf(stderr, "generate: %s\n", error.message);
        exit(1);
    }
    gpt_forward(gpt, ids, 1, n);                            // the first n leave their keys and values
    Tensor *one = gpt_forward(gpt, ids + n, 1, 1);          // (1, 1, V): one row, which finds them there
    const Real *with = one->data;
    gpt_cache_end(gpt);
    tape_no_grad_end();

    double difference = 0;
    for (int v = 0; v < V; v++) {
        difference = fmax(difference, fabs((double)with[v] - (double)without[v]));
    }
    printf("after %d tokens     rows computed   likeliest   its logit\n", n + 1);
    printf("  without a cache   %13d   %9d   %9.5f\n", all->shape.size[1], likeliest(without), (double)without[likeliest(without)]);
    printf("  with a cache      %13d   %9d   %9.5f\n", one->shape.size[1], likeliest(with), (double)with[likeliest(with)]);
    const char *verdict = difference < 1e-5 ? "less than 1e-5: the same numbers, added up in another order" : "more than rounding explains";
    printf("-> The two rows of logits differ by %s.\n\n", verdict);
}

// How many tokens can be drawn, and how often the likeliest of them would be.
static void print_choice(Sampler *sampler, const Real *logits, const char *title, double temperature, int top_k, double top_p)
{
    GenerateConfig config = GENERATE_DEFAULTS;
    config.temperature = temperature;
    config.top_k = top_k;
    config.top_p = top_p;
    sampler_weigh(sampler, logits, &config);
    int n = 0;
    for (int v = 0; v < V; v++) {
        n += sampler->p[v] > 0;
    }
    printf("  %-18s%6d   %6.2f%%\n", title, n, 100 * sampler->p[likeliest(logits)]);
}

static void compare_choices(GPT *gpt, const int *ids, int n)
{
    Tensor *logits = gpt_forward_last(gpt, ids, 1, n);      // (1, 1, V)
    Sampler sampler = sampler_create(V);
    printf("instead of the likeliest, one drawn\n");
    printf("                    from   the likeliest has\n");
    print_choice(&sampler, logits->data, "temperature 1", 1, 0, 1);
    print_choice(&sampler, logits->data, "temperature 0.25", 0.25, 0, 1);
    print_choice(&sampler, logits->data, "top_k 5", 1, 5, 1);
    print_choice(&sampler, logits->data, "top_p 0.5", 1, 0, 0.5);
    printf("-> A model that knows nothing finds much possible. One that has learned leaves few to top_p.\n\n");
    sampler_free(&sampler);
}

static void print_loss(GPT *gpt, const int *ids, int n_prompt)
{
    int T = n_prompt - 1;                                   // each byte but the last is asked for the one after it
    Tensor *logits = gpt_forward(gpt, ids, 1, T);           // (1, 10, 256)
    Tensor *loss = tensor_cross_entropy(logits, ids + 1);   // ()
    printf("loss on the prompt  %.3f\n", (double)tensor_item(loss));
    printf("ln V = ln %d       %.3f\n\n", V, log(V));
    printf("-> A model that thinks all %d bytes equally likely gives each 1 / %d, and -ln of that is\n", V, V);
    printf("   ln V. A first loss far above it is the sign of a mistake.\n");
}

int main(void)
{
    const char *prompt = "Hello, I am";
    int n_prompt = (int)strlen(prompt);
    int n_all = n_prompt + NEW;
    int ids[64];                                            // (n_all): the prompt, then what is generated
    int again[64];                                          // the same, by a second model
    for (int i = 0; i < n_prompt; i++) {
        ids[i] = (unsigned char)prompt[i];
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

    write_on(gpt, ids, n_prompt);
    write_on(twin, again, n_prompt);
    printf("prompt  %s\n", prompt);
    print_ids("ids    ", ids, n_prompt);
    print_ids("\nnew ids", ids + n_prompt, NEW);
    print_text(ids, n_all);
    bool same = memcmp(ids, again, (size_t)n_all * sizeof ids[0]) == 0;
    printf("-> Nonsense: the weights are what seed %d drew, and no text has changed them.\n", SEED);
    printf("-> A second model from seed %d writes %s.\n\n", SEED, same ? "the same nonsense" : "something else");

    step_with_and_without_cache(gpt, ids, n_prompt);
    compare_choices(gpt, ids, n_prompt);
    print_loss(gpt, ids, n_prompt);

    tape_free(tape);
    gpt_free(gpt);
    gpt_free(twin);
    return 0;
}
