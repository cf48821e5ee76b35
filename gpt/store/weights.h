// weights.h: inside gpt/store/: the tensors of a folder, from one file or several (weight_files.c), for model_weights.c.

#ifndef GPTAPE_WEIGHTS_H
#define GPTAPE_WEIGHTS_H

#include "gpt/store/safetensors.h"

enum { NAME_SHOWN = 80 }; // of a tensor's name in messages

// An array, and the file that it is in.
typedef struct Found {
    const Safetensors *file;
    const StoredArray *array;
} Found;

typedef struct Weights {
    const char *folder;
    Safetensors *files;
    bool **used; // for each file, which of its arrays were found by name
    int n_files;
} Weights;

// Opens model.safetensors, or the files that model.safetensors.index.json names. Close it also after a failure.
bool weights_open(Weights *weights, const char *folder, Error *error);
void weights_close(Weights *weights);

// Finds the array called name, or "transformer." and name, and marks it as used.
bool weights_find(Weights *weights, const char *name, Found *found);

// Checks the shape, and that the dtype can be read as floats. Errors name the file, the tensor and both shapes.
bool weights_check(Found found, int ndim, const int *size, Error *error);
bool weights_need(Weights *weights, const char *name, int ndim, const int *size, Found *found, Error *error); // both

// Checks that every array was used, except attention masks.
bool weights_check_no_other(const Weights *weights, Error *error);

#endif
