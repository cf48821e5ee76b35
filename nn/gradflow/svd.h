// svd.h: singular values without memory of their own. Internal to nn/gradflow/.

#ifndef GPTAPE_GRADFLOW_SVD_H
#define GPTAPE_GRADFLOW_SVD_H

#include "nn/gradflow/gradflow.h"

// The squares of the singular values of a (m, n), m <= n, in no order, from the eigenvalues of a a^T: each is within a few units of rounding of the
// largest square, so that values are within 1e-8 of the largest. Not finite if a is not. scratch: m (m + 2).
void singular_squares(const double *a, int m, int n, double *values, double *scratch);

#endif
