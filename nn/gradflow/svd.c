// svd.c: the singular values of a matrix, in double arithmetic.
//
//      A = U B V^T, B bidiagonal      by Householder reflections of columns and rows in turn (Golub and Kahan 1965)
//      ((0, B), (B^T, 0))             has the singular values of B and their negatives as eigenvalues. With its rows and columns reordered it is
//                                     tridiagonal, T: zeros on the diagonal, and beside it the two diagonals of B in turn
//      T -> diagonal                  by QL sweeps without square roots (Pal, Walker and Kahan: Parlett 1980, section 8.15)
//
// The error of a value is a few roundings of the largest value. Cost: 4 (n m^2 - m^3 / 3) operations for m rows and n >= m columns; the sweeps take
// about 240 m^2 more. Three times as fast, with errors up to 1e-8 of the largest value: the square roots of the eigenvalues of A A^T,
//
//      A A^T = Q T Q^T, T tridiagonal     by Householder reflections: m^2 n + 4/3 m^3 operations, and 60 m^2 for the sweeps

#include "nn/gradflow/gradflow.h"
#include "nn/gradflow/loops.h"
#include "tensor/unwind.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

// ------------------------------------------------------------------------------------------------------------
// A bidiagonal

// Makes v, n values stride apart, the v of the reflection I - scale v v^T that maps it to (result, 0, 0, ...).
static double reflection(double *v, int n, int stride, double *scale)
{
    double squares = 0;
    for (int i = 0; i < n; i++) {
        squares += v[(size_t)i * (size_t)stride] * v[(size_t)i * (size_t)stride];
    }
    double result = v[0] > 0 ? -sqrt(squares) : sqrt(squares);
    *scale = squares < DBL_MIN ? 0 : 1 / (squares - v[0] * result);
    v[0] -= result;
    return result;
}

// Row k from column k on is v: the rows after it are reflected.
static void reflect_rows(double *a, int rows, int columns, int k, double scale)
{
    const double *v = a + (size_t)k * (size_t)columns;
    for (int i = k + 1; i < rows; i++) {
        double *row = a + (size_t)i * (size_t)columns;
        double factor = scale * dot_double(row + k, v + k, (size_t)(columns - k));
        for (int j = k; j < columns; j++) {
            row[j] -= factor * v[j];
        }
    }
}

// Column k from row k + 1 on is v: the columns after it are reflected. sums: room for them.
static void reflect_columns(double *a, int rows, int columns, int k, double scale, double *sums)
{
    for (int j = k + 1; j < columns; j++) {
        sums[j] = 0;
    }
    for (int i = k + 1; i < rows; i++) {
        const double *row = a + (size_t)i * (size_t)columns;
        double v = row[k];
        for (int j = k + 1; j < columns; j++) {
            sums[j] += v * row[j];
        }
    }
    for (int i = k + 1; i < rows; i++) {
        double *row = a + (size_t)i * (size_t)columns;
        double factor = scale * row[k];
        for (int j = k + 1; j < columns; j++) {
            row[j] -= factor * sums[j];
        }
    }
}

// Reduces a (rows, columns), rows <= columns, to its diagonal (rows) and subdiagonal (rows - 1). All inner loops run along the rows, which are the
// longer side. sums: scratch for columns.
static void bidiagonalize(double *a, int rows, int columns, double *diagonal, double *below, double *sums)
{
    for (int k = 0; k < rows; k++) {
        double scale;
        double *corner = a + (size_t)k * (size_t)columns + k;
        diagonal[k] = reflection(corner, columns - k, 1, &scale);
        reflect_rows(a, rows, columns, k, scale);
        if (k + 1 < rows) {
            below[k] = reflection(corner + columns, rows - k - 1, columns, &scale);
            reflect_columns(a, rows, columns, k, scale, sums);
        }
    }
}

// ------------------------------------------------------------------------------------------------------------
// T diagonal

// One QL sweep over d[first ... last]. e: squares of the values beside the diagonal.
static void sweep_squares(double *d, double *e, int first, int last)
{
    double root = sqrt(e[first]);
    double ratio = (d[first + 1] - d[first]) / (2 * root);
    double shift = d[first] - root / (ratio + copysign(sqrt(ratio * ratio + 1), ratio)); // eigenvalue of the first 2 x 2 block
    double c = 1;
    double s = 0;
    double g = d[last] - shift;
    double p = g * g;
    for (int i = last - 1; i >= first; i--) {
        double r = p + e[i];
        double c_before = c;
        double g_before = g;
        double inverse = r / p;
        if (i < last - 1) {
            e[i + 1] = s * r;
        }
        c = p / r;
        s = e[i] / r;
        g = c * (d[i] - shift) - s * g_before;
        d[i + 1] = g_before + (d[i] - g);
        p = c > 1e-100 ? g * g * inverse : c_before * e[i];
    }
    e[first] = s * p;
    d[first] = shift + g;
}

// Sweeps until d (n) are the eigenvalues, in no order. Squares e (n - 1) count as 0 up to negligible.
static void diagonalize(double *d, double *e, int n, double negligible)
{
    for (int first = 0; first + 1 < n;) {
        int last = first;
        while (last + 1 < n && e[last] > negligible) {
            last++;
        }
        if (last == first) {
            first++;
        } else {
            sweep_squares(d, e, first, last);
        }
    }
}

// ------------------------------------------------------------------------------------------------------------

static int compare_descending(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x < y) - (x > y);
}

// The largest |value|; NaN if one is not finite.
static double largest(const double *values, size_t n)
{
    double most = 0;
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(values[i])) {
            return NAN;
        }
        most = fmax(most, fabs(values[i]));
    }
    return most;
}

void singular_values(const double *matrix, int rows, int columns, double *values)
{
    REQUIRE(matrix, values);
    bool tall = rows > columns; // then its transpose is taken
    int m = tall ? columns : rows;
    int n = tall ? rows : columns;
    size_t count = (size_t)rows * (size_t)columns;
    double size = largest(matrix, count);
    for (int i = 0; i < m && !(size > 0); i++) {
        values[i] = size;
    }
    if (!(size > 0)) {
        return;
    }
    int frame = unwind_begin();
    double *a = unwind_allocate(count + (size_t)n + 6 * (size_t)m, sizeof *a, "singular values");
    double *sums = a + count;
    double *diagonal = sums + n;
    double *below = diagonal + m;
    double *eigenvalues = below + m; // (2 m)
    double *squares = eigenvalues + 2 * m;
    double sum = 0;
    for (int i = 0; i < rows; i++) {
        for (int j = 0; j < columns; j++) {
            size_t place = tall ? (size_t)j * (size_t)n + (size_t)i : (size_t)i * (size_t)n + (size_t)j;
            a[place] = matrix[(size_t)i * (size_t)columns + (size_t)j] / size;
        }
    }
    bidiagonalize(a, m, n, diagonal, below, sums);
    for (int i = 0; i < m; i++) {
        squares[2 * i] = diagonal[i] * diagonal[i];
        squares[2 * i + 1] = below[i] * below[i]; // the last is 0
        sum += squares[2 * i] + squares[2 * i + 1];
    }
    diagonalize(eigenvalues, squares, 2 * m, DBL_EPSILON * DBL_EPSILON * sum);
    qsort(eigenvalues, 2 * (size_t)m, sizeof *eigenvalues, compare_descending);
    for (int i = 0; i < m; i++) {
        values[i] = fmax(eigenvalues[i], 0) * size;
    }
    unwind_end(frame);
}

// ------------------------------------------------------------------------------------------------------------
// From the eigenvalues of A A^T

// product = A A^T (m, m).
VECTORIZED static void multiply_rows(const double *a, int m, int n, double *product)
{
    for (int i = 0; i < m; i++) {
        for (int j = 0; j <= i; j++) {
            double dot = dot_double(a + (size_t)i * (size_t)n, a + (size_t)j * (size_t)n, (size_t)n);
            product[(size_t)i * (size_t)m + (size_t)j] = dot;
            product[(size_t)j * (size_t)m + (size_t)i] = dot;
        }
    }
}

// Reflects a symmetric matrix's rows and columns from `from` on: a -= v w^T + w v^T, w = p - (scale / 2) (v . p) v, p = scale a v.
static inline void reflect_both(double *a, int m, int from, double scale, const double *v, double *w)
{
    for (int j = from; j < m; j++) {
        w[j] = 0;
    }
    for (int i = from; i < m; i++) {
        const double *row = a + (size_t)i * (size_t)m;
        double factor = scale * v[i];
        for (int j = from; j < m; j++) {
            w[j] += factor * row[j];
        }
    }
    double half = scale / 2 * dot_double(v + from, w + from, (size_t)(m - from));
    for (int j = from; j < m; j++) {
        w[j] -= half * v[j];
    }
    for (int i = from; i < m; i++) {
        double *row = a + (size_t)i * (size_t)m;
        double v_i = v[i];
        double w_i = w[i];
        for (int j = from; j < m; j++) {
            row[j] -= v_i * w[j] + w_i * v[j];
        }
    }
}

// Makes a symmetric a (m, m) tridiagonal: returns its diagonal, and the squares of the values beside it. w (m): scratch.
VECTORIZED static void tridiagonalize(double *a, int m, double *diagonal, double *squares, double *w)
{
    for (int k = 0; k + 1 < m; k++) {
        double scale;
        double *row = a + (size_t)k * (size_t)m;
        double beside = reflection(row + k + 1, m - k - 1, 1, &scale);
        diagonal[k] = row[k];
        squares[k] = beside * beside;
        reflect_both(a, m, k + 1, scale, row, w);
    }
    diagonal[m - 1] = a[(size_t)m * (size_t)m - 1];
}

void singular_squares(const double *a, int m, int n, double *values, double *scratch)
{
    double *product = scratch;
    double *e = product + (size_t)m * (size_t)m;
    multiply_rows(a, m, n, product);
    tridiagonalize(product, m, values, e, e + m);
    double trace = 0;
    for (int i = 0; i < m; i++) {
        trace += values[i];
    }
    double negligible = DBL_EPSILON * trace * DBL_EPSILON * trace;
    diagonalize(values, e, m, negligible);
    for (int i = 0; i < m; i++) {
        values[i] = values[i] < 0 ? 0 : values[i];
    }
}
