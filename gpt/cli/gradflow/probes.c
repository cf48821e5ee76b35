// probes.c: tables and faults of the probes of gptape gradflow.

#include "gpt/base/base.h"
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

static int count_columns(const Probe *probe)
{
    int n = 0;
    while (probe->columns[n].title != NULL) {
        n++;
    }
    return n;
}

// More than two arms have one column each.
static int columns_shown(const Experiment *experiment, const Probe *probe)
{
    return experiment_arms(&experiment->config) > 2 ? 1 : count_columns(probe);
}

static void head_cells(Table *table, const Experiment *experiment, const Probe *probe)
{
    const ExperimentConfig *config = &experiment->config;
    table_cell(table, "%s", "");
    for (int arm = 0; arm < experiment_arms(config); arm++) {
        const char *name = config->n_rules > 0 ? experiment_arm_name(config, arm) : arm == 1 ? "with:" : "without:";
        for (int i = 0; i < columns_shown(experiment, probe) && experiment_has(experiment, arm); i++) {
            table_color(table, arm_color(arm));
            table_cell(table, "%.14s", i == 0 ? name : "");
        }
    }
    table_cell(table, "%s", "");
    for (int arm = 0; arm < experiment_arms(config); arm++) {
        for (int i = 0; i < columns_shown(experiment, probe) && experiment_has(experiment, arm); i++) {
            table_cell(table, "%s", probe->columns[i].title);
        }
    }
    table_line(table);
}

static void place_cell(Table *table, ProbePlace place)
{
    if (place.name[0] != '\0') {
        table_cell(table, "%s", place.name);
    } else if (place.layer < 0) {
        table_cell(table, "all");
    } else {
        table_cell(table, "%d", place.layer);
    }
}

static void place_row(Table *table, const Experiment *experiment, const Probe *probe, ProbePlace place, int step)
{
    place_cell(table, place);
    place.name = place.name[0] == '\0' ? NULL : place.name;
    for (int arm = 0; arm < experiment_arms(&experiment->config); arm++) {
        for (int i = 0; i < columns_shown(experiment, probe) && experiment_has(experiment, arm); i++) {
            const ProbeColumn *column = &probe->columns[i];
            Quartiles q = experiment_probe_reduced(experiment, arm, step, column->kind, place, column->reduce);
            if (q.n == 0) {
                table_cell(table, "-");
            } else {
                table_cell(table, "%.3g", q.median);
            }
        }
    }
}

// The places of the probe's first column in the first arm that has any. The caller frees them.
static int find_places(const Experiment *experiment, const Probe *probe, int step, ProbePlace **places)
{
    *places = NULL;
    for (int arm = 0; arm < experiment_arms(&experiment->config); arm++) {
        int n = experiment_probe_places(experiment, arm, step, probe->columns[0].kind, places);
        if (n > 0) {
            return n;
        }
    }
    return 0;
}

static void print_table(const Experiment *experiment, const Probe *probe, int step, const ProbePlace *places, int n)
{
    char alignments[TABLE_COLUMNS + 1] = "lrrrrrrrrrrrrrrrrrrr";
    int n_arms = 0;
    for (int arm = 0; arm < experiment_arms(&experiment->config); arm++) {
        n_arms += experiment_has(experiment, arm);
    }
    alignments[1 + n_arms * columns_shown(experiment, probe)] = '\0';
    int every = n <= ROWS_AT_MOST ? 1 : (n + ROWS_AT_MOST - 1) / ROWS_AT_MOST;
    Table *table = table_begin(alignments, NULL);
    head_cells(table, experiment, probe);
    for (int i = 0; i < n; i++) {
        if (i % every == 0 || i == n - 1) {
            place_row(table, experiment, probe, places[i], step);
        }
    }
    table_end(table);
    terminal_print("%s%s", probe->legend, every > 1 ? "; some layers only, --csv has them all" : "");
}

static void print_finding(const Experiment *experiment, const Probe *probe, int step)
{
    char *text = NULL;
    size_t n = 0;
    FILE *out = probe->finding == NULL ? NULL : open_memstream(&text, &n);
    if (probe->claim != NULL) {
        terminal_print("%s", probe->claim);
    }
    if (out != NULL) {
        probe->finding(experiment, step, out);
        fclose(out);
        terminal_print("%s", text);
    }
    free(text);
}

void probes_print(const Experiment *experiment, int step)
{
    for (int i = 0; i < experiment->config.n_probes; i++) {
        const Probe *probe = experiment->config.probes[i];
        printf("\n%s%s%s\n", terminal_color(COLOR_BOLD), probe->name, terminal_color(COLOR_END));
        terminal_print("%s (%s)", probe->about, probe->source);
        ProbePlace *places;
        int n = find_places(experiment, probe, step, &places);
        if (n > 0) {
            print_finding(experiment, probe, step);
            printf("\n");
            print_table(experiment, probe, step, places, n);
        } else {
            printf("No result.\n");
        }
        free(places);
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
        cJSON *json = cJSON_CreateObject();
        cJSON_AddStringToObject(json, "kind", row->kind);
        json_add_count(json, "layer", row->layer);
        if (row->name[0] != '\0') {
            cJSON_AddStringToObject(json, "name", row->name);
        }
        if (row->index >= 0) {
            json_add_count(json, "index", row->index);
        }
        json_add_number(json, "value", row->value);
        cJSON_AddItemToArray(rows, json);
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
        bool some = networks < experiment->n_measurements;
        char in[64] = "";
        if (some) {
            snprintf(in, sizeof in, " (in %d of %d measurements)", networks, experiment->n_measurements);
        }
        sound = (fault == NULL || options_probe_fault(options, fault, in)) && sound;
    }
    return sound;
}
