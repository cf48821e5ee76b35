// report.h: the summary of a sweep: quartiles of the statistic at each combination, as a table, a chart, a plot and JSON.

#ifndef GPTAPE_CLI_SWEEP_REPORT_H
#define GPTAPE_CLI_SWEEP_REPORT_H

#include "gpt/cli/sweep/sweep.h"

typedef struct SweepReport {
    const Grid *grid;
    const char *statistic;
    double *values;       // (n_points, n_seeds)
    Quartiles *quartiles; // (n_points)
    double seconds;       // of all networks
} SweepReport;

void sweep_report_make(SweepReport *report, const Grid *grid, const Store *store, const char *statistic);
bool sweep_report_print(const Options *options, const SweepReport *report); // false after one line on stderr
void sweep_report_free(SweepReport *report);

#endif
