// probes.c: tables and faults of the probes of gptape gradflow.

#include "gpt/cli/gradflow/gradflow.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// Estimates under a second are not printed.
bool probes_note_time(const Options *options, const ExperimentConfig *config, Error *error)
{
    for (int i = 0; i < config->n_probes; i++) {
        double seconds;
        if (!probe_estimate(config, config->probes[i], &seconds, error)) {
            return false;
        }
        if (seconds >= 1) {
            command_note(options, "%s may take %.3g %s", config->probes[i]->name, seconds < 120 ? seconds : seconds / 60,
                         seconds < 120 ? "seconds" : "minutes");
        }
    }
    return true;
}

// ------------------------------------------------------------------------------------------------------------
// The tables

typedef struct Shown {
    const Probe *probe;
    ProbePlace *places;
} Shown;

// More than two arms have one column each.
static const char *column_title(const ArmTable *table, int arm, int column)
{
    (void)arm;
    const Shown *shown = table->what;
    return shown->probe->columns[column].title;
}

static void place_head(Table *out, const ArmTable *table, int row)
{
    const Shown *shown = table->what;
    ProbePlace place = shown->places[row];
    if (place.name[0] != '\0' || place.layer < 0) {
        table_cell(out, "%s", place.name[0] != '\0' ? place.name : "all");
    } else {
        table_cell(out, "%d", place.layer);
    }
}

static void place_cell(Table *out, const ArmTable *table, int row, int arm, int column)
{
    const Shown *shown = table->what;
    const ProbeColumn *what = &shown->probe->columns[column];
    Quartiles q = experiment_probe_reduced(table->experiment, arm, table->step, what->kind, shown->places[row], what->reduce);
    table_cell(out, q.n == 0 ? "-" : "%.3g", q.median);
}

// The places of the probe's first column in the first arm that has any. The caller frees them.
static int find_places(const Experiment *experiment, const Probe *probe, int step, ProbePlace **places)
{
    for (int arm = 0; arm < experiment_arms(&experiment->config); arm++) {
        int n = experiment_probe_places(experiment, arm, step, probe->columns[0].kind, places);
        if (n > 0) {
            return n;
        }
    }
    return 0;
}

static void print_table(const Experiment *experiment, const Probe *probe, int step, ProbePlace *places, int n)
{
    ArmTable table = {.experiment = experiment,
                      .corner = "",
                      .n_columns = 1,
                      .n_rows = n,
                      .step = step,
                      .what = &(Shown){probe, places},
                      .title = column_title,
                      .head = place_head,
                      .cell = place_cell};
    while (experiment_arms(&experiment->config) <= 2 && probe->columns[table.n_columns].title != NULL) {
        table.n_columns++;
    }
    bool omits = gradflow_print_arms(&table);
    terminal_print("%s%s", probe->legend, omits ? "; some layers only, --csv has them all" : "");
}

static void print_finding(const Experiment *experiment, const Probe *probe, int step)
{
    Writer *writer = writer_begin();
    terminal_print("%s", probe->claim);
    probe_write_findings(writer->stream, experiment, step, probe, false, 0);
    AUTO_FREE char *findings = writer_end(writer);
    if (findings[0] != '\0') {
        terminal_print("Measured: %s", findings);
    }
}

void probes_print(const Experiment *experiment, int step)
{
    char when[64] = "";
    if (experiment->config.n_steps > 0) {
        snprintf(when, sizeof when, step > 0 ? ", after %d step%s of training" : ", before training", step, plural(step));
    }
    for (int i = 0; i < experiment->config.n_probes; i++) {
        const Probe *probe = experiment->config.probes[i];
        printf("\n%s%s%s%s\n", terminal_color(COLOR_BOLD), probe->name, when, terminal_color(COLOR_END));
        terminal_print("%s (%s)", probe->about, probe->source);
        AUTO_FREE ProbePlace *places = NULL;
        int n = find_places(experiment, probe, step, &places);
        if (n > 0) {
            print_finding(experiment, probe, step);
            printf("\n");
            print_table(experiment, probe, step, places, n);
        } else {
            printf("No result.\n");
        }
    }
}

// ------------------------------------------------------------------------------------------------------------
// JSON and faults

void probes_add_json(cJSON *run, const Measurement *measurement)
{
    const ProbeResults *results = &measurement->probes;
    if (results->n_rows + results->n_faults == 0) {
        return;
    }
    cJSON *rows = cJSON_AddArrayToObject(run, "probes");
    for (int i = 0; i < results->n_rows; i++) {
        const ProbeRow *row = &results->rows[i];
        cJSON *json = json_add_object(rows);
        cJSON_AddStringToObject(json, "kind", row->kind);
        json_add_count(json, "layer", row->layer);
        if (row->name[0] != '\0') {
            cJSON_AddStringToObject(json, "name", row->name);
        }
        if (row->index >= 0) {
            json_add_count(json, "index", row->index);
        }
        json_add_number(json, "value", row->value);
    }
    cJSON *faults = cJSON_AddObjectToObject(run, "probe_faults");
    for (int i = 0; i < results->n_faults; i++) {
        cJSON_AddStringToObject(faults, results->faults[i].probe->name, results->faults[i].error.message);
    }
}

bool probes_report(const Options *options, const Experiment *experiment)
{
    bool sound = true;
    for (int i = 0; i < experiment->config.n_probes; i++) {
        int networks;
        const ProbeFault *fault = experiment_probe_fault(experiment, experiment->config.probes[i], &networks);
        char in[64] = "";
        if (networks < experiment->n_measurements) {
            snprintf(in, sizeof in, " (in %d of %d measurements)", networks, experiment->n_measurements);
        }
        sound = (fault == NULL || options_probe_fault(options, fault, in)) && sound;
    }
    return sound;
}
