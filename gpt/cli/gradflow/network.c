// network.c: the network that options describe, an MLP or a GPT, and its batch. gptape graph reads its network here, too. What comes
// from files: saved.c.

#include "gpt/cli/gradflow/gradflow.h"

#include <stdlib.h>
#include <string.h>

static bool sizes_from_depth(const Options *options, DeepConfig *deep)
{
    int width;
    if (!options_int(options, "depth", 1, DEEP_DEPTH_MAX, &deep->n_layer) || !options_int(options, "width", 1, DEEP_WIDTH_MAX, &width)) {
        return false;
    }
    deep->sizes = memory_allocate((size_t)(deep->n_layer + 1) * sizeof(int), "the layers' sizes");
    for (int i = 0; i < deep->n_layer; i++) {
        deep->sizes[i] = width;
    }
    deep->sizes[deep->n_layer] = 1;
    return true;
}

// "200x3" in a list of sizes is short for 200,200,200. The list spelled out, which the caller frees; NULL after one line on stderr.
static char *repeated_sizes(const Options *options)
{
    const char *list = options_text(options, "sizes");
    char *result = NULL;
    int used = 0;
    int capacity = 0;
    char item[LIST_ITEM];
    while (list_next(&list, ",", item)) {
        size_t digits = strspn(item, "0123456789");
        long times = 1;
        if (digits > 0 && item[digits] == 'x') {
            char *end;
            times = strtol(item + digits + 1, &end, 10);
            if (*end != '\0' || times < 1 || times > DEEP_DEPTH_MAX) {
                free(result);
                option_error(options, "sizes", "'%s' is not a size and a count (expected 200x3 with at most x%d)", item, DEEP_DEPTH_MAX);
                return NULL;
            }
            item[digits] = '\0';
        }
        for (size_t i = 0; i < (size_t)times * (strlen(item) + 1); i++) {
            char next = item[i % (strlen(item) + 1)];
            *LIST_ADD(result, used, capacity, "the layers' sizes") = next != '\0' ? next : ',';
        }
    }
    result[used - 1] = '\0'; // instead of the last comma
    return result;
}

static bool read_sizes(const Options *options, DeepConfig *deep)
{
    if (!options_given(options, "sizes")) {
        return sizes_from_depth(options, deep);
    }
    if (options_given(options, "depth") || options_given(options, "width")) {
        return option_error(options, "sizes", "replaces --depth and --width; leave one out");
    }
    int n;
    AUTO_FREE char *text = repeated_sizes(options);
    if (text == NULL || !options_ints_of(options, "sizes", text, 1, DEEP_WIDTH_MAX, &deep->sizes, &n)) {
        return false;
    }
    deep->n_layer = n - 1;
    bool fits = false;
    for (int i = 0; i + 1 < n; i++) {
        fits = fits || deep->sizes[i] == deep->sizes[i + 1];
    }
    if (!fits && n >= 2) {
        command_note(options, "--sizes: no layer has an input and output of the same size, so no shortcut fits");
    }
    return n >= 2 || option_error(options, "sizes", "one size (expected at least two: a layer's input and output)");
}

// DeepConfig's fields. Some are also fields of a GPT, with other defaults and words.
static bool read_fields(const Options *options, DeepConfig *deep)
{
    for (int i = 0; i < deep_field_count; i++) {
        const ConfigField *field = &deep_fields[i];
        const char *given = options_find(options, OPTION_NAME(field))->value;
        const char *text = given != NULL ? given : field->standard;
        Error error;
        if (text != NULL && !config_field_read(field, text, deep, &error)) {
            return report_error(options, &error);
        }
    }
    deep->own_bias = options_given(options, "bias-std");
    return true;
}

static bool read_mlp(const Options *options, ExperimentConfig *config)
{
    DeepConfig *deep = &config->deep;
    Error error;
    return read_sizes(options, deep) && read_fields(options, deep) && (deep_config_check(deep, &error) || report_error(options, &error))
        && gradflow_rows_read(options, config);
}

static bool read_text(const Options *options, ExperimentConfig *config)
{
    Error error;
    if (!options_batch_size(options, config->gpt.context_length, &config->B, &config->T)) {
        return false;
    }
    if (config->saved == NULL && config->gpt.vocab_size < 256) {
        return option_error(options, "vocab-size", "%d is too small for a text's bytes (expected at least 256, or --ids and --targets)",
                            config->gpt.vocab_size);
    }
    size_t n = (size_t)config->B * (size_t)config->T;
    int *ids = memory_allocate(n * sizeof *ids, "the batch");
    int *targets = memory_allocate(n * sizeof *targets, "the batch");
    config->ids = ids;
    config->targets = targets;
    if (config->saved != NULL || options_given(options, "data")) {
        return gradflow_text_read(options, config, ids, targets);
    }
    return passage_batch(config->B, config->T, ids, targets, &error) || report_failure(options, &error);
}

static bool read_untrained(const Options *options, GradflowPlan *plan)
{
    bool read = options_config(options, plan->untrained, &plan->preset, &plan->experiment.gpt);
    if (read && plan->task != NULL && !options_given(options, "vocab-size")) {
        plan->experiment.gpt.vocab_size = task_vocabulary(plan->task);
    }
    return read;
}

static bool read_task_batch(const Options *options, GradflowPlan *plan)
{
    ExperimentConfig *config = &plan->experiment;
    if (!options_batch_size(options, config->gpt.context_length, &config->B, &config->T)
        || !options_task_fits(options, plan->task, config->gpt.vocab_size, config->T)) {
        return false;
    }
    config->batches = task_source(plan->task);
    return true;
}

static bool read_ids(const Options *options, ExperimentConfig *config)
{
    int *ids;
    int *targets;
    bool read = options_batch(options, &config->gpt, &ids, &targets, &config->B, &config->T);
    config->ids = ids;
    config->targets = targets;
    return read;
}

static bool read_tokens(const Options *options, GradflowPlan *plan)
{
    if (plan->task != NULL) {
        return read_task_batch(options, plan);
    }
    return options_by_ids(options) ? read_ids(options, &plan->experiment) : read_text(options, &plan->experiment);
}

// Options that need all blocks at once are refused by name.
static bool read_stream(const Options *options, ExperimentConfig *config)
{
    char why[80];
    double bytes = experiment_held_bytes(&config->gpt, config->B, config->T, config->n_steps > 0);
    config->streamed = config->saved != NULL && config->saved->stream != NULL;
    if (config->saved == NULL && !options_stream(options, bytes, &config->streamed)) {
        return false;
    }
    if (config->streamed && config->n_steps > 0) {
        snprintf(why, sizeof why, "%d: training needs all weights in memory", config->n_steps);
        return options_stream_refused(options, "steps", why);
    }
    for (int i = 0; config->streamed && i < config->n_probes; i++) {
        if (!config->probes[i]->by_block) {
            snprintf(why, sizeof why, "%s: needs all blocks at once", config->probes[i]->name);
            return options_stream_refused(options, "probe", why);
        }
    }
    return true;
}

static bool read_gpt(const Options *options, GradflowPlan *plan)
{
    ExperimentConfig *config = &plan->experiment;
    bool read = options_task(options, &plan->task)
             && (options_given(options, "model") ? gradflow_saved_read(options, plan) : read_untrained(options, plan)) && read_tokens(options, plan)
             && read_stream(options, config);
    if (read && plan->saved != NULL) {
        gradflow_saved_note(options, config);
    }
    return read;
}

static bool check_rules(const Options *options, const ExperimentConfig *config)
{
    Error error;
    for (int arm = 0; arm < config->n_rules; arm++) {
        const ResidualRule *rule = experiment_rule(config, arm);
        bool fits = config->net == NET_MLP ? residual_check_mlp(rule, config->deep.sizes, config->deep.n_layer, &error)
                                           : residual_check(rule, config->gpt.n_layer, &error);
        if (!fits) {
            return option_error(options, "residual", "%s", error.message);
        }
    }
    return true;
}

bool gradflow_network_read(const Options *options, GradflowPlan *plan)
{
    bool read = plan->experiment.net == NET_MLP ? read_mlp(options, &plan->experiment) : read_gpt(options, plan);
    return read && check_rules(options, &plan->experiment);
}
