// elementwise.h: the loops that all element-by-element operations share; each op adds only its formula and its slope.

#ifndef GPTAPE_ELEMENTWISE_H
#define GPTAPE_ELEMENTWISE_H

#include "tensor/op.h"

// y = f(x). The parameter is the op's own number (a factor, an exponent), kept in the node.
typedef Real UnaryValue(Real x, double parameter);
typedef Real UnarySlope(Real x, Real y, double parameter);     // dy/dx, from whichever of x and y is handier

Tensor *unary_forward(OpKind kind, Tensor *x, UnaryValue *value, double parameter, Where where);
void unary_backward(TapeNode *node, UnarySlope *slope);

// y = f(a, b), broadcast. Where a value is repeated, its gradient is the sum over all its uses.
typedef struct BinarySlopes {
    Real a;                                        // dy/da
    Real b;                                        // dy/db
} BinarySlopes;

typedef Real BinaryValue(Real a, Real b);
typedef BinarySlopes BinarySlope(Real a, Real b);

Tensor *binary_forward(OpKind kind, Tensor *a, Tensor *b, BinaryValue *value, Where where);
void binary_backward(TapeNode *node, BinarySlope *slope);

#endif
