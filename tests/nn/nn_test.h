// nn_test.h: what the suites of nn/ and gpt/ share: mistakes caught, numbers compared.

#ifndef GPTAPE_TESTS_NN_TEST_H
#define GPTAPE_TESTS_NN_TEST_H

#include <check.h>
#include <math.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nn/gradflow/gradflow.h"
#include "tests/support/suite.h"

// ------------------------------------------------------------------------------------------------------------
// Mistakes. The handler leaves by longjmp, so that a test works with and without its own process (CK_FORK=no).

static jmp_buf mistake_jump;
static char mistake_text[640];

static inline void mistake_handler(FailKind kind, const char *message)
{
    (void)kind;
    snprintf(mistake_text, sizeof mistake_text, "%s", message);
    longjmp(mistake_jump, 1);
}

// The statement is a mistake whose message contains part.
#define ASSERT_MISTAKE(statement, part) \
    do { \
        FailHandler *handler_before = fail_set_handler(mistake_handler); \
        mistake_text[0] = '\0'; \
        if (setjmp(mistake_jump) == 0) { \
            statement; \
        } \
        fail_set_handler(handler_before); \
        ck_assert_msg(strstr(mistake_text, part) != NULL, "the mistake told is: \"%s\"", mistake_text); \
    } while (0)

// ------------------------------------------------------------------------------------------------------------
// Numbers

#define ONE_ROUNDING 1.2e-7 // of float32, relative to the result

// NaN is near nothing.
static inline bool is_near(double got, double expected, double tolerance)
{
    return fabs(got - expected) <= tolerance;
}

// got is expected, up to a part of it.
#define ASSERT_RELATIVE(got, expected, part) \
    do { \
        double got_value = (got); \
        double expected_value = (expected); \
        ck_assert_msg(is_near(got_value, expected_value, (part) * fabs(expected_value)), "%s: %.9g, expected %.9g: %.2g of it", #got, got_value, \
                      expected_value, fabs(got_value / expected_value - 1)); \
    } while (0)

static inline double largest_size(const Real *values, size_t n)
{
    double largest = 0;
    for (size_t i = 0; i < n; i++) {
        largest = fmax(largest, fabs((double)values[i]));
    }
    return largest;
}

// Each value differs by at most this part of the largest expected one.
static inline void assert_values_near(const Real *got, const Real *expected, size_t n, double part, const char *what)
{
    double tolerance = part * largest_size(expected, n);
    for (size_t i = 0; i < n; i++) {
        ck_assert_msg(is_near((double)got[i], (double)expected[i], tolerance), "%s[%zu]: %.9g, expected %.9g, tolerance %.2g", what, i,
                      (double)got[i], (double)expected[i], tolerance);
    }
}

static inline void assert_same_bits(const Real *got, const Real *expected, size_t n, const char *what)
{
    for (size_t i = 0; i < n; i++) {
        ck_assert_msg(memcmp(&got[i], &expected[i], sizeof(Real)) == 0, "%s[%zu]: %.9g, expected %.9g", what, i, (double)got[i],
                      (double)expected[i]);
    }
}

static inline void assert_contains(const char *text, const char *part)
{
    ck_assert_msg(strstr(text, part) != NULL, "\"%s\" is not in \"%s\"", part, text);
}

// Nobody frees it.
static inline Real *copy_values(const Real *values, size_t n)
{
    return memcpy(test_memory(n * sizeof *values), values, n * sizeof *values);
}

// A leaf of standard normal values on the current tape that wants a gradient.
static inline Tensor *random_leaf(Shape shape, uint64_t seed)
{
    Random random = seeded(seed);
    Tensor *leaf = tensor_randn(&random, shape);
    tensor_require_grad(leaf);
    return leaf;
}

// dL/dy with no regularity, so that no error in one value hides behind another. Nobody frees it.
static inline Real *random_values(size_t n, uint64_t seed)
{
    Random random = seeded(seed);
    Real *values = test_memory(n * sizeof *values);
    random_normal(&random, values, n, 0.0, 1.0);
    return values;
}

static inline void initialize(Module *module, InitScheme scheme, uint64_t seed)
{
    Random random = seeded(seed);
    module_initialize(module, (Init){.scheme = scheme, .n_layer = 1}, &random);
}

// ------------------------------------------------------------------------------------------------------------
// The tape

static inline int count_ops(const Tape *tape, const char *op)
{
    int count = 0;
    for (int i = 0; i < tape->n_nodes; i++) {
        count += strcmp(tape->nodes[i]->op->name, op) == 0;
    }
    return count;
}

// The intermediate of this name; NULL if there is none.
static inline Tensor *find_tensor(const Tape *tape, const char *name)
{
    for (int i = 0; i < tape->n_nodes; i++) {
        Tensor *output = tape->nodes[i]->output;
        char text[NAME_TEXT];
        if (output->label != NULL && strcmp(tensor_name(output, text), name) == 0) {
            return output;
        }
    }
    return NULL;
}

// ------------------------------------------------------------------------------------------------------------
// Gradient flow

static inline const FlowRow *row_of(const GradFlow *flow, const char *name, FlowKind kind)
{
    const FlowRow *row = gradflow_find(flow, kind, name);
    ck_assert_msg(row != NULL, "no row %s %s", name, flow_kind_name(kind));
    return row;
}

static inline void assert_same_stats(FlowStats got, FlowStats expected, const char *what)
{
    ck_assert_msg(got.count == expected.count && got.mean_abs == expected.mean_abs && got.l2 == expected.l2 && got.rms == expected.rms
                      && got.max_abs == expected.max_abs && got.zero_fraction == expected.zero_fraction
                      && got.denormal_fraction == expected.denormal_fraction,
                  "%s: mean %.9g, l2 %.9g, max %.9g of %zu; expected %.9g, %.9g, %.9g of %zu", what, got.mean_abs, got.l2, got.max_abs, got.count,
                  expected.mean_abs, expected.l2, expected.max_abs, expected.count);
}

#endif
