// report.c: the summary of a sweep: quartiles of the statistic at each combination, as a table, a chart, a plot and JSON.

#include "gpt/cli/gradflow/gradflow.h"
#include "gpt/cli/sweep/sweep.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct SweepReport {
    const Grid *grid;
    const char *statistic;
    Quartiles *quartiles; // (n_points)
} SweepReport;

// ------------------------------------------------------------------------------------------------------------
// Table and JSON

static void print_table(const SweepReport *report)
{
    const Grid *grid = report->grid;
    char alignments[VARIED_MOST + 4] = "";
    char titles[VARIED_MOST * 40 + 64] = "";
    for (int i = 0; i < grid->n_varied; i++) {
        strcat(alignments, "l");
        strcat(titles, grid->varied[i].name);
        strcat(titles, "|");
    }
    strcat(alignments, "rlr");
    strcat(titles, "median|quartiles|n");
    terminal_print("%s", report->statistic);
    terminal_print("gradflow%s%s, %d seed%s, %llu to %llu\n", grid->settings[0] == '\0' ? "" : " ", grid->settings, grid->n_seeds,
                   plural(grid->n_seeds), (unsigned long long)grid->seed, (unsigned long long)grid->seed + (unsigned)grid->n_seeds - 1);
    Table *table = table_begin(alignments, titles);
    for (int point = 0; point < grid->n_points; point++) {
        Quartiles q = report->quartiles[point];
        for (int i = 0; i < grid->n_varied; i++) {
            table_cell(table, "%.60s", grid_value(grid, point, i));
        }
        table_row(table, q.n == 0 ? "-|-" : "%.4g|%.3g to %.3g", q.median, q.low, q.high);
        table_cell(table, "%d", q.n);
    }
    table_end(table);
}

static void print_json(const SweepReport *report)
{
    const Grid *grid = report->grid;
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "settings", grid->settings);
    cJSON_AddStringToObject(json, "statistic", report->statistic);
    json_add_count(json, "seeds", grid->n_seeds);
    cJSON *points = cJSON_AddArrayToObject(json, "points");
    for (int point = 0; point < grid->n_points; point++) {
        cJSON *object = json_add_object(points);
        for (int i = 0; i < grid->n_varied; i++) {
            cJSON_AddStringToObject(object, grid->varied[i].name, grid_value(grid, point, i));
        }
        json_add_quartiles(object, "value", report->quartiles[point]);
    }
    json_print(json);
}

// ------------------------------------------------------------------------------------------------------------
// Chart: the statistic against the first varied option, a line for each combination of the others

typedef struct Lines {
    ChartLine line[CHART_LINES];
    const Quartiles *quartiles[CHART_LINES];
    char *labels[CHART_LINES];
    double *numbers;   // x, y of each line
    Quartiles *spread; // of each line
    int n;
    int measured;   // lines before those of laws
    double *laws;   // their y
    bool by_number; // x is the value itself, not its index in the list
    bool positive;  // no median is below 0
    double x_low, x_high;
    const char **names; // of x if it is an index
} Lines;

// "pre, width 16". The caller frees it.
static char *line_label(const Grid *grid, int line)
{
    Writer *writer = writer_begin();
    for (int i = 1; i < grid->n_varied; i++) {
        bool rule = strcmp(grid->varied[i].name, "residual") == 0;
        fprintf(writer->stream, "%s%s%s%s", i > 1 ? ", " : "", rule ? "" : grid->varied[i].name, rule ? "" : " ", grid_value(grid, line, i));
    }
    fprintf(writer->stream, "%s", grid->n_varied == 1 ? "median" : "");
    return writer_end(writer);
}

// The rule of all its networks, for its color. NULL: none.
static const char *line_rule(const Grid *grid, int line)
{
    const char *settings = grid->lines[line];
    if (strcmp(grid->varied[0].name, "residual") == 0 || strcmp(grid->varied[0].name, "shortcut") == 0) {
        return NULL;
    }
    if (strstr(settings, "--residual ") != NULL) {
        return residual_name(law_rule(settings));
    }
    return strstr(settings, "--shortcut off") != NULL ? "none" : strstr(settings, "--shortcut on") != NULL ? "pre" : NULL;
}

static Lines lines_of(const SweepReport *report)
{
    const Grid *grid = report->grid;
    int n_x = grid->varied[0].n;
    Lines lines = {.n = grid->n_points / n_x, .measured = grid->n_points / n_x, .by_number = true, .positive = true, .x_low = INFINITY};
    lines.numbers = memory_allocate((size_t)grid->n_points * 2 * sizeof(double), "the lines");
    lines.spread = memory_allocate((size_t)grid->n_points * sizeof *lines.spread, "the lines");
    lines.names = memory_allocate((size_t)n_x * sizeof *lines.names, "the lines");
    for (int i = 0; i < n_x; i++) {
        double x = grid_number(grid, i * lines.n);
        lines.names[i] = grid_value(grid, i * lines.n, 0);
        lines.by_number = lines.by_number && isfinite(x);
        lines.x_low = fmin(lines.x_low, x);
        lines.x_high = fmax(lines.x_high, x);
    }
    for (int k = 0; k < lines.n && k < CHART_LINES; k++) {
        double *x = lines.numbers + (size_t)k * 2 * (size_t)n_x;
        Quartiles *spread = lines.spread + (size_t)k * (size_t)n_x;
        for (int i = 0; i < n_x; i++) {
            spread[i] = report->quartiles[i * lines.n + k];
            x[i] = lines.by_number ? grid_number(grid, i * lines.n) : i;
            x[n_x + i] = spread[i].median;
            lines.positive = lines.positive && !(spread[i].median < 0);
        }
        lines.labels[k] = line_label(grid, k);
        lines.line[k] = (ChartLine){.label = lines.labels[k], .x = x, .y = x + n_x, .n = n_x, .rule = line_rule(grid, k)};
        lines.quartiles[k] = spread;
    }
    return lines;
}

// The options with these probes, "branch,stream", added where missing. The caller frees them.
static char *with_probes(const char *settings, const char *probes)
{
    Writer *writer = writer_begin();
    fprintf(writer->stream, "%s", settings);
    char probe[LIST_ITEM];
    while (list_next(&probes, ",", probe)) {
        bool found = false;
        for (const char *given = strstr(settings, "--probe "); given != NULL; given = strstr(given + 1, "--probe ")) {
            AUTO_FREE char *list = text_format(",%.*s,", (int)strcspn(given + strlen("--probe "), " "), given + strlen("--probe "));
            AUTO_FREE char *name = text_format(",%s,", probe);
            found = found || strstr(list, name) != NULL;
        }
        if (!found) {
            fprintf(writer->stream, " --probe %s", probe);
        }
    }
    return writer_end(writer);
}

// The law of a line; false after one line on stderr.
static bool law_of_line(const SweepReport *report, const Lines *lines, int line, const Law *law, const LawSweep *sweep, double *y)
{
    const Grid *grid = report->grid;
    for (int i = 0; i < grid->varied[0].n; i++) {
        GradflowCell cell = {0};
        if (law->probes != NULL) {
            AUTO_FREE char *settings = with_probes(grid->lines[i * lines->measured + line], law->probes);
            if (!gradflow_cell("sweep", settings, grid->seed, &cell)) {
                return false;
            }
        }
        y[i] = law->y(sweep, lines->line[line].x[i], cell.rows);
        free(cell.rows);
    }
    return true;
}

// Known theoretical laws as more lines, each different one once. False after one line on stderr.
static bool add_laws(const SweepReport *report, Lines *lines)
{
    const Grid *grid = report->grid;
    size_t n_x = (size_t)grid->varied[0].n;
    const Law *laws[CHART_LINES];
    int of[CHART_LINES]; // the line that the law is about
    int n = 0;
    lines->laws = memory_allocate(CHART_LINES * n_x * sizeof *lines->laws, "the laws");
    for (int k = 0; lines->by_number && k < lines->measured && lines->measured + n < CHART_LINES; k++) {
        const ChartLine *line = &lines->line[k];
        double *y = lines->laws + (size_t)n * n_x;
        LawSweep sweep = {grid->lines[k], grid->varied[0].name, report->statistic, line->x[0], line->y[0]};
        laws[n] = law_of(&sweep);
        of[n] = k;
        if (laws[n] != NULL && !law_of_line(report, lines, k, laws[n], &sweep, y)) {
            return false;
        }
        n += laws[n] != NULL && (n == 0 || memcmp(y, y - n_x, n_x * sizeof *y) != 0);
    }
    for (int k = 0; k < n; k++) {
        char *label = text_format("%s%stheory: %s", n > 1 ? lines->labels[of[k]] : "", n > 1 ? ", " : "", laws[k]->name);
        lines->labels[lines->n] = label;
        lines->line[lines->n] =
            (ChartLine){.label = label, .x = lines->line[0].x, .y = lines->laws + (size_t)k * n_x, .n = (int)n_x, .theory = true};
        lines->n++;
    }
    return true;
}

// "First layer's gradient over the last layer's, by depth: 0.1 to 1e-12 with shortcut off, ...". The caller frees it.
static char *title_of(const Options *options, const SweepReport *report, const Lines *lines)
{
    Writer *title = writer_begin();
    const char *layer = strstr(report->statistic, " h.#") != NULL ? "block" : "layer";
    if (options_given(options, "statistic")) {
        fprintf(title->stream, "Median of '%s'", report->statistic);
    } else {
        fprintf(title->stream, "First %s's gradient over the last %s's", layer, layer);
    }
    fprintf(title->stream, ", by %s", report->grid->varied[0].name);
    const char *begin = ":";
    for (int k = 0; k < lines->measured && lines->measured <= 2 && lines->by_number; k++) {
        const ChartLine *line = &lines->line[k];
        double last = line->y[line->n - 1];
        if (line->n > 1 && isfinite(line->y[0]) && isfinite(last)) {
            number_print(title->stream, "%s %.2g to %.2g", begin, line->y[0], last);
            fprintf(title->stream, lines->measured > 1 ? " with %s" : "", line->label);
            begin = ",";
        }
    }
    return writer_end(title);
}

// False after one line on stderr.
static bool draw_lines(const Options *options, const SweepReport *report, Lines *lines)
{
    const Grid *grid = report->grid;
    const char *statistic = report->statistic;
    const char *plot = options_text(options, "plot");
    Error error;
    if (lines->n > CHART_LINES) {
        command_note(options, "no chart: %d lines (expected at most %d)", lines->n, CHART_LINES);
        return true;
    }
    if (!add_laws(report, lines)) {
        return false;
    }
    AUTO_FREE char *title = title_of(options, report, lines);
    int n = 0;
    for (int i = 0; i < grid->n_points; i++) {
        n += report->quartiles[i].n;
    }
    AUTO_FREE char *caption =
        text_format("Networks of gptape gradflow%s%.300s. '%s': medians of %d seeds with quartiles; %d of %d networks have a value.",
                    grid->settings[0] == '\0' ? "" : " ", grid->settings, statistic, grid->n_seeds, n, grid->n_points * grid->n_seeds);
    bool is_depth = strcmp(grid->varied[0].name, "depth") == 0 || strcmp(grid->varied[0].name, "n-layer") == 0; // gradients fall along a line
    Chart chart = {.title = title,
                   .caption = caption,
                   .x_label = grid->varied[0].name,
                   .log_y = lines->positive && strncmp(statistic, "slope", 5) != 0 && strncmp(statistic, "log10", 5) != 0,
                   .lines = lines->line,
                   .n_lines = lines->n,
                   .quartiles = lines->quartiles,
                   .log_x = lines->by_number && !is_depth && lines->x_low > 0 && lines->x_high >= 16 * lines->x_low,
                   .x_names = lines->by_number ? NULL : lines->names,
                   .n_x_names = lines->by_number ? 0 : grid->varied[0].n};
    if (!options_given(options, "json")) {
        AUTO_FREE char *text = plot_chart_terminal(&chart, terminal_columns(CHART_COLUMNS), &error);
        if (text == NULL) {
            return report_error(options, &error);
        }
        printf("\n%s", text);
        flush_stdout();
    }
    AUTO_FREE char *with_powers = plot_powers(memory_copy_text(title));
    chart.title = with_powers;
    return plot == NULL || note_drawn(options, plot, plot_chart(&chart, plot, &error)) || report_error(options, &error);
}

static bool draw(const Options *options, const SweepReport *report)
{
    Lines lines = lines_of(report);
    bool drawn = draw_lines(options, report, &lines);
    for (int k = 0; k < CHART_LINES; k++) {
        free(lines.labels[k]);
    }
    free(lines.laws);
    free(lines.numbers);
    free(lines.names);
    free(lines.spread);
    return drawn;
}

bool sweep_report(const Options *options, const Grid *grid, const Store *store, const char *statistic)
{
    AUTO_FREE double *values = memory_allocate((size_t)grid->n_seeds * sizeof *values, "the values");
    AUTO_FREE Quartiles *quartiles = memory_allocate((size_t)grid->n_points * sizeof *quartiles, "the quartiles");
    SweepReport report = {grid, statistic, quartiles};
    for (int point = 0; point < grid->n_points; point++) {
        for (int s = 0; s < grid->n_seeds; s++) {
            double seconds;
            values[s] = store_value(store, grid->points[point], grid->seed + (uint64_t)s, &seconds);
        }
        quartiles[point] = quartiles_of(values, grid->n_seeds);
    }
    (options_given(options, "json") ? print_json : print_table)(&report);
    return draw(options, &report);
}
