// gradcheck_models.c: whole models against differences, every parameter of each. A parameter that every module checks but that is
// cut off in the assembled model shows here.

#include "gpt/lab/lab.h"
#include "tensor/unwind.h"

#include <stdlib.h>

static const int IDS[] = {3, 0, 6, 1, 1, 5}; // (B, T) = (2, 3)
static const int TARGETS[] = {0, 6, 1, 1, 5, 2};

// A whole model has more curvature than one operation, layer normalization of a few values most of all, so its differences are
// taken with a smaller h. In float32 few digits remain: a loss of about 2 is rounded to 1e-7, a difference over h = 0.0125 to about 1e-5,
// and the largest gradient of a leaf is 1e-3 or more. So the tolerance there is half a percent of the leaf's largest gradient; the proof is
// the double build, with the same tolerance as everything else.
static const double MODEL_STEP = GRADCHECK_STEP / 4;
#ifdef GPTAPE_DOUBLE
static const double MODEL_TOLERANCE = GRADCHECK_TOLERANCE;
static const double MODEL_FLOOR = GRADCHECK_FLOOR;
#else
static const double MODEL_TOLERANCE = 5e-3;
static const double MODEL_FLOOR = 1;
#endif

// Frees the model.
static void check_model(const char *name, Module *module, Tensor *(*forward)(void *context), void *model, void (*free_model)(void *model),
                        GradCheckReport *report, void *context)
{
    int frame = unwind_begin();
    unwind_add(free_model, model);
    ParameterList list = module_parameters(module);
    GradCheck check = {.name = name,
                       .leaves = list.parameters,
                       .n_leaves = list.count,
                       .forward = forward,
                       .context = model,
                       .step = MODEL_STEP,
                       .tolerance = MODEL_TOLERANCE,
                       .floor = MODEL_FLOOR};
    unwind_add(free, list.parameters);
    report(name, gradcheck(&check), context);
    unwind_end(frame);
}

static Tensor *run_gpt(void *context)
{
    Tensor *logits = gpt_forward(context, IDS, 2, 3);
    return tensor_cross_entropy(logits, TARGETS);
}

// Small, but with weights of a size at which every part matters.
static const GPTConfig small = {
    .vocab_size = 7,
    .context_length = 4,
    .n_layer = 2,
    .n_head = 2,
    .n_embd = 4,
    .ff_mult = 2,
    .qkv_bias = false,
    .tied = false,
    .shortcut = true,
    .norm = NORM_PRE,
    .causal = true,
    .activation = ACTIVATION_GELU,
    .init = INIT_TORCH,
};

static void free_gpt(void *gpt)
{
    gpt_free(gpt);
}

static void free_deep(void *net)
{
    deep_free(net);
}

static void check_gpt(const char *name, GPTConfig config, GradCheckReport *report, void *context)
{
    Error error;
    GPT *gpt = gpt_create(&config, 11, &error);
    if (gpt == NULL) {
        fail_mistake(HERE, "gradcheck: %s", error.message);
    }
    check_model(name, &gpt->module, run_gpt, gpt, free_gpt, report, context);
}

static Tensor *run_deep(void *context)
{
    const Real x[] = {1, 0, -1};
    return deep_forward(context, tensor_from(x, SHAPE(1, 3)));
}

static void check_deep(const char *name, bool shortcut, GradCheckReport *report, void *context)
{
    int sizes[] = {3, 3, 3, 2};
    DeepConfig config = {.sizes = sizes, .n_layer = 3, .activation = ACTIVATION_GELU, .init = INIT_TORCH, .shortcut = shortcut};
    Error error;
    DeepNet *net = deep_create(&config, 123, &error);
    if (net == NULL) {
        fail_mistake(HERE, "gradcheck: %s", error.message);
    }
    check_model(name, &net->module, run_deep, net, free_deep, report, context);
}

static void check_models(GradCheckReport *report, void *context)
{
    GPTConfig tied = small;
    GPTConfig plain = small;
    GPTConfig post = small;
    GPTConfig none = small;
    tied.tied = true;
    plain.shortcut = false;
    post.norm = NORM_POST;
    none.norm = NORM_NONE;
    none.causal = false;
    none.activation = ACTIVATION_TANH;
    check_deep("DeepNet", false, report, context);
    check_deep("DeepNet, shortcuts", true, report, context);
    check_gpt("GPT", small, report, context);
    check_gpt("GPT, tied", tied, report, context);
    check_gpt("GPT, no shortcuts", plain, report, context);
    check_gpt("GPT, norm post", post, report, context);
    check_gpt("GPT, norm none, full, tanh", none, report, context);
}

void gradcheck_all(GradCheckReport *report, void *context)
{
    gradcheck_ops(report, context);
    gradcheck_modules(report, context);

    int frame = unwind_begin();
    unwind_add_tape();
    check_models(report, context);
    unwind_end(frame);
}
