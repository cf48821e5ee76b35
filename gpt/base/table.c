// table.c: see table.h.

#include "gpt/base/table.h"
#include "gpt/base/base.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
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

// Terminates a cell with '\0' and removes its quotes. Returns the start of the next cell; NULL after the last.
static char *end_cell(char *cell)
{
    char *end = cell; // of what was copied
    bool quoted = *cell == '"';
    char *from = cell + quoted;
    while (*from != '\0' && (quoted || *from != ',')) {
        if (quoted && *from == '"') {
            quoted = from[1] == '"'; // "" is an escaped quote
            from += quoted;
            if (!quoted) {
                from++;
                continue;
            }
        }
        *end = *from;
        end++;
        from++;
    }
    char *next = *from == ',' ? from + 1 : NULL;
    *end = '\0';
    return next;
}

static void split_line(TableReader *reader, char *line)
{
    reader->n_cells = 0;
    while (line != NULL && reader->n_cells < MOST_CELLS) {
        reader->cells[reader->n_cells] = line;
        reader->n_cells++;
        line = end_cell(line);
    }
}

bool table_reader_next(TableReader *reader)
{
    char *line = reader->text + reader->at;
    char *end = memchr(line, '\n', reader->n - reader->at);
    if (end == NULL) {
        return false; // a kill or a full disk cut it off
    }
    *end = '\0';
    split_line(reader, line);
    reader->at += (size_t)(end - line) + 1;
    reader->line++;
    return true;
}

bool table_reader_begin(TableReader *reader, char *text, size_t n, const char *name, const char *header, Error *error)
{
    size_t length = strlen(header);
    *reader = (TableReader){.text = text, .n = n, .at = length, .line = 1};
    if (strncmp(text, header, length) == 0) {
        return true;
    }
    table_reader_close(reader);
    return error_set(error, "%s: does not begin with %.*s; move it away", name, (int)strcspn(header, "\n"), header);
}

bool table_reader_open(TableReader *reader, const char *path, const char *header, Error *error)
{
    char *text;
    size_t n;
    return file_read(path, MOST_TEXT_BYTES, &text, &n, error) && table_reader_begin(reader, text, n, path, header, error);
}

void table_reader_close(TableReader *reader)
{
    free(reader->text);
    reader->text = NULL;
}

// ------------------------------------------------------------------------------------------------------------
// Writing

struct RowTable {
    char *path;
    int descriptor;
    off_t bytes; // complete lines
};

static bool write_error(const RowTable *table, Error *error)
{
    return error_set(error, "%s: can't be written: %s", table->path, strerror(errno));
}

bool row_table_add(RowTable *table, const char *rows, size_t n, Error *error)
{
    if (!write_all(table->descriptor, rows, n)) {
        write_error(table, error);
        (void)!ftruncate(table->descriptor, table->bytes); // if this fails too, row_table_open removes the incomplete line
        return false;
    }
    table->bytes += (off_t)n;
    return true;
}

static bool cut(RowTable *table, const char *header, RowTableKeep *keep, void *context, Error *error)
{
    AUTO(table_reader_close) TableReader reader = {0};
    size_t n;
    size_t bytes;
    if (!file_read(table->path, MOST_TEXT_BYTES, &reader.text, &n, error)) {
        return false;
    }
    if (n == 0) {
        return row_table_add(table, header, strlen(header), error);
    }
    if (!table_reader_begin(&reader, reader.text, n, table->path, header, error) || !keep(&reader, context, &bytes, error)) {
        return false;
    }
    table->bytes = (off_t)bytes;
    return ftruncate(table->descriptor, table->bytes) == 0 || write_error(table, error);
}

// Some network file systems do not support locks; the file is then left unlocked.
static bool lock(const RowTable *table, Error *error)
{
    return flock(table->descriptor, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK
        || error_set(error, "%s: another run is writing to it; wait until it ends, or use another file", table->path);
}

RowTable *row_table_open(const char *path, const char *header, RowTableKeep *keep, void *context, Error *error)
{
    RowTable *table = memory_allocate(sizeof *table, "a table");
    int descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0666);
    *table = (RowTable){.path = memory_copy_text(path), .descriptor = descriptor};
    if (descriptor < 0) {
        write_error(table, error);
    } else if (lock(table, error) && cut(table, header, keep, context, error)) {
        return table;
    }
    row_table_close(table, NULL);
    return NULL;
}

bool row_table_close(RowTable *table, Error *error)
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
