// residual.c: a residual rule typed in one line: applied, differentiated and drawn.
//
// You learn that a rule is just ordinary operations on the tape, how many shortcuts around the sublayer f it has, and how much gradient
// comes back by each path. Give it a rule of your own, and a file for the drawing: build/examples/residual 'norm(h + 2*f(h))' rule.dot
// Breakpoint: residual_forward. Step with next: each round of its loop is one step of the formula.

#include "gpt/gptape.h"

#include <stdio.h>

enum { B = 1, T = 5 };

int main(int argc, char **argv)
{
    const char *formula = argc > 1 ? argv[1] : "t = sigmoid(linear(h, -2)); t*f(h) + (1 - t)*h";
    Error error;
    GPTConfig config = gpt_preset_find("tiny")->config; // 2 heads, C = 32
    const ResidualRule *rule = residual_rule(formula, &error);
    if (rule == NULL) {
        fprintf(stderr, "residual: %s\n", error.message);
        return 1;
    }
    config.residual = formula;
    printf("%s\nis %s\n\n", residual_text(rule), residual_row(rule) == NULL ? "a new rule" : residual_name(rule));

    Random random;
    random_seed(&random, 123);
    Block block;
    block_init(&block, NULL, "block", &config, 0, &random);
    module_initialize(&block.module, (Init){.scheme = INIT_TORCH}, &random);
    Tape *tape = tape_create();
    Tensor *x = tensor_require_grad(tensor_randn(&random, SHAPE(B, T, config.n_embd))); // (1, 5, 32)
    Tensor *y = block_forward(&block, x, x);                                            // (1, 5, 32)
    Tensor *loss = tensor_mean(tensor_mul(y, y));                                       // ()
    for (int i = 0; i < tape->n_nodes; i++) {
        const TapeNode *node = tape->nodes[i];
        printf("%4d  %-10s %-22s %s\n", i, node->op->name, node->scope != NULL ? node->scope : "", node->branch ? "f" : "");
    }
    GradFlowWatch *watch = gradflow_watch(tape);
    tensor_backward(loss);
    GradFlow flow = gradflow_read(watch, &block.module);
    printf("\n%d shortcuts around f, in two sublayers. L2 of the gradient where each sublayer begins:\n", flow.n_shortcuts);
    for (int i = 0; i < flow.n_rows; i++) {
        const FlowRow *row = &flow.rows[i];
        if (row->kind == FLOW_SKIP_GRAD || row->kind == FLOW_BLOCK_GRAD) {
            printf("  %-18s %-10s %.4g\n", row->name, row->kind == FLOW_SKIP_GRAD ? "shortcut" : "branch", row->stats.l2);
        }
    }
    printf("-> A rule needs no backward of its own: all of this is read from the tape.\n");
    FILE *drawing = argc > 2 ? fopen(argv[2], "w") : NULL; // dot -Tsvg rule.dot > rule.svg
    if (drawing != NULL) {
        tape_write_dot(tape, NULL, drawing);
        fclose(drawing);
    }
    gradflow_free(&flow);
    tape_free(tape);
    module_free(&block.module);
    return 0;
}
