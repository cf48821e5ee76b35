// grid.c: from the options of gptape sweep to its networks: all combinations of the varied values.

#include "gpt/cli/gradflow/gradflow.h"
#include "gpt/cli/sweep/sweep.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_POINTS = 100000 };

// Options that say what is printed, or that are the sweep's.
static const char *const own[] = {"vary", "statistic", "shard", "merge", "seed",  "seeds", "depths",  "plot",
                                  "csv",  "runs",      "json",  "quiet", "color", "help",  "threads", NULL};

// Quotes a word for a shell if it has special characters. popt, unlike a shell, reads \' within quotes as a quote, so a backslash is written outside.
static void write_word(FILE *out, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=:,./@%";
    if (word[0] != '\0' && word[strspn(word, plain)] == '\0') {
        fputs(word, out);
        return;
    }
    fputc('\'', out);
    for (; *word != '\0'; word++) {
        bool outside = *word == '\'' || *word == '\\';
        fprintf(out, outside ? "'\\%c'" : "%c", *word);
    }
    fputc('\'', out);
}

// An option's numbers, each in one spelling, so that 04 and 4 are the same network.
static void write_numbers(FILE *out, const char *list)
{
    for (size_t length; *list != '\0'; list += length) {
        length = strspn(list, ",;");
        fprintf(out, "%.*s", (int)length, list);
        list += length;
        length = strcspn(list, ",;");
        AUTO_FREE char *item = text_format("%.*s", (int)length, list);
        double number = number_read(item, &(char *){NULL}) + 0.0; // no -0
        char text[40];
        number_format(text, sizeof text, "%.15g", number);
        if (!same_number(text, item)) {
            number_format(text, sizeof text, "%.17g", number);
        }
        fputs(same_number(text, item) ? text : item, out);
    }
}

static void write_option(FILE *out, const Options *options, const char *name, const char *value)
{
    const Option *option = options_find(options, name); // NULL: claims does not list gradflow's
    fprintf(out, "%s--%s", ftell(out) > 0 ? " " : "", name);
    if (option != NULL && option->argument == NULL) {
        return;
    }
    bool numbers = option != NULL && (strlen(option->argument) == 1 || strchr("-0123456789", option->argument[0]) != NULL); // N, 1,0,-1
    Writer *writer = writer_begin();
    write_numbers(writer->stream, numbers ? value : "");
    AUTO_FREE char *text = writer_end(writer);
    fputc(' ', out);
    write_word(out, numbers ? text : value);
}

// ------------------------------------------------------------------------------------------------------------
// --vary NAME=V1,V2,...

// Can gradflow's option take different values?
static bool can_vary(const Options *options, const char *option, const char *name)
{
    static const char *const lists[] = {"sizes", "input", "target", "ids", "targets", "configs", NULL};
    Options gradflow = options_list(&gradflow_help);
    const Option *found = options_find(&gradflow, name);
    bool known = found != NULL;
    bool takes = known && found->argument != NULL && !word_in(name, own) && !word_in(name, lists);
    options_free(&gradflow);
    if (!known) {
        return option_error(options, option, "'%.80s': unknown option of gradflow; see 'gptape gradflow --help'", name);
    }
    return takes || option_error(options, option, "%.80s cannot be varied (expected an option of gradflow that takes one value)", name);
}

static Varied *find_varied(Grid *grid, const char *name)
{
    for (int i = 0; i < grid->n_varied; i++) {
        if (strcmp(grid->varied[i].name, name) == 0) {
            return &grid->varied[i];
        }
    }
    return NULL;
}

// Do both values mean the same network? 2 and 02 do, as do pre and its rule.
static bool same_value(const char *name, const char *a, const char *b)
{
    Error error;
    if (strcmp(name, "residual") == 0) {
        const ResidualRule *rule = residual_rule(a, &error);
        return rule != NULL && rule == residual_rule(b, &error);
    }
    return strcmp(name, "model") != 0 && same_number(a, b);
}

static bool add_value(const Options *options, const char *option, Varied *varied, const char *value, size_t length)
{
    AUTO_FREE char *copy = text_format("%.*s", (int)length, value);
    for (int i = 0; i < varied->n; i++) {
        const char *other = varied->values[i];
        if (strcmp(other, copy) == 0) {
            return option_error(options, option, "%.40s: '%.80s' is given twice", varied->name, copy);
        }
        if (same_value(varied->name, other, copy)) {
            return option_error(options, option, "%.40s: '%.80s' is the same as '%.80s'", varied->name, copy, other);
        }
    }
    *LIST_ADD(varied->values, varied->n, varied->capacity, "the values") = memory_copy_text(copy);
    return length > 0 || option_error(options, option, "%.40s: empty value (expected NAME=V1,V2,...)", varied->name);
}

// The end of the value: a comma outside parentheses (a rule may contain calls).
static size_t value_length(const char *text)
{
    int depth = 0;
    size_t n = 0;
    while (text[n] != '\0' && (text[n] != ',' || depth > 0)) {
        depth += (text[n] == '(') - (text[n] == ')');
        n++;
    }
    return n;
}

bool grid_vary(const Options *options, const char *option, const char *text, Grid *grid)
{
    char name[32];
    size_t length = strcspn(text, "=");
    if (text[length] == '\0' || length == 0 || length >= sizeof name) {
        return option_error(options, option, "'%.80s' (expected NAME=V1,V2,...)", text);
    }
    snprintf(name, sizeof name, "%.*s", (int)length, text);
    if (!can_vary(options, option, name)) {
        return false;
    }
    Varied *varied = find_varied(grid, name);
    if (varied == NULL && grid->n_varied == VARIED_MOST) {
        return option_error(options, option, "more than %d varied options", VARIED_MOST);
    }
    if (varied == NULL) {
        varied = &grid->varied[grid->n_varied];
        varied->name = memory_copy_text(name);
        grid->n_varied++;
    }
    for (const char *at = text + length; *at != '\0';) {
        at++; // behind the = or the comma
        length = value_length(at);
        if (!add_value(options, option, varied, at, length)) {
            return false;
        }
        at += length;
    }
    return true;
}

// ------------------------------------------------------------------------------------------------------------
// All options

bool grid_has(const Options *options, Grid *grid, const char *name)
{
    return options_given(options, name) || find_varied(grid, name) != NULL;
}

static bool has_value(const Options *options, const char *name, const char *value)
{
    const char *given = options_text(options, name);
    return given != NULL && strcmp(given, value) == 0;
}

// Is it the default input row, 1,0,-1,1,... for each value of the width, or the default target 0?
static bool repeats_row(const Options *options, Grid *grid, const char *name)
{
    static const char *const wave[] = {"1", "0", "-1"};
    char item[LIST_ITEM];
    bool input = strcmp(name, "input") == 0;
    bool other = grid_has(options, grid, "inputs") || grid_has(options, grid, "sizes") || grid_has(options, grid, "loss");
    if (other || find_varied(grid, "width") != NULL || !(input || strcmp(name, "target") == 0)) {
        return false;
    }
    const char *list = options_text(options, name);
    int n = 0;
    while (list_next(&list, ",", item)) {
        if (!same_number(item, input ? wave[n % 3] : "0")) {
            return false;
        }
        n++;
    }
    return n == (input ? atoi(options_text(options, "width")) : 1);
}

// Does an option only repeat its default? With --model it may have another.
static bool repeats_default(const Options *options, Grid *grid, const char *name)
{
    static const char *const of_mlp[][2] = {{"net", "mlp"}, {"activation", "gelu"}, {"init", "torch"}, {"norm", "none"}};
    bool both = strcmp(name, "shortcut") == 0 && has_value(options, name, "both"); // vary_arms sees to it
    bool mlp = find_varied(grid, "net") == NULL && (!options_given(options, "net") || has_value(options, "net", "mlp"));
    bool repeats = !options_changed(options, name) || (mlp && repeats_row(options, grid, name))
                || (strcmp(name, "config") == 0 && has_value(options, "net", "gpt") && has_value(options, name, UNTRAINED_CONFIG));
    for (size_t i = 0; mlp && i < sizeof of_mlp / sizeof *of_mlp; i++) {
        repeats = repeats || (strcmp(name, of_mlp[i][0]) == 0 && has_value(options, name, of_mlp[i][1]));
    }
    return both || (repeats && !grid_has(options, grid, "model"));
}

// The options given for gradflow, as text. The last of several values counts, except of probes.
static bool read_settings(const Options *options, Grid *grid)
{
    Writer *writer = writer_begin();
    bool read = true;
    for (int i = 0; i < options->count && read; i++) {
        const Option *option = &options->list[i];
        const char *name = option->name;
        int n = option->n_values;
        if (n == 0 || word_in(name, own)) {
            continue;
        }
        read = find_varied(grid, name) == NULL || option_error(options, name, "is also in --vary; leave one out");
        bool several = n > 1 && strcmp(name, "residual") == 0; // one network for each
        if (several || repeats_default(options, grid, name)) {
            continue;
        }
        for (int k = strcmp(name, "probe") == 0 ? 0 : n - 1; k < n; k++) {
            write_option(writer->stream, options, name, option->values[k]);
        }
    }
    grid->settings = writer_end(writer);
    return read;
}

// A cell is one network, so repeated rules, or both arms, are varied as well.
static bool vary_arms(const Options *options, Grid *grid)
{
    bool both = has_value(options, "shortcut", "both");
    bool one = find_varied(grid, "shortcut") != NULL || (options_given(options, "shortcut") && !both);
    for (int i = 0; options_count(options, "residual") > 1 && i < options_count(options, "residual"); i++) {
        AUTO_FREE char *text = text_format("residual=%s", options_text_of(options, "residual", i));
        if (!grid_vary(options, "residual", text, grid)) {
            return false;
        }
    }
    return one || grid_has(options, grid, "residual") || (grid_has(options, grid, "model") && !both)
        || grid_vary(options, "vary", "shortcut=off,on", grid);
}

const char *grid_value(const Grid *grid, int point, int varied)
{
    for (int i = grid->n_varied - 1; i > varied; i--) {
        point /= grid->varied[i].n;
    }
    return grid->varied[varied].values[point % grid->varied[varied].n];
}

double grid_number(const Grid *grid, int point)
{
    const char *text = grid_value(grid, point, 0);
    char *end;
    double number = number_read(text, &end);
    return end == text ? NAN : number;
}

bool grid_make_points(const Options *options, Grid *grid)
{
    double n = 1;
    for (int i = 0; i < grid->n_varied; i++) {
        n *= grid->varied[i].n;
    }
    if (n > MOST_POINTS) {
        return option_error(options, "vary", "%.0f combinations (expected at most %d)", n, MOST_POINTS);
    }
    grid->n_points = (int)n;
    grid->points = memory_allocate_zeroed((size_t)n, sizeof(char *), "the grid");
    grid->lines = memory_allocate_zeroed((size_t)n, sizeof(char *), "the grid");
    for (int i = 0; i < grid->n_points; i++) {
        Writer *writer = writer_begin();
        for (int k = 0; k < grid->n_varied; k++) {
            write_option(writer->stream, options, grid->varied[k].name, grid_value(grid, i, k));
        }
        grid->points[i] = writer_end(writer);
        grid->lines[i] = text_format("%s%s%s", grid->settings, grid->settings[0] != '\0' && grid->n_varied > 0 ? " " : "", grid->points[i]);
    }
    return true;
}

bool grid_read(const Options *options, Grid *grid)
{
    *grid = (Grid){0};
    if (options_count(options, "vary") == 0) {
        return option_error(options, "vary", "missing (expected NAME=V1,V2,...)");
    }
    for (int i = 0; i < options_count(options, "vary"); i++) {
        if (!grid_vary(options, "vary", options_text_of(options, "vary", i), grid)) {
            return false;
        }
    }
    return read_settings(options, grid) && vary_arms(options, grid) && grid_make_points(options, grid)
        && options_seeds(options, &grid->seed, &grid->n_seeds);
}

void grid_free(Grid *grid)
{
    for (int i = 0; i < grid->n_varied; i++) {
        for (int k = 0; k < grid->varied[i].n; k++) {
            free(grid->varied[i].values[k]);
        }
        free(grid->varied[i].values);
        free(grid->varied[i].name);
    }
    for (int i = 0; i < grid->n_points && grid->lines != NULL; i++) {
        free(grid->points[i]);
        free(grid->lines[i]);
    }
    free(grid->points);
    free(grid->lines);
    free(grid->settings);
    *grid = (Grid){0};
}
