// graph.c: gptape graph: the tape of one step as a drawing.

#include "gpt/cli/gradflow.h"

#include <string.h>

static struct poptOption network_options[] = {
    {"net", '\0', POPT_ARG_STRING, NULL, OPTION_NET, "a GPT, or the book's deep network (default gpt)", "mlp|gpt"},
    {"shortcut", '\0', POPT_ARG_STRING, NULL, OPTION_SHORTCUT, "with shortcuts or without (default on, or as saved)", "on|off"},
    POPT_TABLEEND,
};

static struct poptOption drawing_options[] = {
    {"module", '\0', POPT_ARG_STRING, NULL, OPTION_MODULE, "only this module and what is in it (default: everything)", "h.0"},
    {"stepwise", '\0', POPT_ARG_STRING, NULL, OPTION_STEPWISE, "attention step by step, not in one operation (default off)", "on|off"},
    {"backward", '\0', POPT_ARG_STRING, NULL, OPTION_BACKWARD, "after backward, with the gradients (default on)", "on|off"},
    {"direction", '\0', POPT_ARG_STRING, NULL, OPTION_DIRECTION, "from top to bottom or from left to right (default TB)", "TB|LR"},
    {"out", '\0', POPT_ARG_STRING, NULL, OPTION_OUT, "draw to FILE.svg, .png, .pdf or .dot (default: DOT to stdout)", "FILE"},
    POPT_TABLEEND,
};

#define DRAWN_CONFIG "tiny"
#define DRAWN_DEPTH "5"
#define DRAWN_BATCH "1"
#define DRAWN_LENGTH "8"

static struct poptOption graph_options[] = {
    INCLUDE_OPTIONS(network_options, "Network:"),
    INCLUDE_OPTIONS(drawing_options, "Drawing:"),
    INCLUDE_OPTIONS(model_options, "--net gpt (default: --config " DRAWN_CONFIG "):"),
    INCLUDE_OPTIONS(saved_options, "--net gpt, already trained:"),
    INCLUDE_OPTIONS(batch_options, "--net gpt reads (default here: --batch " DRAWN_BATCH " --length " DRAWN_LENGTH "):"),
    INCLUDE_OPTIONS(mlp_options, "--net mlp (also --activation, --init; default here: --depth " DRAWN_DEPTH "):"),
    INCLUDE_OPTIONS(seed_options, "Random numbers:"),
    INCLUDE_OPTIONS(run_options, "Running:"),
    POPT_TABLEEND,
};

const CommandHelp graph_help = {
    .name = "graph",
    .about = "Draws the tape of one step, forward and backward, through Graphviz: a box for each operation, with its parameters, in the\n"
             "frame of its module; an arrow for each tensor, with its shape, as wide as the gradient that came back along it. Shortcuts\n"
             "are orange. The numbers are L2 norms. Drawn are at most 400 operations; --module picks some of a large network.",
    .examples = "  gptape graph --out gpt.svg\n"
                "  gptape graph --n-layer 1 --module h.0 --direction LR --out block.svg\n"
                "  gptape graph --module h.0.attn --stepwise on --out attention.png\n"
                "  gptape graph --net mlp --sizes 3,3,3,3,3,1 --out deep.pdf\n"
                "  gptape graph --net mlp --shortcut off | dot -Tx11\n",
    .table = graph_options,
};

// What is drawn, and where to.
typedef struct GraphPlan {
    GradflowPlan network;
    StepDrawing drawing;
    const char *out;                               // NULL: DOT to stdout
} GraphPlan;

// A small network unless a size is given. The texts are read like those of the command line, and are nobody's to free.
static Options with_defaults(const Options *given)
{
    static char net[] = "gpt";
    static char config[] = DRAWN_CONFIG;
    static char batch[] = DRAWN_BATCH;
    static char length[] = DRAWN_LENGTH;
    static char depth[] = DRAWN_DEPTH;
    Options options = *given;
    char **values = options.values;
    values[OPTION_NET] = values[OPTION_NET] == NULL ? net : values[OPTION_NET];
    if (strcmp(values[OPTION_NET], "mlp") == 0) {
        bool sized = values[OPTION_SIZES] != NULL || values[OPTION_DEPTH] != NULL;
        values[OPTION_DEPTH] = sized ? values[OPTION_DEPTH] : depth;
        return options;
    }
    bool configured = values[OPTION_CONFIG] != NULL || values[OPTION_MODEL] != NULL;
    bool by_ids = options_by_ids(given);
    values[OPTION_CONFIG] = configured ? values[OPTION_CONFIG] : config;
    values[OPTION_BATCH] = by_ids || values[OPTION_BATCH] != NULL ? values[OPTION_BATCH] : batch;
    values[OPTION_LENGTH] = by_ids || values[OPTION_LENGTH] != NULL ? values[OPTION_LENGTH] : length;
    return options;
}

static bool read_direction(const Options *options, bool *left_to_right)
{
    const char *direction = options->values[OPTION_DIRECTION];
    *left_to_right = direction != NULL && strcmp(direction, "LR") == 0;
    return direction == NULL || *left_to_right || strcmp(direction, "TB") == 0 ||
           option_error(options, OPTION_DIRECTION, "expected TB or LR");
}

static bool read_drawing(const Options *options, GraphPlan *plan)
{
    StepDrawing *drawing = &plan->drawing;
    drawing->module = options->values[OPTION_MODULE];
    if (!options_switch(options, OPTION_STEPWISE, "off", &drawing->stepwise) ||
        !options_switch(options, OPTION_BACKWARD, "on", &drawing->backward) ||
        !read_direction(options, &drawing->left_to_right)) {
        return false;
    }
    if (options_given(options, OPTION_STEPWISE) && plan->network.experiment.net == NET_MLP) {
        return option_error(options, OPTION_STEPWISE, "belongs to --net gpt, and this is --net mlp");
    }
    return !options_given(options, OPTION_JSON) || option_error(options, OPTION_JSON, "is for figures; a drawing is none");
}

static bool read_out(const Options *options, GraphPlan *plan, int *status)
{
    Error error;
    plan->out = options->values[OPTION_OUT];
    if (plan->out == NULL) {
        return true;
    }
    if (!plot_step_path_check(plan->out, &error)) {
        command_error(options->help->name, "%s", error.message);
        return false;
    }
    if (!save_path_check(plan->out, &error)) {
        command_error(options->help->name, "%s", error.message);
        *status = STATUS_FAILED;
        return false;
    }
    return true;
}

static bool read_plan(const Options *options, GraphPlan *plan, int *status)
{
    ExperimentConfig *experiment = &plan->network.experiment;
    bool shortcut;
    *plan = (GraphPlan){0};
    *status = STATUS_USAGE;
    if (!options_switch(options, OPTION_SHORTCUT, "on", &shortcut) || !options_seed(options, &experiment->seed)) {
        return false;
    }
    experiment->arms = shortcut ? ARMS_ON : ARMS_OFF;
    experiment->n_seeds = 1;
    return gradflow_net_read(options, &plan->network) && read_drawing(options, plan) &&
           gradflow_network_read(options, &plan->network, status) && read_out(options, plan, status);
}

static int run(const GraphPlan *plan, const Options *options)
{
    const ExperimentConfig *experiment = &plan->network.experiment;
    Error error;
    char fault[STEP_FAULT_TEXT];
    bool done = plan->out == NULL ? experiment_draw(experiment, &plan->drawing, stdout, fault, &error)
                                  : plot_step(experiment, &plan->drawing, plan->out, fault, &error);
    if (!done) {
        command_error(options->help->name, "%s", error.message);
        return STATUS_FAILED;
    }
    if (fault[0] != '\0') {
        command_note(options, "not all numbers are finite; the first that are not: %s", fault);
    }
    if (plan->out != NULL) {
        command_note(options, "drew %s", plan->out);
    }
    return STATUS_OK;
}

int command_graph(const Options *given)
{
    Options options = with_defaults(given);
    GraphPlan plan;
    int status;
    if (read_plan(&options, &plan, &status)) {
        status = run(&plan, &options);
    }
    gradflow_plan_free(&plan.network);
    return status;
}
