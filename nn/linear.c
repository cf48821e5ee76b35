// linear.c: y = x W^T + b.

#include "nn/nn.h"

#include <math.h>
#include <string.h>

void linear_init(Linear *linear, Module *parent, const char *name, int n_in, int n_out, bool bias)
{
    REQUIRE(linear);
    *linear = (Linear){.n_parts = 1};
    module_init(&linear->module, &linear_kind, parent, name);
    linear->weight = module_add_parameter(&linear->module, "weight", SHAPE(n_out, n_in));
    if (bias) {
        linear->bias = module_add_parameter(&linear->module, "bias", SHAPE(n_out));
    }
}

Tensor *(linear_forward)(Linear *linear, Tensor *x, Where where)
{
    REQUIRE(linear);
    int outer = tape_enter(linear->module.name, where);
    Tensor *y = tensor_linear(x, linear->weight, linear->bias);        // (..., n_out)
    tape_leave(outer);
    return y;
}

// ------------------------------------------------------------------------------------------------------------
// Initialization. A joint weight is as many matrices as it has parts, each drawn with its bias before the next.

// nn.Linear's kaiming_uniform(a = sqrt 5) is U(1 / sqrt(n_in)), its bias has the same bounds.
static void draw_torch(Random *random, Real *weight, size_t n_weight, Real *bias, size_t n_bias, int n_in)
{
    double bound = 1 / sqrt(n_in);
    random_uniform(random, weight, n_weight, -bound, bound);
    if (bias != NULL) {
        random_uniform(random, bias, n_bias, -bound, bound);
    }
}

// GPT-2 starts weights that write into the residual stream smaller, because 2 n_layer such terms add up in it.
static double gpt2_std(const Linear *linear, const Init *init)
{
    if (!linear->residual) {
        return 0.02;
    }
    if (init->n_layer < 1) {
        fail_mistake(HERE, "module_initialize: INIT_GPT2 needs n_layer, which is %d", init->n_layer);
    }
    return 0.02 / sqrt(2.0 * init->n_layer);
}

// Xavier's normal form, smaller where values pass: at depth n_layer, updates of the rule deepnorm then stay bounded.
static double deepnorm_std(const Linear *linear, const Init *init, int part, int n_in, int n_out)
{
    bool smaller = part >= linear->n_parts - linear->value_parts;
    if (smaller && init->n_layer < 1) {
        fail_mistake(HERE, "module_initialize: INIT_DEEPNORM needs n_layer, which is %d", init->n_layer);
    }
    double gain = smaller ? pow(8.0 * init->n_layer, -0.25) : 1;
    return gain * sqrt(2.0 / (n_in + n_out));
}

static void linear_initialize(Module *module, const Init *init, Random *random)
{
    Linear *linear = (Linear *)module;
    int n_in = linear->weight->shape.size[1];
    int n_out = linear->weight->shape.size[0] / linear->n_parts;       // of one part
    size_t n_weight = (size_t)n_in * (size_t)n_out;
    for (int part = 0; part < linear->n_parts; part++) {
        Real *weight = linear->weight->data + (size_t)part * n_weight;
        Real *bias = linear->bias == NULL ? NULL : linear->bias->data + part * n_out;
        if (bias != NULL) {
            memset(bias, 0, (size_t)n_out * sizeof(Real));
        }
        double xavier = sqrt(6.0 / (n_in + n_out));
        switch (init->scheme) {
        case INIT_TORCH:
            draw_torch(random, weight, n_weight, bias, (size_t)n_out, n_in);
            break;
        case INIT_GPT2:
            random_normal(random, weight, n_weight, 0.0, gpt2_std(linear, init));
            break;
        case INIT_XAVIER:
            random_uniform(random, weight, n_weight, -xavier, xavier);
            break;
        case INIT_KAIMING:
            random_normal(random, weight, n_weight, 0.0, sqrt(2.0 / n_in));
            break;
        case INIT_DEEPNORM:
            random_normal(random, weight, n_weight, 0.0, deepnorm_std(linear, init, part, n_in, n_out));
            break;
        case INIT_COUNT:
            break;                                 // refused by module_initialize
        }
    }
}

const ModuleKind linear_kind = {.name = "Linear", .initialize = linear_initialize};
