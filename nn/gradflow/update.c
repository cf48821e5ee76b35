// update.c: how far an optimizer step moves each parameter: see gradflow.h.

#include "nn/gradflow/gradflow.h"

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
    REQUIRE(before);
    REQUIRE(ratios);
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
