// elementwise.h: the loops that element-by-element operations share. Each operation adds only its formula and its derivative.

#ifndef GPTAPE_ELEMENTWISE_H
#define GPTAPE_ELEMENTWISE_H

#include "tensor/op.h"

// One value of y = f(x). parameter is the operation's own number: a factor, an exponent.
typedef struct UnaryPoint {
    Real x, y; // y is not yet known when f is called
    Real parameter;
} UnaryPoint;

typedef Real UnaryFormula(UnaryPoint at);

// value is f, slope dy/dx, in terms of x or y, whichever is simpler.
Tensor *unary_forward(const Op *op, Tensor *x, UnaryFormula *value, UnaryFormula *slope, double parameter, Where where);
void unary_backward(TapeNode *node);
void unary_save(Tensor *y, UnaryFormula *slope, double parameter); // for unary_backward; unary_forward does it

// y = f(a, b) with broadcasting. The gradient of a repeated value is the sum over all its uses.
typedef struct BinarySlopes {
    Real a; // dy/da
    Real b; // dy/db
} BinarySlopes;

typedef Real BinaryValue(Real a, Real b);
typedef BinarySlopes BinarySlope(Real a, Real b);

Tensor *binary_forward(const Op *op, Tensor *a, Tensor *b, BinaryValue *value, BinarySlope *slope, Where where);
void binary_backward(TapeNode *node);

// Two shapes, aligned at the last dimension. A size of 1, or a missing one, is repeated (NumPy's and torch's rule): the step along that
// dimension is 0. So forward reads the value again and again, and backward, which adds to it again and again, sums its gradient.
typedef struct Broadcast {
    Shape shape;             // of the result
    int size[MAX_DIMS];      // of the result, padded with ones at the front
    size_t a_step[MAX_DIMS]; // the distance between neighbors along each dimension, 0 where a is repeated
    size_t b_step[MAX_DIMS];
    size_t rows;    // of all dimensions but the last
    size_t columns; // of the last
} Broadcast;

// Where a row of the result starts in a, in b and in the result. Along it, a and b move by a_step[3] and b_step[3], the result by 1.
typedef struct BroadcastRow {
    size_t a;
    size_t b;
    size_t out;
} BroadcastRow;

Broadcast broadcast_plan(const OpCall *call); // of the two inputs; fails if their shapes do not fit together
BroadcastRow broadcast_row(const Broadcast *plan, size_t row);

#endif
