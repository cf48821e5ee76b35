// report.c: an experiment as text: its conclusion, a table of layers, a chart, and the rest.

#include "gpt/base/base.h"
#include "gpt/cli/gradflow/gradflow.h"

#include <math.h>
#include <stdlib.h>

static const char *layer_word(const Experiment *experiment)
{
    return experiment->config.net == NET_MLP ? "layer" : "block";
}

// The first arms also differ in color, as in the plots.
const char *arm_color(int arm)
{
    return arm == 0 ? COLOR_WITHOUT : arm == 1 ? COLOR_WITH : NULL;
}

// ------------------------------------------------------------------------------------------------------------
// The conclusion: what part of the last layer's gradient reaches the first

// "0.332 with shortcuts and 5.21e-06 without shortcuts", written to text (n); empty if no network has both gradients.
static void ratios_text(const Experiment *experiment, char *text, size_t n)
{
    int n_arms = experiment_arms(&experiment->config);
    size_t used = 0;
    int last = -1;
    text[0] = '\0';
    for (int arm = 0; arm < n_arms; arm++) {
        last = experiment_has(experiment, arm) && experiment_relative(experiment, arm, 0, 0, METRIC_WEIGHT).n > 0 ? arm : last;
    }
    for (int arm = 0; arm <= last && used < n; arm++) {
        Quartiles ratio = {.n = 0};
        if (experiment_has(experiment, arm)) {
            ratio = experiment_relative(experiment, arm, 0, 0, METRIC_WEIGHT);
        }
        if (ratio.n > 0) {
            const char *comma = used == 0 ? "" : arm == last ? " and " : ", ";
            used += (size_t)snprintf(text + used, n - used, "%s%.3g %s%.40s", comma, ratio.median, experiment->config.n_rules > 0 ? "with " : "",
                                     experiment_arm_name(&experiment->config, arm));
        }
    }
}

static void print_conclusion(const Experiment *experiment)
{
    char ratios[1000];
    const char *word = layer_word(experiment);
    ratios_text(experiment, ratios, sizeof ratios);
    printf("%s", terminal_color(COLOR_BOLD));
    if (ratios[0] == '\0') {
        terminal_print("No gradient reaches the last %s.%s", word, terminal_color(COLOR_END));
    } else {
        terminal_print("The first %s's gradient is, as a fraction of the last %s's, %s%s.%s", word, word, ratios,
                       experiment->config.n_seeds > 1 ? " (medians)" : "", terminal_color(COLOR_END));
    }
    printf("\n");
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

// More than two arms have one column each: the gradient, of an MLP relative to the last layer's.
static bool is_shown(const Experiment *experiment, const Column *column, int arm)
{
    bool mlp = experiment->config.net == NET_MLP;
    if (!experiment_has(experiment, arm)) {
        return false;
    }
    if (experiment_arms(&experiment->config) > 2) {
        return column->metric == METRIC_WEIGHT && column->relative == mlp;
    }
    return !column->split || experiment_shortcuts(experiment, arm) > 0;
}

static void metric_cell(Table *table, const Experiment *experiment, const Column *column, int arm, int step, int layer)
{
    Quartiles q = column->relative ? experiment_relative(experiment, arm, step, layer, column->metric)
                                   : experiment_metric(experiment, arm, step, layer, column->metric);
    if (isnan(q.median)) {
        table_cell(table, "-");
    } else {
        table_cell(table, column->metric == METRIC_COSINE ? "%.3f" : "%.3g", q.median);
    }
}

// Two lines: the arm, above its first column; and the titles.
static void head_cells(Table *table, const Experiment *experiment, const Column *columns, int n_columns)
{
    const ExperimentConfig *config = &experiment->config;
    table_cell(table, "%s", "");
    for (int arm = 0; arm < experiment_arms(config); arm++) {
        const char *name = config->n_rules > 0 ? experiment_arm_name(config, arm) : arm == 1 ? "with:" : "without:";
        for (int i = 0; i < n_columns; i++) {
            if (is_shown(experiment, &columns[i], arm)) {
                table_color(table, arm_color(arm));
                table_cell(table, "%.14s", name);
                name = "";
            }
        }
    }
    table_cell(table, "%s", layer_word(experiment));
    for (int arm = 0; arm < experiment_arms(config); arm++) {
        for (int i = 0; i < n_columns; i++) {
            if (is_shown(experiment, &columns[i], arm)) {
                table_cell(table, "%s", columns[i].title);
            }
        }
    }
    table_line(table);
}

static void print_meaning(const Experiment *experiment, int every)
{
    bool mlp = experiment->config.net == NET_MLP;
    bool many = experiment_arms(&experiment->config) > 2;
    bool split = false;
    for (int arm = 0; arm < experiment_arms(&experiment->config); arm++) {
        split = split || is_shown(experiment, &mlp_columns[2], arm);
    }
    terminal_print("|dL/dW|: mean over the weights%s%s%s",
                   mlp    ? "; / last: the same over the last layer's"
                   : many ? ""
                          : "; q, k: over those of queries and keys; cosine: token cosine, of the outputs of different tokens",
                   split ? "; shortcut, branch: L2 of the gradient that reaches the input by each path" : "",
                   every > 1 ? "; some layers only, --csv has them all" : "");
}

static void print_layers(const Experiment *experiment, int step)
{
    bool mlp = experiment->config.net == NET_MLP;
    const Column *columns = mlp ? mlp_columns : gpt_columns;
    int n_columns = (int)(mlp ? sizeof mlp_columns / sizeof *columns : sizeof gpt_columns / sizeof *columns);
    int n_shown = 0;
    for (int i = 0; i < n_columns * ARMS_MOST; i++) {
        n_shown += i / n_columns < experiment_arms(&experiment->config) && is_shown(experiment, &columns[i % n_columns], i / n_columns);
    }
    char alignments[] = "lrrrrrrrrrr";
    alignments[n_shown + 1] = '\0';
    Table *table = table_begin(alignments, NULL);
    head_cells(table, experiment, columns, n_columns);
    int n = experiment->n_layer;
    int every = n <= ROWS_AT_MOST ? 1 : (n + ROWS_AT_MOST - 1) / ROWS_AT_MOST;
    for (int layer = 0; layer < n; layer++) {
        if (layer % every != 0 && layer != n - 1) {
            continue;
        }
        table_cell(table, "%d", layer);
        for (int arm = 0; arm < experiment_arms(&experiment->config); arm++) {
            for (int i = 0; i < n_columns; i++) {
                if (is_shown(experiment, &columns[i], arm)) {
                    metric_cell(table, experiment, &columns[i], arm, step, layer);
                }
            }
        }
    }
    table_end(table);
    print_meaning(experiment, every);
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

// "all 40 parameter tensors reached", written to text (n).
static void audit_text(Audit audit, char *text, size_t n)
{
    if (audit.count[FLOW_REACHED] == audit.total) {
        snprintf(text, n, "all %d parameter tensors reached", audit.total / audit.networks);
        return;
    }
    int used = snprintf(text, n, "of %d parameter tensors %d reached", audit.total, audit.count[FLOW_REACHED]);
    for (int reach = FLOW_ALL_ZERO; reach < FLOW_REACH_COUNT; reach++) {
        if (audit.count[reach] > 0) {
            used += snprintf(text + used, n - (size_t)used, ", %d %s", audit.count[reach], flow_reach_name((FlowReach)reach));
        }
    }
    if (audit.dead > 0 && audit.networks > 1) {
        snprintf(text + used, n - (size_t)used, "; %d of %d networks got no gradient anywhere", audit.dead, audit.networks);
    }
}

static void arm_row(Table *table, const Experiment *experiment, int arm)
{
    int steps = experiment->config.n_steps;
    int n_shortcuts = experiment_shortcuts(experiment, arm);
    char reached[300];
    audit_text(audit_arm(experiment, arm), reached, sizeof reached);
    table_cell(table, "%.40s", experiment_arm_name(&experiment->config, arm));
    table_cell(table, REAL_FORMAT, experiment_loss(experiment, arm, 0).median);
    if (steps > 0) {
        table_cell(table, REAL_FORMAT, experiment_loss(experiment, arm, steps).median);
    }
    table_cell(table, "%d shortcut%s; %s", n_shortcuts, plural(n_shortcuts), reached);
}

static void print_arms(const Experiment *experiment)
{
    int steps = experiment->config.n_steps;
    Table *table = table_begin(steps > 0 ? "lrrl" : "lrl", NULL);
    table_cell(table, "%s", "");
    table_cell(table, "loss");
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

static void ratio_cells(Table *table, Quartiles ratio)
{
    if (ratio.n == 0) {
        table_cell(table, "-");
    } else {
        table_cell(table, "%.3g  [%.2g, %.2g]", ratio.median, ratio.low, ratio.high);
    }
    table_cell(table, "%d", ratio.n);
}

static void print_sweep(const Experiment *experiment, const Sweep *sweep)
{
    const ExperimentConfig *config = &experiment->config;
    int n_arms = experiment_arms(config);
    char alignments[2 * ARMS_MOST + 2] = "rrrrrrrrrrrrrrrrr";
    terminal_print("\nFirst layer's mean |dL/dW| over the last layer's, by depth: median [quartiles] of the n networks whose last layer "
                   "got a gradient\n");
    alignments[2 * n_arms + 1] = '\0';
    Table *table = table_begin(alignments, NULL);
    table_cell(table, "depth");
    for (int arm = 0; arm < n_arms; arm++) {
        table_color(table, arm_color(arm));
        table_cell(table, "%.40s", experiment_arm_name(config, arm));
        table_cell(table, "n");
    }
    table_line(table);
    for (int i = 0; i < sweep->n_points; i++) {
        table_cell(table, "%d", sweep->points[i].depth);
        for (int arm = 0; arm < n_arms; arm++) {
            ratio_cells(table, sweep->points[i].ratio[arm]);
        }
    }
    table_end(table);
    for (int arm = 0; arm < n_arms; arm++) {
        if (experiment_has(experiment, arm) && isfinite(sweep->decades_per_layer[arm])) {
            terminal_print("%s: %+.3f decades a layer (a factor of %.3g)", experiment_arm_name(config, arm), sweep->decades_per_layer[arm],
                           pow(10, sweep->decades_per_layer[arm]));
        }
    }
}

void gradflow_print_text(const Experiment *experiment, const Sweep *sweep, const char *chart)
{
    int steps = experiment->config.n_steps;
    print_conclusion(experiment);
    print_layers(experiment, 0);
    if (chart != NULL) {
        printf("\n%s%s", steps > 0 ? "Before training:\n\n" : "", chart);
    }
    printf("\n");
    gradflow_print_networks(&experiment->config);
    print_arms(experiment);
    probes_print(experiment, 0);
    if (steps > 0) {
        printf("\nAfter %d step%s of training\n\n", steps, plural(steps));
        print_layers(experiment, steps);
        probes_print(experiment, steps);
    }
    if (sweep != NULL) {
        print_sweep(experiment, sweep);
    }
}
