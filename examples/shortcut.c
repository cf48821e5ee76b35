// shortcut.c: the book's deep network, without shortcuts and with them.
//
// You learn how much of a gradient is left after five layers, that the raw numbers of two networks are no fair comparison,
// and where the shortcut's gradient comes from: split at each addition, most of it never saw the layer beside it.
// Breakpoint: add_backward. It stops only in the second network; print node->scope says at whose shortcut.

#include "gpt/gptape.h"

#include <stdio.h>

enum { LAYERS = 5, WITHOUT = 0, WITH = 1 };

int main(void)
{
    int sizes[LAYERS + 1] = {3, 3, 3, 3, 3, 1};
    const float input[3] = {1, 0, -1};
    const float zero[1] = {0};
    double weight[2][LAYERS] = {{0}};                       // mean |dL/dW| of each layer
    double arrived[LAYERS] = {0};                           // of the gradient: what reached the layer's output,
    double skip[LAYERS] = {0};                              // what came from there to its input through the shortcut,
    double block[LAYERS] = {0};                             // and what came through the layer
    double loss[2] = {0};
    Tape *tape = tape_create();

    for (int arm = WITHOUT; arm <= WITH; arm++) {
        DeepConfig config = {
            .sizes = sizes,
            .n_layer = LAYERS,
            .activation = ACTIVATION_GELU,
            .init = INIT_TORCH,
            .shortcut = arm == WITH,
        };
        Error error;
        DeepNet *net = deep_create(&config, 123, &error);   // one seed: both have the same weights
        if (net == NULL) {
            fprintf(stderr, "shortcut: %s\n", error.message);
            tape_free(tape);
            return 1;
        }
        Tensor *x = tensor_from(input, SHAPE(1, 3));        // (1, 3)
        Tensor *target = tensor_from(zero, SHAPE(1, 1));    // (1, 1)
        tensor_require_grad(x);                             // the first shortcut starts here; its split is wanted, too
        Tensor *y = deep_forward(net, x);                   // (1, 1)
        Tensor *mse = tensor_mse_loss(y, target);           // ()

        GradFlowWatch *watch = gradflow_watch(tape);
        tensor_backward(mse);
        GradFlow flow = gradflow_read(watch, &net->module);
        for (int i = 0; i < flow.n_rows; i++) {
            const FlowRow *row = &flow.rows[i];
            if (row->kind == FLOW_WEIGHT_GRAD) {
                weight[arm][row->layer] = row->stats.mean_abs;
            }
            if (row->kind == FLOW_ACTIVATION_GRAD) {
                arrived[row->layer] = row->stats.l2;
            }
            if (row->kind == FLOW_SKIP_GRAD) {
                skip[row->layer] = row->stats.l2;
            }
            if (row->kind == FLOW_BLOCK_GRAD) {
                block[row->layer] = row->stats.l2;
            }
        }
        loss[arm] = (double)tensor_item(mse);
        printf("%s shortcuts: %d on the tape, loss %.6g\n", arm == WITH ? "With" : "Without", flow.n_shortcuts, loss[arm]);
        gradflow_free(&flow);
        tape_reset(tape);
        deep_free(net);
    }
    tape_free(tape);

    double last_without = weight[WITHOUT][LAYERS - 1];
    double last_with = weight[WITH][LAYERS - 1];
    printf("\n%30s %24s\n", "without shortcuts", "with shortcuts");
    printf("%-7s %12s %9s %14s %9s\n", "layer", "mean |dL/dW|", "/ last", "mean |dL/dW|", "/ last");
    for (int i = 0; i < LAYERS; i++) {
        double relative_without = weight[WITHOUT][i] / last_without;
        double relative_with = weight[WITH][i] / last_with;
        printf("%-7d %#12.6g %9.4f %#14.6g %9.4f\n", i, weight[WITHOUT][i], relative_without, weight[WITH][i],
               relative_with);
    }

    double first_grew = weight[WITH][0] / weight[WITHOUT][0];
    double last_grew = last_with / last_without;
    double loss_grew = loss[WITH] / loss[WITHOUT];
    printf("\n-> With shortcuts the first layer's gradient is %.0f times as large. That is not all the\n", first_grew);
    printf("   shortcuts' doing: the loss is %.0f times as large, and the last layer, which has no\n", loss_grew);
    printf("   shortcut, has %.0f times the gradient. Compare within each network:\n", last_grew);
    printf("   first / last goes from %.4f to %.4f, %.1f-fold.\n\n", weight[WITHOUT][0] / last_without,
           weight[WITH][0] / last_with, first_grew / last_grew);

    printf("With shortcuts, the gradient (L2 norm) that arrived at each layer's output, and what of it came\n");
    printf("to the layer's input: past the layer, by the shortcut, and through it:\n\n");
    printf("%-7s %12s %12s %12s\n", "layer", "arrived", "past it", "through it");
    for (int i = 0; i < LAYERS - 1; i++) {
        printf("%-7d %#12.6g %#12.6g %#12.6g\n", i, arrived[i], skip[i], block[i]);
    }
    printf("\n-> An addition hands its gradient on unchanged, whatever the layer beside it does: all that\n");
    printf("   arrived has come past it. Through the layer comes less, and without shortcuts that is all\n");
    printf("   there is: each layer shrinks again what the one after it has left.\n");
    return 0;
}
