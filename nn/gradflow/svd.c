// svd.c: the singular values of a matrix, in double arithmetic.
//
//      A = U B V^T, B bidiagonal      by Householder reflections of columns and rows in turn (Golub and Kahan 1965)
//      B -> diagonal                  by QR sweeps with the shift of the last 2 x 2 block, or without one where a shift would lose the small
//                                     values (Demmel and Kahan 1990)
//
// The error of a value is a few roundings of the largest value. Cost: 4 (n m^2 - m^3 / 3) operations for m rows and n >= m columns; the sweeps take
// about 100 m^2 more. Three times as fast, with errors up to 1e-8 of the largest value: the square roots of the eigenvalues of A A^T,
//
//      A A^T = Q T Q^T, T tridiagonal     by Householder reflections: m^2 n + 4/3 m^3 operations
//      T -> diagonal                      by QL sweeps without square roots (Pal, Walker and Kahan: Parlett 1980, section 8.15): about 60 m^2

#include "nn/gradflow/svd.h"
#include "nn/gradflow/loops.h"
#include "tensor/unwind.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

// ------------------------------------------------------------------------------------------------------------
// To two diagonals

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
// To one

typedef struct Rotation {
    double c, s, r; // c x + s y = r, -s x + c y = 0
} Rotation;

static Rotation rotation(double x, double y)
{
    double square = x * x + y * y; // the matrix was scaled: no overflow, and underflow is negligible
    double r = sqrt(square);
    double factor = r * (1 / square); // 1 / r, without waiting for r before the division
    return square == 0 ? (Rotation){1, 0, 0} : (Rotation){x * factor, y * factor, r};
}

// The smaller singular value of ((a, b), (0, c)).
static double smaller_of_two(double a, double b, double c)
{
    double larger = 0.5 * (hypot(fabs(a) + fabs(c), b) + hypot(fabs(a) - fabs(c), b));
    return larger == 0 ? 0 : fabs(a) * (fabs(c) / larger);
}

// One sweep over the block d[first ... last] without a shift: also where a value of d is 0, which it moves to the end.
static void sweep_unshifted(double *d, double *e, int first, int last)
{
    Rotation right;
    Rotation left = {1, 0, 0};
    double c = 1;
    for (int i = first; i < last; i++) {
        right = rotation(d[i] * c, e[i]);
        if (i > first) {
            e[i - 1] = left.s * right.r;
        }
        left = rotation(left.c * right.r, d[i + 1] * right.s);
        d[i] = left.r;
        c = right.c;
    }
    double end = d[last] * c;
    e[last - 1] = end * left.s;
    d[last] = end * left.c;
}

static void sweep_shifted(double *d, double *e, int first, int last, double shift)
{
    double x = (fabs(d[first]) - shift) * (copysign(1, d[first]) + shift / d[first]);
    double y = e[first];
    for (int i = first; i < last; i++) {
        Rotation right = rotation(x, y);
        if (i > first) {
            e[i - 1] = right.r;
        }
        x = right.c * d[i] + right.s * e[i];
        e[i] = right.c * e[i] - right.s * d[i];
        y = right.s * d[i + 1];
        d[i + 1] = right.c * d[i + 1];
        Rotation left = rotation(x, y);
        d[i] = left.r;
        x = left.c * e[i] + left.s * d[i + 1];
        d[i + 1] = left.c * d[i + 1] - left.s * e[i];
        if (i + 1 < last) {
            y = left.s * e[i + 1];
            e[i + 1] = left.c * e[i + 1];
        }
    }
    e[last - 1] = x;
}

static bool is_negligible(double e, double a, double b)
{
    return fabs(e) <= DBL_EPSILON * (fabs(a) + fabs(b)) + 1e-150;
}

// d (n) and e (n - 1) until e is 0: the singular values, with signs and in no order.
static void diagonalize(double *d, double *e, int n)
{
    int last = n - 1;
    while (last > 0) {
        if (is_negligible(e[last - 1], d[last - 1], d[last])) {
            last--;
            continue;
        }
        int first = last - 1;
        bool zero = d[last] == 0 || d[first] == 0;
        while (first > 0 && !is_negligible(e[first - 1], d[first - 1], d[first])) {
            first--;
            zero = zero || d[first] == 0;
        }
        double shift = smaller_of_two(d[last - 1], e[last - 1], d[last]);
        double part = shift / d[first];
        if (zero || part * part < DBL_EPSILON) {
            sweep_unshifted(d, e, first, last);
        } else {
            sweep_shifted(d, e, first, last, shift);
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
    double zero = 0; // NaN if a value is not finite
    for (size_t i = 0; i < n; i++) {
        most = fabs(values[i]) > most ? fabs(values[i]) : most;
        zero += 0 * values[i];
    }
    return isnan(zero) ? NAN : most;
}

void singular_values(const double *matrix, int rows, int columns, double *values)
{
    REQUIRE(matrix);
    REQUIRE(values);
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
    double *a = unwind_allocate((count + (size_t)m + (size_t)n), sizeof *a, "singular values");
    double *below = a + count;
    for (int i = 0; i < rows; i++) {
        for (int j = 0; j < columns; j++) {
            size_t place = tall ? (size_t)j * (size_t)n + (size_t)i : (size_t)i * (size_t)n + (size_t)j;
            a[place] = matrix[(size_t)i * (size_t)columns + (size_t)j] / size;
        }
    }
    bidiagonalize(a, m, n, values, below, below + m);
    diagonalize(values, below, m);
    for (int i = 0; i < m; i++) {
        values[i] = fabs(values[i]) * size;
    }
    qsort(values, (size_t)m, sizeof *values, compare_descending);
    unwind_end(frame);
}

// ------------------------------------------------------------------------------------------------------------
// By eigenvalues

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
    for (int first = 0; first + 1 < m;) {
        int last = first;
        while (last + 1 < m && e[last] > negligible) {
            last++;
        }
        if (last == first) {
            first++;
        } else {
            sweep_squares(values, e, first, last);
        }
    }
    for (int i = 0; i < m; i++) {
        values[i] = values[i] < 0 ? 0 : values[i];
    }
}
