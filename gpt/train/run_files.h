// run_files.h: what the files about a training run share: train_run.c (the run), train_save.c and train_load.c (its checkpoint),
// train_log.c (its tables), train_flow.c (gradients while it learns). What a step is, trainer.c and schedule.c say.

#ifndef GPTAPE_RUN_FILES_H
#define GPTAPE_RUN_FILES_H

#include "gpt/lab/lab.h"
#include "gpt/store/safetensors.h"
#include "gpt/train/train.h"

// A random generator in a checkpoint, as words: its state, how many of it are used, whether a normal waits, and that normal's 8 bytes.
enum { STATE_WORDS = 624, RANDOM_WORDS = STATE_WORDS + 4 };

#define TRAINING_FILE "training.safetensors"
#define LOG_FILE "log.csv"
#define FLOW_FILE "gradflow.csv"

// A table that rows are appended to: what is there up to last_step stays, the rest is cut off; the header is written if there is
// nothing. step_column counts from 0. NULL and an error if the file begins otherwise, or can't be written.
FILE *table_append(const char *path, const char *header, int step_column, int last_step, Error *error);

FILE *train_log_append(const char *path, int last_step, Error *error);
bool train_log_write(FILE *log, const TrainRow *row);          // false, with errno, if it could not be written
// The rows of a log. The caller frees them.
bool train_log_read(const char *path, TrainRow **rows, int *n, Error *error);

// Gradients of each layer, in the columns of experiment_csv; step counts the steps made before the measurement.
FILE *train_flow_append(const char *path, int last_step, Error *error);
bool train_flow_write(FILE *csv, const Trainer *trainer, int step, const GradFlow *flow);
// All of them, with the losses of the log, as an experiment that can be drawn. It borrows the trainer's numbers; the caller frees
// it with experiment_free.
bool train_flow_read(const Trainer *trainer, const char *csv_path, const TrainRow *rows, int n_rows, Experiment *experiment,
                     Error *error);

#endif
