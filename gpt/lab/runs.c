// runs.c: an experiment as a table with a row per network: every setting, and the results.
//
// The settings of both kinds of network are columns, named like their options; those that a network does not have are empty. The other
// columns are in the table below; gpt/lab/README.md explains all of them.

#include "gpt/base/base.h"
#include "gpt/lab/net.h"

#include <string.h>

// A network and the last of its measurements.
typedef struct Run {
    const ExperimentConfig *config;
    const ResidualRule *rule;
    const Measurement *last;
    double seconds; // of all its measurements
} Run;

// ------------------------------------------------------------------------------------------------------------
// Columns that are not fields of a configuration

void deep_write_sizes(FILE *out, const DeepConfig *deep)
{
    REQUIRE(out, deep, deep->sizes);
    for (int i = 0; i <= deep->n_layer; i++) {
        int times = 1;
        while (i + times <= deep->n_layer && deep->sizes[i + times] == deep->sizes[i]) {
            times++;
        }
        fprintf(out, "%s%d", i == 0 ? "" : ",", deep->sizes[i]);
        if (times > 1) {
            fprintf(out, "x%d", times);
        }
        i += times - 1;
    }
}

static void write_run(FILE *out, const Run *run)
{
    const ExperimentConfig *config = run->config;
    bool mlp = config->net == NET_MLP;
    const char *shortcut;
    const char *norm;
    rule_shorthand(run->rule, &shortcut, &norm);
    char norm_text[FIELD_BUFFER];
    const ConfigField *deep_norm = config_field_find(deep_fields, deep_field_count, "norm");
    fprintf(out, "%d,%llu,%s,", run->last->run, (unsigned long long)run->last->seed, net_name(config->net));
    quote_csv(out, residual_name(run->rule));
    fprintf(out, ",%s,%s,", shortcut, mlp ? config_field_text(deep_norm, &config->deep, norm_text) : norm);
    if (mlp) {
        fputc('"', out);
        deep_write_sizes(out, &config->deep);
        fprintf(out, "\",%d,%s,,,,", experiment_rows(config), config->normal_input ? "normal" : "given");
    } else {
        fprintf(out, ",,,%s,", config->saved != NULL ? "on" : "off");
        quote_csv(out, config->batches.fill != NULL ? config->batches.name : "");
        fprintf(out, ",%d,%d", config->B, config->T);
    }
    fprintf(out, ",%d,", config->n_steps);
    if (config->n_steps > 0) {
        number_print(out, "%s,%.9g", config->sgd ? "sgd" : "adamw", config->lr);
    } else {
        fputc(',', out);
    }
    fprintf(out, ",%s,%s", config->same_dy ? "on" : "off", sizeof(Real) == sizeof(double) ? "f64" : "f32");
}

// ------------------------------------------------------------------------------------------------------------
// Fields: the deep network's, then the GPT's other ones

static bool has_own_column(const ConfigField *field)
{
    return strcmp(field->name, "norm") == 0 || strcmp(field->name, "shortcut") == 0 || strcmp(field->name, "residual") == 0;
}

static void write_deep_field(FILE *out, const ConfigField *field, const Run *run)
{
    const ExperimentConfig *config = run->config;
    char text[FIELD_BUFFER];
    const ConfigField *shared = config_field_find(gpt_fields, gpt_field_count, field->name);
    if (config->net == NET_GPT) {
        fputs(shared == NULL ? "" : config_field_text(shared, &config->gpt, text), out);
    } else if (strcmp(field->name, "bias_std") != 0 || config->deep.own_bias) {
        bool standard = strcmp(field->name, "init_gain") == 0 && config->deep.init_gain == 0;
        fputs(standard ? field->standard : config_field_text(field, &config->deep, text), out);
    }
}

// The cells of a run, or the column names if it is NULL.
static void write_fields(FILE *out, const Run *run)
{
    for (int i = 0; i < deep_field_count; i++) {
        if (!has_own_column(&deep_fields[i])) {
            const char *name = strcmp(deep_fields[i].name, "loss") == 0 ? "loss_function" : deep_fields[i].name; // "loss" is its value
            fprintf(out, ",%s", run == NULL ? name : "");
            if (run != NULL) {
                write_deep_field(out, &deep_fields[i], run);
            }
        }
    }
    for (int i = 0; i < gpt_field_count; i++) {
        const ConfigField *field = &gpt_fields[i];
        char text[FIELD_BUFFER];
        if (!has_own_column(field) && config_field_find(deep_fields, deep_field_count, field->name) == NULL) {
            fprintf(out, ",%s", run == NULL ? field->name : run->config->net == NET_MLP ? "" : config_field_text(field, &run->config->gpt, text));
        }
    }
}

// ------------------------------------------------------------------------------------------------------------
// The table

bool experiment_runs_csv(const Experiment *experiment, FILE *out)
{
    REQUIRE(experiment, out);
    fputs("run,seed,net,residual,shortcut,norm,sizes,rows,inputs,saved,task,batch,length,steps,optimizer,lr,same_dy,precision", out);
    write_fields(out, NULL);
    fputs(",loss,not_finite,seconds\n", out);
    double seconds = 0;
    for (int i = 0; i < experiment->n_measurements; i++) {
        const Measurement *measurement = &experiment->measurements[i];
        bool last = i + 1 == experiment->n_measurements || measurement[1].run != measurement->run;
        seconds += measurement->seconds;
        if (last) {
            Run run = {&experiment->config, experiment_rule(&experiment->config, measurement->arm), measurement, seconds};
            write_run(out, &run);
            write_fields(out, &run);
            number_print(out, ",%.9g,%d,%.6f\n", measurement->loss, measurement->flow.reach_count[FLOW_NAN], seconds);
            seconds = 0;
        }
    }
    return fflush(out) == 0 && !ferror(out);
}
