// operation.c: see operation.h.

#include "gpt/base/base.h"
#include "gpt/lab/claims/operation.h"

#include <math.h>

int series_find(const Series *series, double x)
{
    int i = series->n - 1;
    while (i >= 0 && series->x[i] != x) {
        i--;
    }
    return i < 0 ? series->n : i;
}

static double log_slope(const Series *series)
{
    AUTO_FREE double *logs = memory_allocate((size_t)series->n * sizeof *logs, "a series");
    for (int i = 0; i < series->n; i++) {
        logs[i] = series->y[i] > 0 ? log10(series->y[i]) : NAN;
    }
    return fit_slope(series->x, logs, series->n);
}

// Of a square map, row by row: the mean size of the second differences along both axes, relative to the height of the edge above the center.
static double roughness(const Series *series)
{
    int side = (int)lround(sqrt(series->n));
    const double *z = series->y;
    double bend = 0;
    double edge = 0;
    if (side < 3 || side * side != series->n) {
        return NAN;
    }
    for (int i = 0; i < series->n; i++) {
        int a = i / side;
        int b = i % side;
        if (a == 0 || b == 0 || a == side - 1 || b == side - 1) {
            edge += z[i] / (4 * (side - 1));
        } else {
            bend += fabs(z[i + 1] - 2 * z[i] + z[i - 1]) + fabs(z[i + side] - 2 * z[i] + z[i - side]);
        }
    }
    return bend / ((side - 2) * (side - 2)) / (edge - z[series->n / 2]);
}

double series_operate(const Series *series, Operation operation, double at)
{
    const double *y = series->y;
    int n = series->n;
    double sum = 0;
    double weighted = 0;
    double low = INFINITY;
    double high = -INFINITY;
    for (int i = 0; i < n; i++) {
        sum += y[i];
        weighted += series->x[i] * y[i];
        low = fmin(low, y[i]);
        high = fmax(high, y[i]);
    }
    switch (operation) {
    case OPERATION_FIRST: return y[0];
    case OPERATION_LAST: return y[n - 1];
    case OPERATION_RATIO: return y[0] / y[n - 1];
    case OPERATION_SLOPE: return log_slope(series);
    case OPERATION_MEAN: return sum / n;
    case OPERATION_MEDIAN: return quartiles_of(series->y, n).median;
    case OPERATION_MIN: return low;
    case OPERATION_MAX: return high;
    case OPERATION_SUM: return sum;
    case OPERATION_CENTER: return weighted / sum;
    case OPERATION_ROUGH: return roughness(series);
    case OPERATION_AT: return series_find(series, at) < n ? y[series_find(series, at)] : NAN;
    case OPERATION_COUNT: break;
    }
    return NAN;
}
