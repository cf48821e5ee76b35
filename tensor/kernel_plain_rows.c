// kernel_plain_rows.c: the textbook kernels that go over the rows of a matrix. The formulas stand with the ops.

#include "tensor/kernel_plain.h"

#include <string.h>
#include <tgmath.h>

void plain_sum_rows(const Real *y, size_t rows, size_t columns, GradTarget sum)
{
    if (sum.values == NULL) {
        return;
    }
    if (!sum.accumulate) {
        memset(sum.values, 0, columns * sizeof(Real));
    }
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; j < columns; j++) {
            sum.values[j] += y[i * columns + j];
        }
    }
}

// ------------------------------------------------------------------------------------------------------------
// softmax

static Real largest_of(const Real *x, size_t n)
{
    Real largest = x[0];
    for (size_t i = 1; i < n; i++) {
        largest = x[i] > largest ? x[i] : largest;
    }
    return largest;
}

// Subtracting the largest changes nothing (it cancels) and keeps exp from overflowing.
static void softmax_row(const Real *x, size_t n, Real *y)
{
    Real largest = largest_of(x, n);
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        y[i] = exp(x[i] - largest);
        sum += (double)y[i];
    }
    Real scale = (Real)(1 / sum);
    for (size_t i = 0; i < n; i++) {
        y[i] *= scale;
    }
}

void plain_softmax(const Real *x, size_t rows, size_t n, Real *y)
{
    for (size_t row = 0; row < rows; row++) {
        softmax_row(x + row * n, n, y + row * n);
    }
}

void plain_softmax_backward(const Real *y, const Real *dy, size_t rows, size_t n, bool accumulate, Real *dx)
{
    for (size_t row = 0; row < rows; row++) {
        size_t at = row * n;
        double sum = 0;                            // sum_i dL/dy_i y_i
        for (size_t i = 0; i < n; i++) {
            sum += (double)(dy[at + i] * y[at + i]);
        }
        for (size_t j = 0; j < n; j++) {
            Real before = accumulate ? dx[at + j] : 0;
            dx[at + j] = before + y[at + j] * (dy[at + j] - (Real)sum);
        }
    }
}

// ------------------------------------------------------------------------------------------------------------
// LayerNorm

static RowStats row_stats(const Real *x, size_t C, double eps)
{
    double sum = 0;
    for (size_t i = 0; i < C; i++) {
        sum += (double)x[i];
    }
    double mean = sum / (double)C;
    double sum_of_squares = 0;
    for (size_t i = 0; i < C; i++) {
        double deviation = (double)x[i] - mean;
        sum_of_squares += deviation * deviation;
    }
    double var = sum_of_squares / (double)C;
    return (RowStats){.mean = mean, .rstd = 1 / sqrt(var + eps)};
}

void plain_layernorm(const LayernormRows *r, const Real *bias, double eps, RowStats *stats, Real *y)
{
    for (size_t row = 0; row < r->rows; row++) {
        const Real *x = r->x + row * r->C;
        stats[row] = row_stats(x, r->C, eps);
        for (size_t i = 0; i < r->C; i++) {
            Real n = (Real)(((double)x[i] - stats[row].mean) * stats[row].rstd);
            y[row * r->C + i] = n * r->weight[i] + bias[i];
        }
    }
}

static void layernorm_row_dx(const Real *x, const Real *weight, const Real *dy, size_t C, RowStats stats, bool accumulate,
                             Real *dx)
{
    double dn_sum = 0;
    double dn_n_sum = 0;
    for (size_t i = 0; i < C; i++) {
        double n = ((double)x[i] - stats.mean) * stats.rstd;
        double dn = (double)dy[i] * (double)weight[i];
        dn_sum += dn;
        dn_n_sum += dn * n;
    }
    double dn_mean = dn_sum / (double)C;
    double dn_n_mean = dn_n_sum / (double)C;
    for (size_t i = 0; i < C; i++) {
        double n = ((double)x[i] - stats.mean) * stats.rstd;
        double dn = (double)dy[i] * (double)weight[i];
        Real before = accumulate ? dx[i] : 0;
        dx[i] = before + (Real)(stats.rstd * (dn - dn_mean - n * dn_n_mean));
    }
}

static void layernorm_dx(const LayernormRows *r, const RowStats *stats, const Real *dy, bool accumulate, Real *dx)
{
    for (size_t row = 0; row < r->rows; row++) {
        size_t at = row * r->C;
        layernorm_row_dx(r->x + at, r->weight, dy + at, r->C, stats[row], accumulate, dx + at);
    }
}

static void layernorm_dweight(const LayernormRows *r, const RowStats *stats, const Real *dy, bool accumulate, Real *dweight)
{
    if (!accumulate) {
        memset(dweight, 0, r->C * sizeof(Real));
    }
    for (size_t row = 0; row < r->rows; row++) {
        const Real *x = r->x + row * r->C;
        for (size_t i = 0; i < r->C; i++) {
            // forward was: y[i] = n weight[i] + bias[i]
            Real n = (Real)(((double)x[i] - stats[row].mean) * stats[row].rstd);
            dweight[i] += dy[row * r->C + i] * n;
        }
    }
}

void plain_layernorm_backward(const LayernormRows *r, const RowStats *stats, const Real *dy, const LayernormGrads *grads)
{
    if (grads->dx.values != NULL) {
        layernorm_dx(r, stats, dy, grads->dx.accumulate, grads->dx.values);
    }
    if (grads->dweight.values != NULL) {
        layernorm_dweight(r, stats, dy, grads->dweight.accumulate, grads->dweight.values);
    }
    plain_sum_rows(dy, r->rows, r->C, grads->dbias);
}

// ------------------------------------------------------------------------------------------------------------
// Cross-entropy

static double log_sum_exp(const Real *x, size_t n)
{
    Real largest = largest_of(x, n);
    double sum = 0;
    for (size_t j = 0; j < n; j++) {
        sum += (double)exp(x[j] - largest);
    }
    return (double)largest + log(sum);
}

double plain_cross_entropy(const LogitRows *r)
{
    double sum = 0;
    for (size_t row = 0; row < r->rows; row++) {
        const Real *x = r->logits + row * r->V;
        r->z[row] = log_sum_exp(x, r->V);
        sum += r->z[row] - (double)x[r->targets[row]];
    }
    return sum;
}

void plain_cross_entropy_backward(const LogitRows *r, Real dy, bool accumulate, Real *dlogits)
{
    for (size_t row = 0; row < r->rows; row++) {
        const Real *x = r->logits + row * r->V;
        Real *dx = dlogits + row * r->V;
        for (size_t j = 0; j < r->V; j++) {
            Real probability = exp((Real)((double)x[j] - r->z[row]));
            Real before = accumulate ? dx[j] : 0;
            dx[j] = before + dy * probability;
        }
        dx[r->targets[row]] -= dy;
    }
}
