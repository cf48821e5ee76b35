// sizes.c: --configs: the same experiment on several sizes of GPT in turn, as one table, and one plot with a panel for each.

#include "gpt/cli/gradflow/gradflow.h"

#include <string.h>

// ------------------------------------------------------------------------------------------------------------
// The option

static bool add_size(const Options *options, GradflowPlan *plan, const char *name)
{
    const GPTPreset *preset = gpt_preset_find(name);
    if (preset == NULL) {
        return option_error(options, "configs", "'%.40s' is not a preset (gptape info lists them)", name);
    }
    if (plan->n_sizes == PLOT_SIZES_MOST) {
        return option_error(options, "configs", "more than %d presets", PLOT_SIZES_MOST);
    }
    for (int i = 0; i < plan->n_sizes; i++) {
        if (plan->sizes[i] == preset->name) {
            return option_error(options, "configs", "%s is given twice", name);
        }
    }
    plan->sizes[plan->n_sizes] = preset->name;
    plan->n_sizes++;
    return true;
}

// The other options are read with the first size.
bool gradflow_sizes_read(const Options *options, GradflowPlan *plan)
{
    static const char *const others[] = {"config", "model", "depths", "probe", "runs", "json", NULL};
    const char *text = options_has(options, "configs") ? options_text(options, "configs") : NULL;
    if (text == NULL) {
        return true;
    }
    for (int i = 0; others[i] != NULL; i++) {
        if (options_given(options, others[i])) {
            return option_error(options, "configs", "can't be combined with --%s; leave one out", others[i]);
        }
    }
    if (text[strspn(text, ",")] == '\0') {
        return option_error(options, "configs", "no preset (expected gpt2-124m,gpt3-1.3b for example)");
    }
    char name[LIST_ITEM];
    while (list_next(&text, ",", name)) {
        if (name[0] != '\0' && !add_size(options, plan, name)) {
            return false;
        }
    }
    plan->untrained = plan->sizes[0];
    return true;
}

// ------------------------------------------------------------------------------------------------------------
// The runs

typedef struct SizeRun {
    Experiment experiment;
    bool done;
    double bytes; // of the process, predicted
    double seconds;
} SizeRun;

static bool config_of_size(const GradflowPlan *plan, const Options *options, int i, ExperimentConfig *config)
{
    const GPTPreset *preset;
    *config = plan->experiment;
    if (!options_config(options, plan->sizes[i], &preset, &config->gpt)) {
        return false;
    }
    double held = experiment_held_bytes(&config->gpt, config->B, config->T, false);
    return options_stream(options, PROGRAM_BYTES + held, &config->streamed);
}

static bool run_size(const GradflowPlan *plan, const Options *options, int i, SizeRun *run, Error *error)
{
    ExperimentConfig config;
    if (!config_of_size(plan, options, i, &config)) {
        return error_set(error, "%s: not possible with these options", plan->sizes[i]);
    }
    char unit[64];
    snprintf(unit, sizeof unit, "%s of %s", config.streamed ? "blocks" : "measurements", plan->sizes[i]);
    Progress progress = progress_begin(options, unit);
    double start = clock_seconds();
    run->done = experiment_run(&config, progress_until_interrupt, &progress, &run->experiment, error);
    run->seconds = clock_seconds() - start;
    run->bytes = config.streamed ? experiment_streamed_bytes(&config.gpt, config.B, config.T)
                                 : PROGRAM_BYTES + experiment_held_bytes(&config.gpt, config.B, config.T, false);
    if (!run->done || plan->csv == NULL) {
        return run->done;
    }
    AUTO_FREE char *path = gradflow_path_beside(plan->csv, plan->sizes[i]);
    return gradflow_write_table(path, experiment_csv, &run->experiment, error);
}

// ------------------------------------------------------------------------------------------------------------
// The output

static void size_row(Table *table, const GradflowPlan *plan, int i, const SizeRun *run)
{
    const Experiment *experiment = &run->experiment;
    table_row(table, "%s|%s|%s|%s|%.0f s", plan->sizes[i], THOUSANDS((double)gpt_cost(&experiment->config.gpt, 1, 1).parameters),
              experiment->config.streamed ? "streamed" : "held", BYTES_STRING(run->bytes), run->seconds);
    for (int arm = 0; arm < experiment_arms(&experiment->config); arm++) {
        if (experiment_has(experiment, arm)) {
            table_cell(table, "%.3g", experiment_relative(experiment, arm, 0, 0, METRIC_WEIGHT).median);
        }
    }
}

static void print_sizes(const GradflowPlan *plan, const SizeRun *runs)
{
    const Experiment *first = &runs[0].experiment;
    int n_arms = 0;
    for (int arm = 0; arm < experiment_arms(&first->config); arm++) {
        n_arms += experiment_has(first, arm);
    }
    Table *table = table_begin_numbers(5 + n_arms);
    table_row(table, "size|parameters|weights|memory|time");
    for (int arm = 0; arm < experiment_arms(&first->config); arm++) {
        if (experiment_has(first, arm)) {
            table_color(table, arm_color(first, arm));
            table_cell(table, "%.40s", experiment_arm_name(&first->config, arm));
        }
    }
    table_line(table);
    for (int i = 0; i < plan->n_sizes; i++) {
        size_row(table, plan, i, &runs[i]);
    }
    table_end(table);
    terminal_print("The last columns: mean |dL/dW| of the first block over the last block's. Batch %d x %d.", first->config.B, first->config.T);
}

static bool draw_sizes(const GradflowPlan *plan, const Options *options, const SizeRun *runs, Error *error)
{
    PlotSize sizes[PLOT_SIZES_MOST];
    for (int i = 0; i < plan->n_sizes; i++) {
        sizes[i] = (PlotSize){plan->sizes[i], &runs[i].experiment};
    }
    return plan->plot == NULL || note_drawn(options, plan->plot, plot_sizes(sizes, plan->n_sizes, plan->plot, error));
}

bool gradflow_run_sizes(const GradflowPlan *plan, const Options *options)
{
    SizeRun runs[PLOT_SIZES_MOST] = {0};
    Error error;
    bool done = true;
    interrupt_watch();
    for (int i = 0; i < plan->n_sizes && done; i++) {
        done = run_size(plan, options, i, &runs[i], &error);
    }
    if (done) {
        print_sizes(plan, runs);
        flush_stdout();
        done = draw_sizes(plan, options, runs, &error);
    }
    for (int i = 0; i < plan->n_sizes; i++) {
        if (runs[i].done) {
            experiment_free(&runs[i].experiment);
        }
    }
    return done || report_failure(options, &error);
}

// ------------------------------------------------------------------------------------------------------------
// Files

bool gradflow_write_table(const char *path, bool (*write)(const Experiment *experiment, FILE *out), const Experiment *experiment, Error *error)
{
    if (path == NULL) {
        return true;
    }
    if (strcmp(path, "-") == 0) {
        write(experiment, stdout);
        return true; // close_stdout says whether it arrived
    }
    SaveFile save;
    if (!save_begin(&save, path, error)) {
        return false;
    }
    write(experiment, save.stream); // the commit reports write errors
    return save_commit(&save, error);
}

char *gradflow_path_beside(const char *path, const char *what)
{
    const char *name = strrchr(path, '/');
    const char *ending = strrchr(name == NULL ? path : name, '.');
    ending = ending == NULL ? path + strlen(path) : ending;
    return text_format("%.*s-%s%s", (int)(ending - path), path, what, ending);
}
