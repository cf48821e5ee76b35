// streams.c: the residual stream on a tape, and its ranks: see gradflow.h.

#include "nn/gradflow/gradflow.h"
#include "tensor/unwind.h"

#include <math.h>
#include <stdlib.h>

static TapeNode *last_node(const Tape *tape, int sublayer, bool branch)
{
    for (int i = tape->n_nodes - 1; i >= 0; i--) {
        TapeNode *node = tape->nodes[i];
        if (node->sublayer == sublayer && (node->branch || !branch)) {
            return node;
        }
    }
    return NULL;
}

Tensor *flow_stream(const Tape *tape, int s)
{
    REQUIRE(tape);
    if (s >= 0 && s < tape->n_sublayers) {
        return tape->streams[s];
    }
    const TapeNode *node = s > 0 && s == tape->n_sublayers ? last_node(tape, s, false) : NULL;
    return node == NULL ? NULL : node->output;
}

Tensor *flow_branch(const Tape *tape, int s)
{
    REQUIRE(tape);
    const TapeNode *node = last_node(tape, s + 1, true);
    return node == NULL ? NULL : node->output;
}

// ------------------------------------------------------------------------------------------------------------
// Ranks

static double effective_rank(const double *singular, int n)
{
    double sum = 0;
    double entropy = 0;
    for (int i = 0; i < n; i++) {
        sum += singular[i];
    }
    for (int i = 0; i < n; i++) {
        double p = singular[i] / sum;
        entropy -= p > 0 ? p * log(p) : 0;
    }
    return exp(entropy);
}

static double stable_rank(const double *singular, int n)
{
    double squares = 0;
    for (int i = 0; i < n; i++) {
        squares += (singular[i] / singular[0]) * (singular[i] / singular[0]);
    }
    return squares;
}

// sqrt(||x||_1 ||x||_inf): the largest sum of absolute values in a column, and in a row.
static double size_of(const double *x, int rows, int columns, double *sums)
{
    double most_in_row = 0;
    double most_in_column = 0;
    for (int j = 0; j < columns; j++) {
        sums[j] = 0;
    }
    for (int i = 0; i < rows; i++) {
        const double *row = x + (size_t)i * (size_t)columns;
        double sum = 0;
        for (int j = 0; j < columns; j++) {
            sums[j] += fabs(row[j]);
            sum += fabs(row[j]);
        }
        most_in_row = fmax(most_in_row, sum);
    }
    for (int j = 0; j < columns; j++) {
        most_in_column = fmax(most_in_column, sums[j]);
    }
    return sqrt(most_in_row) * sqrt(most_in_column);
}

static void subtract_mean_row(double *x, int rows, int columns, double *mean)
{
    for (int j = 0; j < columns; j++) {
        mean[j] = 0;
    }
    for (int i = 0; i < rows; i++) {
        for (int j = 0; j < columns; j++) {
            mean[j] += x[(size_t)i * (size_t)columns + (size_t)j];
        }
    }
    for (int j = 0; j < columns; j++) {
        mean[j] /= rows;
    }
    for (int i = 0; i < rows; i++) {
        for (int j = 0; j < columns; j++) {
            x[(size_t)i * (size_t)columns + (size_t)j] -= mean[j];
        }
    }
}

// scratch: room for rows x columns and for the larger of the two. A matrix of zeros has rank 0.
static FlowRank matrix_rank(const Real *values, int rows, int columns, double *scratch)
{
    size_t n = (size_t)rows * (size_t)columns;
    double *more = scratch + n;
    for (size_t i = 0; i < n; i++) {
        scratch[i] = (double)values[i];
    }
    int count = rows < columns ? rows : columns;
    singular_values(scratch, rows, columns, more);
    if (!(more[0] > 0)) {
        return (FlowRank){more[0], more[0], more[0]};
    }
    FlowRank rank = {.effective = effective_rank(more, count), .stable = stable_rank(more, count)};
    double whole = size_of(scratch, rows, columns, more);
    subtract_mean_row(scratch, rows, columns, more);
    rank.residual = size_of(scratch, rows, columns, more) / whole;
    return rank;
}

FlowRank flow_rank(const Tensor *x)
{
    REQUIRE(x);
    int columns = shape_last(x->shape);
    int rows = x->shape.ndim < 2 ? 1 : x->shape.size[x->shape.ndim - 2];
    size_t n = (size_t)rows * (size_t)columns;
    size_t sequences = tensor_count(x) / n;
    FlowRank mean = {0, 0, 0};
    int frame = unwind_begin();
    double *scratch = memory_allocate((n + (size_t)rows + (size_t)columns) * sizeof *scratch, "a rank");
    unwind_add(free, scratch);
    for (size_t b = 0; b < sequences; b++) {
        FlowRank rank = matrix_rank(x->data + b * n, rows, columns, scratch);
        mean.effective += rank.effective / (double)sequences;
        mean.stable += rank.stable / (double)sequences;
        mean.residual += rank.residual / (double)sequences;
    }
    unwind_end(frame);
    return mean;
}
