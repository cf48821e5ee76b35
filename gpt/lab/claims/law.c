// law.c: theoretical laws that a sweep's plot draws over the measurement, if one is known for the varied option.
//
//      shortcut times g:   each shortcut multiplies |dL/dx| by g: the slope is -log10 g, twice that in a GPT, whose blocks have two (He 2016,
//                          1603.05027)
//      mean field:         its square is multiplied by chi_1 per layer: -log10(chi_1)/2; chi_1 = s E[tanh'(sqrt(q) z)^2], z normal,
//                          q = s E[tanh(sqrt(q) z)^2] + b, s = n Var W, b = Var bias (Schoenholz 2017, 1611.01232)
//      random ReLU:        ln of the squared gradient after L layers is normal with mean -B/2 and variance B = 5 L / n (Hanin and Nica 2018,
//                          1812.05994): the median of the gradient is exp(-B/4)
//      Pre-LN stream:      its size grows as the square root of the depth (De and Smith 2020, 2002.10444), if branches have mean 0, unlike
//                          GELU's, and do not shrink with depth, as with --init gpt2; drawn through the first point
//      Keel's product:     a rule norm(a h + b f(...)) multiplies the gradient that comes by shortcuts alone by a / |a h + b f| in each
//                          sublayer, where |x| is the rms, and |a h + b f|^2 = a^2 |h|^2 + b^2 |f|^2, since f is random: 1/2 per block if
//                          a = b = 1 and both are equally large, (1 + 1/S^2)^(-1/2) per sublayer in Keel (Chen and Wei 2026, 2601.19895).
//                          The sizes are measured in one network for each x.

#include "gpt/base/base.h"
#include "gpt/lab/claims/claims.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

// The number after an option in the settings, "--bias-std 0.2"; 0 without it.
static double option_number(const char *settings, const char *option)
{
    const char *found = strstr(settings, option);
    char *end;
    return found == NULL ? 0 : number_read(found + strlen(option), &end);
}

static bool has(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}

static bool is_gradient_slope(const LawSweep *sweep)
{
    return has(sweep->statistic, "slope ") && has(sweep->statistic, " activation_grad");
}

static bool is_plain_kaiming(const LawSweep *sweep)
{
    return has(sweep->settings, "--init kaiming") && has(sweep->settings, "--shortcut off") && !has(sweep->settings, "--norm batch");
}

const ResidualRule *law_rule(const char *settings)
{
    REQUIRE(settings);
    Error error;
    const char *found = strstr(settings, "--residual ");
    if (found == NULL) {
        bool pre = has(settings, "--net gpt") && !has(settings, "--norm none");
        return residual_rule(has(settings, "--shortcut off") ? "none" : has(settings, "--norm post") ? "post" : pre ? "pre" : "plain", &error);
    }
    found += strlen("--residual ");
    bool quoted = *found == '\'';
    AUTO_FREE char *text = text_format("%.*s", (int)strcspn(found + quoted, quoted ? "'" : " "), found + quoted);
    return residual_rule(text, &error);
}

// ------------------------------------------------------------------------------------------------------------
// The laws

static bool gain_applies(const LawSweep *sweep)
{
    return strcmp(sweep->varied, "residual") == 0 && is_gradient_slope(sweep) && !has(sweep->settings, "|");
}

static double gain_y(const LawSweep *sweep, double x, const char *rows)
{
    (void)rows;
    return has(sweep->settings, "--net gpt") ? -2 * log10(x) : -log10(x);
}

// The law is that of infinitely wide layers: at width 3, measured slopes have another sign.
static bool mean_field_applies(const LawSweep *sweep)
{
    enum { WIDE = 64 };
    bool wide = fmax(option_number(sweep->settings, "--width "), option_number(sweep->settings, "--sizes ")) >= WIDE;
    return strcmp(sweep->varied, "init-gain") == 0 && is_gradient_slope(sweep) && has(sweep->settings, "--activation tanh")
        && is_plain_kaiming(sweep) && wide;
}

// Mean of tanh(sqrt(q) z)^2, or of the squared slope of tanh, z normal, by the trapezoidal rule.
static double normal_mean(double q, bool slope)
{
    enum { STEPS = 2000 };
    const double FAR = 8;
    double sum = 0;
    for (int i = 0; i <= STEPS; i++) {
        double z = FAR * (2.0 * i / STEPS - 1);
        double t = tanh(sqrt(q) * z);
        double value = slope ? (1 - t * t) * (1 - t * t) : t * t;
        sum += value * exp(-z * z / 2);
    }
    return sum * 2 * FAR / STEPS / sqrt(2 * acos(-1));
}

static double mean_field_y(const LawSweep *sweep, double x, const char *rows)
{
    (void)rows;
    enum { ITERATIONS = 200 };
    double bias = option_number(sweep->settings, "--bias-std ");
    double s = 2 * x * x; // --init kaiming draws variance 2/n
    double q = 1;
    for (int i = 0; i < ITERATIONS; i++) {
        q = s * normal_mean(q, false) + bias * bias;
    }
    return -log10(s * normal_mean(q, true)) / 2;
}

static bool relu_applies(const LawSweep *sweep)
{
    return strcmp(sweep->varied, "width") == 0 && strncmp(sweep->statistic, "ratio l2 activation_grad@0..", 28) == 0
        && has(sweep->settings, "--activation relu") && is_plain_kaiming(sweep);
}

static double relu_y(const LawSweep *sweep, double x, const char *rows)
{
    (void)rows;
    return exp(-5 * option_number(sweep->statistic, "@0..") / x / 4);
}

static bool stream_applies(const LawSweep *sweep)
{
    const char *settings = sweep->settings;
    const ResidualRule *rule = law_rule(settings);
    const char *text = rule == NULL ? "" : residual_text(rule);
    bool is_linear = strcmp(text, "h + linear(f(norm(h)))") == 0;
    bool normalized = is_linear || strcmp(text, "h + f(norm(h))") == 0 || strcmp(text, "h + f(rms(h))") == 0
                   || strcmp(text, "h + norm(f(norm(h)))") == 0;
    bool gpt = has(settings, "--init ") && !has(settings, "--init gpt2") && !has(settings, "--init deepnorm");
    bool alike = has(settings, "--net gpt") ? gpt : is_linear || has(settings, "--activation tanh");
    bool depth = strcmp(sweep->varied, "depth") == 0 || strcmp(sweep->varied, "n-layer") == 0;
    bool size = has(sweep->statistic, "rms activation") || has(sweep->statistic, "stream_rms");
    return depth && size && normalized && alike && sweep->x_first > 0;
}

static double stream_y(const LawSweep *sweep, double x, const char *rows)
{
    (void)rows;
    return sweep->y_first * sqrt(x / sweep->x_first);
}

// ------------------------------------------------------------------------------------------------------------
// Keel's product

// Sublayers without a shortcut: the last layer of an MLP, unless --sizes gives it the width of the others. Each path passes them.
static int heads_of(const LawSweep *sweep)
{
    return has(sweep->settings, "--net gpt") || has(sweep->settings, "--sizes") ? 0 : 1;
}

static bool keel_applies(const LawSweep *sweep)
{
    const ResidualRule *rule = law_rule(sweep->settings);
    const char *paths = strstr(sweep->statistic, " path_norm:");
    double gain;
    return rule != NULL && paths != NULL && !has(sweep->settings, "--model") && paths[11] == '0' + heads_of(sweep)
        && !isdigit((unsigned char)paths[12]) && (has(sweep->statistic, "slope") || has(sweep->statistic, "ratio"))
        && residual_norm_gains(rule, residual_place(0, 0, 1), &gain, &gain) && residual_norm_gains(rule, residual_place(0, 1, 1), &gain, &gain);
}

// The product from the start of each sublayer to the end: y (halves L), from the measured sizes.
static void fill_products(const LawSweep *sweep, const char *rows, const Series branch[2], int halves, double *product)
{
    const ResidualRule *rule = law_rule(sweep->settings);
    int L = branch[0].n;
    int S = halves * L;
    double first = statistic_value("first value stream_rms", rows, NAN);
    double y = 1;
    for (int s = S - 1; s >= 0; s--) {
        double a;
        double b;
        residual_norm_gains(rule, halves == 2 ? residual_place(s / 2, s % 2, L) : residual_place_mlp(s, L), &a, &b);
        if (s < S - heads_of(sweep)) {
            double h = s == 0 ? first : 1; // every other stream is the output of a norm
            y *= a / h / hypot(a, b * branch[s % halves].y[s / halves]);
        }
        product[s] = y;
    }
}

// The statistic of the products, written as rows.
static double keel_y(const LawSweep *sweep, double x, const char *rows)
{
    (void)x;
    static const char *const names[] = {"attn", "mlp"};
    bool gpt = has(sweep->settings, "--net gpt");
    int halves = gpt ? 2 : 1;
    Series branch[2] = {statistic_series(gpt ? "mean value branch_ratio h.#.attn" : "mean value branch_ratio", rows),
                        statistic_series("mean value branch_ratio h.#.mlp", rows)};
    int S = halves * branch[0].n;
    AUTO_FREE double *product = memory_allocate((size_t)(S + 1) * sizeof *product, "the law");
    Writer *writer = writer_begin();
    fill_products(sweep, rows, branch, halves, product);
    for (int s = 0; s < S; s++) {
        int layer = s / halves;
        fprintf(writer->stream, gpt ? "0,,,,0,%d,h.%d.%s" : "0,,,,0,%d,layers.%d", layer, layer, names[s % halves]);
        number_print(writer->stream, ",path_norm,,,,,,,,,,%d,%.17g\n", heads_of(sweep), product[s]);
    }
    AUTO_FREE char *text = writer_end(writer);
    double y = statistic_value(sweep->statistic, text, NAN);
    series_free(&branch[0]);
    series_free(&branch[1]);
    return y;
}

static const Law laws[] = {
    {"-log10 of the gain of a block's shortcuts", NULL, gain_applies, gain_y},
    {"infinitely wide layers (mean field), -log10(chi_1)/2", NULL, mean_field_applies, mean_field_y},
    {"wide layers, exp(-5 L / 4 n)", NULL, relu_applies, relu_y},
    {"the square root of the depth, through the first point", NULL, stream_applies, stream_y},
    {"Keel's product of measured sizes", "branch,stream", keel_applies, keel_y},
};

const Law *law_of(const LawSweep *sweep)
{
    REQUIRE(sweep, sweep->settings, sweep->varied, sweep->statistic);
    for (size_t k = 0; k < sizeof laws / sizeof laws[0]; k++) {
        if (laws[k].applies(sweep)) {
            return &laws[k];
        }
    }
    return NULL;
}
