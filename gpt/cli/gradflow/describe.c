// describe.c: an experiment's networks in words.

#include "gpt/base/base.h"
#include "gpt/cli/gradflow/gradflow.h"

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
