// weights.h: inside gpt/store/: what model_weights.c asks weight_files.c for.

#ifndef GPTAPE_WEIGHTS_H
#define GPTAPE_WEIGHTS_H

#include "gpt/store/safetensors.h"

enum { NAME_SHOWN = 80 };                          // of a tensor's name in messages

// An array, and the file that it is in.
typedef struct Found {
    const Safetensors *file;
    const StoredArray *array;
} Found;

typedef struct Weights {
    const char *folder;
    Safetensors *files;
    bool **used;                                   // for each file, which of its arrays the model has asked for
    int n_files;
} Weights;

// model.safetensors, or the files that model.safetensors.index.json names. To be closed either way.
bool weights_open(Weights *weights, const char *folder, Error *error);
void weights_close(Weights *weights);

// The array called name, or "transformer." and name; it counts as used from now on.
bool weights_find(Weights *weights, const char *name, Found *found);

// Is it of this shape, in numbers that can be read? Errors name the file, the tensor and both shapes.
bool weights_check(Found found, int ndim, const int *size, Error *error);
bool weights_need(Weights *weights, const char *name, int ndim, const int *size, Found *found, Error *error);  // both

// Is there nothing but what was used, and attention masks?
bool weights_check_no_other(const Weights *weights, Error *error);

#endif
