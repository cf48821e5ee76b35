// adamw.c: the plain loops of the optimizers. nn/optimizer.c has the formulas.

#include "tensor/kernel.h"

#include <tgmath.h>

double plain_sum_of_squares(const Real *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += (double)x[i] * (double)x[i];
    }
    return sum;
}

void plain_adamw(const AdamWFactors *f, const Real *grad, Real *m, Real *v, Real *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        Real dp = f->gradient * grad[i];
        m[i] = f->beta1 * m[i] + f->new1 * dp;
        v[i] = f->beta2 * v[i] + f->new2 * dp * dp;
        Real denominator = (Real)sqrt(v[i]) * f->inv_sqrt + f->eps;
        p[i] = f->decay * p[i] - f->step_size * m[i] / denominator;
    }
}
