// layernorm.c: layer normalization with a learned scale and shift.

#include "nn/nn.h"

void layernorm_init(LayerNorm *layernorm, Module *parent, const char *name, int size)
{
    REQUIRE(layernorm);
    *layernorm = (LayerNorm){0};
    module_init(&layernorm->module, &layernorm_kind, parent, name);
    layernorm->weight = module_add_parameter(&layernorm->module, "weight", SHAPE(size));
    layernorm->bias = module_add_parameter(&layernorm->module, "bias", SHAPE(size));
}

Tensor *(layernorm_forward)(LayerNorm *layernorm, Tensor *x, Where where)
{
    REQUIRE(layernorm);
    int outer = tape_enter(layernorm->module.name, where);
    Tensor *y = tensor_layernorm(x, layernorm->weight, layernorm->bias, LAYERNORM_EPS);
    tape_leave(outer);
    return y;
}

// The same with every scheme: at the start it only normalizes.
static void layernorm_initialize(Module *module, const Init *init, Random *random)
{
    (void)init;
    (void)random;
    LayerNorm *layernorm = (LayerNorm *)module;
    size_t n = tensor_count(layernorm->weight);
    for (size_t i = 0; i < n; i++) {
        layernorm->weight->data[i] = 1;
        layernorm->bias->data[i] = 0;
    }
}

const ModuleKind layernorm_kind = {.name = "LayerNorm", .initialize = layernorm_initialize};
