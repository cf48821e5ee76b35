// streams.c: the residual stream on a tape, and its ranks: see gradflow.h.

#include "nn/gradflow/loops.h"
#include "nn/gradflow/svd.h"
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

// Of singular values whose squares are given; 0 if all are.
static FlowRank rank_of(const double *squares, int n)
{
    double sum = 0;
    double sum_of_squares = 0;
    double largest = 0;
    double entropy = 0;
    for (int i = 0; i < n; i++) {
        sum += sqrt(squares[i]);
        sum_of_squares += squares[i];
        largest = squares[i] > largest ? squares[i] : largest;
    }
    if (sum == 0) {
        return (FlowRank){0, 0, 0};
    }
    if (!isfinite(sum)) {
        return (FlowRank){NAN, NAN, NAN};
    }
    for (int i = 0; i < n; i++) {
        double p = sqrt(squares[i]) / sum;
        entropy -= p > 0 ? p * log(p) : 0;
    }
    return (FlowRank){.effective = exp(entropy), .stable = sum_of_squares / largest};
}

// sqrt(||x||_1 ||x||_inf): the largest sum of absolute values in a column, and in a row.
VECTORIZED static double size_of(const double *x, int rows, int columns, double *sums)
{
    double most_in_row = 0;
    double most_in_column = 0;
    for (int j = 0; j < columns; j++) {
        sums[j] = 0;
    }
    for (int i = 0; i < rows; i++) {
        const double *row = x + (size_t)i * (size_t)columns;
        double sum[LANES] = {0};
        int j = 0;
        for (; j + LANES <= columns; j += LANES) {
            for (int lane = 0; lane < LANES; lane++) {
                sums[j + lane] += fabs(row[j + lane]);
                sum[lane] += fabs(row[j + lane]);
            }
        }
        for (; j < columns; j++) {
            sums[j] += fabs(row[j]);
            sum[0] += fabs(row[j]);
        }
        most_in_row = fmax(most_in_row, lanes_sum(sum));
    }
    for (int j = 0; j < columns; j++) {
        most_in_column = fmax(most_in_column, sums[j]);
    }
    return sqrt(most_in_row) * sqrt(most_in_column);
}

VECTORIZED static void subtract_mean_row(double *x, int rows, int columns, double *mean)
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

// Squares of the singular values of x (rows, columns). In double, streams that have nearly collapsed need all digits of the small ones.
static void find_squares(const double *x, int rows, int columns, double *squares, double *scratch)
{
    if (sizeof(Real) > sizeof(float)) {
        singular_values(x, rows, columns, squares);
        for (int i = 0; i < rows && i < columns; i++) {
            squares[i] *= squares[i];
        }
    } else if (rows <= columns) {
        singular_squares(x, rows, columns, squares, scratch);
    } else {
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < columns; j++) {
                scratch[(size_t)j * (size_t)rows + (size_t)i] = x[(size_t)i * (size_t)columns + (size_t)j];
            }
        }
        singular_squares(scratch, columns, rows, squares, scratch + (size_t)rows * (size_t)columns);
    }
}

// The sequences of a stream.
typedef struct Sequences {
    const Real *x; // (sequences, rows, columns)
    int rows, columns;
    FlowRank *ranks; // (sequences)
} Sequences;

// A matrix of zeros has rank 0.
static void measure_sequence(const void *call, size_t b, double *scratch)
{
    const Sequences *s = call;
    size_t n = (size_t)s->rows * (size_t)s->columns;
    double *x = scratch;
    double *some = x + n; // as many as rows, or columns
    for (size_t i = 0; i < n; i++) {
        x[i] = (double)s->x[b * n + i];
    }
    int count = s->rows < s->columns ? s->rows : s->columns;
    double *rest = some + (s->rows < s->columns ? s->columns : s->rows);
    find_squares(x, s->rows, s->columns, some, rest);
    FlowRank rank = rank_of(some, count);
    if (rank.effective > 0) {
        double whole = size_of(x, s->rows, s->columns, some);
        subtract_mean_row(x, s->rows, s->columns, some);
        rank.residual = size_of(x, s->rows, s->columns, some) / whole;
    }
    s->ranks[b] = rank;
}

FlowRank flow_rank(const Tensor *x)
{
    REQUIRE(x);
    Sequences s = {.x = x->data, .rows = x->shape.ndim < 2 ? 1 : x->shape.size[x->shape.ndim - 2], .columns = shape_last(x->shape)};
    size_t m = (size_t)(s.rows < s.columns ? s.rows : s.columns);
    size_t n = (size_t)(s.rows < s.columns ? s.columns : s.rows);
    size_t sequences = tensor_count(x) / (m * n);
    FlowRank mean = {0, 0, 0};
    int frame = unwind_begin();
    s.ranks = memory_allocate(sequences * sizeof *s.ranks, "the ranks");
    unwind_add(free, s.ranks);
    flow_share(sequences, 3.0 * (double)m * (double)m * (double)n, 2 * m * n + n + m * (m + 2), measure_sequence, &s);
    for (size_t b = 0; b < sequences; b++) {
        mean.effective += s.ranks[b].effective / (double)sequences;
        mean.stable += s.ranks[b].stable / (double)sequences;
        mean.residual += s.ranks[b].residual / (double)sequences;
    }
    unwind_end(frame);
    return mean;
}
