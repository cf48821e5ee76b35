// caption.c: the caption below a plot: statistic, network, seeds, initialization, loss, and the networks that a median omits.

#include "gpt/plot/draw.h"

#include <math.h>
#include <string.h>

void plot_write_seeds(FILE *out, const ExperimentConfig *config)
{
    unsigned long long first = config->seed;
    if (config->saved != NULL) {
        fprintf(out, "saved weights");
    } else if (config->n_seeds == 1) {
        fprintf(out, "seed %llu", first);
    } else {
        fprintf(out, "medians of %d seeds, %llu to %llu", config->n_seeds, first, first + (unsigned)config->n_seeds - 1);
    }
}

static void write_deep(FILE *out, const ExperimentConfig *config)
{
    const DeepConfig *deep = &config->deep;
    fprintf(out, "Deep network of %d layer%s, sizes ", deep->n_layer, plural(deep->n_layer));
    deep_write_sizes(out, deep);
    fprintf(out, ", %s after each%s, init %s", activation_name(deep->activation), deep->head == HEAD_LINEAR ? " but the last" : "",
            init_name(deep->init));
    for (int i = 0; i < deep_field_count; i++) {
        char buffer[FIELD_BUFFER];
        if (deep_field_differs(&deep_fields[i], deep)) {
            fprintf(out, ", %s %s", deep_fields[i].name, config_field_text(&deep_fields[i], deep, buffer));
        }
    }
    fprintf(out, config->n_rows > 1 ? ", %d input rows" : "%.0d", config->n_rows > 1 ? config->n_rows : 0);
    fprintf(out, ", %s", REAL_NAME);
}

void plot_write_network(FILE *out, const ExperimentConfig *config)
{
    REQUIRE(out, config);
    const GPTConfig *gpt = &config->gpt;
    if (config->net == NET_MLP) {
        write_deep(out, config);
    } else {
        fprintf(out, "GPT of %d block%s, width %d, %d head%s, ", gpt->n_layer, plural(gpt->n_layer), gpt->n_embd, gpt->n_head, plural(gpt->n_head));
        fprintf(out, config->n_rules > 0 ? "%.0s" : "norm %s, ", norm_name(gpt->norm));
        fprintf(out, "causal %s, %s, init %s, %s, batch %d x %d", gpt->causal ? "on" : "off", activation_name(gpt->activation),
                init_name(gpt->init), REAL_NAME, config->B, config->T);
    }
    fprintf(out, "; ");
    plot_write_seeds(out, config);
}

// "Rules: keel is norm(S*h + f(norm(h))), ...": of the named rules, and of rules that the key truncates.
static void write_rules(FILE *out, const ExperimentConfig *config)
{
    enum { KEY_MOST = 15 };
    const char *begin = "Rules: ";
    for (int arm = 0; arm < config->n_rules; arm++) {
        const ResidualRule *rule = experiment_rule(config, arm);
        AUTO_FREE char *name = plot_shorten(residual_name(rule), KEY_MOST);
        if (strcmp(name, residual_text(rule)) != 0) {
            fprintf(out, "%s%s is %s", begin, name, residual_text(rule));
            begin = ", ";
        }
    }
    fprintf(out, "%s", begin[0] == ',' ? ". " : "");
}

// How all arms were made comparable.
static void write_fairness(FILE *out, const Experiment *experiment, const PlotArms *arms)
{
    if (arms->n > 1) {
        fprintf(out, "%s networks start from the same weights. ", arms->n == 2 ? "Both" : "All");
    }
    if (experiment->config.same_dy) {
        fprintf(out, "The gradient at the output is the same for all. ");
    }
}

static void write_losses(FILE *out, const Experiment *experiment, const PlotArms *arms)
{
    const char *begin = experiment->config.n_steps > 0 ? "Before training: loss" : "Loss";
    for (int i = 0; i < arms->n && arms->n <= 2; i++) { // more are only in the table
        PlotArm arm = arms->arm[i];
        int shortcuts = experiment_shortcuts(experiment, arm.number);
        fprintf(out, "%s ", begin);
        plot_write_number(out, experiment_loss(experiment, arm.number, 0).median);
        if (shortcuts > 0 && experiment->config.n_rules == 0) {
            fprintf(out, " with %d shortcut%s", shortcuts, plural(shortcuts));
        } else {
            fprintf(out, " ");
            plot_write_arm(out, arm);
        }
        begin = ",";
    }
    fprintf(out, "%s", begin[0] == ',' ? ". " : "");
}

// Networks that a median omits, or that change its meaning: "62 of 100 networks without shortcuts have ...".
static void write_left_out(FILE *out, const Experiment *experiment, const PlotArms *arms)
{
    for (int i = 0; i < arms->n; i++) {
        Quartiles last = experiment_metric(experiment, arms->arm[i].number, 0, experiment->n_layer - 1, METRIC_WEIGHT);
        int n_seeds = experiment->config.n_seeds;
        int counts[2] = {n_seeds - last.n, last.zeros};
        static const char *const what[2] = {"NaN", "0"};
        for (int k = 0; k < 2; k++) {
            if (counts[k] > 0) {
                fprintf(out, "In %d of %d networks ", counts[k], n_seeds);
                plot_write_arm(out, arms->arm[i]);
                fprintf(out, " the last %s's gradient is %s. ", experiment_layer_word(experiment), what[k]);
            }
        }
    }
}

// The slopes of the lines against depth, and the point that rests on the fewest networks.
static void write_sweep(FILE *out, const Experiment *experiment, const PlotArms *arms, const Sweep *sweep)
{
    int least = experiment->config.n_seeds;
    int depth = 0;
    const char *begin = "By depth:";
    for (int k = 0; k < arms->n; k++) {
        int arm = arms->arm[k].number;
        if (isfinite(sweep->decades_per_layer[arm]) && arms->n <= 2) {
            fprintf(out, "%s ", begin);
            plot_write_number(out, sweep->decades_per_layer[arm]);
            fprintf(out, " decades a %s ", experiment_layer_word(experiment));
            plot_write_arm(out, arms->arm[k]);
            begin = ",";
        }
        for (int i = 0; i < sweep->n_points; i++) {
            const SweepPoint *point = &sweep->points[i];
            depth = point->ratio[arm].n < least ? point->depth : depth;
            least = point->ratio[arm].n < least ? point->ratio[arm].n : least;
        }
    }
    fprintf(out, "%s", begin[0] == ',' ? " (least squares). " : "");
    if (least < experiment->config.n_seeds) {
        fprintf(out, "At depth %d only %d of %d have a ratio. ", depth, least, experiment->config.n_seeds);
    }
}

void plot_write_settings(FILE *out, const Experiment *experiment)
{
    PlotArms arms = plot_arms(experiment);
    plot_write_network(out, &experiment->config);
    fprintf(out, experiment->config.n_seeds > 1 ? ", with quartiles. " : ". ");
    write_fairness(out, experiment, &arms);
    write_rules(out, &experiment->config);
    write_losses(out, experiment, &arms);
}

char *plot_caption(const Experiment *experiment, const Sweep *sweep)
{
    PlotArms arms = plot_arms(experiment);
    Writer *text = writer_begin();
    plot_write_settings(text->stream, experiment);
    if (experiment->config.net == NET_GPT && arms.n > 1 && experiment->n_layer > 1) {
        fprintf(text->stream, "In the title, medians over the blocks. ");
    }
    write_left_out(text->stream, experiment, &arms);
    if (sweep != NULL) {
        write_sweep(text->stream, experiment, &arms, sweep);
    }
    return plot_powers(writer_end(text));
}

char *plot_training_caption(const Experiment *experiment, const char *note)
{
    const ExperimentConfig *config = &experiment->config;
    Writer *text = writer_begin();
    plot_write_settings(text->stream, experiment);
    fprintf(text->stream, "%s, learning rate %s", config->sgd ? "gradient descent" : "AdamW", config->train == NULL ? "" : "up to ");
    plot_write_number(text->stream, config->train == NULL ? config->lr : config->train->lr);
    fprintf(text->stream, ", weight decay ");
    plot_write_number(text->stream, config->train == NULL ? 0 : config->train->weight_decay);
    fprintf(text->stream, ". %s", note);
    return plot_powers(writer_end(text));
}
