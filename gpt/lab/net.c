// net.c: see net.h.

#include "gpt/lab/net.h"
#include "gpt/stream.h"
#include "tensor/unwind.h"

#include <stdlib.h>
#include <string.h>

int experiment_arms(const ExperimentConfig *config)
{
    REQUIRE(config);
    return config->n_rules > 0 ? config->n_rules : 2;
}

bool arm_is_run(const ExperimentConfig *config, int arm)
{
    return config->n_rules > 0 || (config->arms & (arm == 1 ? ARMS_ON : ARMS_OFF)) != 0;
}

bool experiment_has(const Experiment *experiment, int arm)
{
    REQUIRE(experiment);
    return arm_is_run(&experiment->config, arm);
}

int arms_run(const ExperimentConfig *config)
{
    int n = 0;
    for (int arm = 0; arm < experiment_arms(config); arm++) {
        n += arm_is_run(config, arm);
    }
    return n;
}

static GPTConfig gpt_of_arm(const ExperimentConfig *config, int arm)
{
    GPTConfig gpt = config->gpt;
    gpt.shortcut = arm == 1;
    gpt.residual = config->n_rules > 0 ? config->rules[arm] : NULL;
    return gpt;
}

static DeepConfig deep_of_arm(const ExperimentConfig *config, int arm)
{
    DeepConfig deep = config->deep;
    deep.shortcut = arm == 1;
    deep.residual = config->n_rules > 0 ? config->rules[arm] : NULL;
    return deep;
}

bool arm_check(const ExperimentConfig *config, int arm, Error *error)
{
    GPTConfig gpt = gpt_of_arm(config, arm);
    DeepConfig deep = deep_of_arm(config, arm);
    return config->net == NET_MLP ? deep_config_check(&deep, error) : gpt_config_check(&gpt, error);
}

const ResidualRule *experiment_rule(const ExperimentConfig *config, int arm)
{
    REQUIRE(config);
    GPTConfig gpt = gpt_of_arm(config, arm);
    gpt.norm = config->net == NET_MLP ? NORM_NONE : gpt.norm; // an MLP's shortcuts are h + f(h)
    return gpt_rule(&gpt);
}

const char *experiment_layer_word(const Experiment *experiment)
{
    REQUIRE(experiment);
    return experiment->config.net == NET_MLP ? "layer" : "block";
}

const char *experiment_arm_name(const ExperimentConfig *config, int arm)
{
    REQUIRE(config);
    if (config->n_rules > 0) {
        return residual_name(experiment_rule(config, arm));
    }
    return arm == 1 ? "with shortcuts" : "without shortcuts";
}

void rule_shorthand(const ResidualRule *rule, const char **shortcut, const char **norm)
{
    bool on;
    Norm place;
    bool has = gpt_rule_shorthand(rule, &on, &place);
    *shortcut = !has ? "" : on ? "on" : "off";
    *norm = has ? norm_name(place) : "";
}

// ------------------------------------------------------------------------------------------------------------
// Making one

const char *net_name(NetKind net)
{
    return net == NET_MLP ? "mlp" : "gpt";
}

static const Tensor *find_parameter(const ParameterList *list, const Tensor *wanted)
{
    const char *name = TENSOR_NAME(wanted);
    for (int i = 0; i < list->count; i++) {
        if (strcmp(TENSOR_NAME(list->parameters[i]), name) == 0 && shape_equal(list->parameters[i]->shape, wanted->shape)) {
            return list->parameters[i];
        }
    }
    return NULL;
}

// A model with the weights of another by their names; parameters that only this one has are the seed's, and dropout draws from it.
static GPT *copy_gpt(const GPT *saved, const GPTConfig *config, uint64_t seed, Error *error)
{
    GPT *gpt = gpt_create(config, seed, error);
    if (gpt == NULL) {
        return NULL;
    }
    random_seed(&gpt->random, seed);
    ParameterList from = module_parameters(&saved->module);
    ParameterList to = module_parameters(&gpt->module);
    for (int i = 0; i < to.count; i++) {
        const Tensor *source = find_parameter(&from, to.parameters[i]);
        if (source != NULL) {
            memcpy(to.parameters[i]->data, source->data, tensor_count(source) * sizeof(Real));
            tensor_changed(to.parameters[i]);
        }
    }
    parameter_list_free(&from);
    parameter_list_free(&to);
    return gpt;
}

// The same, block by block: each is read from where saved reads it.
static GPT *stream_gpt(const GPT *saved, const GPTConfig *config, uint64_t seed, Error *error)
{
    StreamSource source = {0};
    if (saved != NULL) {
        source = gpt_stream_source(saved);
    }
    return gpt_create_streamed_from(config, seed, source, error);
}

int experiment_rows(const ExperimentConfig *config)
{
    return config->n_rows > 0 ? config->n_rows : 1;
}

// Uses a separate generator, so that a seed's weights do not depend on the input.
static Real *draw_input(const ExperimentConfig *config, uint64_t seed)
{
    enum { INPUT_SEED = 2000003 };
    Random random;
    size_t n = (size_t)experiment_rows(config) * (size_t)config->deep.sizes[0];
    Real *input = memory_allocate(n * sizeof *input, "the input rows");
    random_seed(&random, seed + INPUT_SEED);
    random_normal(&random, input, n, 0, 1);
    return input;
}

void net_next_batch(Net *net)
{
    ExperimentConfig *own = &net->own;
    size_t n = (size_t)own->B * (size_t)own->T;
    if (own->batches.fill == NULL) {
        return;
    }
    if (net->config != own) { // the first
        own->ids = memory_allocate(n * sizeof(int), "the batch");
        own->targets = memory_allocate(n * sizeof(int), "the batch");
        net->config = own;
    }
    batch_draw(&own->batches, &net->batches, own->B, own->T, (int *)own->ids, (int *)own->targets);
}

bool net_create(Net *net, const ExperimentConfig *config, int arm, uint64_t seed, Error *error)
{
    enum { BATCH_SEED = 4000037 };
    *net = (Net){.config = config, .own = *config};
    random_seed(&net->batches, seed + BATCH_SEED);
    if (config->net == NET_MLP) {
        DeepConfig deep = deep_of_arm(config, arm);
        net->deep = deep_create(&deep, seed, error);
        net->module = net->deep == NULL ? NULL : &net->deep->module;
        net->drawn = net->deep != NULL && config->normal_input ? draw_input(config, seed) : NULL;
    } else {
        GPTConfig gpt = gpt_of_arm(config, arm);
        net->gpt = config->streamed      ? stream_gpt(config->saved, &gpt, seed, error)
                 : config->saved == NULL ? gpt_create(&gpt, seed, error)
                                         : copy_gpt(config->saved, &gpt, seed, error);
        net->module = net->gpt == NULL ? NULL : &net->gpt->module;
    }
    return net->module != NULL;
}

void net_free(void *object)
{
    Net *net = object;
    deep_free(net->deep);
    gpt_free(net->gpt);
    free(net->drawn);
    if (net->config == &net->own) {
        free((int *)net->own.ids);
        free((int *)net->own.targets);
    }
}

// The network's output, before the loss. The deep network's input requires a gradient, too, so that the first layer's
// shortcut is split like the others.
Tensor *net_forward(Net *net)
{
    const ExperimentConfig *config = net->config;
    if (config->net == NET_GPT) {
        return gpt_forward(net->gpt, config->ids, config->B, config->T);
    }
    const Real *input = net->drawn != NULL ? net->drawn : config->input;
    Tensor *x = tensor_label(tensor_from(input, SHAPE(experiment_rows(config), config->deep.sizes[0])), "input");
    return deep_forward(net->deep, tensor_require_grad(x));
}

Tensor *net_loss(const Net *net, Tensor *y)
{
    const ExperimentConfig *config = net->config;
    if (config->net == NET_GPT || config->deep.loss == LOSS_CE) {
        return tensor_cross_entropy(y, config->targets);
    }
    return tensor_mse_loss(y, tensor_label(tensor_from(config->target, y->shape), "target"));
}

// ------------------------------------------------------------------------------------------------------------
// Keeping its state

void gradflow_unwatch_undo(void *watch)
{
    gradflow_unwatch(watch);
}

typedef struct Kept {
    Net *net;
    ParameterList parameters;
    Real **grads;           // (count) pointers to the gradients; NULL for none
    Real *data, *grad_data; // the values of all parameters
    bool training;
    Random random;
} Kept;

static void restore(void *object)
{
    Kept *kept = object;
    Real *data = kept->data;
    Real *grad_data = kept->grad_data;
    for (int i = 0; i < kept->parameters.count; i++) {
        Tensor *parameter = kept->parameters.parameters[i];
        size_t n = tensor_count(parameter);
        if (memcmp(parameter->data, data, n * sizeof *data) != 0) {
            memcpy(parameter->data, data, n * sizeof *data);
            tensor_changed(parameter);
        }
        parameter->grad = kept->grads[i];
        if (parameter->grad != NULL) {
            memcpy(parameter->grad, grad_data, n * sizeof *grad_data);
        }
        data += n;
        grad_data += n;
    }
    module_train(kept->net->module, kept->training);
    if (kept->net->gpt != NULL) {
        kept->net->gpt->random = kept->random;
    }
}

void net_keep(Net *net)
{
    static const char what[] = "a network's state";
    Kept *kept = unwind_allocate(1, sizeof *kept, what);
    ParameterList parameters = module_parameters(net->module);
    unwind_add(free, parameters.parameters);
    *kept = (Kept){.net = net,
                   .parameters = parameters,
                   .grads = unwind_allocate((size_t)parameters.count, sizeof(Real *), what),
                   .data = weight_copy(&parameters).values,
                   .grad_data = unwind_allocate(parameters.values, sizeof(Real), what),
                   .training = net->module->training};
    if (net->gpt != NULL) {
        kept->random = net->gpt->random;
    }
    unwind_add(free, kept->data);
    Real *grad = kept->grad_data;
    for (int i = 0; i < parameters.count; i++) {
        const Tensor *parameter = parameters.parameters[i];
        size_t n = tensor_count(parameter);
        kept->grads[i] = parameter->grad;
        if (parameter->grad != NULL) {
            memcpy(grad, parameter->grad, n * sizeof *grad);
        }
        grad += n;
    }
    unwind_add(restore, kept);
}

// A dL/dy that does not depend on the arm. For the deep network 1 at each output; for the GPT what cross-entropy sends back to a
// model that has no opinion: (1/V - 1{v = target}) / (B T), over the rows that count.
static Tensor *same_dy(const ExperimentConfig *config, const Tensor *y)
{
    if (config->net == NET_MLP) {
        return tensor_full(y->shape, 1);
    }
    Tensor *dy = tensor_zeros(y->shape);
    size_t V = (size_t)shape_last(y->shape);
    size_t rows = tensor_count(y) / V;
    size_t n_counted = 0;
    for (size_t row = 0; row < rows; row++) {
        n_counted += config->targets[row] != TARGET_IGNORED;
    }
    for (size_t row = 0; row < rows; row++) {
        for (size_t v = 0; config->targets[row] != TARGET_IGNORED && v < V; v++) {
            dy->data[row * V + v] = 1 / (Real)V / (Real)n_counted - (v == (size_t)config->targets[row] ? 1 / (Real)n_counted : 0);
        }
    }
    return dy;
}

Tensor *net_start(const Net *net, Tensor *y, Measurement *measurement)
{
    const ExperimentConfig *config = net->config;
    Tensor *loss = net_loss(net, y);
    measurement->loss = (double)tensor_item(loss);
    return config->same_dy ? tensor_sum(tensor_mul(y, same_dy(config, y))) : loss; // its gradient at y is dy
}
