// plot_test.h: a chart and a map, and what their files hold.

#ifndef GPTAPE_TESTS_PLOT_TEST_H
#define GPTAPE_TESTS_PLOT_TEST_H

#include "gpt/base/base.h"
#include "gpt/gptape.h"
#include "tests/support/folder.h"
#include "tests/support/suite.h"

#include <math.h>
#include <string.h>

static const double places[] = {-1, 0.5, 2};
static const double rising[] = {1, 10, 100};
static const double gaps[] = {0, -3, 1e-9};

static const ChartLine lines[] = {
    {.label = "rising", .x = places, .y = rising, .n = 3},
    {.label = "with gaps", .x = places, .y = gaps, .n = 3},
};
static const Chart chart =
    {.title = "A title", .caption = "Small print", .x_label = "place", .y_label = "size", .log_y = true, .lines = lines, .n_lines = 2};

static const float values[] = {1, 0, 0.5F, 0.25F, -INFINITY, 0.75F};
static const char *const rows[] = {"first", "\"quoted\""};
static const MatrixMap map = {"A map", "Small print", "across", "down", values, 2, 3, rows, NULL, 0, 0};

static inline char *file_text(const char *path)
{
    char *text = NULL;
    size_t n;
    Error error;
    ck_assert_msg(file_read(path, MOST_TEXT_BYTES, &text, &n, &error), "%s", error.message);
    return text;
}

static inline void assert_holds(const char *text, const char *part)
{
    ck_assert_msg(strstr(text, part) != NULL, "\"%s\" is not in:\n%.2000s", part, text);
}

#endif
