// flow.c: each layer's gradients while a model learns: measured every gradflow_every steps, written to gradflow.csv as they
// come, in the columns of every experiment, and drawn from there, so that a run that was interrupted draws all of its steps.

#include "gpt/train/run_files.h"

#include <errno.h>
#include <math.h>
#include <string.h>

enum { STEP_COLUMN = 4 };

FILE *train_flow_append(const char *path, int last_step, Error *error)
{
    return table_append(path, experiment_csv_header, STEP_COLUMN, last_step, error);
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
        .seed = setup->seed,
        .n_seeds = 1,
        .lr = setup->train.lr,
        .train = &setup->train,
    };
}

bool train_flow_write(FILE *csv, const Trainer *trainer, int step, const GradFlow *flow)
{
    ExperimentConfig config = experiment_of(trainer);
    Measurement measurement = {.seed = config.seed, .shortcut = config.gpt.shortcut, .step = step, .flow = *flow};
    return measurement_csv(&config, &measurement, csv) && fflush(csv) == 0;
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

// One line of the table, which lacks what the model knows: how large a parameter is.
static bool read_row(const char *line, const ParameterList *parameters, int *step, FlowRow *row)
{
    char kind[32];
    FlowStats *stats = &row->stats;
    *row = (FlowRow){.reach = FLOW_REACHED, .part = -1, .ndim = 3};
    int got = sscanf(line, "%*d,%*[^,],%*[^,],%*[^,],%d,%d,%127[^,],%31[^,],%lf,%lf,%lf,%lf,%lf,%lf", step, &row->layer, row->name,
                     kind, &stats->mean_abs, &stats->l2, &stats->rms, &stats->max_abs, &stats->zero_fraction,
                     &stats->denormal_fraction);
    if (got != 10 || !read_kind(kind, &row->kind)) {
        return false;
    }
    stats->token_cosine = NAN;
    if (row->kind == FLOW_WEIGHT_GRAD || row->kind == FLOW_BIAS_GRAD) {
        const Tensor *parameter = find_parameter(parameters, row->name, &row->part);
        if (parameter == NULL) {
            return false;
        }
        row->ndim = parameter->shape.ndim;
        stats->count = tensor_count(parameter) / (row->part >= 0 ? 3 : 1);
    }
    return true;
}

static void add_row(Measurement *measurement, const FlowRow *row)
{
    GradFlow *flow = &measurement->flow;
    flow->rows = memory_grow(flow->rows, flow->n_rows, &flow->capacity, sizeof *row, "the gradients");
    flow->rows[flow->n_rows] = *row;
    flow->n_rows++;
}

// The loss of each measured step, from the log: its row number step + 1 has the loss before the step.
static double loss_at(const TrainRow *rows, int n, int step)
{
    for (int i = 0; i < n; i++) {
        if (rows[i].step == step + 1) {
            return rows[i].loss;
        }
    }
    return NAN;
}

static bool read_measurements(const Trainer *trainer, FILE *csv, const char *path, int most, Experiment *experiment,
                              Error *error)
{
    enum { LINE = 1024 };
    char line[LINE];
    int number = 1;
    bool read = fgets(line, LINE, csv) != NULL;
    while (read && fgets(line, LINE, csv) != NULL) {
        int step;
        FlowRow row;
        number++;
        int n = experiment->n_measurements;
        bool is_row = read_row(line, &trainer->parameters, &step, &row);
        bool is_new = is_row && (n == 0 || experiment->measurements[n - 1].step != step);
        if (!is_row || (is_new && n == most)) {
            return error_set(error, "%s: line %d is no measurement of this run", path, number);
        }
        if (is_new) {
            experiment->measurements[n] = (Measurement){.shortcut = trainer->setup.gpt.shortcut, .step = step};
            experiment->n_measurements++;
        }
        add_row(&experiment->measurements[experiment->n_measurements - 1], &row);
    }
    return true;
}

bool train_flow_read(const Trainer *trainer, const char *csv_path, const TrainRow *rows, int n_rows, Experiment *experiment,
                     Error *error)
{
    FILE *csv = fopen(csv_path, "r");
    if (csv == NULL) {
        return error_set(error, "%s: can't be read: %s", csv_path, strerror(errno));
    }
    int most = trainer->adamw.step / trainer->setup.train.gradflow_every + 2;
    *experiment = (Experiment){.config = experiment_of(trainer), .n_layer = trainer->setup.gpt.n_layer};
    experiment->measurements = memory_allocate_zeroed((size_t)most, sizeof(Measurement), "the measurements");
    bool read = read_measurements(trainer, csv, csv_path, most, experiment, error);
    fclose(csv);
    for (int i = 0; i < experiment->n_measurements; i++) {
        Measurement *measurement = &experiment->measurements[i];
        measurement->loss = loss_at(rows, n_rows, measurement->step);
        experiment->config.n_steps = measurement->step;
    }
    if (!read) {
        experiment_free(experiment);
    }
    return read;
}
