// plan.c: from the options of gptape gradflow to an experiment that can be run. The network and its batch: network.c.

#include "gpt/cli/gradflow/gradflow.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

// For an option of the other kind of network: says why it is this kind.
static bool wrong_net(const Options *options, const char *name, const char *value, NetKind net)
{
    const char *other = net_name(net == NET_MLP ? NET_GPT : NET_MLP);
    if (options_given(options, "net")) {
        return option_error(options, name, "%sfor --net %s, but this is --net %s; leave one out", value, other, net_name(net));
    }
    if (options_given(options, "model")) {
        return option_error(options, name, "%sfor --net %s, but --model is a GPT; leave one out", value, other);
    }
    return option_error(options, name, "%sfor --net %s, but --net %s is the default (expected --net %s, too)", value, other, net_name(net), other);
}

// Options of one kind of network are errors with the other.
static bool refuse_others(const Options *options, NetKind net)
{
    static const char *const of_mlp[] = {"depth", "width", "sizes", "input", "inputs", "target", "head", "loss", "init-gain", "bias-std", NULL};
    static const char *const of_gpt[] = {"config",  "configs", "data",  "task",   "batch",    "length", "ids",
                                         "targets", "model",   "vocab", "stream", "stepwise", NULL};
    const char *name = options_first(options, net == NET_MLP ? of_gpt : of_mlp);
    for (int i = 0; net == NET_MLP && name == NULL && i < gpt_field_count; i++) {
        bool shared = config_field_find(deep_fields, deep_field_count, gpt_fields[i].name) != NULL;
        bool given = !shared && options_field_given(options, &gpt_fields[i]);
        name = given ? options_find(options, OPTION_NAME(&gpt_fields[i]))->name : NULL;
    }
    if (net == NET_GPT && options_given(options, "norm") && strcmp(options_text(options, "norm"), "batch") == 0) {
        return wrong_net(options, "norm", "'batch' is ", net);
    }
    return name == NULL || wrong_net(options, name, "", net);
}

// Defaults that depend on the kind of network: a GPT takes longer.
static bool read_seeds(const Options *options, GradflowPlan *plan)
{
    ExperimentConfig *config = &plan->experiment;
    config->n_seeds = config->net == NET_MLP ? atoi(SHOW_SEEDS) : 1;
    if (!options_seeds(options, &config->seed, &config->n_seeds)) {
        return false;
    }
    const char *depths = options_text(options, "depths");
    depths = depths != NULL ? depths : config->net == NET_MLP ? SHOW_DEPTHS : "none";
    return strcmp(depths, "none") == 0 || options_ints_of(options, "depths", depths, 1, DEEP_DEPTH_MAX, &plan->depths, &plan->n_depths);
}

static bool read_experiment(const Options *options, GradflowPlan *plan)
{
    static const Arms arms[] = {ARMS_ON, ARMS_OFF, ARMS_BOTH};
    ExperimentConfig *config = &plan->experiment;
    int arm = 2;
    int optimizer = 0;
    if (!options_choice(options, "shortcut", &arm) || !options_choice(options, "optimizer", &optimizer) || !read_seeds(options, plan)
        || !options_int(options, "steps", 0, MOST_STEPS, &config->n_steps) || !options_double(options, "lr", 0, 1000, &config->lr)) {
        return false;
    }
    config->arms = arms[arm];
    config->sgd = optimizer == 1;
    config->same_dy = options_given(options, "same-dy");
    return !config->same_dy || config->n_steps == 0
        || option_error(options, "same-dy", "a network trains on its own loss, but --steps is %d; leave one out", config->n_steps);
}

// May the files beside path be written, too?
static bool check_beside(const Options *options, const char *name, const char *path, const char *what)
{
    AUTO_FREE char *beside = gradflow_path_beside(path, what);
    return options_output(options, name, beside);
}

static bool check_all_beside(const GradflowPlan *plan, const Options *options, const char *csv)
{
    const ExperimentConfig *config = &plan->experiment;
    bool may = plan->plot == NULL || config->n_steps == 0 || check_beside(options, "plot", plan->plot, "steps");
    for (int i = 0; may && plan->plot != NULL && i < config->n_probes; i++) {
        may = check_beside(options, "plot", plan->plot, config->probes[i]->name);
    }
    for (int i = 0; may && csv != NULL && i < plan->n_sizes; i++) {
        may = check_beside(options, "csv", csv, plan->sizes[i]);
    }
    return may;
}

// Checked before the work starts, so that a file that cannot be written is reported at once.
static bool check_outputs(const GradflowPlan *plan, const Options *options)
{
    const char *csv = plan->csv != NULL && strcmp(plan->csv, "-") != 0 ? plan->csv : NULL;
    return options_output_file(options, "plot", plan->plot, plot_path_check) && options_output_file(options, "csv", csv, NULL)
        && options_output_file(options, "runs", plan->runs, NULL) && check_all_beside(plan, options, csv);
}

static bool read_outputs(const Options *options, GradflowPlan *plan)
{
    plan->csv = options_text(options, "csv");
    plan->plot = options_text(options, "plot");
    plan->json = options_given(options, "json");
    plan->runs = options_text(options, "runs");
    bool csv_to_stdout = plan->csv != NULL && strcmp(plan->csv, "-") == 0;
    if (csv_to_stdout && plan->n_sizes > 0) {
        return option_error(options, "csv", "'-' is not a name for several files (expected flow.csv for flow-70b.csv)");
    }
    if (csv_to_stdout && plan->json) {
        return option_error(options, "csv", "'-' and --json both write to stdout (expected a file)");
    }
    plan->text = !plan->json && !csv_to_stdout;
    if (plan->plot == NULL && plan->text && plan->experiment.net == NET_MLP) {
        plan->plot = SHOW_PLOT;
    }
    if (plan->plot != NULL && strcmp(plan->plot, "none") == 0) {
        plan->plot = NULL;
    }
    return check_outputs(plan, options);
}

bool gradflow_net_read(const Options *options, GradflowPlan *plan)
{
    int net = options_given(options, "model") || plan->experiment.net == NET_GPT ? NET_GPT : NET_MLP;
    if (!options_choice(options, "net", &net)) {
        return false;
    }
    plan->experiment.net = (NetKind)net;
    return refuse_others(options, plan->experiment.net);
}

// --shortcut and --norm are short for rules.
bool gradflow_rules_read(const Options *options, GradflowPlan *plan)
{
    ExperimentConfig *config = &plan->experiment;
    int n = options_count(options, "residual");
    if (!options_rule_alone(options, config->net == NET_MLP ? 1 : 2)) { // an MLP's norm is another
        return false;
    }
    if (n > ARMS_MOST) {
        return option_error(options, "residual", "given %d times (expected at most %d rules)", n, ARMS_MOST);
    }
    for (int i = 0; i < n; i++) {
        const ResidualRule *rule = options_rule(options, i);
        if (rule == NULL) {
            return false;
        }
        for (int k = 0; k < i; k++) {
            if (experiment_rule(config, k) == rule) {
                return option_error(options, "residual", "'%.80s' is given twice", residual_name(rule));
            }
        }
        config->rules[i] = residual_name(rule);
        config->n_rules = i + 1;
    }
    return true;
}

bool gradflow_plan_read(const Options *options, GradflowPlan *plan)
{
    *plan = (GradflowPlan){.untrained = UNTRAINED_CONFIG, .experiment.force = options_given(options, "force")};
    return options_probes(options, plan->experiment.probes, &plan->experiment.n_probes) && gradflow_net_read(options, plan)
        && gradflow_rules_read(options, plan) && gradflow_sizes_read(options, plan) && read_experiment(options, plan)
        && gradflow_network_read(options, plan) && read_outputs(options, plan);
}

void gradflow_plan_free(GradflowPlan *plan)
{
    free(plan->experiment.deep.sizes);
    free((void *)plan->experiment.input);
    free((void *)plan->experiment.target);
    free((void *)plan->experiment.ids);
    free((void *)plan->experiment.targets);
    free(plan->depths);
    free(plan->task);
    gpt_free(plan->saved);
}
