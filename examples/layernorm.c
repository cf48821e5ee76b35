// layernorm.c: layer normalization step by step, and in one operation.
//
// You learn what it does to a row (mean 0, variance 1), with which variance, and what it does to the gradient on the way
// back: it sums to 0 over the row, and shrinks as the row grows.
// Breakpoint: layernorm_backward. Step into the loop over the rows: the formula stands at the top of that file.

#include "nn/nn.h"

#include <math.h>
#include <stdio.h>

enum { ROWS = 2, C = 4 };

int main(void)
{
    Tape *tape = tape_create();
    const float values[ROWS * C] = {1, 2, 3, 6, 10, 20, 30, 60};   // the second row is ten times the first
    Tensor *x = tensor_from(values, SHAPE(ROWS, C));        // (2, 4)
    tensor_label(x, "x");
    tensor_require_grad(x);

    Tensor *mean = tensor_mean_axis(x, -1);                 // (2, 1), of each row
    Tensor *centered = tensor_sub(x, mean);                 // (2, 4), the mean repeated over the row
    Tensor *squares = tensor_pow(centered, 2);              // (2, 4)
    Tensor *var = tensor_mean_axis(squares, -1);            // (2, 1), biased: divided by C, not C - 1
    Tensor *above_0 = tensor_add_scalar(var, LAYERNORM_EPS);       // (2, 1), so that a constant row divides by more than 0
    Tensor *std = tensor_pow(above_0, 0.5);                 // (2, 1)
    Tensor *normal = tensor_div(centered, std);             // (2, 4)
    tensor_label(mean, "mean");
    tensor_label(var, "var");
    tensor_label(normal, "normal");

    tensor_print(x);
    tensor_print(mean);
    tensor_print(var);
    tensor_print(normal);
    printf("\n-> Both rows come out the same: where a row lies and how far it spreads is gone.\n");
    printf("-> var is biased: (4 + 1 + 0 + 9) / 4, not / 3 as for a sample. So does GPT-2.\n\n");

    Tensor *weight = tensor_full(SHAPE(C), 1.0);            // (4), learned in a network; it starts as ones,
    Tensor *bias = tensor_full(SHAPE(C), 0.0);              // (4), and this as zeros
    Tensor *fused = tensor_layernorm(x, weight, bias, LAYERNORM_EPS);      // (2, 4)
    double difference = 0;
    for (int i = 0; i < ROWS * C; i++) {
        double difference_i = fabs((double)fused->data[i] - (double)normal->data[i]);
        difference = fmax(difference, difference_i);
    }

    printf("  row %14s %14s\n", "mean of y", "variance of y");
    for (int row = 0; row < ROWS; row++) {
        const Real *y = fused->data + row * C;              // (4)
        double sum = 0;
        double sum_of_squares = 0;
        for (int i = 0; i < C; i++) {
            sum += (double)y[i];
            sum_of_squares += (double)y[i] * (double)y[i];
        }
        printf("  %3d %14.4f %14.4f\n", row, fabs(sum / C), sum_of_squares / C);
    }
    printf("\n-> tensor_layernorm does it in one node. Largest difference from the steps: %.5f\n\n", difference);

    const Real dy[ROWS * C] = {1, -2, 0.5F, 3, 1, -2, 0.5F, 3};    // any dL/dy, here the same for both rows
    tensor_backward_from(normal, dy);
    Real dx_steps[ROWS * C];
    for (int i = 0; i < ROWS * C; i++) {
        dx_steps[i] = x->grad[i];
    }
    tensor_zero_grad(x);                                    // x is a leaf: without this the next would add up
    tensor_backward_from(fused, dy);

    printf("  %-12s %10s %10s %10s %10s %12s\n", "dL/dx", "0", "1", "2", "3", "sum of row");
    for (int row = 0; row < ROWS; row++) {
        const Real *steps = dx_steps + row * C;             // (4)
        const Real *dx = x->grad + row * C;                 // (4)
        double sum_steps = (double)steps[0] + (double)steps[1] + (double)steps[2] + (double)steps[3];
        double sum = (double)dx[0] + (double)dx[1] + (double)dx[2] + (double)dx[3];
        printf("  row %d, steps", row);
        printf(" %10.4f %10.4f", (double)steps[0], (double)steps[1]);
        printf(" %10.4f %10.4f %12.4f\n", (double)steps[2], (double)steps[3], fabs(sum_steps));
        printf("  row %d, fused", row);
        printf(" %10.4f %10.4f", (double)dx[0], (double)dx[1]);
        printf(" %10.4f %10.4f %12.4f\n", (double)dx[2], (double)dx[3], fabs(sum));
    }
    printf("\n-> Each row sums to 0. Add one number to all of x, and the mean takes it away again: y does\n");
    printf("   not move. So L has no slope in the direction (1, 1, 1, 1), and that slope is the sum.\n");
    printf("-> Ten times the row, a tenth of the gradient: in a deep network, LayerNorm makes small what\n");
    printf("   flows back into a large stream, and large what flows into a small one.\n");

    tape_free(tape);
    return 0;
}
