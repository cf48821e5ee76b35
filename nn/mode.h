// mode.h: training and evaluation mode for the duration of a call.

#ifndef GPTAPE_MODE_H
#define GPTAPE_MODE_H

#include "nn/nn.h"

// module_train until the innermost frame ends (tensor/unwind.h); then each module is in the mode that it was in before.
void module_train_in_frame(Module *root, bool training);

#endif
