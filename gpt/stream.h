// stream.h: a streamed model's weights, part by part. Internal; the public functions are in gpt.h.
//
//      part       0                1 ... n_layer         n_layer + 1
//              wte, wpe        h.0 ... h.n_layer - 1     ln_f, lm_head
//
// Untrained weights are a function of the seed: the generator's state at the start of a part gives its weights again. The states become known as
// the parts are made in order for the first time.

#ifndef GPTAPE_STREAM_H
#define GPTAPE_STREAM_H

#include "gpt/gpt.h"

// Stored weights: reads the parameter's values into its memory; false if the parameter is missing. Fails
// (fail_file) if the file can no longer be read.
typedef bool StreamRead(void *context, const Module *module, Tensor *parameter);

typedef struct StreamSource {
    StreamRead *read; // NULL: all weights come from the seed
    void *context;
    void (*free)(void *context); // NULL: borrowed from another model
} StreamSource;

// A GPT whose blocks have memory one at a time. Weights missing from the source come from the seed. The model frees the source, also on error.
GPT *gpt_create_streamed_from(const GPTConfig *config, uint64_t seed, StreamSource source, Error *error);
StreamSource gpt_stream_source(const GPT *gpt); // the same, borrowed

// Loads or draws a part's weights. Blocks reuse the memory of the block before; earlier parts must have been drawn. Does nothing if the weights are
// in memory, or the model is not streamed.
void gpt_stream_part(GPT *gpt, int part);
void gpt_stream_drop(GPT *gpt, int part, bool keep_gradients); // frees a part's memory (module_drop_memory)

// The modules of a part are those of the tree from first on that have this part.
Module *gpt_part_first(const GPT *gpt, int part);
Module *gpt_part_next(const GPT *gpt, Module *module); // NULL after the last

void gpt_stream_begin(GPT *gpt, uint64_t seed, StreamSource source); // of a model whose blocks have no memory: creates its stream and loads part 0
void gpt_stream_free(GPT *gpt);

Tensor *gpt_embed(GPT *gpt, const int *ids, int B, int T); // the beginning of gpt_forward, -> "embd" (B, T, C)

#endif
