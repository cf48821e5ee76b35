// values.c: from an option's text to a checked value.

#include "gpt/cli/kit/kit.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

// The text to read: what was given, else the fallback; NULL if there is neither.
static const char *text_of(const Options *options, int option, const char *fallback)
{
    return options->values[option] != NULL ? options->values[option] : fallback;
}

// All of text is one whole number, in plain digits. Overflow gives LLONG_MIN or LLONG_MAX, outside any range asked for.
static bool parse_whole(const char *text, long long *value)
{
    const char *digits = text[0] == '-' ? text + 1 : text;
    size_t n_digits = strspn(digits, "0123456789");

    if (n_digits == 0 || digits[n_digits] != '\0') {
        return false;
    }
    *value = strtoll(text, NULL, 10);
    return true;
}

static bool read_whole(const Options *options, int option, const char *text, long long low, long long high, long long *value)
{
    if (!parse_whole(text, value)) {
        return option_error(options, option, "is not a whole number; give one from %lld to %lld", low, high);
    }
    if (*value < low || *value > high) {
        return option_error(options, option, "is too %s; give a whole number from %lld to %lld",
                            *value < low ? "small" : "large", low, high);
    }
    return true;
}

bool options_int(const Options *options, int option, const char *fallback, int low, int high, int *value)
{
    const char *text = text_of(options, option, fallback);
    long long whole = 0;

    if (text == NULL) {
        return true;
    }
    if (!read_whole(options, option, text, low, high, &whole)) {
        return false;
    }
    *value = (int)whole;
    return true;
}

// All of text is one number in plain digits: no inf, nan, hexadecimal, space. Too large for a double is infinite, too small 0.
static bool parse_number(const char *text, double *value)
{
    char *end;

    *value = strtod(text, &end);
    return text[0] != '\0' && text[strspn(text, "0123456789.eE+-")] == '\0' && end != text && *end == '\0';
}

bool options_double(const Options *options, int option, const char *fallback, double low, double high, double *value)
{
    const char *text = text_of(options, option, fallback);
    double number;

    if (text == NULL) {
        return true;
    }
    if (!parse_number(text, &number)) {
        return option_error(options, option, "is not a number; give one from %g to %g", low, high);
    }
    if (number < low || number > high) {
        return option_error(options, option, "is out of range; give a number from %g to %g", low, high);
    }
    *value = number;
    return true;
}

bool options_switch(const Options *options, int option, const char *fallback, bool *value)
{
    const char *text = text_of(options, option, fallback);

    if (text == NULL) {
        return true;
    }
    if (strcmp(text, "on") != 0 && strcmp(text, "off") != 0) {
        return option_error(options, option, "is neither on nor off; give one of these");
    }
    *value = strcmp(text, "on") == 0;
    return true;
}

bool options_word(const Options *options, int option, const char *fallback, const char *(*word)(int), int count, int *value)
{
    const char *text = text_of(options, option, fallback);
    char choices[256] = "";

    if (text == NULL) {
        return true;
    }
    for (int i = 0; i < count; i++) {
        if (strcmp(text, word(i)) == 0) {
            *value = i;
            return true;
        }
        size_t used = strlen(choices);
        snprintf(choices + used, sizeof choices - used, "%s%s", i == 0 ? "" : i == count - 1 ? " or " : ", ", word(i));
    }
    return option_error(options, option, "is not known; give %s", choices);
}

bool options_seed(const Options *options, uint64_t *seed)
{
    const char *text = text_of(options, OPTION_SEED, DEFAULT_SEED);
    long long whole = 0;

    if (!read_whole(options, OPTION_SEED, text, 0, UINT32_MAX, &whole)) {      // the generator is seeded with 32 bits
        return false;
    }
    *seed = (uint64_t)whole;
    return true;
}

static const char *precision_word(int i)
{
    return precision_name((Precision)i);
}

bool options_precision(const Options *options, int *status)
{
    int word = PRECISION_F32;

    if (!options_word(options, OPTION_PRECISION, NULL, precision_word, PRECISION_COUNT, &word)) {
        *status = STATUS_USAGE;
        return false;
    }
    if (!kernels_set_precision((Precision)word)) {
        *status = STATUS_FAILED;
        return option_error(options, OPTION_PRECISION, "this %s; leave it out",
                            kernels_have_onednn() ? "processor has no bf16 products, or the plain kernels are in use"
                                                  : "build is without oneDNN, which makes them");
    }
    return true;
}

void options_precision_note(const Options *options)
{
    double times;
    Error error;
    if (kernels_precision() == PRECISION_BF16 && bench_precision(&times, &error)) {
        command_note(options, "bf16: a matrix product takes %.2f times as long as in f32 on this machine%s", times,
                     times > 1 ? ", so --precision f32 is faster" : "");
    }
}

bool options_threads(const Options *options)
{
    enum { MOST_THREADS = 1024 };
    int threads = 0;

    if (!options_int(options, OPTION_THREADS, NULL, 1, MOST_THREADS, &threads)) {
        return false;
    }
    if (threads > 0) {
        kernels_set_threads(threads);
    }
    return true;
}

// Splits text at separators and reads each item; false at the first that is none. The caller frees *values.
typedef bool ReadItem(const char *item, double low, double high, double *value);

static bool read_list(const char *text, char separator, ReadItem *read, double low, double high, double **values, int *count,
                      char bad_item[NUMBER_TEXT])
{
    const char separators[] = {separator, '\0'};
    double *list = memory_allocate((strlen(text) / 2 + 1) * sizeof *list, "a list of numbers");
    int n = 0;
    const char *start = text;
    size_t length = strcspn(start, separators);

    snprintf(bad_item, NUMBER_TEXT, "%.*s", (int)length, start);
    while (length < NUMBER_TEXT && read(bad_item, low, high, &list[n])) {
        n++;
        if (start[length] == '\0') {
            *values = list;
            *count = n;
            return true;
        }
        start += length + 1;
        length = strcspn(start, separators);
        snprintf(bad_item, NUMBER_TEXT, "%.*s", (int)length, start);
    }
    free(list);
    return false;
}

static bool read_whole_item(const char *item, double low, double high, double *value)
{
    long long whole;

    if (!parse_whole(item, &whole) || (double)whole < low || (double)whole > high) {
        return false;
    }
    *value = (double)whole;
    return true;
}

static bool read_number_item(const char *item, double low, double high, double *value)
{
    return parse_number(item, value) && *value >= low && *value <= high;
}

static int *as_ints(double *values, int count)
{
    int *ints = memory_allocate((size_t)count * sizeof *ints, "a list of numbers");
    for (int i = 0; i < count; i++) {
        ints[i] = (int)values[i];
    }
    free(values);
    return ints;
}

bool options_int_list(const Options *options, int option, const char *fallback, int low, int high, int **values, int *count)
{
    char item[NUMBER_TEXT];
    double *list;

    if (!read_list(text_of(options, option, fallback), ',', read_whole_item, low, high, &list, count, item)) {
        return option_error(options, option, "'%s' is no whole number from %d to %d; give them like 1,2,3", item, low, high);
    }
    *values = as_ints(list, *count);
    return true;
}

bool options_float_list(const Options *options, int option, float **values, int *count)
{
    const double most = 1e30;
    char item[NUMBER_TEXT];
    double *list;

    if (!read_list(options->values[option], ',', read_number_item, -most, most, &list, count, item)) {
        return option_error(options, option, "'%s' is no number of a size up to %g; give them like 1,0,-0.5", item, most);
    }
    *values = memory_allocate((size_t)*count * sizeof **values, "a list of numbers");
    for (int i = 0; i < *count; i++) {
        (*values)[i] = (float)list[i];
    }
    free(list);
    return true;
}

// Rows of one length: the number of items must be the number of rows times that of the first.
bool options_int_rows(const Options *options, int option, int low, int high, int **values, int *n_rows, int *n_columns)
{
    char item[NUMBER_TEXT];
    char *text = memory_copy_text(options->values[option]);
    double *list;
    int count;
    int columns = 1;
    int column = 1;
    bool even = true;

    *n_rows = 1;
    for (char *at = text; *at != '\0'; at++) {
        if (*at == ',') {
            column++;
        } else if (*at == ';') {
            *at = ',';                             // the items are then one list
            even = even && (*n_rows == 1 || column == columns);
            columns = column;
            column = 1;
            (*n_rows)++;
        }
    }
    even = even && (*n_rows == 1 || column == columns);
    bool read = even && read_list(text, ',', read_whole_item, low, high, &list, &count, item);
    free(text);
    if (!even) {
        return option_error(options, option, "the rows must be of one length; give them like 1,2,3;4,5,6");
    }
    if (!read) {
        return option_error(options, option, "'%s' is no whole number from %d to %d; give them like 1,2,3;4,5,6", item, low, high);
    }
    *values = as_ints(list, count);
    *n_columns = column;
    return true;
}
