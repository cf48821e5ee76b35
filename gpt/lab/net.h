// net.h: the networks that an experiment compares, of either kind. They differ in their residual rule only. Internal to gpt/lab/.

#ifndef GPTAPE_LAB_NET_H
#define GPTAPE_LAB_NET_H

#include "gpt/lab/lab.h"

bool arm_is_run(const ExperimentConfig *config, int arm);
int arms_run(const ExperimentConfig *config);                          // how many are
bool arm_check(const ExperimentConfig *config, int arm, Error *error); // can this network be made?

// The values of --shortcut and --norm that stand for a rule; "" if none do.
void rule_shorthand(const ResidualRule *rule, const char **shortcut, const char **norm);

bool experiment_check(const ExperimentConfig *config, Error *error);

typedef struct Net {
    const ExperimentConfig *config;
    DeepNet *deep; // one of the two
    GPT *gpt;
    Module *module;
    Real *drawn;          // the deep network's input, if drawn from the seed; else NULL
    ExperimentConfig own; // config with the batch of this step, where batches are drawn
    Random batches;       // draws them
} Net;

int experiment_rows(const ExperimentConfig *config); // of the deep network's input

bool net_create(Net *net, const ExperimentConfig *config, int arm, uint64_t seed, Error *error);
void net_free(void *net);      // a Net
void net_next_batch(Net *net); // draws the batch of a step, if batches are drawn. The net must not be moved afterwards
Tensor *net_forward(Net *net);
Tensor *net_loss(const Net *net, Tensor *y);
// Records the loss of the output y, and returns the tensor that backward starts from: the loss, or with same_dy one whose gradient at y is dy.
Tensor *net_start(const Net *net, Tensor *y, Measurement *measurement);

// The same for a streamed GPT (streamed.c): the measurement, whether it is possible, and how many parts it loads.
void net_measure_streamed(Net *net, Tape *tape, Measurement *measurement);
bool streamed_check(const ExperimentConfig *config, Error *error);
int streamed_parts(const ExperimentConfig *config);

// Quartiles of one value of each measurement of an arm at a step.
typedef double MeasurementValue(const Measurement *measurement, const void *context);
Quartiles experiment_over_seeds(const Experiment *experiment, int arm, int step, MeasurementValue *value, const void *context);

void gradflow_unwatch_undo(void *watch); // gradflow_unwatch as an Undo

// Restores the weights, their gradients, the training mode and the random numbers of dropout when the innermost frame ends (unwind.h).
void net_keep(Net *net);

#endif
