// probe.h: the interface of a probe. Internal to gpt/lab/.
//
// A probe is one file in probes/: formula, source and cost in its header comment, a check, a measure function, its kinds, and how its table and
// plot look, in `const Probe probe_NAME`; and one row in PROBES below. It is called after forward and backward of each measured step.

#ifndef GPTAPE_LAB_PROBE_H
#define GPTAPE_LAB_PROBE_H

#include "gpt/base/base.h"
#include "gpt/lab/net.h"

// In the order in which they run and appear in the CSV. Those that run passes of their own come last: they may change the weights, and then the
// measured tape cannot run backward any more. (The browser's module has only some.)
#ifndef PROBES
// clang-format off
#define PROBES(ROW) \
    ROW(paths) ROW(stream) ROW(branch) ROW(attention) ROW(jacobian) ROW(spectrum) ROW(lens) ROW(autocorrelation) \
    ROW(update) ROW(sharpness) ROW(noise) ROW(plane)
// clang-format on
#endif

#define PROBE_DECLARE(name) extern const Probe probe_##name;
PROBES(PROBE_DECLARE)

// The meaning of the kinds' layer and name.
#define PLACE_STREAM "layer: the stream where block i starts; the number of layers: after the last"
#define PLACE_SUBLAYER "name: h.0.attn, h.0.mlp, layers.3; layer: its number"
#define PLACE_ATTENTION "name: h.0.attn; layer: its number"
#define PLACE_NETWORK "layer -1: the whole network"

// With passes, the current tape is an empty one for the probe, and the network's weights, gradients, mode and random numbers are
// restored afterwards, so measure may run net_forward, tensor_backward and an optimizer. Otherwise the measured tape is current. measure
// runs in a frame (unwind.h): what it allocates in it is freed afterwards.
struct ProbeRun {
    const ExperimentConfig *config;
    Net *net;
    uint64_t seed;
    int step;
    Tape *tape;         // of the measured pass, after forward and backward; no gradient of an intermediate is left
    Tensor *output;     // of the network, on it
    Tensor *loss;       // one value on it, whose gradients were computed
    int block;          // of a streamed GPT: the only one on the tape; a probe by_block is run for each. Else 0
    const AdamW *adamw; // makes the next step; NULL: no step follows, or an SGD step
    double clip;        // clipping norm of that step; 0: none
    const Probe *probe; // that is running
    ProbeResults *results;
};

// Appends a number. kind is one of the probe's; name NULL: none; index -1: none.
void probe_add(ProbeRun *run, const char *kind, int layer, const char *name, int index, double value);

// Runs the probes of the experiment. Their faults are stored in run->results.
void probes_run(ProbeRun *run);

// The sublayers of the measured pass (an MLP's layers), from 0: how many, and of the s-th its name "h.0.attn" or "layers.3", and its layer.
// Their streams and branches: flow_stream, flow_branch.
int probe_sublayers(const ProbeRun *run);
const char *probe_sublayer_name(const ProbeRun *run, int s, char name[PROBE_NAME]);
int probe_sublayer_layer(const ProbeRun *run, int s);
int probe_layers(const ProbeRun *run);                      // blocks or layers
bool probe_has_layer(const ProbeRun *run, int layer);       // is it on the tape? Of a streamed GPT, this block, and after the last its end
Tensor *probe_layer_stream(const ProbeRun *run, int layer); // where block `layer` starts; the number of layers: after the last

// The loss of the measured network, and of single rows of its batch, without dropout, as a function of its weights. For probes with passes;
// *parameters is freed when the innermost frame ends.
LossFunction probe_loss(ProbeRun *run, ParameterList *parameters);
int probe_rows(const ExperimentConfig *config); // of the batch

// Upper bound for the running probe in all networks of the experiment, estimated from one loss and one gradient; 0 if it is always fast.
double probe_seconds(ProbeRun *run);

#endif
