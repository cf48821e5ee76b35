// describe.c: an experiment's networks in words.

#include "gpt/base/base.h"
#include "gpt/cli/gradflow/gradflow.h"

static void sizes_text(const DeepConfig *deep, char text[NUMBER_TEXT])
{
    int n = deep->n_layer;
    size_t used = 0;
    if (n > 6) {
        snprintf(text, NUMBER_TEXT, "%d-%d-...-%d-%d", deep->sizes[0], deep->sizes[1], deep->sizes[n - 1], deep->sizes[n]);
        return;
    }
    for (int i = 0; i <= n; i++) {
        used += (size_t)snprintf(text + used, NUMBER_TEXT - used, "%s%d", i == 0 ? "" : "-", deep->sizes[i]);
    }
}

// The settings of a deep network that differ from the defaults: ", 256 input rows, norm batch, loss ce".
static void more_text(const ExperimentConfig *config, char *text, size_t n)
{
    size_t used = 0;
    text[0] = '\0';
    if (config->n_rows > 1) {
        used = (size_t)snprintf(text, n, ", %d input rows", config->n_rows);
    }
    for (int i = 0; i < deep_field_count && used < n; i++) {
        char buffer[FIELD_BUFFER];
        const ConfigField *field = &deep_fields[i];
        if (deep_field_differs(field, &config->deep)) {
            used += (size_t)snprintf(text + used, n - used, ", %s %s", field->name, config_field_text(field, &config->deep, buffer));
        }
    }
}

static void seeds_text(const ExperimentConfig *config, char text[NUMBER_TEXT])
{
    unsigned long long first = config->seed;
    if (config->saved != NULL) {
        snprintf(text, NUMBER_TEXT, "saved weights");
    } else if (config->n_seeds == 1) {
        snprintf(text, NUMBER_TEXT, "seed %llu", first);
    } else {
        snprintf(text, NUMBER_TEXT, "medians of %d seeds, %llu to %llu", config->n_seeds, first, first + (unsigned)config->n_seeds - 1);
    }
}

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

void gradflow_print_networks(const ExperimentConfig *config)
{
    char sizes[NUMBER_TEXT];
    char seeds[NUMBER_TEXT];
    seeds_text(config, seeds);
    if (config->net == NET_MLP) {
        sizes_text(&config->deep, sizes);
        char more[400];
        more_text(config, more, sizeof more);
        terminal_print("Deep network of %d layer%s, %s, %s after each%s, init %s%s; %s", config->deep.n_layer, plural(config->deep.n_layer), sizes,
                       activation_name(config->deep.activation), config->deep.head == HEAD_LINEAR ? " but the last" : "",
                       init_name(config->deep.init), more, seeds);
    } else {
        const GPTConfig *gpt = &config->gpt;
        terminal_print("GPT of %d block%s, width %d, %d head%s, %s%scausal %s, %s, init %s, batch %d x %d; %s", gpt->n_layer, plural(gpt->n_layer),
                       gpt->n_embd, gpt->n_head, plural(gpt->n_head), config->n_rules > 0 ? "" : "norm ",
                       config->n_rules > 0      ? ""
                       : gpt->norm == NORM_PRE  ? "pre, "
                       : gpt->norm == NORM_POST ? "post, "
                                                : "none, ",
                       gpt->causal ? "on" : "off", activation_name(gpt->activation), init_name(gpt->init), config->B, config->T, seeds);
    }
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
