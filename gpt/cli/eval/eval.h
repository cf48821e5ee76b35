// eval.h: shared by the two files of gptape eval: eval.c (options, the model, one batch of ids) and text.c.

#ifndef GPTAPE_CLI_EVAL_H
#define GPTAPE_CLI_EVAL_H

#include "gpt/cli/kit/kit.h"

// The model, created or loaded.
typedef struct EvalModel {
    GPT *gpt;
    const char *name; // the preset's, or the folder
    bool saved;
    uint64_t seed; // of an untrained model
} EvalModel;

void eval_model_note(const Options *options, const EvalModel *model);

// False, and an error, if the loss is not finite, as with broken weights.
bool eval_model_check_loss(const Options *options, const EvalModel *model, double loss);
cJSON *eval_model_json(const EvalModel *model, double loss); // the answer's beginning

// Evaluates a text and prints the result; false after one line on stderr.
bool eval_text(const Options *options, const EvalModel *model);

#endif
