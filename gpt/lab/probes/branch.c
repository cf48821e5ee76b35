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

static void finding(const Experiment *experiment, int step, FILE *out)
{
    bool mlp = experiment->config.net == NET_MLP;
    char last[PROBE_NAME];
    snprintf(last, sizeof last, mlp ? "layers.%d" : "h.%d.mlp", experiment->n_layer - 1);
    fprintf(out, "Measured: in the last %s, rms of f over rms of the stream is ", mlp ? "layer" : "feed-forward layer");
    probe_write_arms(out, experiment, step, "branch_ratio", (ProbePlace){.name = last}, NULL);
    fprintf(out, ". In the first, it is ");
    probe_write_arms(out, experiment, step, "branch_ratio", (ProbePlace){.name = mlp ? "layers.0" : "h.0.mlp"}, NULL);
    fprintf(out, ".");
}

static const ProbeKind kinds[] = {
    {.name = "branch_ratio", .about = "rms of the output of f over the rms of its input stream", .place = PLACE_SUBLAYER},
    {0},
};

static const ProbeColumn columns[] = {{"rms f / h", "branch_ratio", NULL}, {0}};

static const ProbePanel panels[] = {
    {.title = "rms of the branch over rms of the stream", .kind = "branch_ratio", .form = FORM_PLACES, .scale = SCALE_LOG},
    {0},
};

const Probe probe_branch = {
    .name = "branch",
    .about = "Compares the size of each sublayer's output with that of the stream it is added to.",
    .source = "De and Smith 2020, arXiv 2002.10444",
    .cost = "one read of the values",
    .nets = PROBE_MLP | PROBE_GPT,
    .by_block = true,
    .kinds = kinds,
    .columns = columns,
    .panels = panels,
    .legend = "rms f / h: rms of the branch's output over the rms of its input stream",
    .claim = "De and Smith 2020: with normalized branches the stream grows with depth, so deep branches contribute less and less.",
    .finding = finding,
    .measure = measure,
};
