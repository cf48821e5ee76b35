// gradflow_report.c: an experiment as a table with its conclusions, and as JSON.

#include "gpt/cli/gradflow/gradflow.h"

#include <math.h>

enum { ROWS_AT_MOST = 50 };                        // a deeper network's table shows every so many-th layer

static const char *arm_name(bool shortcut)
{
    return shortcut ? "with shortcuts" : "without shortcuts";
}

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
    if (config->arms == ARMS_BOTH) {
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
        printf("GPT of %d block%s, %d wide, %d head%s, norm %s, causal %s, %s, init %s, batch %d x %d", gpt->n_layer,
               plural(gpt->n_layer), gpt->n_embd, gpt->n_head, plural(gpt->n_head), norm_name(gpt->norm),
               gpt->causal ? "on" : "off", activation_name(gpt->activation),
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
    printf("%s\n\n", origin_text(config));
}

// ------------------------------------------------------------------------------------------------------------
// The table of layers

// One column: a figure of one arm.
typedef struct Column {
    const char *title;
    bool shortcut;
    LayerMetric figure;
    bool relative;                                 // to the last layer's
} Column;

static const Column mlp_columns[] = {
    {"mean |dL/dW|", false, METRIC_WEIGHT, false},
    {"/ last layer's", false, METRIC_WEIGHT, true},
    {"mean |dL/dW|", true, METRIC_WEIGHT, false},
    {"/ last layer's", true, METRIC_WEIGHT, true},
    {"by shortcut", true, METRIC_SKIP, false},
    {"by layer", true, METRIC_BLOCK, false},
};

static const Column gpt_columns[] = {
    {"mean |dL/dW|", false, METRIC_WEIGHT, false},
    {"query, key", false, METRIC_QUERY_KEY, false},
    {"token cosine", false, METRIC_COSINE, false},
    {"mean |dL/dW|", true, METRIC_WEIGHT, false},
    {"query, key", true, METRIC_QUERY_KEY, false},
    {"token cosine", true, METRIC_COSINE, false},
    {"by shortcut", true, METRIC_SKIP, false},
    {"by block", true, METRIC_BLOCK, false},
};

// The columns of the arms that were run.
static int choose_columns(const Experiment *experiment, Column columns[8])
{
    bool mlp = experiment->config.net == NET_MLP;
    const Column *all = mlp ? mlp_columns : gpt_columns;
    int n_all = (int)(mlp ? sizeof mlp_columns / sizeof *all : sizeof gpt_columns / sizeof *all);
    int n = 0;
    for (int i = 0; i < n_all; i++) {
        if (experiment_has(experiment, all[i].shortcut)) {
            columns[n] = all[i];
            n++;
        }
    }
    return n;
}

static void figure_cell(Table *table, const Experiment *experiment, const Column *column, int step, int layer)
{
    Quartiles q = column->relative
        ? experiment_relative(experiment, column->shortcut, step, layer, column->figure)
        : experiment_metric(experiment, column->shortcut, step, layer, column->figure);
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
    if (experiment_shortcuts(experiment, true) > 0) {
        printf("by shortcut, by %s: L2 of dL/dx where the shortcut starts, by the way it came\n",
               experiment->config.net == NET_MLP ? "layer" : "block");
    }
}

// Two lines: which arm, above its first column; and the figures.
static void head_cells(Table *table, const Experiment *experiment, const Column *columns, int n_columns)
{
    table_cell(table, "%s", "");
    for (int i = 0; i < n_columns; i++) {
        bool first_of_arm = i == 0 || columns[i].shortcut != columns[i - 1].shortcut;
        table_cell(table, "%s", first_of_arm ? (columns[i].shortcut ? "with:" : "without:") : "");
    }
    table_cell(table, "%s", experiment->config.net == NET_MLP ? "layer" : "block");
    for (int i = 0; i < n_columns; i++) {
        table_cell(table, "%s", columns[i].title);
    }
    table_line(table);
}

static void print_layers(const Experiment *experiment, int step)
{
    Column columns[8];
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

static Audit audit_arm(const Experiment *experiment, bool shortcut)
{
    Audit audit = {0};
    for (int i = 0; i < experiment->n_measurements; i++) {
        const Measurement *measurement = &experiment->measurements[i];
        if (measurement->shortcut != shortcut || measurement->step != 0) {
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

static void print_arm(const Experiment *experiment, bool shortcut)
{
    int steps = experiment->config.n_steps;
    Quartiles first_over_last = experiment_relative(experiment, shortcut, 0, 0, METRIC_WEIGHT);
    printf("%-18s ", arm_name(shortcut));
    if (first_over_last.n > 0) {
        printf("%sfirst/last %.3g; ", experiment->config.n_seeds > 1 ? "median " : "", first_over_last.median);
    }
    printf("loss %.9g", experiment_loss(experiment, shortcut, 0).median);
    if (steps > 0) {
        printf(", after %d step%s %.9g", steps, plural(steps), experiment_loss(experiment, shortcut, steps).median);
    }
    int n_shortcuts = experiment_shortcuts(experiment, shortcut);
    printf("; %d shortcut%s; ", n_shortcuts, plural(n_shortcuts));
    print_audit(audit_arm(experiment, shortcut));
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
    printf("\nFirst layer's mean |dL/dW| over the last layer's, by depth: median [quartiles]\n"
           "of the n networks whose last layer got a gradient\n\n");
    Table *table = table_create("rrrrr");
    table_cell(table, "depth");
    table_cell(table, "without shortcuts");
    table_cell(table, "n");
    table_cell(table, "with shortcuts");
    table_cell(table, "n");
    table_line(table);
    for (int i = 0; i < sweep->n_points; i++) {
        table_cell(table, "%d", sweep->points[i].depth);
        ratio_cells(table, sweep->points[i].ratio[0]);
        ratio_cells(table, sweep->points[i].ratio[1]);
    }
    table_print(table, stdout);
    table_free(table);
    for (int arm = 0; arm < 2; arm++) {
        if (experiment_has(experiment, arm == 1) && isfinite(sweep->decades_per_layer[arm])) {
            printf("%-18s %+.3f decades a layer (a factor of %.3g)\n", arm_name(arm == 1), sweep->decades_per_layer[arm],
                   pow(10, sweep->decades_per_layer[arm]));
        }
    }
}

void gradflow_print_text(const Experiment *experiment, const Sweep *sweep)
{
    print_heading(&experiment->config);
    print_layers(experiment, 0);
    printf("\n");
    for (int arm = 0; arm < 2; arm++) {
        if (experiment_has(experiment, arm == 1)) {
            print_arm(experiment, arm == 1);
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

static cJSON *run_json(const Measurement *measurement, int n_layer)
{
    cJSON *json = cJSON_CreateObject();
    json_add_count(json, "run", measurement->run);
    json_add_count(json, "seed", (double)measurement->seed);
    cJSON_AddStringToObject(json, "shortcut", measurement->shortcut ? "on" : "off");
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

static void add_sweep(cJSON *object, const Sweep *sweep)
{
    cJSON *json = cJSON_AddObjectToObject(object, "sweep");
    json_add_number(json, "decades_per_layer_off", sweep->decades_per_layer[0]);
    json_add_number(json, "decades_per_layer_on", sweep->decades_per_layer[1]);
    cJSON *points = cJSON_AddArrayToObject(json, "points");
    for (int i = 0; i < sweep->n_points; i++) {
        cJSON *point = cJSON_CreateObject();
        json_add_count(point, "depth", sweep->points[i].depth);
        add_quartiles(point, "off", sweep->points[i].ratio[0]);
        add_quartiles(point, "on", sweep->points[i].ratio[1]);
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
        cJSON_AddItemToArray(runs, run_json(&experiment->measurements[i], experiment->n_layer));
    }
    if (sweep != NULL) {
        add_sweep(json, sweep);
    }
    json_print(json);
}
