// measures_test.h: what the suites of measures share: the golden numbers, their GPT's batch and their deep networks.

#ifndef GPTAPE_TESTS_MEASURES_TEST_H
#define GPTAPE_TESTS_MEASURES_TEST_H

#include "tests/golden/measures.h"
#include "tests/golden/paths.h"
#include "tests/gpt/gpt_test.h"

#include <string.h>

enum { B = 2, T = 9 }; // of golden_paths_ids
enum { JACOBIANS = sizeof golden_jacobians / sizeof golden_jacobians[0], SHARPNESSES = sizeof golden_sharpness / sizeof golden_sharpness[0] };

static inline void assert_near(const char *what, double got, double expected, double tolerance)
{
    ck_assert_msg(is_near(got, expected, tolerance), "%s: %.9g, expected %.9g, tolerance %.2g", what, got, expected, tolerance);
}

// The network of this golden row, without its rule. sizes keeps its widths.
static inline DeepConfig golden_deep(const GoldenSharpness *golden, int sizes[8])
{
    int n = 0;
    memcpy(sizes, golden->sizes, sizeof golden->sizes);
    while (n < 7 && sizes[n + 1] != 0) {
        n++;
    }
    Activation activation = strcmp(golden->activation, "tanh") == 0 ? ACTIVATION_TANH : ACTIVATION_GELU;
    return (DeepConfig){.sizes = sizes, .n_layer = n, .activation = activation};
}

#endif
