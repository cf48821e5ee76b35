// deep.c: the book's deep network, at any depth.

#include "gpt/base/base.h"
#include "gpt/lab/lab.h"
#include "tensor/unwind.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const ModuleKind deep_kind = {.name = "DeepNet"};

static const char *deep_rule_text(const DeepConfig *config)
{
    return config->residual != NULL ? config->residual : config->shortcut ? "plain" : "none-plain";
}

bool deep_config_check(const DeepConfig *config, Error *error)
{
    REQUIRE(config);
    if (config->n_layer < 1 || config->n_layer > DEEP_DEPTH_MAX) {
        return error_set(error, "%d layers: must be 1 to %d", config->n_layer, DEEP_DEPTH_MAX);
    }
    REQUIRE(config->sizes);
    if ((unsigned)config->activation >= ACTIVATION_COUNT || (unsigned)config->init >= INIT_COUNT) {
        return error_set(error, "activation %d, init %d: unknown", (int)config->activation, (int)config->init);
    }
    if ((unsigned)config->head >= HEAD_COUNT || (unsigned)config->norm >= DEEP_NORM_COUNT || (unsigned)config->loss >= LOSS_COUNT) {
        return error_set(error, "head %d, norm %d, loss %d: unknown", (int)config->head, (int)config->norm, (int)config->loss);
    }
    if (!(config->init_gain >= 0 && config->init_gain <= 1e6 && config->bias_std >= 0 && config->bias_std <= 1e6)) {
        return error_set(error, "gain %g, standard deviation of the biases %g: must be 0 to 1e6", config->init_gain, config->bias_std);
    }
    if (config->loss == LOSS_CE && config->sizes[config->n_layer] < 2) {
        return error_set_field(error, "loss", "ce needs a value for each class, but the network has one output (expected 2 or more)");
    }
    double values = 0;
    for (int i = 0; i <= config->n_layer; i++) {
        if (config->sizes[i] < 1 || config->sizes[i] > DEEP_WIDTH_MAX) {
            return error_set(error, "a layer of %d values: must be 1 to %d", config->sizes[i], DEEP_WIDTH_MAX);
        }
        int more = config->norm == DEEP_NORM_BATCH ? 3 : 1; // biases, and a norm's weights and biases
        values += i == 0 ? 0 : (double)(config->sizes[i - 1] + more) * config->sizes[i];
    }
    Error inner;
    const ResidualRule *rule = residual_rule(deep_rule_text(config), &inner);
    if (rule == NULL || !residual_check_mlp(rule, config->sizes, config->n_layer, &inner)) {
        return error_set_field(error, "residual", "%s", inner.message);
    }
    // Weights, their gradients, and AdamW's two moments.
    return memory_check(4 * sizeof(Real) * values, "the network", error);
}

static bool is_linear_head(const DeepConfig *config, int i)
{
    return config->head == HEAD_LINEAR && i == config->n_layer - 1;
}

// A layer whose input and output have one size has a rule around it.
static void layer_init(DeepNet *net, int i, const ResidualRule *rule)
{
    static const ResidualNames names = {"ln", "res"};
    const int *sizes = net->config.sizes;
    char name[32];
    snprintf(name, sizeof name, "layers.%d", i);
    linear_init(&net->layers[i], &net->module, name, sizes[i], sizes[i + 1], true);
    if (net->config.norm == DEEP_NORM_BATCH && !is_linear_head(&net->config, i)) {
        batchnorm_init(&net->norms[i], &net->layers[i].module, "bn", sizes[i + 1]);
    }
    if (sizes[i] == sizes[i + 1]) {
        residual_init(&net->residuals[i], &net->layers[i].module, names, rule, residual_place_mlp(i, net->config.n_layer), sizes[i]);
    }
}

static void free_net(void *net)
{
    deep_free(net);
}

DeepNet *deep_create(const DeepConfig *config, uint64_t seed, Error *error)
{
    REQUIRE(config);
    if (!deep_config_check(config, error)) {
        return NULL;
    }
    DeepNet *net = memory_allocate_zeroed(1, sizeof *net, "a deep network");
    int frame = unwind_begin();
    unwind_add_on_failure(free_net, net);
    size_t size_bytes = (size_t)(config->n_layer + 1) * sizeof(int);
    int *sizes = memory_allocate(size_bytes, "a deep network");
    memcpy(sizes, config->sizes, size_bytes);
    net->config = *config;
    net->config.sizes = sizes;
    net->layers = memory_allocate_zeroed((size_t)config->n_layer, sizeof(Linear), "a deep network");
    net->norms = memory_allocate_zeroed((size_t)config->n_layer, sizeof(BatchNorm), "a deep network");
    net->residuals = memory_allocate_zeroed((size_t)config->n_layer, sizeof(Residual), "a deep network");
    module_init(&net->module, &deep_kind, NULL, "");
    const ResidualRule *rule = residual_rule(deep_rule_text(config), error);
    net->config.residual = residual_text(rule);
    for (int i = 0; i < config->n_layer; i++) {
        layer_init(net, i, rule);
    }
    Random random;
    Random rules;
    random_seed(&random, seed);
    random_seed(&rules, seed + RESIDUAL_SEED);
    Init init = {.scheme = config->init,
                 .n_layer = config->n_layer,
                 .rules = &rules,
                 .gain = config->init_gain,
                 .own_bias = config->own_bias,
                 .bias_std = config->bias_std};
    module_initialize(&net->module, init, &random);
    unwind_end(frame);
    return net;
}

void deep_free(DeepNet *net)
{
    if (net == NULL) {
        return;
    }
    module_free(&net->module);
    for (int i = 0; net->residuals != NULL && i < net->config.n_layer; i++) {
        residual_free(&net->residuals[i]);
    }
    free(net->config.sizes);
    free(net->layers);
    free(net->norms);
    free(net->residuals);
    free(net);
}

typedef struct DeepLayer {
    Linear *linear;
    BatchNorm *norm; // NULL: none
    Activation activation;
} DeepLayer;

static Tensor *run_layer(void *context, Tensor *x)
{
    const DeepLayer *layer = context;
    Tensor *y = linear_forward(layer->linear, x); // (B, sizes[i + 1])
    if (layer->norm != NULL) {
        y = batchnorm_forward(layer->norm, y);
    }
    return activation_forward(layer->activation, y);
}

static DeepLayer layer_of(DeepNet *net, int i)
{
    const DeepConfig *config = &net->config;
    bool head = is_linear_head(config, i);
    return (DeepLayer){
        .linear = &net->layers[i],
        .norm = config->norm == DEEP_NORM_BATCH && !head ? &net->norms[i] : NULL,
        .activation = head ? ACTIVATION_IDENTITY : config->activation,
    };
}

Tensor *(deep_forward)(DeepNet *net, Tensor *x, Where where)
{
    REQUIRE(net);
    Tensor *x0 = x;
    for (int i = 0; i < net->config.n_layer; i++) {
        DeepLayer layer = layer_of(net, i);
        Residual *residual = &net->residuals[i];
        int outer = tape_enter(layer.linear->module.name, where);
        if (residual->rule != NULL) {
            x = residual_forward(residual, (ResidualStreams){.h = x, .x0 = x0, .block = x}, run_layer, &layer);
        } else {
            tape_sublayer_begin(x);
            tape_branch(true);
            x = run_layer(&layer, x); // (B, sizes[i + 1])
            tape_branch(false);
            tape_sublayer_end();
        }
        tensor_label(x, "out");
        tape_leave(outer);
    }
    return x;
}

// ------------------------------------------------------------------------------------------------------------
// The table of DeepConfig's fields

static const char *norm_word(int value)
{
    return value == DEEP_NORM_BATCH ? "batch" : "none";
}

static const char *head_word(int value)
{
    return value == HEAD_LINEAR ? "linear" : "activation";
}

static const char *loss_word(int value)
{
    return value == LOSS_CE ? "ce" : "mse";
}

#define FIELD(member, type) .name = #member, .kind = (type), .offset = offsetof(DeepConfig, member)
#define CHOICE(member, words, count) FIELD(member, FIELD_CHOICE), .word = (words), .n_words = (count)

const ConfigField deep_fields[] = {
    {CHOICE(activation, activation_name, ACTIVATION_COUNT), .standard = "gelu", .help = "activation function after each layer"},
    {CHOICE(norm, norm_word, DEEP_NORM_COUNT), .standard = "none", .help = "batch normalization before each activation"},
    {CHOICE(head, head_word, HEAD_COUNT), .standard = "activation", .help = "the last layer, with an activation or without"},
    {CHOICE(loss, loss_word, LOSS_COUNT), .standard = "mse", .help = "mean squared error, or cross-entropy of classes"},
    {CHOICE(init, init_name, INIT_COUNT), .standard = "torch", .help = "initialization of the weights"},
    {FIELD(init_gain, FIELD_NUMBER), .low = 1e-6, .high = 1e6, .standard = "1", .help = "factor on the initial weights"},
    {FIELD(bias_std, FIELD_NUMBER), .low = 0, .high = 1e6, .help = "standard deviation of the initial biases, instead of the scheme's"},
};

const int deep_field_count = sizeof deep_fields / sizeof deep_fields[0];

bool deep_field_differs(const ConfigField *field, const DeepConfig *config)
{
    REQUIRE(field, field->name, config);
    bool always = strcmp(field->name, "activation") == 0 || strcmp(field->name, "init") == 0;
    if (field->kind == FIELD_CHOICE) {
        return !always && config_field_number(field, config) != 0;
    }
    double value = config_field_number(field, config);
    return strcmp(field->name, "bias_std") == 0 ? config->own_bias : value != 0 && value != 1;
}
