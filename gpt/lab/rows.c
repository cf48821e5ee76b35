// rows.c: input rows of the deep network, made by a rule or read from a file.

#define _DEFAULT_SOURCE // strsep
#include "gpt/base/base.h"
#include "gpt/lab/lab.h"

#include <stdlib.h>
#include <string.h>

void deep_rows_free(DeepRows *rows)
{
    REQUIRE(rows);
    free(rows->input);
    free(rows->target);
    *rows = (DeepRows){0};
}

DeepRows deep_rows_grid(double low, double high, int n, int n_in)
{
    if (n < 2 || n > DEEP_ROWS_MAX || n_in < 1) {
        fail_mistake(HERE, "deep_rows_grid: %d points of %d values", n, n_in);
    }
    DeepRows rows = {.n = n};
    rows.input = memory_allocate_zeroed((size_t)n * (size_t)n_in, sizeof(Real), "the input rows");
    for (int i = 0; i < n; i++) {
        rows.input[i * n_in] = (Real)(low + (high - low) * i / (n - 1));
    }
    return rows;
}

// ------------------------------------------------------------------------------------------------------------
// A file: a row a line, numbers separated by commas

typedef struct RowsReader {
    const char *path;
    int line; // counted from 1
    int n_in, n_target;
    int columns; // of each line: n_in, or n_in + n_target; 0: not known yet
} RowsReader;

// One number, as in the program's options: decimal, finite, with a point in every locale.
static bool read_number(const RowsReader *reader, char *cell, int column, double *value, Error *error)
{
    char place[64];
    ConfigField field = {.name = place, .kind = FIELD_NUMBER, .low = -1e30, .high = 1e30};
    Error inner;
    cell += strspn(cell, " \t");
    for (size_t n = strlen(cell); n > 0 && strchr(" \t\r", cell[n - 1]) != NULL; n--) {
        cell[n - 1] = '\0';
    }
    snprintf(place, sizeof place, "line %d, column %d", reader->line, column);
    return config_field_read(&field, cell, value, &inner) || error_set(error, "%s: %s", reader->path, inner.message);
}

static bool check_columns(RowsReader *reader, int n, Error *error)
{
    if (reader->columns == 0 && (n == reader->n_in || n == reader->n_in + reader->n_target)) {
        reader->columns = n;
    }
    if (reader->columns == 0) {
        return error_set(error, "%s: line %d: %d column%s (expected %d of the input, or %d with the target's)", reader->path, reader->line, n,
                         plural(n), reader->n_in, reader->n_in + reader->n_target);
    }
    return n == reader->columns
        || error_set(error, "%s: line %d: %d column%s (expected %d, as in the lines before)", reader->path, reader->line, n, plural(n),
                     reader->columns);
}

static bool read_line(RowsReader *reader, char *line, DeepRows *rows, Error *error)
{
    size_t row = (size_t)rows->n;
    int n = 0;
    while (line != NULL) {
        double value;
        if (!read_number(reader, strsep(&line, ","), n + 1, &value, error)) {
            return false;
        }
        if (n < reader->n_in) {
            rows->input[row * (size_t)reader->n_in + (size_t)n] = (Real)value;
        } else if (n < reader->n_in + reader->n_target) {
            rows->target[row * (size_t)reader->n_target + (size_t)(n - reader->n_in)] = (Real)value;
        }
        n++;
    }
    rows->n++;
    return check_columns(reader, n, error);
}

static bool read_lines(RowsReader *reader, char *text, DeepRows *rows, Error *error)
{
    while (text != NULL) {
        char *line = strsep(&text, "\n");
        bool blank = line[strspn(line, " \t\r")] == '\0';
        if (!blank && rows->n == DEEP_ROWS_MAX) {
            return error_set(error, "%s: line %d: more than %d rows", reader->path, reader->line, DEEP_ROWS_MAX);
        }
        if (!blank && !read_line(reader, line, rows, error)) {
            return false;
        }
        reader->line++;
    }
    return rows->n > 0 || error_set(error, "%s: no rows", reader->path);
}

bool deep_rows_read(const char *path, int n_in, int n_target, DeepRows *rows, Error *error)
{
    REQUIRE(path, rows);
    AUTO_FREE char *text = NULL;
    size_t n;
    *rows = (DeepRows){0};
    if (!file_read(path, MOST_SETTINGS_BYTES, &text, &n, error)) {
        return false;
    }
    if (strlen(text) < n) {
        return error_set(error, "%s: a zero byte (expected a text)", path);
    }
    size_t lines = 1;
    for (size_t i = 0; i < n; i++) {
        lines += text[i] == '\n';
    }
    lines = lines < DEEP_ROWS_MAX ? lines : DEEP_ROWS_MAX;
    if (!memory_check((double)lines * (n_in + n_target) * sizeof(Real), "the input rows", error)) {
        return false;
    }
    rows->input = memory_allocate(lines * (size_t)n_in * sizeof(Real), "the input rows");
    rows->target = memory_allocate(lines * (size_t)n_target * sizeof(Real), "the targets");
    RowsReader reader = {.path = path, .line = 1, .n_in = n_in, .n_target = n_target};
    bool read = read_lines(&reader, text, rows, error);
    if (!read) {
        deep_rows_free(rows);
    } else if (reader.columns == n_in) {
        free(rows->target);
        rows->target = NULL;
    }
    return read;
}
