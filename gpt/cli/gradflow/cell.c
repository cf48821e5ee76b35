// cell.c: one network of a sweep: gptape gradflow with given options, one seed and one arm, whose CSV is kept as text.
//
// --precision f64 is a separate program, so such a network runs in a child process.

#include "gpt/cli/gradflow/gradflow.h"

#include <errno.h>
#include <math.h>
#include <popt.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

// The settings as arguments of gradflow, with one seed and the CSV on stdout. The caller frees them (one block).
static const char **arguments_of(const char *settings, uint64_t seed, int *n)
{
    const char **arguments = NULL;
    AUTO_FREE char *line = text_format("gradflow %s --seed %llu --seeds 1 --depths none --plot none --csv - --quiet", settings,
                                       (unsigned long long)seed);
    if (poptParseArgvString(line, n, &arguments) != 0) {
        fail_memory(strlen(line), "a network's options");
    }
    return arguments;
}

// Must it run in the double program? If so, removes the option, which is that program's default.
static bool take_double(const char **arguments, int *n)
{
    bool found = false;
    for (int i = 0; sizeof(Real) == sizeof(float) && i + 1 < *n; i++) {
        if (strcmp(arguments[i], "--precision") == 0 && strcmp(arguments[i + 1], "f64") == 0) {
            memmove(arguments + i, arguments + i + 2, (size_t)(*n - i - 1) * sizeof *arguments); // with the NULL at the end
            *n -= 2;
            found = true;
        }
    }
    return found;
}

// The plan of the arguments; messages call the command name. False after one line on stderr.
static bool read_plan(const char *name, const char **arguments, int n, Options *options, GradflowPlan *plan)
{
    CommandHelp help = gradflow_help;
    *options = (Options){0};
    *plan = (GradflowPlan){0};
    help.name = name;
    bool read = options_parse(options, &help, n, arguments) && gradflow_plan_read(options, plan);
    options->help = NULL; // points to a local variable
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
    int n;
    AUTO_FREE const char **arguments = arguments_of(settings, seed, &n);
    take_double(arguments, &n);
    bool read = read_plan(name, arguments, n, &options, &plan);
    int arms = plan.experiment.n_rules > 0 ? plan.experiment.n_rules : plan.experiment.arms == ARMS_BOTH ? 2 : 1;
    if (read && arms != 1) {
        command_error(name, "'%.200s': %d arms (expected one: --residual or --shortcut on)", settings, arms);
    }
    free_plan(&options, &plan);
    return read && arms == 1;
}

// ------------------------------------------------------------------------------------------------------------
// In this process

// The rows without the header.
static char *csv_rows(const Experiment *experiment)
{
    Writer *writer = writer_begin();
    for (int i = 0; i < experiment->n_measurements; i++) {
        measurement_csv(&experiment->config, &experiment->measurements[i], writer->stream);
    }
    return writer_end(writer);
}

static bool run_here(const char *name, const char **arguments, int n, GradflowCell *cell)
{
    Options options;
    GradflowPlan plan;
    Experiment experiment;
    Error error;
    bool read = read_plan(name, arguments, n, &options, &plan);
    bool done = read && experiment_run(&plan.experiment, NULL, NULL, &experiment, &error);
    if (done) {
        *cell = (GradflowCell){.loss = experiment.measurements[experiment.n_measurements - 1].loss, .rows = csv_rows(&experiment)};
        experiment_free(&experiment);
    } else if (read) {
        command_error(name, "%s", error.message);
    }
    free_plan(&options, &plan);
    return done;
}

// ------------------------------------------------------------------------------------------------------------
// In a child

static bool run_child(const char *name, const char **arguments, int n, GradflowCell *cell)
{
    posix_spawn_file_actions_t actions;
    pid_t child;
    int status = 0;
    AUTO_FREE char *text = NULL;
    size_t bytes = 0;
    Error error;
    FILE *rows = tmpfile();
    AUTO_FREE const char **all = memory_allocate((size_t)(n + 4) * sizeof *all, "a network's options");
    int failed = rows == NULL ? errno : posix_spawn_file_actions_init(&actions);
    all[0] = "gptape";
    memcpy(all + 1, arguments, (size_t)n * sizeof *all);
    all[n + 1] = "--precision";
    all[n + 2] = "f64";
    all[n + 3] = NULL;
    if (failed == 0) {
        posix_spawn_file_actions_adddup2(&actions, fileno(rows), STDOUT_FILENO);
        failed = posix_spawn(&child, "/proc/self/exe", &actions, NULL, (char *const *)all, environ);
        posix_spawn_file_actions_destroy(&actions);
    }
    if (failed != 0) {
        command_error(name, "gptape gradflow can't be started: %s", strerror(failed));
    } else if (waitpid(child, &status, 0) == child && status == 0) { // else it has printed the error
        rewind(rows);
        if (!stream_read(rows, "the rows", MOST_TEXT_BYTES, &text, &bytes, &error)) {
            command_error(name, "%s", error.message);
        }
    }
    if (rows != NULL) {
        fclose(rows);
    }
    size_t header = text == NULL ? 0 : strcspn(text, "\n") + 1;
    *cell = (GradflowCell){.loss = NAN, .rows = memory_copy_text(bytes < header || text == NULL ? "" : text + header)};
    return header > 0;
}

bool gradflow_cell(const char *name, const char *settings, uint64_t seed, GradflowCell *cell)
{
    int n;
    AUTO_FREE const char **arguments = arguments_of(settings, seed, &n);
    return (take_double(arguments, &n) ? run_child : run_here)(name, arguments, n, cell);
}
