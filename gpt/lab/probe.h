// probe.h: what a probe is made of. Internal to gpt/lab/.
//
// A probe is one file in probes/: formula, source and cost in its header comment, a check, a measure function, its kinds, and how its table and
// plot look, in `const Probe probe_NAME`; and one row in PROBES below. It is called after forward and backward of each measured step.

#ifndef GPTAPE_LAB_PROBE_H
#define GPTAPE_LAB_PROBE_H

#include "gpt/lab/net.h"

// In this order they run, and their numbers stand in the CSV.
#define PROBES(ROW) ROW(paths)

#define PROBE_DECLARE(name) extern const Probe probe_##name;
PROBES(PROBE_DECLARE)

// With passes, the current tape is an empty one of the probe's own, and the network's weights, gradients, mode and random numbers are
// restored afterwards, so that measure may run net_forward, tensor_backward and an optimizer. Without, the measured tape is current.
struct ProbeRun {
    const ExperimentConfig *config;
    Net *net;
    uint64_t seed;
    int step;
    Tape *tape;                                    // of the measured pass, after forward and backward; no gradient of an intermediate is left
    Tensor *output;                                // of the network, on it
    Tensor *loss;                                  // one value on it, of which the gradients are
    const Probe *probe;                            // that is running
    ProbeResults *results;
};

// Appends a number. kind is one of the probe's; name NULL: none; index -1: none.
void probe_add(ProbeRun *run, const char *kind, int layer, const char *name, int index, double value);

// Runs the probes of the experiment. Their faults are noted in run->results.
void probes_run(ProbeRun *run);

// The sublayers of the measured pass (an MLP's layers), from 0: how many, what arrived at the s-th, its name "h.0.attn" or "layers.3", and its layer.
int probe_sublayers(const ProbeRun *run);
Tensor *probe_stream(const ProbeRun *run, int s);  // s = probe_sublayers: what left the last
const char *probe_sublayer_name(const ProbeRun *run, int s, char name[PROBE_NAME]);
int probe_sublayer_layer(const ProbeRun *run, int s);
int probe_layers(const ProbeRun *run);             // blocks or layers
Tensor *probe_layer_stream(const ProbeRun *run, int layer);            // where block `layer` starts; the number of layers: after the last

#endif
