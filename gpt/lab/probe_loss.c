// probe_loss.c: the loss of the measured network as a function of its weights, for probes that evaluate it at other weights.

#include "gpt/base/base.h"
#include "gpt/lab/probe.h"
#include "tensor/unwind.h"

#include <stdlib.h>

// One row of the batch, as a separate experiment.
static ExperimentConfig one_row(const ExperimentConfig *all, int row)
{
    ExperimentConfig one = *all;
    size_t ids = (size_t)row * (size_t)(all->net == NET_GPT ? all->T : 1); // an MLP has one class a row
    one.B = 1;
    one.ids = all->ids == NULL ? NULL : all->ids + ids;
    one.targets = all->targets == NULL ? NULL : all->targets + ids;
    if (all->net == NET_MLP) {
        const Real *input = all->input;   // (rows, values of the first layer)
        const Real *target = all->target; // (rows, values of the last)
        one.n_rows = 1;
        one.input = input == NULL ? NULL : input + (size_t)row * (size_t)all->deep.sizes[0];
        one.target = target == NULL ? NULL : target + (size_t)row * (size_t)all->deep.sizes[all->deep.n_layer];
    }
    return one;
}

static Tensor *forward(void *context, int row)
{
    const ProbeRun *run = context;
    Net net = *run->net;
    ExperimentConfig config = *run->config;
    if (row >= 0) {
        config = one_row(run->config, row);
        net.drawn = net.drawn == NULL ? NULL : net.drawn + (size_t)row * (size_t)config.deep.sizes[0];
    }
    net.config = &config;
    return net_loss(&net, net_forward(&net));
}

int probe_rows(const ExperimentConfig *config)
{
    return config->net == NET_GPT ? config->B : experiment_rows(config);
}

LossFunction probe_loss(ProbeRun *run, ParameterList *parameters)
{
    *parameters = module_parameters(run->net->module);
    unwind_add(free, parameters->parameters);
    module_train(run->net->module, false);
    return (LossFunction){parameters, forward, run};
}

// The faster of two runs: the first one is also the warm-up.
static double seconds_of(const LossFunction *loss, bool gradient)
{
    double fastest = 1e300;
    for (int i = 0; i < 2; i++) {
        int frame = unwind_begin();
        unwind_add_tape();
        double start = clock_seconds();
        if (!gradient) {
            tape_no_grad_begin();
        }
        Tensor *value = loss->forward(loss->context, -1);
        if (gradient) {
            tensor_backward(value);
        }
        fastest = clock_seconds() - start < fastest ? clock_seconds() - start : fastest;
        unwind_end(frame);
    }
    return fastest;
}

double probe_seconds(ProbeRun *run)
{
    const ExperimentConfig *config = run->config;
    const Probe *probe = run->probe;
    ParameterList parameters;
    double seconds = 0;
    if (probe->losses + probe->gradients == 0) {
        return 0;
    }
    int frame = unwind_begin();
    LossFunction loss = probe_loss(run, &parameters);
    seconds += probe->losses > 0 ? probe->losses * seconds_of(&loss, false) : 0;
    seconds += probe->gradients > 0 ? probe->gradients * seconds_of(&loss, true) : 0;
    unwind_end(frame);
    return seconds * config->n_seeds * arms_run(config) * (config->n_steps + 1.0);
}
