// csv.c: an experiment as a table for other programs: one row a set of numbers, 9 significant digits, sorted by run, step, layer
// and the order of the modules. A figure that a row does not have is empty; a parameter that the loss does not depend on has no row.

#include "gpt/lab/lab.h"

#include <math.h>

// Nine digits hold a float32 exactly; with a decimal point in every locale.
static void write_number(FILE *out, double value)
{
    if (isnan(value)) {
        fprintf(out, ",");
        return;
    }
    number_print(out, ",%.9g", value);
}

// A statistic that is NaN because the gradient is, is written so; only a token cosine may be missing.
static void write_row(FILE *out, const Measurement *measurement, const char *what, const FlowRow *row)
{
    const FlowStats *stats = &row->stats;
    fprintf(out, "%d,%s,%s,%d,%d,%s,%s", measurement->run, measurement->shortcut ? "on" : "off", what, measurement->step,
            row->layer, row->name, flow_kind_name(row->kind));
    number_print(out, ",%.9g,%.9g,%.9g,%.9g,%.9g,%.9g", stats->mean_abs, stats->l2, stats->rms, stats->max_abs, stats->zero_fraction,
            stats->denormal_fraction);
    write_number(out, stats->token_cosine);
    fprintf(out, "\n");
}

const char experiment_csv_header[] =
    "run,shortcut,norm,activation,step,layer,name,kind,mean_abs,l2,rms,max_abs,zero_fraction,denormal_fraction,token_cosine\n";

bool measurement_csv(const ExperimentConfig *config, const Measurement *measurement, FILE *out)
{
    REQUIRE(config);
    REQUIRE(measurement);
    REQUIRE(out);
    bool mlp = config->net == NET_MLP;
    char what[64];                                 // the two columns norm and activation
    snprintf(what, sizeof what, "%s,%s", mlp ? norm_name(NORM_NONE) : norm_name(config->gpt.norm),
             activation_name(mlp ? config->deep.activation : config->gpt.activation));
    for (int r = 0; r < measurement->flow.n_rows; r++) {
        const FlowRow *row = &measurement->flow.rows[r];
        if (row->reach != FLOW_NEVER) {
            write_row(out, measurement, what, row);
        }
    }
    return !ferror(out);
}

bool experiment_csv(const Experiment *experiment, FILE *out)
{
    REQUIRE(experiment);
    REQUIRE(out);
    fputs(experiment_csv_header, out);
    for (int i = 0; i < experiment->n_measurements; i++) {
        measurement_csv(&experiment->config, &experiment->measurements[i], out);
    }
    return fflush(out) == 0 && !ferror(out);
}
