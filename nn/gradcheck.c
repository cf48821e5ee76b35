// gradcheck.c: checks the modules' gradients against differences: those of every parameter, and of the input.

#include "nn/nn.h"
#include "tensor/unwind.h"

#include <stdlib.h>
#include <string.h>

typedef struct ModuleCheck {
    Module *module;
    Tensor *x; // the input, a parameter here so that it can be checked; NULL: none
} ModuleCheck;

static Tensor *run_module(void *context)
{
    static const int ids[] = {4, 1, 1, 0};
    const ModuleCheck *check = context;
    Module *module = check->module;
    const ModuleKind *kind = module->kind;
    return kind == &linear_kind      ? linear_forward((Linear *)module, check->x)
         : kind == &layernorm_kind   ? layernorm_forward((LayerNorm *)module, check->x)
         : kind == &batchnorm_kind   ? batchnorm_forward((BatchNorm *)module, check->x)
         : kind == &rmsnorm_kind     ? rmsnorm_forward((RMSNorm *)module, check->x)
         : kind == &dyt_kind         ? dyt_forward((DyT *)module, check->x)
         : kind == &attention_kind   ? attention_forward((Attention *)module, check->x)
         : kind == &feedforward_kind ? feedforward_forward((FeedForward *)module, check->x)
                                     : embedding_forward((Embedding *)module, ids, 2, 2);
}

static void free_checked(void *object)
{
    ModuleCheck *check = object;
    module_free(check->module);
    tensor_free(check->x);
}

// Checks a module with an input of this shape (a scalar: without an input). Frees the module.
static void check_module(const char *name, Module *module, Shape shape, GradCheckReport *report, void *context)
{
    ModuleCheck check = {.module = module};
    Random random;
    int frame = unwind_begin();
    unwind_add(free_checked, &check);
    check.x = shape.ndim == 0 ? NULL : tensor_parameter(NULL, "x", shape);
    random_seed(&random, 3);
    module_initialize(module, (Init){.scheme = INIT_TORCH, .n_layer = 1}, &random);
    ParameterList list = module_parameters(module);
    unwind_add(free, list.parameters);
    Tensor **leaves = unwind_allocate((size_t)(list.count + 1), sizeof(Tensor *), "a gradient check");
    memcpy(leaves, list.parameters, (size_t)list.count * sizeof(Tensor *));
    int n_leaves = list.count;
    if (check.x != NULL) {
        random_normal(&random, check.x->data, tensor_count(check.x), 0.0, 1.0);
        leaves[n_leaves] = check.x;
        n_leaves++;
    }
    GradCheck gradient = {.name = name, .leaves = leaves, .n_leaves = n_leaves, .forward = run_module, .context = &check};
    report(name, gradcheck(&gradient), context);
    unwind_end(frame);
}

static void check_attention(const char *name, bool causal, bool stepwise, GradCheckReport *report, void *context)
{
    Attention attention;
    AttentionConfig config = {.n_embd = 4, .n_head = 2, .qkv_bias = false, .causal = causal};
    attention_init(&attention, NULL, "", config);
    attention.stepwise = stepwise;
    check_module(name, &attention.module, SHAPE(2, 3, 4), report, context);
}

void gradcheck_modules(GradCheckReport *report, void *context)
{
    REQUIRE(report);
    int frame = unwind_begin();
    unwind_add_tape();

    Linear linear;
    linear_init(&linear, NULL, "", 3, 4, true);
    check_module("Linear", &linear.module, SHAPE(2, 3), report, context);

    LayerNorm layernorm;
    layernorm_init(&layernorm, NULL, "", 5);
    check_module("LayerNorm", &layernorm.module, SHAPE(2, 5), report, context);

    BatchNorm batchnorm;
    batchnorm_init(&batchnorm, NULL, "", 3);
    check_module("BatchNorm", &batchnorm.module, SHAPE(4, 3), report, context);

    RMSNorm rmsnorm;
    rmsnorm_init(&rmsnorm, NULL, "", 5);
    check_module("RMSNorm", &rmsnorm.module, SHAPE(2, 5), report, context);

    DyT dyt;
    dyt_init(&dyt, NULL, "", 5);
    check_module("DyT", &dyt.module, SHAPE(2, 5), report, context);

    Embedding embedding;
    embedding_init(&embedding, NULL, "", 5, 3);
    check_module("Embedding", &embedding.module, SHAPE_SCALAR, report, context);

    check_attention("Attention, fused", true, false, report, context);
    check_attention("Attention, stepwise", true, true, report, context);
    check_attention("Attention, fused, full", false, false, report, context);
    check_attention("Attention, stepwise, full", false, true, report, context);

    FeedForward feedforward;
    feedforward_init(&feedforward, NULL, "", (FeedForwardConfig){.n_embd = 3, .ff_mult = 4, .activation = ACTIVATION_GELU});
    check_module("FeedForward", &feedforward.module, SHAPE(2, 2, 3), report, context);

    unwind_end(frame);
}
