// svd.h: singular values, in memory that the caller provides. Internal to nn/gradflow/.

#ifndef GPTAPE_GRADFLOW_SVD_H
#define GPTAPE_GRADFLOW_SVD_H

#include "nn/gradflow/gradflow.h"

// The squares of the singular values of a (m, n), m <= n, in no particular order, from the eigenvalues of a a^T. The error of a square is a few
// roundings of the largest square, so that of a value is at most 1e-8 of the largest. Not finite if a is not. scratch: m (m + 2) doubles.
void singular_squares(const double *a, int m, int n, double *values, double *scratch);

#endif
