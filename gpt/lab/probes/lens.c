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

static void finding(const Experiment *experiment, int step, FILE *out)
{
    fprintf(out, "Measured: before the first block, the loss is ");
    probe_write_arms(out, experiment, step, "lens", (ProbePlace){.layer = 0}, NULL);
    fprintf(out, ". After the last, it is ");
    probe_write_arms(out, experiment, step, "lens", (ProbePlace){.layer = experiment->n_layer}, NULL);
    fprintf(out, ".");
}

static const ProbeKind kinds[] = {
    {.name = "lens", .about = "loss if the stream went straight to the final norm and the head", .place = PLACE_STREAM},
    {0},
};

static const ProbeColumn columns[] = {{"loss", "lens", NULL}, {0}};

static const ProbePanel panels[] = {
    {.title = "Loss of the stream where each block starts", .kind = "lens", .form = FORM_PLACES},
    {0},
};

const Probe probe_lens = {
    .name = "lens",
    .about = "Measures the loss that the network would have without its last blocks.",
    .source = "nostalgebraist 2020, the logit lens",
    .cost = "one forward pass of the head per block",
    .nets = PROBE_GPT,
    .kinds = kinds,
    .columns = columns,
    .panels = panels,
    .legend = "loss: if the stream where this block starts (last line: the end) went straight to the head",
    .claim = "nostalgebraist 2020: in a trained GPT-2 the prediction improves from block to block.",
    .finding = finding,
    .measure = measure,
};
