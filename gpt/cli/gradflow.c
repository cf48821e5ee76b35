// gradflow.c: gptape gradflow: the same network with and without shortcuts, and what gradient reaches each layer.

#include "gpt/cli/gradflow.h"

#include <stdlib.h>
#include <string.h>

static struct poptOption network_options[] = {
    {"net", '\0', POPT_ARG_STRING, NULL, OPTION_NET, "the book's deep network, or a GPT (default mlp)", "mlp|gpt"},
    {"shortcut", '\0', POPT_ARG_STRING, NULL, OPTION_SHORTCUT, "which networks to run (default both)", "on|off|both"},
    POPT_TABLEEND,
};

struct poptOption mlp_options[] = {
    {"depth", '\0', POPT_ARG_STRING, NULL, OPTION_DEPTH, "layers; the last has one output (default " DEFAULT_DEPTH ")", "N"},
    {"width", '\0', POPT_ARG_STRING, NULL, OPTION_WIDTH, "values a layer (default " DEFAULT_WIDTH ")", "N"},
    {"sizes", '\0', POPT_ARG_STRING, NULL, OPTION_SIZES, "sizes of input, layers and output instead", "3,3,3,3,3,1"},
    {"input", '\0', POPT_ARG_STRING, NULL, OPTION_INPUT, "the input row (default 1,0,-1,1,0,-1,...)", "1,0,-1"},
    {"target", '\0', POPT_ARG_STRING, NULL, OPTION_TARGET, "what the output should be (default zeros)", "0"},
    POPT_TABLEEND,
};

// saved_model_options and tokenizer_options' --vocab, with what they mean here.
struct poptOption saved_options[] = {
    {"model", '\0', POPT_ARG_STRING, NULL, OPTION_MODEL,
     "the saved GPT in this folder; --shortcut is then as it was saved, if not given", "DIR"},
    {"vocab", '\0', POPT_ARG_STRING, NULL, OPTION_VOCAB, "where GPT-2's vocabulary is, if it is not in the folder", "DIR"},
    POPT_TABLEEND,
};

struct poptOption batch_options[] = {
    {"data", '\0', POPT_ARG_STRING, NULL, OPTION_DATA,
     "a text, of which the last tenth is read: in bytes, or in a saved model's own tokens (default: a built-in text; for a saved model the "
     "stories)", "FILE"},
    {"batch", '\0', POPT_ARG_STRING, NULL, OPTION_BATCH, "rows of it (default " DEFAULT_BATCH ")", "N"},
    {"length", '\0', POPT_ARG_STRING, NULL, OPTION_LENGTH, "tokens a row (default: the context length)", "N"},
    INCLUDE_OPTIONS(ids_options, NULL),
    POPT_TABLEEND,
};

static struct poptOption experiment_options[] = {
    {"seeds", '\0', POPT_ARG_STRING, NULL, OPTION_SEEDS, "repeat with so many seeds: medians and quartiles (default 1)", "N"},
    {"depths", '\0', POPT_ARG_STRING, NULL, OPTION_DEPTHS, "also compare first with last layer at these depths", SHOW_DEPTHS},
    {"steps", '\0', POPT_ARG_STRING, NULL, OPTION_STEPS, "train so many AdamW steps, measuring each (default 0)", "N"},
    {"lr", '\0', POPT_ARG_STRING, NULL, OPTION_LR, "their learning rate (default " DEFAULT_LR ")", "X"},
    {"same-dy", '\0', POPT_ARG_NONE, NULL, OPTION_SAME_DY, "send a gradient into the output that is the same for both networks, instead of the loss's", NULL},
    POPT_TABLEEND,
};

static struct poptOption output_options[] = {
    {"plot", '\0', POPT_ARG_STRING, NULL, OPTION_PLOT, "draw to FILE.png, .svg, .pdf, or .gp (gnuplot's script)", "FILE"},
    {"csv", '\0', POPT_ARG_STRING, NULL, OPTION_CSV, "write every figure of every tensor; - is stdout", "FILE"},
    POPT_TABLEEND,
};

static struct poptOption gradflow_options[] = {
    INCLUDE_OPTIONS(network_options, "Network:"),
    INCLUDE_OPTIONS(mlp_options, "--net mlp (also --activation, --init):"),
    INCLUDE_OPTIONS(model_options, "--net gpt (default: --config " UNTRAINED_CONFIG "):"),
    INCLUDE_OPTIONS(saved_options, "--net gpt, already trained:"),
    INCLUDE_OPTIONS(batch_options, "--net gpt reads:"),
    INCLUDE_OPTIONS(experiment_options, "Experiment:"),
    INCLUDE_OPTIONS(output_options, "Output:"),
    INCLUDE_OPTIONS(seed_options, "Random numbers:"),
    INCLUDE_OPTIONS(run_options, "Running:"),
    POPT_TABLEEND,
};

const CommandHelp gradflow_help = {
    .name = "gradflow",
    .about = "Builds the same network without and with shortcuts, from the same weights, runs it forward and backward, and shows the\n"
             "gradient that reaches each layer. With no options: the deep network, " SHOW_SEEDS " seeds, depths " SHOW_DEPTHS
             ",\nand the picture " SHOW_PLOT ". Dropout acts only in training (--steps). There is no --recompute:\n"
             "what it would not keep, all that is inside the blocks, is what is measured.",
    .examples = "  gptape gradflow\n"
                "  gptape gradflow --sizes 3,3,3,3,3,1 --seed 123 --input 1,0,-1 --target 0\n"
                "  gptape gradflow --depth 50 --width 16 --seeds 20 --plot deep.svg\n"
                "  gptape gradflow --net gpt --seeds 5 --plot gpt.png\n"
                "  gptape gradflow --net gpt --norm none --causal off\n"
                "  gptape gradflow --depth 10 --steps 100 --seeds 5 --plot training.png\n"
                "  gptape gradflow --model run --ids \"1,2,3;4,5,6\" --targets \"2,3,4;5,6,7\" --csv -\n"
                "  gptape gradflow --net gpt --n-layer 6 --same-dy --csv flow.csv\n",
    .table = gradflow_options,
};

// ------------------------------------------------------------------------------------------------------------
// The run

static bool write_csv(const GradflowPlan *plan, const Experiment *experiment, Error *error)
{
    if (plan->csv == NULL) {
        return true;
    }
    if (strcmp(plan->csv, "-") == 0) {
        if (!experiment_csv(experiment, stdout)) {
            note_stdout_lost();
        }
        return true;
    }
    SaveFile save;
    if (!save_begin(&save, plan->csv, error)) {
        return false;
    }
    experiment_csv(experiment, save.stream);       // what could not be written, the commit reports
    return save_commit(&save, error);
}

// flow.png -> flow-steps.png. The caller frees it.
static char *steps_path(const char *path)
{
    const char *ending = strrchr(path, '.');
    size_t bytes = strlen(path) + sizeof "-steps";
    char *result = memory_allocate(bytes, "a file's name");
    snprintf(result, bytes, "%.*s-steps%s", (int)(ending - path), path, ending);
    return result;
}

static bool draw(const GradflowPlan *plan, const Options *options, const Experiment *experiment, const Sweep *sweep, Error *error)
{
    if (plan->plot == NULL) {
        return true;
    }
    if (!plot_experiment(experiment, sweep, plan->plot, error)) {
        return false;
    }
    command_note(options, "drew %s", plan->plot);
    if (experiment->config.n_steps == 0) {
        return true;
    }
    char *path = steps_path(plan->plot);
    bool drawn = plot_heatmap(experiment, path, error);
    if (drawn) {
        command_note(options, "drew %s", path);
    }
    free(path);
    return drawn;
}

// The chart is the last thing on the terminal: a script (.gp) and the table need no gnuplot, and are there without it.
static bool print_chart(const GradflowPlan *plan, const Experiment *experiment, Error *error)
{
    if (!plan->text) {
        return true;
    }
    char *chart = plot_terminal(experiment, terminal_columns(CHART_COLUMNS), error);
    if (chart == NULL) {
        return false;
    }
    printf("\n%s%s", experiment->config.n_steps > 0 ? "Before training:\n\n" : "", chart);
    free(chart);
    return true;
}

static bool answer(const GradflowPlan *plan, const Options *options, const Experiment *experiment, const Sweep *sweep, Error *error)
{
    if (!write_csv(plan, experiment, error)) {
        return false;
    }
    if (plan->json) {
        gradflow_print_json(experiment, sweep);
    }
    if (plan->text) {
        gradflow_print_text(experiment, sweep);
    }
    flush_stdout();
    return draw(plan, options, experiment, sweep, error) && print_chart(plan, experiment, error);
}

static bool run_sweep(const GradflowPlan *plan, const Options *options, Sweep *sweep, Error *error)
{
    *sweep = (Sweep){0};
    if (plan->depths == NULL) {
        return true;
    }
    Progress progress = progress_begin(options, "networks at this depth");
    bool done = sweep_run(&plan->experiment, plan->depths, plan->n_depths, progress_update, &progress, sweep, error);
    progress_end(&progress);
    return done;
}

static int run(const GradflowPlan *plan, const Options *options)
{
    Experiment experiment;
    Sweep sweep;
    Error error;
    Progress progress = progress_begin(options, "measurements");
    bool done = experiment_run(&plan->experiment, progress_update, &progress, &experiment, &error);
    progress_end(&progress);
    if (done) {
        done = run_sweep(plan, options, &sweep, &error);
        if (done) {
            done = answer(plan, options, &experiment, plan->depths == NULL ? NULL : &sweep, &error);
            sweep_free(&sweep);
        }
        experiment_free(&experiment);
    }
    if (!done) {
        command_error(options->help->name, "%s", error.message);
    }
    return done ? STATUS_OK : STATUS_FAILED;
}

int command_gradflow(const Options *options)
{
    GradflowPlan plan;
    int status;
    if (gradflow_plan_read(options, &plan, &status)) {
        status = run(&plan, options);
    }
    gradflow_plan_free(&plan);
    return status;
}
