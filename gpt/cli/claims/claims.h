// claims.h: shared by gptape claims' files: claims.c (options, the run), report.c (rows, table, CSV, JSON), explain.c (one claim), html.c (page).

#ifndef GPTAPE_CLI_CLAIMS_H
#define GPTAPE_CLI_CLAIMS_H

#include "gpt/cli/sweep/sweep.h"

// A claim and what was measured.
typedef struct ClaimRun {
    const Claim *claim;
    Grid grid;
    char **keys;    // the store's key for each point
    double *x;      // (n_points)
    double *values; // (n_points, n_seeds)
    int missing;    // cells that are not done
    bool done;      // the estimate and the verdict are available
    Estimate estimate;
    Verdict verdict;
    double seconds;
} ClaimRun;

// The options of gradflow for the claim's networks, as a command; with vary a sweep. The caller frees it.
char *claim_command(const ClaimRun *run);

// Describes the estimate: "median over seeds of 'ratio l2 activation_grad layers.#.out'". The caller frees it.
char *claim_statistic_text(const Claim *claim);

char *claims_summary(const ClaimRun *runs, int n); // "3 claims: agrees 2, differs 1, cannot be measured 0." The caller frees it
void claims_list(const Options *options, const ClaimRun *runs, int n);
void claims_print_row(const ClaimRun *run);
void claims_print_end(const Options *options, const ClaimRun *runs, int n, double seconds);
void claims_print_json(const ClaimRun *runs, int n);
void claims_write_csv(FILE *out, const ClaimRun *runs, int n);
void claims_write_html(FILE *out, const ClaimRun *runs, int n);
bool claims_explain(const Options *options, const ClaimRun *run, Error *error);

#endif
