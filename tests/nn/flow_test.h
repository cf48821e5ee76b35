// flow_test.h: a network whose gradient flow the suites measure.

#ifndef GPTAPE_TESTS_FLOW_TEST_H
#define GPTAPE_TESTS_FLOW_TEST_H

#include "tests/nn/nn_test.h"

// A network to measure: first (3 -> 4), layers.0 and layers.1 (4 -> 4) with shortcuts, last (4 -> 2), spare (2 -> 2).
static const ModuleKind net_kind = {.name = "Net"};

typedef struct Net {
    Module module;
    Linear first;
    Linear layers[2];
    Linear last;
    Linear spare;      // in the tree, in no forward pass
    Tensor *starts[2]; // of the shortcuts
    Tensor *sums[2];   // their additions
    Tensor *y;
} Net;

static Net net; // of the running test

static inline void net_init(void)
{
    net = (Net){0};
    module_init(&net.module, &net_kind, NULL, "");
    linear_init(&net.first, &net.module, "first", 3, 4, true);
    linear_init(&net.layers[0], &net.module, "layers.0", 4, 4, true);
    linear_init(&net.layers[1], &net.module, "layers.1", 4, 4, true);
    linear_init(&net.last, &net.module, "last", 4, 2, true);
    linear_init(&net.spare, &net.module, "spare", 2, 2, true);
    initialize(&net.module, INIT_TORCH, 1);
}

static inline void net_free(void)
{
    module_free(&net.module);
}

static inline Tensor *net_forward(void)
{
    Random random = seeded(2);
    Tensor *x = linear_forward(&net.first, tensor_randn(&random, SHAPE(2, 3)));
    tensor_label(x, "in");
    for (int i = 0; i < 2; i++) {
        const char *outer = tape_scope(net.layers[i].module.name);
        net.starts[i] = x;
        x = tensor_add(x, tensor_tanh(linear_forward(&net.layers[i], x)));
        net.sums[i] = x;
        tensor_label(x, "out");
        tape_scope(outer);
    }
    net.y = linear_forward(&net.last, x);
    tensor_label(net.y, "y");
    return tensor_mean(tensor_mul(net.y, net.y));
}

static inline GradFlow net_measure(void)
{
    module_zero_grad(&net.module);
    Tensor *loss = net_forward();
    GradFlowWatch *watch = gradflow_watch(tape_current());
    for (int i = 0; i < 2; i++) {
        tensor_retain_grad(net.starts[i]);
        tensor_retain_grad(net.sums[i]);
    }
    tensor_backward(loss);
    return gradflow_read(watch, &net.module);
}

#endif
