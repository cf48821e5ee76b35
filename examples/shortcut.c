// shortcut.c: the gradient of a deep network without shortcuts, x = layer(x), and with them, x = x + layer(x).
//
// You learn that the gradient vanishes on its way back through 20 layers, unless each layer is added to its own input.
// Breakpoint: add_backward, where a gradient takes two paths: the shortcut and the branch (the layer).

#include "nn/nn.h"

#include <math.h>

// Layers of 3 -> 3 values, the last 3 -> 1; mean_dW[i] becomes the mean |dL/dW| of layer i.
static void measure(int depth, bool shortcuts, double mean_dW[])
{
    Tape *tape = tape_create();
    Linear layers[20];
    Random random;
    random_seed(&random, 123); // the same weights with and without shortcuts
    Tensor *x = tensor_from((float[]){1, 0, -1}, SHAPE(1, 3));
    for (int i = 0; i < depth; i++) {
        char name[32];
        snprintf(name, sizeof name, "layers.%d", i);
        linear_init(&layers[i], NULL, name, 3, i < depth - 1 ? 3 : 1, true);
        module_initialize(&layers[i].module, (Init){.scheme = INIT_TORCH}, &random);
        Tensor *y = tensor_gelu(linear_forward(&layers[i], x)); // (1, 3), the last (1, 1)
        x = shortcuts && i < depth - 1 ? tensor_add(x, y) : y;  // the last y has 1 value, which cannot be added to 3
    }
    tensor_backward(tensor_mse_loss(x, tensor_zeros(SHAPE(1, 1))));
    for (int i = 0; i < depth; i++) {
        mean_dW[i] = 0;
        for (size_t j = 0, n = tensor_count(layers[i].weight); j < n; j++) {
            mean_dW[i] += fabs((double)layers[i].weight->grad[j]) / (double)n;
        }
        module_free(&layers[i].module);
    }
    tape_free(tape);
}

int main(void)
{
    for (int depth = 20; depth >= 5; depth -= 15) { // 20 layers, then the book's 5
        double without[20], with[20];
        measure(depth, false, without);
        measure(depth, true, with);
        printf("%2d layers, mean |dL/dW|    without shortcuts    with shortcuts\n", depth);
        for (int i = 0; i < depth; i++) {
            printf("layer %-2d %36.4g %17.4g\n", i, without[i], with[i]);
        }
        printf("-> first / last %29.2g %17.2g\n\n", without[0] / without[depth - 1], with[0] / with[depth - 1]);
    }
}
