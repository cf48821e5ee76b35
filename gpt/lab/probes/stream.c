// stream.c: the residual stream where each block starts, and after the last.
//
//      effective rank  exp(-sum p ln p), p = singular values of X / their sum               stable rank  ||X||_F^2 / s_1^2
//      rank residual   r(X - 1 m^T) / r(X), m the mean token                                rms  sqrt(mean x^2) over the batch
//
// X of one sequence is (T, C), and ranks are means over sequences. The rows of an MLP's batch are one sequence. Sources: Roy and Vetterli 2007
// (effective rank), Dong et al. 2021 (arXiv 2103.03404, rank residual). Cost: an SVD of each X, 4 T^2 C operations for T < C.

#include "gpt/lab/probe.h"

static bool measure(ProbeRun *run, Error *error)
{
    (void)error;
    for (int layer = 0; layer <= probe_layers(run); layer++) {
        if (!probe_has_layer(run, layer)) {
            continue;
        }
        const Tensor *x = probe_layer_stream(run, layer);
        FlowRank rank = flow_rank(x);
        probe_add(run, "effective_rank", layer, NULL, -1, rank.effective);
        probe_add(run, "stable_rank", layer, NULL, -1, rank.stable);
        probe_add(run, "rank_residual", layer, NULL, -1, rank.residual);
        probe_add(run, "stream_rms", layer, NULL, -1, flow_stats(x->data, tensor_count(x)).rms);
    }
    return true;
}

const Probe probe_stream = {
    .name = "stream",
    .about = "Measures how many directions the tokens of the residual stream still span, and how large the stream is.",
    .source = "Roy and Vetterli 2007; Dong 2021, arXiv 2103.03404",
    .cost = "the singular values of one matrix per block and sequence",
    .nets = PROBE_MLP | PROBE_GPT,
    .by_block = true,
    .kinds = {{.name = "effective_rank", .about = "exp of the entropy of the singular values of X over their sum", .place = PLACE_STREAM},
              {.name = "stable_rank", .about = "sum of the squared singular values over the largest squared", .place = PLACE_STREAM},
              {.name = "rank_residual",
               .about = "size of X without its mean token over the size of X; 0: all tokens are equal",
               .place = PLACE_STREAM},
              {.name = "stream_rms", .about = "root mean square of the stream", .place = PLACE_STREAM}},
    .columns = {{"eff. rank", "effective_rank", NULL},
                {"stable", "stable_rank", NULL},
                {"residual", "rank_residual", NULL},
                {"rms", "stream_rms", NULL}},
    .panels = {{.title = "Effective rank", .kind = "effective_rank"},
               {.title = "Stable rank", .kind = "stable_rank"},
               {.title = "Rank residual: 0 if all tokens are equal", .kind = "rank_residual", .scale = SCALE_LOG},
               {.title = "Root mean square", .kind = "stream_rms", .scale = SCALE_LOG}},
    .legend = "eff. rank, stable: effective and stable rank; residual: of the rank, 0 if all tokens are equal; rms: root mean square",
    .claim = "Dong 2021: attention alone, without shortcuts and feed-forward, makes all tokens equal, doubly exponentially with depth.",
    .findings = {{"After the last block, the effective rank is", "effective_rank", PROBE_AT_END, NULL, NULL},
                 {"The rank residual is", "rank_residual", PROBE_AT_END, NULL, NULL}},
    .measure = measure,
};
