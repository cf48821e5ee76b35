// json.c: an experiment as JSON.

#include "gpt/cli/gradflow/gradflow.h"

static const char *const FIGURE_KEYS[METRIC_COUNT] = {
    [METRIC_WEIGHT] = "weight_grad", [METRIC_QUERY_KEY] = "query_key_grad", [METRIC_COSINE] = "token_cosine",
    [METRIC_SKIP] = "skip_grad",     [METRIC_BLOCK] = "block_grad",         [METRIC_SHARE] = "shortcut_share",
};

static const char *const REACH_KEYS[FLOW_REACH_COUNT] = {
    [FLOW_REACHED] = "reached",
    [FLOW_ALL_ZERO] = "all_zero",
    [FLOW_NAN] = "not_finite",
    [FLOW_NEVER] = "never",
};

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
        cJSON *figures = json_add_object(layers);
        for (int figure = 0; figure < METRIC_COUNT; figure++) {
            json_add_number(figures, FIGURE_KEYS[figure], measurement_metric(measurement, layer, (LayerMetric)figure));
        }
    }
    probes_add_json(json, measurement);
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
        cJSON *point = json_add_object(points);
        json_add_count(point, "depth", sweep->points[i].depth);
        for (int arm = 0; arm < experiment_arms(config); arm++) {
            json_add_quartiles(point, arm_key(config, arm), sweep->points[i].ratio[arm]);
        }
    }
}

void gradflow_print_json(const Experiment *experiment, const Sweep *sweep)
{
    const ExperimentConfig *config = &experiment->config;
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "net", net_name(config->net));
    if (config->net == NET_GPT) {
        GPTConfig gpt = config->gpt;
        gpt.residual = config->n_rules > 0 ? config->rules[0] : NULL; // instead of shortcut and norm
        json_add_config(json, &gpt);
        if (config->n_rules > 1) { // each run has its own
            cJSON_DeleteItemFromObject(cJSON_GetObjectItem(json, "config"), "residual");
        }
        if (config->batches.fill != NULL) {
            cJSON_AddStringToObject(json, "task", config->batches.name);
            json_add_number(json, "guess_loss", config->batches.guess_loss);
        }
    } else {
        cJSON_AddItemToObject(json, "sizes", cJSON_CreateIntArray(config->deep.sizes, config->deep.n_layer + 1));
        cJSON_AddStringToObject(json, "activation", activation_name(config->deep.activation));
        cJSON_AddStringToObject(json, "init", init_name(config->deep.init));
        if (config->n_rows > 1) {
            json_add_count(json, "rows", config->n_rows);
        }
        for (int i = 0; i < deep_field_count; i++) {
            if (deep_field_differs(&deep_fields[i], &config->deep)) {
                json_add_field(json, &deep_fields[i], &config->deep);
            }
        }
    }
    cJSON_AddStringToObject(json, "precision", precision_name(kernels_precision()));
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
