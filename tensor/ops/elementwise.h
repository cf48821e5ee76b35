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

#endif
