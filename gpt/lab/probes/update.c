// update.c: how far the optimizer's next step moves each parameter, relative to its size.
//
//      || new - old || / || old ||,  both L2
//
// for the next step: with --steps by the experiment's optimizer, in a training run by that run's with its clipping, otherwise by a first AdamW
// step with the defaults of gptape train (weight decay 0.1 on matrices), but without clipping and with the default learning rate of --steps,
// 0.001. A first step does not depend on beta1 and beta2. Source: Karpathy 2022 (nn-zero-to-hero), which recommends about 1e-3. Cost: one
// optimizer step.

#include "gpt/lab/probe.h"
#include "tensor/unwind.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void make_step(const ProbeRun *run, const ParameterList *parameters)
{
    if (run->config->sgd) {
        sgd_step(parameters, run->config->lr);
        return;
    }
    AdamWConfig first = {run->config->lr, 0.9, 0.99, 1e-8, 0.1};
    AdamW adamw = adamw_create(parameters, run->adamw == NULL ? first : run->adamw->config);
    if (run->adamw != NULL) {
        memcpy(adamw.m, run->adamw->m, parameters->values * sizeof(Real));
        memcpy(adamw.v, run->adamw->v, parameters->values * sizeof(Real));
        adamw.step = run->adamw->step;
    }
    adamw_step_clipped(&adamw, grad_norm(parameters), run->clip > 0 ? run->clip : INFINITY);
    adamw_free(&adamw);
}

// The first number in its name; -1 before the first layer, the number of layers after the last.
static int layer_of(const char *name, int n_layer, bool *after)
{
    const char *dot = strchr(name, '.');
    if (dot != NULL && isdigit((unsigned char)dot[1])) {
        *after = true;
        return atoi(dot + 1);
    }
    return *after ? n_layer : -1;
}

// Sums over all weights of a layer: squared update and squared size.
typedef struct LayerUpdate {
    double change;
    double size;
} LayerUpdate;

static bool measure(ProbeRun *run, Error *error)
{
    (void)error;
    bool after = false;
    int frame = unwind_begin();
    LayerUpdate *layers = unwind_allocate((size_t)probe_layers(run) + 2, sizeof *layers, "the updates");
    ParameterList parameters = module_parameters(run->net->module);
    unwind_add(free, parameters.parameters);
    double *ratios = unwind_allocate((size_t)parameters.count, sizeof *ratios, "the updates");
    WeightCopy before = weight_copy(&parameters);
    unwind_add(free, before.values);
    make_step(run, &parameters);
    update_ratios(&before, ratios);
    size_t at = 0;
    for (int i = 0; i < parameters.count; i++) {
        char name[NAME_TEXT];
        size_t n = tensor_count(parameters.parameters[i]);
        double size = flow_stats(before.values + at, n).l2;
        int layer = layer_of(tensor_name(parameters.parameters[i], name), probe_layers(run), &after);
        if (size != 0) { // the ratio is undefined if all values are 0
            probe_add(run, "update_ratio", layer, name, -1, ratios[i]);
            layers[layer + 1].change += ratios[i] * ratios[i] * size * size;
            layers[layer + 1].size += size * size;
        }
        at += n;
    }
    for (int layer = 0; layer < probe_layers(run); layer++) {
        if (layers[layer + 1].size > 0) {
            probe_add(run, "update_layer", layer, NULL, -1, sqrt(layers[layer + 1].change / layers[layer + 1].size));
        }
    }
    unwind_end(frame);
    return true;
}

const Probe probe_update = {
    .name = "update",
    .about = "Measures how far the next optimizer step moves each parameter, relative to its size.",
    .source = "Karpathy 2022, nn-zero-to-hero",
    .cost = "one optimizer step",
    .nets = PROBE_MLP | PROBE_GPT,
    .passes = true,
    .kinds = {{.name = "update_ratio",
               .about = "||new - old|| / ||old|| of the next optimizer step; no row for a parameter that is all 0",
               .place = "name: the parameter; layer: the first number in it"},
              {.name = "update_layer", .about = "the same for all parameters of a layer together", .place = "layer", .internal = true}},
    .columns = {{"update", "update_ratio", NULL}},
    .panels = {{.title = "Update of each layer, relative to its size", .kind = "update_layer", .scale = SCALE_LOG},
               {.title = "Update of each parameter, relative to its size",
                .kind = "update_ratio",
                .scale = SCALE_LOG,
                .x_label = "parameter, in the order of the network"}},
    .legend = "update: ||new - old|| / ||old||",
    .claim = "Karpathy 2022: about 1e-3 is right; much less learns slowly, much more is unstable.",
    .findings = {{"Relative to its size, the first layer moves by", "update_layer", PROBE_AT_FIRST, NULL, NULL},
                 {"the last by", "update_layer", PROBE_AT_LAST, NULL, NULL}},
    .measure = measure,
};
