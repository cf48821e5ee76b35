// store.h: models in folders, as Hugging Face's transformers saves a GPT-2.

#ifndef GPTAPE_STORE_H
#define GPTAPE_STORE_H

#include "gpt/gpt.h"
#include "gpt/text/text.h"

#include "tensor/public_begin.h"

// The files of a model's folder:
//
//      model.safetensors        the weights by GPT-2's names: wte.weight (V, C), h.0.attn.c_attn.weight (C, 3C), ..., float32. The
//                               matrices inside blocks lie transposed there, (n_in, n_out). A tied head is left out.
//      config.json              GPT2Config's keys. If the model differs from any GPT-2, in its shortcut, norm, causal, qkv_bias
//                               or init, the key "gptape" says so: {"gptape": {"shortcut": false}}
//      gptape_tokenizer.json    {"tokenizer": "gpt2"}, or "bytes", or "chars" with an "alphabet" of code points in the order of ids
//      vocab.json, merges.txt   GPT-2's vocabulary, if that is the tokenizer
//
// transformers reads what gpt_save writes and computes the same, except for the fields under "gptape", which it does not know. A model
// without qkv_bias is saved with a bias of zeros, which computes the same.

// Makes the folder if need be. Each file appears complete or not at all, the weights last. False and an error, with the folder unchanged, if
// any file can't be written (a full disk, for example). With tokenizer NULL its files are left unchanged.
bool gpt_save(const GPT *gpt, const Tokenizer *tokenizer, const char *folder, Error *error);

// Loads a GPT from a folder saved by gptape or transformers: float32, float16, bfloat16 or float64, in one file or in several with an index,
// names with or without "transformer." before them; stored attention masks are ignored. config.dropout is config.json's resid_pdrop; the
// Dropout modules also have its embd_pdrop and attn_pdrop. The random state is that of seed 0. The caller frees it with gpt_free. NULL and an
// error that names file and tensor if a tensor is missing, unexpected or of another shape than config.json says, or if config.json has a
// setting that is not supported, for example another activation (README.md lists all).
GPT *gpt_load(const char *folder, Error *error);
// The same, with one block's weights in memory at a time, read and converted each time a pass reaches it (gpt_create_streamed). The files stay open
// until gpt_free; a model that borrows them (an experiment's arm) must be freed first.
GPT *gpt_load_streamed(const char *folder, Error *error);
bool gpt_load_config(const char *folder, GPTConfig *config, Error *error); // only config.json, without the weights

// The settings of generation_config.json (without one: of config.json) that would change what the model writes, "temperature 0.7, top_k 50"; ""
// if there are none. gptape takes them from options instead. An eos_token_id is one if it is not end_of_text. The caller frees *settings.
bool gpt_generation_settings(const char *folder, int end_of_text, char **settings, Error *error);

// How a configuration differs from any GPT-2, "shortcut off, norm none", written to text and returned; "" if it doesn't.
enum { DIFFERENCE_TEXT = 128 };
const char *gpt_difference(const GPTConfig *config, char text[DIFFERENCE_TEXT]);

// The tokenizer in a model's folder: what gptape_tokenizer.json says, else GPT-2's vocabulary beside it, else what config.json's
// vocab_size implies: 256 bytes, or GPT-2's 50257 (to 50304: some round up), whose vocabulary is then looked for where
// vocabulary_folder(NULL) says. The caller frees it with tokenizer_free. NULL and an error if none is found, or it has more
// tokens than the model's vocab_size.
Tokenizer *tokenizer_load(const char *folder, Error *error);

#include "tensor/public_end.h"

#endif
