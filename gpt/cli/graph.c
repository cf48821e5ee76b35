// graph.c: gptape graph: the tape of one step as a drawing.

#include "gpt/cli/gradflow/gradflow.h"

#include <string.h>
#include <unistd.h>

#define DRAWN_CONFIG "tiny"

static const OptionRow network_rows[] = {
    {"net", "mlp|gpt", "gpt", "a GPT, or mlp, the book's deep network"},
    {"shortcut", "on|off", NULL, "with shortcuts or without (default on; with --model as it was saved)"},
    {"residual", "RULE", NULL, "residual rule of each sublayer instead, by name or as a formula"},
    {0},
};

static const OptionRow drawing_rows[] = {
    {"module", "h.0", NULL, "draw only this module and what is in it (default: everything)"},
    {"stepwise", "on|off", "off", "attention step by step, not in one operation"},
    {"backward", "on|off", "on", "after backward, with the gradients"},
    {"direction", "TB|LR", "TB", "from top to bottom or from left to right"},
    {"out", "FILE", NULL, "draw to FILE.svg, .png, .pdf or .dot (default: DOT to stdout)"},
    {0},
};

static const OptionRow batch_rows[] = {
    {"batch", "N", "1", "rows of the text"},
    {"length", "N", "8", "tokens of a row, at most the context length"},
    {0},
};

static const OptionRow depth_rows[] = {
    {"depth", "N", "5", "number of layers; the last has one output"},
    {0},
};

const CommandHelp graph_help = {
    .name = "graph",
    .summary = "drawing of one step's tape: operations, modules, shapes, shortcuts, gradients",
    .about = "Draws the tape of one step, forward and backward, through Graphviz: a box for each operation, with its parameters, in the\n"
             "frame of its module; an arrow for each tensor, with its shape, as wide as the gradient that came back along it. Shortcuts\n"
             "are orange. The numbers are L2 norms. At most 400 operations are drawn; --module picks some of a large network.",
    .examples = "  gptape graph --out gpt.svg\n"
                "  gptape graph --n-layer 1 --module h.0 --direction LR --out block.svg\n"
                "  gptape graph --module h.0.attn --stepwise on --out attention.png\n"
                "  gptape graph --net mlp --sizes 3,3,3,3,3,1 --out deep.pdf\n"
                "  gptape graph --net mlp --shortcut off | dot -Tx11\n",
    .groups =
        {
            {.title = "Network:", .rows = network_rows},
            {.title = "Drawing:", .rows = drawing_rows},
            MODEL_GROUP("--net gpt (default: --config " DRAWN_CONFIG "):"),
            {.title = "--net gpt, already trained:", .rows = saved_rows},
            {.title = "--net gpt reads:", .rows = data_rows},
            {.rows = batch_rows},
            {.rows = ids_rows},
            {.title = "--net mlp (also --activation, default gelu; --init, default torch; --norm none or batch, default none):",
             .rows = depth_rows},
            {.rows = mlp_rows},
            {.title = "Random numbers:", .rows = seed_rows},
        },
    .computes = true,
    .exclusions = gradflow_exclusions,
};

// What is drawn, and where.
typedef struct GraphPlan {
    GradflowPlan network;
    StepDrawing drawing;
    const char *out; // NULL: DOT to stdout
} GraphPlan;

static bool read_drawing(const Options *options, StepDrawing *drawing)
{
    int direction = 0;
    drawing->module = options_text(options, "module");
    if (!options_switch(options, "stepwise", &drawing->stepwise) || !options_switch(options, "backward", &drawing->backward)
        || !options_choice(options, "direction", &direction)) {
        return false;
    }
    drawing->left_to_right = direction == 1;
    return !options_given(options, "json") || option_error(options, "json", "a drawing has no JSON form; leave it out");
}

static bool read_out(const Options *options, GraphPlan *plan)
{
    plan->out = options_text(options, "out");
    if (plan->out == NULL && isatty(STDOUT_FILENO)) {
        return option_error(options, "out", "missing (expected FILE.svg, .png or .pdf; without it the drawing goes to a file or a pipe as DOT)");
    }
    return options_output_file(options, "out", plan->out, plot_step_path_check);
}

bool graph_step_read(const Options *options, GradflowPlan *plan, StepDrawing *drawing)
{
    ExperimentConfig *experiment = &plan->experiment;
    bool shortcut = true;
    *plan = (GradflowPlan){.untrained = DRAWN_CONFIG};
    if (!options_switch(options, "shortcut", &shortcut) || !options_seed(options, &experiment->seed)) {
        return false;
    }
    experiment->arms = shortcut ? ARMS_ON : ARMS_OFF;
    experiment->n_seeds = 1;
    if (options_count(options, "residual") > 1) {
        return option_error(options, "residual", "given %d times (expected one rule)", options_count(options, "residual"));
    }
    return gradflow_net_read(options, plan) && gradflow_rules_read(options, plan) && read_drawing(options, drawing)
        && gradflow_network_read(options, plan);
}

static bool draw(const GraphPlan *plan, const Options *options)
{
    const ExperimentConfig *experiment = &plan->network.experiment;
    Error error;
    char fault[STEP_FAULT_TEXT];
    bool done = plan->out == NULL ? experiment_draw(experiment, &plan->drawing, stdout, fault, &error)
                                  : plot_step(experiment, &plan->drawing, plan->out, fault, &error);
    if (done && fault[0] != '\0') {
        command_note(options, "some values are not finite; the first: %s", fault);
    }
    if (plan->out != NULL) {
        note_drawn(options, plan->out, done);
    }
    return done || report_failure(options, &error);
}

int command_graph(const Options *options)
{
    GraphPlan plan = {0};
    bool done = graph_step_read(options, &plan.network, &plan.drawing) && read_out(options, &plan) && draw(&plan, options);
    gradflow_plan_free(&plan.network);
    return command_status(done);
}
