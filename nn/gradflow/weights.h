// weights.h: a loss as a function of the weights: its value and gradient at temporary weights. Internal to nn/gradflow/.

#ifndef GPTAPE_GRADFLOW_WEIGHTS_H
#define GPTAPE_GRADFLOW_WEIGHTS_H

#include "nn/gradflow/gradflow.h"

// The parameters of a loss, with temporary memory in place of their own. Values of all parameters are one list, one parameter after the other.
typedef struct Weights {
    const LossFunction *loss;
    size_t n;                // values of all parameters
    Real *values, *gradient; // (n) what the parameters now have
    WeightCopy before;       // their values before
    Tensor *own;             // the parameters before, with their own memory
    Tape *tape;              // for the forward passes
} Weights;

// Until the innermost frame ends, each parameter of the loss shows w->values, a copy at first, and has no gradient; a tape of our own
// is current. Afterwards each has its own memory again: values, gradient and version are unchanged.
void weights_replace(Weights *w, const LossFunction *loss);

double weights_loss(Weights *w);                              // the loss of all rows, without its gradient
void weights_gradient(Weights *w, int row, double *gradient); // (n) of the loss of this row, of all if it is -1; 0 where none arrives

#endif
