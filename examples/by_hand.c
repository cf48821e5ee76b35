// by_hand.c: the chain rule on paper, compared with the tape.
//
// You learn that backward does nothing but apply the chain rule: nine derivatives of a 2-2-1 network, worked out line by line, are
// the nine that the tape computes. Exits with status 1 if they are not.
// Breakpoint: linear_backward. It stops twice: print *node->output->grad is dL/dy first, then dL/dz of the hidden layer.

#include "tensor/tensor.h"

#include <math.h>
#include <stdio.h>

static const float x[2] = {1.0F, 0.5F};
static const float W1[4] = {0.5F, 1.0F, 0.25F, -1.5F}; // (2, 2), row by row: W1[2 * j + i] connects x_i to h_j
static const float b1[2] = {0.0F, 0.0F};
static const float W2[2] = {1.0F, -0.5F}; // (1, 2)
static const float b2[1] = {0.25F};
static const float t[1] = {0.5F};

typedef struct Derivatives {
    double dW1[4], db1[2], dW2[2], db2[1];
} Derivatives;

static Derivatives derive_by_hand(void)
{
    // Forward.
    double z_0 = W1[0] * x[0] + W1[1] * x[1] + b1[0];
    double z_1 = W1[2] * x[0] + W1[3] * x[1] + b1[1];
    double h_0 = tanh(z_0);
    double h_1 = tanh(z_1);
    double y = W2[0] * h_0 + W2[1] * h_1 + b2[0];
    double L = (y - t[0]) * (y - t[0]);

    // Backward: each line reverses one above, the last line first.
    double dy = 2 * (y - t[0]); // forward was: L = (y - t)^2
    double dh_0 = dy * W2[0];   // forward was: y = W2 h + b2
    double dh_1 = dy * W2[1];
    double dz_0 = dh_0 * (1 - h_0 * h_0); // forward was: h = tanh(z), whose derivative is 1 - tanh(z)^2
    double dz_1 = dh_1 * (1 - h_1 * h_1);

    printf("By hand, forward                              and backward\n\n");
    printf("  z = W1 x + b1 %11.5f %11.5f       dL/dy = 2 (y - t)       %11.5f\n", z_0, z_1, dy);
    printf("  h = tanh(z)   %11.5f %11.5f       dL/dh = dL/dy W2        %11.5f %11.5f\n", h_0, h_1, dh_0, dh_1);
    printf("  y = W2 h + b2 %11.5f                   dL/dz = dL/dh (1 - h^2) %11.5f %11.5f\n", y, dz_0, dz_1);
    printf("  L = (y - t)^2 %11.5f                   dL/dW = dL/d(output of W) times input of W\n\n", L);
    return (Derivatives){
        .dW1 = {dz_0 * x[0], dz_0 * x[1], dz_1 * x[0], dz_1 * x[1]}, // forward was: z = W1 x + b1
        .db1 = {dz_0, dz_1},
        .dW2 = {dy * h_0, dy * h_1},
        .db2 = {dy},
    };
}

static Tensor *parameter(const char *name, const float *values, Shape shape)
{
    Tensor *tensor = tensor_label(tensor_from(values, shape), name);
    return tensor_require_grad(tensor);
}

// Prints one row for each value of a parameter; returns how many differ.
static int compare(const Tensor *tensor, const double *by_hand)
{
    int n_wrong = 0;
    for (size_t i = 0; i < tensor_count(tensor); i++) {
        double tape = (double)tensor->grad[i];
        double difference = fabs(tape - by_hand[i]);
        n_wrong += !(difference < 1e-6); // true for NaN, too
        printf("  dL/d%s[%zu] %12.5f %12.5f %12.5f\n", tensor->label, i, by_hand[i], tape, difference);
    }
    return n_wrong;
}

int main(void)
{
    Derivatives by_hand = derive_by_hand();

    Tape *tape = tape_create();
    Tensor *input = tensor_from(x, SHAPE(1, 2));         // (1, 2)
    Tensor *target = tensor_from(t, SHAPE(1, 1));        // (1, 1)
    Tensor *weight_1 = parameter("W1", W1, SHAPE(2, 2)); // (2, 2)
    Tensor *bias_1 = parameter("b1", b1, SHAPE(2));      // (2)
    Tensor *weight_2 = parameter("W2", W2, SHAPE(1, 2)); // (1, 2)
    Tensor *bias_2 = parameter("b2", b2, SHAPE(1));      // (1)

    Tensor *z = tensor_linear(input, weight_1, bias_1); // (1, 2)
    Tensor *h = tensor_tanh(z);                         // (1, 2)
    Tensor *y = tensor_linear(h, weight_2, bias_2);     // (1, 1)
    Tensor *loss = tensor_mse_loss(y, target);          // ()
    tensor_backward(loss);

    printf("On the tape: L = %.5f\n\n", (double)tensor_item(loss));
    printf("  %-10s %12s %12s %12s\n", "", "by hand", "tape", "difference");
    int n_wrong = compare(weight_2, by_hand.dW2);
    n_wrong += compare(bias_2, by_hand.db2);
    n_wrong += compare(weight_1, by_hand.dW1);
    n_wrong += compare(bias_1, by_hand.db1);
    tape_free(tape);

    if (n_wrong > 0) {
        printf("\n-> %d of them differ: one of the two is wrong.\n", n_wrong);
        return 1;
    }
    printf("\n-> They agree: no difference reaches 1e-6, the precision of float.\n");
    printf("-> The tape knows nothing about networks. It knows the derivatives of three operations (linear,\n");
    printf("   tanh, mse_loss) and multiplies them in the reverse of the order in which they were used.\n");
    return 0;
}
