// reduce.h: inside gpt/train/: the gradients of a step, summed over its parts and over the ranks (see Reduction in train.h).

#ifndef GPTAPE_REDUCE_H
#define GPTAPE_REDUCE_H

#include "gpt/train/train.h"

// parameters must outlive the reducer; parts: per step. Free with reducer_free.
Reducer *reducer_create(const ParameterList *parameters, Reduction reduction, int parts);
void reducer_free(Reducer *reducer);

// REDUCE_EXACT: after the backward pass of one part on each rank, which started from zero gradients. Adds the ranks' gradients to those of
// the parts before, in the order of the parts; after the last, each parameter's gradient is the sum.
void reducer_add(Reducer *reducer, bool first, bool last);

// REDUCE_FAST, around the step's last backward pass: from reducer_watch on, each bucket is sent as soon as no node of the tape will add to its
// gradients. reducer_finish sends the rest and waits for all; without reducer_watch, it sends all.
void reducer_watch(Reducer *reducer, Tape *tape);
void reducer_unwatch(void *reducer); // an Undo; nothing if it does not watch
void reducer_finish(Reducer *reducer);

// Seconds spent on sums since the start, including waiting for other ranks; during a backward pass, only the time that delayed it.
double reducer_seconds(const Reducer *reducer);

double reducer_bytes(const Reducer *reducer); // size of its buffers

// When each transfer of the last sum began and ended, in seconds of clock_seconds. Returns how many; the caller frees them.
typedef struct ReducerSpan {
    double begin, end;
    size_t values;
} ReducerSpan;
int reducer_spans(const Reducer *reducer, ReducerSpan **spans);

#endif
