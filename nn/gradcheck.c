// gradcheck.c: checks the modules' gradients against differences: those of every parameter, and of the input.

#include "nn/nn.h"
#include "tensor/unwind.h"

#include <stdlib.h>

typedef struct ModuleCheck {
    Module *module;
    Tensor *x; // the input, a parameter here so that it can be checked; may be NULL
    Tensor *(*forward)(Module *module, Tensor *x);
} ModuleCheck;

static Tensor *run_module(void *context)
{
    ModuleCheck *check = context;
    return check->forward(check->module, check->x);
}

static void free_checked(void *object)
{
    ModuleCheck *check = object;
    module_free(check->module);
    tensor_free(check->x);
}

// Frees the module and x.
static void check_module(const char *name, ModuleCheck check, GradCheckReport *report, void *context)
{
    Random random;
    int frame = unwind_begin();
    unwind_add(free_checked, &check);
    random_seed(&random, 3);
    module_initialize(check.module, (Init){.scheme = INIT_TORCH, .n_layer = 1}, &random);
    ParameterList list = module_parameters(check.module);
    unwind_add(free, list.parameters);
    Tensor **leaves = unwind_allocate((size_t)(list.count + 1), sizeof(Tensor *), "a gradient check");
    for (int i = 0; i < list.count; i++) {
        leaves[i] = list.parameters[i];
    }
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

static Tensor *input(Shape shape)
{
    return tensor_parameter(NULL, "x", shape);
}

static Tensor *run_linear(Module *module, Tensor *x)
{
    return linear_forward((Linear *)module, x);
}

static Tensor *run_layernorm(Module *module, Tensor *x)
{
    return layernorm_forward((LayerNorm *)module, x);
}

static Tensor *run_embedding(Module *module, Tensor *x)
{
    (void)x;
    const int ids[] = {4, 1, 1, 0};
    return embedding_forward((Embedding *)module, ids, 2, 2);
}

static Tensor *run_batchnorm(Module *module, Tensor *x)
{
    return batchnorm_forward((BatchNorm *)module, x);
}

static Tensor *run_rmsnorm(Module *module, Tensor *x)
{
    return rmsnorm_forward((RMSNorm *)module, x);
}

static Tensor *run_dyt(Module *module, Tensor *x)
{
    return dyt_forward((DyT *)module, x);
}

static Tensor *run_attention(Module *module, Tensor *x)
{
    return attention_forward((Attention *)module, x);
}

static Tensor *run_feedforward(Module *module, Tensor *x)
{
    return feedforward_forward((FeedForward *)module, x);
}

static void check_attention(const char *name, bool causal, bool stepwise, GradCheckReport *report, void *context)
{
    Attention attention;
    AttentionConfig config = {.n_embd = 4, .n_head = 2, .qkv_bias = false, .causal = causal};
    attention_init(&attention, NULL, "", config);
    attention.stepwise = stepwise;
    ModuleCheck check = {&attention.module, input(SHAPE(2, 3, 4)), run_attention};
    check_module(name, check, report, context);
}

void gradcheck_modules(GradCheckReport *report, void *context)
{
    REQUIRE(report);
    int frame = unwind_begin();
    unwind_add_tape();

    Linear linear;
    linear_init(&linear, NULL, "", 3, 4, true);
    check_module("Linear", (ModuleCheck){&linear.module, input(SHAPE(2, 3)), run_linear}, report, context);

    LayerNorm layernorm;
    layernorm_init(&layernorm, NULL, "", 5);
    check_module("LayerNorm", (ModuleCheck){&layernorm.module, input(SHAPE(2, 5)), run_layernorm}, report, context);

    BatchNorm batchnorm;
    batchnorm_init(&batchnorm, NULL, "", 3);
    check_module("BatchNorm", (ModuleCheck){&batchnorm.module, input(SHAPE(4, 3)), run_batchnorm}, report, context);

    RMSNorm rmsnorm;
    rmsnorm_init(&rmsnorm, NULL, "", 5);
    check_module("RMSNorm", (ModuleCheck){&rmsnorm.module, input(SHAPE(2, 5)), run_rmsnorm}, report, context);

    DyT dyt;
    dyt_init(&dyt, NULL, "", 5);
    check_module("DyT", (ModuleCheck){&dyt.module, input(SHAPE(2, 5)), run_dyt}, report, context);

    Embedding embedding;
    embedding_init(&embedding, NULL, "", 5, 3);
    check_module("Embedding", (ModuleCheck){&embedding.module, NULL, run_embedding}, report, context);

    check_attention("Attention, fused", true, false, report, context);
    check_attention("Attention, stepwise", true, true, report, context);
    check_attention("Attention, fused, full", false, false, report, context);
    check_attention("Attention, stepwise, full", false, true, report, context);

    FeedForward feedforward;
    feedforward_init(&feedforward, NULL, "", (FeedForwardConfig){.n_embd = 3, .ff_mult = 4, .activation = ACTIVATION_GELU});
    check_module("FeedForward", (ModuleCheck){&feedforward.module, input(SHAPE(2, 2, 3)), run_feedforward}, report, context);

    unwind_end(frame);
}
