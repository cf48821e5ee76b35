// attention.c: how each head distributes its weight.
//
//      entropy  -sum_s p_ts ln p_ts, nats      max  max_s p_ts      first  p_t0, over t >= 1      means over positions and sequences
//
// Sources: Zhai et al. 2023 (arXiv 2303.06296, entropy), Xiao et al. 2023 (arXiv 2309.17453, the first token). Cost: scores and softmax again.

#include "gpt/lab/probe.h"
#include "tensor/unwind.h"

#include <math.h>

static bool measure(ProbeRun *run, Error *error)
{
    const GPTConfig *config = &run->net->gpt->config;
    AttentionStats *stats = unwind_allocate((size_t)config->n_head, sizeof *stats, "attention weights");
    for (int layer = 0; layer < config->n_layer; layer++) {
        if (!probe_has_layer(run, layer)) {
            continue;
        }
        char name[PROBE_NAME];
        const Tensor *qkv = attention_qkv(run->tape, &run->net->gpt->h[layer].attn);
        if (qkv == NULL) {
            return error_set(error, "layer %d: no attention on the tape", layer);
        }
        attention_stats(qkv, config->n_head, config->causal, stats);
        probe_sublayer_name(run, 2 * (layer - run->block), name);
        for (int head = 0; head < config->n_head; head++) {
            probe_add(run, "attention_entropy", layer, name, head, stats[head].entropy);
            probe_add(run, "attention_max", layer, name, head, stats[head].largest);
            if (run->config->T > 1) {
                probe_add(run, "attention_first", layer, name, head, stats[head].first);
            }
        }
    }
    return true;
}

// The values of a head that weights all visible positions equally.
static void compare_with_even(const ExperimentConfig *config, FILE *out)
{
    int T = config->T;
    double entropy = 0;
    double first = 0;
    for (int t = 0; t < T; t++) {
        int visible = config->gpt.causal ? t + 1 : T;
        entropy += log(visible) / T;
        first += t == 0 ? 0 : 1.0 / visible / (T - 1);
    }
    number_print(out, "Even weights would give an entropy of %.3g, and the first token %.3g. ", entropy, first);
}

const Probe probe_attention = {
    .name = "attention",
    .about = "Measures for each head how evenly it attends, its largest weight, and its weight on the first token.",
    .source = "Zhai 2023, arXiv 2303.06296; Xiao 2023, arXiv 2309.17453",
    .cost = "scores and softmax once more",
    .nets = PROBE_GPT,
    .by_block = true,
    .kinds = {{.name = "attention_entropy",
               .about = "mean entropy of a position's attention weights, in nats",
               .place = PLACE_ATTENTION,
               .index = "head"},
              {.name = "attention_max", .about = "mean of the largest weight of a position", .place = PLACE_ATTENTION, .index = "head"},
              {.name = "attention_first",
               .about = "mean weight of the first token, over the positions after it",
               .place = PLACE_ATTENTION,
               .index = "head"}},
    .columns = {{"entropy", "attention_entropy", probe_mean}, {"largest", "attention_max", probe_mean}, {"first", "attention_first", probe_mean}},
    .panels = {{.title = "Entropy, mean over heads", .kind = "attention_entropy", .reduce = probe_mean},
               {.title = "Largest weight", .kind = "attention_max", .reduce = probe_mean},
               {.title = "Weight of the first token", .kind = "attention_first", .reduce = probe_mean}},
    .legend = "entropy in nats, largest: the largest weight, first: weight of the first token; means over heads, positions and sequences",
    .claim =
        "Zhai 2023: training becomes unstable where the entropy of attention collapses. Xiao 2023: trained heads give the first token much weight.",
    .findings = {{"In the last block, the entropy is", "attention_entropy", PROBE_AT_LAST, "attn", probe_mean},
                 {"The first token gets", "attention_first", PROBE_AT_LAST, "attn", probe_mean}},
    .comparison = compare_with_even,
    .measure = measure,
};
