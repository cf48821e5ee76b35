// caption.c: numbers and lines as people read them, and the small print below a picture.

#include "gpt/plot/panel.h"

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
    while (n > 1 && copy[n - 2] == ' ') {
        n--;
        copy[n - 1] = '\0';
    }
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
// The small print

static void write_seeds(const ExperimentConfig *config, FILE *out)
{
    unsigned long long first = config->seed;
    if (config->saved != NULL) {
        fprintf(out, "Saved weights. ");
    } else if (config->n_seeds == 1) {
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
        fprintf(out, ", %d layer%s, %s, init %s, %s. ", deep->n_layer, plural(deep->n_layer),
                activation_name(deep->activation), init_name(deep->init), number);
        return;
    }
    const GPTConfig *gpt = &config->gpt;
    fprintf(out, "GPT, %d block%s, width %d, %d head%s, batch %d×%d, %s%s%s%s, %s, init %s, %s. ", gpt->n_layer,
            plural(gpt->n_layer), gpt->n_embd, gpt->n_head, plural(gpt->n_head), config->B, config->T,
            config->n_rules > 0 ? "" : "norm ", config->n_rules > 0 ? "" : norm_name(gpt->norm), config->n_rules > 0 ? "" : ", ", gpt->causal ? "causal" : "not causal", activation_name(gpt->activation), init_name(gpt->init),
            number);
}

// "Rules: keel is norm(S*h + f(norm(h))), ..."
static void write_rules(const ExperimentConfig *config, FILE *out)
{
    const char *begin = "Rules: ";
    for (int arm = 0; arm < config->n_rules; arm++) {
        const ResidualRule *rule = experiment_rule(config, arm);
        if (residual_row(rule) != NULL) {
            fprintf(out, "%s%s is %s", begin, residual_name(rule), residual_text(rule));
            begin = ", ";
        }
    }
    fprintf(out, "%s", strcmp(begin, ", ") == 0 ? ". " : "");
}

static void write_losses(const Experiment *experiment, FILE *out)
{
    char number[NUMBER_PLOT_TEXT];
    const char *comma = "";
    fprintf(out, experiment->config.n_steps > 0 ? "Before training: loss " : "Loss ");
    for (int arm = 0; arm < experiment_arms(&experiment->config); arm++) {
        char name[ARM_TEXT];
        if (experiment_has(experiment, arm)) {
            double loss = experiment_loss(experiment, arm, 0).median;
            fprintf(out, "%s%s %s", comma, plot_number(loss, number), plot_with_arm(experiment, arm, name));
            comma = ", ";
        }
    }
    if (experiment->config.n_rules == 0 && experiment_has(experiment, 1)) {
        fprintf(out, " (%d taken)", experiment_shortcuts(experiment, 1));
    }
    fprintf(out, ". ");
    if (experiment->config.same_dy) {
        fprintf(out, "The gradient at the output is the same for all. ");
    }
}

static bool is_finite(const Experiment *experiment, const Measurement *measurement)
{
    for (int layer = 0; layer < experiment->n_layer; layer++) {
        if (!isfinite(measurement_metric(measurement, layer, METRIC_WEIGHT))) {
            return false;
        }
    }
    return isfinite(measurement->loss);
}

// "62 of 100 networks without shortcuts, 51 with": those for which count[arm] is not 0. False if there are none.
static bool write_counts(const Experiment *experiment, const int count[ARMS_MOST], FILE *out)
{
    bool any = false;
    for (int arm = 0; arm < experiment_arms(&experiment->config); arm++) {
        char name[ARM_TEXT];
        if (count[arm] > 0) {
            fprintf(out, "%s%d of %d networks %s", any ? ", " : "", count[arm], experiment->config.n_seeds,
                    plot_with_arm(experiment, arm, name));
            any = true;
        }
    }
    return any;
}

// Networks that a median passes over, or that would make it mean something else, are told.
static void write_left_out(const Experiment *experiment, FILE *out)
{
    int not_finite[ARMS_MOST] = {0};
    int zero[ARMS_MOST] = {0};
    for (int i = 0; i < experiment->n_measurements; i++) {
        const Measurement *measurement = &experiment->measurements[i];
        if (measurement->step == 0) {
            not_finite[measurement->arm] += !is_finite(experiment, measurement);
            zero[measurement->arm] += measurement_metric(measurement, experiment->n_layer - 1, METRIC_WEIGHT) == 0;
        }
    }
    if (write_counts(experiment, not_finite, out)) {
        fprintf(out, " have NaN or infinite values. ");
    }
    if (write_counts(experiment, zero, out)) {
        fprintf(out, " have a last %s's gradient of 0%s. ", plot_layer_word(experiment),
                experiment->config.net == NET_MLP ? ", so no ratio, and are left out where there is one" : "");
    }
}

// A sweep's point may rest on fewer networks than the others.
static void write_poorest_point(const Experiment *experiment, const Sweep *sweep, FILE *out)
{
    int n_seeds = experiment->config.n_seeds;
    int least = n_seeds;
    int depth = 0;
    int n_arms = experiment_arms(&experiment->config);
    for (int i = 0; i < n_arms * sweep->n_points; i++) {
        const SweepPoint *point = &sweep->points[i / n_arms];
        int arm = i % n_arms;
        if (experiment_has(experiment, arm) && point->ratio[arm].n < least) {
            least = point->ratio[arm].n;
            depth = point->depth;
        }
    }
    if (least < n_seeds) {
        fprintf(out, "At depth %d only %d of %d have a ratio. ", depth, least, n_seeds);
    }
}

char *plot_caption(const Experiment *experiment, const Sweep *sweep)
{
    const ExperimentConfig *config = &experiment->config;
    PlotText text;
    plot_text_open(&text);
    write_seeds(config, text.stream);
    write_network(config, text.stream);
    if (config->n_rules > 1) {
        fprintf(text.stream, "All networks start from the same weights. ");
    } else if (plot_is_familiar(experiment)) {
        fprintf(text.stream, "Both networks start from the same weights. ");
    }
    write_rules(config, text.stream);
    write_losses(experiment, text.stream);
    if (config->net == NET_GPT && plot_is_familiar(experiment)) {
        fprintf(text.stream, "In the title, medians over the blocks. ");
    }
    write_left_out(experiment, text.stream);
    if (sweep != NULL) {
        write_poorest_point(experiment, sweep, text.stream);
    }
    bool slopes = false;
    for (int arm = 0; sweep != NULL && arm < experiment_arms(config); arm++) {
        slopes |= experiment_has(experiment, arm) && isfinite(sweep->decades_per_layer[arm]);
    }
    if (slopes) {
        fprintf(text.stream, "Slopes by least squares. ");
    }
    plot_text_close(&text);
    return text.bytes;
}

static void write_optimizer(const ExperimentConfig *config, FILE *out)
{
    const TrainConfig *train = config->train;
    char number[NUMBER_PLOT_TEXT];
    if (train == NULL) {
        fprintf(out, "AdamW, learning rate %s, no weight decay. ", plot_number(config->lr, number));
        return;
    }
    fprintf(out, "AdamW, learning rate up to %s, ", plot_number(train->lr, number));
    fprintf(out, "weight decay %s. ", plot_number(train->weight_decay, number));
}

char *plot_training_caption(const Experiment *experiment, const char *note)
{
    const ExperimentConfig *config = &experiment->config;
    PlotText text;
    plot_text_open(&text);
    write_seeds(config, text.stream);
    write_network(config, text.stream);
    write_optimizer(config, text.stream);
    if (config->n_rules > 1) {
        fprintf(text.stream, "All networks start from the same weights. ");
    } else if (plot_is_familiar(experiment)) {
        fprintf(text.stream, "Both networks start from the same weights. ");
    }
    if (config->same_dy) {
        fprintf(text.stream, "The gradient at the output is the same for all. ");
    }
    fprintf(text.stream, "%s", note);
    plot_text_close(&text);
    return text.bytes;
}
