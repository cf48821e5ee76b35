// plot_text.c: what a picture says: its title, which is the finding, and its small print. Nothing is said that was not measured:
// each sentence is put together from the data, and says something else when the data do.

#include "gpt/lab/plot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// ------------------------------------------------------------------------------------------------------------
// Numbers and lines

static void write_exponent(int exponent, FILE *out)
{
    static const char *const digits[] = {"⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"};
    char text[16];
    snprintf(text, sizeof text, "%d", abs(exponent));
    fputs(exponent < 0 ? "⁻" : "", out);
    for (const char *c = text; *c != '\0'; c++) {
        fputs(digits[*c - '0'], out);
    }
}

const char *plot_number(double value, char text[NUMBER_PLOT_TEXT])
{
    double size = fabs(value);
    if (!isfinite(value)) {
        snprintf(text, NUMBER_PLOT_TEXT, isnan(value) ? "NaN" : "infinite");
        return text;
    }
    if (value == 0 || (size >= 0.00095 && size < 99950)) {
        snprintf(text, NUMBER_PLOT_TEXT, size >= 99.5 ? "%.0f" : "%.2g", value);
        return text;
    }
    int exponent = (int)floor(log10(size));
    double digits = value / pow(10, exponent);
    if (fabs(digits) >= 9.95) {                    // would be printed as 10.0
        digits /= 10;
        exponent++;
    }
    FILE *out = fmemopen(text, NUMBER_PLOT_TEXT, "w");
    if (out == NULL) {
        fail_memory(NUMBER_PLOT_TEXT, "a number");
    }
    fprintf(out, "%.1f·10", digits);
    write_exponent(exponent, out);
    fclose(out);
    return text;
}

static int characters(const char *word, size_t bytes)
{
    int length = 0;
    for (size_t i = 0; i < bytes; i++) {
        length += ((unsigned char)word[i] & 0xC0) != 0x80;
    }
    return length;
}

int plot_length(const char *text)
{
    return characters(text, strlen(text));
}

// Each space becomes a space or a line's end. Returns how many lines that makes.
static int wrap_at(char *text, int width)
{
    int lines = 1;
    int column = 0;
    char *word = text;
    while (*word != '\0') {
        size_t bytes = strcspn(word, " \n");
        int length = characters(word, bytes);
        if (word > text) {
            bool fits = column + 1 + length <= width;
            word[-1] = fits ? ' ' : '\n';
            lines += !fits;
            column = fits ? column + 1 : 0;
        }
        column += length;
        word += word[bytes] == '\0' ? bytes : bytes + 1;
    }
    return lines;
}

char *plot_wrap(const char *text, int width)
{
    size_t n = strlen(text) + 1;
    char *copy = memory_allocate(n, "a picture's text");
    memcpy(copy, text, n);
    int lines = wrap_at(copy, width);
    int narrow = plot_length(text) / lines;        // as narrow as it can be with no more lines, so that none is a mere word
    while (narrow < width && wrap_at(copy, narrow) > lines) {
        narrow++;
    }
    if (narrow >= width) {
        wrap_at(copy, width);
    }
    return copy;
}

// ------------------------------------------------------------------------------------------------------------
// One arm

static Quartiles first_ratio(const Experiment *experiment, bool shortcut, int step)
{
    return experiment_relative(experiment, shortcut, step, 0, FIGURE_WEIGHT);
}

typedef enum ArmState { ARM_MEASURED, ARM_ALL_ZERO, ARM_NOT_FINITE } ArmState;

// What became of most networks' gradients.
static ArmState arm_state(const Experiment *experiment, bool shortcut, int step)
{
    int last = experiment->n_layer - 1;
    Quartiles gradient = experiment_figure(experiment, shortcut, step, last, FIGURE_WEIGHT);
    if (2 * gradient.n <= experiment->config.n_seeds || !isfinite(gradient.median)) {
        return ARM_NOT_FINITE;
    }
    return gradient.median == 0 ? ARM_ALL_ZERO : ARM_MEASURED;
}

// "the last layer's gradient is 0 in 62 of 100 networks": for an arm that can't be measured.
static void write_problem(const Experiment *experiment, bool shortcut, FILE *out)
{
    bool zero = arm_state(experiment, shortcut, 0) == ARM_ALL_ZERO;
    int last = experiment->n_layer - 1;
    int n_seeds = experiment->config.n_seeds;
    Quartiles gradient = experiment_figure(experiment, shortcut, 0, last, FIGURE_WEIGHT);
    fprintf(out, zero ? "the last layer's gradient is 0" : "the gradient is NaN or infinite");
    if (n_seeds > 1 && zero) {
        fprintf(out, " in %d of %d networks", gradient.zeros, n_seeds);
    } else if (n_seeds > 1) {
        fprintf(out, " in most networks");
    }
}

// "1.1·10⁻¹¹ of the last layer's", "12 times the last layer's".
static void write_ratio(double ratio, FILE *out)
{
    char number[NUMBER_PLOT_TEXT];
    if (ratio == 0) {
        fprintf(out, "exactly 0");
        return;
    }
    fprintf(out, ratio < 1.0 ? "%s of the last layer's" : "%s times the last layer's", plot_number(ratio, number));
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
static bool stays(const Sweep *sweep, bool shortcut)
{
    return fabs(sweep->decades_per_layer[shortcut]) * depth_range(sweep) < log10(3);
}

static int zero_depth(const Sweep *sweep, bool shortcut)
{
    int found = 0;
    for (int i = 0; i < sweep->n_points; i++) {
        int depth = sweep->points[i].depth;
        if (sweep->points[i].ratio[shortcut].median == 0 && (found == 0 || depth < found)) {
            found = depth;
        }
    }
    return found;
}

// "shrinks 4.0-fold with each layer added", with the slope's own numbers.
static void write_slope(const Sweep *sweep, bool shortcut, FILE *out)
{
    double decades = sweep->decades_per_layer[shortcut];
    const char *verb = decades < 0 ? "shrinks" : "grows";
    double fold = pow(10, fabs(decades));
    char number[NUMBER_PLOT_TEXT];
    if (stays(sweep, shortcut)) {
        fprintf(out, "hardly changes with depth");
    } else if (fold < 1.5) {
        fprintf(out, "%s %s %% with each layer", verb, plot_number(100 * (decades < 0 ? 1 - 1 / fold : fold - 1), number));
    } else if (fold < 9.95) {
        fprintf(out, "%s %.1f-fold with each layer", verb, fold);
    } else {
        fprintf(out, "%s %s-fold with each layer", verb, plot_number(fold, number));
    }
    if (zero_depth(sweep, shortcut) > 0) {
        fprintf(out, " (to exactly 0 at depth %d)", zero_depth(sweep, shortcut));
    }
}

static bool sweep_tells(const Experiment *experiment, const Sweep *sweep)
{
    if (sweep == NULL) {
        return false;
    }
    for (int arm = 0; arm < 2; arm++) {
        bool measured = experiment_has(experiment, arm == 1) && arm_state(experiment, arm == 1, 0) == ARM_MEASURED;
        if (measured && isnan(sweep->decades_per_layer[arm])) {
            return false;
        }
    }
    return true;
}

// ------------------------------------------------------------------------------------------------------------
// The deep network's finding

// "without shortcuts the first layer's share of the gradient shrinks 4.1-fold with each layer; with shortcuts it hardly changes ..."
static void write_slopes(const Experiment *experiment, const Sweep *sweep, FILE *out)
{
    const char *subject = "the first layer's share of the gradient";
    const char *begin = "W";
    for (int arm = 0; arm < 2; arm++) {
        bool shortcut = arm == 1;
        if (!experiment_has(experiment, shortcut)) {
            continue;
        }
        ArmState state = arm_state(experiment, shortcut, 0);
        fprintf(out, "%s%s ", begin, plot_arm_name(shortcut) + 1);
        if (state == ARM_MEASURED) {
            fprintf(out, "%s ", subject);
            write_slope(sweep, shortcut, out);
            subject = "it";
        } else {
            write_problem(experiment, shortcut, out);
        }
        begin = "; w";
    }
}

static void write_ratios(const Experiment *experiment, FILE *out)
{
    const char *begin = "The first layer's gradient relative to the last layer's: ";
    for (int arm = 0; arm < 2; arm++) {
        bool shortcut = arm == 1;
        if (!experiment_has(experiment, shortcut)) {
            continue;
        }
        char number[NUMBER_PLOT_TEXT];
        fprintf(out, "%s", begin);
        if (arm_state(experiment, shortcut, 0) == ARM_MEASURED) {
            fprintf(out, "%s %s", plot_number(first_ratio(experiment, shortcut, 0).median, number), plot_arm_name(shortcut));
        } else {
            fprintf(out, "none %s: ", plot_arm_name(shortcut));
            write_problem(experiment, shortcut, out);
        }
        begin = "; ";
    }
}

static bool any_measured(const Experiment *experiment)
{
    for (int arm = 0; arm < 2; arm++) {
        if (experiment_has(experiment, arm == 1) && arm_state(experiment, arm == 1, 0) == ARM_MEASURED) {
            return true;
        }
    }
    return false;
}

static void write_deep_finding(const Experiment *experiment, const Sweep *sweep, FILE *out)
{
    if (!any_measured(experiment) || sweep_tells(experiment, sweep)) {
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
static double level(const Experiment *experiment, bool shortcut, LayerFigure figure)
{
    double *medians = memory_allocate((size_t)experiment->n_layer * sizeof *medians, "a picture's text");
    for (int layer = 0; layer < experiment->n_layer; layer++) {
        medians[layer] = experiment_figure(experiment, shortcut, 0, layer, figure).median;
    }
    double median = quartiles(medians, experiment->n_layer).median;
    free(medians);
    return median;
}

#define ALIKE 0.95                                 // vectors of this cosine, 18 degrees, or more

static double last_cosine(const Experiment *experiment, bool shortcut)
{
    return experiment_figure(experiment, shortcut, 0, experiment->n_layer - 1, FIGURE_COSINE).median;
}

// "26 times smaller": without shortcuts, than with.
static void write_levels(const Experiment *experiment, LayerFigure figure, FILE *out)
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
    fprintf(out, "Without shortcuts query/key gradients are ");
    write_levels(experiment, FIGURE_QUERY_KEY, out);
    fprintf(out, ", all weights' ");
    write_levels(experiment, FIGURE_WEIGHT, out);
    if (!isnan(cosine_off) && !isnan(cosine_on)) {
        fprintf(out, "; %s (cosine %.2f, with shortcuts %.2f)", cosine_off > ALIKE ? "tokens become alike" : "tokens differ",
                cosine_off, cosine_on);
    }
}

static void write_one_gpt(const Experiment *experiment, bool shortcut, FILE *out)
{
    ArmState state = arm_state(experiment, shortcut, 0);
    fprintf(out, shortcut ? "With shortcuts " : "Without shortcuts ");
    if (state != ARM_MEASURED) {
        write_problem(experiment, shortcut, out);
        return;
    }
    fprintf(out, "the first block's weight gradients are ");
    write_ratio(first_ratio(experiment, shortcut, 0).median, out);
    double query_key = experiment_relative(experiment, shortcut, 0, 0, FIGURE_QUERY_KEY).median;
    if (isfinite(query_key)) {
        fprintf(out, ", its query/key gradients ");
        write_ratio(query_key, out);
    }
    if (!isnan(last_cosine(experiment, shortcut))) {
        fprintf(out, "; cosine between tokens %.2f", last_cosine(experiment, shortcut));
    }
}

char *plot_finding(const Experiment *experiment, const Sweep *sweep)
{
    Text text;
    text_open(&text);
    if (experiment->config.net == NET_MLP) {
        write_deep_finding(experiment, sweep, text.stream);
    } else if (experiment->config.arms == ARMS_BOTH) {
        write_both_gpts(experiment, text.stream);
    } else {
        write_one_gpt(experiment, experiment_has(experiment, true), text.stream);
    }
    text_close(&text);
    return text.bytes;
}

char *plot_training_finding(const Experiment *experiment)
{
    int n_steps = experiment->config.n_steps;
    char before[NUMBER_PLOT_TEXT];
    char after[NUMBER_PLOT_TEXT];
    const char *comma = "";
    Text text;
    text_open(&text);
    fprintf(text.stream, "In %d step%s of training the loss goes ", n_steps, n_steps == 1 ? "" : "s");
    for (int arm = 0; arm < 2; arm++) {
        bool shortcut = arm == 1;
        if (experiment_has(experiment, shortcut)) {
            plot_number(experiment_loss(experiment, shortcut, 0).median, before);
            plot_number(experiment_loss(experiment, shortcut, n_steps).median, after);
            fprintf(text.stream, "%sfrom %s to %s %s", comma, before, after, plot_arm_name(shortcut));
            comma = ", ";
        }
    }
    text_close(&text);
    return text.bytes;
}

// ------------------------------------------------------------------------------------------------------------
// The small print

static void write_seeds(const ExperimentConfig *config, FILE *out)
{
    unsigned long long first = config->seed;
    if (config->n_seeds == 1) {
        fprintf(out, "Seed %llu. ", first);
    } else {
        unsigned long long last = config->seed + (uint64_t)config->n_seeds - 1;
        fprintf(out, "Median and quartiles of %d seeds (%llu to %llu). ", config->n_seeds, first, last);
    }
}

enum { SIZES_SHOWN = 8 };

static void write_sizes(const DeepConfig *deep, FILE *out)
{
    int n = deep->n_layer + 1;
    for (int i = 0; i < n; i++) {
        bool hidden = n > SIZES_SHOWN && i >= 3 && i < n - 2;
        if (!hidden) {
            fprintf(out, "%s%d", i == 0 ? "" : "-", deep->sizes[i]);
        } else if (i == 3) {
            fprintf(out, "-…");
        }
    }
}

static void write_network(const ExperimentConfig *config, FILE *out)
{
    const char *number = sizeof(Real) == sizeof(float) ? "float32" : "float64";
    if (config->net == NET_MLP) {
        const DeepConfig *deep = &config->deep;
        fprintf(out, "MLP ");
        write_sizes(deep, out);
        fprintf(out, ", %d layer%s, %s, init %s, %s. ", deep->n_layer, deep->n_layer == 1 ? "" : "s",
                activation_name(deep->activation), init_name(deep->init), number);
        return;
    }
    const GPTConfig *gpt = &config->gpt;
    fprintf(out, "GPT, %d block%s, width %d, %d head%s, batch %d×%d, norm %s, %s, %s, init %s, %s. ", gpt->n_layer,
            gpt->n_layer == 1 ? "" : "s", gpt->n_embd, gpt->n_head, gpt->n_head == 1 ? "" : "s", config->B, config->T,
            norm_name(gpt->norm), gpt->causal ? "causal" : "not causal", activation_name(gpt->activation), init_name(gpt->init),
            number);
}

static void write_losses(const Experiment *experiment, FILE *out)
{
    char number[NUMBER_PLOT_TEXT];
    const char *comma = "";
    fprintf(out, experiment->config.n_steps > 0 ? "Before training: loss " : "Loss ");
    for (int arm = 0; arm < 2; arm++) {
        bool shortcut = arm == 1;
        if (experiment_has(experiment, shortcut)) {
            double loss = experiment_loss(experiment, shortcut, 0).median;
            fprintf(out, "%s%s %s", comma, plot_number(loss, number), plot_arm_name(shortcut));
            comma = ", ";
        }
    }
    if (experiment_has(experiment, true)) {
        fprintf(out, " (%d taken)", experiment_shortcuts(experiment, true));
    }
    fprintf(out, ". ");
    if (experiment->config.same_dy) {
        fprintf(out, "The gradient at the output is the same for all. ");
    }
}

static bool is_finite(const Experiment *experiment, const Measurement *measurement)
{
    for (int layer = 0; layer < experiment->n_layer; layer++) {
        if (!isfinite(measurement_figure(measurement, layer, FIGURE_WEIGHT))) {
            return false;
        }
    }
    return isfinite(measurement->loss);
}

// "62 of 100 networks without shortcuts, 51 with": those for which count[arm] is not 0. False if there are none.
static bool write_counts(const Experiment *experiment, const int count[2], FILE *out)
{
    int n = experiment->config.n_seeds;
    if (count[0] == 0 && count[1] == 0) {
        return false;
    }
    for (int arm = 0; arm < 2; arm++) {
        if (count[arm] > 0) {
            fprintf(out, "%s%d of %d networks %s", arm == 1 && count[0] > 0 ? ", " : "", count[arm], n, plot_arm_name(arm == 1));
        }
    }
    return true;
}

// Networks that a median passes over, or that would make it mean something else, are told.
static void write_left_out(const Experiment *experiment, FILE *out)
{
    int not_finite[2] = {0, 0};
    int zero[2] = {0, 0};
    for (int i = 0; i < experiment->n_measurements; i++) {
        const Measurement *measurement = &experiment->measurements[i];
        if (measurement->step == 0) {
            not_finite[measurement->shortcut] += !is_finite(experiment, measurement);
            zero[measurement->shortcut] += measurement_figure(measurement, experiment->n_layer - 1, FIGURE_WEIGHT) == 0;
        }
    }
    if (write_counts(experiment, not_finite, out)) {
        fprintf(out, " have NaN or infinite values. ");
    }
    if (write_counts(experiment, zero, out)) {
        fprintf(out, " have a last layer's gradient of 0%s. ",
                experiment->config.net == NET_MLP ? ", so no ratio, and are left out where there is one" : "");
    }
}

char *plot_caption(const Experiment *experiment, const Sweep *sweep)
{
    const ExperimentConfig *config = &experiment->config;
    Text text;
    text_open(&text);
    write_seeds(config, text.stream);
    write_network(config, text.stream);
    if (config->arms == ARMS_BOTH) {
        fprintf(text.stream, "Both networks start from the same weights. ");
    }
    write_losses(experiment, text.stream);
    write_left_out(experiment, text.stream);
    if (sweep != NULL && sweep->n_points > 1) {
        fprintf(text.stream, "Slopes by least squares through the medians' log10. ");
    }
    text_close(&text);
    return text.bytes;
}

char *plot_training_caption(const Experiment *experiment, const char *note)
{
    const ExperimentConfig *config = &experiment->config;
    char number[NUMBER_PLOT_TEXT];
    Text text;
    text_open(&text);
    write_seeds(config, text.stream);
    write_network(config, text.stream);
    fprintf(text.stream, "AdamW, learning rate %s, no weight decay. ", plot_number(config->lr, number));
    if (config->arms == ARMS_BOTH) {
        fprintf(text.stream, "Both networks start from the same weights. ");
    }
    if (config->same_dy) {
        fprintf(text.stream, "The gradient at the output is the same for all. ");
    }
    fprintf(text.stream, "%s", note);
    text_close(&text);
    return text.bytes;
}
