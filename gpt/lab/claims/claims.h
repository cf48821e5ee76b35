// claims.h: published claims about shortcuts and gradients as a table: what the source says, the network to run, the number to compute from
// it, and the prediction. Also what a sweep needs: a number from a network's CSV, and its spread over networks.
//
//      gradflow's options --run--> CSV rows --statistic--> one value a network --estimate--> one number and its interval --verdict
//                                                            (x, seed)
//
// Everything but the run is here; the command line runs it (gpt/cli/sweep, gpt/cli/claims).

#ifndef GPTAPE_CLAIMS_H
#define GPTAPE_CLAIMS_H

#include "gpt/lab/lab.h"

#include "tensor/public_begin.h"

// ------------------------------------------------------------------------------------------------------------
// 1. A statistic: one number from the CSV of one network, as text
//
//      statistic := 'loss' | ['log10'] term ['/' term]
//      term      := OPERATION COLUMN KIND[:INDEX][@LAYER] [NAME]         separated by blanks
//
// KIND, INDEX, LAYER (or FIRST..LAST) and NAME choose rows, and COLUMN the value in them. In NAME, # stands for a number and * for anything;
// without NAME, any name matches. The rows make a series: y against the row's index, or against its layer if it has no index or INDEX is given. If
// several rows have the same x, y is their mean, or for COLUMN l2 the root of the sum of squares. Only rows of the last step count. OPERATION
// reduces the series to one number: first, last, ratio (first / last), slope (of log10 y against x), mean, median, min, max, sum, center
// (sum of x y / sum of y), at:X (y at x = X), rough (of a square map: mean second difference over height).
//
//      ratio l2 activation_grad layers.#.out             |dL/dx| of the first layer over that of the last
//      slope l2 activation_grad layers.#.out             decades a layer: least squares of log10 y against x
//      last l2 weight_grad h.#.attn.c_attn.weight.q / last l2 weight_grad h.#.attn.c_attn.weight.v

typedef struct Series {
    double *x, *y;
    int n, capacity, capacity_y;
} Series;

bool statistic_check(const char *statistic, Error *error);
// csv: rows of experiment_csv, without the header. loss: the network's. NaN if no row is of that kind.
double statistic_value(const char *statistic, const char *csv, double loss);
Series statistic_series(const char *statistic, const char *csv); // of its first term; empty for the loss. Free with series_free
void series_free(Series *series);

// ------------------------------------------------------------------------------------------------------------
// 2. An estimate: one number from many networks, and its interval

// How the networks at one x are combined.
typedef enum Over { OVER_MEDIAN, OVER_MEAN, OVER_GEOMETRIC_MEAN, OVER_VARIANCE_LN, OVER_COUNT } Over;

// How several x are combined.
typedef enum Trend {
    TREND_NONE,    // there is one x
    TREND_DECADES, // slope of log10 y against x
    TREND_POWER,   // slope of log y against log x
    TREND_RATIO,   // y at the first x divided by y at the last
    TREND_COUNT
} Trend;

const char *over_name(Over over);    // "median"
const char *trend_name(Trend trend); // "power"; "" for none

// Networks: a value for each x and each seed.
typedef struct Sample {
    const double *x;      // (n_x)
    const double *values; // (n_x, n_seeds); not finite: no value
    int n_x, n_seeds;
} Sample;

typedef struct Estimate {
    double value, low, high; // the 95 % interval: percentiles of resamplings of the seeds (bootstrap)
    int n;                   // networks with a value
    const char *missing;     // why there is no estimate; NULL if there is one
} Estimate;

double sample_over(const double *values, int n, Over over); // NaN without values
Estimate sample_estimate(const Sample *sample, Over over, Trend trend);

// What a sweep varies and measures, for a theoretical law about it.
typedef struct LawSweep {
    const char *settings; // the networks' options, "--width 16 --residual keel"; may have the varied one, too
    const char *varied, *statistic;
    double x_first, y_first; // the first measured point, for laws that predict only the growth
} LawSweep;

typedef struct Law {
    const char *name;   // what it assumes, and the formula: "infinitely wide layers (mean field), -log10(chi_1)/2"
    const char *probes; // the --probe that its values need of a network at each x; NULL: nothing
    bool (*applies)(const LawSweep *sweep);
    double (*y)(const LawSweep *sweep, double x, const char *rows); // at x. rows: with probes, the CSV of a network at x
} Law;

const Law *law_of(const LawSweep *sweep); // NULL if none is known
// The residual rule of gradflow's options, whose quotes are read as a shell reads them. NULL if it is invalid.
const ResidualRule *law_rule(const char *settings);

// ------------------------------------------------------------------------------------------------------------
// 3. Claims

typedef struct Claim {
    const char *id;       // "xiong-post-last"
    const char *source;   // "Xiong 2020 (2002.04745), theorem 1"
    const char *sentence; // what the source claims
    const char *settings; // gradflow's options
    const char *vary;     // "depth=5,10,20", or NULL
    const char *statistic;
    Over over;
    Trend trend;
    int seeds;
    double prediction, tolerance;
    const char *reason; // of the tolerance
    const char *note;   // what to look at, and what explains a difference
    bool slow;          // not in --quick
} Claim;

extern const Claim *const claim_groups[]; // tables of claims, each ending with {0}; NULL at the end
int claim_count(void);
const Claim *claim_at(int i);
const Claim *claim_find(const char *id); // NULL if there is none

typedef enum Verdict { VERDICT_AGREES, VERDICT_DIFFERS, VERDICT_UNKNOWN } Verdict;

Verdict claim_verdict(const Claim *claim, const Estimate *estimate); // agrees: prediction +- tolerance overlaps the interval
const char *verdict_name(Verdict verdict);                           // "agrees", "differs", "cannot measure"

#include "tensor/public_end.h"

#endif
