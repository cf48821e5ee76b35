// experiment.c: the same network with one residual rule after the other, measured before each step of training.

#include "gpt/base/base.h"
#include "gpt/lab/probe.h"
#include "tensor/unwind.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

// Forward, backward and the measurement. The tape holds one step only.
static void net_measure(Net *net, Tape *tape, const AdamW *adamw, Measurement *measurement)
{
    const ExperimentConfig *config = net->config;
    module_zero_grad(net->module);
    Tensor *y = net_forward(net);
    Tensor *loss = net_start(net, y, measurement);
    GradFlowWatch *watch = gradflow_watch(tape);
    int frame = unwind_begin();
    unwind_add_on_failure(gradflow_unwatch_undo, watch);
    tensor_backward(loss);
    measurement->flow = gradflow_read(watch, net->module);
    unwind_end(frame);
    probes_run(&(ProbeRun){.config = config,
                           .net = net,
                           .seed = measurement->seed,
                           .step = measurement->step,
                           .tape = tape,
                           .output = y,
                           .loss = loss,
                           .adamw = adamw,
                           .results = &measurement->probes});
    tape_reset(tape);
}

// ------------------------------------------------------------------------------------------------------------
// All networks

typedef struct Progress {
    ExperimentProgress *report;
    void *context;
    int done; // of n: measurements, or parts of streamed models
    int n;
} Progress;

static void progress_add(Progress *progress)
{
    progress->done++;
    if (progress->report != NULL) {
        progress->report(progress->done, progress->n, progress->context);
    }
}

static void part_made(int part, void *progress)
{
    (void)part;
    progress_add(progress);
}

static void free_adamw(void *adamw)
{
    adamw_free(adamw);
}

// Measures steps 0 ... n_steps of one network. start: when its creation began.
static void run_network(Net *net, Tape *tape, Experiment *experiment, Measurement label, double start, Progress *progress)
{
    const ExperimentConfig *config = net->config;
    ParameterList parameters = module_parameters(net->module);
    int frame = unwind_begin();
    unwind_add(free, parameters.parameters);
    AdamWConfig adamw_config = ADAMW_DEFAULTS;
    adamw_config.lr = config->lr;
    adamw_config.weight_decay = 0; // so that nothing but the gradient moves the weights
    AdamW adamw = {0};
    bool by_adamw = config->n_steps > 0 && !config->sgd;
    if (config->n_steps > 0) {
        module_train(net->module, true);
    }
    if (by_adamw) {
        adamw = adamw_create(&parameters, adamw_config);
        unwind_add(free_adamw, &adamw);
    }
    for (int step = 0; step <= config->n_steps; step++) {
        Measurement *measurement = &experiment->measurements[experiment->n_measurements];
        *measurement = label;
        measurement->step = step;
        experiment->n_measurements++; // now freed with the others
        net_next_batch(net);
        if (config->streamed) {
            gpt_stream_progress(net->gpt, part_made, progress);
            net_measure_streamed(net, tape, measurement);
        } else {
            net_measure(net, tape, by_adamw ? &adamw : NULL, measurement);
        }
        if (step < config->n_steps && config->sgd) {
            sgd_step(&parameters, config->lr);
        } else if (step < config->n_steps) {
            adamw_step(&adamw);
        }
        double now = clock_seconds();
        measurement->seconds = now - start;
        start = now;
        if (!config->streamed) {
            progress_add(progress);
        }
    }
    unwind_end(frame);
}

static bool run_all(const ExperimentConfig *config, Tape *tape, Experiment *experiment, Progress *progress, Error *error)
{
    int run = 0;
    for (int s = 0; s < config->n_seeds; s++) {
        for (int arm = 0; arm < experiment_arms(config); arm++) {
            if (!arm_is_run(config, arm)) {
                continue;
            }
            uint64_t seed = config->seed + (uint64_t)s;
            double start = clock_seconds();
            Net net;
            if (!net_create(&net, config, arm, seed, error)) {
                return false;
            }
            int frame = unwind_begin();
            unwind_add(net_free, &net);
            run_network(&net, tape, experiment, (Measurement){.run = run, .seed = seed, .arm = arm}, start, progress);
            unwind_end(frame);
            run++;
        }
    }
    return true;
}

// Each layer keeps about three results per row, and the gradient of each.
static bool check_rows(const ExperimentConfig *config, Error *error)
{
    if (config->n_rows < 0 || config->n_rows > DEEP_ROWS_MAX) {
        return error_set(error, "%d input rows: must be 1 to %d", config->n_rows, DEEP_ROWS_MAX);
    }
    if (config->deep.norm == DEEP_NORM_BATCH && experiment_rows(config) < 2) {
        return error_set_field(error, "norm", "batch normalization of one input row would make it 0 (expected several rows)");
    }
    int n_classes = config->deep.sizes[config->deep.n_layer];
    int n_counted = config->deep.loss != LOSS_CE;
    for (int i = 0; config->deep.loss == LOSS_CE && i < experiment_rows(config); i++) {
        if (config->targets[i] < TARGET_IGNORED || config->targets[i] >= n_classes) {
            return error_set_field(error, "target", "class %d of row %d: must be 0 to %d, or -1: ignored", config->targets[i], i + 1,
                                   n_classes - 1);
        }
        n_counted += config->targets[i] != TARGET_IGNORED;
    }
    if (n_counted == 0) {
        return error_set_field(error, "target", "every class is -1: ignored (expected at least one that is not)");
    }
    double values = 0;
    for (int i = 0; i <= config->deep.n_layer; i++) {
        values += config->deep.sizes[i];
    }
    return memory_check(6.0 * sizeof(Real) * values * experiment_rows(config), "the experiment", error);
}

double experiment_held_bytes(const GPTConfig *config, int B, int T, bool training)
{
    REQUIRE(config);
    GPTCost cost = gpt_cost(config, B, T);
    double bytes = cost.weight_bytes + cost.gradient_bytes + cost.activation_bytes + cost.gradient_peak_bytes;
    return bytes + (training ? cost.adamw_bytes : 0);
}

static bool held_check(const ExperimentConfig *config, Error *error)
{
    if (config->saved != NULL && config->saved->stream != NULL) {
        return error_set(error, "the saved model is streamed (expected one in memory, as the experiment is)");
    }
    return memory_check(experiment_held_bytes(&config->gpt, config->B, config->T, config->n_steps > 0), "the experiment", error);
}

// Memory of the measurements: a row for each parameter, named intermediate and shortcut, in lists that double as they grow.
static bool check_results(const ExperimentConfig *config, Error *error)
{
    enum { DEEP_ROWS = 12, GPT_ROWS = 40 }; // upper bounds per layer and per block
    double layers = config->net == NET_MLP ? (double)DEEP_ROWS * config->deep.n_layer : (double)GPT_ROWS * config->gpt.n_layer;
    double measurements = (double)config->n_seeds * arms_run(config) * (config->n_steps + 1.0);
    return memory_check(sizeof(FlowRow) * layers * measurements, "what is measured", error);
}

bool experiment_check(const ExperimentConfig *config, Error *error)
{
    if (config->n_seeds < 1) {
        return error_set(error, "%d seeds: must be 1 or more", config->n_seeds);
    }
    if (config->n_steps < 0) {
        return error_set(error, "%d steps: must be 0 or more", config->n_steps);
    }
    if ((double)ARMS_MOST * config->n_seeds * (config->n_steps + 1.0) > INT_MAX) {
        return error_set(error, "%d seeds of %d steps: more measurements than can be counted", config->n_seeds, config->n_steps);
    }
    if (config->n_rules < 0 || config->n_rules > ARMS_MOST) {
        return error_set(error, "%d residual rules (expected at most %d)", config->n_rules, ARMS_MOST);
    }
    if (config->n_probes < 0 || config->n_probes > PROBES_MOST) {
        return error_set(error, "%d probes (expected at most %d)", config->n_probes, PROBES_MOST);
    }
    if ((unsigned)config->net > NET_GPT || (config->n_rules == 0 && (config->arms < ARMS_OFF || config->arms > ARMS_BOTH))) {
        return error_set(error, "network %d, arms %d: unknown", (int)config->net, (int)config->arms);
    }
    for (int i = 0; i < config->n_probes; i++) {
        REQUIRE(config->probes[i]);
    }
    for (int arm = 0; arm < experiment_arms(config); arm++) {
        if (config->n_rules > 0) {
            REQUIRE(config->rules[arm]);
        }
        if (!arm_check(config, arm, error)) {
            return false;
        }
    }
    if (config->net == NET_MLP) {
        if (!config->normal_input) {
            REQUIRE(config->input);
        }
        if (config->deep.loss == LOSS_CE) {
            REQUIRE(config->targets);
        } else {
            REQUIRE(config->target);
        }
        return check_rows(config, error) && check_results(config, error);
    }
    bool countable = config->T >= 1 && config->B >= 1 && config->B <= INT_MAX / config->T;
    if (!countable || config->T > config->gpt.context_length) {
        return error_set(error, "%d rows of %d ids: a row must have 1 to %d (the context length)", config->B, config->T,
                         config->gpt.context_length);
    }
    bool fits = config->streamed ? streamed_check(config, error) : held_check(config, error);
    if (!fits || !check_results(config, error)) {
        return false;
    }
    int n = config->B * config->T;
    if (config->batches.fill != NULL) {
        return true;
    }
    return gpt_ids_check(&config->gpt, config->ids, n, error) && gpt_targets_check(&config->gpt, config->targets, n, error);
}

static void free_experiment(void *experiment)
{
    experiment_free(experiment);
}

bool experiment_run(const ExperimentConfig *config, ExperimentProgress *progress, void *context, Experiment *experiment, Error *error)
{
    REQUIRE(config);
    if (!experiment_check(config, error)) {
        return false;
    }
    size_t n = (size_t)config->n_seeds * (size_t)arms_run(config) * (size_t)(config->n_steps + 1);
    *experiment = (Experiment){.config = *config};
    experiment->n_layer = config->net == NET_MLP ? config->deep.n_layer : config->gpt.n_layer;
    experiment->measurements = memory_allocate_zeroed(n, sizeof(Measurement), "the measurements");

    int frame = unwind_begin();
    unwind_add_on_failure(free_experiment, experiment);
    Progress report = {.report = progress, .context = context, .n = (int)n * (config->streamed ? streamed_parts(config) : 1)};
    bool done = run_all(config, unwind_add_tape(), experiment, &report, error);
    unwind_end(frame);
    if (!done) {
        experiment_free(experiment);
    }
    return done;
}

void experiment_free(Experiment *experiment)
{
    REQUIRE(experiment);
    for (int i = 0; i < experiment->n_measurements; i++) {
        gradflow_free(&experiment->measurements[i].flow);
        probe_results_free(&experiment->measurements[i].probes);
    }
    free(experiment->measurements);
    *experiment = (Experiment){0};
}

bool probe_estimate(const ExperimentConfig *config, const Probe *probe, double *seconds, Error *error)
{
    REQUIRE(config, probe, seconds);
    Net net;
    int arm = 0;
    *seconds = 0;
    if (probe->losses + probe->gradients == 0) {
        return true;
    }
    if (!experiment_check(config, error)) {
        return false;
    }
    while (!arm_is_run(config, arm)) {
        arm++;
    }
    if (!net_create(&net, config, arm, config->seed, error)) {
        return false;
    }
    int frame = unwind_begin();
    unwind_add(net_free, &net);
    net_next_batch(&net);
    *seconds = probe_seconds(&(ProbeRun){.config = net.config, .net = &net, .probe = probe});
    unwind_end(frame);
    return true;
}
