// log.c: the log of a run, log.csv: a row a step, 9 significant digits; a val_loss that was not measured is empty. Rows are
// appended as steps are made. A run that goes on from a checkpoint first cuts off what came after it, so that no step is there
// twice.

#include "gpt/train/run_files.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char HEADER[] = "step,loss,val_loss,lr,grad_norm,tokens_per_s,ms\n";

bool train_log_write(FILE *log, const TrainRow *row)
{
    fprintf(log, "%d,%.9g,", row->step, row->loss);
    if (!isnan(row->val_loss)) {
        fprintf(log, "%.9g", row->val_loss);
    }
    fprintf(log, ",%.9g,%.9g,%.9g,%.9g\n", row->lr, row->grad_norm, row->tokens_per_s, row->ms);
    return fflush(log) == 0 && !ferror(log);
}

// ------------------------------------------------------------------------------------------------------------
// Going on with a table

// Where line ends, behind its newline; 0 if it was cut off before that, as by a kill while it was written.
static size_t line_length(const char *line)
{
    const char *end = strchr(line, '\n');
    return end == NULL ? 0 : (size_t)(end - line) + 1;
}

// The number in a column, counted from 0, of a line.
static int column_number(const char *line, int column)
{
    for (int i = 0; i < column; i++) {
        line += strcspn(line, ",\n");
        line += *line == ',';
    }
    return atoi(line);
}

// How many bytes of a table hold its header and the rows up to last_step: rows are in order of step.
static size_t bytes_to_keep(const char *text, int step_column, int last_step)
{
    size_t at = line_length(text);
    size_t length = line_length(text + at);
    while (length > 0 && column_number(text + at, step_column) <= last_step) {
        at += length;
        length = line_length(text + at);
    }
    return at;
}

static bool cut_table(FILE *table, const char *path, const char *header, int step_column, int last_step, Error *error)
{
    char *text;
    size_t n;
    if (!stream_read(table, path, &text, &n, error)) {
        return false;
    }
    bool known = strncmp(text, header, strlen(header)) == 0;
    size_t keep = known ? bytes_to_keep(text, step_column, last_step) : 0;
    free(text);
    if (!known && n > 0) {
        return error_set(error, "%s: does not begin with %.*s; move it away", path, (int)strcspn(header, "\n"), header);
    }
    return ftruncate(fileno(table), (off_t)keep) == 0
        || error_set(error, "%s: can't be shortened: %s", path, strerror(errno));
}

// Two runs that write to one table would spoil it. The lock goes when the file is closed, or the program ends.
static bool lock_table(FILE *table, const char *path, Error *error)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    bool taken = fcntl(fileno(table), F_SETLK, &lock) != 0 && (errno == EACCES || errno == EAGAIN);
    return !taken || error_set(error, "%s: another run is writing to it; wait for its end, or give this one a folder of its own", path);
}

static bool begin_table(FILE *table, const char *path, const char *header, Error *error)
{
    fseek(table, 0, SEEK_END);
    if (ftell(table) == 0) {
        fputs(header, table);
    }
    return fflush(table) == 0 || error_set(error, "%s: can't be written: %s", path, strerror(errno));
}

FILE *table_append(const char *path, const char *header, int step_column, int last_step, Error *error)
{
    FILE *table = fopen(path, "a+");
    if (table == NULL) {
        error_set(error, "%s: can't be written: %s", path, strerror(errno));
        return NULL;
    }
    rewind(table);
    if (!lock_table(table, path, error) || !cut_table(table, path, header, step_column, last_step, error) ||
        !begin_table(table, path, header, error)) {
        fclose(table);
        return NULL;
    }
    return table;
}

FILE *train_log_append(const char *path, int last_step, Error *error)
{
    return table_append(path, HEADER, 0, last_step, error);
}

// ------------------------------------------------------------------------------------------------------------
// Reading it

// A number, empty for NaN, and the comma or the line's end behind it; NULL if there is none.
static const char *read_number(const char *at, double *value)
{
    char *end = (char *)at;
    *value = NAN;
    if (*at != ',' && *at != '\n') {
        *value = strtod(at, &end);
    }
    return *end == ',' || *end == '\n' ? end + 1 : NULL;
}

static bool read_row(const char *line, TrainRow *row)
{
    double step;
    double *const columns[] = {&step, &row->loss, &row->val_loss, &row->lr, &row->grad_norm, &row->tokens_per_s, &row->ms};
    const char *at = line;
    for (size_t i = 0; at != NULL && i < sizeof columns / sizeof columns[0]; i++) {
        at = read_number(at, columns[i]);
    }
    row->step = at == NULL ? 0 : (int)step;
    return at != NULL && at[-1] == '\n';
}

bool train_log_read(const char *path, TrainRow **rows, int *n, Error *error)
{
    char *text;
    size_t bytes;
    int lines = 0;
    *n = 0;
    if (!file_read(path, &text, &bytes, error)) {
        return false;
    }
    for (const char *c = text; *c != '\0'; c++) {
        lines += *c == '\n';
    }
    *rows = memory_allocate(((size_t)lines + 1) * sizeof **rows, "the log");
    size_t at = line_length(text);
    bool sound = strncmp(text, HEADER, sizeof HEADER - 1) == 0;
    while (sound && line_length(text + at) > 0) {
        sound = read_row(text + at, &(*rows)[*n]);
        at += line_length(text + at);
        *n += sound;
    }
    free(text);
    if (!sound) {
        free(*rows);
        return error_set(error, "%s: line %d is no row of a log", path, *n + (*n == 0 ? 1 : 2));
    }
    return true;
}
