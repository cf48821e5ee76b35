// finding.c: the title of a plot, assembled from phrases according to the measurements.

#include "gpt/plot/draw.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ALIKE 0.95 // vectors of this cosine, 18 degrees, or more

// ------------------------------------------------------------------------------------------------------------
// Phrases

// The phrase for a factor below or above 1. The number replaces %.
typedef struct FactorPhrase {
    double fold; // the factor, or 1 over it, is at least this
    const char *below, *above;
    bool percent; // the number is the change in percent, not the fold
} FactorPhrase;

static const FactorPhrase per_layer[] = {
    {1.5, "shrinks %-fold with each layer", "grows %-fold with each layer", false},
    {1, "shrinks by %% with each layer", "grows by %% with each layer", true},
};

static const FactorPhrase compared[] = {
    {1.5, "% times smaller", "% times larger", false},
    {1, "about as large", "about as large", false},
};

static void write_factor(FILE *out, const FactorPhrase phrases[2], double factor)
{
    double fold = factor < 1 ? 1 / factor : factor;
    const FactorPhrase *phrase = &phrases[fold < phrases[0].fold];
    const char *text = factor < 1 ? phrase->below : phrase->above;
    size_t before = strcspn(text, "%");
    char number[NUMBER_PLOT_TEXT] = "";
    if (text[before] == '%') {
        plot_number(phrase->percent ? 100 * fabs(factor - 1) : fold, number);
    }
    fprintf(out, "%.*s%s%s", (int)before, text, number, text + before + (text[before] == '%'));
}

typedef enum ArmState { ARM_MEASURED, ARM_ALL_ZERO, ARM_NOT_FINITE } ArmState;

static const char *const state_phrases[] = {
    [ARM_ALL_ZERO] = "the last layer's gradient is 0",
    [ARM_NOT_FINITE] = "the gradient is NaN or infinite",
};

// The state of most networks' gradients.
static ArmState arm_state(const Experiment *experiment, PlotArm arm)
{
    Quartiles last = experiment_metric(experiment, arm.number, 0, experiment->n_layer - 1, METRIC_WEIGHT);
    if (2 * last.n <= experiment->config.n_seeds || !isfinite(last.median)) {
        return ARM_NOT_FINITE;
    }
    return last.median == 0 ? ARM_ALL_ZERO : ARM_MEASURED;
}

static void write_problem(FILE *out, const Experiment *experiment, PlotArm arm)
{
    fprintf(out, "%s%s", state_phrases[arm_state(experiment, arm)], experiment->config.n_seeds > 1 ? " in most networks" : "");
}

// "WHAT: 9.7·10⁻¹² without shortcuts, 0.075 with shortcuts"; of more than two arms, the smallest and the largest.
static void write_values(FILE *out, const Experiment *experiment, const PlotArms *arms, const char *what, const double values[STYLE_COUNT])
{
    int order[2] = {0, arms->n - 1};
    for (int i = 0; i < arms->n && arms->n > 2; i++) {
        order[0] = values[i] < values[order[0]] || isnan(values[order[0]]) ? i : order[0];
        order[1] = values[i] > values[order[1]] || isnan(values[order[1]]) ? i : order[1];
    }
    fprintf(out, "%s%s ", what, arms->n > 2 ? " from" : "");
    for (int i = 0; i < (arms->n < 2 ? 1 : 2); i++) {
        PlotArm arm = arms->arm[order[i]];
        char number[NUMBER_PLOT_TEXT];
        fprintf(out, "%s%s ", i == 0 ? "" : arms->n > 2 ? " to " : ", ", plot_number(values[order[i]], number));
        plot_write_arm(out, arm);
        if (isnan(values[order[i]]) && arm_state(experiment, arm) != ARM_MEASURED) {
            fprintf(out, " (");
            write_problem(out, experiment, arm);
            fprintf(out, ")");
        }
    }
}

// ------------------------------------------------------------------------------------------------------------
// The deep network

// Depth changes the ratio by less than a factor of 3 over the whole sweep.
static bool stays(const Sweep *sweep, PlotArm arm)
{
    int low = sweep->points[0].depth;
    int high = low;
    for (int i = 1; i < sweep->n_points; i++) {
        low = sweep->points[i].depth < low ? sweep->points[i].depth : low;
        high = sweep->points[i].depth > high ? sweep->points[i].depth : high;
    }
    return fabs(sweep->decades_per_layer[arm.number]) * (high - low) < log10(3);
}

static bool sweep_tells(const Experiment *experiment, const PlotArms *arms, const Sweep *sweep)
{
    bool tells = sweep != NULL && sweep->n_points > 0 && arms->n <= 2;
    for (int i = 0; i < arms->n && tells; i++) {
        tells = arm_state(experiment, arms->arm[i]) != ARM_MEASURED || !isnan(sweep->decades_per_layer[arms->arm[i].number]);
    }
    return tells;
}

// "Without shortcuts the first layer's share of the gradient shrinks 4.1-fold with each layer; with shortcuts it ..."
static void write_slopes(FILE *out, const Experiment *experiment, const PlotArms *arms, const Sweep *sweep)
{
    const char *subject = "the first layer's share of the gradient";
    for (int i = 0; i < arms->n; i++) {
        PlotArm arm = arms->arm[i];
        fprintf(out, "%s", i == 0 ? "" : "; ");
        plot_write_arm(out, arm);
        fprintf(out, " ");
        if (arm_state(experiment, arm) != ARM_MEASURED) {
            write_problem(out, experiment, arm);
            continue;
        }
        fprintf(out, "%s ", subject);
        if (stays(sweep, arm)) {
            fprintf(out, "hardly changes with depth");
        } else {
            write_factor(out, per_layer, pow(10, sweep->decades_per_layer[arm.number]));
        }
        subject = "it";
    }
}

// ------------------------------------------------------------------------------------------------------------
// The GPT

// A metric's level: the median over the blocks of the median over the seeds. NaN without any.
static double level(const Experiment *experiment, PlotArm arm, LayerMetric metric)
{
    double *medians = memory_allocate((size_t)experiment->n_layer * sizeof *medians, "a plot's title");
    for (int layer = 0; layer < experiment->n_layer; layer++) {
        medians[layer] = experiment_metric(experiment, arm.number, 0, layer, metric).median;
    }
    double median = quartiles_of(medians, experiment->n_layer).median;
    free(medians);
    return median;
}

static double last_cosine(const Experiment *experiment, PlotArm arm)
{
    return experiment_metric(experiment, arm.number, 0, experiment->n_layer - 1, METRIC_COSINE).median;
}

// "Without shortcuts query/key gradients are 588 times smaller, all weights' 5.3 times larger; tokens become alike (...)"
static void write_two_gpts(FILE *out, const Experiment *experiment, const PlotArms *arms, double query_key, double weights)
{
    double cosine = last_cosine(experiment, arms->arm[0]);
    plot_write_arm(out, arms->arm[0]);
    fprintf(out, " query/key gradients are ");
    write_factor(out, compared, query_key);
    fprintf(out, ", all weights' ");
    write_factor(out, compared, weights);
    if (!isnan(cosine)) {
        number_print(out, "; tokens %s (cosine %.2f, ", cosine > ALIKE ? "become alike" : "differ", cosine);
        plot_write_arm(out, arms->arm[1]);
        number_print(out, " %.2f)", last_cosine(experiment, arms->arm[1]));
    }
}

static void write_gpts(FILE *out, const Experiment *experiment, const PlotArms *arms)
{
    double levels[3][STYLE_COUNT] = {{0}}; // of queries and keys, of all weights; cosines
    for (int i = 0; i < arms->n; i++) {
        levels[0][i] = level(experiment, arms->arm[i], METRIC_QUERY_KEY);
        levels[1][i] = level(experiment, arms->arm[i], METRIC_WEIGHT);
        levels[2][i] = last_cosine(experiment, arms->arm[i]);
    }
    double query_key = levels[0][0] / levels[0][1];
    double weights = levels[1][0] / levels[1][1];
    if (arms->n == 2 && isfinite(query_key) && isfinite(weights) && query_key > 0 && weights > 0) {
        write_two_gpts(out, experiment, arms, query_key, weights);
        return;
    }
    write_values(out, experiment, arms, "Query/key gradients", levels[0]);
    if (arms->n <= 2) {
        write_values(out, experiment, arms, "; all weights'", levels[1]);
    }
    write_values(out, experiment, arms, "; token cosine", levels[2]);
}

char *plot_finding(const Experiment *experiment, const Sweep *sweep)
{
    PlotArms arms = plot_arms(experiment);
    double ratios[STYLE_COUNT] = {0};
    Writer *text = writer_begin();
    if (experiment->n_layer == 1) {
        fprintf(text->stream, "A network of one %s: there is nothing to compare its gradient with", plot_layer_word(experiment));
    } else if (experiment->config.net == NET_GPT) {
        write_gpts(text->stream, experiment, &arms);
    } else if (sweep_tells(experiment, &arms, sweep)) {
        write_slopes(text->stream, experiment, &arms, sweep);
    } else {
        for (int i = 0; i < arms.n; i++) {
            ratios[i] = experiment_relative(experiment, arms.arm[i].number, 0, 0, METRIC_WEIGHT).median;
        }
        write_values(text->stream, experiment, &arms, "The first layer's gradient relative to the last layer's:", ratios);
    }
    char *finding = writer_end(text);
    finding[0] = (char)toupper((unsigned char)finding[0]);
    return finding;
}

// "After 600 steps of training without shortcuts: loss 3.1 (before 3.8), first block's gradient 1.4·10⁻¹⁵ (before 0.03)"
static void write_one_training(FILE *out, const Experiment *experiment, PlotArm arm)
{
    int n_steps = experiment->config.n_steps;
    char numbers[4][NUMBER_PLOT_TEXT];
    for (int k = 0; k < 2; k++) {
        plot_number(experiment_loss(experiment, arm.number, k * n_steps).median, numbers[k]);
        plot_number(experiment_metric(experiment, arm.number, k * n_steps, 0, METRIC_WEIGHT).median, numbers[2 + k]);
    }
    plot_write_arm(out, arm);
    fprintf(out, ": loss %s (before %s), first %s's gradient %s (before %s)", numbers[1], numbers[0], plot_layer_word(experiment), numbers[3],
            numbers[2]);
}

// "After 150 steps of training: loss 2.7 without shortcuts, 0.51 with shortcuts; first block's gradient 1.0·10⁻¹⁵ without ..."
char *plot_training_finding(const Experiment *experiment)
{
    PlotArms arms = plot_arms(experiment);
    int n_steps = experiment->config.n_steps;
    double losses[STYLE_COUNT] = {0};
    double gradients[STYLE_COUNT] = {0};
    for (int i = 0; i < arms.n; i++) {
        losses[i] = experiment_loss(experiment, arms.arm[i].number, n_steps).median;
        gradients[i] = experiment_metric(experiment, arms.arm[i].number, n_steps, 0, METRIC_WEIGHT).median;
    }
    Writer *text = writer_begin();
    number_print(text->stream, "After %d step%s of training", n_steps, plural(n_steps));
    if (arms.n == 1) {
        fprintf(text->stream, " ");
        write_one_training(text->stream, experiment, arms.arm[0]);
    } else {
        write_values(text->stream, experiment, &arms, ": loss", losses);
        fprintf(text->stream, "; first %s's gradient", plot_layer_word(experiment));
        write_values(text->stream, experiment, &arms, "", gradients);
    }
    return writer_end(text);
}
