// run_files.h: inside gpt/train/: run.c (the run), save.c and load.c (its checkpoint), log.c (its tables, and the losses), flow.c
// (gradients while it learns). A step is in trainer.c and schedule.c.

#ifndef GPTAPE_RUN_FILES_H
#define GPTAPE_RUN_FILES_H

#include "gpt/lab/lab.h"
#include "gpt/store/safetensors.h"
#include "gpt/base/table.h"
#include "gpt/train/train.h"

// A random generator in a checkpoint, as words: its state, how many of them are used, whether there is an unused normal, and its 8 bytes.
enum { STATE_WORDS = 624, RANDOM_WORDS = STATE_WORDS + 4 };

// The numbers of a Trainer that a checkpoint stores, besides TrainConfig's.
extern const ConfigField train_state[];
extern const int train_state_count;

#define TRAINING_FILE "training.safetensors"
#define LOG_FILE "log.csv"
#define FLOW_FILE "gradflow.csv"

// Opens a table with one or more rows per step, as row_table_open does. The rows of steps after last_step are removed; step_column counts from 0.
RowTable *step_table_open(const char *path, const char *header, int step_column, int last_step, Error *error);

RowTable *train_log_open(const char *path, int last_step, Error *error);
bool train_log_add(RowTable *log, const TrainRow *row, Error *error);

// Gradients of each layer, in the columns of experiment_csv; step counts the steps made before the measurement.
RowTable *train_flow_open(const char *path, const Trainer *trainer, int last_step, Error *error);
bool train_flow_add(RowTable *table, const Trainer *trainer, int step, const GradFlow *flow, Error *error);
// Runs the trainer's probes after forward and backward, into trainer->probed.
void train_probe(Trainer *trainer, Tensor *logits, Tensor *loss);
// All of them, with the losses of the log, as an experiment that can be drawn. It borrows the trainer's numbers; the caller frees
// it with experiment_free.
bool train_flow_read(const Trainer *trainer, const char *path, const TrainRow *rows, int n_rows, Experiment *experiment, Error *error);

#endif
