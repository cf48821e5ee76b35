// finding.c: what a picture's title says. Nothing is said that was not measured: each sentence is put together from the
// data, and says something else when the data do.

#include "gpt/plot/panel.h"

#include <math.h>
#include <stdlib.h>

// ------------------------------------------------------------------------------------------------------------
// One arm

static Quartiles first_ratio(const Experiment *experiment, int arm, int step)
{
    return experiment_relative(experiment, arm, step, 0, METRIC_WEIGHT);
}

typedef enum ArmState { ARM_MEASURED, ARM_ALL_ZERO, ARM_NOT_FINITE } ArmState;

// What became of most networks' gradients.
static ArmState arm_state(const Experiment *experiment, int arm, int step)
{
    int last = experiment->n_layer - 1;
    Quartiles gradient = experiment_metric(experiment, arm, step, last, METRIC_WEIGHT);
    if (2 * gradient.n <= experiment->config.n_seeds || !isfinite(gradient.median)) {
        return ARM_NOT_FINITE;
    }
    return gradient.median == 0 ? ARM_ALL_ZERO : ARM_MEASURED;
}

// Was the arm run, and can its layers be compared?
static bool is_measured(const Experiment *experiment, int arm)
{
    return experiment_has(experiment, arm) && arm_state(experiment, arm, 0) == ARM_MEASURED;
}

// "the last layer's gradient is 0 in 62 of 100 networks": for an arm that can't be measured.
static void write_problem(const Experiment *experiment, int arm, FILE *out)
{
    bool zero = arm_state(experiment, arm, 0) == ARM_ALL_ZERO;
    int last = experiment->n_layer - 1;
    int n_seeds = experiment->config.n_seeds;
    Quartiles gradient = experiment_metric(experiment, arm, 0, last, METRIC_WEIGHT);
    if (zero) {
        fprintf(out, "the last %s's gradient is 0", plot_layer_word(experiment));
    } else {
        fprintf(out, "the gradient is NaN or infinite");
    }
    if (n_seeds > 1 && zero) {
        fprintf(out, " in %d of %d networks", gradient.zeros, n_seeds);
    } else if (n_seeds > 1) {
        fprintf(out, " in most networks");
    }
}

// ------------------------------------------------------------------------------------------------------------
// The finding of a sweep

static double depth_range(const Sweep *sweep)
{
    int low = sweep->points[0].depth;
    int high = low;
    for (int i = 1; i < sweep->n_points; i++) {
        low = sweep->points[i].depth < low ? sweep->points[i].depth : low;
        high = sweep->points[i].depth > high ? sweep->points[i].depth : high;
    }
    return high - low;
}

// Depth changes the ratio by less than a factor of 3 over the whole sweep.
static bool stays(const Sweep *sweep, int arm)
{
    return fabs(sweep->decades_per_layer[arm]) * depth_range(sweep) < log10(3);
}

static int zero_depth(const Sweep *sweep, int arm)
{
    int found = 0;
    for (int i = 0; i < sweep->n_points; i++) {
        int depth = sweep->points[i].depth;
        if (sweep->points[i].ratio[arm].median == 0 && (found == 0 || depth < found)) {
            found = depth;
        }
    }
    return found;
}

// "shrinks 4.0-fold with each layer added", with the slope's own numbers.
static void write_slope(const Sweep *sweep, int arm, FILE *out)
{
    double decades = sweep->decades_per_layer[arm];
    const char *verb = decades < 0 ? "shrinks" : "grows";
    double fold = pow(10, fabs(decades));
    char number[NUMBER_PLOT_TEXT];
    if (stays(sweep, arm)) {
        fprintf(out, "hardly changes with depth");
    } else if (fold < 1.5) {
        fprintf(out, "%s %s %% with each layer", verb, plot_number(100 * (decades < 0 ? 1 - 1 / fold : fold - 1), number));
    } else if (fold < 9.95) {
        fprintf(out, "%s %.1f-fold with each layer", verb, fold);
    } else {
        fprintf(out, "%s %s-fold with each layer", verb, plot_number(fold, number));
    }
    if (zero_depth(sweep, arm) > 0) {
        fprintf(out, " (to exactly 0 at depth %d)", zero_depth(sweep, arm));
    }
}

static bool sweep_tells(const Experiment *experiment, const Sweep *sweep)
{
    if (sweep == NULL) {
        return false;
    }
    for (int arm = 0; arm < experiment_arms(&experiment->config); arm++) {
        if (is_measured(experiment, arm) && isnan(sweep->decades_per_layer[arm])) {
            return false;
        }
    }
    return true;
}

// ------------------------------------------------------------------------------------------------------------
// The deep network's finding

static bool all_stay(const Experiment *experiment, const Sweep *sweep)
{
    for (int arm = 0; arm < experiment_arms(&experiment->config); arm++) {
        if (!is_measured(experiment, arm) || !stays(sweep, arm) || zero_depth(sweep, arm) > 0) {
            return false;
        }
    }
    return true;
}

// "Without shortcuts the first layer's share of the gradient shrinks 4.1-fold with each layer; with shortcuts it ..."
static void write_slopes(const Experiment *experiment, const Sweep *sweep, FILE *out)
{
    const char *subject = "the first layer's share of the gradient";
    const char *begin = "W";
    if (all_stay(experiment, sweep)) {
        fprintf(out, plot_is_familiar(experiment) ? "With or without shortcuts %s hardly changes with depth" : "With each rule %s hardly changes with depth",
                subject);
        return;
    }
    for (int arm = 0; arm < experiment_arms(&experiment->config); arm++) {
        char name[ARM_TEXT];
        if (!experiment_has(experiment, arm)) {
            continue;
        }
        ArmState state = arm_state(experiment, arm, 0);
        fprintf(out, "%s%s ", begin, plot_with_arm(experiment, arm, name) + 1);
        if (state == ARM_MEASURED) {
            fprintf(out, "%s ", subject);
            write_slope(sweep, arm, out);
            subject = "it";
        } else {
            write_problem(experiment, arm, out);
        }
        begin = "; w";
    }
}

static void write_ratios(const Experiment *experiment, FILE *out)
{
    char begin_text[96];
    const char *begin = begin_text;
    snprintf(begin_text, sizeof begin_text, "The first %s's gradient relative to the last %s's: ", plot_layer_word(experiment),
             plot_layer_word(experiment));
    for (int arm = 0; arm < experiment_arms(&experiment->config); arm++) {
        char name[ARM_TEXT];
        if (!experiment_has(experiment, arm)) {
            continue;
        }
        char number[NUMBER_PLOT_TEXT];
        fprintf(out, "%s", begin);
        if (arm_state(experiment, arm, 0) == ARM_MEASURED) {
            fprintf(out, "%s %s", plot_number(first_ratio(experiment, arm, 0).median, number), plot_with_arm(experiment, arm, name));
        } else {
            fprintf(out, "%s ", plot_with_arm(experiment, arm, name));
            write_problem(experiment, arm, out);
        }
        begin = "; ";
    }
}

static void write_deep_finding(const Experiment *experiment, const Sweep *sweep, FILE *out)
{
    bool any = false;
    for (int arm = 0; arm < experiment_arms(&experiment->config); arm++) {
        any |= is_measured(experiment, arm);
    }
    if (!any || sweep_tells(experiment, sweep)) {
        write_slopes(experiment, sweep, out);
    } else if (experiment->n_layer == 1) {
        fprintf(out, "In a network of one layer the gradient has no way to go");
    } else {
        write_ratios(experiment, out);
    }
}

// ------------------------------------------------------------------------------------------------------------
// The GPT's finding

// A figure's level: the median over the blocks of the median over the seeds. NaN without any.
static double level(const Experiment *experiment, int arm, LayerMetric figure)
{
    double *medians = memory_allocate((size_t)experiment->n_layer * sizeof *medians, "a picture's text");
    for (int layer = 0; layer < experiment->n_layer; layer++) {
        medians[layer] = experiment_metric(experiment, arm, 0, layer, figure).median;
    }
    double median = quartiles(medians, experiment->n_layer).median;
    free(medians);
    return median;
}

#define ALIKE 0.95                                 // vectors of this cosine, 18 degrees, or more

static double last_cosine(const Experiment *experiment, int arm)
{
    return experiment_metric(experiment, arm, 0, experiment->n_layer - 1, METRIC_COSINE).median;
}

// "26 times smaller": without shortcuts, than with.
static void write_levels(const Experiment *experiment, LayerMetric figure, FILE *out)
{
    char number[NUMBER_PLOT_TEXT];
    double off = level(experiment, false, figure);
    double on = level(experiment, true, figure);
    double ratio = off / on;
    if (!isfinite(off) || !isfinite(on)) {
        fprintf(out, "not comparable (NaN or infinite)");
    } else if (off == 0 || on == 0) {
        fprintf(out, off == on ? "0 as with them" : off == 0 ? "0" : "not 0 as with them");
    } else if (ratio < 1 / 1.5) {
        fprintf(out, "%s times smaller", plot_number(1 / ratio, number));
    } else if (ratio > 1.5) {
        fprintf(out, "%s times larger", plot_number(ratio, number));
    } else {
        fprintf(out, "about as large");
    }
}

static void write_both_gpts(const Experiment *experiment, FILE *out)
{
    double cosine_off = last_cosine(experiment, false);
    double cosine_on = last_cosine(experiment, true);
    if (level(experiment, false, METRIC_WEIGHT) == 0 && level(experiment, true, METRIC_WEIGHT) > 0) {
        char number[NUMBER_PLOT_TEXT];
        plot_number(level(experiment, true, METRIC_WEIGHT), number);
        fprintf(out, "Without shortcuts the gradient of the blocks' weights is exactly 0, with shortcuts %s", number);
        return;
    }
    fprintf(out, "Without shortcuts query/key gradients are ");
    write_levels(experiment, METRIC_QUERY_KEY, out);
    fprintf(out, ", all weights' ");
    write_levels(experiment, METRIC_WEIGHT, out);
    if (!isnan(cosine_off) && !isnan(cosine_on)) {
        fprintf(out, "; %s (cosine %.2f, with shortcuts %.2f)", cosine_off > ALIKE ? "tokens become alike" : "tokens differ",
                cosine_off, cosine_on);
    }
}

static void write_one_gpt(const Experiment *experiment, int arm, FILE *out)
{
    ArmState state = arm_state(experiment, arm, 0);
    char name[ARM_TEXT];
    fprintf(out, "W%s ", plot_with_arm(experiment, arm, name) + 1);
    if (state != ARM_MEASURED) {
        write_problem(experiment, arm, out);
        return;
    }
    char number[NUMBER_PLOT_TEXT];
    plot_number(first_ratio(experiment, arm, 0).median, number);
    fprintf(out, "the first block's weight gradients are %s times the last's", number);
    double query_key = experiment_relative(experiment, arm, 0, 0, METRIC_QUERY_KEY).median;
    if (isfinite(query_key)) {
        fprintf(out, ", its query/key gradients %s times", plot_number(query_key, number));
    }
    if (!isnan(last_cosine(experiment, arm))) {
        fprintf(out, "; cosine between tokens %.2f", last_cosine(experiment, arm));
    }
}

char *plot_finding(const Experiment *experiment, const Sweep *sweep)
{
    PlotText text;
    plot_text_open(&text);
    if (experiment->config.net == NET_MLP) {
        write_deep_finding(experiment, sweep, text.stream);
    } else if (plot_is_familiar(experiment)) {
        write_both_gpts(experiment, text.stream);
    } else if (experiment->config.n_rules > 1) {
        write_ratios(experiment, text.stream);
    } else {
        write_one_gpt(experiment, experiment->config.n_rules == 0 && experiment_has(experiment, 1), text.stream);
    }
    plot_text_close(&text);
    return text.bytes;
}

char *plot_training_finding(const Experiment *experiment)
{
    int n_steps = experiment->config.n_steps;
    char before[NUMBER_PLOT_TEXT];
    char after[NUMBER_PLOT_TEXT];
    const char *comma = "";
    PlotText text;
    plot_text_open(&text);
    fprintf(text.stream, "In %d step%s of training the loss goes ", n_steps, plural(n_steps));
    for (int arm = 0; arm < experiment_arms(&experiment->config); arm++) {
        char name[ARM_TEXT];
        if (experiment_has(experiment, arm)) {
            plot_number(experiment_loss(experiment, arm, 0).median, before);
            plot_number(experiment_loss(experiment, arm, n_steps).median, after);
            fprintf(text.stream, "%sfrom %s to %s %s", comma, before, after, plot_with_arm(experiment, arm, name));
            comma = ", ";
        }
    }
    plot_text_close(&text);
    return text.bytes;
}
