// csv.c: an experiment as a table for other programs: one row per set of numbers, sorted by run, step, layer
// and module order, then the rows of probes in the order of their table. A missing value is an empty cell; a parameter that the loss does
// not depend on has no row.

#include "gpt/base/base.h"
#include "gpt/lab/net.h"

#include <math.h>
#include <string.h>

// Columns that the row does not have are empty: shortcut and norm of a rule that they do not name, index and value of statistics.
typedef struct RowContext {
    int run;
    const char *shortcut, *norm, *activation, *residual;
    int step;
    uint64_t seed;
} RowContext;

// Enough digits to hold a Real exactly, 9 for float32; with a decimal point in every locale.
static void write_statistics(FILE *out, const FlowStats *stats)
{
    const double numbers[] = {stats->mean_abs, stats->l2, stats->rms, stats->max_abs, stats->zero_fraction, stats->denormal_fraction};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        number_print(out, REAL_FORMAT ",", numbers[i]); // NaN because the gradient is
    }
    if (!isnan(stats->token_cosine)) { // only this may be missing
        number_print(out, REAL_FORMAT, stats->token_cosine);
    }
}

// A row of statistics (of flow), or of a probe's number; the other is NULL.
static void write_row(FILE *out, const RowContext *in, const FlowRow *flow, const ProbeRow *probe)
{
    fprintf(out, "%d,%s,%s,%s,%d,", in->run, in->shortcut, in->norm, in->activation, in->step);
    if (flow != NULL) {
        fprintf(out, "%d,%s,%s,", flow->layer, flow->name, flow_kind_name(flow->kind));
        write_statistics(out, &flow->stats);
    } else {
        fprintf(out, "%d,%s,%s,,,,,,,", probe->layer, probe->name, probe->kind);
    }
    fputc(',', out);
    quote_csv(out, in->residual);
    fprintf(out, ",%llu,", (unsigned long long)in->seed);
    if (probe != NULL && probe->index >= 0) {
        fprintf(out, "%d", probe->index);
    }
    fputc(',', out);
    if (probe != NULL) {
        number_print(out, REAL_FORMAT, probe->value);
    }
    fputc('\n', out);
}

const char experiment_csv_header[] = "run,shortcut,norm,activation,step,layer,name,kind,mean_abs,l2,rms,max_abs,zero_fraction,"
                                     "denormal_fraction,token_cosine,residual,seed,index,value\n";

int experiment_csv_column(const char *name)
{
    REQUIRE(name);
    size_t length = strlen(name);
    int column = 0;
    for (const char *at = experiment_csv_header; *at != '\0'; at += strcspn(at, ",\n") + 1) {
        if (strncmp(at, name, length) == 0 && strchr(",\n", at[length]) != NULL) {
            return column;
        }
        column++;
    }
    return -1;
}

bool measurement_csv(const ExperimentConfig *config, const Measurement *measurement, FILE *out)
{
    REQUIRE(config, measurement, out);
    bool mlp = config->net == NET_MLP;
    const ResidualRule *rule = experiment_rule(config, measurement->arm);
    RowContext in = {
        .run = measurement->run,
        .activation = activation_name(mlp ? config->deep.activation : config->gpt.activation),
        .residual = residual_name(rule),
        .step = measurement->step,
        .seed = measurement->seed,
    };
    rule_shorthand(rule, &in.shortcut, &in.norm);
    for (int r = 0; r < measurement->flow.n_rows; r++) {
        const FlowRow *row = &measurement->flow.rows[r];
        if (row->reach != FLOW_NEVER) {
            write_row(out, &in, row, NULL);
        }
    }
    for (int r = 0; r < measurement->probes.n_rows; r++) {
        const ProbeRow *row = &measurement->probes.rows[r];
        if (!probe_kind(row->kind, NULL)->internal) {
            write_row(out, &in, NULL, row);
        }
    }
    return !ferror(out);
}

bool experiment_csv(const Experiment *experiment, FILE *out)
{
    REQUIRE(experiment, out);
    fputs(experiment_csv_header, out);
    for (int i = 0; i < experiment->n_measurements; i++) {
        measurement_csv(&experiment->config, &experiment->measurements[i], out);
    }
    return fflush(out) == 0 && !ferror(out);
}
