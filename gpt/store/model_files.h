// model_files.h: inside gpt/: the files of a model's folder, and the source files that read and write them.
//
//      model.safetensors        weights            model_weights.c, which asks weight_files.c; there may be several files
//      config.json              sizes, switches    model_config.c
//      gptape_tokenizer.json    which tokenizer    text/tokenizer_files.c; an alphabet is in it, too
//      vocab.json, merges.txt   GPT-2's vocabulary, where that is the tokenizer
//
// model_folder.c puts them together.

#ifndef GPTAPE_MODEL_FILES_H
#define GPTAPE_MODEL_FILES_H

#include "gpt/store/safetensors.h"
#include "gpt/store/store.h"

// ------------------------------------------------------------------------------------------------------------
// The parts

// GPT2Config's embd_pdrop, attn_pdrop and resid_pdrop; GPTConfig's dropout is the last.
typedef struct ModelDropouts {
    double embd, attn, resid;
} ModelDropouts;

void model_dropouts_set(GPT *gpt, ModelDropouts dropouts);
ModelDropouts model_dropouts(const GPT *gpt);

// config.json -> config, and back. A missing key has GPT2Config's default. dropouts may be NULL.
bool model_config_read(const char *path, GPTConfig *config, ModelDropouts *dropouts, Error *error);
bool model_config_parse(const char *text, size_t n, const char *path, GPTConfig *config, ModelDropouts *dropouts, Error *error);

#define OWN_KEY "gptape"                                                   // of the fields that no GPT-2 has
bool activation_of_transformers(const char *name, Activation *activation); // "gelu_new"; false if gptape lacks it

typedef struct ModelConfigFile {
    const GPTConfig *config;
    ModelDropouts dropouts;
    int end_of_text; // its id; -1 if there is none
} ModelConfigFile;

void model_config_write(const void *model_config_file, FILE *stream);

// All arrays of the model, as Hugging Face's GPT-2 names them and lays them out. The writer borrows the model's weights. zeros is
// for what the model doesn't have, but GPT-2 does; free it after the writer.
SafetensorsWriter *model_weights_writer(const GPT *gpt, Real **zeros);

// ------------------------------------------------------------------------------------------------------------
// The tensors of a folder, from one file or several (weight_files.c), for model_weights.c

enum { NAME_SHOWN = 80 }; // of a tensor's name in messages

// An array, and the file that it is in.
typedef struct Found {
    const Safetensors *file;
    const StoredArray *array;
} Found;

typedef struct Weights {
    char *folder;
    Safetensors *files;
    bool **used; // for each file, which of its arrays were found by name
    int n_files;
} Weights;

// Opens model.safetensors, or the files that model.safetensors.index.json names. The caller closes it. NULL and an error if one is missing or
// invalid.
Weights *weights_open(const char *folder, Error *error);
void weights_close(void *weights); // Weights

// Finds the array called name, or "transformer." and name, and marks it as used.
bool weights_find(Weights *weights, const char *name, Found *found);

// Checks the shape, and that the dtype can be read as floats. Errors name the file, the tensor and both shapes.
bool weights_check(Found found, Shape shape, Error *error);
bool weights_need(Weights *weights, const char *name, Shape shape, Found *found, Error *error); // both

// Checks that every array was used, except attention masks.
bool weights_check_no_other(const Weights *weights, Error *error);

// Reads the weights in folder, from one file or from several with an index. False if they are missing, or not those that config
// requires. Creates the model.
GPT *model_weights_load(const char *folder, const GPTConfig *config, bool streamed, Error *error);

#endif
