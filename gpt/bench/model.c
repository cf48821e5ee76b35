// model.c: timing training and generation of a whole model.

#include "gpt/base/base.h"
#include "gpt/bench/measure.h"
#include "gpt/gpt.h"

#include <stdlib.h>

enum { SEED = 1, CHAR_SYMBOLS = 65 };              // as many as the plays of Shakespeare have

static GPTConfig config_of(const Bench *bench)
{
    const BenchCase *which = bench->which;
    GPTConfig config = gpt_preset_find(which->preset)->config;
    config.residual = bench->config->residual;
    if (config.context_length == 64) {
        config.vocab_size = CHAR_SYMBOLS;
    }
    return config;
}

static GPT *create(const GPTConfig *config, double bytes)
{
    Error error;
    GPT *gpt = memory_check(bytes, "the model", &error) ? gpt_create(config, SEED, &error) : NULL;
    if (gpt == NULL) {
        bench_fail(&error);
    }
    return gpt;
}

static int *random_ids(const GPTConfig *config, int n)
{
    Random random;
    int *ids = memory_allocate((size_t)n * sizeof(int), "ids");
    random_seed(&random, SEED);
    for (int i = 0; i < n; i++) {
        ids[i] = (int)(random_bits(&random) % (uint32_t)config->vocab_size);
    }
    return ids;
}

// ------------------------------------------------------------------------------------------------------------
// A training step

typedef struct Step {
    Tape *tape;
    GPT *gpt;
    const ParameterList *parameters;
    AdamW adamw;
    const int *ids;                                // (B, T)
    const int *targets;                            // (B, T)
    int B, T;
} Step;

static void step_once(void *context)
{
    Step *step = context;
    module_zero_grad(&step->gpt->module);
    Tensor *logits = gpt_forward(step->gpt, step->ids, step->B, step->T);              // (B, T, V)
    tensor_backward(tensor_cross_entropy(logits, step->targets));
    adamw_step_clipped(&step->adamw, grad_norm(step->parameters), 1.0);
    tape_reset(step->tape);
}

void bench_step(Bench *bench)
{
    int B = bench->which->sizes[0];
    int T = bench->which->sizes[1];
    GPTConfig config = config_of(bench);
    GPTCost cost = gpt_cost(&config, B, T);
    double bytes = gpt_training_bytes(&cost, bench->config->recompute);
    GPT *gpt = create(&config, bytes);
    int *ids = random_ids(&config, B * T + 1);
    ParameterList parameters = module_parameters(&gpt->module);
    Step step = {
        .tape = tape_create(),
        .gpt = gpt,
        .parameters = &parameters,
        .adamw = adamw_create(&parameters, ADAMW_DEFAULTS),
        .ids = ids,
        .targets = ids + 1,
        .B = B,
        .T = T,
    };
    gpt->recompute = bench->config->recompute;
    module_train(&gpt->module, true);
    bench_time_case(bench, step_once, &step);
    bench->figures.tokens = (double)B * T;
    bench->figures.flops = 6.0 * (double)cost.parameters * bench->figures.tokens;
    bench->figures.predicted_bytes = bytes;
}

// ------------------------------------------------------------------------------------------------------------
// Generation: the time from one token to the next, the prompt's and the first left out

typedef struct Arrivals {
    double *ms;                                    // since the token before
    int n;
    double last;
} Arrivals;

static bool on_token(int sample, int id, void *context)
{
    (void)sample;
    (void)id;
    Arrivals *arrivals = context;
    double now = clock_seconds();
    arrivals->ms[arrivals->n] = 1e3 * (now - arrivals->last);
    arrivals->n++;
    arrivals->last = now;
    return true;
}

// What must be read for a token: each weight once, but of the position embedding a row, and of an untied token embedding, too.
static double bytes_a_token(const GPTConfig *config, const GPTCost *cost)
{
    double looked_up = (double)cost->wpe + (config->tied ? 0.0 : (double)cost->wte);
    return sizeof(Real) * ((double)cost->parameters - looked_up);
}

void bench_generate(Bench *bench)
{
    enum { FIRST = 1 };
    int n_prompt = bench->which->sizes[0];
    int n_new = bench->which->sizes[1];
    GPTConfig config = config_of(bench);
    GPTCost cost = gpt_cost(&config, 1, 1);
    GPT *gpt = create(&config, cost.weight_bytes);
    int *ids = random_ids(&config, n_prompt + n_new);
    Arrivals arrivals = {.ms = memory_allocate((size_t)n_new * sizeof(double), "times"), .last = clock_seconds()};
    GenerateConfig generate = GENERATE_DEFAULTS;
    generate.n_new = n_new;
    generate.greedy = true;
    generate.on_token = on_token;
    generate.context = &arrivals;
    Error error;
    tape_create();
    if (gpt_generate(gpt, &generate, NULL, ids, n_prompt, &error) < 0) {
        bench_fail(&error);
    }
    bench->figures.ms = quartiles_of(arrivals.ms + FIRST, arrivals.n - FIRST);
    bench->figures.tokens = 1;
    bench->figures.bytes = bytes_a_token(&config, &cost);
    bench->figures.flops = 2.0 * (double)cost.parameters;
}
