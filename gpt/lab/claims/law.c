// law.c: theoretical laws that a sweep's plot draws over the measurement, if one is known for the varied option.
//
//      shortcut times g:   |dL/dx| is multiplied by g a block: the slope is -log10 g (He 2016, 1603.05027)
//      mean field:         by chi_1 a layer, squared: -log10(chi_1)/2; chi_1 = s E[tanh'(sqrt(q) z)^2], q = s E[tanh(sqrt(q) z)^2] + b, z normal,
//                          s = n Var W, b = Var bias (Schoenholz 2017, 1611.01232)
//      random ReLU:        ln of the squared gradient after L layers is normal with mean -B/2 and variance B = 5 L / n (Hanin and Nica 2018,
//                          1812.05994): the median of the gradient is exp(-B/4)
//      Pre-LN stream:      its size grows as the square root of the depth (De and Smith 2020, 2002.10444); drawn through the first point

#include "gpt/base/base.h"
#include "gpt/lab/claims/claims.h"

#include <math.h>
#include <string.h>

// What was swept.
typedef struct Swept {
    const char *settings, *varied, *statistic;
    double x_first, y_first;
} Swept;

typedef struct Law {
    const char *text;
    bool (*applies)(const Swept *swept);
    double (*y)(const Swept *swept, double x);
} Law;

// The number after an option in the settings, "--bias-std 0.2", or a default.
static double option_number(const char *settings, const char *option, double otherwise)
{
    const char *found = strstr(settings, option);
    char *end;
    return found == NULL ? otherwise : number_read(found + strlen(option), &end);
}

static bool has(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}

static bool is_gradient_slope(const Swept *swept)
{
    return has(swept->statistic, "slope ") && has(swept->statistic, " activation_grad");
}

// ------------------------------------------------------------------------------------------------------------
// The laws

static bool gain_applies(const Swept *swept)
{
    return strcmp(swept->varied, "residual") == 0 && is_gradient_slope(swept);
}

static double gain_y(const Swept *swept, double x)
{
    (void)swept;
    return -log10(x);
}

static bool mean_field_applies(const Swept *swept)
{
    return strcmp(swept->varied, "init-gain") == 0 && is_gradient_slope(swept) && has(swept->settings, "--activation tanh") &&
           has(swept->settings, "--init kaiming") && has(swept->settings, "--shortcut off");
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

static double mean_field_y(const Swept *swept, double x)
{
    enum { ITERATIONS = 200 };
    double bias = option_number(swept->settings, "--bias-std ", 0);
    double s = 2 * x * x;                          // --init kaiming draws variance 2/n
    double q = 1;
    for (int i = 0; i < ITERATIONS; i++) {
        q = s * normal_mean(q, false) + bias * bias;
    }
    return -log10(s * normal_mean(q, true)) / 2;
}

static bool relu_applies(const Swept *swept)
{
    return strcmp(swept->varied, "width") == 0 && strncmp(swept->statistic, "ratio l2 activation_grad@0..", 28) == 0 &&
           has(swept->settings, "--activation relu") && has(swept->settings, "--init kaiming") && has(swept->settings, "--shortcut off");
}

static double relu_y(const Swept *swept, double x)
{
    return exp(-5 * option_number(swept->statistic, "@0..", 0) / x / 4);
}

static bool stream_applies(const Swept *swept)
{
    bool depth = strcmp(swept->varied, "depth") == 0 || strcmp(swept->varied, "n-layer") == 0;
    return depth && (has(swept->statistic, "rms activation") || has(swept->statistic, "stream_rms")) && swept->x_first > 0;
}

static double stream_y(const Swept *swept, double x)
{
    return swept->y_first * sqrt(x / swept->x_first);
}

static const Law laws[] = {
    {"theory: -log10 of the shortcut's gain", gain_applies, gain_y},
    {"theory: mean field, -log10(chi_1)/2", mean_field_applies, mean_field_y},
    {"theory: exp(-5 L / 4 n)", relu_applies, relu_y},
    {"theory: the square root of the depth, through the first point", stream_applies, stream_y},
};

const char *law_values(const char *settings, const char *varied, const char *statistic, const double *x, int n, double y_first, double *y)
{
    REQUIRE(settings);
    REQUIRE(varied);
    REQUIRE(statistic);
    Swept swept = {settings, varied, statistic, n > 0 ? x[0] : 0, y_first};
    for (size_t k = 0; k < sizeof laws / sizeof laws[0]; k++) {
        if (laws[k].applies(&swept)) {
            for (int i = 0; i < n; i++) {
                y[i] = laws[k].y(&swept, x[i]);
            }
            return laws[k].text;
        }
    }
    return NULL;
}
