// flow.c: each layer's gradients while a model learns: measured every gradflow_every steps, written to gradflow.csv at once, in the columns
// of every experiment, and drawn from there, so that a run that was interrupted draws all of its steps.

#include "gpt/base/base.h"
#include "gpt/train/run_files.h"

#include <limits.h>
#include <math.h>
#include <string.h>

// The columns of experiment_csv that are read back.
// clang-format off
enum {
    COLUMN_STEP = 4, COLUMN_LAYER, COLUMN_NAME, COLUMN_KIND, COLUMN_MEAN_ABS, COLUMN_L2, COLUMN_RMS, COLUMN_MAX_ABS, COLUMN_ZERO_FRACTION,
    COLUMN_DENORMAL_FRACTION, COLUMN_TOKEN_COSINE, LEAST_COLUMNS, COLUMN_INDEX = LEAST_COLUMNS + 2, COLUMN_VALUE, ALL_COLUMNS
};
// clang-format on

// A table of version 0.1 lacks the columns from residual on: they are added. Other files are not changed.
static bool add_columns(const char *path, const Trainer *trainer, Error *error)
{
    size_t old = strstr(experiment_csv_header, ",residual") - experiment_csv_header;
    AUTO_FREE char *text = NULL;
    size_t n;
    Error none;
    SaveFile save;
    if (!file_read(path, MOST_TEXT_BYTES, &text, &n, &none)) {
        return true;
    }
    bool lacks = n > old && strncmp(text, experiment_csv_header, old) == 0 && text[old] == '\n';
    bool done = !lacks || save_begin(&save, path, error);
    if (lacks && done) {
        fputs(experiment_csv_header, save.stream);
        char *line = text + old + 1;
        for (char *end = strchr(line, '\n'); end != NULL; end = strchr(line, '\n')) { // an incomplete last line is left out
            fprintf(save.stream, "%.*s,%s,%llu,,\n", (int)(end - line), line, residual_name(gpt_rule(&trainer->setup.gpt)),
                    (unsigned long long)trainer->setup.seed);
            line = end + 1;
        }
        done = save_commit(&save, error);
    }
    return done;
}

RowTable *train_flow_open(const char *path, const Trainer *trainer, int last_step, Error *error)
{
    if (!add_columns(path, trainer, error)) {
        return NULL;
    }
    return step_table_open(path, experiment_csv_header, COLUMN_STEP, last_step, error);
}

// The run as an experiment of one network.
static ExperimentConfig experiment_of(const Trainer *trainer)
{
    const TrainSetup *setup = &trainer->setup;
    return (ExperimentConfig){
        .net = NET_GPT,
        .gpt = setup->gpt,
        .B = setup->train.batch,
        .T = setup->train.length,
        .arms = setup->gpt.shortcut ? ARMS_ON : ARMS_OFF,
        .rules = {setup->gpt.residual},
        .n_rules = setup->gpt.residual != NULL,
        .seed = setup->seed,
        .n_seeds = 1,
        .lr = setup->train.lr,
        .train = &setup->train,
    };
}

static int arm_of(const ExperimentConfig *config)
{
    return config->n_rules == 0 && config->arms == ARMS_ON;
}

// Keeps each probe's first fault in the run.
static void keep_faults(ProbeResults *probed, const ProbeResults *before)
{
    for (int i = 0; i < before->n_faults; i++) {
        bool again = false;
        for (int k = 0; k < probed->n_faults; k++) {
            if (probed->faults[k].probe == before->faults[i].probe) {
                probed->faults[k] = before->faults[i];
                again = true;
            }
        }
        if (!again) {
            *LIST_ADD(probed->faults, probed->n_faults, probed->faults_capacity, "a probe's fault") = before->faults[i];
        }
    }
}

void train_probe(Trainer *trainer, Tensor *logits, Tensor *loss)
{
    ExperimentConfig config = experiment_of(trainer);
    config.ids = trainer->ids;
    config.targets = trainer->targets;
    config.n_probes = trainer->n_probes;
    memcpy(config.probes, trainer->probes, sizeof config.probes);
    ProbeResults before = trainer->probed;
    AdamW next = trainer->adamw;
    next.config.lr = train_lr(&trainer->setup.train, next.step);
    trainer->probed = (ProbeResults){0};
    probes_measure(&config, trainer->gpt, &next, trainer->setup.train.clip, next.step, logits, loss, &trainer->probed);
    keep_faults(&trainer->probed, &before);
    probe_results_free(&before);
}

bool train_flow_add(RowTable *table, const Trainer *trainer, int step, const GradFlow *flow, Error *error)
{
    ExperimentConfig config = experiment_of(trainer);
    Measurement measurement = {.seed = config.seed, .arm = arm_of(&config), .step = step, .flow = *flow, .probes = trainer->probed};
    Writer *writer = writer_begin();
    measurement_csv(&config, &measurement, writer->stream);
    AUTO_FREE char *rows = writer_end(writer);
    return row_table_add(table, rows, strlen(rows), error);
}

// ------------------------------------------------------------------------------------------------------------
// Reading it back

// The parameter of the tree that a row is about, and which part of it: "h.3.attn.c_attn.weight.k".
static const Tensor *find_parameter(const ParameterList *parameters, const char *row_name, int *part)
{
    static const char *const parts[] = {"q", "k", "v"};
    for (int i = 0; i < parameters->count; i++) {
        char name[NAME_TEXT];
        size_t length = strlen(tensor_name(parameters->parameters[i], name));
        *part = -1;
        if (strncmp(row_name, name, length) != 0) {
            continue;
        }
        for (int p = 0; row_name[length] == '.' && p < 3; p++) {
            *part = strcmp(row_name + length + 1, parts[p]) == 0 ? p : *part;
        }
        if (row_name[length] == '\0' || *part >= 0) {
            return parameters->parameters[i];
        }
    }
    return NULL;
}

static bool read_kind(const char *name, FlowKind *kind)
{
    for (int k = 0; k < FLOW_KIND_COUNT; k++) {
        if (strcmp(flow_kind_name((FlowKind)k), name) == 0) {
            *kind = (FlowKind)k;
            return true;
        }
    }
    return false;
}

static bool read_stats(char *const *cells, FlowStats *stats)
{
    double *const columns[] = {&stats->mean_abs,          &stats->l2,          &stats->rms, &stats->max_abs, &stats->zero_fraction,
                               &stats->denormal_fraction, &stats->token_cosine};
    bool read = true;
    for (int i = COLUMN_MEAN_ABS; read && i <= COLUMN_TOKEN_COSINE; i++) {
        read = cell_number(cells[i], columns[i - COLUMN_MEAN_ABS]);
    }
    return read;
}

// The columns that say which step and layer a row is about. False if they are not of this run.
static bool read_place(const TableReader *reader, const Trainer *trainer, int *step, int *layer)
{
    char *const *cells = reader->cells;
    return reader->n_cells >= LEAST_COLUMNS && cell_count(cells[COLUMN_STEP], 0, trainer->adamw.step, step)
        && *step % trainer->setup.train.gradflow_every == 0 && cell_count(cells[COLUMN_LAYER], -1, trainer->setup.gpt.n_layer, layer);
}

// One line of the table. It lacks the sizes of parameters, which the model knows.
static bool read_row(const TableReader *reader, const Trainer *trainer, int *step, FlowRow *row)
{
    char *const *cells = reader->cells;
    *row = (FlowRow){.reach = FLOW_REACHED, .part = -1, .ndim = 3};
    if (!read_place(reader, trainer, step, &row->layer) || strlen(cells[COLUMN_NAME]) >= sizeof row->name
        || !read_kind(cells[COLUMN_KIND], &row->kind) || !read_stats(cells, &row->stats)) {
        return false;
    }
    strcpy(row->name, cells[COLUMN_NAME]);
    if (row->kind == FLOW_WEIGHT_GRAD || row->kind == FLOW_BIAS_GRAD) {
        const Tensor *parameter = find_parameter(&trainer->parameters, row->name, &row->part);
        if (parameter == NULL) {
            return false;
        }
        row->ndim = parameter->shape.ndim;
        row->stats.count = tensor_count(parameter) / (row->part >= 0 ? 3 : 1);
    }
    return true;
}

// Adds it to the measurement of its step, whose other rows come before.
static bool add_probe_row(const TableReader *reader, const Trainer *trainer, Experiment *experiment)
{
    char *const *cells = reader->cells;
    Measurement *last = experiment->n_measurements == 0 ? NULL : &experiment->measurements[experiment->n_measurements - 1];
    ProbeRow row = {.kind = probe_kind(cells[COLUMN_KIND], NULL)->name, .index = -1};
    int step;
    if (!read_place(reader, trainer, &step, &row.layer) || strlen(cells[COLUMN_NAME]) >= sizeof row.name || last == NULL || last->step != step
        || (cells[COLUMN_INDEX][0] != '\0' && !cell_count(cells[COLUMN_INDEX], 0, INT_MAX, &row.index))
        || !cell_number(cells[COLUMN_VALUE], &row.value)) {
        return false;
    }
    strcpy(row.name, cells[COLUMN_NAME]);
    ProbeResults *probes = &last->probes;
    *LIST_ADD(probes->rows, probes->n_rows, probes->rows_capacity, "a probe's numbers") = row;
    return true;
}

// Steps increase, and so do the layers of a step: what reads measurements relies on both.
static bool add_row(Experiment *experiment, int *capacity, int step, const FlowRow *row)
{
    int n = experiment->n_measurements;
    Measurement *last = n == 0 ? NULL : &experiment->measurements[n - 1];
    if (last == NULL || step > last->step) {
        last = LIST_ADD(experiment->measurements, experiment->n_measurements, *capacity, "the measurements");
        *last = (Measurement){.arm = arm_of(&experiment->config), .step = step};
    }
    GradFlow *flow = &last->flow;
    if (step < last->step || (flow->n_rows > 0 && row->layer < flow->rows[flow->n_rows - 1].layer)) {
        return false;
    }
    *LIST_ADD(flow->rows, flow->n_rows, flow->capacity, "the gradients") = *row;
    return true;
}

// The loss before each measured step, from the log: its row number step + 1 has it. Both are sorted by step.
static void add_losses(Experiment *experiment, const TrainRow *rows, int n_rows)
{
    int at = 0;
    for (int i = 0; i < experiment->n_measurements; i++) {
        Measurement *measurement = &experiment->measurements[i];
        while (at < n_rows && rows[at].step <= measurement->step) {
            at++;
        }
        bool logged = at < n_rows && rows[at].step == measurement->step + 1;
        measurement->loss = logged ? rows[at].loss : NAN;
        experiment->config.n_steps = measurement->step;
    }
}

bool train_flow_read(const Trainer *trainer, const char *path, const TrainRow *rows, int n_rows, Experiment *experiment, Error *error)
{
    AUTO(table_reader_close) TableReader reader = {0};
    int capacity = 0;
    bool read = true;
    *experiment = (Experiment){.config = experiment_of(trainer), .n_layer = trainer->setup.gpt.n_layer};
    if (!table_reader_open(&reader, path, experiment_csv_header, error)) {
        return false;
    }
    while (read && table_reader_next(&reader)) {
        int step;
        FlowRow row;
        bool probes = reader.n_cells >= ALL_COLUMNS && probe_kind(reader.cells[COLUMN_KIND], NULL) != NULL;
        read = probes ? add_probe_row(&reader, trainer, experiment)
                      : read_row(&reader, trainer, &step, &row) && add_row(experiment, &capacity, step, &row);
    }
    if (!read) {
        experiment_free(experiment);
        return error_set(error, "%s: line %d is not a measurement of this run (expected its columns, steps and layers in order)", path,
                         reader.line);
    }
    add_losses(experiment, rows, n_rows);
    return true;
}
