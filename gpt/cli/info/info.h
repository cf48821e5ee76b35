// info.h: shared by the files of gptape info: info.c (parameters, training) and running.c (running it untrained, on this machine).

#ifndef GPTAPE_CLI_INFO_H
#define GPTAPE_CLI_INFO_H

#include "gpt/cli/kit/kit.h"

// Whether the weights are held or streamed, how much memory that takes and about how long: gptape generate --tokens 1, and one arm of gptape
// gradflow --batch 1 --length 16. The times are estimated from a short measurement of this machine's speed.
void info_print_running(const GPTConfig *config);
void info_print_running_presets(void);                       // for all presets
void info_add_running(cJSON *json, const GPTConfig *config); // the memory only

#endif
