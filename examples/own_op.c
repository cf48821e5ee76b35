// own_op.c: an operation of your own: swish, y = x sigmoid(beta x).
//
// You learn what an operation consists of: values forward, gradients backward, and a check that the two agree. The tape, the
// debugger and drawings then treat it like the library's own.
// Breakpoint: swish_backward. step shows the gradient of each value as it is computed.

#include "gpt/gptape.h"

#include <math.h>
#include <stdio.h>

typedef struct Swish {
    float beta;
} Swish;

static void swish_forward(Tensor **inputs, Tensor *y, const void *options)
{
    const Swish *swish = options;
    const Tensor *x = inputs[0];
    float *gate = op_save(y, tensor_count(y) * sizeof *gate); // backward needs it again
    for (size_t i = 0; i < tensor_count(x); i++) {
        gate[i] = 1 / (1 + expf(-swish->beta * x->data[i]));
        y->data[i] = x->data[i] * gate[i];
    }
}

static void swish_backward(TapeNode *node)
{
    const Tensor *y = node->output;
    const float *gate = node->saved;
    float *dx = op_grad(node->inputs[0]); // NULL if x requires no gradient
    for (size_t i = 0; dx != NULL && i < tensor_count(y); i++) {
        // forward was: y = x gate, gate = sigmoid(beta x), with beta = 1
        dx[i] += y->grad[i] * (gate[i] + y->data[i] * (1 - gate[i])); // added: x may have other uses
    }
}

static Tensor *swish_case(Tensor **inputs);

static const OpCase swish_cases[] = {
    {.name = "swish", .shapes = {SIZES(2, 3)}, .n_inputs = 1, .forward = swish_case},
};

static const Op op_swish = {
    .name = "swish",
    .group = OP_GROUP_ACTIVATION,
    .forward = swish_forward,
    .backward = swish_backward,
    .reads_output = 1,
    OP_CASES(swish_cases),
};

static Tensor *swish(Tensor *x)
{
    return tensor_custom(&op_swish, &x, 1, x->shape, &(Swish){.beta = 1});
}

static Tensor *swish_case(Tensor **inputs)
{
    return swish(inputs[0]);
}

static void print_check(const char *name, GradCheckResult result, void *context)
{
    (void)context;
    printf("-> %s: gradient and difference quotient %s\n\n", name, result.passed ? "agree" : result.why);
}

int main(void)
{
    gradcheck_op(&op_swish, print_check, NULL);

    Tape *tape = tape_create();
    Tensor *x = tensor_require_grad(tensor_from((float[]){-2, 0, 2}, SHAPE(3))); // (3)
    Tensor *y = tensor_add(x, swish(x));                                         // (3): in a shortcut, like any other operation
    tensor_backward(tensor_sum(y));

    tensor_print(x);
    tape_print(tape);
    printf("\n-> The tape shows swish by name. Its gradient reaches x beside the shortcut's 1.\n");
    tape_free(tape);
    return 0;
}
