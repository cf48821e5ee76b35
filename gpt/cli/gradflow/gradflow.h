// gradflow.h: shared by the command's files: gradflow.c (options and the run), plan.c (from options to an experiment), network.c
// and saved.c (its network and batch), rows.c (an MLP's input rows and targets), report.c and json.c (the
// output), probes.c (--probe), sizes.c (--configs). graph.c reads its network with the same functions.

#ifndef GPTAPE_CLI_GRADFLOW_H
#define GPTAPE_CLI_GRADFLOW_H

#include "gpt/cli/kit/kit.h"

enum { MOST_STEPS = 1000000 };

enum { ROWS_AT_MOST = 50 }; // longer tables omit layers

// Defaults of the deep network: many seeds, several depths, and a plot.
#define SHOW_SEEDS "100"
#define SHOW_DEPTHS "5,10,20,40"
#define SHOW_PLOT "gradflow.png"

extern const OptionExclusion gradflow_exclusions[];

// What is to be run and where the results go.
typedef struct GradflowPlan {
    ExperimentConfig experiment;        // owns the arrays it points to
    const char *untrained;              // preset of an untrained GPT where none is named
    const GPTPreset *preset;            // of an untrained GPT
    Task *task;                         // of --task, whose batches the experiment draws; NULL: none
    GPT *saved;                         // of --model, whose weights the experiment takes; NULL: none
    const char *sizes[PLOT_SIZES_MOST]; // presets of --configs
    int n_sizes;                        // 0: one network, as above
    int *depths;                        // of the sweep; NULL: none
    int n_depths;
    const char *csv;  // a file, "-" for stdout, or NULL
    const char *runs; // a file, or NULL
    const char *plot; // a file, or NULL
    bool json;
    bool text; // table and chart on stdout
} GradflowPlan;

// How a network and its batch are described.
extern const OptionRow mlp_rows[]; // all but --depth
extern const OptionRow saved_rows[];
extern const OptionRow data_rows[]; // --data

// The parts of a plan that say which network it is, in this order; false after one line on stderr.
bool gradflow_net_read(const Options *options, GradflowPlan *plan);        // mlp or gpt
bool gradflow_rules_read(const Options *options, GradflowPlan *plan);      // --residual, any number of times
bool gradflow_network_read(const Options *options, GradflowPlan *plan);    // its sizes, its weights, its batch
bool gradflow_rows_read(const Options *options, ExperimentConfig *config); // the input rows of an MLP, and their targets

// What a network takes from files: the weights of --model; rows of --data, in the saved model's tokens or in bytes.
bool gradflow_saved_read(const Options *options, GradflowPlan *plan);
bool gradflow_text_read(const Options *options, const ExperimentConfig *config, int *ids, int *targets);
void gradflow_saved_note(const Options *options, const ExperimentConfig *config); // call it after all options have been read

// From options to a plan that can be run; false after one line on stderr, or after the list of probes. Free it either way.
bool gradflow_plan_read(const Options *options, GradflowPlan *plan);
void gradflow_plan_free(GradflowPlan *plan);

// --configs (sizes.c): reads the option, and runs such a plan.
bool gradflow_sizes_read(const Options *options, GradflowPlan *plan);
bool gradflow_run_sizes(const GradflowPlan *plan, const Options *options);
// flow.png, "steps" -> flow-steps.png. The caller frees it.
char *gradflow_path_beside(const char *path, const char *what);
// path: NULL: not written; "-": stdout.
bool gradflow_write_table(const char *path, bool (*write)(const Experiment *experiment, FILE *out), const Experiment *experiment, Error *error);

// The same from the options of gptape graph: one network, and how its step is drawn. Free the plan either way.
bool graph_step_read(const Options *options, GradflowPlan *plan, StepDrawing *drawing);

// A table with the same columns for each arm, and two header lines. gradflow_print_arms returns whether rows were omitted.
typedef struct ArmTable {
    const Experiment *experiment;
    const char *corner; // title of the first column
    int n_columns;      // of each arm
    int n_rows;
    int step;
    const void *what;                                                        // the data, for the functions below
    const char *(*title)(const struct ArmTable *table, int arm, int column); // NULL: this arm has no such column
    void (*head)(Table *out, const struct ArmTable *table, int row);         // the row's first cell
    void (*cell)(Table *out, const struct ArmTable *table, int row, int arm, int column);
} ArmTable;

bool gradflow_print_arms(const ArmTable *table);
const char *arm_color(const Experiment *experiment, int arm); // of its columns, as in the plots; NULL: none

bool probes_note_time(const Options *options, const ExperimentConfig *config, Error *error); // a line for each slow one: an estimate
void probes_print(const Experiment *experiment, int step);                                   // a table each
void probes_add_json(cJSON *run, const Measurement *measurement);
bool probes_report(const Options *options, const Experiment *experiment); // prints each probe's fault on stderr; false if there is one

// One network of a sweep: settings are gradflow's options without seeds and outputs, quoted as for a shell; messages call the command name.
// Each returns false after one line on stderr.
typedef struct GradflowCell {
    double loss; // at the last step; NaN with --precision f64
    char *rows;  // of its CSV, without the header; the caller frees them
} GradflowCell;

bool gradflow_cell_check(const char *name, const char *settings, uint64_t seed);
bool gradflow_cell(const char *name, const char *settings, uint64_t seed, GradflowCell *cell);

void gradflow_print_text(const Experiment *experiment, const Sweep *sweep, const char *chart); // chart: NULL: none
void gradflow_print_json(const Experiment *experiment, const Sweep *sweep);

#endif
