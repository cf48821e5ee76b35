// lab.h: the deep network, the experiment that compares gradients with and without shortcuts, and its metrics.

#ifndef GPTAPE_LAB_H
#define GPTAPE_LAB_H

#include "gpt/gpt.h"
#include "gpt/text/text.h"
#include "nn/gradflow/gradflow.h"

#include "tensor/public_begin.h"

// ------------------------------------------------------------------------------------------------------------
// 1. The deep network: the book's example of vanishing gradients

typedef enum DeepHead { HEAD_ACTIVATION, HEAD_LINEAR, HEAD_COUNT } DeepHead;
typedef enum DeepNorm { DEEP_NORM_NONE, DEEP_NORM_BATCH, DEEP_NORM_COUNT } DeepNorm;
typedef enum DeepLoss { LOSS_MSE, LOSS_CE, LOSS_COUNT } DeepLoss;

// Layers of Linear and activation, the last included unless the head is linear; where a layer's input and output have one size, it has a
// residual rule around it, x = x + layer(x) for example; elsewhere x = layer(x). Modules are called layers.0, layers.1, ... With batch
// normalization a layer is activation(norm(linear(x))), the norm's module is layers.0.bn, and a linear head has none.
typedef struct DeepConfig {
    int *sizes; // of input, between, output: n_layer + 1 of them
    int n_layer;
    Activation activation;
    InitScheme init;
    bool shortcut;
    const char *residual; // a rule or its name; NULL: plain with shortcut, none-plain without
    DeepHead head;
    DeepNorm norm;    // with batch normalization the input needs at least 2 rows
    DeepLoss loss;    // mean squared error, or cross-entropy with one class per row
    double init_gain; // factor on the weights that init draws; 0: 1
    bool own_bias;    // biases are N(0, bias_std^2), 0 if that is 0, instead of init's
    double bias_std;
} DeepConfig;

// All but sizes, rule and own_bias as a table (see ConfigField), for options and files.
extern const ConfigField deep_fields[];
extern const int deep_field_count;
// Does the field, other than activation and init (always printed), differ from its default?
bool deep_field_differs(const ConfigField *field, const DeepConfig *config);

enum { DEEP_DEPTH_MAX = 100000, DEEP_WIDTH_MAX = 65536 }; // a larger number is most likely a typo

typedef struct DeepNet {
    Module module;
    DeepConfig config; // sizes: its own copy
    Linear *layers;
    BatchNorm *norms;    // of each layer that has one
    Residual *residuals; // around each layer; rule is NULL where sizes differ
} DeepNet;

void deep_write_sizes(FILE *out, const DeepConfig *deep); // as --sizes takes them: "3x20,1"
bool deep_config_check(const DeepConfig *config, Error *error);

// The caller frees it with deep_free. NULL and an error if the sizes are invalid or memory is refused.
DeepNet *deep_create(const DeepConfig *config, uint64_t seed, Error *error);
void deep_free(DeepNet *net);
Tensor *deep_forward(DeepNet *net, Tensor *x, Where where); // (B, sizes[0]) -> (B, sizes[n_layer])
#define deep_forward(...) deep_forward(__VA_ARGS__, HERE)   // called without its Where (see nn.h)

// Input rows, and perhaps their targets. Both belong to it; free with deep_rows_free.
typedef struct DeepRows {
    Real *input;  // (n, n_in)
    Real *target; // (n, n_target); NULL: not given
    int n;
} DeepRows;

enum { DEEP_ROWS_MAX = 65536 };

// n >= 2 points on a line: the first coordinate goes from low to high in equal steps, the others are 0.
DeepRows deep_rows_grid(double low, double high, int n, int n_in);
// A CSV file without a header line: n_in numbers a line, or n_in + n_target in all of them. Blank lines are skipped. False and an error with line
// and column, and nothing to free, if anything else is in it, or it is larger than 16 MiB or DEEP_ROWS_MAX rows.
bool deep_rows_read(const char *path, int n_in, int n_target, DeepRows *rows, Error *error);
void deep_rows_free(DeepRows *rows);

// ------------------------------------------------------------------------------------------------------------
// 2. The experiment: the same network with and without shortcuts

typedef enum NetKind { NET_MLP, NET_GPT } NetKind;

const char *net_name(NetKind net); // "mlp"

// Which of the two familiar networks are run: without shortcuts, with, both.
typedef enum Arms { ARMS_OFF = 1, ARMS_ON = 2, ARMS_BOTH = 3 } Arms;

enum { ARMS_MOST = 8, PROBES_MOST = 16, PROBE_NAME = 64 };

typedef struct ExperimentConfig {
    NetKind net;
    DeepConfig deep;    // for NET_MLP; its rule is set by arms or rules
    const Real *input;  // (n_rows, sizes[0])
    const Real *target; // (n_rows, sizes[n_layer]); with LOSS_CE targets, instead
    int n_rows;         // 0: 1. The loss is the mean over all rows and outputs
    bool normal_input;  // instead of input: N(0, 1), drawn again for each seed; all arms of a seed get the same rows
    GPTConfig gpt;      // for NET_GPT; its rule is set by arms or rules
    const GPT *saved;   // for NET_GPT: a model of this configuration whose weights to take; NULL: the seed's
    const int *ids;     // (B, T)
    const int *targets; // (B, T); for NET_MLP with LOSS_CE (n_rows), the class of each
    int B, T;
    BatchSource batches;          // for NET_GPT: instead of ids and targets a new batch for each step, the same in all arms of a seed
    Arms arms;                    // if n_rules is 0
    const char *rules[ARMS_MOST]; // the residual rules that are compared, one network each
    int n_rules;
    uint64_t seed; // of the first repetition; the next is seed + 1
    int n_seeds;
    int n_steps; // AdamW steps of training; each is measured before it is made, and the end
    double lr;
    bool sgd;                                // plain gradient descent instead of AdamW
    bool same_dy;                            // feed the same gradient into the output of all arms instead of each loss's own
    const struct TrainConfig *train;         // the measured steps of a training run; NULL: steps as above
    const struct Probe *probes[PROBES_MOST]; // also measured at each step (section 4)
    int n_probes;
    bool streamed; // for NET_GPT: one block's weights in memory at a time (gpt_create_streamed), also with saved
    bool force;    // also run probes estimated to take longer than PROBE_SECONDS
} ExperimentConfig;

// One value that a probe measured.
typedef struct ProbeRow {
    const char *kind;      // "path_norm": a name in the probe's table of kinds
    int layer;             // -1: the whole network
    char name[PROBE_NAME]; // "h.0.attn"; "": none
    int index;             // counts from 0; -1: none
    double value;
} ProbeRow;

// Why a probe has no values, or what is wrong with them: "layer 3: stable_rank is not finite".
typedef struct ProbeFault {
    const struct Probe *probe;
    Error error;
} ProbeFault;

typedef struct ProbeResults {
    ProbeRow *rows; // probe after probe, in the order of the table of probes
    int n_rows, rows_capacity;
    ProbeFault *faults; // at most one per probe
    int n_faults, faults_capacity;
} ProbeResults;

// One network at one step of training.
typedef struct Measurement {
    int run; // counts networks: seed after seed, in each the arms in order
    uint64_t seed;
    int arm;
    int step;
    double loss;
    double seconds; // for this measurement and the step after it; the first includes creating the network
    GradFlow flow;
    ProbeResults probes;
} Measurement;

typedef struct Experiment {
    ExperimentConfig config;   // borrows its arrays
    Measurement *measurements; // in order of run, then step
    int n_measurements;
    int n_layer;
} Experiment;

// Called after each measurement; for streamed networks, after each part (block, embeddings, head) of each pass.
typedef void ExperimentProgress(int done, int n, void *context);

// Arms are numbered from 0: rules in their order; or 0 without shortcuts, 1 with, even if one of them is not run.
int experiment_arms(const ExperimentConfig *config);
bool experiment_has(const Experiment *experiment, int arm); // was that arm run?
const ResidualRule *experiment_rule(const ExperimentConfig *config, int arm);
const char *experiment_arm_name(const ExperimentConfig *config, int arm); // "with shortcuts"; of rules "keel"
const char *experiment_layer_word(const Experiment *experiment);          // "layer"; a GPT's is a "block"

// Builds, runs and measures every network. The arms of a seed share the initial weights of the parameters they have in common. Uses its own tape.
// The caller frees the result with experiment_free; if it returns false there is nothing to free.
bool experiment_run(const ExperimentConfig *config, ExperimentProgress *progress, void *context, Experiment *experiment, Error *error);
void experiment_free(Experiment *experiment);
double experiment_held_bytes(const GPTConfig *config, int B, int T, bool training); // the memory of one network that is not streamed
double experiment_streamed_bytes(const GPTConfig *config, int B, int T);            // the memory of a process that measures it streamed

// The tape of one step of the experiment's network (of the last arm that is run) as a drawing for Graphviz.
typedef struct StepDrawing {
    const char *module; // only this one, "h.0"; NULL: the whole network
    bool stepwise;      // attention step by step instead of in one operation
    bool backward;      // after backward, with the gradients
    bool left_to_right; // instead of top to bottom
} StepDrawing;

enum { STEP_FAULT_TEXT = 2 * NAME_TEXT };

// Writes it to an open stream. False and an error if the module does not exist, or is too large to draw. fault then names
// the first result in the whole step that is NaN or infinite, "the result of gelu in h.0.mlp", or is "".
bool experiment_draw(const ExperimentConfig *config, const StepDrawing *drawing, FILE *file, char fault[STEP_FAULT_TEXT], Error *error);

// ------------------------------------------------------------------------------------------------------------
// 3. Metrics of an experiment, over its seeds

// A metric of a layer.
typedef enum LayerMetric {
    METRIC_WEIGHT,    // mean |dL/dW| over the layer's weight matrices
    METRIC_QUERY_KEY, // the same over the query and key parts of c_attn; NaN without attention
    METRIC_COSINE,    // token cosine of the layer's output; NaN without tokens
    METRIC_SKIP,      // L2 of the gradient that came by the layer's shortcuts; NaN without
    METRIC_BLOCK,     // L2 of the gradient that came by the branches beside them; NaN without
    METRIC_SHARE,     // the first over the sum of both; NaN without
    METRIC_COUNT
} LayerMetric;

double measurement_metric(const Measurement *measurement, int layer, LayerMetric figure);

Quartiles experiment_metric(const Experiment *experiment, int arm, int step, int layer, LayerMetric figure);
// The same, each seed's value divided by that seed's last layer's.
Quartiles experiment_relative(const Experiment *experiment, int arm, int step, int layer, LayerMetric figure);
Quartiles experiment_loss(const Experiment *experiment, int arm, int step);
int experiment_shortcuts(const Experiment *experiment, int arm); // taken in one network, counted on its tape

// The line of least squares through the points whose x and y are finite: its slope; NaN with fewer than two different x.
double fit_slope(const double *x, const double *y, int n);

// First layer over last layer against depth: the main result.
typedef struct SweepPoint {
    int depth;
    Quartiles ratio[ARMS_MOST]; // of METRIC_WEIGHT, by arm
} SweepPoint;

typedef struct Sweep {
    SweepPoint *points;
    int n_points;
    double decades_per_layer[ARMS_MOST]; // slope of log10 of the median ratio against depth, by least squares
} Sweep;

// Runs the experiment at each depth: of the deep network (widths as config's inner layers), or of the GPT's blocks.
bool sweep_run(const ExperimentConfig *config, const int *depths, int n_depths, ExperimentProgress *progress, void *context, Sweep *sweep,
               Error *error);
void sweep_free(Sweep *sweep);

// The experiment's CSV, one row per set of numbers; columns as in csv.c. Written to an open stream.
bool experiment_csv(const Experiment *experiment, FILE *out);
extern const char experiment_csv_header[];                         // its first line
int experiment_csv_column(const char *name);                       // the number of the column of this name, from 0; -1: none
bool experiment_runs_csv(const Experiment *experiment, FILE *out); // a row for each network: its settings, the loss of its last step
bool measurement_csv(const ExperimentConfig *config, const Measurement *measurement, FILE *out); // and the rows of one measurement

// ------------------------------------------------------------------------------------------------------------
// 4. Probes: additional measurements of a network. Each is one file in probes/ and one row of the table of probes, from which the CSV, the tables,
// the plots and the documentation are generated.

// A kind of number in the CSV.
typedef struct ProbeKind {
    const char *name;  // "path_norm"
    const char *about; // the value in words
    const char *place; // the meaning of layer and name
    const char *index; // what the index counts; NULL: there is none
    bool internal;     // a check of the measurement itself: in text and JSON, not in the CSV
} ProbeKind;

// Reduces the values of one place, in index order, to one number.
typedef double ProbeReduce(const double *values, int n);
double probe_first(const double *values, int n);
double probe_last(const double *values, int n);
double probe_mean(const double *values, int n);
double probe_first_share(const double *values, int n); // values[0] / sum
double probe_center(const double *values, int n);      // sum_k k values[k] / sum_k values[k]

// A column of the probe's table, which has a line for each place.
typedef struct ProbeColumn {
    const char *title; // at most 10 characters
    const char *kind;
    ProbeReduce *reduce; // NULL: probe_first
} ProbeColumn;

// How a panel of the probe's plot draws a kind.
typedef enum ProbeForm {
    FORM_PLACES, // a line for each arm, against the layer or sublayer
    FORM_INDEX,  // a line for each arm, against the index, of the first place
    FORM_BARS,   // the same as bars, as shares of their sum
    FORM_MAP,    // a map for each arm: place against index, each line as shares of its sum
    FORM_SQUARE, // a map for each arm: of the network's numbers, row by row
} ProbeForm;

typedef enum ProbeScale { SCALE_LINEAR, SCALE_UNIT, SCALE_LOG } ProbeScale; // unit: from 0 to 1 at least

typedef struct ProbePanel {
    const char *title;
    const char *kind;
    ProbeForm form;
    ProbeScale scale;
    ProbeReduce *reduce; // of FORM_PLACES
    const char *x_label; // NULL: "layer", "block" or "sublayer"
} ProbePanel;

// A sentence about what an experiment shows, or the end of one if text begins in lower case: text, then the median in each arm.
typedef struct ProbeFinding {
    const char *text; // "The sharpness is"
    const char *kind;
    int layer;           // a layer's number, or one of these
    const char *half;    // of a GPT's block: "attn" or "mlp"; NULL: of the block
    ProbeReduce *reduce; // NULL: probe_first
} ProbeFinding;

enum { PROBE_AT_FIRST = 0, PROBE_AT_NETWORK = -1, PROBE_AT_LAST = -2, PROBE_AT_END = -3 }; // the end: the stream after the last layer

enum { PROBE_MLP = 1, PROBE_GPT = 2, PROBE_ROWS = 5 };

typedef struct ProbeRun ProbeRun; // what a probe sees: gpt/lab/probe.h

typedef struct Probe {
    const char *name;  // "paths"
    const char *about; // one sentence
    const char *source;
    const char *cost;            // "as many backward passes as sublayers"
    unsigned nets;               // the networks it supports
    bool passes;                 // runs more passes or changes the network, which is restored afterwards
    bool by_block;               // measures each block by itself: of a streamed GPT, too
    int losses, gradients;       // upper bounds on evaluations at other weights, for the time estimate
    ProbeKind kinds[PROBE_ROWS]; // these three and findings end with {0}
    ProbeColumn columns[PROBE_ROWS];
    ProbePanel panels[PROBE_ROWS];
    const char *legend; // explains the columns
    // The known result and what this experiment shows, for text and plot.
    const char *claim;
    ProbeFinding findings[PROBE_ROWS];
    void (*comparison)(const ExperimentConfig *config, FILE *out); // a sentence on what to compare them with. May be NULL
    bool (*check)(const ExperimentConfig *config, Error *error);   // does it support this experiment, at an acceptable cost? May be NULL
    bool (*measure)(ProbeRun *run, Error *error);
} Probe;

extern const Probe *const probe_table[];
extern const int probe_count;
enum { PROBE_SECONDS = 600 }; // limit without ExperimentConfig's force
// Upper bound of its time for all networks, from a loss and a gradient timed on one of them, created for this. 0 if it is always fast.
bool probe_estimate(const ExperimentConfig *config, const Probe *probe, double *seconds, Error *error);
const Probe *probe_find(const char *name);                          // NULL if unknown
const ProbeKind *probe_kind(const char *kind, const Probe **probe); // NULL if no probe has it; probe may be NULL

// Runs the probes of config on a GPT after forward and backward on the current tape: config's ids, targets, B and T are those of the pass, output
// and loss its results; adamw (NULL: none) makes the next step, with gradients clipped to clip (0: none). Appends to results; free
// with probe_results_free.
void probes_measure(const ExperimentConfig *config, GPT *gpt, const AdamW *adamw, double clip, int step, Tensor *output, Tensor *loss,
                    ProbeResults *results);
void probe_results_free(ProbeResults *results);

// Where a probe's values belong.
typedef struct ProbePlace {
    int layer;
    const char *name; // NULL or "": any
} ProbePlace;

// The values of a kind at a place, in index order. Returns how many; values has room for n, or is NULL to count.
int measurement_probe(const Measurement *measurement, const char *kind, ProbePlace place, double *values, int n);

// Over the seeds: the value with this index (-1: no index), or all values of the place, reduced. With a name, the layer is ignored.
Quartiles experiment_probe(const Experiment *experiment, int arm, int step, const char *kind, ProbePlace place, int index);
Quartiles experiment_probe_reduced(const Experiment *experiment, int arm, int step, const char *kind, ProbePlace place, ProbeReduce *reduce);

// The places of a kind in an arm's networks at a step, in order. Returns how many. The caller frees *places (the experiment owns the names).
int experiment_probe_places(const Experiment *experiment, int arm, int step, const char *kind, ProbePlace **places);
bool probe_has_numbers(const Experiment *experiment, const Probe *probe);
// Writes the sentence that begins with findings[*i], without its full stop, and moves *i to the next one. False, and nothing, if there are no
// values. range: of more than two arms only the smallest and the largest value.
bool probe_write_finding(FILE *out, const Experiment *experiment, int step, const Probe *probe, bool range, int *i);
// All sentences from this one on, and the comparison.
void probe_write_findings(FILE *out, const Experiment *experiment, int step, const Probe *probe, bool range, int i);
// The first fault of a probe over all networks, and the number of networks with a fault. NULL if there is none.
const ProbeFault *experiment_probe_fault(const Experiment *experiment, const Probe *probe, int *networks);

// ------------------------------------------------------------------------------------------------------------
// 5. Gradient checks
void gradcheck_all(GradCheckReport *report, void *context);

#include "tensor/public_end.h"

#endif
