// weights.c: copies of the weights, and a loss as a function of the weights: see gradflow.h and weights.h.

#include "nn/gradflow/weights.h"

#include "tensor/unwind.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

WeightCopy weight_copy(const ParameterList *parameters)
{
    REQUIRE(parameters);
    WeightCopy copy = {parameters, memory_allocate((parameters->values + 1) * sizeof(Real), "a copy of the weights")};
    size_t at = 0;
    for (int i = 0; i < parameters->count; i++) {
        const Tensor *p = parameters->parameters[i];
        memcpy(copy.values + at, p->data, tensor_count(p) * sizeof(Real));
        at += tensor_count(p);
    }
    return copy;
}

void weight_copy_free(WeightCopy *copy)
{
    REQUIRE(copy);
    free(copy->values);
    *copy = (WeightCopy){0};
}

void update_ratios(const WeightCopy *before, double *ratios)
{
    REQUIRE(before, before->parameters, ratios);
    size_t at = 0;
    for (int i = 0; i < before->parameters->count; i++) {
        const Tensor *p = before->parameters->parameters[i];
        double change = 0;
        double size = 0;
        for (size_t k = 0; k < tensor_count(p); k++) {
            double old = (double)before->values[at + k];
            double difference = (double)p->data[k] - old;
            change += difference * difference;
            size += old * old;
        }
        ratios[i] = size > 0 ? sqrt(change / size) : NAN;
        at += tensor_count(p);
    }
}

// ------------------------------------------------------------------------------------------------------------
// Other memory

static void restore(void *object)
{
    Weights *w = object;
    const ParameterList *list = w->loss->parameters;
    for (int i = 0; i < list->count; i++) {
        free(list->parameters[i]->change);
        *list->parameters[i] = w->own[i];
    }
}

void weights_replace(Weights *w, const LossFunction *loss)
{
    REQUIRE(loss, loss->parameters, loss->forward);
    const ParameterList *list = loss->parameters;
    *w = (Weights){.loss = loss, .n = list->values};
    w->before = weight_copy(list);
    unwind_add(free, w->before.values);
    w->values = unwind_allocate(w->n, sizeof(Real), "other weights");
    w->gradient = unwind_allocate(w->n, sizeof(Real), "other weights");
    w->own = unwind_allocate((size_t)list->count, sizeof *w->own, "other weights");
    w->tape = unwind_add_tape();
    memcpy(w->values, w->before.values, w->n * sizeof(Real));
    for (int i = 0; i < list->count; i++) {
        w->own[i] = *list->parameters[i];
    }
    unwind_add(restore, w);
    size_t at = 0;
    for (int i = 0; i < list->count; i++) {
        Tensor *p = list->parameters[i];
        p->data = w->values + at;
        p->grad = NULL;
        p->grad_memory = w->gradient + at;
        p->change = NULL;
        at += tensor_count(p);
    }
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
    memset(w->gradient, 0, w->n * sizeof(Real));
    tensor_backward(w->loss->forward(w->loss->context, row));
    tape_reset(w->tape);
    for (size_t k = 0; k < w->n; k++) {
        gradient[k] = (double)w->gradient[k];
    }
}
