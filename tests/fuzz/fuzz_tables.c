// fuzz_tables.c: any bytes as the tables of a run: log.csv and gradflow.csv, with and without their headers. What is read is also measured
// as plots measure it, and each table is opened to be continued at every step.

#include "gpt/train/run_files.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

enum { LAYERS = 2, STEPS = 9 };

// A model whose run the tables could be of; made once.
static Trainer *trainer_of_tables(void)
{
    static Trainer *trainer;
    if (trainer == NULL) {
        Error error;
        TrainSetup setup = {.train = {.steps = STEPS,
                                      .batch = 1,
                                      .length = 2,
                                      .accumulate = 1,
                                      .lr = 1e-3,
                                      .beta1 = 0.9,
                                      .beta2 = 0.99,
                                      .eps = 1e-8,
                                      .eval_batches = 1,
                                      .gradflow_every = 2},
                            .gpt = {.vocab_size = 3,
                                    .context_length = 2,
                                    .n_layer = LAYERS,
                                    .n_head = 1,
                                    .n_embd = 2,
                                    .ff_mult = 1,
                                    .tied = true,
                                    .qkv_bias = true,
                                    .shortcut = true,
                                    .causal = true},
                            .ids = memory_allocate_zeroed(2, sizeof(int), "a batch"),
                            .targets = memory_allocate_zeroed(2, sizeof(int), "a batch")};
        trainer = trainer_create(setup, gpt_create(&setup.gpt, 1, &error), NULL, &error);
        if (trainer == NULL) {
            abort();
        }
        trainer->adamw.step = STEPS;
    }
    return trainer;
}

static void measure(const Experiment *experiment)
{
    for (int i = 0; i < experiment->n_measurements; i++) {
        int step = experiment->measurements[i].step;
        bool sorted = i == 0 || step > experiment->measurements[i - 1].step;
        if (!sorted || step < 0 || step > STEPS) {
            abort();
        }
        for (int layer = -1; layer <= LAYERS; layer++) {
            for (int metric = 0; metric < METRIC_COUNT; metric++) {
                experiment_metric(experiment, true, step, layer, (LayerMetric)metric);
                experiment_relative(experiment, true, step, layer, (LayerMetric)metric);
            }
        }
    }
}

static void read_tables(const char *log, const char *flow)
{
    TrainRow *rows = NULL;
    int n = 0;
    Error error;
    Experiment experiment;
    bool read = train_log_of(fuzz_folder(), &rows, &n, &error);
    for (int i = 1; i < n; i++) {
        if (rows[i].step <= rows[i - 1].step) {
            abort();
        }
    }
    if (train_flow_read(trainer_of_tables(), flow, rows, n, &experiment, &error)) {
        measure(&experiment);
        experiment_free(&experiment);
    }
    if (read) {
        free(rows);
    }
    TrainRow row = {.step = STEPS};
    RowTable *table = train_log_open(log, STEPS - 1, &error);
    if (table != NULL && !train_log_add(table, &row, &error)) {
        abort();
    }
    row_table_close(table, &error);
    row_table_close(train_flow_open(flow, trainer_of_tables(), STEPS / 2, &error), &error);
}

static void write_table(const char *name, const char *header, const uint8_t *data, size_t n, char path[256])
{
    size_t length = strlen(header);
    char *text = memory_allocate(length + n + 1, "a table");
    memcpy(text, header, length);
    memcpy(text + length, data, n);
    fuzz_file(name, text, length + n);
    snprintf(path, 256, "%s/%s", fuzz_folder(), name);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char log_header[] = "step,loss,val_loss,lr,grad_norm,tokens_per_s,ms\n";
    char log[256];
    char flow[256];
    write_table("log.csv", log_header, data, n, log);
    write_table("gradflow.csv", experiment_csv_header, data, n, flow);
    read_tables(log, flow);
    write_table("log.csv", "", data, n, log);
    write_table("gradflow.csv", "", data, n, flow);
    read_tables(log, flow);
    return 0;
}
