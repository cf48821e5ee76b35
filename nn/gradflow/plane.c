// plane.c: the loss on a plane through the weights: see gradflow.h.

#include "nn/gradflow/weights.h"

#include "tensor/unwind.h"

// Gives each row of d the norm of the weight's row.
static void scale_rows(const Real *weight, Real *d, size_t n_rows, size_t n)
{
    for (size_t row = 0; row < n_rows; row++) {
        double norm = flow_stats(d + row * n, n).l2;
        double factor = norm > 0 ? flow_stats(weight + row * n, n).l2 / norm : 0;
        for (size_t i = 0; i < n; i++) {
            d[row * n + i] = (Real)(factor * (double)d[row * n + i]);
        }
    }
}

// (n) normal numbers, each row scaled to the norm of the weight's row; 0 for biases and norms.
static Real *make_direction(const Weights *w, Random *random)
{
    Real *d = unwind_allocate(w->n, sizeof *d, "a direction in the space of the weights");
    const ParameterList *list = w->loss->parameters;
    size_t at = 0;
    for (int i = 0; i < list->count; i++) {
        const Tensor *p = list->parameters[i];
        size_t n = tensor_count(p);
        if (p->shape.ndim >= 2) {
            size_t columns = (size_t)shape_last(p->shape);
            random_normal(random, d + at, n, 0, 1);
            scale_rows(w->before.values + at, d + at, n / columns, columns);
        }
        at += n;
    }
    return d;
}

static void move_to(Weights *w, double a, const Real *d1, double b, const Real *d2)
{
    for (size_t k = 0; k < w->n; k++) {
        w->values[k] = (Real)((double)w->before.values[k] + a * (double)d1[k] + b * (double)d2[k]);
    }
}

double loss_plane_place(int i, int n)
{
    return n < 2 ? 0 : -1 + 2.0 * i / (n - 1);
}

void loss_plane(const LossFunction *loss, uint64_t seed, int n, double *values)
{
    REQUIRE(values);
    Random random;
    random_seed(&random, seed);
    int frame = unwind_begin();
    Weights w;
    weights_replace(&w, loss);
    const Real *d1 = make_direction(&w, &random);
    const Real *d2 = make_direction(&w, &random);
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++) {
            move_to(&w, loss_plane_place(i, n), d1, loss_plane_place(j, n), d2);
            values[i * n + j] = weights_loss(&w);
        }
    }
    unwind_end(frame);
}
