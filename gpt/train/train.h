// train.h: training a GPT on a text, with checkpoints.

#ifndef GPTAPE_TRAIN_H
#define GPTAPE_TRAIN_H

#include "gpt/gpt.h"
#include "gpt/text/text.h"
#include "nn/gradflow/gradflow.h"

//
//      Dataset --> ids, targets (B, T) --gpt_forward--> logits (B, T, V) --cross_entropy--> loss --backward--> gradients
//         ^                                                                                                      |
//         '-- next step <-- weights <--adamw_step_clipped-- at most clip in norm <--grad_norm-- added up <-------'

// The numbers of a training run. Counts of 0 in the last five but eval_batches: never.
typedef struct TrainConfig {
    int steps;                                     // AdamW steps, in all
    int batch;                                     // B: rows that go through the model at once
    int length;                                    // T: tokens of a row
    int accumulate;                                // how many such batches' gradients are added up for one step
    double lr;                                     // learning rate after the warm-up
    double min_lr;                                 // and from decay_steps on
    int warmup;                                    // steps in which it rises from 0 to lr in a line
    int decay_steps;                               // the step at which half a cosine from lr has come down to min_lr
    double beta1, beta2, eps, weight_decay;        // AdamW's
    double clip;                                   // the gradient's norm is brought down to this; 0: it is left as it is
    int eval_every;                                // steps between evaluations; the end of the run is always evaluated
    int eval_batches;                              // batches that are evaluated, the same every time, of each split
    int sample_every;                              // steps between samples
    int gradflow_every;                            // steps between measurements of each layer's gradients
    int save_every;                                // steps between checkpoints; one is always saved at the end
} TrainConfig;

// The fields by name: options, messages and the checkpoint read this table. A standard of NULL depends on other fields.
extern const ConfigField train_fields[];
extern const int train_field_count;

// Checks that each field is in its range, and that they fit together and a model of this configuration. An error names the field.
bool train_config_check(const TrainConfig *config, const GPTConfig *gpt, Error *error);

// The learning rate of step number step, counted from 0, as nanoGPT has it:
//      step < warmup             lr (step + 1) / (warmup + 1)
//      step < decay_steps        min_lr + (lr - min_lr) (1 + cos(pi (step - warmup) / (decay_steps - warmup))) / 2
//      after that                min_lr
double train_lr(const TrainConfig *config, int step);

// All that determines a run, so that it can be made again.
typedef struct TrainSetup {
    TrainConfig train;
    GPTConfig gpt;
    uint64_t seed;                                 // of weights and dropout; seed + 1 of the batches
    char *data;                                    // the text's absolute path; NULL: the stories, or a fixed batch
    char *model;                                   // the folder whose weights it started from; NULL: random ones
    Tokenizer *tokenizer;                          // NULL with a fixed batch
    int *ids;                                      // (accumulate * batch, length): a fixed batch, every step's; NULL: from the text
    int *targets;                                  // the same
} TrainSetup;

void train_setup_free(TrainSetup *setup);

// One step, as it is logged.
typedef struct TrainRow {
    int step;                                      // steps made, this one included
    double loss;                                   // mean cross-entropy of this step's rows, before the weights moved
    double val_loss;                               // of the validation split, after they moved; NaN: not evaluated
    double lr;
    double grad_norm;                              // before it was clipped
    double tokens_per_s;
    double ms;                                     // of the step alone, without evaluation, samples and checkpoint
} TrainRow;

// What the model was before its first step, to compare with; NaN and 0 where it was not measured.
typedef struct TrainBefore {
    double val_loss;
    int sentences;                                 // complete ones in its samples of stories,
    int well_formed;                               // and those of them that follow the grammar
} TrainBefore;

// A model that learns, and where it is in its run. The tape is the caller's current one; each step resets it.
typedef struct Trainer {
    TrainSetup setup;                              // its own
    GPT *gpt;                                      // its own
    Dataset *data;                                 // its own; NULL with a fixed batch
    ParameterList parameters;
    AdamW adamw;                                   // adamw.step: steps made so far
    Random random;                                 // draws the rows: its state is the position in the data
    int *ids;                                      // (B, T), the batch that goes through the model
    int *targets;
    TrainBefore before;
    int folder_lock;                               // of the run's folder; -1: train_run locks it. Its own
} Trainer;

// Takes setup, gpt and data, which may be NULL with a fixed batch, over: also where it fails, with NULL and an error, because numbers
// don't fit each other, the text is too short for a row, or there is no memory. Free it with trainer_free.
Trainer *trainer_create(TrainSetup setup, GPT *gpt, Dataset *data, Error *error);
void trainer_free(Trainer *trainer);

// Makes one step, and fills in row but for val_loss, tokens_per_s and ms. flow, if not NULL, gets what reached each layer, before
// clipping (with accumulate > 1 activations are those of the last batch, with recompute nothing inside a block is seen); the caller
// frees it with gradflow_free. False and an error, and the weights as they were, if loss or gradient is not finite.
bool trainer_step(Trainer *trainer, GradFlow *flow, TrainRow *row, Error *error);

// Mean loss over eval_batches batches that lie evenly in a split, without dropout; of a fixed batch, that one's. Draws nothing.
double trainer_evaluate(Trainer *trainer, DatasetSplit split);

// What happened to each parameter in the last step: counts by FlowReach, and the name of the first that was not reached.
typedef struct TrainAudit {
    int count[FLOW_REACH_COUNT];
    char lost[NAME_TEXT];                          // "" if all were reached
    FlowReach how;                                 // what became of that one
} TrainAudit;

TrainAudit trainer_audit(const Trainer *trainer);

// A trainer's whole state, in folder's training.safetensors. What folder says of how the run is set up, for a trainer to be made of
// by trainer_create and brought to where it was by trainer_load. False and an error that names file and tensor if
// anything is not as it should be, or the text has changed.
bool trainer_save(const Trainer *trainer, const char *folder, Error *error);
bool train_setup_load(const char *folder, TrainSetup *setup, Error *error);    // the caller frees it with train_setup_free
bool trainer_load(Trainer *trainer, const char *folder, Error *error);

// The temperature of a run's samples: what is unlikely is written a little less often than the model holds it to come.
#define TRAIN_TEMPERATURE 0.8

// n_new tokens of text from the model, as they come after an empty line, drawn at this temperature. The caller frees *text. False and
// an error if the logits are not finite.
bool trainer_sample(Trainer *trainer, int n_new, double temperature, Random *random, char **text, size_t *n, Error *error);
// The same count times, side by side (gpt_generate_samples): texts (count), all the caller's where true is returned, and their bytes n (count).
bool trainer_samples(Trainer *trainer, int count, int n_new, double temperature, Random *random, char **texts, size_t *n, Error *error);

// A run in its folder:
//
//      training.safetensors     all it needs to go on; one file that appears whole or not at all, whatever moment it is ended at
//      model.safetensors, ...   what it has learned, as gpt_save saves it
//      data.bin                 the text's tokens
//      log.csv, loss.png        a row a step, and their curve
//      gradflow.csv, .png       with gradflow_every

bool train_folder_has_run(const char *folder);
// Makes the folder of a new run, unless it exists, and locks it (folder_lock): the lock is for trainer->folder_lock. -1 and an error if
// another run is writing to it, or if there is a run or a model in it already.
int train_folder_make(const char *folder, Error *error);
void train_folder_remove(const char *folder);                  // of a run that never began, with its tokens; others stay
bool train_log_of(const char *folder, TrainRow **rows, int *n, Error *error);      // its log's rows, which the caller frees

// Who is told what happens; any may be NULL.
typedef struct TrainWatcher {
    void (*on_step)(const Trainer *trainer, const TrainRow *row, void *context);       // when it was logged
    void (*on_evaluation)(const Trainer *trainer, const double loss[SPLIT_COUNT], void *context);
    void (*on_sample)(Trainer *trainer, void *context);        // every sample_every steps
    bool (*stop)(void *context);                               // asked after each step: is this the time to save and stop?
    void *context;
} TrainWatcher;

// Makes the steps that are left, and saves every save_every steps and at the end; before the first, too, so that a run can be gone on
// with from its beginning. False and an error, with the last checkpoint as it was, if something can't be written, or
// loss or gradient is not finite.
bool train_run(Trainer *trainer, const char *folder, const TrainWatcher *watcher, Error *error);

// The pictures of a run that has made a step: loss.png, and gradflow.png if two steps were measured. False and an error where one
// can't be drawn, as without gnuplot.
bool train_draw(const Trainer *trainer, const char *folder, Error *error);

#endif
