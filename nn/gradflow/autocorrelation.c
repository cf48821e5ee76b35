// autocorrelation.c: the autocorrelation of a sequence: see gradflow.h.

#include "nn/gradflow/gradflow.h"

#include <math.h>

double flow_autocorrelation(const double *values, int n, int lag)
{
    REQUIRE(values);
    double mean = 0;
    for (int i = 0; i < n; i++) {
        mean += values[i] / n;
    }
    double variance = 0;
    double covariance = 0;
    for (int i = 0; i < n; i++) {
        variance += (values[i] - mean) * (values[i] - mean);
        covariance += i + lag < n ? (values[i] - mean) * (values[i + lag] - mean) : 0;
    }
    return variance > 0 ? covariance / variance : NAN;
}
