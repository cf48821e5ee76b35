// values.c: from an option's text to a checked value.

#include "gpt/cli/kit/kit.h"

#include <stdlib.h>
#include <string.h>

// ------------------------------------------------------------------------------------------------------------
// One value: read like a field of a configuration struct, so that checks and messages are the same everywhere

static bool read_field(const Options *options, const char *name, const ConfigField *field, void *config)
{
    const char *text = options_text(options, name);
    Error error;
    return text == NULL || config_field_read(field, text, config, &error) || report_error(options, &error);
}

bool options_int(const Options *options, const char *name, int low, int high, int *value)
{
    ConfigField field = {.name = name, .kind = FIELD_COUNT, .low = low, .high = high};
    return read_field(options, name, &field, value);
}

bool options_double(const Options *options, const char *name, double low, double high, double *value)
{
    ConfigField field = {.name = name, .kind = FIELD_NUMBER, .low = low, .high = high};
    return read_field(options, name, &field, value);
}

bool options_switch(const Options *options, const char *name, bool *value)
{
    ConfigField field = {.name = name, .kind = FIELD_SWITCH};
    return read_field(options, name, &field, value);
}

bool options_word(const Options *options, const char *name, const char *(*word)(int), int count, int *value)
{
    ConfigField field = {.name = name, .kind = FIELD_CHOICE, .word = word, .n_words = count};
    return read_field(options, name, &field, value);
}

bool options_choice(const Options *options, const char *name, int *value)
{
    const char *text = options_text(options, name);
    const char *words = options_find(options, name)->argument;
    char expected[FIELD_WORDS] = "";
    size_t used = 0;
    for (int i = 0; text != NULL && words[0] != '\0'; i++) {
        size_t length = strcspn(words, "|");
        if (strlen(text) == length && strncmp(text, words, length) == 0) {
            *value = i;
            return true;
        }
        const char *comma = i == 0 ? "" : words[length] == '\0' ? " or " : ", ";
        used += (size_t)snprintf(expected + used, sizeof expected - used, "%s%.*s", comma, (int)length, words);
        words += length + (words[length] == '|');
    }
    return text == NULL || option_error(options, name, "'%.80s' is unknown (expected %s)", text, expected);
}

bool options_field(const Options *options, const ConfigField *field, void *config)
{
    const Option *option = options_find(options, OPTION_NAME(field));
    Error error;
    if (option == NULL || option->field != field) {
        return true;
    }
    if (field->kind == FIELD_TEXT && option->n_values > 1) { // a list elsewhere, of which nothing may be ignored here
        return option_error(options, option->name, "given %d times (expected one)", option->n_values);
    }
    if (field->kind == FIELD_TEXT && option->n_values == 1 && option->value[0] == '\0' && !field->set(config, "", &error)) {
        return option_error(options, option->name, "%s", error.message); // "" means the default elsewhere
    }
    return read_field(options, option->name, field, config);
}

// A generator is seeded with 32 bits.
bool options_seed(const Options *options, uint64_t *seed)
{
    const char *text = options_text(options, "seed");
    size_t digits = strspn(text, "0123456789");
    unsigned long long value = digits > 0 && digits < 12 ? strtoull(text, NULL, 10) : UINT64_MAX;
    if (text[digits] != '\0' || value > UINT32_MAX) {
        return option_error(options, "seed", "'%.80s' is not an integer between 0 and %u", text, UINT32_MAX);
    }
    *seed = value;
    return true;
}

bool options_seeds(const Options *options, uint64_t *seed, int *n)
{
    enum { MOST_SEEDS = 10000 };
    return options_seed(options, seed) && options_int(options, "seeds", 1, MOST_SEEDS, n)
        && (*seed + (uint64_t)*n - 1 <= UINT32_MAX
            || option_error(options, "seed", "%llu and the %d seeds after it exceed the largest seed %u", (unsigned long long)*seed, *n - 1,
                            UINT32_MAX));
}

// ------------------------------------------------------------------------------------------------------------
// Lists

bool list_next(const char **list, const char *between, char item[LIST_ITEM])
{
    if (*list == NULL) {
        return false;
    }
    size_t length = strcspn(*list, between);
    snprintf(item, LIST_ITEM, "%.*s", (int)length, *list);
    if (length >= LIST_ITEM) {
        strcpy(item + LIST_ITEM - 4, "...");
    }
    *list = (*list)[length] == '\0' ? NULL : *list + length + 1;
    return true;
}

bool word_in(const char *word, const char *const *words)
{
    while (*words != NULL && strcmp(*words, word) != 0) {
        words++;
    }
    return *words != NULL;
}

// Splits text at commas and reads each item like field: *values becomes an array of its type, int or double, which the caller frees.
static bool read_list(const Options *options, const char *text, const ConfigField *field, void **values, int *count)
{
    size_t each = field->kind == FIELD_COUNT ? sizeof(int) : sizeof(double);
    char item[LIST_ITEM];
    Error error;
    char *list = memory_allocate((strlen(text) / 2 + 1) * each, "a list of numbers");
    *values = list;
    for (*count = 0; list_next(&text, ",", item); (*count)++) {
        if (!config_field_read(field, item, list + (size_t)*count * each, &error)) {
            free(list);
            *values = NULL;
            return report_error(options, &error);
        }
    }
    return true;
}

bool options_ints_of(const Options *options, const char *name, const char *text, int low, int high, int **values, int *count)
{
    ConfigField field = {.name = name, .kind = FIELD_COUNT, .low = low, .high = high};
    void *list;
    bool read = read_list(options, text, &field, &list, count);
    *values = list;
    return read;
}

bool options_double_list(const Options *options, const char *name, double **values, int *count)
{
    ConfigField field = {.name = name, .kind = FIELD_NUMBER, .low = -1e30, .high = 1e30};
    void *list;
    bool read = read_list(options, options_text(options, name), &field, &list, count);
    *values = list;
    return read;
}

// Counts rows and columns, and makes one list of them: ';' becomes ','. False if the rows differ in length.
static bool join_rows(char *text, int *n_rows, int *n_columns)
{
    bool even = true;
    *n_rows = 0;
    for (char *row = text; row != NULL;) {
        char *end = strchr(row, ';');
        int n = 1;
        for (const char *at = row; at != end && *at != '\0'; at++) {
            n += *at == ',';
        }
        even = even && (*n_rows == 0 || n == *n_columns);
        *n_columns = n;
        (*n_rows)++;
        if (end != NULL) {
            *end = ',';
        }
        row = end == NULL ? NULL : end + 1;
    }
    return even;
}

bool options_int_rows(const Options *options, const char *name, int low, int high, int **values, int *n_rows, int *n_columns)
{
    int count;
    AUTO_FREE char *text = memory_copy_text(options_text(options, name));
    if (!join_rows(text, n_rows, n_columns)) {
        return option_error(options, name, "rows of different lengths (expected rows like 1,2,3;4,5,6)");
    }
    return options_ints_of(options, name, text, low, high, values, &count);
}
