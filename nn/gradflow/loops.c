// loops.c: see loops.h.

#include "nn/gradflow/loops.h"

#include "tensor/fast/fast.h"
#include "tensor/kernel.h"
#include "tensor/unwind.h"

#include <stdlib.h>

static const double WORTH_A_THREAD = 1 << 16; // multiplications; waking one takes some microseconds

typedef struct Shares {
    FlowItem *item;
    const void *call;
    size_t n, parts;
    double *memory; // (parts, scratch)
    size_t scratch;
} Shares;

// Each part takes every parts-th item, so that the parts cost about the same even if the cost of an item rises with its number.
static void run_parts(const void *object, size_t start, size_t end)
{
    const Shares *s = object;
    for (size_t part = start; part < end; part++) {
        for (size_t i = part; i < s->n; i += s->parts) {
            s->item(s->call, i, s->memory + part * s->scratch);
        }
    }
}

void flow_share(size_t n, double work, size_t scratch, FlowItem *item, const void *call)
{
    double worth = (double)n * work / WORTH_A_THREAD;
    size_t parts = (size_t)kernels_threads() < n ? (size_t)kernels_threads() : n;
    Shares shares = {.item = item, .call = call, .n = n, .parts = worth < 2 ? 1 : parts, .scratch = scratch};
    int frame = unwind_begin();
    shares.memory = memory_allocate(shares.parts * scratch * sizeof(double), "a measurement");
    unwind_add(free, shares.memory);
    kernels()->divide(shares.parts, 1, run_parts, &shares); // one part wakes no thread: small networks make many such calls
    unwind_end(frame);
}
