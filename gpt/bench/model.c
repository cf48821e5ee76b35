// model.c: times a whole model: training on one rank and on several, measuring, and generation.

#include "gpt/base/base.h"
#include "gpt/bench/measure.h"
#include "gpt/gpt.h"
#include "gpt/lab/lab.h"
#include "gpt/train/reduce.h"

#include <stdlib.h>

enum { SEED = 1, CHAR_SYMBOLS = 65 }; // as many as the plays of Shakespeare have

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
        fail_file("%s", error.message);
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

typedef struct BenchStep {
    Tape *tape;
    GPT *gpt;
    ParameterList parameters;
    double parameter_count;
    AdamW adamw; // holds pointers to parameters, so a step can't be copied
    Reduction reduce;
    Reducer *reducer; // NULL: REDUCE_PLAIN
    int *ids;         // (B, T) and one more: each target is the next id
    int B, T;
    double bytes; // predicted, without the reducer
} BenchStep;

// A training step of a case's model on B of its rows; with a reduction over ranks, all ranks make it together. It uses the current tape. False and
// an error, with nothing to free, if memory is too small.
static bool step_create(BenchStep *step, const Bench *bench, int B, Reduction reduce, Error *error)
{
    int T = bench->which->sizes[1];
    GPTConfig config = config_of(bench);
    GPTCost cost = gpt_cost(&config, B, T);
    *step = (BenchStep){.B = B, .T = T, .reduce = reduce, .tape = tape_current(), .bytes = gpt_training_bytes(&cost, bench->config->recompute)};
    step->parameter_count = (double)cost.parameters;
    step->gpt = memory_check(step->bytes, "the model", error) ? gpt_create(&config, SEED, error) : NULL;
    if (step->gpt == NULL) {
        return false;
    }
    step->ids = random_ids(&config, B * T + 1);
    step->parameters = module_parameters(&step->gpt->module);
    step->adamw = adamw_create(&step->parameters, ADAMW_DEFAULTS);
    step->gpt->recompute = bench->config->recompute;
    step->reducer = reduce == REDUCE_PLAIN ? NULL : reducer_create(&step->parameters, reduce, ranks_count());
    module_train(&step->gpt->module, true);
    return true;
}

static void step_free(BenchStep *step)
{
    adamw_free(&step->adamw);
    reducer_free(step->reducer);
    parameter_list_free(&step->parameters);
    gpt_free(step->gpt);
    free(step->ids);
}

// Returns its milliseconds.
static double time_step(void *context)
{
    BenchStep *step = context;
    double start = clock_seconds();
    bool overlaps = step->reduce == REDUCE_FAST && !step->gpt->recompute;
    module_zero_grad(&step->gpt->module);
    Tensor *logits = gpt_forward(step->gpt, step->ids, step->B, step->T); // (B, T, V)
    Tensor *loss = tensor_cross_entropy(logits, step->ids + 1);
    if (overlaps) {
        reducer_watch(step->reducer, step->tape);
    }
    tensor_backward(loss);
    if (overlaps) {
        reducer_unwatch(step->reducer);
    }
    if (step->reduce == REDUCE_EXACT) {
        reducer_add(step->reducer, true, true);
    } else if (step->reduce == REDUCE_FAST) {
        reducer_finish(step->reducer);
    }
    adamw_step_clipped(&step->adamw, grad_norm(&step->parameters), 1.0);
    tape_reset(step->tape);
    return 1e3 * (clock_seconds() - start);
}

static void step_once(void *step)
{
    time_step(step);
}

void bench_step(Bench *bench)
{
    BenchStep step;
    Error error;
    tape_create();
    if (!step_create(&step, bench, bench->which->sizes[0], REDUCE_PLAIN, &error)) {
        fail_file("%s", error.message);
    }
    bench_time_case(bench, step_once, &step);
    bench->figures.tokens = (double)step.B * step.T;
    bench->figures.flops = 6.0 * step.parameter_count * bench->figures.tokens;
    bench->figures.predicted_bytes = step.bytes;
}

// ------------------------------------------------------------------------------------------------------------
// The same on several ranks and on one. Ranks start and stop each repetition together, so rank 0 decides how many there are.

static bool time_together(const Bench *bench, BenchScaling *scaling, Error *error)
{
    BenchStep step;
    int B = bench->which->sizes[0] / ranks_count();
    bool made = step_create(&step, bench, B, bench->config->reduce, error);
    if (!ranks_agree(made, error)) {
        return false;
    }
    double start = clock_seconds();
    double before = reducer_seconds(step.reducer);
    scaling->ranks = bench_collect(bench->config->seconds, true, time_step, &step);
    scaling->communication = (reducer_seconds(step.reducer) - before) / (clock_seconds() - start);
    scaling->tokens = (double)B * step.T * ranks_count();
    scaling->predicted_bytes = step.bytes + reducer_bytes(step.reducer);
    scaling->peak_bytes = bench_peak_bytes();
    step_free(&step);
    return true;
}

static bool time_alone(const Bench *bench, int threads, Quartiles *ms, Error *error)
{
    BenchStep step;
    int usual = kernels_threads();
    bool made = ranks_rank() > 0 || step_create(&step, bench, bench->which->sizes[0], REDUCE_PLAIN, error);
    if (!ranks_agree(made, error)) {
        return false;
    }
    if (ranks_rank() == 0) {
        kernels_set_threads(threads);
        *ms = bench_collect(bench->config->seconds, false, time_step, &step);
        kernels_set_threads(usual);
        step_free(&step);
    }
    ranks_barrier();
    return true;
}

bool bench_scaling(const BenchCase *which, const BenchConfig *config, BenchScaling *scaling, Error *error)
{
    REQUIRE(which, scaling);
    Bench bench = {.which = which, .config = config};
    if (which->sizes[0] % ranks_count() != 0) {
        return error_set(error, "%s: %d ranks can't share %d rows (expected a number that divides them)", which->name, ranks_count(),
                         which->sizes[0]);
    }
    Tape *tape = tape_create();
    *scaling = (BenchScaling){.threads = kernels_threads(), .all_threads = kernels_threads() * ranks_local_count()};
    ranks_unbind();
    bool done = time_together(&bench, scaling, error) && time_alone(&bench, scaling->threads, &scaling->one, error)
             && time_alone(&bench, scaling->all_threads, &scaling->all, error);
    tape_free(tape);
    return done;
}

// ------------------------------------------------------------------------------------------------------------
// Measuring: what gradflow and train --gradflow-every do for each pass

enum { UNCOUNTED = 2 }; // rounds, at the beginning: bench_probes's own, and bench_collect's first

typedef struct Measured {
    Tape *tape;
    GPT *gpt;
    ExperimentConfig config;
    double alone[UNCOUNTED + BENCH_MOST]; // (n) milliseconds of passes that were not measured
    int n;
} Measured;

// Returns the milliseconds of a pass, with or without measuring it.
static double time_pass(const Measured *measured, bool measure)
{
    const ExperimentConfig *config = &measured->config;
    double start = clock_seconds();
    module_zero_grad(&measured->gpt->module);
    Tensor *logits = gpt_forward(measured->gpt, config->ids, config->B, config->T); // (B, T, V)
    Tensor *loss = tensor_cross_entropy(logits, config->targets);
    GradFlowWatch *watch = measure ? gradflow_watch(measured->tape) : NULL;
    tensor_backward(loss);
    if (watch != NULL) {
        GradFlow flow = gradflow_read(watch, &measured->gpt->module);
        ProbeResults results = {0};
        probes_measure(config, measured->gpt, NULL, 0, 0, logits, loss, &results);
        probe_results_free(&results);
        gradflow_free(&flow);
    }
    tape_reset(measured->tape);
    return 1e3 * (clock_seconds() - start);
}

// Alternates between the two, so that other work on the machine slows down both.
static double time_both(void *context)
{
    Measured *measured = context;
    measured->alone[measured->n] = time_pass(measured, false);
    measured->n++;
    return time_pass(measured, true);
}

void bench_probes(Bench *bench)
{
    static const char *const cheap[] = {"stream", "branch", "attention", "lens"};
    ExperimentConfig config = {.net = NET_GPT, .gpt = config_of(bench), .B = bench->which->sizes[0], .T = bench->which->sizes[1], .n_seeds = 1};
    GPTCost cost = gpt_cost(&config.gpt, config.B, config.T);
    int *ids = random_ids(&config.gpt, config.B * config.T + 1);
    config.ids = ids;
    config.targets = ids + 1;
    for (size_t i = 0; i < sizeof cheap / sizeof cheap[0]; i++) {
        config.probes[config.n_probes] = probe_find(cheap[i]);
        config.n_probes++;
    }
    Measured measured = {.tape = tape_create(), .gpt = create(&config.gpt, gpt_training_bytes(&cost, false)), .config = config};
    time_both(&measured);
    bench->figures.ms = bench_collect(bench->config->seconds, false, time_both, &measured);
    bench->figures.alone_ms = quartiles_of(measured.alone + UNCOUNTED, measured.n - UNCOUNTED).median;
    bench->figures.tokens = (double)config.B * config.T;
}

// ------------------------------------------------------------------------------------------------------------
// Generation: the time from one token to the next, the prompt's and the first left out

typedef struct Arrivals {
    double *ms; // since the token before
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
    double *ms = memory_allocate((size_t)n_new * sizeof *ms, "times");
    Arrivals arrivals = {.ms = ms, .last = clock_seconds()};
    GenerateConfig generate = GENERATE_DEFAULTS;
    generate.n_new = n_new;
    generate.greedy = true;
    generate.on_token = on_token;
    generate.context = &arrivals;
    Error error;
    tape_create();
    if (gpt_generate(gpt, &generate, NULL, ids, n_prompt, &error) < 0) {
        fail_file("%s", error.message);
    }
    bench->figures.ms = quartiles_of(ms + FIRST, arrivals.n - FIRST);
    bench->figures.tokens = 1;
    bench->figures.bytes = bytes_a_token(&config, &cost);
    bench->figures.flops = 2.0 * (double)cost.parameters;
}
