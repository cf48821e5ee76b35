// feedforward.c: two linear layers with a nonlinearity between them, ff_mult times as wide inside.

#include "nn/nn.h"

static const char *const ACTIVATION_NAMES[ACTIVATION_COUNT] = {
    [ACTIVATION_GELU] = "gelu", [ACTIVATION_GELU_ERF] = "gelu_erf", [ACTIVATION_RELU] = "relu",
    [ACTIVATION_TANH] = "tanh", [ACTIVATION_SIGMOID] = "sigmoid",   [ACTIVATION_IDENTITY] = "identity",
};

const char *activation_name(int activation)
{
    return WORD_AT(ACTIVATION_NAMES, activation);
}

Tensor *(activation_forward)(Activation activation, Tensor *x, Where where)
{
    switch (activation) {
    case ACTIVATION_GELU: return (tensor_gelu)(x, where);
    case ACTIVATION_GELU_ERF: return (tensor_gelu_erf)(x, where);
    case ACTIVATION_RELU: return (tensor_relu)(x, where);
    case ACTIVATION_TANH: return (tensor_tanh)(x, where);
    case ACTIVATION_SIGMOID: return (tensor_sigmoid)(x, where);
    case ACTIVATION_IDENTITY: return x;
    case ACTIVATION_COUNT: break;
    }
    fail_mistake(where, "activation_forward: %d is not an activation", (int)activation);
}

void feedforward_init(FeedForward *feedforward, Module *parent, const char *name, FeedForwardConfig config)
{
    REQUIRE(feedforward);
    int C = config.n_embd;
    int inner = config.ff_mult * C;
    *feedforward = (FeedForward){.activation = config.activation};
    module_init(&feedforward->module, &feedforward_kind, parent, name);
    linear_init(&feedforward->c_fc, &feedforward->module, "c_fc", C, inner, true);
    linear_init(&feedforward->c_proj, &feedforward->module, "c_proj", inner, C, true);
    feedforward->c_proj.residual = true;
    feedforward->c_fc.value_parts = 1;
    feedforward->c_proj.value_parts = 1;
    dropout_init(&feedforward->dropout, &feedforward->module, "dropout", config.dropout, config.random);
}

Tensor *(feedforward_forward)(FeedForward *feedforward, Tensor *x, Where where)
{
    REQUIRE(feedforward);
    int outer = tape_enter(feedforward->module.name, where);
    Tensor *inner = linear_forward(&feedforward->c_fc, x); // (B, T, ff_mult C)
    inner = activation_forward(feedforward->activation, inner);
    Tensor *y = linear_forward(&feedforward->c_proj, inner); // (B, T, C)
    y = dropout_forward(&feedforward->dropout, y);
    tensor_label(y, "out");
    tape_leave(outer);
    return y;
}

const ModuleKind feedforward_kind = {.name = "FeedForward"};
