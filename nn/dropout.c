// dropout.c: zeroes random values while training.

#include "nn/nn.h"

void dropout_init(Dropout *dropout, Module *parent, const char *name, double p, Random *random)
{
    REQUIRE(dropout);
    *dropout = (Dropout){.p = p, .random = random};
    module_init(&dropout->module, &dropout_kind, parent, name);
}

Tensor *(dropout_forward)(Dropout *dropout, Tensor *x, Where where)
{
    REQUIRE(dropout);
    if (!dropout->module.training || dropout->p == 0) {
        return x;
    }
    int outer = tape_enter(dropout->module.name, where);
    Tensor *y = tensor_dropout(x, dropout->p, dropout->random);
    tape_leave(outer);
    return y;
}

const ModuleKind dropout_kind = {.name = "Dropout"};
