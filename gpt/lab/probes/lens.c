// lens.c: the loss if the stream where each block starts, or after the last, went straight to the head:
//
//      cross-entropy of lm_head(final norm(stream)), the norm only where the rule has one
//
// Source: nostalgebraist 2020, the logit lens. Cost: one head forward for each block.

#include "gpt/lab/probe.h"

static bool measure(ProbeRun *run, Error *error)
{
    (void)error;
    tape_no_grad_begin();
    for (int layer = 0; layer <= probe_layers(run); layer++) {
        Tensor *logits = gpt_head(run->net->gpt, probe_layer_stream(run, layer)); // (B, T, V)
        Real loss = tensor_item(tensor_cross_entropy(logits, run->config->targets));
        probe_add(run, "lens", layer, NULL, -1, (double)loss);
    }
    tape_no_grad_end();
    return true;
}

const Probe probe_lens = {
    .name = "lens",
    .about = "Measures the loss that the network would have without its last blocks.",
    .source = "nostalgebraist 2020, the logit lens",
    .cost = "one forward pass of the head per block",
    .nets = PROBE_GPT,
    .kinds = {{.name = "lens", .about = "loss if the stream went straight to the final norm and the head", .place = PLACE_STREAM}},
    .columns = {{"loss", "lens", NULL}},
    .panels = {{.title = "Loss of the stream where each block starts", .kind = "lens"}},
    .legend = "loss: if the stream where this block starts (last line: the end) went straight to the head",
    .claim = "nostalgebraist 2020: in a trained GPT-2 the prediction improves from block to block.",
    .findings = {{"Before the first block, the loss is", "lens", PROBE_AT_FIRST, NULL, NULL},
                 {"After the last, it is", "lens", PROBE_AT_END, NULL, NULL}},
    .measure = measure,
};
