// branch.c: the size of each sublayer's f relative to its input stream: rms(f) / rms(h), each over the whole batch.
//
// Source: De and Smith 2020 (arXiv 2002.10444): at initialization, normalized branches become small relative to the stream. Cost: one read of both.

#include "gpt/lab/probe.h"

static bool measure(ProbeRun *run, Error *error)
{
    (void)error;
    for (int s = 0; s < probe_sublayers(run); s++) {
        char name[PROBE_NAME];
        const Tensor *h = flow_stream(run->tape, s);
        const Tensor *f = flow_branch(run->tape, s);
        double ratio = flow_stats(f->data, tensor_count(f)).rms / flow_stats(h->data, tensor_count(h)).rms;
        probe_add(run, "branch_ratio", probe_sublayer_layer(run, s), probe_sublayer_name(run, s, name), -1, ratio);
    }
    return true;
}

const Probe probe_branch = {
    .name = "branch",
    .about = "Compares the size of each sublayer's output with that of the stream it is added to.",
    .source = "De and Smith 2020, arXiv 2002.10444",
    .cost = "one read of the values",
    .nets = PROBE_MLP | PROBE_GPT,
    .by_block = true,
    .kinds = {{.name = "branch_ratio", .about = "rms of the output of f over the rms of its input stream", .place = PLACE_SUBLAYER}},
    .columns = {{"rms f / h", "branch_ratio", NULL}},
    .panels = {{.title = "RMS of the branch over RMS of the stream", .kind = "branch_ratio", .scale = SCALE_LOG}},
    .legend = "rms f / h: rms of the branch's output over the rms of its input stream",
    .claim = "De and Smith 2020: with normalized branches the stream grows with depth, so deep branches contribute less and less.",
    .findings = {{"In the last feed-forward branch, rms of f over rms of the stream is", "branch_ratio", PROBE_AT_LAST, "mlp", NULL},
                 {"In the first, it is", "branch_ratio", PROBE_AT_FIRST, "mlp", NULL}},
    .measure = measure,
};
