// table.c: see table.h.

#include "gpt/train/table.h"
#include "gpt/base/base.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// ------------------------------------------------------------------------------------------------------------
// Reading

bool cell_number(const char *cell, double *value)
{
    char *end;
    *value = NAN;
    if (cell[0] == '\0') {
        return true;
    }
    *value = number_read(cell, &end);
    return *end == '\0';
}

bool cell_count(const char *cell, int low, int high, int *value)
{
    double number;
    bool is_count = cell[0] != '\0' && cell_number(cell, &number) && number >= low && number <= high && number == floor(number);
    *value = is_count ? (int)number : 0;
    return is_count;
}

// Ends each cell of a line that ends in '\n' with '\0'.
static void split_line(TableReader *reader, char *line)
{
    reader->n_cells = 0;
    while (line != NULL && reader->n_cells < MOST_CELLS) {
        reader->cells[reader->n_cells] = line;
        reader->n_cells++;
        line = strchr(line, ',');
        if (line != NULL) {
            *line = '\0';
            line++;
        }
    }
}

bool table_reader_next(TableReader *reader)
{
    char *line = reader->text + reader->at;
    char *end = strchr(line, '\n');
    if (end == NULL) {
        return false;                              // a kill or a full disk cut it off
    }
    *end = '\0';
    split_line(reader, line);
    reader->at += (size_t)(end - line) + 1;
    reader->line++;
    return true;
}

// Takes text.
static bool begin_reading(TableReader *reader, char *text, const char *path, const char *header, Error *error)
{
    size_t length = strlen(header);
    *reader = (TableReader){.text = text, .at = length, .line = 1};
    if (strncmp(text, header, length) == 0) {
        return true;
    }
    table_reader_close(reader);
    return error_set(error, "%s: does not begin with %.*s; move it away", path, (int)strcspn(header, "\n"), header);
}

bool table_reader_open(TableReader *reader, const char *path, const char *header, Error *error)
{
    char *text;
    size_t n;
    return file_read(path, MOST_TEXT_BYTES, &text, &n, error) && begin_reading(reader, text, path, header, error);
}

void table_reader_close(TableReader *reader)
{
    free(reader->text);
    reader->text = NULL;
}

// ------------------------------------------------------------------------------------------------------------
// Writing

struct StepTable {
    char *path;
    int descriptor;
    off_t bytes;                                   // complete lines
};

static bool write_error(const StepTable *table, Error *error)
{
    return error_set(error, "%s: can't be written: %s", table->path, strerror(errno));
}

static bool write_all(int descriptor, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t written = write(descriptor, bytes, n);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written < 0) {
            return false;
        }
        bytes += written;
        n -= (size_t)written;
    }
    return true;
}

bool step_table_add(StepTable *table, const char *rows, size_t n, Error *error)
{
    if (!write_all(table->descriptor, rows, n)) {
        write_error(table, error);
        (void)!ftruncate(table->descriptor, table->bytes);             // if that fails, too, step_table_open removes the part of a line
        return false;
    }
    table->bytes += (off_t)n;
    return true;
}

// How many bytes of the table to keep: the header and the rows up to last_step. A row without a step belongs to the previous row.
static size_t bytes_to_keep(TableReader *reader, int step_column, int last_step)
{
    size_t keep = reader->at;
    int step = last_step;
    while (step <= last_step && table_reader_next(reader)) {
        bool has_step = reader->n_cells > step_column && cell_count(reader->cells[step_column], INT_MIN, INT_MAX, &step);
        step = has_step ? step : last_step;
        keep = step <= last_step ? reader->at : keep;
    }
    return keep;
}

static bool cut(StepTable *table, const char *header, int step_column, int last_step, Error *error)
{
    char *text;
    size_t n;
    TableReader reader;
    if (!file_read(table->path, MOST_TEXT_BYTES, &text, &n, error)) {
        return false;
    }
    if (n == 0) {
        free(text);
        return step_table_add(table, header, strlen(header), error);
    }
    if (!begin_reading(&reader, text, table->path, header, error)) {
        return false;
    }
    table->bytes = (off_t)bytes_to_keep(&reader, step_column, last_step);
    table_reader_close(&reader);
    return ftruncate(table->descriptor, table->bytes) == 0 || write_error(table, error);
}

StepTable *step_table_open(const char *path, const char *header, int step_column, int last_step, Error *error)
{
    StepTable *table = memory_allocate(sizeof *table, "a table");
    int descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0666);
    *table = (StepTable){.path = memory_copy_text(path), .descriptor = descriptor};
    if (descriptor < 0) {
        write_error(table, error);
    } else if (cut(table, header, step_column, last_step, error)) {
        return table;
    }
    step_table_close(table, NULL);
    return NULL;
}

bool step_table_close(StepTable *table, Error *error)
{
    if (table == NULL) {
        return true;
    }
    bool closed = table->descriptor < 0 || close(table->descriptor) == 0;
    if (!closed && error != NULL) {
        write_error(table, error);
    }
    free(table->path);
    free(table);
    return closed;
}
