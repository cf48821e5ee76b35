// gradflow.c: gptape gradflow: the same network with and without shortcuts, and the gradient that reaches each layer.

#include "gpt/cli/gradflow/gradflow.h"

#include <stdlib.h>
#include <string.h>

static const OptionRow network_rows[] = {
    {"net", "mlp|gpt", NULL, "mlp, the book's deep network, or a GPT (default mlp; gpt with --model)"},
    {"shortcut", "on|off|both", NULL, "which networks to run (default both; with --model as it was saved)"},
    {"residual", "RULE", NULL, "network with this residual rule instead, by name or as a formula; repeat it, up to 8 times, to compare"},
    {0},
};

static const OptionRow depth_rows[] = {
    {"depth", "N", "20", "number of layers; the last has one output"},
    {0},
};

const OptionRow mlp_rows[] = {
    {"width", "N", "3", "values per layer"},
    {"sizes", "3,3,3,3,3,1", NULL, "sizes of the input, the layers and the output, instead of --depth and --width; 64x20 repeats 64"},
    {"input", "1,0,-1", NULL, "input row (default: 1,0,-1,1,0,-1,...)"},
    {"inputs", "FILE", NULL,
     "input rows: normal:N, N random rows; grid:LO:HI:N, N points on a line along the first coordinate; or the rows of FILE.csv"},
    {"target", "0", NULL, "target of the output, one for all rows (default: FILE.csv's additional columns, or zeros)"},
    {"loss", "mse|ce", "mse", "mean squared error, or cross-entropy with the classes in --target: one per row, or one for all"},
    {"head", "NAME", "activation", "last layer: with an activation like the others, or linear"},
    {"init-gain", "G", "1", "factor on the weights drawn by --init"},
    {"bias-std", "S", NULL, "standard deviation of the initial biases; 0: they start at 0 (default: as --init says)"},
    {0},
};

// As saved_model_rows and tokenizer_rows, with what they mean here.
const OptionRow saved_rows[] = {
    {"model", "DIR", NULL, "folder of a saved GPT"},
    {"vocab", "DIR", NULL, "folder of GPT-2's vocabulary, if the model's folder has none"},
    {0},
};

static const OptionRow configs_rows[] = {
    {"configs", "PRESET,...", NULL,
     "several sizes in turn, instead of --config: a table, and a plot with a panel for each; --csv: a file for each"},
    {0},
};

static const OptionRow batch_rows[] = {
    {"batch", "N", "4", "rows of the text"},
    {"length", "N", NULL, "tokens of a row (default: the context length)"},
    {0},
};

const OptionRow data_rows[] = {
    {"task", "NAME", NULL, "synthetic rows instead of a text: copy, shift:K or modular:K, drawn for each seed and step"},
    {"data", "FILE", NULL, "text; its last tenth is read, as bytes or a saved model's tokens (default: a built-in text; with --model stories)"},
    {0},
};

static const OptionRow experiment_rows[] = {
    {"seeds", "N", NULL, "number of networks, with consecutive seeds, for medians and quartiles (default " SHOW_SEEDS "; with --net gpt 1)"},
    {"depths", SHOW_DEPTHS, NULL,
     "also compare the first with the last layer at these depths; none: do not (default " SHOW_DEPTHS "; with --net gpt none)"},
    {"steps", "N", "0", "train for N steps and measure each"},
    {"optimizer", "adamw|sgd", "adamw", "optimizer of --steps; sgd: w - lr dL/dw"},
    {"lr", "X", "0.001", "learning rate of --steps"},
    {"force", NULL, NULL, "also run probes estimated to take more than 10 minutes"},
    {"same-dy", NULL, NULL, "feed the same gradient into the output of all networks, instead of each loss's own"},
    {0},
};

static const OptionRow output_rows[] = {
    {"plot", "FILE", NULL,
     "draw to FILE.png, .svg, .pdf, or .gp (gnuplot's script); none: do not "
     "(default " SHOW_PLOT "; with --net gpt, --json or --csv - none)"},
    {"csv", "FILE", NULL, "write all values of all tensors; - is stdout, instead of the table"},
    {"runs", "FILE", NULL, "write one row for each network: its settings, the loss after the last step, and the time"},
    {0},
};

const OptionExclusion gradflow_exclusions[] = {
    {IF_GIVEN, {"task"}, {"data", "ids", "targets"}, "--task draws the batch; leave one out"},
    {IF_GIVEN, {"ids", "targets"}, {"data", "batch", "length"}, "for a text, but --ids gives the whole batch; leave one out"},
    {UNLESS_GIVEN, {"steps"}, {"optimizer", "lr"}, "for training only (expected --steps, too)"},
    {UNLESS_GIVEN, {"model"}, {"vocab"}, "for --model only; leave it out"},
    {IF_GIVEN, {"input"}, {"inputs"}, "replaces --input; leave one out"},
    {0},
};

const CommandHelp gradflow_help = {
    .name = "gradflow",
    .summary = "gradients layer by layer, with and without shortcuts: the main experiment",
    .about = "Builds the same network without and with shortcuts, from the same weights, runs it forward and backward, and shows the\n"
             "gradient that reaches each layer. The default is the deep network with " SHOW_SEEDS " seeds, compared at depths " SHOW_DEPTHS ",\n"
             "and the plot " SHOW_PLOT ". Dropout acts only in training (--steps). There is no --recompute, since the\n"
             "experiment measures values inside the blocks.",
    .examples = "  gptape gradflow\n"
                "  gptape gradflow --sizes 3,3,3,3,3,1 --seeds 1 --input 1,0,-1 --target 0\n"
                "  gptape gradflow --depth 50 --width 16 --seeds 20 --plot deep.svg\n"
                "  gptape gradflow --net gpt --seeds 5 --plot gpt.png\n"
                "  gptape gradflow --net gpt --norm none --causal off\n"
                "  gptape gradflow --depth 10 --steps 100 --seeds 5 --plot training.png\n"
                "  gptape gradflow --model run --ids \"1,2,3;4,5,6\" --targets \"2,3,4;5,6,7\" --csv -\n"
                "  gptape gradflow --net gpt --stream on --batch 1 --length 16\n"
                "  gptape gradflow --net gpt --configs tiny,flow --batch 1 --length 16 --plot sizes.png\n"
                "  gptape gradflow --net gpt --n-layer 6 --same-dy --csv flow.csv\n",
    .groups =
        {
            {.title = "Network:", .rows = network_rows},
            {.title = "--net mlp (also --activation, default gelu; --init, default torch; --norm none or batch, default none):",
             .rows = depth_rows},
            {.rows = mlp_rows},
            MODEL_GROUP("--net gpt (default: --config " UNTRAINED_CONFIG "):"),
            {.rows = configs_rows},
            {.title = "--net gpt, already trained:", .rows = saved_rows},
            {.title = "--net gpt reads:", .rows = data_rows},
            {.rows = batch_rows},
            {.rows = ids_rows},
            {.title = "--net gpt in less memory than its weights need:", .rows = stream_rows},
            {.title = "Experiment:", .rows = experiment_rows},
            {.rows = probe_option_rows},
            {.title = "Output:", .rows = output_rows},
            {.title = "Computing:", .rows = precision_rows},
            {.title = "Random numbers:", .rows = seed_rows},
        },
    .computes = true,
    .exclusions = gradflow_exclusions,
};

// ------------------------------------------------------------------------------------------------------------
// The run

// Draws the training steps, or, if probe is not NULL, that probe if it has values.
static bool draw_beside(const GradflowPlan *plan, const Options *options, const Experiment *experiment, const Probe *probe, Error *error)
{
    AUTO_FREE char *path = gradflow_path_beside(plan->plot, probe == NULL ? "steps" : probe->name);
    return note_drawn(options, path, probe == NULL ? plot_heatmap(experiment, path, error) : plot_probe(experiment, probe, path, error));
}

static bool draw(const GradflowPlan *plan, const Options *options, const Experiment *experiment, const Sweep *sweep, Error *error)
{
    if (plan->plot == NULL) {
        return true;
    }
    bool drawn = note_drawn(options, plan->plot, plot_experiment(experiment, sweep, plan->plot, error))
              && (experiment->config.n_steps == 0 || draw_beside(plan, options, experiment, NULL, error));
    for (int i = 0; drawn && i < experiment->config.n_probes; i++) {
        const Probe *probe = experiment->config.probes[i];
        drawn = !probe_has_numbers(experiment, probe) || draw_beside(plan, options, experiment, probe, error);
    }
    return drawn;
}

// The tables are printed even if the chart fails because gnuplot is missing.
static bool print_text(const Experiment *experiment, const Sweep *sweep, Error *error)
{
    AUTO_FREE char *chart = plot_terminal(experiment, terminal_columns(CHART_COLUMNS), error);
    gradflow_print_text(experiment, sweep, chart);
    return chart != NULL;
}

static bool answer(const GradflowPlan *plan, const Options *options, const Experiment *experiment, const Sweep *sweep, Error *error)
{
    if (!gradflow_write_table(plan->csv, experiment_csv, experiment, error)
        || !gradflow_write_table(plan->runs, experiment_runs_csv, experiment, error)) {
        return false;
    }
    bool printed = !plan->text || print_text(experiment, sweep, error);
    if (plan->json) {
        gradflow_print_json(experiment, sweep);
    }
    flush_stdout();
    return printed && draw(plan, options, experiment, sweep, error);
}

static bool run_sweep(const GradflowPlan *plan, const Options *options, Sweep *sweep, Error *error)
{
    if (plan->depths == NULL) {
        return true;
    }
    Progress progress = progress_begin(options, "networks of this depth");
    return sweep_run(&plan->experiment, plan->depths, plan->n_depths, progress_update, &progress, sweep, error);
}

static bool run(const GradflowPlan *plan, const Options *options)
{
    Experiment experiment;
    Sweep sweep = {0};
    Error error;
    bool streamed = plan->experiment.streamed;
    if (!probes_note_time(options, &plan->experiment, &error)) {
        return report_failure(options, &error);
    }
    Progress progress = progress_begin(options, streamed ? "blocks" : "measurements");
    if (streamed) {
        interrupt_watch();
    }
    bool done = experiment_run(&plan->experiment, streamed ? progress_until_interrupt : progress_update, &progress, &experiment, &error);
    if (!done) {
        return report_failure(options, &error);
    }
    done = run_sweep(plan, options, &sweep, &error) && answer(plan, options, &experiment, plan->depths == NULL ? NULL : &sweep, &error);
    sweep_free(&sweep);
    bool sound = probes_report(options, &experiment);
    experiment_free(&experiment);
    return (done || report_failure(options, &error)) && sound;
}

int command_gradflow(const Options *options)
{
    GradflowPlan plan;
    bool done = gradflow_plan_read(options, &plan) && (plan.n_sizes > 0 ? gradflow_run_sizes : run)(&plan, options);
    gradflow_plan_free(&plan);
    return command_status(done);
}
