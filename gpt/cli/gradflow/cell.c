// cell.c: one network of a sweep: gptape gradflow with given options, one seed and one arm, whose CSV is kept as text.

#include "gpt/cli/gradflow/gradflow.h"

#include <popt.h>
#include <stdlib.h>
#include <string.h>

// The plan of the settings; messages call the command name. False after one line on stderr.
static bool read_plan(const char *name, const char *settings, uint64_t seed, Options *options, GradflowPlan *plan)
{
    CommandHelp help = gradflow_help;
    int argc;
    const char **argv;
    int status;
    size_t bytes = strlen(settings) + 128;
    char *line = memory_allocate(bytes, "a network's options");
    snprintf(line, bytes, "gradflow %s --seed %llu --seeds 1 --depths none --plot none --csv - --quiet", settings, (unsigned long long)seed);
    int code = poptParseArgvString(line, &argc, &argv);
    free(line);
    *options = (Options){0};
    *plan = (GradflowPlan){0};
    if (code != 0) {
        command_error(name, "'%.200s': %s", settings, poptStrerror(code));
        return false;
    }
    help.name = name;
    bool read = options_parse(options, &help, argc, argv, &status) && gradflow_plan_read(options, plan, &status);
    options->help = NULL;                          // it is a variable of this function
    free(argv);
    return read;
}

static void free_plan(Options *options, GradflowPlan *plan)
{
    gradflow_plan_free(plan);
    options_free(options);
}

bool gradflow_cell_check(const char *name, const char *settings, uint64_t seed)
{
    Options options;
    GradflowPlan plan;
    bool read = read_plan(name, settings, seed, &options, &plan);
    int arms = plan.experiment.n_rules > 0 ? plan.experiment.n_rules : plan.experiment.arms == ARMS_BOTH ? 2 : 1;
    if (read && arms != 1) {
        command_error(name, "'%.200s': %d arms (expected one: --residual or --shortcut on)", settings, arms);
    }
    free_plan(&options, &plan);
    return read && arms == 1;
}

// The rows without the header.
static char *csv_rows(const Experiment *experiment)
{
    char *text = NULL;
    size_t n;
    FILE *stream = open_memstream(&text, &n);
    if (stream == NULL) {
        fail_memory(0, "the rows");
    }
    for (int i = 0; i < experiment->n_measurements; i++) {
        measurement_csv(&experiment->config, &experiment->measurements[i], stream);
    }
    if (fclose(stream) != 0) {
        fail_memory(0, "the rows");
    }
    return text;
}

bool gradflow_cell(const char *name, const char *settings, uint64_t seed, GradflowCell *cell)
{
    Options options;
    GradflowPlan plan;
    Experiment experiment;
    Error error;
    bool read = read_plan(name, settings, seed, &options, &plan);
    bool done = read && experiment_run(&plan.experiment, NULL, NULL, &experiment, &error);
    if (done) {
        *cell = (GradflowCell){.loss = experiment.measurements[experiment.n_measurements - 1].loss, .rows = csv_rows(&experiment)};
        experiment_free(&experiment);
    } else if (read) {
        command_error(name, "'%.200s --seed %llu': %s", settings, (unsigned long long)seed, error.message);
    }
    free_plan(&options, &plan);
    return done;
}
