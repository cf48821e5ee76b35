// probes.c: the table of probes, and running them.

#include "gpt/lab/probe.h"
#include "tensor/unwind.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROBE_ADDRESS(name) &probe_##name,
const Probe *const probe_table[] = {PROBES(PROBE_ADDRESS)};
const int probe_count = sizeof probe_table / sizeof probe_table[0];

const Probe *probe_find(const char *name)
{
    REQUIRE(name);
    for (int i = 0; i < probe_count; i++) {
        if (strcmp(probe_table[i]->name, name) == 0) {
            return probe_table[i];
        }
    }
    return NULL;
}

const ProbeKind *probe_kind(const char *kind, const Probe **probe)
{
    REQUIRE(kind);
    for (int i = 0; i < probe_count; i++) {
        for (const ProbeKind *row = probe_table[i]->kinds; row->name != NULL; row++) {
            if (strcmp(row->name, kind) == 0) {
                if (probe != NULL) {
                    *probe = probe_table[i];
                }
                return row;
            }
        }
    }
    return NULL;
}

// ------------------------------------------------------------------------------------------------------------
// What probes call

void probe_add(ProbeRun *run, const char *kind, int layer, const char *name, int index, double value)
{
    ProbeResults *results = run->results;
    ProbeRow *row = LIST_ADD(results->rows, results->n_rows, results->rows_capacity, "a probe's numbers");
    *row = (ProbeRow){.kind = kind, .layer = layer, .index = index, .value = value};
    if (name != NULL) {
        snprintf(row->name, sizeof row->name, "%s", name);
    }
}

int probe_sublayers(const ProbeRun *run)
{
    return run->tape->n_sublayers;
}

int probe_layers(const ProbeRun *run)
{
    return run->config->net == NET_MLP ? run->net->deep->config.n_layer : run->net->gpt->config.n_layer;
}

int probe_sublayer_layer(const ProbeRun *run, int s)
{
    return run->config->net == NET_MLP ? s : run->block + s / 2;
}

const char *probe_sublayer_name(const ProbeRun *run, int s, char name[PROBE_NAME])
{
    if (run->config->net == NET_MLP) {
        snprintf(name, PROBE_NAME, "layers.%d", s);
    } else {
        snprintf(name, PROBE_NAME, "h.%d.%s", run->block + s / 2, s % 2 == 0 ? "attn" : "mlp");
    }
    return name;
}

bool probe_has_layer(const ProbeRun *run, int layer)
{
    bool is_end = layer == probe_layers(run) && layer == run->block + 1;
    return !run->config->streamed || layer == run->block || is_end;
}

Tensor *probe_layer_stream(const ProbeRun *run, int layer)
{
    return flow_stream(run->tape, run->config->net == NET_MLP ? layer : 2 * (layer - run->block));
}

// ------------------------------------------------------------------------------------------------------------
// Running them

static bool fits(const Probe *probe, const ExperimentConfig *config, Error *error)
{
    unsigned net = config->net == NET_MLP ? PROBE_MLP : PROBE_GPT;
    if ((probe->nets & net) == 0) {
        return error_set(error, "not for a network of this kind, %s (expected --net %s)", net_name(config->net),
                         net_name(config->net == NET_MLP ? NET_GPT : NET_MLP));
    }
    return probe->check == NULL || probe->check(config, error);
}

static bool is_affordable(ProbeRun *run, Error *error)
{
    double seconds = run->config->force ? 0 : probe_seconds(run);
    return seconds <= PROBE_SECONDS
        || error_set(error, "may take %.0f minutes (expected at most %d; --force runs it)", seconds / 60, PROBE_SECONDS / 60);
}

static void add_fault(ProbeRun *run, Error error)
{
    ProbeResults *results = run->results;
    for (int i = 0; i < results->n_faults; i++) {
        if (results->faults[i].probe == run->probe) {
            return; // in another block, too
        }
    }
    *LIST_ADD(results->faults, results->n_faults, results->faults_capacity, "a probe's fault") = (ProbeFault){.probe = run->probe, .error = error};
}

// The first number from `first` on that is not finite.
static bool check_rows(const ProbeRun *run, int first, Error *error)
{
    for (int i = first; i < run->results->n_rows; i++) {
        const ProbeRow *row = &run->results->rows[i];
        if (!isfinite(row->value)) {
            char layer[32] = "the network";
            if (row->layer >= 0) {
                snprintf(layer, sizeof layer, "layer %d", row->layer);
            }
            return error_set(error, "%s: %s is %s", row->name[0] != '\0' ? row->name : layer, row->kind, isnan(row->value) ? "NaN" : "infinite");
        }
    }
    return true;
}

static void run_probe(ProbeRun *run)
{
    Error error;
    int first = run->results->n_rows;
    bool done = fits(run->probe, run->config, &error);
    if (done) {
        int frame = unwind_begin();
        if (run->probe->passes) {
            net_keep(run->net);
            unwind_add_tape();
        }
        done = is_affordable(run, &error) && run->probe->measure(run, &error);
        unwind_end(frame);
    }
    if (!done || !check_rows(run, first, &error)) {
        add_fault(run, error);
    }
}

void probes_run(ProbeRun *run)
{
    for (int i = 0; i < probe_count; i++) {
        for (int k = 0; k < run->config->n_probes; k++) {
            if (run->config->probes[k] == probe_table[i]) {
                run->probe = probe_table[i];
                run_probe(run);
                break;
            }
        }
    }
}

void probes_measure(const ExperimentConfig *config, GPT *gpt, const AdamW *adamw, double clip, int step, Tensor *output, Tensor *loss,
                    ProbeResults *results)
{
    REQUIRE(config, gpt, output);
    Net net = {.config = config, .gpt = gpt, .module = &gpt->module};
    probes_run(&(ProbeRun){.config = config,
                           .net = &net,
                           .seed = config->seed,
                           .step = step,
                           .tape = output->tape,
                           .output = output,
                           .loss = loss,
                           .adamw = adamw,
                           .clip = clip,
                           .results = results});
}

void probe_results_free(ProbeResults *results)
{
    REQUIRE(results);
    free(results->rows);
    free(results->faults);
    *results = (ProbeResults){0};
}
