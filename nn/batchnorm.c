// batchnorm.c: batch normalization (Ioffe and Szegedy 2015, arXiv 1502.03167), with a learned scale and shift.

#include "nn/nn.h"

void batchnorm_init(BatchNorm *batchnorm, Module *parent, const char *name, int size)
{
    REQUIRE(batchnorm);
    *batchnorm = (BatchNorm){0};
    module_init(&batchnorm->module, &batchnorm_kind, parent, name);
    batchnorm->weight = module_add_parameter(&batchnorm->module, "weight", SHAPE(size));
    batchnorm->bias = module_add_parameter(&batchnorm->module, "bias", SHAPE(size));
}

// LayerNorm normalizes each row; of the transposed matrix the rows are the columns. Its own scale and shift, one for each row of x, are not used.
Tensor *(batchnorm_forward)(BatchNorm *batchnorm, Tensor *x, Where where)
{
    REQUIRE(batchnorm);
    REQUIRE(x);
    if (x->shape.ndim != 2 || x->shape.size[0] < 2) {
        char text[SHAPE_TEXT];
        fail_mistake(where, "batchnorm_forward: x %s: must be (N, C) with at least 2 rows", shape_text(x->shape, text));
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

// Every scheme starts it as plain normalization.
static void batchnorm_initialize(Module *module, const Init *init, Random *random)
{
    (void)init;
    (void)random;
    const BatchNorm *batchnorm = (BatchNorm *)module;
    size_t n = tensor_count(batchnorm->weight);
    for (size_t i = 0; i < n; i++) {
        batchnorm->weight->data[i] = 1;
        batchnorm->bias->data[i] = 0;
    }
}

const ModuleKind batchnorm_kind = {.name = "BatchNorm", .initialize = batchnorm_initialize};
