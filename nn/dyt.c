// dyt.c: Dynamic Tanh (Zhu et al. 2025): a tanh with a learned slope, which limits large values as a norm does.

#include "nn/nn.h"

static const double ALPHA = 0.5; // at first, as in the paper

void dyt_init(DyT *dyt, Module *parent, const char *name, int size)
{
    REQUIRE(dyt);
    *dyt = (DyT){0};
    module_init(&dyt->module, &dyt_kind, parent, name);
    dyt->alpha = module_add_parameter(&dyt->module, "alpha", SHAPE(1));
    dyt->weight = module_add_parameter(&dyt->module, "weight", SHAPE(size));
    dyt->bias = module_add_parameter(&dyt->module, "bias", SHAPE(size));
}

Tensor *(dyt_forward)(DyT *dyt, Tensor *x, Where where)
{
    REQUIRE(dyt);
    int outer = tape_enter(dyt->module.name, where);
    Tensor *squashed = tensor_tanh(tensor_mul(x, dyt->alpha)); // (..., C)
    Tensor *y = tensor_add(tensor_mul(squashed, dyt->weight), dyt->bias);
    tape_leave(outer);
    return y;
}

static void dyt_initialize(Module *module, const Init *init, Random *random)
{
    (void)init;
    (void)random;
    DyT *dyt = (DyT *)module;
    size_t n = tensor_count(dyt->weight);
    dyt->alpha->data[0] = (Real)ALPHA;
    for (size_t i = 0; i < n; i++) {
        dyt->weight->data[i] = 1;
        dyt->bias->data[i] = 0;
    }
}

const ModuleKind dyt_kind = {.name = "DyT", .initialize = dyt_initialize};
