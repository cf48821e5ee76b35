// csv.c: an experiment as a table for other programs: one row per set of numbers, sorted by run, step, layer
// and module order, then the rows of probes in the order of their table. A missing value is an empty cell; a parameter that the loss does
// not depend on has no row.

#include "gpt/base/base.h"
#include "gpt/lab/lab.h"

#include <math.h>

// Enough digits to hold a Real exactly, 9 for float32; with a decimal point in every locale.
static void write_number(FILE *out, double value)
{
    if (isnan(value)) {
        fprintf(out, ",");
        return;
    }
    number_print(out, "," REAL_FORMAT, value);
}

// Columns that the row does not have are empty: shortcut and norm of a rule that they do not name, index and value of statistics.
typedef struct RowContext {
    int run;
    const char *shortcut, *norm, *activation, *residual;
    int step;
    uint64_t seed;
} RowContext;

// The columns before a row's statistics.
static void begin_row(FILE *out, const RowContext *in, int layer, const char *name, const char *kind)
{
    fprintf(out, "%d,%s,%s,%s,%d,%d,%s,%s", in->run, in->shortcut, in->norm, in->activation, in->step, layer, name, kind);
}

static void end_row(FILE *out, const RowContext *in)
{
    fputc(',', out);
    quote_csv(out, in->residual);
    fprintf(out, ",%llu", (unsigned long long)in->seed);
}

// A statistic that is NaN because the gradient is, is written so; only a token cosine may be missing.
static void write_row(FILE *out, const RowContext *in, const FlowRow *row)
{
    const FlowStats *stats = &row->stats;
    begin_row(out, in, row->layer, row->name, flow_kind_name(row->kind));
    const double numbers[] = {stats->mean_abs, stats->l2, stats->rms, stats->max_abs, stats->zero_fraction, stats->denormal_fraction};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        number_print(out, "," REAL_FORMAT, numbers[i]);
    }
    write_number(out, stats->token_cosine);
    end_row(out, in);
    fprintf(out, ",,\n");
}

// A probe's number: the seven statistics are empty.
static void write_probe_row(FILE *out, const RowContext *in, const ProbeRow *row)
{
    begin_row(out, in, row->layer, row->name, row->kind);
    fprintf(out, ",,,,,,,");
    end_row(out, in);
    if (row->index >= 0) {
        fprintf(out, ",%d", row->index);
    } else {
        fputc(',', out);
    }
    number_print(out, "," REAL_FORMAT "\n", row->value);
}

const char experiment_csv_header[] = "run,shortcut,norm,activation,step,layer,name,kind,mean_abs,l2,rms,max_abs,zero_fraction,"
                                     "denormal_fraction,token_cosine,residual,seed,index,value\n";

bool measurement_csv(const ExperimentConfig *config, const Measurement *measurement, FILE *out)
{
    REQUIRE(config, measurement, out);
    bool mlp = config->net == NET_MLP;
    const ResidualRule *rule = experiment_rule(config, measurement->arm);
    bool shortcut;
    Norm norm;
    bool short_name = gpt_rule_shorthand(rule, &shortcut, &norm);
    RowContext in = {
        .run = measurement->run,
        .shortcut = !short_name ? ""
                  : shortcut    ? "on"
                                : "off",
        .norm = !short_name ? "" : norm_name(norm),
        .activation = activation_name(mlp ? config->deep.activation : config->gpt.activation),
        .residual = residual_name(rule),
        .step = measurement->step,
        .seed = measurement->seed,
    };
    for (int r = 0; r < measurement->flow.n_rows; r++) {
        const FlowRow *row = &measurement->flow.rows[r];
        if (row->reach != FLOW_NEVER) {
            write_row(out, &in, row);
        }
    }
    for (int r = 0; r < measurement->probes.n_rows; r++) {
        const ProbeRow *row = &measurement->probes.rows[r];
        if (!probe_kind(row->kind, NULL)->internal) {
            write_probe_row(out, &in, row);
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
