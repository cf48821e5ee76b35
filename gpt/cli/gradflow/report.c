// gradflow_report.c: an experiment as a table with its conclusions, and as JSON.

#include "gpt/cli/gradflow/gradflow.h"

#include <math.h>

enum { ROWS_AT_MOST = 50 };                        // a deeper network's table shows every so many-th layer

// ------------------------------------------------------------------------------------------------------------
// The heading

static void print_sizes(const DeepConfig *deep)
{
    int n = deep->n_layer;
    if (n <= 6) {
        for (int i = 0; i <= n; i++) {
            printf("%s%d", i == 0 ? "" : "-", deep->sizes[i]);
        }
        return;
    }
    printf("%d-%d-...-%d-%d", deep->sizes[0], deep->sizes[1], deep->sizes[n - 1], deep->sizes[n]);
}

// Where the gradients come from.
static const char *origin_text(const ExperimentConfig *config)
{
    if (!config->same_dy) {
        return "Each network's gradient is that of its own loss.";
    }
    if (config->n_rules > 1) {
        return "The same gradient dL/dy enters the output of all networks.";
    }
    if (config->n_rules == 0 && config->arms == ARMS_BOTH) {
        return "The same gradient dL/dy enters the output of both networks.";
    }
    return config->net == NET_MLP ? "The gradient dL/dy that enters the output is 1, and not the loss's."
                                  : "The gradient dL/dy that enters the output is that of logits which are all the same, and not the loss's.";
}

static void print_heading(const ExperimentConfig *config)
{
    if (config->net == NET_MLP) {
        printf("Deep network of %d layer%s, ", config->deep.n_layer, plural(config->deep.n_layer));
        print_sizes(&config->deep);
        printf(", %s after each, init %s", activation_name(config->deep.activation), init_name(config->deep.init));
    } else {
        const GPTConfig *gpt = &config->gpt;
        printf("GPT of %d block%s, %d wide, %d head%s, %s%s%scausal %s, %s, init %s, batch %d x %d", gpt->n_layer,
               plural(gpt->n_layer), gpt->n_embd, gpt->n_head, plural(gpt->n_head),
               config->n_rules > 0 ? "" : "norm ", config->n_rules > 0 ? "" : norm_name(gpt->norm), config->n_rules > 0 ? "" : ", ", gpt->causal ? "on" : "off", activation_name(gpt->activation),
               init_name(gpt->init), config->B, config->T);
    }
    uint64_t last = config->seed + (uint64_t)config->n_seeds - 1;
    if (config->saved != NULL) {
        printf("; saved weights\n");
    } else if (config->n_seeds == 1) {
        printf("; seed %llu\n", (unsigned long long)config->seed);
    } else {
        printf("; medians of %d seeds, %llu to %llu\n", config->n_seeds, (unsigned long long)config->seed,
               (unsigned long long)last);
    }
    for (int arm = 0; arm < config->n_rules; arm++) {
        const ResidualRow *row = residual_row(experiment_rule(config, arm));
        if (row != NULL) {
            printf("%s: %s (%s)\n", row->name, row->text, row->source);
        }
    }
    printf("%s\n\n", origin_text(config));
}

// ------------------------------------------------------------------------------------------------------------
// The table of layers

// One column: a figure of one arm.
typedef struct Column {
    const char *title;
    int arm;
    LayerMetric figure;
    bool relative;                                 // to the last layer's
} Column;

static const Column mlp_columns[] = {
    {"mean |dL/dW|", 0, METRIC_WEIGHT, false},
    {"/ last layer's", 0, METRIC_WEIGHT, true},
    {"mean |dL/dW|", 1, METRIC_WEIGHT, false},
    {"/ last layer's", 1, METRIC_WEIGHT, true},
    {"by shortcut", 1, METRIC_SKIP, false},
    {"by layer", 1, METRIC_BLOCK, false},
};

static const Column gpt_columns[] = {
    {"mean |dL/dW|", 0, METRIC_WEIGHT, false},
    {"query, key", 0, METRIC_QUERY_KEY, false},
    {"token cosine", 0, METRIC_COSINE, false},
    {"mean |dL/dW|", 1, METRIC_WEIGHT, false},
    {"query, key", 1, METRIC_QUERY_KEY, false},
    {"token cosine", 1, METRIC_COSINE, false},
    {"by shortcut", 1, METRIC_SKIP, false},
    {"by block", 1, METRIC_BLOCK, false},
};

enum { COLUMNS_MOST = 8 };

// The columns of the arms that were run. Of rules it is one column each, or, if there is one rule only, the second arm's.
static int choose_columns(const Experiment *experiment, Column columns[COLUMNS_MOST])
{
    int n_rules = experiment->config.n_rules;
    bool mlp = experiment->config.net == NET_MLP;
    const Column *all = mlp ? mlp_columns : gpt_columns;
    int n_all = (int)(mlp ? sizeof mlp_columns / sizeof *all : sizeof gpt_columns / sizeof *all);
    int n = 0;
    for (int arm = 0; n_rules > 1 && arm < n_rules; arm++) {
        columns[n] = (Column){"", arm, METRIC_WEIGHT, mlp};
        n++;
    }
    for (int i = 0; n_rules <= 1 && i < n_all; i++) {
        if (n_rules == 1 ? all[i].arm == 1 : experiment_has(experiment, all[i].arm)) {
            columns[n] = all[i];
            columns[n].arm = n_rules == 1 ? 0 : all[i].arm;
            n++;
        }
    }
    return n;
}

static void figure_cell(Table *table, const Experiment *experiment, const Column *column, int step, int layer)
{
    Quartiles q = column->relative
        ? experiment_relative(experiment, column->arm, step, layer, column->figure)
        : experiment_metric(experiment, column->arm, step, layer, column->figure);
    if (isnan(q.median)) {
        table_cell(table, "-");
    } else if (column->figure == METRIC_COSINE) {
        table_cell(table, "%.4f", q.median);
    } else {
        table_cell(table, "%.6g", q.median);
    }
}

// What the last two columns are, where they are.
static void print_split_note(const Experiment *experiment)
{
    if (experiment->config.n_rules > 1) {
        printf("mean |dL/dW| of each %s%s\n", experiment->config.net == NET_MLP ? "layer" : "block",
               experiment->config.net == NET_MLP ? ", relative to the last layer's" : "");
    } else if (experiment_shortcuts(experiment, experiment->config.n_rules == 1 ? 0 : 1) > 0) {
        printf("by shortcut, by %s: L2 of dL/dx where the shortcut starts, by the way it came\n",
               experiment->config.net == NET_MLP ? "layer" : "block");
    }
}

// Two lines: which arm, above its first column; and the figures.
static void head_cells(Table *table, const Experiment *experiment, const Column *columns, int n_columns)
{
    bool rules = experiment->config.n_rules > 0;
    table_cell(table, "%s", "");
    for (int i = 0; i < n_columns; i++) {
        bool first_of_arm = i == 0 || columns[i].arm != columns[i - 1].arm;
        const char *name = rules ? experiment_arm_name(&experiment->config, columns[i].arm) : columns[i].arm == 1 ? "with:" : "without:";
        table_cell(table, rules && n_columns > 2 ? "%.14s" : "%.40s", first_of_arm ? name : "");
    }
    table_cell(table, "%s", experiment->config.net == NET_MLP ? "layer" : "block");
    for (int i = 0; i < n_columns; i++) {
        table_cell(table, "%s", columns[i].title);
    }
    table_line(table);
}

static void print_layers(const Experiment *experiment, int step)
{
    Column columns[COLUMNS_MOST];
    int n_columns = choose_columns(experiment, columns);
    char alignments[] = "lrrrrrrrr";
    alignments[n_columns + 1] = '\0';
    Table *table = table_create(alignments);
    head_cells(table, experiment, columns, n_columns);
    int n = experiment->n_layer;
    int every = n <= ROWS_AT_MOST ? 1 : (n + ROWS_AT_MOST - 1) / ROWS_AT_MOST;
    for (int layer = 0; layer < n; layer++) {
        if (layer % every != 0 && layer != n - 1) {
            continue;
        }
        table_cell(table, experiment->config.net == NET_MLP ? "layers.%d" : "h.%d", layer);
        for (int i = 0; i < n_columns; i++) {
            figure_cell(table, experiment, &columns[i], step, layer);
        }
    }
    table_print(table, stdout);
    table_free(table);
    print_split_note(experiment);
    if (every > 1) {
        printf("(one in %d of the %d layers, and the last; --csv has them all)\n", every, n);
    }
}

// ------------------------------------------------------------------------------------------------------------
// Below the table

// How many parameters of all networks of an arm met which fate at step 0.
typedef struct Audit {
    int networks;
    int dead;                                      // networks in which nothing was reached
    int count[FLOW_REACH_COUNT];                   // by FlowReach
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

static void print_audit(Audit audit)
{
    int each = audit.total / audit.networks;
    if (audit.count[FLOW_REACHED] == audit.total) {
        printf("all %d parameter tensors reached", each);
        return;
    }
    printf("of %d parameter tensors %d reached", audit.total, audit.count[FLOW_REACHED]);
    for (int reach = FLOW_ALL_ZERO; reach < FLOW_REACH_COUNT; reach++) {
        if (audit.count[reach] > 0) {
            printf(", %d %s", audit.count[reach], flow_reach_name((FlowReach)reach));
        }
    }
    if (audit.dead > 0 && audit.networks > 1) {
        printf("; %d of %d networks got no gradient anywhere", audit.dead, audit.networks);
    }
}

static void print_arm(const Experiment *experiment, int arm)
{
    int steps = experiment->config.n_steps;
    Quartiles first_over_last = experiment_relative(experiment, arm, 0, 0, METRIC_WEIGHT);
    printf("%-18s ", experiment_arm_name(&experiment->config, arm));
    if (first_over_last.n > 0) {
        printf("%sfirst/last %.3g; ", experiment->config.n_seeds > 1 ? "median " : "", first_over_last.median);
    }
    printf("loss %.9g", experiment_loss(experiment, arm, 0).median);
    if (steps > 0) {
        printf(", after %d step%s %.9g", steps, plural(steps), experiment_loss(experiment, arm, steps).median);
    }
    int n_shortcuts = experiment_shortcuts(experiment, arm);
    printf("; %d shortcut%s; ", n_shortcuts, plural(n_shortcuts));
    print_audit(audit_arm(experiment, arm));
    printf("\n");
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
    printf("\nFirst layer's mean |dL/dW| over the last layer's, by depth: median [quartiles]\n"
           "of the n networks whose last layer got a gradient\n\n");
    alignments[2 * n_arms + 1] = '\0';
    Table *table = table_create(alignments);
    table_cell(table, "depth");
    for (int arm = 0; arm < n_arms; arm++) {
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
    table_print(table, stdout);
    table_free(table);
    for (int arm = 0; arm < n_arms; arm++) {
        if (experiment_has(experiment, arm) && isfinite(sweep->decades_per_layer[arm])) {
            printf("%-18s %+.3f decades a layer (a factor of %.3g)\n", experiment_arm_name(config, arm), sweep->decades_per_layer[arm],
                   pow(10, sweep->decades_per_layer[arm]));
        }
    }
}

void gradflow_print_text(const Experiment *experiment, const Sweep *sweep)
{
    print_heading(&experiment->config);
    print_layers(experiment, 0);
    printf("\n");
    for (int arm = 0; arm < experiment_arms(&experiment->config); arm++) {
        if (experiment_has(experiment, arm)) {
            print_arm(experiment, arm);
        }
    }
    if (experiment->config.n_steps > 0) {
        printf("\nAfter %d step%s of training\n\n", experiment->config.n_steps, plural(experiment->config.n_steps));
        print_layers(experiment, experiment->config.n_steps);
    }
    if (sweep != NULL) {
        print_sweep(experiment, sweep);
    }
}

// ------------------------------------------------------------------------------------------------------------
// JSON

static const char *const FIGURE_KEYS[METRIC_COUNT] = {
    [METRIC_WEIGHT] = "weight_grad",
    [METRIC_QUERY_KEY] = "query_key_grad",
    [METRIC_COSINE] = "token_cosine",
    [METRIC_SKIP] = "skip_grad",
    [METRIC_BLOCK] = "block_grad",
    [METRIC_SHARE] = "shortcut_share",
};

static const char *const REACH_KEYS[FLOW_REACH_COUNT] = {
    [FLOW_REACHED] = "reached",
    [FLOW_ALL_ZERO] = "all_zero",
    [FLOW_NAN] = "not_finite",
    [FLOW_NEVER] = "never",
};

static void add_quartiles(cJSON *object, const char *name, Quartiles q)
{
    cJSON *json = cJSON_AddObjectToObject(object, name);
    json_add_number(json, "low", q.low);
    json_add_number(json, "median", q.median);
    json_add_number(json, "high", q.high);
    json_add_count(json, "zeros", q.zeros);
    json_add_count(json, "n", q.n);
}

static cJSON *run_json(const ExperimentConfig *config, const Measurement *measurement, int n_layer)
{
    const ResidualRule *rule = experiment_rule(config, measurement->arm);
    bool shortcut;
    Norm norm;
    cJSON *json = cJSON_CreateObject();
    json_add_count(json, "run", measurement->run);
    json_add_count(json, "seed", (double)measurement->seed);
    if (gpt_rule_shorthand(rule, &shortcut, &norm)) {
        cJSON_AddStringToObject(json, "shortcut", shortcut ? "on" : "off");
    }
    cJSON_AddStringToObject(json, "residual", residual_name(rule));
    json_add_count(json, "step", measurement->step);
    json_add_number(json, "loss", measurement->loss);
    json_add_count(json, "shortcuts", measurement->flow.n_shortcuts);
    for (int reach = 0; reach < FLOW_REACH_COUNT; reach++) {
        json_add_count(json, REACH_KEYS[reach], measurement->flow.reach_count[reach]);
    }
    cJSON *layers = cJSON_AddArrayToObject(json, "layers");
    for (int layer = 0; layer < n_layer; layer++) {
        cJSON *figures = cJSON_CreateObject();
        for (int figure = 0; figure < METRIC_COUNT; figure++) {
            json_add_number(figures, FIGURE_KEYS[figure], measurement_metric(measurement, layer, (LayerMetric)figure));
        }
        cJSON_AddItemToArray(layers, figures);
    }
    return json;
}

// Arms by name; the familiar ones are off and on.
static const char *arm_key(const ExperimentConfig *config, int arm)
{
    return config->n_rules > 0 ? experiment_arm_name(config, arm) : arm == 1 ? "on" : "off";
}

static void add_sweep(cJSON *object, const ExperimentConfig *config, const Sweep *sweep)
{
    cJSON *json = cJSON_AddObjectToObject(object, "sweep");
    cJSON *slopes = config->n_rules > 0 ? cJSON_AddObjectToObject(json, "decades_per_layer") : json;
    for (int arm = 0; arm < experiment_arms(config); arm++) {
        char name[48];
        snprintf(name, sizeof name, "decades_per_layer_%.20s", arm_key(config, arm));
        json_add_number(slopes, config->n_rules > 0 ? arm_key(config, arm) : name, sweep->decades_per_layer[arm]);
    }
    cJSON *points = cJSON_AddArrayToObject(json, "points");
    for (int i = 0; i < sweep->n_points; i++) {
        cJSON *point = cJSON_CreateObject();
        json_add_count(point, "depth", sweep->points[i].depth);
        for (int arm = 0; arm < experiment_arms(config); arm++) {
            add_quartiles(point, arm_key(config, arm), sweep->points[i].ratio[arm]);
        }
        cJSON_AddItemToArray(points, point);
    }
}

void gradflow_print_json(const Experiment *experiment, const Sweep *sweep)
{
    const ExperimentConfig *config = &experiment->config;
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "net", net_name(config->net));
    if (config->net == NET_GPT) {
        json_add_config(json, "config", &config->gpt);
    } else {
        cJSON_AddItemToObject(json, "sizes", cJSON_CreateIntArray(config->deep.sizes, config->deep.n_layer + 1));
        cJSON_AddStringToObject(json, "activation", activation_name(config->deep.activation));
        cJSON_AddStringToObject(json, "init", init_name(config->deep.init));
    }
    if (experiment->n_measurements == 1) {
        json_add_number(json, "loss", experiment->measurements[0].loss);
    }
    cJSON *runs = cJSON_AddArrayToObject(json, "runs");
    for (int i = 0; i < experiment->n_measurements; i++) {
        cJSON_AddItemToArray(runs, run_json(config, &experiment->measurements[i], experiment->n_layer));
    }
    if (sweep != NULL) {
        add_sweep(json, config, sweep);
    }
    json_print(json);
}
