// paths.c: the gradient by path length, exactly.
//
//      G(z) = sum_k G_k z^k,      G_k: all of the gradient that passed exactly k sublayers (gradflow.h)
//
// Source: Veit et al. 2016 (arXiv 1605.06431), who sample paths; here nothing is sampled. Cost: at most S + 2 backward passes for S sublayers.

#include "gpt/lab/probe.h"
#include "tensor/unwind.h"

#include <math.h>

static void free_paths(void *paths)
{
    path_lengths_free(paths);
}

static void add_rows(ProbeRun *run, const PathLengths *paths)
{
    int S = paths->n_sublayers;
    for (int s = 0; s < S; s++) {
        char name[PROBE_NAME];
        int layer = probe_sublayer_layer(run, s);
        probe_sublayer_name(run, s, name);
        for (int k = 0; k <= S - s; k++) {
            probe_add(run, "path_norm", layer, name, k, paths->norm[(size_t)s * (size_t)(S + 1) + (size_t)k]);
        }
        probe_add(run, "path_sum", layer, name, -1, paths->sum[s]);
    }
    probe_add(run, "path_error", -1, NULL, -1, paths->error);
}

static bool measure(ProbeRun *run, Error *error)
{
    (void)error;
    int S = probe_sublayers(run);
    Tensor **start = unwind_allocate((size_t)S, sizeof(Tensor *), "the sublayers");
    for (int s = 0; s < S; s++) {
        start[s] = flow_stream(run->tape, s);
    }
    PathLengths paths = path_lengths(run->loss, start, S);
    int frame = unwind_begin();
    unwind_add(free_paths, &paths);
    add_rows(run, &paths);
    unwind_end(frame);
    return true;
}

// The fewest lengths k = 0 ... K that have 90 % of the sum of all norms: K.
static double most_lengths(const double *norm, int n)
{
    double total = 0;
    for (int i = 0; i < n; i++) {
        total += norm[i];
    }
    double sum = norm[0];
    int k = 0;
    while (k < n - 1 && sum < 0.9 * total) {
        k++;
        sum += norm[k];
    }
    return total > 0 ? k : NAN;
}

enum { MOST_NUMBERS = 20000000 };

static bool check(const ExperimentConfig *config, Error *error)
{
    double S = config->net == NET_MLP ? config->deep.n_layer : 2.0 * config->gpt.n_layer;
    double networks = (double)config->n_seeds * arms_run(config) * (config->n_steps + 1.0);
    double numbers = networks * S * (S + 3) / 2;
    return numbers <= MOST_NUMBERS
        || error_set(error, "%.0f sublayers, %.0f times: %.3g numbers (expected at most %d; fewer layers, seeds or steps)", S, networks, numbers,
                     MOST_NUMBERS);
}

const Probe probe_paths = {
    .name = "paths",
    .about = "Splits the gradient at the start of each sublayer exactly by the number of sublayers it has passed.",
    .source = "Veit 2016, arXiv 1605.06431",
    .cost = "at most S + 2 backward passes for S sublayers",
    .nets = PROBE_MLP | PROBE_GPT,
    .kinds = {{.name = "path_norm",
               .about = "L2 of the gradient at the start of a sublayer that passed exactly k sublayers",
               .place = PLACE_SUBLAYER,
               .index = "k"},
              {.name = "path_sum", .about = "L2 of the sum of all lengths there, the ordinary gradient", .place = PLACE_SUBLAYER},
              {.name = "path_error",
               .about = "largest || sum - ordinary gradient || / || ordinary gradient ||",
               .place = PLACE_NETWORK,
               .internal = true}},
    .columns = {{"mean k", "path_norm", probe_center}, {"k = 0", "path_norm", probe_first_share}, {"|dL/dx|", "path_sum", NULL}},
    .panels = {{.title = "Share of each path length", .kind = "path_norm", .form = FORM_MAP, .x_label = "sublayers passed"},
               {.title = "Share of each length at the input, bars in the order of the key",
                .kind = "path_norm",
                .form = FORM_BARS,
                .scale = SCALE_UNIT,
                .x_label = "sublayers passed"}},
    .legend = "mean k: mean length, weighted by the norms of the parts; k = 0: norm of the part that passed no sublayer over the sum of norms; "
              "|dL/dx|: L2 of the whole",
    .claim = "Veit 2016: a residual network works like an ensemble of shallow ones; most of its gradient comes by short "
             "paths, although most paths pass through about half of the sublayers.",
    .findings = {{"Sublayers passed by the gradient at the input, on average:", "path_norm", PROBE_AT_FIRST, "attn", probe_center},
                 {"Most sublayers passed by 90 % of it:", "path_norm", PROBE_AT_FIRST, "attn", most_lengths},
                 {"Relative error of the sum of all lengths:", "path_error", PROBE_AT_NETWORK, NULL, NULL}},
    .check = check,
    .measure = measure,
};
