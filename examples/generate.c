// generate.c: an untrained GPT continues a text.
//
// You learn how text becomes token ids and ids become text, what generation is (choose the next token, append it, repeat), what it
// costs with and without a KV cache, which tokens temperature, top-k and top-p leave to sample from, and that the loss of a model that
// knows nothing is ln V.
// Breakpoint: sampler_choose. finish shows which id it chose. Then tensor_attention_cached, where a new token attends to the cache.

#include "gpt/gptape.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NEW = 20, SEED = 123, V = 256 }; // a token is a byte

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

static void stop_unless(bool done, const Error *error)
{
    if (!done) {
        fprintf(stderr, "generate: %s\n", error->message);
        exit(1);
    }
}

// Appends NEW tokens, each time the most likely one.
static void continue_text(GPT *gpt, int *ids, int n_prompt)
{
    GenerateConfig config = GENERATE_DEFAULTS;
    config.n_new = NEW;
    config.greedy = true;
    Error error;
    stop_unless(gpt_generate(gpt, &config, NULL, ids, n_prompt, &error) >= 0, &error);
}

static int most_likely(const Real *logits)
{
    int best = 0;
    for (int v = 1; v < V; v++) {
        best = logits[v] > logits[best] ? v : best;
    }
    return best;
}

// Computes the logits of token n + 1 twice: from all tokens, and from the last one and the cache.
static void compare_with_cache(GPT *gpt, const int *ids, int n)
{
    Error error;
    tape_no_grad_begin();
    Tensor *all = gpt_forward(gpt, ids, 1, n + 1); // (1, n + 1, V): all rows, though only the last is needed
    const Real *without = all->data + n * V;

    stop_unless(gpt_cache_begin(gpt, 1, n + 1, &error), &error); // space for n + 1 keys and values per block
    gpt_forward(gpt, ids, 1, n);                                 // stores the keys and values of the first n tokens
    Tensor *one = gpt_forward(gpt, ids + n, 1, 1);               // (1, 1, V): one row, which reads them
    const Real *with = one->data;
    gpt_cache_end(gpt);
    tape_no_grad_end();

    double difference = 0;
    for (int v = 0; v < V; v++) {
        difference = fmax(difference, fabs((double)with[v] - (double)without[v]));
    }
    printf("after %d tokens     rows computed   most likely   its logit\n", n + 1);
    int id_without = most_likely(without);
    int id_with = most_likely(with);
    printf("  without a cache   %13d   %11d   %9.5f\n", all->shape.size[1], id_without, (double)without[id_without]);
    printf("  with a cache      %13d   %11d   %9.5f\n", one->shape.size[1], id_with, (double)with[id_with]);
    const char *verdict = difference < 1e-5 ? "less than 1e-5: the same numbers, summed in another order" : "more than rounding explains";
    printf("-> The two rows of logits differ by %s.\n\n", verdict);
}

// How many tokens can be sampled, and the probability of the most likely one.
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
    printf("  %-18s%6d   %6.2f%%\n", title, n, 100 * sampler->p[most_likely(logits)]);
}

static void compare_choices(GPT *gpt, const int *ids, int n)
{
    Tensor *logits = gpt_forward_last(gpt, ids, 1, n); // (1, 1, V)
    Sampler sampler = sampler_create(V);
    printf("sampling            from   most likely token\n");
    print_choice(&sampler, logits->data, "temperature 1", 1, 0, 1);
    print_choice(&sampler, logits->data, "temperature 0.25", 0.25, 0, 1);
    print_choice(&sampler, logits->data, "top_k 5", 1, 5, 1);
    print_choice(&sampler, logits->data, "top_p 0.5", 1, 0, 0.5);
    printf("-> A model that knows nothing leaves many tokens to top_p; a trained one leaves few.\n\n");
    sampler_free(&sampler);
}

static void print_loss(GPT *gpt, const int *ids, int n_prompt)
{
    int T = n_prompt - 1;                                 // every byte but the last predicts the next one
    Tensor *logits = gpt_forward(gpt, ids, 1, T);         // (1, 10, 256)
    Tensor *loss = tensor_cross_entropy(logits, ids + 1); // ()
    printf("loss on the prompt  %.3f\n", (double)tensor_item(loss));
    printf("ln V = ln %d       %.3f\n\n", V, log(V));
    printf("-> A model for which all %d bytes are equally likely gives each the probability 1 / %d, and\n", V, V);
    printf("   -ln of that is ln V. An initial loss far above it means that something is wrong.\n");
}

int main(void)
{
    const char *prompt = "Hello, I am";
    int n_prompt = (int)strlen(prompt);
    int n_all = n_prompt + NEW;
    int ids[64];   // (n_all): the prompt, then what is generated
    int again[64]; // the same from a second model
    for (int i = 0; i < n_prompt; i++) {
        ids[i] = (unsigned char)prompt[i];
        again[i] = ids[i];
    }

    GPTConfig config = gpt_preset_find("tiny")->config;
    config.tied = false; // if tied, the most likely byte after m would be m again
    Error error;
    GPT *gpt = gpt_create(&config, SEED, &error);
    stop_unless(gpt != NULL, &error);
    GPT *twin = gpt_create(&config, SEED, &error);
    stop_unless(twin != NULL, &error);
    Tape *tape = tape_create();

    continue_text(gpt, ids, n_prompt);
    continue_text(twin, again, n_prompt);
    printf("prompt  %s\n", prompt);
    print_ids("ids    ", ids, n_prompt);
    print_ids("\nnew ids", ids + n_prompt, NEW);
    print_text(ids, n_all);
    bool same = memcmp(ids, again, (size_t)n_all * sizeof ids[0]) == 0;
    printf("-> Nonsense: the weights are random numbers from seed %d, and no text has changed them.\n", SEED);
    printf("-> A second model from seed %d generates %s.\n\n", SEED, same ? "the same nonsense" : "something else");

    compare_with_cache(gpt, ids, n_prompt);
    compare_choices(gpt, ids, n_prompt);
    print_loss(gpt, ids, n_prompt);

    tape_free(tape);
    gpt_free(gpt);
    gpt_free(twin);
    return 0;
}
