// probe_values.c: the numbers of probes, over the seeds.

#include "gpt/lab/probe.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

// ------------------------------------------------------------------------------------------------------------
// One number of several

double probe_first(const double *values, int n)
{
    REQUIRE(values);
    return n > 0 ? values[0] : NAN;
}

double probe_last(const double *values, int n)
{
    REQUIRE(values);
    return n > 0 ? values[n - 1] : NAN;
}

static double sum_of(const double *values, int n)
{
    REQUIRE(values);
    double sum = 0;
    for (int i = 0; i < n; i++) {
        sum += values[i];
    }
    return sum;
}

double probe_mean(const double *values, int n)
{
    return sum_of(values, n) / n;
}

double probe_first_share(const double *values, int n)
{
    return probe_first(values, n) / sum_of(values, n);
}

double probe_center(const double *values, int n)
{
    REQUIRE(values);
    double sum = 0;
    for (int k = 0; k < n; k++) {
        sum += k * values[k];
    }
    return sum / sum_of(values, n);
}

// ------------------------------------------------------------------------------------------------------------
// One network

static bool is_at(const ProbeRow *row, ProbePlace place)
{
    bool named = place.name != NULL && place.name[0] != '\0';
    return named ? strcmp(row->name, place.name) == 0 : row->layer == place.layer;
}

int measurement_probe(const Measurement *measurement, const char *kind, ProbePlace place, double *values, int n)
{
    REQUIRE(measurement, kind);
    int found = 0;
    for (int i = 0; i < measurement->probes.n_rows; i++) {
        const ProbeRow *row = &measurement->probes.rows[i];
        if (strcmp(row->kind, kind) == 0 && is_at(row, place)) {
            if (values != NULL && found < n) {
                values[found] = row->value;
            }
            found++;
        }
    }
    return found;
}

// What is asked of each network: the value with an index, or all values of the place, reduced.
typedef struct Question {
    const char *kind;
    ProbePlace place;
    ProbeReduce *reduce; // NULL: the value with the index
    int index;
} Question;

static double answer(const Measurement *measurement, const void *context)
{
    const Question *question = context;
    const ProbeResults *probes = &measurement->probes;
    for (int i = 0; question->reduce == NULL && i < probes->n_rows; i++) {
        const ProbeRow *row = &probes->rows[i];
        if (row->index == question->index && strcmp(row->kind, question->kind) == 0 && is_at(row, question->place)) {
            return row->value;
        }
    }
    int n = question->reduce == NULL ? 0 : measurement_probe(measurement, question->kind, question->place, NULL, 0);
    if (n == 0) {
        return NAN;
    }
    AUTO_FREE double *values = memory_allocate((size_t)n * sizeof *values, "a probe's numbers");
    measurement_probe(measurement, question->kind, question->place, values, n);
    return question->reduce(values, n);
}

// ------------------------------------------------------------------------------------------------------------
// All seeds

Quartiles experiment_probe(const Experiment *experiment, int arm, int step, const char *kind, ProbePlace place, int index)
{
    REQUIRE(experiment, kind);
    return experiment_over_seeds(experiment, arm, step, answer, &(Question){.kind = kind, .place = place, .index = index});
}

Quartiles experiment_probe_reduced(const Experiment *experiment, int arm, int step, const char *kind, ProbePlace place, ProbeReduce *reduce)
{
    REQUIRE(experiment, kind);
    return experiment_over_seeds(experiment, arm, step, answer,
                                 &(Question){.kind = kind, .place = place, .reduce = reduce == NULL ? probe_first : reduce});
}

int experiment_probe_places(const Experiment *experiment, int arm, int step, const char *kind, ProbePlace **places)
{
    REQUIRE(experiment, places);
    int n = 0;
    int capacity = 0;
    *places = NULL;
    for (int i = 0; i < experiment->n_measurements && n == 0; i++) {
        const Measurement *measurement = &experiment->measurements[i];
        bool asked = measurement->arm == arm && measurement->step == step;
        for (int k = 0; asked && k < measurement->probes.n_rows; k++) {
            const ProbeRow *row = &measurement->probes.rows[k];
            bool same = n > 0 && row->layer == (*places)[n - 1].layer && strcmp(row->name, (*places)[n - 1].name) == 0;
            if (strcmp(row->kind, kind) == 0 && !same) {
                *LIST_ADD(*places, n, capacity, "the places of a probe") = (ProbePlace){row->layer, row->name};
            }
        }
    }
    return n;
}

bool probe_has_numbers(const Experiment *experiment, const Probe *probe)
{
    REQUIRE(experiment, probe);
    for (int i = 0; i < experiment->n_measurements; i++) {
        const ProbeResults *results = &experiment->measurements[i].probes;
        for (int k = 0; k < results->n_rows; k++) {
            const Probe *owner = NULL;
            probe_kind(results->rows[k].kind, &owner);
            if (owner == probe) {
                return true;
            }
        }
    }
    return false;
}

const ProbeFault *experiment_probe_fault(const Experiment *experiment, const Probe *probe, int *networks)
{
    REQUIRE(experiment, networks);
    const ProbeFault *first = NULL;
    *networks = 0;
    for (int i = 0; i < experiment->n_measurements; i++) {
        const ProbeResults *results = &experiment->measurements[i].probes;
        for (int k = 0; k < results->n_faults; k++) {
            if (results->faults[k].probe == probe) {
                first = first == NULL ? &results->faults[k] : first;
                (*networks)++;
            }
        }
    }
    return first;
}

// ------------------------------------------------------------------------------------------------------------
// Findings

// A probe's value in one arm: the median over the seeds.
typedef struct ArmMedian {
    int arm;
    double value;
} ArmMedian;

// What a finding is about, in each arm that has a value. Returns how many have.
static int find_medians(const Experiment *experiment, int step, const ProbeFinding *finding, ArmMedian *medians)
{
    const ExperimentConfig *config = &experiment->config;
    int layer = finding->layer == PROBE_AT_LAST ? experiment->n_layer - 1 : finding->layer == PROBE_AT_END ? experiment->n_layer : finding->layer;
    char name[PROBE_NAME];
    snprintf(name, sizeof name, "h.%d.%s", layer, finding->half == NULL ? "" : finding->half);
    ProbePlace place = {.layer = layer, .name = config->net == NET_GPT && finding->half != NULL ? name : NULL};
    int n = 0;
    for (int arm = 0; arm < experiment_arms(config); arm++) {
        Quartiles q = experiment_probe_reduced(experiment, arm, step, finding->kind, place, finding->reduce);
        medians[n] = (ArmMedian){arm, q.median};
        n += q.n > 0;
    }
    return n;
}

// Replaces the medians by the smallest and the largest.
static void keep_range(ArmMedian *medians, int n)
{
    ArmMedian low = medians[0];
    ArmMedian high = medians[0];
    for (int i = 1; i < n; i++) {
        low = medians[i].value < low.value ? medians[i] : low;
        high = medians[i].value >= high.value ? medians[i] : high;
    }
    medians[0] = low;
    medians[1] = high;
}

// "The sharpness is 0.23 without shortcuts, 1.4 with shortcuts". False without any value.
// range: of more than two arms only "between 0.23 with pre and 1.4 with keel".
static bool write_medians(FILE *out, const Experiment *experiment, int step, const ProbeFinding *finding, bool range, const char *before)
{
    const ExperimentConfig *config = &experiment->config;
    ArmMedian medians[ARMS_MOST];
    int n = find_medians(experiment, step, finding, medians);
    range = range && n > 2;
    if (range) {
        keep_range(medians, n);
        n = 2;
    }
    if (n > 0) {
        fprintf(out, "%s%s%s", before, finding->text, range ? " between" : "");
    }
    for (int i = 0; i < n; i++) {
        fputs(i == 0 ? "" : range ? " and" : ",", out);
        number_print(out, " %.3g %s", medians[i].value, config->n_rules > 0 ? "with " : "");
        fprintf(out, "%.40s", experiment_arm_name(config, medians[i].arm));
    }
    return n > 0;
}

bool probe_write_finding(FILE *out, const Experiment *experiment, int step, const Probe *probe, bool range, int *i)
{
    REQUIRE(out, experiment, probe, i);
    const ProbeFinding *finding = &probe->findings[*i];
    bool written = write_medians(out, experiment, step, finding, range, "");
    for (finding++; finding->text != NULL && islower((unsigned char)finding->text[0]); finding++) {
        written = write_medians(out, experiment, step, finding, range, "; ") || written;
    }
    *i = (int)(finding - probe->findings);
    return written;
}

void probe_write_findings(FILE *out, const Experiment *experiment, int step, const Probe *probe, bool range, int i)
{
    REQUIRE(out, experiment, probe);
    while (probe->findings[i].text != NULL) {
        bool written = probe_write_finding(out, experiment, step, probe, range, &i);
        fprintf(out, "%s", written ? ". " : "");
    }
    if (probe->comparison != NULL) {
        probe->comparison(&experiment->config, out);
    }
}
