// deep.c: the book's deep network, as deep as you like.

#include "gpt/lab/lab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const ModuleKind deep_kind = {.name = "DeepNet"};

bool deep_config_check(const DeepConfig *config, Error *error)
{
    REQUIRE(config);
    if (config->n_layer < 1 || config->n_layer > DEEP_DEPTH_MAX) {
        return error_set(error, "%d layers: must be 1 to %d", config->n_layer, DEEP_DEPTH_MAX);
    }
    if ((unsigned)config->activation >= ACTIVATION_COUNT || (unsigned)config->init >= INIT_COUNT) {
        return error_set(error, "activation %d, init %d: there is no such", (int)config->activation, (int)config->init);
    }
    double values = 0;
    for (int i = 0; i <= config->n_layer; i++) {
        if (config->sizes[i] < 1 || config->sizes[i] > DEEP_WIDTH_MAX) {
            return error_set(error, "a layer of %d values: must be 1 to %d", config->sizes[i], DEEP_WIDTH_MAX);
        }
        values += i == 0 ? 0 : (double)(config->sizes[i - 1] + 1) * config->sizes[i];
    }
    // Weights, their gradients, and AdamW's two moments.
    return memory_check(4 * sizeof(Real) * values, "the network", error);
}

DeepNet *deep_create(const DeepConfig *config, uint64_t seed, Error *error)
{
    REQUIRE(config);
    if (!deep_config_check(config, error)) {
        return NULL;
    }
    DeepNet *net = memory_allocate_zeroed(1, sizeof *net, "a deep network");
    size_t size_bytes = (size_t)(config->n_layer + 1) * sizeof(int);
    net->config = *config;
    net->config.sizes = memory_allocate(size_bytes, "a deep network");
    memcpy(net->config.sizes, config->sizes, size_bytes);
    net->layers = memory_allocate_zeroed((size_t)config->n_layer, sizeof(Linear), "a deep network");
    module_init(&net->module, &deep_kind, NULL, "");
    for (int i = 0; i < config->n_layer; i++) {
        char name[32];
        snprintf(name, sizeof name, "layers.%d", i);
        linear_init(&net->layers[i], &net->module, name, config->sizes[i], config->sizes[i + 1], true);
    }
    Random random;
    random_seed(&random, seed);
    module_initialize(&net->module, (Init){.scheme = config->init, .n_layer = config->n_layer}, &random);
    return net;
}

void deep_free(DeepNet *net)
{
    if (net == NULL) {
        return;
    }
    module_free(&net->module);
    free(net->config.sizes);
    free(net->layers);
    free(net);
}

Tensor *deep_forward(DeepNet *net, Tensor *x)
{
    REQUIRE(net);
    for (int i = 0; i < net->config.n_layer; i++) {
        Linear *layer = &net->layers[i];
        const char *outer = tape_scope(layer->module.name);
        Tensor *y = linear_forward(layer, x);                           // (B, sizes[i + 1])
        y = activation_forward(net->config.activation, y);
        bool fits = shape_equal(x->shape, y->shape);
        x = net->config.shortcut && fits ? tensor_add(x, y) : y;
        tensor_label(x, "out");
        tape_scope(outer);
    }
    return x;
}
