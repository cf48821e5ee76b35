// saved.c: what a network reads from files: the weights of --model and the text of --data.

#include "gpt/cli/gradflow/gradflow.h"

// Rows from the validation part of a text, in the saved model's own tokens or in bytes.
bool gradflow_text_read(const Options *options, const ExperimentConfig *config, int *ids, int *targets)
{
    Error error;
    Tokenizer *tokenizer = config->saved != NULL ? options_saved_tokenizer(options, &error) : tokenizer_bytes();
    Dataset *dataset = NULL;
    if (tokenizer != NULL) {
        dataset = dataset_open(options_text(options, "data"), tokenizer, NULL, NULL, NULL, &error);
    }
    bool read = dataset != NULL && dataset_check(dataset, config->T, &error);
    if (read) {
        dataset_eval_batch(dataset, SPLIT_VAL, 0, 1, config->B, config->T, ids, targets);
    } else {
        report_failure(options, &error);
    }
    dataset_free(dataset);
    tokenizer_free(tokenizer);
    return read;
}

// The weights of --model.
bool gradflow_saved_read(const Options *options, GradflowPlan *plan)
{
    ExperimentConfig *config = &plan->experiment;
    if (config->n_seeds > 1 || plan->depths != NULL) {
        return option_error(options, plan->depths != NULL ? "depths" : "seeds", "for untrained networks, but --model %s is saved; leave one out",
                            options_text(options, "model"));
    }
    plan->saved = options_saved_model(options, "shortcut", 3); // itself, an arm's copy, the gradients
    if (plan->saved == NULL) {
        return false;
    }
    config->saved = plan->saved;
    config->gpt = plan->saved->config;
    bool by_rule = config->gpt.residual != NULL && config->n_rules == 0; // saved with a rule that --shortcut and --norm can't express
    if (by_rule && options_given(options, "shortcut")) {
        return option_error(options, "shortcut", "the saved model has the residual rule %.80s (expected --residual)", config->gpt.residual);
    }
    if (by_rule) {
        config->rules[0] = config->gpt.residual;
        config->n_rules = 1;
    } else if (!options_given(options, "shortcut")) {
        config->arms = config->gpt.shortcut ? ARMS_ON : ARMS_OFF;
    }
    return true;
}

// Printed once all options have been read, so that an error prints one line.
void gradflow_saved_note(const Options *options, const ExperimentConfig *config)
{
    bool saved_with = config->gpt.shortcut;
    options_saved_model_note(options, &config->gpt);
    for (int arm = 0; arm < config->n_rules; arm++) {
        if (experiment_rule(config, arm) != gpt_rule(&config->gpt)) {
            command_note(options, "these weights were trained with the rule %.80s; with another this is a different network",
                         residual_name(gpt_rule(&config->gpt)));
            return;
        }
    }
    if (config->n_rules == 0 && config->arms & (saved_with ? ARMS_OFF : ARMS_ON)) {
        command_note(options, "these weights were trained %s shortcuts; %s them this is a different network", saved_with ? "with" : "without",
                     saved_with ? "without" : "with");
    }
}
