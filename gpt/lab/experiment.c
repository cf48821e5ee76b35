// experiment.c: the same network with and without shortcuts, measured before each step of training.

#include "gpt/lab/lab.h"
#include "tensor/unwind.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

// ------------------------------------------------------------------------------------------------------------
// One network, of either kind

typedef struct Net {
    const ExperimentConfig *config;
    DeepNet *deep;                                 // one of the two
    GPT *gpt;
    Module *module;
} Net;

const char *net_name(NetKind net)
{
    return net == NET_MLP ? "mlp" : "gpt";
}

// A model with the weights of another, which is the same but for its shortcuts; they have none. The seed is dropout's.
static GPT *copy_gpt(const GPT *saved, const GPTConfig *config, uint64_t seed, Error *error)
{
    GPT *gpt = gpt_create_blank(config, error);
    if (gpt == NULL) {
        return NULL;
    }
    random_seed(&gpt->random, seed);
    ParameterList from = module_parameters(&saved->module);
    ParameterList to = module_parameters(&gpt->module);
    for (int i = 0; i < from.count; i++) {
        memcpy(to.parameters[i]->data, from.parameters[i]->data, tensor_count(from.parameters[i]) * sizeof(Real));
    }
    parameter_list_free(&from);
    parameter_list_free(&to);
    return gpt;
}

static bool net_create(Net *net, const ExperimentConfig *config, bool shortcut, uint64_t seed, Error *error)
{
    *net = (Net){.config = config};
    if (config->net == NET_MLP) {
        DeepConfig deep = config->deep;
        deep.shortcut = shortcut;
        net->deep = deep_create(&deep, seed, error);
        net->module = net->deep == NULL ? NULL : &net->deep->module;
    } else {
        GPTConfig gpt = config->gpt;
        gpt.shortcut = shortcut;
        net->gpt = config->saved == NULL ? gpt_create(&gpt, seed, error) : copy_gpt(config->saved, &gpt, seed, error);
        net->module = net->gpt == NULL ? NULL : &net->gpt->module;
    }
    return net->module != NULL;
}

static void free_net(void *object)
{
    Net *net = object;
    deep_free(net->deep);
    gpt_free(net->gpt);
}

// What the network says, before the loss. The deep network's input wants a gradient, too, so that the first layer's
// shortcut is split like the others.
static Tensor *net_forward(Net *net)
{
    const ExperimentConfig *config = net->config;
    if (config->net == NET_GPT) {
        return gpt_forward(net->gpt, config->ids, config->B, config->T);
    }
    Tensor *x = tensor_label(tensor_from(config->input, SHAPE(1, config->deep.sizes[0])), "input");
    tensor_require_grad(x);
    return deep_forward(net->deep, x);
}

static Tensor *net_loss(const Net *net, Tensor *y)
{
    const ExperimentConfig *config = net->config;
    if (config->net == NET_GPT) {
        return tensor_cross_entropy(y, config->targets);
    }
    return tensor_mse_loss(y, tensor_label(tensor_from(config->target, y->shape), "target"));
}

// A dL/dy that does not depend on the arm. For the deep network 1 at each output; for the GPT what cross-entropy sends back to a
// model that has no opinion: (1/V - 1{v = target}) / (B T).
static Real *same_dy(const ExperimentConfig *config, const Tensor *y)
{
    size_t n = tensor_count(y);
    Real *dy = memory_allocate(n * sizeof *dy, "the gradient at the output");
    if (config->net == NET_MLP) {
        for (size_t i = 0; i < n; i++) {
            dy[i] = 1;
        }
        return dy;
    }
    size_t V = (size_t)shape_last(y->shape);
    size_t rows = n / V;
    for (size_t i = 0; i < n; i++) {
        dy[i] = 1 / (Real)V / (Real)rows;
    }
    for (size_t row = 0; row < rows; row++) {
        dy[row * V + (size_t)config->targets[row]] -= 1 / (Real)rows;
    }
    return dy;
}

static void unwatch(void *watch)
{
    gradflow_unwatch(watch);
}

// Forward, backward and what arrived where. The tape holds one step only.
static void net_measure(Net *net, Tape *tape, Measurement *measurement)
{
    module_zero_grad(net->module);
    Tensor *y = net_forward(net);
    Tensor *loss = net_loss(net, y);
    measurement->loss = (double)tensor_item(loss);
    GradFlowWatch *watch = gradflow_watch(tape);
    int frame = unwind_begin();
    unwind_add_on_failure(unwatch, watch);
    if (net->config->same_dy) {
        Real *dy = same_dy(net->config, y);
        unwind_add(free, dy);
        tensor_backward_from(y, dy);
    } else {
        tensor_backward(loss);
    }
    measurement->flow = gradflow_read(watch, net->module);
    unwind_end(frame);
    tape_reset(tape);
}

// ------------------------------------------------------------------------------------------------------------
// All networks

typedef struct Progress {
    ExperimentProgress *report;
    void *context;
    int n;
} Progress;

static int count_arms(Arms arms)
{
    return arms == ARMS_BOTH ? 2 : 1;
}

static void free_adamw(void *adamw)
{
    adamw_free(adamw);
}

// Measures at steps 0 ... n_steps of one network.
static void run_network(Net *net, Tape *tape, Experiment *experiment, Measurement label, const Progress *progress)
{
    const ExperimentConfig *config = net->config;
    ParameterList parameters = module_parameters(net->module);
    int frame = unwind_begin();
    unwind_add(free, parameters.parameters);
    AdamWConfig adamw_config = ADAMW_DEFAULTS;
    adamw_config.lr = config->lr;
    adamw_config.weight_decay = 0;                 // so that nothing but the gradient moves the weights
    AdamW adamw = {0};
    if (config->n_steps > 0) {
        module_train(net->module, true);
        adamw = adamw_create(&parameters, adamw_config);
        unwind_add(free_adamw, &adamw);
    }
    for (int step = 0; step <= config->n_steps; step++) {
        Measurement *measurement = &experiment->measurements[experiment->n_measurements];
        *measurement = label;
        measurement->step = step;
        net_measure(net, tape, measurement);
        experiment->n_measurements++;
        if (step < config->n_steps) {
            adamw_step(&adamw);
        }
        if (progress->report != NULL) {
            progress->report(experiment->n_measurements, progress->n, progress->context);
        }
    }
    unwind_end(frame);
}

static bool run_all(const ExperimentConfig *config, Tape *tape, Experiment *experiment, const Progress *progress, Error *error)
{
    int run = 0;
    for (int s = 0; s < config->n_seeds; s++) {
        for (int arm = 0; arm < 2; arm++) {
            bool shortcut = arm == 1;
            if (!(config->arms & (shortcut ? ARMS_ON : ARMS_OFF))) {
                continue;
            }
            uint64_t seed = config->seed + (uint64_t)s;
            Net net;
            if (!net_create(&net, config, shortcut, seed, error)) {
                return false;
            }
            int frame = unwind_begin();
            unwind_add(free_net, &net);
            run_network(&net, tape, experiment, (Measurement){.run = run, .seed = seed, .shortcut = shortcut}, progress);
            unwind_end(frame);
            run++;
        }
    }
    return true;
}

static bool config_check(const ExperimentConfig *config, Error *error)
{
    if (config->n_seeds < 1) {
        return error_set(error, "%d seeds: must be 1 or more", config->n_seeds);
    }
    if (config->n_steps < 0) {
        return error_set(error, "%d steps: must be 0 or more", config->n_steps);
    }
    if (2.0 * config->n_seeds * (config->n_steps + 1.0) > INT_MAX) {
        return error_set(error, "%d seeds of %d steps: more measurements than can be counted", config->n_seeds, config->n_steps);
    }
    if (config->net == NET_MLP) {
        return deep_config_check(&config->deep, error);
    }
    if (!gpt_config_check(&config->gpt, error)) {
        return false;
    }
    bool countable = config->T >= 1 && config->B >= 1 && config->B <= INT_MAX / config->T;
    if (!countable || config->T > config->gpt.context_length) {
        return error_set(error, "%d rows of %d ids: a row must have 1 to %d (the context length)", config->B, config->T,
                         config->gpt.context_length);
    }
    GPTCost cost = gpt_cost(&config->gpt, config->B, config->T);
    double bytes = cost.weight_bytes + cost.gradient_bytes + cost.activation_bytes + cost.gradient_peak_bytes;
    bytes += config->n_steps > 0 ? cost.adamw_bytes : 0;
    if (!memory_check(bytes, "the experiment", error)) {
        return false;
    }
    int n = config->B * config->T;
    return gpt_ids_check(&config->gpt, config->ids, n, error) &&
           gpt_ids_check(&config->gpt, config->targets, n, error);
}

static void free_experiment(void *experiment)
{
    experiment_free(experiment);
}

bool experiment_run(const ExperimentConfig *config, ExperimentProgress *progress, void *context, Experiment *experiment,
                    Error *error)
{
    REQUIRE(config);
    if (!config_check(config, error)) {
        return false;
    }
    size_t n = (size_t)config->n_seeds * (size_t)count_arms(config->arms) * (size_t)(config->n_steps + 1);
    *experiment = (Experiment){.config = *config};
    experiment->n_layer = config->net == NET_MLP ? config->deep.n_layer : config->gpt.n_layer;
    experiment->measurements = memory_allocate_zeroed(n, sizeof(Measurement), "the measurements");

    int frame = unwind_begin();
    unwind_add_on_failure(free_experiment, experiment);
    Progress report = {progress, context, (int)n};
    bool done = run_all(config, unwind_add_tape(), experiment, &report, error);
    unwind_end(frame);
    if (!done) {
        experiment_free(experiment);
    }
    return done;
}

// ------------------------------------------------------------------------------------------------------------
// One step as a drawing

enum { DRAWN_NODES_MAX = 400 };                    // of more, nobody could read the picture

static void attend_stepwise(GPT *gpt)
{
    for (int i = 0; gpt != NULL && i < gpt->config.n_layer; i++) {
        gpt->h[i].attn.stepwise = true;
    }
}

static void backward_keeping_all(const Tape *tape, Tensor *loss)
{
    for (int i = 0; i < tape->n_nodes; i++) {
        tensor_retain_grad(tape->nodes[i]->output);
    }
    tensor_backward(loss);
}

// "GPT, module h.0, with shortcuts: one step forward and backward"
static void write_title(const ExperimentConfig *config, const StepDrawing *drawing, char *title, size_t n)
{
    bool shortcut = config->arms != ARMS_OFF;
    char module[NAME_TEXT + 16] = "";
    if (drawing->module != NULL) {
        snprintf(module, sizeof module, ", module %.*s", NAME_TEXT, drawing->module);
    }
    snprintf(title, n, "%s%s, %s shortcuts: %s", config->net == NET_MLP ? "Deep network" : "GPT", module, shortcut ? "with" : "without",
             drawing->backward ? "one step forward and backward" : "one step forward");
}

static bool write_drawing(const ExperimentConfig *config, const Tape *tape, const StepDrawing *drawing, FILE *file, Error *error)
{
    char title[2 * NAME_TEXT + 128];
    write_title(config, drawing, title, sizeof title);
    DotStyle style = {.module = drawing->module, .title = title, .left_to_right = drawing->left_to_right};
    int n = tape_write_dot(tape, &style, NULL);
    if (n == 0) {
        return error_set(error, "there is no module %s in this network, or it computes nothing", drawing->module);
    }
    if (n > DRAWN_NODES_MAX) {
        return error_set(error, "%d operations: a drawing of more than %d can't be read; choose one module, or fewer layers", n,
                         DRAWN_NODES_MAX);
    }
    tape_write_dot(tape, &style, file);
    return true;
}

// -inf is taken for a score that is masked.
static bool is_sound_result(const Tensor *x)
{
    size_t n = tensor_count(x);
    for (size_t i = 0; i < n; i++) {
        if (isnan(x->data[i]) || x->data[i] == (Real)INFINITY) {
            return false;
        }
    }
    return true;
}

static bool is_sound_gradient(const Tensor *x)
{
    size_t n = x->grad == NULL ? 0 : tensor_count(x);
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(x->grad[i])) {
            return false;
        }
    }
    return true;
}

static void name_fault(char fault[STEP_FAULT_TEXT], const char *what, const TapeNode *node)
{
    bool named = node->scope != NULL && node->scope[0] != '\0';
    snprintf(fault, STEP_FAULT_TEXT, "the %s of %s%s%.*s", what, node->op->name, named ? " in " : "", NAME_TEXT - 1,
             named ? node->scope : "");
}

// In the order in which they were made: results from the beginning, then gradients from the end.
static void find_fault(const Tape *tape, char fault[STEP_FAULT_TEXT])
{
    fault[0] = '\0';
    for (int i = 0; i < tape->n_nodes && fault[0] == '\0'; i++) {
        if (!is_sound_result(tape->nodes[i]->output)) {
            name_fault(fault, "result", tape->nodes[i]);
        }
    }
    for (int i = tape->n_nodes - 1; i >= 0 && fault[0] == '\0'; i--) {
        if (!is_sound_gradient(tape->nodes[i]->output)) {
            name_fault(fault, "gradient", tape->nodes[i]);
        }
    }
}

bool experiment_draw(const ExperimentConfig *config, const StepDrawing *drawing, FILE *file, char fault[STEP_FAULT_TEXT],
                     Error *error)
{
    REQUIRE(config);
    REQUIRE(fault);
    Net net;
    fault[0] = '\0';
    if (!config_check(config, error) || !net_create(&net, config, config->arms != ARMS_OFF, config->seed, error)) {
        return false;
    }
    int frame = unwind_begin();
    unwind_add(free_net, &net);
    Tape *tape = unwind_add_tape();
    if (drawing->stepwise) {
        attend_stepwise(net.gpt);
    }
    Tensor *loss = net_loss(&net, net_forward(&net));
    if (drawing->backward) {
        backward_keeping_all(tape, loss);
    }
    find_fault(tape, fault);
    bool drawn = write_drawing(config, tape, drawing, file, error);
    unwind_end(frame);
    return drawn;
}

void experiment_free(Experiment *experiment)
{
    REQUIRE(experiment);
    for (int i = 0; i < experiment->n_measurements; i++) {
        gradflow_free(&experiment->measurements[i].flow);
    }
    free(experiment->measurements);
    *experiment = (Experiment){0};
}
