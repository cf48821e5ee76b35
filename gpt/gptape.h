// gptape.h: all public headers of gptape in one, for notebooks and first programs.

#ifndef GPTAPE_H
#define GPTAPE_H

#include "tensor/tensor.h"
#include "tensor/fast/fast.h"
#include "tensor/inspect/inspect.h"
#include "nn/nn.h"
#include "nn/residual/residual.h"
#include "nn/gradflow/gradflow.h"
#include "gpt/base/ranks.h"
#include "gpt/gpt.h"
#include "gpt/text/text.h"
#include "gpt/stories/stories.h"
#include "gpt/store/store.h"
#include "gpt/lab/claims/claims.h"
#include "gpt/lab/lab.h"
#include "gpt/train/train.h"
#include "gpt/plot/plot.h"
#include "gpt/bench/bench.h"

#endif
