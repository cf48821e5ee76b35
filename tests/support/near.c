// near.c: see near.h.

#include "tests/support/near.h"
#include "tests/support/suite.h"

#include <check.h>
#include <math.h>
#include <string.h>

static bool near(double got, double expected, double tolerance)
{
    return got == expected || fabs(got - expected) <= tolerance;
}

void assert_near(const char *what, double got, double expected, double tolerance)
{
    if (!near(got, expected, tolerance)) {
        ck_abort_msg("%s: expected %.9g within %.3g, got %.9g", what, expected, tolerance, got);
    }
}

void assert_values_near(const char *what, const Real *got, const double *expected, size_t n, double tolerance)
{
    double largest = 0;
    for (size_t i = 0; i < n; i++) {
        largest = fmax(largest, fabs(expected[i]));
    }
    for (size_t i = 0; i < n; i++) {
        if (!near((double)got[i], expected[i], tolerance * largest)) {
            ck_abort_msg("%s: value %zu: expected %.9g within %.3g, got %.9g", what, i, expected[i], tolerance * largest, (double)got[i]);
        }
    }
}

void assert_same_values(const char *what, const Real *got, const Real *expected, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!(got[i] == expected[i])) {
            ck_abort_msg("%s: value %zu: expected %.9g exactly, got %.9g", what, i, (double)expected[i], (double)got[i]);
        }
    }
}

// Float32 numbers in their order are integers in theirs, once the negative ones are turned round.
static int64_t place_in_order(float value)
{
    int32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits < 0 ? (int64_t)INT32_MIN - bits : bits;
}

uint32_t ulps_between(float a, float b)
{
    int64_t distance = place_in_order(a) - place_in_order(b);
    return (uint32_t)(distance < 0 ? -distance : distance);
}

Tensor *random_leaf(Shape shape, uint64_t seed)
{
    Random random = seeded(seed);
    Tensor *leaf = tensor_randn(&random, shape);
    tensor_require_grad(leaf);
    return leaf;
}

Real *random_values(Random *random, size_t n)
{
    Real *values = test_memory(n * sizeof *values);
    random_normal(random, values, n, 0.0, 1.0);
    return values;
}

Real *copy_values(const Real *values, size_t n)
{
    return memcpy(test_memory(n * sizeof *values), values, n * sizeof *values);
}
