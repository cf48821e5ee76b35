// probe_values.c: the numbers of probes, over the seeds.

#include "gpt/lab/probe.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// ------------------------------------------------------------------------------------------------------------
// One number of several

double probe_first(const double *values, int n)
{
    return n > 0 ? values[0] : NAN;
}

double probe_last(const double *values, int n)
{
    return n > 0 ? values[n - 1] : NAN;
}

static double sum_of(const double *values, int n)
{
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

double probe_largest(const double *values, int n)
{
    double largest = NAN;
    for (int i = 0; i < n; i++) {
        largest = fmax(largest, values[i]);
    }
    return largest;
}

double probe_first_share(const double *values, int n)
{
    return probe_first(values, n) / sum_of(values, n);
}

double probe_center(const double *values, int n)
{
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
    return place.name == NULL ? row->layer == place.layer : strcmp(row->name, place.name) == 0;
}

int measurement_probe(const Measurement *measurement, const char *kind, ProbePlace place, double *values, int n)
{
    REQUIRE(measurement);
    REQUIRE(kind);
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

static double value_at(const Measurement *measurement, const char *kind, ProbePlace place, int index)
{
    for (int i = 0; i < measurement->probes.n_rows; i++) {
        const ProbeRow *row = &measurement->probes.rows[i];
        if (row->index == index && strcmp(row->kind, kind) == 0 && is_at(row, place)) {
            return row->value;
        }
    }
    return NAN;
}

static double reduced(const Measurement *measurement, const char *kind, ProbePlace place, ProbeReduce *reduce)
{
    int n = measurement_probe(measurement, kind, place, NULL, 0);
    if (n == 0) {
        return NAN;
    }
    double *values = memory_allocate((size_t)n * sizeof *values, "a probe's numbers");
    measurement_probe(measurement, kind, place, values, n);
    double result = reduce == NULL ? probe_first(values, n) : reduce(values, n);
    free(values);
    return result;
}

// ------------------------------------------------------------------------------------------------------------
// All seeds

static bool is_of(const Measurement *measurement, int arm, int step)
{
    return measurement->arm == arm && measurement->step == step;
}

static Quartiles over_seeds(const Experiment *experiment, int arm, int step, const char *kind, ProbePlace place, ProbeReduce *reduce, int index)
{
    double *values = memory_allocate((size_t)experiment->n_measurements * sizeof *values + 1, "a probe's numbers");
    int n = 0;
    for (int i = 0; i < experiment->n_measurements; i++) {
        const Measurement *measurement = &experiment->measurements[i];
        if (is_of(measurement, arm, step)) {
            values[n] = reduce == NULL ? value_at(measurement, kind, place, index) : reduced(measurement, kind, place, reduce);
            n++;
        }
    }
    Quartiles result = quartiles_of(values, n);
    free(values);
    return result;
}

Quartiles experiment_probe(const Experiment *experiment, int arm, int step, const char *kind, ProbePlace place, int index)
{
    REQUIRE(experiment);
    REQUIRE(kind);
    return over_seeds(experiment, arm, step, kind, place, NULL, index);
}

Quartiles experiment_probe_reduced(const Experiment *experiment, int arm, int step, const char *kind, ProbePlace place, ProbeReduce *reduce)
{
    REQUIRE(experiment);
    REQUIRE(kind);
    return over_seeds(experiment, arm, step, kind, place, reduce == NULL ? probe_first : reduce, -1);
}

void probe_write_arms(FILE *out, const Experiment *experiment, int step, const char *kind, ProbePlace place, ProbeReduce *reduce)
{
    const char *comma = "";
    for (int arm = 0; arm < experiment_arms(&experiment->config); arm++) {
        Quartiles q = experiment_probe_reduced(experiment, arm, step, kind, place, reduce);
        if (q.n > 0) {
            const char *with = experiment->config.n_rules > 0 ? "with " : "";
            number_print(out, "%s%.3g %s", comma, q.median, with);
            fprintf(out, "%.40s", experiment_arm_name(&experiment->config, arm));
            comma = ", ";
        }
    }
}

int experiment_probe_places(const Experiment *experiment, int arm, int step, const char *kind, ProbePlace **places)
{
    REQUIRE(experiment);
    REQUIRE(places);
    int n = 0;
    int capacity = 0;
    *places = NULL;
    for (int i = 0; i < experiment->n_measurements && n == 0; i++) {
        const Measurement *measurement = &experiment->measurements[i];
        for (int k = 0; is_of(measurement, arm, step) && k < measurement->probes.n_rows; k++) {
            const ProbeRow *row = &measurement->probes.rows[k];
            bool same = n > 0 && row->layer == (*places)[n - 1].layer && strcmp(row->name, (*places)[n - 1].name) == 0;
            if (strcmp(row->kind, kind) == 0 && !same) {
                *places = memory_grow(*places, n, &capacity, sizeof **places, "the places of a probe");
                (*places)[n] = (ProbePlace){row->layer, row->name};
                n++;
            }
        }
    }
    return n;
}

bool probe_has_numbers(const Experiment *experiment, const Probe *probe)
{
    REQUIRE(experiment);
    REQUIRE(probe);
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
    REQUIRE(experiment);
    REQUIRE(networks);
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
