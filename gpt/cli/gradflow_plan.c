// gradflow_plan.c: what gptape gradflow is asked for: options become an experiment that can be run, or one line that says why not.

#include "gpt/cli/gradflow.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static const char *net_word(int i)
{
    return net_name((NetKind)i);
}

static const char *arms_word(int i)
{
    static const char *const words[] = {"both", "on", "off"};
    return words[i];
}

// Options of one network mean nothing to the other, and are refused rather than ignored.
static bool refuse_others(const Options *options, NetKind net)
{
    static const int of_mlp[] = {OPTION_DEPTH, OPTION_WIDTH, OPTION_SIZES, OPTION_INPUT, OPTION_TARGET};
    static const int of_gpt[] = {
        OPTION_CONFIG, OPTION_VOCAB_SIZE, OPTION_CONTEXT_LENGTH, OPTION_N_LAYER, OPTION_N_HEAD, OPTION_N_EMBD, OPTION_FF_MULT,
        OPTION_DROPOUT, OPTION_QKV_BIAS, OPTION_TIED, OPTION_NORM, OPTION_CAUSAL, OPTION_DATA, OPTION_BATCH, OPTION_LENGTH,
        OPTION_IDS, OPTION_TARGETS, OPTION_MODEL, OPTION_VOCAB,
    };
    const int *others = net == NET_MLP ? of_gpt : of_mlp;
    size_t n = net == NET_MLP ? sizeof of_gpt / sizeof of_gpt[0] : sizeof of_mlp / sizeof of_mlp[0];
    for (size_t i = 0; i < n; i++) {
        if (options_given(options, others[i])) {
            return option_error(options, others[i], "belongs to --net %s, and this is --net %s",
                                net_name(net == NET_MLP ? NET_GPT : NET_MLP), net_name(net));
        }
    }
    return true;
}

// Nothing that says what to run: the show.
static bool is_show(const Options *options)
{
    for (int option = 1; option < OPTION_COUNT; option++) {
        bool about_output = option == OPTION_PLOT || option == OPTION_CSV || option == OPTION_JSON || option == OPTION_QUIET ||
                            option == OPTION_THREADS;
        if (options_given(options, option) && !about_output) {
            return false;
        }
    }
    return true;
}

static bool sizes_from_depth(const Options *options, DeepConfig *deep)
{
    int width;
    if (!options_int(options, OPTION_DEPTH, DEFAULT_DEPTH, 1, DEEP_DEPTH_MAX, &deep->n_layer) ||
        !options_int(options, OPTION_WIDTH, DEFAULT_WIDTH, 1, DEEP_WIDTH_MAX, &width)) {
        return false;
    }
    deep->sizes = memory_allocate((size_t)(deep->n_layer + 1) * sizeof(int), "the layers' sizes");
    for (int i = 0; i < deep->n_layer; i++) {
        deep->sizes[i] = width;
    }
    deep->sizes[deep->n_layer] = 1;
    return true;
}

static bool read_sizes(const Options *options, DeepConfig *deep)
{
    if (!options_given(options, OPTION_SIZES)) {
        return sizes_from_depth(options, deep);
    }
    if (options_given(options, OPTION_DEPTH) || options_given(options, OPTION_WIDTH)) {
        return option_error(options, OPTION_SIZES, "says it all; leave out --depth and --width");
    }
    int n;
    if (!options_int_list(options, OPTION_SIZES, NULL, 1, DEEP_WIDTH_MAX, &deep->sizes, &n)) {
        return false;
    }
    deep->n_layer = n - 1;
    return n >= 2 || option_error(options, OPTION_SIZES, "is one size; a layer needs two, its input's and its output's");
}

// A row of n floats: given, and then of that length, or made by the rule.
static bool read_row(const Options *options, int option, int n, float (*rule)(int), const float **row)
{
    float *values;
    int count = n;
    if (options_given(options, option)) {
        if (!options_float_list(options, option, &values, &count)) {
            return false;
        }
        *row = values;
        return count == n || option_error(options, option, "has %d value%s; the network's has %d", count, plural(count), n);
    }
    values = memory_allocate((size_t)n * sizeof *values, "a row of numbers");
    for (int i = 0; i < n; i++) {
        values[i] = rule(i);
    }
    *row = values;
    return true;
}

static float input_rule(int i)
{
    return (float)(1 - i % 3);
}

static float target_rule(int i)
{
    (void)i;
    return 0;
}

static bool read_mlp(const Options *options, ExperimentConfig *config)
{
    DeepConfig *deep = &config->deep;
    Error error;
    if (!read_sizes(options, deep) ||
        !options_activation(options, "gelu", &deep->activation) || !options_init(options, "torch", &deep->init) ||
        !read_row(options, OPTION_INPUT, deep->sizes[0], input_rule, &config->input) ||
        !read_row(options, OPTION_TARGET, deep->sizes[deep->n_layer], target_rule, &config->target)) {
        return false;
    }
    if (!deep_config_check(deep, &error)) {
        command_error(options->help->name, "%s", error.message);
        return false;
    }
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

// Rows from the part of a text that 'gptape train' doesn't learn from, in the saved model's own tokens or in bytes.
static bool read_rows(const Options *options, const ExperimentConfig *config, int *ids, int *targets)
{
    Error error;
    Tokenizer *tokenizer = config->saved != NULL ? options_saved_tokenizer(options, &error) : tokenizer_bytes();
    Dataset *dataset = NULL;
    if (tokenizer != NULL) {
        dataset = dataset_open(options->values[OPTION_DATA], tokenizer, NULL, NULL, NULL, &error);
    }
    bool read = dataset != NULL && dataset_check(dataset, config->T, &error);
    if (read) {
        dataset_eval_batch(dataset, SPLIT_VAL, 0, 1, config->B, config->T, ids, targets);
    } else {
        command_error(options->help->name, "%s", error.message);
    }
    dataset_free(dataset);
    tokenizer_free(tokenizer);
    return read;
}

static bool read_passage(const Options *options, const ExperimentConfig *config, int *ids, int *targets)
{
    Error error;
    bool read = passage_batch(config->B, config->T, ids, targets, &error);
    if (!read) {
        command_error(options->help->name, "%s", error.message);
    }
    return read;
}

static bool read_text(const Options *options, ExperimentConfig *config, int *status)
{
    char context_text[NUMBER_TEXT];
    int context_length = config->gpt.context_length;
    snprintf(context_text, sizeof context_text, "%d", context_length);
    if (!options_int(options, OPTION_BATCH, DEFAULT_BATCH, 1, MOST_BATCH, &config->B) ||
        !options_int(options, OPTION_LENGTH, context_text, 1, context_length, &config->T)) {
        return false;
    }
    if (config->B > INT_MAX / config->T) {
        return option_error(options, OPTION_BATCH, "times --length %d are more tokens than can be counted", config->T);
    }
    if (config->saved == NULL && config->gpt.vocab_size < 256) {
        command_error(options->help->name, "--vocab-size %d: a text's bytes need 256; give --ids and --targets instead",
                      config->gpt.vocab_size);
        return false;
    }
    size_t n = (size_t)config->B * (size_t)config->T;
    int *ids = memory_allocate(n * sizeof *ids, "the batch");
    int *targets = memory_allocate(n * sizeof *targets, "the batch");
    config->ids = ids;
    config->targets = targets;
    bool built_in = config->saved == NULL && !options_given(options, OPTION_DATA);
    bool read = built_in ? read_passage(options, config, ids, targets) : read_rows(options, config, ids, targets);
    if (!read) {
        *status = STATUS_FAILED;
    }
    return read;
}

// The weights of --model. The network is run as it was saved, with or without shortcuts, unless --shortcut asks for something else.
static bool read_saved(const Options *options, GradflowPlan *plan, int *status)
{
    static const int others[] = {OPTION_SEEDS, OPTION_DEPTHS};
    ExperimentConfig *config = &plan->experiment;
    for (int i = 0; i < 2; i++) {
        if (options_given(options, others[i])) {
            return option_error(options, others[i], "needs untrained networks; --model %s is one that is saved",
                                options->values[OPTION_MODEL]);
        }
    }
    plan->saved = options_saved_model(options, OPTION_SHORTCUT, status);
    if (plan->saved == NULL) {
        return false;
    }
    *status = STATUS_USAGE;
    config->saved = plan->saved;
    config->gpt = plan->saved->config;
    bool saved_with = config->gpt.shortcut;
    if (!options_given(options, OPTION_SHORTCUT)) {
        config->arms = saved_with ? ARMS_ON : ARMS_OFF;
    }
    return true;
}

// What is measured: once all that was asked for has been read, so that what is wrong with it is told in one line.
static void note_saved(const Options *options, const ExperimentConfig *config)
{
    bool saved_with = config->gpt.shortcut;
    options_saved_model_note(options, &config->gpt);
    if (config->arms & (saved_with ? ARMS_OFF : ARMS_ON)) {
        command_note(options, "these weights have learned %s shortcuts; %s them it is another network", saved_with ? "with" : "without",
                     saved_with ? "without" : "with");
    }
}

static bool read_untrained(const Options *options, GradflowPlan *plan)
{
    Options model = *options;
    model.values[OPTION_SHORTCUT] = NULL;          // on|off|both is the arms' here
    if (options_given(options, OPTION_VOCAB)) {
        return option_error(options, OPTION_VOCAB, "belongs to --model; leave it out");
    }
    return options_config(&model, UNTRAINED_CONFIG, &plan->preset, &plan->experiment.gpt);
}

static bool read_tokens(const Options *options, ExperimentConfig *config, int *status)
{
    if (!options_by_ids(options)) {
        return read_text(options, config, status);
    }
    if (options_given(options, OPTION_DATA) || options_given(options, OPTION_BATCH) || options_given(options, OPTION_LENGTH)) {
        return option_error(options, OPTION_IDS, "is the whole batch; leave out --data, --batch and --length");
    }
    return read_ids(options, config);
}

static bool read_gpt(const Options *options, GradflowPlan *plan, int *status)
{
    ExperimentConfig *config = &plan->experiment;
    bool made = options_given(options, OPTION_MODEL) ? read_saved(options, plan, status) : read_untrained(options, plan);
    bool read = made && read_tokens(options, config, status);
    if (read && plan->saved != NULL) {
        note_saved(options, config);
    }
    return read;
}

static bool read_experiment(const Options *options, GradflowPlan *plan)
{
    static const Arms arms[] = {ARMS_BOTH, ARMS_ON, ARMS_OFF};
    ExperimentConfig *config = &plan->experiment;
    bool show = is_show(options);
    int arm;
    if (!options_word(options, OPTION_SHORTCUT, "both", arms_word, 3, &arm) || !options_seed(options, &config->seed) ||
        !options_int(options, OPTION_SEEDS, show ? SHOW_SEEDS : "1", 1, MOST_SEEDS, &config->n_seeds) ||
        !options_int(options, OPTION_STEPS, "0", 0, MOST_STEPS, &config->n_steps) ||
        !options_double(options, OPTION_LR, DEFAULT_LR, 0, 1000, &config->lr)) {
        return false;
    }
    config->arms = arms[arm];
    config->same_dy = options_given(options, OPTION_SAME_DY);
    if (config->same_dy && config->n_steps > 0) {
        command_error(options->help->name, "--same-dy and --steps: a network learns from its own loss; leave one out");
        return false;
    }
    if (options_given(options, OPTION_LR) && config->n_steps == 0) {
        return option_error(options, OPTION_LR, "is for training; say how long with --steps");
    }
    if (config->seed + (uint64_t)config->n_seeds - 1 > UINT32_MAX) {
        return option_error(options, OPTION_SEED, "and the %d after it go beyond the largest seed, %u", config->n_seeds - 1, UINT32_MAX);
    }
    if (!show && !options_given(options, OPTION_DEPTHS)) {
        return true;
    }
    return options_int_list(options, OPTION_DEPTHS, SHOW_DEPTHS, 1, DEEP_DEPTH_MAX, &plan->depths, &plan->n_depths);
}

// Asked before the work, so that nobody waits for a picture that can't be written.
static bool check_outputs(const GradflowPlan *plan, const Options *options, int *status)
{
    Error error;
    if (plan->plot != NULL && !plot_path_check(plan->plot, &error)) {
        command_error(options->help->name, "%s", error.message);
        return false;
    }
    bool to_file = plan->csv != NULL && strcmp(plan->csv, "-") != 0;
    if ((plan->plot != NULL && !save_path_check(plan->plot, &error)) || (to_file && !save_path_check(plan->csv, &error))) {
        command_error(options->help->name, "%s", error.message);
        *status = STATUS_FAILED;
        return false;
    }
    return true;
}

static bool read_outputs(const Options *options, GradflowPlan *plan, int *status)
{
    plan->csv = options->values[OPTION_CSV];
    plan->plot = options->values[OPTION_PLOT];
    plan->json = options_given(options, OPTION_JSON);
    bool csv_to_stdout = plan->csv != NULL && strcmp(plan->csv, "-") == 0;
    if (csv_to_stdout && plan->json) {
        command_error(options->help->name, "--csv - and --json: both want stdout; give --csv a file");
        return false;
    }
    plan->text = !plan->json && !csv_to_stdout;
    if (is_show(options) && plan->plot == NULL && plan->csv == NULL && !plan->json) {
        plan->plot = SHOW_PLOT;
    }
    if (plan->plot != NULL && plan->csv != NULL && strcmp(plan->plot, plan->csv) == 0) {
        return option_error(options, OPTION_CSV, "is also --plot's file; give it another name");
    }
    return check_outputs(plan, options, status);
}

bool gradflow_net_read(const Options *options, GradflowPlan *plan)
{
    int net;
    const char *default_net = options_given(options, OPTION_MODEL) ? "gpt" : "mlp";
    if (!options_threads(options) || !options_word(options, OPTION_NET, default_net, net_word, 2, &net)) {
        return false;
    }
    plan->experiment.net = (NetKind)net;
    return refuse_others(options, plan->experiment.net);
}

bool gradflow_network_read(const Options *options, GradflowPlan *plan, int *status)
{
    return plan->experiment.net == NET_MLP ? read_mlp(options, &plan->experiment) : read_gpt(options, plan, status);
}

bool gradflow_plan_read(const Options *options, GradflowPlan *plan, int *status)
{
    *plan = (GradflowPlan){0};
    *status = STATUS_USAGE;
    return gradflow_net_read(options, plan) && read_experiment(options, plan) && gradflow_network_read(options, plan, status) &&
           read_outputs(options, plan, status);
}

void gradflow_plan_free(GradflowPlan *plan)
{
    free(plan->experiment.deep.sizes);
    free((void *)plan->experiment.input);
    free((void *)plan->experiment.target);
    free((void *)plan->experiment.ids);
    free((void *)plan->experiment.targets);
    free(plan->depths);
    gpt_free(plan->saved);
}
