// network.c: the network that options describe, an MLP or a GPT, and its batch. gptape graph reads its network here, too. What comes
// from files: saved.c.

#include "gpt/base/base.h"
#include "gpt/cli/gradflow/gradflow.h"

#include <limits.h>
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
    const char *text = options_text(options, "sizes");
    char *result = memory_copy_text("");
    size_t used = 0;
    for (const char *next = text; text != NULL; text = next) {
        size_t length = strcspn(text, ",");
        size_t digits = strspn(text, "0123456789");
        int times = 1;
        next = text[length] == '\0' ? NULL : text + length + 1;
        if (digits > 0 && text[digits] == 'x') {
            char *end;
            long given = strtol(text + digits + 1, &end, 10);
            if (end != text + length || given < 1 || given > DEEP_DEPTH_MAX) {
                free(result);
                option_error(options, "sizes", "'%.*s' is not a size and a count (expected 200x3 with at most x%d)",
                             (int)(length < 80 ? length : 80), text, DEEP_DEPTH_MAX);
                return NULL;
            }
            times = (int)given;
            length = digits;
        }
        char *longer = memory_allocate(used + (size_t)times * (length + 1) + 1, "the layers' sizes");
        memcpy(longer, result, used);
        free(result);
        result = longer;
        for (int i = 0; i < times; i++) {
            memcpy(result + used, text, length);
            result[used + length] = ',';
            used += length + 1;
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
    char *text = repeated_sizes(options);
    bool read = text != NULL && options_ints_of(options, "sizes", text, 1, DEEP_WIDTH_MAX, &deep->sizes, &n);
    free(text);
    if (!read) {
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
        char name[32];
        bool given = options_given(options, option_name(field->name, name));
        const char *text = given ? options_text(options, name) : field->standard;
        Error error;
        if (text != NULL && !config_field_read(field, text, deep, &error)) {
            return report_error(options, &error);
        }
    }
    deep->own_bias = options_given(options, "bias-std");
    return true;
}

static bool read_mlp(const Options *options, ExperimentConfig *config, int *status)
{
    DeepConfig *deep = &config->deep;
    Error error;
    if (!read_sizes(options, deep) || !read_fields(options, deep)) {
        return false;
    }
    if (!deep_config_check(deep, &error)) {
        return report_error(options, &error);
    }
    return gradflow_rows_read(options, config, status);
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

static bool read_passage(const Options *options, const ExperimentConfig *config, int *ids, int *targets)
{
    Error error;
    return passage_batch(config->B, config->T, ids, targets, &error) || report_error(options, &error);
}

// Rows, and tokens of a row.
static bool read_batch_sizes(const Options *options, ExperimentConfig *config)
{
    int context_length = config->gpt.context_length;
    const char *length = options_text(options, "length");
    config->T = context_length;
    if (length != NULL && !options_given(options, "length") && atoi(length) > context_length) {
        length = NULL; // a default longer than the context
    }
    if (!options_int(options, "batch", 1, MOST_BATCH, &config->B)
        || (length != NULL && !options_int(options, "length", 1, context_length, &config->T))) {
        return false;
    }
    if (config->B > INT_MAX / config->T) {
        return option_error(options, "batch", "%d times --length %d exceeds %d tokens", config->B, config->T, INT_MAX);
    }
    return true;
}

static bool read_text(const Options *options, ExperimentConfig *config, int *status)
{
    if (!read_batch_sizes(options, config)) {
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
    bool built_in = config->saved == NULL && !options_given(options, "data");
    bool read = built_in ? read_passage(options, config, ids, targets) : gradflow_text_read(options, config, ids, targets);
    if (!read) {
        *status = STATUS_FAILED;
    }
    return read;
}

static bool read_untrained(const Options *options, GradflowPlan *plan)
{
    if (options_given(options, "vocab")) {
        return option_error(options, "vocab", "for --model only; leave it out");
    }
    if (!options_config(options, plan->untrained, &plan->preset, &plan->experiment.gpt)) {
        return false;
    }
    if (plan->task != NULL && !options_given(options, "vocab-size")) {
        plan->experiment.gpt.vocab_size = task_vocabulary(plan->task);
    }
    return true;
}

static bool read_task(const Options *options, GradflowPlan *plan)
{
    static const char *const of_others[] = {"data", "ids", "targets", NULL};
    if (!options_given(options, "task")) {
        return true;
    }
    const char *other = options_first(options, of_others);
    if (other != NULL) {
        return option_error(options, other, "--task draws the batch; leave one out");
    }
    plan->task = options_task(options);
    return plan->task != NULL;
}

static bool read_task_batch(const Options *options, GradflowPlan *plan)
{
    ExperimentConfig *config = &plan->experiment;
    Error error;
    if (!read_batch_sizes(options, config)) {
        return false;
    }
    if (!task_fit(plan->task, config->gpt.vocab_size, config->T, &error)) {
        return option_error(options, "task", "%s", error.message);
    }
    config->batches = task_source(plan->task);
    return true;
}

static bool read_tokens(const Options *options, GradflowPlan *plan, int *status)
{
    ExperimentConfig *config = &plan->experiment;
    if (plan->task != NULL) {
        return read_task_batch(options, plan);
    }
    if (!options_by_ids(options)) {
        return read_text(options, config, status);
    }
    static const char *const of_text[] = {"data", "batch", "length", NULL};
    const char *other = options_first(options, of_text);
    if (other != NULL) {
        return option_error(options, other, "for a text, but --ids gives the whole batch; leave one out");
    }
    return read_ids(options, config);
}

// Options that need all blocks at once are refused by name.
static bool read_stream(const Options *options, ExperimentConfig *config, int *status)
{
    double bytes = experiment_held_bytes(&config->gpt, config->B, config->T, config->n_steps > 0);
    *status = STATUS_USAGE;
    config->streamed = config->saved != NULL && config->saved->stream != NULL;
    if (config->saved == NULL && !options_stream(options, bytes, &config->streamed)) {
        return false;
    }
    if (config->streamed && config->n_steps > 0) {
        return option_error(options, "steps", "%d: training needs all weights in memory, but the model is streamed (expected 0)", config->n_steps);
    }
    for (int i = 0; config->streamed && i < config->n_probes; i++) {
        if (!config->probes[i]->by_block) {
            return option_error(options, "probe", "%s: needs all blocks at once, but the model is streamed", config->probes[i]->name);
        }
    }
    return true;
}

static bool read_gpt(const Options *options, GradflowPlan *plan, int *status)
{
    ExperimentConfig *config = &plan->experiment;
    if (!read_task(options, plan)) {
        return false;
    }
    bool made = options_given(options, "model") ? gradflow_saved_read(options, plan, status) : read_untrained(options, plan);
    bool read = made && read_tokens(options, plan, status) && read_stream(options, config, status);
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

bool gradflow_network_read(const Options *options, GradflowPlan *plan, int *status)
{
    bool read = plan->experiment.net == NET_MLP ? read_mlp(options, &plan->experiment, status) : read_gpt(options, plan, status);
    return read && check_rules(options, &plan->experiment);
}
