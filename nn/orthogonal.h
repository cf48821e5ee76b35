// orthogonal.h: random orthogonal matrices. Internal to nn/.

#ifndef GPTAPE_NN_ORTHOGONAL_H
#define GPTAPE_NN_ORTHOGONAL_H

#include "nn/nn.h"

// weight (rows, columns): gain times a matrix with orthonormal rows, or columns if there are fewer of them, uniform among all such.
// torch: init.orthogonal_(weight, gain), with the same numbers up to rounding.
void draw_orthogonal(Random *random, Real *weight, int rows, int columns, double gain);

#endif
