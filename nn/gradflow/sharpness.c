// sharpness.c: the largest eigenvalue of the loss's Hessian, by power iteration: see gradflow.h.

#include "nn/gradflow/loops.h"
#include "nn/gradflow/weights.h"

#include "tensor/unwind.h"

#include <math.h>

// How far the weights move along a unit vector v, for the difference H v = (g(w + step v) - g(w - step v)) / (2 step). Its error is
// step^2 / 6 times a fourth derivative, from the formula, and about eps |g| / step, from rounding.
#ifdef GPTAPE_DOUBLE
static const double STEP = 1e-5;
#else
static const double STEP = 3e-4;
#endif

enum { UNSHIFTED = 20 }; // most iterations that look for the eigenvalue of largest magnitude

typedef struct Iteration {
    Weights weights;
    size_t n;
    double *v;     // (n) unit vector
    double *Hv;    // (n)
    double *other; // (n) the gradient on the other side
    double shift;
} Iteration;

static void divide(double *values, size_t n, double divisor)
{
    for (size_t i = 0; i < n; i++) {
        values[i] /= divisor;
    }
}

static void gradient_at(Iteration *it, double step, double *gradient)
{
    for (size_t i = 0; i < it->n; i++) {
        it->weights.values[i] = (Real)((double)it->weights.before.values[i] + step * it->v[i]);
    }
    weights_gradient(&it->weights, -1, gradient);
}

// Computes H v, lambda = v^T H v and the residual || H v - lambda v ||, then moves v to (H + shift) v, normalized. Returns || H v ||.
static double iterate(Iteration *it, Sharpness *sharpness)
{
    gradient_at(it, STEP, it->Hv);
    gradient_at(it, -STEP, it->other);
    double lambda = 0;
    for (size_t i = 0; i < it->n; i++) {
        it->Hv[i] = (it->Hv[i] - it->other[i]) / (2 * STEP);
        lambda += it->v[i] * it->Hv[i];
    }
    double norm = l2(it->Hv, it->n);
    for (size_t i = 0; i < it->n; i++) {
        it->other[i] = it->Hv[i] - lambda * it->v[i];
        it->v[i] = it->Hv[i] + it->shift * it->v[i];
    }
    double length = l2(it->v, it->n);
    divide(it->v, it->n, length);
    sharpness->value = lambda;
    sharpness->residual = norm == 0 ? 0 : l2(it->other, it->n) / fabs(lambda);
    sharpness->iterations++;
    return norm;
}

static void draw_v(Iteration *it, uint64_t seed)
{
    Random random;
    random_seed(&random, seed);
    for (size_t i = 0; i < it->n; i++) {
        Real drawn;
        random_normal(&random, &drawn, 1, 0, 1);
        it->v[i] = (double)drawn;
    }
    divide(it->v, it->n, l2(it->v, it->n));
}

static void begin(Iteration *it, const LossFunction *loss, uint64_t seed)
{
    *it = (Iteration){0};
    weights_replace(&it->weights, loss);
    it->n = it->weights.n;
    it->v = unwind_allocate(it->n, sizeof(double), "the sharpness");
    it->Hv = unwind_allocate(it->n, sizeof(double), "the sharpness");
    it->other = unwind_allocate(it->n, sizeof(double), "the sharpness");
    draw_v(it, seed);
}

Sharpness sharpness_measure(const LossFunction *loss, const SharpnessConfig *config)
{
    REQUIRE(config);
    Sharpness sharpness = {0};
    Iteration it;
    double largest = 0; // largest || H v || so far: a lower bound on the largest magnitude of an eigenvalue
    int frame = unwind_begin();
    begin(&it, loss, config->seed);
    while (sharpness.iterations < config->max_iterations && !sharpness.converged) {
        if (sharpness.iterations == UNSHIFTED) {
            it.shift = largest;
            draw_v(&it, config->seed); // v has little left of the eigenvector wanted now
        }
        largest = fmax(largest, iterate(&it, &sharpness));
        bool is_largest = it.shift > 0 || sharpness.value >= 0;
        sharpness.converged = is_largest && sharpness.residual <= config->tolerance;
        if (!isfinite(sharpness.value) || largest == 0) {
            break;
        }
    }
    unwind_end(frame);
    return sharpness;
}
