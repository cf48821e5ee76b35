// estimate.c: one number from many networks, its bootstrap interval, and the verdict on a claim (claims.h, sections 2 and 3).
//
// Efron's bootstrap: draw as many seeds as there are, with replacement, and compute the number again; the middle 95 % of the results are
// the interval. All x of a seed are drawn together: its networks share weights. The generator's seed is fixed, so the interval is, too.

#include "gpt/base/base.h"
#include "gpt/lab/claims/claims.h"

#include <math.h>
#include <string.h>

enum { RESAMPLINGS = 2000, BOOTSTRAP_SEED = 1 };

const char *over_name(Over over)
{
    static const char *const names[OVER_COUNT] = {"median", "mean", "geometric mean", "variance of ln"};
    return WORD_AT(names, (int)over);
}

const char *trend_name(Trend trend)
{
    static const char *const names[TREND_COUNT] = {"", "slope of the logarithm", "power", "ratio of the first to the last"};
    return WORD_AT(names, (int)trend);
}

// ------------------------------------------------------------------------------------------------------------
// The number

static double mean_of(const double *values, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++) {
        sum += values[i];
    }
    return sum / n;
}

static double variance_of(const double *values, int n)
{
    double mean = mean_of(values, n);
    double sum = 0;
    for (int i = 0; i < n; i++) {
        sum += (values[i] - mean) * (values[i] - mean);
    }
    return n > 1 ? sum / (n - 1) : NAN;
}

double sample_over(const double *values, int n, Over over)
{
    REQUIRE(values);
    bool logs = over == OVER_GEOMETRIC_MEAN || over == OVER_VARIANCE_LN;
    AUTO_FREE double *kept = memory_allocate((size_t)(n + 1) * sizeof *kept, "values");
    int m = 0;
    for (int i = 0; i < n; i++) {
        double value = logs ? log(values[i]) : values[i];
        if (isfinite(value)) {
            kept[m] = value;
            m++;
        }
    }
    double result = NAN;
    if (m > 0) {
        result = over == OVER_MEDIAN ? quartiles_of(kept, m).median : over == OVER_VARIANCE_LN ? variance_of(kept, m) : mean_of(kept, m);
        result = over == OVER_GEOMETRIC_MEAN ? exp(result) : result;
    }
    return result;
}

// Uses the seeds in pick (n_seeds); NULL: all.
static double number_of(const Sample *sample, Over over, Trend trend, const int *pick)
{
    int n_x = sample->n_x;
    int n = sample->n_seeds;
    AUTO_FREE double *values = memory_allocate((size_t)n * sizeof *values, "values");
    AUTO_FREE double *x = memory_allocate((size_t)n_x * 2 * sizeof *x, "values");
    double *y = x + n_x;
    for (int i = 0; i < n_x; i++) {
        for (int s = 0; s < n; s++) {
            values[s] = sample->values[i * n + (pick == NULL ? s : pick[s])];
        }
        x[i] = trend == TREND_POWER ? log(sample->x[i]) : sample->x[i];
        y[i] = sample_over(values, n, over);
        y[i] = trend == TREND_POWER ? log(y[i]) : trend == TREND_DECADES ? log10(y[i]) : y[i];
    }
    return trend == TREND_NONE ? y[0] : trend == TREND_RATIO ? y[0] / y[n_x - 1] : fit_slope(x, y, n_x);
}

// ------------------------------------------------------------------------------------------------------------
// The interval

static void bootstrap(const Sample *sample, Over over, Trend trend, Estimate *estimate)
{
    int n = sample->n_seeds;
    Random random;
    AUTO_FREE double *results = memory_allocate(RESAMPLINGS * sizeof *results, "resamplings");
    AUTO_FREE int *pick = memory_allocate((size_t)n * sizeof *pick, "resamplings");
    int m = 0;
    random_seed(&random, BOOTSTRAP_SEED);
    for (int i = 0; i < RESAMPLINGS; i++) {
        for (int s = 0; s < n; s++) {
            pick[s] = (int)(random_double(&random) * n);
        }
        results[m] = number_of(sample, over, trend, pick);
        m += isfinite(results[m]);
    }
    quartiles_of(results, m); // sorts them
    estimate->low = m > 0 ? quantile_of(results, m, 0.025) : NAN;
    estimate->high = m > 0 ? quantile_of(results, m, 0.975) : NAN;
}

// Why there is no estimate.
static const char *why_missing(const Sample *sample)
{
    int zeros = 0;
    int n = sample->n_x * sample->n_seeds;
    for (int i = 0; i < n; i++) {
        zeros += sample->values[i] == 0;
    }
    return zeros > 0 ? "0: below the precision's floor" : "no network has a finite value";
}

Estimate sample_estimate(const Sample *sample, Over over, Trend trend)
{
    REQUIRE(sample);
    Estimate estimate = {.value = number_of(sample, over, trend, NULL)};
    for (int i = 0; i < sample->n_x * sample->n_seeds; i++) {
        estimate.n += isfinite(sample->values[i]);
    }
    if (!isfinite(estimate.value)) {
        estimate.low = estimate.high = NAN;
        estimate.missing = why_missing(sample);
        return estimate;
    }
    bootstrap(sample, over, trend, &estimate);
    return estimate;
}

// ------------------------------------------------------------------------------------------------------------
// Claims

int claim_count(void)
{
    int n = 0;
    while (claim_at(n) != NULL) {
        n++;
    }
    return n;
}

const Claim *claim_at(int i)
{
    for (const Claim *const *group = claim_groups; *group != NULL; group++) {
        for (const Claim *claim = *group; claim->id != NULL; claim++, i--) {
            if (i == 0) {
                return claim;
            }
        }
    }
    return NULL;
}

const Claim *claim_find(const char *id)
{
    REQUIRE(id);
    for (int i = 0; i < claim_count(); i++) {
        if (strcmp(claim_at(i)->id, id) == 0) {
            return claim_at(i);
        }
    }
    return NULL;
}

const char *verdict_name(Verdict verdict)
{
    return verdict == VERDICT_AGREES ? "agrees" : verdict == VERDICT_DIFFERS ? "differs" : "cannot measure";
}

Verdict claim_verdict(const Claim *claim, const Estimate *estimate)
{
    REQUIRE(claim, estimate);
    if (estimate->missing != NULL || !(estimate->low <= estimate->high)) {
        return VERDICT_UNKNOWN;
    }
    bool overlap = estimate->low <= claim->prediction + claim->tolerance && claim->prediction - claim->tolerance <= estimate->high;
    return overlap ? VERDICT_AGREES : VERDICT_DIFFERS;
}
