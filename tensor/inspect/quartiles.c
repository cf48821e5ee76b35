// quartiles.c: median and quartiles, and a number of bytes as text.

#include "tensor/inspect/inspect.h"

#include <math.h>
#include <stdlib.h>

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

double quantile_of(const double *sorted, int n, double p)
{
    REQUIRE(sorted);
    double at = p * (n - 1);
    int below = (int)at;
    double part = at - below;
    if (part == 0 || sorted[below] == sorted[below + 1]) {
        return sorted[below]; // also if the next is missing, or either is infinite
    }
    double step = sorted[below + 1] - sorted[below];
    bool too_large = isinf(step) && isfinite(sorted[below]) && isfinite(sorted[below + 1]);
    return too_large ? (1 - part) * sorted[below] + part * sorted[below + 1] : sorted[below] + part * step;
}

Quartiles quartiles_of(double *values, int n)
{
    REQUIRE(values);
    Quartiles result = {.low = NAN, .median = NAN, .high = NAN};
    for (int i = 0; i < n; i++) {
        if (!isnan(values[i])) {
            values[result.n] = values[i];
            result.zeros += values[i] == 0;
            result.n++;
        }
    }
    if (result.n == 0) {
        return result;
    }
    qsort(values, (size_t)result.n, sizeof *values, compare);
    result.low = quantile_of(values, result.n, 0.25);
    result.median = quantile_of(values, result.n, 0.5);
    result.high = quantile_of(values, result.n, 0.75);
    return result;
}

const char *bytes_text(double bytes, char text[BYTES_TEXT])
{
    REQUIRE(text);
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    size_t unit = 0;

    while (bytes >= 1024.0 && unit + 1 < sizeof units / sizeof units[0]) {
        bytes /= 1024.0;
        unit++;
    }
    number_format(text, BYTES_TEXT, unit == 0 ? "%.0f %s" : "%.2f %s", bytes, units[unit]);
    return text;
}
