// rmsnorm.c: root mean square normalization with a learned scale.

#include "nn/nn.h"

void rmsnorm_init(RMSNorm *rmsnorm, Module *parent, const char *name, int size)
{
    REQUIRE(rmsnorm);
    *rmsnorm = (RMSNorm){0};
    module_init(&rmsnorm->module, &rmsnorm_kind, parent, name);
    rmsnorm->weight = module_add_parameter(&rmsnorm->module, "weight", SHAPE(size));
}

Tensor *(rmsnorm_forward)(RMSNorm *rmsnorm, Tensor *x, Where where)
{
    REQUIRE(rmsnorm);
    int outer = tape_enter(rmsnorm->module.name, where);
    Tensor *y = tensor_rmsnorm(x, rmsnorm->weight, LAYERNORM_EPS);
    tape_leave(outer);
    return y;
}

// The same with every scheme: at the start it only normalizes.
static void rmsnorm_initialize(Module *module, const Init *init, Random *random)
{
    (void)init;
    (void)random;
    RMSNorm *rmsnorm = (RMSNorm *)module;
    size_t n = tensor_count(rmsnorm->weight);
    for (size_t i = 0; i < n; i++) {
        rmsnorm->weight->data[i] = 1;
    }
}

const ModuleKind rmsnorm_kind = {.name = "RMSNorm", .initialize = rmsnorm_initialize};
