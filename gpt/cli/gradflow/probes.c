// probes.c: the probes of gptape gradflow: their option, their list, their tables and their faults.

#include "gpt/base/base.h"
#include "gpt/cli/gradflow/gradflow.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// ------------------------------------------------------------------------------------------------------------
// The option

static void print_list(void)
{
    for (int i = 0; i < probe_count; i++) {
        const Probe *probe = probe_table[i];
        printf("%s%s%s%s%s\n", i == 0 ? "" : "\n", terminal_color(COLOR_BOLD), probe->name, terminal_color(COLOR_END),
               probe->nets == PROBE_MLP ? " (--net mlp)" : probe->nets == PROBE_GPT ? " (--net gpt)" : "");
        terminal_print("%s Source: %s. Cost: %s.", probe->about, probe->source, probe->cost);
        for (const ProbeKind *kind = probe->kinds; kind->name != NULL; kind++) {
            if (!kind->internal) {
                terminal_print("%s: %s (%s%s%s)", kind->name, kind->about, kind->place, kind->index == NULL ? "" : "; index: ",
                               kind->index == NULL ? "" : kind->index);
            }
        }
    }
}

static bool unknown_probe(const Options *options, const char *name)
{
    char known[400] = "";
    size_t used = 0;
    const char *similar = NULL;
    for (int i = 0; i < probe_count; i++) {
        used += (size_t)snprintf(known + used, sizeof known - used, "%s, ", probe_table[i]->name);
        similar = word_distance(name, probe_table[i]->name) <= SIMILAR_WORDS ? probe_table[i]->name : similar;
    }
    if (similar != NULL) {
        return option_error(options, "probe", "unknown probe '%.80s'; did you mean %s?", name, similar);
    }
    return option_error(options, "probe", "unknown probe '%.80s' (expected %slist)", name, known);
}

static bool add_probe(const Options *options, ExperimentConfig *config, const char *name)
{
    const Probe *probe = probe_find(name);
    for (int i = 0; probe != NULL && i < config->n_probes; i++) {
        if (config->probes[i] == probe) {
            return option_error(options, "probe", "%s is given twice", name);
        }
    }
    if (probe == NULL) {
        return unknown_probe(options, name);
    }
    config->probes[config->n_probes] = probe;
    config->n_probes++;
    return true;
}

bool probes_read(const Options *options, ExperimentConfig *config, int *status)
{
    bool read = true;
    for (int i = 0; read && i < options_count(options, "probe"); i++) {
        const char *text = options_text_of(options, "probe", i);
        if (strcmp(text, "list") == 0) {
            print_list();
            *status = STATUS_OK;
            return false;
        }
        while (read && text != NULL) {
            size_t length = strcspn(text, ",");
            char name[PROBE_NAME];
            snprintf(name, sizeof name, "%.*s", length < sizeof name ? (int)length : (int)sizeof name, text);
            read = add_probe(options, config, name);
            text = text[length] == ',' ? text + length + 1 : NULL;
        }
    }
    config->force = options_given(options, "force");
    return read;
}

// Work of less than a second needs no line.
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
// JSON, and what went wrong

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
        const Probe *probe = experiment->config.probes[i];
        const ProbeFault *fault = experiment_probe_fault(experiment, probe, &networks);
        if (fault != NULL && networks < experiment->n_measurements) {
            option_error(options, "probe", "%s: %s (in %d of %d measurements)", probe->name, fault->error.message, networks, experiment->n_measurements);
        } else if (fault != NULL) {
            option_error(options, "probe", "%s: %s", probe->name, fault->error.message);
        }
        sound = sound && fault == NULL;
    }
    return sound;
}
