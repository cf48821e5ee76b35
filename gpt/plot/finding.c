// finding.c: the title of a plot: phrases, each with a number for every arm.

#include "gpt/plot/draw.h"

#include <ctype.h>
#include <math.h>

// What a phrase gives a number for.
typedef enum Quantity { PER_LAYER, RELATIVE, QUERY_KEY, WEIGHTS, COSINE, LOSS, FIRST } Quantity;

static const char *const phrases[] = {
    // %s: "layer" or "block"
    [PER_LAYER] = "each added layer multiplies the first layer's share of the gradient by",
    [RELATIVE] = "the first layer's gradient relative to the last layer's:",
    [QUERY_KEY] = "query/key gradients",
    [WEIGHTS] = "; all weights'",
    [COSINE] = "; token cosine",
    [LOSS] = ": loss",
    [FIRST] = "; first %s's gradient",
};

// What an experiment shows at a step of training.
typedef struct View {
    const Experiment *experiment;
    const Sweep *sweep; // may be NULL
    int step;
    PlotArms arms;
} View;

// The median over the blocks of the median over the seeds. NaN without any.
static double level(const View *view, int arm, LayerMetric metric)
{
    int n = view->experiment->n_layer;
    AUTO_FREE double *medians = memory_allocate((size_t)n * sizeof *medians, "a plot's title");
    for (int layer = 0; layer < n; layer++) {
        medians[layer] = experiment_metric(view->experiment, arm, view->step, layer, metric).median;
    }
    return quartiles_of(medians, n).median;
}

static double value_of(const View *view, Quantity quantity, int arm)
{
    const Experiment *experiment = view->experiment;
    switch (quantity) {
    case PER_LAYER: return pow(10, view->sweep->decades_per_layer[arm]);
    case RELATIVE: return experiment_relative(experiment, arm, view->step, 0, METRIC_WEIGHT).median;
    case QUERY_KEY: return level(view, arm, METRIC_QUERY_KEY);
    case WEIGHTS: return level(view, arm, METRIC_WEIGHT);
    case COSINE: return experiment_metric(experiment, arm, view->step, experiment->n_layer - 1, METRIC_COSINE).median;
    case LOSS: return experiment_loss(experiment, arm, view->step).median;
    case FIRST: return experiment_metric(experiment, arm, view->step, 0, METRIC_WEIGHT).median;
    }
    return NAN;
}

static void write_value(FILE *out, const View *view, Quantity quantity, double value, PlotArm arm)
{
    const Experiment *experiment = view->experiment;
    bool no_last = experiment_metric(experiment, arm.number, view->step, experiment->n_layer - 1, METRIC_WEIGHT).median == 0;
    fprintf(out, " ");
    plot_write_number(out, value);
    fprintf(out, " ");
    plot_write_arm(out, arm);
    fprintf(out, "%s", quantity == RELATIVE && isnan(value) && no_last ? " (the last layer's gradient is 0)" : "");
}

// " 9.7·10⁻¹² without shortcuts, 0.075 with shortcuts". Of more than two arms the smallest and the largest; of one, before and after training.
static void write_values(FILE *out, const View *view, Quantity quantity)
{
    const PlotArms *arms = &view->arms;
    double values[STYLE_COUNT];
    int low = 0;
    int high = arms->n - 1;
    for (int i = 0; i < arms->n; i++) {
        values[i] = value_of(view, quantity, arms->arm[i].number);
    }
    for (int i = 0; i < arms->n && arms->n > 2; i++) {
        low = values[i] < values[low] || isnan(values[low]) ? i : low;
        high = values[i] > values[high] || isnan(values[high]) ? i : high;
    }
    if (arms->n == 1 && view->step > 0) {
        View before = {.experiment = view->experiment};
        fprintf(out, " from ");
        plot_write_number(out, value_of(&before, quantity, arms->arm[0].number));
        fprintf(out, " to");
    }
    fprintf(out, arms->n > 2 ? " between" : "");
    write_value(out, view, quantity, values[low], arms->arm[low]);
    if (arms->n > 1) {
        fprintf(out, arms->n > 2 ? " and" : ",");
        write_value(out, view, quantity, values[high], arms->arm[high]);
    }
}

static void write_phrase(FILE *out, const View *view, Quantity quantity)
{
    fprintf(out, phrases[quantity], experiment_layer_word(view->experiment));
    write_values(out, view, quantity);
}

// "588 times smaller"
static void write_times(FILE *out, double factor)
{
    double fold = factor < 1 ? 1 / factor : factor;
    if (fold < 1.05) {
        fprintf(out, "about as large");
    } else {
        plot_write_number(out, fold);
        fprintf(out, " times %s", factor < 1 ? "smaller" : "larger");
    }
}

// "Without shortcuts query/key gradients are 588 times smaller, all weights' 5.3 times larger; tokens become alike (...)"
static bool write_two_gpts(FILE *out, const View *view)
{
    const double ALIKE = 0.95; // vectors of this cosine, 18 degrees, or more
    const PlotArm *arm = view->arms.arm;
    double query_key = value_of(view, QUERY_KEY, arm[0].number) / value_of(view, QUERY_KEY, arm[1].number);
    double weights = value_of(view, WEIGHTS, arm[0].number) / value_of(view, WEIGHTS, arm[1].number);
    double cosine = value_of(view, COSINE, arm[0].number);
    if (view->arms.n != 2 || !isfinite(query_key) || !isfinite(weights) || !(query_key > 0 && weights > 0)) {
        return false;
    }
    plot_write_arm(out, arm[0]);
    fprintf(out, " query/key gradients are ");
    write_times(out, query_key);
    fprintf(out, ", all weights' ");
    write_times(out, weights);
    if (!isnan(cosine)) {
        number_print(out, "; tokens %s (cosine %.2f, ", cosine > ALIKE ? "become alike" : "differ", cosine);
        plot_write_arm(out, arm[1]);
        number_print(out, " %.2f)", value_of(view, COSINE, arm[1].number));
    }
    return true;
}

// Does each arm have a slope against depth?
static bool has_slopes(const View *view)
{
    bool has = view->sweep != NULL && view->sweep->n_points > 0 && view->arms.n <= 2;
    for (int i = 0; i < view->arms.n && has; i++) {
        has = !isnan(view->sweep->decades_per_layer[view->arms.arm[i].number]);
    }
    return has;
}

char *plot_finding(const Experiment *experiment, const Sweep *sweep)
{
    REQUIRE(experiment);
    View view = {.experiment = experiment, .sweep = sweep, .arms = plot_arms(experiment)};
    Writer *text = writer_begin();
    fprintf(text->stream, experiment->config.n_steps > 0 && experiment->n_layer > 1 ? "Before training: " : "");
    if (experiment->n_layer == 1 && !has_slopes(&view)) {
        fprintf(text->stream, "a network of one %s: there is nothing to compare its gradient with", experiment_layer_word(experiment));
    } else if (experiment->config.net == NET_MLP) {
        write_phrase(text->stream, &view, has_slopes(&view) ? PER_LAYER : RELATIVE);
    } else if (!write_two_gpts(text->stream, &view)) {
        write_phrase(text->stream, &view, QUERY_KEY);
        if (view.arms.n <= 2) {
            write_phrase(text->stream, &view, WEIGHTS);
        }
        write_phrase(text->stream, &view, COSINE);
    }
    char *finding = writer_end(text);
    finding[0] = (char)toupper((unsigned char)finding[0]);
    return finding;
}

// "After 150 steps of training: loss 2.7 without shortcuts, 0.51 with shortcuts; first block's gradient 1.0·10⁻¹⁵ without ..."
char *plot_training_finding(const Experiment *experiment)
{
    REQUIRE(experiment);
    int n_steps = experiment->config.n_steps;
    View view = {.experiment = experiment, .step = n_steps, .arms = plot_arms(experiment)};
    Writer *text = writer_begin();
    fprintf(text->stream, "After %d step%s of training", n_steps, plural(n_steps));
    write_phrase(text->stream, &view, LOSS);
    write_phrase(text->stream, &view, FIRST);
    return writer_end(text);
}

// "Gradient of the first block over the last block's: gpt2-124m 3.1 with shortcuts; 70b ..."
char *plot_sizes_finding(const PlotSize *sizes, int n)
{
    Writer *text = writer_begin();
    fprintf(text->stream, "Gradient of the first block over the last block's:");
    for (int i = 0; i < n; i += n > 1 ? n - 1 : 1) {
        View view = {.experiment = sizes[i].experiment, .arms = plot_arms(sizes[i].experiment)};
        fprintf(text->stream, "%s %s", i > 0 ? ";" : "", sizes[i].name);
        write_values(text->stream, &view, RELATIVE);
    }
    return plot_powers(writer_end(text));
}
