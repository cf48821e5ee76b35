// generate.h: shared by the files of gptape generate: generate.c (options, model, prompt, and the plot of attention) and print.c (the samples).

#ifndef GPTAPE_CLI_GENERATE_H
#define GPTAPE_CLI_GENERATE_H

#include "gpt/cli/kit/kit.h"

enum { BYTES = 256 }; // a vocabulary of at least this many can hold any text's bytes

#define DEFAULT_PROMPT "Every effort moves you"

// One run of the command.
typedef struct Generation {
    const Options *options;
    const GPTPreset *preset; // NULL with --model
    GPTConfig model;
    bool ids_only; // is the vocabulary of an untrained model too small for text?
    bool is_text;  // is text printed, or ids, or JSON?
    GPT *gpt;
    uint64_t seed;        // of the draws, and of an untrained model's weights
    Tokenizer *tokenizer; // NULL where there are only ids
    int *prompt;          // (n_prompt)
    int n_prompt;
    bool prompt_hidden; // the prompt is empty: generation begins with a token that is not shown
    GenerateConfig config;
    int n_samples;
    const char *attention; // --attention's file; NULL: none
    int *text;             // (n_text): the prompt and the new tokens of the last group's first sample
    int n_text;
} Generation;

int generation_together(const Generation *generation); // how many samples are made at once

// The ids as text, as a terminal would show it, without the token that ends it. For an untrained model that has no text, the ids
// themselves. The caller frees it.
char *generation_text(const Generation *generation, const int *ids, int n);

bool generation_print(Generation *generation); // makes the samples and prints them; false after one line on stderr

#endif
