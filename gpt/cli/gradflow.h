// gradflow.h: between the command (gradflow.c: what is asked) and its report (gradflow_report.c: what is answered).

#ifndef GPTAPE_CLI_GRADFLOW_H
#define GPTAPE_CLI_GRADFLOW_H

#include "gpt/cli/cli.h"

// What is to be run and where the results go.
typedef struct GradflowPlan {
    ExperimentConfig experiment;                   // owns the arrays it points to
    const GPTPreset *preset;                       // of a GPT
    int *depths;                                   // of the sweep; NULL: none
    int n_depths;
    const char *csv;                               // a file, "-" for stdout, or NULL
    const char *plot;                              // a file, or NULL
    bool json;
    bool text;                                     // table and chart on stdout
} GradflowPlan;

void gradflow_print_text(const GradflowPlan *plan, const Experiment *experiment, const Sweep *sweep);
void gradflow_print_json(const GradflowPlan *plan, const Experiment *experiment, const Sweep *sweep);

#endif
