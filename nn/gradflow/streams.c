// streams.c: the residual stream on a tape, and its ranks: see gradflow.h.

#include "nn/gradflow/gradflow.h"
#include "nn/gradflow/loops.h"
#include "tensor/unwind.h"

#include <math.h>
#include <string.h>

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

// The ranks of a matrix with these squares of singular values; 0 if all of them are 0.
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

// sqrt(||x||_1 ||x||_inf), from the largest sums of absolute values in a column and in a row. The transpose of x has the same.
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

// The sequences of a stream.
typedef struct Sequences {
    const Real *x; // (sequences, rows, columns)
    size_t rows, columns;
    size_t m, n;     // the smaller of the two, the larger
    FlowRank *ranks; // (sequences)
} Sequences;

// a = x - 1 mean^T, transposed if x has more rows than columns.
static void subtract_mean(const Sequences *s, const Real *x, const double *mean, double *a)
{
    bool tall = s->rows > s->columns;
    for (size_t i = 0; i < s->rows; i++) {
        for (size_t j = 0; j < s->columns; j++) {
            a[tall ? j * s->rows + i : i * s->columns + j] = (double)x[i * s->columns + j] - mean[j];
        }
    }
}

static void measure_sequence(const void *call, size_t b, double *scratch)
{
    const Sequences *s = call;
    int m = (int)s->m;
    int n = (int)s->n;
    const Real *x = s->x + b * s->m * s->n;
    double *mean = scratch;        // (columns)
    double *squares = mean + s->n; // (m)
    double *sums = squares;        // (n), in the same memory, after the last use of the squares
    double *a = sums + s->n;       // (m, n)
    memset(mean, 0, s->n * sizeof *mean);
    subtract_mean(s, x, mean, a);
    if (sizeof(Real) == sizeof(float)) {
        singular_squares(a, m, n, squares, a + s->m * s->n);
    } else { // in a nearly collapsed stream, the small singular values need full precision
        singular_values(a, m, n, squares);
        for (int i = 0; i < m; i++) {
            squares[i] *= squares[i];
        }
    }
    FlowRank rank = rank_of(squares, m);
    if (rank.effective > 0) {
        double whole = size_of(a, m, n, sums);
        for (size_t i = 0; i < s->rows; i++) {
            for (size_t j = 0; j < s->columns; j++) {
                mean[j] += (double)x[i * s->columns + j];
            }
        }
        for (size_t j = 0; j < s->columns; j++) {
            mean[j] /= (double)s->rows;
        }
        subtract_mean(s, x, mean, a);
        rank.residual = size_of(a, m, n, sums) / whole;
    }
    s->ranks[b] = rank;
}

FlowRank flow_rank(const Tensor *x)
{
    REQUIRE(x);
    size_t rows = x->shape.ndim < 2 ? 1 : (size_t)x->shape.size[x->shape.ndim - 2];
    size_t columns = (size_t)shape_last(x->shape);
    size_t m = rows < columns ? rows : columns;
    size_t n = rows < columns ? columns : rows;
    size_t sequences = tensor_count(x) / (m * n);
    FlowRank mean = {0, 0, 0};
    int frame = unwind_begin();
    FlowRank *ranks = unwind_allocate(sequences, sizeof *ranks, "the ranks");
    Sequences s = {x->data, rows, columns, m, n, ranks};
    flow_share(sequences, 3.0 * (double)m * (double)m * (double)n, m * n + 2 * n + m * (m + 2), measure_sequence, &s);
    for (size_t b = 0; b < sequences; b++) {
        mean.effective += ranks[b].effective / (double)sequences;
        mean.stable += ranks[b].stable / (double)sequences;
        mean.residual += ranks[b].residual / (double)sequences;
    }
    unwind_end(frame);
    return mean;
}
