// train.h: training a GPT on a text, with checkpoints.

#ifndef GPTAPE_TRAIN_H
#define GPTAPE_TRAIN_H

#include "gpt/lab/lab.h"
#include "gpt/text/text.h"

#include "tensor/public_begin.h"

//
//      Dataset --> ids, targets (B, T) --gpt_forward--> logits (B, T, V) --cross_entropy--> loss --backward--> gradients
//         ^                                                                                                      |
//         '-- next step <-- weights <--adamw_step_clipped-- at most clip in norm <--grad_norm-- added up <-------'
//
// A function can make the batches instead of a Dataset (BatchSource in gpt/text/text.h), here numbers to be sorted:
//
//      static void sort_batch(void *context, Random *random, int B, int T, int *ids, int *targets)
//      {
//          int half = T / 2;                      // T / 2 numbers below 16, then T / 2 separators, each to predict the next larger
//          for (int i = 0; i < B * T; i++) {
//              ids[i] = i % T < half ? (int)(random_bits(random) % 16) : 16;
//              targets[i] = TARGET_IGNORED;
//          }
//          for (int row = 0; row < B; row++) {
//              memcpy(targets + row * T + half, ids + row * T, half * sizeof(int));
//              qsort(targets + row * T + half, half, sizeof(int), compare_ints);
//          }
//      }
//
//      setup.batches = (BatchSource){.name = "sorting", .fill = sort_batch, .guess_loss = log(16)};
//      Trainer *trainer = trainer_create(setup, gpt, NULL, &error);
//      bool done = train_run(trainer, "run", &watcher, &error);

// How the gradients of a step's parts (accumulate) become one. Under mpirun the ranks share the parts in turn: of n ranks, rank r computes parts
// r, n + r, 2 n + r, ..., and every rank then makes the same AdamW step.
typedef enum Reduction {
    REDUCE_PLAIN, // each operation adds to the gradient of the parts before. One rank only
    REDUCE_EXACT, // each part's gradient starts from zero; whole gradients are added in the order of the parts, so
                  // the same bits on any number of ranks. Takes a copy of the gradients, divided among the ranks
    REDUCE_FAST,  // each rank adds as in PLAIN, then MPI sums over ranks during the last backward pass
    REDUCTION_COUNT
} Reduction;

const char *reduction_name(int reduction); // "exact"

// The settings of a training run. 0 in eval_every, sample_every, gradflow_every and save_every means never.
typedef struct TrainConfig {
    int steps;      // AdamW steps in total
    int batch;      // B: rows that go through the model at once
    int length;     // T: tokens of a row
    int accumulate; // parts of a step: batches whose gradients are summed, on all ranks together
    Reduction reduce;
    double lr;                              // learning rate after the warm-up
    double min_lr;                          // learning rate from decay_steps on
    int warmup;                             // steps of linear warm-up from 0 to lr
    int decay_steps;                        // step at which the cosine decay from lr reaches min_lr
    double beta1, beta2, eps, weight_decay; // AdamW's
    double clip;                            // largest norm of the gradient; 0: no clipping
    int eval_every;                         // steps between evaluations; the end of the run is always evaluated
    int eval_batches;                       // batches of each split per evaluation, the same every time
    int sample_every;                       // steps between samples
    int gradflow_every;                     // steps between measurements of each layer's gradients
    int save_every;                         // steps between checkpoints; one is always saved at the end
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

// Everything that determines a run, so that it can be repeated.
typedef struct TrainSetup {
    TrainConfig train;
    GPTConfig gpt;
    uint64_t seed;        // of weights and dropout; seed + 1 of the batches
    char *data;           // the text's absolute path; NULL: the stories, or no text
    char *model;          // the folder whose weights it started from; NULL: random ones
    Tokenizer *tokenizer; // NULL without a text
    int *ids;             // (accumulate * batch, length): a fixed batch, every step's; NULL: from the text
    int *targets;         // the same
    Task *task;           // draws the batches; NULL: none
    BatchSource batches;  // a function that makes the batches; trainer_create sets a task's. Not stored in checkpoints:
} TrainSetup;             // set it again after train_setup_load

void train_setup_free(TrainSetup *setup);

// One step, as it is logged.
typedef struct TrainRow {
    int step;        // steps made, this one included
    double loss;     // mean of the mean cross-entropies of this step's batches, before the weights moved
    double val_loss; // of the validation split, after they moved; NaN: not evaluated
    double lr;
    double grad_norm; // before it was clipped
    double tokens_per_s;
    double ms; // of the step alone, without evaluation, samples and checkpoint
} TrainRow;

// Measurements before the first step, for comparison; NaN and 0 if not measured.
typedef struct TrainBefore {
    double val_loss;
    int sentences;   // complete ones in its samples of stories,
    int well_formed; // and those of them that follow the grammar
} TrainBefore;

typedef struct Reducer Reducer;

// When each phase of a step began on this rank, in seconds of a monotonic clock; with several parts, of the last.
typedef struct StepTimes {
    double forward, backward, backward_end; // backward_end: start of the remaining sum over ranks
    double update, end;                     // AdamW
} StepTimes;

// A model in training, and the state of its run. Under mpirun each rank has one, with the same settings (trainer_check_ranks). It uses the
// caller's current tape; each step resets it.
typedef struct Trainer {
    TrainSetup setup; // its own
    GPT *gpt;         // its own
    Dataset *data;    // its own; NULL without a text
    ParameterList parameters;
    AdamW adamw;      // adamw.step: steps done so far
    Reducer *reducer; // its own; NULL: REDUCE_PLAIN, or REDUCE_FAST on one rank
    Random random;    // draws the rows: its state is the position in the data
    int *ids;         // (B, T), the batch that goes through the model
    int *targets;
    StepTimes times; // of the last step
    TrainBefore before;
    const Probe *probes[PROBES_MOST]; // run by steps that measure gradients; on one rank only
    int n_probes;
    ProbeResults probed; // their values at the last such step, and each probe's first fault in the run. Its own
    int folder_lock;     // of the run's folder; -1: train_run locks it. Its own
} Trainer;

// Checks that memory for a step is available, as trainer_create does. has_weights: the model's weights are already in memory.
bool train_memory_check(const TrainSetup *setup, bool recompute, bool has_weights, Error *error);

// Takes ownership of setup, gpt and data (NULL without a text), also on failure. NULL and an error if settings do not fit together, the
// text is too short for a row, or memory is too small. Free it with trainer_free.
Trainer *trainer_create(TrainSetup setup, GPT *gpt, Dataset *data, Error *error);
void trainer_free(Trainer *trainer);

// Do all ranks have the same program, kernels, settings, text and weights? Compares fingerprints of them. True on one rank. The error names
// what differs, and the rank.
bool trainer_check_ranks(const Trainer *trainer, Error *error);

// Makes one step, together with all ranks, and fills in row, except val_loss, tokens_per_s and ms. flow, if not NULL, gets the gradients of
// each layer before clipping (with accumulate > 1, the activations of the last part, on rank 0 also if another rank computed it; with
// recompute, nothing inside a block); the caller frees it with gradflow_free. False and an error, with unchanged weights, if loss or gradient
// is not finite.
bool trainer_step(Trainer *trainer, GradFlow *flow, TrainRow *row, Error *error);

// Mean loss over eval_batches batches spread evenly over a split (or of the fixed batch), without dropout. Draws no random numbers: batches of
// a function are drawn by generators of their own, the same every time.
bool trainer_validates(const Trainer *trainer); // is there something to evaluate on besides the fixed batch?
double trainer_evaluate(Trainer *trainer, DatasetSplit split);

// What happened to each parameter in the last step: counts by FlowReach, and the name of the first that was not reached.
typedef struct TrainAudit {
    int count[FLOW_REACH_COUNT];
    char lost[NAME_TEXT]; // "" if all were reached
    FlowReach how;        // what happened to that one
} TrainAudit;

TrainAudit trainer_audit(const Trainer *trainer);

// Checkpoints, in folder/training.safetensors. trainer_save writes a trainer's whole state. To resume, train_setup_load reads the setup,
// trainer_create makes a trainer of it, and trainer_load restores its state. False and an error that names file and tensor if the
// checkpoint is invalid, or if the text has changed.
bool trainer_save(const Trainer *trainer, const char *folder, Error *error);
bool train_setup_load(const char *folder, TrainSetup *setup, Error *error); // the caller frees it with train_setup_free
bool trainer_load(Trainer *trainer, const char *folder, Error *error);

// The temperature of a run's samples: unlikely tokens become a little less likely.
#define TRAIN_TEMPERATURE 0.8

// Draws n_new tokens at this temperature, as the continuation of an empty line, count times side by side (gpt_generate_samples): texts (count),
// which the caller frees if true is returned, and their lengths n (count). False and an error if the logits are not finite.
bool trainer_samples(Trainer *trainer, int count, int n_new, Random *random, char **texts, size_t *n, Error *error);

// A run in its folder:
//
//      training.safetensors     everything needed to resume: one file, complete or absent whenever the program is killed
//      model.safetensors, ...   the trained model, as gpt_save saves it
//      data.bin                 the text's tokens
//      log.csv, loss.png        a row a step, and their curve
//      gradflow.csv, .png       with gradflow_every

bool train_folder_has_run(const char *folder);
// Makes the folder of a new run, unless it exists, and locks it (folder_lock): the lock is for trainer->folder_lock. -1 and an error if
// another run is writing to it, or if there is a run or a model in it already.
int train_folder_make(const char *folder, Error *error);
void train_folder_remove(const char *folder);                                 // of a run that never began, with its tokens; other files stay
bool train_log_of(const char *folder, TrainRow **rows, int *n, Error *error); // its log's rows, in order of step, which the caller frees

// Callbacks; any may be NULL.
typedef struct TrainWatcher {
    void (*on_step)(const Trainer *trainer, const TrainRow *row, void *context); // after it was logged
    void (*on_evaluation)(const Trainer *trainer, const double loss[SPLIT_COUNT], void *context);
    void (*on_sample)(Trainer *trainer, void *context); // every sample_every steps
    bool (*stop)(void *context);                        // called after each step; return true to save and stop
    void *context;
} TrainWatcher;

// Makes the remaining steps. Saves before the first step, every save_every steps and at the end. False and an error, with the last
// checkpoint unchanged, if a file can't be written, or if loss or gradient is not finite. With several ranks, all call it, rank 0 writes the files
// and calls the watcher, and the run stops if any rank's stop returns true. watcher may be NULL.
bool train_run(Trainer *trainer, const char *folder, const TrainWatcher *watcher, Error *error);

// Draws loss.png, and gradflow.png if at least two steps were measured. False and an error if that fails, for example without gnuplot.
bool train_draw(const Trainer *trainer, const char *folder, Error *error);
// Draws what each rank computed and sent in the last step, and when. All ranks call it; rank 0 writes the file.
bool train_draw_timeline(const Trainer *trainer, const char *path, Error *error);

#include "tensor/public_end.h"

#endif
