// explain.c: one claim in detail: what the source says, what to look at, the command, and a chart of what was measured.

#include "gpt/cli/claims/claims.h"
#include "gpt/cli/gradflow/gradflow.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static char *draw(const char *title, const char *x_label, const ChartLine *line, Error *error)
{
    bool positive = true;
    for (int i = 0; i < line->n; i++) {
        positive = positive && line->y[i] > 0;
    }
    Chart chart = {.title = title, .x_label = x_label, .log_y = positive, .lines = line, .n_lines = 1};
    return plot_chart_terminal(&chart, terminal_columns(CHART_COLUMNS), error);
}

// Without --vary: the series behind the statistic, for the first seed.
static bool chart_of_series(const ClaimRun *run, char **text, Error *error)
{
    GradflowCell cell;
    *text = NULL;
    if (!gradflow_cell("claims", run->grid.lines[0], run->grid.seed, &cell)) {
        return true; // it was reported
    }
    Series series = statistic_series(run->claim->statistic, cell.rows);
    free(cell.rows);
    bool single = series.n < 2;
    ChartLine line = {.label = run->claim->statistic, .x = series.x, .y = series.y, .n = series.n};
    AUTO_FREE char *title = text_format("The network of seed %llu: the numbers behind the statistic", (unsigned long long)run->grid.seed);
    *text = single ? NULL : draw(title, "layer, or index", &line, error);
    series_free(&series);
    return single || *text != NULL;
}

// With --vary: the statistic over the seeds at each value.
static bool chart_of_trend(const ClaimRun *run, char **text, Error *error)
{
    const Grid *grid = &run->grid;
    AUTO_FREE double *y = memory_allocate((size_t)grid->n_points * sizeof *y, "the chart");
    for (int i = 0; i < grid->n_points; i++) {
        y[i] = sample_over(run->values + i * grid->n_seeds, grid->n_seeds, run->claim->over);
    }
    ChartLine line = {.label = over_name(run->claim->over), .x = run->x, .y = y, .n = grid->n_points};
    AUTO_FREE char *title = text_format("The %s of '%s'", line.label, run->claim->statistic);
    *text = draw(title, grid->varied[0].name, &line, error);
    return *text != NULL;
}

bool claims_explain(const Options *options, const ClaimRun *run, Error *error)
{
    const Claim *claim = run->claim;
    AUTO_FREE char *chart = NULL;
    AUTO_FREE char *statistic = claim_statistic_text(claim);
    AUTO_FREE char *command = claim_command(run);
    AUTO_FREE char *line = text_format("  %s\n", command);
    char numbers[256];
    if (options_given(options, "json")) {
        return true;
    }
    number_format(numbers, sizeof numbers, "%.4g +- %.2g (%s)", claim->prediction, claim->tolerance, claim->reason);
    printf("\n");
    terminal_print("Source: %s", claim->source);
    terminal_print("Claim: %s", claim->sentence);
    terminal_print("Statistic: %s", statistic);
    terminal_print("Prediction: %s", numbers);
    terminal_print("What to look at: %s", claim->note);
    printf("Command:\n");
    terminal_commands(line);
    printf("\n");
    bool drawn = claim->vary == NULL ? chart_of_series(run, &chart, error) : chart_of_trend(run, &chart, error);
    if (chart != NULL) {
        printf("%s", chart);
    }
    return drawn;
}
