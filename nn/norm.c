// norm.c: layers that keep values in bounds: layer normalization, batch normalization, root mean square normalization, each with a learned scale
// (and shift), and Dynamic Tanh, which replaces them.

#include "nn/nn.h"

#include <string.h>

static const double ALPHA = 0.5; // DyT's initial alpha, as in the paper

// The same for every init scheme: at the start a norm only normalizes.
static void norm_initialize(Module *module, const Init *init, Random *random)
{
    (void)init;
    (void)random;
    for (int i = 0; i < module->n_parameters; i++) {
        Tensor *parameter = module->parameters[i];
        double value = strcmp(parameter->label, "weight") == 0 ? 1 : strcmp(parameter->label, "alpha") == 0 ? ALPHA : 0;
        for (size_t k = 0; k < tensor_count(parameter); k++) {
            parameter->data[k] = (Real)value;
        }
    }
}

const ModuleKind layernorm_kind = {.name = "LayerNorm", .initialize = norm_initialize};
const ModuleKind batchnorm_kind = {.name = "BatchNorm", .initialize = norm_initialize};
const ModuleKind rmsnorm_kind = {.name = "RMSNorm", .initialize = norm_initialize};
const ModuleKind dyt_kind = {.name = "DyT", .initialize = norm_initialize};

// ------------------------------------------------------------------------------------------------------------
// Layer normalization

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

// ------------------------------------------------------------------------------------------------------------
// Batch normalization (Ioffe and Szegedy 2015, arXiv 1502.03167)

void batchnorm_init(BatchNorm *batchnorm, Module *parent, const char *name, int size)
{
    REQUIRE(batchnorm);
    layernorm_init(batchnorm, parent, name, size);
    batchnorm->module.kind = &batchnorm_kind;
}

// LayerNorm normalizes each row; of the transposed matrix the rows are the columns. Its own scale and shift, one for each row of x, are not used.
Tensor *(batchnorm_forward)(BatchNorm *batchnorm, Tensor *x, Where where)
{
    REQUIRE(batchnorm, x);
    if (x->shape.ndim != 2 || x->shape.size[0] < 2) {
        fail_mistake(where, "batchnorm_forward: x %s: must be (N, C) with at least 2 rows", SHAPE_STRING(x->shape));
    }
    int N = x->shape.size[0];
    int outer = tape_enter(batchnorm->module.name, where);
    Tensor *columns = tensor_transpose(x, 0, 1); // (C, N)
    Tensor *normal = tensor_layernorm(columns, tensor_full(SHAPE(N), 1), tensor_zeros(SHAPE(N)), LAYERNORM_EPS);
    Tensor *rows = tensor_transpose(normal, 0, 1); // (N, C)
    Tensor *y = tensor_add(tensor_mul(rows, batchnorm->weight), batchnorm->bias);
    tape_leave(outer);
    return y;
}

// ------------------------------------------------------------------------------------------------------------
// Root mean square normalization

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

// ------------------------------------------------------------------------------------------------------------
// Dynamic Tanh (Zhu et al. 2025): a tanh with a learned slope, which limits large values as a norm does

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
