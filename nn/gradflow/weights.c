// weights.c: a loss as a function of the weights: see weights.h.

#include "nn/gradflow/weights.h"

#include "tensor/unwind.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct OwnMemory {
    Real *data;
    Real *grad;
    Real *grad_memory;
    struct TensorChange *change;
} OwnMemory;

static void restore(void *object)
{
    Weights *w = object;
    for (int i = 0; i < w->loss->parameters->count; i++) {
        Tensor *p = w->loss->parameters->parameters[i];
        tensor_zero_grad(p);
        free(p->grad_memory);
        free(p->change);
        p->data = w->own[i].data;
        p->grad = w->own[i].grad;
        p->grad_memory = w->own[i].grad_memory;
        p->change = w->own[i].change;
    }
}

void weights_replace(Weights *w, const LossFunction *loss)
{
    REQUIRE(loss);
    REQUIRE(loss->parameters);
    REQUIRE(loss->forward);
    *w = (Weights){.loss = loss, .n = loss->parameters->values};
    w->values = unwind_allocate(w->n, sizeof *w->values, "other weights");
    w->own = unwind_allocate((size_t)loss->parameters->count, sizeof *w->own, "other weights");
    w->tape = unwind_add_tape();
    size_t at = 0;
    for (int i = 0; i < loss->parameters->count; i++) {
        Tensor *p = loss->parameters->parameters[i];
        w->own[i] = (OwnMemory){p->data, p->grad, p->grad_memory, p->change};
        memcpy(w->values + at, p->data, tensor_count(p) * sizeof(Real));
        at += tensor_count(p);
    }
    unwind_add(restore, w);
    at = 0;
    for (int i = 0; i < loss->parameters->count; i++) {
        Tensor *p = loss->parameters->parameters[i];
        p->data = w->values + at;
        p->grad = NULL;
        p->grad_memory = NULL;
        p->change = NULL;
        at += tensor_count(p);
    }
}

const Real *weights_own(const Weights *w, int parameter)
{
    return w->own[parameter].data;
}

double weights_loss(Weights *w)
{
    int frame = unwind_begin();
    tape_no_grad_begin();
    double loss = (double)tensor_item(w->loss->forward(w->loss->context, -1));
    unwind_end(frame);
    tape_reset(w->tape);
    return loss;
}

void weights_gradient(Weights *w, int row, double *gradient)
{
    const ParameterList *list = w->loss->parameters;
    for (int i = 0; i < list->count; i++) {
        tensor_zero_grad(list->parameters[i]);
    }
    tensor_backward(w->loss->forward(w->loss->context, row));
    tape_reset(w->tape);
    size_t at = 0;
    for (int i = 0; i < list->count; i++) {
        const Tensor *p = list->parameters[i];
        for (size_t k = 0; k < tensor_count(p); k++) {
            gradient[at + k] = p->grad == NULL ? 0 : (double)p->grad[k];
        }
        at += tensor_count(p);
    }
}
