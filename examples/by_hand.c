// by_hand.c: the chain rule on paper, against the tape.
//
// You learn that backward does nothing but the chain rule: nine derivatives of a 2-2-1 network, worked out line by line,
// are the nine that the tape finds. Exits with status 1 if they are not.
// Breakpoint: linear_backward. It stops twice: print *node->output->grad is dL/dy first, then dL/dz of the hidden layer.

#include "tensor/tensor.h"

#include <math.h>
#include <stdio.h>

// Prints one row for each value of a parameter; returns the largest difference.
static double compare(const Tensor *parameter, const double *by_hand)
{
    double largest = 0;
    for (size_t i = 0; i < tensor_count(parameter); i++) {
        double tape = (double)parameter->grad[i];
        double difference = fabs(tape - by_hand[i]);
        largest = fmax(largest, difference);
        printf("  dL/d%s[%zu] %12.5f %12.5f %12.5f\n", parameter->label, i, by_hand[i], tape, difference);
    }
    return largest;
}

int main(void)
{
    const float x[2] = {1.0F, 0.5F};
    const float W1[4] = {0.5F, 1.0F, 0.25F, -1.5F};         // (2, 2), row after row: W1[2 * j + i] leads from x_i to h_j
    const float b1[2] = {0.0F, 0.0F};
    const float W2[2] = {1.0F, -0.5F};                      // (1, 2)
    const float b2[1] = {0.25F};
    const float t[1] = {0.5F};

    // Forward, by hand.
    double z_0 = W1[0] * x[0] + W1[1] * x[1] + b1[0];
    double z_1 = W1[2] * x[0] + W1[3] * x[1] + b1[1];
    double h_0 = tanh(z_0);
    double h_1 = tanh(z_1);
    double y = W2[0] * h_0 + W2[1] * h_1 + b2[0];
    double L = (y - t[0]) * (y - t[0]);

    // Backward, by hand: each line undoes one above, the last first.
    double dy = 2 * (y - t[0]);                             // L = (y - t)^2
    double dW2[2] = {dy * h_0, dy * h_1};                   // y = W2 h + b2
    double db2[1] = {dy};
    double dh_0 = dy * W2[0];
    double dh_1 = dy * W2[1];
    double dz_0 = dh_0 * (1 - h_0 * h_0);                   // h = tanh(z), whose slope is 1 - tanh(z)^2
    double dz_1 = dh_1 * (1 - h_1 * h_1);
    double dW1[4] = {dz_0 * x[0], dz_0 * x[1], dz_1 * x[0], dz_1 * x[1]};      // z = W1 x + b1
    double db1[2] = {dz_0, dz_1};

    printf("By hand, forward                              and backward\n\n");
    printf("  z = W1 x + b1 %11.5f %11.5f       dL/dy = 2 (y - t)       %11.5f\n", z_0, z_1, dy);
    printf("  h = tanh(z)   %11.5f %11.5f       dL/dh = dL/dy W2        %11.5f %11.5f\n", h_0, h_1, dh_0, dh_1);
    printf("  y = W2 h + b2 %11.5f                   dL/dz = dL/dh (1 - h^2) %11.5f %11.5f\n", y, dz_0, dz_1);
    printf("  L = (y - t)^2 %11.5f                   dL/dW = dL/d(its output) times its input\n\n", L);

    // The same, on the tape.
    Tape *tape = tape_create();
    Tensor *input = tensor_from(x, SHAPE(1, 2));            // (1, 2)
    Tensor *target = tensor_from(t, SHAPE(1, 1));           // (1, 1)
    Tensor *weight_1 = tensor_from(W1, SHAPE(2, 2));        // (2, 2)
    Tensor *bias_1 = tensor_from(b1, SHAPE(2));             // (2)
    Tensor *weight_2 = tensor_from(W2, SHAPE(1, 2));        // (1, 2)
    Tensor *bias_2 = tensor_from(b2, SHAPE(1));             // (1)
    tensor_label(weight_1, "W1");
    tensor_label(bias_1, "b1");
    tensor_label(weight_2, "W2");
    tensor_label(bias_2, "b2");
    tensor_require_grad(weight_1);
    tensor_require_grad(bias_1);
    tensor_require_grad(weight_2);
    tensor_require_grad(bias_2);

    Tensor *z = tensor_linear(input, weight_1, bias_1);     // (1, 2)
    Tensor *h = tensor_tanh(z);                             // (1, 2)
    Tensor *output = tensor_linear(h, weight_2, bias_2);    // (1, 1)
    Tensor *loss = tensor_mse_loss(output, target);         // ()
    tensor_backward(loss);

    printf("On the tape: L = %.5f\n\n", (double)tensor_item(loss));
    printf("  %-10s %12s %12s %12s\n", "", "by hand", "tape", "difference");
    double largest = 0;
    largest = fmax(largest, compare(weight_2, dW2));
    largest = fmax(largest, compare(bias_2, db2));
    largest = fmax(largest, compare(weight_1, dW1));
    largest = fmax(largest, compare(bias_1, db1));
    tape_free(tape);

    if (!(largest < 1e-6)) {                                // so that NaN does not agree, either
        printf("\n-> They differ, by up to %g: one of the two is wrong.\n", largest);
        return 1;
    }
    printf("\n-> They agree: no difference reaches 1e-6, which is what float's 7 digits leave room for.\n");
    printf("-> Nobody told the tape about networks. It knows three slopes (linear, tanh, mse_loss) and\n");
    printf("   multiplies them in the reverse of the order in which they were used.\n");
    return 0;
}
