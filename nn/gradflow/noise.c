// noise.c: the gradient noise scale: see gradflow.h.

#include "nn/gradflow/loops.h"
#include "nn/gradflow/weights.h"

#include "tensor/unwind.h"

#include <math.h>

NoiseScale noise_scale(const LossFunction *loss, int n_rows)
{
    if (n_rows < 2) {
        fail_mistake(HERE, "noise_scale: %d rows (expected at least 2)", n_rows);
    }
    double B = n_rows;
    int frame = unwind_begin();
    Weights w;
    weights_replace(&w, loss);
    double *gradient = unwind_allocate(w.n, sizeof *gradient, "the noise scale");
    weights_gradient(&w, -1, gradient);
    double all = dot_double(gradient, gradient, w.n); // |G_B|^2
    double one = 0;                                   // mean |G_1|^2
    for (int row = 0; row < n_rows; row++) {
        weights_gradient(&w, row, gradient);
        one += dot_double(gradient, gradient, w.n) / B;
    }
    unwind_end(frame);
    NoiseScale noise = {.G2 = (B * all - one) / (B - 1), .trace = fmax(one - all, 0) / (1 - 1 / B)};
    noise.scale = noise.G2 > 0 ? noise.trace / noise.G2 : NAN;
    return noise;
}
