// rows.c: the input rows of an MLP, and their targets, from options.

#include "gpt/cli/gradflow/gradflow.h"

#include <stdlib.h>
#include <string.h>

static const char EXPECTED[] = "(expected normal:N, grid:LO:HI:N or FILE.csv)";

// n numbers, given by the option; its default is 1, 0, -1, 1, ... for the input, and 0 for the target.
static bool read_row(const Options *options, const char *option, int n, Real **row)
{
    AUTO_FREE double *given = NULL;
    int count = n;
    if (options_given(options, option) && !options_double_list(options, option, &given, &count)) {
        return false;
    }
    if (count != n) {
        return option_error(options, option, "%d value%s, but the network has %d", count, plural(count), n);
    }
    *row = memory_allocate((size_t)n * sizeof **row, "a row of numbers");
    for (int i = 0; i < n; i++) {
        (*row)[i] = given != NULL ? (Real)given[i] : strcmp(option, "input") == 0 ? (Real)(1 - i % 3) : 0;
    }
    return true;
}

// "-2:2:256" after "grid:", "16" after "normal:": n_numbers separated by colons, the last one a count from least.
static bool read_numbers(const Options *options, const char *text, int n_numbers, int least, double *numbers)
{
    char item[LIST_ITEM];
    for (int i = 0; i < n_numbers; i++) {
        bool last = i == n_numbers - 1;
        if (!list_next(&text, last ? "" : ":", item)) {
            return option_error(options, "inputs", "'%.80s' is incomplete %s", options_text(options, "inputs"), EXPECTED);
        }
        int count;
        ConfigField field = {.name = "inputs",
                             .kind = last ? FIELD_COUNT : FIELD_NUMBER,
                             .low = last ? least : -1e30,
                             .high = last ? DEEP_ROWS_MAX : 1e30};
        Error error;
        if (!config_field_read(&field, item, last ? (void *)&count : (void *)&numbers[i], &error)) {
            return report_error(options, &error);
        }
        numbers[i] = last ? count : numbers[i];
    }
    return true;
}

static bool read_file(const Options *options, const char *path, int n_in, int n_target, DeepRows *rows)
{
    const char *ending = strrchr(path, '.');
    Error error;
    if (ending == NULL || strcmp(ending, ".csv") != 0) {
        return option_error(options, "inputs", "'%.80s' is unknown %s", path, EXPECTED);
    }
    if (!deep_rows_read(path, n_in, n_target, rows, &error)) {
        return report_failure(options, &error);
    }
    if (rows->target != NULL && options_given(options, "target")) {
        deep_rows_free(rows);
        return option_error(options, "target", "%s has the targets, too; leave one out", path);
    }
    return true;
}

static bool read_inputs(const Options *options, ExperimentConfig *config, DeepRows *rows)
{
    int n_in = config->deep.sizes[0];
    const char *text = options_text(options, "inputs");
    double numbers[3];
    if (strncmp(text, "normal:", 7) == 0) {
        bool read = read_numbers(options, text + 7, 1, 1, numbers);
        rows->n = read ? (int)numbers[0] : 0;
        config->normal_input = true;
        return read;
    }
    if (strncmp(text, "grid:", 5) != 0) {
        return read_file(options, text, n_in, config->deep.loss == LOSS_CE ? 1 : config->deep.sizes[config->deep.n_layer], rows);
    }
    if (!read_numbers(options, text + 5, 3, 2, numbers)) {
        return false;
    }
    if (!(numbers[0] < numbers[1])) {
        return option_error(options, "inputs", "'%.80s' does not increase (expected grid:LO:HI:N with LO below HI)", text);
    }
    *rows = deep_rows_grid(numbers[0], numbers[1], (int)numbers[2], n_in);
    return true;
}

// The further column of a file.
static bool classes_of_file(const Options *options, int n_classes, const DeepRows *rows, int *classes)
{
    for (int i = 0; i < rows->n; i++) {
        double value = (double)rows->target[i];
        if (!(value >= TARGET_IGNORED && value < n_classes && value == (int)value)) {
            return option_error(options, "inputs", "row %d: %g is not a class (expected an integer between 0 and %d, or -1: ignored)", i + 1, value,
                                n_classes - 1);
        }
        classes[i] = (int)value;
    }
    return true;
}

// With --loss ce: one class for all rows, one for each, or 0, 1, 2, ... in turn; from a file, the further column.
static bool read_classes(const Options *options, int n_classes, const DeepRows *rows, ExperimentConfig *config)
{
    int count = rows->n;
    AUTO_FREE int *given = NULL;
    const char *text = options_text(options, "target");
    if (text != NULL && !options_ints_of(options, "target", text, TARGET_IGNORED, n_classes - 1, &given, &count)) {
        return false;
    }
    if (count != 1 && count != rows->n) {
        return option_error(options, "target", "%d classes for %d row%s (expected one for each, or one for all)", count, rows->n, plural(rows->n));
    }
    int *classes = memory_allocate((size_t)rows->n * sizeof *classes, "the classes");
    config->targets = classes;
    for (int i = 0; i < rows->n; i++) {
        classes[i] = given != NULL ? given[count == 1 ? 0 : i] : i % n_classes;
    }
    return rows->target == NULL || classes_of_file(options, n_classes, rows, classes);
}

// One row of targets for all rows.
static bool read_target(const Options *options, int n_out, DeepRows *rows)
{
    AUTO_FREE Real *row = NULL;
    if (!read_row(options, "target", n_out, &row)) {
        return false;
    }
    rows->target = memory_allocate((size_t)rows->n * (size_t)n_out * sizeof(Real), "the targets");
    for (int i = 0; i < rows->n; i++) {
        memcpy(rows->target + (size_t)i * (size_t)n_out, row, (size_t)n_out * sizeof(Real));
    }
    return true;
}

bool gradflow_rows_read(const Options *options, ExperimentConfig *config)
{
    const DeepConfig *deep = &config->deep;
    int n_out = deep->sizes[deep->n_layer];
    DeepRows rows = {.n = 1};
    bool read = options_given(options, "inputs") ? read_inputs(options, config, &rows) : read_row(options, "input", deep->sizes[0], &rows.input);
    if (read && deep->loss == LOSS_CE) {
        read = read_classes(options, n_out, &rows, config);
    } else if (read && rows.target == NULL) {
        read = read_target(options, n_out, &rows);
    }
    config->input = rows.input;
    config->target = rows.target;
    config->n_rows = rows.n;
    if (read && deep->norm == DEEP_NORM_BATCH && rows.n < 2) {
        return option_error(options, "norm", "batch normalization of one input row would make it 0 (expected several rows, by --inputs)");
    }
    return read;
}
