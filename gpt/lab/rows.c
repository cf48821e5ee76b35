// rows.c: input rows of the deep network, made by a rule or read from a file.

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

typedef struct Reader {
    const char *path;
    const char *at; // the rest of the text
    int line;       // its first line, counted from 1
    int n_in, n_target;
    int columns; // of each line: n_in, or n_in + n_target; 0: not known yet
} Reader;

static size_t trim(const char **text, size_t n)
{
    while (n > 0 && (**text == ' ' || **text == '\t')) {
        (*text)++;
        n--;
    }
    while (n > 0 && memchr(" \t\r", (*text)[n - 1], 3) != NULL) {
        n--;
    }
    return n;
}

// One number of n characters, as in the program's options: decimal, finite, with a point in every locale.
static bool read_number(const Reader *reader, const char *text, size_t n, int column, double *value, Error *error)
{
    enum { ITEM = 64 };
    char item[ITEM];
    char place[ITEM];
    ConfigField field = {.name = place, .kind = FIELD_NUMBER, .low = -1e30, .high = 1e30};
    Error inner;
    n = trim(&text, n);
    snprintf(item, sizeof item, "%.*s", (int)(n < ITEM ? n : ITEM), text);
    if (n >= ITEM) {
        strcpy(item + ITEM - 4, "..."); // too long for a number: refused below
    } else if (strlen(item) < n) {
        strcpy(item, "\\0"); // a zero byte is refused too
    }
    snprintf(place, sizeof place, "line %d, column %d", reader->line, column);
    return config_field_read(&field, item, value, &inner) || error_set(error, "%s: %s", reader->path, inner.message);
}

static bool check_columns(Reader *reader, int n, Error *error)
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

// The numbers of one line of n characters; *count is 0 for a blank line.
static bool read_line(Reader *reader, size_t n, DeepRows *rows, int *count, Error *error)
{
    const char *text = reader->at;
    const char *end = text + n;
    *count = 0;
    for (bool more = trim(&(const char *){text}, n) > 0; more; (*count)++) {
        const char *comma = memchr(text, ',', (size_t)(end - text));
        const char *stop = comma != NULL ? comma : end;
        double value;
        if (!read_number(reader, text, (size_t)(stop - text), *count + 1, &value, error)) {
            return false;
        }
        size_t row = (size_t)rows->n;
        if (*count < reader->n_in) {
            rows->input[row * (size_t)reader->n_in + (size_t)*count] = (Real)value;
        } else if (*count < reader->n_in + reader->n_target) {
            rows->target[row * (size_t)reader->n_target + (size_t)(*count - reader->n_in)] = (Real)value;
        }
        text = stop + 1;
        more = comma != NULL;
    }
    return *count == 0 || check_columns(reader, *count, error);
}

static bool read_lines(Reader *reader, const char *end, DeepRows *rows, Error *error)
{
    while (reader->at < end) {
        const char *newline = memchr(reader->at, '\n', (size_t)(end - reader->at));
        const char *stop = newline != NULL ? newline : end;
        int count;
        if (rows->n == DEEP_ROWS_MAX) {
            return error_set(error, "%s: line %d: more than %d rows", reader->path, reader->line, DEEP_ROWS_MAX);
        }
        if (!read_line(reader, (size_t)(stop - reader->at), rows, &count, error)) {
            return false;
        }
        rows->n += count > 0;
        reader->at = stop + 1;
        reader->line++;
    }
    return rows->n > 0 || error_set(error, "%s: no rows", reader->path);
}

bool deep_rows_read(const char *path, int n_in, int n_target, DeepRows *rows, Error *error)
{
    REQUIRE(path, rows);
    char *text;
    size_t n;
    *rows = (DeepRows){0};
    if (!file_read(path, MOST_SETTINGS_BYTES, &text, &n, error)) {
        return false;
    }
    size_t lines = 1;
    for (size_t i = 0; i < n; i++) {
        lines += text[i] == '\n';
    }
    lines = lines < DEEP_ROWS_MAX ? lines : DEEP_ROWS_MAX;
    bool read = memory_check((double)lines * (n_in + n_target) * sizeof(Real), "the input rows", error);
    if (read) {
        rows->input = memory_allocate(lines * (size_t)n_in * sizeof(Real), "the input rows");
        rows->target = memory_allocate(lines * (size_t)n_target * sizeof(Real), "the targets");
        Reader reader = {.path = path, .at = text, .line = 1, .n_in = n_in, .n_target = n_target};
        read = read_lines(&reader, text + n, rows, error);
        if (read && reader.columns == n_in) {
            free(rows->target);
            rows->target = NULL;
        }
    }
    free(text);
    if (!read) {
        deep_rows_free(rows);
    }
    return read;
}
