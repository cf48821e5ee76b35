// layernorm.c: layer normalization step by step, and in one operation.
//
// You learn what it does to a row (mean 0, variance 1), with which variance, and what it does to the gradient: the gradient sums to
// 0 over the row, and shrinks as the row grows.
// Breakpoint: layernorm_backward. Step into the loop over the rows; the formula is at the top of that file.

#include "nn/nn.h"

#include <math.h>
#include <stdio.h>

enum { ROWS = 2, C = 4 };

static Tensor *normalize_in_steps(Tensor *x)
{
    Tensor *mean = tensor_mean_axis(x, -1);                  // (2, 1), of each row
    Tensor *centered = tensor_sub(x, mean);                  // (2, 4), the mean repeated along the row
    Tensor *squares = tensor_pow(centered, 2);               // (2, 4)
    Tensor *var = tensor_mean_axis(squares, -1);             // (2, 1), biased: divided by C, not C - 1
    Tensor *above_0 = tensor_add_scalar(var, LAYERNORM_EPS); // (2, 1), so that a constant row is not divided by 0
    Tensor *std = tensor_pow(above_0, 0.5);                  // (2, 1)
    Tensor *normal = tensor_div(centered, std);              // (2, 4)
    tensor_print(tensor_label(mean, "mean"));
    tensor_print(tensor_label(var, "var"));
    tensor_print(tensor_label(normal, "normal"));
    return normal;
}

static void print_moments(const Tensor *y)
{
    printf("  row %14s %14s\n", "mean of y", "variance of y");
    for (int row = 0; row < ROWS; row++) {
        double sum = 0;
        double sum_of_squares = 0;
        for (int i = 0; i < C; i++) {
            double y_i = (double)y->data[row * C + i];
            sum += y_i;
            sum_of_squares += y_i * y_i;
        }
        printf("  %3d %14.4f %14.4f\n", row, fabs(sum / C), sum_of_squares / C);
    }
}

// dL/dx of one way to compute y.
static void print_gradient(const char *way, Tensor *x, Tensor *y)
{
    const Real dy[ROWS * C] = {1, -2, 0.5F, 3, 1, -2, 0.5F, 3}; // any dL/dy, here the same for both rows
    tensor_zero_grad(x);                                        // x is a leaf: without this, gradients would add up
    tensor_backward_from(y, dy);
    for (int row = 0; row < ROWS; row++) {
        const Real *dx = x->grad + row * C; // (4)
        printf("  row %d, %s", row, way);
        double sum = 0;
        for (int i = 0; i < C; i++) {
            printf(" %10.4f", (double)dx[i]);
            sum += (double)dx[i];
        }
        printf(" %12.4f\n", fabs(sum));
    }
}

int main(void)
{
    Tape *tape = tape_create();
    const float values[ROWS * C] = {1, 2, 3, 6, 10, 20, 30, 60}; // the second row is ten times the first
    Tensor *x = tensor_from(values, SHAPE(ROWS, C));             // (2, 4)
    tensor_require_grad(x);
    tensor_print(tensor_label(x, "x"));
    Tensor *normal = normalize_in_steps(x); // (2, 4)
    printf("\n-> Both rows become the same: the location and the scale of a row are gone.\n");
    printf("-> var is biased: (4 + 1 + 0 + 9) / 4, not / 3 as for a sample, as in GPT-2.\n\n");

    Tensor *weight = tensor_full(SHAPE(C), 1.0);                      // (4), learned in a network; ones at first
    Tensor *bias = tensor_full(SHAPE(C), 0.0);                        // (4), zeros at first
    Tensor *fused = tensor_layernorm(x, weight, bias, LAYERNORM_EPS); // (2, 4)
    print_moments(fused);
    double difference = 0;
    for (int i = 0; i < ROWS * C; i++) {
        difference = fmax(difference, fabs((double)fused->data[i] - (double)normal->data[i]));
    }
    printf("\n-> tensor_layernorm does it in one node. Largest difference from the steps: %.5f\n\n", difference);

    printf("  %-12s %10s %10s %10s %10s %12s\n", "dL/dx", "0", "1", "2", "3", "sum of row");
    print_gradient("steps", x, normal);
    print_gradient("fused", x, fused);
    printf("\n-> Each row sums to 0. If one number is added to all of x, the mean subtracts it again and y does\n");
    printf("   not change. So the derivative of L in the direction (1, 1, 1, 1) is 0, and it is this sum.\n");
    printf("-> Ten times the row, a tenth of the gradient: in a deep network, LayerNorm shrinks the gradient of\n");
    printf("   a large residual stream and enlarges that of a small one.\n");

    tape_free(tape);
    return 0;
}
