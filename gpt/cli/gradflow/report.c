// report.c: an experiment as text: its conclusion, a table of layers, a chart, and the rest.

#include "gpt/cli/gradflow/gradflow.h"

#include <math.h>
#include <stdlib.h>

// The conclusion: the plot's title.
static void print_conclusion(const Experiment *experiment, int step)
{
    AUTO_FREE char *finding = step > 0 ? plot_training_finding(experiment) : plot_finding(experiment, NULL);
    printf("%s", terminal_color(COLOR_BOLD));
    terminal_print("%s%s\n", finding, terminal_color(COLOR_END));
}

// ------------------------------------------------------------------------------------------------------------
// The table of layers

// One column: a metric of one arm.
typedef struct Column {
    const char *title;
    LayerMetric metric;
    bool relative; // to the last layer's
    bool split;    // by path: only of an arm with shortcuts
} Column;

static const Column mlp_columns[] = {
    {"|dL/dW|", METRIC_WEIGHT, false, false},
    {"/ last", METRIC_WEIGHT, true, false},
    {"shortcut", METRIC_SKIP, false, true},
    {"branch", METRIC_BLOCK, false, true},
};

static const Column gpt_columns[] = {
    {"|dL/dW|", METRIC_WEIGHT, false, false}, {"q, k", METRIC_QUERY_KEY, false, false}, {"cosine", METRIC_COSINE, false, false},
    {"shortcut", METRIC_SKIP, false, true},   {"branch", METRIC_BLOCK, false, true},
};

static const Column *layer_column(const ArmTable *table, int i)
{
    return &(table->experiment->config.net == NET_MLP ? mlp_columns : gpt_columns)[i];
}

// More than two arms have one column each: the gradient, of an MLP relative to the last layer's.
static const char *layer_title(const ArmTable *table, int arm, int i)
{
    const Experiment *experiment = table->experiment;
    const Column *column = layer_column(table, i);
    bool shown = experiment_arms(&experiment->config) > 2
                   ? column->metric == METRIC_WEIGHT && column->relative == (experiment->config.net == NET_MLP)
                   : !column->split || experiment_shortcuts(experiment, arm) > 0;
    return shown ? column->title : NULL;
}

static void layer_head(Table *out, const ArmTable *table, int layer)
{
    (void)table;
    table_cell(out, "%d", layer);
}

static void layer_cell(Table *out, const ArmTable *table, int layer, int arm, int i)
{
    const Column *column = layer_column(table, i);
    Quartiles q = (column->relative ? experiment_relative : experiment_metric)(table->experiment, arm, table->step, layer, column->metric);
    table_cell(out, isnan(q.median) ? "-" : column->metric == METRIC_COSINE ? "%.3f" : "%.3g", q.median);
}

static void print_layers(const Experiment *experiment, int step)
{
    bool mlp = experiment->config.net == NET_MLP;
    bool many = experiment_arms(&experiment->config) > 2;
    bool split = false;
    ArmTable table = {.experiment = experiment,
                      .corner = experiment_layer_word(experiment),
                      .step = step,
                      .n_rows = experiment->n_layer,
                      .n_columns = mlp ? sizeof mlp_columns / sizeof(Column) : sizeof gpt_columns / sizeof(Column),
                      .title = layer_title,
                      .head = layer_head,
                      .cell = layer_cell};
    bool omits = gradflow_print_arms(&table);
    for (int arm = 0; arm < experiment_arms(&experiment->config); arm++) {
        split = split || (experiment_has(experiment, arm) && layer_title(&table, arm, table.n_columns - 1) != NULL);
    }
    terminal_print("|dL/dW|: mean over the weights%s%s%s",
                   mlp    ? "; / last: the same over the last layer's"
                   : many ? ""
                          : "; q, k: over those of queries and keys; cosine: token cosine, of the outputs of different tokens",
                   split ? "; shortcut, branch: L2 of the gradient that reaches the input by each path" : "",
                   omits ? "; some layers only, --csv has them all" : "");
}

// ------------------------------------------------------------------------------------------------------------
// The networks in words

// Where the gradients come from.
static const char *origin_text(const ExperimentConfig *config)
{
    if (!config->same_dy) {
        return "Each network's gradient is that of its own loss.";
    }
    if (config->n_rules > 1 || (config->n_rules == 0 && config->arms == ARMS_BOTH)) {
        return "The same gradient dL/dy enters the output of all networks.";
    }
    return config->net == NET_MLP ? "The gradient dL/dy that enters the output is 1, instead of the loss's."
                                  : "The gradient dL/dy that enters the output is that of equal logits, instead of the loss's.";
}

static void print_networks(const ExperimentConfig *config)
{
    Writer *network = writer_begin();
    plot_write_network(network->stream, config);
    terminal_end(network);
    if (config->batches.fill != NULL) {
        terminal_print("Each step draws a batch of the task %s; guessing has the loss %.4f", config->batches.name, config->batches.guess_loss);
    }
    terminal_print("%s%s", origin_text(config), kernels_precision() == PRECISION_F64 ? " Everything is computed in float64." : "");
    for (int arm = 0; arm < config->n_rules; arm++) {
        const ResidualRow *row = residual_row(experiment_rule(config, arm));
        if (row != NULL) {
            terminal_print("%s: %s (%s)", row->name, row->text, row->source);
        }
    }
    printf("\n");
}

// ------------------------------------------------------------------------------------------------------------
// The rest: the losses, and the parameters

// Counts the parameters of all networks of an arm by FlowReach, at step 0.
typedef struct Audit {
    int networks;
    int dead;                    // networks in which nothing was reached
    int count[FLOW_REACH_COUNT]; // by FlowReach
    int total;
} Audit;

static Audit audit_arm(const Experiment *experiment, int arm)
{
    Audit audit = {0};
    for (int i = 0; i < experiment->n_measurements; i++) {
        const Measurement *measurement = &experiment->measurements[i];
        if (measurement->arm != arm || measurement->step != 0) {
            continue;
        }
        audit.networks++;
        audit.dead += measurement->flow.reach_count[FLOW_REACHED] == 0;
        for (int reach = 0; reach < FLOW_REACH_COUNT; reach++) {
            audit.count[reach] += measurement->flow.reach_count[reach];
            audit.total += measurement->flow.reach_count[reach];
        }
    }
    return audit;
}

// "all 40 parameter tensors reached"
static void write_audit(FILE *out, Audit audit)
{
    if (audit.count[FLOW_REACHED] == audit.total) {
        fprintf(out, "all %d parameter tensors reached", audit.total / audit.networks);
        return;
    }
    fprintf(out, "of %d parameter tensors %d reached", audit.total, audit.count[FLOW_REACHED]);
    for (int reach = FLOW_ALL_ZERO; reach < FLOW_REACH_COUNT; reach++) {
        if (audit.count[reach] > 0) {
            fprintf(out, ", %d %s", audit.count[reach], flow_reach_name((FlowReach)reach));
        }
    }
}

static void arm_row(Table *table, const Experiment *experiment, int arm)
{
    int steps = experiment->config.n_steps;
    int n_shortcuts = experiment_shortcuts(experiment, arm);
    Audit audit = audit_arm(experiment, arm);
    Writer *writer = writer_begin();
    write_audit(writer->stream, audit);
    AUTO_FREE char *reached = writer_end(writer);
    table_row(table, "%.40s|" REAL_FORMAT, experiment_arm_name(&experiment->config, arm), experiment_loss(experiment, arm, 0).median);
    if (steps > 0) {
        table_cell(table, REAL_FORMAT, experiment_loss(experiment, arm, steps).median);
    }
    table_cell(table, "%d shortcut%s; %s", n_shortcuts, plural(n_shortcuts), reached);
    if (audit.dead > 0 && audit.networks > 1) { // a row of its own, or the table is far wider than the others
        table_row(table, steps > 0 ? "|||%d of %d networks got no gradient anywhere" : "||%d of %d networks got no gradient anywhere", audit.dead,
                  audit.networks);
    }
}

static void print_arms(const Experiment *experiment)
{
    int steps = experiment->config.n_steps;
    Table *table = table_begin(steps > 0 ? "lrrl" : "lrl", NULL);
    table_row(table, "|loss");
    if (steps > 0) {
        table_cell(table, "after %d step%s", steps, plural(steps));
    }
    table_cell(table, "%s", "");
    table_line(table);
    for (int arm = 0; arm < experiment_arms(&experiment->config); arm++) {
        if (experiment_has(experiment, arm)) {
            arm_row(table, experiment, arm);
        }
    }
    table_end(table);
}

static const char *sweep_title(const ArmTable *table, int arm, int column)
{
    (void)table;
    (void)arm;
    return column == 0 ? "ratio" : "n";
}

static void sweep_head(Table *out, const ArmTable *table, int row)
{
    const Sweep *sweep = table->what;
    table_cell(out, "%d", sweep->points[row].depth);
}

static void sweep_cell(Table *out, const ArmTable *table, int row, int arm, int column)
{
    const Sweep *sweep = table->what;
    Quartiles ratio = sweep->points[row].ratio[arm];
    if (column == 1) {
        table_cell(out, "%d", ratio.n);
    } else {
        table_cell(out, ratio.n == 0 ? "-" : "%.3g  [%.2g, %.2g]", ratio.median, ratio.low, ratio.high);
    }
}

static void print_sweep(const Experiment *experiment, const Sweep *sweep)
{
    const ExperimentConfig *config = &experiment->config;
    terminal_print("\nFirst layer's mean |dL/dW| over the last layer's, by depth%s: median [quartiles] of the n networks whose last layer "
                   "got a gradient\n",
                   config->n_steps > 0 ? ", before training" : "");
    gradflow_print_arms(&(ArmTable){.experiment = experiment,
                                    .corner = "depth",
                                    .what = sweep,
                                    .n_rows = sweep->n_points,
                                    .n_columns = 2,
                                    .title = sweep_title,
                                    .head = sweep_head,
                                    .cell = sweep_cell});
    for (int arm = 0; arm < experiment_arms(config); arm++) {
        if (experiment_has(experiment, arm) && isfinite(sweep->decades_per_layer[arm])) {
            terminal_print("%s: %+.3f decades a layer (a factor of %.3g)", experiment_arm_name(config, arm), sweep->decades_per_layer[arm],
                           pow(10, sweep->decades_per_layer[arm]));
        }
    }
}

void gradflow_print_text(const Experiment *experiment, const Sweep *sweep, const char *chart)
{
    int steps = experiment->config.n_steps;
    print_conclusion(experiment, 0);
    print_layers(experiment, 0);
    if (chart != NULL) {
        printf("\n%s", chart);
    }
    printf("\n");
    print_networks(&experiment->config);
    print_arms(experiment);
    probes_print(experiment, 0);
    if (steps > 0) {
        printf("\n");
        print_conclusion(experiment, steps);
        print_layers(experiment, steps);
        probes_print(experiment, steps);
    }
    if (sweep != NULL) {
        print_sweep(experiment, sweep);
    }
}
