// statistic.c: one number from the CSV rows of one network (claims.h, section 1).

#include "gpt/base/base.h"
#include "gpt/base/table.h"
#include "gpt/lab/claims/operation.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WORD = 80, WORDS_MOST = 4, LAYER_MOST = DEEP_DEPTH_MAX + 1 };

static const char *const operations[OPERATION_COUNT] = {"first", "last", "ratio", "slope",  "mean",  "median",
                                                        "min",   "max",  "sum",   "center", "rough", "at:X"};
static const char *const numbers[] = {"mean_abs", "l2", "rms", "max_abs", "zero_fraction", "denormal_fraction", "token_cosine", "value"};

typedef struct Term {
    char words[WORDS_MOST][WORD]; // operation, column, kind, name
    Operation operation;
    int low, high; // layers
    int index;     // -1: any
    double at;     // of at:X
} Term;

// ------------------------------------------------------------------------------------------------------------
// Parsing

static const char *operation_word(int i)
{
    return operations[i];
}

static const char *number_word(int i)
{
    return numbers[i];
}

static bool read_operation(const char *word, Term *term, Error *error)
{
    static const ConfigField field = {.name = "operation", .kind = FIELD_CHOICE, .word = operation_word, .n_words = OPERATION_COUNT};
    int operation = OPERATION_AT;
    bool at = strncmp(word, "at:", 3) == 0;
    if (at && (word[3] == '\0' || !cell_number(word + 3, &term->at))) {
        return error_set(error, "operation: '%.40s' is unknown (expected at: and a number, like at:5)", word);
    }
    bool read = at || config_field_read(&field, word, &operation, error);
    term->operation = (Operation)operation;
    return read;
}

static bool check_column(const char *word, Error *error)
{
    static const ConfigField field = {.name = "column", .kind = FIELD_CHOICE, .word = number_word, .n_words = sizeof numbers / sizeof numbers[0]};
    int number;
    return config_field_read(&field, word, &number, error);
}

// KIND[:INDEX][@LAYER] or KIND[:INDEX][@FIRST..LAST]: leaves KIND.
static bool read_places(Term *term, Error *error)
{
    char *layer = strchr(term->words[2], '@');
    if (layer != NULL) {
        *layer = '\0';
        char *last = strstr(++layer, "..");
        if (last != NULL) {
            *last = '\0';
            last += 2;
        }
        if (!cell_count(layer, -1, LAYER_MOST, &term->low) || !cell_count(last == NULL ? layer : last, -1, LAYER_MOST, &term->high)) {
            return error_set(error, "'@%.40s': not a layer (expected a number, or FIRST..LAST)", layer);
        }
    }
    char *index = strchr(term->words[2], ':');
    if (index != NULL) {
        *index = '\0';
        if (!cell_count(index + 1, 0, 1 << 30, &term->index)) {
            return error_set(error, "':%.40s': not an index", index + 1);
        }
    }
    return true;
}

static bool parse_term(const char *text, Term *term, Error *error)
{
    char rest[2];
    *term = (Term){.low = -1, .high = LAYER_MOST, .index = -1};
    int n = sscanf(text, " %79s %79s %79s %79s %1s", term->words[0], term->words[1], term->words[2], term->words[3], rest);
    if (n < 3 || n > 4) {
        return error_set(error, "'%.80s' (expected OPERATION COLUMN KIND [NAME])", text);
    }
    if (n == 3) {
        strcpy(term->words[3], "*");
    }
    return read_operation(term->words[0], term, error) && check_column(term->words[1], error) && read_places(term, error);
}

typedef struct Statistic {
    bool loss, logarithm, quotient;
    Term terms[2];
} Statistic;

static bool parse(const char *text, Statistic *statistic, Error *error)
{
    char first[5 * WORD];
    *statistic = (Statistic){.loss = strcmp(text, "loss") == 0};
    if (statistic->loss) {
        return true;
    }
    if (strlen(text) >= sizeof first) {
        return error_set(error, "%zu characters (expected fewer than %zu)", strlen(text), sizeof first);
    }
    statistic->logarithm = strncmp(text, "log10 ", 6) == 0;
    snprintf(first, sizeof first, "%s", text + (statistic->logarithm ? 6 : 0));
    char *slash = strstr(first, " / ");
    statistic->quotient = slash != NULL;
    if (slash != NULL) {
        *slash = '\0';
    }
    return parse_term(first, &statistic->terms[0], error) && (slash == NULL || parse_term(slash + 3, &statistic->terms[1], error));
}

bool statistic_check(const char *text, Error *error)
{
    REQUIRE(text);
    Statistic statistic;
    return parse(text, &statistic, error);
}

// ------------------------------------------------------------------------------------------------------------
// The series

// # is a number, * anything.
static bool matches(const char *pattern, const char *name)
{
    const char *after_star = NULL; // the pattern after the last *
    const char *rest = NULL;       // the name after what this * stands for
    while (*pattern != '\0' || *name != '\0') {
        if (*pattern == '*') {
            pattern++;
            after_star = pattern;
            rest = name;
        } else if (*pattern == '#' && isdigit((unsigned char)*name)) {
            pattern++;
            name += strspn(name, "0123456789");
        } else if (*pattern == *name && *pattern != '#') {
            pattern++;
            name++;
        } else if (after_star != NULL && *rest != '\0') { // the last * stands for one character more; others need not change
            rest++;
            name = rest;
            pattern = after_star;
        } else {
            return false;
        }
    }
    return true;
}

// Adds a point, or another value at an existing x. Stores roots of sums of squares, or sums and counts.
static void add_point(Series *series, bool roots, int **counts, int *capacity, double x, double y)
{
    int i = series_find(series, x);
    if (i == series->n) {
        series->x = memory_grow(series->x, i, &series->capacity, sizeof(double), "a series");
        series->y = memory_grow(series->y, i, &series->capacity_y, sizeof(double), "a series");
        *counts = memory_grow(*counts, i, capacity, sizeof(int), "a series");
        series->x[i] = x;
        series->y[i] = 0;
        (*counts)[i] = 0;
        series->n++;
    }
    series->y[i] = roots ? hypot(series->y[i], y) : series->y[i] + y;
    (*counts)[i]++;
}

static int layer_of(const char *cell)
{
    int layer;
    return cell_count(cell, -1, LAYER_MOST, &layer) ? layer : -1;
}

static Series series_of(const Term *term, const char *csv)
{
    static const char *const names[] = {"step", "layer", "name", "kind", "index"};
    enum { STEP, LAYER, NAME, KIND, INDEX, COLUMNS };
    int columns[COLUMNS];
    int column = experiment_csv_column(term->words[1]);
    bool roots = strcmp(term->words[1], "l2") == 0;
    int last_step = 0;
    Series series = {0};
    AUTO_FREE int *counts = NULL;
    int capacity = 0;
    TableReader reader;
    Error error;
    for (int i = 0; i < COLUMNS; i++) {
        columns[i] = experiment_csv_column(names[i]);
    }
    table_reader_begin(&reader, memory_copy_text(csv), strlen(csv), "the rows", "", &error);
    while (table_reader_next(&reader)) {
        int layer;
        int step;
        double x;
        double y;
        if (reader.n_cells <= columns[INDEX] + 1 || strcmp(reader.cells[columns[KIND]], term->words[2]) != 0
            || !matches(term->words[3], reader.cells[columns[NAME]]) || !cell_count(reader.cells[columns[STEP]], 0, 1 << 30, &step)
            || !cell_number(reader.cells[columns[INDEX]], &x) || !cell_number(reader.cells[column], &y)) {
            continue;
        }
        layer = layer_of(reader.cells[columns[LAYER]]);
        if (layer < term->low || layer > term->high || (term->index >= 0 && x != term->index)) {
            continue;
        }
        if (step > last_step) {
            series.n = 0;
        }
        last_step = step;
        add_point(&series, roots, &counts, &capacity, isnan(x) || term->index >= 0 ? layer : x, y);
    }
    for (int i = 0; i < series.n; i++) {
        series.y[i] /= roots ? 1 : counts[i];
    }
    table_reader_close(&reader);
    return series;
}

Series statistic_series(const char *text, const char *csv)
{
    REQUIRE(text, csv);
    Statistic statistic;
    Error error;
    return parse(text, &statistic, &error) && !statistic.loss ? series_of(&statistic.terms[0], csv) : (Series){0};
}

void series_free(Series *series)
{
    REQUIRE(series);
    free(series->x);
    free(series->y);
    *series = (Series){0};
}

// ------------------------------------------------------------------------------------------------------------
// The number

static double term_value(const Term *term, const char *csv)
{
    Series series = series_of(term, csv);
    double value = series.n == 0 ? NAN : series_operate(&series, term->operation, term->at);
    series_free(&series);
    return value;
}

double statistic_value(const char *text, const char *csv, double loss)
{
    REQUIRE(text, csv);
    Statistic statistic;
    Error error;
    if (!parse(text, &statistic, &error)) {
        return NAN;
    }
    if (statistic.loss) {
        return loss;
    }
    double value = term_value(&statistic.terms[0], csv);
    value = statistic.quotient ? value / term_value(&statistic.terms[1], csv) : value;
    return statistic.logarithm ? log10(value) : value;
}
