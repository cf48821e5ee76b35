// engine.c: gptape as a WebAssembly module: what the page calls (see README.md).
//
// Arguments are those of the command line; results go to stdout, notes and errors to stderr, one line each. A failure
// calls exit, which the page turns into an exception; it then creates a new instance of the module.

#include "examples/playground/engine/engine.h"

#include <stdlib.h>
#include <string.h>

enum { NUMBERS = 4 }; // of a metric: low, median, high of its quartiles, and how many there are

// Called after each measurement. values: its metrics, (n_layer, METRIC_COUNT), if steps are measured; else NULL.
IMPORT(progress) void page_progress(int done, int n, int arm, int step, double seed, double loss, const double *values, int n_layer);

// ------------------------------------------------------------------------------------------------------------
// Arguments

enum { MOST_ARGUMENTS = 256 };

// The page writes n arguments here, each ending with a 0 byte, and calls a function below, which takes them.
static char *arguments;

EXPORT(engine_arguments) char *engine_arguments(int bytes)
{
    free(arguments);
    arguments = memory_allocate_zeroed((size_t)bytes + 1, 1, "the settings");
    return arguments;
}

bool engine_options(Options *options, const CommandHelp *help, int n)
{
    const char *argv[MOST_ARGUMENTS + 1] = {help->name};
    const char *at = arguments;
    if (n >= MOST_ARGUMENTS) {
        command_error(help->name, "%d arguments (expected at most %d)", n, MOST_ARGUMENTS - 1);
        *options = (Options){0};
        return command_stop(STATUS_USAGE);
    }
    for (int i = 0; i < n; i++) {
        argv[1 + i] = at;
        at += strlen(at) + 1;
    }
    return options_parse(options, help, 1 + n, argv);
}

// ------------------------------------------------------------------------------------------------------------
// JSON

void put_numbers(const char *before, const char *key, const char *type, const void *values, size_t n)
{
    printf("%s\"%s\": {\"%s\": %zu, \"count\": %zu}", before, key, type, (size_t)values, n);
}

// The table of rules, as gptape rules --json.
EXPORT(engine_rules) void engine_rules(void)
{
    for (int i = 0; i < residual_table_count; i++) {
        const ResidualRow *row = &residual_table[i];
        printf("%s{\"name\": \"%s\", \"rule\": \"%s\", \"source\": \"%s\", \"purpose\": \"%s\"}", i == 0 ? "[" : ", ", row->name, row->text,
               row->source, row->purpose);
    }
    printf("]\n");
    fflush(stdout);
}

// ------------------------------------------------------------------------------------------------------------
// gradflow

static Experiment experiment; // of the last run
static GradflowPlan plan;
static double *values; // of its metrics

static void forget_run(void)
{
    experiment_free(&experiment);
    gradflow_plan_free(&plan);
    plan = (GradflowPlan){0};
    free(values);
    values = NULL;
}

static void put_quartiles(double *out, Quartiles q)
{
    out[0] = q.low;
    out[1] = q.median;
    out[2] = q.high;
    out[3] = q.n;
}

static void on_measurement(int done, int n, void *context)
{
    (void)context;
    const Measurement *measurement = &experiment.measurements[done - 1];
    AUTO_FREE double *row = NULL;
    if (experiment.config.n_steps > 0) {
        size_t count = (size_t)experiment.n_layer * METRIC_COUNT;
        row = memory_allocate(count * sizeof *row, "a measurement");
        for (size_t i = 0; i < count; i++) {
            row[i] = measurement_metric(measurement, (int)(i / METRIC_COUNT), (LayerMetric)(i % METRIC_COUNT));
        }
    }
    page_progress(done, n, measurement->arm, measurement->step, (double)measurement->seed, measurement->loss, row, experiment.n_layer);
}

// (arm, step, layer, metric and then metric relative to the last layer, NUMBERS)
static size_t fill_values(void)
{
    int n_arms = experiment_arms(&experiment.config);
    int n_steps = experiment.config.n_steps + 1;
    size_t n = (size_t)n_arms * (size_t)n_steps * (size_t)experiment.n_layer * 2 * METRIC_COUNT * NUMBERS;
    values = memory_allocate(n * sizeof *values, "the metrics");
    double *at = values;
    for (int arm = 0; arm < n_arms; arm++) {
        for (int step = 0; step < n_steps; step++) {
            for (int layer = 0; layer < experiment.n_layer; layer++) {
                for (int k = 0; k < 2 * METRIC_COUNT; k++) {
                    LayerMetric metric = (LayerMetric)(k % METRIC_COUNT);
                    put_quartiles(at, k < METRIC_COUNT ? experiment_metric(&experiment, arm, step, layer, metric)
                                                       : experiment_relative(&experiment, arm, step, layer, metric));
                    at += NUMBERS;
                }
            }
        }
    }
    return n;
}

static void put_result(void)
{
    size_t n = fill_values();
    printf("{\"n_layer\": %d, \"n_steps\": %d, \"shortcuts\": [", experiment.n_layer, experiment.config.n_steps);
    for (int arm = 0; arm < experiment_arms(&experiment.config); arm++) {
        printf("%s%d", arm == 0 ? "" : ", ", experiment_shortcuts(&experiment, arm));
    }
    put_numbers("], ", "values", "f64", values, n);
    printf("}\n");
}

// The settings of gptape gradflow; the experiment's metrics, as JSON. Returns the program's exit status.
EXPORT(engine_run) int engine_run(int n_arguments)
{
    Options options;
    Error error;
    forget_run();
    bool done = engine_options(&options, &gradflow_help, n_arguments) && gradflow_plan_read(&options, &plan)
             && (experiment_run(&plan.experiment, on_measurement, NULL, &experiment, &error) || report_failure(&options, &error));
    options_free(&options);
    if (done) {
        put_result();
    }
    fflush(stdout);
    return command_status(done);
}

// The last run's rows, as gptape gradflow --csv - writes them.
EXPORT(engine_csv) void engine_csv(void)
{
    experiment_csv(&experiment, stdout);
}

// ------------------------------------------------------------------------------------------------------------
// The start

static void on_failure(FailKind kind, const char *message)
{
    (void)kind;
    command_error(NULL, "%s", message);
    exit(STATUS_FAILED);
}

EXPORT(engine_begin) void engine_begin(void)
{
    static char buffer[1 << 16];
    setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    fail_set_handler(on_failure);
}
