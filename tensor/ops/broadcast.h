// broadcast.h: two shapes of different sizes, walked together.
//
// Sizes are aligned at the last dimension; where one is 1 or missing, its values are repeated (NumPy's and torch's rule).
// A repeated value has step 0 along that dimension: forward then reads it again and again, and backward, which adds to the
// same place again and again, sums its gradient over all its uses. No op has to undo the broadcast by hand.

#ifndef GPTAPE_BROADCAST_H
#define GPTAPE_BROADCAST_H

#include "tensor/op.h"

typedef struct Broadcast {
    Shape shape;                                   // of the result
    int size[MAX_DIMS];                            // of the result, padded to four dimensions at the front
    size_t a_step[MAX_DIMS];                       // how far a moves along each, 0 where it repeats
    size_t b_step[MAX_DIMS];
    size_t rows;                                   // all dimensions but the last
    size_t columns;                                // the last
} Broadcast;

// Where row number row starts in a, b and the result; a and b then move by a_step[3] and b_step[3], the result by 1.
typedef struct BroadcastRow {
    size_t a;
    size_t b;
    size_t out;
} BroadcastRow;

Broadcast broadcast_plan(const OpCall *call);      // of the call's two inputs; a mistake if they do not fit
BroadcastRow broadcast_row(const Broadcast *plan, size_t row);

#endif
