// train.h: shared by the command's files: train.c (options and the run), plan.c (a new run), resume.c (a resumed run),
// ranks.c (several ranks), report.c (text and JSON).

#ifndef GPTAPE_CLI_TRAIN_H
#define GPTAPE_CLI_TRAIN_H

#include "gpt/cli/kit/kit.h"

#define DEFAULT_CONFIG "char"
#define RUNS "runs" // where runs without --out go: runs/1, runs/2, ...
enum { MOST_RUNS = 100000 };

// Where a run is, and the trainer that makes it.
typedef struct TrainPlan {
    char *folder;   // its own
    bool made;      // by this command, which removes it if no run begins
    int lock;       // of the folder, until the trainer has it; -1: none
    bool recompute; // blocks in backward
    Trainer *trainer;
} TrainPlan;

// From options to a trainer that can run; false after one line on stderr. Free the plan either way.
bool train_plan_new(const Options *options, TrainPlan *plan);
bool train_plan_resume(const Options *options, TrainPlan *plan);
bool train_make_trainer(TrainSetup *setup, GPT *gpt, Dataset *data, TrainPlan *plan, Error *error); // takes ownership of setup, gpt and data
void train_plan_free(TrainPlan *plan);

// --accumulate is per rank; config has the total.
bool train_read_accumulate(const Options *options, TrainConfig *config);

// --gradflow-every measures inside the blocks, where --recompute on stores nothing, so the two exclude each other.
bool train_check_recompute(const Options *options, const TrainPlan *plan, const TrainConfig *config);

// Sends rank 0's plan->folder, if ok, to the other ranks, and checks that they see the same folder. False and an error unless all can continue.
bool train_share_folder(TrainPlan *plan, bool ok, Error *error);
// dataset_open on all ranks, of which rank 0 writes to the folder.
Dataset *train_open_data(const char *path, const Tokenizer *tokenizer, const TrainPlan *plan, DatasetProgress *progress, void *context,
                         Error *error);
void train_note_ranks(const Options *options, const TrainPlan *plan);

// ------------------------------------------------------------------------------------------------------------
// The results

// Samples of the model, the first of which are shown; the sentences of stories are counted.
typedef struct Samples {
    char **texts;
    size_t *n; // their bytes
    int count;
    StoryCount stories; // all 0 for other texts
} Samples;

bool train_learns_stories(const Trainer *trainer);
bool train_samples(Trainer *trainer, int n, Samples *samples, Error *error); // free with samples_free where it returns true
void samples_free(Samples *samples);

// On stdout: losses, samples, the curve, and of stories the part that is well-formed, before and now; or all that as JSON.
bool train_report(const Options *options, Trainer *trainer, const char *folder, double seconds, Error *error);
void train_print_sample(const Trainer *trainer, const char *text, size_t n);

#endif
